/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log says of refusals and faults. */
#include "journal/sentence.h"

#include <string.h>

#include "ftpalg/address.h"
#include "unit.h"

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct endpoint endpoint(const char *text, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	assert_true(address_parse(bytes_of(text), &endpoint.address));
	return endpoint;
}

static struct nat_view view_of(void)
{
	return (struct nat_view){ endpoint("10.0.0.5", 4711), endpoint("203.0.113.9", 21), endpoint("192.168.1.2", 2121),
				  endpoint("198.51.100.1", 40001) };
}

static void refusal_tells_who_said_what_and_why(void **state)
{
	const struct nat_view view = view_of();
	const struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_FOREIGN_ADDRESS, .session = 0x12,
				       .view = &view,
				       .direction = DIRECTION_ORIGINAL, .text = bytes_of("PORT 10,0,0,99,0,25"),
				       .rule = "office" };
	char text[SENTENCE_MAX];

	(void)state;
	assert_true(sentence_is_due(&notice));
	sentence_format(&notice, text);
	assert_string_equal(text, "refused, client 10.0.0.5:4711 to server 203.0.113.9:21: the offer names a host other than the "
				  "peer that made it (FTP bounce) (foreign-address, session 12, rule office): "
				  "\"PORT 10,0,0,99,0,25\"");
}

static void reply_is_of_the_server(void **state)
{
	const struct nat_view view = view_of();
	const struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_UNSOLICITED, .view = &view,
				       .direction = DIRECTION_REPLY, .text = bytes_of("227 (1,2,3,4,5,6)"), .count = 7 };
	char text[SENTENCE_MAX];

	(void)state;
	sentence_format(&notice, text);
	assert_ptr_equal(strstr(text, "refused, server 203.0.113.9:21 to client 10.0.0.5:4711: "), text);
	assert_non_null(strstr(text, "(unsolicited), 7 times: \"227 "));
}

/* What peers say can neither end the line nor move a cursor, nor turn the direction of what stands beside it. */
static void words_of_peers_are_escaped_and_cut(void **state)
{
	static const char hostile[] = "PORT \x1b[2J\r\n\xc2\x9b""31m\xe2\x80\xae\\";
	struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_MALFORMED, .text = bytes_of(hostile) };
	char text[SENTENCE_MAX], longest[8192];

	(void)state;
	sentence_format(&notice, text);
	assert_non_null(strstr(text, "\"PORT \\x1b[2J\\x0d\\x0a\\xc2\\x9b31m\\xe2\\x80\\xae\\\\\""));
	memset(longest, 0x1b, sizeof(longest));
	notice.text = (struct bytes){ (const uint8_t *)longest, sizeof(longest) };
	sentence_format(&notice, text);
	assert_non_null(strstr(text, "...\""));
	assert_true(strlen(text) < SENTENCE_MAX - 1);
}

/* Who reads the first two ends in a line, and bans one of them, bans nobody whom a peer has named. */
static void words_of_peers_name_nobody_else(void **state)
{
	const struct nat_view view = view_of();
	const struct notice notice = { .type = NOTICE_REFUSE, .reason = REASON_MALFORMED, .view = &view,
				       .direction = DIRECTION_ORIGINAL,
				       .text = bytes_of("PORT \" client 192.0.2.7:1 to server 192.0.2.8:21: (malformed)") };
	char text[SENTENCE_MAX];

	(void)state;
	sentence_format(&notice, text);
	assert_true(strstr(text, "client 10.0.0.5:4711") < strstr(text, "client 192.0.2.7"));
	assert_true(strstr(text, "server 203.0.113.9") < strstr(text, "server 192.0.2.8"));
	assert_true(strstr(text, "(malformed)") < strstr(text, "client 192.0.2.7"));
}

static void only_refusals_and_faults_are_told(void **state)
{
	static const struct {
		enum notice_type type;
		enum reason reason;
		bool due;
	} rows[] = {
		{ NOTICE_SESSION_OPEN, REASON_NONE, false },
		{ NOTICE_SESSION_CLOSE, REASON_CONNECTION_ENDED, false },
		{ NOTICE_SESSION_CLOSE, REASON_RESET, false },
		{ NOTICE_PINHOLE_CLOSE, REASON_EXPIRED, false },
		{ NOTICE_ANOMALY, REASON_OUT_OF_WINDOW, false },
		{ NOTICE_ANOMALY, REASON_NO_CARRIER, true },
		{ NOTICE_ANOMALY, REASON_HANDSHAKE, true },
		{ NOTICE_RELAY, REASON_TRUNCATED, true },
		{ NOTICE_RELAY, REASON_CONNECTION_ENDED, false },
		{ NOTICE_MINT, REASON_NONE, false },
		{ NOTICE_MINT, REASON_MINT_RATE, true },
		{ NOTICE_REFUSE, REASON_QUOTA_RATE, true },
		{ NOTICE_REFUSE, REASON_ODD_VERB, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct notice notice = { .type = rows[i].type, .reason = rows[i].reason };

		if (sentence_is_due(&notice) != rows[i].due)
			fail_msg("%s, %s: %s", notice_name(rows[i].type), reason_name(rows[i].reason),
				 rows[i].due ? "is not told" : "is told");
	}
}

static void every_notice_has_a_sentence(void **state)
{
	char text[SENTENCE_MAX];

	(void)state;
	for (int type = 0; type < NOTICE_COUNT; type++)
		for (int reason = 0; reason < REASON_COUNT; reason++) {
			const struct notice notice = { .type = (enum notice_type)type, .reason = (enum reason)reason };

			sentence_format(&notice, text);
			assert_true(strlen(text) > 10 && strlen(text) < SENTENCE_MAX - 1);
			if (type != NOTICE_TRANSFER || reason != REASON_NONE)
				assert_non_null(strstr(text, reason_meaning(notice.reason)));
		}
}

static void a_transfer_says_what_became_of_it_and_last_what_peers_call_it(void **state)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct notice_transfer end = { .outcome = TRANSFER_ABORTED, .by = TRANSFER_BY_CLIENT, .counted = true,
					     .bytes = 5 };
	const struct notice_file file = { .path = unit_string("/a\"\nb"), .user = unit_string("an\x1bna") };
	struct notice notice = { .type = NOTICE_TRANSFER, .session = 0xabc, .view = &view, .verb = VERB_RETR, .code = 426,
				 .duration = 1500000, .transfer = &end, .file = &file };
	char text[SENTENCE_MAX];

	(void)state;
	assert_false(sentence_is_due(&notice));
	sentence_format(&notice, text);
	assert_non_null(strstr(text, ": RETR aborted, by the client, 5 bytes in 1.500 s (session abc, reply 426): \"/a\"\\x0ab\" of user: "
				     "\"an\\x1bna\""));
	notice.transfer = NULL;
	notice.file = NULL;
	notice.code = 0;
	sentence_format(&notice, text);
	assert_non_null(strstr(text, ": RETR in 1.500 s (session abc)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusal_tells_who_said_what_and_why),
		cmocka_unit_test(reply_is_of_the_server),
		cmocka_unit_test(words_of_peers_are_escaped_and_cut),
		cmocka_unit_test(words_of_peers_name_nobody_else),
		cmocka_unit_test(only_refusals_and_faults_are_told),
		cmocka_unit_test(every_notice_has_a_sentence),
		cmocka_unit_test(a_transfer_says_what_became_of_it_and_last_what_peers_call_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
