/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   ftpalg on router1   14:02:33   healthy
 *   sessions 12   pinholes 1   61 MB/s down   0 up   refused 0/s   queue 0
 *   ------------------------------------------------------------------------
 *     CLIENT    SERVER       USER  DOING                    DONE  ...            the sessions, of which one is selected
 *   > 10.0.0.5  203.0.113.9  anna  RETR big.iso [####  ]     89%  ...
 *   ------------------------------------------------------------------------
 *   14:02:31  10.0.0.23  PORT 10,0,0,99,0,25  foreign-address                    the last decisions
 *   up, down: select  enter: why  k: kill  /: filter  q: quit               or a question
 */
#include "screen/watch.h"

#include <stdlib.h>
#include <string.h>

#include "screen/field.h"
#include "screen/unit.h"

/* Lines that are always there: two of the head, a ruler, the table's head, the last line. */
#define LINES_FIXED 5
#define DECISIONS_MAX 8
/* Below this height there is only the table. */
#define HEIGHT_DECISIONS 14
#define BAR_WIDE 20
#define BAR_NARROW 10
#define WIDTH_WIDE 110

static const struct screen_column columns[] = {
	{ "", 0, 0, SCREEN_WORDS },        { "CLIENT", 12, 0, SCREEN_WORDS },  { "SERVER", 12, 4, SCREEN_WORDS },
	{ "USER", 8, 3, SCREEN_WORDS },    { "DOING", 16, 0, SCREEN_WORDS },   { "", 0, 1, SCREEN_WORDS },
	{ "DONE", 0, 0, SCREEN_NUMBER },   { "SIZE", 0, 5, SCREEN_NUMBER },    { "RATE", 0, 0, SCREEN_NUMBER },
	{ "LEFT", 0, 2, SCREEN_NUMBER },   { "SESSION", 0, 6, SCREEN_WORDS },
};

static unsigned int decision_lines(unsigned int height)
{
	const unsigned int quarter = height / 4;

	if (height < HEIGHT_DECISIONS)
		return 0;
	return quarter < DECISIONS_MAX ? quarter : DECISIONS_MAX;
}

size_t watch_page(unsigned int height)
{
	const unsigned int decisions = decision_lines(height);
	const unsigned int other = LINES_FIXED + (decisions > 0 ? decisions + 1 : 0);

	return height > other ? height - other : 1;
}

static bool is_transfer(const json_t *session)
{
	return strcmp(field_text(session, "state"), "transfer") == 0;
}

static bool fits_filter(const json_t *session, const char *filter)
{
	static const char *const names[] = { "client_ip", "server_ip", "user", "state", "verb", "path", "rule", "session" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasestr(field_text(session, names[i]), filter))
			return true;
	return *filter == '\0';
}

static int compare_sessions(const void *a, const void *b)
{
	const json_t *one = *(const json_t *const *)a;
	const json_t *other = *(const json_t *const *)b;
	if (is_transfer(one) != is_transfer(other))
		return is_transfer(one) ? -1 : 1;
	return strcmp(field_text(one, "session"), field_text(other, "session"));
}

size_t watch_choose(const json_t *sessions, const char *filter, const json_t **chosen)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(sessions); i++)
		if (fits_filter(json_array_get(sessions, i), filter))
			chosen[count++] = json_array_get(sessions, i);
	if (count > 0)
		qsort(chosen, count, sizeof(*chosen), compare_sessions);
	return count;
}

/* One line of the screen, cut where the terminal ends. Takes what is in line. */
static void put_line(struct screen_text *text, struct screen_text *line, enum screen_tone tone)
{
	const char *words = line->data ? line->data : "";
	const unsigned int width = screen_width(words, strlen(words));
	const unsigned int limit = text->style->width;

	if (tone != SCREEN_PLAIN)
		screen_add_tone(text, tone);
	screen_add_column(text, words, limit > 0 && width > limit ? limit : width, false);
	if (tone != SCREEN_PLAIN)
		screen_add_tone(text, SCREEN_PLAIN);
	screen_add(text, "\n");
	text->lost = text->lost || line->lost;
	screen_text_free(line);
}

static void put_ruler(struct screen_text *text)
{
	screen_add_tone(text, SCREEN_QUIET);
	for (unsigned int i = 0; i < text->style->width; i++)
		screen_add(text, text->style->unicode ? "\u2500" : "-");
	screen_add_tone(text, SCREEN_PLAIN);
	screen_add(text, "\n");
}

