/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions, pinholes, transfers and decisions as objects. */
#include <string.h>

#include "control/answer.h"
#include "control/words.h"

#define MICROSECONDS UINT64_C(1000000)

static struct bytes bytes_of_path(const struct table_path *path)
{
	return (struct bytes){ path->bytes, path->length };
}

static void set_move(json_t *object, const struct table_move *move)
{
	const struct transfer *transfer = &move->transfer;
	const bool moving = move->state == MOVE_ASKED || move->state == MOVE_RUNNING;

	answer_set_string(object, "verb", moving ? verb_name(transfer->verb) : NULL);
	answer_set_said(object, "path", moving ? bytes_of_path(&transfer->path) : (struct bytes){ NULL, 0 });
	answer_set_string(object, "direction", moving ? transfer_direction_name(transfer->direction) : NULL);
	answer_set_fact(object, "bytes", moving && transfer->end.counted ? transfer->end.bytes : FACTS_UNKNOWN);
	answer_set_fact(object, "total", moving && move->has_total ? move->total : FACTS_UNKNOWN);
	answer_set_fact(object, "rate", moving && transfer->end.counted ? move->rate : FACTS_UNKNOWN);
	answer_set_time(object, "began", moving ? transfer->time : 0);
}

json_t *answer_make_session(const struct session_row *row, uint64_t now)
{
	json_t *object = json_object();

	answer_set_id(object, row->id);
	answer_set_view(object, &row->view);
	answer_set_said(object, "user", (struct bytes){ row->user, row->user_length });
	answer_set_string(object, "state", row_state_name(session_row_state(row)));
	set_move(object, &row->move);
	answer_set_said(object, "directory", row->place_known ? bytes_of_path(&row->place) : (struct bytes){ NULL, 0 });
	answer_set_number(object, "refusals", row->refusals);
	answer_set_string(object, "refused", row->refused != REASON_NONE ? reason_name(row->refused) : NULL);
	answer_set_string(object, "rule", row->rule[0] ? row->rule : NULL);
	answer_set_time(object, "opened", row->opened);
	answer_set_number(object, "idle", now > row->active ? (now - row->active) / MICROSECONDS : 0);
	answer_set(object, "tls", json_boolean(row->tls || row->opaque));
	return object;
}

/* Where the connection ends, behind NAT. */
static struct endpoint pinhole_goal(const struct session_row *row)
{
	const struct expectation *expectation = &row->pinhole.expectation;
	const bool active = form_is_active(row->pinhole.form);

	if (!expectation->translated)
		return expectation->destination;
	return (struct endpoint){ active ? row->view.client.address : row->view.server.address, expectation->saved_port };
}

json_t *answer_make_pinhole(const struct session_row *row, uint64_t now)
{
	const struct table_pinhole *pinhole = &row->pinhole;
	const struct endpoint goal = pinhole_goal(row);
	json_t *object = json_object();

	answer_set_id(object, row->id);
	answer_set_string(object, "form", form_name(pinhole->form));
	answer_set_address(object, "from", &pinhole->expectation.source);
	answer_set_endpoint(object, "to", &pinhole->expectation.destination);
	answer_set_endpoint(object, "goes_to", &goal);
	answer_set_time(object, "opened", pinhole->opened);
	answer_set_time(object, "until", pinhole->until);
	answer_set_number(object, "left", pinhole->until > now ? (pinhole->until - now) / MICROSECONDS : 0);
	answer_set_string(object, "rule", row->rule[0] ? row->rule : NULL);
	return object;
}

json_t *answer_make_transfer(const struct transfer *transfer)
{
	static const char *const modes[] = { NULL, "active", "passive" };
	json_t *object = json_object();

	answer_set_time(object, "time", transfer->time);
	answer_set_id(object, transfer->session);
	answer_set_view(object, &transfer->view);
	answer_set_said(object, "user", (struct bytes){ transfer->user, transfer->user_length });
	answer_set_string(object, "direction", transfer_direction_name(transfer->direction));
	answer_set_string(object, "verb", verb_name(transfer->verb));
	answer_set_said(object, "path", bytes_of_path(&transfer->path));
	answer_set_string(object, "mode", modes[transfer->mode]);
	answer_set_fact(object, "bytes", transfer->end.counted ? transfer->end.bytes : FACTS_UNKNOWN);
	answer_set(object, "seconds", json_real((double)transfer->duration / (double)MICROSECONDS));
	answer_set_string(object, "outcome", transfer_outcome_name(transfer->end.outcome));
	answer_set_string(object, "by", transfer_party_name(transfer->end.by));
	answer_set_number(object, "code", transfer->code);
	answer_set(object, "tls", json_boolean(transfer->tls));
	return object;
}

