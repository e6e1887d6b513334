/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy's process. It is not the worker's: it holds plaintext, and the keys of given certificates; that of the local
 * authority has a process of its own (keys.c). Its queue has nothing but first packets in it, and its raw sockets send
 * nothing else. Keys, certificates and trust anchors are read before the sandbox closes; nothing reads a key file later.
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
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/sandbox.h"
#include "process/service.h"
#include "proxy/internal.h"

#define PROXY_BACKLOG 1024
#define PROXY_BATCH 64
#define PROXY_ERROR_MAX 512
#define PROXY_LISTENERS 2
#define PROXY_SIGNALS 3
#define PROXY_PAUSE_MICROSECONDS 250000
#define PROXY_BEAT_MICROSECONDS 250000
/* Two legs, a listener, and data connections with pipes. */
#define PROXY_FILES_PER_SESSION 12
#define PROXY_FILES_OF_CONTROL 4  /* two legs, a listener, and one that is being closed */
#define PROXY_FILES_OF_RELAY 6    /* two sockets and two pipes */
#define PROXY_FILES_OF_ITS_OWN 64
/* Sessions of the queue's worker count from 1; both may write to one file of events. */
#define PROXY_FIRST_SESSION (UINT64_C(1) << 40)

struct proxy_process {
	struct proxy proxy;
	int listener[PROXY_LISTENERS];
	struct event *watch[PROXY_LISTENERS];
	struct event *signal[PROXY_SIGNALS];
	struct admission *admission;
	struct event *pause; /* of the listeners */
	struct event *heart;
	struct heartbeat *page;
	pid_t supervisor;
	struct quota_source *sources;
	uint32_t *buckets;
	struct log_limit accept_limit;
};

/*
 * Descriptors come back when something ends. A listener that is asked meanwhile stays ready, and the loop would do
 * nothing else.
 */
