/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Anybody who has the key of an authority that clients trust can pose as any server to them, for years. The proxy reads what
 * anybody sends, with OpenSSL's parsers and its own, so it does not have that key: it asks another process.
 *
 *   peers --> proxy ==== names, validity, a public key ====> keys process --> the authority's key
 *                   <=== a certificate, or why there is none ===
 *
 * Where the proxy is several processes, each has its own channel, and they are heard in turn: none sees what another orders,
 * or waits for it longer than a batch takes.
 *
 * This process reads nothing but its orders. They are numbers and names, and hold no structure that a peer made; each name
 * is checked (mint_order.c). What a certificate is for is decided here and not by the order (minter.c). It has no files and
 * no network, and itself reports everything that it signs as an event, which the process that orders can't suppress.
 *
 * The proxy does not wait for it, and it does not wait for the proxy. An answer that finds no room is lost, and so is an
 * order that was taken by a process that died: a proxy that misses an answer asks again.
 *
 * A proxy that was taken over can have certificates made for any names, for its own key. It needs that key to begin with,
 * so it can do that for as long as it lives and no longer; mint-rate bounds how many there are, and the events name them.
 */
#include "keys/keys.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "ftpalg/address.h"
#include "process/sandbox.h"
#include "process/service.h"
#include "record/ring.h"
#include "tls/mint_order.h"
#include "tls/minter.h"

#define KEYS_ERROR_MAX 512
#define KEYS_BATCH 16
#define KEYS_BEAT_MICROSECONDS 250000
#define KEYS_SIGNALS 2
#define KEYS_MINUTE UINT64_C(60000000)
/* For the names of a certificate, as they are in an event. */
#define KEYS_NAMES_MAX 1024

struct keys;

/* To one process of the proxy. */
struct keys_client {
	struct keys *keys;
	int channel;
	struct event *watch;
};

struct keys {
	const struct config *config;
	struct heartbeat *page;
	struct keys_client client[CONFIG_WORKERS_MAX];
	size_t client_count;
	size_t gone; /* of them */
	struct minter *minter; /* NULL: no authority is configured */
	struct record_writer *events;
	struct event_base *base;
	struct event *heart;
	struct event *signal[KEYS_SIGNALS];
	uint64_t credit; /* microseconds: a certificate costs a minute divided by mint-rate */
	uint64_t filled; /* when credit was computed */
	struct log_limit refusal_limit;
	struct mint_order order;
	struct mint_answer answer;
};

/* May one more be signed? A minute's worth may be signed at once. */
static bool keys_spend(struct keys *keys)
{
	const uint64_t price = KEYS_MINUTE / keys->config->proxy.mint_rate;
	const uint64_t now = clock_microseconds();
	const uint64_t passed = now - keys->filled;

	keys->credit = passed >= KEYS_MINUTE - keys->credit ? KEYS_MINUTE : keys->credit + passed;
	keys->filled = now;
	if (keys->credit < price)
		return false;
	keys->credit -= price;
	return true;
}

/* The names in an order, for people. */
static size_t keys_list_names(const struct mint_order *order, char *text, size_t size)
{
	struct bytes rest = { order->entries, order->length };
	struct mint_name name;
	size_t length = 0;

	while (mint_order_next(&rest, &name)) {
		char address[ADDRESS_TEXT_MAX];
		struct address binary = { .family = name.text.length == 16 ? FAMILY_IPV6 : FAMILY_IPV4 };
		const char *shown = (const char *)name.text.data;
		size_t shown_length = name.text.length;

		if (name.kind == MINT_ADDRESS) {
			memcpy(binary.octets, name.text.data, name.text.length);
			address_format(&binary, address);
			shown = address;
			shown_length = strlen(address);
		}
		/* Clients may compare only the common name of a subject. */
		if (name.kind > MINT_SUBJECT || shown_length + 1 > size - length)
			continue;
		if (length > 0)
			text[length++] = ' ';
		memcpy(text + length, shown, shown_length);
		length += shown_length;
	}
	return length;
}

static void keys_tell(struct keys *keys)
{
	static const enum reason reasons[] = {
		[MINT_DONE] = REASON_NONE, [MINT_REFUSED] = REASON_MINT_REFUSED, [MINT_TOO_MANY] = REASON_MINT_RATE,
	};
	char names[KEYS_NAMES_MAX];
	struct notice notice = { .type = NOTICE_MINT, .reason = reasons[keys->answer.result] };

	notice.text.data = (const uint8_t *)names;
	notice.text.length = keys_list_names(&keys->order, names, sizeof(names));
	if (!keys->order.trusted && notice.reason == REASON_NONE)
		notice.reason = REASON_BAD_CERTIFICATE;
	record_put(keys->events, &notice);
}

static void keys_refuse(struct keys *keys, enum mint_result result, const char *text)
{
	memset(&keys->answer, 0, sizeof(keys->answer));
	keys->answer.number = keys->order.number;
	keys->answer.result = (uint8_t)result;
	snprintf(keys->answer.text, sizeof(keys->answer.text), "%s", text);
}

