/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   ASLEEP --a writer wakes it, or a quarter of a second--> AWAKE --a look at all rings finds nothing--> ASLEEP
 *                                                            | ^
 *                                                            +-+ looks: at once while there is more than one look takes,
 *                                                                else after some milliseconds
 *
 * A look that has found something is followed by another one, a little later, and nobody has to wake this process for what
 * comes until then: only the first event after a pause costs a writer a system call. If a writer does not wake us, its
 * events come a quarter of a second late.
 *
 * The descriptor that wakes is never read: only its edge counts, and a counter that a writer may empty, or keep from being
 * read, would be a lock in its hands. A bounded number of records is taken from each ring at a time, so that none has this
 * process to itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/internal.h"

#define SOURCE_BATCH 128
#define SOURCE_PAUSE_MICROSECONDS 10000
/* So many records can be in a ring, at most, that came before a fact which has just been read. */
#define SOURCE_FRESH 4096
/* No ring has room for so many records: a writer that never stops writing is left to the process that reads next. */
#define SOURCE_RECORDS_MAX (1 << 20)

/*
 * A process is started once a second at most, and a few more may have come and gone while nothing was read. One that says
 * more often that it begins is still the same process: each time costs a look at all sessions, and gives it all its limits
 * of what may be reported once more.
 */
#define SOURCE_BEGINS_MAX 30
#define SOURCE_BEGINS_TIME UINT64_C(10000000)

static const char *const voices[CHANNEL_VOICES] = {
	[CHANNEL_SUPERVISOR] = "the supervisor", [CHANNEL_WORKER] = "the worker", [CHANNEL_PROXY] = "the proxy",
	[CHANNEL_KEYS] = "the keys process",
};

static void source_free(struct control_source *source)
{
	if (source->waker)
		event_free(source->waker);
	if (source->wake >= 0)
		close(source->wake);
	if (source->reader)
		record_reader_close(source->reader);
	free(source->reader);
	journal_end_voice(&source->journal);
	memset(source, 0, sizeof(*source));
}

