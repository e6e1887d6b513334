/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A reader of events or messages can stand still: a log shipper that hangs, a terminal after Control-S, journald under
 * pressure. write(2) would then wait for it, and with it every control connection. So lines go into a ring, and from there
 * as far as the descriptor takes them.
 *
 *   put ----> ring ----> write: taken   ----> next
 *     |full              |     EAGAIN   ----> when the loop says that it can be written to
 *     v                  |     an error ----> in a second: a disk has room again, a pipe never has its reader back, but
 *   counted, noted later                      asking costs nothing
 *
 * Not to wait is a property of the open file (O_NONBLOCK), which a standard output shares with the shell and with whatever
 * else was started on it: setting the flag would break their writes. So a pipe or a terminal is opened once more, through
 * /proc/self/fd, which makes a separate open file on the same pipe. That needs the right to open it, which a service
 * manager's pipe of another user does not give; there poll(2) is asked first, and one write of at most PIPE_BUF bytes
 * then has room (a pipe is writable while a page of it is free), unless another process takes that room in between. A
 * socket has a flag for the single call. A regular file never says EAGAIN: a write waits for a slow disk, or for a file
 * server that is gone, and nothing that a single thread can do prevents it.
 *
 * Lines are not torn. The rest of a line that was written in part comes before anything else, and what is written to a pipe
 * at a time is whole lines of at most PIPE_BUF bytes, so that lines of several processes don't mix either. Only where the
 * process dies, or its file is changed, in the middle of a line is the rest of it missing; the next process ends that line.
 */
#include "base/outlet.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* /dev/null and its like: never busy, and not to be waited for. Other character devices are terminals. */
#define OUTLET_MEMORY_MAJOR 1

static void outlet_begin(struct outlet *outlet, outlet_note *note, void *context)
{
	memset(outlet, 0, sizeof(*outlet));
	outlet->descriptor = -1;
	outlet->note = note;
	outlet->context = context;
}

static int outlet_make_ring(struct outlet *outlet, size_t size)
{
	const int error = errno;

	outlet->ring = outlet->descriptor < 0 ? NULL : malloc(size);
	outlet->size = size;
	if (outlet->ring)
		return 0;
	if (outlet->descriptor >= 0)
		close(outlet->descriptor);
	errno = outlet->descriptor < 0 ? error : ENOMEM;
	outlet->descriptor = -1;
	return -1;
}

int outlet_open_inherited(struct outlet *outlet, int descriptor, size_t size, outlet_note *note, void *context)
{
	char path[sizeof("/proc/self/fd/") + 11];
	struct stat status;

	outlet_begin(outlet, note, context);
	if (fstat(descriptor, &status) < 0)
		return -1;
	outlet->kind = S_ISSOCK(status.st_mode) ? OUTLET_SOCKET : OUTLET_FILE;
	if (S_ISFIFO(status.st_mode) || isatty(descriptor)) {
		outlet->kind = OUTLET_STREAM;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
		outlet->descriptor = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (outlet->descriptor < 0)
			outlet->kind = OUTLET_SHARED;
	}
	if (outlet->descriptor < 0)
		outlet->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	return outlet_make_ring(outlet, size);
}

int outlet_open_file(const char *path)
{
	/* Appending, so that a log rotation that truncates the file works, and so that runs don't erase each other. */
	int flags = O_WRONLY | O_CREAT | O_APPEND;
	struct stat status;

	/* A named pipe can be opened for both before it has a reader, and its readers may come and go (fifo(7)). */
	if (stat(path, &status) == 0 && S_ISFIFO(status.st_mode))
		flags = O_RDWR;
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
}

static void outlet_take_file(struct outlet *outlet, int file)
{
	struct stat status = { .st_mode = 0 };

	outlet->descriptor = file;
	outlet->kind = OUTLET_FILE;
	if (file >= 0 && fstat(file, &status) == 0 &&
	    (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && major(status.st_rdev) != OUTLET_MEMORY_MAJOR)))
		outlet->kind = OUTLET_STREAM;
}

int outlet_open(struct outlet *outlet, int file, size_t size, outlet_note *note, void *context)
{
	outlet_begin(outlet, note, context);
	outlet_take_file(outlet, file);
	return outlet_make_ring(outlet, size);
}

static bool outlet_is_writable(const struct outlet *outlet, int milliseconds)
{
	struct pollfd ask = { .fd = outlet->descriptor, .events = POLLOUT };

	return poll(&ask, 1, milliseconds) > 0;
}

/* What is in the ring without a break. */
static size_t outlet_stretch(const struct outlet *outlet)
{
	return (outlet->tail > outlet->head ? outlet->tail : outlet->wrap) - outlet->head;
}

/* A file takes all of that; anything else takes whole lines that are written at once. */
static size_t outlet_piece(const struct outlet *outlet)
{
	const size_t length = outlet_stretch(outlet);
	const char *end;

	if (outlet->kind == OUTLET_FILE || length <= OUTLET_LINE_MAX)
		return length;
	end = memrchr(outlet->ring + outlet->head, '\n', OUTLET_LINE_MAX);
	return (size_t)(end + 1 - (outlet->ring + outlet->head));
}

