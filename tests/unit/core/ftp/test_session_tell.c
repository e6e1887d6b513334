/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which lines of a dialogue are told to who follows it. */
#include "ftpalg/session.h"
#include "unit.h"

#define TOLD_MAX 4096

struct rig {
	struct policy policy;
	struct ops ops;
	struct session session;
	struct session_backlog backlog;
	char told[TOLD_MAX];
	char odd[TOLD_MAX]; /* what was refused, or reported as odd */
	size_t longest; /* text */
};

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_USED;
}

static void op_notice(void *context, const struct notice *notice)
{
	struct rig *rig = context;
	const size_t length = strlen(rig->told);
	const size_t odd = strlen(rig->odd);

	if (notice->text.length > rig->longest)
		rig->longest = notice->text.length;
	if (notice->type == NOTICE_ANOMALY || notice->type == NOTICE_REFUSE || notice->type == NOTICE_LOGIN ||
	    notice->type == NOTICE_TRANSFER)
		snprintf(rig->odd + odd, sizeof(rig->odd) - odd, "%.*s|", (int)notice->text.length,
			 (const char *)notice->text.data);
	if (notice->type != NOTICE_LINE)
		return;
	assert_int_equal(notice->session, 7);
	assert_ptr_equal(notice->view, &rig->session.view);
	snprintf(rig->told + length, sizeof(rig->told) - length, "%c %s %u %.*s|", notice->direction == DIRECTION_ORIGINAL ? 'C' : 'S',
		 verb_name(notice->verb), notice->code, (int)notice->text.length, (const char *)notice->text.data);
}

static void rig_open(struct rig *rig, bool lines)
{
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	memset(rig, 0, sizeof(*rig));
	policy_rule_set_defaults(&rig->policy.rules[0]);
	rig->policy.rule_count = 1;
	rig->ops = (struct ops){ .context = rig, .expect = op_expect, .unexpect = op_unexpect, .notice = op_notice,
				 .lines = lines };
	session_open(&rig->session, &rig->backlog, &rig->policy, &rig->ops, 7, &view, true, false);
}

static void rig_say(struct rig *rig, const char *const *lines)
{
	for (; *lines; lines++) {
		struct outcome outcome;

		session_input(&rig->session, &rig->ops, **lines == 'C' ? DIRECTION_ORIGINAL : DIRECTION_REPLY,
			      unit_string(*lines + 2), 1000, &outcome);
	}
}

static const char *const login[] = { "S 220 hello", "C USER anna", "S 331 password", "C PASS secret", "S 230 in", NULL };

static void dialogue_is_told(const char *const *lines, const char *expected)
{
	static struct rig rig;

	rig_open(&rig, true);
	rig_say(&rig, login);
	rig.told[0] = '\0';
	rig_say(&rig, lines);
	assert_string_equal(rig.told, expected);
}

static void what_moves_files_is_told_with_its_replies(void **state)
{
	static const char *const lines[] = {
		"C PORT 10,0,0,5,195,149", "S 200 ok", "C RETR a b.bin", "S 150 opening (20000003 bytes)", "S 226 done",
		"C NOOP", "S 200 yes", "C STOR c", "S 425 can't open", NULL,
	};

	(void)state;
	dialogue_is_told(lines, "C RETR 0 RETR a b.bin|S RETR 150 150 opening (20000003 bytes)|S RETR 226 226 done|"
			 "C STOR 0 STOR c|S STOR 425 425 can't open|");
}

static void where_the_dialogue_stands_is_told(void **state)
{
	static const char *const lines[] = {
		"C PWD", "S 257 \"/home\" is it", "C CWD pub", "S 250-welcome", "S here", "S 250 changed", "C CDUP", "S 200 up",
		"C SIZE a", "S 213 12", "C REST 5", "S 350 go on", "C RNFR a", "S 350 and", "C RNTO b", "S 250 done", "C TYPE I",
		"S 200 so", "C SMNT x", "S 202 no", NULL,
	};

	(void)state;
	dialogue_is_told(lines, "C PWD 0 PWD|S PWD 257 257 \"/home\" is it|C CWD 0 CWD pub|S CWD 250 250 changed|C CDUP 0 CDUP|"
			 "S CDUP 200 200 up|C SIZE 0 SIZE a|S SIZE 213 213 12|C REST 0 REST 5|S REST 350 350 go on|C RNFR 0 RNFR a|"
			 "S RNFR 350 350 and|C RNTO 0 RNTO b|S RNTO 250 250 done|C TYPE 0 TYPE I|S TYPE 200 200 so|C SMNT 0 SMNT x|"
			 "S SMNT 202 202 no|");
}

