/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of what goes on, made from notices. */
#include "control/table.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)

struct desk {
	struct tables *tables;
	struct nat_view view;
	uint64_t now;
};

static void desk_open(struct desk *desk, const struct table_limits *limits)
{
	static const struct table_limits usual = {
		.sessions = 300, .ended = 20, .ended_time = 600 * SECOND, .transfers = 8, .decisions = 2000, .key = 12345,
	};

	*desk = (struct desk){ .tables = tables_make(limits ? limits : &usual), .now = 1000 * SECOND };
	assert_non_null(desk->tables);
	desk->view = unit_view("10.0.0.5", "203.0.113.9");
}

static void desk_take(struct desk *desk, const struct notice *notice)
{
	tables_take(desk->tables, notice, desk->now);
}

static void desk_event(struct desk *desk, enum notice_type type, uint64_t session, enum reason reason)
{
	desk_take(desk, &(struct notice){ .type = type, .session = session, .view = &desk->view, .reason = reason });
}

static void desk_login(struct desk *desk, uint64_t session, const char *user)
{
	desk_take(desk, &(struct notice){ .type = NOTICE_SESSION_OPEN, .session = session, .view = &desk->view,
					  .rule = "office" });
	desk_take(desk, &(struct notice){ .type = NOTICE_LOGIN, .session = session, .view = &desk->view, .code = 230,
					  .text = unit_string(user) });
}

static void desk_command(struct desk *desk, uint64_t session, enum verb verb, const char *line)
{
	desk_take(desk, &(struct notice){ .type = NOTICE_LINE, .session = session, .view = &desk->view, .verb = verb,
					  .text = unit_string(line) });
}

static void desk_reply(struct desk *desk, uint64_t session, enum verb verb, uint16_t code, const char *line)
{
	desk_take(desk, &(struct notice){ .type = NOTICE_LINE, .session = session, .view = &desk->view, .verb = verb,
					  .code = code,
					  .direction = DIRECTION_REPLY, .text = unit_string(line) });
}

static void desk_transfer(struct desk *desk, uint64_t session, enum verb verb, const char *path, uint16_t code)
{
	desk_take(desk, &(struct notice){ .type = NOTICE_TRANSFER, .session = session, .view = &desk->view, .verb = verb,
					  .code = code, .text = unit_string(path), .duration = 400000 });
}

static const struct expectation waiting = {
	.source = { FAMILY_IPV4, { 203, 0, 113, 9 } },
	.destination = { { FAMILY_IPV4, { 198, 51, 100, 1 } }, 50069 },
	.translated = true, .nat_direction = DIRECTION_REPLY, .saved_port = 50069, .timeout = 60,
};

static void desk_offer(struct desk *desk, uint64_t session)
{
	struct notice notice = { .type = NOTICE_OFFER, .session = session, .view = &desk->view, .form = FORM_PORT,
				 .rule = "office",
				 .offered = unit_endpoint("10.0.0.5", 50069), .announced = unit_endpoint("198.51.100.1", 50069) };

	desk_take(desk, &notice);
	notice.type = NOTICE_PINHOLE_OPEN;
	notice.expectation = &waiting;
	desk_take(desk, &notice);
	notice.type = NOTICE_REWRITE;
	notice.expectation = NULL;
	desk_take(desk, &notice);
}

static const struct session_row *row_of(const struct desk *desk, uint64_t session)
{
	const struct session_row *row = tables_find_session(desk->tables, session);

	assert_non_null(row);
	return row;
}

static const struct transfer *last_transfer(const struct desk *desk)
{
	const struct transfer *transfer = tables_transfer(desk->tables, tables_end_of_transfers(desk->tables) - 1);

	assert_non_null(transfer);
	return transfer;
}

static void path_is(const struct table_path *path, const char *expected)
{
	assert_int_equal(path->length, strlen(expected));
	assert_memory_equal(path->bytes, expected, path->length);
}