static void outlet_advance(struct outlet *outlet, size_t length)
{
	outlet->head += length;
	outlet->used -= length;
	if (outlet->tail <= outlet->head && outlet->used > 0 && outlet->head == outlet->wrap)
		outlet->head = 0;
	if (outlet->used == 0) {
		outlet->head = 0;
		outlet->tail = 0;
	}
}

static ssize_t outlet_write(const struct outlet *outlet)
{
	const char *piece = outlet->ring + outlet->head;
	const size_t length = outlet_piece(outlet);

	if (outlet->kind == OUTLET_SOCKET)
		return send(outlet->descriptor, piece, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (outlet->kind == OUTLET_SHARED && !outlet_is_writable(outlet, 0)) {
		errno = EAGAIN;
		return -1;
	}
	return write(outlet->descriptor, piece, length);
}

static void outlet_note_written(struct outlet *outlet, size_t length)
{
	const char *at = outlet->ring + outlet->head;
	const char *const end = at + length;
	uint64_t lines = 0;

	if (!outlet->estate)
		return;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		lines++;
	}
	atomic_fetch_sub(&outlet->estate->lines, lines);
}

/* Until the ring is empty or nothing more is taken. */
static void outlet_drain(struct outlet *outlet)
{
	outlet->error = 0;
	while (outlet->used > 0) {
		const ssize_t written = outlet_write(outlet);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			outlet->error = written < 0 ? errno : EAGAIN;
			return;
		}
		outlet->torn = outlet->ring[outlet->head + (size_t)written - 1] != '\n';
		outlet_note_written(outlet, (size_t)written);
		outlet_advance(outlet, (size_t)written);
	}
	/* What was lost has been noted, if it can be. */
	if (outlet->estate && outlet->lost == 0)
		atomic_store(&outlet->estate->lost, 0);
}

/* Room for length bytes without a break; NULL: there is none. */
static char *outlet_room(struct outlet *outlet, size_t length)
{
	if (outlet->used > 0 && outlet->tail <= outlet->head)
		return outlet->head - outlet->tail >= length ? outlet->ring + outlet->tail : NULL;
	if (outlet->size - outlet->tail >= length)
		return outlet->ring + outlet->tail;
	if (outlet->head < length)
		return NULL;
	outlet->wrap = outlet->tail;
	outlet->tail = 0;
	return outlet->ring;
}

static bool outlet_append(struct outlet *outlet, const char *line, size_t length)
{
	char *room = outlet_room(outlet, length);

	if (!room)
		return false;
	memcpy(room, line, length);
	outlet->tail += length;
	outlet->used += length;
	if (outlet->estate && length > 0)
		atomic_fetch_add(&outlet->estate->lines, 1);
	return true;
}

/* Notes what was lost, in the place where it is missing. */
static void outlet_tell_lost(struct outlet *outlet)
{
	char line[OUTLET_LINE_MAX];

	if (outlet->lost == 0 || outlet->used > outlet->size / 2)
		return;
	outlet->losing = false;
	if (outlet_append(outlet, line, outlet->note(outlet->context, outlet->lost, line)))
		outlet->lost = 0;
}

static void outlet_schedule(struct outlet *outlet)
{
	const struct timeval second = { .tv_sec = 1 };

	if (outlet->used == 0 || !outlet->timer)
		return;
	if (outlet->error == 0)
		event_active(outlet->timer, EV_TIMEOUT, 0);
	else if (outlet->error == EAGAIN && outlet->watch)
		event_add(outlet->watch, NULL);
	else
		event_add(outlet->timer, &second);
}

void outlet_flush(struct outlet *outlet)
{
	if (outlet->descriptor < 0)
		return;
	outlet_drain(outlet);
	if (outlet->lost > 0 && outlet->error == 0) {
		outlet_tell_lost(outlet);
		outlet_drain(outlet);
	}
	if (outlet->used > 0 && outlet->error != 0)
		outlet_schedule(outlet);
}

static bool outlet_lose(struct outlet *outlet, uint64_t count)
{
	outlet->lost += count;
	outlet->lost_total += count;
	if (outlet->estate) {
		atomic_fetch_add(&outlet->estate->lost, count);
		atomic_fetch_add(&outlet->estate->total, count);
	}
	return false;
}

