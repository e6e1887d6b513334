/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A171, A172: a session that another gateway had for a while comes back, decision by decision, as
 * src/core/tcp/gateway_stale.c states them; and what is said of bytes that never came by.
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

static void begin(enum rig_nat nat)
{
	rig_begin(&rig, nat);
	rig_login(&rig);
}

/* Time passes, and whoever was asked answers. */
static void wait_for(uint64_t microseconds)
{
	rig.now += microseconds;
	gateway_tick(rig.gateway, rig.now);
	rig_answer(&rig);
}

/* Said, heard and acknowledged by way of another gateway, which made it so much longer. */
static void say_elsewhere(enum direction direction, uint32_t length, uint32_t growth)
{
	struct rig_peer *sender = &rig.at->peer[direction];
	struct seqadj *seqadj = &rig.at->seqadj[direction];

	if (growth > 0)
		*seqadj = (struct seqadj){ sender->next, seqadj->after, seqadj->after + (int32_t)growth };
	sender->next += length;
	rig.at->peer[direction_opposite(direction)].expects += length + growth;
}

/* As Linux does: after 200 ms, and then after twice as long each time, until it is acknowledged. Returns the seconds. */
static double say_until_heard(enum direction direction, const char *text)
{
	const struct rig_peer *sender = &rig.at->peer[direction];
	const struct rig_peer *receiver = &rig.at->peer[direction_opposite(direction)];
	uint32_t length = (uint32_t)strlen(text);
	uint32_t expected = receiver->expects;
	uint64_t from = rig.now;

	rig_say(&rig, direction, text);
	for (uint64_t pause = SECOND / 5; receiver->expects == expected && pause < 20 * SECOND; pause *= 2) {
		wait_for(SECOND / 1000);
		wait_for(pause);
		wait_for(rig.limits.settling);
		if (receiver->expects == expected)
			rig_packet(&rig, direction, sender->next - length, sender->expects, TCP_ACK | TCP_PSH, 0, text,
				   length);
	}
	wait_for(rig.limits.settling);
	return (double)(rig.now - from) / SECOND;
}

static const char *last_of(enum direction direction, const char *text)
{
	const struct rig_peer *receiver = &rig.at->peer[direction_opposite(direction)];
	static char end[RIG_GOT_MAX];
	size_t length = strlen(text);

	if (length > receiver->got_length)
		return "";
	memcpy(end, receiver->got + receiver->got_length - length, length);
	end[length] = '\0';
	return end;
}

/* --- it comes back --- */

