/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decisions as sentences, and who is at fault. Pure: facts go in, words come out. */
#ifndef CONTROL_WORDS_H
#define CONTROL_WORDS_H

#include "control/table.h"

/* With a NUL. */
#define WORDS_MAX 768

/* What peers said is escaped. row is the decision's. */
void words_format(const struct decision *decision, const struct session_row *row, char text[WORDS_MAX]);
/* What can be done about it, where that is known; else NULL. */
const char *words_advice(const struct decision *decision);

/* Bytes as text that does nothing to a terminal. size is at least 1; what does not fit is left out. Returns the length. */
size_t words_escape(struct bytes bytes, char *text, size_t size);

enum fault {
	FAULT_NOBODY,
	FAULT_CLIENT,
	FAULT_SERVER,
	FAULT_OFFERER,  /* whichever of the two made the offer */
	FAULT_POLICY,   /* the configuration of this gateway */
	FAULT_HOST,     /* this host: its kernel, its rules, its filter */
	FAULT_LIMIT,    /* a limit of this gateway */
	FAULT_NETWORK,  /* something between this host and a peer */
	FAULT_COUNT,
};

/* Who caused a refusal or a fault, and what mends it. */
struct verdict_cause {
	enum fault fault;
	const char *mend;
};

/* mend is never NULL. */
struct verdict_cause verdict_cause_of(enum reason reason);

enum verdict_last {
	VERDICT_NOTHING,
	VERDICT_REFUSAL,
	VERDICT_TRANSFER,
	VERDICT_UNUSED, /* an offer whose pinhole nobody came to */
};

/* What a verdict is made of. */
struct verdict_facts {
	bool closed;
	enum reason closed_reason;
	bool opaque;
	bool logged_in;
	bool moving;          /* a transfer is under way */
	bool waiting;         /* a pinhole is */
	enum transfer_mode mode;
	struct address client;
	struct address server;
	struct address from;  /* who was to connect */
	struct endpoint to;   /* and to where, as it arrives here */
	uint32_t seconds;     /* that a pinhole waits */
	enum verdict_last last; /* what came last decides */
	enum reason reason;   /* of a refusal */
	bool by_reply;        /* it was the server whose words were refused */
	const char *rule;
	enum transfer_outcome outcome;
	enum transfer_party by;
	uint16_t code;
};

struct verdict {
	enum fault fault;
	char text[WORDS_MAX];
	char advice[WORDS_MAX]; /* "": there is nothing to be done */
};

void verdict_gather(const struct tables *tables, const struct session_row *row, struct verdict_facts *facts);
void verdict_judge(const struct verdict_facts *facts, struct verdict *verdict);

#endif
