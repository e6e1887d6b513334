/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What many sessions leave of each other's rows, A365: those that have ended give theirs to new ones, so that memory grows
 * with the sessions that live at a time. Late packets then find no row, and found and enter no session by that.
 */
#include "core/tcp/gateway_internal.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* Rows of ended sessions that may stay. */
#define BOUND 4096
#define MANY (4 * BOUND)
#define LIVING 100

static struct rig rig;
static unsigned int resets;
static bool ended;
static bool lingers;
/* Of the last notice. */
static uint64_t told_session;
static struct nat_view told_view;

/* conntrack, which has the connection that is talked about, or none. */
static enum reason op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	rig.lookups++;
	(void)context;
	if (rig.lookup_answer != REASON_NONE)
		return rig.lookup_answer;
	connection->view = rig.at->view;
	connection->direction = seen->destination.port == 21 ? C : S;
	connection->opening = rig.at->peer[0].next == rig.at->peer[0].first;
	connection->ended = ended;
	connection->lingers = lingers;
	connection->carrier = true;
	connection->resizable = true;
	return REASON_NONE;
}

static void op_inject(void *context, struct bytes bytes)
{
	struct packet packet;

	(void)context;
	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	resets += packet.flags & TCP_RST ? 1 : 0;
}

static void op_notice(void *context, const struct notice *notice)
{
	(void)context;
	told_session = notice->session;
	told_view = *notice->view;
}

static void begin(uint32_t rows)
{
	rig_make(&rig, RIG_SNAT);
	rig.limits.sessions = rows;
	rig.ops.lookup = op_lookup;
	rig.ops.inject = op_inject;
	rig.ops.notice = op_notice;
	rig_start(&rig);
	resets = 0;
	ended = lingers = false;
}

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* From now on the connection of this number is talked about, from its beginning. */
static void turn_to(uint32_t number)
{
	struct nat_view *view = &rig.at->view;

	view->client.port = (uint16_t)(10000 + number % 50000);
	view->client_seen.port = view->client.port;
	view->client.address.octets[3] = (uint8_t)(5 + number % 200);
	for (int side = 0; side < 2; side++) {
		struct rig_peer *peer = &rig.at->peer[side];

		peer->next = peer->first;
		rig.at->peer[1 - side].expects = peer->first;
		peer->finished = peer->reset = false;
		peer->got_length = 0;
	}
}

static void open_session(uint32_t number)
{
	turn_to(number);
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
	rig_say(&rig, S, "220 ready\r\n");
	rig_acknowledge(&rig, C);
}

static void end_session(void)
{
	rig_say_bytes(&rig, C, "", 0, TCP_FIN);
	rig_say_bytes(&rig, S, "", 0, TCP_FIN);
	rig_acknowledge(&rig, C);
}

static void short_sessions(uint32_t first, uint32_t count)
{
	for (uint32_t number = first; number < first + count; number++) {
		open_session(number);
		end_session();
	}
}

static void a365_sessions_that_have_ended_take_no_more_memory(void **state)
{
	(void)state;
	begin(65536);
	for (uint32_t number = 0; number < LIVING; number++)
		open_session(number);
	short_sessions(LIVING, MANY);
	assert_int_equal(gateway_session_count(rig.gateway), LIVING);
	assert_int_equal(gateway_get_counters(rig.gateway)->sessions, LIVING + MANY);
	assert_true(rig.gateway->table.fresh <= LIVING + BOUND);
	/* And those that live have their rows still. */
	for (uint32_t number = 0; number < LIVING; number++) {
		turn_to(number);
		rig.at->peer[C].expects += 11;
		rig.at->peer[S].next += 11;
		rig.lookups = 0;
		assert_int_equal(rig_say(&rig, C, "USER u\r\n"), GATEWAY_ACCEPT);
		assert_int_equal(rig.lookups, 0);
	}
}

