/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy's process. It is not the worker's: it holds plaintext, and the keys of given certificates; that of the local
 * authority has a process of its own (keys.c). Its queue has nothing but first packets in it, and its raw sockets send
 * nothing else. Keys, certificates and trust anchors are read before the sandbox closes; nothing reads a key file later.
 * For new ones there is a new process, which takes the inlets over (run/generation.c); this one then serves what it has.
 *
 *   SERVING --SIGQUIT--> DRAINING --the last session and the last relay end--> end
 *                           |                                                   ^
 *                           +--drain-time--> sessions are told and ended, relays are reset
 *
 * Where there are several processes, all have the inlets. The kernel wakes each of them for a connection, and the first to
 * ask has it: one that is free comes before one that is busy. Of those that are free, one that has more sessions than
 * another waits for a fifth of a millisecond before it asks, so that long sessions are spread too; but then it asks, since
 * the other may be busy, or hang.
 *
 * Unlike the queue's worker it ends the connections that it relays when it stops: both legs end here.
 */
#include "proxy/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/starved.h"
#include "process/enforced.h"
#include "process/sandbox.h"
#include "process/service.h"
#include "proxy/internal.h"

#define PROXY_ERROR_MAX 512
#define PROXY_SIGNALS 5
#define PROXY_PAUSE_MICROSECONDS 250000
/*
 * How long a process with fewer sessions has to take a connection first, if it has nothing else to do: several times what it
 * takes to wake. All may wait at the same time, so with longer ones the processors would stand still while clients wait.
 */
#define PROXY_PRECEDENCE_NANOSECONDS 200000
#define PROXY_BEAT_MICROSECONDS 250000
#define PROXY_DISPATCH_MICROSECONDS 100000
/* Events that are given no priority have the last one. */
#define PROXY_PRIORITIES 2
#define PROXY_FIRST 0
/* One source has one of these shares of mint-rate. */
#define PROXY_MINT_SHARES 8
/* Two legs, a listener, and data connections with pipes. */
#define PROXY_FILES_PER_SESSION 12
#define PROXY_FILES_OF_CONTROL 4  /* two legs, a listener, and one that is being closed */
#define PROXY_FILES_OF_RELAY 6    /* two sockets and two pipes */
#define PROXY_FILES_OF_ITS_OWN 64

struct proxy_process;

/* What waits at a listener. */
struct proxy_arrival {
	struct proxy_process *process;
	int listener;
	struct turn turn;
};

struct proxy_process {
	struct proxy proxy;
	const struct proxy_start *start;
	struct event *watch[PROXY_LISTENERS];
	struct proxy_arrival arrival[PROXY_LISTENERS];
	struct event *signal[PROXY_SIGNALS];
	struct admission *admission;
	struct event *pause; /* of the listeners, while descriptors are short */
	int precedence;      /* a timer, since the loop's own ones are of milliseconds: another process may take one first */
	struct event *turn;  /* and has had that chance */
	struct event *heart;
	struct event *drain; /* the end of drain-time; NULL: it serves */
	struct enforced enforced;
	struct quota_source *sources;
	uint32_t *buckets;
	struct log_limit accept_limit;
};

static void proxy_ignore_listeners(struct proxy_process *process)
{
	for (int i = 0; i < PROXY_LISTENERS; i++)
		if (process->watch[i])
			event_del(process->watch[i]);
}

/*
 * Descriptors come back when something ends. A listener that is asked meanwhile stays ready, and the loop would do
 * nothing else.
 */
static void proxy_pause_listeners(struct proxy_process *process)
{
	const struct timeval pause = { .tv_usec = PROXY_PAUSE_MICROSECONDS };

	proxy_ignore_listeners(process);
	event_add(process->pause, &pause);
}