static uint32_t count_decisions(const struct desk *desk, uint64_t session)
{
	const struct decision *decision = NULL;
	uint32_t count = 0;

	while ((decision = tables_next_decision(desk->tables, row_of(desk, session), decision)))
		count++;
	return count;
}

static void a_session_is_shown_from_its_beginning_and_for_a_while_after_its_end(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_event(&desk, NOTICE_SESSION_OPEN, 7, REASON_NONE);
	assert_int_equal(session_row_state(row_of(&desk, 7)), ROW_LOGIN);
	desk_login(&desk, 8, "anna");
	assert_int_equal(session_row_state(row_of(&desk, 8)), ROW_IDLE);
	assert_memory_equal(row_of(&desk, 8)->user, "anna", 4);
	assert_string_equal(row_of(&desk, 8)->rule, "office");
	assert_int_equal(tables_gauges(desk.tables).sessions, 2);
	desk_event(&desk, NOTICE_SESSION_CLOSE, 8, REASON_CONNECTION_ENDED);
	assert_int_equal(session_row_state(row_of(&desk, 8)), ROW_CLOSED);
	assert_int_equal(tables_gauges(desk.tables).sessions, 1);
	assert_int_equal(tables_counters(desk.tables)->sessions_closed[REASON_CONNECTION_ENDED], 1);
	desk.now += 599 * SECOND;
	tables_tick(desk.tables, desk.now);
	assert_non_null(tables_find_session(desk.tables, 8));
	desk.now += 2 * SECOND;
	tables_tick(desk.tables, desk.now);
	assert_null(tables_find_session(desk.tables, 8));
	assert_non_null(tables_find_session(desk.tables, 7));
	tables_free(desk.tables);
}

static void who_is_asked_about_by_address_is_who_is_there_now(void **state)
{
	const struct address client = unit_address("10.0.0.5");
	const struct address other = unit_address("10.0.0.6");
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	assert_null(tables_find_client(desk.tables, &client));
	desk_login(&desk, 1, "old");
	desk.now += SECOND;
	desk_login(&desk, 2, "ended");
	desk_event(&desk, NOTICE_SESSION_CLOSE, 2, REASON_CONNECTION_ENDED);
	assert_int_equal(tables_find_client(desk.tables, &client)->id, 1);
	desk.now += SECOND;
	desk_login(&desk, 3, "new");
	assert_int_equal(tables_find_client(desk.tables, &client)->id, 3);
	desk_event(&desk, NOTICE_SESSION_CLOSE, 1, REASON_CONNECTION_ENDED);
	desk_event(&desk, NOTICE_SESSION_CLOSE, 3, REASON_CONNECTION_ENDED);
	assert_int_equal(tables_find_client(desk.tables, &client)->id, 3);
	assert_null(tables_find_client(desk.tables, &other));
	tables_free(desk.tables);
}

static void sessions_from_before_are_met_when_they_say_something(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_offer(&desk, 9);
	assert_true(row_of(&desk, 9)->adopted);
	assert_true(row_of(&desk, 9)->pinhole.open);
	assert_int_equal(tables_counters(desk.tables)->sessions, 0);
	/* What ends without having been met was nobody, and what is said after an end is no beginning. */
	desk_event(&desk, NOTICE_SESSION_CLOSE, 10, REASON_IDLE);
	assert_null(tables_find_session(desk.tables, 10));
	desk_event(&desk, NOTICE_SESSION_CLOSE, 9, REASON_IDLE);
	desk_offer(&desk, 9);
	assert_int_equal(row_of(&desk, 9)->state, ROW_CLOSED);
	assert_int_equal(tables_gauges(desk.tables).sessions, 0);
	assert_int_equal(tables_gauges(desk.tables).pinholes, 0);
	tables_free(desk.tables);
}

