/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is let in. The places on each socket are limited, and a user who is not root can't have more than a part of them, nor
 * can all such users together: so root finds a place when something is wrong. Where there is none, the client that has been
 * silent for longest gives up its place: a client that speaks at once finds one, however many connect and say nothing. Where
 * all are being answered, a new client is told so.
 *
 * Each socket has its own places: those who may only look can't keep out those who may act.
 */
#include "control/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/starved.h"

/* How many clients that wait are taken in one turn of the loop. */
#define ACCEPTS_MAX 16

static const char busy[] = "{\"error\":\"there are as many clients as there may be; try again\",\"code\":\"busy\"}\n\n";

static struct guest *find_place(struct server_socket *socket)
{
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (socket->guest[i].state == GUEST_NONE)
			return &socket->guest[i];
	return NULL;
}

/* Is it a client of this user, or, with others, of any user but root? */
static bool guest_is_of(const struct guest *guest, uid_t user, bool others)
{
	return guest->state != GUEST_NONE && (others ? guest->user != 0 : guest->user == user);
}

static uint32_t count_guests(const struct server_socket *socket, uid_t user, bool others)
{
	uint32_t count = 0;

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		count += guest_is_of(&socket->guest[i], user, others) ? 1 : 0;
	return count;
}

/* The oldest client that is silent: of one user, of all but root, or of anybody. */
static struct guest *find_silent(struct server_socket *socket, uid_t user, bool others, bool anybody)
{
	struct guest *found = NULL;

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++) {
		struct guest *guest = &socket->guest[i];

		if (guest->state == GUEST_LISTENS && evbuffer_get_length(guest->out) == 0 &&
		    (anybody || guest_is_of(guest, user, others)) && (!found || guest->turn < found->turn))
			found = guest;
	}
	return found;
}

/* NULL: there is none. */
static struct guest *make_place(struct server_socket *socket, uid_t user)
{
	const bool greedy = user != 0 && count_guests(socket, user, false) >= SERVER_USER_CLIENTS_MAX;
	const bool many = user != 0 && count_guests(socket, user, true) >= SERVER_OTHERS_MAX;
	struct guest *place = find_place(socket);

	if (place && !greedy && !many)
		return place;
	place = find_silent(socket, user, !greedy && many, !greedy && !many);
	if (place)
		guest_close(place);
	return place;
}

static void let_in(struct server_socket *socket, int descriptor)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(peer);
	struct guest *guest;

	if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		peer.uid = (uid_t)-1;
	guest = make_place(socket, peer.uid);
	if (!guest) {
		send(descriptor, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(descriptor);
		return;
	}
	if (!guest_open(guest, socket, descriptor))
		return;
	guest->user = peer.uid;
	guest->pid = peer.pid;
	/* Most clients have said their request by now. */
	guest_read(guest);
}

static void on_accept(evutil_socket_t descriptor, short what, void *context)
{
	struct server_socket *socket = context;

	(void)what;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		const int client = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		/* One that waits and can't be let in would wake the loop again and again. */
		if (client < 0) {
			socket->paused = is_starved(errno);
			if (socket->paused)
				event_del(socket->accepts);
			break;
		}
		let_in(socket, client);
	}
}

static bool open_socket(struct server *server, struct server_socket *socket, int descriptor, bool may_change)
{
	socket->server = server;
	socket->descriptor = descriptor;
	socket->may_change = may_change;
	if (descriptor < 0)
		return true;
	socket->accepts = event_new(server->base, descriptor, EV_READ | EV_PERSIST, on_accept, socket);
	return socket->accepts && event_add(socket->accepts, NULL) == 0;
}

struct server *server_open(struct event_base *base, const struct server_sockets *sockets, const struct answer_source *source)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->base = base;
	server->source = source;
	if (open_socket(server, &server->monitor, sockets->monitor, false) &&
	    open_socket(server, &server->control, sockets->control, true))
		return server;
	server_close(server);
	return NULL;
}

static void close_socket(struct server_socket *socket)
{
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (socket->guest[i].state != GUEST_NONE)
			guest_close(&socket->guest[i]);
	if (socket->accepts)
		event_free(socket->accepts);
}

void server_close(struct server *server)
{
	if (!server)
		return;
	close_socket(&server->monitor);
	close_socket(&server->control);
	free(server);
}

static void tick_socket(struct server_socket *socket, uint64_t now)
{
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (socket->guest[i].state != GUEST_NONE)
			guest_tick(&socket->guest[i], now);
	if (socket->paused)
		socket->paused = event_add(socket->accepts, NULL) < 0;
}

void server_tick(struct server *server)
{
	const uint64_t now = clock_microseconds();

	tick_socket(&server->monitor, now);
	tick_socket(&server->control, now);
}

void server_hear(struct server *server, uint32_t order, bool done, const char *text)
{
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		guest_hear(&server->control.guest[i], order, done, text);
}

uint32_t server_clients(const struct server *server)
{
	uint32_t count = 0;

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		count += (server->monitor.guest[i].state != GUEST_NONE) + (server->control.guest[i].state != GUEST_NONE);
	return count;
}