static void proxy_pause_listeners(struct proxy_process *process)
{
	const struct timeval pause = { .tv_usec = PROXY_PAUSE_MICROSECONDS };

	for (int i = 0; i < PROXY_LISTENERS; i++)
		if (process->watch[i])
			event_del(process->watch[i]);
	event_add(process->pause, &pause);
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

static void proxy_on_accept(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;

	(void)what;
	for (int i = 0; i < PROXY_BATCH; i++) {
		const int accepted = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		const int on = 1;

		if (accepted < 0 && wire_is_starved(errno)) {
			proxy_pause_listeners(process);
			if (log_limit_allows(&process->accept_limit, clock_microseconds()))
				log_message(LOG_LEVEL_WARNING, "can't take a connection: %s; raise the limit of open"
					    " files, or configure fewer sessions", strerror(errno));
		}
		if (accepted < 0)
			return;
		/* A byte that was sent as urgent (ABOR with Telnet Synch) stays where it is in the line. */
		setsockopt(accepted, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
		setsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		proxy_session_begin(&process->proxy, accepted);
	}
}

static void proxy_on_stop(evutil_socket_t number, short what, void *context)
{
	struct proxy_process *process = context;

	(void)what;
	log_message(LOG_LEVEL_NOTICE, "stopping on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	event_base_loopbreak(process->proxy.base);
}

static void proxy_on_reload(evutil_socket_t number, short what, void *context)
{
	struct proxy_process *process = context;
	struct proxy *proxy = &process->proxy;
	struct config *next = proxy->reloaded[proxy->reloads % 2];

	(void)number;
	(void)what;
	if (!service_reload(next, proxy->config_path))
		return;
	proxy->policy = &next->policy;
	proxy->reloads++;
	for (struct proxy_session *session = proxy->first; session; session = session->next)
		session_set_policy(&session->session, proxy->policy);
}

static void proxy_on_beat(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_process *process = context;

	(void)descriptor;
	(void)what;
	atomic_fetch_add(&process->page->beat, 1);
}

static int proxy_start_heart(struct proxy_process *process)
{
	const struct timeval interval = { .tv_usec = PROXY_BEAT_MICROSECONDS };

	process->heart = event_new(process->proxy.base, -1, EV_PERSIST, proxy_on_beat, process);
	return process->heart && event_add(process->heart, &interval) == 0 ? 0 : -1;
}

static int proxy_open_listeners(struct proxy_process *process)
{
	static const enum family families[PROXY_LISTENERS] = { FAMILY_IPV4, FAMILY_IPV6 };
	const struct config_proxy *config = &process->proxy.config->proxy;

	for (int i = 0; i < PROXY_LISTENERS; i++) {
		process->listener[i] = interception_listen(config, families[i], PROXY_BACKLOG);
		if (process->listener[i] >= 0 || (families[i] == FAMILY_IPV6 && errno == EAFNOSUPPORT))
			continue;
		log_message(LOG_LEVEL_ERROR, "can't listen on port %u for IPv%d: %s%s", config->port, families[i],
			    strerror(errno), errno == EPERM ? "; interception = tproxy needs CAP_NET_ADMIN" : "");
		return -1;
	}
	return 0;
}

static int proxy_open_quota(struct proxy_process *process)
{
	const struct gateway_limits *limits = &process->proxy.config->limits;
	uint32_t buckets = 64;
	uint8_t key[16];

	while (buckets < 2 * limits->sessions)
		buckets *= 2;
	process->sources = calloc((size_t)limits->sessions + 1, sizeof(*process->sources));
	process->buckets = calloc(buckets, sizeof(*process->buckets));
	if (!process->sources || !process->buckets || getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
		log_message(LOG_LEVEL_ERROR, "no memory for the table of sources; configure fewer sessions");
		return -1;
	}
	quota_init(&process->proxy.quota, &limits->quota, process->sources, limits->sessions + 1, process->buckets,
		   buckets, key);
	explicit_bzero(key, sizeof(key));
	return 0;
}

static int proxy_open_tls(struct proxy *proxy)
{
	char error[PROXY_ERROR_MAX];
	struct notice notice = { .type = NOTICE_ANOMALY, .reason = REASON_SHUTDOWN };

	proxy->tls = proxy_read_keys(proxy->config, mint_ask, proxy, error, sizeof(error));
	if (proxy->tls)
		return 0;
	log_message(LOG_LEVEL_ERROR, "%s", error);
	notice.text = (struct bytes){ (const uint8_t *)error, strlen(error) };
	proxy->host.ops.notice(proxy->host.ops.context, &notice);
	return -1;
}

/*
 * As many descriptors as the sessions can need, where the hard limit allows it. Relays get what control connections leave
 * over, so that no number of them keeps a client from its session; at the least a quarter, where the limit is low.
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

	proxy->base = event_base_new();
	if (!proxy->base)
		goto failed;
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (process->listener[i] < 0)
			continue;
		process->watch[i] = event_new(proxy->base, process->listener[i], EV_READ | EV_PERSIST, proxy_on_accept,
					      process);
		if (!process->watch[i] || event_add(process->watch[i], NULL) < 0)
			goto failed;
	}
	process->pause = evtimer_new(proxy->base, proxy_on_pause_end, process);
	if (!process->pause)
		goto failed;
	process->signal[0] = evsignal_new(proxy->base, SIGTERM, proxy_on_stop, process);
	process->signal[1] = evsignal_new(proxy->base, SIGINT, proxy_on_stop, process);
	process->signal[2] = evsignal_new(proxy->base, SIGHUP, proxy_on_reload, process);
	for (int i = 0; i < PROXY_SIGNALS; i++)
		if (!process->signal[i] || event_add(process->signal[i], NULL) < 0)
			goto failed;
	if (!admission_watch(process->admission, proxy->base) || !mint_watch(proxy) || log_watch(proxy->base) < 0 ||
	    journal_watch(&proxy->host.journal, proxy->base) < 0 || proxy_start_heart(process) < 0)
		goto failed;
	service_take_signals();
	return 0;
failed:
	log_message(LOG_LEVEL_ERROR, "can't set up the event loop");
	return -1;
}

static int proxy_open(struct proxy_process *process)
{
	struct proxy *proxy = &process->proxy;
	const struct config *config = proxy->config;
	char error[PROXY_ERROR_MAX];

	/* No other process of this user may look into this one, and it leaves no core behind: it holds keys. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		log_message(LOG_LEVEL_ERROR, "the kernel would let others look into this process: %s", strerror(errno));
		return -1;
	}
	if (host_open(&proxy->host, config, HOST_WITHOUT_PACKETS, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	if (proxy_open_tls(proxy) < 0)
		return -1;
	proxy->reloaded[0] = calloc(1, sizeof(*proxy->reloaded[0]));
	proxy->reloaded[1] = calloc(1, sizeof(*proxy->reloaded[1]));
	if (!proxy->reloaded[0] || !proxy->reloaded[1]) {
		log_message(LOG_LEVEL_ERROR, "no memory for a configuration that is read again");
		return -1;
	}
	if (proxy_open_quota(process) < 0)
		return -1;
	proxy_share_descriptors(proxy);
	process->admission = admission_open(config, &proxy->host, error, sizeof(error));
	if (!process->admission) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	if (proxy_open_listeners(process) < 0 || proxy_create_loop(process) < 0)
		return -1;
	if (sandbox_enter(config->proxy.user, SANDBOX_PROXY, process->supervisor, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	return 0;
}

static void proxy_close(struct proxy_process *process)
{
	struct proxy *proxy = &process->proxy;

	journal_end(&proxy->host.journal);
	while (proxy->first)
		proxy_session_free(proxy->first, REASON_SHUTDOWN);
	for (int i = 0; i < PROXY_SIGNALS; i++)
		if (process->signal[i])
			event_free(process->signal[i]);
	if (process->pause)
		event_free(process->pause);
	if (process->heart)
		event_free(process->heart);
	mint_close(proxy);
	admission_close(process->admission);
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (process->watch[i])
			event_free(process->watch[i]);
		if (process->listener[i] >= 0)
			close(process->listener[i]);
	}
	relay_end_all(&proxy->relays);
	tls_close(proxy->tls);
	host_close(&proxy->host);
	log_unwatch();
	if (proxy->base)
		event_base_free(proxy->base);
	free(process->sources);
	free(process->buckets);
	free(proxy->reloaded[0]);
	free(proxy->reloaded[1]);
	free(process);
}

int proxy_run(const struct config *config, const char *config_path, int channel, struct heartbeat *page,
	      pid_t supervisor)
{
	struct proxy_process *process = calloc(1, sizeof(*process));
	int result;

	if (!process) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	process->listener[0] = -1;
	process->listener[1] = -1;
	process->page = page;
	process->supervisor = supervisor;
	process->proxy.config = config;
	process->proxy.mint_channel = channel;
	process->proxy.config_path = config_path;
	process->proxy.policy = &config->policy;
	process->proxy.next_session = PROXY_FIRST_SESSION;
	result = proxy_open(process);
	if (!result) {
		atomic_store(&page->ready, true);
		log_message(LOG_LEVEL_NOTICE, "ready: proxy on port %u, %zu policy rule%s", config->proxy.port,
			    config->policy.rule_count, config->policy.rule_count == 1 ? "" : "s");
		result = event_base_dispatch(process->proxy.base) < 0 ? -1 : 0;
	}
	proxy_close(process);
	return result;
}
