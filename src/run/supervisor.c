/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The supervisor reads nothing from a peer, and no key. It starts control, which reports what happens (desk.c), workers with
 * their brokers (posts.c) and, where the policy terminates TLS, generations of the proxy (renewal.c), or these alone; and a
 * resolver, where the policy has names (names.c). It waits for them, and looks once a second at a counter that the loop of
 * each of them moves, in a page that it shares with that process only.
 *
 *   STARTING --ready--> RUNNING --died, hung--> PAUSE --none, or a second--> STARTING
 *      |  (the first time: give up)                |
 *      +------------------- SIGTERM, SIGINT -------+--> end
 *
 * A process that ends is replaced at once, since clients wait; one that does so again and again, after a second.
 *
 * A queue that a hung process holds is not bypassed: the kernel sees that a program listens. So a process whose counter has
 * stood still for `watchdog` looks in a row is killed. Looks are counted, not seconds: if the whole machine stood still,
 * or this process did, the other has done nothing wrong.
 *
 * What a worker agreed lives in the kernel; the next one adopts the connections that go on. What the proxy relays ends
 * with it. A reload is passed on, and its policy is kept for processes that are started later. Giving up ends everything: a
 * gateway that inspects what is in clear and leaves TLS to nobody is not what was asked for.
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

#define SUPERVISOR_SECOND UINT64_C(1000000)
/* While a process begins or leaves, which it says in its page. */
#define SUPERVISOR_GLANCE 10000000 /* nanoseconds */
#define SUPERVISOR_ERROR_MAX 512
static void supervisor_take_signal(struct supervisor *supervisor, int number)
{
	if (number == SIGHUP) {
		standing_begin_reload(supervisor);
		renewal_reload(supervisor);
	}
	if (number == SIGUSR1)
		desk_reopen(supervisor);
	if (number == SIGUSR2)
		supervisor->upgrade = true;
	if (number == SIGTERM || number == SIGINT)
		supervisor_end(supervisor, 0);
}

/* Is something under way whose end will be seen in a page? */
static bool supervisor_is_busy(const struct supervisor *supervisor)
{
	return supervisor->next || supervisor->leaving || supervisor->departing || posts_begin(supervisor);
}

static int supervisor_loop(struct supervisor *supervisor)
{
	const struct timespec second = { .tv_sec = 1 };
	const struct timespec glance = { .tv_nsec = SUPERVISOR_GLANCE };
	uint64_t looked = clock_microseconds();

	while (!supervisor->ending || supervisor_has_processes(supervisor)) {
		const int signal = sigtimedwait(&supervisor->signals, NULL,
						supervisor_is_busy(supervisor) ? &glance : &second);
		/* SIGIO only says that control has spoken. */
		const int number = signal == SIGIO ? 0 : signal;
		const uint64_t now = clock_microseconds();
		const bool look = number <= 0 && now - looked >= SUPERVISOR_SECOND;

		if (look)
			looked = now;
		log_flush();
		supervisor_take_signal(supervisor, number);
		posts_tend(supervisor, look);
		names_tend(supervisor, look);
		renewal_tend(supervisor, look);
		estate_tend(supervisor);
		desk_tend(supervisor, look);
		if (supervisor->post_count > 0 && !supervisor->ending)
			rules_tend(supervisor);
		standing_tell(supervisor);
	}
	return supervisor->result;
}

static int supervisor_prepare(struct supervisor *supervisor, const struct config *config)
{
	supervisor->config = malloc(sizeof(*supervisor->config));
	supervisor->spare = malloc(sizeof(*supervisor->spare));
	supervisor->policies = supervisor_share(sizeof(*supervisor->policies));
	supervisor->page = supervisor_share(sizeof(*supervisor->page));
	supervisor->names = supervisor_share(sizeof(*supervisor->names));
	if (!supervisor->config || !supervisor->spare || !supervisor->policies || !supervisor->page || !supervisor->names) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	*supervisor->config = *config;
	supervisor->config->workers = config_count_workers(config);
	supervisor->policies->policy[0] = config->policy;
	sigemptyset(&supervisor->signals);
	sigaddset(&supervisor->signals, SIGTERM);
	sigaddset(&supervisor->signals, SIGINT);
	sigaddset(&supervisor->signals, SIGHUP);
	sigaddset(&supervisor->signals, SIGUSR1);
	sigaddset(&supervisor->signals, SIGUSR2);
	sigaddset(&supervisor->signals, SIGIO);
	sigaddset(&supervisor->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &supervisor->signals, NULL);
	return 0;
}

/* Starts everything, or goes on with what the program before this one has left. */
static int supervisor_begin(struct supervisor *supervisor)
{
	struct successor_estate estate;
	const bool inherited = successor_inherit(&estate);
	const bool gateway = supervisor->kind == SUPERVISE_GATEWAY;

	if (inherited)
		estate_take_over(supervisor, &estate);
	standing_begin(supervisor);
	if (!desk_open(supervisor, inherited)) {
		supervisor->desk.done = true;
		return -1;
	}
	if (!names_begin(supervisor))
		return -1;
	if (gateway && (!rules_begin(supervisor) || !posts_open(supervisor) || !posts_start(supervisor)))
		return -1;
	if (!desk_start(supervisor))
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
	supervisor->desk.channel = -1;
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		supervisor->desk.files[i] = -1;
	supervisor->monitor.descriptor = -1;
	supervisor->commands.descriptor = -1;
	supervisor->metrics = -1;
	supervisor->feeds.channel = -1;
	supervisor->config_path = config_path;
	manager_find(&supervisor->manager);
	successor_find(&supervisor->successor, kind == SUPERVISE_PROXY ? "proxy" : "run", config_path);
	if (supervisor_prepare(supervisor, config) == 0) {
		if (supervisor_begin(supervisor) < 0)
			supervisor_end(supervisor, -1);
		result = supervisor_loop(supervisor);
	}
	posts_close(supervisor);
	child_close(&supervisor->resolver);
	desk_close(supervisor);
	feeds_leave(&supervisor->feeds, NULL);
	rules_end(supervisor);
	supervisor_forget_rules(supervisor, false);
	if (supervisor->policies)
		munmap(supervisor->policies, sizeof(*supervisor->policies));
	if (supervisor->page)
		munmap(supervisor->page, sizeof(*supervisor->page));
	if (supervisor->names)
		munmap(supervisor->names, sizeof(*supervisor->names));
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
