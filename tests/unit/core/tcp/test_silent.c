/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A383: which connections are remembered, and how many. */
#include "core/tcp/silent.h"

#include "unit.h"

#define ROWS 64
#define SETS 32

static const uint8_t key[16] = { 7 };

static struct tuple connection(unsigned int number)
{
	return (struct tuple){ unit_endpoint("10.0.0.5", (uint16_t)(1024 + number)), unit_endpoint("203.0.113.9", 21) };
}

static void begin(struct silent_table *table, struct silent_set *sets, uint32_t count)
{
	memset(sets, 0xff, count * sizeof(*sets));
	silent_init(table, sets, count, key);
}

static void a383_there_is_room_for_twice_as_many_as_there_are_rows(void **state)
{
	(void)state;
	assert_int_equal(silent_set_count(1), 1);
	assert_int_equal(silent_set_count(ROWS), SETS);
	assert_int_equal(silent_set_count(ROWS + 1), 2 * SETS);
	assert_int_equal(silent_set_count(1000000) * SILENT_WAYS, 1 << 21);
}

static void a383_each_connection_is_known_by_both_its_ends(void **state)
{
	struct tuple one = connection(1), other = connection(2);
	struct silent_set sets[SETS];
	struct silent_table table;

	(void)state;
	begin(&table, sets, SETS);
	assert_false(silent_has(&table, &one));
	silent_note(&table, &one);
	assert_true(silent_has(&table, &one));
	assert_false(silent_has(&table, &other));
	other = tuple_reverse(&one);
	assert_false(silent_has(&table, &other));
	silent_forget(&table, &other);
	assert_true(silent_has(&table, &one));
	silent_forget(&table, &one);
	assert_false(silent_has(&table, &one));
}

static void a383_of_a_set_the_oldest_is_forgotten_first(void **state)
{
	struct silent_set set;
	struct silent_table table;

	(void)state;
	begin(&table, &set, 1);
	for (unsigned int number = 0; number < 100; number++) {
		const struct tuple new = connection(number);

		silent_note(&table, &new);
		/* Twice is once. */
		silent_note(&table, &new);
		for (unsigned int before = 0; before <= number; before++) {
			const struct tuple old = connection(before);

			assert_int_equal(silent_has(&table, &old), before + SILENT_WAYS > number);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a383_there_is_room_for_twice_as_many_as_there_are_rows),
		cmocka_unit_test(a383_each_connection_is_known_by_both_its_ends),
		cmocka_unit_test(a383_of_a_set_the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
