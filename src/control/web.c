/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   FREE --accepted--> LISTENS --a whole head, or 4 kB without its end--> TELLS --all was taken--> FREE
 *                         |                                                 |
 *                         +----- 5 s from when it came are over ----------- + ----> FREE
 *
 * There are sixteen places. Where all are taken, the oldest client that has not yet said its request gives up its place;
 * where all are being answered, a new client is closed. A client has five seconds in all, however busily it sends, so nobody
 * can hold a place for longer.
 *
 * Libevent's HTTP server (2.1) would not do: its time limit begins again with each byte, it has no bound on the number of
 * connections, and it reports none before its request is complete.
 */
#include "control/web_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/starved.h"
#include "control/web.h"

#define WEB_CLIENTS_MAX 16
#define WEB_ACCEPTS_MAX 8 /* in one turn of the loop */
#define WEB_HEAD_MAX 4096
#define WEB_BACKLOG 16
#define WEB_PATIENCE UINT64_C(5000000)

enum web_state {
	WEB_FREE,
	WEB_LISTENS, /* it says its request */
	WEB_TELLS,   /* it is answered */
};

struct web_client {
	enum web_state state;
	struct web *web;
	int descriptor;
	uint64_t deadline;
	size_t length;
	uint8_t head[WEB_HEAD_MAX];
	struct event *reads;
	struct event *writes;
	struct evbuffer *out;
};

struct web {
	struct event_base *base;
	const struct answer_source *source;
	struct event *accepts;
	bool paused; /* nobody more can be let in, for lack of descriptors */
	struct web_client clients[WEB_CLIENTS_MAX];
};

static void client_close(struct web_client *client)
{
	if (client->reads)
		event_free(client->reads);
	if (client->writes)
		event_free(client->writes);
	if (client->out)
		evbuffer_free(client->out);
	close(client->descriptor);
	client->state = WEB_FREE;
	client->reads = NULL;
	client->writes = NULL;
	client->out = NULL;
}

/* Sends what its socket takes now. */
static void client_tell(struct web_client *client)
{
	struct evbuffer_iovec piece;

	while (evbuffer_peek(client->out, -1, NULL, &piece, 1) > 0) {
		const ssize_t sent = send(client->descriptor, piece.iov_base, piece.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR) && event_add(client->writes, NULL) == 0)
			return;
		if (sent < 0)
			break;
		evbuffer_drain(client->out, (size_t)sent);
	}
	client_close(client);
}

static void client_on_write(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	client_tell(context);
}

static void client_on_read(evutil_socket_t descriptor, short what, void *context)
{
	struct web_client *client = context;
	const ssize_t got = recv(descriptor, client->head + client->length, sizeof(client->head) - client->length,
				 MSG_DONTWAIT);
	size_t end;

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		client_close(client);
		return;
	}
	client->length += (size_t)got;
	end = web_find_end((struct bytes){ client->head, client->length });
	if (end > 0)
		web_answer(client->out, (struct bytes){ client->head, end }, client->web->source);
	else if (client->length == sizeof(client->head))
		web_answer_too_long(client->out);
	else
		return;
	client->state = WEB_TELLS;
	event_del(client->reads);
	client_tell(client);
}

/* NULL: all are being answered. */
static struct web_client *find_place(struct web *web)
{
	struct web_client *oldest = NULL;

	for (size_t i = 0; i < WEB_CLIENTS_MAX; i++) {
		struct web_client *client = &web->clients[i];

		if (client->state == WEB_FREE)
			return client;
		if (client->state == WEB_LISTENS && (!oldest || client->deadline < oldest->deadline))
			oldest = client;
	}
	if (oldest)
		client_close(oldest);
	return oldest;
}

static void let_in(struct web *web, int descriptor)
{
	struct web_client *client = find_place(web);

	if (!client) {
		close(descriptor);
		return;
	}
	client->state = WEB_LISTENS;
	client->web = web;
	client->descriptor = descriptor;
	client->deadline = clock_microseconds() + WEB_PATIENCE;
	client->length = 0;
	client->reads = event_new(web->base, descriptor, EV_READ | EV_PERSIST, client_on_read, client);
	client->writes = event_new(web->base, descriptor, EV_WRITE, client_on_write, client);
	client->out = evbuffer_new();
	if (!client->reads || !client->writes || !client->out || event_add(client->reads, NULL) < 0)
		client_close(client);
}

static void on_accept(evutil_socket_t descriptor, short what, void *context)
{
	struct web *web = context;

	(void)what;
	for (int i = 0; i < WEB_ACCEPTS_MAX; i++) {
		const int client = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0) {
			/* One that waits and can't be let in would wake the loop again and again. */
			web->paused = is_starved(errno);
			if (web->paused)
				event_del(web->accepts);
			break;
		}
		let_in(web, client);
	}
}

int web_listen(const struct endpoint *endpoint)
{
	const bool ipv4 = endpoint->address.family == FAMILY_IPV4;
	const struct sockaddr_in near4 = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };
	const struct sockaddr_in6 near6 = { .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port) };
	const socklen_t length = ipv4 ? sizeof(near4) : sizeof(near6);
	const int descriptor = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1;
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} near;
	int error;

	if (ipv4) {
		near.ipv4 = near4;
		memcpy(&near.ipv4.sin_addr, endpoint->address.octets, sizeof(near.ipv4.sin_addr));
	} else {
		near.ipv6 = near6;
		memcpy(&near.ipv6.sin6_addr, endpoint->address.octets, sizeof(near.ipv6.sin6_addr));
	}
	if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) == 0 &&
	    (ipv4 || setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0) &&
	    bind(descriptor, &near.any, length) == 0 && listen(descriptor, WEB_BACKLOG) == 0)
		return descriptor;
	error = errno;
	if (descriptor >= 0)
		close(descriptor);
	errno = error;
	return -1;
}

struct web *web_open(struct event_base *base, int descriptor, const struct answer_source *source)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return NULL;
	web->base = base;
	web->source = source;
	if (descriptor < 0)
		return web;
	web->accepts = event_new(base, descriptor, EV_READ | EV_PERSIST, on_accept, web);
	if (web->accepts && event_add(web->accepts, NULL) == 0)
		return web;
	web_close(web);
	return NULL;
}

void web_close(struct web *web)
{
	if (!web)
		return;
	for (size_t i = 0; i < WEB_CLIENTS_MAX; i++)
		if (web->clients[i].state != WEB_FREE)
			client_close(&web->clients[i]);
	if (web->accepts)
		event_free(web->accepts);
	free(web);
}

void web_tick(struct web *web)
{
	const uint64_t now = clock_microseconds();

	for (size_t i = 0; i < WEB_CLIENTS_MAX; i++)
		if (web->clients[i].state != WEB_FREE && now >= web->clients[i].deadline)
			client_close(&web->clients[i]);
	if (web->paused)
		web->paused = event_add(web->accepts, NULL) < 0;
}