static void a_pinhole_is_open_from_its_offer_until_somebody_comes(void **state)
{
	const struct table_counters *counters;
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	counters = tables_counters(desk.tables);
	desk_login(&desk, 1, "anna");
	desk_offer(&desk, 1);
	assert_true(row_of(&desk, 1)->pinhole.open);
	assert_int_equal(row_of(&desk, 1)->pinhole.until - desk.now, 60 * SECOND);
	assert_int_equal(row_of(&desk, 1)->mode, TRANSFER_ACTIVE);
	assert_int_equal(tables_gauges(desk.tables).pinholes, 1);
	desk_event(&desk, NOTICE_PINHOLE_USED, 1, REASON_USED);
	assert_false(row_of(&desk, 1)->pinhole.open);
	assert_int_equal(tables_gauges(desk.tables).pinholes, 0);
	desk_offer(&desk, 1);
	desk_event(&desk, NOTICE_PINHOLE_CLOSE, 1, REASON_SUPERSEDED);
	desk_offer(&desk, 1);
	desk_event(&desk, NOTICE_PINHOLE_CLOSE, 1, REASON_EXPIRED);
	assert_int_equal(counters->pinholes_opened, 3);
	assert_int_equal(counters->pinholes_used, 1);
	assert_int_equal(counters->pinholes_ended, 1);
	assert_int_equal(counters->pinholes_unused, 1);
	tables_free(desk.tables);
}

static void a_transfer_is_seen_while_it_runs(void **state)
{
	const struct table_move *move;
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_command(&desk, 1, VERB_PWD, "PWD");
	desk_reply(&desk, 1, VERB_PWD, 257, "257 \"/pub\" is it");
	desk_offer(&desk, 1);
	desk_command(&desk, 1, VERB_RETR, "RETR a b.bin");
	move = &row_of(&desk, 1)->move;
	assert_int_equal(move->state, MOVE_ASKED);
	desk_reply(&desk, 1, VERB_RETR, 150, "150 Opening BINARY mode data connection for a b.bin (20000003 bytes).");
	assert_int_equal(move->state, MOVE_RUNNING);
	assert_int_equal(session_row_state(row_of(&desk, 1)), ROW_TRANSFER);
	path_is(&move->transfer.path, "/pub/a b.bin");
	assert_true(move->has_total);
	assert_int_equal(move->total, 20000003);
	tables_note_progress(desk.tables, 1, 1000, desk.now);
	tables_note_progress(desk.tables, 1, 5000, desk.now + 2 * SECOND);
	assert_int_equal(move->transfer.end.bytes, 5000);
	assert_int_equal(move->rate, 2000);
	desk_transfer(&desk, 1, VERB_RETR, "a b.bin", 226);
	assert_int_equal(session_row_state(row_of(&desk, 1)), ROW_IDLE);
	path_is(&last_transfer(&desk)->path, "/pub/a b.bin");
	assert_int_equal(last_transfer(&desk)->end.outcome, TRANSFER_COMPLETE);
	assert_int_equal(last_transfer(&desk)->mode, TRANSFER_ACTIVE);
	assert_int_equal(last_transfer(&desk)->code, 226);
	assert_memory_equal(last_transfer(&desk)->user, "anna", 4);
	assert_int_equal(tables_counters(desk.tables)->outcomes[TRANSFER_COMPLETE], 1);
	tables_free(desk.tables);
}

static void the_size_may_be_that_of_a_reply_to_SIZE(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_command(&desk, 1, VERB_SIZE, "SIZE /a");
	desk_reply(&desk, 1, VERB_SIZE, 213, "213 77");
	desk_command(&desk, 1, VERB_RETR, "RETR /b");
	desk_reply(&desk, 1, VERB_RETR, 150, "150 it comes");
	assert_false(row_of(&desk, 1)->move.has_total);
	desk_transfer(&desk, 1, VERB_RETR, "/b", 226);
	desk_command(&desk, 1, VERB_RETR, "RETR /a");
	desk_reply(&desk, 1, VERB_RETR, 125, "125 it comes");
	assert_true(row_of(&desk, 1)->move.has_total);
	assert_int_equal(row_of(&desk, 1)->move.total, 77);
	tables_free(desk.tables);
}

