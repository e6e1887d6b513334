/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines on their way out of a process that must not wait: events and messages. They stand in a queue of fixed size until
 * their reader takes them. What there is no room for is lost and counted, and noted as soon as there is room again.
 */
#ifndef BASE_OUTLET_H
#define BASE_OUTLET_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

/* With its newline. A write to a pipe that is no longer than this is done whole or not at all (pipe(7)). */
#define OUTLET_LINE_MAX PIPE_BUF

enum outlet_kind {
	OUTLET_STREAM, /* a pipe or a terminal, through an open file of our own that never waits */
	OUTLET_SOCKET,
	OUTLET_FILE,   /* or a device: never busy, but it may be full */
	OUTLET_SHARED, /* a pipe or a terminal that could not be opened again: asked before each write */
};

/* Lines of low weight leave a quarter of the queue to the others. */
enum outlet_weight {
	OUTLET_LIGHT,
	OUTLET_HEAVY,
};

/* Writes a line that says that count things were lost into line, and returns its length. */
typedef size_t outlet_note(void *context, uint64_t count, char line[OUTLET_LINE_MAX]);

/*
 * What would be lost with this process, kept where the next one sees it. All zeros at first. If a process dies between a
 * write and this, what it has written counts as lost.
 */
struct outlet_estate {
	_Atomic uint64_t lines; /* that wait */
	_Atomic uint64_t lost;  /* before, and that may not be told yet */
	_Atomic uint64_t total; /* since the first process of all */
};

struct outlet {
	int descriptor; /* -1: closed */
	enum outlet_kind kind;
	char *ring;
	size_t size;
	size_t head; /* what is written next */
	size_t tail; /* where the next line goes */
	size_t wrap; /* tail is in front of head: where the lines end that head is in */
	size_t used;
	bool torn;           /* of the line at head a part has been written */
	bool losing;         /* until half of the queue is free again: one gap, and not a gap after every other line */
	uint64_t lost;       /* what the lines stood for that were lost since the last note */
	uint64_t lost_total;
	struct outlet_estate *estate; /* or NULL */
	int error;           /* errno of the last write that failed; 0: the last one did not */
	outlet_note *note;
	void *context;
	struct event *watch; /* the descriptor can be written to; NULL: it is never waited for */
	struct event *timer; /* NULL: there is no loop, each line is tried at once */
};

/* Opens path to append to it, without ever waiting for it. Returns a descriptor, or -1 with errno. */
int outlet_open_file(const char *path);

/*
 * Writes to file, which is taken over, or to a descriptor that this process was started with, whose own flags stay as they
 * are: it is shared with processes that are none of ours. Returns 0, or -1 with errno.
 */
int outlet_open(struct outlet *outlet, int file, size_t size, outlet_note *note, void *context);
int outlet_open_inherited(struct outlet *outlet, int descriptor, size_t size, outlet_note *note, void *context);

/*
 * From now on estate says what would be lost; it outlives outlet. What the process before this one left in it is lost,
 * counted, and noted, and a line that was not written to its end is ended. Returns how many lines are lost.
 */
uint64_t outlet_inherit(struct outlet *outlet, struct outlet_estate *estate);

/*
 * Writes what waits to the file that the outlet has; what that does not take, and all that comes, goes to this file, which
 * is taken over. base: as for outlet_watch(). Returns 0 or -1.
 */
int outlet_change(struct outlet *outlet, int file, struct event_base *base);

/* From now on base's loop writes. Returns 0 or -1. To be undone before base is freed. */
int outlet_watch(struct outlet *outlet, struct event_base *base);
void outlet_unwatch(struct outlet *outlet);

/*
 * Never waits. line ends with the only newline in it, is no longer than OUTLET_LINE_MAX, and stands for count events or
 * messages. False: it is lost.
 */
bool outlet_put(struct outlet *outlet, const char *line, size_t length, enum outlet_weight weight, uint64_t count);

/* Writes what can be written now. */
void outlet_flush(struct outlet *outlet);

/* Waits until half of the queue is free: for a process that has nothing else to do. False: not within milliseconds. */
bool outlet_wait(struct outlet *outlet, int milliseconds);

/* Is it a file that no longer has a name? */
bool outlet_is_removed(const struct outlet *outlet);

/* In a process that has just been forked: what waits is the other's. */
void outlet_forget(struct outlet *outlet);

/* Writes what it can within milliseconds, and closes. Returns how many bytes are lost with it. */
size_t outlet_close(struct outlet *outlet, int milliseconds);

#endif
