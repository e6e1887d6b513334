/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scenarios: what two ends of an FTP session say to each other through a helper, and what a good helper makes of it. The
 * language is described in doc/ftpalg-scenario.5. The parser is a pure function from bytes.
 */
#ifndef PROBE_SCENARIO_H
#define PROBE_SCENARIO_H

#include "ftpalg/base.h"

#define SCENARIO_STEPS_MAX 512
#define SCENARIO_SIZE_MAX 65536
#define SCENARIO_WHY_MAX 8
#define SCENARIO_PAUSE_MAX 2000
#define SCENARIO_NOOP_MAX 100

enum scenario_side {
	SIDE_CLIENT,
	SIDE_SERVER,
	SIDE_COUNT,
};

static inline enum scenario_side scenario_other_side(enum scenario_side side)
{
	return side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

/* greeting, login and noop are short for several of these. */
enum scenario_action {
	SCENARIO_SEND,     /* side sends text */
	SCENARIO_SAY,      /* the same, and the other side sees just that */
	SCENARIO_SEE,      /* side sees text */
	SCENARIO_UNCHANGED, /* the other side sees what side sent last */
	SCENARIO_REFUSED,  /* what side sent last does not reach the other side as an offer */
	SCENARIO_CLOSED,   /* the helper ended the connection */
	SCENARIO_ARRIVES,  /* a data connection that side opens arrives at the other side */
	SCENARIO_BLOCKED,  /* it does not */
	SCENARIO_CLOSE,    /* side closes the control connection */
	SCENARIO_RESET,    /* the same, with a reset */
	SCENARIO_PAUSE,    /* number milliseconds */
};

/* How a text is sent or seen. */
#define SCENARIO_RAW (1U << 0)      /* without CR LF after it */
#define SCENARIO_BYTEWISE (1U << 1) /* every byte a segment */
#define SCENARIO_URGENT (1U << 2)   /* the last byte is urgent */
#define SCENARIO_ROUTINE (1U << 7)  /* of a short word: a helper that can't do even that is broken */
#define SCENARIO_AT_ONCE (1U << 3)  /* the pieces don't wait for each other's acknowledgement */
/* Data connections. */
#define SCENARIO_FOREIGN (1U << 4)    /* from the side's second address */
#define SCENARIO_IF_OFFERED (1U << 5) /* only where an offer has been seen */
#define SCENARIO_AT_PORT (1U << 6)    /* number is a listener; else an offer, 0 for the last one */

struct scenario_step {
	enum scenario_action action;
	enum scenario_side side;
	uint32_t flags;
	bool alternative; /* to the step before: one of them is enough */
	uint16_t number;
	uint32_t line;    /* of the source, from 1 */
	struct bytes source; /* the whole line, for messages */
	struct bytes text;   /* scenario_text.h */
};

/* What must be there, or the scenario is skipped. */
#define SCENARIO_NEEDS_FOREIGN (1U << 0)
#define SCENARIO_NEEDS_SERVER_FOREIGN (1U << 1)

/* Everything points into the source, or to constants. */
struct scenario {
	struct bytes title;
	struct bytes why[SCENARIO_WHY_MAX];
	size_t why_count;
	struct bytes concerns; /* "client", "server" or "both" */
	struct bytes tags;     /* words */
	enum family family;    /* FAMILY_NONE: both */
	uint32_t needs;
	struct scenario_step steps[SCENARIO_STEPS_MAX];
	size_t step_count;
};

struct scenario_error {
	uint32_t line; /* from 1 */
	uint32_t column;
	const char *message; /* what was expected */
};

/* False with error filled where source is not a scenario. source must outlive the scenario. */
bool scenario_parse(struct bytes source, struct scenario *scenario, struct scenario_error *error);

#endif
