/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who has a backlog: sessions in which a command waits or an offer is open, and nobody else; and nothing of the one is left
 * for the next.
 */
#include "core/tcp/shelf.h"

#include "core/tcp/gateway_internal.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

static struct rig rig;
static char paths[256]; /* of the transfers that have ended, each with a blank behind it */

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void note_path(void *context, const struct notice *notice)
{
	const size_t length = strlen(paths);

	(void)context;
	if (notice->type == NOTICE_TRANSFER)
		snprintf(paths + length, sizeof(paths) - length, "%.*s ", (int)notice->text.length,
			 (const char *)notice->text.data);
}

static void begin_logged_in(void)
{
	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
}

static uint32_t lent(void)
{
	return rig.gateway->shelf.lent;
}

static void a_session_in_which_nothing_waits_has_no_backlog(void **state)
{
	(void)state;
	begin_logged_in();
	assert_int_equal(lent(), 0);
	rig_say(&rig, C, "NOOP\r\n");
	assert_int_equal(lent(), 1);
	/* The beginning of a command is none yet, and that of its reply does not answer it. */
	rig_say(&rig, S, "200");
	assert_int_equal(lent(), 1);
	rig_say(&rig, S, " ok\r\n");
	assert_int_equal(lent(), 0);
	rig_say(&rig, C, "NO");
	assert_int_equal(lent(), 0);
}

static void a_session_keeps_its_backlog_until_the_last_reply(void **state)
{
	(void)state;
	begin_logged_in();
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, C, "RETR a\r\n");
	rig_say(&rig, C, "STAT\r\n");
	rig_say(&rig, S, "200 ok\r\n");
	assert_int_equal(lent(), 1);
	rig_say(&rig, S, "150 here it comes\r\n");
	rig_say(&rig, S, "226 done\r\n");
	assert_int_equal(lent(), 1);
	rig_say(&rig, S, "211 all is well\r\n");
	assert_int_equal(lent(), 0);
}

static void an_open_offer_is_kept_without_a_command(void **state)
{
	(void)state;
	begin_logged_in();
	rig_say(&rig, C, RIG_PORT);
	rig_say(&rig, S, "200 ok\r\n");
	assert_int_equal(rig.pinholes, 1);
	assert_int_equal(lent(), 1);
	/* Another session's would be in its place otherwise. */
	rig.at = &rig.connections[1];
	rig_login(&rig);
	rig.at = &rig.connections[0];
	rig_say(&rig, C, "RETR a\r\n");
	rig_say(&rig, S, "150 here it comes\r\n");
	rig_say(&rig, S, "226 done\r\n");
	assert_int_equal(rig.pinholes, 0);
	assert_int_equal(lent(), 0);
}

static void an_ended_session_gives_its_backlog_back(void **state)
{
	(void)state;
	begin_logged_in();
	for (int end = 0; end < 2; end++) {
		rig.at = &rig.connections[end];
		if (end > 0)
			rig_login(&rig);
		rig_say(&rig, C, "RETR a\r\n");
		assert_int_equal(lent(), 1);
		if (end == 0)
			assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
		else
			gateway_stop(rig.gateway, true, rig.now);
		assert_int_equal(lent(), 0);
	}
	assert_int_equal(rig.gateway->shelf.fresh, 1);
}

static void all_sessions_can_have_one_at_a_time(void **state)
{
	(void)state;
	begin_logged_in();
	for (uint32_t i = 0; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		if (i > 0)
			rig_login(&rig);
		rig_say(&rig, C, "NOOP\r\n");
		assert_int_equal(lent(), i + 1);
	}
	for (uint32_t i = 0; i < RIG_CONNECTIONS; i++) {
		rig.at = &rig.connections[i];
		rig_say(&rig, S, "200 ok\r\n");
		assert_int_equal(lent(), RIG_CONNECTIONS - 1 - i);
	}
}

static void nothing_of_a_session_is_told_of_the_next(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.ops.notice = note_path;
	rig_start(&rig);
	paths[0] = '\0';
	/* As many as can wait, whose commands have the numbers of those below. */
	for (int next = 0; next < 2; next++) {
		rig.at = &rig.connections[next];
		rig_login(&rig);
		for (int i = 0; i < SESSION_TRANSFERS_MAX; i++)
			rig_say(&rig, C, next == 0 ? "RETR hidden\r\n" : "RETR own\r\n");
		if (next == 0)
			assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
	}
	for (int i = 0; i < SESSION_TRANSFERS_MAX; i++)
		rig_say(&rig, S, "226 done\r\n");
	assert_string_equal(paths, "own own own ");
}

static void the_one_that_was_put_back_last_is_lent_next(void **state)
{
	static struct session sessions[3];
	static struct shelf_place places[3];
	struct shelf shelf;

	(void)state;
	shelf_init(&shelf, places);
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
		shelf_lend(&shelf, &sessions[i]);
	assert_int_equal(shelf.lent, 3);
	/* To lend to who has one changes nothing, nor does taking from who has none. */
	shelf_lend(&shelf, &sessions[1]);
	assert_ptr_equal(sessions[1].backlog, &places[1].backlog);
	shelf_take_back(&shelf, &sessions[0], true);
	shelf_take_back(&shelf, &sessions[2], true);
	shelf_take_back(&shelf, &sessions[2], true);
	assert_int_equal(shelf.lent, 1);
	shelf_lend(&shelf, &sessions[0]);
	assert_ptr_equal(sessions[0].backlog, &places[2].backlog);
	shelf_lend(&shelf, &sessions[2]);
	assert_ptr_equal(sessions[2].backlog, &places[0].backlog);
	assert_int_equal(shelf.fresh, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_session_in_which_nothing_waits_has_no_backlog, finish),
		cmocka_unit_test_teardown(a_session_keeps_its_backlog_until_the_last_reply, finish),
		cmocka_unit_test_teardown(an_open_offer_is_kept_without_a_command, finish),
		cmocka_unit_test_teardown(an_ended_session_gives_its_backlog_back, finish),
		cmocka_unit_test_teardown(all_sessions_can_have_one_at_a_time, finish),
		cmocka_unit_test_teardown(nothing_of_a_session_is_told_of_the_next, finish),
		cmocka_unit_test(the_one_that_was_put_back_last_is_lent_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
