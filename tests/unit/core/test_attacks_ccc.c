/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A65 of the attack catalogue: CCC ends TLS, and what is said in clear behind it is judged as if there had been none.
 *
 * A dialogue is a list of turns. A turn in TLS is a record of a type and a length; its body is a line feed and offers
 * that nobody may ever read.
 */
#include "attack.h"

#define TURNS_MAX 24
#define BODY "\r\nPORT 10,0,0,99,0,25\r\n227 Entering Passive Mode (203,0,113,9,195,82)\r\n"
#define RECORD_MAX 20000

/* Content types. */
enum { CIPHER = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23, BEAT = 24 };

struct turn {
	enum direction direction;
	uint8_t type;     /* 0: text */
	uint16_t length;  /* of the record's body */
	const char *text;
};

#define R(direction, type, length) { direction, type, length, NULL }
#define T(direction, text) { direction, 0, 0, text }

/* One after the other, up to CCC and its close_notify. */
struct shape {
	const char *name;
	struct turn turns[TURNS_MAX];
};

static const struct shape shapes[] = {
	{ "TLS 1.2, both say goodbye", {
		R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(S, HANDSHAKE, 900), R(S, HANDSHAKE, 4), R(C, HANDSHAKE, 37),
		R(C, CIPHER, 1), R(C, HANDSHAKE, 40), R(S, HANDSHAKE, 202), R(S, CIPHER, 1), R(S, HANDSHAKE, 40),
		R(C, DATA, 32), R(S, DATA, 60), R(C, DATA, 29), R(S, DATA, 64), R(S, ALERT, 26), R(C, ALERT, 26) } },
	{ "TLS 1.2 with CBC, resumed, CCC first", {
		R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(S, CIPHER, 1), R(S, HANDSHAKE, 80), R(C, CIPHER, 1),
		R(C, HANDSHAKE, 80), R(C, DATA, 80), R(S, DATA, 96), R(C, ALERT, 64), R(S, ALERT, 64) } },
	{ "TLS 1.2, a client that sends no alert", {
		R(C, HANDSHAKE, 300), R(S, HANDSHAKE, 90), R(C, CIPHER, 1), R(C, HANDSHAKE, 40), R(S, CIPHER, 1),
		R(S, HANDSHAKE, 40), R(C, DATA, 29), R(S, DATA, 64), R(S, ALERT, 26) } },
	{ "TLS 1.3", {
		R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, CIPHER, 1), R(S, DATA, 1300), R(C, CIPHER, 1),
		R(C, DATA, 53), R(S, DATA, 250), R(S, DATA, 250), R(C, DATA, 29), R(S, DATA, 60), R(C, DATA, 22),
		R(S, DATA, 50), R(S, DATA, 19), R(C, DATA, 19) } },
	{ "TLS 1.3, another hello asked for", {
		R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 88), R(S, CIPHER, 1), R(C, CIPHER, 1), R(C, HANDSHAKE, 512),
		R(S, HANDSHAKE, 155), R(S, DATA, 1300), R(C, DATA, 69), R(C, DATA, 22), R(S, DATA, 50), R(S, DATA, 19) } },
	{ "TLS 1.3, no cipher change, heartbeats, CCC first", {
		R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 23), R(S, DATA, 900), R(C, DATA, 69),
		R(C, BEAT, 40), R(S, BEAT, 40), R(C, DATA, 22), R(S, DATA, 50), R(C, DATA, 19), R(S, DATA, 19) } },
};

static struct bytes turn_bytes(const struct turn *turn)
{
	static uint8_t record[RECORD_MAX];

	if (turn->type == 0)
		return unit_string(turn->text);
	record[0] = turn->type;
	record[1] = 3;
	record[2] = turn->type == HANDSHAKE ? 1 : 3;
	record[3] = (uint8_t)(turn->length >> 8);
	record[4] = (uint8_t)turn->length;
	for (size_t i = 0; i < turn->length; i++)
		record[5 + i] = (uint8_t)BODY[i % (sizeof(BODY) - 1)];
	return (struct bytes){ record, (size_t)turn->length + 5 };
}

static size_t turn_count(const struct turn *turns)
{
	size_t count = 0;

	while (count < TURNS_MAX && (turns[count].type != 0 || turns[count].text))
		count++;
	return count;
}

