/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Urgent data. Some receivers take the urgent byte out of the stream, some the one behind it (RFC 6093), and most leave it
 * in its place. What leaves as urgent must be a command of the same meaning to all of them, and what a client meant as
 * Telnet's Synch around ABOR (RFC 959 4.1.3) must wake its server, however the gateway held, cut and repeated it.
 */
#include "core/ftp/telnet.h"
#include "ftpalg/parse.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* Where the client's first byte behind the login is. */
#define BEHIND_LOGIN (sizeof("USER u\r\nPASS p\r\n") - 1)

#define SYNCH "\xff\xf4\xff\xf2"
#define ABOR SYNCH "ABOR\r\n"

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

/* The next bytes of a peer, of which the one before pointer is urgent; 0: none is. */
static enum gateway_verdict say(enum direction direction, const char *text, size_t length, uint16_t pointer)
{
	struct rig_peer *peer = &rig.at->peer[direction];
	const uint32_t seq = peer->next;

	peer->next += (uint32_t)length;
	return rig_packet(&rig, direction, seq, peer->expects, pointer > 0 ? TCP_ACK | TCP_URG : TCP_ACK, pointer, text,
			  length);
}

#define SAY(direction, literal, pointer) say(direction, literal, sizeof(literal) - 1, pointer)

/* The urgent pointer with which the last packet left; 0: without. */
static uint16_t pointer_that_left(void)
{
	assert_int_equal(rig.left.flags & TCP_URG ? rig.left.urgent : 0, rig.left.urgent);
	return rig.left.urgent;
}

static void urgent_data_is_telnets_synch_or_ordinary(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		uint16_t urgent; /* one behind the urgent byte */
		bool kept;
	} rows[] = {
		{ TEXT(ABOR), 4, true },
		{ TEXT(ABOR), 3, true },
		{ TEXT(ABOR), 1, true }, /* as lftp sends it */
		{ TEXT(ABOR), 2, false },
		{ TEXT(ABOR), 5, false },
		{ TEXT(ABOR), 11, false },
		{ TEXT(ABOR), 0, false },
		{ TEXT(ABOR), 65535, false },
		{ TEXT(SYNCH "STAT f\r\n"), 4, true },
		{ TEXT("NOOP\r\n" ABOR), 10, true },
		{ TEXT("NOOP\r\n"), 1, false },
		{ TEXT("NOOP\r\n"), 6, false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		const struct rig_peer *client;

		begin_logged_in(RIG_SNAT);
		client = &rig.at->peer[0];
		rig_packet(&rig, C, client->next, client->expects, TCP_ACK | TCP_URG, rows[index].urgent, rows[index].text,
			   rows[index].length);
		if ((pointer_that_left() != 0) != rows[index].kept)
			fail_msg("row %zu", index);
		assert_int_equal(rig.left.urgent, rows[index].kept ? rows[index].urgent : 0);
		assert_int_equal(rig.left.payload.length, rows[index].length);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* What it leaves as must be urgent too, wherever the client's own packet ended. */
static void a123_a_synch_that_comes_in_pieces_leaves_as_one(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < sizeof(ABOR) - 1; cut++) {
		for (uint16_t urgent = 1; urgent <= 4; urgent++) {
			begin_logged_in(RIG_SNAT);
			assert_int_equal(say(C, ABOR, cut, urgent <= cut ? urgent : 0), GATEWAY_DROP);
			say(C, ABOR + cut, sizeof(ABOR) - 1 - cut, urgent > cut ? (uint16_t)(urgent - cut) : 0);
			assert_int_equal(rig.left.payload.length, sizeof(ABOR) - 1);
			assert_int_equal(pointer_that_left(), urgent == 2 ? 0 : urgent);
			rig_end(&rig);
		}
	}
	rig_begin(&rig, RIG_SNAT);
}

/* The gateway acknowledges the piece in the server's name, so the client does not send it again. */
static void a123_a_synch_that_was_acknowledged_early_is_urgent_when_it_leaves(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	SAY(C, "\xff\xf4\xff", 3);
	rig.now += 100000;
	gateway_tick(rig.gateway, rig.now);
	assert_true(rig.injected_count > 0);
	rig.lose = true;
	SAY(C, "\xf2" "ABOR\r\n", 0);
	assert_int_equal(pointer_that_left(), 3);
	/* Lost, and repeated from the output. */
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN + 3, "\xf2" "ABOR\r\n", 0);
	assert_int_equal(pointer_that_left(), 3);
	rig_assert_got(&rig, C, ABOR);
	/* The server has it; what follows is ordinary. */
	rig_say(&rig, S, "226 aborted\r\n");
	rig_say(&rig, C, "NOOP\r\n");
	assert_int_equal(pointer_that_left(), 0);
}

