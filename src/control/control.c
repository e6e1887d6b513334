/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   supervisor ---channel: rings, files, what became of orders---> control <---rings of records--- workers, proxies,
 *        ^                                                         |  |  ^                         keys processes and
 *        +--------------channel: orders----------------------------+  |  +---the kernel's news     the supervisor
 *                                                                     |      (data.c)
 *                                                                     +---> events, the transfer log, sentences in the log,
 *                                                                           answers to clients (server.c, web.c)
 *
 * This process reports all that happens, as soon as it can: the others put records into rings (record/ring.h) and go on. If
 * it dies or hangs, the next one reads on where it stopped, and what a ring had no room for has been counted.
 *
 * It ends when the channel does, which is after all the others have ended, and not by a signal: whatever ends a service may
 * send a signal to each of its processes, and the last events of the others come after that. So signals stay blocked, as the
 * supervisor has them.
 */
#include "control/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/internal.h"
#include "process/sandbox.h"
#include "process/service.h"

#define CONTROL_ERROR_MAX 512
#define CONTROL_BEAT_MICROSECONDS 250000
#define CONTROL_BEATS 4 /* a second */
#define CONTROL_MESSAGES 64
/* How much is kept of what has ended: enough for an afternoon on a small host, and some megabytes on a busy one. */
#define CONTROL_ENDED 1024
#define CONTROL_ENDED_MICROSECONDS UINT64_C(600000000)
#define CONTROL_TRANSFERS 4096
#define CONTROL_DECISIONS 16384

static void control_close_files(const int files[CHANNEL_FILES_MAX])
{
	for (size_t i = 0; i < CHANNEL_FILES_MAX; i++)
		if (files[i] >= 0)
			close(files[i]);
}

static void control_serve(struct control *control, const struct channel_message *message, const int files[CHANNEL_FILES_MAX])
{
	switch (message->kind) {
	case CHANNEL_FEED:
		source_add(control, message, files[0], files[1]);
		break;
	case CHANNEL_ENDED:
		source_end(control, message->number);
		break;
	case CHANNEL_WRITE:
		if (files[0] >= 0)
			journal_reopen(&control->journal, (enum journal_file)message->number, files[0]);
		break;
	case CHANNEL_ANSWER:
		control_hear(control, message->number, message->done, message->text);
		break;
	default:
		control_close_files(files);
	}
}

static void control_on_channel(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;
	struct channel_message message;
	int files[CHANNEL_FILES_MAX];

	(void)what;
	for (int i = 0; i < CONTROL_MESSAGES; i++) {
		switch (channel_receive(descriptor, &message, files)) {
		case CHANNEL_MESSAGE:
			control_serve(control, &message, files);
			break;
		case CHANNEL_END:
			event_base_loopbreak(control->base);
			return;
		case CHANNEL_NOTHING:
			return;
		}
	}
}

void control_catch_up(struct control *control, bool all)
{
	control_on_channel(control->start->channel, EV_READ, control);
	if (all)
		source_drain(control);
	else
		source_catch_up(control);
}

static void control_on_beat(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;
	const uint64_t beat = atomic_fetch_add(&control->start->page->beat, 1);

	(void)descriptor;
	(void)what;
	if (!control->awake)
		source_stir(control);
	if (beat % CONTROL_BEATS == 0) {
		source_tick(control);
		tables_tick(control->tables, clock_wall_microseconds());
	}
	server_tick(control->server);
	web_tick(control->web);
}

static int control_create_loop(struct control *control)
{
	const struct timeval beat = { .tv_usec = CONTROL_BEAT_MICROSECONDS };

	control->base = event_base_new();
	if (!control->base)
		return -1;
	control->channel = event_new(control->base, control->start->channel, EV_READ | EV_PERSIST, control_on_channel,
				     control);
	control->heart = event_new(control->base, -1, EV_PERSIST, control_on_beat, control);
	return control->channel && event_add(control->channel, NULL) == 0 && control->heart &&
	       event_add(control->heart, &beat) == 0 && source_watch(control) == 0 && log_watch(control->base) == 0 &&
	       journal_watch(&control->journal, control->base) == 0 ? 0 : -1;
}

