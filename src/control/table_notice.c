/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A notice says to which session it belongs. The session's row is found, and changed by what the notice means; then the
 * notice becomes a decision of the session. A row exists from session-open, or, where that came before this process began,
 * from whatever is heard first, until some minutes after session-close. Notices of a session for which there is no room are
 * counted, and change nothing else.
 *
 * The processes that write notices read what peers send, and a peer may have taken them over: no notice is believed to be
 * the one that should come next, and a second session-open with one id ends the first session.
 */
#include <string.h>

#include "control/table_internal.h"

static bool text_is(struct bytes text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

static void set_rule(struct session_row *row, const char *rule)
{
	const size_t length = rule ? strnlen(rule, sizeof(row->rule) - 1) : 0;

	if (length == 0)
		return;
	memcpy(row->rule, rule, length);
	row->rule[length] = '\0';
}

static void take_login(struct session_row *row, const struct notice *notice)
{
	row->user_length = (uint8_t)(notice->text.length < sizeof(row->user) ? notice->text.length : sizeof(row->user));
	if (row->user_length > 0)
		memcpy(row->user, notice->text.data, row->user_length);
	row->state = ROW_IDLE;
	place_forget(row);
}

static void take_tls(struct tables *tables, struct session_row *row, const struct notice *notice)
{
	const bool opaque = text_is(notice->text, "opaque");

	if (opaque != row->opaque)
		tables->gauges.opaque += opaque ? 1 : UINT32_MAX;
	row->opaque = opaque;
	row->veiled = row->veiled || opaque;
	row->tls = text_is(notice->text, "terminated") || text_is(notice->text, "implicit") ||
		   (row->tls && !text_is(notice->text, "cleared"));
	if (text_is(notice->text, "clear"))
		row->state = ROW_IDLE;
}

static void set_pinhole(struct tables *tables, struct session_row *row, bool open)
{
	if (open != row->pinhole.open)
		tables->gauges.pinholes += open ? 1 : UINT32_MAX;
	row->pinhole.open = open;
}

static void take_offer(struct session_row *row, const struct notice *notice)
{
	row->mode = form_is_active(notice->form) ? TRANSFER_ACTIVE : TRANSFER_PASSIVE;
	row->refused = REASON_NONE;
	row->pinhole.used = false;
}

static void open_pinhole(struct tables *tables, struct session_row *row, const struct notice *notice, uint64_t time)
{
	tables->counters.pinholes_opened++;
	tables->counters.pinholes_by_form[notice->form <= FORM_229 ? notice->form : FORM_NONE]++;
	if (!notice->expectation)
		return;
	set_pinhole(tables, row, true);
	row->pinhole.form = notice->form;
	row->pinhole.expectation = *notice->expectation;
	row->pinhole.opened = time;
	row->pinhole.until = time + notice->expectation->timeout * UINT64_C(1000000);
}


static void close_pinhole(struct tables *tables, struct session_row *row, const struct notice *notice)
{
	set_pinhole(tables, row, false);
	if (notice->reason == REASON_EXPIRED || notice->reason == REASON_GONE || table_reason_is_of_data(notice->reason))
		tables->counters.pinholes_unused++;
	else
		tables->counters.pinholes_ended++;
}

static void use_pinhole(struct tables *tables, struct session_row *row)
{
	tables->counters.pinholes_used++;
	set_pinhole(tables, row, false);
	row->pinhole.used = true;
}

/* A refusal on the server's side counts for the client too: it is the pair that matters. */
static void count_refusal(struct tables *tables, const struct notice *notice, uint64_t time)
{
	tables->counters.refusals[(unsigned int)notice->reason < REASON_COUNT ? notice->reason : REASON_NONE]++;
	tables->refusal = (struct table_refusal){ .time = time, .reason = notice->reason };
	if (!notice->view)
		return;
	tables->refusal.client = notice->view->client.address;
	tables->refusal.server = notice->view->server_seen.address;
}

static void take_fault(struct tables *tables, struct session_row *row, const struct notice *notice)
{
	if (notice->type == NOTICE_REFUSE) {
		row->refusals++;
		row->refused = notice->reason;
		row->mode = notice->form == FORM_NONE ? row->mode
						      : form_is_active(notice->form) ? TRANSFER_ACTIVE : TRANSFER_PASSIVE;
	}
	if (notice->reason != REASON_NO_CARRIER || row->no_carrier)
		return;
	row->no_carrier = true;
	tables->counters.without_carrier++;
}

static void take_line(struct session_row *row, const struct notice *notice, uint64_t time)
{
	place_take_line(row, notice);
	transfer_take_line(row, notice, time);
	if (notice->verb == VERB_REIN && notice->code / 100 == 2) {
		row->state = ROW_LOGIN;
		row->user_length = 0;
	}
}

/* Returns the transfer that has ended with it, or NULL. */
static const struct transfer *change_row(struct tables *tables, struct session_row *row, const struct notice *notice,
					 uint64_t time)
{
	switch (notice->type) {
	case NOTICE_LOGIN:
		take_login(row, notice);
		break;
	case NOTICE_TLS:
		take_tls(tables, row, notice);
		break;
	case NOTICE_OFFER:
		take_offer(row, notice);
		break;
	case NOTICE_PINHOLE_OPEN:
		open_pinhole(tables, row, notice, time);
		break;
	case NOTICE_PINHOLE_USED:
		use_pinhole(tables, row);
		break;
	case NOTICE_PINHOLE_CLOSE:
		close_pinhole(tables, row, notice);
		break;
	case NOTICE_REFUSE:
	case NOTICE_ANOMALY:
		take_fault(tables, row, notice);
		break;
	case NOTICE_LINE:
		take_line(row, notice, time);
		break;
	case NOTICE_TRANSFER:
		return transfer_take_notice(tables, row, notice, time);
	case NOTICE_RELAY:
		transfer_take_relay(row, notice);
		break;
	default:
		break;
	}
	return NULL;
}

static void close_session(struct tables *tables, struct session_row *row, enum reason reason, uint64_t time)
{
	tables->counters.sessions_closed[(unsigned int)reason < REASON_COUNT ? reason : REASON_NONE]++;
	if (!tables->limits.accounted)
		transfer_drop(tables, row, time);
	table_end_row(tables, row, reason, time);
}

/* What became of a data connection may be known only after its session has ended. */
static bool may_come_late(enum notice_type type)
{
	return type == NOTICE_TRANSFER || type == NOTICE_PINHOLE_USED || type == NOTICE_PINHOLE_CLOSE;
}

/* The row that a notice is about; NULL where there is none. */
static struct session_row *find_row(struct tables *tables, const struct notice *notice)
{
	struct session_row *row = notice->session ? table_find_row(tables, notice->session) : NULL;

	return row && (row->state != ROW_CLOSED || may_come_late(notice->type)) ? row : NULL;
}

static struct session_row *open_session(struct tables *tables, const struct notice *notice, uint64_t time)
{
	struct session_row *row = find_row(tables, notice);

	if (row)
		close_session(tables, row, REASON_NONE, time);
	if (notice->type == NOTICE_SESSION_OPEN)
		tables->counters.sessions++;
	row = notice->session ? table_open_row(tables, notice->session) : NULL;
	if (!row) {
		tables->counters.unlisted += notice->type == NOTICE_SESSION_OPEN ? 1 : 0;
		return NULL;
	}
	if (notice->view)
		row->view = *notice->view;
	row->opened = time;
	row->adopted = notice->adopted || notice->type != NOTICE_SESSION_OPEN;
	row->state = row->adopted ? ROW_IDLE : ROW_LOGIN;
	row->ascii = !row->adopted;
	return row;
}

/* Its session began before this process did. */
static bool is_first_heard(const struct tables *tables, const struct notice *notice)
{
	return notice->session != 0 && notice->view && notice->type != NOTICE_SESSION_CLOSE &&
	       !table_find_row(tables, notice->session);
}

static void count_leg(struct tables *tables, const struct notice_leg *leg, enum table_leg which)
{
	if (!leg->tls)
		return;
	tables->counters.tls_handshakes[which]++;
	tables->counters.tls_resumptions[which] += leg->resumed;
}

static void count_handshakes(struct tables *tables, const struct notice *notice)
{
	const bool data = notice->type == NOTICE_RELAY;

	if (!notice->relay || (!data && notice->type != NOTICE_TLS))
		return;
	count_leg(tables, &notice->relay->client, data ? TABLE_LEG_CLIENT_DATA : TABLE_LEG_CLIENT);
	count_leg(tables, &notice->relay->server, data ? TABLE_LEG_SERVER_DATA : TABLE_LEG_SERVER);
}

static void take_of_all(struct tables *tables, const struct notice *notice, uint64_t time)
{
	if (notice->type == NOTICE_EVENTS_LOST)
		tables->counters.events_lost += notice->count;
	if (notice->type == NOTICE_REWRITE && notice->form <= FORM_229)
		tables->counters.rewrites[notice->form] += notice->count ? notice->count : 1;
	if (notice->type == NOTICE_REFUSE)
		count_refusal(tables, notice, time);
	if (notice->type == NOTICE_ANOMALY && (unsigned int)notice->reason < REASON_COUNT)
		tables->counters.anomalies[notice->reason]++;
	count_handshakes(tables, notice);
}

const struct transfer *tables_take(struct tables *tables, const struct notice *notice, uint64_t time)
{
	const struct transfer *transfer;
	struct session_row *row;

	take_of_all(tables, notice, time);
	if (notice->type == NOTICE_SESSION_OPEN || is_first_heard(tables, notice))
		row = open_session(tables, notice, time);
	else
		row = find_row(tables, notice);
	if (!row)
		return NULL;
	row->active = time;
	set_rule(row, notice->rule);
	transfer = change_row(tables, row, notice, time);
	table_note(tables, row, notice, time);
	if (notice->type == NOTICE_SESSION_CLOSE)
		close_session(tables, row, notice->reason, time);
	return transfer;
}

void tables_forget(struct tables *tables, uint64_t first_session, uint64_t time)
{
	for (uint32_t number = 0; number < tables->fresh; number++) {
		struct session_row *row = table_row(tables, number);

		if (row->id >> TABLE_PROCESS_BITS == first_session >> TABLE_PROCESS_BITS && row->id != 0 &&
		    row->state != ROW_CLOSED)
			close_session(tables, row, REASON_SHUTDOWN, time);
	}
}
