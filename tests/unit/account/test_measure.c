/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a direction by its sequence numbers: exact, or not told. */
#include "account/measure.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define WRAP (UINT64_C(1) << 32)

static const uint32_t isn = UINT32_MAX - 5; /* so that numbers start over soon */
static struct measure measure;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	measure = (struct measure){ .begun = false };
	now = 100 * SECOND;
	measure_take_sent(&measure, isn, 0, true, false, now);
	return 0;
}

/* A segment of length bytes that ends at position. */
static void sends(uint64_t position, uint32_t length, bool fin)
{
	measure_take_sent(&measure, isn + 1 + (uint32_t)position - length, length, false, fin, now);
}

static void acknowledges(uint64_t position, bool rst)
{
	measure_take_acknowledged(&measure, isn + 1 + (uint32_t)position, rst, now);
}

static void carried(uint64_t expected)
{
	uint64_t bytes = UINT64_MAX;

	assert_true(measure_read(&measure, &bytes));
	assert_int_equal(bytes, expected);
}

static void not_told(void)
{
	uint64_t bytes;

	assert_false(measure_read(&measure, &bytes));
}

static void an_empty_file_has_no_bytes(void **state)
{
	(void)state;
	sends(0, 0, true);
	carried(0);
	assert_false(measure_is_whole(&measure));
	acknowledges(1, false);
	carried(0);
	assert_true(measure_is_whole(&measure));
}

static void the_fin_says_where_a_file_ends(void **state)
{
	(void)state;
	sends(20000003, 1000, true);
	acknowledges(20000004, false);
	carried(20000003);
	assert_true(measure_is_whole(&measure));
}

static void a_fin_that_is_said_again_or_cut_anew_counts_once(void **state)
{
	(void)state;
	sends(5000, 700, true);
	sends(5000, 1400, true);
	sends(4000, 100, false);
	carried(5000);
	sends(5100, 100, true);
	sends(5000, 700, true);
	carried(5100);
}

static void a_syn_that_is_said_again_begins_nothing(void **state)
{
	(void)state;
	sends(5000, 700, false);
	measure_take_sent(&measure, isn, 0, true, false, now + 3 * SECOND);
	sends(6000, 0, true);
	carried(6000);
}

static void the_acknowledgement_of_a_fin_may_come_before_it(void **state)
{
	(void)state;
	acknowledges(5001, false);
	sends(5000, 10, true);
	carried(5000);
	assert_true(measure_is_whole(&measure));
}

static void a_reset_says_what_its_host_had_got(void **state)
{
	(void)state;
	sends(9000, 1000, true);
	acknowledges(4000, true);
	carried(4000);
	assert_false(measure_is_whole(&measure));
	acknowledges(3000, true);
	carried(4000);
}

static void a_reset_after_all_takes_nothing_away(void **state)
{
	(void)state;
	sends(9000, 1000, true);
	acknowledges(9001, true);
	carried(9000);
	assert_true(measure_is_whole(&measure));
}

static void the_fin_of_who_only_reads_cuts_nothing(void **state)
{
	(void)state;
	acknowledges(0, false);
	sends(9000, 1000, true);
	carried(9000);
}

static void without_its_syn_nothing_is_told(void **state)
{
	(void)state;
	measure = (struct measure){ .begun = false };
	sends(9000, 1000, true);
	acknowledges(9001, false);
	not_told();
	assert_false(measure_is_whole(&measure));
}

static void more_than_4_gib_are_counted_where_steps_are_seen(void **state)
{
	(void)state;
	for (uint64_t position = 0; position < 5000000000; position += 100000000, now += SECOND / 10)
		sends(position, 1448, false);
	sends(5000000123, 123, true);
	carried(5000000123);
}

static void an_acknowledgement_is_a_step_too(void **state)
{
	(void)state;
	for (uint64_t position = 0; position < 5000000000; position += 1000000000, now += SECOND)
		acknowledges(position, false);
	sends(5000000123, 123, true);
	carried(5000000123);
}

static void after_a_pause_it_is_in_doubt(void **state)
{
	(void)state;
	now += 60 * SECOND;
	sends(5000000123, 123, true);
	not_told();
}

