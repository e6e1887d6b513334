/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way of an event out of a service: as JSON where that is wanted, bounded by notice_limit.h; of a transfer, as a line of
 * xferlog(5); and, of refusals and faults, as a sentence for the log, a few of each reason a minute, and of transfers where
 * that is wanted. The journal of systemd gets sentences with their fields. Never waited for.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/log.h"
#include "base/notice_json.h"
#include "base/notice_limit.h"
#include "config/config.h"
#include "journal/native.h"
#include "journal/sink.h"

/* The files that it writes. */
enum journal_file {
	JOURNAL_EVENTS,
	JOURNAL_XFERLOG,
	JOURNAL_FILES,
};

/* Of the configuration: which key names it, and whether anything is to be written. */
const char *journal_file_key(enum journal_file which);
const char *journal_file_path(const struct config *config, enum journal_file which);

/*
 * What would be lost with the process that has the journal, for the next one to count: memory that outlives it, all zeros at
 * first. If a process dies between two steps, one thing counts as lost that is not.
 */
struct journal_estate {
	struct outlet_estate files[JOURNAL_FILES];
	_Atomic uint64_t summed; /* events for which a sum stands that is not reported yet */
};

struct journal {
	const struct config *config;
	struct sink sinks[JOURNAL_FILES]; /* closed: none are wanted */
	struct notice_memory *memory; /* or NULL, and it takes longer */
	struct native native;
	struct journal_estate *estate; /* or NULL */
};

/* Events of one process. Its limits are no other process's. */
struct journal_voice {
	struct journal *journal;
	struct notice_limit *limit; /* NULL: no events are wanted */
	struct log_limit told_limits[REASON_COUNT];
};

#define JOURNAL_FILE_NONE (-1)   /* none is asked for, or standard output */
#define JOURNAL_FILE_FAILED (-2) /* with errno */

/* Opens a file that config asks for. Returns its descriptor, or one of these. */
int journal_open_file(const struct config *config, enum journal_file which);

/*
 * Writes to those files, which are taken over, or to standard output where config has that; to none where a file is
 * negative. Returns 0, or -1 with errno; it is to be closed then as well.
 */
int journal_open(struct journal *journal, const struct config *config, const int files[JOURNAL_FILES]);
/*
 * From now on estate says what would be lost. What was lost with the process before this one is noted in the files. Returns
 * how many more events had yet to be summed.
 */
uint64_t journal_inherit(struct journal *journal, struct journal_estate *estate);
/* What comes from here on goes to this file, which is taken over. */
void journal_reopen(struct journal *journal, enum journal_file which, int file);

/* base's loop writes from now on. Returns 0 or -1. To be closed before base is freed. */
int journal_watch(struct journal *journal, struct event_base *base);

/* Returns 0, or -1: no memory. */
int journal_add_voice(struct journal *journal, struct journal_voice *voice);
/* Reports its sums, and nothing more. */
void journal_end_voice(struct journal_voice *voice);
/* Reports sums that are due; once a second. */
void journal_tick_voice(struct journal_voice *voice);

/* Takes an event, of this time: wall clock, microseconds. Never waits. */
void journal_notice(struct journal_voice *voice, const struct notice *notice, uint64_t time);

/* The loop has ended: what comes now may wait for its reader, though not for long. */
void journal_end(struct journal *journal);
void journal_close(struct journal *journal);

#endif
