/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages to the operator, on standard error: "ftpalg: " and one line each. Control characters in a message are made
 * visible, so that nothing that a peer sent can forge a line or speak to a terminal. What peers do is told by events
 * (event_json.h); this is for what happens to the gateway itself.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_DEBUG,
};

/* What is less urgent than level is not written. LOG_LEVEL_NOTICE until set. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 2, 3)))
void log_message(enum log_level level, const char *format, ...);

/*
 * For messages that traffic can cause: a few each minute, and then a count. Zero-initialised, one for each kind of
 * message.
 */
#define LOG_LIMIT_COUNT 5
#define LOG_LIMIT_SECONDS 60

struct log_limit {
	uint64_t start; /* of the current interval, in microseconds */
	uint32_t count;
};

/* now: microseconds of a clock that never goes back. May this message be written? */
bool log_limit_allows(struct log_limit *limit, uint64_t now);

#endif
