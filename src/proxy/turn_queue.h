/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose turn it is. What wants one stands in the line of its source, and lines take turns, so whatever a source asks for,
 * the next source waits for one turn of it. Lines are of classes, and classes share the time; one that has nothing to do
 * saves none up for later.
 *
 * All of it is in the memory of who uses it, and memory of zeros is empty. No clock is read here.
 */
#ifndef PROXY_TURN_QUEUE_H
#define PROXY_TURN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum turn_class {
	TURN_SETTLED,   /* sessions whose client is logged in, and data connections: half of the time, if all want some */
	TURN_ARRIVAL,   /* connections that nobody has looked at yet */
	TURN_UNSETTLED, /* sessions before their login, and handshakes */
	TURN_CLASSES,
};

struct turn {
	void (*take)(void *context); /* may free what the turn is in */
	void *context;
	struct turn *previous;
	struct turn *next;
	struct turn_line *line; /* where it waits; NULL: it does not */
	enum turn_class class;
};

struct turn_line {
	struct turn *first;
	struct turn *last;
	struct turn_line *previous; /* among those of its class in which somebody waits */
	struct turn_line *next;
};

struct turn_source {
	struct turn_line lines[TURN_CLASSES];
};

struct turn_queue {
	struct {
		struct turn_line *first;
		struct turn_line *last;
		uint64_t spent; /* time, by the weight of the class */
	} classes[TURN_CLASSES];
	uint64_t spent; /* what the class that went last had spent before it did */
};

/* The turn waits at the end of its line. One that waits already stays where it is. */
void turn_queue_put(struct turn_queue *queue, struct turn_source *source, enum turn_class class, struct turn *turn);
/* It waits no longer, if it did. */
void turn_queue_remove(struct turn_queue *queue, struct turn *turn);
/* The next one, which waits no longer; NULL: nobody does. */
struct turn *turn_queue_take(struct turn_queue *queue);
/* A turn of this class took so much time. */
void turn_queue_charge(struct turn_queue *queue, enum turn_class class, uint64_t microseconds);
bool turn_queue_is_empty(const struct turn_queue *queue);

#endif