static void an_old_segment_after_a_pause_is_no_step(void **state)
{
	(void)state;
	sends(1000000, 1448, false);
	now += 10 * SECOND;
	sends(900000, 1448, false);
	assert_true(measure.position == 1000000);
}

static void a_long_pause_before_the_end_may_go_far(void **state)
{
	(void)state;
	now += 60 * SECOND;
	/* 3 GiB further is before what was seen, if one looks at 32 bits only. */
	sends(UINT64_C(3) << 30, 10, true);
	assert_true(measure_settle(&measure, (UINT64_C(3) << 30) + 2300000 * 52, 2300000, false));
	carried(UINT64_C(3) << 30);
}

/* So many packets of 1448 bytes, one in repeated sent again. */
static bool settles(uint64_t bytes, uint64_t repeated)
{
	const uint64_t packets = bytes / 1448 + 1;
	const uint64_t again = repeated ? packets / repeated : 0;

	now += 600 * SECOND;
	sends(bytes, 1, true);
	return measure_settle(&measure, bytes + packets * 52 + again * 1500, packets + again, false);
}

static void the_kernels_count_tells_how_often_numbers_started_over(void **state)
{
	static const uint64_t sizes[] = { 1, 1000, WRAP - 1, WRAP, WRAP + 1, 5000000123, 3 * WRAP + 7, 5 * WRAP - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t repeated = 0; repeated < 200; repeated += 33) {
			setup(state);
			assert_true(settles(sizes[i], repeated));
			carried(sizes[i]);
		}
}

static void a_count_that_allows_two_answers_settles_nothing(void **state)
{
	(void)state;
	assert_false(settles(60 * WRAP, 0));
	not_told();
}

static void a_count_that_can_not_be_right_settles_nothing(void **state)
{
	(void)state;
	now += 60 * SECOND;
	sends(3000000000, 1, true);
	/* Accounting was switched on in the middle. */
	assert_false(measure_settle(&measure, 1000000, 700, false));
	not_told();
}

static void whatever_is_lost_what_is_told_is_right(void **state)
{
	uint64_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		const uint64_t size = (uint64_t)unit_random_below(&seed, 3) * WRAP + unit_random_below(&seed, 100000000);
		uint64_t bytes;

		setup(state);
		for (uint64_t position = 0; position < size; position += unit_random_below(&seed, 1100000000)) {
			now += SECOND;
			if (unit_random_below(&seed, 3))
				sends(position, 1000, false);
			else if (unit_random_below(&seed, 2))
				acknowledges(position, false);
		}
		sends(size, 0, true);
		if (measure_read(&measure, &bytes) && bytes != size)
			fail_msg("%llu bytes instead of %llu", (unsigned long long)bytes, (unsigned long long)size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_file_has_no_bytes, setup),
		cmocka_unit_test_setup(the_fin_says_where_a_file_ends, setup),
		cmocka_unit_test_setup(a_fin_that_is_said_again_or_cut_anew_counts_once, setup),
		cmocka_unit_test_setup(a_syn_that_is_said_again_begins_nothing, setup),
		cmocka_unit_test_setup(the_acknowledgement_of_a_fin_may_come_before_it, setup),
		cmocka_unit_test_setup(a_reset_says_what_its_host_had_got, setup),
		cmocka_unit_test_setup(a_reset_after_all_takes_nothing_away, setup),
		cmocka_unit_test_setup(the_fin_of_who_only_reads_cuts_nothing, setup),
		cmocka_unit_test_setup(without_its_syn_nothing_is_told, setup),
		cmocka_unit_test_setup(more_than_4_gib_are_counted_where_steps_are_seen, setup),
		cmocka_unit_test_setup(an_acknowledgement_is_a_step_too, setup),
		cmocka_unit_test_setup(after_a_pause_it_is_in_doubt, setup),
		cmocka_unit_test_setup(an_old_segment_after_a_pause_is_no_step, setup),
		cmocka_unit_test_setup(a_long_pause_before_the_end_may_go_far, setup),
		cmocka_unit_test_setup(the_kernels_count_tells_how_often_numbers_started_over, setup),
		cmocka_unit_test_setup(a_count_that_allows_two_answers_settles_nothing, setup),
		cmocka_unit_test_setup(a_count_that_can_not_be_right_settles_nothing, setup),
		cmocka_unit_test(whatever_is_lost_what_is_told_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