/* Takes one connection that waits at a listener. False: none does, or it can't be taken. */
static bool proxy_take(struct proxy_process *process, int listener)
{
	const int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	const int on = 1;

	if (accepted < 0 && is_starved(errno)) {
		proxy_pause_listeners(process);
		if (log_limit_allows(&process->accept_limit, clock_microseconds()))
			log_message(LOG_LEVEL_WARNING, "can't take a connection: %s; raise the limit of open files, or"
				    " configure fewer sessions", strerror(errno));
	}
	if (accepted < 0)
		return false;
	/* A byte that was sent as urgent (ABOR with Telnet Synch) stays where it is in the line. */
	setsockopt(accepted, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	setsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	proxy_session_begin(&process->proxy, accepted);
	return true;
}

static void proxy_ask(struct proxy_arrival *arrival)
{
	struct proxy *proxy = &arrival->process->proxy;

	turns_ask(&proxy->turns, &proxy->nobody, TURN_ARRIVAL, &arrival->turn);
}

/* Where there are several processes, none goes on with a connection that another could begin with at once. */
static void proxy_take_turn(void *context)
{
	struct proxy_arrival *arrival = context;

	if (proxy_take(arrival->process, arrival->listener) && arrival->process->start->share->members <= 1)
		proxy_ask(arrival);
}

static void proxy_on_pause_end(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;

	(void)descriptor;
	(void)what;
	for (int i = 0; i < PROXY_LISTENERS; i++)
		if (process->watch[i])
			event_add(process->watch[i], NULL);
}

/* Whoever has fewer sessions may be busy, or hang. */
static void proxy_on_turn(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;
	uint64_t times;

	(void)what;
	if (read(descriptor, &times, sizeof(times)) < 0)
		return;
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (!process->watch[i])
			continue;
		event_add(process->watch[i], NULL);
		proxy_ask(&process->arrival[i]);
	}
}

static void proxy_on_accept(evutil_socket_t descriptor, short what, void *context)
{
	const struct itimerspec precedence = { .it_value.tv_nsec = PROXY_PRECEDENCE_NANOSECONDS };
	struct proxy_arrival *arrival = context;
	struct proxy_process *process = arrival->process;

	(void)descriptor;
	(void)what;
	if (!share_leads(process->start->share) || timerfd_settime(process->precedence, 0, &precedence, NULL) < 0) {
		proxy_ask(arrival);
		return;
	}
	proxy_ignore_listeners(process);
}

static void proxy_on_reload(evutil_socket_t number, short what, void *context)
{
	struct proxy_process *process = context;
	struct proxy *proxy = &process->proxy;

	(void)number;
	(void)what;
	if (!enforced_reload(&process->enforced, ""))
		return;
	proxy->policy = process->enforced.policy;
	for (struct proxy_session *session = proxy->first; session; session = session->next)
		session_set_policy(&session->session, proxy->policy);
}

static void proxy_on_kill(evutil_socket_t number, short what, void *context)
{
	struct proxy_process *process = context;
	const uint64_t condemned = atomic_exchange(&process->start->page->condemned, 0);
	struct proxy_session *session = process->proxy.first;

	(void)number;
	(void)what;
	while (session && session->session.id != condemned)
		session = session->next;
	if (!session || condemned == 0)
		return;
	relay_end_session(&process->proxy.relays, condemned, REASON_KILLED);
	proxy_session_reject(session, REASON_KILLED, reason_meaning(REASON_KILLED));
	proxy_session_pump(session);
}

/* Takes no more connections: the next process has the inlets too. */
static void proxy_close_inlets_here(struct proxy_process *process)
{
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (process->watch[i])
			event_free(process->watch[i]);
		process->watch[i] = NULL;
		turns_forget(&process->proxy.turns, &process->arrival[i].turn);
	}
	admission_close(process->admission);
	process->admission = NULL;
	proxy_close_inlets(process->start->inlets);
}

static void proxy_on_drain_end(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;
	struct proxy_session *next;

	(void)descriptor;
	(void)what;
	log_message(LOG_LEVEL_WARNING, "drain-time has passed: %u sessions end with the proxy that served them",
		    process->proxy.sessions);
	for (struct proxy_session *session = process->proxy.first; session; session = next) {
		next = session->next;
		proxy_session_reject(session, REASON_DRAINED, reason_meaning(REASON_DRAINED));
		proxy_session_pump(session);
	}
	relay_end_all(&process->proxy.relays);
}

static void proxy_on_drain(evutil_socket_t number, short what, void *context)
{
	struct proxy_process *process = context;
	const struct timeval patience = { .tv_sec = (time_t)process->start->config->proxy.drain_time };

	(void)number;
	(void)what;
	if (process->drain)
		return;
	process->drain = evtimer_new(process->proxy.base, proxy_on_drain_end, process);
	if (!process->drain || event_add(process->drain, &patience) < 0) {
		event_base_loopbreak(process->proxy.base);
		return;
	}
	proxy_close_inlets_here(process);
	atomic_store(&process->start->page->closed, true);
}

static void proxy_on_beat(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;

	(void)descriptor;
	(void)what;
	atomic_fetch_add(&process->start->page->beat, 1);
	enforced_take_names(&process->enforced);
	record_settle(process->start->events);
	if (process->drain && !process->proxy.first && process->proxy.relays.count == 0)
		event_base_loopbreak(process->proxy.base);
}

