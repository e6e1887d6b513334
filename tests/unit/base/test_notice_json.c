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
	assert_int_equal(notice_json_print(out, notice, time, NULL), 0);
	fclose(out);
	assert_int_equal(strlen(text), length);
	return text;
}

/* What is demanded here, doc/events.schema.json must allow: tests/events/test_schema.py names a file for it. */
static void keep(const char *text)
{
	const char *path = getenv("FTPALG_EVENTS");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

static void assert_written(const struct notice *notice, const char *expected)
{
	char *text = written(notice, &afternoon);

	keep(text);
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
	const struct nat_view view = {
		.client = unit_endpoint("2001:db8::5", 40000), .client_seen = unit_endpoint("2001:db8::5", 40000),
		.server = unit_endpoint("2001:db8::9", 21), .server_seen = unit_endpoint("2001:db8::9", 21),
	};
	const struct notice notice = { .type = NOTICE_SESSION_OPEN, .session = 7, .view = &view, .adopted = true };

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"session-open\",\"session\":\"7\","
		       "\"community_id\":\"1:RBTL9kRvtgkysyy9Pv4WSi8//Z8=\","
		       "\"client_ip\":\"2001:db8::5\",\"client_port\":40000,\"server_ip\":\"2001:db8::9\",\"server_port\":21,"
		       "\"adopted\":true}\n");
}

static void a_translated_session_names_each_end_as_both_sides_know_it(void **state)
{
	const struct nat_view view = translated_view();
	const struct notice notice = {
		.type = NOTICE_SESSION_CLOSE, .reason = REASON_IDLE, .session = 1, .view = &view,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"session-close\",\"reason\":\"idle\","
		       "\"session\":\"1\",\"community_id\":\"1:mtAXwIZlEmrbYWbRdwD6IINvlDk=\","
		       "\"client_ip\":\"10.0.0.5\",\"client_port\":40000,"
		       "\"client_nat_ip\":\"198.51.100.1\",\"client_nat_port\":50000,"
		       "\"server_ip\":\"203.0.113.9\",\"server_port\":21,"
		       "\"server_nat_ip\":\"192.168.7.7\",\"server_nat_port\":2121}\n");
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
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"offer\","
		       "\"session\":\"1\",\"community_id\":\"1:mtAXwIZlEmrbYWbRdwD6IINvlDk=\","
		       "\"client_ip\":\"10.0.0.5\",\"client_port\":40000,"
		       "\"client_nat_ip\":\"198.51.100.1\",\"client_nat_port\":50000,"
		       "\"server_ip\":\"203.0.113.9\",\"server_port\":21,"
		       "\"server_nat_ip\":\"192.168.7.7\",\"server_nat_port\":2121,\"direction\":\"original\","
		       "\"form\":\"PORT\",\"from_ip\":\"192.168.7.7\",\"to_ip\":\"10.0.0.5\",\"to_port\":1025,"
		       "\"announced_ip\":\"198.51.100.1\",\"announced_port\":1025,\"rule\":\"policy\"}\n");
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
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"pinhole-close\","
		       "\"reason\":\"superseded\",\"session\":\"2\",\"form\":\"EPRT\",\"from_ip\":\"2001:db8::9\","
		       "\"to_ip\":\"2001:db8::5\",\"to_port\":1025}\n");
}

static void a_transfer_that_was_followed_has_all_that_a_transfer_log_has(void **state)
{
	const struct notice_transfer end = { .outcome = TRANSFER_COMPLETE, .counted = true, .bytes = 3000000 };
	const struct notice_file file = { .path = unit_string("/pub/\033 \\\"a\xff"), .cut = 3, .user = unit_string("an\"na"),
					  .protection = PROTECTION_TLS };
	struct notice_file unknown = { .path = unit_string("a") };
	struct notice notice = {
		.type = NOTICE_TRANSFER, .session = 3, .verb = VERB_STOR, .form = FORM_EPRT, .text = unit_string("a"),
		.code = 226,
		.duration = 1500000, .transfer = &end, .file = &file,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"session\":\"3\","
		       "\"form\":\"EPRT\",\"verb\":\"STOR\",\"user\":\"an\\\"na\",\"path\":\"/pub/\\\\x1b \\\\\\\\\\\"a\\\\xff\","
		       "\"code\":226,\"direction\":\"up\",\"mode\":\"active\",\"outcome\":\"complete\",\"bytes\":3000000,"
		       "\"rate\":2000000,\"protected\":true,\"seconds\":1.5,\"cut\":3}\n");
	notice.file = &unknown;
	notice.duration = 0;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"session\":\"3\","
		       "\"form\":\"EPRT\",\"verb\":\"STOR\",\"path\":\"a\",\"code\":226,\"direction\":\"up\",\"mode\":\"active\","
		       "\"outcome\":\"complete\",\"bytes\":3000000,\"seconds\":0.0}\n");
	unknown.protection = PROTECTION_CLEAR;
	notice.duration = 1;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"session\":\"3\","
		       "\"form\":\"EPRT\",\"verb\":\"STOR\",\"path\":\"a\",\"code\":226,\"direction\":\"up\",\"mode\":\"active\","
		       "\"outcome\":\"complete\",\"bytes\":3000000,\"rate\":3000000000000,\"protected\":false,\"seconds\":0.000001}\n");
}

