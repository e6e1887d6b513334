/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Single packets: numbers, overlaps, decoys and limits. What a peer makes by hand must not let its bytes past the
 * session, and what a bad road does must not stop the dialogue.
 */
#include "core/tcp/gateway_internal.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* Where the client's first byte behind the login is. */
#define BEHIND_LOGIN (sizeof("USER u\r\nPASS p\r\n") - 1)

static struct rig rig;

static void begin_logged_in(enum rig_nat nat)
{
	rig_begin(&rig, nat);
	rig_login(&rig);
}

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* --- where a segment lies --- */

static void old_bytes_are_answered_and_not_read(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "NOOP\r\n");
	rig_say(&rig, S, "200 ok\r\n");
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN, RIG_BOUNCE, 0), GATEWAY_REPLACE); /* longer: the rest is new */
	rig_assert_never_got(&rig, C, "PORT 10,0,0,99");
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN, "DELE\r\n", 0), GATEWAY_REPLACE);
	assert_int_equal(rig.output.reason, REASON_OLD);
	/* One byte that the receiver has, so that it says so again. */
	assert_int_equal(rig.left.payload.length, 1);
	rig_assert_never_got(&rig, C, "DELE");
}

static void old_bytes_are_answered_behind_edits_too(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	for (size_t offset = 0; offset < sizeof(RIG_PORT) - 2; offset++) {
		uint32_t expects = rig.at->peer[1].expects;

		assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN + offset, "x", 0), GATEWAY_REPLACE);
		assert_true(seq_before(seqadj_apply(&rig.at->seqadj[C], rig.left.seq), expects));
		assert_int_equal(rig.at->peer[1].expects, expects);
	}
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN "NOOP\r\n");
}

static void segments_behind_a_gap_wait_for_their_repetition(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN + 6, RIG_PORT, 0), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_OUT_OF_ORDER);
	assert_int_equal(rig.pinholes, 0);
	rig_say(&rig, C, "NOOP\r\n");
	rig_say(&rig, C, RIG_PORT);
	rig_assert_got(&rig, C, "NOOP\r\n" RIG_PORT_SEEN);
	assert_int_equal(rig.pinholes, 1);
}

