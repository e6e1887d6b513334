/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of control connections: a fixed number of rows, found by a keyed hash of the two endpoints, kept in the order
 * in which they were last seen. Links are indices plus one, so zeroed memory is valid.
 *
 *   FREE --SYN, ACK--> EMBRYO --ACK--> LIVE ---ended---> DONE ---linger---> FREE
 *    |                   |             ^ |                                   ^
 *    |                   +--seconds----|-|-----------------------------------+
 *    +----adopted----------------------+ +-----closed by policy---> KILLED --+
 *
 * An EMBRYO is a handshake that its client has not answered. Anybody can begin one in anybody's name, so it has no session,
 * counts for no source, lives for seconds, and there are few: a new one takes the place of the oldest. A client whose row
 * is gone when it answers is adopted when one of the peers speaks.
 *
 * DONE and KILLED rows stay for a while so that late packets of a dead connection are recognised. Those with payload are
 * dropped and answered with a reset: nobody reads them any more, or the end was a feint. Those without pass if the row is
 * DONE, and are answered too if it is KILLED. These rows are the first to go when the table is full, embryos are next.
 *
 * Memory that was touched once is never given back. So where many rows are DONE, the oldest of them goes before a row is
 * taken that was never used (gateway_begin.c), and the table grows with the sessions that live at a time, and not with all
 * that have ever been.
 */
#ifndef CORE_TCP_FLOW_H
#define CORE_TCP_FLOW_H

#include "core/tcp/stream.h"
#include "ftpalg/packet.h"
#include "ftpalg/session.h"
#include "ftpalg/tlsrecord.h"

enum flow_state {
	FLOW_FREE,
	FLOW_EMBRYO,
	FLOW_LIVE,
	FLOW_DONE,
	FLOW_KILLED,
	FLOW_STATE_COUNT,
};

/* What the last packet of one direction said, for packets that are made in its name. */
struct flow_echo {
	uint32_t ack;
	uint16_t window;
	struct packet_timestamps timestamps;
};

/* What is known of a connection that is older than the gateway until both its streams have begun (gateway_adopt.c). */
struct flow_adoption {
	uint64_t since;           /* when it was first seen */
	struct flow_adopted {
		bool told;        /* its receiver has acknowledged something: highest is known */
		bool waiting;     /* its sender has something to say: lowest is known, and kept what it said there */
		bool asked;       /* its receiver was probed, at last_asked */
		bool placed;      /* its sender has been heard: place is known */
		uint32_t place;   /* in the sender's numbers */
		uint32_t highest; /* in the receiver's numbers */
		uint32_t lowest;  /* in the sender's numbers */
		uint64_t last_asked;
		struct buffer kept;
	} direction[2];
};

/* What the peers say that can't be so if the whole connection came by here (gateway_stale.c). */
struct flow_elsewhere {
	uint64_t since;        /* one of them says so, or, once they were asked, since that; 0: neither does */
	uint64_t asked;        /* when both were asked last */
	struct flow_claim {
		bool acked;    /* its receiver has more than was let out: up to ack */
		bool sent;     /* its sender is past what was taken: at seq */
		uint32_t ack;  /* in the receiver's numbers */
		uint32_t seq;  /* in the sender's numbers */
	} stream[2];
};

/* Its neighbours in an order of rows. */
struct flow_links {
	uint32_t older;
	uint32_t newer;
};

enum flow_order_kind {
	FLOW_BY_STATE, /* in which the rows of one state were seen, but for the table's laxity */
	FLOW_BY_DOUBT, /* in which LIVE rows began to be doubted */
	FLOW_ORDER_COUNT,
};

/* A million of them should fit into a gigabyte: what is needed at times only is in a backlog (shelf.h). */
struct flow {
	struct tuple tuple; /* original direction, as seen at FORWARD: client to server */
	enum flow_state state;
	uint32_t next;      /* in its bucket, or in the free list */
	struct flow_links links[FLOW_ORDER_COUNT];
	uint64_t seen;      /* when the last packet came */
	uint64_t placed;    /* when it got its place in the order of its state */
	uint32_t bytes;     /* of the pool, as counted for its source */
	bool resizable;     /* as conntrack said, until the session is opened */
	bool carrier;       /* as conntrack said, too */
	uint64_t stalled[2];    /* since when the receiver has not acknowledged all before stalled_at; 0: it has */
	uint32_t stalled_at[2];
	uint64_t doubted;   /* since when one peer may have been reset; 0: nothing says so */
	uint64_t told[2];       /* when the sender of this direction was last told that the connection has ended */
	uint64_t spared[2];     /* when held bytes of this direction were last acknowledged in the receiver's name, */
	uint32_t spared_at[2];  /* and up to where */
	uint64_t held[2];       /* since when bytes of this direction are held; 0: none are */
	uint64_t unfinished[2]; /* since when a line of this direction is unfinished; 0: none is */
	struct flow_echo echo[2];
	uint32_t leaves[2]; /* by which device packets of this direction were last routed; 0: not known yet */
	uint32_t came[2];   /* and by which they came */
	uint64_t lost_way;  /* when whom a packet was for that came by another was last asked for one of its own */
	struct flow_adoption adoption;
	struct flow_elsewhere elsewhere;
	struct stream stream[2];
	struct tlsrecord tls[2]; /* after a 234 */
	uint64_t edition;        /* of the policy that the session's rule is in; only inspection looks at the rule */
	struct session session;
};

