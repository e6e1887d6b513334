/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/turn_queue.h"

#include <stddef.h>

/* What a microsecond costs a class: the dearer, the less it gets. */
static const uint64_t prices[TURN_CLASSES] = { [TURN_SETTLED] = 1, [TURN_ARRIVAL] = 2, [TURN_UNSETTLED] = 2 };

static void line_add(struct turn_line *line, struct turn *turn)
{
	turn->line = line;
	turn->previous = line->last;
	turn->next = NULL;
	*(line->last ? &line->last->next : &line->first) = turn;
	line->last = turn;
}

static void line_remove(struct turn_line *line, struct turn *turn)
{
	*(turn->previous ? &turn->previous->next : &line->first) = turn->next;
	*(turn->next ? &turn->next->previous : &line->last) = turn->previous;
	turn->line = NULL;
}

static void class_add(struct turn_queue *queue, enum turn_class class, struct turn_line *line)
{
	struct turn_line *last = queue->classes[class].last;

	/* Who comes back has spent no less than those who were here. */
	if (!last && queue->classes[class].spent < queue->spent)
		queue->classes[class].spent = queue->spent;
	line->previous = last;
	line->next = NULL;
	*(last ? &last->next : &queue->classes[class].first) = line;
	queue->classes[class].last = line;
}

static void class_remove(struct turn_queue *queue, enum turn_class class, struct turn_line *line)
{
	*(line->previous ? &line->previous->next : &queue->classes[class].first) = line->next;
	*(line->next ? &line->next->previous : &queue->classes[class].last) = line->previous;
}

void turn_queue_put(struct turn_queue *queue, struct turn_source *source, enum turn_class class, struct turn *turn)
{
	struct turn_line *line = &source->lines[class];

	if (turn->line)
		return;
	if (!line->first)
		class_add(queue, class, line);
	turn->class = class;
	line_add(line, turn);
}

void turn_queue_remove(struct turn_queue *queue, struct turn *turn)
{
	struct turn_line *line = turn->line;

	if (!line)
		return;
	line_remove(line, turn);
	if (!line->first)
		class_remove(queue, turn->class, line);
}

struct turn *turn_queue_take(struct turn_queue *queue)
{
	enum turn_class class = TURN_CLASSES;
	struct turn_line *line;
	struct turn *turn;

	for (int i = 0; i < TURN_CLASSES; i++)
		if (queue->classes[i].first &&
		    (class == TURN_CLASSES || queue->classes[i].spent < queue->classes[class].spent))
			class = (enum turn_class)i;
	if (class == TURN_CLASSES)
		return NULL;
	queue->spent = queue->classes[class].spent;
	line = queue->classes[class].first;
	turn = line->first;
	class_remove(queue, class, line);
	line_remove(line, turn);
	if (line->first)
		class_add(queue, class, line);
	return turn;
}

void turn_queue_charge(struct turn_queue *queue, enum turn_class class, uint64_t microseconds)
{
	queue->classes[class].spent += microseconds * prices[class];
}

bool turn_queue_is_empty(const struct turn_queue *queue)
{
	bool empty = true;

	for (int i = 0; i < TURN_CLASSES; i++)
		empty = empty && !queue->classes[i].first;
	return empty;
}
