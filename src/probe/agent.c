/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Sockets are non-blocking. A request that can't be answered at once becomes a call; agent_pump receives what has come
 * and tries every call again, until it is done or its deadline has passed. Nothing depends on which event woke the
 * process up.
 *
 * "Acknowledged" is SIOCOUTQ == 0, for which there is no event, so a process with such a call looks again every few
 * milliseconds. The wait is bounded: a helper may hold a segment back without acknowledging it.
 */
#include "probe/agent_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/number.h"
#include "ftpalg/address.h"
#include "probe/words.h"
#include "tls/wire.h"

#define ACKNOWLEDGE_MAX (250 * MILLISECOND)

void agent_init(struct agent *agent)
{
	agent->waiting = -1;
	for (size_t i = 0; i < AGENT_SOCKETS_MAX; i++)
		agent->sockets[i].descriptor = -1;
}

static void socket_close(struct agent_socket *socket)
{
	if (socket->descriptor >= 0)
		close(socket->descriptor);
	socket->descriptor = -1;
	socket->state = AGENT_CLOSED;
}

void agent_forget_socket(struct agent_socket *socket)
{
	socket_close(socket);
	free(socket->received);
	memset(socket, 0, sizeof(*socket));
	socket->descriptor = -1;
}

void agent_close(struct agent *agent)
{
	if (agent->waiting >= 0)
		close(agent->waiting);
	agent->waiting = -1;
	for (size_t i = 0; i < AGENT_SOCKETS_MAX; i++)
		agent_forget_socket(&agent->sockets[i]);
	memset(agent->calls, 0, sizeof(agent->calls));
}