static void old_names_of_verbs_are_told_as_new_ones(void **state)
{
	static const char *const lines[] = { "C XPWD", "S 257 \"/\"", "C XCWD a", "S 200 so", "C XCUP", "S 200 up", "C ABOR",
					     "S 226 yes", NULL };
	static const char *const tls[] = { "C AUTH TLS", "S 534 no", NULL };

	(void)state;
	dialogue_is_told(lines, "C XPWD 0 XPWD|S XPWD 257 257 \"/\"|C XCWD 0 XCWD a|S XCWD 200 200 so|C XCUP 0 XCUP|"
			 "S XCUP 200 200 up|C ABOR 0 ABOR|S ABOR 226 226 yes|");
	dialogue_is_told(tls, "C AUTH 0 AUTH TLS|S AUTH 534 534 no|");
}

/* Whatever they are paired with (session_pipeline.c). */
static void replies_that_name_a_place_are_told(void **state)
{
	static const char *const lines[] = { "C NOOP", "S 250 there", "C NOOP", "S 257 \"/\"", "C NOOP", "S 200 yes", NULL };

	(void)state;
	dialogue_is_told(lines, "S NOOP 250 250 there|S NOOP 257 257 \"/\"|");
}

static void a_reply_to_CWD_is_told_whatever_it_waited_with(void **state)
{
	static const char *const lines[] = { "C TYPE I", "C CWD pub", "S 200 binary", "S 250 changed", NULL };

	(void)state;
	dialogue_is_told(lines, "C TYPE 0 TYPE I|C CWD 0 CWD pub|S TYPE 200 200 binary|S TYPE 250 250 changed|");
}

/* What nobody here knows may transfer, and its end is no 257. */
static void a341_a_reply_is_told_of_its_command_while_an_unknown_one_runs(void **state)
{
	static const char *const lines[] = { "C XFER a", "S 150 here", "C PWD", "S 257 \"/home\"", NULL };

	(void)state;
	dialogue_is_told(lines, "C PWD 0 PWD|S PWD 257 257 \"/home\"|");
}

static void errors_that_tell_why_nothing_moves_are_told(void **state)
{
	static const char *const lines[] = { "C EPSV", "S 500 what", "C DELE x", "S 550 no", "C REIN", "S 220 again",
					     "C USER a", "S 331 so", "C PASS no", "S 530 wrong", "S 421 good bye", NULL };
	static const char *const others[] = { "C EPSV", "S 425 no", "C PORT 10,0,0,5,195,149", "S 500 no", "C USER a",
					      "S 530 who", NULL };

	(void)state;
	dialogue_is_told(lines, "S EPSV 500 500 what|C REIN 0 REIN|S REIN 220 220 again|S PASS 530 530|S ? 421 421 good bye|");
	dialogue_is_told(others, "S EPSV 425 425 no|S PORT 500 500 no|S USER 530 530 who|");
}

static void passwords_and_what_was_overwritten_are_not_told(void **state)
{
	static const char *const lines[] = { "C PORT 10,0,0,99,0,25", "S 500 what", "C ACCT secret", "S 230 fine",
					     "C SITE PSWD secret new", "S 200 ok", "S 227 (10,0,0,9,4,5)", "C EPSV",
					     "S 500 (|||40|)", NULL };

	(void)state;
	dialogue_is_told(lines, "");
}

static void who_has_not_asked_is_told_nothing(void **state)
{
	static const char *const lines[] = { "C RETR a", "S 150 it comes", "S 226 done", NULL };
	static struct rig rig;

	(void)state;
	rig_open(&rig, false);
	rig_say(&rig, login);
	rig_say(&rig, lines);
	assert_string_equal(rig.told, "");
}

static void oddities_are_told(const char *const *lines, const char *expected)
{
	static struct rig rig;

	rig_open(&rig, true);
	rig_say(&rig, login);
	rig.odd[0] = '\0';
	rig_say(&rig, lines);
	assert_string_equal(rig.odd, expected);
}

