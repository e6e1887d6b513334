/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Control, as its supervisor sees it. It is the last process to end:
 *
 *   start --ready--> serves --died, hung--> started again; told of all rings again
 *      | (the first time: give up)
 *      |               all others have ended --> the channel ends; it tells what is left, and ends --> done
 *      |                                            | it dies over that
 *      |                                            +--> started again, a few times
 *
 * The supervisor opens the files that control writes to, because control may not: at the start, and again when they have
 * been moved away (SIGUSR1). It keeps them open, so that a control that is started again needs nothing from the file system.
 *
 * The channel is looked at in each turn of the supervisor's loop, and SIGIO ends a turn's wait when something comes. What
 * the channel has no room for is said in a later turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"
#include "journal/journal.h"
#include "run/internal.h"

/* For what the supervisor itself tells, which is little. */
#define DESK_ROOM ((size_t)64 << 10)
#define DESK_SECOND UINT64_C(1000000)
/* For reading what is left, and for waiting a second until that is read. */
#define DESK_END_SECONDS 10
#define DESK_CHANCES 3
#define DESK_ORDERS 16 /* in one turn */

static int desk_run(struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->owner;
	struct witness *witness = supervisor->witness;
	struct control_start start = {
		.news = witness && witness->has_news ? &witness->news : NULL,
		.account = witness ? witness->account : NULL, .estate = supervisor->desk.estate,
		.copies = witness && witness->has_copies ? &witness->copies : NULL,
		.config = supervisor->config, .config_path = supervisor->config_path, .channel = child->channel,
		.page = child->page, .supervisor = self,
		.gateway = supervisor->kind == SUPERVISE_GATEWAY, .standing = supervisor->page,
		.rules = supervisor->rules.page,
		.sockets = { supervisor->monitor.descriptor, supervisor->commands.descriptor },
		.metrics = supervisor->metrics,
	};

	memcpy(start.files, supervisor->desk.files, sizeof(start.files));
	return control_run(&start);
}

static const struct child control_kind = {
	.name = "control", .title = "ftpalg-control", .run = desk_run,
	.fate = "; no session is lost, and the next one tells what has happened meanwhile",
};

bool desk_start(struct supervisor *supervisor)
{
	struct child *control = &supervisor->control;
	const struct child_home home = supervisor_home(supervisor);
	int ends[2];
	bool started;

	if (channel_open(ends) < 0) {
		log_message(LOG_LEVEL_ERROR, "can't start %s: %s", control->name, strerror(errno));
		return false;
	}
	supervisor->desk.channel = ends[0];
	control->channel = ends[1];
	fcntl(supervisor->desk.channel, F_SETOWN, getpid());
	fcntl(supervisor->desk.channel, F_SETFL, O_NONBLOCK | O_ASYNC);
	feeds_forget(&supervisor->feeds);
	supervisor->feeds.channel = supervisor->desk.channel;
	/* Before it hears anything from the kernel. */
	feeds_tell(&supervisor->feeds, supervisor->desk.channel);
	started = child_start(control, &home);
	child_close_channel(control);
	return started;
}

/* Opens all that can be opened. False: some could not. */
static bool desk_open_files(struct supervisor *supervisor)
{
	bool good = true;

	for (enum journal_file i = 0; i < JOURNAL_FILES; i++) {
		const int file = journal_open_file(supervisor->config, i);

		supervisor->desk.files[i] = file;
		if (file != JOURNAL_FILE_FAILED)
			continue;
		log_message(LOG_LEVEL_ERROR, "can't open the %s file %s: %s", journal_file_key(i),
			    journal_file_path(supervisor->config, i), strerror(errno));
		good = false;
	}
	return good;
}

bool desk_open(struct supervisor *supervisor, bool inherited)
{
	struct feed *feed;

	if (!child_open(&supervisor->control, &control_kind, supervisor, &supervisor->feeds))
		return false;
	if (!doors_open(supervisor) && !inherited)
		return false;
	supervisor->desk.estate = supervisor_share(sizeof(*supervisor->desk.estate));
	if (!supervisor->desk.estate)
		return false;
	/* A program that goes on with what another one has started does not end it for the sake of events. */
	supervisor->control.was_ready = inherited;
	witness_open(supervisor);
	if (!desk_open_files(supervisor) && !inherited)
		return false;
	feed = feeds_open(&supervisor->feeds, CHANNEL_SUPERVISOR, DESK_ROOM);
	if (!feed)
		return false;
	feed_begin(feed);
	return feed_write(feed, &supervisor->events);
}

