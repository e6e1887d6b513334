/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A57 to A67 of the attack catalogue, as far as a gateway sees them that has no keys. A60 to A64 and A68 to A71 happen
 * inside TLS.
 */
#include "attack.h"

#define HELLO "\x16\x03\x01\x00\x05hello"
#define FORGED "227 Entering Passive Mode (203,0,113,9,195,80)\r\n"

static void a57_a_command_behind_auth_ends_the_session(void **state)
{
	static const char lines[] = "AUTH TLS\r\nUSER evil\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(lines) - 1; cut++) {
		struct attack *attack = attack_open(cut % 2 ? PLAIN : SNAT6);

		SAY(attack, S, "220 ready\r\n");
		attack_say_cut(attack, C, unit_bytes(lines, sizeof(lines) - 1), cut);
		attack_assert_closed(attack, REASON_BEHIND_AUTH);
		assert_false(attack_hears(attack, C, 0, "evil"));
		assert_false(attack_hears(attack, C, 0, "USER"));
		attack_end(attack);
	}
}

static void a57_the_beginning_of_a_command_does_not_wait_at_the_server_for_tls(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	SAY(attack, S, "220 ready\r\n");
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, C, "CWD /evil");
	assert_false(attack_hears(attack, C, 0, "CWD"));
	SAY(attack, S, "234 go\r\n");
	SAY(attack, C, HELLO);
	attack_assert_closed(attack, REASON_BEHIND_AUTH);
	assert_false(attack_hears(attack, C, 0, "CWD"));
	assert_false(attack_hears(attack, C, 0, "hello"));
	attack_end(attack);
}

static void a58_a_reply_behind_234_ends_the_session(void **state)
{
	static const char lines[] = "234 ok\r\n230 logged in\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(lines) - 1; cut++) {
		struct attack *attack = attack_open(cut % 2 ? PLAIN : PLAIN6);

		SAY(attack, S, "220 ready\r\n");
		SAY(attack, C, "AUTH TLS\r\n");
		attack_say_cut(attack, S, unit_bytes(lines, sizeof(lines) - 1), cut);
		attack_assert_closed(attack, REASON_BEHIND_AUTH);
		assert_false(attack_hears(attack, S, 0, "logged"));
		attack_end(attack);
	}
}

static void a58_a_reply_in_clear_in_place_of_the_handshake_ends_the_session(void **state)
{
	static const char *const lines[] = {
		"230 logged in\r\n", "227 Entering Passive Mode (203,0,113,9,195,80)\r\n", "\x17\x03\x03\x00\x05hello", "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "AUTH TLS\r\n");
		SAY(attack, S, "234 go\r\n");
		SAY(attack, C, HELLO);
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_bytes(lines[i], i == 2 ? 10 : strlen(lines[i])));
		attack_assert_closed(attack, REASON_NOT_TLS);
		assert_int_equal(attack_heard(attack, S, mark).length, 0);
		attack_end(attack);
	}
}

static void a59_where_tls_is_required_no_login_leaves_in_clear(void **state)
{
	static const char *const before[] = {
		"", "AUTH TLS\r\n",
	};
	static const char *const answers[] = {
		"", "500 AUTH not understood\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		struct attack *attack = attack_make(SNAT);

		attack->world.policy.rules[0].tls = TLS_REQUIRE;
		attack_start(attack, 1000);
		SAY(attack, S, "220 ready\r\n");
		attack_say_bytes(attack, C, unit_string(before[i]));
		attack_say_bytes(attack, S, unit_string(answers[i]));
		SAY(attack, C, "USER secret");
		SAY(attack, C, "\r\n");
		attack_assert_closed(attack, REASON_TLS_REQUIRED);
		assert_false(attack_hears(attack, C, 0, "secret"));
		attack_end(attack);
	}
}

static void a65_plaintext_behind_tls_opens_nothing(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 go\r\n");
	SAY(attack, C, HELLO);
	SAY(attack, S, "\x16\x03\x03\x00\x05hello");
	SAY(attack, C, "\x17\x03\x03\x00\x05" "CCC\r\n" "\x15\x03\x03\x00\x02\x01\x00");
	SAY(attack, S, "\x15\x03\x03\x00\x02\x01\x00");
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\nPASV\r\n");
	SAY(attack, S, FORGED);
	attack_assert_nothing_opened(attack);
	attack_end(attack);

	/* A server that has not answered in TLS yet. */
	attack = attack_open(PLAIN);
	attack_login(attack);
	SAY(attack, C, "AUTH TLS\r\n");
	SAY(attack, S, "234 go\r\n");
	SAY(attack, C, HELLO);
	SAY(attack, C, "PORT 10,0,0,5,195,80\r\nPASV\r\n");
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a66_a_refused_auth_changes_nothing(void **state)
{
	static const char *const answers[] = {
		"504 no\r\n", "534 no\r\n", "431 later\r\n", "502 no\r\n", "200 ok\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct attack *attack = attack_open(SNAT);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "AUTH TLS\r\n");
		attack_say_bytes(attack, S, unit_string(answers[i]));
		mark = attack_mark(attack, C);
		SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
		assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
		SAY(attack, S, "501 no\r\n");
		attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a66_a_234_that_answers_no_auth_changes_nothing(void **state)
{
	struct attack *attack = attack_open(SNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "NOOP\r\n");
	SAY(attack, S, "234 go\r\n");
	SAY(attack, S, "234 go\r\n");
	mark = attack_mark(attack, C);
	SAY(attack, C, "PORT 10,0,0,99,0,25\r\n");
	assert_true(attack_hears(attack, C, mark, "PORT XXXXXXXXXXXXXX\r\n"));
	attack_end(attack);
}

static void a67_behind_234_a_client_speaks_tls_or_not_at_all(void **state)
{
	static const char *const lines[] = {
		"PORT 10,0,0,5,195,80\r\n", "\x16PORT 10,0,0,5,195,80\r\n", "\r\n",
		"\x15\x03\x01\x00\x02", "\x17\x03\x03", "\x16\x02\x03\x01\x05hello", "\x16\x03\x05\x01\x05hello",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		for (size_t cut = 0; cut < 2; cut++) {
			struct attack *attack = attack_open(PLAIN);

			attack_login(attack);
			SAY(attack, C, "AUTH TLS\r\n");
			SAY(attack, S, "234 go\r\n");
			attack_say_cut(attack, C, unit_string(lines[i]), cut);
			attack_assert_closed(attack, REASON_NOT_TLS);
			assert_false(attack_hears(attack, C, 0, "PORT"));
			attack_assert_nothing_opened(attack);
			attack_end(attack);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a57_a_command_behind_auth_ends_the_session),
		cmocka_unit_test(a57_the_beginning_of_a_command_does_not_wait_at_the_server_for_tls),
		cmocka_unit_test(a58_a_reply_behind_234_ends_the_session),
		cmocka_unit_test(a58_a_reply_in_clear_in_place_of_the_handshake_ends_the_session),
		cmocka_unit_test(a59_where_tls_is_required_no_login_leaves_in_clear),
		cmocka_unit_test(a65_plaintext_behind_tls_opens_nothing),
		cmocka_unit_test(a66_a_refused_auth_changes_nothing),
		cmocka_unit_test(a66_a_234_that_answers_no_auth_changes_nothing),
		cmocka_unit_test(a67_behind_234_a_client_speaks_tls_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
