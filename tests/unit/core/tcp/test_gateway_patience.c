/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who must go: sessions that keep others from memory with bytes that stand still, and those that do not finish a line. And
 * when the sender of an unfinished line is given an acknowledgement.
 */
#include "core/tcp/gateway_internal.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* More than a block, which everybody may keep. */
#define MUCH 600
#define LITTLE 100

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void wait_seconds(unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		rig.now += SECOND;
		gateway_tick(rig.gateway, rig.now);
	}
}

/* A reply that nobody acknowledges; or, without an end, part of a line that is held. */
static void say_much(enum direction direction, size_t length, bool whole)
{
	char text[MUCH + 1];

	memset(text, 'x', length);
	memcpy(text, direction == C ? "STAT" : "200-", 4);
	if (whole)
		memcpy(text + length - 2, "\r\n", 2);
	text[length] = '\0';
	rig.lose = true;
	rig_say(&rig, direction, text);
	rig.lose = false;
}

/* Five of eight blocks are in use with these two and what stands still. */
static void make_pool_short(void)
{
	struct rig_connection *at = rig.at;

	for (unsigned int i = 2; i < 4; i++) {
		rig.at = &rig.connections[i];
		say_much(S, MUCH, true);
	}
	rig.at = at;
}

static void what_stands_still_goes_after_half_a_minute(void **state)
{
	enum kind { OUTPUT, LINE, ADOPTED };
	/* since: so many seconds before the pool becomes short, if it does. In 14 more every row is looked at. */
	static const struct {
		const char *name;
		enum kind kind;
		unsigned int since;
		size_t length;
		bool is_short;
		bool goes;
	} rows[] = {
		{ "a reply", OUTPUT, 25, MUCH, true, true },
		{ "a line without its end", LINE, 25, MUCH, true, true },
		{ "a line of a connection that is adopted", ADOPTED, 25, MUCH, true, true },
		{ "a younger reply", OUTPUT, 10, MUCH, true, false },
		{ "a younger line without its end", LINE, 10, MUCH, true, false },
		{ "a younger line of a connection that is adopted", ADOPTED, 10, MUCH, true, false },
		{ "a short reply", OUTPUT, 25, LITTLE, true, false },
		{ "a reply of a block", OUTPUT, 25, BUFFER_BLOCK_DATA, true, false },
		{ "a short line without its end", LINE, 25, LITTLE, true, false },
		{ "a reply where there is room", OUTPUT, 25, MUCH, false, false },
		{ "a line where there is room", LINE, 25, MUCH, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_make(&rig, RIG_SNAT);
		rig.limits.memory = rows[i].is_short ? 8 * BUFFER_BLOCK_SIZE : 64 * BUFFER_BLOCK_SIZE;
		rig.limits.quota.bytes = 64000;
		rig_start(&rig);
		for (unsigned int j = 0; j < 4; j++) {
			rig.at = &rig.connections[j];
			if (j != 0 || rows[i].kind != ADOPTED)
				rig_login(&rig);
		}
		rig.at = &rig.connections[0];
		wait_seconds(40 - rows[i].since);
		say_much(rows[i].kind == OUTPUT ? S : C, rows[i].length, rows[i].kind != LINE);
		wait_seconds(rows[i].since);
		make_pool_short();
		assert_int_equal(gateway_session_count(rig.gateway), 4);
		wait_seconds(14);
		if (gateway_session_count(rig.gateway) != (rows[i].goes ? 3 : 4) ||
		    rig_reported(&rig, "session-close:unacknowledged") != rows[i].goes)
			fail_msg("%s: %u sessions are left", rows[i].name, gateway_session_count(rig.gateway));
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* It is long ago that this session was adopted, and what it has now is young. */
static void that_it_was_adopted_is_nothing_that_stands_still(void **state)
{
	(void)state;
	rig_make(&rig, RIG_SNAT);
	rig.limits.memory = 8 * BUFFER_BLOCK_SIZE;
	rig.limits.quota.bytes = 64000;
	rig_start(&rig);
	for (unsigned int i = 2; i < 4; i++) {
		rig.at = &rig.connections[i];
		rig_login(&rig);
	}
	rig.at = &rig.connections[0];
	rig_at(&rig, C, 0, "NOOP\r\n", 0);
	rig_at(&rig, S, 0, "200 ok\r\n", 0);
	rig_settle(&rig);
	rig_assert_never_got(&rig, C, "x");
	rig.at->peer[0].next += 6;
	rig.at->peer[1].next += 8;
	rig_acknowledge(&rig, C);
	rig_acknowledge(&rig, S);
	wait_seconds(40);
	say_much(S, MUCH, true);
	make_pool_short();
	wait_seconds(14);
	assert_int_equal(gateway_session_count(rig.gateway), 3);
}

/* A line must end within its time, whoever says it; and in no time where none is set. */
static void a_line_has_its_time(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const enum direction direction = (enum direction)(i % 2);
		const bool limited = i < 2;

		rig_make(&rig, RIG_SNAT);
		if (!limited)
			rig.limits.line_timeout = 0;
		rig_start(&rig);
		rig_login(&rig);
		say_much(direction, LITTLE, false);
		wait_seconds(300);
		assert_int_equal(gateway_session_count(rig.gateway), 1);
		wait_seconds(65);
		assert_int_equal(gateway_session_count(rig.gateway), limited ? 0 : 1);
		assert_int_equal(rig_reported(&rig, "session-close:line-timeout"), limited);
		rig_end(&rig);
	}
	rig_begin(&rig, RIG_SNAT);
}

/* Five milliseconds after the last of it, not after the first. */
static void who_goes_on_with_a_line_is_not_answered_yet(void **state)
{
	unsigned int before;

	(void)state;
	rig_begin(&rig, RIG_SNAT);
	rig_login(&rig);
	before = rig.injected_count;
	rig_say(&rig, C, "PO");
	rig.now += 3000;
	rig_say(&rig, C, "RT 10,");
	rig.now += 2500;
	gateway_tick(rig.gateway, rig.now);
	assert_int_equal(rig.injected_count, before);
	rig.now += 2500;
	gateway_tick(rig.gateway, rig.now);
	assert_int_equal(rig.injected_count, before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_stands_still_goes_after_half_a_minute, finish),
		cmocka_unit_test_teardown(that_it_was_adopted_is_nothing_that_stands_still, finish),
		cmocka_unit_test_teardown(a_line_has_its_time, finish),
		cmocka_unit_test_teardown(who_goes_on_with_a_line_is_not_answered_yet, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
