/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker opens everything, enters its sandbox, and only then takes the first packet. It is a single thread: a packet is
 * judged, with whatever requests to the kernel that takes, and its verdict noted, before the next one is. What needs a right
 * over the kernel, verdicts too, is done by its broker (broker.c).
 *
 * On the way out nothing is taken down. NAT, expectations and sequence adjustments live in conntrack, so what was
 * agreed goes on without a gateway, and the next gateway finds it.
 */
#include "run/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/host.h"
#include "netfilter/nfqueue.h"
#include "process/enforced.h"
#include "process/processor.h"
#include "process/sandbox.h"
#include "process/service.h"

#define WORKER_ERROR_MAX 512
#define WORKER_REST "; other settings of the gateway take effect after a restart"
#define WORKER_WATCHES 5 /* the queue, four signals */

struct worker {
	const struct config *config; /* as at the start; only the policy of later ones is used */
	const struct worker_start *start;
	struct enforced enforced;

	struct host host;
	struct nfqueue queue;
	void *memory; /* the gateway's */
	struct gateway *gateway;
	struct gateway_output output;

	struct event_base *base;
	struct event *watches[WORKER_WATCHES];
	uint32_t judged;   /* packets of the batch at hand */
	uint64_t judging;  /* since when */
	struct processor_hold hold;
	struct event *timer;
	uint64_t deadline; /* of the timer */
	int result;
};

/*
 * The broker is woken once, and asked about all connections that begin in this batch. It must know whose packets these are:
 * the numbers in them depend on what it is asked for later. The gateway has the rows of all of them fetched at once.
 */
static void worker_foresee(void *context, struct bytes bytes)
{
	struct worker *worker = context;
	struct packet packet = { .flags = 0 };
	const bool readable = packet_parse(bytes, &packet) == REASON_NONE;
	const struct tuple none = { .source = { .port = 0 } };

	broker_link_foresee(&worker->host.link, readable ? &packet.tuple : &none,
			    readable && (packet.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK));
	if (readable)
		gateway_foresee(worker->gateway, &packet.tuple);
}

/* No other process writes it. */
static void worker_count(_Atomic uint64_t *count, uint64_t more)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more, memory_order_relaxed);
}

/*
 * The verdicts of a batch leave together, so each took as long as the whole batch: that takes one class to find, and one
 * reading of the clock, which is needed anyway.
 */
static void worker_count_batch(struct worker *worker, uint64_t now)
{
	struct heartbeat *page = worker->start->page;
	const uint64_t delay = now - worker->judging;

	if (worker->judged == 0)
		return;
	worker_count(&page->delays[histogram_find(&histogram_verdicts, delay)], worker->judged);
	worker_count(&page->delay_sum, delay * worker->judged);
	worker->judged = 0;
}

static struct nfqueue_answer worker_judge(void *context, struct bytes packet)
{
	struct worker *worker = context;
	struct gateway_output *output = &worker->output;
	struct nfqueue_answer answer = { .verdict = NFQUEUE_DROP };

	const uint64_t now = clock_microseconds();

	if (worker->judged++ == 0)
		worker->judging = now;
	gateway_packet(worker->gateway, packet, &worker->queue.way, now, output);
	switch (output->verdict) {
	case GATEWAY_ACCEPT:
		answer.verdict = NFQUEUE_ACCEPT;
		worker_count(&worker->start->page->verdicts[HEARTBEAT_ACCEPT], 1);
		break;
	case GATEWAY_REPLACE:
		answer.verdict = NFQUEUE_REPLACE;
		answer.packet.data = output->packet;
		answer.packet.length = output->length;
		worker_count(&worker->start->page->verdicts[HEARTBEAT_REPLACE], 1);
		break;
	case GATEWAY_DROP:
		worker_count(&worker->start->page->verdicts[HEARTBEAT_DROP], 1);
		break;
	}
	return answer;
}

/* Sets the timer to the gateway's next deadline. */
static int worker_set_timer(struct worker *worker, uint64_t now)
{
	const uint64_t next = gateway_next_tick(worker->gateway, now);
	const uint64_t delay = next > now ? next - now : 0;
	const struct timeval timeout = {
		.tv_sec = (time_t)(delay / 1000000),
		.tv_usec = (suseconds_t)(delay % 1000000),
	};

	worker->deadline = next;
	return event_add(worker->timer, &timeout);
}

/*
 * Packets can bring the deadline forward, because bytes are held for milliseconds only. They never put it off, or a
 * busy gateway would never tick.
 */
