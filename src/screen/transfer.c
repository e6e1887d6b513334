/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "screen/field.h"
#include "screen/screen.h"
#include "screen/unit.h"

static const struct screen_column columns[] = {
	{ "TIME", 0, 0, SCREEN_WORDS },     { "CLIENT", 15, 0, SCREEN_WORDS }, { "SERVER", 15, 2, SCREEN_WORDS },
	{ "USER", 6, 1, SCREEN_WORDS },     { "DIR", 0, 0, SCREEN_WORDS },     { "FILE", 12, 0, SCREEN_PATH },
	{ "BYTES", 0, 0, SCREEN_NUMBER },   { "TIME", 0, 4, SCREEN_NUMBER },   { "RATE", 0, 3, SCREEN_NUMBER },
	{ "OUTCOME", 0, 0, SCREEN_WORDS },
};

static bool is_list(const json_t *transfer)
{
	return strcmp(field_text(transfer, "direction"), "list") == 0;
}

enum screen_tone screen_add_outcome(struct screen_text *text, const json_t *transfer)
{
	const char *outcome = field_text(transfer, "outcome");
	const char *by = field_text(transfer, "by");
	const bool complete = strcmp(outcome, "complete") == 0;

	screen_add_string(text, *outcome ? outcome : "not known");
	if (!complete && *by) {
		screen_add(text, " by the ");
		screen_add_string(text, by);
	}
	if (field_count(transfer, "code") > 0)
		screen_add(text, " %" PRIu64, field_count(transfer, "code"));
	return complete ? SCREEN_GOOD : *outcome ? SCREEN_BAD : SCREEN_ODD;
}

void screen_begin_transfers(struct screen_table *table)
{
	screen_table_begin(table, columns, sizeof(columns) / sizeof(columns[0]));
}

static void put_words(struct screen_table *table, struct screen_text *cell, const char *words)
{
	screen_add_string(cell, *words ? words : "-");
	screen_table_add(table, cell, SCREEN_PLAIN);
}

/* What was transferred, or that it was a listing, and of what. */
static void put_file(struct screen_table *table, struct screen_text *cell, const json_t *transfer)
{
	const char *path = field_text(transfer, "path");

	if (is_list(transfer)) {
		screen_add_string(cell, field_text(transfer, "verb"));
		screen_add(cell, *path ? " " : "");
	}
	screen_add_string(cell, path);
	if (!cell->data || cell->length == 0)
		screen_add(cell, "-");
	screen_table_add(table, cell, SCREEN_PLAIN);
}

void screen_put_transfer(struct screen_table *table, const struct screen_style *style, const json_t *transfer, double now)
{
	struct screen_text cell = { .style = style };
	const bool counted = field_exists(transfer, "bytes");
	const double time = field_time(transfer, "time");
	const double seconds = field_real(transfer, "seconds");
	enum screen_tone tone;

	screen_add_time(&cell, time, SCREEN_CLOCK_RECENT, now);
	screen_table_add(table, &cell, SCREEN_PLAIN);
	put_words(table, &cell, field_text(transfer, "client_ip"));
	put_words(table, &cell, field_text(transfer, "server_ip"));
	put_words(table, &cell, field_text(transfer, "user"));
	put_words(table, &cell, field_text(transfer, "direction"));
	put_file(table, &cell, transfer);
	if (counted)
		screen_add_count(&cell, field_count(transfer, "bytes"));
	else
		screen_add(&cell, "?");
	screen_table_add(table, &cell, SCREEN_PLAIN);
	screen_add_seconds(&cell, seconds);
	screen_table_add(table, &cell, SCREEN_PLAIN);
	screen_add_rate(&cell, counted && seconds > 0 ? (double)field_count(transfer, "bytes") / seconds : 0);
	screen_table_add(table, &cell, SCREEN_PLAIN);
	tone = screen_add_outcome(&cell, transfer);
	screen_table_add(table, &cell, tone);
}

/* A blank ends a field of the log, so a name has none. */
static void add_log_name(struct screen_text *text, const char *name)
{
	const size_t begun = text->length;

	screen_add_string(text, *name ? name : "-");
	for (size_t i = begun; i < text->length; i++)
		if (text->data[i] == ' ')
			text->data[i] = '_';
}

void screen_add_xferlog(struct screen_text *text, const json_t *transfer)
{
	const double time = field_time(transfer, "time");
	const double seconds = field_real(transfer, "seconds");
	const time_t whole = time >= 0 ? (time_t)time : 0;
	const char *user = field_text(transfer, "user");
	const bool anonymous = strcmp(user, "anonymous") == 0 || strcmp(user, "ftp") == 0;
	char date[40] = "-";
	struct tm tm;

	/* A listing is not the transfer of a file. */
	if (is_list(transfer))
		return;
	if (localtime_r(&whole, &tm))
		(void)strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	screen_add(text, "%s %.0f ", date, seconds > 1 ? seconds : 1);
	add_log_name(text, field_text(transfer, "client_ip"));
	screen_add(text, " %" PRIu64 " ", field_count(transfer, "bytes"));
	add_log_name(text, field_text(transfer, "path"));
	screen_add(text, " b _ %s %s ", strcmp(field_text(transfer, "direction"), "up") == 0 ? "i" : "o", anonymous ? "a" : "r");
	add_log_name(text, user);
	screen_add(text, " ftp 0 * %s\n", strcmp(field_text(transfer, "outcome"), "complete") == 0 ? "c" : "i");
}
