/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in logs and events. The manual is read from doc/ftpalg.8, so this runs from the top of the tree: a reason that
 * a user can meet and can't look up is a defect.
 */
#include <errno.h>
#include <stdlib.h>

#include "ftpalg/notice.h"
#include "unit.h"

#define MANUAL "doc/ftpalg.8"

static bool is_letter(char byte)
{
	return byte >= 'a' && byte <= 'z';
}

/* Words of small letters with single hyphens between them. */
static bool is_kebab_case(const char *name)
{
	bool good = is_letter(name[0]);

	for (size_t index = 1; good && name[index] != '\0'; index++)
		good = is_letter(name[index]) || (name[index] == '-' && is_letter(name[index + 1]));
	return good;
}

/* The manual without roff's escapes for a hyphen. The caller frees it. */
static char *read_manual(void)
{
	FILE *file = fopen(MANUAL, "r");
	char *text = NULL;
	size_t size = 0;
	size_t length = 0;

	if (!file)
		fail_msg("%s: %s (run from the top of the tree)", MANUAL, strerror(errno));
	if (getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s: empty", MANUAL);
	fclose(file);

	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] == '-')
			from++;
		text[length++] = *from;
	}
	text[length] = '\0';
	return text;
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	bool found = false;

	for (const char *at = strstr(text, word); at && !found; at = strstr(at + 1, word)) {
		bool starts = at == text || (!is_letter(at[-1]) && at[-1] != '-');

		found = starts && !is_letter(at[length]) && at[length] != '-';
	}
	return found;
}

static void every_reason_has_a_name_of_its_own_and_a_meaning(void **state)
{
	(void)state;
	for (unsigned int reason = 0; reason < REASON_COUNT; reason++) {
		const char *name = reason_name((enum reason)reason);

		if (!is_kebab_case(name))
			fail_msg("not kebab-case: \"%s\"", name);
		assert_true(strlen(reason_meaning((enum reason)reason)) > 10);
		for (unsigned int other = 0; other < reason; other++) {
			assert_string_not_equal(name, reason_name((enum reason)other));
			assert_string_not_equal(reason_meaning((enum reason)reason),
						reason_meaning((enum reason)other));
		}
	}
	assert_string_equal(reason_name(REASON_NONE), "none");
	assert_string_equal(reason_name(REASON_SHUTDOWN), "shutdown");
}

static void every_event_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < NOTICE_COUNT; type++) {
		const char *name = notice_name((enum notice_type)type);

		if (!is_kebab_case(name))
			fail_msg("not kebab-case: \"%s\"", name);
		for (unsigned int other = 0; other < type; other++)
			assert_string_not_equal(name, notice_name((enum notice_type)other));
	}
	assert_string_equal(notice_name(NOTICE_SESSION_OPEN), "session-open");
	assert_string_equal(notice_name(NOTICE_SESSION_CLOSE), "session-close");
}

static void values_outside_the_tables_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(reason_name(REASON_COUNT), "unknown");
	assert_string_equal(reason_meaning(REASON_COUNT), "unknown");
	assert_string_equal(notice_name(NOTICE_COUNT), "unknown");
}

static void the_manual_explains_every_reason(void **state)
{
	char *manual = read_manual();
	unsigned int missing = 0;

	(void)state;
	for (unsigned int reason = 0; reason < REASON_COUNT; reason++) {
		if (!has_word(manual, reason_name((enum reason)reason))) {
			print_error(MANUAL " lacks the reason \"%s\"\n", reason_name((enum reason)reason));
			missing++;
		}
	}
	free(manual);
	assert_int_equal(missing, 0);
}

static void the_manual_names_every_event(void **state)
{
	char *manual = read_manual();
	unsigned int missing = 0;

	(void)state;
	for (unsigned int type = 0; type < NOTICE_COUNT; type++) {
		if (!has_word(manual, notice_name((enum notice_type)type))) {
			print_error(MANUAL " lacks the event \"%s\"\n", notice_name((enum notice_type)type));
			missing++;
		}
	}
	free(manual);
	assert_int_equal(missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_meaning),
		cmocka_unit_test(every_event_has_a_name_of_its_own),
		cmocka_unit_test(values_outside_the_tables_are_unknown),
		cmocka_unit_test(the_manual_explains_every_reason),
		cmocka_unit_test(the_manual_names_every_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
