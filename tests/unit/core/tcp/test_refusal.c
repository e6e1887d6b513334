/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A152: what is remembered of a refusal, and for how long. */
#include <stdlib.h>

#include "core/tcp/refusal.h"
#include "unit.h"

static struct refusal_table *table;

static int begin(void **state)
{
	static const uint8_t key[16] = { 1, 2, 3 };

	(void)state;
	table = calloc(1, sizeof(*table));
	assert_non_null(table);
	refusal_table_init(table, key);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	free(table);
	return 0;
}

static struct tuple tuple_of(uint16_t port)
{
	return (struct tuple){ unit_endpoint("10.0.0.5", port), unit_endpoint("203.0.113.9", 21) };
}

static enum reason find(enum refusal_kind kind, uint16_t port, uint64_t now)
{
	const struct tuple tuple = tuple_of(port);

	return refusal_find(table, kind, &tuple, now);
}

static void note(enum refusal_kind kind, uint16_t port, uint64_t now)
{
	const struct tuple tuple = tuple_of(port);

	refusal_note(table, kind, &tuple, REASON_NO_CONNECTION, now);
}

static void a152_each_refusal_counts_for_twice_as_long_as_the_last_up_to_a_tenth_of_a_second(void **state)
{
	static const uint64_t pauses[] = { 1, 2, 4, 8, 16, 32, 64, 100, 100, 100 };
	uint64_t now = 5000000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		assert_int_equal(find(REFUSAL_SPEECH, 1, now), REASON_NONE);
		note(REFUSAL_SPEECH, 1, now);
		now += pauses[i] * 1000 - 1;
		assert_int_equal(find(REFUSAL_SPEECH, 1, now), REASON_NO_CONNECTION);
		now++;
	}
	/* Who has been silent for a second begins again. */
	now += 999999;
	note(REFUSAL_SPEECH, 1, now);
	assert_int_equal(find(REFUSAL_SPEECH, 1, now + 99999), REASON_NO_CONNECTION);
	now += 100000 + 1000000;
	note(REFUSAL_SPEECH, 1, now);
	assert_int_equal(find(REFUSAL_SPEECH, 1, now + 999), REASON_NO_CONNECTION);
	assert_int_equal(find(REFUSAL_SPEECH, 1, now + 1000), REASON_NONE);
}

static void a152_a_refusal_is_of_one_tuple_one_direction_and_one_kind_of_packet(void **state)
{
	const struct tuple reverse = tuple_reverse(&(struct tuple){ unit_endpoint("10.0.0.5", 1), unit_endpoint("203.0.113.9", 21) });
	const struct tuple other = { unit_endpoint("10.0.0.6", 1), unit_endpoint("203.0.113.9", 21) };

	(void)state;
	note(REFUSAL_SPEECH, 1, 100);
	assert_int_equal(find(REFUSAL_SPEECH, 1, 200), REASON_NO_CONNECTION);
	assert_int_equal(find(REFUSAL_HANDSHAKE, 1, 200), REASON_NONE);
	assert_int_equal(find(REFUSAL_SPEECH, 2, 200), REASON_NONE);
	assert_int_equal(refusal_find(table, REFUSAL_SPEECH, &reverse, 200), REASON_NONE);
	assert_int_equal(refusal_find(table, REFUSAL_SPEECH, &other, 200), REASON_NONE);
}

static void what_has_passed_is_refused_no_more(void **state)
{
	const struct tuple tuple = tuple_of(1);

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		note(REFUSAL_SPEECH, 1, i * 100000);
	note(REFUSAL_HANDSHAKE, 1, 1000000);
	refusal_forget(table, REFUSAL_SPEECH, &tuple);
	assert_int_equal(find(REFUSAL_SPEECH, 1, 1000000), REASON_NONE);
	assert_int_equal(find(REFUSAL_HANDSHAKE, 1, 1000000), REASON_NO_CONNECTION);
	/* Nor does it make the next pause longer. */
	note(REFUSAL_SPEECH, 1, 1000000);
	assert_int_equal(find(REFUSAL_SPEECH, 1, 1001000), REASON_NONE);
}

static unsigned int count_remembered(uint64_t now)
{
	unsigned int remembered = 0;

	for (uint16_t port = 1; port < 60000; port++)
		remembered += find(REFUSAL_SPEECH, port, now) != REASON_NONE;
	return remembered;
}

static void what_was_not_refused_can_be_forgotten_too(void **state)
{
	unsigned int remembered;

	(void)state;
	for (uint16_t port = 1; port < 60000; port++)
		note(REFUSAL_SPEECH, port, 1700000);
	remembered = count_remembered(1700001);
	for (uint16_t port = 60000; port < 65535; port++) {
		const struct tuple tuple = tuple_of(port);

		refusal_forget(table, REFUSAL_SPEECH, &tuple);
	}
	assert_int_equal(count_remembered(1700001), remembered);
}

/* As many tuples as there are ports: those of a short pause give way, and no other is ever refused. */
static void any_number_of_tuples_finds_room(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 8; round++)
		note(REFUSAL_SPEECH, 65535, 1000000 + round * 100000);
	for (uint16_t port = 1; port < 60000; port++) {
		assert_int_equal(find(REFUSAL_SPEECH, port, 1700000), REASON_NONE);
		note(REFUSAL_SPEECH, port, 1700000);
	}
	assert_in_range(count_remembered(1700001), REFUSAL_SETS * (REFUSAL_WAYS - 1), REFUSAL_SETS * REFUSAL_WAYS);
	assert_int_equal(find(REFUSAL_SPEECH, 65535, 1700001), REASON_NO_CONNECTION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a152_each_refusal_counts_for_twice_as_long_as_the_last_up_to_a_tenth_of_a_second, begin, finish),
		cmocka_unit_test_setup_teardown(a152_a_refusal_is_of_one_tuple_one_direction_and_one_kind_of_packet, begin,
						finish),
		cmocka_unit_test_setup_teardown(what_has_passed_is_refused_no_more, begin, finish),
		cmocka_unit_test_setup_teardown(what_was_not_refused_can_be_forgotten_too, begin, finish),
		cmocka_unit_test_setup_teardown(any_number_of_tuples_finds_room, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
