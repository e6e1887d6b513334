/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The language of scenarios. What is wrong is told with line and column and with what was expected there; what is right
 * becomes the steps that it reads as.
 */
#include <dirent.h>
#include <stdlib.h>

#include "probe/scenario.h"
#include "probe/scenario_text.h"
#include "unit.h"

#define HEAD "title a title\n"

static struct scenario scenario;

static bool parse(const char *text, struct scenario_error *error)
{
	return scenario_parse(unit_string(text), &scenario, error);
}

static void parse_good(const char *text)
{
	struct scenario_error error;

	if (!parse(text, &error))
		fail_msg("%u:%u: %s\n%s", error.line, error.column, error.message, text);
}

static void errors_name_line_column_and_what_was_expected(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		uint32_t column;
		const char *message; /* how it begins */
	} rows[] = {
		{ "", 1, 1, "expected a title and at least one step" },
		{ "title\n", 1, 6, "expected the title's text" },
		{ "login\n", 1, 1, "expected a title before the first step" },
		{ HEAD "login\ntags late\n", 3, 1, "expected this line before the first step" },
		{ HEAD "concerns everybody\n", 2, 10, "expected client, server or both" },
		{ HEAD "family ipv5\n", 2, 8, "expected ipv4 or ipv6" },
		{ HEAD "family ipv4 ipv6\n", 2, 13, "expected the end of the line" },
		{ HEAD "needs luck\n", 2, 7, "expected foreign or server-foreign" },
		{ HEAD "dance\n", 2, 1, "expected a statement" },
		{ HEAD " login\n", 2, 1, "expected a statement" },
		{ HEAD "login twice\n", 2, 7, "expected the end of the line" },
		{ HEAD "noop 101\n", 2, 6, "expected how many, 1 to 100" },
		{ HEAD "noop x\n", 2, 6, "expected how many, 1 to 100" },
		{ HEAD "pause 3000\n", 2, 7, "expected milliseconds, 1 to 2000" },
		{ HEAD "close both\n", 2, 7, "expected client or server" },
		{ HEAD "clients> NOOP\n", 2, 1, "expected client or server" },
		{ HEAD "client\n", 2, 7, "expected raw, bytewise" },
		{ HEAD "client shouts> NOOP\n", 2, 8, "expected raw, bytewise" },
		{ HEAD "client is happy\n", 2, 11, "expected refused or unchanged" },
		{ HEAD "client raw is refused\n", 2, 12, "expected raw, bytewise" },
		{ HEAD "client> NO\\qP\n", 2, 11, "expected \\r, \\n" },
		{ HEAD "client> \\x4\n", 2, 9, "expected \\r, \\n" },
		{ HEAD "client> \\\n", 2, 9, "expected \\r, \\n" },
		{ HEAD "client> {client\n", 2, 9, "expected a } that closes" },
		{ HEAD "client> {nobody}\n", 2, 9, "expected {any}, {offer}" },
		{ HEAD "client> {client-shoe}\n", 2, 9, "expected {any}, {offer}" },
		{ HEAD "client> {client-port 41}\n", 2, 9, "expected the number of a listener" },
		{ HEAD "client> {client-port }\n", 2, 9, "expected the number of a listener" },
		{ HEAD "client> {repeat ab 3}\n", 2, 9, "expected {repeat BYTE COUNT}" },
		{ HEAD "client> {repeat a 20001}\n", 2, 9, "expected {repeat BYTE COUNT}" },
		{ HEAD "client> {repeat {any} 2}\n", 2, 9, "expected {repeat BYTE COUNT}" },
		{ HEAD "client> PORT {offer}\n", 2, 14, "expected no {any} and no {offer}" },
		{ HEAD "client says {any}\n", 2, 13, "expected no {any} and no {offer}" },
		{ HEAD "server sees PO\\|RT\n", 2, 15, "expected no \\|" },
		{ HEAD "server sees {any}{any}{any}\n", 2, 23, "expected at most two {any}" },
		{ HEAD "data client to client arrives\n", 2, 16, "expected the other side" },
		{ HEAD "data nobody to client arrives\n", 2, 6, "expected client, server or server-foreign" },
		{ HEAD "data client with server arrives\n", 2, 13, "expected \"to\"" },
		{ HEAD "data client to server\n", 2, 22, "expected \"offer NUMBER\"" },
		{ HEAD "data client to server offer 0 arrives\n", 2, 29, "expected a number from 1 to 40" },
		{ HEAD "data client to server departs\n", 2, 23, "expected \"offer NUMBER\"" },
		{ HEAD "data client to server arrives if asked\n", 2, 34, "expected \"offered\"" },
		{ HEAD "or client is refused\n", 2, 1, "expected \"or\" only after" },
		{ HEAD "login\nor closed\n", 3, 1, "expected \"or\" only after" },
		{ HEAD "closed\nor login\n", 3, 4, "expected SIDE \"sees\"" },
		{ HEAD "closed\nor\n", 3, 3, "expected SIDE \"sees\"" },
		{ HEAD "closed\nor client> NOOP\n", 3, 4, "expected SIDE \"sees\"" },
		{ HEAD "closed\nor client says NOOP\n", 3, 4, "expected SIDE \"sees\"" },
		{ HEAD "client> a\tb\n", 2, 10, "expected printable text" },
		{ HEAD "noop 100\nnoop 100\n", 3, 1, "expected at most 512 steps" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scenario_error error = { 0, 0, "" };

		if (parse(rows[i].text, &error))
			fail_msg("accepted: %s", rows[i].text);
		if (error.line != rows[i].line || error.column != rows[i].column ||
		    strncmp(error.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("%u:%u: %s\n%s", error.line, error.column, error.message, rows[i].text);
	}
}

static void the_head_is_kept(void **state)
{
	(void)state;
	parse_good("# a comment\ntitle what it is\nwhy one\nwhy two\nconcerns both\ntags a b\nfamily ipv6\n"
		   "needs foreign\nneeds server-foreign\n\nclosed");
	assert_int_equal(scenario.title.length, strlen("what it is"));
	assert_int_equal(scenario.why_count, 2);
	assert_memory_equal(scenario.why[1].data, "two", 3);
	assert_memory_equal(scenario.concerns.data, "both", 4);
	assert_int_equal(scenario.tags.length, 3);
	assert_int_equal(scenario.family, FAMILY_IPV6);
	assert_int_equal(scenario.needs, SCENARIO_NEEDS_FOREIGN | SCENARIO_NEEDS_SERVER_FOREIGN);
	assert_int_equal(scenario.step_count, 1);
}

static void a_line_becomes_the_step_that_it_reads_as(void **state)
{
	static const struct {
		const char *line;
		enum scenario_action action;
		enum scenario_side side;
		uint32_t flags;
		uint16_t number;
		const char *text; /* NULL: none */
	} rows[] = {
		{ "client> NOOP", SCENARIO_SEND, SIDE_CLIENT, 0, 0, "NOOP" },
		{ "client>", SCENARIO_SEND, SIDE_CLIENT, 0, 0, "" },
		{ "client>  PORT", SCENARIO_SEND, SIDE_CLIENT, 0, 0, " PORT" },
		{ "server raw bytewise> 2", SCENARIO_SEND, SIDE_SERVER, SCENARIO_RAW | SCENARIO_BYTEWISE, 0, "2" },
		{ "client urgent> x", SCENARIO_SEND, SIDE_CLIENT, SCENARIO_URGENT | SCENARIO_RAW, 0, "x" },
		{ "client at-once> a\\|b", SCENARIO_SEND, SIDE_CLIENT, SCENARIO_AT_ONCE, 0, "a\\|b" },
		{ "client says EPRT |1|x|2|", SCENARIO_SAY, SIDE_CLIENT, 0, 0, "EPRT |1|x|2|" },
		{ "server bytewise says 200", SCENARIO_SAY, SIDE_SERVER, SCENARIO_BYTEWISE, 0, "200" },
		{ "server sees PORT {offer}", SCENARIO_SEE, SIDE_SERVER, 0, 0, "PORT {offer}" },
		{ "server sees raw a\\n", SCENARIO_SEE, SIDE_SERVER, SCENARIO_RAW, 0, "a\\n" },
		{ "client is refused", SCENARIO_REFUSED, SIDE_CLIENT, 0, 0, NULL },
		{ "server is unchanged", SCENARIO_UNCHANGED, SIDE_SERVER, 0, 0, NULL },
		{ "closed", SCENARIO_CLOSED, SIDE_CLIENT, 0, 0, NULL },
		{ "close server", SCENARIO_CLOSE, SIDE_SERVER, 0, 0, NULL },
		{ "reset client", SCENARIO_RESET, SIDE_CLIENT, 0, 0, NULL },
		{ "pause 20", SCENARIO_PAUSE, SIDE_CLIENT, 0, 20, NULL },
		{ "data server to client arrives", SCENARIO_ARRIVES, SIDE_SERVER, 0, 0, NULL },
		{ "data client to server blocked", SCENARIO_BLOCKED, SIDE_CLIENT, 0, 0, NULL },
		{ "data server to client offer 2 blocked", SCENARIO_BLOCKED, SIDE_SERVER, 0, 2, NULL },
		{ "data server to client port 3 blocked", SCENARIO_BLOCKED, SIDE_SERVER, SCENARIO_AT_PORT, 3, NULL },
		{ "data server-foreign to client blocked", SCENARIO_BLOCKED, SIDE_SERVER, SCENARIO_FOREIGN, 0, NULL },
		{ "data client to server arrives if offered", SCENARIO_ARRIVES, SIDE_CLIENT, SCENARIO_IF_OFFERED, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scenario_step *step = &scenario.steps[0];
		char text[128];

		snprintf(text, sizeof(text), HEAD "\n%s\n", rows[i].line);
		parse_good(text);
		assert_int_equal(scenario.step_count, 1);
		if (step->action != rows[i].action || step->side != rows[i].side || step->flags != rows[i].flags ||
		    step->number != rows[i].number || step->line != 3)
			fail_msg("%s", rows[i].line);
		if (rows[i].text) {
			assert_int_equal(step->text.length, strlen(rows[i].text));
			assert_memory_equal(step->text.data, rows[i].text, strlen(rows[i].text));
		}
	}
}

static void short_words_stand_for_several_steps(void **state)
{
	(void)state;
	parse_good(HEAD "login\nnoop 3\n");
	assert_int_equal(scenario.step_count, 10 + 12);
	for (size_t i = 0; i < scenario.step_count; i++)
		assert_int_equal(scenario.steps[i].action, i % 2 ? SCENARIO_SEE : SCENARIO_SEND);
	assert_int_equal(scenario.steps[0].side, SIDE_SERVER);
	assert_int_equal(scenario.steps[1].side, SIDE_CLIENT);
	assert_int_equal(scenario.steps[10].side, SIDE_CLIENT);
	assert_int_equal(scenario.steps[21].line, 3);
}

static void alternatives_are_marked(void **state)
{
	(void)state;
	parse_good(HEAD "server sees PORT {offer}\nor client is refused\nor closed\nclosed\n");
	assert_false(scenario.steps[0].alternative);
	assert_true(scenario.steps[1].alternative);
	assert_true(scenario.steps[2].alternative);
	assert_false(scenario.steps[3].alternative);
}

static void check_token(const char *text, enum text_type type, struct text_token *token)
{
	size_t position = 0;

	text_next(unit_string(text), &position, token);
	if (token->type != type || (type != TEXT_BAD && position != strlen(text)))
		fail_msg("%s: type %d, up to %zu", text, (int)token->type, position);
}

static void text_is_read_token_by_token(void **state)
{
	struct text_token token;

	(void)state;
	check_token("", TEXT_END, &token);
	check_token("|", TEXT_BYTE, &token);
	assert_int_equal(token.byte, '|');
	check_token("\\|", TEXT_CUT, &token);
	check_token("\\xfF", TEXT_BYTE, &token);
	assert_int_equal(token.byte, 0xff);
	check_token("\\0", TEXT_BYTE, &token);
	assert_int_equal(token.byte, 0);
	check_token("\\{", TEXT_BYTE, &token);
	assert_int_equal(token.byte, '{');
	check_token("{repeat \\x00 20000}", TEXT_REPEAT, &token);
	assert_int_equal(token.byte, 0);
	assert_int_equal(token.number, 20000);
	check_token("{server-foreign-hostport 40}", TEXT_VARIABLE, &token);
	assert_int_equal(token.owner, TEXT_SERVER_FOREIGN);
	assert_int_equal(token.form, TEXT_HOSTPORT);
	assert_int_equal(token.number, 40);
	check_token("{foreign}", TEXT_VARIABLE, &token);
	assert_int_equal(token.owner, TEXT_CLIENT_FOREIGN);
	assert_int_equal(token.form, TEXT_ADDRESS);
	check_token("{}", TEXT_BAD, &token);
	check_token("{repeat}", TEXT_BAD, &token);
}

/* The scenarios of this tree are found from where the tests are run, the top of it. */
static void the_scenarios_of_this_tree_are_right(void **state)
{
	static char text[SCENARIO_SIZE_MAX];
	DIR *directory = opendir("src/probe/scenarios");
	const struct dirent *entry;
	unsigned int count = 0;

	(void)state;
	if (!directory)
		skip();
	while ((entry = readdir(directory))) {
		struct scenario_error error;
		char path[512];
		size_t length;
		FILE *file;

		if (!strstr(entry->d_name, ".scenario"))
			continue;
		snprintf(path, sizeof(path), "src/probe/scenarios/%s", entry->d_name);
		file = fopen(path, "re");
		assert_non_null(file);
		length = fread(text, 1, sizeof(text), file);
		fclose(file);
		if (!scenario_parse(unit_bytes(text, length), &scenario, &error))
			fail_msg("%s:%u:%u: %s", path, error.line, error.column, error.message);
		if (scenario.why_count == 0 || scenario.concerns.length == 0 || scenario.tags.length == 0)
			fail_msg("%s says not why, whom it concerns, or what it is about", path);
		count++;
	}
	closedir(directory);
	assert_true(count >= 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_line_column_and_what_was_expected),
		cmocka_unit_test(the_head_is_kept),
		cmocka_unit_test(a_line_becomes_the_step_that_it_reads_as),
		cmocka_unit_test(short_words_stand_for_several_steps),
		cmocka_unit_test(alternatives_are_marked),
		cmocka_unit_test(text_is_read_token_by_token),
		cmocka_unit_test(the_scenarios_of_this_tree_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
