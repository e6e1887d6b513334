/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as JSON lines: which members in which order, and that nothing a peer sends can break a line. */
#include <jansson.h>
#include <stdlib.h>

#include "base/notice_json.h"
#include "unit.h"

/* 2026-11-20 13:14:15 UTC */
static const struct timespec afternoon = { .tv_sec = 1795180455, .tv_nsec = 123456789 };

/* The line for event, to be freed. */
static char *written(const struct notice *notice, const struct timespec *time)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	assert_int_equal(notice_json_print(out, notice, time), 0);
	fclose(out);
	assert_int_equal(strlen(text), length);
	return text;
}

static void assert_written(const struct notice *notice, const char *expected)
{
	char *text = written(notice, &afternoon);

	assert_string_equal(text, expected);
	free(text);
}

static struct nat_view translated_view(void)
{
	return (struct nat_view){
		.client = unit_endpoint("10.0.0.5", 40000),
		.client_seen = unit_endpoint("198.51.100.1", 50000),
		.server_seen = unit_endpoint("203.0.113.9", 21),
		.server = unit_endpoint("192.168.7.7", 2121),
	};
}

static void a_session_without_nat_names_each_end_once(void **state)
{
	struct nat_view view = unit_view("2001:db8::5", "2001:db8::9");
	const struct notice notice = { .type = NOTICE_SESSION_OPEN, .session = 7, .view = &view, .adopted = true };
	char text[512];
	char client[ENDPOINT_TEXT_MAX];
	char server[ENDPOINT_TEXT_MAX];

	(void)state;
	endpoint_format(&view.client, client);
	endpoint_format(&view.server, server);
	snprintf(text, sizeof(text),
		 "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"session-open\",\"session\":7,"
		 "\"client\":\"%s\",\"server\":\"%s\",\"adopted\":true}\n", client, server);
	assert_written(&notice, text);
}

static void a_translated_session_names_each_end_as_both_sides_know_it(void **state)
{
	const struct nat_view view = translated_view();
	const struct notice notice = {
		.type = NOTICE_SESSION_CLOSE, .reason = REASON_IDLE, .session = 1, .view = &view,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"session-close\",\"reason\":\"idle\","
		       "\"session\":1,\"client\":\"10.0.0.5:40000\",\"client_seen\":\"198.51.100.1:50000\","
		       "\"server\":\"203.0.113.9:21\",\"server_real\":\"192.168.7.7:2121\"}\n");
}

static void an_offer_says_who_will_connect_to_where_and_what_the_other_peer_reads(void **state)
{
	const struct nat_view view = translated_view();
	const struct notice notice = {
		.type = NOTICE_OFFER, .session = 1, .view = &view, .direction = DIRECTION_ORIGINAL, .form = FORM_PORT,
		.offered = unit_endpoint("10.0.0.5", 1025), .announced = unit_endpoint("198.51.100.1", 1025),
		.rule = "policy",
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"offer\","
		       "\"session\":1,\"client\":\"10.0.0.5:40000\",\"client_seen\":\"198.51.100.1:50000\","
		       "\"server\":\"203.0.113.9:21\",\"server_real\":\"192.168.7.7:2121\",\"direction\":\"original\","
		       "\"form\":\"PORT\",\"from\":\"192.168.7.7\",\"to\":\"10.0.0.5:1025\","
		       "\"announced\":\"198.51.100.1:1025\",\"rule\":\"policy\"}\n");
}

static void a_pinhole_says_what_the_kernel_lets_in(void **state)
{
	const struct expectation expectation = {
		.source = unit_address("2001:db8::9"), .destination = unit_endpoint("2001:db8::5", 1025),
	};
	const struct notice notice = {
		.type = NOTICE_PINHOLE_CLOSE, .reason = REASON_SUPERSEDED, .session = 2, .form = FORM_EPRT,
		.expectation = &expectation,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"pinhole-close\","
		       "\"reason\":\"superseded\",\"session\":2,\"form\":\"EPRT\",\"from\":\"2001:db8::9\","
		       "\"to\":\"[2001:db8::5]:1025\"}\n");
}

static void a_transfer_has_its_path_its_reply_code_and_its_seconds(void **state)
{
	const struct notice notice = {
		.type = NOTICE_TRANSFER, .session = 3, .verb = VERB_RETR, .text = unit_string("pub/file"), .code = 226,
		.duration = 1500001,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"transfer\",\"session\":3,"
		       "\"verb\":\"RETR\",\"path\":\"pub/file\",\"code\":226,\"seconds\":1.500001}\n");
}