static void source_tell_lost(struct control_source *source, uint64_t count)
{
	const struct notice notice = { .type = NOTICE_EVENTS_LOST, .count = count };

	control_lose(source->control, count);
	data_lose_notices(source->control);
	if (log_limit_allows(&source->control->lost_limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "events are lost, %" PRIu64 " since the start: %s tells more than this host can tell on",
			    source->control->lost, voices[source->voice]);
	control_take(source->control, &source->journal, &notice, clock_wall_microseconds());
}

static void source_tell_spoilt(struct control_source *source)
{
	if (log_limit_allows(&source->spoilt_limit, clock_microseconds()))
		log_message(LOG_LEVEL_ERROR, "%s has reported something that makes no sense, which was not passed on",
			    voices[source->voice]);
}

static bool source_may_begin(struct control_source *source)
{
	const uint64_t now = clock_microseconds();

	if (now - source->begins_since >= SOURCE_BEGINS_TIME) {
		source->begins_since = now;
		source->begins = 0;
	}
	return source->begins++ < SOURCE_BEGINS_MAX;
}

/* Another process writes from here on. */
static void source_begin_again(struct control_source *source, uint64_t first_session)
{
	if (source->first_session != first_session)
		control_forget(source->control, source->first_session);
	source->first_session = first_session;
	journal_end_voice(&source->journal);
	if (journal_add_voice(&source->control->journal, &source->journal) < 0)
		log_message(LOG_LEVEL_ERROR, "no memory for the events of %s", voices[source->voice]);
}

/* False: there was none. */
static bool source_take_one(struct control_source *source)
{
	struct record_taken taken;

	switch (record_take(source->reader, &taken)) {
	case RECORD_NOTICE:
		if (data_take_notice(source->control, taken.notice, taken.time))
			control_take(source->control, &source->journal, taken.notice, taken.time);
		return true;
	case RECORD_BEGIN:
		if (source_may_begin(source))
			source_begin_again(source, taken.count);
		else
			source_tell_spoilt(source);
		return true;
	case RECORD_LOST:
		source_tell_lost(source, taken.count);
		return true;
	case RECORD_SPOILT:
		source_tell_spoilt(source);
		return true;
	case RECORD_NONE:
		break;
	}
	return false;
}

/*
 * A record that kills this process does so only once, because it is taken from the ring first; and the next process learns
 * from the estate that there was one.
 */
static bool source_take(struct control_source *source)
{
	struct control_estate *estate = source->control->start->estate;
	bool taken;

	atomic_store(&estate->in_hand, 1);
	taken = source_take_one(source);
	atomic_store(&estate->in_hand, 0);
	return taken;
}

/* Returns how many were taken, at most limit. */
static uint32_t source_take_some(struct control_source *source, uint32_t limit)
{
	uint32_t count = 0;

	while (count < limit && source_take(source))
		count++;
	if (count < limit && source->ended) {
		control_forget(source->control, source->first_session);
		source_free(source);
	}
	return count;
}

static void source_sleep(struct control *control)
{
	bool nothing = true;

	for (size_t i = 0; nothing && i < control->sources; i++)
		if (control->source[i].control)
			nothing = record_reader_sleep(control->source[i].reader);
	control->awake = !nothing;
	if (!nothing)
		source_stir(control);
}

void source_stir(struct control *control)
{
	control->awake = true;
	for (size_t i = 0; i < control->sources; i++)
		if (control->source[i].control)
			record_reader_stay_awake(control->source[i].reader);
	event_active(control->look, EV_TIMEOUT, 0);
}

static void source_on_look(evutil_socket_t descriptor, short what, void *context)
{
	const struct timeval pause = { .tv_usec = SOURCE_PAUSE_MICROSECONDS };
	struct control *control = context;
	uint32_t most = 0;

	(void)descriptor;
	(void)what;
	atomic_fetch_add(&control->start->page->beat, 1);
	for (size_t i = 0; i < control->sources; i++) {
		const uint32_t count = control->source[i].control ? source_take_some(&control->source[i], SOURCE_BATCH) : 0;

		most = count > most ? count : most;
	}
	if (most == SOURCE_BATCH)
		event_active(control->look, EV_TIMEOUT, 0);
	else if (most > 0)
		event_add(control->look, &pause);
	else
		source_sleep(control);
}

static void source_on_wake(evutil_socket_t descriptor, short what, void *context)
{
	struct control_source *source = context;

	(void)descriptor;
	(void)what;
	if (!source->control->awake)
		source_stir(source->control);
}

static bool source_open(struct control_source *source, int memory)
{
	source->reader = malloc(sizeof(*source->reader));
	if (!source->reader || record_reader_open(source->reader, memory) < 0) {
		free(source->reader);
		source->reader = NULL;
		return false;
	}
	source->waker = event_new(source->control->base, source->wake, EV_READ | EV_ET | EV_PERSIST, source_on_wake, source);
	return source->waker && event_add(source->waker, NULL) == 0 &&
	       journal_add_voice(&source->control->journal, &source->journal) == 0;
}

void source_add(struct control *control, const struct channel_message *message, int memory, int wake)
{
	struct control_source *source = control->source;

	while (source < &control->source[CONTROL_SOURCES_MAX] && source->control)
		source++;
	if (source == &control->source[CONTROL_SOURCES_MAX] || memory < 0 || wake < 0) {
		log_message(LOG_LEVEL_ERROR, "events of %s are not read", voices[message->voice]);
		if (wake >= 0)
			close(wake);
	} else {
		if (source == &control->source[control->sources])
			control->sources++;
		*source = (struct control_source){
			.control = control, .number = message->number, .voice = (enum channel_voice)message->voice,
			.first_session = message->session, .wake = wake,
		};
		if (source_open(source, memory)) {
			source_stir(control);
		} else {
			log_message(LOG_LEVEL_ERROR, "can't read the events of %s: %s", voices[message->voice], strerror(errno));
			source_free(source);
		}
	}
	if (memory >= 0)
		close(memory);
}

void source_end(struct control *control, uint32_t number)
{
	for (size_t i = 0; i < control->sources; i++)
		if (control->source[i].control && control->source[i].number == number)
			control->source[i].ended = true;
	source_stir(control);
}

int source_watch(struct control *control)
{
	control->look = event_new(control->base, -1, 0, source_on_look, control);
	return control->look ? 0 : -1;
}

void source_tick(struct control *control)
{
	for (size_t i = 0; i < control->sources; i++)
		if (control->source[i].control)
			journal_tick_voice(&control->source[i].journal);
}

static void source_take_all(struct control *control, uint32_t limit)
{
	for (size_t i = 0; i < control->sources; i++)
		if (control->source[i].control)
			source_take_some(&control->source[i], limit);
}

void source_drain(struct control *control)
{
	source_take_all(control, SOURCE_RECORDS_MAX);
}

void source_catch_up(struct control *control)
{
	source_take_all(control, SOURCE_FRESH);
}

/* The voice of the process whose numbers begin closest below this one. */
struct journal_voice *source_voice(struct control *control, uint64_t session)
{
	struct control_source *found = NULL;

	for (size_t i = 0; i < control->sources; i++) {
		struct control_source *source = &control->source[i];

		if (source->control && source->first_session <= session &&
		    (!found || source->first_session > found->first_session))
			found = source;
	}
	return found ? &found->journal : &control->stray;
}

void source_close(struct control *control)
{
	for (size_t i = 0; i < control->sources; i++)
		if (control->source[i].control)
			source_free(&control->source[i]);
	if (control->look)
		event_free(control->look);
}
