/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages to the operator, on standard error: "ftpalg: " and one line each. Control characters in a message are made
 * visible, so that nothing that a peer sent can forge a line or speak to a terminal. What peers do is in the events
 * (notice_json.h); this is for what happens to the gateway itself.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

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
 * In a service, from log_start() on, a line to the journal begins with its priority, as sd-daemon(3) has it, and no message
 * waits for the reader of standard error: what is not read is kept up to a bound, and then lost and counted. Returns 0, or
 * -1 with errno, and messages are written as before.
 */
int log_start(void);
struct event_base;
/* base's loop writes what waits. Returns 0 or -1. To be undone before base is freed. */
int log_watch(struct event_base *base);
void log_unwatch(void);
/* Writes what waits, if it can be written now. For processes without a loop. */
void log_flush(void);
/* In a process that has just been forked: what waits belongs to the other one. */
void log_forget(void);
/* Writes what it can within a second, and messages from here on as before. */
void log_finish(void);

/* Is standard error the journal's? Known after log_start(). */
bool log_is_journal(void);

/* Writes the lines of text, which says where they come from. */
void log_lines(const char *text);

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
