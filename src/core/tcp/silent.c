/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tcp/silent.h"

#include <string.h>

#include "core/siphash.h"

uint32_t silent_set_count(uint32_t rows)
{
	uint32_t count = 1;

	while ((uint64_t)count * SILENT_WAYS < 2 * (uint64_t)rows)
		count *= 2;
	return count;
}

void silent_init(struct silent_table *table, struct silent_set *sets, uint32_t count, const uint8_t key[16])
{
	table->sets = sets;
	table->mask = count - 1;
	memcpy(table->key, key, sizeof(table->key));
	memset(sets, 0, count * sizeof(*sets));
}

/* The set in which a connection is, if it is in any, and its mark there. */
static struct silent_set *find_set(const struct silent_table *table, const struct tuple *tuple, uint32_t *mark)
{
	uint8_t text[2 * SIPHASH_ENDPOINT];
	const size_t half = siphash_put_endpoint(&tuple->source, text);
	const size_t length = half + siphash_put_endpoint(&tuple->destination, text + half);
	const uint64_t hash = siphash_compute(table->key, (struct bytes){ text, length });

	*mark = (uint32_t)(hash >> 32) | 1;
	return &table->sets[hash & table->mask];
}

/* Its place in the set; SILENT_WAYS: it has none. */
static unsigned int find_place(const struct silent_set *set, uint32_t mark)
{
	unsigned int place = 0;

	while (place < SILENT_WAYS && set->marks[place] != mark)
		place++;
	return place;
}

static void drop(struct silent_set *set, unsigned int place)
{
	memmove(&set->marks[place], &set->marks[place + 1], (SILENT_WAYS - 1 - place) * sizeof(set->marks[0]));
	set->marks[SILENT_WAYS - 1] = 0;
}

void silent_note(struct silent_table *table, const struct tuple *tuple)
{
	uint32_t mark;
	struct silent_set *set = find_set(table, tuple, &mark);
	unsigned int place = find_place(set, mark);

	if (place < SILENT_WAYS)
		return;
	place = find_place(set, 0);
	if (place == SILENT_WAYS) {
		drop(set, 0);
		place = SILENT_WAYS - 1;
	}
	set->marks[place] = mark;
}

bool silent_has(const struct silent_table *table, const struct tuple *tuple)
{
	uint32_t mark;
	const struct silent_set *set = find_set(table, tuple, &mark);

	return find_place(set, mark) < SILENT_WAYS;
}

void silent_forget(struct silent_table *table, const struct tuple *tuple)
{
	uint32_t mark;
	struct silent_set *set = find_set(table, tuple, &mark);
	const unsigned int place = find_place(set, mark);

	if (place < SILENT_WAYS)
		drop(set, place);
}