static void what_became_of_a_transfer_is_told_by_its_reply_where_nothing_else_does(void **state)
{
	static const struct {
		uint16_t preliminary;
		bool used;
		bool abandoned;
		uint16_t code;
		enum transfer_outcome outcome;
		enum transfer_party by;
	} rows[] = {
		{ 150, true, false, 226, TRANSFER_COMPLETE, TRANSFER_BY_NOBODY },
		{ 150, true, true, 426, TRANSFER_ABORTED, TRANSFER_BY_CLIENT },
		{ 150, true, false, 426, TRANSFER_ABORTED, TRANSFER_BY_NOBODY },
		{ 150, true, false, 551, TRANSFER_ABORTED, TRANSFER_BY_NOBODY },
		{ 0, false, false, 550, TRANSFER_ABORTED, TRANSFER_BY_SERVER },
		{ 0, false, false, 425, TRANSFER_NEVER_CAME, TRANSFER_BY_NOBODY },
		{ 150, false, false, 425, TRANSFER_NEVER_CAME, TRANSFER_BY_NOBODY },
		{ 150, true, false, 425, TRANSFER_ABORTED, TRANSFER_BY_NOBODY },
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		desk_offer(&desk, 1);
		desk_command(&desk, 1, VERB_STOR, "STOR x");
		if (rows[i].preliminary)
			desk_reply(&desk, 1, VERB_STOR, rows[i].preliminary, "150 go on");
		if (rows[i].used)
			desk_event(&desk, NOTICE_PINHOLE_USED, 1, REASON_USED);
		if (rows[i].abandoned)
			desk_command(&desk, 1, VERB_ABOR, "ABOR");
		desk_transfer(&desk, 1, VERB_STOR, "x", rows[i].code);
		assert_int_equal(last_transfer(&desk)->end.outcome, rows[i].outcome);
		assert_int_equal(last_transfer(&desk)->end.by, rows[i].by);
		assert_int_equal(last_transfer(&desk)->direction, TRANSFER_UP);
	}
	tables_free(desk.tables);
}

static void a_transfer_whose_offer_was_refused_failed_by_policy(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_take(&desk, &(struct notice){ .type = NOTICE_REFUSE, .session = 1, .view = &desk.view, .form = FORM_NONE,
					   .verb = VERB_PORT, .reason = REASON_LOW_PORT, .text = unit_string("PORT 10,0,0,5,0,25") });
	assert_int_equal(session_row_state(row_of(&desk, 1)), ROW_REFUSED);
	assert_int_equal(row_of(&desk, 1)->refusals, 1);
	desk_command(&desk, 1, VERB_LIST, "LIST");
	desk_transfer(&desk, 1, VERB_LIST, "", 425);
	assert_int_equal(last_transfer(&desk)->end.outcome, TRANSFER_REFUSED_BY_POLICY);
	assert_int_equal(tables_last_refusal(desk.tables)->reason, REASON_LOW_PORT);
	assert_int_equal(tables_counters(desk.tables)->refusals[REASON_LOW_PORT], 1);
	/* The next offer is another one. */
	desk_offer(&desk, 1);
	assert_int_equal(session_row_state(row_of(&desk, 1)), ROW_IDLE);
	desk_command(&desk, 1, VERB_LIST, "LIST");
	desk_transfer(&desk, 1, VERB_LIST, "", 425);
	assert_int_equal(last_transfer(&desk)->end.outcome, TRANSFER_NEVER_CAME);
	tables_free(desk.tables);
}

