/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg explain: the notation of dialogues, what is judged, and what is printed. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "ftpalg/address.h"
#include "unit.h"

static struct explanation *explanation;

static int prepare(void **state)
{
	(void)state;
	explanation = calloc(1, sizeof(*explanation));
	assert_non_null(explanation);
	explanation->client = unit_address("10.0.0.5");
	explanation->server = unit_address("203.0.113.9");
	explanation->nat[0] = (struct explain_translation){ unit_address("10.0.0.5"), unit_address("198.51.100.1") };
	explanation->nat_count = 1;
	config_set_defaults(&explanation->config);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	free(explanation);
	return 0;
}

/* The lines, ended by NULL, are judged in a session that is under way. */
static void say(const char *const *lines)
{
	const char *problem = NULL;
	bool empty;

	explain_open(explanation, true);
	for (size_t i = 0; lines[i]; i++) {
		if (!explain_read_line(lines[i], &explanation->burst, &empty, &problem))
			fail_msg("%s: %s", lines[i], problem);
		assert_true(empty || explain_judge(explanation));
	}
}

#define SAY(...) say((const char *const[]){ __VA_ARGS__, NULL })

typedef void print_function(const struct explanation *, FILE *);

static void print_json(const struct explanation *judged, FILE *out)
{
	assert_true(explain_print_json(judged, out));
}

/* What print writes of the last line that was said. To be freed. */
static char *printed(print_function *print)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	print(explanation, out);
	fclose(out);
	return text;
}

static void assert_printed(print_function *print, const char *expected)
{
	char *text = printed(print);

	assert_string_equal(text, expected);
	free(text);
}

static void assert_judgements(enum explain_judgement kernel, enum explain_judgement wrapping,
			      enum explain_judgement conntrackd, enum explain_judgement naive)
{
	const enum explain_judgement expected[MODEL_COUNT] = { kernel, wrapping, conntrackd, naive };

	for (int model = 0; model < MODEL_COUNT; model++)
		if (explanation->result.helpers[model].judgement != expected[model])
			fail_msg("%s: %s, not %s", model_name((enum model)model),
				 explain_judgement_name(explanation->result.helpers[model].judgement),
				 explain_judgement_name(expected[model]));
}

static void a_line_is_read_into_bytes_and_segments(void **state)
{
	static const struct {
		const char *text;
		const char *bytes;
		size_t segments;
	} rows[] = {
		{ "C> NOOP", "NOOP\r\n", 1 },
		{ "C:NOOP", "NOOP\r\n", 1 },
		{ "> NOOP", "NOOP\r\n", 1 },
		{ "C> NOOP\\n", "NOOP\n", 1 },
		{ "C> NOOP\xe2\x8f\x8e", "NOOP\r\n", 1 },
		{ "C> NO\\c", "NO", 1 },
		{ "C> NO\\|OP", "NOOP\r\n", 2 },
		{ "C> N\xe2\x80\x96O\\|OP\\r\\|\\n", "NOOP\r\n", 4 },
		{ "C> EPRT |1|10.0.0.5|50000|", "EPRT |1|10.0.0.5|50000|\r\n", 1 },
		{ "C> \\xff\\xF4\\\\ \\#", "\xff\xf4\\ #\r\n", 1 },
		{ "C>  two", " two\r\n", 1 },
		{ "C> ", "\r\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *problem = NULL;
		bool empty = true;
		struct explain_burst *burst = &explanation->burst;

		if (!explain_read_line(rows[i].text, burst, &empty, &problem))
			fail_msg("%s: %s", rows[i].text, problem);
		assert_false(empty);
		assert_int_equal(burst->direction, DIRECTION_ORIGINAL);
		assert_int_equal(burst->segments, rows[i].segments);
		assert_int_equal(burst->end[burst->segments - 1], strlen(rows[i].bytes));
		assert_memory_equal(burst->data, rows[i].bytes, strlen(rows[i].bytes));
	}
}

static void what_can_not_be_read_is_named(void **state)
{
	static const char *const lines[] = {
		"USER ftp", "X> NOOP", "C> \\q", "C> \\x4", "C> \\xzz", "C> a\\", "C> \\|NOOP", "C> NO\\|\\|OP", "C> \\c",
		"C> a\\cb",
	};
	char cuts[200] = "C> ";
	const char *problem = NULL;
	bool empty;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		problem = NULL;
		if (explain_read_line(lines[i], &explanation->burst, &empty, &problem))
			fail_msg("\"%s\" was read", lines[i]);
		assert_non_null(problem);
	}
	for (int i = 0; i < EXPLAIN_SEGMENTS_MAX; i++)
		strcat(cuts, "a\\|");
	strcat(cuts, "a");
	assert_false(explain_read_line(cuts, &explanation->burst, &empty, &problem));
}

