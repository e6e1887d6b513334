/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records on their way from one process to another, in memory that both map: one writes, one reads. Writing takes no system
 * call while the reader is awake, and never waits. What there is no room for is lost, counted, and told as soon as there is
 * room. The memory outlives both: the next process that writes, or reads, goes on where the one before it stood.
 */
#ifndef RECORD_RING_H
#define RECORD_RING_H

#include <stdatomic.h>

#include "record/record.h"

struct record_memory;

/* Makes such a memory, with room for size bytes (a power of two). Returns its descriptor, or -1 with errno. */
int record_make_memory(const char *name, size_t size);
/* What a reader that sleeps is woken by: a descriptor that becomes readable, edge by edge. -1, with errno. */
int record_make_wake(void);

/* Kinds of notices that are summed at a time; of more they are lost. */
#define RECORD_SUMS 8

/* One that stands for those that are alike and had no room. */
struct record_sum {
	struct notice notice;
	struct nat_view view;
};

/* That of a program without such a memory is zero, and takes nothing. */
struct record_writer {
	struct record_memory *memory;
	size_t size;
	uint64_t tail;  /* where the next record goes */
	int wake;
	uint64_t sessions;
	bool begun;     /* which the reader knows */
	bool losing;    /* until half of the room is free again: one gap, and not one behind every other record */
	uint64_t lost;  /* notices, since this process began */
	struct record_sum sum[RECORD_SUMS];
	uint32_t sums;
};

/*
 * Begins to write: sessions is the number that the first session of this process will have, none of which another process
 * has. wake stays the caller's. Returns 0, or -1 with errno.
 */
int record_writer_open(struct record_writer *writer, int file, int wake, uint64_t sessions);
void record_writer_close(struct record_writer *writer);

/*
 * Leaves a notice there. What a peer can have for a few bytes leaves a quarter of the room to the others; those of one
 * session and one reason for which there is no room are one that stands for all, later.
 */
void record_put(struct record_writer *writer, const struct notice *notice);

/*
 * Leaves what had no room there, as far as there is room now. For every second or so: nothing else may be told for long, and
 * those that stand for others would wait for it.
 */
void record_settle(struct record_writer *writer);

struct record_reader {
	struct record_memory *memory;
	size_t size;
	uint64_t head; /* where the next record begins */
	uint8_t bytes[RECORD_MAX];
	struct record_notice record;
};

/* Goes on reading. Returns 0, or -1 with errno: this is no such memory. */
int record_reader_open(struct record_reader *reader, int file);
void record_reader_close(struct record_reader *reader);

enum record_kind {
	RECORD_NONE,   /* all has been read */
	RECORD_NOTICE,
	RECORD_BEGIN,  /* what follows is another process's: of the one before there is nothing more */
	RECORD_LOST,   /* there was no room for so many */
	RECORD_SPOILT, /* this makes no sense, and has been passed over */
};

/* What was taken, valid until the next one is. */
struct record_taken {
	const struct notice *notice; /* RECORD_NOTICE */
	uint64_t time;               /* the same: wall clock, microseconds */
	uint64_t count;              /* LOST: how many notices; BEGIN: its first session */
};

/* Takes the next one. Nothing that a writer leaves there makes this wait, or read what is not there. */
enum record_kind record_take(struct record_reader *reader, struct record_taken *taken);

/* From now on the writer wakes. False: there is something already, and it does not. */
bool record_reader_sleep(struct record_reader *reader);
void record_reader_stay_awake(struct record_reader *reader);

#endif