static void a_transfer_has_its_path_its_reply_code_and_its_seconds(void **state)
{
	const struct notice notice = {
		.type = NOTICE_TRANSFER, .session = 3, .verb = VERB_RETR, .text = unit_string("pub/file"), .code = 226,
		.duration = 1500001,
	};

	(void)state;
	assert_written(&notice,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"session\":\"3\","
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
	assert_written(&login, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"login\",\"session\":\"4\","
			       "\"user\":\"anonymous\",\"code\":230}\n");
	assert_written(&refuse, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"refuse\","
				"\"reason\":\"low-port\",\"session\":\"4\",\"direction\":\"original\",\"verb\":\"PORT\","
				"\"line\":\"PORT 10,0,0,5,0,22\",\"rule\":\"guests\"}\n");
}

static void each_leg_of_the_proxy_says_what_was_agreed_on_and_one_in_clear_nothing(void **state)
{
	const struct bytes names[] = { unit_string("DNS:ftp.example"), unit_string("\"\x01") };
	const struct notice_tls details = {
		.name = "ftp.example", .cipher = "TLS_AES_128_GCM_SHA256", .group = "x25519", .protocol = "", .names = names,
		.name_count = 2,
	};
	const struct notice_relay legs = { .server = { .tls = "TLSv1.3", .details = &details } };
	const struct notice_relay carried = {
		.client = { .tls = "TLSv1.2", .resumed = true }, .to_server = 5000000123, .to_client = 1,
	};
	const struct notice handshake = { .type = NOTICE_TLS, .session = 10, .text = unit_string("server leg"), .relay = &legs };
	const struct notice relay = { .type = NOTICE_RELAY, .session = 11, .relay = &carried, .duration = 20 };

	(void)state;
	assert_written(&handshake,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"tls\",\"session\":\"a\","
		       "\"tls\":\"server leg\",\"server_tls_version\":\"TLSv1.3\",\"server_tls_resumed\":false,"
		       "\"server_tls_sni\":\"ftp.example\",\"server_tls_cipher\":\"TLS_AES_128_GCM_SHA256\","
		       "\"server_tls_group\":\"x25519\",\"server_tls_names\":[\"DNS:ftp.example\",\"\\\"\\\\x01\"]}\n");
	assert_written(&relay,
		       "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"relay\",\"session\":\"b\","
		       "\"client_tls_version\":\"TLSv1.2\",\"client_tls_resumed\":true,\"upload_bytes\":5000000123,"
		       "\"download_bytes\":1,\"seconds\":0.00002}\n");
}

/* Every member that a leg can have, of both. */
static void legs_have_the_same_members(void **state)
{
	static const char *const members[] = { "version", "resumed", "sni", "cipher", "group", "alpn", "names", "sha256" };
	const struct bytes names[] = { unit_string("DNS:ftp.example") };
	const struct notice_tls details = {
		.name = "ftp.example", .cipher = "ECDHE-RSA-AES128-GCM-SHA256", .group = "x25519", .protocol = "ftp", .names = names,
		.name_count = 1, .fingerprint = "6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090",
	};
	const struct notice_leg leg = { .tls = "TLSv1.2", .details = &details };
	const struct notice_relay legs = { .client = leg, .server = leg };
	const struct notice notice = { .type = NOTICE_TLS, .session = 1, .text = unit_string("client leg"), .relay = &legs };
	char *text = written(&notice, &afternoon);
	json_t *object = json_loads(text, 0, NULL);

	(void)state;
	keep(text);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		char client[40], server[40];

		snprintf(client, sizeof(client), "client_tls_%s", members[i]);
		snprintf(server, sizeof(server), "server_tls_%s", members[i]);
		assert_non_null(json_object_get(object, client));
		assert_true(json_equal(json_object_get(object, client), json_object_get(object, server)));
	}
	json_decref(object);
	free(text);
}

