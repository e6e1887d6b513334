/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A demand is remembered with everything on which the server may have based it: the name that the client asked for, and
 * the client's address as the server sees it. The name is the client's choice. So a demand under one name says nothing about
 * another, and what one client has brought about means nothing for a client that the server can tell from it.
 *
 * There are more names than rows. A source that has used its share of the rows displaces its own.
 */
#include "proxy/bypass_table.h"

#include <stdio.h>
#include <strings.h>

#include "ftpalg/address.h"

static bool row_is(const struct bypass_row *row, const struct bypass_key *key)
{
	return endpoint_equal(&row->server, &key->server) && address_equal(&row->client, &key->client) &&
	       strcasecmp(row->name, key->name) == 0;
}

/* A row that has run out is as good as free. */
static const struct bypass_row *older(const struct bypass_row *row, const struct bypass_row *other)
{
	return !other || row->until < other->until ? row : other;
}

static size_t bypass_table_place(const struct bypass_table *table, const struct bypass_key *key,
				 const struct address *source, uint64_t now)
{
	const struct bypass_row *oldest = NULL;
	const struct bypass_row *own = NULL;
	size_t share = 0;

	for (size_t i = 0; i < BYPASS_ROWS; i++) {
		const struct bypass_row *row = &table->rows[i];

		if (row->until && row_is(row, key))
			return i;
		oldest = older(row, oldest);
		if (row->until <= now || !address_equal(&row->source, source))
			continue;
		own = older(row, own);
		share++;
	}
	return (size_t)((share >= BYPASS_SHARE ? own : oldest) - table->rows);
}

void bypass_table_note(struct bypass_table *table, const struct bypass_key *key, const struct address *source, uint64_t now)
{
	struct bypass_row *row = &table->rows[bypass_table_place(table, key, source, now)];

	row->server = key->server;
	row->client = key->client;
	snprintf(row->name, sizeof(row->name), "%s", key->name);
	row->source = *source;
	row->until = now + BYPASS_MICROSECONDS;
}

bool bypass_table_has(const struct bypass_table *table, const struct bypass_key *key, uint64_t now)
{
	bool found = false;

	for (size_t i = 0; i < BYPASS_ROWS; i++)
		found = found || (now < table->rows[i].until && row_is(&table->rows[i], key));
	return found;
}

bool bypass_table_has_server(const struct bypass_table *table, const struct endpoint *server, uint64_t now)
{
	bool found = false;

	for (size_t i = 0; i < BYPASS_ROWS; i++)
		found = found || (now < table->rows[i].until && endpoint_equal(&table->rows[i].server, server));
	return found;
}
