/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A72 to A80 of the attack catalogue: dialogues out of order, floods, slowness, and a gateway that comes late. */
#include <stdlib.h>

#include "ftpalg/session.h"
#include "attack.h"

#define OFFER "PORT 10,0,0,5,195,80\r\n"
#define ANNOUNCED "PORT 198,51,100,1,195,80\r\n"
#define PASSIVE "227 Entering Passive Mode (203,0,113,9,195,80)\r\n"
#define SECOND UINT64_C(1000000)

static void a72_behind_epsv_all_nothing_else_is_an_offer(void **state)
{
	static const char *const commands[] = {
		OFFER, "EPRT |1|10.0.0.5|50000|\r\n", "LPRT 4,4,10,0,0,5,2,195,80\r\n",
		"PASV\r\n", "LPSV\r\n", "CPSV\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct attack *attack = attack_open(i % 2 ? PLAIN : SNAT);

		attack_login(attack);
		SAY(attack, C, "ePSV all\r\n");
		attack_say_bytes(attack, S, unit_string(i < 3 ? "200 ok\r\n" : "220 active is off\r\n"));
		attack_say_bytes(attack, C, unit_string(commands[i]));
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_EPSV_ALL), 1);
		SAY(attack, S, PASSIVE);
		attack_assert_nothing_opened(attack);
		SAY(attack, C, "EPSV\r\n");
		SAY(attack, S, "229 Extended (|||50000|)\r\n");
		assert_int_equal(attack->world.pinhole_count, 1);
		attack_end(attack);
	}
}

/* RFC 2428 4: a promise that the server has not accepted binds nobody, and Java's own client makes it to every server. */
static void a101_epsv_all_counts_where_the_server_accepted_it(void **state)
{
	static const char *const answers[] = {
		"500 EPSV?\r\n", "501 what\r\n", "502 no\r\n", "522 no such family\r\n", "229 Extended (|||50001|)\r\n", "",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct attack *attack = attack_open(PLAIN);

		attack_login(attack);
		SAY(attack, C, "EPSV ALL\r\n");
		attack_say_bytes(attack, S, unit_string(answers[i]));
		SAY(attack, C, OFFER);
		assert_int_equal(attack->world.pinhole_count, 1);
		if (answers[i][0] == '\0')
			SAY(attack, S, "500 EPSV?\r\n");
		SAY(attack, S, "200 ok\r\n");
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, PASSIVE);
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_EPSV_ALL), 0);
		assert_int_equal(attack->world.pinhole_count, 1);
		/* Said again, and accepted. */
		SAY(attack, C, "EPSV ALL\r\n");
		SAY(attack, S, "200 ok\r\n");
		SAY(attack, C, "PASV\r\n");
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_EPSV_ALL), 1);
		attack_end(attack);
	}
}

/* Behind REIN the promise is gone, and so is one that was waiting. */
static void a101_epsv_all_ends_with_the_login(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "EPSV ALL\r\n");
	SAY(attack, S, "200 ok\r\n");
	SAY(attack, C, "REIN\r\n");
	SAY(attack, S, "220 again\r\n");
	SAY(attack, C, "USER u\r\n");
	SAY(attack, S, "230 in\r\n");
	SAY(attack, C, OFFER);
	assert_int_equal(attack->world.pinhole_count, 1);
	attack_end(attack);
}

/* Net::FTP says RETR, connects, and only then reads that there is no such file; without an answer it waits for 20 s. */
static void a108_a_passive_offer_outlives_the_transfer_that_was_refused(void **state)
{
	static const char *const refusals[] = { "550 Is a directory.\r\n", "425 no\r\n", "150 here\r\n426 cut off\r\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct attack *attack = attack_open(PLAIN);

		attack_login(attack);
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, PASSIVE);
		SAY(attack, C, "RETR pub\r\n");
		attack_say_bytes(attack, S, unit_string(refusals[i]));
		assert_int_equal(attack->world.pinhole_count, 1);
		/* It is for one transfer all the same, and one at a time. */
		SAY(attack, C, OFFER);
		SAY(attack, S, "200 ok\r\n");
		assert_int_equal(attack->world.pinhole_count, 1);
		assert_int_equal(attack->world.pinholes[0].destination.port, 50000);
		SAY(attack, C, "RETR pub\r\n");
		SAY(attack, S, "550 Is a directory.\r\n");
		assert_int_equal(attack->world.pinhole_count, 0);
		attack_end(attack);
	}
}