static void at_the_proxy_the_relay_tells_how_many_bytes_there_were(void **state)
{
	const struct notice_relay relay = { .to_client = 500, .to_server = 3 };
	struct notice notice = { .type = NOTICE_RELAY, .session = 1, .relay = &relay, .expectation = &waiting };
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	notice.view = &desk.view;
	desk_login(&desk, 1, "anna");
	desk_take(&desk, &(struct notice){ .type = NOTICE_TLS, .session = 1, .view = &desk.view, .text = unit_string("terminated") });
	desk_offer(&desk, 1);
	desk_command(&desk, 1, VERB_RETR, "RETR x");
	desk_take(&desk, &notice);
	desk_transfer(&desk, 1, VERB_RETR, "x", 226);
	assert_int_equal(last_transfer(&desk)->end.bytes, 500);
	assert_true(last_transfer(&desk)->tls);
	assert_int_equal(tables_counters(desk.tables)->bytes_down, 500);
	desk_command(&desk, 1, VERB_STOR, "STOR x");
	desk_take(&desk, &notice);
	desk_transfer(&desk, 1, VERB_STOR, "x", 226);
	assert_int_equal(tables_counters(desk.tables)->bytes_up, 3);
	tables_free(desk.tables);
}

/* The end of a connection whose transfer was refused comes when it likes. */
static void a370_a_relay_of_an_earlier_offer_tells_nothing_of_this_transfer(void **state)
{
	const struct notice_relay relay = { .to_client = 500 };
	struct expectation earlier = waiting;
	struct notice notice = { .type = NOTICE_RELAY, .session = 1, .relay = &relay, .expectation = &waiting };
	struct desk desk;

	(void)state;
	earlier.destination.port++;
	desk_open(&desk, NULL);
	notice.view = &desk.view;
	desk_login(&desk, 1, "anna");
	desk_offer(&desk, 1);
	desk_command(&desk, 1, VERB_RETR, "RETR x");
	desk_take(&desk, &notice);
	desk_take(&desk, &(struct notice){ .type = NOTICE_RELAY, .session = 1, .view = &desk.view, .expectation = &earlier,
					   .relay = &(struct notice_relay){ .to_client = 7 } });
	desk_transfer(&desk, 1, VERB_RETR, "x", 226);
	assert_int_equal(last_transfer(&desk)->end.bytes, 500);
	tables_free(desk.tables);
}

static void a366_what_was_not_seen_to_fail_has_no_outcome(void **state)
{
	static const struct {
		uint16_t code;
		bool missed;
		enum transfer_outcome outcome;
	} rows[] = {
		{ 226, true, TRANSFER_COMPLETE }, { 425, true, TRANSFER_UNKNOWN }, { 426, true, TRANSFER_UNKNOWN },
		{ 0, true, TRANSFER_UNKNOWN },    { 426, false, TRANSFER_ABORTED },
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct notice_transfer end = { .outcome = TRANSFER_UNKNOWN, .missed = rows[i].missed };

		desk_command(&desk, 1, VERB_RETR, "RETR x");
		desk_take(&desk, &(struct notice){
			.type = NOTICE_TRANSFER, .session = 1, .verb = VERB_RETR, .view = &desk.view, .code = rows[i].code,
			.text = unit_string("x"), .transfer = &end,
		});
		assert_int_equal(last_transfer(&desk)->end.outcome, rows[i].outcome);
	}
	tables_free(desk.tables);
}