/* A36: the first copy is law. */
static void a_lost_line_is_repeated_as_it_was_judged(void **state)
{
	static const char *const copies[] = {
		"PORT 10,0,0,99,0,2500\r\n", "DELE 10,0,0,5,4,999\r\n\r\n",
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
		"AUTH TLS\r\nUSER\r\nNOOPX\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(copies); index++) {
		begin_logged_in(RIG_SNAT);
		rig.lose = true;
		rig_say(&rig, C, RIG_PORT);
		rig.lose = false;
		rig_at(&rig, C, BEHIND_LOGIN, copies[index], 0);
		rig_at(&rig, C, BEHIND_LOGIN + 22, "\n", 0);
		rig_assert_got(&rig, C, RIG_PORT_SEEN);
		assert_int_equal(rig.pinholes_made, 1);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a_held_beginning_can_not_be_said_again_in_other_words(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	assert_int_equal(rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0,99,", 0), GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_HELD);
	rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0,5,195,149\r\n", 0);
	assert_int_equal(rig.pinholes_made, 0);
	rig_assert_never_got(&rig, C, "10,0,0");
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXXXXXX\r\n");
}

/* It looked harmless as far as it had come, and the server has that part. */
static void a_line_that_turns_bad_when_its_beginning_has_passed_ends_the_session(void **state)
{
	static const char *const ends[] = { "\x08\x08PASV\r\n", "\xff\xf8PASV\r\n", "b\rc\r\n" };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(ends); index++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, "RETR a");
		rig_assert_got(&rig, C, "RETR a");
		rig_say(&rig, C, ends[index]);
		assert_true(rig_reported(&rig, "session-close"));
		rig_assert_got(&rig, C, "RETR a");
		assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void an_overlap_is_what_passed_and_the_rest_is_new(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_say(&rig, C, "NOOP\r\n");
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN + 3, "XXXXNOOP\r\n", 0);
	rig_at(&rig, C, BEHIND_LOGIN, "DELE\r\n", 0);
	rig_at(&rig, C, BEHIND_LOGIN, "XXXXXXXXXXXXX", 0);
	rig_assert_got(&rig, C, "NOOP\r\nXNOOP\r\n");
}

/* A19: the receiver's window made it acknowledge a part of what an edit put in place. */
static void half_a_rewritten_line_is_repeated_without_damage(void **state)
{
	(void)state;
	for (uint32_t part = 1; part < sizeof(RIG_PORT_SEEN) - 1; part++) {
		struct rig_peer *server;

		begin_logged_in(RIG_SNAT);
		server = &rig.at->peer[1];
		rig.lose = true;
		rig_say(&rig, C, RIG_PORT);
		rig.lose = false;
		/* It has the first bytes. */
		memcpy(server->got + server->got_length, RIG_PORT_SEEN, part);
		server->got_length += part;
		server->expects += part;
		rig_acknowledge(&rig, S);
		rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT, 0);
		rig_say(&rig, C, "NOOP\r\n");
		rig_assert_got(&rig, C, RIG_PORT_SEEN "NOOP\r\n");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void keep_alives_are_answered_and_change_nothing(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_acknowledge(&rig, C);
	for (int direction = 0; direction < 2; direction++) {
		const struct rig_peer *peer = &rig.at->peer[direction];
		uint32_t expects = rig.at->peer[1 - direction].expects;

		/* RFC 9293 3.8.4: with or without one byte of garbage. */
		rig_packet(&rig, (enum direction)direction, peer->next - 1, peer->expects, TCP_ACK, 0, "", 0);
		assert_int_not_equal(rig.output.verdict, GATEWAY_DROP);
		assert_int_equal(rig.left.payload.length, 0);
		assert_int_equal(seqadj_apply(&rig.at->seqadj[direction], rig.left.seq), expects - 1);
		rig_packet(&rig, (enum direction)direction, peer->next - 1, peer->expects, TCP_ACK, 0, "x", 1);
		assert_int_not_equal(rig.output.verdict, GATEWAY_DROP);
		assert_true(seq_before(seqadj_apply(&rig.at->seqadj[direction], rig.left.seq), expects));
		assert_int_equal(rig.at->peer[1 - direction].expects, expects);
	}
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, RIG_PORT_SEEN "NOOP\r\n");
}

/* A line that grew must not make a segment that does not fit where the sender's did. */
static void merged_segments_are_cut_where_they_would_be_too_long(void **state)
{
	char line[1500];

	(void)state;
	begin_logged_in(RIG_SNAT);
	memset(line, 'x', sizeof(line));
	memcpy(line, "PASV ", 5);
	for (size_t at = 0; at < sizeof(line); at += 100) {
		rig_say_bytes(&rig, C, line + at, 100, 0);
		assert_int_equal(rig.output.reason, REASON_HELD);
	}
	rig_say(&rig, C, "\r\n");
	assert_in_range(rig.left.payload.length, 1, 1220);
	/* The sender learns how far that was, and repeats the rest. */
	for (size_t at = rig.at->peer[1].got_length; at < BEHIND_LOGIN + sizeof(line) + 2; at++)
		rig_at(&rig, C, at, "?", 0);
	assert_int_equal(rig.at->peer[1].got_length, BEHIND_LOGIN + sizeof(line) + 2);
	assert_memory_equal(rig.at->peer[1].got + BEHIND_LOGIN, line, sizeof(line));
}

/* --- decoys: packets that the receiver does not take --- */

static void segments_with_a_wrong_checksum_were_never_there(void **state)
{
	static const uint8_t line[] = "PORT 10,0,0,5,195,149\r\n";
	uint8_t packet[128];
	struct packet_plain plain = { .flags = TCP_ACK, .window = 1000 };
	struct bytes bytes = { packet, 0 };

	(void)state;
	begin_logged_in(RIG_SNAT);
	plain.tuple = (struct tuple){ rig.at->view.client, rig.at->view.server };
	plain.seq = rig.at->peer[0].next;
	plain.ack = rig.at->peer[0].expects;
	bytes.length = packet_build(&plain, packet);
	memcpy(packet + bytes.length, line, sizeof(line) - 1);
	bytes.length += sizeof(line) - 1;
	packet[3] = (uint8_t)bytes.length;
	gateway_packet(rig.gateway, bytes, NULL, rig.now, &rig.output);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_BAD_CHECKSUM);
	assert_int_equal(rig.pinholes_made, 0);
	rig_say(&rig, C, "DELE x\r\n");
	rig_assert_got(&rig, C, "DELE x\r\n");
}

/*
 * A FIN that the receiver does not take, because its TTL ends before or its timestamp is old, ends no line: the rest of
 * it, sent behind the FIN, is the server's second half.
 */
static void nothing_is_said_behind_a_fin(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "NOOP\r\n");
	rig.lose = true;
	rig_at(&rig, C, BEHIND_LOGIN + 6, "P", TCP_FIN);
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN + 6, "P", TCP_PSH);
	rig_at(&rig, C, BEHIND_LOGIN + 7, "ORT 10,0,0,99,0,25\r\n", TCP_PSH);
	rig_assert_never_got(&rig, C, "PORT 10,0,0,99");
	/* Nor with a number between. */
	rig_at(&rig, C, BEHIND_LOGIN + 8, "RT 10,0,0,99,0,25\r\n", TCP_PSH);
	rig_assert_never_got(&rig, C, "PORT 10,0,0,99");
}

