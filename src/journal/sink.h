/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that is written to while everything else goes on: lines that it does not take are kept, then lost and counted, and
 * the log says so. It may be moved away, and opened again.
 */
#ifndef JOURNAL_SINK_H
#define JOURNAL_SINK_H

#include "base/log.h"
#include "base/outlet.h"

/* One of its kind. */
struct sink_kind {
	const char *key;     /* of the configuration that names the file */
	const char *content; /* what is written, in the plural */
	size_t size;         /* bytes that are kept while it takes none */
};

struct sink {
	const struct sink_kind *kind;
	const char *path;
	struct outlet outlet; /* closed: there is none */
	struct outlet_estate *estate; /* NULL: what is lost with this process is not counted */
	struct event_base *base;
	struct event *tick;
	uint32_t ticks;
	int patience; /* milliseconds that may be waited in all; only once there is nothing else to do */
	struct log_limit lost_limit;
	struct log_limit error_limit;
};

/* Not open. */
void sink_init(struct sink *sink, const struct sink_kind *kind, const char *path);

/*
 * Writes to file, which is taken over, or to standard output where path is "-"; to none where file is negative. note writes
 * into the file that something was lost, or writes nothing. Returns 0, or -1 with errno; then nothing needs closing.
 */
int sink_open(struct sink *sink, int file, outlet_note *note, void *context);
/* What comes from here on goes to this file, which is taken over. Returns 0, or -1: no memory. */
int sink_reopen(struct sink *sink, int file, outlet_note *note, void *context);
/* Counts and reports what the process before this one had not written. A sink that is not open leaves its estate alone. */
void sink_inherit(struct sink *sink, struct outlet_estate *estate);
bool sink_is_open(const struct sink *sink);

/* base's loop writes from now on. Returns 0 or -1. To be closed before base is freed. */
int sink_watch(struct sink *sink, struct event_base *base);

/* As outlet_put(). Never waits, except after sink_end(). */
void sink_put(struct sink *sink, const char *line, size_t length, enum outlet_weight weight, uint64_t count);

/* The loop has ended: what comes now may wait for its reader, though not for long. */
void sink_end(struct sink *sink);
void sink_close(struct sink *sink);

#endif
