/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A relay is two halves, one for each direction, over two wires. Events are edge-triggered, so whatever happens the relay
 * moves until nothing moves any more (or its share is used up, and it asks for another turn): there is no bookkeeping of
 * who waits for what. A half holds what it has read until it is written, and reads nothing meanwhile: the one buffer is
 * the bound, and TCP does the rest. Between two wires in clear the bytes stay in the kernel (splice).
 *
 *                connect            handshakes                     both halves done
 *   relay_begin ---------> securing ----------> moving -------------------------------> closed
 *                   \__________ \__________________ \_ deadline, reset, cut ________--> aborted: both peers see a reset
 *
 * An end is passed on as what it was: close_notify as close_notify, FIN in clear as the end that it has to be taken for. A
 * TLS stream that ends without close_notify may lack bytes; it becomes a reset, which nobody can take for an end.
 * The one exception is a side that has nothing more to say anyway: the other half is done, and it sent no byte.
 */
#include "daemon/relay.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/wire.h"
#include "ftpalg/event.h"

#define RELAY_BUFFER 65536U
#define RELAY_PIPE 524288
/* Buffers moved in one turn. */
#define RELAY_TURN 32
/* From the first connection to the last handshake; servers begin theirs when the transfer command has come. */
#define RELAY_SETUP_SECONDS 60
/* One direction has ended; the other has this long to say so too. */
#define RELAY_LINGER_SECONDS 30

struct half {
	uint8_t *buffer; /* NULL: the pipe is used */
	size_t start;
	size_t length;   /* in the buffer, or in the pipe */
	int pipe[2];
	uint64_t moved;
	bool ended;      /* nothing more will be read */
	bool done;       /* and all is written */
};

struct relay {
	struct relay_list *list;
	struct relay *previous;
	struct relay *next;
	struct relay_plan plan;
	struct wire wire[RELAY_ENDS];
	struct event *watch[RELAY_ENDS];
	struct event *timer;
	struct half half[RELAY_ENDS]; /* by the wire that is read */
	struct event_leg leg[RELAY_ENDS];
	bool connected;
	bool secured[RELAY_ENDS];
	bool moving;
	uint64_t began;
	uint64_t counted; /* bytes moved, when the timer last looked */
};

static void relay_report(const struct relay *relay, enum reason reason)
{
	const struct ops *ops = &relay->plan.host->ops;
	const struct event_relay numbers = {
		.client = relay->leg[RELAY_CLIENT],
		.server = relay->leg[RELAY_SERVER],
		.to_server = relay->half[RELAY_CLIENT].moved,
		.to_client = relay->half[RELAY_SERVER].moved,
	};
	const struct event event = {
		.type = EVENT_RELAY,
		.reason = reason,
		.session = relay->plan.session,
		.view = &relay->plan.view,
		.duration = host_now() - relay->began,
		.relay = &numbers,
	};

	ops->event(ops->context, &event);
}

static void relay_free(struct relay *relay)
{
	for (int i = 0; i < RELAY_ENDS; i++) {
		struct half *half = &relay->half[i];

		if (relay->watch[i])
			event_free(relay->watch[i]);
		wire_close(&relay->wire[i]);
		free(half->buffer);
		if (half->pipe[0] >= 0)
			close(half->pipe[0]);
		if (half->pipe[1] >= 0)
			close(half->pipe[1]);
	}
	if (relay->timer)
		event_free(relay->timer);
	tls_tickets_drop(relay->plan.tickets);
	if (relay->previous)
		relay->previous->next = relay->next;
	else
		relay->list->first = relay->next;
	if (relay->next)
		relay->next->previous = relay->previous;
	relay->list->count--;
	free(relay);
}

static void relay_end(struct relay *relay, enum reason reason)
{
	relay_report(relay, reason);
	if (reason != REASON_NONE) {
		/* Events watch the descriptors, so they go first. */
		for (int i = 0; i < RELAY_ENDS; i++) {
			event_free(relay->watch[i]);
			relay->watch[i] = NULL;
			wire_abort(&relay->wire[i]);
		}
	}
	relay_free(relay);
}

static void relay_set_timer(struct relay *relay, uint64_t seconds)
{
	const struct timeval delay = { .tv_sec = (time_t)seconds };

	event_add(relay->timer, &delay);
}

static uint64_t relay_idle_seconds(const struct relay *relay)
{
	return relay->plan.idle / 1000000 + 1;
}

static void relay_on_time(evutil_socket_t descriptor, short what, void *context)
{
	struct relay *relay = context;
	const uint64_t moved = relay->half[RELAY_CLIENT].moved + relay->half[RELAY_SERVER].moved;

	(void)descriptor;
	(void)what;
	if (relay->moving && moved != relay->counted) {
		relay->counted = moved;
		relay_set_timer(relay, relay_idle_seconds(relay));
		return;
	}
	/* All bytes of one direction have arrived, and the other has sent none: a peer that just does not close. */
	if (relay->moving && relay->half[RELAY_CLIENT].done != relay->half[RELAY_SERVER].done) {
		relay_end(relay, REASON_NONE);
		return;
	}
	relay_end(relay, relay->moving ? REASON_IDLE : REASON_TIMEOUT);
}

