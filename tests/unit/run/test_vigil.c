/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When rules are looked for, when they are told to be gone, and when they are loaded again; in a world without any. */
#include "run/vigil.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)

static const struct vigil_sight both = { .wanted = { true, true }, .loaded = { true, true }, .nft = true };
static const struct vigil_sight only_ipv4 = { .wanted = { true, true }, .loaded = { true, false }, .nft = true };
static const struct vigil_sight none = { .wanted = { true, true } };

/* Begins with rules of both families, seen at time 0. */
static void begin(struct vigil *vigil)
{
	vigil_begin(vigil, 0);
	assert_true(vigil_is_due(vigil, 0));
	vigil_see(vigil, &both, true, 0);
}

/* The next look, when it is due. Returns what it brings, and moves the time. */
static struct vigil_news look(struct vigil *vigil, const struct vigil_sight *sight, bool may_restore, uint64_t *now)
{
	while (!vigil_is_due(vigil, *now))
		*now += SECOND / 10;
	return vigil_see(vigil, sight, may_restore, *now);
}

static void a_look_comes_soon_after_a_change_and_once_a_minute_without(void **state)
{
	struct vigil vigil;

	(void)state;
	begin(&vigil);
	assert_false(vigil_is_due(&vigil, MINUTE - 1));
	assert_true(vigil_is_due(&vigil, MINUTE));
	vigil_hear(&vigil, 10 * SECOND);
	assert_false(vigil_is_due(&vigil, 10 * SECOND));
	/* A stream of changes does not put the look off. */
	vigil_hear(&vigil, 10 * SECOND + SECOND / 4);
	assert_true(vigil_is_due(&vigil, 10 * SECOND + SECOND / 2));
}

/* Another manager takes rules away and our unit brings them back: nothing to tell. */
static void a193_who_replaces_rules_is_not_told(void **state)
{
	struct vigil vigil;
	struct vigil_news news;
	uint64_t now = 10 * SECOND;

	(void)state;
	begin(&vigil);
	vigil_hear(&vigil, now);
	news = look(&vigil, &none, true, &now);
	assert_false(news.gone[0] || news.gone[1] || news.restore);
	vigil_hear(&vigil, now);
	assert_false(vigil_is_due(&vigil, now + SECOND));
	news = look(&vigil, &both, true, &now);
	assert_false(news.back[0] || news.back[1] || news.restore);
	assert_true(now >= 12 * SECOND && now < 13 * SECOND);
}

static void a193_rules_that_stay_away_are_told_since_they_were_missed(void **state)
{
	struct vigil vigil;
	struct vigil_news news;
	uint64_t now = 10 * SECOND, missed;

	(void)state;
	begin(&vigil);
	vigil_hear(&vigil, now);
	look(&vigil, &only_ipv4, false, &now);
	missed = now;
	news = look(&vigil, &only_ipv4, false, &now);
	assert_true(news.gone[1] && !news.gone[0] && !news.restore);
	assert_int_equal(vigil.family[1].since, missed);
	assert_int_equal(vigil.family[1].state, VIGIL_GONE);
	/* Once. */
	news = look(&vigil, &only_ipv4, false, &now);
	assert_false(news.gone[1]);
	news = look(&vigil, &both, false, &now);
	assert_true(news.back[1] && !news.back[0]);
}

static void a193_rules_are_restored_where_that_is_allowed(void **state)
{
	struct vigil vigil;
	uint64_t now = 10 * SECOND;

	(void)state;
	begin(&vigil);
	vigil_hear(&vigil, now);
	assert_false(look(&vigil, &none, true, &now).restore);
	assert_true(look(&vigil, &none, true, &now).restore);
	assert_true(vigil.nft);
}

/* Somebody who flushes at once what was loaded has his way more and more. */
static void a193_nobody_is_fought_without_end(void **state)
{
	struct vigil vigil;
	uint64_t now = 10 * SECOND;
	uint64_t last = 0, gap = 0;
	unsigned int restored = 0;

	(void)state;
	begin(&vigil);
	while (now < 3600 * SECOND) {
		if (look(&vigil, &none, true, &now).restore) {
			restored++;
			gap = now - last;
			last = now;
		}
		if (vigil.family[0].state == VIGIL_GONE && vigil.restore_at > now + SECOND)
			look(&vigil, &both, true, &now);
	}
	assert_true(restored > 3 && restored < 20);
	assert_true(gap >= 600 * SECOND);
}

/* What was there for an hour and more is restored at once when it goes. */
static void after_an_hour_of_peace_the_pause_is_short_again(void **state)
{
	struct vigil vigil;
	uint64_t now = 10 * SECOND;

	(void)state;
	begin(&vigil);
	for (int i = 0; i < 10; i++) {
		look(&vigil, &none, true, &now);
		look(&vigil, &none, true, &now);
		look(&vigil, &both, true, &now);
	}
	now += 7200 * SECOND;
	look(&vigil, &both, true, &now);
	look(&vigil, &none, true, &now);
	assert_true(look(&vigil, &none, true, &now).restore);
	assert_int_equal(vigil.restore_at, now + 10 * SECOND);
}

/* Who starts without rules was warned, and is to load them. */
static void rules_that_never_were_are_not_told_and_not_restored(void **state)
{
	struct vigil vigil;
	struct vigil_news news;
	uint64_t now = 0;

	(void)state;
	vigil_begin(&vigil, 0);
	for (int i = 0; i < 3; i++) {
		news = look(&vigil, &none, true, &now);
		assert_false(news.gone[0] || news.gone[1] || news.restore);
		assert_int_equal(vigil.family[0].state, VIGIL_GONE);
	}
	news = look(&vigil, &both, true, &now);
	assert_true(news.back[0] && news.back[1]);
}

static void a_family_that_is_not_forwarded_is_nobodys_business(void **state)
{
	const struct vigil_sight no_ipv6 = { .wanted = { true, false }, .loaded = { true, false } };
	struct vigil vigil;
	struct vigil_news news;
	uint64_t now = 0;

	(void)state;
	begin(&vigil);
	news = look(&vigil, &no_ipv6, true, &now);
	assert_false(news.gone[1] || news.restore);
	assert_int_equal(vigil.family[1].state, VIGIL_UNKNOWN);
	assert_false(vigil.nft);
	vigil_miss(&vigil, now);
	assert_false(vigil_is_due(&vigil, now + MINUTE - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_comes_soon_after_a_change_and_once_a_minute_without),
		cmocka_unit_test(a193_who_replaces_rules_is_not_told),
		cmocka_unit_test(a193_rules_that_stay_away_are_told_since_they_were_missed),
		cmocka_unit_test(a193_rules_are_restored_where_that_is_allowed),
		cmocka_unit_test(a193_nobody_is_fought_without_end),
		cmocka_unit_test(after_an_hour_of_peace_the_pause_is_short_again),
		cmocka_unit_test(rules_that_never_were_are_not_told_and_not_restored),
		cmocka_unit_test(a_family_that_is_not_forwarded_is_nobodys_business),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
