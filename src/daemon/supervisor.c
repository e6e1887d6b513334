/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor reads nothing from a peer. It starts a worker, waits for it, and looks once a second at a counter that
 * the worker's loop moves, in a page that both map.
 *
 *   STARTING --ready--> RUNNING --died, hung--> PAUSE --a second--> STARTING
 *      |  (the first time: give up)                |
 *      +------------------- SIGTERM, SIGINT -------+--> end
 *
 * A queue that a hung process holds is not bypassed: the kernel sees somebody who listens. So a worker whose counter has
 * stood still for `watchdog` looks in a row is killed. Looks are counted, not seconds: if the whole machine stood still,
 * or this process did, the worker has done nothing wrong.
 *
 * What was agreed lives in the kernel. The next worker adopts the connections that go on.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/worker.h"

struct supervisor {
	const struct config *config;
	const char *config_path;
	struct worker_page *page;
	sigset_t signals; /* that are waited for, and blocked outside of that */
	pid_t worker;     /* 0: none */
	bool was_ready;   /* some worker was, once */
	bool ending;
	uint64_t beat;    /* as last seen */
	uint32_t misses;  /* looks in a row that saw the same */
};

static int supervisor_start(struct supervisor *supervisor)
{
	const pid_t self = getpid();

	atomic_store(&supervisor->page->ready, false);
	supervisor->beat = atomic_load(&supervisor->page->beat);
	supervisor->misses = 0;
	supervisor->worker = fork();
	if (supervisor->worker == 0) {
		sigprocmask(SIG_UNBLOCK, &supervisor->signals, NULL);
		_exit(worker_run(supervisor->config, supervisor->config_path, supervisor->page, self) == 0 ? 0 : 1);
	}
	if (supervisor->worker > 0)
		return 0;
	log_message(LOG_LEVEL_ERROR, "can't start a worker: %s", strerror(errno));
	supervisor->worker = 0;
	return -1;
}

static void supervisor_tell_death(const struct supervisor *supervisor, int status)
{
	const char *fate = supervisor->ending ? "" : "; the next one takes over the connections that go on";

	if (WIFSIGNALED(status) && !(supervisor->ending && WTERMSIG(status) == SIGTERM))
		log_message(LOG_LEVEL_ERROR, "the worker was ended by signal %d (%s)%s", WTERMSIG(status),
			    strsignal(WTERMSIG(status)), fate);
	else if (!supervisor->ending)
		log_message(LOG_LEVEL_ERROR, "the worker ended by itself with status %d%s", WEXITSTATUS(status), fate);
}

/* Takes the end of the worker, if it has ended. Returns -1 if there is no use in starting another. */
static int supervisor_reap(struct supervisor *supervisor, int *result)
{
	int status;

	if (supervisor->worker == 0 || waitpid(supervisor->worker, &status, WNOHANG) != supervisor->worker)
		return 0;
	supervisor->worker = 0;
	supervisor->was_ready = supervisor->was_ready || atomic_load(&supervisor->page->ready);
	if (supervisor->ending) {
		supervisor_tell_death(supervisor, status);
		*result = WIFEXITED(status) ? -WEXITSTATUS(status) : -1;
		return -1;
	}
	/* What keeps the first worker from starting (a taken queue, a missing privilege) it has told, and it will last. */
	if (!supervisor->was_ready) {
		*result = -1;
		return -1;
	}
	supervisor_tell_death(supervisor, status);
	return 0;
}

static void supervisor_watch(struct supervisor *supervisor)
{
	const uint64_t beat = atomic_load(&supervisor->page->beat);
	const uint32_t limit = supervisor->config->watchdog;

	if (supervisor->worker == 0 || limit == 0 || !atomic_load(&supervisor->page->ready) || supervisor->ending)
		return;
	supervisor->misses = beat == supervisor->beat ? supervisor->misses + 1 : 0;
	supervisor->beat = beat;
	if (supervisor->misses < limit)
		return;
	log_message(LOG_LEVEL_ERROR, "the worker has not moved for %u seconds and is killed", limit);
	kill(supervisor->worker, SIGKILL);
	supervisor->misses = 0;
}

static void supervisor_take_signal(struct supervisor *supervisor, int number)
{
	if (number == SIGTERM || number == SIGINT)
		supervisor->ending = true;
	if (supervisor->worker != 0 && (number == SIGTERM || number == SIGINT || number == SIGHUP))
		kill(supervisor->worker, number);
}

static int supervisor_loop(struct supervisor *supervisor)
{
	const struct timespec second = { .tv_sec = 1 };
	int result = supervisor_start(supervisor);

	while (result == 0) {
		const int number = sigtimedwait(&supervisor->signals, NULL, &second);

		supervisor_take_signal(supervisor, number);
		if (supervisor_reap(supervisor, &result) < 0)
			break;
		if (number > 0)
			continue;
		/* A quiet second has passed, so workers that die at once are not started over and over. */
		supervisor_watch(supervisor);
		if (supervisor->worker == 0 && !supervisor->ending)
			supervisor_start(supervisor);
		if (supervisor->worker == 0 && supervisor->ending)
			break;
	}
	return result;
}

int supervisor_run(const struct config *config, const char *config_path)
{
	struct supervisor supervisor = { .config = config, .config_path = config_path };
	int result;

	supervisor.page = mmap(NULL, sizeof(*supervisor.page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (supervisor.page == MAP_FAILED) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	sigemptyset(&supervisor.signals);
	sigaddset(&supervisor.signals, SIGTERM);
	sigaddset(&supervisor.signals, SIGINT);
	sigaddset(&supervisor.signals, SIGHUP);
	sigaddset(&supervisor.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &supervisor.signals, NULL);
	result = supervisor_loop(&supervisor);
	munmap(supervisor.page, sizeof(*supervisor.page));
	return result;
}
