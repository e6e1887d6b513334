/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfers as lines of xferlog(5): fields in their places, whatever peers call their files. */
#include "journal/xferlog.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

#define FIELDS 18

static size_t formatted(enum verb verb, const struct notice_file *file, const struct notice_transfer *end, uint64_t duration,
			char line[XFERLOG_MAX])
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice notice = {
		.type = NOTICE_TRANSFER, .view = &view, .verb = verb, .file = file, .transfer = end, .duration = duration,
		.code = 226,
	};
	const size_t length = xferlog_format(&notice, UINT64_C(1795180455123456), line);

	if (length > 0)
		line[length] = '\0';
	return length;
}

static void assert_line(enum verb verb, const struct notice_file *file, const struct notice_transfer *end, uint64_t duration,
			const char *expected)
{
	char line[XFERLOG_MAX + 1];

	assert_int_equal(formatted(verb, file, end, duration, line), strlen(expected));
	assert_string_equal(line, expected);
}

static void each_field_is_in_its_place(void **state)
{
	const struct notice_transfer complete = { .outcome = TRANSFER_COMPLETE, .counted = true, .bytes = 20000003 };
	const struct notice_transfer aborted = { .outcome = TRANSFER_ABORTED, .counted = true, .bytes = 5 };
	const struct notice_transfer unknown = { .outcome = TRANSFER_COMPLETE };
	const struct notice_file file = { .path = unit_string("/pub/a.bin"), .user = unit_string("anna") };
	const struct notice_file text = { .path = unit_string("a"), .user = unit_string("anonymous"), .ascii = true };

	(void)state;
	assert_line(VERB_RETR, &file, &complete, 400000,
		    "Fri Nov 20 13:14:15 2026 1 10.0.0.5 20000003 /pub/a.bin b _ o r anna ftp 0 * c\n");
	assert_line(VERB_STOR, &text, &aborted, 2600000, "Fri Nov 20 13:14:15 2026 3 10.0.0.5 5 a a _ i a anonymous ftp 0 * i\n");
	assert_line(VERB_APPE, &file, &unknown, 0, "Fri Nov 20 13:14:15 2026 1 10.0.0.5 0 /pub/a.bin b _ i r anna ftp 0 * c\n");
	assert_line(VERB_STOU, NULL, NULL, 0, "Fri Nov 20 13:14:15 2026 1 10.0.0.5 0 - b _ i r - ftp 0 * i\n");
}

static void lists_are_no_files(void **state)
{
	static const enum verb verbs[] = { VERB_LIST, VERB_NLST, VERB_MLSD };
	char line[XFERLOG_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		assert_int_equal(formatted(verbs[i], NULL, NULL, 0, line), 0);
}

/* Names that would be other fields, other lines, or speak to a terminal. */
static void a201_a_name_is_one_field_of_one_line(void **state)
{
	static const struct {
		const char *name;
		const char *shown;
	} rows[] = {
		{ "a b.bin", "a_b.bin" },
		{ "a\nSat Nov 28 14:01:07 2026 1 10.0.0.9 1 /b b _ o r eve ftp 0 * c",
		  "a_Sat_Nov_28_14:01:07_2026_1_10.0.0.9_1_/b_b___o_r_eve_ftp_0_*_c" },
		{ "a\tb\rc\x1b[2Jd", "a_b_c_[2Jd" },
		{ "\xc3\xbc.bin", "\xc3\xbc.bin" },
		{ "\xff\xfe", "__" },
		{ "a\\b", "a\\b" },
		{ " ", "_" },
		{ "\xe2\x80\xae""a", NULL },
	};
	const struct notice_transfer complete = { .outcome = TRANSFER_COMPLETE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct notice_file file = { .path = unit_string(rows[i].name), .user = unit_string(rows[i].name) };
		char line[XFERLOG_MAX + 1], *rest = line;
		const char *fields[FIELDS + 1] = { NULL };
		size_t count = 0;

		assert_true(formatted(VERB_RETR, &file, &complete, 0, line) > 0);
		assert_ptr_equal(strpbrk(line, "\n\r\t\x1b"), line + strlen(line) - 1);
		while (count <= FIELDS && (fields[count] = strsep(&rest, " ")))
			count++;
		assert_int_equal(count, FIELDS);
		if (!rows[i].shown)
			continue;
		assert_string_equal(fields[8], rows[i].shown);
		assert_string_equal(fields[13], rows[i].shown);
	}
}

static void the_longest_names_have_room(void **state)
{
	char path[NOTICE_PATH_MAX] = "", user[64] = "";
	const struct notice_transfer end = { .counted = true, .bytes = UINT64_MAX };
	const struct notice_file file = { .path = unit_bytes(path, sizeof(path)), .user = unit_bytes(user, sizeof(user)) };
	char line[XFERLOG_MAX + 1];

	(void)state;
	memset(path, 'x', sizeof(path));
	memset(user, 'y', sizeof(user));
	assert_true(formatted(VERB_RETR, &file, &end, UINT64_MAX, line) > sizeof(path) + sizeof(user));
	assert_int_equal(strspn(strchr(line, 'x'), "x"), sizeof(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_is_in_its_place),
		cmocka_unit_test(lists_are_no_files),
		cmocka_unit_test(a201_a_name_is_one_field_of_one_line),
		cmocka_unit_test(the_longest_names_have_room),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