static void a_line_is_not_completed_behind_a_fin(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0,5,23,11", TCP_FIN);
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN, "PORT 10,0,0,5,23,11", 0);
	rig_at(&rig, C, BEHIND_LOGIN + 19, "2\r\n", 0);
	rig_assert_never_got(&rig, C, ",23,112\r\n");
}

/* RFC 5961 3.2: the receiver answers a reset of any other number than the next with a challenge, and goes on. */
static void a_reset_that_the_receiver_ignores_ends_no_inspection(void **state)
{
	static const int32_t offsets[] = { 1, 5, 100, -1, -5, 1000000, INT32_MIN };

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(offsets); index++) {
		struct rig_peer *client;

		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, "NOOP\r\n");
		rig_say(&rig, S, "200 ok\r\n");
		client = &rig.at->peer[0];
		rig_packet(&rig, C, client->next + (uint32_t)offsets[index], client->expects, TCP_RST | TCP_ACK, 0, "",
			   0);
		assert_false(rig.at->peer[1].reset);
		rig_say(&rig, C, RIG_BOUNCE);
		rig_assert_never_got(&rig, C, "10,0,0,99");
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* The number is right, and still the receiver may not have seen it. */
static void a_reset_that_is_lost_ends_no_inspection(void **state)
{
	const struct rig_peer *client;

	(void)state;
	begin_logged_in(RIG_SNAT);
	client = &rig.at->peer[0];
	rig.lose = true;
	rig_packet(&rig, C, client->next, client->expects, TCP_RST | TCP_ACK, 0, "", 0);
	rig.lose = false;
	rig_say(&rig, C, RIG_BOUNCE);
	rig_assert_never_got(&rig, C, "10,0,0,99");
}

/* A stranger who knows addresses and ports, and guesses no number, can't end the session. */
static void a_reset_of_any_number_does_not_take_the_pinhole(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	rig_packet(&rig, S, rig.at->peer[1].next + 12345, 0, TCP_RST, 0, "", 0);
	assert_int_equal(rig.pinholes, 1);
	assert_false(rig_reported(&rig, "session-close"));
}

