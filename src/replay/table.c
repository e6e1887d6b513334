/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What conntrack would know: the control connections of a capture, and the expectations. Both are tables of a fixed
 * size, so that a long capture takes no more memory than a short one.
 */
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "replay/internal.h"

/* Rows of ended connections are used again after this time, microseconds: conntrack's TIME_WAIT. */
#define REPLAY_LINGER (120 * REPLAY_SECOND)
/* Ports that are tried for a pinhole whose own is taken. */
#define REPLAY_PORT_TRIES 128
#define REPLAY_LOWEST_PORT 1024

static uint64_t replay_hash_endpoint(const struct endpoint *endpoint)
{
	uint64_t halves[2];

	memcpy(halves, endpoint->address.octets, sizeof(halves));
	halves[0] = (halves[0] ^ endpoint->port) * UINT64_C(0x9e3779b97f4a7c15);
	halves[0] ^= halves[0] >> 29;
	halves[0] = (halves[0] ^ halves[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return halves[0] ^ halves[0] >> 32;
}

/* The same for both directions. */
static uint32_t *replay_table_bucket(const struct replay_table *table, const struct tuple *tuple)
{
	const uint64_t hash = replay_hash_endpoint(&tuple->source) + replay_hash_endpoint(&tuple->destination);

	return &table->buckets[(hash ^ hash >> 17) & table->mask];
}

int replay_table_init(struct replay_table *table, uint32_t count)
{
	uint32_t buckets = 16;

	while (buckets < count && buckets < UINT32_C(1) << 31)
		buckets <<= 1;
	memset(table, 0, sizeof(*table));
	table->count = count;
	table->mask = buckets - 1;
	table->rows = calloc(count, sizeof(*table->rows));
	table->buckets = calloc(buckets, sizeof(*table->buckets));
	return table->rows && table->buckets ? 0 : -1;
}

void replay_waiting_clear(struct replay_stream *stream)
{
	while (stream->waiting) {
		struct replay_waiting *waiting = stream->waiting;

		stream->waiting = waiting->next;
		free(waiting);
	}
	stream->waiting_count = 0;
}

static void replay_table_clear_streams(struct replay_connection *connection)
{
	replay_waiting_clear(&connection->stream[DIRECTION_ORIGINAL]);
	replay_waiting_clear(&connection->stream[DIRECTION_REPLY]);
}

void replay_table_free(struct replay_table *table)
{
	for (uint32_t i = 0; table->rows && i < table->fresh; i++)
		replay_table_clear_streams(&table->rows[i]);
	free(table->rows);
	free(table->buckets);
}

struct replay_connection *replay_table_find(const struct replay_table *table, const struct tuple *tuple,
					    enum direction *direction)
{
	const struct tuple reversed = tuple_reverse(tuple);

	for (uint32_t link = *replay_table_bucket(table, tuple); link; link = table->rows[link - 1].next) {
		struct replay_connection *connection = &table->rows[link - 1];

		*direction = DIRECTION_ORIGINAL;
		if (tuple_equal(&connection->tuple, tuple))
			return connection;
		*direction = DIRECTION_REPLY;
		if (tuple_equal(&connection->tuple, &reversed))
			return connection;
	}
	return NULL;
}

static void replay_table_unlink(struct replay_table *table, const struct replay_connection *connection)
{
	if (connection->older)
		table->rows[connection->older - 1].newer = connection->newer;
	else
		table->oldest = connection->newer;
	if (connection->newer)
		table->rows[connection->newer - 1].older = connection->older;
	else
		table->newest = connection->older;
}

static void replay_table_append(struct replay_table *table, struct replay_connection *connection, uint64_t now)
{
	const uint32_t link = (uint32_t)(connection - table->rows) + 1;

	connection->seen = now;
	connection->older = table->newest;
	connection->newer = 0;
	if (table->newest)
		table->rows[table->newest - 1].newer = link;
	else
		table->oldest = link;
	table->newest = link;
}

void replay_table_touch(struct replay_table *table, struct replay_connection *connection, uint64_t now)
{
	connection->seen = now;
	if (!connection->newer)
		return;
	replay_table_unlink(table, connection);
	replay_table_append(table, connection, now);
}

void replay_table_forget(struct replay_table *table, struct replay_connection *connection)
{
	const uint32_t link = (uint32_t)(connection - table->rows) + 1;
	uint32_t *at = replay_table_bucket(table, &connection->tuple);

	while (*at != link)
		at = &table->rows[*at - 1].next;
	*at = connection->next;
	replay_table_unlink(table, connection);
	replay_table_clear_streams(connection);
	memset(connection, 0, sizeof(*connection));
	connection->next = table->free;
	table->free = link;
}

static bool replay_table_is_full(const struct replay_table *table)
{
	return !table->free && table->fresh == table->count;
}

/* One that is not in use; there is one. */
static struct replay_connection *replay_table_pop(struct replay_table *table)
{
	const uint32_t link = table->free;

	if (link == 0)
		return &table->rows[table->fresh++];
	table->free = table->rows[link - 1].next;
	return &table->rows[link - 1];
}

/* May the row be used for another connection? */
static bool replay_table_may_reuse(const struct replay_table *table, const struct replay_connection *connection,
				   uint64_t now)
{
	return (connection->ended && now - connection->seen > REPLAY_LINGER) || replay_table_is_full(table);
}

struct replay_connection *replay_table_take(struct replay_table *table, const struct tuple *tuple, uint64_t now,
					    bool *displaced)
{
	struct replay_connection *connection;
	uint32_t *bucket;

	*displaced = false;
	if (table->oldest != 0 && replay_table_may_reuse(table, &table->rows[table->oldest - 1], now)) {
		*displaced = !table->rows[table->oldest - 1].ended;
		replay_table_forget(table, &table->rows[table->oldest - 1]);
	}
	connection = replay_table_pop(table);
	bucket = replay_table_bucket(table, tuple);
	connection->tuple = *tuple;
	connection->next = *bucket;
	*bucket = (uint32_t)(connection - table->rows) + 1;
	replay_table_append(table, connection, now);
	return connection;
}

static uint32_t *replay_pinholes_bucket(struct replay_pinholes *pinholes, const struct endpoint *inside)
{
	return &pinholes->buckets[(replay_hash_endpoint(inside) >> 7) % REPLAY_PINHOLES];
}

static bool replay_pinhole_is_live(const struct replay_pinhole *pinhole, uint64_t now)
{
	return !pinhole->used && now < pinhole->deadline;
}

/* Is there another that waits for the same packets? */
static bool replay_pinholes_clash(const struct replay_pinholes *pinholes, const struct expectation *expectation,
				  uint64_t now)
{
	for (uint32_t i = 0; i < pinholes->fresh; i++) {
		const struct replay_pinhole *row = &pinholes->rows[i];

		if (replay_pinhole_is_live(row, now) &&
		    endpoint_equal(&row->expectation.destination, &expectation->destination) &&
		    address_equal(&row->expectation.source, &expectation->source))
			return true;
	}
	return false;
}

static void replay_pinholes_drop(struct replay_pinholes *pinholes, uint32_t *at)
{
	const uint32_t link = *at;
	struct replay_pinhole *row = &pinholes->rows[link - 1];

	*at = row->next;
	memset(row, 0, sizeof(*row));
	row->next = pinholes->free;
	pinholes->free = link;
}

enum reason replay_pinholes_add(struct replay_pinholes *pinholes, const struct replay_pinhole *pinhole, uint64_t now,
				struct expectation *expectation)
{
	struct replay_pinhole *row;
	uint32_t *bucket;
	uint32_t link = pinholes->free;

	for (unsigned int tries = 0; replay_pinholes_clash(pinholes, expectation, now); tries++) {
		if (!expectation->translated || tries == REPLAY_PORT_TRIES)
			return REASON_NO_PORT;
		expectation->destination.port++;
		if (expectation->destination.port < REPLAY_LOWEST_PORT)
			expectation->destination.port = REPLAY_LOWEST_PORT;
	}
	if (!link && pinholes->fresh == REPLAY_PINHOLES)
		return REASON_EXPECT_TABLE_FULL;
	if (!link)
		link = ++pinholes->fresh;
	else
		pinholes->free = pinholes->rows[link - 1].next;
	row = &pinholes->rows[link - 1];
	*row = *pinhole;
	row->expectation = *expectation;
	row->deadline = now + expectation->timeout * REPLAY_SECOND;
	bucket = replay_pinholes_bucket(pinholes, &row->inside);
	row->next = *bucket;
	*bucket = link;
	return REASON_NONE;
}

enum reason replay_pinholes_remove(struct replay_pinholes *pinholes, const struct tuple *master,
				   const struct replay_pinhole *pinhole, uint64_t now)
{
	uint32_t *at = replay_pinholes_bucket(pinholes, &pinhole->inside);

	for (; *at; at = &pinholes->rows[*at - 1].next) {
		const struct replay_pinhole *row = &pinholes->rows[*at - 1];
		const enum reason reason = row->used ? REASON_USED
					   : replay_pinhole_is_live(row, now) ? REASON_NONE : REASON_EXPIRED;

		if (!tuple_equal(&row->master, master) ||
		    !endpoint_equal(&row->expectation.destination, &pinhole->expectation.destination))
			continue;
		replay_pinholes_drop(pinholes, at);
		return reason;
	}
	return REASON_GONE;
}

void replay_pinholes_use(struct replay_pinholes *pinholes, const struct tuple *tuple, uint64_t now)
{
	for (uint32_t link = *replay_pinholes_bucket(pinholes, &tuple->destination); link;
	     link = pinholes->rows[link - 1].next) {
		struct replay_pinhole *row = &pinholes->rows[link - 1];

		if (replay_pinhole_is_live(row, now) && endpoint_equal(&row->inside, &tuple->destination) &&
		    address_equal(&row->source, &tuple->source.address)) {
			row->used = true;
			return;
		}
	}
}
