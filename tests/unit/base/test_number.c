/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers as users and other programs of ours write them: one spelling, and no number that wraps. */
#include "base/number.h"
#include "unit.h"

static void a_number_has_digits_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		unsigned int base;
		uint64_t maximum;
		enum number_fault fault;
		uint64_t number;
	} rows[] = {
		{ "0", 10, 0, NUMBER_GOOD, 0 },
		{ "007", 10, 7, NUMBER_GOOD, 7 },
		{ "fF", 16, 255, NUMBER_GOOD, 255 },
		{ "18446744073709551615", 10, UINT64_MAX, NUMBER_GOOD, UINT64_MAX },
		{ "18446744073709551616", 10, UINT64_MAX, NUMBER_TOO_LARGE, 0 },
		{ "ffffffffffffffff", 16, UINT64_MAX, NUMBER_GOOD, UINT64_MAX },
		{ "10000000000000000", 16, UINT64_MAX, NUMBER_TOO_LARGE, 0 },
		{ "99999999999999999999999999", 10, UINT64_MAX, NUMBER_TOO_LARGE, 0 },
		{ "65536", 10, 65535, NUMBER_TOO_LARGE, 0 },
		{ "1", 10, 0, NUMBER_TOO_LARGE, 0 },
		{ "", 10, 9, NUMBER_MALFORMED, 0 },
		{ "+1", 10, 9, NUMBER_MALFORMED, 0 },
		{ "-1", 10, 9, NUMBER_MALFORMED, 0 },
		{ " 1", 10, 9, NUMBER_MALFORMED, 0 },
		{ "1 ", 10, 9, NUMBER_MALFORMED, 0 },
		{ "0x1", 16, 9, NUMBER_MALFORMED, 0 },
		{ "a", 10, 99, NUMBER_MALFORMED, 0 },
		{ "g", 16, 99, NUMBER_MALFORMED, 0 },
		/* It is no number, however large its beginning is. */
		{ "99999x", 10, 9, NUMBER_MALFORMED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t number = 0;

		if (number_read(unit_string(rows[i].text), rows[i].base, rows[i].maximum, &number) != rows[i].fault ||
		    number != rows[i].number)
			fail_msg("\"%s\" to base %u", rows[i].text, rows[i].base);
	}
}

static void bytes_are_pairs_of_digits(void **state)
{
	static const uint8_t bytes[] = { 0, 0x1f, 0xa9, 0xff };
	char text[2 * sizeof(bytes) + 1];
	uint8_t back[sizeof(bytes)];
	size_t length = 0;

	(void)state;
	number_write_bytes((struct bytes){ bytes, sizeof(bytes) }, text);
	assert_string_equal(text, "001fa9ff");
	assert_true(number_read_bytes(unit_string(text), back, sizeof(back), &length));
	assert_int_equal(length, sizeof(bytes));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_true(number_read_bytes(unit_string(""), back, sizeof(back), &length));
	assert_int_equal(length, 0);
	assert_false(number_read_bytes(unit_string("001"), back, sizeof(back), &length));
	assert_false(number_read_bytes(unit_string("0g"), back, sizeof(back), &length));
	assert_false(number_read_bytes(unit_string("g0"), back, sizeof(back), &length));
	assert_false(number_read_bytes(unit_string("0011223344"), back, sizeof(back), &length));
}

static void a_number_in_hexadecimal_has_no_zeros_in_front(void **state)
{
	static const struct {
		uint64_t number;
		const char *text;
	} rows[] = {
		{ 0, "0" }, { 1, "1" }, { 0xf, "f" }, { 0x10, "10" }, { 0xa0b, "a0b" }, { UINT64_C(1) << 40, "10000000000" },
		{ UINT64_C(0x8000000000000000), "8000000000000000" }, { UINT64_MAX, "ffffffffffffffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[NUMBER_HEXADECIMAL_MAX];

		number_write_hexadecimal(rows[i].number, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_digits_and_nothing_else),
		cmocka_unit_test(bytes_are_pairs_of_digits),
		cmocka_unit_test(a_number_in_hexadecimal_has_no_zeros_in_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