void desk_close(struct supervisor *supervisor)
{
	doors_close(supervisor);
	record_writer_close(&supervisor->events);
	if (supervisor->desk.channel >= 0)
		close(supervisor->desk.channel);
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		if (supervisor->desk.files[i] >= 0)
			close(supervisor->desk.files[i]);
	witness_close(supervisor);
	if (supervisor->desk.estate)
		munmap(supervisor->desk.estate, sizeof(*supervisor->desk.estate));
	child_close(&supervisor->control);
}

static bool desk_reopen_file(struct supervisor *supervisor, enum journal_file which)
{
	const int file = journal_open_file(supervisor->config, which);
	const char *key = journal_file_key(which);
	const char *path = journal_file_path(supervisor->config, which);

	if (file == JOURNAL_FILE_FAILED) {
		log_message(LOG_LEVEL_ERROR, "can't open the %s file %s: %s; %s go where they went", key, path, strerror(errno), key);
		return false;
	}
	if (file == JOURNAL_FILE_NONE)
		return true;
	if (supervisor->desk.files[which] >= 0)
		close(supervisor->desk.files[which]);
	supervisor->desk.files[which] = file;
	supervisor->desk.reopened[which] = true;
	log_message(LOG_LEVEL_NOTICE, "%s go to %s from here on, opened again", key, path);
	return true;
}

bool desk_reopen(struct supervisor *supervisor)
{
	bool good = true;

	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		good = desk_reopen_file(supervisor, i) && good;
	return good;
}

/* Tells control of files that were opened again, as far as there is room. False: some are left. */
static bool desk_tell_reopened(struct supervisor *supervisor)
{
	bool told = true;

	for (enum journal_file i = 0; i < JOURNAL_FILES; i++) {
		const struct channel_message message = { .kind = CHANNEL_WRITE, .number = i };
		const int files[CHANNEL_FILES_MAX] = { supervisor->desk.files[i], -1 };

		if (supervisor->desk.reopened[i])
			supervisor->desk.reopened[i] = !channel_send(supervisor->desk.channel, &message, files);
		told = told && !supervisor->desk.reopened[i];
	}
	return told;
}

/* The process whose sessions have numbers like this one. NULL: none that runs. */
static struct child *desk_find_owner(struct supervisor *supervisor, uint64_t session)
{
	struct child *found = posts_find_owner(supervisor, session);

	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		for (uint32_t j = 0; j < supervisor->generation[i].members; j++)
			if (child_has_session(&supervisor->generation[i].member[j].proxy, session))
				found = &supervisor->generation[i].member[j].proxy;
	return found;
}

static const char *desk_kill(struct supervisor *supervisor, uint64_t session)
{
	struct child *owner = desk_find_owner(supervisor, session);
	uint64_t none = 0;

	if (!owner)
		return "no process that runs has this session";
	if (!atomic_compare_exchange_strong(&owner->page->condemned, &none, session) && none != session)
		return "another session is being ended; try again";
	kill(owner->pid, SIGUSR1);
	return NULL;
}

static void desk_obey(struct supervisor *supervisor, const struct channel_message *order)
{
	struct channel_message answer = { .kind = CHANNEL_ANSWER, .number = order->number, .done = true };
	const char *fault;

	switch (order->kind) {
	case CHANNEL_RELOAD:
		/*
		 * A reload may take a while. Where several orders wait, the last one is answered, with what became of them
		 * all.
		 */
		standing_refuse(supervisor, "");
		renewal_reload(supervisor);
		supervisor->reload_asked = true;
		supervisor->reload_order = order->number;
		return;
	case CHANNEL_REOPEN:
		answer.done = desk_reopen(supervisor);
		/* On the same channel, so that it is true when the answer arrives. */
		desk_tell_reopened(supervisor);
		snprintf(answer.text, sizeof(answer.text), "%s",
			 answer.done ? "the files of events are opened again"
				     : "a file can't be opened, and what is written to it goes where it went; the log says why");
		break;
	case CHANNEL_KILL:
		fault = desk_kill(supervisor, order->session);
		answer.done = fault == NULL;
		snprintf(answer.text, sizeof(answer.text), "%s",
			 fault ? fault : "its process has been told to end the session, and resets both peers");
		break;
	case CHANNEL_ASK_ALL:
	case CHANNEL_ASK_ENTRY:
		witness_ask(supervisor, order);
		return;
	default:
		answer.done = false;
		snprintf(answer.text, sizeof(answer.text), "this is not understood");
	}
	channel_send(supervisor->desk.channel, &answer, NULL);
}

