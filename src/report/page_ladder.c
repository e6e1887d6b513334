/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * What a peer said stands on its side of the ladder, and the arrow goes to the other side. Where the other side has
 * other words, those stand there, and there are two arrows; where nothing left, the arrow ends at the gateway. The
 * elements are in the order in which things happen, so that the page reads well without its style.
 */
#include <inttypes.h>
#include <string.h>

#include "report/html.h"

bool page_row_has_finding(const struct report_row *row)
{
	struct report_phrase phrase;

	if (row->kind == REPORT_ROW_DATA) {
		report_describe_data(row->data, &phrase);
		if (phrase.tone == REPORT_TONE_BAD)
			return true;
	}
	if (row->kind == REPORT_ROW_LOST)
		return true;
	for (const struct report_decision *decision = row->decisions; decision; decision = decision->next) {
		report_describe_decision(decision, true, &phrase);
		if (phrase.tone == REPORT_TONE_BAD || decision->type == NOTICE_ANOMALY)
			return true;
	}
	return false;
}

/* The part of two texts in which they differ. */
struct difference {
	uint32_t start;
	uint32_t in_end;
	uint32_t out_end;
};

/* A digit, or a part of a character. */
static bool belongs_together(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || byte >= 0x80;
}

static struct difference find_difference(const struct report_text *in, const struct report_text *out)
{
	const uint32_t shorter = in->length < out->length ? in->length : out->length;
	struct difference difference = { 0, in->length, out->length };

	while (difference.start < shorter && in->data[difference.start] == out->data[difference.start])
		difference.start++;
	while (difference.in_end > difference.start && difference.out_end > difference.start &&
	       in->data[difference.in_end - 1] == out->data[difference.out_end - 1]) {
		difference.in_end--;
		difference.out_end--;
	}
	/* Numbers and characters stay whole. */
	while (difference.start > 0 && belongs_together(in->data[difference.start - 1]))
		difference.start--;
	while (difference.in_end < in->length && belongs_together(in->data[difference.in_end])) {
		difference.in_end++;
		difference.out_end++;
	}
	return difference;
}

static void put_marked(const struct page *page, const struct report_text *text, uint32_t start, uint32_t end,
		       const char *element)
{
	const struct report_text before = { text->data, start, 0 };
	const struct report_text marked = { text->data ? text->data + start : NULL, end - start, 0 };
	const struct report_text after = { text->data ? text->data + end : NULL, text->length - end, text->more };

	page_print(page, "<code>");
	page_put_text(page, &before);
	page_print(page, "<%s>", element);
	page_put_text(page, &marked);
	page_print(page, "</%s>", element);
	page_put_text(page, &after);
	page_print(page, "</code>");
}

static void put_code(const struct page *page, const struct report_row *row)
{
	page_print(page, "<code>");
	page_put_text(page, &row->in);
	page_print(page, "</code>");
	if (row->hidden)
		page_print(page, " <span class=\"remark\">the end of a line; it may be a password</span>");
	if (row->unfinished)
		page_print(page, " <span class=\"remark\">a line without end</span>");
}

static void put_moment(const struct page *page, const struct report_session *session, uint64_t time)
{
	char moment[REPORT_NUMBER_MAX];

	report_format_moment(time, session->start, moment);
	page_print(page, "<span class=\"time\">%s</span>", moment);
}

static const char *speaker(const struct report_row *row)
{
	return row->direction == DIRECTION_ORIGINAL ? "client" : "server";
}

static const char *listener(const struct report_row *row)
{
	return row->direction == DIRECTION_ORIGINAL ? "server" : "client";
}

/* A reply of several lines is drawn as one, unless there is something to say about its lines. */
static bool joins_next(const struct report_row *row)
{
	const struct report_row *next = row->next;

	return next && next->kind == REPORT_ROW_LINE && next->continued && !row->decisions && row->left && next->left &&
	       !row->changed && !next->changed && next->direction == row->direction && !page_row_has_finding(next);
}

/* Returns the last row that was drawn. */
static const struct report_row *put_passed(const struct page *page, const struct report_row *row)
{
	page_print(page, "<div class=\"said %s\"><span class=\"hidden\">%s to %s: </span>", speaker(row), speaker(row),
		   listener(row));
	put_code(page, row);
	while (joins_next(row)) {
		row = row->next;
		put_code(page, row);
	}
	page_print(page, "</div><div class=\"arrow whole\"></div>");
	return row;
}

