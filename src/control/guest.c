/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   LISTENS --a whole line--> TELLS --the answer and an empty line have been taken--> LISTENS
 *    |   |                      |
 *    |   | 4 kB, or within a    | nothing was taken for 5 s, or 1 MB waits
 *    |   | line 5 s or the end  v
 *    |   +--> ENDS --------> closed
 *    |         said why         ^
 *    +--with nothing said-------+
 *         5 s, or the end
 *
 * An answer is made as its reader takes it: as long as something is to be sent, no more of it is made, so a client takes no
 * more of our memory than one piece. A client that ends what it says is answered to the end, as a program at the end of a
 * pipe is; one that has closed both ways is closed.
 *
 * What a client says while it is answered waits in its socket.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/server_internal.h"

#define PATIENCE UINT64_C(5000000)
#define WAITING_MAX ((size_t)1 << 20)
/* Pieces of an answer that are made at a time: then others have their turn. */
#define TURN_PIECES 4

static void on_read(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	guest_read(context);
}

static void guest_go_on(struct guest *guest);

static void on_write(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	guest_go_on(context);
}

bool guest_open(struct guest *guest, struct server_socket *socket, int descriptor)
{
	struct server *server = socket->server;

	*guest = (struct guest){
		.state = GUEST_LISTENS, .server = server, .may_change = socket->may_change, .descriptor = descriptor,
		.turn = ++server->turn, .deadline = clock_microseconds() + PATIENCE,
	};
	guest->reads = event_new(server->base, descriptor, EV_READ | EV_PERSIST, on_read, guest);
	guest->writes = event_new(server->base, descriptor, EV_WRITE, on_write, guest);
	guest->out = evbuffer_new();
	guest->answer = calloc(1, sizeof(*guest->answer));
	if (guest->reads && guest->writes && guest->out && guest->answer && event_add(guest->reads, NULL) == 0)
		return true;
	guest_close(guest);
	return false;
}

void guest_close(struct guest *guest)
{
	if (guest->reads)
		event_free(guest->reads);
	if (guest->writes)
		event_free(guest->writes);
	if (guest->out)
		evbuffer_free(guest->out);
	free(guest->answer);
	close(guest->descriptor);
	*guest = (struct guest){ .state = GUEST_NONE };
}