/* A turn that is longer than the world's packets goes in pieces. */
static void say_turn(struct attack *attack, const struct turn *turn, size_t cut)
{
	struct bytes bytes = turn_bytes(turn);
	struct bytes piece = bytes;

	if (cut > 0 && cut < bytes.length && bytes.length <= 1400) {
		attack_say_cut(attack, turn->direction, bytes, cut);
		return;
	}
	for (size_t at = 0; at < bytes.length; at += piece.length) {
		piece.data = bytes.data + at;
		piece.length = bytes.length - at < 1400 ? bytes.length - at : 1400;
		attack_say_bytes(attack, turn->direction, piece);
	}
}

static void say_turns(struct attack *attack, const struct turn *turns, size_t cut)
{
	for (size_t i = 0; i < turn_count(turns); i++)
		say_turn(attack, &turns[i], cut);
}

/* Greeting, AUTH, 234. */
static struct attack *open_tls(enum place place)
{
	struct attack *attack = attack_open(place);

	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 go\r\n");
	return attack;
}

static struct attack *open_clear(enum place place, const struct shape *shape)
{
	struct attack *attack = open_tls(place);

	say_turns(attack, shape->turns, 0);
	attack_assert_nothing_opened(attack);
	return attack;
}

/* The client's own port 50000 under the addresses of the place, and as the server must read it. */
static const char *const offers[PLACE_COUNT] = {
	"PORT 10,0,0,5,195,80\r\n", "PORT 10,0,0,5,195,80\r\n", "PORT 198,51,100,77,195,80\r\n",
	"EPRT |2|2001:db8::5|50000|\r\n", "EPRT |2|2001:db8::5|50000|\r\n",
};
static const char *const announced[PLACE_COUNT] = {
	"PORT 10,0,0,5,195,80\r\n", "PORT 198,51,100,1,195,80\r\n", "PORT 198,51,100,77,195,80\r\n",
	"EPRT |2|2001:db8::5|50000|\r\n", "EPRT |2|2001:db8:f::1|50000|\r\n",
};
static const char *const foreign[PLACE_COUNT] = {
	"PORT 10,0,0,99,195,80\r\n", "PORT 10,0,0,99,195,80\r\n", "PORT 10,0,0,99,195,80\r\n",
	"EPRT |2|2001:db8::99|50000|\r\n", "EPRT |2|2001:db8::99|50000|\r\n",
};

static void a65_an_offer_behind_ccc_is_rewritten_and_opens_its_pinhole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (unsigned int place = 0; place < PLACE_COUNT; place++) {
			struct attack *attack = open_clear((enum place)place, &shapes[i]);
			size_t mark = attack_mark(attack, C);

			attack_say_bytes(attack, C, unit_string(offers[place]));
			assert_int_equal(attack->world.pinhole_count, 1);
			assert_int_equal(attack->world.pinholes[0].saved_port, 50000);
			assert_true(attack_hears(attack, C, mark, announced[place]));
			assert_int_equal(attack_heard(attack, C, mark).length, strlen(announced[place]));
			assert_int_equal(attack_count(attack, NOTICE_TLS, REASON_COUNT), 2);
			SAY(attack, S, "200 ok\r\n");
			SAY(attack, C, "LIST\r\n");
			SAY(attack, S, "150 here\r\n226 done\r\n");
			assert_int_equal(attack->world.pinhole_count, 0);
			attack_assert_alive(attack);
			attack_end(attack);
		}
}

static void a65_a_foreign_offer_behind_ccc_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (unsigned int place = 0; place < PLACE_COUNT; place++) {
			struct attack *attack = open_clear((enum place)place, &shapes[i]);
			size_t mark = attack_mark(attack, C);

			attack_say_bytes(attack, C, unit_string(foreign[place]));
			attack_assert_nothing_opened(attack);
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS), 1);
			assert_true(attack_hears(attack, C, mark, "XXXX"));
			assert_false(attack_hears(attack, C, mark, "99"));
			SAY(attack, S, "501 no\r\n");
			attack_assert_alive(attack);
			attack_end(attack);
		}
}

