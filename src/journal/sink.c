/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/sink.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define SINK_PATIENCE 1000
#define SINK_REMOVED_TICKS 60

void sink_init(struct sink *sink, const struct sink_kind *kind, const char *path)
{
	memset(sink, 0, sizeof(*sink));
	sink->kind = kind;
	sink->path = path;
	sink->outlet.descriptor = -1;
}

bool sink_is_open(const struct sink *sink)
{
	return sink->outlet.ring != NULL;
}

int sink_open(struct sink *sink, int file, outlet_note *note, void *context)
{
	if (strcmp(sink->path, "-") == 0)
		return outlet_open_inherited(&sink->outlet, STDOUT_FILENO, sink->kind->size, note, context);
	return file < 0 ? 0 : outlet_open(&sink->outlet, file, sink->kind->size, note, context);
}

void sink_inherit(struct sink *sink, struct outlet_estate *estate)
{
	uint64_t lines;

	sink->estate = estate;
	if (!sink_is_open(sink))
		return;
	lines = outlet_inherit(&sink->outlet, estate);
	if (lines > 0)
		log_message(LOG_LEVEL_WARNING, "%" PRIu64 " %s at most are lost, %" PRIu64 " since the start: the process that was to write"
			    " them has died", lines, sink->kind->content, sink->outlet.lost_total);
}

int sink_reopen(struct sink *sink, int file, outlet_note *note, void *context)
{
	if (sink->outlet.descriptor >= 0)
		return outlet_change(&sink->outlet, file, sink->base);
	/* The one before it could not be opened. */
	if (sink_open(sink, file, note, context) < 0)
		return -1;
	if (sink->estate)
		sink_inherit(sink, sink->estate);
	return sink_watch(sink, sink->base);
}

static void sink_tell_loss(struct sink *sink)
{
	const int error = sink->outlet.error;

	if (log_limit_allows(&sink->lost_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "%s are lost, %" PRIu64 " since the start: %s; see to it where"
			    " \"%s\" points", sink->kind->content, sink->outlet.lost_total,
			    error && error != EAGAIN ? strerror(error) : "they are not read", sink->kind->key);
}

static void sink_on_tick(evutil_socket_t descriptor, short what, void *context)
{
	struct sink *sink = context;

	(void)descriptor;
	(void)what;
	if (sink->outlet.error && sink->outlet.error != EAGAIN && log_limit_allows(&sink->error_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "%s could not be written: %s; up to %zu MB of them are kept; make room"
			    " where \"%s\" points", sink->kind->content, strerror(sink->outlet.error), sink->kind->size >> 20,
			    sink->kind->key);
	sink->ticks++;
	if (sink->ticks % SINK_REMOVED_TICKS == 0 && outlet_is_removed(&sink->outlet))
		log_message(LOG_LEVEL_WARNING, "%s was removed, and %s go where nobody finds them; let log rotation"
			    " send SIGUSR1 to the service", sink->path, sink->kind->content);
}

int sink_watch(struct sink *sink, struct event_base *base)
{
	const struct timeval second = { .tv_sec = 1 };

	sink->base = base;
	if (sink->outlet.descriptor < 0)
		return 0;
	sink->tick = event_new(base, -1, EV_PERSIST, sink_on_tick, sink);
	if (!sink->tick || event_add(sink->tick, &second) < 0)
		return -1;
	return outlet_watch(&sink->outlet, base);
}

void sink_put(struct sink *sink, const char *line, size_t length, enum outlet_weight weight, uint64_t count)
{
	const uint64_t began = sink->patience > 0 ? clock_microseconds() : 0;

	if (sink->patience > 0) {
		outlet_wait(&sink->outlet, sink->patience);
		sink->patience -= (int)((clock_microseconds() - began) / 1000);
	}
	if (!outlet_put(&sink->outlet, line, length, weight, count))
		sink_tell_loss(sink);
}

void sink_end(struct sink *sink)
{
	sink->patience = SINK_PATIENCE;
}

void sink_close(struct sink *sink)
{
	if (sink->tick)
		event_free(sink->tick);
	sink->tick = NULL;
	if (outlet_close(&sink->outlet, SINK_PATIENCE) > 0)
		sink_tell_loss(sink);
}