static void a_login_names_the_user_and_a_refusal_shows_the_line(void **state)
{
	const struct notice login = { .type = NOTICE_LOGIN, .session = 4, .text = unit_string("anonymous"), .code = 230 };
	const struct notice refuse = {
		.type = NOTICE_REFUSE, .reason = REASON_LOW_PORT, .session = 4, .direction = DIRECTION_ORIGINAL,
		.verb = VERB_PORT, .text = unit_string("PORT 10,0,0,5,0,22"), .rule = "guests",
	};

	(void)state;
	assert_written(&login, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"login\",\"session\":4,"
			       "\"user\":\"anonymous\",\"code\":230}\n");
	assert_written(&refuse, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"event\":\"refuse\","
				"\"reason\":\"low-port\",\"session\":4,\"direction\":\"original\",\"verb\":\"PORT\","
				"\"line\":\"PORT 10,0,0,5,0,22\",\"rule\":\"guests\"}\n");
}

static void a_password_is_never_written(void **state)
{
	static const enum verb secret[] = { VERB_PASS, VERB_ACCT, VERB_ADAT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
		const struct notice notice = {
			.type = NOTICE_REFUSE, .reason = REASON_TLS_REQUIRED, .verb = secret[i],
			.text = unit_string("PASS sesame"),
		};
		char *text = written(&notice, &afternoon);

		assert_null(strstr(text, "sesame"));
		free(text);
	}
}

static void times_are_written_in_utc_with_microseconds(void **state)
{
	static const struct {
		struct timespec time;
		const char *text;
	} rows[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00.000000Z" },
		{ { 951782400, 999 }, "2000-02-29T00:00:00.000000Z" },
		{ { 951782400, 1000 }, "2000-02-29T00:00:00.000001Z" },
		{ { 2145916799, 999999999 }, "2037-12-31T23:59:59.999999Z" },
/* Where libraries have times of 32 bits, so have we. */
#if UINTPTR_MAX > UINT32_MAX || defined(_TIME_BITS)
		{ { 4102444799, 999999999 }, "2099-12-31T23:59:59.999999Z" },
#endif
	};
	const struct notice notice = { .type = NOTICE_ANOMALY };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = written(&notice, &rows[i].time);

		assert_non_null(strstr(text, rows[i].text));
		free(text);
	}
}

/* The line member of an event with this text, decoded from the JSON. */
static char *line_of(struct bytes text)
{
	const struct notice notice = { .type = NOTICE_ANOMALY, .text = text };
	char *json = written(&notice, &afternoon);
	json_t *object = json_loads(json, 0, NULL);
	char *line;

	assert_non_null(object);
	assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1);
	for (const char *byte = json; byte[1]; byte++)
		assert_true((unsigned char)*byte >= ' ' && *byte != 0x7f);
	line = strdup(json_string_value(json_object_get(object, "line")));
	json_decref(object);
	free(json);
	return line;
}

static void peer_text_is_escaped_and_printable_text_is_not(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *line;
	} rows[] = {
		{ TEXT("plain \"quoted\" /path"), "plain \"quoted\" /path" },
		{ TEXT("a\\b"), "a\\\\b" },
		{ TEXT("nul\0nul"), "nul\\x00nul" },
		{ TEXT("\r\n\t\x1b[31m\x7f"), "\\x0d\\x0a\\x09\\x1b[31m\\x7f" },
		{ TEXT("\xc3\xbc \xe2\x82\xac \xf0\x9f\x90\x9f"), "\xc3\xbc \xe2\x82\xac \xf0\x9f\x90\x9f" },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR"), "\\xff\\xf4\\xff\\xf2" "ABOR" },
		{ TEXT("latin \xfc."), "latin \\xfc." },
		{ TEXT("cut \xe2\x82"), "cut \\xe2\\x82" },
		{ TEXT("\xe2\x82!"), "\\xe2\\x82!" },
		{ TEXT("lone \x80"), "lone \\x80" },
		{ TEXT("overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf"),
		  "overlong \\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf" },
		{ TEXT("surrogate \xed\xa0\x80"), "surrogate \\xed\\xa0\\x80" },
		{ TEXT("too high \xf4\x90\x80\x80"), "too high \\xf4\\x90\\x80\\x80" },
		{ TEXT("highest \xf4\x8f\xbf\xbd"), "highest \xf4\x8f\xbf\xbd" },
		{ TEXT("C1 \xc2\x85 \xc2\x9b"), "C1 \\xc2\\x85 \\xc2\\x9b" },
		{ TEXT("separators \xe2\x80\xa8\xe2\x80\xa9"), "separators \\xe2\\x80\\xa8\\xe2\\x80\\xa9" },
		{ TEXT("turned \xe2\x80\xae \xe2\x81\xa6"), "turned \\xe2\\x80\\xae \\xe2\\x81\\xa6" },
		{ TEXT("\xef\xbb\xbfPORT"), "\\xef\\xbb\\xbfPORT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *line = line_of(unit_bytes(rows[i].text, rows[i].length));

		assert_string_equal(line, rows[i].line);
		free(line);
	}
}