static void a65_a_passive_offer_behind_ccc_counts_if_it_was_asked_for_in_clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (int asked = 0; asked < 2; asked++) {
			struct attack *attack = open_clear(DNAT, &shapes[i]);
			size_t mark = attack_mark(attack, S);

			if (asked)
				SAY(attack, C, "PASV\r\n");
			SAY(attack, S, "227 Entering Passive Mode (203,0,113,9,195,80)\r\n");
			assert_int_equal(attack->world.pinhole_count, asked);
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), !asked);
			assert_int_equal(attack_hears(attack, S, mark, "192,0,2,9,195,80"), asked);
			assert_false(attack_hears(attack, S, mark, "203,0,113,9"));
			attack_end(attack);
		}
}

static void a65_an_offer_within_tls_is_nothing_to_anybody(void **state)
{
	struct attack *attack = open_clear(PLAIN, &shapes[0]);

	(void)state;
	/* Bodies are full of them. */
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_COUNT), 0);
	assert_int_equal(attack_count(attack, NOTICE_ANOMALY, REASON_COUNT), 0);
	assert_true(attack_hears(attack, C, 0, "PORT 10,0,0,99,0,25"));
	attack_end(attack);
}

/* A dialogue behind CCC, with a decision of each kind. */
static const struct turn afterwards[TURNS_MAX] = {
	T(C, "PORT 10,0,0,5,195,80\r\n"), T(S, "200 ok\r\n"), T(C, "RETR file\r\n"), T(S, "150 here\r\n226 done\r\n"),
	T(C, "PORT 10,0,0,99,0,25\r\n"), T(S, "501 no\r\n"), T(C, "PASV\r\n"),
	T(S, "227 Entering Passive Mode (203,0,113,9,195,80)\r\n"), T(C, "NOOP\r\n"), T(S, "200 ok\r\n"),
};

static void assert_same(const struct attack *attack, const struct attack *model, const char *what, size_t number)
{
	for (int direction = 0; direction < 2; direction++) {
		struct bytes got = world_received(&attack->world, (enum direction)direction);
		struct bytes want = world_received(&model->world, (enum direction)direction);

		if (got.length != want.length || memcmp(got.data, want.data, got.length) != 0)
			fail_msg("%s %zu: other bytes arrived", what, number);
	}
	if (attack->world.event_count != model->world.event_count)
		fail_msg("%s %zu: %u events instead of %u", what, number, attack->world.event_count,
			 model->world.event_count);
	for (unsigned int i = 0; i < model->world.event_count; i++)
		if (attack->world.events[i].type != model->world.events[i].type ||
		    attack->world.events[i].reason != model->world.events[i].reason)
			fail_msg("%s %zu: event %u differs", what, number, i);
}

static void a65_a_cut_at_any_byte_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct attack *model = open_clear(SNAT, &shapes[i]);

		say_turns(model, afterwards, 0);
		assert_int_equal(model->world.pinholes_made, 2);
		assert_int_equal(attack_count(model, NOTICE_REFUSE, REASON_COUNT), 1);
		for (size_t cut = 1; cut < 100; cut++) {
			struct attack *attack = open_tls(SNAT);

			say_turns(attack, shapes[i].turns, cut);
			say_turns(attack, afterwards, cut);
			assert_same(attack, model, shapes[i].name, cut);
			attack_end(attack);
		}
		attack_end(model);
	}
}

static void speak_turns(struct world *world, const struct turn *turns, const struct schedule *schedule)
{
	for (size_t i = 0; i < turn_count(turns); i++) {
		world_speak(world, turns[i].direction, turn_bytes(&turns[i]));
		/* Records of one side in a row go together. */
		if (i + 1 < turn_count(turns) && turns[i + 1].direction == turns[i].direction)
			continue;
		assert_true(world_settle(world, schedule));
	}
}

static const struct turn before[TURNS_MAX] = {
	T(S, "220 ready\r\n"), T(C, "USER u\r\n"), T(S, "331 password\r\n"), T(C, "PASS p\r\n"), T(S, "230 in\r\n"),
	T(C, "PORT 10,0,0,5,195,79\r\n"), T(S, "200 ok\r\n"), T(C, "AUTH TLS\r\n"), T(S, "234 go\r\n"),
};