/* The pointer counts from where the packet begins, which is elsewhere behind a line that grew, and before it. */
static void a123_the_pointer_leads_to_the_same_byte_behind_an_edit(void **state)
{
	(void)state;
	begin_logged_in(RIG_SNAT);
	rig.lose = true;
	rig_say(&rig, C, RIG_PORT);
	SAY(C, ABOR, 4);
	assert_int_equal(pointer_that_left(), 4);
	rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT ABOR, 0);
	assert_int_equal(rig.left.payload.length, sizeof(RIG_PORT_SEEN ABOR) - 1);
	assert_int_equal(pointer_that_left(), sizeof(RIG_PORT_SEEN) - 1 + 4);
	/* And a segment that ends before the byte, or begins behind it, has none. */
	rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT, 0);
	assert_int_equal(pointer_that_left(), 0);
	rig_at(&rig, C, BEHIND_LOGIN + sizeof(RIG_PORT) - 1 + 4, "ABOR\r\n", 0);
	assert_int_equal(pointer_that_left(), 0);
	rig.lose = false;
	rig_at(&rig, C, BEHIND_LOGIN, RIG_PORT ABOR, 0);
	rig_assert_got(&rig, C, RIG_PORT_SEEN ABOR);
}

/* A client that repeats more than it said at first, or points elsewhere the second time, is answered from the output. */
static void a123_every_repetition_of_a_synch_is_urgent_as_the_first_copy_was(void **state)
{
	static const struct {
		const char *text;
		uint16_t pointer;
	} rows[] = {
		{ ABOR, 4 }, { ABOR, 6 }, { ABOR, 0 }, { ABOR "NOOP\r\n", 4 }, { ABOR "NOOP\r\n", 3 }, { ABOR "NOOP\r\n", 0 },
	};
	const struct rig_peer *client;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		begin_logged_in(RIG_SNAT);
		client = &rig.at->peer[0];
		rig.lose = true;
		SAY(C, ABOR, 4);
		rig.lose = false;
		rig_packet(&rig, C, client->first + BEHIND_LOGIN, client->expects,
			   rows[index].pointer > 0 ? TCP_ACK | TCP_URG : TCP_ACK, rows[index].pointer, rows[index].text,
			   strlen(rows[index].text));
		assert_int_equal(pointer_that_left(), 4);
		rig_assert_got(&rig, C, rows[index].text);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Or another byte would be, four gigabytes later. */
static void a123_an_urgent_byte_that_was_acknowledged_is_forgotten(void **state)
{
	static struct buffer_block blocks[4];
	struct buffer_pool pool;
	struct stream stream = { .started = false };
	const struct seqadj none = { 0, 0, 0 };
	struct stream_range range = { .out = 1, .length = 10 };

	(void)state;
	rig_begin(&rig, RIG_SNAT);
	buffer_pool_init(&pool, blocks, ARRAY_SIZE(blocks));
	stream_start(&stream, &pool, 1, &none, false);
	stream_note_urgent(&stream, 5);
	assert_int_equal(stream_find_urgent(&stream, &range), 0);
	stream.urgency = STREAM_URGENT_GRANTED;
	stream_pass(&stream, &pool, unit_string(ABOR));
	assert_int_equal(stream_find_urgent(&stream, &range), 4);
	stream_acknowledge(&stream, &pool, 4);
	assert_int_equal(stream_find_urgent(&stream, &range), 4);
	stream_acknowledge(&stream, &pool, 5);
	assert_int_equal(stream_find_urgent(&stream, &range), 0);
	stream_end(&stream, &pool);
}

/*
 * A47 with A36. A receiver without SO_OOBINLINE takes the urgent byte out of the stream. What matters is the byte that
 * leaves, which is that of the first copy, and whether that one was urgent.
 */
static void a123_a_repetition_can_not_make_a_judged_byte_urgent(void **state)
{
	static const struct {
		const char *first;
		const char *second;
	} rows[] = {
		{ "XPORT 10,0,0,99,0,25\r\n", "\xffPORT 10,0,0,99,0,25\r\n" },
		{ ABOR, ABOR },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		const struct rig_peer *client;

		begin_logged_in(RIG_SNAT);
		client = &rig.at->peer[0];
		rig.lose = true;
		rig_say(&rig, C, rows[index].first);
		rig.lose = false;
		rig_packet(&rig, C, client->first + BEHIND_LOGIN, client->expects, TCP_ACK | TCP_URG, 1, rows[index].second,
			   strlen(rows[index].second));
		assert_int_equal(pointer_that_left(), 0);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Whoever reads the line, with or without the byte that is urgent, or the one behind it, reads the same command. */
static void a123_no_byte_that_may_be_taken_out_makes_another_command(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} lines[] = {
		{ TEXT("CWD \xff\xff\xf8PORT 10,0,0,99,0,25") },
		{ TEXT("CWD \xff\xff\xf7\xff\xff\xf7\xff\xff\xf7\xff\xff\xf7PORT 10,0,0,99,0,25") },
		{ TEXT("NOOP x\xff\xff\xf2PASV") },
		{ TEXT("STOR a\xff\xff" "b") },
		{ TEXT("\xff\xff\xf2PORT 10,0,0,99,0,25") },
		{ TEXT("\xff\xf4\xff\xf2XPASV") },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR") },
		{ TEXT("\xff\xfb\x01STAT f") },
		{ TEXT("X\xffPASV") },
		{ TEXT("\xff\xf2\xff\xf2NOOP") },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lines); index++) {
		for (uint16_t pointer = 1; pointer <= lines[index].length; pointer++) {
			uint8_t line[64];
			uint8_t left[64];
			struct command judged;

			memcpy(line, lines[index].text, lines[index].length);
			memcpy(line + lines[index].length, "\r\n", 2);
			begin_logged_in(RIG_PLAIN);
			say(C, (const char *)line, lines[index].length + 2, pointer);
			parse_command((struct bytes){ rig.left.payload.data, rig.left.payload.length - 2 }, &judged);
			for (size_t taken = pointer_that_left() - 1u; rig.left.urgent > 0 && taken <= rig.left.urgent;
			     taken++) {
				const size_t length = rig.left.payload.length - 2;
				const struct bytes read = { left, length - 1 };
				struct command command;

				memcpy(left, rig.left.payload.data, taken);
				memcpy(left + taken, rig.left.payload.data + taken + 1, length - taken - 1);
				parse_command(read, &command);
				if (command.verb != judged.verb && verb_matters(command.verb))
					fail_msg("line %zu, byte %zu", index, taken);
				assert_int_equal(telnet_find_erased_verb(read), VERB_UNKNOWN);
			}
			rig_end(&rig);
		}
	}
	rig_begin(&rig, RIG_SNAT);
}

/* A server has nothing to interrupt, and clients read its replies without the byte. */
static void a123_no_reply_is_urgent(void **state)
{
	(void)state;
	begin_logged_in(RIG_PLAIN);
	SAY(S, "\xff\xf2" "200 ok\r\n", 2);
	assert_int_equal(pointer_that_left(), 0);
	SAY(S, "2\xff" "27 x\r\n", 2);
	assert_int_equal(pointer_that_left(), 0);
}

/* The first line of an adopted stream may be the rest of another, within which a code is a byte of a name. */
static void a123_the_rest_of_a_line_is_not_urgent(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_PLAIN);
	rig_say(&rig, S, "200 ok\r\n");
	rig_settle(&rig);
	rig_acknowledge(&rig, S);
	SAY(C, ABOR, 4);
	assert_int_equal(rig.left.payload.length, sizeof(ABOR) - 1);
	assert_int_equal(pointer_that_left(), 0);
	SAY(C, ABOR, 4);
	assert_int_equal(pointer_that_left(), 4);
}

