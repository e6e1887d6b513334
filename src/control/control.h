/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that reports what happens: it takes what the others have left in their rings, and writes events and the log's
 * sentences. It reads from no peer, and no process waits for it.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <sys/types.h>

#include "config/config.h"
#include "control/server.h"
#include "control/standing.h"
#include "journal/journal.h"
#include "process/heartbeat.h"
#include "process/rulestate.h"

struct control_estate {
	struct journal_estate journal;
	_Atomic uint64_t in_hand; /* records that were taken from a ring and are not reported yet: one, or none */
	_Atomic uint64_t lost;    /* events, before they came to a file, since the first process of all */
};

struct control_start {
	const struct config *config;
	const char *config_path;
	int channel; /* to the supervisor (control/channel.h) */
	int files[JOURNAL_FILES]; /* that are written, open; negative: there is none */
	bool gateway; /* there is a worker; else a proxy alone */
	struct server_sockets sockets; /* that clients come by; they stay the supervisor's */
	int metrics;                   /* the same for HTTP; -1: there is none */
	struct standing_page *standing;
	const struct rulestate_page *rules; /* NULL: nobody looks after them */
	/* of data connections (netfilter/news.h), opened by the supervisor, which may; NULL: there are none */
	struct news *news;
	struct copies *copies; /* of their segments (netfilter/copies.h), opened in the same way */
	void *account;         /* where news is: memory that outlives this process, of control_account_size() */
	struct control_estate *estate; /* what would be lost with this process: memory that outlives it, zeros at first */
	struct heartbeat *page;
	pid_t supervisor;
};

/*
 * Runs until the supervisor ends the channel; then reads all rings to their end, writes everything, and ends. No signal that
 * is meant for the whole service ends it, and it does not outlive the supervisor. Returns 0, or -1 after a failure that it
 * has reported.
 */
int control_run(const struct control_start *start);

/* The size of the memory that is kept for control. */
size_t control_account_size(const struct config *config);

#endif
