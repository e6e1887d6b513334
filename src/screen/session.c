/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "screen/field.h"
#include "screen/screen.h"
#include "screen/unit.h"

static const struct screen_column columns[] = {
	{ "ID", 0, 0, SCREEN_WORDS },         { "CLIENT", 15, 0, SCREEN_WORDS },  { "SERVER", 15, 1, SCREEN_WORDS },
	{ "SEEN AS", 15, 3, SCREEN_WORDS },   { "USER", 6, 0, SCREEN_WORDS },     { "STATE", 12, 0, SCREEN_WORDS },
	{ "TRANSFER", 16, 0, SCREEN_WORDS },  { "RULE", 6, 4, SCREEN_WORDS },     { "AGE", 0, 2, SCREEN_NUMBER },
};
/* The same without SEEN AS, which says how addresses are translated. */
static const struct screen_column short_columns[] = {
	{ "ID", 0, 0, SCREEN_WORDS },         { "CLIENT", 15, 0, SCREEN_WORDS },  { "SERVER", 15, 1, SCREEN_WORDS },
	{ "USER", 6, 0, SCREEN_WORDS },       { "STATE", 12, 0, SCREEN_WORDS },   { "TRANSFER", 16, 0, SCREEN_WORDS },
	{ "RULE", 6, 4, SCREEN_WORDS },       { "AGE", 0, 2, SCREEN_NUMBER },
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void screen_add_endpoint(struct screen_text *text, const json_t *object, const char *address, const char *port)
{
	const char *words = field_text(object, address);
	const uint64_t number = field_count(object, port);
	const bool brackets = number > 0 && strchr(words, ':');

	screen_add(text, brackets ? "[" : "");
	screen_add_string(text, *words ? words : "-");
	screen_add(text, brackets ? "]" : "");
	if (number > 0)
		screen_add(text, ":%" PRIu64, number);
}

static bool is_state(const json_t *session, const char *state)
{
	return strcmp(field_text(session, "state"), state) == 0;
}

enum screen_tone screen_add_state(struct screen_text *text, const json_t *session)
{
	const uint64_t refusals = field_count(session, "refusals");

	if (is_state(session, "transfer")) {
		screen_add_string(text, field_text(session, "verb"));
		screen_add(text, *field_text(session, "path") ? " " : "");
		screen_add_string(text, field_text(session, "path"));
	} else if (is_state(session, "opaque")) {
		screen_add(text, "in TLS, not read");
		return SCREEN_QUIET;
	} else if (is_state(session, "idle")) {
		screen_add(text, "idle ");
		screen_add_duration(text, field_real(session, "idle"));
	} else if (is_state(session, "refused") || (refusals > 0 && is_state(session, "login"))) {
		screen_add(text, "refused");
		if (refusals > 1)
			screen_add(text, " %" PRIu64 " times", refusals);
		if (*field_text(session, "refused")) {
			screen_add(text, ": ");
			screen_add_string(text, field_text(session, "refused"));
		}
		return SCREEN_BAD;
	} else {
		screen_add_string(text, field_text(session, "state"));
	}
	return SCREEN_PLAIN;
}

/* "89% of 4.7 GB, 61 MB/s, 8 s left" */
static void add_progress(struct screen_text *text, const json_t *session)
{
	const uint64_t bytes = field_count(session, "bytes");
	const uint64_t total = field_count(session, "total");
	const double rate = field_real(session, "rate");

	if (!is_state(session, "transfer")) {
		screen_add(text, "-");
		return;
	}
	if (!field_exists(session, "bytes")) {
		screen_add(text, "?");
	} else if (total > 0 && bytes <= total) {
		screen_add(text, "%d%%", (int)(100 * ((double)bytes / (double)total)));
	} else {
		screen_add_size(text, bytes);
	}
	if (total > 0 && bytes <= total) {
		screen_add(text, " of ");
		screen_add_size(text, total);
	}
	if (rate >= 1) {
		screen_add(text, ", ");
		screen_add_rate(text, rate);
	}
	if (rate >= 1 && total > bytes) {
		screen_add(text, ", ");
		screen_add_duration(text, (double)(total - bytes) / rate + 0.5);
		screen_add(text, " left");
	}
}

/* The address by which each peer knows the other, where that is not its own. */
static void add_seen(struct screen_text *text, const json_t *session)
{
	const char *client = field_text(session, "client_nat_ip");
	const char *server = field_text(session, "server_nat_ip");
	const bool other_client = *client && strcmp(client, field_text(session, "client_ip")) != 0;
	const bool other_server = *server && strcmp(server, field_text(session, "server_ip")) != 0;

	if (other_client) {
		screen_add(text, "client ");
		screen_add_string(text, client);
	}
	screen_add(text, other_client && other_server ? ", " : "");
	if (other_server) {
		screen_add(text, "server ");
		screen_add_string(text, server);
	}
	if (!other_client && !other_server)
		screen_add(text, "-");
}

static void put_words(struct screen_table *table, struct screen_text *cell, const char *words)
{
	screen_add_string(cell, *words ? words : "-");
	screen_table_add(table, cell, SCREEN_PLAIN);
}

static void put_session(struct screen_table *table, struct screen_text *cell, const json_t *session, bool verbose,
			double now)
{
	const double opened = field_time(session, "opened");
	enum screen_tone tone;

	put_words(table, cell, field_text(session, "session"));
	screen_add_endpoint(cell, session, "client_ip", "client_port");
	screen_table_add(table, cell, SCREEN_PLAIN);
	screen_add_endpoint(cell, session, "server_ip", field_count(session, "server_port") == 21 ? "" : "server_port");
	screen_table_add(table, cell, SCREEN_PLAIN);
	if (verbose) {
		add_seen(cell, session);
		screen_table_add(table, cell, SCREEN_PLAIN);
	}
	put_words(table, cell, field_text(session, "user"));
	tone = screen_add_state(cell, session);
	screen_table_add(table, cell, tone);
	add_progress(cell, session);
	screen_table_add(table, cell, SCREEN_PLAIN);
	put_words(table, cell, field_text(session, "rule"));
	if (opened >= 0)
		screen_add_age(cell, now - opened);
	else
		screen_add(cell, "-");
	screen_table_add(table, cell, SCREEN_PLAIN);
}

static void add_sum(struct screen_text *text, const json_t *sessions, size_t transfers)
{
	const size_t count = json_array_size(sessions);

	screen_add_tone(text, SCREEN_QUIET);
	screen_add(text, "%zu session%s, %zu transfer%s.", count, count == 1 ? "" : "s", transfers, transfers == 1 ? "" : "s");
	if (count > 0) {
		screen_add(text, "   \"ftpalg why ");
		screen_add_string(text, field_text(json_array_get(sessions, count - 1), "session"));
		screen_add(text, "\" tells the last decisions of one.");
	}
	screen_add_tone(text, SCREEN_PLAIN);
	screen_add(text, "\n");
}

void screen_add_sessions(struct screen_text *text, const json_t *sessions, bool verbose, double now)
{
	struct screen_text cell = { .style = text->style };
	struct screen_table table;
	size_t transfers = 0;

	screen_table_begin(&table, verbose ? columns : short_columns, verbose ? COUNT(columns) : COUNT(short_columns));
	for (size_t i = 0; i < json_array_size(sessions); i++) {
		const json_t *session = json_array_get(sessions, i);

		put_session(&table, &cell, session, verbose, now);
		transfers += is_state(session, "transfer");
	}
	if (json_array_size(sessions) > 0)
		screen_table_print(&table, text);
	add_sum(text, sessions, transfers);
	screen_table_free(&table);
}