static struct attack *converse(const struct shape *shape, const struct schedule *schedule)
{
	struct attack *attack = attack_make(SNAT);

	attack_start(attack, UINT32_C(0xfffffe00));
	world_begin(&attack->world, schedule);
	speak_turns(&attack->world, before, schedule);
	speak_turns(&attack->world, shape->turns, schedule);
	speak_turns(&attack->world, afterwards, schedule);
	return attack;
}

/* What a bad road makes of packets is not a decision about the dialogue. */
static void forget_anomalies(struct world *world)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < world->event_count; i++)
		if (world->events[i].type != NOTICE_ANOMALY)
			world->events[kept++] = world->events[i];
	world->event_count = kept;
}

/* Also: a length-changing edit before AUTH and one behind CCC, with the numbers wrapping in between. */
static void a65_loss_and_disorder_change_nothing(void **state)
{
	const struct schedule good = { .seed = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct attack *model = converse(&shapes[i], &good);

		forget_anomalies(&model->world);
		assert_int_equal(model->world.pinholes_made, 3);
		assert_true(attack_hears(model, C, 0, "PORT 198,51,100,1,195,79\r\n"));
		assert_true(attack_hears(model, C, 0, "PORT 198,51,100,1,195,80\r\n"));
		for (uint32_t seed = 1; seed <= 60; seed++) {
			const struct schedule bad = {
				.seed = seed, .segment_max = seed % 3 ? 1 + seed * 7 % 300 : 0, .lose = 80, .repeat = 80,
				.reorder = 150, .resend = 100, .nagle = seed % 2,
			};
			struct attack *attack = converse(&shapes[i], &bad);

			forget_anomalies(&attack->world);
			assert_same(attack, model, shapes[i].name, seed);
			attack_end(attack);
		}
		attack_end(model);
	}
}

static void a65_a_line_in_the_segment_of_the_last_record_is_judged(void **state)
{
	static const struct turn goodbye = R(C, DATA, 19);
	struct attack *attack = open_tls(SNAT);
	uint8_t both[128];
	struct bytes record;
	size_t mark;

	(void)state;
	say_turns(attack, shapes[3].turns, 0);
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 again\r\n");
	for (size_t i = 0; i + 1 < turn_count(shapes[3].turns); i++)
		say_turn(attack, &shapes[3].turns[i], 0);
	record = turn_bytes(&goodbye);
	memcpy(both, record.data, record.length);
	memcpy(both + record.length, "PORT 10,0,0,5,195,80\r\nPORT 10,0,0,99,0,25\r\nLI", 45);
	mark = attack_mark(attack, C);
	attack_say_bytes(attack, C, (struct bytes){ both, record.length + 45 });
	assert_true(attack_hears(attack, C, mark + record.length, "PORT 198,51,100,1,195,80\r\nPORT XXXXXXXXXXXXXX\r\n"));
	assert_int_equal(attack->world.pinholes_made, 1);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS), 1);
	attack_end(attack);
}

