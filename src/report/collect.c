/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The gateway says what it decides while it has a segment, but not about which line. So the events of a segment wait until
 * its lines are known; then each finds its line (report/place.c).
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

static void count_notice(struct report *report, struct report_session *session, const struct notice *notice)
{
	struct report_totals *totals = &report->totals;

	totals->logins += notice->type == NOTICE_LOGIN ? 1 : 0;
	totals->refusals += notice->type == NOTICE_REFUSE ? 1 : 0;
	totals->anomalies += notice->type == NOTICE_ANOMALY ? 1 : 0;
	totals->transfers += notice->type == NOTICE_TRANSFER ? 1 : 0;
	totals->pinholes += notice->type == NOTICE_PINHOLE_OPEN ? 1 : 0;
	totals->used += notice->type == NOTICE_PINHOLE_USED ? 1 : 0;
	if (!session)
		return;
	session->logins += notice->type == NOTICE_LOGIN ? 1 : 0;
	session->refusals += notice->type == NOTICE_REFUSE ? 1 : 0;
	session->anomalies += notice->type == NOTICE_ANOMALY ? 1 : 0;
}

static struct report_text keep_notice_text(struct report *report, struct report_session *session,
					   const struct notice *notice)
{
	uint8_t line[REPORT_ASSEMBLY];
	const size_t length = notice->text.length < REPORT_ASSEMBLY_MAX ? notice->text.length : REPORT_ASSEMBLY_MAX;
	const uint32_t more = (uint32_t)(notice->text.length - length);
	enum direction direction = notice->direction;

	if (length > 0)
		memcpy(line, notice->text.data, length);
	/* A name and a path are not commands. */
	if (notice->type == NOTICE_LOGIN || notice->type == NOTICE_TRANSFER)
		direction = DIRECTION_REPLY;
	return report_keep_line(report, session, direction, line, (uint32_t)length, more, false);
}

static struct report_pinhole *note_pinhole(struct report *report, struct report_session *session,
					   const struct notice *notice, uint64_t time)
{
	const struct expectation *expectation = notice->expectation;
	struct report_pinhole *pinhole = NULL;

	if (notice->type == NOTICE_PINHOLE_OPEN && expectation) {
		pinhole = report_add_pinhole(report, session);
		if (!pinhole)
			return NULL;
		pinhole->form = notice->form;
		pinhole->source = expectation->source;
		pinhole->destination = expectation->destination;
		pinhole->opened = time;
	} else if ((notice->type == NOTICE_PINHOLE_USED || notice->type == NOTICE_PINHOLE_CLOSE) && expectation) {
		pinhole = report_find_pinhole(session, &expectation->destination);
		if (!pinhole)
			return NULL;
		pinhole->ended = true;
		pinhole->closed = time;
		pinhole->reason = notice->reason;
		pinhole->used |= notice->type == NOTICE_PINHOLE_USED;
	}
	return pinhole;
}

static void note_transfer(struct report *report, struct report_session *session, const struct notice *notice,
			  const struct report_text *path, uint64_t time)
{
	struct report_transfer *transfer = report_add_transfer(report, session);

	if (!transfer)
		return;
	transfer->verb = notice->verb;
	transfer->path = *path;
	transfer->code = notice->code;
	transfer->duration = notice->duration;
	transfer->start = time - notice->duration;
	transfer->data = report_claim_data(session, transfer);
}

static struct report_decision *describe_notice(struct report *report, struct report_session *session,
					       const struct notice *notice, uint64_t time)
{
	struct report_decision *decision = report_take(report, sizeof(*decision));

	if (!decision)
		return NULL;
	decision->type = notice->type;
	decision->reason = notice->reason;
	decision->form = notice->form;
	decision->verb = notice->verb;
	decision->code = notice->code;
	decision->time = time;
	decision->duration = notice->duration;
	decision->adopted = notice->adopted;
	decision->offered = notice->offered;
	decision->announced = notice->announced;
	decision->rule = notice->rule;
	if (notice->expectation)
		decision->timeout = notice->expectation->timeout;
	decision->text = keep_notice_text(report, session, notice);
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

static void handle_notice(void *context, const struct notice *notice, uint64_t time)
{
	struct report *report = context;
	struct report_session *session = report->offering ? report->offered
							  : report_find_session(report, notice->session);
	struct report_decision *decision;
	struct report_pinhole *pinhole;

	count_notice(report, session, notice);
	if (!session)
		return;
	if (report->offering && notice->session)
		session->id = notice->session;
	session->last = time;
	pinhole = note_pinhole(report, session, notice, time);
	if (notice->type == NOTICE_SESSION_CLOSE) {
		session->ended = true;
		session->end = notice->reason;
		/* What was begun in this segment comes first. */
		if (!report->offering)
			report_end_lines(report, session);
	}
	decision = describe_notice(report, session, notice, time);
	if (!decision)
		return;
	decision->pinhole = pinhole;
	if (notice->type == NOTICE_LOGIN)
		session->user = decision->text;
	if (notice->type == NOTICE_TRANSFER)
		note_transfer(report, session, notice, &decision->text, time);
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
		if (decision->type == NOTICE_TLS && !report_turns_opaque(decision))
			session->opaque = false;
		closed |= decision->type == NOTICE_SESSION_CLOSE;
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
		.leave = handle_leave, .lose = handle_lose, .notice = handle_notice, .data = handle_data,
	};
	return report;
}

const struct replay_observer *report_observer(struct report *report)
{
	return &report->observer;
}
