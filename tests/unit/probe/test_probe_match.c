/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the probe takes for an offer, and what it takes for the text that a scenario names. A verdict rests on these two.
 */
#include <stdlib.h>

#include "probe/run.h"
#include "unit.h"

struct line {
	const char *text;
	size_t length;
	bool offer;
};

static void check_lines(enum scenario_side side, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct bytes line = unit_bytes(lines[i].text, lines[i].length);

		if (run_line_is_offer(side, line) != lines[i].offer)
			fail_msg("%s", unit_escape(line));
	}
}

static void the_most_careless_server_decides_what_an_offer_is(void **state)
{
	static const struct line lines[] = {
		{ TEXT("PORT 10,0,0,99,4,1\r\n"), true },
		{ TEXT("port 10,0,0,99,4,1\n"), true },
		{ TEXT(" PORT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("PORT\t1,1,1,1,1,1\r\n"), true },
		{ TEXT("EPRT |1|10.0.0.99|25|\r\n"), true },
		{ TEXT("LPRT 4,4,1,1,1,1,2,1,1\r\n"), true },
		{ TEXT("PO\xff\xf4RT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("\xff\xfb\x01PORT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("PX\x08ORT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("NOOP\rPORT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("\0PORT 1,1,1,1,1,1\r\n"), true },
		{ TEXT("PORT 1,1,1,1,1,1\0\r\n"), true },
		/* written over */
		{ TEXT("PORT XXXXXXXXXXXXXXX\r\n"), false },
		{ TEXT("XXXX 1,1,1,1,1,1\r\n"), false },
		{ TEXT("PORT 0,0,0,0,0,0\r\n"), false },
		{ TEXT("NOOP\r\n"), false },
		{ TEXT("PORTER 1,1,1,1,1,1\r\n"), false },
		{ TEXT("RETR PORT 1,1,1,1,1,1\r\n"), false },
		{ TEXT("\r\n"), false },
		{ TEXT(""), false },
	};

	(void)state;
	check_lines(SIDE_SERVER, lines, ARRAY_SIZE(lines));
}

static void the_most_careless_client_decides_what_a_passive_offer_is(void **state)
{
	static const struct line lines[] = {
		{ TEXT("227 Entering Passive Mode (10,0,0,99,4,1).\r\n"), true },
		{ TEXT("227-(10,0,0,99,4,1)\r\n"), true },
		{ TEXT("227(10,0,0,99,4,1)\r\n"), true },
		{ TEXT("228 (4,4,1,1,1,1,2,1,1)\r\n"), true },
		{ TEXT("229 Extended (|||22|)\r\n"), true },
		{ TEXT("\xff\xf1" "229 Extended (|||22|)\r\n"), true },
		{ TEXT("227 Logout.\r\n"), false },
		{ TEXT("425 XXXXXXXX (10,0,0,99,4,1)\r\n"), false },
		{ TEXT("226 done 1,1,1,1,1,1\r\n"), false },
		{ TEXT("220 hello\r\n"), false },
	};

	(void)state;
	check_lines(SIDE_CLIENT, lines, ARRAY_SIZE(lines));
}

/* The server knows the client as 198.51.100.1 and the client listens at 50000 (195,80). */
static void prepare(struct probe_run *run, struct probe_settings *settings)
{
	memset(run, 0, sizeof(*run));
	memset(settings, 0, sizeof(*settings));
	settings->control = unit_endpoint("203.0.113.9", 21);
	run->settings = settings;
	run->own[SIDE_CLIENT] = unit_endpoint("10.0.0.5", 4000);
	run->seen[SIDE_CLIENT] = unit_endpoint("198.51.100.1", 4000);
	run->own[SIDE_SERVER] = unit_endpoint("203.0.113.9", 21);
	run->seen[SIDE_SERVER] = unit_endpoint("203.0.113.9", 21);
	run->listening[SIDE_CLIENT] = 2;
	run->ports[SIDE_CLIENT][0] = 40000;
	run->ports[SIDE_CLIENT][1] = 50000;
}

static void what_was_seen_is_held_against_the_text(void **state)
{
	static const struct {
		const char *text;
		uint32_t flags;
		const char *seen;
		enum run_match match;
		size_t length; /* of what matched */
	} rows[] = {
		{ "NOOP", 0, "NOOP\r\n", MATCH_YES, 6 },
		{ "NOOP", 0, "NOOP\r\nPORT", MATCH_YES, 6 },
		{ "NOOP", 0, "", MATCH_MAYBE, 0 },
		{ "NOOP", 0, "NO", MATCH_MAYBE, 0 },
		{ "NOOP", 0, "NOOP", MATCH_MAYBE, 0 },
		{ "NOOP", 0, "NOOP\n", MATCH_NO, 0 },
		{ "NOOP", 0, "NOPE", MATCH_NO, 0 },
		{ "NOOP\\n", SCENARIO_RAW, "NOOP\n", MATCH_YES, 5 },
		{ "{repeat a 3}", 0, "aaa\r\n", MATCH_YES, 5 },
		{ "{repeat a 3}", 0, "aaaa\r\n", MATCH_NO, 0 },
		{ "{client}", 0, "198.51.100.1\r\n", MATCH_YES, 14 },
		{ "{server-host}", 0, "203,0,113,9\r\n", MATCH_YES, 13 },
		/* the address by which the server knows the client, and any port */
		{ "PORT {offer}", 0, "PORT 198,51,100,1,195,80\r\n", MATCH_YES, 26 },
		{ "PORT {offer}", 0, "PORT 198,51,100,1,4,1\r\n", MATCH_YES, 23 },
		{ "PORT {offer}", 0, "PORT 198,51,100,1,195,8", MATCH_MAYBE, 0 },
		{ "PORT {offer}", 0, "PORT 10,0,0,5,195,80\r\n", MATCH_NO, 0 },
		{ "PORT {offer}", 0, "PORT 198,51,100,1,260,80\r\n", MATCH_NO, 0 },
		{ "PORT {offer}", 0, "PORT 198,51,100,1,195\r\n", MATCH_NO, 0 },
		{ "EPRT {offer}", 0, "EPRT |1|198.51.100.1|50000|\r\n", MATCH_YES, 29 },
		{ "EPRT {offer}", 0, "EPRT !1!198.51.100.1!50000!\r\n", MATCH_YES, 29 },
		{ "EPRT {offer}", 0, "EPRT |1|10.0.0.5|50000|\r\n", MATCH_NO, 0 },
		{ "229 {any}({offer})", 0, "229 Extended (|||50000|)\r\n", MATCH_YES, 26 },
		{ "229 {any}({offer})", 0, "229 Extended (|||65558|)\r\n", MATCH_NO, 0 },
		/* as few bytes as possible, and none of the next line */
		{ "227 {any}{offer}{any}", 0, "227 Mode (198,51,100,1,195,80).\r\n", MATCH_YES, 33 },
		{ "227 {any}{offer}{any}", 0, "227 198,51,100,1,195,80\r\n", MATCH_YES, 25 },
		{ "227 {any}{offer}{any}", 0, "227 Mode (198,51,", MATCH_MAYBE, 0 },
		{ "227 {any}{offer}{any}", 0, "227 no\r\n198,51,100,1,195,80\r\n", MATCH_NO, 0 },
		{ "{any}", 0, "a\r\nb\r\n", MATCH_YES, 3 },
		{ "{any}", 0, "\r\n", MATCH_YES, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scenario_step step = {
			.action = SCENARIO_SEE,
			.side = SIDE_SERVER,
			.flags = rows[i].flags,
			.text = unit_string(rows[i].text),
		};
		struct probe_settings settings;
		struct probe_run run;
		size_t length = 0;
		enum run_match match;

		prepare(&run, &settings);
		probe_bytes_append(&run.saw[SIDE_SERVER], rows[i].seen, strlen(rows[i].seen));
		match = run_match_step(&run, &step, &length);
		if (match != rows[i].match || (match == MATCH_YES && length != rows[i].length))
			fail_msg("%s against %s: %d, %zu", rows[i].text, rows[i].seen, (int)match, length);
		probe_bytes_free(&run.saw[SIDE_SERVER]);
	}
}

static void an_offer_that_was_seen_is_remembered_with_its_listener(void **state)
{
	const struct scenario_step step = {
		.action = SCENARIO_SEE,
		.side = SIDE_SERVER,
		.text = unit_string("PORT {offer}"),
	};
	static const char seen[] = "PORT 198,51,100,1,195,80\r\n";
	struct probe_settings settings;
	struct probe_run run;
	size_t length;

	(void)state;
	prepare(&run, &settings);
	probe_bytes_append(&run.saw[SIDE_SERVER], seen, strlen(seen));
	assert_int_equal(run_match_step(&run, &step, &length), MATCH_YES);
	assert_int_equal(run.offer_count, 1);
	assert_int_equal(run.offers[0].side, SIDE_CLIENT);
	assert_int_equal(run.offers[0].port, 50000);
	assert_int_equal(run.offers[0].listener, 1);
	probe_bytes_free(&run.saw[SIDE_SERVER]);
}

static void what_is_sent_is_in_the_senders_own_words(void **state)
{
	static const struct {
		const char *text;
		uint32_t flags;
		const char *out;
		size_t cuts;
	} rows[] = {
		{ "PORT {client-hostport 2}", 0, "PORT 10,0,0,5,195,80\r\n", 0 },
		{ "PORT {client-host},{client-high 2},{client-low 2}", 0, "PORT 10,0,0,5,195,80\r\n", 0 },
		{ "EPRT {client-eprt 2}", 0, "EPRT |1|10.0.0.5|50000|\r\n", 0 },
		{ "EPRT !{client-family}!{client}!{client-port 2}!", 0, "EPRT !1!10.0.0.5!50000!\r\n", 0 },
		{ "{client-epsv 2}", SCENARIO_RAW, "|||50000|", 0 },
		{ "{foreign-hostport 2}", SCENARIO_RAW, "192,0,2,1,195,80", 0 },
		{ "PO\\|RT\\|", 0, "PORT\r\n", 2 },
		{ "PORT", SCENARIO_BYTEWISE, "PORT\r\n", 5 },
		{ "{repeat \\x41 4}", SCENARIO_RAW, "AAAA", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scenario_step step = {
			.action = SCENARIO_SEND,
			.side = SIDE_CLIENT,
			.flags = rows[i].flags,
			.text = unit_string(rows[i].text),
		};
		struct probe_settings settings;
		struct probe_run run;

		prepare(&run, &settings);
		run_expand(&run, &step);
		assert_int_equal(run.out.length, strlen(rows[i].out));
		assert_memory_equal(run.out.data, rows[i].out, run.out.length);
		assert_int_equal(run.cut_count, rows[i].cuts);
		probe_bytes_free(&run.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_careless_server_decides_what_an_offer_is),
		cmocka_unit_test(the_most_careless_client_decides_what_a_passive_offer_is),
		cmocka_unit_test(what_was_seen_is_held_against_the_text),
		cmocka_unit_test(an_offer_that_was_seen_is_remembered_with_its_listener),
		cmocka_unit_test(what_is_sent_is_in_the_senders_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