static void keys_serve(struct keys *keys, int channel, size_t length)
{
	const char *fault = mint_order_check((struct bytes){ (const uint8_t *)&keys->order, length });

	if (fault) {
		if (log_limit_allows(&keys->refusal_limit, clock_microseconds()))
			log_message(LOG_LEVEL_ERROR, "the keys process has refused an order: %s", fault);
		return;
	}
	if (!keys->minter)
		keys_refuse(keys, MINT_REFUSED, "there is no authority");
	else if (!keys_spend(keys))
		keys_refuse(keys, MINT_TOO_MANY, "more were asked for in a minute than mint-rate allows");
	else
		minter_mint(keys->minter, &keys->order, &keys->answer);
	keys_tell(keys);
	/* If there is no room, nothing reads any more, or the proxy will ask again. */
	send(channel, &keys->answer, mint_answer_size(&keys->answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* This process of the proxy has ended, and the supervisor will give its end to no other. */
static void keys_lose(struct keys_client *client)
{
	event_del(client->watch);
	if (++client->keys->gone == client->keys->client_count)
		event_base_loopbreak(client->keys->base);
}

static void keys_on_order(evutil_socket_t descriptor, short what, void *context)
{
	struct keys_client *client = context;
	struct keys *keys = client->keys;

	(void)what;
	for (int i = 0; i < KEYS_BATCH; i++) {
		const ssize_t length = recv(descriptor, &keys->order, sizeof(keys->order), MSG_DONTWAIT | MSG_TRUNC);

		if (length == 0)
			keys_lose(client);
		if (length <= 0)
			return;
		keys_serve(keys, descriptor, (size_t)length);
	}
}

static void keys_on_beat(evutil_socket_t descriptor, short what, void *context)
{
	struct keys *keys = context;

	(void)descriptor;
	(void)what;
	atomic_fetch_add(&keys->page->beat, 1);
}

static void keys_on_stop(evutil_socket_t number, short what, void *context)
{
	struct keys *keys = context;

	(void)number;
	(void)what;
	event_base_loopbreak(keys->base);
}

static bool keys_watch(struct keys *keys)
{
	bool good = true;

	for (size_t i = 0; good && i < keys->client_count; i++) {
		struct keys_client *client = &keys->client[i];

		client->watch = event_new(keys->base, client->channel, EV_READ | EV_PERSIST, keys_on_order, client);
		good = client->watch && event_add(client->watch, NULL) == 0;
	}
	return good;
}

static int keys_create_loop(struct keys *keys)
{
	const struct timeval beat = { .tv_usec = KEYS_BEAT_MICROSECONDS };

	keys->base = event_base_new();
	if (!keys->base)
		return -1;
	keys->heart = event_new(keys->base, -1, EV_PERSIST, keys_on_beat, keys);
	keys->signal[0] = evsignal_new(keys->base, SIGTERM, keys_on_stop, keys);
	keys->signal[1] = evsignal_new(keys->base, SIGINT, keys_on_stop, keys);
	for (int i = 0; i < KEYS_SIGNALS; i++)
		if (!keys->signal[i] || event_add(keys->signal[i], NULL) < 0)
			return -1;
	if (!keys_watch(keys) || !keys->heart || event_add(keys->heart, &beat) < 0 || log_watch(keys->base) < 0)
		return -1;
	/* A reload means nothing to this process. */
	signal(SIGHUP, SIG_IGN);
	service_take_signals();
	return 0;
}

static int keys_open(struct keys *keys, pid_t supervisor, char *error, size_t size)
{
	const struct config_proxy *proxy = &keys->config->proxy;

	/* No other process of this user may look into this one, and it leaves no core. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		snprintf(error, size, "the kernel would let others look into this process: %s", strerror(errno));
		return -1;
	}
	if (proxy->ca_certificate[0])
		keys->minter = minter_open(proxy->ca_certificate, proxy->ca_key, error, size);
	if (error[0])
		return -1;
	if (keys_create_loop(keys) < 0) {
		snprintf(error, size, "can't set up the event loop");
		return -1;
	}
	return sandbox_enter(proxy->user, SANDBOX_KEYS, supervisor, error, size);
}

static void keys_close(struct keys *keys)
{
	for (int i = 0; i < KEYS_SIGNALS; i++)
		if (keys->signal[i])
			event_free(keys->signal[i]);
	for (size_t i = 0; i < keys->client_count; i++)
		if (keys->client[i].watch)
			event_free(keys->client[i].watch);
	if (keys->heart)
		event_free(keys->heart);
	minter_close(keys->minter);
	log_unwatch();
	if (keys->base)
		event_base_free(keys->base);
	free(keys);
}

int keys_run(const struct config *config, const int *channels, size_t count, struct record_writer *events,
	     struct heartbeat *page, pid_t supervisor)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	char error[KEYS_ERROR_MAX] = "";
	int result;

	if (!keys) {
		service_fail(page, "no memory");
		return -1;
	}
	keys->config = config;
	for (size_t i = 0; i < count; i++)
		keys->client[i] = (struct keys_client){ .keys = keys, .channel = channels[i] };
	keys->client_count = count;
	keys->page = page;
	keys->events = events;
	keys->credit = KEYS_MINUTE;
	keys->filled = clock_microseconds();
	result = keys_open(keys, supervisor, error, sizeof(error));
	if (result)
		service_fail(page, error);
	if (!result) {
		atomic_store(&page->ready, true);
		result = event_base_dispatch(keys->base) < 0 ? -1 : 0;
	}
	keys_close(keys);
	return result;
}