/* Takes descriptor over. Returns its handle, or -1 with descriptor closed. */
int agent_add_socket(struct agent *agent, int descriptor, int state)
{
	for (int i = 0; i < AGENT_SOCKETS_MAX; i++) {
		struct agent_socket *socket = &agent->sockets[i];
		const int on = 1;

		if (socket->state != AGENT_FREE)
			continue;
		/* An urgent byte stays in its place among the others, so that what arrived can be compared. */
		setsockopt(descriptor, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		socket->descriptor = descriptor;
		socket->state = state;
		return i;
	}
	close(descriptor);
	return -1;
}

void agent_tell(const struct agent_asker *asker, const char *text)
{
	asker->answer(asker->context, asker->tag, text);
}

static void answer_connection(const struct agent *agent, int handle, const struct agent_asker *asker)
{
	const struct agent_socket *socket = &agent->sockets[handle];
	struct endpoint local;
	struct endpoint remote;
	char texts[2][ENDPOINT_TEXT_MAX];
	char text[AGENT_TEXT_MAX];

	if (!wire_local(socket->descriptor, &local) || !wire_remote(socket->descriptor, &remote)) {
		agent_tell(asker, "GONE");
		return;
	}
	endpoint_format(&local, texts[0]);
	endpoint_format(&remote, texts[1]);
	snprintf(text, sizeof(text), "OK %d %s %s", handle, texts[0], texts[1]);
	agent_tell(asker, text);
}

struct agent_call *agent_add_call(struct agent *agent, enum agent_verb verb, int handle, const struct agent_asker *asker)
{
	for (size_t i = 0; i < AGENT_CALLS_MAX; i++) {
		struct agent_call *call = &agent->calls[i];

		if (call->used)
			continue;
		memset(call, 0, sizeof(*call));
		call->used = true;
		call->verb = verb;
		call->handle = handle;
		call->asker = *asker;
		return call;
	}
	agent_tell(asker, "ERROR too many requests at a time");
	return NULL;
}

/* Frees the call first: its answer may lead to the next request. */
static void finish_call(struct agent_call *call, const char *text)
{
	const struct agent_asker asker = call->asker;

	call->used = false;
	agent_tell(&asker, text);
}

bool agent_take_control(struct agent *agent, int descriptor, const struct address *peer, uint64_t now)
{
	if (now > agent->armed_until || !address_equal(peer, &agent->peer))
		return false;
	agent->armed_until = 0;
	agent->waiting = descriptor;
	return true;
}

static void socket_receive(struct agent_socket *socket)
{
	const int on = 1;
	ssize_t got;

	while (socket->state == AGENT_CONNECTED && socket->descriptor >= 0 && !socket->end && !socket->reset &&
	       socket->length < AGENT_RECEIVED_MAX) {
		if (socket->length == socket->size) {
			const size_t size = socket->size ? 2 * socket->size : 1024;
			uint8_t *received = realloc(socket->received, size);

			if (!received)
				return;
			socket->received = received;
			socket->size = size;
		}
		got = recv(socket->descriptor, socket->received + socket->length, socket->size - socket->length, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		socket->reset = got < 0;
		socket->end = got == 0;
		socket->length += got > 0 ? (size_t)got : 0;
		/* The sender may wait for the acknowledgement before it goes on. */
		setsockopt(socket->descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	}
}

/* Each of these answers the call if it can, or if its deadline has passed. */

static void pump_accept(struct agent *agent, struct agent_call *call, uint64_t now)
{
	struct agent_asker asker;
	struct endpoint remote;
	int descriptor = -1;
	int handle;

	if (call->control) {
		descriptor = agent->waiting;
		agent->waiting = -1;
	} else if (agent->sockets[call->handle].descriptor >= 0) {
		descriptor = accept4(agent->sockets[call->handle].descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (descriptor < 0) {
		if (now >= call->deadline)
			finish_call(call, "TIMEOUT");
		return;
	}
	handle = agent_add_socket(agent, descriptor, AGENT_CONNECTED);
	if (handle < 0) {
		finish_call(call, "ERROR too many connections");
		return;
	}
	if (wire_remote(descriptor, &remote))
		agent->sockets[handle].peer = remote.address;
	agent->sockets[handle].control = call->control;
	asker = call->asker;
	call->used = false;
	answer_connection(agent, handle, &asker);
}

static void pump_connect(struct agent *agent, struct agent_call *call, uint64_t now)
{
	struct agent_socket *socket = &agent->sockets[call->handle];
	struct pollfd writable = { .fd = socket->descriptor, .events = POLLOUT };
	int error = 0;
	socklen_t length = sizeof(error);
	struct agent_asker asker;
	struct endpoint remote;

	if (poll(&writable, 1, 0) == 0) {
		if (now < call->deadline)
			return;
		agent_forget_socket(socket);
		finish_call(call, "TIMEOUT");
		return;
	}
	if (getsockopt(socket->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0 ||
	    !wire_remote(socket->descriptor, &remote)) {
		agent_forget_socket(socket);
		finish_call(call, error == ETIMEDOUT ? "TIMEOUT" : "REFUSED");
		return;
	}
	socket->state = AGENT_CONNECTED;
	asker = call->asker;
	call->used = false;
	answer_connection(agent, call->handle, &asker);
}

static void pump_send(struct agent *agent, struct agent_call *call, uint64_t now)
{
	const struct agent_socket *socket = &agent->sockets[call->handle];
	int unacknowledged = 0;
	ssize_t sent;

	if (socket->state != AGENT_CONNECTED || socket->descriptor < 0) {
		finish_call(call, "GONE");
		return;
	}
	if (call->done < call->length) {
		sent = send(socket->descriptor, call->bytes + call->done, call->length - call->done, call->flags);
		if (sent < 0 && ((errno != EAGAIN && errno != EINTR) || now >= call->deadline)) {
			finish_call(call, "GONE");
			return;
		}
		call->done += sent > 0 ? (size_t)sent : 0;
		if (call->done < call->length)
			return;
		call->deadline = now + ACKNOWLEDGE_MAX;
	}
	if (call->acknowledge && ioctl(socket->descriptor, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0 &&
	    now < call->deadline)
		return;
	finish_call(call, "OK");
}

static void pump_read(const struct agent *agent, struct agent_call *call, uint64_t now)
{
	const struct agent_socket *socket = &agent->sockets[call->handle];
	const char *state = socket->reset ? "reset" : "end";
	size_t length = socket->length > call->have ? socket->length - call->have : 0;
	char hex[2 * AGENT_CHUNK_MAX + 1];
	char text[AGENT_TEXT_MAX];

	if (length == 0 && !socket->end && !socket->reset && now < call->deadline)
		return;
	length = length < AGENT_CHUNK_MAX ? length : AGENT_CHUNK_MAX;
	hex[0] = '\0';
	if (length > 0)
		number_write_bytes((struct bytes){ socket->received + call->have, length }, hex);
	if ((!socket->end && !socket->reset) || call->have + length < socket->length)
		state = "open";
	snprintf(text, sizeof(text), "OK %s %zu %s", state, socket->length, hex);
	finish_call(call, text);
}

void agent_pump(struct agent *agent, uint64_t now)
{
	for (size_t i = 0; i < AGENT_SOCKETS_MAX; i++)
		socket_receive(&agent->sockets[i]);
	for (size_t i = 0; i < AGENT_CALLS_MAX; i++) {
		struct agent_call *call = &agent->calls[i];

		if (!call->used)
			continue;
		switch (call->verb) {
		case AGENT_ACCEPT:
			pump_accept(agent, call, now);
			break;
		case AGENT_CONNECT:
			pump_connect(agent, call, now);
			break;
		case AGENT_SEND:
			pump_send(agent, call, now);
			break;
		case AGENT_READ:
			pump_read(agent, call, now);
			break;
		}
	}
}

size_t agent_fill_poll(const struct agent *agent, struct pollfd *fds, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < AGENT_SOCKETS_MAX && count < size; i++) {
		const struct agent_socket *socket = &agent->sockets[i];

		/* A connection that has ended would wake us up for ever. */
		if (socket->descriptor < 0 || socket->end || socket->reset || socket->length == AGENT_RECEIVED_MAX)
			continue;
		fds[count].fd = socket->descriptor;
		fds[count].events = socket->state == AGENT_CONNECTING ? POLLOUT : POLLIN;
		fds[count].revents = 0;
		count++;
	}
	return count;
}

bool agent_is_busy(const struct agent *agent)
{
	for (size_t i = 0; i < AGENT_CALLS_MAX; i++)
		if (agent->calls[i].used)
			return true;
	return false;
}
