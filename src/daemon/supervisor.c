/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor reads nothing from a peer, and no key. It starts a worker and, where the policy terminates TLS, the
 * proxy; waits for them; and looks once a second at a counter that each one's loop moves, in a page that it maps with
 * that one alone.
 *
 *   STARTING --ready--> RUNNING --died, hung--> PAUSE --a second--> STARTING
 *      |  (the first time: give up)                |
 *      +------------------- SIGTERM, SIGINT -------+--> end
 *
 * A queue that a hung process holds is not bypassed: the kernel sees somebody who listens. So a process whose counter has
 * stood still for `watchdog` looks in a row is killed. Looks are counted, not seconds: if the whole machine stood still,
 * or this process did, the other has done nothing wrong.
 *
 * What a worker agreed lives in the kernel; the next one adopts the connections that go on. What the proxy relays ends
 * with it. A reload is passed on to both, and its policy is kept for those that are started later. Giving up means both: a
 * gateway that inspects what is in clear and leaves TLS to nobody is not what was asked for.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/proxy.h"
#include "daemon/worker.h"

#define SUPERVISOR_CHILDREN 2

typedef int child_run(const struct config *config, const char *config_path, struct worker_page *page, pid_t supervisor);

struct child {
	const char *name;
	const char *fate; /* what becomes of its connections when it dies */
	child_run *run;
	struct worker_page *page;
	pid_t pid;        /* 0: none */
	bool was_ready;   /* some process in this place was, once */
	uint64_t beat;    /* as last seen */
	uint32_t misses;  /* looks in a row that saw the same */
};

struct supervisor {
	struct config *config; /* as at the start, with the policy that was read last */
	struct config *spare;
	const char *config_path;
	sigset_t signals; /* that are waited for, and blocked outside of that */
	struct child child[SUPERVISOR_CHILDREN];
	size_t count;
	bool ending;
	int result;
};

/* In the new process. It takes SIGHUP once it has a handler, and ends by SIGTERM until then. */
static _Noreturn void supervisor_become(const struct supervisor *supervisor, const struct child *child, pid_t parent)
{
	sigset_t signals = supervisor->signals;
	int result;

	sigdelset(&signals, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	log_forget();
	result = child->run(supervisor->config, supervisor->config_path, child->page, parent);
	log_finish();
	_exit(result == 0 ? 0 : 1);
}

static int supervisor_start(struct supervisor *supervisor, struct child *child)
{
	const pid_t self = getpid();

	atomic_store(&child->page->ready, false);
	child->beat = atomic_load(&child->page->beat);
	child->misses = 0;
	child->pid = fork();
	if (child->pid == 0) {
		for (size_t i = 0; i < supervisor->count; i++)
			if (&supervisor->child[i] != child)
				munmap(supervisor->child[i].page, sizeof(*supervisor->child[i].page));
		supervisor_become(supervisor, child, self);
	}
	if (child->pid > 0)
		return 0;
	log_message(LOG_LEVEL_ERROR, "can't start %s: %s", child->name, strerror(errno));
	child->pid = 0;
	return -1;
}

/* Did it end as it was told to? Before it has handlers, a signal that asks for the end ends it. */
static bool supervisor_is_clean(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT
				   : WEXITSTATUS(status) == 0;
}

static void supervisor_tell_death(const struct supervisor *supervisor, const struct child *child, int status)
{
	const char *fate = supervisor->ending ? "" : child->fate;

	if (supervisor->ending && supervisor_is_clean(status))
		return;
	if (WIFSIGNALED(status))
		log_message(LOG_LEVEL_ERROR, "%s was ended by signal %d (%s)%s", child->name, WTERMSIG(status),
			    strsignal(WTERMSIG(status)), fate);
	else if (!supervisor->ending)
		log_message(LOG_LEVEL_ERROR, "%s ended by itself with status %d%s", child->name, WEXITSTATUS(status),
			    fate);
}

static void supervisor_signal(const struct supervisor *supervisor, int number)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->child[i].pid != 0)
			kill(supervisor->child[i].pid, number);
}

/* Takes the child's end, if it has ended. */
static void supervisor_reap(struct supervisor *supervisor, struct child *child)
{
	int status;

	if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid)
		return;
	child->pid = 0;
	child->was_ready = child->was_ready || atomic_load(&child->page->ready);
	if (supervisor->ending) {
		supervisor_tell_death(supervisor, child, status);
		if (!supervisor_is_clean(status))
			supervisor->result = -1;
		return;
	}
	if (child->was_ready) {
		supervisor_tell_death(supervisor, child, status);
		return;
	}
	/* What keeps the first one from starting (a taken queue, an unreadable key) it has told, and it will last. */
	supervisor->result = -1;
	supervisor->ending = true;
	supervisor_signal(supervisor, SIGTERM);
}

