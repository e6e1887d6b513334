/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What begins a session, packet by packet: the server's SYN and ACK, the client's answer with the two right numbers, and
 * nothing else that looks like them.
 */
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY
#define SECOND UINT64_C(1000000)

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* A SYN and ACK has passed. */
static void begin_shaken(void)
{
	rig_begin(&rig, RIG_SNAT);
	assert_int_equal(rig_shake(&rig), GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
}

static enum gateway_verdict answer(uint32_t seq_off, uint32_t ack_off, uint8_t flags)
{
	return rig_packet(&rig, C, rig.at->peer[0].first + seq_off, rig.at->peer[1].first + ack_off, flags, 0, "", 0);
}

static void only_an_acknowledgement_with_both_numbers_is_an_answer(void **state)
{
	static const struct {
		uint32_t seq, ack;
		uint8_t flags;
		enum gateway_verdict verdict;
	} rows[] = {
		{ 0, 1, TCP_ACK, GATEWAY_ACCEPT },
		{ 1, 0, TCP_ACK, GATEWAY_ACCEPT },
		{ 0, 0, 0, GATEWAY_ACCEPT },
		{ 0, 0, TCP_PSH, GATEWAY_ACCEPT },
		/* What says more than that is not let through for its numbers' sake. */
		{ 0, 1, TCP_FIN | TCP_ACK, GATEWAY_DROP },
		{ 0, 0, TCP_FIN, GATEWAY_DROP },
	};

	(void)state;
	begin_shaken();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(answer(rows[i].seq, rows[i].ack, rows[i].flags), rows[i].verdict);
		assert_int_equal(gateway_session_count(rig.gateway), 0);
	}
	answer(0, 0, TCP_ACK);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

static void a_reset_ends_a_handshake_if_it_has_the_right_number(void **state)
{
	(void)state;
	for (int right = 0; right < 2; right++) {
		begin_shaken();
		assert_int_equal(answer(right ? 0 : 1, 0, TCP_RST | TCP_ACK), GATEWAY_ACCEPT);
		/* It has not begun a session either, with the answer that its numbers would be. */
		assert_int_equal(gateway_session_count(rig.gateway), 0);
		assert_int_equal(gateway_get_counters(rig.gateway)->sessions, 0);
		/* Where the row is gone nobody answers anything. */
		answer(0, 0, TCP_ACK);
		assert_int_equal(gateway_session_count(rig.gateway), right ? 0 : 1);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* conntrack knows by then that the client has answered, which this gateway has not seen. */
static void a_server_that_speaks_is_believed_if_conntrack_says_so(void **state)
{
	struct nat_view twin;

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		begin_shaken();
		if (kind == 1)
			rig.lookup_answer = REASON_NO_CONNECTION;
		/* Another connection with the same two ends, behind another name of the server's. */
		twin = rig.at->view;
		twin.server_seen = unit_endpoint("198.51.100.201", 21);
		if (kind == 2)
			rig.lookup_other = &twin;
		if (kind != 3)
			rig.at->peer[0].next++;
		assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[0].first, TCP_ACK, 0,
					    "220 ready\r\n", 11),
				 kind == 0 ? GATEWAY_ACCEPT : GATEWAY_DROP);
		assert_int_equal(gateway_session_count(rig.gateway), kind == 0 ? 1 : 0);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Anybody's acknowledgement would have conntrack asked, and it says nothing of what the client has heard. */
static void a_server_that_says_nothing_is_not_believed(void **state)
{
	(void)state;
	begin_shaken();
	rig.at->peer[0].next++;
	rig.lookups = 0;
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[0].first, TCP_ACK, 0, "", 0),
			 GATEWAY_ACCEPT);
	assert_int_equal(gateway_session_count(rig.gateway), 0);
	assert_int_equal(rig.lookups, 0);
}