/* Without the flag the number in that field is nobody's word (RFC 9293 3.10.7.4: such a segment is dropped). */
static void a_segment_that_acknowledges_nothing_is_nobodys(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	assert_int_equal(rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_PSH, 0, "NOOP\r\n", 6),
			 GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_OUT_OF_WINDOW);
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
}

/* --- the carrier --- */

static void segments_that_make_the_carrier_act_are_dropped(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool dropped;
	} rows[] = {
		{ TEXT("\0\0\0\7\0\0\0\0"), true },
		{ TEXT("\0\0\0\7\r\n\r\n"), true },
		{ TEXT("\0\0\0\7\0\0\0"), false },
		{ TEXT("\0\0\0\7\0\0\0\0\0"), false },
		{ TEXT("\0\0\0\6\0\0\0\0"), false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		begin_logged_in(RIG_SNAT);
		rig_say(&rig, C, "AUTH TLS\r\n");
		rig_say(&rig, S, "234 go\r\n");
		rig_say_bytes(&rig, C, "\x16\x03\x01\x40\0", 5, 0);
		rig_say_bytes(&rig, S, "\x16\x03\x01\x40\0", 5, 0);
		rig_say_bytes(&rig, C, rows[index].bytes, rows[index].length, 0);
		assert_int_equal(rig.output.verdict == GATEWAY_DROP, rows[index].dropped);
		assert_true(!rows[index].dropped || rig.output.reason == REASON_CARRIER_TRIGGER);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* The helper sees what leaves, not what came. */
static void segments_that_become_the_carriers_are_dropped_too(void **state)
{
	const struct rig_peer *client;

	(void)state;
	begin_logged_in(RIG_SNAT);
	client = &rig.at->peer[0];
	rig_say(&rig, C, "AUTH TLS\r\n");
	rig_say(&rig, S, "234 go\r\n");
	rig_say(&rig, C, "\x16\x03\x01\x02");
	rig_acknowledge(&rig, S);
	/* Four bytes that have been acknowledged and eight that are new. */
	rig_packet(&rig, C, client->next - 4, client->expects, TCP_ACK, 0, "\x16\x03\x01\x02\0\0\0\7\0\0\0\0", 12);
	assert_false(rig.left.payload.length == 8 && memcmp(rig.left.payload.data, "\0\0\0\7", 4) == 0);
}

/* --- limits --- */

static void lines_up_to_the_limit_pass_and_longer_ones_end_the_session(void **state)
{
	static const struct {
		size_t content;
		const char *end;
		bool closed;
	} rows[] = {
		{ 63, "\r\n", false }, { 64, "\r\n", false }, { 65, "\r\n", true }, { 64, "\n", false },
		{ 65, "\n", true },
		{ 200, "\r\n", true },
	};
	char line[256];

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(rows); index++) {
		size_t content = rows[index / 2].content;
		size_t step = index % 2 == 0 ? sizeof(line) : 7;

		rig_make(&rig, RIG_SNAT);
		rig.limits.line = 64;
		rig_start(&rig);
		rig_login(&rig);
		memset(line, 'x', sizeof(line));
		memcpy(line, "RETR ", 5);
		memcpy(line + content, rows[index / 2].end, strlen(rows[index / 2].end));
		for (size_t at = 0; at < content + strlen(rows[index / 2].end); at += step) {
			size_t rest = content + strlen(rows[index / 2].end) - at;

			rig_say_bytes(&rig, C, line + at, rest < step ? rest : step, 0);
		}
		if (rig_reported(&rig, "session-close:line-too-long") != rows[index / 2].closed)
			fail_msg("%zu bytes in steps of %zu", content, step);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* A43. */
static void a_line_without_end_is_ended(void **state)
{
	static char text[1000];
	unsigned int sent = 0;

	(void)state;
	begin_logged_in(RIG_SNAT);
	memset(text, 'x', sizeof(text));
	for (; sent < 1000 && !rig_reported(&rig, "session-close"); sent++) {
		rig_say_bytes(&rig, C, text, sizeof(text), 0);
		rig_acknowledge(&rig, S);
	}
	assert_in_range(sent, 4, 6);
	assert_true(rig_reported(&rig, "session-close:line-too-long"));
	assert_true(rig.at->peer[0].reset && rig.at->peer[1].reset);
}

static void an_exhausted_pool_stops_lines_and_loses_none(void **state)
{
	static char reply[400];

	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.memory = 6 * BUFFER_BLOCK_SIZE;
	rig_start(&rig);
	rig_login(&rig);
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "200 ", 4);
	memcpy(reply + sizeof(reply) - 2, "\r\n", 2);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_not_equal(rig_say_bytes(&rig, S, reply, sizeof(reply), 0), GATEWAY_DROP);
	/* Nothing of it has been acknowledged. */
	assert_int_equal(rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, reply,
				    sizeof(reply)),
			 GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_MEMORY_FULL);
	assert_false(rig_reported(&rig, "session-close"));
	rig_acknowledge(&rig, C);
	assert_int_not_equal(rig_say_bytes(&rig, S, reply, sizeof(reply), 0), GATEWAY_DROP);
	rig_acknowledge(&rig, C);
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "NOOP\r\n");
	assert_int_equal(rig.at->peer[0].got_length,
			 sizeof("220 ready\r\n331 password\r\n230 in\r\n") - 1 + 4 * sizeof(reply));
}

