/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/answer.h"

#include <stdio.h>

#define SECOND UINT64_C(1000000)
/* An order is carried out at once, or as soon as the files have been read. */
#define ORDER_PATIENCE (40 * SECOND)
/* How much of a long answer is made at a time. */
#define FOLLOW_BEGINNING 10 /* transfers */
#define PIECE_MAX ((size_t)32 << 10)

static const struct request_fault forbidden = { "forbidden", "this socket only tells; ask on the control socket" };
static const struct request_fault unavailable = { "unavailable", "the gateway can't take that order now; try again" };
static const struct request_fault silent = { "timeout", "the order was passed on, and nothing was heard of it" };
static const struct request_fault no_metrics = { "unavailable", "there are no metrics" };
static const struct request_fault bad_kill = { "bad-argument", "expected the id of one session" };

static void read_arguments(struct answer *answer, const struct answer_source *source)
{
	const uint64_t end = tables_end_of_transfers(source->tables);

	switch (answer->request.command) {
	case REQUEST_SESSIONS:
	case REQUEST_PINHOLES:
		answer->fault = request_read_filter(&answer->request, &answer->filter);
		break;
	case REQUEST_TRANSFERS:
		answer->fault = request_read_transfers(&answer->request, &answer->transfers);
		answer->transfer = tables_first_transfer(source->tables);
		/* A client that follows wants to see what comes, and a little of what came before. */
		if (answer->transfers.follow && answer->transfers.since == 0 && end - answer->transfer > FOLLOW_BEGINNING)
			answer->transfer = end - FOLLOW_BEGINNING;
		break;
	case REQUEST_WHY:
		answer->fault = request_read_subject(&answer->request, &answer->subject);
		break;
	case REQUEST_KILL:
		answer->fault = request_read_subject(&answer->request, &answer->subject);
		if (!answer->fault.code && answer->subject.session == 0)
			answer->fault = bad_kill;
		break;
	case REQUEST_WATCH:
		answer->news = tables_end_of_news(source->tables);
		break;
	default:
		break;
	}
}

void answer_begin(struct answer *answer, const struct answer_source *source, struct bytes line, bool may_change,
		  uint64_t now)
{
	answer->row = 0;
	answer->subject.session = 0;
	answer->order = 0;
	answer->ordered = false;
	answer->due = now;
	answer->fault = request_read(line, &answer->request);
	if (!answer->fault.code && request_changes(answer->request.command) && !may_change)
		answer->fault = forbidden;
	if (!answer->fault.code)
		read_arguments(answer, source);
}

void answer_take(struct answer *answer, uint32_t order, bool done, const char *text)
{
	if (answer->order == 0 || answer->order != order)
		return;
	answer->ordered = true;
	answer->done = done;
	snprintf(answer->said, sizeof(answer->said), "%s", text);
}

static enum answer_progress tell_rows(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
				      uint64_t now)
{
	const size_t end = evbuffer_get_length(out) + PIECE_MAX;
	const struct session_row *row = tables_session_from(source->tables, &answer->row);
	const bool pinholes = answer->request.command == REQUEST_PINHOLES;
	uint32_t looked = 0;

	/* Rows that don't fit take time too. */
	while (row && evbuffer_get_length(out) < end && looked++ < 4096) {
		if (answer_fits(&answer->filter, row) && (!pinholes || row->pinhole.open))
			answer_put(out, pinholes ? answer_make_pinhole(row, now) : answer_make_session(row, now));
		answer->row++;
		row = tables_session_from(source->tables, &answer->row);
	}
	return row ? ANSWER_MORE : ANSWER_DONE;
}

static enum answer_progress tell_transfers(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
					   uint64_t now)
{
	const size_t end = evbuffer_get_length(out) + PIECE_MAX;
	const uint64_t span = answer->transfers.since * SECOND;
	const uint64_t since = span > 0 && span < now ? now - span : 0;

	/* What was forgotten while the reader was slow. */
	if (answer->transfer < tables_first_transfer(source->tables))
		answer->transfer = tables_first_transfer(source->tables);
	while (answer->transfer < tables_end_of_transfers(source->tables) && evbuffer_get_length(out) < end) {
		const struct transfer *transfer = tables_transfer(source->tables, answer->transfer++);

		if (transfer->time >= since)
			answer_put(out, answer_make_transfer(transfer));
	}
	if (answer->transfer < tables_end_of_transfers(source->tables))
		return ANSWER_MORE;
	return answer->transfers.follow ? ANSWER_LATER : ANSWER_DONE;
}

/* Nothing is due later than in patience, though the clock is set back. */
static bool is_due(struct answer *answer, uint64_t patience, uint64_t now)
{
	if (answer->due > now + patience)
		answer->due = now + patience;
	return now >= answer->due;
}

static enum answer_progress tell_frame(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
				       uint64_t now)
{
	/* A reader that has not taken the last one gets the next one later. */
	if (is_due(answer, SECOND, now) && evbuffer_get_length(out) == 0) {
		answer_put(out, answer_make_frame(answer, source, now));
		answer->due = now + SECOND;
	}
	return ANSWER_LATER;
}

static enum answer_progress obey(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
				 uint64_t now)
{
	const struct request_fault refused = { "failed", answer->said };
	const struct answer_order order = { answer->request.command, answer->subject.session, answer->user, answer->pid };
	json_t *object;

	if (answer->order == 0) {
		answer->order = source->order(source->context, &order);
		answer->due = now + ORDER_PATIENCE;
		if (answer->order == 0)
			answer_put_fault(out, &unavailable);
		return answer->order == 0 ? ANSWER_DONE : ANSWER_LATER;
	}
	if (!answer->ordered && !is_due(answer, ORDER_PATIENCE, now))
		return ANSWER_LATER;
	if (!answer->ordered) {
		answer_put_fault(out, &silent);
	} else if (!answer->done) {
		answer_put_fault(out, &refused);
	} else {
		object = json_object();
		answer_set(object, "done", json_true());
		answer_set_string(object, "said", answer->said);
		answer_put(out, object);
	}
	return ANSWER_DONE;
}

static enum answer_progress tell_metrics(const struct answer_source *source, struct evbuffer *out)
{
	if (source->metrics)
		source->metrics(source->context, out, METRICS_OPENMETRICS);
	else
		answer_put_fault(out, &no_metrics);
	return ANSWER_DONE;
}

static enum answer_progress tell_status(const struct answer_source *source, struct evbuffer *out)
{
	struct facts facts;

	source->look(source->context, &facts);
	answer_put(out, answer_make_status(source, &facts));
	return ANSWER_DONE;
}

enum answer_progress answer_go_on(struct answer *answer, const struct answer_source *source, struct evbuffer *out,
				  uint64_t now)
{
	if (answer->fault.code) {
		answer_put_fault(out, &answer->fault);
		return ANSWER_DONE;
	}
	switch (answer->request.command) {
	case REQUEST_STATUS:
		return tell_status(source, out);
	case REQUEST_SESSIONS:
	case REQUEST_PINHOLES:
		return tell_rows(answer, source, out, now);
	case REQUEST_TRANSFERS:
		return tell_transfers(answer, source, out, now);
	case REQUEST_WHY:
		answer_tell_why(source, &answer->subject, out);
		return ANSWER_DONE;
	case REQUEST_WATCH:
		return tell_frame(answer, source, out, now);
	case REQUEST_METRICS:
		return tell_metrics(source, out);
	case REQUEST_RELOAD:
	case REQUEST_REOPEN:
	case REQUEST_KILL:
		return obey(answer, source, out, now);
	case REQUEST_COUNT:
		break;
	}
	return ANSWER_DONE;
}
