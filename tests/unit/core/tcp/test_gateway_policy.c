/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Another policy: it holds for every session from its next line on, however many came between two lines, and to put it in
 * force costs as much with a million sessions as with one. Policies are on the heap, so that one that is gone is missed.
 */
#include <stdlib.h>

#include "core/tcp/gateway_internal.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

static struct rig rig;
static struct policy *in_force;

static void begin_logged_in(void)
{
	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
}

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	free(in_force);
	in_force = NULL;
	return 0;
}

/* What another one had put in force is gone afterwards; the rig's own allows active transfers. */
static void change_policy(bool active)
{
	struct policy *next = calloc(1, sizeof(*next));

	assert_non_null(next);
	policy_rule_set_defaults(&next->rules[0]);
	next->rules[0].active = active;
	next->rule_count = 1;
	gateway_set_policy(rig.gateway, next);
	free(in_force);
	in_force = next;
}

static void the_last_of_several_policies_judges_the_next_line(void **state)
{
	(void)state;
	begin_logged_in();
	change_policy(true);
	change_policy(true);
	change_policy(false);
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	rig_say(&rig, S, "501 no\r\n");
	change_policy(false);
	change_policy(true);
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.pinholes, 1);
}

/* Whether a session of before the gateway may be one in TLS is the latest policy's to say, too; the one before is gone. */
static void a384_a_session_that_is_adopted_follows_the_policy_of_that_moment(void **state)
{
	(void)state;
	for (int forbids = 0; forbids < 2; forbids++) {
		rig_begin(&rig, RIG_PLAIN);
		change_policy(true);
		rig_at(&rig, C, 0, "\x17\x03\x03\x01\x05", 0);
		rig_acknowledge(&rig, S);
		rig.now += rig.limits.settling;
		rig_acknowledge(&rig, C);
		change_policy(true);
		in_force->rules[0].tls = forbids ? TLS_FORBID : TLS_ALLOW;
		rig_packet(&rig, S, rig.at->peer[1].first, rig.at->peer[1].expects - 1, TCP_ACK, 0, "\x17\x03\x03\x01\x05", 5);
		assert_int_equal(rig_reported(&rig, "tls"), !forbids);
		rig_end(&rig);
		free(in_force);
		in_force = NULL;
	}
	begin_logged_in();
}

static void a_policy_is_followed_once(void **state)
{
	const struct flow *flow;

	(void)state;
	begin_logged_in();
	flow = &rig.gateway->table.flows[0];
	change_policy(true);
	rig_say(&rig, C, "NOOP\r\n");
	assert_ptr_equal(flow->session.rule, &in_force->rules[0]);
	/* Nobody has said that there is another one. */
	rig.gateway->table.flows[0].session.rule = &in_force->rules[1];
	rig_say(&rig, S, "200 ok\r\n");
	assert_ptr_equal(flow->session.rule, &in_force->rules[1]);
}

static void each_session_follows_for_itself(void **state)
{
	(void)state;
	begin_logged_in();
	rig.at = &rig.connections[1];
	rig_login(&rig);
	change_policy(false);
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	/* One that begins now, and one that has said nothing meanwhile. */
	rig.at = &rig.connections[2];
	rig_login(&rig);
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	rig.at = &rig.connections[0];
	rig.events[0] = '\0';
	rig_say(&rig, C, RIG_PORT);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	assert_int_equal(rig.pinholes_made, 0);
}

static void a_line_is_judged_by_the_policy_that_is_in_force_at_its_end(void **state)
{
	(void)state;
	begin_logged_in();
	assert_int_equal(rig_say(&rig, C, "PORT 10,0,0,5"), GATEWAY_DROP);
	change_policy(false);
	rig_say(&rig, C, ",195,149\r\n");
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	rig_assert_never_got(&rig, C, "195,149");
}

static void the_line_that_an_end_completes_is_too(void **state)
{
	(void)state;
	begin_logged_in();
	assert_int_equal(rig_say(&rig, C, "PORT 10,0,0,5,195,149"), GATEWAY_DROP);
	change_policy(false);
	rig_say_bytes(&rig, C, "", 0, TCP_FIN);
	assert_true(rig_reported(&rig, "refuse:active-denied"));
	assert_int_equal(rig.pinholes_made, 0);
}

static void what_was_opened_stays_open_and_is_closed_with_its_session(void **state)
{
	(void)state;
	begin_logged_in();
	rig_say(&rig, C, RIG_PORT);
	assert_int_equal(rig.pinholes, 1);
	change_policy(false);
	change_policy(false);
	assert_int_equal(rig.pinholes, 1);
	assert_true(gateway_kill_session(rig.gateway, 1, rig.now));
	assert_int_equal(rig.pinholes, 0);
	assert_true(rig_reported(&rig, "session-close:killed"));
}

static void another_policy_touches_no_row(void **state)
{
	const size_t size = sizeof(struct flow) * RIG_CONNECTIONS;
	struct flow *before = malloc(size);

	(void)state;
	assert_non_null(before);
	begin_logged_in();
	memcpy(before, rig.gateway->table.flows, size);
	change_policy(false);
	assert_memory_equal(before, rig.gateway->table.flows, size);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_last_of_several_policies_judges_the_next_line, finish),
		cmocka_unit_test_teardown(a384_a_session_that_is_adopted_follows_the_policy_of_that_moment, finish),
		cmocka_unit_test_teardown(a_policy_is_followed_once, finish),
		cmocka_unit_test_teardown(each_session_follows_for_itself, finish),
		cmocka_unit_test_teardown(a_line_is_judged_by_the_policy_that_is_in_force_at_its_end, finish),
		cmocka_unit_test_teardown(the_line_that_an_end_completes_is_too, finish),
		cmocka_unit_test_teardown(what_was_opened_stays_open_and_is_closed_with_its_session, finish),
		cmocka_unit_test_teardown(another_policy_touches_no_row, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