static void a73_the_argument_of_epsv_is_the_servers_to_judge(void **state)
{
	static const char *const commands[] = { "EPSV 2\r\n", "EPSV x\r\n", "EPSV 1\r\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		attack_say_bytes(attack, C, unit_string(commands[i]));
		assert_true(attack_hears(attack, C, mark, commands[i]));
		SAY(attack, S, "522 Network protocol not supported, use (1)\r\n");
		attack_assert_nothing_opened(attack);
		/* A 229 behind the refusal answers nothing. */
		SAY(attack, S, "229 Extended (|||50000|)\r\n");
		attack_assert_nothing_opened(attack);
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a74_of_several_offers_only_the_last_lives(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, PASSIVE);
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "227 Entering Passive Mode (203,0,113,9,195,90)\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	SAY(attack, C, "PORT 10,0,0,5,195,99\r\n");
	SAY(attack, S, "200 ok\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	assert_int_equal(attack->world.pinholes[0].destination.port, 195 * 256 + 99);
	assert_int_equal(attack_count(attack, NOTICE_PINHOLE_CLOSE, REASON_SUPERSEDED), 2);
	SAY(attack, C, "RETR x\r\n");
	SAY(attack, S, "150 here\r\n226 done\r\n");
	assert_int_equal(attack->world.pinhole_count, 0);
	attack_end(attack);
}

static void a75_a_login_that_ends_takes_its_pinhole_along(void **state)
{
	static const char *const commands[] = { "USER v\r\n", "REIN\r\n" };
	static const char *const replies[] = { "331 password\r\n", "220 again\r\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct attack *attack = attack_open(i ? SNAT : PLAIN6);
		unsigned int made;

		attack_login(attack);
		attack_offer_honestly(attack);
		attack_say_bytes(attack, C, unit_string(commands[i]));
		attack_say_bytes(attack, S, unit_string(replies[i]));
		assert_int_equal(attack->world.pinhole_count, 0);
		made = attack->world.pinholes_made;
		SAY(attack, C, "PORT 10,0,0,5,195,80\r\nEPSV\r\n");
		SAY(attack, S, "530 no\r\n229 Extended (|||50000|)\r\n");
		assert_int_equal(attack->world.pinholes_made, made);
		attack_end(attack);
	}
}

static void a76_no_pinhole_without_its_state(void **state)
{
	static const char *const greetings[] = { "120 soon\r\n", "421 full\r\n", "" };
	struct attack *attack;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(greetings); i++) {
		attack = attack_open(SNAT);
		attack_say_bytes(attack, S, unit_string(greetings[i]));
		SAY(attack, C, OFFER);
		attack_assert_closed(attack, REASON_CLIENT_FIRST);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
	/* An offer is no greeting. */
	attack = attack_open(PLAIN);
	SAY(attack, S, PASSIVE);
	attack_assert_closed(attack, REASON_NOT_FTP);
	attack_end(attack);

	/* 226 before 150 ends the transfer; a 150 that never ends keeps nothing but the one pinhole. */
	attack = attack_open(PLAIN);
	attack_login(attack);
	attack_offer_honestly(attack);
	SAY(attack, C, "LIST\r\n");
	SAY(attack, S, "226 done\r\n");
	assert_int_equal(attack->world.pinhole_count, 0);
	SAY(attack, S, "150 here\r\n");
	SAY(attack, S, PASSIVE);
	assert_int_equal(attack->world.pinhole_count, 0);
	attack_end(attack);
}

static void a77_replies_too_many_open_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "NOOP\r\n");
	for (int i = 0; i < 100; i++)
		SAY(attack, S, "200 ok\r\n");
	SAY(attack, S, PASSIVE);
	attack_assert_nothing_opened(attack);
	assert_true(attack_count(attack, NOTICE_ANOMALY, REASON_UNSOLICITED) >= 99);
	/* A count that had run ahead or below zero would take this for the answer to something. */
	SAY(attack, C, "NOOP\r\n");
	SAY(attack, S, PASSIVE);
	attack_assert_nothing_opened(attack);
	/* Chatter is no answer to a request, and the request has one. */
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "200 chatter\r\n" PASSIVE PASSIVE);
	assert_int_equal(attack->world.pinholes_made, 1);
	attack_assert_alive(attack);
	attack_end(attack);
}

