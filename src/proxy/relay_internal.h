/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the relay's files share: relay.c is its life, relay_level.c what protects it, relay_move.c what happens to the bytes
 * and to their end, relay_follow.c what its control connection knows.
 */
#ifndef PROXY_RELAY_INTERNAL_H
#define PROXY_RELAY_INTERNAL_H

#include "ftpalg/notice.h"
#include "proxy/relay.h"
#include "proxy/turns.h"
#include "tls/wire.h"

struct event;

enum half_state {
	HALF_FLOWING,
	HALF_CLEAN,   /* the source said that its bytes end: close_notify, or in clear FIN */
	HALF_BARE,    /* FIN without close_notify, and the receiver is to judge */
	HALF_PASSED,  /* all is written, and then the same end */
	HALF_ARRIVED, /* and the receiver's host has acknowledged all of it */
};

struct half {
	enum half_state state;
	bool reset;      /* the source said nothing more but a reset or an alert, when all was over */
	uint8_t *buffer; /* NULL: the pipe is used */
	size_t start;
	size_t length;   /* in the buffer, or in the pipe */
	int pipe[2];
	uint64_t moved;
	uint64_t written; /* by HALF_PASSED: what of the stream of TCP, but for the end, the receiver has to acknowledge */
};

struct relay {
	struct relay_list *list;
	struct relay *previous;
	struct relay *next;
	struct relay_plan plan;
	struct relay_follower *follower; /* NULL: nobody asks */
	struct wire wire[RELAY_ENDS];
	struct event *watch[RELAY_ENDS];
	struct event *timer;
	struct turn turn;
	bool expired; /* the timer has */
	struct half half[RELAY_ENDS]; /* by the wire that is read */
	struct notice_leg leg[RELAY_ENDS];
	bool connected;
	bool hello;  /* the client has said something on its leg */
	bool secured[RELAY_ENDS];
	bool moving;
	enum transfer_party culprit; /* on whose leg it failed */
	uint64_t began;
	uint64_t counted; /* what had moved and arrived, when the timer last looked */
};

/* Instead of a reason: nothing is wrong, and it is not over. No event has this one. */
#define RELAY_AGAIN REASON_COUNT

/* It asks for a turn. */
static inline void relay_wake(struct relay *relay)
{
	turns_ask(relay->plan.turns, relay->plan.line, TURN_SETTLED, &relay->turn);
}

/* False: no memory. */
bool relay_prepare_halves(struct relay *relay);
/* What they were prepared with is given back. */
void relay_release_halves(struct relay *relay);
/* Is the level of protection known? */
bool relay_find_level(struct relay *relay);
/* Moves what can be moved from end to the other one. RELAY_AGAIN: another turn is wanted; REASON_NONE: not now. */
enum reason relay_move(struct relay *relay, enum relay_end end);
/* Passes on an end that nobody has said, so that no reset is seen where nothing is missing. */
void relay_finish(struct relay *relay);
/* What failed did so on this leg. Returns reason. */
enum reason relay_blame(struct relay *relay, enum relay_end end, enum reason reason);
/* NOTICE_RELAY at its end, or NOTICE_ANOMALY. */
void relay_report(const struct relay *relay, enum notice_type type, enum reason reason);

#endif