static void a365_a_row_that_was_given_back_serves_before_one_that_lingers(void **state)
{
	(void)state;
	begin(65536);
	for (uint32_t number = 0; number < 2 * BOUND; number++)
		open_session(number);
	gateway_stop(rig.gateway, true, rig.now);
	assert_int_equal(rig.gateway->table.done, 2 * BOUND);
	rig.now += 31 * SECOND;
	for (int i = 0; i < 10; i++)
		gateway_tick(rig.gateway, rig.now);
	assert_int_equal(rig.gateway->table.done, 0);
	short_sessions(0, BOUND + 100);
	assert_int_equal(rig.gateway->table.done, BOUND + 100);
	assert_int_equal(rig.gateway->table.fresh, 2 * BOUND);
}

static void a365_a_session_that_was_ended_by_force_stays_so(void **state)
{
	(void)state;
	begin(65536);
	open_session(0);
	assert_int_equal(rig_say(&rig, C, "GET / HTTP/1.1\r\n"), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	short_sessions(1, MANY);
	turn_to(0);
	rig.at->peer[C].next += 16;
	rig.lookups = 0;
	resets = 0;
	assert_int_equal(rig_say(&rig, C, "USER u\r\n"), GATEWAY_DROP);
	assert_int_equal(rig.lookups, 0);
	assert_int_equal(resets, 1);
}

/* Those whose handshake is not complete, those that have ended, and those that were ended by force. */
static void a_tick_forgets_all_whose_time_is_over(void **state)
{
	enum flow_state states[] = { FLOW_EMBRYO, FLOW_DONE, FLOW_KILLED };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		begin(64);
		for (uint32_t number = 0; number < 3; number++) {
			if (states[i] != FLOW_EMBRYO)
				open_session(number);
			else
				turn_to(number);
			if (states[i] == FLOW_EMBRYO)
				assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
			else if (states[i] == FLOW_DONE)
				end_session();
			else
				assert_int_equal(rig_say(&rig, C, "GET / HTTP/1.1\r\n"), GATEWAY_DROP);
		}
		assert_non_null(flow_oldest(&rig.gateway->table, states[i]));
		rig.now += 31 * SECOND;
		gateway_tick(rig.gateway, rig.now);
		assert_null(flow_oldest(&rig.gateway->table, states[i]));
		rig_end(&rig);
	}
	begin(64);
}

/* As long as a last retransmission may take. */
static void a_row_lingers_for_half_a_minute(void **state)
{
	(void)state;
	begin(64);
	open_session(0);
	end_session();
	for (uint64_t more = 0; more < 2; more++) {
		gateway_tick(rig.gateway, rig.now + 30 * SECOND + more);
		assert_int_equal(rig.gateway->table.done, 1 - more);
	}
}

