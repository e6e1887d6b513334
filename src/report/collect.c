/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The gateway says what it decides while it has a segment, and does not say of which line. So the events of a segment
 * wait until its lines are known; then each finds its line (report/place.c).
 *
 *   begin          a session
 *   offer          a segment goes in: its events will wait
 *   event...
 *   answer         its lines are known: events find them
 *   leave          lines that leave find those that came
 */
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "report/model.h"

static void handle_begin(void *context, const struct replay_segment *segment, bool adopted)
{
	struct report *report = context;
	struct report_session *session = report_add_session(report, segment->connection, segment->view);

	if (!session)
		return;
	session->adopted = adopted;
	session->start = segment->time;
	session->last = segment->time;
	if (segment->flags & TCP_SYN)
		session->stream[segment->direction].in.whole = true;
}

static void handle_offer(void *context, const struct replay_segment *segment)
{
	struct report *report = context;

	report->offered = report_find_connection(report, segment->connection);
	report->offering = true;
	report->pending = NULL;
	report->last_pending = NULL;
}

static void count_event(struct report *report, struct report_session *session, const struct event *event)
{
	struct report_totals *totals = &report->totals;

	totals->logins += event->type == EVENT_LOGIN ? 1 : 0;
	totals->refusals += event->type == EVENT_REFUSE ? 1 : 0;
	totals->anomalies += event->type == EVENT_ANOMALY ? 1 : 0;
	totals->transfers += event->type == EVENT_TRANSFER ? 1 : 0;
	totals->pinholes += event->type == EVENT_PINHOLE_OPEN ? 1 : 0;
	totals->used += event->type == EVENT_PINHOLE_USED ? 1 : 0;
	if (!session)
		return;
	session->logins += event->type == EVENT_LOGIN ? 1 : 0;
	session->refusals += event->type == EVENT_REFUSE ? 1 : 0;
	session->anomalies += event->type == EVENT_ANOMALY ? 1 : 0;
}

static struct report_text keep_event_text(struct report *report, struct report_session *session,
					  const struct event *event)
{
	uint8_t line[REPORT_ASSEMBLY];
	const size_t length = event->text.length < REPORT_ASSEMBLY_MAX ? event->text.length : REPORT_ASSEMBLY_MAX;
	const uint32_t more = (uint32_t)(event->text.length - length);
	enum direction direction = event->direction;

	if (length > 0)
		memcpy(line, event->text.data, length);
	/* A name and a path are no commands. */
	if (event->type == EVENT_LOGIN || event->type == EVENT_TRANSFER)
		direction = DIRECTION_REPLY;
	return report_keep_line(report, session, direction, line, (uint32_t)length, more, false);
}

static struct report_pinhole *note_pinhole(struct report *report, struct report_session *session,
					   const struct event *event, uint64_t time)
{
	const struct expectation *expectation = event->expectation;
	struct report_pinhole *pinhole = NULL;

	if (event->type == EVENT_PINHOLE_OPEN && expectation) {
		pinhole = report_add_pinhole(report, session);
		if (!pinhole)
			return NULL;
		pinhole->form = event->form;
		pinhole->source = expectation->source;
		pinhole->destination = expectation->destination;
		pinhole->opened = time;
	} else if ((event->type == EVENT_PINHOLE_USED || event->type == EVENT_PINHOLE_CLOSE) && expectation) {
		pinhole = report_find_pinhole(session, &expectation->destination);
		if (!pinhole)
			return NULL;
		pinhole->ended = true;
		pinhole->closed = time;
		pinhole->reason = event->reason;
		pinhole->used |= event->type == EVENT_PINHOLE_USED;
	}
	return pinhole;
}

static void note_transfer(struct report *report, struct report_session *session, const struct event *event,
			  const struct report_text *path, uint64_t time)
{
	struct report_transfer *transfer = report_add_transfer(report, session);

	if (!transfer)
		return;
	transfer->verb = event->verb;
	transfer->path = *path;
	transfer->code = event->code;
	transfer->duration = event->duration;
	transfer->start = time - event->duration;
	transfer->data = report_claim_data(session, transfer);
}