static void an_exhausted_pool_stops_beginnings_and_records_too(void **state)
{
	static char text[400];

	(void)state;
	for (int opaque = 0; opaque < 2; opaque++) {
		unsigned int segments = 0;

		rig_make(&rig, RIG_SNAT);
		rig.limits.memory = 6 * BUFFER_BLOCK_SIZE;
		rig_start(&rig);
		rig_login(&rig);
		if (opaque) {
			rig_say(&rig, C, "AUTH TLS\r\n");
			rig_say(&rig, S, "234 go\r\n");
			rig_acknowledge(&rig, C);
		}
		memset(text, 'x', sizeof(text));
		memcpy(text, opaque ? "\x16\x03\x01\x3f\xff" : "CWD x", 5);
		/* Nothing of it is acknowledged. */
		while (segments < 20 &&
		       rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 0, text,
				  sizeof(text)) != GATEWAY_DROP) {
			rig.at->peer[0].next += sizeof(text);
			memset(text, 'x', sizeof(text));
			segments++;
		}
		assert_in_range(segments, 1, 7);
		assert_int_equal(rig.output.reason, REASON_MEMORY_FULL);
		assert_false(rig_reported(&rig, "session-close"));
		/* Records are kept until they are acknowledged. */
		rig_acknowledge(&rig, S);
		if (opaque)
			assert_int_not_equal(rig_say_bytes(&rig, C, text, sizeof(text), 0), GATEWAY_DROP);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

static void a_full_window_stops_lines_and_loses_none(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.unacknowledged = 200;
	rig_start(&rig);
	rig_login(&rig);
	while (rig_packet(&rig, S, rig.at->peer[1].next, rig.at->peer[1].expects, TCP_ACK, 0, "200 0123456789\r\n",
			  16) !=
	       GATEWAY_DROP)
		rig.at->peer[1].next += 16;
	assert_int_equal(rig.output.reason, REASON_WINDOW_FULL);
	assert_in_range(rig.at->peer[1].next - rig.at->peer[1].first, 64, 250);
	rig_acknowledge(&rig, C);
	assert_int_not_equal(rig_say(&rig, S, "200 0123456789\r\n"), GATEWAY_DROP);
	assert_false(rig_reported(&rig, "session-close"));
}

/* Lines that had room leave, the next one waits, and what was in their segment is not lost. */
static void a_segment_is_taken_as_far_as_there_is_room(void **state)
{
	static const char lines[] =
		"200 0123456789\r\n200 1123456789\r\n200 2123456789\r\n200 3123456789\r\n"
		"200 4123456789\r\n200 5123456789\r\n200 6123456789\r\n200 7123456789\r\n"
		"200 8123456789\r\n200 9123456789\r\n";

	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.unacknowledged = 150;
	rig_start(&rig);
	rig_login(&rig);
	for (unsigned int i = 0; i < 20 && rig.at->peer[0].got_length < 33 + sizeof(lines) - 1; i++) {
		rig_at(&rig, S, 33, lines, TCP_PSH);
		rig_acknowledge(&rig, C);
	}
	rig_assert_got(&rig, S, lines);
}

static void a_fifth_edit_waits_until_one_is_acknowledged(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	for (unsigned int i = 0; i < SEQADJ_EDITS_MAX; i++)
		assert_int_equal(rig_say(&rig, C, RIG_PORT), GATEWAY_REPLACE);
	assert_int_equal(rig_packet(&rig, C, rig.at->peer[0].next, rig.at->peer[0].expects, TCP_ACK, 0, RIG_PORT, 23),
			 GATEWAY_DROP);
	assert_int_equal(rig.output.reason, REASON_EDITS_FULL);
	assert_int_equal(rig.pinholes_made, SEQADJ_EDITS_MAX);
	rig_acknowledge(&rig, S);
	assert_int_equal(rig_say(&rig, C, RIG_PORT), GATEWAY_REPLACE);
	rig_assert_got(&rig, C, RIG_PORT_SEEN RIG_PORT_SEEN RIG_PORT_SEEN RIG_PORT_SEEN RIG_PORT_SEEN);
}

static void sack_blocks_do_not_cross_two_edits(void **state)
{
	static const uint8_t blocks[] = { 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9 };
	uint8_t packet[128] = { 0 };
	struct packet_plain plain = { .flags = TCP_ACK, .window = 1000, .timestamps = { true, 1, 2 } };
	struct packet before;
	struct packet_change change = { .flags = TCP_ACK };
	uint8_t out[128];
	struct bytes bytes = { packet, 0 };

	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, C, RIG_PORT);
	plain.tuple = (struct tuple){ rig.at->view.server, rig.at->view.client };
	bytes.length = packet_build(&plain, packet);
	/* The blocks take the timestamps' place. */
	memcpy(packet + 40, blocks, sizeof(blocks));
	assert_int_equal(packet_parse(bytes, &before), REASON_NONE);
	change.seq = rig.at->peer[1].next;
	change.ack = rig.at->peer[1].expects;
	bytes.length = packet_rewrite(bytes, &before, &change, out, sizeof(out));
	bytes.data = out;
	gateway_packet(rig.gateway, bytes, NULL, rig.now, &rig.output);
	assert_int_equal(rig.output.verdict, GATEWAY_REPLACE);
	for (size_t i = 0; i < sizeof(blocks); i++)
		assert_int_equal(rig.output.packet[40 + i], 1);
}