static void a_line_longer_than_the_room_for_it_is_refused(void **state)
{
	char *text = calloc(1, EXPLAIN_BYTES_MAX + 8);
	const char *problem = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', EXPLAIN_BYTES_MAX - 2);
	assert_true(explain_read_text(text, &explanation->burst, &problem));
	memset(text, 'a', EXPLAIN_BYTES_MAX - 1);
	assert_false(explain_read_text(text, &explanation->burst, &problem));
	free(text);
}

static void comments_and_empty_lines_say_nothing(void **state)
{
	const char *problem = NULL;
	bool empty = false;

	(void)state;
	assert_true(explain_read_line("# C> NOOP", &explanation->burst, &empty, &problem) && empty);
	assert_true(explain_read_line("", &explanation->burst, &empty, &problem) && empty);
}

static void helpers_agree_on_an_honest_offer(void **state)
{
	(void)state;
	SAY("C> PORT 10,0,0,5,195,80");
	assert_judgements(EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES);
	SAY("C> PASV", "S> 227 ok (203,0,113,9,195,80)");
	assert_judgements(EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES);
	SAY("C> USER ftp");
	assert_judgements(EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES);
}

static void who_would_be_fooled_is_seen(void **state)
{
	(void)state;
	SAY("C> PORT 10,0,0,99,0,25"); /* A01 */
	assert_judgements(EXPLAIN_FORWARDS, EXPLAIN_FORWARDS, EXPLAIN_FORWARDS, EXPLAIN_FOOLED);
	SAY("C> port 10,0,0,5,195,80"); /* A06 */
	assert_judgements(EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_MISSES, EXPLAIN_MISSES);
	SAY("C> PORT 10,0,0,5,260,1"); /* A07 */
	assert_judgements(EXPLAIN_STALLS, EXPLAIN_FOOLED, EXPLAIN_FOOLED, EXPLAIN_FOOLED);
	SAY("C> PORT 10,0,0,5,0,22"); /* A09 */
	assert_judgements(EXPLAIN_FOOLED, EXPLAIN_FOOLED, EXPLAIN_FOOLED, EXPLAIN_FOOLED);
	SAY("C> X", "S> 500 'x\\|227 (203,0,113,9,0,139)': what?"); /* A18 */
	assert_judgements(EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_AGREES, EXPLAIN_FOOLED);
	SAY("C> NOOP", "S> 200 ok", "S> 227 Entering (203,0,113,9,195,80)"); /* A21 */
	assert_judgements(EXPLAIN_FOOLED, EXPLAIN_FOOLED, EXPLAIN_FOOLED, EXPLAIN_FOOLED);
	SAY("C> PO\\|RT 10,0,0,5,195,80"); /* A34 */
	assert_judgements(EXPLAIN_STALLS, EXPLAIN_STALLS, EXPLAIN_MISSES, EXPLAIN_MISSES);
	SAY("C> NOOP\\r\\nPORT 10,0,0,5,195,80"); /* A35 */
	assert_judgements(EXPLAIN_MISSES, EXPLAIN_MISSES, EXPLAIN_MISSES, EXPLAIN_AGREES);
	SAY("C> QUIT", "S> 227 Logout."); /* A45 */
	assert_judgements(EXPLAIN_STALLS, EXPLAIN_STALLS, EXPLAIN_AGREES, EXPLAIN_AGREES);
}

