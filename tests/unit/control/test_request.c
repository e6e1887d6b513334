/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is a request, and what it asks for. */
#include "control/request.h"
#include "unit.h"

struct row {
	const char *line;
	const char *code; /* NULL: it is good */
	enum request_command command;
	size_t arguments;
};

static void lines_are_commands_and_arguments(void **state)
{
	static const struct row rows[] = {
		{ "status", NULL, REQUEST_STATUS, 0 },
		{ "  sessions\tuser=anna  10.0.0.0/8 \r", NULL, REQUEST_SESSIONS, 2 },
		{ "kill 8f2c01", NULL, REQUEST_KILL, 1 },
		{ "{\"command\":\"sessions\",\"filter\":[\"user=anna b\",\"tls\"]}", NULL, REQUEST_SESSIONS, 2 },
		{ "{\"command\":\"transfers\",\"arguments\":[\"follow\"]}", NULL, REQUEST_TRANSFERS, 1 },
		{ "{\"command\":\"status\"}", NULL, REQUEST_STATUS, 0 },
		{ "", "unknown-command", 0, 0 },
		{ "STATUS", "unknown-command", 0, 0 },
		{ "statusx", "unknown-command", 0, 0 },
		{ "\xff\xfe\x01", "unknown-command", 0, 0 },
		{ "status 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "bad-argument", 0, 0 },
		{ "{", "syntax", 0, 0 },
		{ "{}", "syntax", 0, 0 },
		{ "{\"command\":7}", "syntax", 0, 0 },
		{ "{\"command\":\"status\",\"command\":\"kill\"}", "syntax", 0, 0 },
		{ "{\"command\":\"status\"} x", "syntax", 0, 0 },
		{ "{\"command\":\"no\"}", "unknown-command", 0, 0 },
		{ "{\"command\":\"sessions\",\"filter\":\"tls\"}", "bad-argument", 0, 0 },
		{ "{\"command\":\"sessions\",\"filter\":[1]}", "bad-argument", 0, 0 },
	};
	static struct request request;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct request_fault fault = request_read(unit_string(rows[i].line), &request);

		if (rows[i].code) {
			if (!fault.code || strcmp(fault.code, rows[i].code) != 0)
				fail_msg("\"%s\": %s", rows[i].line, fault.code ? fault.code : "good");
			assert_non_null(fault.sentence);
			continue;
		}
		if (fault.code)
			fail_msg("\"%s\": %s", rows[i].line, fault.sentence);
		assert_int_equal(request.command, rows[i].command);
		assert_int_equal(request.argument_count, rows[i].arguments);
	}
}

static void what_is_too_long_or_has_a_NUL_is_none(void **state)
{
	static struct request request;
	char line[REQUEST_MAX + 1];

	(void)state;
	memset(line, ' ', sizeof(line));
	assert_string_equal(request_read((struct bytes){ (const uint8_t *)line, REQUEST_MAX }, &request).code, "too-long");
	memcpy(line, "status", 6);
	assert_null(request_read((struct bytes){ (const uint8_t *)line, REQUEST_MAX - 1 }, &request).code);
	line[20] = '\0';
	assert_string_equal(request_read((struct bytes){ (const uint8_t *)line, 100 }, &request).code, "syntax");
}

static void only_three_commands_change_anything(void **state)
{
	(void)state;
	for (int command = 0; command < REQUEST_COUNT; command++)
		assert_int_equal(request_changes((enum request_command)command),
				 command == REQUEST_RELOAD || command == REQUEST_REOPEN || command == REQUEST_KILL);
}

static void filters_name_what_fits(void **state)
{
	static struct request request;
	struct request_filter filter;

	(void)state;
	request_read(unit_string("sessions 10.0.0.0/8 user=anna rule=office state=idle tls"), &request);
	assert_null(request_read_filter(&request, &filter).code);
	assert_true(filter.by_network && filter.network.prefix == 8 && filter.tls);
	assert_int_equal(filter.user.length, 4);
	assert_memory_equal(filter.rule.data, "office", 6);
	assert_memory_equal(filter.state.data, "idle", 4);
	request_read(unit_string("sessions"), &request);
	assert_null(request_read_filter(&request, &filter).code);
	assert_false(filter.by_network || filter.tls || filter.user.data || filter.rule.data || filter.state.data);
	request_read(unit_string("sessions 2001:db8::5"), &request);
	assert_null(request_read_filter(&request, &filter).code);
	assert_int_equal(filter.network.prefix, 128);
	request_read(unit_string("sessions anna"), &request);
	assert_string_equal(request_read_filter(&request, &filter).code, "bad-argument");
}

static void transfers_are_followed_and_of_a_time(void **state)
{
	static struct request request;
	struct request_transfers transfers;

	(void)state;
	request_read(unit_string("transfers follow since=60"), &request);
	assert_null(request_read_transfers(&request, &transfers).code);
	assert_true(transfers.follow && transfers.since == 60);
	request_read(unit_string("transfers since=-1"), &request);
	assert_non_null(request_read_transfers(&request, &transfers).code);
	request_read(unit_string("transfers since=99999999999"), &request);
	assert_non_null(request_read_transfers(&request, &transfers).code);
}

static void a_subject_is_one_client_or_one_session(void **state)
{
	static struct request request;
	struct request_subject subject;

	(void)state;
	request_read(unit_string("why 8f2C01"), &request);
	assert_null(request_read_subject(&request, &subject).code);
	assert_int_equal(subject.session, 0x8f2c01);
	request_read(unit_string("why 10.0.0.5"), &request);
	assert_null(request_read_subject(&request, &subject).code);
	assert_int_equal(subject.session, 0);
	request_read(unit_string("why fe80::1"), &request);
	assert_null(request_read_subject(&request, &subject).code);
	assert_int_equal(subject.address.family, FAMILY_IPV6);
	for (size_t i = 0; i < 5; i++) {
		static const char *const bad[] = { "why", "why 0", "why x", "why 1 2", "why 11112222333344445" };

		request_read(unit_string(bad[i]), &request);
		assert_non_null(request_read_subject(&request, &subject).code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_commands_and_arguments),
		cmocka_unit_test(what_is_too_long_or_has_a_NUL_is_none),
		cmocka_unit_test(only_three_commands_change_anything),
		cmocka_unit_test(filters_name_what_fits),
		cmocka_unit_test(transfers_are_followed_and_of_a_time),
		cmocka_unit_test(a_subject_is_one_client_or_one_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