/* A process that died in the middle of a write to a file may have written a part of a line. */
static void outlet_end_line(const struct outlet *outlet)
{
	char path[sizeof("/proc/self/fd/") + 11], last = '\n';
	struct stat status;
	int file;

	if (outlet->kind != OUTLET_FILE || fstat(outlet->descriptor, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size == 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", outlet->descriptor);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	if (pread(file, &last, 1, status.st_size - 1) == 1 && last != '\n' && write(outlet->descriptor, "\n", 1) < 0)
		last = '\0'; /* a full disk: the next line is joined to it */
	close(file);
}

uint64_t outlet_inherit(struct outlet *outlet, struct outlet_estate *estate)
{
	const uint64_t lines = atomic_exchange(&estate->lines, 0);

	outlet->estate = estate;
	outlet->lost = atomic_fetch_add(&estate->lost, lines) + lines;
	outlet->lost_total = atomic_fetch_add(&estate->total, lines) + lines;
	if (lines > 0)
		outlet_end_line(outlet);
	return lines;
}

bool outlet_put(struct outlet *outlet, const char *line, size_t length, enum outlet_weight weight, uint64_t count)
{
	if (outlet->descriptor < 0)
		return false;
	/* What the loop would write later is written now where the ring is half full: many lines can come in one turn. */
	if (outlet->error == 0 && outlet->used > outlet->size / 2)
		outlet_flush(outlet);
	outlet_tell_lost(outlet);
	if (outlet->losing || (weight == OUTLET_LIGHT && outlet->used > outlet->size / 4 * 3))
		return outlet_lose(outlet, count);
	if (!outlet_append(outlet, line, length)) {
		outlet->losing = true;
		return outlet_lose(outlet, count);
	}
	if (!outlet->timer)
		outlet_flush(outlet);
	else if (outlet->error == 0)
		outlet_schedule(outlet);
	return true;
}

static void outlet_on_turn(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	outlet_flush(context);
}

int outlet_watch(struct outlet *outlet, struct event_base *base)
{
	if (outlet->descriptor < 0)
		return 0;
	outlet->timer = event_new(base, -1, 0, outlet_on_turn, outlet);
	if (outlet->timer && outlet->kind != OUTLET_FILE)
		outlet->watch = event_new(base, outlet->descriptor, EV_WRITE, outlet_on_turn, outlet);
	if (!outlet->timer || (outlet->kind != OUTLET_FILE && !outlet->watch)) {
		outlet_unwatch(outlet);
		return -1;
	}
	outlet_schedule(outlet);
	return 0;
}

void outlet_unwatch(struct outlet *outlet)
{
	if (outlet->watch)
		event_free(outlet->watch);
	if (outlet->timer)
		event_free(outlet->timer);
	outlet->watch = NULL;
	outlet->timer = NULL;
}

/* The rest of a line that was written in part is skipped: its beginning is in another file. */
static void outlet_skip_rest(struct outlet *outlet)
{
	const char *rest = outlet->ring + outlet->head;
	const char *end;

	if (outlet->used == 0 || !outlet->torn)
		return;
	end = memchr(rest, '\n', outlet_stretch(outlet));
	outlet_advance(outlet, end ? (size_t)(end + 1 - rest) : outlet_stretch(outlet));
	outlet_lose(outlet, 1);
	if (outlet->estate)
		atomic_fetch_sub(&outlet->estate->lines, 1);
}

int outlet_change(struct outlet *outlet, int file, struct event_base *base)
{
	outlet_flush(outlet);
	outlet_unwatch(outlet);
	close(outlet->descriptor);
	outlet_skip_rest(outlet);
	outlet->torn = false;
	outlet->error = 0;
	outlet_take_file(outlet, file);
	return outlet_watch(outlet, base);
}

/* Waits until no more than limit bytes are left; not longer than milliseconds, nor where waiting does not help. */
static bool outlet_wait_for(struct outlet *outlet, size_t limit, int milliseconds)
{
	struct timespec start, now;
	int64_t left = milliseconds;

	clock_gettime(CLOCK_MONOTONIC, &start);
	outlet_flush(outlet);
	while (outlet->used > limit && outlet->error == EAGAIN && left > 0) {
		outlet_is_writable(outlet, (int)left);
		outlet_flush(outlet);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = milliseconds - ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	return outlet->used <= limit;
}

bool outlet_wait(struct outlet *outlet, int milliseconds)
{
	return outlet->descriptor >= 0 && outlet_wait_for(outlet, outlet->size / 2, milliseconds);
}

bool outlet_is_removed(const struct outlet *outlet)
{
	struct stat status;

	return outlet->kind == OUTLET_FILE && outlet->descriptor >= 0 && fstat(outlet->descriptor, &status) == 0 &&
	       status.st_nlink == 0;
}

void outlet_forget(struct outlet *outlet)
{
	outlet->head = 0;
	outlet->tail = 0;
	outlet->used = 0;
	outlet->lost = 0;
	outlet->losing = false;
	outlet->error = 0;
	outlet->estate = NULL;
}

size_t outlet_close(struct outlet *outlet, int milliseconds)
{
	size_t left;

	if (!outlet->ring)
		return 0;
	outlet_wait_for(outlet, 0, milliseconds);
	left = outlet->used;
	outlet_unwatch(outlet);
	close(outlet->descriptor);
	free(outlet->ring);
	outlet->descriptor = -1;
	outlet->ring = NULL;
	return left;
}
