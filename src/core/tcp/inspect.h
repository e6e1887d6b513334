/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the bytes of one stream to the lines of a session, and from its outcomes back to bytes. */
#ifndef CORE_TCP_INSPECT_H
#define CORE_TCP_INSPECT_H

#include "core/tcp/flow.h"
#include "core/tcp/shelf.h"

/* What inspection needs beside the flow: the same for every packet of a gateway. */
struct inspector {
	struct buffer_pool *pool;
	struct shelf *shelf;
	const struct policy *policy; /* by which lines are judged */
	uint64_t edition;            /* of the policy: another one has another */
	const struct ops *ops;
	const struct quota *quota;
	uint32_t line_limit;
	uint32_t unacknowledged_limit;
	struct outcome outcome;
	uint8_t line[LINE_MAX_LENGTH + 2]; /* a line that came in pieces, put together */
};

enum inspect_result {
	INSPECT_DONE,  /* all bytes were taken: decided, or held as the beginning of a line */
	INSPECT_STOP,  /* bytes from in_next on were not taken; the sender will repeat them */
	INSPECT_CLOSE, /* the session is beyond help */
};

/* May the flow keep length bytes more? REASON_NONE, REASON_MEMORY_FULL or REASON_QUOTA_BYTES. */
enum reason inspect_check_share(const struct inspector *inspector, const struct flow *flow, size_t length);

/* Afterwards the rule of the flow's session is one of the policy in force. Whoever looks at it calls this before. */
void inspect_follow_policy(const struct inspector *inspector, struct flow *flow);

/*
 * Takes the bytes that follow in_next of the flow's stream in this direction. *reason says why for STOP and CLOSE; for
 * CLOSE the session has been closed.
 */
enum inspect_result inspect_bytes(struct inspector *inspector, struct flow *flow, enum direction direction,
				  struct bytes fresh, uint64_t now, enum reason *reason);

/* The stream ends here: an unfinished line is judged as if it were complete. */
enum inspect_result inspect_end(struct inspector *inspector, struct flow *flow, enum direction direction, uint64_t now,
				enum reason *reason);

#endif
