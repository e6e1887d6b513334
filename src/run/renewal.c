/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Which generation of the proxy serves. What a reload brings is tried beside what runs, and takes its place once it is
 * ready:
 *
 *   SIGHUP --> the file is read --bad--------------------------------> reported; nothing has changed
 *                 |
 *                 |--nothing but the policy has changed--> it is enforced
 *                 |--no proxy is wanted any more---------> the policy is enforced; the one that serves drains
 *                 v
 *              next: STARTING --a key, a certificate, a socket is bad--> reported; nothing has changed
 *                 | ready
 *                 v
 *              serving <- next; the policy is enforced; the one before it drains
 *
 * So all of the file is in force, or nothing of it. Sessions stay with the generation that they began in; the policy is the
 * same for all generations. One reload at a time: however many come meanwhile, one more follows.
 *
 * A proxy that dies is replaced in its generation, and its successor finds what waited in the inlets. How many sessions were
 * lost with it stands in its page. One that drains is not replaced: none of its sessions could go on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/internal.h"

#define RENEWAL_ERROR_MAX (HEARTBEAT_FAULT_MAX + 64)

static bool renewal_wants_proxy(const struct supervisor *supervisor, const struct config *config)
{
	return supervisor->kind == SUPERVISE_PROXY || config_terminates(config);
}

static struct generation *renewal_find_place(struct supervisor *supervisor)
{
	struct generation *oldest = NULL;

	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++) {
		struct generation *generation = &supervisor->generation[i];

		if (generation->state == GENERATION_NONE)
			return generation;
		if (generation->state == GENERATION_DRAINING && (!oldest || generation->deadline < oldest->deadline))
			oldest = generation;
	}
	/* One always drains here: there are more places than those for the one that serves and the one that begins. */
	log_message(LOG_LEVEL_WARNING, "%d proxies serve sessions to their end: the oldest is ended, with %u sessions",
		    SUPERVISOR_GENERATIONS - 1, generation_count_sessions(oldest));
	supervisor_tell(supervisor, NOTICE_SESSIONS_LOST, REASON_NONE, NULL, generation_count_sessions(oldest));
	if (supervisor->leaving == oldest)
		supervisor->leaving = NULL;
	generation_discard(oldest);
	return oldest;
}

static void renewal_refuse(struct supervisor *supervisor, const char *fault)
{
	standing_refuse(supervisor, fault);
	log_message(LOG_LEVEL_ERROR, "%s was not taken over; all stays as it was: %s", supervisor->config_path, fault);
	supervisor_tell(supervisor, NOTICE_RELOAD, REASON_UNUSABLE, fault, 0);
}

/* False: it can't begin, which has been reported. */
static bool renewal_prepare(struct supervisor *supervisor, const struct config *config, bool reload)
{
	const struct child_home home = supervisor_home(supervisor);
	struct generation *generation = renewal_find_place(supervisor);

	if (generation_begin(generation, config, supervisor->config_path, supervisor->names, &supervisor->feeds,
			     &home)) {
		generation->reload = reload;
		supervisor->next = generation;
		return true;
	}
	if (reload || supervisor->serving)
		renewal_refuse(supervisor, "it did not begin");
	return false;
}

/* Reads the file into spare. False, with the first of its errors, all of which have been reported. */
static bool renewal_read(struct supervisor *supervisor, char *error, size_t size)
{
	char *text = NULL;
	size_t length = 0;
	FILE *errors = open_memstream(&text, &length);
	bool good = false;

	snprintf(error, size, "no memory");
	if (!errors)
		return false;
	good = config_load(supervisor->spare, supervisor->config_path, errors) == 0;
	if (fclose(errors) == 0 && !good) {
		log_lines(text);
		snprintf(error, size, "%.*s", (int)strcspn(text, "\n"), text);
	}
	free(text);
	if (good && supervisor->kind == SUPERVISE_PROXY && !supervisor->spare->proxy.port) {
		snprintf(error, size, "%s has no section [proxy]", supervisor->config_path);
		good = false;
	}
	return good;
}

/* Would the generation that serves be the same, but for its policy? */
static bool renewal_is_current(const struct supervisor *supervisor)
{
	const struct generation *serving = supervisor->serving;
	struct sources sources;

	if (!renewal_wants_proxy(supervisor, supervisor->spare))
		return true;
	if (!serving || !serving->config)
		return false;
	sources_look(&sources, supervisor->spare);
	return sources_are_same(&serving->sources, serving->config, &sources, supervisor->spare);
}

