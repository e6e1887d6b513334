/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line ends where it ends, and what stands behind it in memory belongs to somebody else: each line here, and each of its
 * beginnings, is judged where nothing may be read behind it. Only sanitizers notice that something was.
 */
#include <stdlib.h>
#include <string.h>

#include "ftpalg/session.h"
#include "unit.h"

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context, (void)master, (void)expectation;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context, (void)master, (void)expectation;
	return REASON_NONE;
}

static void op_notice(void *context, const struct notice *notice)
{
	(void)context, (void)notice;
}

static const struct ops ops = { .expect = op_expect, .unexpect = op_unexpect, .notice = op_notice };

/* Takes a line of C or S, as its first byte says. */
static void say(struct session *session, const char *line)
{
	static struct outcome outcome;

	session_input(session, &ops, line[0] == 'C' ? DIRECTION_ORIGINAL : DIRECTION_REPLY, unit_string(line + 1), 1,
		      &outcome);
}

static void open_session(struct session *session, const char *said)
{
	static struct policy policy = { .rule_count = 1 };
	static struct session_backlog backlog;
	static const char *const login[] = { "S220 ready", "CUSER u", "S331 password", "CPASS p", "S230 in" };
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	policy_rule_set_defaults(&policy.rules[0]);
	session_open(session, &backlog, &policy, &ops, 1, &view, false, false);
	for (size_t i = 0; i < ARRAY_SIZE(login); i++)
		say(session, login[i]);
	for (; *said != '\0'; said += strlen(said) + 1)
		say(session, said);
}

/* In memory of just its length. */
static void judge(const char *said, enum direction direction, struct bytes line)
{
	static struct session session;
	static struct outcome outcome;
	uint8_t *copy = malloc(line.length);
	const struct bytes exact = { copy, line.length };

	if (line.length > 0)
		memcpy(copy, line.data, line.length);
	open_session(&session, said);
	session_must_hold(&session, direction, exact);
	session_hides_line(&session, direction, exact, 0, false);
	session_looks_like_line(direction, exact);
	session_may_pass_rest(&session, direction, exact);
	session_input(&session, &ops, direction, exact, 2, &outcome);
	assert_true(outcome.verdict == OUTCOME_CLOSE || session.state != SESSION_CLOSED);
	free(copy);
}

static void nothing_is_read_behind_a_line(void **state)
{
	static const struct {
		const char *said; /* before, each with its NUL */
		enum direction direction;
		const char *line;
		size_t length;
	} rows[] = {
		{ "", DIRECTION_ORIGINAL, TEXT("PORT 10,0,0,5,195,80") },
		{ "", DIRECTION_ORIGINAL, TEXT("EPRT |1|10.0.0.5|5000|") },
		{ "", DIRECTION_ORIGINAL, TEXT("LPRT 4,4,10,0,0,5,2,195,80") },
		{ "", DIRECTION_ORIGINAL, TEXT("SPOR 10,0,0,5,195,80 10,0,0,5,195,81") },
		{ "", DIRECTION_ORIGINAL, TEXT("GET path=/x;port \t=10,0,0,5,195,80;") },
		{ "", DIRECTION_ORIGINAL, TEXT("RETR a\r\0\r\0 b\xff\xff\xff\xf7 \bPORT 1\xff") },
		{ "", DIRECTION_ORIGINAL, TEXT("\xff\xf4\xff\xf2" "ABOR\xff") },
		{ "", DIRECTION_ORIGINAL, TEXT("STAT -l \xff\xfb" "a") },
		{ "CPWD\0", DIRECTION_REPLY, TEXT("257 \"/a\"\"b\"\"") },
		{ "CSIZE x\0", DIRECTION_REPLY, TEXT("213 12345.6") },
		{ "CPASV\0", DIRECTION_REPLY, TEXT("227 Entering (203, 0,113,9 ,195,80).") },
		{ "CPASV\0", DIRECTION_REPLY, TEXT("227-203,0,113,9,195,80") },
		{ "CPASV\0S227-x\0", DIRECTION_REPLY, TEXT("227 =203,0,113,9, 195,80") },
		{ "CPASV\0", DIRECTION_REPLY, TEXT("200 ok 0x10,0,0,1,\xef\xbc\x91,2") },
		{ "CLPSV\0", DIRECTION_REPLY, TEXT("228 (4,4,203,0,113,9,2,195,80)") },
		{ "CEPSV\0", DIRECTION_REPLY, TEXT("229 Entering (|||5000|)") },
		{ "CEPSV\0S229-(|\0", DIRECTION_REPLY, TEXT("229 ||5000|)") },
		{ "CEPSV\0", DIRECTION_REPLY, TEXT(" \t -0200 (ab5060") },
		{ "CEPSV\0S200-a\0", DIRECTION_REPLY, TEXT(" \t +1 |ab|") },
		{ "CEPSV\0S211-a\0", DIRECTION_REPLY, TEXT("\xff\xf1" "227\r\0 a") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t length = 0; length <= rows[i].length; length++)
			judge(rows[i].said, rows[i].direction, unit_bytes(rows[i].line, length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_read_behind_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
