/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A package has put a new program in the place of this one. SIGUSR2 makes it run:
 *
 *   SIGUSR2 --> the new file is tried (-t) --it fails--> reported; nothing has changed
 *                  | it ends well
 *                  v
 *               all workers are ended; the next ones take over the connections that go on
 *               control is ended, after them
 *                  |
 *                  v
 *               execve --it fails--> reported; workers and control are started again
 *                  |
 *                  v
 *               the supervisor is the new program, and finds by the estate
 *                  a proxy that serves until a generation of the new program does, and then drains (renewal.c)
 *                  proxies that drain, which go on
 *
 * Of another program's processes nothing is read but their pages, their events, and what they count together; and they are
 * asked for nothing but to read the policy again, to end a session, to drain and to end.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/internal.h"

#define ESTATE_SECOND UINT64_C(1000000)
/* Reading the configuration and a few files. */
#define ESTATE_TRIAL_SECONDS 30

static bool estate_adopt_child(struct supervisor *supervisor, struct child *child, const struct child *kind,
			       const struct successor_child *left)
{
	struct feed *feed = feeds_adopt(&supervisor->feeds, kind->voice, left->feed_memory, left->feed_wake,
					left->first_session);

	return child_adopt(child, kind, left->pid, left->page_file, feed) && feed;
}

static void estate_adopt_pair(struct supervisor *supervisor, const struct successor_pair *pair, bool serves)
{
	struct generation *generation = supervisor->generation;
	bool good;

	while (generation->state != GENERATION_NONE)
		generation++;
	*generation = (struct generation){
		.state = serves ? GENERATION_SERVING : GENERATION_DRAINING,
		.inlets = { .listener = { -1, -1 }, .queue = -1 }, .drain_time = pair->drain_time,
		.deadline = pair->deadline,
	};
	if (serves)
		supervisor->serving = generation;
	good = estate_adopt_child(supervisor, &generation->keys, &generation_keys_kind, &pair->keys) &&
	       generation_make_members(generation, pair->members, pair->counts_file, pair->counts_sources);
	for (uint32_t i = 0; i < generation->members; i++)
		good = estate_adopt_child(supervisor, &generation->member[i].proxy, &generation_proxy_kind,
					  &pair->proxy[i]) && good;
	if (!good)
		supervisor_end(supervisor, -1);
}

void estate_take_over(struct supervisor *supervisor, const struct successor_estate *estate)
{
	/* As many as a program can have. To make room for the next one that begins, renewal.c ends the oldest. */
	const uint32_t places = SUPERVISOR_GENERATIONS - (estate->serves ? 1 : 0);

	supervisor->feeds.sessions = estate->sessions;
	if (estate->serves) {
		estate_adopt_pair(supervisor, &estate->serving, true);
		supervisor->serving->inlets = estate->inlets;
	}
	for (uint32_t i = 0; i < estate->draining_count && i < places; i++)
		estate_adopt_pair(supervisor, &estate->draining[i], false);
	/* This program has read the policy; those processes have not. */
	supervisor_enforce(supervisor, &supervisor->config->policy);
}

static struct successor_child estate_of(const struct child *child)
{
	return (struct successor_child){
		.pid = child->pid, .page_file = child->page_file, .feed_memory = child->feed->memory,
		.feed_wake = child->feed->wake, .first_session = child->feed->first_session,
	};
}

static struct successor_pair estate_of_pair(const struct generation *generation)
{
	struct successor_pair pair = {
		.keys = estate_of(&generation->keys), .members = generation->members, .counts_file = generation->counts_file,
		.counts_sources = generation->counts_sources, 
		.drain_time = generation->drain_time, .deadline = generation->deadline,
	};

	for (uint32_t i = 0; i < generation->members; i++)
		pair.proxy[i] = estate_of(&generation->member[i].proxy);
	return pair;
}

/* Returns only if it fails, with errno. */
static void estate_leave(struct supervisor *supervisor)
{
	struct successor_estate estate = { .sessions = supervisor->feeds.sessions };

	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++) {
		const struct generation *generation = &supervisor->generation[i];

		if (generation->state == GENERATION_DRAINING)
			estate.draining[estate.draining_count++] = estate_of_pair(generation);
	}
	if (supervisor->serving) {
		estate.serves = true;
		estate.inlets = supervisor->serving->inlets;
		estate.serving = estate_of_pair(supervisor->serving);
	}
	rules_end(supervisor);
	names_end(supervisor);
	log_finish();
	successor_become(&supervisor->successor, &estate);
}

static void estate_refuse(struct supervisor *supervisor, const char *fault)
{
	standing_refuse(supervisor, fault);
	log_message(LOG_LEVEL_ERROR, "%s was not started; all stays as it was: %s", supervisor->successor.program, fault);
	supervisor_tell(supervisor, NOTICE_RELOAD, REASON_UNUSABLE, fault, 0);
}

static void estate_begin_trial(struct supervisor *supervisor)
{
	supervisor->upgrade = false;
	supervisor->trial = successor_try(&supervisor->successor);
	supervisor->trial_deadline = clock_microseconds() + ESTATE_TRIAL_SECONDS * ESTATE_SECOND;
	if (supervisor->trial > 0)
		return;
	supervisor->trial = 0;
	estate_refuse(supervisor, strerror(errno));
}

static void estate_tend_trial(struct supervisor *supervisor)
{
	int status;

	if (clock_microseconds() >= supervisor->trial_deadline || supervisor->ending)
		kill(supervisor->trial, SIGKILL);
	if (waitpid(supervisor->trial, &status, WNOHANG) != supervisor->trial)
		return;
	supervisor->trial = 0;
	if (supervisor->ending)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		estate_refuse(supervisor, "the new program does not take the configuration");
		return;
	}
	supervisor->departing = true;
	posts_dismiss(supervisor);
}

void estate_tend(struct supervisor *supervisor)
{
	if (supervisor->trial) {
		estate_tend_trial(supervisor);
	} else if (supervisor->ending || supervisor->next || supervisor->leaving) {
		return;
	} else if (supervisor->departing) {
		/* Control is the last to end: by then it has written everything. */
		if (supervisor_has_workers(supervisor) || !desk_is_done(supervisor))
			return;
		estate_leave(supervisor);
		supervisor->departing = false;
		desk_go_on(supervisor);
		estate_refuse(supervisor, strerror(errno));
	} else if (supervisor->upgrade) {
		estate_begin_trial(supervisor);
	}
}