/* Those that wait for their clients give way to each other. */
static void a_session_takes_no_handshakes_row_while_there_are_others(void **state)
{
	const uint32_t most = 16;

	(void)state;
	begin(64);
	for (uint32_t number = 0; number < most; number++) {
		turn_to(number);
		assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	}
	assert_int_equal(rig.gateway->table.embryos, most);
	turn_to(most);
	rig.at->peer[C].next++;
	assert_int_equal(rig_say(&rig, C, "NOOP\r\n"), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
	assert_int_equal(rig.gateway->table.embryos, most);
	turn_to(most + 1);
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	assert_int_equal(rig.gateway->table.embryos, most);
}

/* Not that it could be found by nobody, which is another thing. */
static void what_conntrack_could_not_answer_is_the_reason(void **state)
{
	(void)state;
	begin(64);
	turn_to(0);
	rig.lookup_answer = REASON_KERNEL_REFUSED;
	assert_int_equal(rig_shake(&rig), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_KERNEL_REFUSED);
}

/* An anomaly is told with the session and all four ends of its connection; of a stranger's packet only two are known. */
static void an_anomaly_is_told_of_its_session(void **state)
{
	(void)state;
	begin(64);
	open_session(0);
	assert_int_equal(rig_packet(&rig, C, rig.at->peer[C].next + 5000000, rig.at->peer[C].expects, TCP_ACK, 0, "NOOP\r\n", 6),
			 GATEWAY_DROP);
	assert_int_equal(told_session, 1);
	assert_true(nat_view_equal(&told_view, &rig.at->view));
	rig.lookup_answer = REASON_NO_CONNECTION;
	turn_to(1);
	assert_int_equal(rig_say(&rig, C, "NOOP\r\n"), GATEWAY_DROP);
	assert_int_equal(told_session, 0);
	assert_int_equal(told_view.client_seen.port, rig.at->view.client.port);
}

/* The session's row is another one's by now. */
static void be_late(void)
{
	begin(65536);
	short_sessions(0, MANY);
	turn_to(0);
	rig.at->peer[C].next += 1;
	rig.at->peer[S].next += 12;
	rig.at->peer[C].expects += 12;
	rig.at->peer[S].expects += 1;
}

static void a365_a_late_packet_of_a_row_that_serves_again_founds_nothing(void **state)
{
	(void)state;
	be_late();
	rig.lookup_answer = REASON_NO_CONNECTION;
	assert_int_equal(rig_say(&rig, C, RIG_BOUNCE), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	/* An acknowledgement means nothing to anybody. */
	assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
}

/* conntrack keeps an entry for two minutes after the last FIN. */
static void a365_a_late_packet_that_conntrack_knows_is_judged(void **state)
{
	(void)state;
	be_late();
	assert_int_equal(rig_say(&rig, C, RIG_BOUNCE), GATEWAY_DROP);
	rig_settle(&rig);
	rig_say(&rig, C, RIG_BOUNCE);
	rig_assert_never_got(&rig, C, "PORT 10");
	assert_int_equal(rig.pinholes_made, 0);
}

/* A client that reset its session, unseen by the server, and whose row is gone, would have it adopted within TLS. */
static void a382_what_conntrack_remembers_of_a_session_that_has_ended_is_no_session(void **state)
{
	(void)state;
	be_late();
	ended = true;
	assert_int_equal(rig_say(&rig, C, "\x16\x03\x01\x01\x01\r\n" RIG_BOUNCE), GATEWAY_DROP);
	rig_settle(&rig);
	assert_int_equal(rig_say(&rig, C, "\x16\x03\x01\x01\x01\r\n" RIG_BOUNCE), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
}

/* conntrack has seen the ends of a session that the last gateway did not pass, and that peers repeat, for two minutes. */
static void a410_a_session_whose_ends_may_be_those_of_an_outage_is_adopted(void **state)
{
	static const struct {
		uint64_t age;
		bool by_ends, adopted;
	} rows[] = {
		{ SECOND, true, true },
		{ 120 * SECOND - 1, true, true },
		{ 120 * SECOND, true, false },
		{ SECOND, false, false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		uint64_t began;

		begin(64);
		/* Since another session's first packet the gateway has been there. */
		began = rig.now + 100;
		open_session(1);
		turn_to(0);
		rig.at->peer[C].next += 1;
		ended = true;
		lingers = rows[index].by_ends;
		rig.now = began + rows[index].age - 100; /* which the rig adds */
		rig_say(&rig, C, "QUIT\r\n");
		assert_int_equal(gateway_session_count(rig.gateway), 1 + rows[index].adopted);
		rig_end(&rig);
	}
	begin(64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a365_sessions_that_have_ended_take_no_more_memory, finish),
		cmocka_unit_test_teardown(a365_a_row_that_was_given_back_serves_before_one_that_lingers, finish),
		cmocka_unit_test_teardown(a365_a_session_that_was_ended_by_force_stays_so, finish),
		cmocka_unit_test_teardown(a_session_takes_no_handshakes_row_while_there_are_others, finish),
		cmocka_unit_test_teardown(what_conntrack_could_not_answer_is_the_reason, finish),
		cmocka_unit_test_teardown(an_anomaly_is_told_of_its_session, finish),
		cmocka_unit_test_teardown(a_tick_forgets_all_whose_time_is_over, finish),
		cmocka_unit_test_teardown(a_row_lingers_for_half_a_minute, finish),
		cmocka_unit_test_teardown(a365_a_late_packet_of_a_row_that_serves_again_founds_nothing, finish),
		cmocka_unit_test_teardown(a365_a_late_packet_that_conntrack_knows_is_judged, finish),
		cmocka_unit_test_teardown(a382_what_conntrack_remembers_of_a_session_that_has_ended_is_no_session, finish),
		cmocka_unit_test_teardown(a410_a_session_whose_ends_may_be_those_of_an_outage_is_adopted, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