static void supervisor_watch(const struct supervisor *supervisor, struct child *child)
{
	const uint64_t beat = atomic_load(&child->page->beat);
	const uint32_t limit = supervisor->config->watchdog;

	if (child->pid == 0 || limit == 0 || !atomic_load(&child->page->ready))
		return;
	child->misses = beat == child->beat ? child->misses + 1 : 0;
	child->beat = beat;
	if (child->misses < limit)
		return;
	log_message(LOG_LEVEL_ERROR, "%s has not moved for %u seconds and is killed", child->name, limit);
	kill(child->pid, SIGKILL);
	child->misses = 0;
}

/* The children read the file for themselves, and tell what is wrong with it; those that come after them begin with this. */
static void supervisor_reload(struct supervisor *supervisor)
{
	FILE *nowhere = fopen("/dev/null", "we");

	if (!nowhere)
		return;
	if (config_load(supervisor->spare, supervisor->config_path, nowhere) == 0)
		supervisor->config->policy = supervisor->spare->policy;
	fclose(nowhere);
}

static void supervisor_take_signal(struct supervisor *supervisor, int number)
{
	if (number == SIGHUP)
		supervisor_reload(supervisor);
	if (number == SIGTERM || number == SIGINT)
		supervisor->ending = true;
	if (number == SIGTERM || number == SIGINT || number == SIGHUP)
		supervisor_signal(supervisor, number);
}

static bool supervisor_has_children(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->child[i].pid != 0)
			return true;
	return false;
}

static void supervisor_start_all(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count && supervisor->result == 0; i++)
		supervisor->result = supervisor_start(supervisor, &supervisor->child[i]);
	if (supervisor->result == 0)
		return;
	supervisor->ending = true;
	supervisor_signal(supervisor, SIGTERM);
}

static int supervisor_loop(struct supervisor *supervisor)
{
	const struct timespec second = { .tv_sec = 1 };

	supervisor_start_all(supervisor);
	while (!supervisor->ending || supervisor_has_children(supervisor)) {
		const int number = sigtimedwait(&supervisor->signals, NULL, &second);

		log_flush();
		supervisor_take_signal(supervisor, number);
		for (size_t i = 0; i < supervisor->count; i++) {
			struct child *child = &supervisor->child[i];

			supervisor_reap(supervisor, child);
			if (number > 0)
				continue;
			/* A quiet second has passed, so processes that die at once are not started over and over. */
			supervisor_watch(supervisor, child);
			if (child->pid == 0 && !supervisor->ending)
				supervisor_start(supervisor, child);
		}
	}
	return supervisor->result;
}

/* Makes room for one more process. */
static int supervisor_add(struct supervisor *supervisor, const char *name, const char *fate, child_run *run)
{
	struct child *child = &supervisor->child[supervisor->count];

	*child = (struct child){ .name = name, .fate = fate, .run = run };
	child->page = mmap(NULL, sizeof(*child->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (child->page == MAP_FAILED) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	supervisor->count++;
	return 0;
}

/* Fills the places of those that are to run. */
static int supervisor_prepare(struct supervisor *supervisor, const struct config *config)
{
	supervisor->config = malloc(sizeof(*supervisor->config));
	supervisor->spare = malloc(sizeof(*supervisor->spare));
	if (!supervisor->config || !supervisor->spare) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	*supervisor->config = *config;
	if (supervisor_add(supervisor, "the worker", "; the next one takes over the connections that go on",
			   worker_run) < 0)
		return -1;
	if (!config_terminates(config))
		return 0;
	return supervisor_add(supervisor, "the proxy", "; the connections that it relayed have ended, the next one takes "
			      "new ones", proxy_run);
}

int supervisor_run(const struct config *config, const char *config_path)
{
	struct supervisor supervisor = { .config_path = config_path };
	int result = supervisor_prepare(&supervisor, config);

	sigemptyset(&supervisor.signals);
	sigaddset(&supervisor.signals, SIGTERM);
	sigaddset(&supervisor.signals, SIGINT);
	sigaddset(&supervisor.signals, SIGHUP);
	sigaddset(&supervisor.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &supervisor.signals, NULL);
	if (!result)
		result = supervisor_loop(&supervisor);
	for (size_t i = 0; i < supervisor.count; i++)
		munmap(supervisor.child[i].page, sizeof(*supervisor.child[i].page));
	free(supervisor.config);
	free(supervisor.spare);
	return result;
}