static bool is_same(struct bytes wanted, const void *bytes, size_t length)
{
	return !wanted.data || (wanted.length == length && memcmp(wanted.data, bytes, length) == 0);
}

static bool is_in_network(const struct network *network, const struct session_row *row)
{
	const struct nat_view *view = &row->view;

	return network_contains(network, &view->client.address) || network_contains(network, &view->client_seen.address) ||
	       network_contains(network, &view->server.address) || network_contains(network, &view->server_seen.address);
}

bool answer_fits(const struct request_filter *filter, const struct session_row *row)
{
	const char *state = row_state_name(session_row_state(row));

	/* What has ended is shown only if it is asked for. */
	if (!filter->state.data && row->state == ROW_CLOSED)
		return false;
	if (filter->by_network && !is_in_network(&filter->network, row))
		return false;
	if (filter->tls && !row->tls && !row->opaque)
		return false;
	return is_same(filter->state, state, strlen(state)) && is_same(filter->user, row->user, row->user_length) &&
	       is_same(filter->rule, row->rule, strlen(row->rule));
}

static json_t *make_decision(const struct decision *decision, const struct session_row *row)
{
	json_t *object = json_object();
	char text[WORDS_MAX];

	words_format(decision, row, text);
	answer_set_time(object, "time", decision->time);
	answer_set_id(object, decision->session);
	answer_set_string(object, "kind", decision_kind_name(decision->kind));
	answer_set_string(object, "text", text);
	answer_set_string(object, "advice", words_advice(decision));
	return object;
}

static void tell_verdict(const struct tables *tables, const struct session_row *row, struct evbuffer *out)
{
	struct verdict_facts facts;
	struct verdict verdict;
	json_t *object = json_object();

	verdict_gather(tables, row, &facts);
	verdict_judge(&facts, &verdict);
	answer_set_time(object, "time", row->active);
	answer_set_id(object, row->id);
	answer_set_string(object, "kind", "verdict");
	answer_set_string(object, "text", verdict.text);
	answer_set_string(object, "advice", verdict.advice[0] ? verdict.advice : NULL);
	answer_put(out, object);
}

void answer_tell_why(const struct answer_source *source, const struct request_subject *subject, struct evbuffer *out)
{
	const struct request_fault unknown = { "not-found", "there is no such session, nor has there been one in the last minutes" };
	const struct session_row *row = subject->session ? tables_find_session(source->tables, subject->session)
							 : tables_find_client(source->tables, &subject->address);
	const struct decision *decision = NULL;

	if (!row) {
		answer_put_fault(out, &unknown);
		return;
	}
	while ((decision = tables_next_decision(source->tables, row, decision)))
		answer_put(out, make_decision(decision, row));
	tell_verdict(source->tables, row, out);
}

static json_t *make_news(const struct tables *tables, const struct decision *decision)
{
	static const struct session_row nobody;
	const struct session_row *row = tables_find_session(tables, decision->session);
	json_t *object = make_decision(decision, row ? row : &nobody);

	answer_set_address(object, "client_ip", row ? &row->view.client.address : &nobody.view.client.address);
	return object;
}

/* Sessions in a frame: those in which something moves, then other open ones. */
#define FRAME_SESSIONS 256

static void add_sessions(json_t *list, const struct answer_source *source, bool moving, uint64_t now)
{
	uint32_t number = 0;
	const struct session_row *row = tables_session_from(source->tables, &number);

	while (row && json_array_size(list) < FRAME_SESSIONS) {
		if (row->state != ROW_CLOSED && (session_row_state(row) == ROW_TRANSFER) == moving)
			json_array_append_new(list, answer_make_session(row, now));
		number++;
		row = tables_session_from(source->tables, &number);
	}
}

json_t *answer_make_frame(struct answer *answer, const struct answer_source *source, uint64_t now)
{
	const uint64_t end = tables_end_of_news(source->tables);
	json_t *object = json_object();
	json_t *sessions = json_array();
	json_t *decisions = json_array();
	struct facts facts;

	source->look(source->context, &facts);
	answer_set(object, "status", answer_make_status(source, &facts));
	add_sessions(sessions, source, true, now);
	add_sessions(sessions, source, false, now);
	answer_set(object, "sessions", sessions);
	for (; answer->news < end; answer->news++) {
		const struct decision *decision = tables_news(source->tables, answer->news);

		if (decision)
			json_array_append_new(decisions, make_news(source->tables, decision));
	}
	answer_set(object, "decisions", decisions);
	return object;
}
