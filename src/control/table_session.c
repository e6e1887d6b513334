/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows, one for each session:
 *
 *   FREE --session-open--> OPEN --session-close--> ENDED --too old, too many, no free row--> FREE
 *
 * Rows that have ended answer "why" when somebody asks after the fact. They give way to sessions that open, so each of these
 * has a row as long as no more are open than the limit says.
 */
#include <stdlib.h>
#include <string.h>

#include "control/table_internal.h"
#include "ftpalg/address.h"

#define HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint32_t *find_chain(const struct tables *tables, uint64_t id)
{
	return &tables->hash[(((id ^ tables->limits.key) * HASH_MULTIPLIER) >> 32) & tables->hash_mask];
}

struct session_row *table_find_row(const struct tables *tables, uint64_t id)
{
	uint32_t number = *find_chain(tables, id);

	while (number != TABLE_NONE && table_row(tables, number)->id != id)
		number = table_row(tables, number)->hash_next;
	return number == TABLE_NONE ? NULL : table_row(tables, number);
}

static void leave_chain(struct tables *tables, const struct session_row *row)
{
	uint32_t *place = find_chain(tables, row->id);

	while (*place != row->number)
		place = &table_row(tables, *place)->hash_next;
	*place = row->hash_next;
}

/* The session of this row can no longer be asked about. */
static void free_row(struct tables *tables, struct session_row *row)
{
	table_forget_decisions(tables, row);
	row_list_remove(tables, &tables->ended, row);
	leave_chain(tables, row);
	row->id = 0;
	row_list_append(tables, &tables->free, row);
}

/* A clock that was set back makes nothing old. */
static bool is_old(const struct tables *tables, const struct session_row *row, uint64_t time)
{
	return time > row->closed && time - row->closed > tables->limits.ended_time;
}

void table_forget_ended(struct tables *tables, uint64_t time)
{
	struct session_row *row = row_list_first(tables, &tables->ended);

	while (row && (tables->ended.count > tables->limits.ended || is_old(tables, row, time))) {
		free_row(tables, row);
		row = row_list_first(tables, &tables->ended);
	}
}

/* A row that was never used; its block is made if it does not exist yet. */
static struct session_row *take_fresh_row(struct tables *tables)
{
	const uint32_t block = tables->fresh / TABLE_BLOCK;
	struct session_row *row;

	if (tables->fresh == tables->capacity)
		return NULL;
	if (!tables->blocks[block])
		tables->blocks[block] = calloc(TABLE_BLOCK, sizeof(struct session_row));
	if (!tables->blocks[block])
		return NULL;
	row = table_row(tables, tables->fresh);
	row->number = tables->fresh++;
	return row;
}

static struct session_row *take_row(struct tables *tables)
{
	struct session_row *row = row_list_first(tables, &tables->free);

	if (!row)
		row = take_fresh_row(tables);
	if (!row && tables->ended.count > 0) {
		free_row(tables, row_list_first(tables, &tables->ended));
		row = row_list_first(tables, &tables->free);
	}
	if (row)
		row_list_remove(tables, &tables->free, row);
	return row;
}

struct session_row *table_open_row(struct tables *tables, uint64_t id)
{
	struct session_row *row = tables->gauges.sessions < tables->limits.sessions ? take_row(tables) : NULL;
	uint32_t *chain = find_chain(tables, id);
	uint32_t number;

	if (!row)
		return NULL;
	number = row->number;
	memset(row, 0, sizeof(*row));
	row->id = id;
	row->number = number;
	row->decision_first = TABLE_NONE;
	row->decision_last = TABLE_NONE;
	row->hash_next = *chain;
	*chain = number;
	tables->gauges.sessions++;
	return row;
}

void table_end_row(struct tables *tables, struct session_row *row, enum reason reason, uint64_t time)
{
	row->state = ROW_CLOSED;
	row->closed = time;
	row->closed_reason = reason;
	tables->gauges.sessions--;
	tables->gauges.opaque -= row->opaque ? 1 : 0;
	tables->gauges.pinholes -= row->pinhole.open ? 1 : 0;
	row->pinhole.open = false;
	row_list_append(tables, &tables->ended, row);
	table_forget_ended(tables, time);
}

const struct session_row *tables_session_from(const struct tables *tables, uint32_t *number)
{
	while (*number < tables->fresh && table_row(tables, *number)->id == 0)
		++*number;
	return *number < tables->fresh ? table_row(tables, *number) : NULL;
}

const struct session_row *tables_find_session(const struct tables *tables, uint64_t id)
{
	return id == 0 ? NULL : table_find_row(tables, id);
}

/* Does an operator rather mean this row? Open sessions come before ended ones, and then the newest. */
static bool is_meant_rather(const struct session_row *row, const struct session_row *than)
{
	if (!than)
		return true;
	if ((row->state == ROW_CLOSED) != (than->state == ROW_CLOSED))
		return than->state == ROW_CLOSED;
	return row->active >= than->active;
}

const struct session_row *tables_find_client(const struct tables *tables, const struct address *client)
{
	const struct session_row *found = NULL;

	for (uint32_t number = 0; number < tables->fresh; number++) {
		const struct session_row *row = table_row(tables, number);

		if (row->id != 0 && address_equal(&row->view.client.address, client) && is_meant_rather(row, found))
			found = row;
	}
	return found;
}

bool table_open_sessions(struct tables *tables)
{
	uint32_t chains = 64;

	tables->capacity = tables->limits.sessions + tables->limits.ended;
	while (chains < tables->capacity)
		chains *= 2;
	tables->hash_mask = chains - 1;
	tables->blocks = calloc(tables->capacity / TABLE_BLOCK + 1, sizeof(struct session_row *));
	tables->hash = malloc(chains * sizeof(uint32_t));
	row_list_open(&tables->free, ROW_LINK_LIFE);
	row_list_open(&tables->ended, ROW_LINK_LIFE);
	if (!tables->blocks || !tables->hash)
		return false;
	for (uint32_t i = 0; i < chains; i++)
		tables->hash[i] = TABLE_NONE;
	return true;
}

void table_close_sessions(struct tables *tables)
{
	for (uint32_t i = 0; tables->blocks && i <= tables->capacity / TABLE_BLOCK; i++)
		free(tables->blocks[i]);
	free(tables->blocks);
	free(tables->hash);
}