static void what_happens_to_the_service_has_no_session(void **state)
{
	const struct notice lost = { .type = NOTICE_EVENTS_LOST, .count = 120 };
	const struct notice news = { .type = NOTICE_NEWS_LOST, .count = 3 };
	const struct notice ended = { .type = NOTICE_SESSIONS_LOST, .count = 50 };
	const struct notice reload = { .type = NOTICE_RELOAD, .reason = REASON_UNUSABLE, .text = unit_string("key.pem: gone") };
	const struct notice gone = { .type = NOTICE_RULES_GONE, .text = unit_string("IPv6, after a change by nft") };
	const struct notice back = { .type = NOTICE_RULES_BACK, .text = unit_string("IPv6") };
	const struct notice moved = { .type = NOTICE_HOST_CHANGED, .text = unit_string("ftp.example") };
	const struct notice host = { .type = NOTICE_HOST_LOST, .text = unit_string("ftp.example") };
	const struct notice mint = { .type = NOTICE_MINT, .reason = REASON_MINT_RATE, .text = unit_string("ftp.example") };

	(void)state;
	assert_written(&lost, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"events-lost\",\"count\":120}\n");
	assert_written(&news, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"news-lost\",\"count\":3}\n");
	assert_written(&ended, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"sessions-lost\","
			       "\"count\":50}\n");
	assert_written(&reload, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"reload\","
				"\"reason\":\"unusable\",\"why\":\"key.pem: gone\"}\n");
	assert_written(&gone, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"rules-gone\","
			      "\"rules\":\"IPv6, after a change by nft\"}\n");
	assert_written(&back, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"rules-back\",\"rules\":\"IPv6\"}\n");
	assert_written(&moved, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"host-changed\","
			       "\"host\":\"ftp.example\"}\n");
	assert_written(&host, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"host-lost\","
			      "\"host\":\"ftp.example\"}\n");
	assert_written(&mint, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"mint\","
			      "\"reason\":\"mint-rate\",\"names\":\"ftp.example\"}\n");
}

/* Whatever was remembered of the session that had its place, or of its own ends before they were known. */
static void a86_what_is_remembered_of_a_session_is_what_is_written_without_memory(void **state)
{
	static struct notice_memory memory;
	const struct nat_view views[] = {
		translated_view(), unit_view("10.0.0.7", "10.0.0.9"), unit_view("2001:db8::5", "2001:db8::9"),
	};
	struct notice notice = { .type = NOTICE_LOGIN, .text = unit_string("anna") };
	uint64_t seed = 20261129;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char line[1024], fresh[1024];
		size_t length;

		notice.session = unit_random_below(&seed, 3) + NOTICE_MEMORY_SESSIONS * unit_random_below(&seed, 2);
		notice.view = unit_random_below(&seed, 9) ? &views[unit_random_below(&seed, ARRAY_SIZE(views))] : NULL;
		length = notice_json_format(line, sizeof(line), &notice, &afternoon, &memory);
		assert_int_equal(notice_json_format(fresh, sizeof(fresh), &notice, &afternoon, NULL), length);
		assert_memory_equal(line, fresh, length);
	}
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

