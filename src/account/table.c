/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "account/internal.h"
#include "core/siphash.h"
#include "ftpalg/address.h"

static uint32_t table_buckets(uint32_t rows)
{
	uint32_t buckets = 64;

	while (buckets < rows)
		buckets *= 2;
	return buckets;
}

size_t table_size(uint32_t rows)
{
	return rows * sizeof(struct row) + (size_t)ROW_INDEX_COUNT * table_buckets(rows) * sizeof(uint32_t);
}

void table_init(struct table *table, void *memory, uint32_t rows, const uint8_t key[16])
{
	const uint32_t buckets = table_buckets(rows);

	memset(table, 0, sizeof(*table));
	memcpy(table->key, key, sizeof(table->key));
	table->count = rows;
	table->mask = buckets - 1;
	table->rows = memory;
	for (size_t i = 0; i < ROW_INDEX_COUNT; i++)
		table->buckets[i] = (uint32_t *)(table->rows + rows) + i * buckets;
}

static struct row *table_at(const struct table *table, uint32_t link)
{
	return link ? &table->rows[link - 1] : NULL;
}

static uint32_t table_link(const struct table *table, const struct row *row)
{
	return (uint32_t)(row - table->rows) + 1;
}

static void list_put(struct table *table, struct row_list *list, enum row_order order, struct row *row)
{
	const uint32_t link = table_link(table, row);

	row->links[order] = (struct row_links){ .older = list->newest };
	if (list->newest)
		table_at(table, list->newest)->links[order].newer = link;
	else
		list->oldest = link;
	list->newest = link;
}

static void list_remove(struct table *table, struct row_list *list, enum row_order order, const struct row *row)
{
	const struct row_links links = row->links[order];

	if (links.older)
		table_at(table, links.older)->links[order].newer = links.newer;
	else
		list->oldest = links.newer;
	if (links.newer)
		table_at(table, links.newer)->links[order].older = links.older;
	else
		list->newest = links.older;
}

struct row *table_take(struct table *table, uint64_t session)
{
	struct row *row = table_at(table, table->free_first);

	if (row)
		table->free_first = row->next[0];
	else if (table->fresh < table->count)
		row = &table->rows[table->fresh++];
	if (!row)
		return NULL;
	memset(row, 0, sizeof(*row));
	row->used = true;
	row->session = session;
	list_put(table, &table->ages, ROW_BY_AGE, row);
	table_index(table, row, ROW_BY_SESSION);
	return row;
}

void table_give(struct table *table, struct row *row)
{
	for (enum row_index i = 0; i < ROW_INDEX_COUNT; i++)
		table_unindex(table, row, i);
	table_wait(table, row, ROW_WAIT_NONE, 0);
	list_remove(table, &table->ages, ROW_BY_AGE, row);
	row->used = false;
	row->next[0] = table->free_first;
	table->free_first = table_link(table, row);
}

struct row *table_oldest(const struct table *table)
{
	return table_at(table, table->ages.oldest);
}

struct row *table_newer(const struct table *table, const struct row *row)
{
	return table_at(table, row->links[ROW_BY_AGE].newer);
}

static uint32_t hash_bytes(const struct table *table, const void *bytes, size_t length)
{
	return (uint32_t)siphash_compute(table->key, (struct bytes){ bytes, length });
}

/* The caller's port is not in it: an expectation has none. */
static uint32_t hash_tuple(const struct table *table, const struct tuple *tuple)
{
	const struct endpoint source = { .address = tuple->source.address };
	uint8_t text[2 * SIPHASH_ENDPOINT];
	const size_t half = siphash_put_endpoint(&source, text);

	return hash_bytes(table, text, half + siphash_put_endpoint(&tuple->destination, text + half));
}

static uint32_t hash_row(const struct table *table, const struct row *row, enum row_index index)
{
	switch (index) {
	case ROW_BY_SESSION:
		return hash_bytes(table, &row->session, sizeof(row->session));
	case ROW_BY_EXPECTED:
		return hash_tuple(table, &row->expected);
	case ROW_BY_FORWARD:
		return hash_tuple(table, &row->forward);
	case ROW_BY_ID:
	case ROW_INDEX_COUNT:
		break;
	}
	return hash_bytes(table, &row->id, sizeof(row->id));
}

void table_index(struct table *table, struct row *row, enum row_index index)
{
	uint32_t *bucket;

	table_unindex(table, row, index);
	row->hash[index] = hash_row(table, row, index);
	bucket = &table->buckets[index][row->hash[index] & table->mask];
	row->next[index] = *bucket;
	row->before[index] = 0;
	row->indexed[index] = true;
	if (*bucket)
		table_at(table, *bucket)->before[index] = table_link(table, row);
	*bucket = table_link(table, row);
}

/* However many have the same key: peers choose it, by what they offer. */
void table_unindex(struct table *table, struct row *row, enum row_index index)
{
	const uint32_t next = row->next[index];
	const uint32_t before = row->before[index];

	if (!row->indexed[index])
		return;
	if (before)
		table_at(table, before)->next[index] = next;
	else
		table->buckets[index][row->hash[index] & table->mask] = next;
	if (next)
		table_at(table, next)->before[index] = before;
	row->indexed[index] = false;
}

static struct row *find_first(const struct table *table, enum row_index index, uint32_t hash)
{
	struct row *row = table_at(table, table->buckets[index][hash & table->mask]);

	while (row && row->hash[index] != hash)
		row = table_at(table, row->next[index]);
	return row;
}

struct row *table_find_session(const struct table *table, uint64_t session)
{
	return find_first(table, ROW_BY_SESSION, hash_bytes(table, &session, sizeof(session)));
}

struct row *table_find_tuple(const struct table *table, enum row_index index, const struct tuple *tuple)
{
	return find_first(table, index, hash_tuple(table, tuple));
}

struct row *table_find_id(const struct table *table, uint32_t id)
{
	return find_first(table, ROW_BY_ID, hash_bytes(table, &id, sizeof(id)));
}

struct row *table_find_next(const struct table *table, const struct row *row, enum row_index index)
{
	struct row *next = table_at(table, row->next[index]);

	while (next && next->hash[index] != row->hash[index])
		next = table_at(table, next->next[index]);
	return next;
}

void table_wait(struct table *table, struct row *row, enum row_wait wait, uint64_t now)
{
	if (row->wait != ROW_WAIT_NONE)
		list_remove(table, &table->waits[row->wait], ROW_BY_WAIT, row);
	row->wait = wait;
	row->waits_since = now;
	if (wait != ROW_WAIT_NONE)
		list_put(table, &table->waits[wait], ROW_BY_WAIT, row);
}

struct row *table_first_waiting(const struct table *table, enum row_wait wait)
{
	return table_at(table, table->waits[wait].oldest);
}
