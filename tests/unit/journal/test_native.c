/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What systemd's journal is sent, by a socket in its place. */
#include "journal/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notice_json.h"
#include "unit.h"

struct place {
	char directory[32];
	char path[48];
	int socket;
};

static struct place make_place(void)
{
	struct place place = { .directory = "/tmp/test_native.XXXXXX" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_non_null(mkdtemp(place.directory));
	snprintf(place.path, sizeof(place.path), "%s/socket", place.directory);
	strcpy(address.sun_path, place.path);
	place.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(place.socket, (const struct sockaddr *)&address, sizeof(address)), 0);
	return place;
}

static void remove_place(struct place *place)
{
	close(place->socket);
	unlink(place->path);
	rmdir(place->directory);
}

static bool sent(const struct native *native, const struct notice *notice)
{
	char line[4096];
	const struct timespec time = { .tv_sec = 1795180455 };
	const size_t length = notice_json_format(line, sizeof(line), notice, &time, NULL);

	return native_send(native, notice, "a sentence", 4, unit_bytes(line, length));
}

static void members_are_fields_and_peers_make_none(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice_transfer end = { .outcome = TRANSFER_ABORTED, .by = TRANSFER_BY_CLIENT };
	const struct notice_file file = { .path = unit_string("/a \"b\"\\c\nPRIORITY=0"), .user = unit_string("anna") };
	const struct notice notice = { .type = NOTICE_TRANSFER, .session = 0xabc, .view = &view, .verb = VERB_RETR,
				       .code = 426,
				       .duration = 1500000, .transfer = &end, .file = &file };
	struct place place = make_place();
	struct native native;
	char text[8192] = "";

	(void)state;
	native_open(&native, place.path);
	assert_true(sent(&native, &notice));
	assert_true(recv(place.socket, text, sizeof(text) - 1, 0) > 0);
	assert_ptr_equal(strstr(text, "MESSAGE=a sentence\nPRIORITY=4\nSYSLOG_IDENTIFIER=ftpalg\nMESSAGE_ID="
				"d814b7326bcb498898a635b9b0707860\n"), text);
	assert_non_null(strstr(text, "\nFTPALG_EVENT=transfer\nFTPALG_SESSION=abc\n"));
	assert_non_null(strstr(text, "\nFTPALG_CLIENT_IP=10.0.0.5\nFTPALG_CLIENT_PORT="));
	assert_non_null(strstr(text, "\nFTPALG_VERB=RETR\nFTPALG_USER=anna\nFTPALG_PATH=/a \"b\"\\\\c\\x0aPRIORITY=0\nFTPALG_CODE=426\n"));
	assert_non_null(strstr(text, "\nFTPALG_OUTCOME=aborted\nFTPALG_BY=client\nFTPALG_SECONDS=1.5\n"));
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_null(strstr(text, "\nPRIORITY=0"));
	native_close(&native);
	remove_place(&place);
}

static void an_element_of_a_list_is_a_field(void **state)
{
	const struct bytes names[] = { unit_string("a.example"), unit_string("b,]}\"") };
	const struct notice_tls details = { .cipher = "X", .names = names, .name_count = 2 };
	const struct notice_relay relay = { .client = { .tls = "TLSv1.3", .details = &details } };
	const struct notice notice = { .type = NOTICE_TLS, .text = unit_string("terminated"), .relay = &relay };
	struct place place = make_place();
	struct native native;
	char text[8192] = "";

	(void)state;
	native_open(&native, place.path);
	assert_true(sent(&native, &notice));
	assert_true(recv(place.socket, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "\nFTPALG_CLIENT_TLS_NAMES=a.example\nFTPALG_CLIENT_TLS_NAMES=b,]}\"\n"));
	assert_non_null(strstr(text, "\nFTPALG_CLIENT_TLS_RESUMED=false\n"));
	native_close(&native);
	remove_place(&place);
}

/* One that is added to the events has to have a number here too. */
static void each_kind_of_event_has_a_number_of_its_own(void **state)
{
	char numbers[NOTICE_COUNT][33] = { "" };
	struct place place = make_place();
	struct native native;

	(void)state;
	native_open(&native, place.path);
	for (unsigned int type = 0; type < NOTICE_COUNT; type++) {
		const struct notice notice = { .type = (enum notice_type)type };
		char text[512] = "";
		const char *number;

		assert_true(native_send(&native, &notice, "a sentence", 4, unit_string("{}")));
		assert_true(recv(place.socket, text, sizeof(text) - 1, 0) > 0);
		number = strstr(text, "\nMESSAGE_ID=");
		assert_non_null(number);
		number += strlen("\nMESSAGE_ID=");
		assert_int_equal(strspn(number, "0123456789abcdef"), 32);
		memcpy(numbers[type], number, 32);
		for (unsigned int other = 0; other < type; other++)
			assert_string_not_equal(numbers[type], numbers[other]);
	}
	native_close(&native);
	remove_place(&place);
}

/* No line of ours is like these, and each of them comes to an end all the same. */
static void a_line_that_is_cut_anywhere_ends(void **state)
{
	static const char line[] = "{\"a\":\"b\\\"c\",\"d\":[\"e\",1],\"f\":[}],\"g\":true}";
	const struct notice notice = { .type = NOTICE_REFUSE };
	struct place place = make_place();
	struct native native;
	char text[512];

	(void)state;
	native_open(&native, place.path);
	for (size_t length = 0; length < sizeof(line); length++) {
		assert_true(native_send(&native, &notice, "a sentence", 4, unit_bytes(line, length)));
		assert_true(recv(place.socket, text, sizeof(text), 0) > 0);
	}
	native_close(&native);
	remove_place(&place);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
	const struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_FOREIGN_ADDRESS };
	struct place place = make_place();
	struct native native;
	unsigned int taken = 0;

	(void)state;
	native_open(&native, place.path);
	while (taken < 100000 && sent(&native, &notice))
		taken++;
	assert_in_range(taken, 1, 99999);
	native_close(&native);
	remove_place(&place);
}

static void a_journal_that_is_missing_or_goes_takes_nothing(void **state)
{
	const struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_FOREIGN_ADDRESS };
	struct place place = make_place();
	struct native native;

	(void)state;
	native_open(&native, "/nowhere/socket");
	assert_int_equal(native.socket, -1);
	assert_false(sent(&native, &notice));
	native_open(&native, place.path);
	remove_place(&place);
	assert_false(sent(&native, &notice));
	native_close(&native);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_fields_and_peers_make_none),
		cmocka_unit_test(an_element_of_a_list_is_a_field),
		cmocka_unit_test(each_kind_of_event_has_a_number_of_its_own),
		cmocka_unit_test(a_line_that_is_cut_anywhere_ends),
		cmocka_unit_test(who_does_not_read_is_not_waited_for),
		cmocka_unit_test(a_journal_that_is_missing_or_goes_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