/* Undoes the escaping of text, which is then compared with what went in. */
static size_t unescape(const char *text, uint8_t *out)
{
	size_t length = 0;

	while (*text) {
		unsigned int byte = 0;

		if (text[0] == '\\' && sscanf(text, "\\x%2x", &byte) == 1) {
			out[length++] = (uint8_t)byte;
			text += 4;
		} else {
			text += text[0] == '\\';
			out[length++] = (uint8_t)*text++;
		}
	}
	return length;
}

static void any_bytes_make_one_valid_line_and_can_be_had_back(void **state)
{
	uint64_t seed = 20261120;
	uint8_t text[64];
	uint8_t back[64];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const size_t length = 1 + unit_random_below(&seed, sizeof(text));
		char *line;

		for (size_t i = 0; i < length; i++)
			text[i] = (uint8_t)unit_random_below(&seed, unit_random_below(&seed, 2) ? 256 : 128);
		line = line_of((struct bytes){ .data = text, .length = length });
		assert_int_equal(unescape(line, back), length);
		assert_memory_equal(back, text, length);
		free(line);
	}
}

static void a86_a_line_for_a_reader_is_bounded_and_says_what_was_cut(void **state)
{
	static char path[20000];
	struct notice notice = { .type = NOTICE_TRANSFER, .verb = VERB_RETR, .code = 226, .adopted = true, .count = 7 };
	char line[4096];

	(void)state;
	for (size_t length = 0; length < sizeof(path); length += 97) {
		json_t *object;
		size_t size;

		memset(path, length % 2 ? 'a' : '\xff', sizeof(path));
		notice.text = unit_bytes(path, length);
		size = notice_json_format(line, sizeof(line), &notice, &afternoon);
		assert_in_range(size, 1, sizeof(line));
		assert_ptr_equal(memchr(line, '\n', size), line + size - 1);
		object = json_loadb(line, size, 0, NULL);
		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "count")), 7);
		size = json_string_length(json_object_get(object, "path")) / (length % 2 ? 1 : 4);
		assert_int_equal(size + (size_t)json_integer_value(json_object_get(object, "cut")), length);
		json_decref(object);
	}
}

static void a_stream_that_takes_nothing_is_reported(void **state)
{
	const struct notice notice = { .type = NOTICE_ANOMALY };
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(notice_json_print(full, &notice, &afternoon), -1);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_without_nat_names_each_end_once),
		cmocka_unit_test(a_translated_session_names_each_end_as_both_sides_know_it),
		cmocka_unit_test(an_offer_says_who_will_connect_to_where_and_what_the_other_peer_reads),
		cmocka_unit_test(a_pinhole_says_what_the_kernel_lets_in),
		cmocka_unit_test(a_transfer_has_its_path_its_reply_code_and_its_seconds),
		cmocka_unit_test(a_login_names_the_user_and_a_refusal_shows_the_line),
		cmocka_unit_test(a_password_is_never_written),
		cmocka_unit_test(times_are_written_in_utc_with_microseconds),
		cmocka_unit_test(peer_text_is_escaped_and_printable_text_is_not),
		cmocka_unit_test(any_bytes_make_one_valid_line_and_can_be_had_back),
		cmocka_unit_test(a86_a_line_for_a_reader_is_bounded_and_says_what_was_cut),
		cmocka_unit_test(a_stream_that_takes_nothing_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