static void a65_a_line_is_believed_only_where_tls_can_have_ended(void **state)
{
	static const struct shape rows[] = {
		{ "behind the hellos", { R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90) } },
		{ "behind hellos and an alert in clear", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(S, ALERT, 2), R(C, ALERT, 2) } },
		{ "behind a handshake of TLS 1.2 and no word", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(C, CIPHER, 1), R(C, HANDSHAKE, 40), R(S, CIPHER, 1),
			R(S, HANDSHAKE, 40), R(S, ALERT, 26), R(C, ALERT, 26) } },
		{ "behind a handshake of TLS 1.3 and no word of the client", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 900), R(S, DATA, 50), R(C, DATA, 53) } },
		{ "behind a handshake of TLS 1.3 and no word of the server", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 200), R(C, DATA, 53), R(C, DATA, 22),
			R(C, DATA, 19) } },
		{ "behind two hellos each, and no word", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 88), R(S, CIPHER, 1), R(C, CIPHER, 1), R(C, HANDSHAKE, 512),
			R(S, HANDSHAKE, 155), R(S, DATA, 1300), R(C, DATA, 69) } },
		{ "behind words that nothing can have protected", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(C, HANDSHAKE, 40), R(S, HANDSHAKE, 40), R(C, DATA, 29),
			R(S, DATA, 50), R(C, ALERT, 26), R(S, ALERT, 26) } },
		{ "behind handshakes and no data", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 90), R(C, CIPHER, 1), R(C, HANDSHAKE, 40), R(C, HANDSHAKE, 40),
			R(S, CIPHER, 1), R(S, HANDSHAKE, 40), R(S, HANDSHAKE, 40), R(S, ALERT, 26), R(C, ALERT, 26) } },
		{ "behind a long record", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 900), R(C, DATA, 53), R(C, DATA, 22),
			R(S, DATA, 50), R(C, DATA, 257) } },
		{ "behind an alert in clear", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 900), R(C, DATA, 53), R(C, DATA, 22),
			R(S, DATA, 50), R(C, ALERT, 2) } },
		{ "behind a handshake record", {
			R(C, HANDSHAKE, 512), R(S, HANDSHAKE, 122), R(S, DATA, 900), R(C, DATA, 53), R(C, DATA, 22),
			R(S, DATA, 50), R(C, HANDSHAKE, 40) } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = open_tls(PLAIN);
		size_t mark;

		say_turns(attack, rows[i].turns, 0);
		if (attack->world.peer[C].reset)
			fail_msg("%s: closed before the line", rows[i].name);
		mark = attack_mark(attack, C);
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
		if (attack_heard(attack, C, mark).length > 0)
			fail_msg("%s: the line passed", rows[i].name);
		attack_assert_closed(attack, REASON_NOT_TLS);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

static void a65_while_the_server_is_in_a_long_record_no_client_has_left_tls(void **state)
{
	static const struct turn rows[] = { R(S, DATA, 900), R(S, HANDSHAKE, 90), R(S, ALERT, 2) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = open_tls(PLAIN);
		struct bytes record;

		say_turns(attack, shapes[3].turns, 0);
		record = turn_bytes(&rows[i]);
		record.length = 6;
		attack_say_bytes(attack, S, record);
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
		attack_assert_closed(attack, REASON_NOT_TLS);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

static void a65_nothing_but_a_line_or_a_record_follows_a_record(void **state)
{
	(void)state;
	for (int direction = 0; direction < 2; direction++)
		for (unsigned int byte = 0; byte < 256; byte++) {
			struct attack *attack = open_clear(PLAIN, &shapes[3]);
			bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
			bool digit = byte >= '1' && byte <= '5';
			bool record = byte >= 20 && byte <= 24;
			uint8_t text[] = { (uint8_t)byte };

			attack_say_bytes(attack, (enum direction)direction, (struct bytes){ text, 1 });
			if (record || (direction == C ? letter : digit))
				assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_COUNT), 0);
			else
				attack_assert_closed(attack, REASON_NOT_TLS);
			assert_int_equal(attack_count(attack, NOTICE_TLS, REASON_COUNT),
					 direction == C ? 1 + letter : 1 + digit);
			attack_end(attack);
		}
}

static void a65_a_record_that_no_tls_sends_ends_the_session(void **state)
{
	static const char *const headers[] = {
		"\x17\x02\x03\x01\x01", "\x17\x04\x03\x01\x01", "\x17\x03\x05\x01\x01", "\x17\x03\x03\x48\x01",
		"\x17\x03\x03\xff\xff", "\x19\x03\x03\x01\x01", "\x13\x03\x03\x01\x01",
	};

	(void)state;
	for (int direction = 0; direction < 2; direction++)
		for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
			for (size_t cut = 0; cut < 5; cut++) {
				struct attack *attack = open_clear(PLAIN, &shapes[0]);

				attack_say_cut(attack, (enum direction)direction, unit_bytes(headers[i], 5), cut);
				attack_assert_closed(attack, REASON_NOT_TLS);
				attack_end(attack);
			}
}

static void a65_an_empty_record_ends_the_session(void **state)
{
	struct attack *attack = open_clear(PLAIN, &shapes[0]);

	(void)state;
	SAY(attack, C, "\x17\x03\x03\0\0");
	attack_assert_closed(attack, REASON_NOT_TLS);
	attack_end(attack);
}

static void a65_the_largest_record_passes(void **state)
{
	static const struct turn large[TURNS_MAX] = { R(S, DATA, 18432), R(C, DATA, 18432) };
	struct attack *attack = open_clear(PLAIN, &shapes[0]);

	(void)state;
	say_turns(attack, large, 0);
	assert_false(attack->world.peer[C].reset);
	attack_end(attack);
}

static void a65_close_notify_may_cross_the_line(void **state)
{
	static const struct turn goodbyes[] = { R(S, ALERT, 26), R(S, DATA, 19), R(S, DATA, 11) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goodbyes); i++)
		for (size_t cut = 0; cut < 12; cut++) {
			struct attack *attack = open_tls(SNAT);
			struct bytes goodbye = turn_bytes(&goodbyes[i]);
			struct bytes first = { goodbye.data, cut };
			struct bytes second = { goodbye.data + cut, goodbye.length - cut };

			/* All but the server's own. */
			say_turns(attack, shapes[3].turns, 0);
			turn_bytes(&goodbyes[i]);
			if (cut > 0)
				attack_say_bytes(attack, S, first);
			SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
			turn_bytes(&goodbyes[i]);
			attack_say_bytes(attack, S, second);
			SAY(attack, S, "200 ok\r\n");
			assert_int_equal(attack->world.pinhole_count, 1);
			attack_assert_alive(attack);
			attack_end(attack);
		}
}

