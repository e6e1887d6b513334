/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of a process that has ended, and of which nothing is. */
#include "run/child.h"

#include <signal.h>
#include <unistd.h>

#include "unit.h"

/* Wait statuses, as wait(2) gives them. */
#define EXITED(code) ((code) << 8)
#define KILLED(number) (number)

static char said[512];

/* What a process that was never ready, and ended so, leaves in the log. */
static const char *failed_start(int status)
{
	const struct child child = { .name = "worker", .fate = "; its sessions go on" };
	const int kept = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	ssize_t length;

	assert_non_null(file);
	assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	child_tell_failed_start(&child, status);
	dup2(kept, STDERR_FILENO);
	close(kept);
	length = pread(fileno(file), said, sizeof(said) - 1, 0);
	fclose(file);
	assert_true(length >= 0);
	said[length] = '\0';
	return said;
}

static void a191_who_is_killed_at_its_start_had_no_time_to_say_why(void **state)
{
	(void)state;
	assert_non_null(strstr(failed_start(KILLED(SIGSYS)), "worker was ended by signal"));
	assert_non_null(strstr(said, "SystemCallFilter="));
	assert_non_null(strstr(failed_start(KILLED(SIGKILL)), "worker was ended by signal"));
	assert_null(strstr(said, "SystemCallFilter="));
}

static void who_was_asked_to_end_or_has_said_why_is_not_told(void **state)
{
	(void)state;
	assert_string_equal(failed_start(KILLED(SIGTERM)), "");
	assert_string_equal(failed_start(KILLED(SIGINT)), "");
	assert_string_equal(failed_start(EXITED(0)), "");
	assert_string_equal(failed_start(EXITED(1)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a191_who_is_killed_at_its_start_had_no_time_to_say_why),
		cmocka_unit_test(who_was_asked_to_end_or_has_said_why_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
