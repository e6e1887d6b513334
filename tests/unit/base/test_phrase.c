/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text in a room of fixed size: what fits is there, and nothing beyond its end is touched. */
#include "base/phrase.h"

#include <string.h>

#include "unit.h"

static void what_does_not_fit_is_cut(void **state)
{
	char room[9] = "????????";
	struct phrase phrase = { .text = room, .size = 8 };

	(void)state;
	phrase_add(&phrase, "%s", "ab");
	assert_string_equal(room, "ab");
	assert_int_equal(phrase.length, 2);
	phrase_add(&phrase, "%d", 12345678);
	assert_string_equal(room, "ab12345");
	assert_int_equal(phrase.length, 7);
	phrase_add(&phrase, "%s", "more");
	assert_string_equal(room, "ab12345");
	assert_int_equal(phrase.length, 7);
	phrase_add(&phrase, "%s", "");
	assert_int_equal(phrase.length, 7);
	assert_int_equal(room[8], 0);
}

static void what_fits_exactly_is_whole(void **state)
{
	char room[5];
	struct phrase phrase = { .text = room, .size = sizeof(room) };

	(void)state;
	phrase_add(&phrase, "%s", "four");
	assert_string_equal(room, "four");
	assert_int_equal(phrase.length, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(what_fits_exactly_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