static void a_handshake_lives_for_ten_seconds(void **state)
{
	(void)state;
	for (int older = 0; older < 2; older++) {
		begin_shaken();
		rig.now += 10 * SECOND + (uint64_t)older;
		gateway_tick(rig.gateway, rig.now);
		answer(0, 0, TCP_ACK);
		assert_int_equal(gateway_session_count(rig.gateway), older ? 0 : 1);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static enum gateway_verdict shake_with(enum direction direction, uint32_t seq, uint32_t ack)
{
	return rig_packet(&rig, direction, seq, ack, TCP_SYN | TCP_ACK, 0, "", 0);
}

/* A repetition of the SYN and ACK passes without a look at conntrack; whatever else is one, it has to be asked about. */
static void a_syn_and_ack_is_repeated_with_the_same_numbers(void **state)
{
	(void)state;
	for (int answered = 0; answered < 2; answered++) {
		begin_shaken();
		if (answered)
			answer(0, 0, TCP_ACK);
		rig.lookup_answer = REASON_NO_CONNECTION;
		assert_int_equal(shake_with(S, rig.at->peer[1].first - 1, rig.at->peer[0].first), GATEWAY_ACCEPT);
		assert_int_equal(shake_with(S, rig.at->peer[1].first, rig.at->peer[0].first), GATEWAY_DROP);
		rig.now += SECOND;
		/* The client's word is not the server's. */
		assert_int_equal(shake_with(C, rig.at->peer[0].first - 1, rig.at->peer[1].first), GATEWAY_DROP);
		rig.now += SECOND;
		/* Of an established session any acknowledgement will do: its numbers are known. */
		assert_int_equal(shake_with(S, rig.at->peer[1].first - 1, rig.at->peer[0].first + 1),
				 answered ? GATEWAY_ACCEPT : GATEWAY_DROP);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Once the server has spoken it knows the answer. */
static void a_syn_and_ack_behind_the_greeting_is_none_of_the_servers(void **state)
{
	(void)state;
	begin_shaken();
	answer(0, 0, TCP_ACK);
	rig_say(&rig, S, "220 ready\r\n");
	rig.lookup_answer = REASON_NO_CONNECTION;
	assert_int_equal(shake_with(S, rig.at->peer[1].first - 1, rig.at->peer[0].first), GATEWAY_DROP);
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* What has ended does not begin again without conntrack, nor does what is older than the gateway begin with 2^32 - 1. */
static void a_syn_and_ack_of_no_live_stream_is_asked_about(void **state)
{
	(void)state;
	begin_shaken();
	answer(0, 0, TCP_ACK);
	assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
	rig.lookup_answer = REASON_NO_CONNECTION;
	assert_int_equal(shake_with(S, rig.at->peer[1].first - 1, rig.at->peer[0].first), GATEWAY_DROP);
	rig_end(&rig);

	rig_begin(&rig, RIG_SNAT);
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	assert_int_equal(rig.output.reason, REASON_ADOPTING);
	rig.lookup_answer = REASON_NO_CONNECTION;
	assert_int_equal(shake_with(S, UINT32_MAX, rig.at->peer[0].first), GATEWAY_DROP);
}

/* The stream begins behind it, so nobody would judge what it says. Without, the same packets pass. */
static void a41_nothing_is_said_in_a_syn(void **state)
{
	static const char *const said[] = { "220 x\r\n", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		const enum gateway_verdict verdict = said[i][0] ? GATEWAY_DROP : GATEWAY_ACCEPT;

		rig_begin(&rig, RIG_SNAT);
		rig.at->shaken = true;
		assert_int_equal(rig_packet(&rig, C, rig.at->peer[0].first - 1, 0, TCP_SYN, 0, said[i], strlen(said[i])),
				 verdict);
		assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].first - 1, rig.at->peer[0].first, TCP_SYN | TCP_ACK, 0,
					    said[i], strlen(said[i])),
				 verdict);
		answer(0, 0, TCP_ACK);
		assert_int_equal(gateway_session_count(rig.gateway), said[i][0] ? 0 : 1);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a41_nothing_is_said_in_a_syn, finish),
		cmocka_unit_test_teardown(only_an_acknowledgement_with_both_numbers_is_an_answer, finish),
		cmocka_unit_test_teardown(a_reset_ends_a_handshake_if_it_has_the_right_number, finish),
		cmocka_unit_test_teardown(a_server_that_speaks_is_believed_if_conntrack_says_so, finish),
		cmocka_unit_test_teardown(a_server_that_says_nothing_is_not_believed, finish),
		cmocka_unit_test_teardown(a_handshake_lives_for_ten_seconds, finish),
		cmocka_unit_test_teardown(a_syn_and_ack_is_repeated_with_the_same_numbers, finish),
		cmocka_unit_test_teardown(a_syn_and_ack_behind_the_greeting_is_none_of_the_servers, finish),
		cmocka_unit_test_teardown(a_syn_and_ack_of_no_live_stream_is_asked_about, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
