/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way of an event out of a service: as JSON where that is wanted, bounded by notice_limit.h, written by outlet.h; and, of
 * refusals and faults, as a sentence for the log, a few of each reason a minute. Never waited for.
 */
#ifndef HOST_JOURNAL_H
#define HOST_JOURNAL_H

#include "base/log.h"
#include "base/notice_limit.h"
#include "base/outlet.h"
#include "config/config.h"

struct journal {
	struct outlet outlet; /* closed: no events are wanted */
	struct notice_limit *limit;
	const char *path;
	struct event *tick;
	uint32_t ticks;
	int patience; /* milliseconds that may be waited in all; only once there are no packets to judge */
	struct log_limit lost_limit;
	struct log_limit error_limit;
	bool tells; /* refusals and faults, to the log */
	struct log_limit told_limits[REASON_COUNT];
};

/* Opens what config asks for. Returns 0, or -1 with errno; then nothing needs closing. */
int journal_open(struct journal *journal, const struct config *config);

/* base's loop writes from now on, and tells sums. Returns 0 or -1. To be closed before base is freed. */
int journal_watch(struct journal *journal, struct event_base *base);

/* Takes an event. Never waits. */
void journal_notice(struct journal *journal, const struct notice *notice);

/* The loop has ended: what comes now may wait for its reader, though not for long. */
void journal_end(struct journal *journal);
void journal_close(struct journal *journal);

#endif
