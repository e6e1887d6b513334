/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns in the loop of a process: turn_queue.h says whose is next, this has them taken. */
#ifndef PROXY_TURNS_H
#define PROXY_TURNS_H

#include "proxy/turn_queue.h"

struct event;
struct event_base;

struct turns {
	struct turn_queue queue;
	struct event *event;
	bool taking;
};

/* False: no memory. */
bool turns_open(struct turns *turns, struct event_base *base);
void turns_close(struct turns *turns);
/* turn is taken as soon as it is its turn. */
void turns_ask(struct turns *turns, struct turn_source *source, enum turn_class class, struct turn *turn);
/* turn is not to be taken any more. */
void turns_forget(struct turns *turns, struct turn *turn);

#endif
