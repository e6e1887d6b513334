/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of a report, and the limits of what it keeps. */
#include "report/model.h"

#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"

#define REPORT_CHUNK ((size_t)256 * 1024)
#define REPORT_CHUNKS_MAX 256
#define REPORT_ALIGNMENT 16

struct report_chunk {
	struct report_chunk *next;
	size_t used;
	_Alignas(REPORT_ALIGNMENT) uint8_t bytes[REPORT_CHUNK];
};

static struct report_chunk *report_add_chunk(struct report *report)
{
	struct report_chunk *chunk;
	unsigned int count = 0;

	for (chunk = report->chunks; chunk; chunk = chunk->next)
		count++;
	chunk = count < REPORT_CHUNKS_MAX ? malloc(sizeof(*chunk)) : NULL;
	if (!chunk) {
		report->memory_full = true;
		return NULL;
	}
	chunk->used = 0;
	chunk->next = report->chunks;
	report->chunks = chunk;
	return chunk;
}

void *report_take(struct report *report, size_t size)
{
	struct report_chunk *chunk = report->chunks;
	void *memory;

	size = (size + REPORT_ALIGNMENT - 1) / REPORT_ALIGNMENT * REPORT_ALIGNMENT;
	if (report->memory_full || size > REPORT_CHUNK)
		return NULL;
	if (!chunk || REPORT_CHUNK - chunk->used < size)
		chunk = report_add_chunk(report);
	if (!chunk)
		return NULL;
	memory = chunk->bytes + chunk->used;
	chunk->used += size;
	memset(memory, 0, size);
	return memory;
}

struct report_text report_keep(struct report *report, struct bytes text, uint32_t more)
{
	struct report_text kept = { NULL, 0, 0 };
	uint8_t *copy = text.length ? report_take(report, text.length) : NULL;

	if (copy)
		memcpy(copy, text.data, text.length);
	kept.data = copy;
	kept.length = copy ? (uint32_t)text.length : 0;
	kept.more = copy ? more : more + (uint32_t)text.length;
	return kept;
}

void report_destroy(struct report *report)
{
	while (report && report->chunks) {
		struct report_chunk *chunk = report->chunks;

		report->chunks = chunk->next;
		free(chunk);
	}
	free(report);
}

struct report_session *report_find_connection(struct report *report, uint64_t connection)
{
	return connection > 0 && connection <= REPORT_SESSIONS_MAX ? report->numbered[connection - 1] : NULL;
}

struct report_session *report_find_session(struct report *report, uint64_t id)
{
	for (struct report_session *session = report->sessions; id && session; session = session->next)
		if (session->id == id)
			return session;
	return NULL;
}

struct report_session *report_add_session(struct report *report, uint64_t connection, const struct nat_view *view)
{
	struct report_session *session;

	report->totals.sessions++;
	if (connection == 0 || connection > REPORT_SESSIONS_MAX)
		return NULL;
	session = report_take(report, sizeof(*session));
	if (!session)
		return NULL;
	report->numbered[connection - 1] = session;
	session->connection = connection;
	session->view = *view;
	if (report->last_session)
		report->last_session->next = session;
	else
		report->sessions = session;
	report->last_session = session;
	report->session_count++;
	return session;
}

struct report_row *report_add_row(struct report *report, struct report_session *session, enum report_row_kind kind,
				  uint64_t time)
{
	struct report_row *row = NULL;

	if (report->row_count >= REPORT_ROWS_MAX || session->row_count >= REPORT_SESSION_ROWS_MAX)
		session->full = true;
	if (!session->full)
		row = report_take(report, sizeof(*row));
	if (!row) {
		session->full = true;
		report->totals.rows_left_out++;
		return NULL;
	}
	row->kind = kind;
	row->time = time;
	if (session->last_row)
		session->last_row->next = row;
	else
		session->rows = row;
	session->last_row = row;
	session->row_count++;
	report->row_count++;
	return row;
}

struct report_pinhole *report_add_pinhole(struct report *report, struct report_session *session)
{
	struct report_pinhole *pinhole = NULL;

	session->pinhole_count++;
	if (report->pinhole_count < REPORT_PINHOLES_MAX)
		pinhole = report_take(report, sizeof(*pinhole));
	if (!pinhole) {
		report->totals.pinholes_left_out++;
		return NULL;
	}
	pinhole->number = session->pinhole_count;
	if (session->last_pinhole)
		session->last_pinhole->next = pinhole;
	else
		session->pinholes = pinhole;
	session->last_pinhole = pinhole;
	report->pinhole_count++;
	return pinhole;
}

struct report_pinhole *report_find_pinhole(const struct report_session *session, const struct endpoint *destination)
{
	/* There is one offer at a time, so it is the last one or none. */
	struct report_pinhole *last = session->last_pinhole;

	return last && !last->ended && endpoint_equal(&last->destination, destination) ? last : NULL;
}

struct report_transfer *report_add_transfer(struct report *report, struct report_session *session)
{
	struct report_transfer *transfer = NULL;

	session->transfer_count++;
	if (report->transfer_count < REPORT_TRANSFERS_MAX)
		transfer = report_take(report, sizeof(*transfer));
	if (!transfer) {
		report->totals.transfers_left_out++;
		return NULL;
	}
	if (session->last_transfer)
		session->last_transfer->next = transfer;
	else
		session->transfers = transfer;
	session->last_transfer = transfer;
	report->transfer_count++;
	return transfer;
}

uint32_t report_bucket(const struct endpoint *endpoint)
{
	uint32_t hash = endpoint->port * UINT32_C(2654435761);

	for (size_t i = 0; i < sizeof(endpoint->address.octets); i++)
		hash = (hash ^ endpoint->address.octets[i]) * UINT32_C(16777619);
	return (hash ^ hash >> 15) % REPORT_BUCKETS;
}