static void a65_behind_the_first_line_the_other_side_sends_one_record_more_and_a_short_one(void **state)
{
	static const struct shape rows[] = {
		{ "two", { R(S, DATA, 19), R(S, DATA, 19) } },
		{ "a long one", { R(S, DATA, 300) } },
		{ "a handshake", { R(S, HANDSHAKE, 40) } },
		{ "an alert in clear", { R(S, ALERT, 2) } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int server_first = 0; server_first < 2; server_first++) {
			struct attack *attack = open_clear(PLAIN, &shapes[3]);
			struct turn turns[TURNS_MAX];

			memcpy(turns, rows[i].turns, sizeof(turns));
			for (size_t at = 0; at < turn_count(turns) && server_first; at++)
				turns[at].direction = C;
			if (server_first)
				SAY(attack, S, "421 too late\r\n");
			else
				SAY(attack, C, "NOOP\r\n");
			say_turns(attack, turns, 0);
			attack_assert_closed(attack, REASON_NOT_TLS);
			attack_end(attack);
		}
}

/* Who feigns a record in clear, to hide a command from the gateway, is refused the answer. */
static void a65_what_was_asked_for_in_a_feigned_record_opens_nothing(void **state)
{
	struct attack *attack = open_clear(SNAT, &shapes[3]);

	(void)state;
	SAY(attack, C, "\x17\x03\x03\x00\x08\r\nPASV\r\n");
	SAY(attack, S, "500 what\r\n");
	SAY(attack, S, "227 Entering Passive Mode (203,0,113,9,195,80)\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 1);
	/* One more could be a close_notify. */
	SAY(attack, C, "\x17\x03\x03\x00\x08\r\nPASV\r\n");
	SAY(attack, C, "\x17\x03\x03\x00\x08\r\nPASV\r\n");
	attack_assert_closed(attack, REASON_NOT_TLS);
	attack_end(attack);
}

/* The same numbers with other bytes: what was followed is what is read. */
static void a65_a_record_that_is_sent_again_is_the_one_that_was_followed(void **state)
{
	static const struct turn record = R(C, DATA, 60);
	static const char other[] = "\r\nPORT 10,0,0,99,0,25\r\nLIST\r\nxxxxxxxxxxxxxxxxxxx";
	struct attack *attack = open_tls(PLAIN);
	struct bytes bytes;
	size_t offset;

	(void)state;
	say_turns(attack, shapes[3].turns, 0);
	offset = attack->said[C];
	say_turn(attack, &record, 0);
	bytes = turn_bytes(&record);
	memset(attack->world.peer[S].have + offset, 0, bytes.length);
	attack->world.peer[S].got_length = offset;
	world_send(&attack->world, C, offset, other, sizeof(other) - 1, TCP_PSH);
	assert_false(attack_hears(attack, C, offset, "LIST"));
	attack_end(attack);
}

static void a65_auth_may_be_said_again_behind_ccc(void **state)
{
	struct attack *attack = open_clear(SNAT, &shapes[0]);

	(void)state;
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 again\r\n");
	assert_int_equal(attack_count(attack, NOTICE_TLS, REASON_COUNT), 3);
	say_turns(attack, shapes[3].turns, 0);
	SAY(attack, C, "NOOP\r\n");
	SAY(attack, S, "200 ok\r\n");
	assert_int_equal(attack_count(attack, NOTICE_TLS, REASON_COUNT), 4);
	attack_assert_alive(attack);
	attack_end(attack);
}

static void a65_behind_a_second_234_a_line_is_refused_as_behind_the_first(void **state)
{
	struct attack *attack = open_clear(SNAT, &shapes[0]);

	(void)state;
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 again\r\n");
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
	attack_assert_closed(attack, REASON_NOT_TLS);
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a65_epsv_all_from_before_auth_is_still_a_promise(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "EPSV ALL\r\n");
	SAY(attack, S, "200 ok\r\n");
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 go\r\n");
	say_turns(attack, shapes[0].turns, 0);
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\n");
	attack_assert_nothing_opened(attack);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_EPSV_ALL), 1);
	attack_end(attack);
}

