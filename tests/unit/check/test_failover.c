/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a conntrackd.conf says about the sessions of a router that another one stands in for. */
#include "check/failover.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

static void what_is_carried_over_is_read_from_its_configuration(void **state)
{
	static const struct {
		const char *text;
		enum failover_fault fault;
	} rows[] = {
		{ "", FAILOVER_NO_EXPECTATIONS },
		{ "Sync { Options { ExpectationSync { sane } } }", FAILOVER_GOOD },
		{ "Sync {\n\tOptions {\n\t\tExpectationSync {\n\t\t\tftp\n\t\t\tsane\n\t\t}\n\t}\n}\n", FAILOVER_GOOD },
		{ "Options {\n\tExpectationSync On\n}\n", FAILOVER_GOOD },
		{ "Options {\n\tExpectationSync Off\n}\n", FAILOVER_NO_EXPECTATIONS },
		{ "ExpectationSync { ftp }", FAILOVER_NO_EXPECTATIONS },
		{ "# ExpectationSync { sane }\n", FAILOVER_NO_EXPECTATIONS },
		{ "ExpectationSync { # sane\n ftp }", FAILOVER_NO_EXPECTATIONS },
		{ "ExpectationSync { insane }", FAILOVER_NO_EXPECTATIONS },
		{ "ExpectationSync On\nTCPWindowTracking Off\n", FAILOVER_GOOD },
		{ "ExpectationSync On\nTCPWindowTracking On\n", FAILOVER_TRACKS_WINDOWS },
		{ "ExpectationSync On Filter From Userspace { Protocol Accept { TCP } }", FAILOVER_GOOD },
		{ "ExpectationSync On Filter From Userspace { Protocol Accept { UDP } }", FAILOVER_FILTERS_TCP },
		{ "ExpectationSync On Filter From Userspace { Protocol Ignore { UDP } }", FAILOVER_GOOD },
		{ "ExpectationSync On Filter From Userspace { Protocol Ignore { TCP UDP } }", FAILOVER_FILTERS_TCP },
		{ "ExpectationSync", FAILOVER_NO_EXPECTATIONS },
		{ "ExpectationSync {", FAILOVER_NO_EXPECTATIONS },
		{ "Protocol", FAILOVER_NO_EXPECTATIONS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (failover_judge(unit_string(rows[i].text)) != rows[i].fault)
			fail_msg("\"%s\"", rows[i].text);
}

static void the_example_is_good(void **state)
{
	static char text[16384];
	FILE *file = fopen("contrib/ha/conntrackd.conf", "re");

	(void)state;
	assert_non_null(file);
	assert_int_equal(failover_judge((struct bytes){ (const uint8_t *)text, fread(text, 1, sizeof(text), file) }),
			 FAILOVER_GOOD);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_carried_over_is_read_from_its_configuration),
		cmocka_unit_test(the_example_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