/*
 * Whatever is ready at a time, the loop looks for more ten times a second, and the heart beats before all else: a hang is
 * one event that takes long, not many.
 */
static struct event_base *proxy_make_base(void)
{
	const struct timeval most = { .tv_usec = PROXY_DISPATCH_MICROSECONDS };
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_max_dispatch_interval(config, &most, -1, PROXY_FIRST + 1) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	if (!base || event_base_priority_init(base, PROXY_PRIORITIES) == 0)
		return base;
	event_base_free(base);
	return NULL;
}

static int proxy_start_heart(struct proxy_process *process)
{
	const struct timeval interval = { .tv_usec = PROXY_BEAT_MICROSECONDS };

	process->heart = event_new(process->proxy.base, -1, EV_PERSIST, proxy_on_beat, process);
	return process->heart && event_priority_set(process->heart, PROXY_FIRST) == 0 &&
			       event_add(process->heart, &interval) == 0
		       ? 0
		       : -1;
}

static int proxy_open_quota(struct proxy_process *process)
{
	const struct gateway_limits *limits = &process->proxy.config->limits;
	const uint32_t rate = process->proxy.config->proxy.mint_rate;
	struct quota_limits quota = limits->quota;
	uint32_t buckets = 64;
	uint8_t key[16];

	while (buckets < 2 * limits->sessions)
		buckets *= 2;
	process->sources = calloc((size_t)limits->sessions + 1, sizeof(*process->sources));
	process->buckets = calloc(buckets, sizeof(*process->buckets));
	process->proxy.turn_sources = calloc((size_t)limits->sessions + 1, sizeof(*process->proxy.turn_sources));
	if (!process->sources || !process->buckets || !process->proxy.turn_sources ||
	    getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -1;
	/* A low rate can't be shared out. */
	quota.mints = rate >= 2 * PROXY_MINT_SHARES ? rate / PROXY_MINT_SHARES : 0;
	quota_init(&process->proxy.quota, &quota, process->sources, limits->sessions + 1, process->buckets,
		   buckets, key);
	explicit_bzero(key, sizeof(key));
	quota_join(&process->proxy.quota, process->start->share);
	process->proxy.refusals.place = share_find(process->start->share, (struct bytes){ .length = 0 });
	return 0;
}

/*
 * As many descriptors as the sessions can need, where the hard limit allows it. Relays get what control connections leave
 * over, so that no number of relays keeps a client from its session; where the limit is low, a quarter at least.
 */
static void proxy_share_descriptors(struct proxy *proxy)
{
	const rlim_t sessions = proxy->config->limits.sessions;
	const rlim_t wanted = sessions * PROXY_FILES_PER_SESSION + PROXY_FILES_OF_ITS_OWN;
	const rlim_t kept = sessions * PROXY_FILES_OF_CONTROL + PROXY_FILES_OF_ITS_OWN;
	struct rlimit limit = { .rlim_cur = wanted };
	rlim_t rest;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	rest = limit.rlim_cur / 4;
	if (limit.rlim_cur > kept && limit.rlim_cur - kept > rest)
		rest = limit.rlim_cur - kept;
	proxy->relays_max = rest / PROXY_FILES_OF_RELAY;
}

static int proxy_create_loop(struct proxy_process *process)
{
	struct proxy *proxy = &process->proxy;

	proxy->base = proxy_make_base();
	if (!proxy->base || !turns_open(&proxy->turns, proxy->base))
		goto failed;
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		const int listener = process->start->inlets->listener[i];

		if (listener < 0)
			continue;
		process->arrival[i] = (struct proxy_arrival){
			.process = process, .listener = listener,
			.turn = { .take = proxy_take_turn, .context = &process->arrival[i] },
		};
		process->watch[i] = event_new(proxy->base, listener, EV_READ | EV_PERSIST, proxy_on_accept,
					      &process->arrival[i]);
		if (!process->watch[i] || event_add(process->watch[i], NULL) < 0)
			goto failed;
	}
	process->pause = evtimer_new(proxy->base, proxy_on_pause_end, process);
	process->precedence = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (process->precedence < 0)
		goto failed;
	process->turn = event_new(proxy->base, process->precedence, EV_READ | EV_PERSIST, proxy_on_turn, process);
	if (!process->pause || !process->turn || event_add(process->turn, NULL) < 0)
		goto failed;
	process->signal[0] = service_stop_on(proxy->base, SIGTERM);
	process->signal[1] = service_stop_on(proxy->base, SIGINT);
	process->signal[2] = evsignal_new(proxy->base, SIGHUP, proxy_on_reload, process);
	process->signal[3] = evsignal_new(proxy->base, SIGQUIT, proxy_on_drain, process);
	process->signal[4] = evsignal_new(proxy->base, SIGUSR1, proxy_on_kill, process);
	for (int i = 0; i < PROXY_SIGNALS; i++)
		if (!process->signal[i] || event_add(process->signal[i], NULL) < 0)
			goto failed;
	if (!admission_watch(process->admission, proxy) || !mint_watch(proxy) || log_watch(proxy->base) < 0 ||
	    proxy_start_heart(process) < 0)
		goto failed;
	service_take_signals();
	return 0;
failed:
	return -1;
}

