/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Durations in classes, and what so many of a hundred did not exceed. */
#include "base/histogram.h"

#include "unit.h"

static void a_duration_is_in_the_class_that_it_does_not_exceed(void **state)
{
	(void)state;
	assert_int_equal(histogram_find(&histogram_verdicts, 0), 0);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		assert_int_equal(histogram_find(&histogram_verdicts, histogram_verdicts.bounds[i]), i);
		assert_int_equal(histogram_find(&histogram_verdicts, histogram_verdicts.bounds[i] + 1), i + 1);
		assert_true(i == 0 || histogram_verdicts.bounds[i] > histogram_verdicts.bounds[i - 1]);
		assert_true(i == 0 || histogram_transfers.bounds[i] > histogram_transfers.bounds[i - 1]);
	}
	assert_int_equal(histogram_find(&histogram_transfers, UINT64_MAX), HISTOGRAM_BOUNDS);
}

static void a_quantile_is_in_the_class_that_has_it(void **state)
{
	struct histogram histogram = { .sum = 0 };
	uint64_t value;

	(void)state;
	assert_false(histogram_quantile(&histogram, &histogram_verdicts, 50, &value));
	for (int i = 0; i < 98; i++)
		histogram_add(&histogram, &histogram_verdicts, 15);
	histogram_add(&histogram, &histogram_verdicts, 150);
	histogram_add(&histogram, &histogram_verdicts, 150);
	assert_int_equal(histogram.sum, 98 * 15 + 300);
	assert_true(histogram_quantile(&histogram, &histogram_verdicts, 50, &value));
	assert_in_range(value, 10, 20);
	assert_true(histogram_quantile(&histogram, &histogram_verdicts, 99, &value));
	assert_int_equal(value, 150);
	assert_true(histogram_quantile(&histogram, &histogram_verdicts, 100, &value));
	assert_int_equal(value, 200);
	for (int i = 0; i < 1000; i++)
		histogram_add(&histogram, &histogram_verdicts, UINT32_MAX);
	assert_true(histogram_quantile(&histogram, &histogram_verdicts, 50, &value));
	assert_int_equal(value, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_is_in_the_class_that_it_does_not_exceed),
		cmocka_unit_test(a_quantile_is_in_the_class_that_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