/* Begins TLS on every side that is to have it. */
static bool relay_start_tls(struct relay *relay)
{
	const struct relay_plan *plan = &relay->plan;
	struct wire *client = &relay->wire[RELAY_CLIENT];
	struct wire *server = &relay->wire[RELAY_SERVER];

	if (plan->secure[RELAY_CLIENT])
		client->tls = tls_stream_accept(plan->tls, client->descriptor, plan->tickets);
	/* RFC 4217 7: the FTP client is the TLS client on data connections too, whoever opens them. */
	if (plan->secure[RELAY_SERVER])
		server->tls = tls_stream_connect(plan->tls, server->descriptor, plan->tickets, plan->name,
						 &plan->view.server_seen.address);
	return (!plan->secure[RELAY_CLIENT] || client->tls) && (!plan->secure[RELAY_SERVER] || server->tls);
}

static enum reason relay_judge_tls(struct relay *relay, int end)
{
	struct tls_stream *stream = relay->wire[end].tls;

	relay->leg[end].tls = tls_stream_version(stream);
	relay->leg[end].resumed = tls_stream_is_resumed(stream);
	if (end == RELAY_SERVER && tls_stream_objection(stream))
		return REASON_BAD_CERTIFICATE;
	if (end == RELAY_CLIENT && relay->plan.resumption_required && !relay->leg[end].resumed)
		return REASON_NOT_RESUMED;
	return REASON_NONE;
}

/* REASON_HELD: it goes on when something happens. */
static enum reason relay_secure(struct relay *relay, int end)
{
	enum reason reason;

	if (relay->secured[end] || !relay->wire[end].tls)
		return REASON_NONE;
	switch (tls_stream_handshake(relay->wire[end].tls)) {
	case TLS_DONE:
		break;
	case TLS_WAIT:
		return REASON_HELD;
	default:
		return REASON_HANDSHAKE;
	}
	reason = relay_judge_tls(relay, end);
	relay->secured[end] = reason == REASON_NONE;
	return reason;
}

