/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor reads nothing from a peer, and no key. It starts a worker with its broker (broker.c) and, where the policy
 * terminates TLS, generations of the proxy (renewal.c), or these alone; waits for them; and looks once a second at a counter
 * that each one's loop moves, in a page that it maps with that one alone.
 *
 *   STARTING --ready--> RUNNING --died, hung--> PAUSE --none, or a second--> STARTING
 *      |  (the first time: give up)                |
 *      +------------------- SIGTERM, SIGINT -------+--> end
 *
 * Who ends is replaced at once, since clients wait; who does it again and again, after a second.
 *
 * A queue that a hung process holds is not bypassed: the kernel sees somebody who listens. So a process whose counter has
 * stood still for `watchdog` looks in a row is killed. Looks are counted, not seconds: if the whole machine stood still,
 * or this process did, the other has done nothing wrong.
 *
 * What a worker agreed lives in the kernel; the next one adopts the connections that go on. What the proxy relays ends
 * with it. A worker and its broker are one: they begin with a socket whose two ends are theirs alone, neither lives without
 * the other, and the next pair begins when both have ended. A reload is passed on, and its policy is kept for those that
 * are started later. Giving up means all: a gateway that inspects what is in clear and leaves TLS to nobody is not what was
 * asked for.
 */
#include "run/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/internal.h"
#include "run/worker.h"

#define SUPERVISOR_SECOND UINT64_C(1000000)
/* While a generation begins, which tells it in its page. */
#define SUPERVISOR_GLANCE 10000000 /* nanoseconds */
#define SUPERVISOR_ERROR_MAX 512

static int supervisor_run_worker(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->owner;

	return worker_run(supervisor->config, supervisor->config_path, child->channel, child->page, self);
}

/* A broker ends with its channel, and not by signals that are meant for all of the service: they stay blocked. */
static int supervisor_run_broker(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->owner;

	if (mprotect(supervisor->policies, sizeof(*supervisor->policies), PROT_READ) < 0)
		return -1;
	return broker_run(supervisor->config, child->channel, supervisor->policies, child->page, self);
}

static const struct child worker_kind = {
	.name = "the worker", .title = "ftpalg-worker", .run = supervisor_run_worker,
	.fate = "; the next one takes over the connections that go on",
};
static const struct child broker_kind = {
	.name = "the broker", .title = "ftpalg-broker", .run = supervisor_run_broker,
	.fate = "; the worker ends with it, and both are started again",
};

/* Starts the worker, and its broker with it. */
static bool supervisor_start_gateway(struct supervisor *supervisor)
{
	struct child *worker = &supervisor->worker;
	struct child *broker = &supervisor->broker;
	const struct child_home home = supervisor_home(supervisor);
	int ends[2];
	bool started;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_message(LOG_LEVEL_ERROR, "can't start %s: %s", worker->name, strerror(errno));
		return false;
	}
	worker->channel = ends[0];
	broker->channel = ends[1];
	started = child_start(worker, &home) && child_start(broker, &home);
	child_close_channel(worker);
	child_close_channel(broker);
	return started;
}

/* One of the worker and its broker has ended: neither lives without the other. */
static void supervisor_reap(struct supervisor *supervisor, struct child *child, const struct child *partner)
{
	int status;

	if (!child_reap(child, &status))
		return;
	if (supervisor->ending) {
		supervisor_take_end(supervisor, child, status);
	} else if (!child->was_ready && !child->leaves) {
		/* What keeps the first one from starting (a taken queue) it has told, and it will last. */
		supervisor_end(supervisor, -1);
	} else {
		if (!child->leaves || !child_ended_well(status))
			child_tell_death(child, status, child->fate);
		if (partner->pid != 0 && !child->leaves)
			kill(partner->pid, SIGKILL);
	}
}

/* look: a second has passed without a signal. */
static void supervisor_tend_gateway(struct supervisor *supervisor, bool look)
{
	struct child *worker = &supervisor->worker;
	struct child *broker = &supervisor->broker;

	supervisor_reap(supervisor, worker, broker);
	supervisor_reap(supervisor, broker, worker);
	if (look) {
		child_watch(worker, supervisor->config->watchdog);
		child_watch(broker, supervisor->config->watchdog);
	}
	if (!supervisor->ending && !supervisor->departing && worker->pid == 0 && broker->pid == 0 &&
	    child_may_restart(worker, look))
		supervisor_start_gateway(supervisor);
}