static void a65_where_tls_is_required_nothing_is_served_behind_ccc(void **state)
{
	static const struct {
		const char *line;
		bool closes;
	} rows[] = {
		{ "PORT 10,0,0,5,195,80\r\n", false }, { "PASV\r\n", false }, { "RETR file\r\n", false },
		{ "USER u\r\n", true }, { "PASS p\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_make(PLAIN);

		attack->world.policy.rules[0].tls = TLS_REQUIRE;
		attack_start(attack, 1000);
		SAY(attack, S, "220 ready\r\n");
		SAY(attack, C, "AUTH TLS\r\n");
		SAY(attack, S, "234 go\r\n");
		say_turns(attack, shapes[0].turns, 0);
		attack_say_bytes(attack, C, unit_string(rows[i].line));
		attack_assert_nothing_opened(attack);
		if (rows[i].closes)
			attack_assert_closed(attack, REASON_TLS_REQUIRED);
		else
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_TLS_REQUIRED), 1);
		attack_end(attack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a65_an_offer_behind_ccc_is_rewritten_and_opens_its_pinhole),
		cmocka_unit_test(a65_a_foreign_offer_behind_ccc_is_refused),
		cmocka_unit_test(a65_a_passive_offer_behind_ccc_counts_if_it_was_asked_for_in_clear),
		cmocka_unit_test(a65_an_offer_within_tls_is_nothing_to_anybody),
		cmocka_unit_test(a65_a_cut_at_any_byte_changes_nothing),
		cmocka_unit_test(a65_loss_and_disorder_change_nothing),
		cmocka_unit_test(a65_a_line_in_the_segment_of_the_last_record_is_judged),
		cmocka_unit_test(a65_a_line_is_believed_only_where_tls_can_have_ended),
		cmocka_unit_test(a65_while_the_server_is_in_a_long_record_no_client_has_left_tls),
		cmocka_unit_test(a65_nothing_but_a_line_or_a_record_follows_a_record),
		cmocka_unit_test(a65_a_record_that_no_tls_sends_ends_the_session),
		cmocka_unit_test(a65_an_empty_record_ends_the_session),
		cmocka_unit_test(a65_the_largest_record_passes),
		cmocka_unit_test(a65_close_notify_may_cross_the_line),
		cmocka_unit_test(a65_behind_the_first_line_the_other_side_sends_one_record_more_and_a_short_one),
		cmocka_unit_test(a65_what_was_asked_for_in_a_feigned_record_opens_nothing),
		cmocka_unit_test(a65_a_record_that_is_sent_again_is_the_one_that_was_followed),
		cmocka_unit_test(a65_auth_may_be_said_again_behind_ccc),
		cmocka_unit_test(a65_behind_a_second_234_a_line_is_refused_as_behind_the_first),
		cmocka_unit_test(a65_epsv_all_from_before_auth_is_still_a_promise),
		cmocka_unit_test(a65_where_tls_is_required_nothing_is_served_behind_ccc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