static bool half_prepare(struct half *half, bool clear)
{
	if (clear) {
		if (pipe2(half->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			return false;
		/* Where the user has as many pages in pipes as it may, the usual size must do. */
		fcntl(half->pipe[1], F_SETPIPE_SZ, RELAY_PIPE);
		return true;
	}
	half->buffer = malloc(RELAY_BUFFER);
	return half->buffer != NULL;
}

static bool relay_start_moving(struct relay *relay)
{
	const bool clear = !relay->wire[RELAY_CLIENT].tls && !relay->wire[RELAY_SERVER].tls;

	relay->moving = true;
	relay_set_timer(relay, relay_idle_seconds(relay));
	return half_prepare(&relay->half[RELAY_CLIENT], clear) && half_prepare(&relay->half[RELAY_SERVER], clear);
}

static enum tls_result splice_result(ssize_t count)
{
	if (count > 0)
		return TLS_DONE;
	if (count == 0)
		return TLS_END;
	return errno == EAGAIN || errno == EINTR ? TLS_WAIT : TLS_FAILED;
}

static enum tls_result half_fill(struct half *half, struct wire *from)
{
	enum tls_result result = TLS_DONE;

	if (!half->buffer) {
		const ssize_t got = splice(from->descriptor, NULL, half->pipe[1], NULL, RELAY_PIPE,
					   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		half->length += got > 0 ? (size_t)got : 0;
		return splice_result(got);
	}
	half->start = 0;
	while (half->length < RELAY_BUFFER && result == TLS_DONE) {
		size_t got = 0;

		result = wire_read(from, half->buffer + half->length, RELAY_BUFFER - half->length, &got);
		half->length += got;
	}
	/* What was read is dealt with first; the end will be there again. */
	return half->length > 0 && result != TLS_FAILED && result != TLS_CUT ? TLS_DONE : result;
}

static enum tls_result half_drain(struct half *half, struct wire *to)
{
	enum tls_result result = TLS_DONE;

	while (half->length > 0 && result == TLS_DONE) {
		size_t put = 0;

		if (half->buffer) {
			const struct bytes bytes = { half->buffer + half->start, half->length };

			result = wire_write(to, bytes, &put);
		} else {
			const ssize_t count = splice(half->pipe[0], NULL, to->descriptor, NULL, half->length,
						     SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

			result = splice_result(count);
			put = result == TLS_DONE ? (size_t)count : 0;
		}
		half->start += put;
		half->length -= put;
		half->moved += put;
	}
	return result;
}

/* Moves what can be moved from one wire to the other. REASON_HELD: another turn is wanted. */
static enum reason relay_move(struct relay *relay, int end)
{
	struct half *half = &relay->half[end];
	const struct half *other = &relay->half[!end];
	struct wire *from = &relay->wire[end];
	struct wire *to = &relay->wire[!end];

	for (int i = 0; i < RELAY_TURN; i++) {
		enum tls_result result = TLS_DONE;
		enum tls_result drained = TLS_DONE;

		if (half->length == 0 && !half->ended)
			result = half_fill(half, from);
		if (result == TLS_CUT && half->moved == 0 && half->length == 0 && other->done)
			result = TLS_END;
		if (result == TLS_FAILED && half->moved == 0 && half->length == 0 && other->done)
			result = TLS_END;
		if (result == TLS_CUT)
			return REASON_TRUNCATED;
		if (result == TLS_FAILED)
			return REASON_RESET;
		half->ended = half->ended || result == TLS_END;
		if (half->length > 0)
			drained = half_drain(half, to);
		if (drained != TLS_DONE && drained != TLS_WAIT)
			return REASON_RESET;
		if (half->length > 0 || result == TLS_WAIT || half->done)
			return REASON_NONE;
		if (half->ended) {
			if (wire_finish(to) == TLS_WAIT)
				return REASON_NONE;
			half->done = true;
			relay_set_timer(relay, RELAY_LINGER_SECONDS);
			return REASON_NONE;
		}
	}
	return REASON_HELD;
}

static enum reason relay_check_connected(struct relay *relay)
{
	struct endpoint remote;
	socklen_t length = sizeof(int);
	int error = 0;
	const int descriptor = relay->wire[relay->plan.connecting].descriptor;

	if (relay->connected)
		return REASON_NONE;
	if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error)
		return REASON_UNREACHABLE;
	if (!wire_remote(descriptor, &remote))
		return REASON_HELD;
	relay->connected = true;
	return relay_start_tls(relay) ? REASON_NONE : REASON_MEMORY_FULL;
}

/* Everything up to the first byte. REASON_HELD: not yet. */
static enum reason relay_set_up(struct relay *relay)
{
	enum reason reason = relay_check_connected(relay);
	enum reason client, server;

	if (relay->moving || reason != REASON_NONE)
		return reason;
	/* Both at once: either peer may wait for the other to be ready. */
	client = relay_secure(relay, RELAY_CLIENT);
	server = relay_secure(relay, RELAY_SERVER);
	if (client != REASON_NONE && client != REASON_HELD)
		return client;
	if (server != REASON_NONE)
		return server;
	if (client != REASON_NONE)
		return client;
	return relay_start_moving(relay) ? REASON_NONE : REASON_MEMORY_FULL;
}

static void relay_on_event(evutil_socket_t descriptor, short what, void *context)
{
	struct relay *relay = context;
	enum reason reason = relay_set_up(relay);
	bool again = false;

	(void)descriptor;
	(void)what;
	for (int i = 0; i < RELAY_ENDS && reason == REASON_NONE; i++) {
		reason = relay_move(relay, i);
		again = again || reason == REASON_HELD;
		if (reason == REASON_HELD)
			reason = REASON_NONE;
	}
	if (reason != REASON_NONE && reason != REASON_HELD)
		relay_end(relay, reason);
	else if (relay->half[RELAY_CLIENT].done && relay->half[RELAY_SERVER].done)
		relay_end(relay, REASON_NONE);
	else if (again)
		event_active(relay->watch[RELAY_CLIENT], EV_READ, 0);
}

static bool relay_watch(struct relay *relay)
{
	const short what = EV_READ | EV_WRITE | EV_PERSIST | EV_ET;

	for (int i = 0; i < RELAY_ENDS; i++) {
		relay->watch[i] = event_new(relay->plan.base, relay->wire[i].descriptor, what, relay_on_event, relay);
		if (!relay->watch[i] || event_add(relay->watch[i], NULL) < 0)
			return false;
	}
	relay->timer = evtimer_new(relay->plan.base, relay_on_time, relay);
	if (!relay->timer)
		return false;
	relay_set_timer(relay, RELAY_SETUP_SECONDS);
	return true;
}

bool relay_begin(struct relay_list *list, const struct relay_plan *plan)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay) {
		close(plan->descriptor[RELAY_CLIENT]);
		close(plan->descriptor[RELAY_SERVER]);
		return false;
	}
	relay->plan = *plan;
	relay->list = list;
	relay->next = list->first;
	if (list->first)
		list->first->previous = relay;
	list->first = relay;
	list->count++;
	tls_tickets_hold(plan->tickets);
	relay->began = host_now();
	for (int i = 0; i < RELAY_ENDS; i++) {
		relay->wire[i].descriptor = plan->descriptor[i];
		relay->half[i].pipe[0] = -1;
		relay->half[i].pipe[1] = -1;
	}
	if (relay_watch(relay))
		return true;
	relay_free(relay);
	return false;
}

void relay_end_all(struct relay_list *list)
{
	struct relay *next;

	for (struct relay *relay = list->first; relay; relay = next) {
		next = relay->next;
		relay_end(relay, REASON_SHUTDOWN);
	}
}