/* The answer to an empty line, for which none waits, is taken for that to PASS, and the one to PASS is a reply too many. */
static void a390_no_reply_that_is_reported_repeats_a_password(void **state)
{
	static const char *const lines[] = { "S 500 'PASS secret': what", "S you said secret", "C ACCT hush!",
					     "S 229 hush! and secret (|||40|)", "C PASV", "S 227 secret", NULL };
	static const char *const late[] = { "C ", "C PASS other", "S 500 ''", "C CWD a", "S 500 'PASS other'", NULL };

	(void)state;
	oddities_are_told(lines, "500 'PASS ****': what|you said ****|229 **** and **** (|||40|)|");
	dialogue_is_told(late, "S PASS 500 500|C CWD 0 CWD a|S CWD 500 500 'PASS ****'|");
}

static void a390_a_password_is_found_wherever_it_stands(void **state)
{
	static const char *const lines[] = { "C ACCT aaaa", "S 230 a", "S secretsecret", "S secsecret!", "S aaaaaaaaaa", "S secre",
					     "S aaasecretaaa", NULL };

	(void)state;
	oddities_are_told(lines, "anna|********|sec****!|********aa|secre|aaa****aaa|");
}

static void a390_the_last_two_passwords_are_known_and_words_are_none(void **state)
{
	static const char *const lines[] = { "C PASS abc", "S 530 a", "C PASS first", "S 530 a", "C PASS second", "S 530 a",
					     "S abc first second secret", NULL };
	static const char *const shortest[] = { "C PASS abc", "S 530 a", "S abc secret abcd", NULL };
	static const char *const just[] = { "C PASS abcd", "S 530 a", "S abcd secret", NULL };

	(void)state;
	oddities_are_told(lines, "abc **** **** secret|");
	oddities_are_told(shortest, "abc **** abcd|");
	oddities_are_told(just, "**** ****|");
}

static void a390_names_stay_what_they_are(void **state)
{
	static const char *const lines[] = { "C USER secret", "S 331 a", "C PASS secret", "S 230 in", "C PORT 10,0,0,99,0,25 secret",
					     NULL };
	static const char *const place[] = { "C PWD", "S 257 \"/secret\"", "C RETR secret", "S 550 secret: no", NULL };

	(void)state;
	static const char *const transfer[] = { "C RETR secret", "S 450 secret: busy", NULL };

	oddities_are_told(lines, "secret|PORT 10,0,0,99,0,25 secret|");
	oddities_are_told(transfer, "secret|");
	dialogue_is_told(transfer, "C RETR 0 RETR secret|S RETR 450 450 ****: busy|");
	dialogue_is_told(place, "C PWD 0 PWD|S PWD 257 257 \"/secret\"|C RETR 0 RETR secret|S RETR 550 550 ****: no|");
}

/* Nobody hands a session a longer line than the longest; what is told of one has an end. */
static void a_line_is_told_as_far_as_there_is_room(void **state)
{
	static char line[2 + LINE_MAX_LENGTH + 2];
	const char *const lines[] = { line, NULL };
	static struct rig rig;

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	memcpy(line, "S ", 2);
	rig_open(&rig, true);
	rig_say(&rig, login);
	rig_say(&rig, lines);
	assert_int_equal(rig.longest, LINE_MAX_LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_moves_files_is_told_with_its_replies),
		cmocka_unit_test(where_the_dialogue_stands_is_told),
		cmocka_unit_test(old_names_of_verbs_are_told_as_new_ones),
		cmocka_unit_test(replies_that_name_a_place_are_told),
		cmocka_unit_test(a_reply_to_CWD_is_told_whatever_it_waited_with),
		cmocka_unit_test(a341_a_reply_is_told_of_its_command_while_an_unknown_one_runs),
		cmocka_unit_test(errors_that_tell_why_nothing_moves_are_told),
		cmocka_unit_test(passwords_and_what_was_overwritten_are_not_told),
		cmocka_unit_test(who_has_not_asked_is_told_nothing),
		cmocka_unit_test(a390_no_reply_that_is_reported_repeats_a_password),
		cmocka_unit_test(a390_a_password_is_found_wherever_it_stands),
		cmocka_unit_test(a390_the_last_two_passwords_are_known_and_words_are_none),
		cmocka_unit_test(a390_names_stay_what_they_are),
		cmocka_unit_test(a_line_is_told_as_far_as_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