static void what_became_of_a_transfer_is_believed_though_its_session_has_ended(void **state)
{
	const struct table_limits limits = {
		.sessions = 3, .ended = 3, .ended_time = 600 * SECOND, .transfers = 8, .decisions = 60, .accounted = true,
	};
	const struct notice_transfer end = { TRANSFER_ABORTED, TRANSFER_BY_CLIENT, false, true, 12 };
	struct notice notice = { .type = NOTICE_TRANSFER, .session = 1, .verb = VERB_RETR, .form = FORM_229,
				 .transfer = &end };
	struct desk desk;

	(void)state;
	desk_open(&desk, &limits);
	notice.view = &desk.view;
	desk_login(&desk, 1, "anna");
	desk_command(&desk, 1, VERB_RETR, "RETR x");
	desk_event(&desk, NOTICE_SESSION_CLOSE, 1, REASON_RESET);
	assert_int_equal(tables_end_of_transfers(desk.tables), 0);
	desk_take(&desk, &notice);
	assert_int_equal(last_transfer(&desk)->end.outcome, TRANSFER_ABORTED);
	assert_int_equal(last_transfer(&desk)->end.by, TRANSFER_BY_CLIENT);
	assert_int_equal(last_transfer(&desk)->end.bytes, 12);
	assert_int_equal(last_transfer(&desk)->mode, TRANSFER_PASSIVE);
	path_is(&last_transfer(&desk)->path, "x");
	tables_free(desk.tables);
}

static void what_moves_when_a_session_ends_has_ended(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_offer(&desk, 1);
	desk_command(&desk, 1, VERB_RETR, "RETR x");
	desk_reply(&desk, 1, VERB_RETR, 150, "150 go on");
	desk_event(&desk, NOTICE_PINHOLE_USED, 1, REASON_USED);
	desk_event(&desk, NOTICE_SESSION_CLOSE, 1, REASON_RESET);
	assert_int_equal(last_transfer(&desk)->end.outcome, TRANSFER_ABORTED);
	assert_int_equal(last_transfer(&desk)->code, 0);
	tables_free(desk.tables);
}

static void of_transfers_the_last_ones_are_kept(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	for (int i = 0; i < 20; i++)
		desk_transfer(&desk, 1, VERB_RETR, "x", 226);
	assert_int_equal(tables_first_transfer(desk.tables), 12);
	assert_int_equal(tables_end_of_transfers(desk.tables), 20);
	assert_null(tables_transfer(desk.tables, 11));
	assert_non_null(tables_transfer(desk.tables, 12));
	assert_null(tables_transfer(desk.tables, 20));
	tables_free(desk.tables);
}

static void a_session_keeps_its_last_32_decisions(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	for (int i = 0; i < 100; i++) {
		desk.now++;
		desk_command(&desk, 1, VERB_ABOR, "ABOR");
	}
	assert_int_equal(count_decisions(&desk, 1), 32);
	assert_int_equal(tables_next_decision(desk.tables, row_of(&desk, 1), NULL)->time, desk.now - 31);
	tables_free(desk.tables);
}

static void who_has_most_decisions_gives_room_to_others(void **state)
{
	const struct table_limits limits = {
		.sessions = 300, .ended = 20, .ended_time = 600 * SECOND, .transfers = 8, .decisions = 60, .key = 1,
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, &limits);
	desk_login(&desk, 1, "modest");
	desk_login(&desk, 2, "greedy");
	for (int i = 0; i < 100; i++)
		desk_command(&desk, 2, VERB_ABOR, "ABOR");
	for (uint64_t session = 3; session < 20; session++)
		desk_login(&desk, session, "another");
	/* 20 others have two each; what was left went to who had most. */
	for (uint64_t session = 1; session < 20; session++)
		assert_int_equal(count_decisions(&desk, session), session == 2 ? 60 - 18 * 2 : 2);
	for (uint64_t session = 20; session < 60; session++)
		desk_login(&desk, session, "another");
	for (uint64_t session = 1; session < 60; session++)
		assert_true(count_decisions(&desk, session) >= 1);
	tables_free(desk.tables);
}