static int worker_advance_timer(struct worker *worker, uint64_t now)
{
	return gateway_next_tick(worker->gateway, now) < worker->deadline ? worker_set_timer(worker, now) : 0;
}

static void worker_fail(struct worker *worker)
{
	worker->result = -1;
	event_base_loopbreak(worker->base);
}

/* Without its broker it can do nothing. The supervisor reports what became of the broker, and starts both again. */
static bool worker_has_lost_broker(struct worker *worker)
{
	if (worker->host.link.broken)
		worker_fail(worker);
	return worker->host.link.broken;
}

/* Microseconds after which timers and signals have their turn, whatever comes. */
#define WORKER_TURN 1000

/*
 * Takes the packets that wait and, where that is configured, those that come soon after, for which it waits awake: others
 * may run meanwhile, its broker above all. Returns what nfqueue_receive did for the last batch; now: when that was done.
 */
static int worker_take_packets(struct worker *worker, uint64_t *now)
{
	const struct nfqueue_judge judge = { .context = worker, .foresee = worker_foresee, .judge = worker_judge };
	const uint64_t busy = worker->config->busy_poll;
	const uint64_t end = busy ? clock_microseconds() + WORKER_TURN : 0;
	uint64_t until = 0;

	for (;;) {
		const int received = nfqueue_receive(&worker->queue, &judge);

		*now = clock_microseconds();
		worker_count_batch(worker, *now);
		atomic_fetch_add(&worker->start->page->beat, 1);
		if (received < 0 || !busy || worker->host.link.broken)
			return received;
		if (received > 0)
			until = *now + busy;
		if (*now >= until || *now >= end)
			return received;
		sched_yield();
	}
}

static void worker_on_queue(evutil_socket_t descriptor, short what, void *context)
{
	struct worker *worker = context;
	uint64_t now = 0;
	const int received = worker_take_packets(worker, &now);

	(void)descriptor;
	(void)what;
	processor_turn(&worker->hold, now);
	if (worker_has_lost_broker(worker) || (received >= 0 && worker_advance_timer(worker, now) == 0))
		return;
	log_message(LOG_LEVEL_ERROR, "netfilter queue %u failed: %s", worker->start->queue,
		    strerror(received < 0 ? -received : ENOMEM));
	worker_fail(worker);
}

static void worker_on_time(evutil_socket_t descriptor, short what, void *context)
{
	struct worker *worker = context;
	const uint64_t now = clock_microseconds();

	(void)descriptor;
	(void)what;
	atomic_fetch_add(&worker->start->page->beat, 1);
	enforced_take_names(&worker->enforced);
	gateway_tick(worker->gateway, now);
	record_settle(worker->start->events);
	broker_link_flush(&worker->host.link);
	if (!worker_has_lost_broker(worker) && worker_set_timer(worker, now) < 0)
		worker_fail(worker);
}

static void worker_on_reload(evutil_socket_t number, short what, void *context)
{
	struct worker *worker = context;

	(void)number;
	(void)what;
	if (enforced_reload(&worker->enforced, WORKER_REST))
		gateway_set_policy(worker->gateway, worker->enforced.policy);
}

static void worker_on_kill(evutil_socket_t number, short what, void *context)
{
	struct worker *worker = context;
	const uint64_t session = atomic_exchange(&worker->start->page->condemned, 0);

	(void)number;
	(void)what;
	if (session && gateway_kill_session(worker->gateway, session, clock_microseconds()))
		broker_link_flush(&worker->host.link);
}

static int worker_create_gateway(struct worker *worker)
{
	const struct share *share = worker->start->share;
	struct gateway_limits limits = worker->config->limits;
	size_t size;
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
		log_message(LOG_LEVEL_ERROR, "the kernel gives no random numbers");
		return -1;
	}
	/* Workers can't lend each other blocks. */
	limits.memory /= share->members;
	size = gateway_memory(&limits);
	worker->memory = calloc(1, size);
	if (!worker->memory || !enforced_open(&worker->enforced, worker->start->config_path, worker->start->names,
					      &worker->config->policy)) {
		log_message(LOG_LEVEL_ERROR, "no memory for the session table (%zu bytes); configure fewer sessions",
			    size);
		return -1;
	}
	worker->gateway = gateway_create(worker->memory, &limits, worker->enforced.policy, &worker->host.ops, key);
	explicit_bzero(key, sizeof(key));
	gateway_join(worker->gateway, share);
	gateway_number_sessions(worker->gateway, worker->start->first_session);
	return 0;
}