/* Once it is closed, no session begins any more in a generation before the one that serves. */
static void renewal_tend_leaving(struct supervisor *supervisor)
{
	const struct generation *leaving = supervisor->leaving;

	if (!generation_is_closed(leaving))
		return;
	supervisor->leaving = NULL;
	log_message(LOG_LEVEL_NOTICE, "reloaded: a new proxy has all of %s; the one before it serves its sessions (%u) to their"
		    " end, for %u seconds at most", supervisor->config_path, generation_count_sessions(leaving),
		    leaving->drain_time);
	supervisor_tell(supervisor, NOTICE_RELOAD, REASON_NONE, NULL, 0);
}

static void renewal_retire(struct supervisor *supervisor, struct generation *generation)
{
	if (supervisor->serving == generation)
		supervisor->serving = NULL;
	if (generation_has_proxy(generation))
		generation_drain(generation);
	else
		generation_discard(generation);
}

bool renewal_begin(struct supervisor *supervisor)
{
	if (renewal_wants_proxy(supervisor, supervisor->config))
		return renewal_prepare(supervisor, supervisor->config, false);
	if (supervisor->serving)
		renewal_retire(supervisor, supervisor->serving);
	return true;
}

/* One thing at a time. If another program takes this one's place meanwhile, it will have read the configuration. */
static bool renewal_must_wait(const struct supervisor *supervisor)
{
	return supervisor->next || supervisor->leaving || supervisor->trial || supervisor->departing;
}

void renewal_reload(struct supervisor *supervisor)
{
	char error[RENEWAL_ERROR_MAX];

	if (supervisor->ending)
		return;
	if (renewal_must_wait(supervisor)) {
		supervisor->again = true;
		return;
	}
	if (!renewal_read(supervisor, error, sizeof(error))) {
		renewal_refuse(supervisor, error);
		return;
	}
	if (!renewal_is_current(supervisor)) {
		renewal_prepare(supervisor, supervisor->spare, true);
		return;
	}
	supervisor_enforce(supervisor, &supervisor->spare->policy);
	if (supervisor->serving && !renewal_wants_proxy(supervisor, supervisor->spare))
		renewal_retire(supervisor, supervisor->serving);
	else if (supervisor->serving)
		supervisor->serving->config->policy = supervisor->spare->policy;
}

static void renewal_take_over(struct supervisor *supervisor, struct generation *generation)
{
	struct generation *former = supervisor->serving;

	generation->state = GENERATION_SERVING;
	standing_note_certificates(supervisor, generation->config);
	generation->keys.was_ready = true;
	for (uint32_t i = 0; i < generation->members; i++)
		generation->member[i].proxy.was_ready = true;
	supervisor->next = NULL;
	supervisor->serving = generation;
	if (generation->reload)
		supervisor_enforce(supervisor, &generation->config->policy);
	if (!former)
		return;
	renewal_retire(supervisor, former);
	if (former->state == GENERATION_DRAINING)
		supervisor->leaving = former;
}

static void renewal_give_up(struct supervisor *supervisor, struct generation *generation)
{
	const bool first = !generation->reload && !supervisor->serving;
	char fault[RENEWAL_ERROR_MAX];

	generation_explain(generation, fault, sizeof(fault));
	generation_discard(generation);
	supervisor->next = NULL;
	if (first) {
		supervisor_tell(supervisor, NOTICE_ANOMALY, REASON_SHUTDOWN, fault, 0);
		supervisor_end(supervisor, -1);
	} else {
		renewal_refuse(supervisor, fault);
	}
}

static void renewal_tend_next(struct supervisor *supervisor)
{
	const struct child_home home = supervisor_home(supervisor);
	struct generation *generation = supervisor->next;

	switch (generation_advance(generation, supervisor->serving, &home)) {
	case GENERATION_WAITS:
		break;
	case GENERATION_READY:
		renewal_take_over(supervisor, generation);
		break;
	case GENERATION_FAILED:
		renewal_give_up(supervisor, generation);
		break;
	}
}

/* Reports how many sessions a killed proxy had. */
static void renewal_tell_loss(struct supervisor *supervisor, const struct child *proxy, int status)
{
	const uint32_t sessions = atomic_load(&proxy->page->sessions);

	if (!WIFSIGNALED(status) || sessions == 0)
		return;
	log_message(LOG_LEVEL_ERROR, "%u sessions were lost with %s", sessions, proxy->name);
	supervisor_tell(supervisor, NOTICE_SESSIONS_LOST, REASON_NONE, NULL, sessions);
}

