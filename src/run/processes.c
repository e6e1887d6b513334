/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What concerns all processes of a service at once, whoever looks after each. */
#include <string.h>
#include <sys/mman.h>

#include "host/journal.h"
#include "run/internal.h"

/* It takes SIGHUP once it has a handler, and ends by SIGTERM until then. */
static void supervisor_unblock(const struct supervisor *supervisor)
{
	sigset_t signals = supervisor->signals;

	sigdelset(&signals, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/* In the new process. */
static void supervisor_leave(void *context, const struct child *kept)
{
	struct supervisor *supervisor = context;

	if (kept != &supervisor->worker)
		child_close(&supervisor->worker);
	if (kept != &supervisor->broker) {
		child_close(&supervisor->broker);
		munmap(supervisor->policies, sizeof(*supervisor->policies));
		supervisor_unblock(supervisor);
	}
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		generation_leave(&supervisor->generation[i], kept);
}

struct child_home supervisor_home(struct supervisor *supervisor)
{
	return (struct child_home){ .leave = supervisor_leave, .context = supervisor };
}

bool supervisor_has_processes(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		if (supervisor->generation[i].state != GENERATION_NONE)
			return true;
	return supervisor->worker.pid || supervisor->broker.pid || supervisor->trial;
}

/* A broker ends with its worker. */
static void supervisor_signal(struct supervisor *supervisor, int number)
{
	if (supervisor->worker.pid)
		kill(supervisor->worker.pid, number);
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++) {
		const struct generation *generation = &supervisor->generation[i];

		if (generation->state == GENERATION_NONE || (number == SIGHUP && generation == supervisor->next))
			continue;
		if (generation->trial.pid)
			kill(generation->trial.pid, number);
		if (generation->proxy.pid)
			kill(generation->proxy.pid, number);
		if (generation->keys.pid && number != SIGHUP)
			kill(generation->keys.pid, number);
	}
}

void supervisor_tell(const struct supervisor *supervisor, enum notice_type type, enum reason reason, const char *text,
		     uint64_t count)
{
	const struct notice notice = {
		.type = type, .reason = reason, .count = count,
		.text = { (const uint8_t *)text, text ? strlen(text) : 0 },
	};
	struct journal journal;

	/* It has an event once a day; nothing stays open for that. */
	if (journal_open(&journal, supervisor->config) < 0)
		return;
	journal_notice(&journal, &notice);
	journal_close(&journal);
}

void supervisor_enforce(struct supervisor *supervisor, const struct policy *policy)
{
	struct broker_page *policies = supervisor->policies;
	const uint32_t turn = atomic_load(&policies->turn) + 1;

	/*
	 * The broker has no files, so the policy that was read again comes to it from here, and first: what a worker asks for by
	 * a wider policy must not be refused. Who has peers reads the file for itself, and tells what is wrong with it; those that
	 * come after them begin with this.
	 */
	supervisor->config->policy = *policy;
	policies->policy[turn % 2] = *policy;
	atomic_store(&policies->turn, turn);
	supervisor_signal(supervisor, SIGHUP);
}

void supervisor_end(struct supervisor *supervisor, int result)
{
	if (result)
		supervisor->result = result;
	supervisor->ending = true;
	supervisor_signal(supervisor, SIGTERM);
}

void supervisor_take_end(struct supervisor *supervisor, const struct child *child, int status)
{
	if (child_ended_well(status))
		return;
	child_tell_death(child, status, "");
	supervisor->result = -1;
}
