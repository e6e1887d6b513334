/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/table_internal.h"

#include <stdlib.h>

const char *row_state_name(enum row_state state)
{
	static const char *const names[] = { "login", "idle", "transfer", "opaque", "refused", "closed" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == ROW_STATE_COUNT, "each has a name");
	return names[state];
}

enum row_state session_row_state(const struct session_row *row)
{
	if (row->state == ROW_CLOSED)
		return ROW_CLOSED;
	if (row->opaque)
		return ROW_OPAQUE;
	if (row->move.state == MOVE_ASKED || row->move.state == MOVE_RUNNING)
		return ROW_TRANSFER;
	return row->refused != REASON_NONE ? ROW_REFUSED : row->state;
}

struct tables *tables_make(const struct table_limits *limits)
{
	struct tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		return NULL;
	tables->limits = *limits;
	tables->transfers = calloc(limits->transfers, sizeof(struct transfer));
	if (tables->transfers && table_open_sessions(tables) && table_open_decisions(tables))
		return tables;
	tables_free(tables);
	return NULL;
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	table_close_sessions(tables);
	free(tables->transfers);
	free(tables->decisions);
	free(tables);
}

void tables_tick(struct tables *tables, uint64_t time)
{
	table_forget_ended(tables, time);
}

const struct table_counters *tables_counters(const struct tables *tables)
{
	return &tables->counters;
}

struct table_gauges tables_gauges(const struct tables *tables)
{
	return tables->gauges;
}

const struct table_refusal *tables_last_refusal(const struct tables *tables)
{
	return &tables->refusal;
}

const char *transfer_direction_name(enum transfer_direction direction)
{
	static const char *const names[] = { "down", "up", "list" };

	return names[direction];
}

enum transfer_direction transfer_direction_of(enum verb verb)
{
	if (verb_is_upload(verb))
		return TRANSFER_UP;
	return verb == VERB_RETR ? TRANSFER_DOWN : TRANSFER_LIST;
}