static void a_transfer_that_was_looked_at_has_its_outcome_and_its_bytes(void **state)
{
	static const uint8_t path[] = "a.bin";
	const struct notice_transfer known = { TRANSFER_ABORTED, TRANSFER_BY_CLIENT, false, true, UINT64_C(5000000123) };
	const struct notice_transfer unknown = { .outcome = TRANSFER_UNKNOWN };
	struct notice notice = {
		.type = NOTICE_TRANSFER, .verb = VERB_APPE, .form = FORM_EPRT, .text = { path, sizeof(path) - 1 },
		.code = 426,
		.duration = 500000, .transfer = &known,
	};

	(void)state;
	assert_written(&notice, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"form\":\"EPRT\",\"verb\":\"APPE\","
		       "\"path\":\"a.bin\",\"code\":426,\"direction\":\"up\",\"mode\":\"active\",\"outcome\":\"aborted\","
		       "\"by\":\"client\",\"bytes\":5000000123,\"rate\":10000000246,\"seconds\":0.5}\n");
	notice.transfer = &unknown;
	notice.form = FORM_229;
	notice.verb = VERB_LIST;
	assert_written(&notice, "{\"time\":\"2026-11-20T13:14:15.123456Z\",\"version\":1,\"event\":\"transfer\",\"form\":\"229\",\"verb\":\"LIST\","
		       "\"path\":\"a.bin\",\"code\":426,\"direction\":\"list\",\"mode\":\"passive\",\"seconds\":0.5}\n");
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
	struct notice notice = { .type = NOTICE_TRANSFER, .verb = VERB_RETR, .code = 226, .count = 7 };
	char line[4096 + 1];

	(void)state;
	for (size_t length = 0; length < sizeof(path); length += 97) {
		json_t *object;
		size_t size;

		memset(path, length % 2 ? 'a' : '\xff', sizeof(path));
		notice.text = unit_bytes(path, length);
		size = notice_json_format(line, sizeof(line) - 1, &notice, &afternoon, NULL);
		assert_in_range(size, 1, sizeof(line) - 1);
		line[size] = '\0';
		keep(line);
		assert_ptr_equal(memchr(line, '\n', size), line + size - 1);
		object = json_loadb(line, size, 0, NULL);
		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "count")), 7);
		size = json_string_length(json_object_get(object, "path")) / (length % 2 ? 1 : 4);
		assert_int_equal(size + (size_t)json_integer_value(json_object_get(object, "cut")), length);
		json_decref(object);
	}
}

static void a235_no_number_is_larger_than_a_reader_of_json_can_have(void **state)
{
	const struct notice_relay relay = { .to_server = UINT64_MAX, .to_client = INT64_MAX };
	const struct notice notice = { .type = NOTICE_RELAY, .relay = &relay, .duration = UINT64_MAX, .count = UINT64_MAX };
	char *text = written(&notice, &afternoon);
	json_t *object = json_loads(text, 0, NULL);

	(void)state;
	keep(text);
	assert_non_null(object);
	assert_int_equal(json_integer_value(json_object_get(object, "upload_bytes")), INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(object, "download_bytes")), INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(object, "count")), INT64_MAX);
	json_decref(object);
	free(text);
}

static void a_stream_that_takes_nothing_is_reported(void **state)
{
	const struct notice notice = { .type = NOTICE_ANOMALY };
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(notice_json_print(full, &notice, &afternoon, NULL), -1);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_without_nat_names_each_end_once),
		cmocka_unit_test(a_translated_session_names_each_end_as_both_sides_know_it),
		cmocka_unit_test(an_offer_says_who_will_connect_to_where_and_what_the_other_peer_reads),
		cmocka_unit_test(a_pinhole_says_what_the_kernel_lets_in),
		cmocka_unit_test(a_transfer_that_was_followed_has_all_that_a_transfer_log_has),
		cmocka_unit_test(a_transfer_has_its_path_its_reply_code_and_its_seconds),
		cmocka_unit_test(a_login_names_the_user_and_a_refusal_shows_the_line),
		cmocka_unit_test(each_leg_of_the_proxy_says_what_was_agreed_on_and_one_in_clear_nothing),
		cmocka_unit_test(legs_have_the_same_members),
		cmocka_unit_test(what_happens_to_the_service_has_no_session),
		cmocka_unit_test(a86_what_is_remembered_of_a_session_is_what_is_written_without_memory),
		cmocka_unit_test(a_password_is_never_written),
		cmocka_unit_test(a_transfer_that_was_looked_at_has_its_outcome_and_its_bytes),
		cmocka_unit_test(times_are_written_in_utc_with_microseconds),
		cmocka_unit_test(peer_text_is_escaped_and_printable_text_is_not),
		cmocka_unit_test(any_bytes_make_one_valid_line_and_can_be_had_back),
		cmocka_unit_test(a86_a_line_for_a_reader_is_bounded_and_says_what_was_cut),
		cmocka_unit_test(a235_no_number_is_larger_than_a_reader_of_json_can_have),
		cmocka_unit_test(a_stream_that_takes_nothing_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
