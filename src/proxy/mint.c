/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy's way to the process that has the authority's key. Orders go out as sessions need them, answers come in their
 * own time, and all other sessions go on meanwhile. A session that waits is woken by every answer, and now and then without
 * one: an order that got lost is given again (certs_minted.c), until the handshake's deadline.
 */
#include <sys/socket.h>

#include "proxy/internal.h"
#include "tls/mint_wire.h"

#define MINT_BATCH 16
#define MINT_WAKE_MICROSECONDS 250000

bool mint_ask(void *context, const struct mint_order *order)
{
	const struct proxy *proxy = context;
	const struct timeval wake = { .tv_usec = MINT_WAKE_MICROSECONDS };

	event_add(proxy->mint_timer, &wake);
	return send(proxy->mint_channel, order, mint_order_size(order), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/* Returns how many still wait. */
static unsigned int mint_wake(struct proxy *proxy)
{
	unsigned int waiting = 0;

	for (struct proxy_session *session = proxy->first; session; session = session->next) {
		if (session->leg[LEG_CLIENT].phase != LEG_MINTING)
			continue;
		waiting++;
		proxy_session_wake(session);
	}
	return waiting;
}

static void mint_on_answer(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy *proxy = context;
	struct mint_answer answer;

	(void)what;
	for (int i = 0; i < MINT_BATCH; i++) {
		const ssize_t length = recv(descriptor, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);

		/* Only the keys process of a proxy that is replaced holds the other end: when it dies, answers end. */
		if (length == 0)
			event_del(proxy->mint_watch);
		if (length < (ssize_t)offsetof(struct mint_answer, certificate) ||
		    (size_t)length != mint_answer_size(&answer))
			break;
		tls_take_answer(proxy->tls, &answer);
	}
	mint_wake(proxy);
}

static void mint_on_time(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy *proxy = context;
	const struct timeval wake = { .tv_usec = MINT_WAKE_MICROSECONDS };

	(void)descriptor;
	(void)what;
	if (mint_wake(proxy) > 0)
		event_add(proxy->mint_timer, &wake);
}

bool mint_watch(struct proxy *proxy)
{
	proxy->mint_watch = event_new(proxy->base, proxy->mint_channel, EV_READ | EV_PERSIST, mint_on_answer, proxy);
	proxy->mint_timer = evtimer_new(proxy->base, mint_on_time, proxy);
	return proxy->mint_watch && proxy->mint_timer && event_add(proxy->mint_watch, NULL) == 0;
}

void mint_close(struct proxy *proxy)
{
	if (proxy->mint_watch)
		event_free(proxy->mint_watch);
	if (proxy->mint_timer)
		event_free(proxy->mint_timer);
}