/* Has it ended? If so, says how, unless that was expected. */
static bool renewal_reap(struct supervisor *supervisor, const struct generation *generation, struct child *child,
			 int *status)
{
	const bool drains = generation->state == GENERATION_DRAINING;

	if (!child_reap(child, status))
		return false;
	if (supervisor->ending)
		supervisor_take_end(supervisor, child, *status);
	else if (!drains || !child_ended_well(*status))
		child_tell_death(child, *status, drains ? "" : child->fate);
	return true;
}

static void renewal_reap_all(struct supervisor *supervisor, struct generation *generation)
{
	int status;

	renewal_reap(supervisor, generation, &generation->trial, &status);
	renewal_reap(supervisor, generation, &generation->keys, &status);
	for (uint32_t i = 0; i < generation->members; i++) {
		struct generation_member *member = &generation->member[i];

		if (!renewal_reap(supervisor, generation, &member->proxy, &status))
			continue;
		generation_take_back(generation, member);
		if (!supervisor->ending)
			renewal_tell_loss(supervisor, &member->proxy, status);
		/* The sessions of the others go on, and still count. */
		atomic_store(&member->proxy.page->sessions, 0);
	}
}

/* Starts again what has ended, where it is time for that. */
static void renewal_restart(struct supervisor *supervisor, struct generation *generation, bool look)
{
	const struct child_home home = supervisor_home(supervisor);

	if (!generation->keys.pid && child_may_restart(&generation->keys, look))
		child_start(&generation->keys, &home);
	for (uint32_t i = 0; i < generation->members; i++) {
		struct generation_member *member = &generation->member[i];

		if (member->proxy.pid || !child_may_restart(&member->proxy, look))
			continue;
		member->restarts++;
		child_start(&member->proxy, &home);
	}
}

static void renewal_tend_serving(struct supervisor *supervisor, struct generation *generation, bool look)
{
	bool whole = true;

	if (generation->config) {
		renewal_restart(supervisor, generation, look);
		return;
	}
	/* None of its processes can be started again: if one of its proxy's dies, this program's own generation is due. */
	for (uint32_t i = 0; i < generation->members; i++)
		whole = whole && generation->member[i].proxy.pid;
	if (!whole && !supervisor->next && child_may_restart(&generation->keys, look))
		renewal_prepare(supervisor, supervisor->config, false);
}

static void renewal_tend_draining(struct supervisor *supervisor, struct generation *generation)
{
	const bool late = clock_microseconds() >= generation->deadline && !supervisor->ending;

	if (supervisor->leaving == generation)
		renewal_tend_leaving(supervisor);
	if (generation_has_ended(generation)) {
		log_message(LOG_LEVEL_NOTICE, "a proxy that was replaced has ended");
		generation_discard(generation);
	} else if (!generation_has_proxy(generation)) {
		kill(generation->keys.pid, SIGTERM);
	} else if (late) {
		log_message(LOG_LEVEL_ERROR, "a proxy that was replaced has not ended in time and is killed");
		for (uint32_t i = 0; i < generation->members; i++)
			if (generation->member[i].proxy.pid)
				kill(generation->member[i].proxy.pid, SIGKILL);
	}
}

static void renewal_tend_one(struct supervisor *supervisor, struct generation *generation, bool look)
{
	renewal_reap_all(supervisor, generation);
	for (uint32_t i = 0; look && i < generation->members; i++)
		child_watch(&generation->member[i].proxy, supervisor->config->watchdog);
	if (look)
		child_watch(&generation->keys, supervisor->config->watchdog);
	if (supervisor->ending) {
		if (generation_has_ended(generation))
			generation_discard(generation);
	} else if (generation->state == GENERATION_SERVING) {
		renewal_tend_serving(supervisor, generation, look);
	} else {
		renewal_tend_draining(supervisor, generation);
	}
}

void renewal_tend(struct supervisor *supervisor, bool look)
{
	if (supervisor->next && !supervisor->ending)
		renewal_tend_next(supervisor);
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++) {
		struct generation *generation = &supervisor->generation[i];

		if (generation->state != GENERATION_NONE && (generation != supervisor->next || supervisor->ending))
			renewal_tend_one(supervisor, generation, look);
	}
	if (supervisor->again && !renewal_must_wait(supervisor)) {
		supervisor->again = false;
		renewal_reload(supervisor);
	}
}