/* --- the kernel says no --- */

static void an_edit_that_the_kernel_does_not_take_is_a_refusal(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.seqadj_kept = false;
	rig_start(&rig);
	rig_login(&rig);
	rig_say(&rig, C, RIG_PORT);
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXXXXXX\r\n");
	assert_int_equal(rig.pinholes, 0);
	assert_int_equal(rig.pinholes_made, 1);
	assert_true(rig_reported(&rig, "refuse:no-resize"));
	rig_say(&rig, S, "501 no\r\n");
	rig_say(&rig, C, "NOOP\r\n");
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXXXXXX\r\nNOOP\r\n");
}

static void without_a_carrier_offers_are_refused_and_the_rest_goes_on(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.carrier = false;
	rig_start(&rig);
	rig_shake(&rig);
	rig_acknowledge(&rig, C);
	assert_true(rig_reported(&rig, "anomaly:no-carrier"));
	rig.at->peer[0].got_length = 0;
	rig_say(&rig, S, "220 ready\r\n");
	rig_say(&rig, C, "USER u\r\n");
	rig_say(&rig, S, "331 password\r\n");
	rig_say(&rig, C, "PASS p\r\n");
	rig_say(&rig, S, "230 in\r\n");
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:no-carrier"));
	rig_assert_got(&rig, C, "PORT XXXXXXXXXXXXXXXX\r\n");
}