/* Once nothing is left to do for it. */
static void desk_answer_reload(struct supervisor *supervisor)
{
	struct channel_message answer = { .kind = CHANNEL_ANSWER, .number = supervisor->reload_order };

	if (!supervisor->reload_asked || supervisor->again || supervisor->next || supervisor->leaving)
		return;
	answer.done = supervisor->refused[0] == '\0';
	snprintf(answer.text, sizeof(answer.text), "%.200s%s", answer.done ? "the configuration is in force" : supervisor->refused,
		 answer.done ? "" : "; all stays as it was");
	/* A client that has the answer finds the status to agree with it. */
	standing_show(supervisor);
	supervisor->reload_asked = !channel_send(supervisor->desk.channel, &answer, NULL);
}

static void desk_take_orders(struct supervisor *supervisor)
{
	struct channel_message order;
	int files[CHANNEL_FILES_MAX];

	for (int i = 0; i < DESK_ORDERS && channel_receive(supervisor->desk.channel, &order, files) == CHANNEL_MESSAGE;
	     i++) {
		for (size_t file = 0; file < CHANNEL_FILES_MAX; file++)
			if (files[file] >= 0)
				close(files[file]);
		desk_obey(supervisor, &order);
	}
}

/* Is no process left that could report anything? */
static bool desk_is_last(const struct supervisor *supervisor)
{
	return (supervisor->ending && !supervisor_has_others(supervisor)) ||
	       (supervisor->departing && !supervisor_has_workers(supervisor));
}

static void desk_reap(struct supervisor *supervisor)
{
	struct child *control = &supervisor->control;
	int status;

	if (!child_reap(control, &status))
		return;
	close(supervisor->desk.channel);
	supervisor->desk.channel = -1;
	supervisor->feeds.channel = -1;
	if (control->leaves && child_ended_well(status)) {
		supervisor->desk.done = true;
		return;
	}
	if (!control->was_ready) {
		/* The cause would last. */
		child_tell_failed_start(control, status);
		supervisor->desk.done = true;
		supervisor_end(supervisor, -1);
		return;
	}
	child_tell_death(control, status, control->fate);
	if ((supervisor->ending || supervisor->departing) && ++supervisor->desk.deaths == DESK_CHANCES)
		supervisor->desk.done = true;
}

/* Lets it write what is left, and end. */
static void desk_dismiss(struct supervisor *supervisor)
{
	struct child *control = &supervisor->control;

	if (control->leaves && clock_microseconds() >= supervisor->desk.deadline) {
		log_message(LOG_LEVEL_ERROR, "%s has not ended in time and is killed", control->name);
		kill(control->pid, SIGKILL);
	}
	if (control->leaves || !child_is_ready(control) || !feeds_are_told(&supervisor->feeds) ||
	    !desk_tell_reopened(supervisor))
		return;
	control->leaves = true;
	supervisor->desk.deadline = clock_microseconds() + DESK_END_SECONDS * DESK_SECOND;
	shutdown(supervisor->desk.channel, SHUT_WR);
}

void desk_tend(struct supervisor *supervisor, bool look)
{
	struct child *control = &supervisor->control;

	desk_reap(supervisor);
	if (look)
		child_watch(control, supervisor->config->watchdog);
	if (control->pid) {
		desk_take_orders(supervisor);
		desk_answer_reload(supervisor);
		if (!control->leaves)
			feeds_tell(&supervisor->feeds, supervisor->desk.channel);
		if (!control->leaves)
			desk_tell_reopened(supervisor);
		if (desk_is_last(supervisor))
			desk_dismiss(supervisor);
	} else if (!supervisor->desk.done && child_may_restart(control, look)) {
		desk_start(supervisor);
	}
}

bool desk_is_done(const struct supervisor *supervisor)
{
	return supervisor->desk.done;
}

void desk_go_on(struct supervisor *supervisor)
{
	supervisor->desk.done = false;
	supervisor->desk.deaths = 0;
}