/* False: the client is gone. */
static bool guest_send(struct guest *guest)
{
	struct evbuffer_iovec piece;

	while (evbuffer_peek(guest->out, -1, NULL, &piece, 1) > 0) {
		const ssize_t sent = send(guest->descriptor, piece.iov_base, piece.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		evbuffer_drain(guest->out, (size_t)sent);
		guest->deadline = clock_microseconds() + PATIENCE;
	}
	return true;
}

static bool guest_owes(const struct guest *guest)
{
	return evbuffer_get_length(guest->out) > 0;
}

/* What it said is not a request. It may read why. */
static void guest_refuse(struct guest *guest, const char *code, const char *sentence)
{
	const struct request_fault fault = { code, sentence };

	answer_put_fault(guest->out, &fault);
	evbuffer_add(guest->out, "\n", 1);
	guest->state = GUEST_ENDS;
	event_del(guest->reads);
}

static void guest_begin_answer(struct guest *guest, size_t length)
{
	const struct bytes line = { (const uint8_t *)guest->request, length };
	const size_t taken = length + 1;

	guest->answer->user = guest->user;
	guest->answer->pid = guest->pid;
	answer_begin(guest->answer, guest->server->source, line, guest->may_change, clock_wall_microseconds());
	guest->request_length -= taken;
	memmove(guest->request, guest->request + taken, guest->request_length);
	guest->state = GUEST_TELLS;
	guest->waits = false;
	guest->deadline = 0;
	event_del(guest->reads);
}

/* True: there was a whole one. */
static bool guest_take_request(struct guest *guest)
{
	const char *end = memchr(guest->request, '\n', guest->request_length);

	if (end) {
		guest_begin_answer(guest, (size_t)(end - guest->request));
		return true;
	}
	if (guest->request_length == sizeof(guest->request))
		guest_refuse(guest, "too-long", "the request is longer than 4 kB");
	return guest->state == GUEST_ENDS;
}

/* Says more of the answer, as long as it is taken. False: it is not. */
static bool guest_tell(struct guest *guest)
{
	const struct answer_source *source = guest->server->source;

	for (int i = 0; i < TURN_PIECES && guest->state == GUEST_TELLS && !guest_owes(guest); i++) {
		const enum answer_progress progress = answer_go_on(guest->answer, source, guest->out,
								   clock_wall_microseconds());

		guest->waits = progress == ANSWER_LATER;
		if (progress == ANSWER_DONE) {
			evbuffer_add(guest->out, "\n", 1);
			guest->state = GUEST_LISTENS;
		}
		if (!guest_send(guest) || evbuffer_get_length(guest->out) > WAITING_MAX)
			return false;
		if (guest->waits)
			break;
	}
	return true;
}

/* Its answer has been said: the next request may be there already. */
static void guest_listen(struct guest *guest)
{
	guest->deadline = clock_microseconds() + PATIENCE;
	if (guest_take_request(guest))
		return;
	if (guest->heard_all)
		guest->state = GUEST_ENDS;
	else
		event_add(guest->reads, NULL);
}

static void guest_go_on(struct guest *guest)
{
	if (!guest_send(guest) || (guest->state == GUEST_TELLS && !guest_tell(guest))) {
		guest_close(guest);
		return;
	}
	if (guest->state == GUEST_LISTENS && !guest_owes(guest))
		guest_listen(guest);
	if (guest->state == GUEST_ENDS && !guest_owes(guest)) {
		guest_close(guest);
		return;
	}
	if (guest_owes(guest) && guest->deadline == 0)
		guest->deadline = clock_microseconds() + PATIENCE;
	if (guest->state == GUEST_TELLS && !guest_owes(guest))
		guest->deadline = 0;
	if (guest_owes(guest) || (guest->state == GUEST_TELLS && !guest->waits))
		event_add(guest->writes, NULL);
}

void guest_read(struct guest *guest)
{
	const size_t room = sizeof(guest->request) - guest->request_length;
	const ssize_t length = recv(guest->descriptor, guest->request + guest->request_length, room, MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length < 0 || (length == 0 && guest->request_length == 0)) {
		guest_close(guest);
		return;
	}
	guest->request_length += (size_t)length;
	guest->heard_all = length == 0;
	/* A line without an end may be a part of another one. */
	if (guest->heard_all)
		guest_refuse(guest, "syntax", "the request does not end with a newline");
	if (guest->heard_all || guest_take_request(guest))
		guest_go_on(guest);
}

/* It has closed both ways, or somebody has ended it. */
static bool guest_is_gone(const struct guest *guest)
{
	struct pollfd poll_one = { .fd = guest->descriptor };

	return poll(&poll_one, 1, 0) == 1 && (poll_one.revents & (POLLHUP | POLLERR | POLLNVAL));
}

void guest_tick(struct guest *guest, uint64_t now)
{
	if (guest_is_gone(guest)) {
		guest_close(guest);
	} else if (guest->deadline != 0 && now >= guest->deadline) {
		if (guest->state == GUEST_LISTENS && guest->request_length > 0 && !guest_owes(guest)) {
			guest_refuse(guest, "timeout", "the request was not ended with a newline within 5 seconds");
			guest_go_on(guest);
		} else {
			guest_close(guest);
		}
	} else if (guest->state == GUEST_TELLS && !guest_owes(guest)) {
		guest_go_on(guest);
	}
}

void guest_hear(struct guest *guest, uint32_t order, bool done, const char *text)
{
	if (guest->state != GUEST_TELLS)
		return;
	answer_take(guest->answer, order, done, text);
	if (guest->answer->ordered)
		guest_go_on(guest);
}