static void a_line_may_come_in_several_pieces(void **state)
{
	(void)state;
	SAY("C> PORT 10,0,0\\c");
	assert_int_equal(explanation->result.line_count, 0);
	SAY("C> PORT 10,0,0\\c", "C> ,5,195,80");
	assert_int_equal(explanation->result.line_count, 1);
	assert_int_equal(explanation->result.lines[0].outcome.verdict, OUTCOME_EDIT);
}

static void a_session_that_has_ended_is_closed_or_opaque(void **state)
{
	char *text = calloc(1, LINE_MAX_LENGTH + 16);

	(void)state;
	assert_non_null(text);
	SAY("C> NOOP\\x00");
	assert_int_equal(explanation->result.end, EXPLAIN_CLOSED);
	assert_int_equal(explanation->result.lines[0].outcome.reason, REASON_CONTROL_BYTE);
	SAY("C> AUTH TLS", "S> 234 go", "C> \\x16\\x03\\x01\\c");
	assert_int_equal(explanation->result.end, EXPLAIN_OPAQUE);
	SAY("C> AUTH TLS", "S> 234 go", "C> PORT 10,0,0,5,195,80");
	assert_int_equal(explanation->result.end, EXPLAIN_CLOSED);
	assert_int_equal(explanation->result.reason, REASON_NOT_TLS);
	strcpy(text, "C> ");
	memset(text + 3, 'a', LINE_MAX_LENGTH);
	SAY(text);
	assert_int_equal(explanation->result.line_count, 1);
	memset(text + 3, 'a', LINE_MAX_LENGTH + 1);
	SAY(text);
	assert_int_equal(explanation->result.end, EXPLAIN_CLOSED);
	assert_int_equal(explanation->result.reason, REASON_LINE_TOO_LONG);
	free(text);
}

static void more_lines_than_there_is_room_for_are_refused(void **state)
{
	char text[200] = "C> ";
	const char *problem = NULL;
	bool empty;

	(void)state;
	for (int i = 0; i < EXPLAIN_LINES_MAX; i++)
		strcat(text, "NOOP\\r\\n");
	SAY(text);
	strcat(text, "NOOP");
	explain_open(explanation, true);
	assert_true(explain_read_line(text, &explanation->burst, &empty, &problem));
	assert_false(explain_judge(explanation));
}

static void one_line_is_printed_with_all_that_is_known_about_it(void **state)
{
	(void)state;
	SAY("C> PORT 10,0,0,99,0,25");
	assert_printed(explain_print_line,
		       "command    PORT\n"
		       "verb       PORT   (bytes 0 to 3)\n"
		       "argument   10,0,0,99,0,25   (bytes 5 to 18)\n"
		       "verdict    is overwritten: the peer that waits for an answer reads an FTP error\n"
		       "reason     foreign-address: the offer names a host other than the peer that made it (FTP bounce)\n"
		       "rule       policy\n"
		       "leaves     PORT XXXXXXXXXXXXXX   (19 bytes, was 19)\n"
		       "\n"
		       "other helpers, given the same bytes\n"
		       "kernel     forwards   forwards it: the tuple names somebody else, which is left to the other side\n"
		       "wrapping   forwards   forwards it: the tuple names somebody else, which is left to the other side\n"
		       "conntrackd forwards   forwards it: the tuple names somebody else, which is left to the other side\n"
		       "naive      FOOLED     forwards it: something in it looks like an offer\n"
		       "                      expects 203.0.113.9 to connect to 10.0.0.99:25\n");
}