/*
 * Linux takes the byte to which the last urgent pointer led, and its own packet need not say so. A packet without payload
 * can point there before the byte is judged, and where the gateway has no session such packets pass.
 */
static void a124_no_pointer_leads_to_a_byte_that_is_yet_to_come(void **state)
{
	static const uint8_t flags[] = { TCP_ACK | TCP_URG, TCP_ACK | TCP_URG | TCP_PSH, TCP_RST | TCP_URG, TCP_URG };
	static const enum { UNKNOWN, EMBRYO, LIVE, OVER } states[] = { UNKNOWN, EMBRYO, LIVE, OVER };
	unsigned int left = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags) * ARRAY_SIZE(states) * 2; i++) {
		const enum direction direction = i % 2 ? S : C;
		const uint8_t flag = flags[i / 2 % ARRAY_SIZE(flags)];
		const size_t where = i / 2 / ARRAY_SIZE(flags);
		const struct rig_peer *peer;

		rig_begin(&rig, RIG_PLAIN);
		peer = &rig.at->peer[direction];
		if (states[where] == EMBRYO)
			rig_shake(&rig);
		else if (states[where] != UNKNOWN)
			rig_login(&rig);
		if (states[where] == OVER) {
			rig_say_bytes(&rig, C, "", 0, TCP_FIN);
			rig_say_bytes(&rig, S, "", 0, TCP_FIN);
			rig_acknowledge(&rig, C);
		}
		if (rig_packet(&rig, direction, peer->next, peer->expects, flag, 2, "", 0) != GATEWAY_DROP) {
			assert_int_equal(pointer_that_left(), 0);
			assert_int_equal(rig.left.flags, flag & ~TCP_URG);
			left++;
		}
		rig_end(&rig);
	}
	assert_true(left > ARRAY_SIZE(flags) * ARRAY_SIZE(states));
	rig_begin(&rig, RIG_SNAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(urgent_data_is_telnets_synch_or_ordinary, finish),
		cmocka_unit_test_teardown(a123_a_synch_that_comes_in_pieces_leaves_as_one, finish),
		cmocka_unit_test_teardown(a123_a_synch_that_was_acknowledged_early_is_urgent_when_it_leaves, finish),
		cmocka_unit_test_teardown(a123_the_pointer_leads_to_the_same_byte_behind_an_edit, finish),
		cmocka_unit_test_teardown(a123_every_repetition_of_a_synch_is_urgent_as_the_first_copy_was, finish),
		cmocka_unit_test_teardown(a123_an_urgent_byte_that_was_acknowledged_is_forgotten, finish),
		cmocka_unit_test_teardown(a123_a_repetition_can_not_make_a_judged_byte_urgent, finish),
		cmocka_unit_test_teardown(a123_no_byte_that_may_be_taken_out_makes_another_command, finish),
		cmocka_unit_test_teardown(a123_no_reply_is_urgent, finish),
		cmocka_unit_test_teardown(a123_the_rest_of_a_line_is_not_urgent, finish),
		cmocka_unit_test_teardown(a124_no_pointer_leads_to_a_byte_that_is_yet_to_come, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
