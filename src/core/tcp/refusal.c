/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tcp/refusal.h"

#include <string.h>

#include "core/siphash.h"
#include "ftpalg/address.h"

void refusal_table_init(struct refusal_table *table, const uint8_t key[16])
{
	memcpy(table->key, key, sizeof(table->key));
}

/* The index of the set. The two directions of a connection are refused apart. */
static uint64_t find_set(const struct refusal_table *table, const struct tuple *tuple)
{
	uint8_t text[2 * SIPHASH_ENDPOINT];
	const size_t half = siphash_put_endpoint(&tuple->source, text);
	const size_t length = half + siphash_put_endpoint(&tuple->destination, text + half);

	return siphash_compute(table->key, (struct bytes){ text, length }) % REFUSAL_SETS;
}

static size_t find_way(const struct refusal *set, enum refusal_kind kind, const struct tuple *tuple)
{
	size_t way = 0;

	while (way < REFUSAL_WAYS && (set[way].kind != kind || !tuple_equal(&set[way].tuple, tuple)))
		way++;
	return way;
}

enum reason refusal_find(const struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple,
			 uint64_t now)
{
	const struct refusal *set = table->rows[find_set(table, tuple)];
	const size_t way = find_way(set, kind, tuple);

	return way < REFUSAL_WAYS && now < set[way].until ? set[way].reason : REASON_NONE;
}

void refusal_note(struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple, enum reason reason,
		  uint64_t now)
{
	struct refusal *set = table->rows[find_set(table, tuple)];
	size_t way = find_way(set, kind, tuple);
	uint64_t pause = REFUSAL_PAUSE_FIRST;

	if (way < REFUSAL_WAYS && now - set[way].until < REFUSAL_MEMORY)
		pause = set[way].pause * UINT64_C(2) < REFUSAL_PAUSE_MAX ? set[way].pause * UINT64_C(2) : REFUSAL_PAUSE_MAX;
	if (way == REFUSAL_WAYS) {
		way = 0;
		for (size_t i = 1; i < REFUSAL_WAYS; i++)
			if (set[i].until < set[way].until)
				way = i;
	}
	set[way] = (struct refusal){
		.tuple = *tuple, .kind = kind, .reason = reason, .pause = (uint32_t)pause, .until = now + pause,
	};
}

void refusal_forget(struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple)
{
	struct refusal *set = table->rows[find_set(table, tuple)];
	const size_t way = find_way(set, kind, tuple);

	if (way < REFUSAL_WAYS)
		set[way] = (struct refusal){ .kind = REFUSAL_NONE };
}
