/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The loop takes what is ready in the order in which the kernel tells it, and looks for no more until all of that is done.
 * Were the work done there, 900 TLS handshakes that are ready at a time would be half a second or more in which nobody is
 * looked at. So what is ready only asks for a turn, which costs next to nothing, and turns are taken here: one at least, and
 * more for as long as TURNS_MICROSECONDS have not passed; then the loop looks for what else is ready, and it goes on.
 *
 *   ready --> asks for a turn --> waits in its source's line --> takes it: what can be done, within the turn's bounds
 *               ^                                                   |
 *               +----------------- more is left <------------------+
 *
 * A turn is bounded by who takes it: reads, lines, and one step of a handshake, however many more are ready. How long such a
 * step takes is the machine's affair, and of bounds.c in tls; nothing that runs in the loop can interrupt it.
 *
 * Tried and left: priorities of libevent. An event of the lower priority is not run while there are others of the higher
 * one, and with relays there always are.
 */
#include "proxy/turns.h"

#include <event2/event.h>

#include "base/clock.h"

#define TURNS_MICROSECONDS 100

static void turns_on_event(evutil_socket_t descriptor, short what, void *context)
{
	const struct timeval none = { .tv_sec = 0 };
	struct turns *turns = context;
	const uint64_t began = clock_microseconds();
	struct turn *turn;
	uint64_t now = began;

	(void)descriptor;
	(void)what;
	turns->taking = true;
	while (now - began < TURNS_MICROSECONDS && (turn = turn_queue_take(&turns->queue)) != NULL) {
		const enum turn_class class = turn->class;
		const uint64_t before = now;

		turn->take(turn->context);
		now = clock_microseconds();
		turn_queue_charge(&turns->queue, class, now - before);
	}
	turns->taking = false;
	/* By a timer that has already run out: the loop looks for new events first. */
	if (!turn_queue_is_empty(&turns->queue))
		event_add(turns->event, &none);
}

bool turns_open(struct turns *turns, struct event_base *base)
{
	turns->event = event_new(base, -1, 0, turns_on_event, turns);
	return turns->event != NULL;
}

void turns_close(struct turns *turns)
{
	if (turns->event)
		event_free(turns->event);
	turns->event = NULL;
}

void turns_ask(struct turns *turns, struct turn_source *source, enum turn_class class, struct turn *turn)
{
	/* Behind everything else that is ready now. */
	if (turn_queue_is_empty(&turns->queue) && !turns->taking)
		event_active(turns->event, EV_TIMEOUT, 0);
	turn_queue_put(&turns->queue, source, class, turn);
}

void turns_forget(struct turns *turns, struct turn *turn)
{
	turn_queue_remove(&turns->queue, turn);
}