static void a171_a_session_that_went_on_elsewhere_is_adopted(void **state)
{
	static const enum rig_nat nats[] = { RIG_SNAT, RIG_DNAT, RIG_PLAIN, RIG_PLAIN6 };

	(void)state;
	/* What was said elsewhere: by both, with an edit or without, or by the server alone. */
	for (size_t index = 0; index < 3 * ARRAY_SIZE(nats); index++) {
		begin(nats[index / 3]);
		if (index % 3 > 0)
			say_elsewhere(C, 25, index % 3 == 1 && rig.seqadj_kept ? 6 : 0);
		say_elsewhere(S, 30, 0);
		assert_true(say_until_heard(C, "NOOP\r\n") < 4);
		assert_string_equal(last_of(C, "NOOP\r\n"), "NOOP\r\n");
		assert_true(rig_reported(&rig, "session-close:elsewhere"));
		assert_true(rig_reported(&rig, "session-open"));
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		say_until_heard(S, "200 ok\r\n");
		assert_string_equal(last_of(S, "200 ok\r\n"), "200 ok\r\n");
		/* It is judged again. */
		rig_acknowledge(&rig, C);
		rig_say(&rig, C, RIG_BOUNCE);
		rig_assert_never_got(&rig, C, "99");
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

static void a171_offers_are_translated_again(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	say_elsewhere(C, 23, 6);
	say_elsewhere(S, 30, 0);
	say_until_heard(C, RIG_PORT);
	assert_string_equal(last_of(C, RIG_PORT_SEEN), RIG_PORT_SEEN);
	assert_int_equal(rig.pinholes_made, 1);
	assert_int_equal(rig.at->seqadj[C].after, 12);
}

/* The client hears nothing and says nothing, until it is asked. */
static void a171_the_server_may_be_the_first_to_speak(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	say_elsewhere(S, 30, 0);
	say_until_heard(S, "421 too long\r\n");
	assert_string_equal(last_of(S, "421 too long\r\n"), "421 too long\r\n");
	assert_true(rig_reported(&rig, "session-close:elsewhere"));
}

static void a171_a_row_that_was_adopted_itself_can_become_stale(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	for (unsigned int i = 0; i < 3; i++) {
		say_elsewhere(C, 23, 6);
		say_elsewhere(S, 30, 0);
		say_until_heard(C, RIG_PORT);
		assert_string_equal(last_of(C, RIG_PORT_SEEN), RIG_PORT_SEEN);
		assert_int_equal(rig.pinholes_made, i + 1);
		say_until_heard(S, "200 ok\r\n");
		rig_acknowledge(&rig, C);
		wait_for(10 * SECOND);
	}
	assert_false(rig_reported(&rig, "session-close:adoption-failed"));
}

/* Another gateway may have made it, or has it in its row now. */
static void a171_the_pinhole_of_a_stale_row_stays(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_acknowledge(&rig, S);
	assert_int_equal(rig.pinholes, 1);
	say_elsewhere(S, 30, 0);
	say_until_heard(C, "NOOP\r\n");
	assert_true(rig_reported(&rig, "session-close:elsewhere"));
	assert_int_equal(rig.pinholes, 1);
}

/* Nobody else tells of its end, and its source would be counted to have it for ever. */
static void a171_the_pinhole_of_a_stale_row_ends_for_its_source(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.quota.pinholes = 1;
	rig_start(&rig);
	rig_login(&rig);
	for (unsigned int i = 0; i < 3; i++) {
		rig.events[0] = '\0';
		say_until_heard(C, RIG_PORT);
		assert_int_equal(rig.pinholes_made, i + 1);
		say_until_heard(S, "200 ok\r\n");
		rig_acknowledge(&rig, C);
		wait_for(10 * SECOND);
		say_elsewhere(S, 30, 0);
		say_until_heard(C, "NOOP\r\n");
		assert_true(rig_reported(&rig, "session-close:elsewhere"));
		assert_true(rig_reported(&rig, "pinhole-close:elsewhere"));
		say_until_heard(S, "200 ok\r\n");
		rig_acknowledge(&rig, C);
		wait_for(10 * SECOND);
	}
}

/* Nor where it has ended there, or another one looks the same: neither would be adopted. */
static void a171_a_row_stays_where_conntrack_has_no_connection(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		begin(RIG_SNAT);
		say_elsewhere(S, 30, 0);
		rig.lookup_answer = kind == 0 ? REASON_NO_CONNECTION : REASON_NONE;
		rig.over = kind == 1;
		rig.shared = kind == 2;
		rig.lookups = 0;
		say_until_heard(C, "NOOP\r\n");
		assert_false(rig_reported(&rig, "session-close"));
		assert_true(rig.lookups > 0 && rig.lookups < 20);
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

static void a171_tls_that_nobody_follows_comes_back_too(void **state)
{
	static const uint8_t record[] = { 0x17, 3, 3, 0, 1, 9 };

	(void)state;
	rig_begin(&rig, RIG_SNAT);
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_peer *client = &rig.at->peer[0];
		uint32_t at = client->next;

		client->next += sizeof(record);
		for (unsigned int again = 0; again < 12 && rig.at->peer[1].expects == at; again++) {
			rig_packet(&rig, C, at, client->expects, TCP_ACK, 0, record, sizeof(record));
			wait_for(SECOND / 4);
		}
		assert_int_equal(rig.at->peer[1].expects, client->next);
		assert_true(rig_reported(&rig, "tls"));
		rig.events[0] = '\0';
		wait_for(5 * SECOND);
		/* Nearer than this it finds its place by itself. */
		for (unsigned int side = 0; side < 2 && i == 0; side++)
			say_elsewhere((enum direction)side, 600000, 0);
	}
	assert_int_equal(gateway_session_count(rig.gateway), 1);
}

/* --- it only seems so --- */

static void a172_no_acknowledgement_of_more_than_was_let_out_goes_on(void **state)
{
	static const enum rig_nat nats[] = { RIG_SNAT, RIG_DNAT, RIG_PLAIN, RIG_PLAIN6 };

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(nats); index++) {
		enum direction direction = (enum direction)(index % 2);
		const struct rig_peer *liar;

		begin(nats[index / 2]);
		/* With and without an edit. */
		if (rig.seqadj_kept && nats[index / 2] == RIG_SNAT) {
			rig_say(&rig, C, RIG_PORT);
			rig_acknowledge(&rig, S);
		}
		liar = &rig.at->peer[direction];
		rig_packet(&rig, direction, liar->next, liar->expects + 10, TCP_ACK, 0, "", 0);
		assert_int_equal(rig.output.verdict, GATEWAY_REPLACE);
		assert_int_equal(seqadj_revert(&rig.at->seqadj[1 - direction], rig.left.ack),
				 rig.at->peer[1 - direction].next);
		/* The end of a stream counts as one. */
		rig_say_bytes(&rig, direction_opposite(direction), "", 0, TCP_FIN);
		rig_packet(&rig, direction, liar->next, liar->expects + 10, TCP_ACK, 0, "", 0);
		assert_int_equal(seqadj_revert(&rig.at->seqadj[1 - direction], rig.left.ack),
				 rig.at->peer[1 - direction].next);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* A line with a reply in it is lost before the gateway. Its client says that it has it, up to where that one begins. */
static void a172_a_client_does_not_choose_where_a_lost_line_begins(void **state)
{
	static const char line[] = "500 xxxxxxx227 Entering Passive Mode (203,0,113,9,195,149)\r\n";

	(void)state;
	begin(RIG_PLAIN);
	rig_say(&rig, C, "XXXX\r\n");
	rig_acknowledge(&rig, S);
	rig.events[0] = '\0';
	rig.at->peer[1].next += sizeof(line) - 1;
	for (unsigned int i = 0; i < 40; i++) {
		rig.injected_count = 0;
		rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects + 11, TCP_ACK, 0, "", 0);
		/* It gives no other answer when it is asked. */
		rig.at->peer[0].asked = false;
		wait_for(SECOND / 10);
		/* Its server does not hear of it, and goes back to where the line begins; a part of that is lost too. */
		if (i % 8 == 7)
			rig_packet(&rig, S, rig.at->peer[1].next - sizeof(line) + 1, rig.at->peer[1].expects, TCP_ACK, 0, "",
				   0);
	}
	assert_false(rig_reported(&rig, "session-close"));
	rig_packet(&rig, S, rig.at->peer[1].next - sizeof(line) + 1, rig.at->peer[1].expects, TCP_ACK, 0, line,
		   sizeof(line) - 1);
	assert_string_equal(last_of(S, line), line);
	assert_int_equal(rig.pinholes_made, 0);
}

static void a172_one_peer_alone_is_not_believed(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	for (unsigned int i = 0; i < 100; i++) {
		rig.injected_count = 0;
		rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects + 10, TCP_ACK, 0, "", 0);
		rig.now += SECOND / 10;
	}
	assert_false(rig_reported(&rig, "session-close"));
}

/* In both names, of numbers that fit each other, without a pause. The peers are idle, but they live. */
static void a172_strangers_do_not_have_a_session_forgotten(void **state)
{
	(void)state;
	for (uint32_t far = 10; far < UINT32_C(0x40000000); far *= 50) {
		begin(RIG_SNAT);
		rig_say(&rig, C, RIG_PORT);
		rig_acknowledge(&rig, S);
		rig.events[0] = '\0';
		for (unsigned int i = 0; i < 60; i++) {
			rig.injected_count = 0;
			rig_packet(&rig, C, rig.at->peer[0].next + far, rig.at->peer[0].expects + far, TCP_ACK, 0, "", 0);
			rig_packet(&rig, S, rig.at->peer[1].next + far, rig.at->peer[1].expects + far, TCP_ACK, 0, "", 0);
			wait_for(SECOND / 20);
		}
		assert_false(rig_reported(&rig, "session-close"));
		rig_say(&rig, C, "NOOP\r\n");
		assert_string_equal(last_of(C, "NOOP\r\n"), "NOOP\r\n");
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

static void a172_peers_are_asked_twice_a_second_at_most(void **state)
{
	(void)state;
	begin(RIG_SNAT);
	/* Whatever ends the doubt in between. */
	for (unsigned int i = 0; i < 1000; i++)
		rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects + (i % 3 == 2 ? 0 : 10), TCP_ACK, 0, "",
			   0);
	assert_int_equal(rig.injected_count, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(rig.injected[i].payload.length, 0);
		assert_int_equal(rig.injected[i].seq, rig.at->peer[i].expects - 1 + (i == 0 ? rig.at->peer[1].expects -
				 rig.at->peer[0].expects : rig.at->peer[0].expects - rig.at->peer[1].expects));
	}
}

/* Most gaps are losses. */
static void a172_a_gap_alone_has_nobody_asked_within_a_second(void **state)
{
	uint32_t at;

	(void)state;
	begin(RIG_SNAT);
	at = rig.at->peer[0].next;
	rig.at->peer[0].next += 12;
	for (unsigned int i = 0; i < 9; i++) {
		rig_packet(&rig, C, at + 6, rig.at->peer[0].expects, TCP_ACK, 0, "SYST\r\n", 6);
		rig.now += SECOND / 10;
	}
	assert_int_equal(rig.injected_count, 0);
	rig_packet(&rig, C, at, rig.at->peer[0].expects, TCP_ACK, 0, "NOOP\r\n", 6);
	rig_packet(&rig, C, at + 6, rig.at->peer[0].expects, TCP_ACK, 0, "SYST\r\n", 6);
	assert_string_equal(last_of(C, "NOOP\r\nSYST\r\n"), "NOOP\r\nSYST\r\n");
	/* The next one is another. */
	rig.now += 5 * SECOND;
	rig_packet(&rig, C, at + 18, rig.at->peer[0].expects, TCP_ACK, 0, "SYST\r\n", 6);
	assert_int_equal(rig.injected_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a171_a_session_that_went_on_elsewhere_is_adopted, finish),
		cmocka_unit_test_teardown(a171_offers_are_translated_again, finish),
		cmocka_unit_test_teardown(a171_the_server_may_be_the_first_to_speak, finish),
		cmocka_unit_test_teardown(a171_a_row_that_was_adopted_itself_can_become_stale, finish),
		cmocka_unit_test_teardown(a171_the_pinhole_of_a_stale_row_stays, finish),
		cmocka_unit_test_teardown(a171_the_pinhole_of_a_stale_row_ends_for_its_source, finish),
		cmocka_unit_test_teardown(a171_a_row_stays_where_conntrack_has_no_connection, finish),
		cmocka_unit_test_teardown(a171_tls_that_nobody_follows_comes_back_too, finish),
		cmocka_unit_test_teardown(a172_no_acknowledgement_of_more_than_was_let_out_goes_on, finish),
		cmocka_unit_test_teardown(a172_a_client_does_not_choose_where_a_lost_line_begins, finish),
		cmocka_unit_test_teardown(a172_one_peer_alone_is_not_believed, finish),
		cmocka_unit_test_teardown(a172_strangers_do_not_have_a_session_forgotten, finish),
		cmocka_unit_test_teardown(a172_peers_are_asked_twice_a_second_at_most, finish),
		cmocka_unit_test_teardown(a172_a_gap_alone_has_nobody_asked_within_a_second, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