static void supervisor_take_signal(struct supervisor *supervisor, int number)
{
	if (number == SIGHUP)
		renewal_reload(supervisor);
	if (number == SIGUSR2)
		supervisor->upgrade = true;
	if (number == SIGTERM || number == SIGINT)
		supervisor_end(supervisor, 0);
}

/* Something is under way that is told in a page. */
static bool supervisor_is_busy(const struct supervisor *supervisor)
{
	return supervisor->next || supervisor->leaving || supervisor->departing;
}

static int supervisor_loop(struct supervisor *supervisor)
{
	const struct timespec second = { .tv_sec = 1 };
	const struct timespec glance = { .tv_nsec = SUPERVISOR_GLANCE };
	uint64_t looked = clock_microseconds();

	while (!supervisor->ending || supervisor_has_processes(supervisor)) {
		const int number = sigtimedwait(&supervisor->signals, NULL, supervisor_is_busy(supervisor) ? &glance : &second);
		const uint64_t now = clock_microseconds();
		const bool look = number <= 0 && now - looked >= SUPERVISOR_SECOND;

		if (look)
			looked = now;
		log_flush();
		supervisor_take_signal(supervisor, number);
		if (supervisor->worker.name)
			supervisor_tend_gateway(supervisor, look);
		renewal_tend(supervisor, look);
		estate_tend(supervisor);
	}
	return supervisor->result;
}

static void *supervisor_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int supervisor_prepare(struct supervisor *supervisor, const struct config *config)
{
	supervisor->config = malloc(sizeof(*supervisor->config));
	supervisor->spare = malloc(sizeof(*supervisor->spare));
	supervisor->policies = supervisor_share(sizeof(*supervisor->policies));
	if (!supervisor->config || !supervisor->spare || !supervisor->policies) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	*supervisor->config = *config;
	supervisor->policies->policy[0] = config->policy;
	sigemptyset(&supervisor->signals);
	sigaddset(&supervisor->signals, SIGTERM);
	sigaddset(&supervisor->signals, SIGINT);
	sigaddset(&supervisor->signals, SIGHUP);
	sigaddset(&supervisor->signals, SIGUSR2);
	sigaddset(&supervisor->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &supervisor->signals, NULL);
	return 0;
}

/* Starts all, or goes on with what a program before this one has left. */
static int supervisor_begin(struct supervisor *supervisor)
{
	struct successor_estate estate;
	const bool inherited = successor_inherit(&estate);
	const bool gateway = supervisor->kind == SUPERVISE_GATEWAY;

	if (inherited)
		estate_take_over(supervisor, &estate);
	if (gateway &&
	    (!child_open(&supervisor->worker, &worker_kind, supervisor) ||
	     !child_open(&supervisor->broker, &broker_kind, supervisor) || !supervisor_start_gateway(supervisor)))
		return -1;
	return renewal_begin(supervisor) || inherited ? 0 : -1;
}

int supervisor_run(const struct config *config, const char *config_path, enum supervisor_kind kind)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
	int result = -1;

	if (!supervisor)
		return -1;
	supervisor->kind = kind;
	supervisor->config_path = config_path;
	successor_find(&supervisor->successor, kind == SUPERVISE_PROXY ? "proxy" : "run", config_path);
	if (supervisor_prepare(supervisor, config) == 0) {
		if (supervisor_begin(supervisor) < 0)
			supervisor_end(supervisor, -1);
		result = supervisor_loop(supervisor);
	}
	child_close(&supervisor->worker);
	child_close(&supervisor->broker);
	if (supervisor->policies)
		munmap(supervisor->policies, sizeof(*supervisor->policies));
	free(supervisor->config);
	free(supervisor->spare);
	free(supervisor);
	return result;
}

bool supervisor_goes_on(void)
{
	return successor_is_inheriting();
}

int supervisor_test(const struct config *config, enum supervisor_kind kind)
{
	char error[SUPERVISOR_ERROR_MAX] = "";
	struct tls *tls = NULL;

	if (!successor_could_inherit())
		snprintf(error, sizeof(error), "this program can't go on with what the one before it has started");
	else if (kind == SUPERVISE_PROXY || config_terminates(config))
		tls = proxy_read_keys(config, NULL, NULL, error, sizeof(error));
	if (error[0])
		log_message(LOG_LEVEL_ERROR, "%s", error);
	tls_close(tls);
	return error[0] ? -1 : 0;
}
