/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For how long a process keeps others off its choice of processors, and what it gives back. */
#include "process/processor.h"
#include "unit.h"

#define HELD 20000
#define FREE 1000

static cpu_set_t allowed(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return set;
}

static int set_up(void **state)
{
	static struct processor_hold hold;

	processor_begin(&hold);
	*state = &hold;
	return 0;
}

/* Where there is only one processor there is nothing to hold. */
static bool has_two(void)
{
	const cpu_set_t set = allowed();

	return CPU_COUNT(&set) > 1;
}

static void a349_a_processor_is_held_for_a_while_and_then_all_are_free_again(void **state)
{
	struct processor_hold *hold = *state;
	const cpu_set_t before = allowed();
	uint64_t now = 1000000;

	if (!has_two())
		skip();
	for (int i = 0; i < 3; i++) {
		cpu_set_t set;

		processor_turn(hold, now);
		set = allowed();
		assert_int_equal(CPU_COUNT(&set), 1);
		assert_true(CPU_ISSET(sched_getcpu(), &set));
		processor_turn(hold, now + HELD - 1);
		set = allowed();
		assert_int_equal(CPU_COUNT(&set), 1);
		processor_turn(hold, now + HELD);
		set = allowed();
		assert_true(CPU_EQUAL(&set, &before));
		processor_turn(hold, now + HELD + FREE - 1);
		set = allowed();
		assert_true(CPU_EQUAL(&set, &before));
		now += HELD + FREE;
	}
}

static void a349_what_somebody_else_sets_meanwhile_counts(void **state)
{
	struct processor_hold *hold = *state;
	const cpu_set_t before = allowed();
	cpu_set_t other, set;

	if (!has_two())
		skip();
	processor_turn(hold, 1000000);
	CPU_ZERO(&other);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&other) == 0; i++)
		if (CPU_ISSET(i, &before) && i != hold->held)
			CPU_SET(i, &other);
	assert_int_equal(sched_setaffinity(0, sizeof(other), &other), 0);
	processor_turn(hold, 1000000 + HELD);
	set = allowed();
	assert_true(CPU_EQUAL(&set, &other));
	/* And where that is one alone, there is no choice to be held. */
	processor_turn(hold, 1000000 + HELD + FREE);
	assert_int_equal(hold->held, -1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a349_a_processor_is_held_for_a_while_and_then_all_are_free_again, set_up),
		cmocka_unit_test_setup(a349_what_somebody_else_sets_meanwhile_counts, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