static void a_burst_is_printed_shortly_where_nothing_is_remarkable(void **state)
{
	(void)state;
	SAY("C> USER ftp");
	assert_printed(explain_print_burst, "C> USER ftp                                 passes\n");
	SAY("C> STOR a\\c");
	assert_printed(explain_print_burst, "C> STOR a                                   waits for the end of its line\n");
}

static void segments_are_numbered(void **state)
{
	(void)state;
	SAY("C> PO\\|RT 10,0,0,5,195,80");
	assert_printed(explain_print_burst,
		       "C> PO\\|RT 10,0,0,5,195,80\n"
		       "command    PORT\n"
		       "verb       PORT   (bytes 0 to 3)\n"
		       "argument   10,0,0,5,195,80   (bytes 5 to 19)\n"
		       "offer      PORT: 10.0.0.5:50000\n"
		       "pinhole    one TCP connection from 203.0.113.9 to 198.51.100.1:50000 within 60 seconds\n"
		       "verdict    passes with the endpoint translated\n"
		       "rule       policy\n"
		       "leaves     PORT 198,51,100,1,195,80   (24 bytes, was 20)\n"
		       "kernel     stalls     1: drops it: it could be the beginning of an offer\n"
		       "                      2: forwards it: it does not stand behind a line end that the helper has seen\n"
		       "wrapping   stalls     1: drops it: it could be the beginning of an offer\n"
		       "                      2: forwards it: it does not stand behind a line end that the helper has seen\n"
		       "conntrackd misses     1: forwards it: it could be the beginning of an offer\n"
		       "                      2: forwards it: it does not stand behind a line end that the helper has seen\n"
		       "naive      misses     1: forwards it: nothing in it looks like an offer\n"
		       "                      2: forwards it: nothing in it looks like an offer\n"
		       "\n");
}

static void a_password_is_not_printed(void **state)
{
	static print_function *const functions[] = { explain_print_line, explain_print_burst, print_json };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		char *text;

		SAY("C> PASS se\\|cret");
		text = printed(functions[i]);
		assert_null(strstr(text, "cret"));
		assert_non_null(strstr(text, "PASS ***"));
		free(text);
		SAY("C> PASS secret\\c"); /* a line without its end */
		text = printed(functions[i]);
		assert_null(strstr(text, "cret"));
		free(text);
		SAY("C> PASS PORT 10,0,0,5,195,80"); /* a model rewrites it */
		text = printed(functions[i]);
		assert_null(strstr(text, "195,80"));
		free(text);
	}
}

static void nothing_that_a_peer_says_reaches_the_terminal_raw(void **state)
{
	static print_function *const functions[] = { explain_print_line, explain_print_burst, print_json };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		char *text;

		SAY("C> SITE \\x1b[31m\\x9b\\x07\"\\\\");
		text = printed(functions[i]);
		for (const char *at = text; *at; at++)
			assert_true(*at == '\n' || (*at >= 0x20 && *at < 0x7f));
		free(text);
	}
}

