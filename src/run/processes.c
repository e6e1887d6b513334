/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What concerns all processes of a service at once, whichever file looks after each. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run/internal.h"

void *supervisor_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* A process takes SIGHUP once it has a handler; until then SIGTERM ends it. */
static void supervisor_unblock(const struct supervisor *supervisor)
{
	sigset_t signals = supervisor->signals;

	sigdelset(&signals, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/* Only control has the other end, and the files. */
static void supervisor_leave_desk(struct supervisor *supervisor, const struct child *kept)
{
	if (supervisor->desk.channel >= 0)
		close(supervisor->desk.channel);
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		if (supervisor->desk.files[i] >= 0 && kept != &supervisor->control)
			close(supervisor->desk.files[i]);
	/* A process that reads from peers must not say how the service stands. */
	if (kept != &supervisor->control) {
		doors_leave(supervisor);
		witness_close(supervisor);
		munmap(supervisor->page, sizeof(*supervisor->page));
	}
}

void supervisor_forget_rules(struct supervisor *supervisor, bool shows)
{
	struct rules_guard *guard = &supervisor->rules;

	rulewatch_close(&guard->watch);
	if (guard->sight)
		munmap(guard->sight, sizeof(*guard->sight));
	guard->sight = NULL;
	if (shows || !guard->page)
		return;
	munmap(guard->page, sizeof(*guard->page));
	guard->page = NULL;
}

/* Processes with sessions read what the resolver has found. */
static void supervisor_leave_names(struct supervisor *supervisor, const struct child *kept)
{
	if (kept == &supervisor->resolver)
		return;
	child_close(&supervisor->resolver);
	mprotect(supervisor->names, sizeof(*supervisor->names), PROT_READ);
}

static void supervisor_leave_posts(struct supervisor *supervisor, const struct child *kept)
{
	bool counts = false;

	for (uint32_t i = 0; i < supervisor->post_count; i++) {
		struct post *post = &supervisor->posts[i];

		counts = counts || kept == &post->worker;
		if (kept != &post->worker)
			child_close(&post->worker);
		if (kept != &post->broker)
			child_close(&post->broker);
	}
	if (supervisor->share && !counts)
		munmap(supervisor->share, supervisor->share_size);
}

static bool supervisor_is_broker(const struct supervisor *supervisor, const struct child *child)
{
	bool is = false;

	for (uint32_t i = 0; i < supervisor->post_count; i++)
		is = is || child == &supervisor->posts[i].broker;
	return is;
}

/* In the new process. */
static void supervisor_leave(void *context, const struct child *kept)
{
	struct supervisor *supervisor = context;
	const bool broker = supervisor_is_broker(supervisor, kept);

	supervisor_leave_posts(supervisor, kept);
	if (!broker)
		munmap(supervisor->policies, sizeof(*supervisor->policies));
	if (kept != &supervisor->control)
		child_close(&supervisor->control);
	supervisor_leave_names(supervisor, kept);
	if (!broker && kept != &supervisor->control)
		supervisor_unblock(supervisor);
	supervisor_leave_desk(supervisor, kept);
	record_writer_close(&supervisor->events);
	supervisor_forget_rules(supervisor, kept == &supervisor->control);
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		generation_leave(&supervisor->generation[i], kept);
	feeds_leave(&supervisor->feeds, kept->feed);
}

struct child_home supervisor_home(struct supervisor *supervisor)
{
	return (struct child_home){ .leave = supervisor_leave, .context = supervisor };
}

bool supervisor_has_workers(const struct supervisor *supervisor)
{
	bool any = false;

	for (uint32_t i = 0; i < supervisor->post_count; i++)
		any = any || supervisor->posts[i].worker.pid || supervisor->posts[i].broker.pid;
	return any;
}

bool supervisor_has_others(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++)
		if (supervisor->generation[i].state != GENERATION_NONE)
			return true;
	return supervisor_has_workers(supervisor) || supervisor->trial || supervisor->resolver.pid;
}

bool supervisor_has_processes(const struct supervisor *supervisor)
{
	return supervisor_has_others(supervisor) || supervisor->control.pid || !supervisor->desk.done;
}

/* Control ends after all others. */
static void supervisor_signal(struct supervisor *supervisor, int number)
{
	/* A broker ends with its worker. */
	for (uint32_t i = 0; i < supervisor->post_count; i++)
		if (supervisor->posts[i].worker.pid)
			kill(supervisor->posts[i].worker.pid, number);
	if (supervisor->resolver.pid && number != SIGHUP)
		kill(supervisor->resolver.pid, number);
	for (size_t i = 0; i < SUPERVISOR_GENERATIONS; i++) {
		const struct generation *generation = &supervisor->generation[i];

		if (generation->state == GENERATION_NONE || (number == SIGHUP && generation == supervisor->next))
			continue;
		if (generation->trial.pid)
			kill(generation->trial.pid, number);
		for (uint32_t j = 0; j < generation->members; j++)
			if (generation->member[j].proxy.pid)
				kill(generation->member[j].proxy.pid, number);
		if (generation->keys.pid && number != SIGHUP)
			kill(generation->keys.pid, number);
	}
}

void supervisor_tell(struct supervisor *supervisor, enum notice_type type, enum reason reason, const char *text,
		     uint64_t count)
{
	const struct notice notice = {
		.type = type, .reason = reason, .count = count,
		.text = { (const uint8_t *)text, text ? strlen(text) : 0 },
	};

	record_put(&supervisor->events, &notice);
}

void supervisor_enforce(struct supervisor *supervisor, const struct policy *policy)
{
	struct broker_page *policies = supervisor->policies;
	const uint32_t turn = atomic_load(&policies->turn) + 1;

	/*
	 * The broker has no files, so the policy that was read again comes to it from here, and first: what a worker asks
	 * for by a wider policy must not be refused. Processes with peers read the file themselves, and report what is wrong
	 * with it; those that are started later begin with this policy.
	 */
	standing_refuse(supervisor, "");
	standing_note_config(supervisor);
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