/* All of it, and whatever was given back before it. */
static void what_was_known_of_forgotten_sessions_makes_room_for_others(void **state)
{
	const struct table_limits limits = {
		.sessions = 4, .ended = 1, .ended_time = 600 * SECOND, .transfers = 8, .decisions = 60, .key = 1,
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, &limits);
	for (uint64_t session = 1; session < 100; session++) {
		desk_login(&desk, session, "anna");
		for (uint64_t i = 0; i < session % 17; i++)
			desk_command(&desk, session, VERB_ABOR, "ABOR");
		assert_int_equal(count_decisions(&desk, session), 2 + session % 17);
		desk_event(&desk, NOTICE_SESSION_CLOSE, session, REASON_RESET);
	}
	assert_int_equal(tables_counters(desk.tables)->decisions_evicted, 0);
	tables_free(desk.tables);
}

static void more_sessions_than_there_is_room_for_are_counted(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	for (uint64_t session = 1; session <= 310; session++)
		desk_login(&desk, session, "anna");
	assert_int_equal(tables_gauges(desk.tables).sessions, 300);
	assert_int_equal(tables_counters(desk.tables)->sessions, 310);
	assert_int_equal(tables_counters(desk.tables)->unlisted, 10);
	assert_null(tables_find_session(desk.tables, 310));
	for (uint64_t session = 1; session <= 310; session++)
		desk_event(&desk, NOTICE_SESSION_CLOSE, session, REASON_CONNECTION_ENDED);
	assert_int_equal(tables_gauges(desk.tables).sessions, 0);
	desk_login(&desk, 311, "anna");
	assert_non_null(tables_find_session(desk.tables, 311));
	tables_free(desk.tables);
}

/* The same memory whatever comes and goes, and nothing in it that should not be: the sanitizers look. */
static void a241_what_has_ended_can_be_asked_about_though_the_clock_is_set_back(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_event(&desk, NOTICE_SESSION_CLOSE, 1, REASON_CONNECTION_ENDED);
	tables_tick(desk.tables, desk.now - SECOND);
	tables_tick(desk.tables, desk.now + 600 * SECOND);
	assert_non_null(tables_find_session(desk.tables, 1));
	tables_tick(desk.tables, desk.now + 601 * SECOND);
	assert_null(tables_find_session(desk.tables, 1));
	tables_free(desk.tables);
}

static void a_hundred_thousand_short_sessions_leave_things_as_they_were(void **state)
{
	uint64_t random = 99;
	uint32_t rows = 0;
	uint32_t number = 0;
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	for (uint64_t session = 1; session <= 100000; session++) {
		desk.now += unit_random_below(&random, 2000000);
		desk_login(&desk, session, "anna");
		desk_offer(&desk, session);
		desk_transfer(&desk, session, VERB_RETR, "x", unit_random_below(&random, 2) ? 226 : 425);
		if (session > 200)
			desk_event(&desk, NOTICE_SESSION_CLOSE, session - unit_random_below(&random, 200),
				   REASON_CONNECTION_ENDED);
		/* Those that were missed. */
		if (session > 200)
			desk_event(&desk, NOTICE_SESSION_CLOSE, session - 200, REASON_CONNECTION_ENDED);
	}
	while (tables_session_from(desk.tables, &number)) {
		number++;
		rows++;
	}
	assert_true(rows <= 220);
	assert_true(number <= 320);
	assert_true(tables_gauges(desk.tables).sessions <= 200);
	assert_int_equal(tables_counters(desk.tables)->sessions, 100000);
	tables_free(desk.tables);
}