static void packets_that_are_no_segments_pass_or_not_as_configured(void **state)
{
	static const uint8_t udp[] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 5, 203, 0, 113, 9, 0, 21, 0,
				       21, 0, 8 };
	struct bytes bytes = { udp, sizeof(udp) };

	(void)state;
	for (int open = 0; open < 2; open++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.malformed_open = open;
		rig_start(&rig);
		gateway_packet(rig.gateway, bytes, NULL, 1, &rig.output);
		assert_int_equal(rig.output.verdict, open ? GATEWAY_ACCEPT : GATEWAY_DROP);
		assert_int_equal(rig.output.reason, REASON_SHORT_PACKET);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* "Nothing is dropped in silence." */
static void every_dropped_packet_has_a_reason(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig_say(&rig, C, "NOOP\r\0\r\n");
	rig_say_bytes(&rig, C, "\0\r\n", 3, 0);
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	assert_int_not_equal(rig.output.reason, REASON_NONE);
	rig_say(&rig, C, "NOOP\r\n");
	assert_int_equal(rig.output.verdict, GATEWAY_DROP);
	assert_int_not_equal(rig.output.reason, REASON_NONE);
	assert_int_equal(gateway_get_counters(rig.gateway)->dropped,
			 gateway_get_counters(rig.gateway)->packets - gateway_get_counters(rig.gateway)->replaced -
			 gateway_get_counters(rig.gateway)->reasons[REASON_NONE]);
}

/* Segments that an edit makes longer are cut, so no peer can bring this about; it is the last resort. */
static void a_packet_that_would_be_too_long_is_dropped_with_a_reason(void **state)
{
	static const uint8_t payload[GATEWAY_PACKET_MAX];
	static struct gateway_output output;
	struct passage passage = { .output = &output };

	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_shake(&rig);
	passage.gateway = rig.gateway;
	passage.bytes = (struct bytes){ rig.left_bytes, rig.left.length };
	assert_int_equal(packet_parse(passage.bytes, &passage.packet), REASON_NONE);
	for (size_t more = 0; more < 2; more++) {
		size_t most = GATEWAY_PACKET_MAX - passage.packet.ip_header - passage.packet.tcp_header;

		passage.change.payload = (struct bytes){ payload, most + more };
		passage_replace(&passage, REASON_NONE);
		assert_int_equal(output.verdict, more ? GATEWAY_DROP : GATEWAY_REPLACE);
		assert_int_equal(output.reason, more ? REASON_LONG_PACKET : REASON_NONE);
	}
}

/* A SYN and ACK leaves as it came, but for what would have its receiver read another stream. */
static void a87_the_handshake_agrees_on_nothing_that_changes_what_is_read(void **state)
{
	static const uint8_t flags[] = { TCP_SYN | TCP_ACK, TCP_SYN | TCP_ACK | TCP_URG };
	static const uint8_t padding[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

	(void)state;
	rig_begin(&rig, RIG_PLAIN);
	rig.at->shaken = true;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct packet_plain plain = {
			.tuple = nat_view_tuple(&rig.at->view, S),
			.seq = rig.at->peer[S].first - 1,
			.ack = rig.at->peer[C].first,
			.flags = flags[i],
			.timestamps = { .present = true, .value = 1, .echo = 2 },
		};
		uint8_t bytes[PACKET_PLAIN_MAX];
		const size_t length = packet_build(&plain, bytes);
		uint8_t *tcp = bytes + 20;
		uint32_t sum = (uint16_t)~(tcp[16] << 8 | tcp[17]);

		/* The kind of MPTCP in place of that of timestamps, and the checksum that is right then (RFC 1624). */
		sum += (30 - 8) << 8;
		sum = (sum & 0xffff) + (sum >> 16);
		tcp[22] = 30;
		tcp[16] = (uint8_t)(~sum >> 8);
		tcp[17] = (uint8_t)~sum;
		gateway_packet(rig.gateway, (struct bytes){ bytes, length }, NULL, rig.now, &rig.output);
		assert_int_equal(rig.output.verdict, GATEWAY_REPLACE);
		assert_memory_equal(rig.output.packet + 40, padding, sizeof(padding));
		assert_int_equal(rig.output.packet[20 + 13], TCP_SYN | TCP_ACK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a87_the_handshake_agrees_on_nothing_that_changes_what_is_read, finish),
		cmocka_unit_test_teardown(old_bytes_are_answered_and_not_read, finish),
		cmocka_unit_test_teardown(old_bytes_are_answered_behind_edits_too, finish),
		cmocka_unit_test_teardown(segments_behind_a_gap_wait_for_their_repetition, finish),
		cmocka_unit_test_teardown(a_lost_line_is_repeated_as_it_was_judged, finish),
		cmocka_unit_test_teardown(a_held_beginning_can_not_be_said_again_in_other_words, finish),
		cmocka_unit_test_teardown(a_line_that_turns_bad_when_its_beginning_has_passed_ends_the_session, finish),
		cmocka_unit_test_teardown(an_overlap_is_what_passed_and_the_rest_is_new, finish),
		cmocka_unit_test_teardown(half_a_rewritten_line_is_repeated_without_damage, finish),
		cmocka_unit_test_teardown(keep_alives_are_answered_and_change_nothing, finish),
		cmocka_unit_test_teardown(merged_segments_are_cut_where_they_would_be_too_long, finish),
		cmocka_unit_test_teardown(segments_with_a_wrong_checksum_were_never_there, finish),
		cmocka_unit_test_teardown(nothing_is_said_behind_a_fin, finish),
		cmocka_unit_test_teardown(a_line_is_not_completed_behind_a_fin, finish),
		cmocka_unit_test_teardown(a_reset_that_the_receiver_ignores_ends_no_inspection, finish),
		cmocka_unit_test_teardown(a_reset_that_is_lost_ends_no_inspection, finish),
		cmocka_unit_test_teardown(a_reset_of_any_number_does_not_take_the_pinhole, finish),
		cmocka_unit_test_teardown(a_segment_that_acknowledges_nothing_is_nobodys, finish),
		cmocka_unit_test_teardown(a_packet_that_would_be_too_long_is_dropped_with_a_reason, finish),
		cmocka_unit_test_teardown(segments_that_make_the_carrier_act_are_dropped, finish),
		cmocka_unit_test_teardown(segments_that_become_the_carriers_are_dropped_too, finish),
		cmocka_unit_test_teardown(lines_up_to_the_limit_pass_and_longer_ones_end_the_session, finish),
		cmocka_unit_test_teardown(a_line_without_end_is_ended, finish),
		cmocka_unit_test_teardown(an_exhausted_pool_stops_lines_and_loses_none, finish),
		cmocka_unit_test_teardown(an_exhausted_pool_stops_beginnings_and_records_too, finish),
		cmocka_unit_test_teardown(a_full_window_stops_lines_and_loses_none, finish),
		cmocka_unit_test_teardown(a_segment_is_taken_as_far_as_there_is_room, finish),
		cmocka_unit_test_teardown(a_fifth_edit_waits_until_one_is_acknowledged, finish),
		cmocka_unit_test_teardown(sack_blocks_do_not_cross_two_edits, finish),
		cmocka_unit_test_teardown(an_edit_that_the_kernel_does_not_take_is_a_refusal, finish),
		cmocka_unit_test_teardown(without_a_carrier_offers_are_refused_and_the_rest_goes_on, finish),
		cmocka_unit_test_teardown(packets_that_are_no_segments_pass_or_not_as_configured, finish),
		cmocka_unit_test_teardown(every_dropped_packet_has_a_reason, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