/* Where proxies that drain have more sessions than the tables have room for, these are in the events, but not shown. */
static int control_open_tables(struct control *control)
{
	struct table_limits limits = {
		.sessions = control->config->limits.sessions, .ended = CONTROL_ENDED,
		.ended_time = CONTROL_ENDED_MICROSECONDS,
		.transfers = CONTROL_TRANSFERS, .decisions = CONTROL_DECISIONS, .accounted = control->start->news != NULL,
	};

	if (getrandom(&limits.key, sizeof(limits.key), 0) != (ssize_t)sizeof(limits.key))
		return -1;
	control->tables = tables_make(&limits);
	return control->tables ? 0 : -1;
}

static int control_open_server(struct control *control)
{
	/* For this it reads a file. */
	json_object_seed(0);
	facts_host_open(&control->host);
	control->answers = (struct answer_source){
		.tables = control->tables, .context = control, .look = control_look, .order = control_obey,
		.metrics = control_measure,
	};
	control->server = server_open(control->base, &control->start->sockets, &control->answers);
	control->web = web_open(control->base, control->start->metrics, &control->answers);
	return control->server && control->web ? 0 : -1;
}

/* Counts what the process before this one lost when it died. */
static void control_inherit(struct control *control)
{
	struct control_estate *estate = control->start->estate;
	const uint64_t summed = journal_inherit(&control->journal, &estate->journal);
	const uint64_t taken = atomic_exchange(&estate->in_hand, 0) + data_count_forgotten(control);
	const uint64_t count = summed + taken;
	const struct notice notice = { .type = NOTICE_EVENTS_LOST, .count = count };

	control->lost = atomic_load(&estate->lost);
	/* A command or a reply may be among them, and the next one is not the one that is missing. */
	if (taken > 0)
		data_lose_notices(control);
	if (count == 0)
		return;
	control_lose(control, count);
	log_message(LOG_LEVEL_WARNING, "%" PRIu64 " events at most are lost, %" PRIu64 " since the start: the process that was to tell them"
		    " has died", count, control->lost);
	control_take(control, &control->stray, &notice, clock_wall_microseconds());
}

static int control_open(struct control *control, char *error, size_t size)
{
	const struct config *config = control->config;

	if (control_open_tables(control) < 0) {
		snprintf(error, size, "no memory for what is shown of sessions; configure fewer sessions");
		return -1;
	}

	if (journal_open(&control->journal, config, control->start->files) < 0) {
		snprintf(error, size, "can't open the files that are written: %s", strerror(errno));
		return -1;
	}
	if (control_create_loop(control) < 0 || control_open_server(control) < 0 || data_open(control) < 0 ||
	    journal_add_voice(&control->journal, &control->stray) < 0) {
		snprintf(error, size, "can't set up the event loop");
		return -1;
	}
	control_inherit(control);
	return sandbox_enter(config->user, SANDBOX_CONTROL, control->start->supervisor, error, size);
}

static void control_close(struct control *control)
{
	web_close(control->web);
	server_close(control->server);
	facts_host_close(&control->host);
	source_close(control);
	data_close(control);
	tables_free(control->tables);
	journal_end_voice(&control->stray);
	journal_close(&control->journal);
	if (control->channel)
		event_free(control->channel);
	if (control->heart)
		event_free(control->heart);
	log_unwatch();
	if (control->base)
		event_base_free(control->base);
	free(control);
}

int control_run(const struct control_start *start)
{
	struct control *control = calloc(1, sizeof(*control));
	char error[CONTROL_ERROR_MAX] = "";
	int result;

	if (!control) {
		service_fail(start->page, "no memory");
		return -1;
	}
	control->start = start;
	control->config = start->config;
	control->host = (struct facts_host){ .queues = -1, .expectations = -1, .limit = -1 };
	control->data.catch_up = control_catch_up;
	control->data.voice = source_voice;
	result = control_open(control, error, sizeof(error));
	if (result)
		service_fail(start->page, error);
	if (!result) {
		atomic_store(&start->page->ready, true);
		result = event_base_dispatch(control->base) < 0 ? -1 : 0;
		journal_end(&control->journal);
		source_drain(control);
		data_finish(control);
	}
	control_close(control);
	return result;
}
