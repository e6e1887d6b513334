/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor reads nothing from a peer, and no key. It starts a worker with its broker (broker.c) and, where the policy
 * terminates TLS, the proxy with its keys process (keys.c), or these alone; waits for them; and looks once a second at a counter that each one's loop
 * moves, in a page that it maps with that one alone.
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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/broker.h"
#include "base/clock.h"
#include "keys/keys.h"
#include "proxy/proxy.h"
#include "run/worker.h"

#define SUPERVISOR_CHILDREN 4
#define SUPERVISOR_NO_END (-1)
/* Restarts without a pause: one a second on average, and three at once. */
#define SUPERVISOR_SECOND UINT64_C(1000000)
#define SUPERVISOR_CREDIT (3 * SUPERVISOR_SECOND)

struct child;

typedef int child_run(const struct child *child, pid_t supervisor);

struct child {
	const struct supervisor *supervisor;
	const char *name;
	const char *title; /* as ps(1) shows it */
	const char *fate; /* what becomes of its connections when it dies */
	child_run *run;
	struct child *partner; /* NULL: it lives alone */
	int channel;           /* its end of the socket that it has with its partner, while it is started; or -1 */
	struct heartbeat *page;
	pid_t pid;        /* 0: none */
	uint64_t credit;  /* microseconds; a restart without a pause costs a second */
	uint64_t counted; /* when credit was computed */
	bool was_ready;   /* some process in this place was, once */
	uint64_t beat;    /* as last seen */
	uint32_t misses;  /* looks in a row that saw the same */
};

struct supervisor {
	struct config *config; /* as at the start, with the policy that was read last */
	struct config *spare;
	const char *config_path;
	struct broker_page *policies; /* the same, for the broker */
	sigset_t signals; /* that are waited for, and blocked outside of that */
	int mint[2]; /* between the proxy and the keys process, or -1; orders outlive both, so it stays with who does too */
	struct child child[SUPERVISOR_CHILDREN];
	size_t count;
	bool ending;
	int result;
};

/* It takes SIGHUP once it has a handler, and ends by SIGTERM until then. */
static void supervisor_unblock(const struct supervisor *supervisor)
{
	sigset_t signals = supervisor->signals;

	sigdelset(&signals, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/* Closes the ends of the socket between proxy and keys process, but for one. */
static void supervisor_leave_mint(const struct supervisor *supervisor, int kept)
{
	for (int i = 0; i < 2; i++)
		if (i != kept && supervisor->mint[i] >= 0)
			close(supervisor->mint[i]);
}

static int supervisor_run_worker(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->supervisor;

	munmap(supervisor->policies, sizeof(*supervisor->policies));
	supervisor_leave_mint(supervisor, SUPERVISOR_NO_END);
	supervisor_unblock(supervisor);
	return worker_run(supervisor->config, supervisor->config_path, child->channel, child->page, self);
}

static int supervisor_run_proxy(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->supervisor;

	munmap(supervisor->policies, sizeof(*supervisor->policies));
	supervisor_leave_mint(supervisor, 0);
	supervisor_unblock(supervisor);
	return proxy_run(supervisor->config, supervisor->config_path, supervisor->mint[0], child->page, self);
}

static int supervisor_run_keys(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->supervisor;

	munmap(supervisor->policies, sizeof(*supervisor->policies));
	supervisor_leave_mint(supervisor, 1);
	supervisor_unblock(supervisor);
	return keys_run(supervisor->config, supervisor->mint[1], child->page, self);
}

/* A broker ends with its channel, and not by signals that are meant for all of the service: they stay blocked. */
static int supervisor_run_broker(const struct child *child, pid_t self)
{
	const struct supervisor *supervisor = child->supervisor;

	if (mprotect(supervisor->policies, sizeof(*supervisor->policies), PROT_READ) < 0)
		return -1;
	supervisor_leave_mint(supervisor, SUPERVISOR_NO_END);
	return broker_run(supervisor->config, child->channel, supervisor->policies, child->page, self);
}

static void supervisor_close_channel(struct child *child)
{
	if (child->channel >= 0)
		close(child->channel);
	child->channel = -1;
}

/* In the new process. */
static _Noreturn void supervisor_become(struct supervisor *supervisor, struct child *child, pid_t parent)
{
	int result;

	for (size_t i = 0; i < supervisor->count; i++) {
		if (&supervisor->child[i] == child)
			continue;
		munmap(supervisor->child[i].page, sizeof(*supervisor->child[i].page));
		supervisor_close_channel(&supervisor->child[i]);
	}
	log_forget();
	prctl(PR_SET_NAME, child->title, 0, 0, 0);
	result = child->run(child, parent);
	log_finish();
	_exit(result == 0 ? 0 : 1);
}

static int supervisor_fork(struct supervisor *supervisor, struct child *child)
{
	const pid_t self = getpid();

	atomic_store(&child->page->ready, false);
	child->beat = atomic_load(&child->page->beat);
	child->misses = 0;
	child->pid = fork();
	if (child->pid == 0)
		supervisor_become(supervisor, child, self);
	if (child->pid > 0)
		return 0;
	log_message(LOG_LEVEL_ERROR, "can't start %s: %s", child->name, strerror(errno));
	child->pid = 0;
	return -1;
}

/* Starts a child, and its partner with it. */
static int supervisor_start(struct supervisor *supervisor, struct child *child)
{
	struct child *partner = child->partner;
	int ends[2] = { -1, -1 };
	int result;

	if (partner && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_message(LOG_LEVEL_ERROR, "can't start %s: %s", child->name, strerror(errno));
		return -1;
	}
	child->channel = ends[0];
	if (partner)
		partner->channel = ends[1];
	result = supervisor_fork(supervisor, child);
	if (!result && partner)
		result = supervisor_fork(supervisor, partner);
	supervisor_close_channel(child);
	if (partner)
		supervisor_close_channel(partner);
	return result;
}

/* Starts again what has ended, once its partner has too. quiet: a second has passed in which nothing happened. */
static void supervisor_restart(struct supervisor *supervisor, struct child *child, bool quiet)
{
	const uint64_t now = clock_microseconds();
	const uint64_t credit = child->credit + now - child->counted;

	child->credit = credit < SUPERVISOR_CREDIT ? credit : SUPERVISOR_CREDIT;
	child->counted = now;
	if (supervisor->ending || child->run == supervisor_run_broker || child->pid != 0 ||
	    (child->partner && child->partner->pid != 0) || (!quiet && child->credit < SUPERVISOR_SECOND))
		return;
	if (!quiet)
		child->credit -= SUPERVISOR_SECOND;
	supervisor_start(supervisor, child);
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

/* Signals are for who has peers; a broker ends with its partner. */
static void supervisor_signal(const struct supervisor *supervisor, int number)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->child[i].pid != 0 && supervisor->child[i].run != supervisor_run_broker)
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
		if (child->partner && child->partner->pid != 0)
			kill(child->partner->pid, SIGKILL);
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

/*
 * The broker has no files, so the policy that was read again comes to it from here, and first: what a worker asks for by a
 * wider policy must not be refused. Who has peers reads the file for itself, and tells what is wrong with it; those that
 * come after them begin with this.
 */
static void supervisor_reload(struct supervisor *supervisor)
{
	struct broker_page *policies = supervisor->policies;
	const uint32_t turn = atomic_load(&policies->turn) + 1;
	FILE *nowhere = fopen("/dev/null", "we");

	if (!nowhere)
		return;
	if (config_load(supervisor->spare, supervisor->config_path, nowhere) == 0) {
		supervisor->config->policy = supervisor->spare->policy;
		policies->policy[turn % 2] = supervisor->spare->policy;
		atomic_store(&policies->turn, turn);
	}
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
		if (supervisor->child[i].run != supervisor_run_broker)
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
			if (number <= 0)
				supervisor_watch(supervisor, child);
			supervisor_restart(supervisor, child, number <= 0);
		}
	}
	return supervisor->result;
}

