/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decisions find the lines that they are about: by the form of the offer, by the words that were refused, by the code of
 * the reply. One that is about no line in particular goes to the current line or, where there is none, stands alone.
 *
 * Lines that have left have been decided, so the search begins at the first one that has not.
 */
#include <string.h>

#include "report/model.h"

bool report_turns_opaque(const struct report_decision *decision)
{
	static const char opaque[] = "opaque";

	return decision->type == NOTICE_TLS && decision->text.length == sizeof(opaque) - 1 &&
	       memcmp(decision->text.data, opaque, sizeof(opaque) - 1) == 0;
}

bool report_is_shown_otherwise(const struct report_decision *decision)
{
	return decision->type == NOTICE_PINHOLE_USED || (decision->type == NOTICE_SESSION_OPEN && !decision->adopted) ||
	       report_turns_opaque(decision);
}

void report_add_decision(struct report *report, struct report_session *session, struct report_row *row,
			 struct report_decision *decision)
{
	if (row && report->row_count < REPORT_ROWS_MAX) {
		if (row->last_decision)
			row->last_decision->next = decision;
		else
			row->decisions = decision;
		row->last_decision = decision;
		row->decided |= UINT32_C(1) << decision->type;
		report->row_count++;
	} else {
		session->full = true;
		report->totals.rows_left_out++;
	}
}

static bool text_equal(const struct report_text *a, const struct report_text *b)
{
	return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static bool row_has_form(const struct report_row *row, enum form form)
{
	static const enum verb verbs[] = { [FORM_PORT] = VERB_PORT, [FORM_EPRT] = VERB_EPRT, [FORM_LPRT] = VERB_LPRT };
	const struct bytes line = { row->in.data, row->in.length };
	struct command command;
	struct reply reply;

	if (form_is_active(form)) {
		parse_command(line, &command);
		return command.verb == verbs[form] || (command.verb == VERB_SPOR && form == FORM_PORT);
	}
	parse_reply(line, &reply);
	return (reply.code == 227 && form == FORM_227) || (reply.code == 228 && form == FORM_228) ||
	       (reply.code == 229 && form == FORM_229);
}

static bool row_has_code(const struct report_row *row, uint16_t code)
{
	const struct bytes line = { row->in.data, row->in.length };
	struct reply reply;

	parse_reply(line, &reply);
	return reply.code == code && reply.kind == REPLY_LAST;
}

/* May the decision be about this line? */
static bool decision_fits(const struct report_decision *decision, const struct report_row *row)
{
	if (report_row_had(row, decision->type))
		return false;
	switch (decision->type) {
	case NOTICE_OFFER:
		return row_has_form(row, decision->form);
	case NOTICE_REFUSE:
	case NOTICE_ANOMALY:
		return decision->text.length > 0 && text_equal(&decision->text, &row->in);
	case NOTICE_LOGIN:
	case NOTICE_TRANSFER:
		return row->direction == DIRECTION_REPLY && row_has_code(row, decision->code);
	default:
		return false;
	}
}

static struct report_row *find_row(struct report_stream *stream, enum direction direction,
				   const struct report_decision *decision)
{
	for (struct report_row *row = stream->undecided; row; row = row->next) {
		if (row->kind != REPORT_ROW_LINE || row->direction != direction || !decision_fits(decision, row))
			continue;
		stream->undecided = row;
		return row;
	}
	return NULL;
}

/* The decisions of one segment, on their way to its lines. */
struct placement {
	struct report *report;
	struct report_session *session;
	struct report_row *last;            /* what the session had before the segment */
	struct report_row *current;         /* the line at hand; NULL: none */
	struct report_decision *offer;
	enum direction direction;
	uint64_t time;
};

static struct report_row *current_row(struct placement *placement, const struct report_decision *decision)
{
	struct report_row *row = placement->last ? placement->last->next : placement->session->rows;
	const bool alone = decision->type == NOTICE_SESSION_OPEN || decision->type == NOTICE_ANOMALY ||
			   (decision->type == NOTICE_SESSION_CLOSE && (decision->reason == REASON_CONNECTION_ENDED ||
								       decision->reason == REASON_RESET));

	if (placement->current && !alone)
		return placement->current;
	/* The last line of the segment is the one that was too much. */
	while (row && !alone) {
		if (row->kind == REPORT_ROW_LINE && row->direction == placement->direction)
			placement->current = row;
		row = row->next;
	}
	if (placement->current && !alone)
		return placement->current;
	return report_add_row(placement->report, placement->session, REPORT_ROW_OTHER, placement->time);
}

static void place_decision(struct placement *placement, struct report_decision *decision)
{
	struct report_stream *stream = &placement->session->stream[placement->direction];
	struct report_row *row = find_row(stream, placement->direction, decision);

	if (decision->type == NOTICE_REWRITE && placement->offer) {
		placement->offer->rewritten = true;
		return;
	}
	if (row)
		placement->current = row;
	else
		row = current_row(placement, decision);
	if (decision->type == NOTICE_OFFER)
		placement->offer = decision;
	if (decision->type == NOTICE_PINHOLE_OPEN && row && row->offer)
		row->offer->pinhole = report_find_pinhole(placement->session,
							  decision->pinhole ? &decision->pinhole->destination
									    : &row->offer->endpoint);
	report_add_decision(placement->report, placement->session, row, decision);
}

/* The end of an old offer is shown at the line that made the new one. */
static bool waits_for_next(const struct report_decision *decision)
{
	return decision->type == NOTICE_PINHOLE_CLOSE && decision->reason == REASON_SUPERSEDED && decision->next;
}

void report_place(struct report *report, struct report_session *session, enum direction direction,
		  struct report_row *last, uint64_t time)
{
	struct placement placement = {
		.report = report, .session = session, .last = last, .direction = direction, .time = time,
	};
	struct report_decision *superseded = NULL;
	struct report_decision *next;

	for (struct report_decision *decision = report->pending; decision; decision = next) {
		next = decision->next;
		if (waits_for_next(decision) && !superseded) {
			superseded = decision;
			continue;
		}
		decision->next = NULL;
		if (!report_is_shown_otherwise(decision))
			place_decision(&placement, decision);
		if (superseded) {
			superseded->next = NULL;
			place_decision(&placement, superseded);
			superseded = NULL;
		}
	}
	report->pending = NULL;
}