static struct report_decision *describe_event(struct report *report, struct report_session *session,
					      const struct event *event, uint64_t time)
{
	struct report_decision *decision = report_take(report, sizeof(*decision));

	if (!decision)
		return NULL;
	decision->type = event->type;
	decision->reason = event->reason;
	decision->form = event->form;
	decision->verb = event->verb;
	decision->code = event->code;
	decision->time = time;
	decision->duration = event->duration;
	decision->adopted = event->adopted;
	decision->offered = event->offered;
	decision->announced = event->announced;
	decision->rule = event->rule;
	if (event->expectation)
		decision->timeout = event->expectation->timeout;
	decision->text = keep_event_text(report, session, event);
	return decision;
}

static void append_pending(struct report *report, struct report_decision *decision)
{
	if (report->last_pending)
		report->last_pending->next = decision;
	else
		report->pending = decision;
	report->last_pending = decision;
}

static void handle_event(void *context, const struct event *event, uint64_t time)
{
	struct report *report = context;
	struct report_session *session = report->offering ? report->offered
							  : report_find_session(report, event->session);
	struct report_decision *decision;
	struct report_pinhole *pinhole;

	count_event(report, session, event);
	if (!session)
		return;
	if (report->offering && event->session)
		session->id = event->session;
	session->last = time;
	pinhole = note_pinhole(report, session, event, time);
	if (event->type == EVENT_SESSION_CLOSE) {
		session->ended = true;
		session->end = event->reason;
		/* What was begun in this segment comes first. */
		if (!report->offering)
			report_end_lines(report, session);
	}
	decision = describe_event(report, session, event, time);
	if (!decision)
		return;
	decision->pinhole = pinhole;
	if (event->type == EVENT_LOGIN)
		session->user = decision->text;
	if (event->type == EVENT_TRANSFER)
		note_transfer(report, session, event, &decision->text, time);
	if (report->offering)
		append_pending(report, decision);
	else if (!report_is_shown_otherwise(decision))
		report_add_decision(report, session, report_add_row(report, session, REPORT_ROW_OTHER, time), decision);
}

static void handle_answer(void *context, const struct replay_segment *segment, bool taken)
{
	struct report *report = context;
	struct report_session *session = report->offered;
	bool turns_opaque = false;
	bool closed = false;
	struct report_row *last;

	report->offering = false;
	if (!session)
		return;
	session->last = segment->time;
	last = session->last_row;
	for (const struct report_decision *decision = report->pending; decision; decision = decision->next) {
		turns_opaque |= report_turns_opaque(decision);
		if (decision->type == EVENT_TLS && !report_turns_opaque(decision))
			session->opaque = false;
		closed |= decision->type == EVENT_SESSION_CLOSE;
	}
	if (taken)
		report_take_in(report, session, segment, turns_opaque);
	if (closed)
		report_end_lines(report, session);
	report_place(report, session, segment->direction, last, segment->time);
}

static void handle_leave(void *context, const struct replay_segment *segment)
{
	struct report *report = context;
	struct report_session *session = report_find_connection(report, segment->connection);

	if (!session)
		return;
	session->last = segment->time;
	report_take_out(report, session, segment);
}

static void handle_lose(void *context, uint64_t connection, uint64_t time)
{
	struct report *report = context;
	struct report_session *session = report_find_connection(report, connection);

	if (!session)
		return;
	report_end_lines(report, session);
	session->lost = true;
	session->passing = report_add_row(report, session, REPORT_ROW_LOST, time);
}

static void handle_data(void *context, const struct packet *packet, size_t length, uint64_t time)
{
	report_take_data(context, packet, length, time);
}

struct report *report_create(void)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->observer = (struct replay_observer){
		.context = report, .begin = handle_begin, .offer = handle_offer, .answer = handle_answer,
		.leave = handle_leave, .lose = handle_lose, .event = handle_event, .data = handle_data,
	};
	return report;
}

const struct replay_observer *report_observer(struct report *report)
{
	return &report->observer;
}
