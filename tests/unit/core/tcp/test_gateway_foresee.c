/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that are foreseen: whatever is said of them, and whether they come or not, others are judged as ever. */
#include "core/tcp/gateway_internal.h"
#include "ftpalg/address.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY
#define LINGER (31 * SECOND)

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void foresee(enum direction direction)
{
	const struct tuple tuple = { rig.at->view.client, rig.at->view.server };
	const struct tuple reversed = tuple_reverse(&tuple);

	gateway_foresee(rig.gateway, direction == C ? &tuple : &reversed);
}

static void what_is_foreseen_is_judged_as_ever(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	/* There is no row yet, and then there is one. */
	foresee(S);
	foresee(C);
	rig_login(&rig);
	foresee(C);
	assert_int_equal(rig_say(&rig, C, RIG_PORT), GATEWAY_REPLACE);
	rig_assert_got(&rig, C, RIG_PORT_SEEN);
	foresee(S);
	foresee(S);
	assert_int_equal(rig_say(&rig, S, "200 ok\r\n"), GATEWAY_ACCEPT);
	foresee(C);
	assert_int_equal(rig_say(&rig, S, "227 Entering Passive Mode (203,0,113,9,200,1)\r\n"), GATEWAY_REPLACE);
	assert_true(rig_reported(&rig, "refuse:"));
}

static void a_row_that_is_given_back_may_have_been_foreseen(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
	foresee(C);
	assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
	rig.now += LINGER;
	gateway_tick(rig.gateway, rig.now);
	rig.at = &rig.connections[1];
	foresee(C);
	rig_login(&rig);
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.pinholes, 1);
}

static void more_than_fit_are_not_noted(void **state)
{
	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
	for (int i = 0; i < 3 * GATEWAY_FORESEEN_MAX; i++)
		foresee(C);
	assert_int_equal(rig.gateway->foreseen_count, GATEWAY_FORESEEN_MAX);
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.pinholes, 1);
	assert_int_equal(rig.gateway->foreseen_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_foreseen_is_judged_as_ever, finish),
		cmocka_unit_test_teardown(a_row_that_is_given_back_may_have_been_foreseen, finish),
		cmocka_unit_test_teardown(more_than_fit_are_not_noted, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
