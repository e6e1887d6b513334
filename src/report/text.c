/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report for a terminal: each session as a ladder. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "ftpalg/address.h"
#include "report/draw.h"

#define INDENT 4

__attribute__((format(printf, 3, 4)))
static void write_words(const struct report_pen *pen, const struct report_text *quoted, const char *format, ...)
{
	struct report_glyphs text = { .count = 0 };
	char words[REPORT_WORDS_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	report_glyphs_add_words(&text, words);
	if (quoted)
		report_glyphs_add_text(&text, pen->style, quoted);
	report_draw_words(pen, INDENT, &text);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void write_head(const struct report *report, const struct report_head *head, const struct report_pen *pen)
{
	const struct report_totals *totals = &report->totals;
	const struct report_text name = { (const uint8_t *)head->name, (uint32_t)strlen(head->name), 0 };
	char first[REPORT_NUMBER_MAX];
	char last[REPORT_NUMBER_MAX];
	char bytes[REPORT_NUMBER_MAX];
	char words[REPORT_WORDS_MAX];

	report_format_time(head->first, first);
	report_format_time(head->last, last);
	report_format_bytes(totals->bytes, bytes);
	write_words(pen, &name, "Capture ");
	write_words(pen, NULL, "  %" PRIu64 " packets, %s to %s", head->counters->packets, first, last);
	write_words(pen, NULL, "  %" PRIu64 " session%s, %" PRIu64 " login%s, %" PRIu64 " transfer%s, %s of data, %" PRIu64
		    " refusal%s, %" PRIu64 " anomal%s, %" PRIu64 " pinhole%s, %" PRIu64 " of them used", totals->sessions,
		    plural(totals->sessions), totals->logins, plural(totals->logins), totals->transfers,
		    plural(totals->transfers), bytes, totals->refusals, plural(totals->refusals), totals->anomalies,
		    totals->anomalies == 1 ? "y" : "ies", totals->pinholes, plural(totals->pinholes), totals->used);
	for (size_t i = 0; i < head->note_count; i++)
		write_words(pen, NULL, "  Note: %s", head->notes[i]);
	for (unsigned int i = 0; i < REPORT_LIMITS; i++)
		if (report_describe_limit(report, i, words))
			write_words(pen, NULL, "  Note: %s", words);
}

static void write_session_head(const struct report_session *session, const struct report_pen *pen)
{
	const struct nat_view *view = &session->view;
	char client[ENDPOINT_TEXT_MAX];
	char server[ENDPOINT_TEXT_MAX];
	char time[REPORT_NUMBER_MAX];
	char duration[REPORT_NUMBER_MAX];

	endpoint_format(&view->client, client);
	endpoint_format(&view->server, server);
	write_words(pen, NULL, "Session %" PRIu64 ": %s to %s", session->connection, client, server);
	if (!endpoint_equal(&view->client, &view->client_seen)) {
		endpoint_format(&view->client_seen, client);
		write_words(pen, NULL, "  the server sees the client as %s", client);
	}
	if (!endpoint_equal(&view->server, &view->server_seen)) {
		endpoint_format(&view->server_seen, server);
		write_words(pen, NULL, "  the client sees the server as %s", server);
	}
	report_format_time(session->start, time);
	report_format_seconds(session->last - session->start, duration);
	write_words(pen, session->user.length > 0 ? &session->user : NULL, "  %s, %s, %s%s", time, duration,
		    report_describe_end(session), session->user.length > 0 ? ", user " : "");
}

/* Does the reply go on in the next row? */
static bool is_continued(const struct report_row *row)
{
	const struct report_row *next = row->next;

	return next && next->kind == REPORT_ROW_LINE && next->continued && next->direction == row->direction &&
	       row->left && !row->changed;
}

/* The lines of a reply begin in the same column: so wide is the widest of those that fit. */
static unsigned int measure_block(const struct report_row *row, const struct report_pen *pen)
{
	unsigned int widest = 0;

	for (bool more = true; more; row = row->next) {
		struct report_glyphs text = { .count = 0 };
		unsigned int width;

		report_glyphs_add_text(&text, pen->style, &row->in);
		width = report_glyphs_width(&text);
		if (width > widest && width < pen->left + pen->right - INDENT)
			widest = width;
		more = is_continued(row);
	}
	return widest;
}

static void write_line(const struct report_row *row, const struct report_pen *pen, const char *moment,
		       unsigned int block_width)
{
	struct report_arrow arrow = { .direction = row->direction };
	struct report_glyphs in = { .count = 0 };
	struct report_glyphs out = { .count = 0 };
	const bool up = row->direction == DIRECTION_REPLY;

	if (row->hidden)
		report_glyphs_add_words(&in, "(the end of a line)");
	report_glyphs_add_text(&in, pen->style, &row->in);
	report_glyphs_add_text(&out, pen->style, &row->out);
	if (row->left && !row->changed) {
		arrow.absent = is_continued(row);
		report_glyphs_pad(&in, block_width);
		report_draw_line(pen, moment, &arrow, &in);
	} else if (row->left) {
		arrow.tone = report_row_had(row, NOTICE_REFUSE) ? REPORT_TONE_BAD : REPORT_TONE_CHANGED;
		report_draw_legs(pen, moment, &arrow, up ? &out : &in, up ? &in : &out);
	} else {
		arrow.tone = REPORT_TONE_BAD;
		arrow.stopped = true;
		report_draw_legs(pen, moment, &arrow, up ? NULL : &in, up ? &in : NULL);
	}
}

static void write_data(const struct report_data *data, const struct report_pen *pen, const char *moment)
{
	struct report_arrow arrow = { .direction = data->offer->active ? DIRECTION_REPLY : DIRECTION_ORIGINAL };
	struct report_phrase phrase;
	char source[ENDPOINT_TEXT_MAX];
	char destination[ENDPOINT_TEXT_MAX];

	endpoint_format(&data->tuple.source, source);
	endpoint_format(&data->tuple.destination, destination);
	report_describe_data(data, &phrase);
	arrow.tone = phrase.tone;
	report_draw_data(pen, moment, &arrow, data->offer->active ? destination : source,
			 data->offer->active ? source : destination);
	report_draw_phrase(pen, NULL, &phrase);
}

static void write_row(const struct report_session *session, const struct report_row *row, const struct report_pen *pen,
		      unsigned int block_width)
{
	const struct report_decision *decision = row->decisions;
	struct report_phrase phrase;
	char moment[REPORT_NUMBER_MAX];

	report_format_moment(row->time, session->start, moment);
	if (row->kind == REPORT_ROW_LINE) {
		write_line(row, pen, moment, block_width);
	} else if (row->kind == REPORT_ROW_DATA) {
		write_data(row->data, pen, moment);
	} else if (row->kind != REPORT_ROW_OTHER) {
		report_describe_passing(row, &phrase);
		report_draw_phrase(pen, moment, &phrase);
	}
	for (; decision; decision = decision->next) {
		report_describe_decision(decision, row->kind == REPORT_ROW_LINE, &phrase);
		report_draw_phrase(pen, row->kind == REPORT_ROW_OTHER && decision == row->decisions ? moment : NULL,
				   &phrase);
	}
}

static void write_ladder(const struct report_session *session, const struct report_pen *pen)
{
	unsigned int block_width = 0;

	report_draw_names(pen);
	for (const struct report_row *row = session->rows; row; row = row->next) {
		if (row->kind == REPORT_ROW_LINE && !row->continued)
			block_width = is_continued(row) ? measure_block(row, pen) : 0;
		write_row(session, row, pen,
			  row->kind == REPORT_ROW_LINE && row->direction == DIRECTION_REPLY ? block_width : 0);
	}
	if (session->full)
		write_words(pen, NULL, "  The ladder goes on; a report shows no more of it.");
}

int report_write_text(const struct report *report, const struct report_head *head, const struct report_style *style,
		      FILE *out)
{
	struct report_pen pen;

	report_pen_init(&pen, style, out);
	write_head(report, head, &pen);
	for (const struct report_session *session = report->sessions; session; session = session->next) {
		fputc('\n', out);
		write_session_head(session, &pen);
		fputc('\n', out);
		write_ladder(session, &pen);
	}
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