static void put_changed(const struct page *page, const struct report_row *row)
{
	const struct difference difference = find_difference(&row->in, &row->out);

	page_print(page, "<div class=\"said half %s\"><span class=\"hidden\">%s to gateway: </span>", speaker(row),
		   speaker(row));
	put_marked(page, &row->in, difference.start, difference.in_end, "del");
	page_print(page, "</div><div class=\"arrow half %s\"></div>", speaker(row));
	page_print(page, "<div class=\"said half %s\"><span class=\"hidden\">gateway to %s: </span>", listener(row),
		   listener(row));
	put_marked(page, &row->out, difference.start, difference.out_end, "ins");
	page_print(page, "</div><div class=\"arrow half %s\"></div>", listener(row));
}

static void put_stopped(const struct page *page, const struct report_row *row)
{
	page_print(page, "<div class=\"said half %s\"><span class=\"hidden\">%s to gateway, where it ends: </span>",
		   speaker(row), speaker(row));
	put_code(page, row);
	page_print(page, "</div><div class=\"arrow half stop %s\"></div>", speaker(row));
}

static const struct report_row *put_line(const struct page *page, const struct report_row *row)
{
	if (row->left && !row->changed)
		return put_passed(page, row);
	if (row->left)
		put_changed(page, row);
	else
		put_stopped(page, row);
	return row;
}

static void put_data(const struct page *page, const struct report_row *row)
{
	const struct report_data *data = row->data;
	const bool active = data->offer->active;

	page_print(page, "<div class=\"ends\"><span class=\"hidden\">data connection, client </span>");
	page_put_endpoint(page, active ? &data->tuple.destination : &data->tuple.source);
	page_print(page, "<span class=\"hidden\"> and server </span>");
	page_put_endpoint(page, active ? &data->tuple.source : &data->tuple.destination);
	page_print(page, "</div><div class=\"arrow whole pipe\"></div>");
}

static void put_remarks(const struct page *page, const struct report_row *row)
{
	struct report_phrase phrase;

	if (!row->decisions && (row->kind == REPORT_ROW_LINE || row->kind == REPORT_ROW_OTHER))
		return;
	page_print(page, "<ul class=\"why\">");
	if (row->kind == REPORT_ROW_DATA) {
		report_describe_data(row->data, &phrase);
		page_put_phrase(page, &phrase);
	} else if (row->kind == REPORT_ROW_OPAQUE || row->kind == REPORT_ROW_LOST) {
		report_describe_passing(row, &phrase);
		page_put_phrase(page, &phrase);
	}
	for (const struct report_decision *decision = row->decisions; decision; decision = decision->next) {
		report_describe_decision(decision, row->kind == REPORT_ROW_LINE, &phrase);
		page_put_phrase(page, &phrase);
	}
	page_print(page, "</ul>");
}

static const char *row_class(const struct report_row *row)
{
	switch (row->kind) {
	case REPORT_ROW_LINE:
		if (report_row_had(row, NOTICE_REFUSE) || !row->left)
			return "line refused";
		return row->changed ? "line changed" : "line";
	case REPORT_ROW_DATA:
		return !row->data->pinhole && !row->data->headless ? "data refused" : "data";
	case REPORT_ROW_OPAQUE:
		return "opaque";
	default:
		return "other";
	}
}

static void put_names(const struct page *page, const struct report_session *session)
{
	const struct nat_view *view = &session->view;

	page_print(page, "<div class=\"names\"><span>client ");
	page_put_endpoint(page, &view->client);
	page_print(page, "</span><span>gateway</span><span>server ");
	page_put_endpoint(page, &view->server);
	page_print(page, "</span></div>");
}

void page_put_ladder(const struct page *page, const struct report_session *session)
{
	unsigned int number = 0;

	page_print(page, "<h4>Ladder</h4>\n<div class=\"ladder\">");
	put_names(page, session);
	page_print(page, "<ol>\n");
	for (const struct report_row *row = session->rows; row; row = row->next) {
		number++;
		page_print(page, "<li class=\"row %s %s\"", row_class(row),
			   row->direction == DIRECTION_ORIGINAL ? "down" : "up");
		if (page_row_has_finding(row))
			page_print(page, " id=\"row-%" PRIu64 "-%u\"", session->connection, number);
		page_print(page, ">");
		put_moment(page, session, row->time);
		if (row->kind == REPORT_ROW_LINE) {
			const struct report_row *last = put_line(page, row);

			for (; row != last; row = row->next)
				number++;
		} else if (row->kind == REPORT_ROW_DATA) {
			put_data(page, row);
		}
		put_remarks(page, row);
		page_print(page, "</li>\n");
	}
	page_print(page, "</ol></div>\n");
	if (session->full)
		page_print(page, "<p class=\"cut\">The ladder goes on; a report shows no more of it.</p>\n");
}