/* Takes over the descriptor of the queue. */
static bool proxy_open_admission(struct proxy_process *process, char *error, size_t size)
{
	struct proxy_inlets *inlets = process->start->inlets;
	const int queue = inlets->queue;

	inlets->queue = -1;
	process->admission = admission_open(process->start->config, &process->proxy.host, queue, error, size);
	return process->admission != NULL;
}

static int proxy_open(struct proxy_process *process, char *error, size_t size)
{
	struct proxy *proxy = &process->proxy;
	const struct config *config = proxy->config;

	snprintf(error, size, "no memory");
	/* No other process of this user may look into this one, and it leaves no core: it holds keys. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		snprintf(error, size, "the kernel would let others look into this process: %s", strerror(errno));
		return -1;
	}
	if (host_open(&proxy->host, config, HOST_WITHOUT_PACKETS, process->start->events, error, size) < 0)
		return -1;
	proxy->tls = proxy_read_keys(config, mint_ask, proxy, error, size);
	if (!proxy->tls)
		return -1;
	snprintf(error, size, "no memory; configure fewer sessions");
	if (!enforced_open(&process->enforced, process->start->config_path, process->start->names, &config->policy) ||
	    proxy_open_quota(process) < 0)
		return -1;
	proxy->policy = process->enforced.policy;
	proxy_share_descriptors(proxy);
	if (!proxy_open_admission(process, error, size))
		return -1;
	if (proxy_create_loop(process) < 0) {
		snprintf(error, size, "can't set up the event loop");
		return -1;
	}
	return sandbox_enter(config->proxy.user, SANDBOX_PROXY, process->start->supervisor, error, size);
}

static void proxy_close(struct proxy_process *process)
{
	struct proxy *proxy = &process->proxy;

	while (proxy->first)
		proxy_session_free(proxy->first, REASON_SHUTDOWN);
	for (int i = 0; i < PROXY_SIGNALS; i++)
		if (process->signal[i])
			event_free(process->signal[i]);
	if (process->pause)
		event_free(process->pause);
	if (process->turn)
		event_free(process->turn);
	if (process->precedence >= 0)
		close(process->precedence);
	if (process->heart)
		event_free(process->heart);
	if (process->drain)
		event_free(process->drain);
	mint_close(proxy);
	proxy_close_inlets_here(process);
	relay_end_all(&proxy->relays);
	tls_close(proxy->tls);
	host_close(&proxy->host);
	log_unwatch();
	turns_close(&proxy->turns);
	if (proxy->base)
		event_base_free(proxy->base);
	free(process->sources);
	free(process->buckets);
	free(proxy->turn_sources);
	enforced_close(&process->enforced);
	free(process);
}

int proxy_run(const struct proxy_start *start)
{
	struct proxy_process *process = calloc(1, sizeof(*process));
	const struct config *config = start->config;
	char error[PROXY_ERROR_MAX];
	int result;

	if (!process) {
		service_fail(start->page, "no memory");
		return -1;
	}
	process->start = start;
	process->precedence = -1;
	process->proxy.config = config;
	process->proxy.page = start->page;
	process->proxy.mint_channel = start->channel;
	process->proxy.next_session = start->first_session;
	result = proxy_open(process, error, sizeof(error));
	if (result)
		service_fail(start->page, error);
	if (!result) {
		atomic_store(&start->page->ready, true);
		log_message(LOG_LEVEL_NOTICE, "ready: proxy on port %u, %zu policy rule%s", config->proxy.port,
			    config->policy.rule_count, config->policy.rule_count == 1 ? "" : "s");
		result = event_base_dispatch(process->proxy.base) < 0 ? -1 : 0;
	}
	proxy_close(process);
	return result;
}