static void put_health(struct screen_text *text, const struct watch_view *view)
{
	const struct screen_style plain = { text->style->width, text->style->unicode, false };
	struct screen_text line = { .style = &plain };
	enum screen_tone tone = SCREEN_BAD;

	screen_add(&line, "ftpalg on ");
	screen_add_string(&line, view->host);
	screen_add(&line, "   ");
	screen_add_time(&line, view->now, SCREEN_CLOCK_SECONDS, view->now);
	screen_add(&line, "   ");
	if (view->absence) {
		screen_add_string(&line, view->absence);
	} else if (view->status) {
		screen_add_health(&line, view->status);
		tone = screen_is_healthy(view->status) ? SCREEN_STRONG : SCREEN_BAD;
	}
	put_line(text, &line, tone);
}

/* The sum of all rates in this direction. */
static double sum_rates(const struct watch_view *view, bool up)
{
	double sum = 0;

	for (size_t i = 0; i < json_array_size(view->all); i++) {
		const json_t *session = json_array_get(view->all, i);

		if (is_transfer(session) && (strcmp(field_text(session, "direction"), "up") == 0) == up)
			sum += field_real(session, "rate");
	}
	return sum;
}

static uint64_t packets_waiting(const json_t *status)
{
	const json_t *workers = json_object_get(status, "workers");
	uint64_t waiting = 0;

	for (size_t i = 0; i < json_array_size(workers); i++)
		waiting += field_count(json_array_get(workers, i), "waiting");
	return waiting;
}

/* 0, where a table would have a dash. */
static void add_sum(struct screen_text *line, double rate, const char *words)
{
	if (rate >= 1)
		screen_add_rate(line, rate);
	else
		screen_add(line, "0");
	screen_add(line, " %s   ", words);
}

static void put_counts(struct screen_text *text, const struct watch_view *view)
{
	struct screen_text line = { .style = text->style };

	if (*view->filter) {
		screen_add(&line, "filter \"");
		screen_add_string(&line, view->filter);
		screen_add(&line, "\" hides %zu   ", json_array_size(view->all) - view->session_count);
	}
	screen_add(&line, "sessions ");
	screen_add_count(&line, field_count(json_object_get(view->status, "sessions"), "open"));
	screen_add(&line, "   pinholes ");
	screen_add_count(&line, field_count(json_object_get(view->status, "pinholes"), "open"));
	screen_add(&line, "   ");
	add_sum(&line, sum_rates(view, false), "down");
	add_sum(&line, sum_rates(view, true), "up");
	screen_add(&line, "refused %.0f/s   queue ", view->refusal_rate);
	screen_add_count(&line, packets_waiting(view->status));
	put_line(text, &line, SCREEN_PLAIN);
}

static void add_bar(struct screen_text *cell, const json_t *session, unsigned int width)
{
	const uint64_t bytes = field_count(session, "bytes");
	const uint64_t total = field_count(session, "total");
	const bool known = total > 0 && bytes <= total && field_exists(session, "bytes");
	unsigned int done = field_exists(session, "bytes") ? 4 : 0;

	if (known)
		done = (unsigned int)((double)bytes / (double)total * width);
	screen_add(cell, "[");
	for (unsigned int i = 0; i < width; i++)
		screen_add(cell, i >= done ? " " : known ? "#" : ".");
	screen_add(cell, "]");
}

/* The cells of a transfer's progress; they are empty where there is none. */
static void put_progress(struct screen_table *table, struct screen_text *cell, const json_t *session, unsigned int bar)
{
	const uint64_t bytes = field_count(session, "bytes");
	const uint64_t total = field_count(session, "total");
	const double rate = field_real(session, "rate");
	const bool moves = is_transfer(session);
	const bool counted = moves && field_exists(session, "bytes");
	const bool known = counted && total > 0 && bytes <= total;

	if (moves)
		add_bar(cell, session, bar);
	screen_table_add(table, cell, SCREEN_GOOD);
	if (known)
		screen_add(cell, "%d%%", (int)(100 * ((double)bytes / (double)total)));
	else if (moves)
		screen_add(cell, "?");
	screen_table_add(table, cell, SCREEN_PLAIN);
	if (known)
		screen_add_part(cell, bytes, total);
	else if (counted || total > 0)
		screen_add_size(cell, counted ? bytes : total);
	screen_table_add(table, cell, SCREEN_PLAIN);
	if (moves)
		screen_add_rate(cell, rate);
	screen_table_add(table, cell, SCREEN_PLAIN);
	if (known && rate >= 1)
		screen_add_countdown(cell, (double)(total - bytes) / rate + 0.5);
	screen_table_add(table, cell, SCREEN_PLAIN);
}