static void a78_a_flood_of_pipelined_requests_is_bounded(void **state)
{
	struct attack *attack = attack_open(PLAIN);
	int said = 0;

	(void)state;
	attack_login(attack);
	while (said < 10000 && !attack->world.peer[C].reset) {
		SAY(attack, C, "PASV\r\nPASV\r\nPASV\r\nPASV\r\n");
		said += 4;
	}
	assert_true(said <= SESSION_PIPELINE_MAX + 4);
	attack_assert_closed(attack, REASON_PIPELINE_FULL);
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a79_a_line_must_be_finished_in_time(void **state)
{
	static const char slow[] = "PORT 10,0,0,5,195,80";

	(void)state;
	for (int held = 0; held < 2; held++) {
		struct attack *attack = attack_open(SNAT);
		unsigned int minutes = 0;

		attack_login(attack);
		if (!held)
			SAY(attack, C, "CWD ");
		/* A byte a minute: never silent, and never done. */
		while (minutes < 20 && !attack->world.peer[C].reset) {
			attack_say_bytes(attack, C, unit_bytes(slow + minutes, 1));
			for (int i = 0; i < 60; i++) {
				attack->world.now += SECOND;
				gateway_tick(attack->world.gateway, attack->world.now);
			}
			minutes++;
		}
		assert_in_range(minutes, 5, 7);
		attack_assert_closed(attack, REASON_LINE_TIMEOUT);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

static void a79_a_slow_client_that_finishes_its_lines_may_stay(void **state)
{
	struct attack *attack = attack_open(SNAT);

	(void)state;
	attack_login(attack);
	for (int i = 0; i < 20; i++) {
		SAY(attack, C, "NO");
		attack->world.now += 100 * SECOND;
		gateway_tick(attack->world.gateway, attack->world.now);
		SAY(attack, C, "OP\r\n");
		SAY(attack, S, "200 ok\r\n");
	}
	attack_assert_alive(attack);
	attack_end(attack);
}

/* The gateway is gone, the kernel and the peers are not. */
static void restart(struct attack *attack)
{
	world_end(&attack->world);
	world_start(&attack->world, attack->world.peer[C].first);
}

/* Its successor hears of the connection by a repetition of the last bytes, and then of where the peers stand. */
static void adopt(struct attack *attack, struct bytes last)
{
	world_send(&attack->world, C, attack->said[C] - last.length, last.data, last.length, TCP_PSH);
	world_settle_adoption(&attack->world);
	world_send(&attack->world, C, attack->said[C], "", 0, 0);
}

static void a80_a_gateway_that_comes_back_keeps_the_numbers_right(void **state)
{
	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		struct attack *attack = attack_open(SNAT);
		struct peer *server = &attack->world.peer[S];
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		SAY(attack, C, OFFER);
		if (lost) {
			/* It was killed between the rewrite and the verdict. */
			memset(server->have + mark, 0, WORLD_STREAM_MAX - mark);
			server->got_length = mark;
		}
		restart(attack);
		adopt(attack, unit_string(lost ? OFFER : "\n"));
		if (lost)
			world_send(&attack->world, C, attack->said[C] - strlen(OFFER), OFFER, strlen(OFFER), TCP_PSH);
		SAY(attack, S, "200 ok\r\n");
		SAY(attack, C, "NOOP\r\n");
		SAY(attack, C, OFFER);
		SAY(attack, S, "200 ok\r\n200 ok\r\n");
		assert_true(attack_hears(attack, C, mark, ANNOUNCED "NOOP\r\n" ANNOUNCED));
		assert_int_equal(attack_heard(attack, C, mark).length, strlen(ANNOUNCED "NOOP\r\n" ANNOUNCED));
		assert_int_equal(attack->world.peer[C].acknowledged, attack->said[C]);
		assert_false(attack->world.peer[C].reset);
		attack_end(attack);
	}
}

static void a80_an_adopted_session_is_judged_like_any_other(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	restart(attack);
	adopt(attack, unit_string("\n"));
	mark = attack_mark(attack, C);
	SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
	SAY(attack, S, PASSIVE);
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a80_bytes_that_begin_before_a_line_hide_no_offer(void **state)
{
	static const char *const before[] = { "x", "XXXX", "RETR x", "NOOP " };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		for (size_t cut = 0; cut < 10; cut++) {
			struct attack *attack = attack_open(PLAIN);
			struct bytes old = unit_string(before[i]);
			size_t mark;

			attack_login(attack);
			SAY(attack, C, "NOOP xxxxxxxx\r\n");
			SAY(attack, S, "200 ok\r\n");
			restart(attack);
			mark = attack_mark(attack, C);
			/* The server has had these bytes and does not look at them. */
			for (unsigned int repeated = 0; repeated < 3; repeated++) {
				size_t said = attack->said[C];

				world_send(&attack->world, C, said - old.length, old.data, old.length, TCP_PSH);
				attack_say_cut(attack, C, unit_string("PORT 10,0,0,99,0,25\r\n"), cut);
				world_settle_adoption(&attack->world);
				if (repeated < 2)
					attack->said[C] = said;
			}
			assert_false(attack_hears(attack, C, mark, "10,0,0,99"));
			assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
			attack_assert_nothing_opened(attack);
			attack_end(attack);
		}
}

/* RFC 959 5.4: any 2yz. Only the login's own commands count, and a security exchange alone is none. */
static void a98_what_is_no_login_opens_nothing(void **state)
{
	static const char *const dialogues[] = {
		"C NOOP|S 230 in", "C USER u|S 331 pw|C NOOP|S 200 ok", "C USER u|S 331 pw|C PASS x|S 530 no",
		"C AUTH GSSAPI|S 334 go|C ADAT A|S 235 ok", "C CCC|S 200 ok", "C AUTH GSSAPI|S 334 go|C ADAT A|S 535 no|C CCC|S 200 ok",
		"C AUTH GSSAPI|S 334 go|C ADAT A|S 235 ok|C REIN|S 220 ok|C CCC|S 200 ok",
		"C MIC QUFB|S 631 QUFB", "C AUTH GSSAPI|S 334 go|C ADAT A|S 535 no|C MIC QUFB|S 631 QUFB",
		"C AUTH GSSAPI|S 334 go|C ADAT A|S 235 ok|C MIC QUFB|S 533 no",
		"C AUTH GSSAPI|S 334 go|C ADAT A|S 235 ok|C NOOP|S 631 QUFB",
		"C AUTH GSSAPI|S 334 go|C ADAT A|S 235 ok|C MIC QUFB|S 631 QUFB|C USER u|S 331 pw",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(dialogues); index++) {
		struct attack *attack = attack_open(PLAIN);
		const char *at = dialogues[index];

		SAY(attack, S, "220 ready\r\n");
		while (*at != '\0') {
			char line[64];
			size_t length = strcspn(at, "|");

			snprintf(line, sizeof(line), "%.*s\r\n", (int)length - 2, at + 2);
			attack_say_bytes(attack, at[0] == 'C' ? C : S, unit_string(line));
			at += length + (at[length] == '|');
		}
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, PASSIVE);
		if (attack_count(attack, NOTICE_REFUSE, REASON_NOT_LOGGED_IN) != 1)
			fail_msg("%s", dialogues[index]);
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a72_behind_epsv_all_nothing_else_is_an_offer),
		cmocka_unit_test(a101_epsv_all_counts_where_the_server_accepted_it),
		cmocka_unit_test(a101_epsv_all_ends_with_the_login),
		cmocka_unit_test(a108_a_passive_offer_outlives_the_transfer_that_was_refused),
		cmocka_unit_test(a73_the_argument_of_epsv_is_the_servers_to_judge),
		cmocka_unit_test(a74_of_several_offers_only_the_last_lives),
		cmocka_unit_test(a75_a_login_that_ends_takes_its_pinhole_along),
		cmocka_unit_test(a76_no_pinhole_without_its_state),
		cmocka_unit_test(a77_replies_too_many_open_nothing),
		cmocka_unit_test(a78_a_flood_of_pipelined_requests_is_bounded),
		cmocka_unit_test(a79_a_line_must_be_finished_in_time),
		cmocka_unit_test(a79_a_slow_client_that_finishes_its_lines_may_stay),
		cmocka_unit_test(a80_a_gateway_that_comes_back_keeps_the_numbers_right),
		cmocka_unit_test(a80_an_adopted_session_is_judged_like_any_other),
		cmocka_unit_test(a80_bytes_that_begin_before_a_line_hide_no_offer),
		cmocka_unit_test(a98_what_is_no_login_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