static void notices_that_make_no_sense_change_nothing_else(void **state)
{
	uint64_t random = 4711;
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	for (int i = 0; i < 200000; i++) {
		const struct notice notice = {
			.type = (enum notice_type)unit_random_below(&random, NOTICE_LINE + 1),
			.reason = (enum reason)unit_random_below(&random, REASON_COUNT),
			.session = unit_random_below(&random, 400),
			.view = unit_random_below(&random, 3) ? &desk.view : NULL,
			.direction = (enum direction)unit_random_below(&random, 2),
			.form = (enum form)unit_random_below(&random, FORM_229 + 1),
			.verb = (enum verb)unit_random_below(&random, VERB_COUNT + 1),
			.expectation = unit_random_below(&random, 2) ? &waiting : NULL,
			.text = unit_random_below(&random, 3) ? unit_string("257 \"/x\"\"y\" (12 bytes)") : unit_string(""),
			.code = (uint16_t)unit_random_below(&random, 700),
		};

		desk.now += unit_random_below(&random, 100000);
		desk_take(&desk, &notice);
		if (i % 64 == 0)
			tables_tick(desk.tables, desk.now);
	}
	assert_true(tables_gauges(desk.tables).sessions <= 300);
	assert_true(tables_gauges(desk.tables).opaque <= tables_gauges(desk.tables).sessions);
	assert_true(tables_gauges(desk.tables).pinholes <= tables_gauges(desk.tables).sessions);
	for (uint64_t session = 1; session < 400; session++)
		desk_event(&desk, NOTICE_SESSION_CLOSE, session, REASON_CONNECTION_ENDED);
	assert_int_equal(tables_gauges(desk.tables).sessions, 0);
	assert_int_equal(tables_gauges(desk.tables).opaque, 0);
	assert_int_equal(tables_gauges(desk.tables).pinholes, 0);
	tables_free(desk.tables);
}

static void what_others_should_see_is_news(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, NULL);
	desk_login(&desk, 1, "anna");
	desk_transfer(&desk, 1, VERB_RETR, "x", 226);
	assert_int_equal(tables_end_of_news(desk.tables), 0);
	desk_transfer(&desk, 1, VERB_RETR, "x", 550);
	desk_event(&desk, NOTICE_REFUSE, 1, REASON_LOW_PORT);
	assert_int_equal(tables_end_of_news(desk.tables), 2);
	assert_int_equal(tables_news(desk.tables, 0)->kind, DECISION_TRANSFER);
	assert_int_equal(tables_news(desk.tables, 1)->kind, DECISION_REFUSE);
	assert_null(tables_news(desk.tables, 2));
	tables_free(desk.tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_shown_from_its_beginning_and_for_a_while_after_its_end),
		cmocka_unit_test(who_is_asked_about_by_address_is_who_is_there_now),
		cmocka_unit_test(sessions_from_before_are_met_when_they_say_something),
		cmocka_unit_test(a_pinhole_is_open_from_its_offer_until_somebody_comes),
		cmocka_unit_test(a_transfer_is_seen_while_it_runs),
		cmocka_unit_test(the_size_may_be_that_of_a_reply_to_SIZE),
		cmocka_unit_test(what_became_of_a_transfer_is_told_by_its_reply_where_nothing_else_does),
		cmocka_unit_test(a_transfer_whose_offer_was_refused_failed_by_policy),
		cmocka_unit_test(at_the_proxy_the_relay_tells_how_many_bytes_there_were),
		cmocka_unit_test(a370_a_relay_of_an_earlier_offer_tells_nothing_of_this_transfer),
		cmocka_unit_test(what_became_of_a_transfer_is_believed_though_its_session_has_ended),
		cmocka_unit_test(a366_what_was_not_seen_to_fail_has_no_outcome),
		cmocka_unit_test(what_moves_when_a_session_ends_has_ended),
		cmocka_unit_test(of_transfers_the_last_ones_are_kept),
		cmocka_unit_test(a_session_keeps_its_last_32_decisions),
		cmocka_unit_test(who_has_most_decisions_gives_room_to_others),
		cmocka_unit_test(what_was_known_of_forgotten_sessions_makes_room_for_others),
		cmocka_unit_test(more_sessions_than_there_is_room_for_are_counted),
		cmocka_unit_test(a241_what_has_ended_can_be_asked_about_though_the_clock_is_set_back),
		cmocka_unit_test(a_hundred_thousand_short_sessions_leave_things_as_they_were),
		cmocka_unit_test(notices_that_make_no_sense_change_nothing_else),
		cmocka_unit_test(what_others_should_see_is_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
