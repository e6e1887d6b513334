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

/* What one peer says of a stream is as near to what the other one says. */
#define REACH UINT32_C(131072)
/* Until peers who did not answer are asked again. */
#define PAUSE (SECOND / 2)

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

/* From so far behind where it is, of so much more than it has heard, at that time. Nobody answers who is asked then. */
static void claim(enum direction direction, uint32_t sent, uint32_t acked, uint64_t at)
{
	const struct rig_peer *peer = &rig.at->peer[direction];

	rig.now = at - 100; /* which the rig adds */
	rig_packet(&rig, direction, peer->next + sent, peer->expects + acked, TCP_ACK, 0, "", 0);
	assert_int_equal(rig.now, at);
}

/* --- it comes back --- */

static void a171_a_session_that_went_on_elsewhere_is_adopted(void **state)
{
	static const enum rig_nat nats[] = { RIG_SNAT, RIG_DNAT, RIG_PLAIN, RIG_PLAIN6 };

	(void)state;
	/* What was said elsewhere: by the server alone, by both, with an edit or without, or by the client alone. */
	for (size_t index = 0; index < 4 * ARRAY_SIZE(nats); index++) {
		begin(nats[index / 4]);
		if (index % 4 > 0)
			say_elsewhere(C, 25, index % 4 == 1 && rig.seqadj_kept ? 6 : 0);
		if (index % 4 < 3)
			say_elsewhere(S, 30, 0);
		/* Of the client alone nobody says anything else: one repetition goes by before its server is asked. */
		assert_true(say_until_heard(C, "NOOP\r\n") < (index % 4 < 3 ? 4 : 8));
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

/* Nor where it has ended there, another one looks the same, or one begins: none of these would be adopted. */
static void a171_a_row_stays_where_conntrack_has_no_connection(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		begin(RIG_SNAT);
		say_elsewhere(S, 30, 0);
		rig.lookup_answer = kind == 0 ? REASON_NO_CONNECTION : REASON_NONE;
		rig.over = kind == 1;
		rig.shared = kind == 2;
		rig.opening = kind == 3;
		rig.lookups = 0;
		say_until_heard(C, "NOOP\r\n");
		assert_false(rig_reported(&rig, "session-close"));
		assert_true(rig.lookups > 0 && rig.lookups < 20);
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

/* However many packets come, and however long it has none. */
static void a171_conntrack_is_asked_for_a_stale_row_once_a_second_at_most(void **state)
{
	(void)state;
	begin(RIG_PLAIN);
	rig.lookup_answer = REASON_NO_CONNECTION;
	rig.lookups = 0;
	claim(S, 10, 0, rig.now + 100);
	for (unsigned int i = 0; i < 500; i++) {
		rig.injected_count = 0;
		claim(C, 0, 10, rig.now + SECOND / 100);
	}
	assert_in_range(rig.lookups, 2, 4);
	rig.lookup_answer = REASON_NONE;
	for (unsigned int i = 0; i < 200 && !rig_reported(&rig, "session-close"); i++) {
		rig.injected_count = 0;
		claim(C, 0, 10, rig.now + SECOND / 100);
	}
	assert_true(rig_reported(&rig, "session-close:elsewhere"));
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
		/* What its peers have let each other know is not known here, and goes on as it is. */
		if (i == 0) {
			assert_int_equal(rig_acknowledge(&rig, C), GATEWAY_ACCEPT);
			assert_int_equal(rig.left.ack, client->expects);
		}
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
		for (unsigned int reset = 0; reset < 2; reset++) {
			const uint8_t flags = reset ? TCP_RST | TCP_ACK : TCP_ACK;

			rig_packet(&rig, direction, liar->next + reset, liar->expects + 10, flags, 0, "", 0);
			assert_int_equal(rig.output.verdict, GATEWAY_REPLACE);
			assert_int_equal(seqadj_revert(&rig.at->seqadj[1 - direction], rig.left.ack),
					 rig.at->peer[1 - direction].next);
		}
		/* The end of a stream counts as one. */
		rig_say_bytes(&rig, direction_opposite(direction), "", 0, TCP_FIN);
		rig_packet(&rig, direction, liar->next, liar->expects + 10, TCP_ACK, 0, "", 0);
		assert_int_equal(seqadj_revert(&rig.at->seqadj[1 - direction], rig.left.ack),
				 rig.at->peer[1 - direction].next);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* What is under way is not made known before it has arrived. */
static void a172_an_acknowledgement_of_less_goes_on_as_it_is(void **state)
{
	const struct rig_peer *server = &rig.at->peer[1];
	uint32_t before;

	(void)state;
	begin(RIG_PLAIN);
	before = server->expects;
	rig_say(&rig, C, "NOOP\r\n");
	rig_acknowledge(&rig, S);
	rig.lose = true;
	rig_say(&rig, C, "SYST\r\n");
	rig.lose = false;
	rig_packet(&rig, S, server->next, before, TCP_ACK, 0, "", 0);
	assert_int_equal(rig.output.verdict, GATEWAY_ACCEPT);
	assert_int_equal(rig.left.ack, before);
}

/* As long as its streams have not begun nobody is ahead of them, and for a second their beginnings are as they are told. */
static void a172_a_row_that_is_being_adopted_is_not_stale(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		const enum direction direction = (enum direction)side;
		const struct rig_peer *peer;
		unsigned int asked;

		rig_begin(&rig, RIG_PLAIN);
		peer = &rig.at->peer[direction];
		say_elsewhere(C, 1000, 0);
		say_elsewhere(S, 1000, 0);
		rig_say(&rig, direction, "220 ready\r\n");
		rig_settle(&rig);
		assert_string_equal(last_of(direction, "220 ready\r\n"), "220 ready\r\n");
		asked = rig.injected_count;
		/* The other one's has not begun, whenever that is. */
		claim(direction, 0, 0x1000000, rig.now + 3 * SECOND);
		assert_int_equal(rig.left.ack, peer->expects + 0x1000000);
		assert_int_equal(rig.injected_count, asked);
		rig_end(&rig);

		rig_begin(&rig, RIG_PLAIN);
		rig_say(&rig, direction, "220 ready\r\n");
		rig_settle(&rig);
		rig_acknowledge(&rig, direction);
		asked = rig.injected_count;
		/* It begins again, there. */
		claim(direction, 0, 10, rig.now + 100);
		assert_int_equal(rig.left.ack, peer->expects + 10);
		assert_int_equal(rig.injected_count, asked);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_PLAIN);
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
	/* Each of them: that it has more than was let out, or that it is past what was taken. */
	for (unsigned int kind = 0; kind < 4; kind++) {
		begin(RIG_SNAT);
		for (unsigned int i = 0; i < 100; i++) {
			rig.injected_count = 0;
			claim((enum direction)(kind / 2), kind % 2 ? 0 : 10, kind % 2 ? 10 : 0, rig.now + SECOND / 10);
		}
		assert_false(rig_reported(&rig, "session-close"));
		rig_end(&rig);
	}
	begin(RIG_SNAT);
}

static void a172_both_are_believed_where_they_agree_a_second_after_they_were_asked(void **state)
{
	static const struct {
		uint32_t acked;
		bool believed;
	} rows[] = {
		{ 400000, true },
		{ 400000 + REACH, true },
		{ 400000 + REACH + 1, false },
		{ 400000 - REACH, true },
		{ 400000 - REACH - 1, false },
	};

	(void)state;
	/* Of either stream, and whether its receiver speaks in between or not. */
	for (size_t index = 0; index < 4 * ARRAY_SIZE(rows); index++) {
		const enum direction sender = index % 2 ? C : S;
		const uint32_t acked = rows[index / 4].acked;
		uint64_t asked;

		begin(RIG_PLAIN);
		claim(sender, 400000, 0, rig.now + 100);
		claim(direction_opposite(sender), 0, acked, rig.now + 100);
		assert_int_equal(rig.injected_count, 2);
		asked = rig.now;
		if (index % 4 > 1)
			claim(direction_opposite(sender), 0, acked, asked + SECOND - 1);
		assert_false(rig_reported(&rig, "session-close"));
		claim(direction_opposite(sender), 0, acked, asked + SECOND);
		assert_int_equal(rig_reported(&rig, "session-close:elsewhere"), rows[index / 4].believed);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* The one has been beyond the row for a second, which has nobody asked, when the other one agrees. */
static void a172_nobody_is_believed_who_was_not_asked(void **state)
{
	uint64_t from;

	(void)state;
	begin(RIG_PLAIN);
	from = rig.now + 100;
	claim(S, 10, 0, from);
	assert_int_equal(rig.injected_count, 0);
	claim(C, 0, 10, from + SECOND);
	assert_int_equal(rig.injected_count, 2);
	claim(C, 0, 10, from + 2 * SECOND - 1);
	assert_false(rig_reported(&rig, "session-close"));
	claim(C, 0, 10, from + 2 * SECOND);
	assert_true(rig_reported(&rig, "session-close:elsewhere"));
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

static void a172_peers_who_do_not_answer_are_asked_again(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		uint64_t from;

		begin(RIG_PLAIN);
		from = rig.now + 100;
		claim((enum direction)side, 0, 10, from);
		assert_int_equal(rig.injected_count, 2);
		claim((enum direction)side, 0, 10, from + PAUSE - 1);
		assert_int_equal(rig.injected_count, 2);
		claim((enum direction)side, 0, 10, from + PAUSE);
		assert_int_equal(rig.injected_count, 4);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

/* Neither says where its sender is, or what it has (RFC 9293 3.10.7.4). */
static void a172_a_reset_and_what_acknowledges_nothing_have_nobody_asked(void **state)
{
	const struct rig_peer *client = &rig.at->peer[0];

	(void)state;
	begin(RIG_PLAIN);
	rig_packet(&rig, C, client->next + 10, client->expects + 10, TCP_RST | TCP_ACK, 0, "", 0);
	rig_packet(&rig, C, client->next, client->expects + 10, TCP_PSH, 0, "", 0);
	assert_int_equal(rig.injected_count, 0);
}

/* Without payload, at its place, and of so much more than it has heard. */
static void claim_at(enum direction direction, uint32_t acked, const struct packet_timestamps *timestamps)
{
	const struct rig_peer *peer = &rig.at->peer[direction];
	const struct packet_plain plain = {
		.tuple = nat_view_tuple(&rig.at->view, direction),
		.seq = peer->next,
		.ack = peer->expects + acked,
		.flags = TCP_ACK,
		.timestamps = *timestamps,
	};
	uint8_t packet[PACKET_PLAIN_MAX];
	const struct bytes bytes = { packet, packet_build(&plain, packet) };

	gateway_packet(rig.gateway, bytes, NULL, rig.now, &rig.output);
}

/* Linux is silent where it has seen a newer one, and none may be in it where the peers have not agreed on them. */
static void a172_the_question_carries_the_senders_newest_timestamp(void **state)
{
	static const struct {
		struct packet_timestamps known, claim, asked;
	} rows[] = {
		{ { true, 70, 1 }, { true, 90, 2 }, { true, 90, 2 } },
		{ { true, 70, 1 }, { true, 60, 2 }, { true, 70, 1 } },
		{ { true, UINT32_C(0xfffffff0), 1 }, { false, 0, 0 }, { true, UINT32_C(0xfffffff0), 1 } },
		{ { false, 0, 0 }, { true, 90, 2 }, { false, 0, 0 } },
	};
	static const struct packet_timestamps other = { true, 50, 3 };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		begin(RIG_PLAIN);
		claim_at(C, 0, &rows[index].known);
		claim_at(S, 0, &other);
		claim_at(C, 10, &rows[index].claim);
		assert_int_equal(rig.injected_count, 2);
		for (unsigned int i = 0; i < 2; i++) {
			const struct packet_timestamps *want = i == C ? &rows[index].asked : &other;

			assert_int_equal(rig.injected[i].timestamps.present, want->present);
			assert_int_equal(rig.injected[i].timestamps.value, want->value);
			assert_int_equal(rig.injected[i].timestamps.echo, want->echo);
		}
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
}

static void a172_a_gap_that_stays_has_peers_asked_after_a_second(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		uint64_t from;

		begin(RIG_PLAIN);
		from = rig.now + 100;
		claim((enum direction)side, 10, 0, from);
		claim((enum direction)side, 10, 0, from + SECOND - 1);
		assert_int_equal(rig.injected_count, 0);
		claim((enum direction)side, 10, 0, from + SECOND);
		assert_int_equal(rig.injected_count, 2);
		rig_end(&rig);
	}
	begin(RIG_PLAIN);
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
		cmocka_unit_test_teardown(a171_conntrack_is_asked_for_a_stale_row_once_a_second_at_most, finish),
		cmocka_unit_test_teardown(a171_tls_that_nobody_follows_comes_back_too, finish),
		cmocka_unit_test_teardown(a172_no_acknowledgement_of_more_than_was_let_out_goes_on, finish),
		cmocka_unit_test_teardown(a172_an_acknowledgement_of_less_goes_on_as_it_is, finish),
		cmocka_unit_test_teardown(a172_a_row_that_is_being_adopted_is_not_stale, finish),
		cmocka_unit_test_teardown(a172_a_client_does_not_choose_where_a_lost_line_begins, finish),
		cmocka_unit_test_teardown(a172_one_peer_alone_is_not_believed, finish),
		cmocka_unit_test_teardown(a172_both_are_believed_where_they_agree_a_second_after_they_were_asked, finish),
		cmocka_unit_test_teardown(a172_nobody_is_believed_who_was_not_asked, finish),
		cmocka_unit_test_teardown(a172_strangers_do_not_have_a_session_forgotten, finish),
		cmocka_unit_test_teardown(a172_peers_are_asked_twice_a_second_at_most, finish),
		cmocka_unit_test_teardown(a172_peers_who_do_not_answer_are_asked_again, finish),
		cmocka_unit_test_teardown(a172_a_reset_and_what_acknowledges_nothing_have_nobody_asked, finish),
		cmocka_unit_test_teardown(a172_the_question_carries_the_senders_newest_timestamp, finish),
		cmocka_unit_test_teardown(a172_a_gap_that_stays_has_peers_asked_after_a_second, finish),
		cmocka_unit_test_teardown(a172_a_gap_alone_has_nobody_asked_within_a_second, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