static void *supervisor_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	log_message(LOG_LEVEL_ERROR, "no memory");
	return NULL;
}

/* Makes room for one more process. NULL: there is no memory. */
static struct child *supervisor_add(struct supervisor *supervisor, const struct child *kind)
{
	struct child *child = &supervisor->child[supervisor->count];

	*child = *kind;
	child->supervisor = supervisor;
	child->channel = -1;
	child->page = supervisor_share(sizeof(*child->page));
	if (!child->page)
		return NULL;
	supervisor->count++;
	return child;
}

static bool supervisor_add_gateway(struct supervisor *supervisor)
{
	static const struct child worker_kind = {
		.name = "the worker", .title = "ftpalg-worker", .run = supervisor_run_worker,
		.fate = "; the next one takes over the connections that go on",
	};
	static const struct child broker_kind = {
		.name = "the broker", .title = "ftpalg-broker", .run = supervisor_run_broker,
		.fate = "; the worker ends with it, and both are started again",
	};
	struct child *worker = supervisor_add(supervisor, &worker_kind);
	struct child *broker = worker ? supervisor_add(supervisor, &broker_kind) : NULL;

	if (!broker)
		return false;
	worker->partner = broker;
	broker->partner = worker;
	return true;
}

static bool supervisor_add_proxy(struct supervisor *supervisor)
{
	static const struct child keys_kind = {
		.name = "the keys process", .title = "ftpalg-keys", .run = supervisor_run_keys,
		.fate = "; handshakes that need a new certificate wait for the next one",
	};
	static const struct child proxy_kind = {
		.name = "the proxy", .title = "ftpalg-proxy", .run = supervisor_run_proxy,
		.fate = "; the connections that it relayed have ended, the next one takes new ones",
	};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, supervisor->mint) == 0)
		return supervisor_add(supervisor, &keys_kind) && supervisor_add(supervisor, &proxy_kind);
	log_message(LOG_LEVEL_ERROR, "can't join the proxy and the keys process: %s", strerror(errno));
	return false;
}

/* Fills the places of those that are to run. */
static int supervisor_prepare(struct supervisor *supervisor, const struct config *config, enum supervisor_kind kind)
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
	if (kind == SUPERVISE_GATEWAY && !supervisor_add_gateway(supervisor))
		return -1;
	if ((kind == SUPERVISE_PROXY || config_terminates(config)) && !supervisor_add_proxy(supervisor))
		return -1;
	return 0;
}

int supervisor_run(const struct config *config, const char *config_path, enum supervisor_kind kind)
{
	struct supervisor supervisor = { .config_path = config_path, .mint = { -1, -1 } };
	int result = supervisor_prepare(&supervisor, config, kind);

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
	if (supervisor.policies)
		munmap(supervisor.policies, sizeof(*supervisor.policies));
	supervisor_leave_mint(&supervisor, SUPERVISOR_NO_END);
	free(supervisor.config);
	free(supervisor.spare);
	return result;
}