struct flow_order {
	uint32_t oldest;
	uint32_t newest;
};

struct flow_table {
	struct flow *flows;
	uint32_t *buckets;
	uint32_t count;       /* rows */
	uint32_t bucket_mask;
	uint32_t free_first;  /* rows that were used and given back */
	uint32_t fresh;       /* rows that were never used begin here: their memory has not been touched */
	uint32_t used;        /* LIVE rows */
	uint32_t embryos;     /* EMBRYO rows */
	uint32_t done;        /* DONE rows */
	/*
	 * A LIVE row keeps its place for so long, whatever comes: to give it another writes to both rows beside it, which
	 * are other sessions' and far away in memory. So it may be forgotten later by as much, and never too early.
	 */
	uint64_t laxity;
	struct flow_order orders[FLOW_STATE_COUNT]; /* in which the rows of a state were seen; of FREE ones there is none */
	struct flow_order doubtful;
	uint8_t key[16];
};

/*
 * Where two rows share a bucket the second is found by way of the first, which somebody else's packet then fetches from
 * memory. With four a row one packet in eight does, with one a row four in ten. A bucket takes four bytes.
 */
#define FLOW_BUCKETS_PER_ROW 4
#define FLOW_BUCKETS_LEAST 64
uint32_t flow_table_bucket_count(uint32_t count);
void flow_table_init(struct flow_table *table, struct flow *flows, uint32_t count, uint32_t *buckets,
		     const uint8_t key[16]);

/* The flow that a packet with this tuple belongs to, and its direction; NULL if there is none. */
struct flow *flow_find(const struct flow_table *table, const struct tuple *tuple, enum direction *direction);

/* Is there a row that was used and given back? It is the next that is taken. */
bool flow_has_used_row(const struct flow_table *table);

/*
 * Where a tuple will be looked for, which begins to be fetched into the processor's cache; and the same for the rows that
 * are found in count such places, with their sources. Nothing but time depends on it, so a place may be an old one. The
 * rows beside them in their order are not fetched: they are written to once in the table's laxity, and are far away.
 */
uint32_t flow_foresee(const struct flow_table *table, const struct tuple *tuple);
void flow_fetch(const struct flow_table *table, const uint32_t *places, uint32_t count);

/* A row, EMBRYO or LIVE, for tuple (original direction), or NULL if none is free. The caller makes room first. */
struct flow *flow_take(struct flow_table *table, const struct tuple *tuple, enum flow_state state, uint64_t now);

/* Marks the flow as seen now. */
void flow_touch(struct flow_table *table, struct flow *flow, uint64_t now);

/* One peer of a LIVE flow may have been reset, since now at the latest. */
void flow_doubt(struct flow_table *table, struct flow *flow, uint64_t now);

/* Both go on. */
void flow_trust(struct flow_table *table, struct flow *flow);

/* From EMBRYO to LIVE, or from LIVE to DONE or KILLED. */
void flow_move(struct flow_table *table, struct flow *flow, enum flow_state state);

/* Bytes that it has of the pool. */
uint32_t flow_count_bytes(const struct flow *flow);

/* Gives the row back. Its streams must have been ended. */
void flow_release(struct flow_table *table, struct flow *flow);

/* The flow of this state that has been silent for longest, NULL if there is none. */
struct flow *flow_oldest(const struct flow_table *table, enum flow_state state);
/* Of those that have ended the first to go: a DONE one where there is one. NULL if none has ended. */
struct flow *flow_oldest_ended(const struct flow_table *table);
/* The flow that has been doubted for longest, NULL if none is. */
struct flow *flow_oldest_doubtful(const struct flow_table *table);

#endif
