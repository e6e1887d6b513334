/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows by their numbers, and lists of rows. A row can be in one list of each kind. */
#include "control/table_internal.h"

struct session_row *table_row(const struct tables *tables, uint32_t number)
{
	return &tables->blocks[number / TABLE_BLOCK][number % TABLE_BLOCK];
}

void row_list_open(struct row_list *list, enum row_links link)
{
	*list = (struct row_list){ .link = link, .first = TABLE_NONE, .last = TABLE_NONE };
}

void row_list_append(struct tables *tables, struct row_list *list, struct session_row *row)
{
	struct row_link *link = &row->links[list->link];

	*link = (struct row_link){ .before = list->last, .after = TABLE_NONE, .linked = true };
	if (list->last == TABLE_NONE)
		list->first = row->number;
	else
		table_row(tables, list->last)->links[list->link].after = row->number;
	list->last = row->number;
	list->count++;
}

void row_list_remove(struct tables *tables, struct row_list *list, struct session_row *row)
{
	struct row_link *link = &row->links[list->link];

	if (!link->linked)
		return;
	if (link->before == TABLE_NONE)
		list->first = link->after;
	else
		table_row(tables, link->before)->links[list->link].after = link->after;
	if (link->after == TABLE_NONE)
		list->last = link->before;
	else
		table_row(tables, link->after)->links[list->link].before = link->before;
	link->linked = false;
	list->count--;
}

struct session_row *row_list_first(const struct tables *tables, const struct row_list *list)
{
	return list->first == TABLE_NONE ? NULL : table_row(tables, list->first);
}
