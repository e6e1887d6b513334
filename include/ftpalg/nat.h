/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A control connection as conntrack knows it, and the three things that the core asks of the kernel: a look at the
 * connection, an expectation, a sequence adjustment. In the queue these are acknowledged ctnetlink messages, in replay
 * and in tests they are tables.
 */
#ifndef FTPALG_NAT_H
#define FTPALG_NAT_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"

/*
 *   client ---------------- router ---------------- server
 *   client      -> server_seen |  client_seen -> server
 *   original tuple             |  reply tuple, reversed
 *
 * Without NAT, client equals client_seen and server equals server_seen. SNAT (masquerading) changes client_seen, DNAT
 * makes server differ from server_seen. At the FORWARD hook packets of both directions carry client and server.
 */
struct nat_view {
	struct endpoint client;      /* as the client knows itself: original tuple, source */
	struct endpoint server_seen; /* the server as the client knows it: original tuple, destination */
	struct endpoint server;      /* as the server knows itself: reply tuple, source */
	struct endpoint client_seen; /* the client as the server knows it: reply tuple, destination */
};

/* True where NAT changed an address or a port of the connection. */
bool nat_view_is_translated(const struct nat_view *view);

/* All four ends: two connections that live are never equal. */
bool nat_view_equal(const struct nat_view *a, const struct nat_view *b);

/* The tuple of packets of this direction as they reach their receiver, after all NAT. */
struct tuple nat_view_tuple(const struct nat_view *view, enum direction direction);

/*
 * The kernel's correction for one direction of a connection (struct nf_ct_seqadj): packets at or before position are
 * shifted by before, later ones by after. position is in the sender's numbers.
 */
struct seqadj {
	uint32_t position;
	int32_t before;
	int32_t after;
};

/* Length-changing edits of one direction that may be unacknowledged at once. */
#define SEQADJ_EDITS_MAX 4

/* What the kernel does to a number of a packet, and to an acknowledgement for this direction (nf_ct_seqadj). */
uint32_t seqadj_apply(const struct seqadj *seqadj, uint32_t in);
uint32_t seqadj_revert(const struct seqadj *seqadj, uint32_t out);

/* Sequence numbers, RFC 9293 3.4: is a before b, modulo 2^32? */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* What conntrack says of a control connection. */
struct connection {
	struct nat_view view;
	enum direction direction;   /* of the tuple that was asked for */
	bool opening;               /* its handshake is not complete: a SYN and ACK may begin it */
	bool ended;                 /* by a reset, or by both of its ends: nothing that is said now belongs to it */
	bool lingers;               /* it was by its ends, as conntrack saw them, which is before anybody drops them */
	bool shared;                /* another connection that lives has the same two ends at the FORWARD hook */
	bool carrier;               /* a helper is attached: it can hold expectations */
	/* NAT changed it, so it may have the seqadj extension; what seqadj() below reads back is the proof. */
	bool resizable;
	struct seqadj seqadj[2];    /* per enum direction; zero where there never was an edit */
};

/* One data connection that the kernel shall let in as RELATED to its master. */
struct expectation {
	struct address source;       /* who will connect, as the packet arrives at this host; any source port */
	struct endpoint destination; /* to where, as the packet arrives; expect() may change the port */
	bool translated;             /* the kernel shall translate it as its master is translated (nat-follow-master) */
	enum direction nat_direction;/* ORIGINAL for 227/228/229, REPLY for PORT/EPRT/LPRT */
	uint16_t saved_port;         /* the port at the real destination */
	uint32_t timeout;            /* seconds */
};

/* A sequence adjustment that is asked for together with an expectation. */
struct correction {
	enum direction direction;
	struct seqadj seqadj;
	bool asked;         /* the kernel has been asked for it, */
	enum reason answer; /* and this is what seqadj would have answered */
};

struct notice;
struct session_farewell;

/*
 * The only way out of the core. Functions that answer with a reason answer REASON_NONE for success, and only when the
 * kernel has acknowledged. None may keep a pointer that it was given.
 */
struct ops {
	void *context;

	/* Finds the connection that a packet with this tuple, seen at the FORWARD hook, belongs to.
	 * REASON_NO_CONNECTION where there is none. */
	enum reason (*lookup)(void *context, const struct tuple *seen, struct connection *connection);

	/* Creates the expectation; where its destination port is taken, another one, which it writes back (never one that
	 * is below 1024 and only where translated is set: without NAT the peer listens on the port that it named).
	 * REASON_NO_CARRIER, _NO_PORT, _EXPECT_TABLE_FULL, _KERNEL_REFUSED. */
	enum reason (*expect)(void *context, const struct nat_view *master, struct expectation *expectation);

	/* Deletes it. REASON_NONE where it was still waiting; where it was not, REASON_USED or REASON_EXPIRED if that is
	 * known, else REASON_GONE: its data connection was made, or it had expired. */
	enum reason (*unexpect)(void *context, const struct nat_view *master, const struct expectation *expectation);

	/* Sets the correction for one direction, with be-liberal, and reads it back. REASON_NO_RESIZE where the kernel
	 * accepted the write and did not keep it. */
	enum reason (*seqadj)(void *context, const struct nat_view *master, enum direction direction,
			      const struct seqadj *seqadj);

	/* Sends one whole IP packet that connection tracking must not see (resets; acknowledgements of held bytes). */
	void (*inject)(void *context, struct bytes packet);

	/* Reports one thing that happened. lines: those of the dialogue that move files are reported too (NOTICE_LINE). */
	void (*notice)(void *context, const struct notice *notice);
	bool lines;

	/* Looks again at a connection that lookup has found, by its own two tuples, so never at another that looks like
	 * it at FORWARD. REASON_NO_CONNECTION where it no longer exists. */
	enum reason (*recall)(void *context, const struct nat_view *view, struct connection *connection);

	/* What unexpect would answer now; changes nothing. NULL where unexpect never answers REASON_GONE. */
	enum reason (*peek)(void *context, const struct nat_view *master, const struct expectation *expectation);

	/*
	 * Creates the expectation of an offer again, as it was, because its port was announced. As expect; NULL where that
	 * can't be.
	 */
	enum reason (*renew)(void *context, const struct nat_view *master, const struct expectation *expectation);

	/*
	 * expect, and then seqadj, but that only if the expectation has got the port that it was asked for. NULL: nothing is
	 * gained by asking for both at once.
	 */
	enum reason (*expect_and_adjust)(void *context, const struct nat_view *master, struct expectation *expectation,
					 struct correction *correction);

	/* unexpect for a session that has ended, which need not be done at once: the answer goes to session_tell_end().
	 * NULL: unexpect does it. */
	void (*release)(void *context, const struct session_farewell *end);
};

#endif
