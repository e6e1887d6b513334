/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An agent has the sockets of one end of a probe and does with them what it is asked in one line of text, so that the
 * conductor, which is at the client's end, asks both ends in the same way: its own agent by a call, the server's through a
 * link (probe/link.h).
 *
 *   request                        answer
 *   LISTEN                         OK HANDLE PORT          a port for data connections
 *   ARM                            OK                      the next control connection of this peer is expected
 *   DIAL MS                        OK HANDLE LOCAL REMOTE  a control connection; only the client's agent can
 *   ACCEPT HANDLE MS               OK HANDLE LOCAL REMOTE  at a listener; handle - is the control port
 *   CONNECT HANDLE PORT FROM MS    OK HANDLE LOCAL REMOTE  to PORT of the peer of the control connection HANDLE;
 *                                                          FROM is "own" or "foreign"
 *   SEND HANDLE HOW HEX            OK | GONE               HOW: letters a (wait until acknowledged), m (more follows
 *                                                          at once), u (last byte urgent), or -
 *   READ HANDLE HAVE MS            OK STATE TOTAL HEX      as soon as more than HAVE bytes have come, or the
 *                                                          connection ended; STATE is "open", "end" or "reset"
 *   CLOSE HANDLE HOW               OK                      HOW: "end" (FIN), "reset", or "forget", after which the
 *                                                          handle is free
 *
 * Every request is answered, once; TIMEOUT, REFUSED and ERROR are other answers. No request names an address: an agent
 * connects to the peer of a control connection that it has, to unprivileged ports, and nowhere else.
 */
#ifndef PROBE_AGENT_H
#define PROBE_AGENT_H

#include <poll.h>

#include "ftpalg/base.h"

#define AGENT_SOCKETS_MAX 512
#define AGENT_CALLS_MAX 64
/* Bytes of a connection in one SEND or one answer to READ: the line stays short enough for any helper. */
#define AGENT_CHUNK_MAX 200
/* Longest request and answer, with their NUL. */
#define AGENT_TEXT_MAX 512
/* What an agent keeps of one connection. */
#define AGENT_RECEIVED_MAX 131072
#define AGENT_WAIT_MAX 10000

/* Gets the answer, which is valid only during the call; the caller chooses tag. */
typedef void agent_answer(void *context, uint32_t tag, const char *text);

struct agent_asker {
	agent_answer *answer;
	void *context;
	uint32_t tag;
};

struct agent_socket {
	enum {
		AGENT_FREE,
		AGENT_LISTENING,
		AGENT_CONNECTING,
		AGENT_CONNECTED,
		AGENT_CLOSED, /* its peer is still known */
	} state;
	int descriptor;
	struct address peer;
	uint8_t *received;
	size_t length;
	size_t size;
	bool control; /* a control connection, to whose peer CONNECT may go */
	bool end;
	bool reset;
};

enum agent_verb {
	AGENT_ACCEPT,
	AGENT_CONNECT,
	AGENT_SEND,
	AGENT_READ,
};

/* A request that has no answer yet. */
struct agent_call {
	bool used;
	enum agent_verb verb;
	int handle;
	bool control; /* ACCEPT - */
	bool acknowledge;
	int flags;
	uint8_t bytes[AGENT_CHUNK_MAX];
	size_t length;
	size_t done;
	size_t have;
	uint64_t deadline;
	struct agent_asker asker;
};

/* Settings first; the rest begins zeroed. */
struct agent {
	struct endpoint target;  /* of DIAL; FAMILY_NONE: it may not */
	struct address local;    /* what LISTEN binds to, FAMILY_NONE until it is known */
	struct address foreign;  /* a second address of this host, or FAMILY_NONE */
	struct address peer;     /* whose control connections are expected */
	uint64_t armed_until;
	int waiting;             /* a control connection that came while armed, or -1 */
	struct agent_socket sockets[AGENT_SOCKETS_MAX];
	struct agent_call calls[AGENT_CALLS_MAX];
};

/* Fills in what a zeroed agent needs. */
void agent_init(struct agent *agent);
/* Closes all sockets and forgets all calls. */
void agent_close(struct agent *agent);

void agent_request(struct agent *agent, const char *text, const struct agent_asker *asker, uint64_t now);
/* Takes descriptor, a control connection from peer, if the agent is armed for it. */
bool agent_take_control(struct agent *agent, int descriptor, const struct address *peer, uint64_t now);

/* Receives, and answers what can be answered. */
void agent_pump(struct agent *agent, uint64_t now);
/* Adds what wakes the agent up to fds, up to size; returns how many. */
size_t agent_fill_poll(const struct agent *agent, struct pollfd *fds, size_t size);
bool agent_is_busy(const struct agent *agent);

#endif