static int worker_create_loop(struct worker *worker)
{
	struct event **watch = worker->watches;
	const int queue = nfqueue_descriptor(&worker->queue);

	worker->base = event_base_new();
	if (!worker->base)
		goto failed;
	*watch++ = event_new(worker->base, queue, EV_READ | EV_PERSIST, worker_on_queue, worker);
	*watch++ = service_stop_on(worker->base, SIGTERM);
	*watch++ = service_stop_on(worker->base, SIGINT);
	*watch++ = evsignal_new(worker->base, SIGHUP, worker_on_reload, worker);
	*watch++ = evsignal_new(worker->base, SIGUSR1, worker_on_kill, worker);
	for (size_t i = 0; i < WORKER_WATCHES; i++)
		if (!worker->watches[i] || event_add(worker->watches[i], NULL) < 0)
			goto failed;
	worker->timer = evtimer_new(worker->base, worker_on_time, worker);
	if (!worker->timer || worker_set_timer(worker, clock_microseconds()) < 0)
		goto failed;
	if (log_watch(worker->base) < 0)
		goto failed;
	service_take_signals();
	return 0;
failed:
	log_message(LOG_LEVEL_ERROR, "can't set up the event loop");
	return -1;
}

static int worker_open(struct worker *worker)
{
	const struct config *config = worker->config;
	const struct nfqueue_settings settings = {
		.number = worker->start->queue,
		.length = config->queue_length,
		.full_open = config->queue_full_open,
	};
	const struct nfqueue_outlet outlet = {
		.context = &worker->host.link,
		.decide = broker_link_decide,
		.flush = broker_link_flush,
	};
	char error[WORKER_ERROR_MAX];

	if (host_open(&worker->host, config, HOST_WITH_PACKETS, worker->start->events, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	if (worker_create_gateway(worker) < 0)
		return -1;
	if (nfqueue_open(&worker->queue, &settings, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	nfqueue_set_outlet(&worker->queue, &outlet);
	if (broker_link_open(&worker->host.link, worker->start->channel, nfqueue_descriptor(&worker->queue)) < 0)
		return -1;
	if (worker_create_loop(worker) < 0)
		return -1;
	if (sandbox_enter(config->user, SANDBOX_WORKER, worker->start->supervisor, error, sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return -1;
	}
	return 0;
}

static void worker_close(struct worker *worker)
{
	for (size_t i = 0; i < WORKER_WATCHES; i++)
		if (worker->watches[i])
			event_free(worker->watches[i]);
	if (worker->timer)
		event_free(worker->timer);
	nfqueue_close(&worker->queue);
	host_close(&worker->host);
	log_unwatch();
	if (worker->base)
		event_base_free(worker->base);
	free(worker->memory);
	enforced_close(&worker->enforced);
	free(worker);
}

static void worker_tell_ready(const struct worker_start *start)
{
	const struct config *config = start->config;
	char ports[CONFIG_PORTS_MAX * sizeof("65535,")] = "";
	size_t length = 0;

	for (size_t i = 0; i < config->control_port_count; i++)
		length += (size_t)snprintf(ports + length, sizeof(ports) - length, "%s%u", i ? "," : "",
					   config->control_ports[i]);
	log_message(LOG_LEVEL_NOTICE, "ready: queue %u, ports %s, zone %u, %zu policy rule%s", start->queue, ports,
		    config->zone, config->policy.rule_count, config->policy.rule_count == 1 ? "" : "s");
}

static void worker_tell_end(const struct worker *worker)
{
	const struct gateway_counters *gateway = gateway_get_counters(worker->gateway);
	const struct nfqueue_counters *queue = &worker->queue.counters;

	log_message(LOG_LEVEL_NOTICE, "stopped: %" PRIu64 " sessions, %" PRIu64 " packets, %" PRIu64 " replaced, %"
		    PRIu64 " dropped, %" PRIu64 " truncated, %" PRIu64 " verdicts refused, %" PRIu64 " events lost",
		    gateway->sessions, queue->packets, gateway->replaced, gateway->dropped, queue->truncated,
		    queue->failed, worker->start->events->lost);
}

int worker_run(const struct worker_start *start)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int result;

	if (!worker) {
		log_message(LOG_LEVEL_ERROR, "no memory");
		return -1;
	}
	worker->start = start;
	worker->config = start->config;
	processor_begin(&worker->hold);
	worker->result = worker_open(worker);
	if (!worker->result) {
		atomic_store(&start->page->ready, true);
		worker_tell_ready(start);
		if (event_base_dispatch(worker->base) < 0)
			worker->result = -1;
		gateway_stop(worker->gateway, false, clock_microseconds());
		worker_tell_end(worker);
	}
	result = worker->result;
	worker_close(worker);
	return result;
}