static void put_words(struct screen_table *table, struct screen_text *cell, const char *words)
{
	screen_add_string(cell, words);
	screen_table_add(table, cell, SCREEN_PLAIN);
}

/* As screen_add_state(), with the last part of a path: what comes before it would push it out of the screen. */
static enum screen_tone add_doing(struct screen_text *cell, const json_t *session)
{
	const char *path = field_text(session, "path");
	const char *slash = strrchr(path, '/');

	if (!is_transfer(session))
		return screen_add_state(cell, session);
	screen_add_string(cell, field_text(session, "verb"));
	screen_add(cell, *path ? " " : "");
	screen_add_string(cell, slash && slash[1] ? slash + 1 : path);
	return SCREEN_PLAIN;
}

static void put_session(struct screen_table *table, struct screen_text *cell, const json_t *session, bool selected)
{
	const unsigned int bar = cell->style->width >= WIDTH_WIDE ? BAR_WIDE : BAR_NARROW;
	enum screen_tone tone;

	screen_add(cell, selected ? ">" : "");
	screen_table_add(table, cell, SCREEN_PLAIN);
	put_words(table, cell, field_text(session, "client_ip"));
	put_words(table, cell, field_text(session, "server_ip"));
	put_words(table, cell, field_text(session, "user"));
	tone = add_doing(cell, session);
	screen_table_add(table, cell, tone);
	put_progress(table, cell, session, bar);
	put_words(table, cell, field_text(session, "session"));
}

static void put_sessions(struct screen_text *text, const struct watch_view *view)
{
	const size_t page = watch_page(view->height);
	struct screen_text cell = { .style = text->style };
	struct screen_table table;
	size_t rows;

	screen_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = view->first; i < view->session_count && i < view->first + page; i++)
		put_session(&table, &cell, view->sessions[i], i == view->selected);
	screen_table_layout(&table, text->style);
	screen_table_print_head(&table, text);
	rows = screen_table_rows(&table);
	for (size_t row = 0; row < rows; row++)
		screen_table_print_chosen(&table, row, view->first + row == view->selected, text);
	for (size_t row = rows; row < page; row++)
		screen_add(text, "\n");
	text->lost = text->lost || table.lost;
	screen_table_free(&table);
}

static void put_decision(struct screen_text *text, const json_t *decision)
{
	const char *kind = field_text(decision, "kind");
	struct screen_text line = { .style = text->style };

	screen_add_time(&line, field_time(decision, "time"), SCREEN_CLOCK_SECONDS, 0);
	screen_add(&line, "  ");
	if (*field_text(decision, "client_ip")) {
		screen_add_string(&line, field_text(decision, "client_ip"));
		screen_add(&line, "  ");
	}
	screen_add_string(&line, field_text(decision, "text"));
	put_line(text, &line, strcmp(kind, "refuse") == 0 ? SCREEN_BAD : strcmp(kind, "anomaly") == 0 ? SCREEN_ODD : SCREEN_PLAIN);
}

static void put_decisions(struct screen_text *text, const struct watch_view *view)
{
	const size_t lines = decision_lines(view->height);
	const size_t count = json_array_size(view->decisions);
	const size_t shown = count < lines ? count : lines;

	if (lines == 0)
		return;
	put_ruler(text);
	for (size_t i = 0; i < shown; i++)
		put_decision(text, json_array_get(view->decisions, count - shown + i));
	for (size_t i = shown; i < lines; i++)
		screen_add(text, "\n");
}

void screen_add_watch(struct screen_text *text, const struct watch_view *view)
{
	struct screen_text line = { .style = text->style };

	put_health(text, view);
	put_counts(text, view);
	put_ruler(text);
	put_sessions(text, view);
	put_decisions(text, view);
	if (view->message)
		screen_add_string(&line, view->message);
	else
		screen_add(&line, "up, down: select  enter: why  k: kill  /: filter  q: quit");
	put_line(text, &line, view->message ? view->message_tone : SCREEN_QUIET);
}