static void json_says_the_same(void **state)
{
	const char *verdict;
	const char *leaves;
	const char *to;
	const char *judgement;
	const char *helper_to;
	char *text;
	json_t *object;

	(void)state;
	SAY("C> EPRT |1|10.0.0.5|50000|");
	text = printed(print_json);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	assert_int_equal(json_unpack(object, "{s[{s:s,s:s,s:{s:s}}],s:{s:{s:s,s:[{s:{s:s}}]}}}", "lines", "verdict",
				     &verdict, "leaves", &leaves, "expects", "to", &to, "helpers", "kernel", "judgement",
				     &judgement, "segments", "expects", "to", &helper_to), 0);
	assert_string_equal(verdict, "edit");
	assert_string_equal(leaves, "EPRT |1|198.51.100.1|50000|");
	assert_string_equal(to, "198.51.100.1:50000");
	assert_string_equal(judgement, "agrees");
	assert_string_equal(helper_to, to);
	json_decref(object);
	free(text);
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* Where an end is not told, an honest line comes from whom it names, and what is to be translated from whoever is. */
static void ends_are_assumed_from_the_line(void **state)
{
	static const struct {
		const char *line, *client, *server, *inside; /* as they were told, or "" */
		const char *assumed_client, *assumed_server;
	} rows[] = {
		{ "NOOP", "", "", "", "10.0.0.5", "203.0.113.9" },
		{ "PORT 10,0,0,99,195,80", "", "", "", "10.0.0.99", "203.0.113.9" },
		{ "PORT 10,0,0,99,195,80", "10.0.0.7", "", "", "10.0.0.7", "203.0.113.9" },
		{ "PORT 10,0,0,99,195,80", "", "", "10.0.0.8", "10.0.0.8", "203.0.113.9" },
		{ "PORT 10,0,0,999,195,80", "", "", "", "10.0.0.5", "203.0.113.9" },
		{ "EPRT |2|2001:db8::7|50000|", "", "", "", "2001:db8::7", "2001:db8::9" },
		{ "EPRT |2|2001:db8::7|50000|", "", "192.0.2.9", "", "10.0.0.5", "192.0.2.9" },
		{ "227 ok (192,0,2,1,195,80)", "", "", "", "10.0.0.5", "192.0.2.1" },
		{ "227 ok (192,0,2,1,195,80)", "", "", "10.0.0.8", "10.0.0.5", "192.0.2.1" },
		{ "229 ok (|||50000|)", "fd00::1", "", "", "fd00::1", "2001:db8::9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const enum direction direction = rows[i].line[0] == '2' ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
		char client[ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX];

		explanation->client = explanation->server = (struct address){ .family = FAMILY_NONE };
		address_parse(bytes_of(rows[i].client), &explanation->client);
		address_parse(bytes_of(rows[i].server), &explanation->server);
		explanation->nat_count = address_parse(bytes_of(rows[i].inside), &explanation->nat[0].inside);
		explain_assume_ends(explanation, direction, bytes_of(rows[i].line));
		address_format(&explanation->client, client);
		address_format(&explanation->server, server);
		if (strcmp(client, rows[i].assumed_client) != 0 || strcmp(server, rows[i].assumed_server) != 0)
			fail_msg("%s: between %s and %s", rows[i].line, client, server);
		assert_int_equal(explanation->client_is_assumed, rows[i].client[0] == '\0');
		assert_int_equal(explanation->server_is_assumed, rows[i].server[0] == '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_read_into_bytes_and_segments, prepare, clean_up),
		cmocka_unit_test_setup_teardown(what_can_not_be_read_is_named, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_line_longer_than_the_room_for_it_is_refused, prepare, clean_up),
		cmocka_unit_test_setup_teardown(comments_and_empty_lines_say_nothing, prepare, clean_up),
		cmocka_unit_test_setup_teardown(helpers_agree_on_an_honest_offer, prepare, clean_up),
		cmocka_unit_test_setup_teardown(who_would_be_fooled_is_seen, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_line_may_come_in_several_pieces, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_session_that_has_ended_is_closed_or_opaque, prepare, clean_up),
		cmocka_unit_test_setup_teardown(more_lines_than_there_is_room_for_are_refused, prepare, clean_up),
		cmocka_unit_test_setup_teardown(one_line_is_printed_with_all_that_is_known_about_it, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_burst_is_printed_shortly_where_nothing_is_remarkable, prepare, clean_up),
		cmocka_unit_test_setup_teardown(segments_are_numbered, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_password_is_not_printed, prepare, clean_up),
		cmocka_unit_test_setup_teardown(nothing_that_a_peer_says_reaches_the_terminal_raw, prepare, clean_up),
		cmocka_unit_test_setup_teardown(json_says_the_same, prepare, clean_up),
		cmocka_unit_test_setup_teardown(ends_are_assumed_from_the_line, prepare, clean_up),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
