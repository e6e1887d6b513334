/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A48 to A56 of the attack catalogue: lines that two readers read differently, and what of them comes into a log. */
#include <stdlib.h>
#include <string.h>

#include "base/notice_json.h"
#include "ftpalg/offer.h"
#include "attack.h"

enum fate {
	PASSES,  /* byte for byte, and opens nothing */
	OPENS,   /* a pinhole */
	REFUSED, /* overwritten, same length, and the session goes on */
	CLOSED,
};

struct row {
	const char *line; /* with its end */
	size_t length;
	enum fate fate;
	enum reason reason;
};

static void check_fate(struct attack *attack, const struct row *row, size_t mark, size_t cut)
{
	struct bytes heard = attack_heard(attack, C, mark);

	if (row->fate == CLOSED) {
		attack_assert_closed(attack, row->reason);
		attack_assert_nothing_opened(attack);
		return;
	}
	if (attack->world.peer[C].reset || heard.length != row->length ||
	    attack->world.pinholes_made != (row->fate == OPENS) ||
	    attack_count(attack, NOTICE_REFUSE, row->reason) != (row->fate == REFUSED) ||
	    (memcmp(heard.data, row->line, row->length) == 0) == (row->fate == REFUSED))
		fail_msg("%s, cut at %zu: the server heard \"%s\"", row->line, cut, unit_escape(heard));
	assert_true(row->fate != REFUSED || !attack_hears(attack, C, mark, "9,9"));
	SAY(attack, S, "200 whatever\r\n");
	attack_offer_honestly(attack);
}

static void try_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t cut = 0; cut < rows[i].length; cut++) {
			struct attack *attack = attack_open(PLAIN);
			size_t mark;

			attack_login(attack);
			mark = attack_mark(attack, C);
			attack_say_cut(attack, C, unit_bytes(rows[i].line, rows[i].length), cut);
			check_fate(attack, &rows[i], mark, cut);
			attack_end(attack);
		}
}

#define TRY(rows) try_rows(rows, ARRAY_SIZE(rows))

static void a48_telnet_codes_in_a_verb_or_an_offer_are_refused(void **state)
{
	static const struct row rows[] = {
		{ TEXT("PO\xff\xf4RT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("P\xff\xfb\x01ORT 10,0,0,5,195,80\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT 10,0,0\xff\xfb\x01,5,9,9\r\n"), REFUSED, REASON_MALFORMED },
		{ TEXT("PORT 10,0,0,5,9,9\xff\r\n"), REFUSED, REASON_MALFORMED },
		{ TEXT("PORT\xff 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("\xff\xfaPORT 10,0,0,99,9,9\xff\xf0\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("\xff\xf4\xff\xf2" "ABOR\r\n"), PASSES, REASON_NONE },
		{ TEXT("\xff\xf4\xff\xf2PORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_FOREIGN_ADDRESS },
		{ TEXT("\xff\xfb\x01PORT 10,0,0,5,195,80\r\n"), OPENS, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

static void a49_space_around_an_offer_has_one_reading(void **state)
{
	static const struct row rows[] = {
		{ TEXT("PORT\t10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT \t10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT(" PORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("\tPORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT  10,0,0,99,9,9\r\n"), REFUSED, REASON_FOREIGN_ADDRESS },
		{ TEXT("PORT 10,0,0,99,9,9   \r\n"), REFUSED, REASON_FOREIGN_ADDRESS },
		{ TEXT("PORT 10,0,0,5,9,9\t\r\n"), REFUSED, REASON_MALFORMED },
		{ TEXT("PORT  10,0,0,5,195,80  \r\n"), OPENS, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

static void a50_a_line_ends_with_lf_and_with_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ TEXT("PORT 10,0,0,99,9,9\n"), REFUSED, REASON_FOREIGN_ADDRESS },
		{ TEXT("PORT 10,0,0,5,195,80\n"), OPENS, REASON_NONE },
		{ TEXT("NOOP\rPORT 10,0,0,99,9,9\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("NOOP\r\0PORT 10,0,0,99,9,9\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("NOOP\0PORT 10,0,0,99,9,9\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("NOOP\n\rPORT 10,0,0,99,9,9\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("CWD a\rPORT 10,0,0,5,195,80\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("CWD a\r\0PORT 10,0,0,99,9,9\r\n"), CLOSED, REASON_CONTROL_BYTE },
		/*
		 * From a text file whose lines ended with CR LF already; an empty line behind the command for some readers.
		 */
		{ TEXT("PORT 10,0,0,5,195,80\r\r\n"), OPENS, REASON_NONE },
		{ TEXT("PORT 10,0,0,99,9,9\r\r\r\n"), REFUSED, REASON_FOREIGN_ADDRESS },
		{ TEXT("NOOP\r\r\n"), PASSES, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

/* A receiver that takes a bare CR for an end would obey before the line that we see is complete. */
static void a50_a_line_that_turns_ambiguous_ends_before_its_end(void **state)
{
	static const struct {
		enum direction direction;
		const char *begins;
		const char *more;
		size_t length;
	} rows[] = {
		{ C, "RETR a", TEXT("\rPORT 10,0,0,99,9,9\r") },
		{ C, "CWD a", TEXT("\0PORT 10,0,0,99,9,9\0") },
		{ S, "226 ok", TEXT("\r227 (10,0,0,99,9,9)\r") },
		{ S, "226 ok\r", TEXT("227 (10,0,0,99,9,9)\r") },
		{ S, "226-ok", TEXT("\0" "227 (10,0,0,99,9,9)\0") },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "NOOP\r\n");
		mark = attack_mark(attack, rows[index].direction);
		attack_say_bytes(attack, rows[index].direction, unit_string(rows[index].begins));
		attack_say_bytes(attack, rows[index].direction, unit_bytes(rows[index].more, rows[index].length));
		assert_false(attack_hears(attack, rows[index].direction, mark, "10,0,0,99"));
		attack_assert_closed(attack, REASON_CONTROL_BYTE);
		attack_end(attack);
	}
}

static void a50_a_reply_has_one_end_too(void **state)
{
	static const struct {
		const char *reply;
		size_t length;
		bool closed;
	} rows[] = {
		{ TEXT("200 ok\r227 (10,0,0,99,9,9)\r\n"), true },
		{ TEXT("200 ok\r\r227 (10,0,0,99,9,9)\r\n"), true },
		{ TEXT("200-ok\r227 (10,0,0,99,9,9)\r\n"), true },
		{ TEXT("200 ok\0" "227 (10,0,0,99,9,9)\r\n"), true },
		/* Telnet's NUL does nothing (RFC 854), so some take it out. */
		{ TEXT("2\0" "27 (10,0,0,99,9,9)\r\n"), true },
		/* A server that sends lines of a file which end with CR LF already. */
		{ TEXT("200 ok\r\r\n"), false },
		{ TEXT("200-\r\r\n200 ok\r\r\r\n"), false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "NOOP\r\n");
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_bytes(rows[index].reply, rows[index].length));
		assert_false(attack_hears(attack, S, mark, "10,0,0,99"));
		if (rows[index].closed)
			attack_assert_closed(attack, REASON_CONTROL_BYTE);
		else
			attack_assert_alive(attack);
		attack_end(attack);
	}
}

static void a51_erasures_are_refused(void **state)
{
	static const struct row rows[] = {
		{ TEXT("P\bPORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("X\x7fPORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("X\xff\xf7PORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("NOOP\xff\xf8PORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT 10,0,0,5,9,9\b9\r\n"), REFUSED, REASON_ODD_VERB },
	};

	(void)state;
	TRY(rows);
}

static void a52_a_verb_is_printable_ascii(void **state)
{
	static const struct row rows[] = {
		{ TEXT("\xef\xbb\xbfPORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("\xd0PORT 10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT\xc2\xa0" "10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("PORT\v10,0,0,99,9,9\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("\xd0NOOP\r\n"), REFUSED, REASON_ODD_VERB },
		{ TEXT("CWD \xc3\xa4\xc3\xb6\r\n"), PASSES, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

static void a53_runs_of_iac_are_refused_whatever_their_number(void **state)
{
	(void)state;
	for (size_t run = 1; run < 600; run += run < 10 ? 1 : 97) {
		struct attack *attack = attack_open(PLAIN);
		char line[700];
		size_t mark;

		attack_login(attack);
		mark = attack_mark(attack, C);
		memset(line, '\xff', run);
		memcpy(line + run, "PORT 10,0,0,99,9,9\r\n", 20);
		attack_say_bytes(attack, C, unit_bytes(line, run + 20));
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_ODD_VERB), 1);
		assert_false(attack_hears(attack, C, mark, "9,9"));
		assert_int_equal(attack_heard(attack, C, mark).length, run + 20);
		attack_end(attack);
	}
}

/* The letters ya and che of CP1251, and what terminals erase by: no server that is known erases by them. */
static void a104_names_pass_whatever_bytes_they_have(void **state)
{
	static const struct row rows[] = {
		{ TEXT("RETR \xff\xf7\xe5\xe9\xea\xe0.doc\r\n"), PASSES, REASON_NONE },
		{ TEXT("STOR \xff\xf8\xe5\r\n"), PASSES, REASON_NONE },
		{ TEXT("CWD \xf2\xff\xf7\xff\xf8\r\n"), PASSES, REASON_NONE },
		{ TEXT("STOR del\x7fname\r\n"), PASSES, REASON_NONE },
		{ TEXT("STOR bs\bname\r\n"), PASSES, REASON_NONE },
		{ TEXT("PASS \x7f\b\xff\xf7\r\n"), PASSES, REASON_NONE },
		{ TEXT("SITE CHMOD 644 \xff\xf7\r\n"), PASSES, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

/* And a server that erases, if there is one, reads no offer that we did not. The last one's beginning has passed. */
static void a104_no_erasure_makes_an_offer(void **state)
{
	static const struct {
		const char *line;
		size_t length;
	} rows[] = {
		{ TEXT("RETR a\xff\xf8PORT 10,0,0,99,9,9\r\n") },
		{ TEXT("NOOP a\b\b\b\b\b\bPORT 10,0,0,99,9,9\r\n") },
		{ TEXT("PO \xe5\xe5\x7f\x7f\x7fRT 10,0,0,99,9,9\r\n") },
		{ TEXT("STOR \xff\xf7" "EPRT |1|10.0.0.99|2313|\r\n") },
		{ TEXT("STOR a\x15PASV\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t cut = 0; cut < rows[i].length - 1; cut++) {
			struct attack *attack = attack_open(PLAIN);
			size_t mark;

			attack_login(attack);
			mark = attack_mark(attack, C);
			attack_say_cut(attack, C, unit_bytes(rows[i].line, rows[i].length), cut);
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_ODD_VERB), 1);
			assert_false(attack_hears(attack, C, mark, "99,9,9\r\n") || attack_hears(attack, C, mark, "2313"));
			attack_end(attack);
		}
}

static void a105_a_cr_in_a_name_is_cr_nul(void **state)
{
	static const struct row rows[] = {
		{ TEXT("RETR a\r\0b\r\n"), PASSES, REASON_NONE },
		{ TEXT("STOR Icon\r\0\r\n"), PASSES, REASON_NONE },
		{ TEXT("RNTO a\r\0\r\0 10,0,0,5,9,9\r\n"), PASSES, REASON_NONE },
		{ TEXT("SITE CHMOD 644 Icon\r\0\r\n"), PASSES, REASON_NONE },
		{ TEXT("SITE CHMOD 644 a\r\0PORT 10,0,0,5,195,80\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("RETR a\r\0PORT 10,0,0,5,195,80\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("RETR a\r\0 pa\x01sv\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("USER a\r\0b\r\n"), CLOSED, REASON_CONTROL_BYTE },
		{ TEXT("RETR a\0b\r\n"), CLOSED, REASON_CONTROL_BYTE },
	};

	(void)state;
	TRY(rows);
}

/* Servers that know RFC 2640 say so what a name has; curl, lftp and wget go on with it. */
static void a125_a_cr_in_the_name_of_a_reply_is_cr_nul(void **state)
{
	static const struct {
		const char *command;
		const char *reply;
		size_t length;
		bool closed;
	} rows[] = {
		{ "PWD\r\n", TEXT("257 \"/Icon\r\0\" is it\r\n"), false },
		{ "CWD a\r\n", TEXT("250-in a\r\0b\r\n250 done\r\0\r\0\r\n"), false },
		{ "PWD\r\n", TEXT("257 \"/a\r\0227 (10,0,0,99,9,9)\"\r\n"), true },
		{ "PWD\r\n", TEXT("257 \"/a\r\0 \x01" "227 (10,0,0,99,9,9)\"\r\n"), true },
		{ "PWD\r\n", TEXT("257 \"/a\r\0\r\0227 (10,0,0,99,9,9)\"\r\n"), true },
		{ "PWD\r\n", TEXT("257-\"/a\r\0257 is it\r\n257 end\r\n"), true },
		{ "PWD\r\n", TEXT("257 \"/a\0b\"\r\n"), true },
		{ "PWD\r\n", TEXT("257 \"/a\rb\"\r\n"), true },
		{ "PASV\r\n", TEXT("227 Icon\r\0 (203,0,113,9,195,80)\r\n"), true },
		{ "PASV\r\n", TEXT("227 (203,0,113,9,195,\r\0,80)\r\n"), true },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[index].command));
		mark = attack_mark(attack, S);
		attack_say_bytes(attack, S, unit_bytes(rows[index].reply, rows[index].length));
		if (rows[index].closed) {
			attack_assert_closed(attack, REASON_CONTROL_BYTE);
		} else {
			assert_int_equal(attack_heard(attack, S, mark).length, rows[index].length);
			attack_assert_alive(attack);
		}
		attack_end(attack);
	}
}

static FILE *journal;

static void write_notice(void *context, const struct notice *notice)
{
	static const struct timespec noon = { .tv_sec = 1795176000 };

	(void)context;
	assert_int_equal(notice_json_print(journal, notice, &noon, NULL), 0);
}

/* What the gateway writes of a login by that name and of a line that is refused. */
static char *write_login(struct bytes user, struct bytes refused)
{
	struct attack *attack = attack_make(PLAIN);
	char *text = NULL;
	size_t length = 0;

	journal = open_memstream(&text, &length);
	assert_non_null(journal);
	attack->world.ops.notice = write_notice;
	attack_start(attack, 1000);
	SAY(attack, S, "220 ready\r\n");
	attack_say_bytes(attack, C, user);
	SAY(attack, S, "230 in\r\n");
	attack_say_bytes(attack, C, refused);
	attack_end(attack);
	fclose(journal);
	return text;
}

static void a54_a_format_in_a_name_is_text(void **state)
{
	char *text = write_login(unit_string("USER %n%n%s%s%99999d\r\n"), unit_string("PORT %s%n%s\r\n"));

	(void)state;
	assert_non_null(strstr(text, "\"user\":\"%n%n%s%s%99999d\""));
	assert_non_null(strstr(text, "\"line\":\"PORT %s%n%s\""));
	free(text);
}

static void a55_nothing_of_a_line_reaches_a_terminal_or_begins_another_record(void **state)
{
	static const char user[] = "USER \x1b[2J\x07\x9b\xc2\x9b\",\"event\":\"x\\\xe2\x80\xae\r\n";
	static const char refused[] = "PORT \x1b]0;x\n";
	char *text = write_login(unit_bytes(user, sizeof(user) - 1), unit_bytes(refused, sizeof(refused) - 1));
	unsigned int lines = 0;

	(void)state;
	assert_non_null(strstr(text, "\"user\":\"\\\\x1b[2J\\\\x07\\\\x9b\\\\xc2\\\\x9b"
				     "\\\",\\\"event\\\":\\\"x\\\\\\\\\\\\xe2\\\\x80\\\\xae\""));
	assert_non_null(strstr(text, "\"line\":\"PORT \\\\x1b]0;x\""));
	for (const char *at = text; *at; at++) {
		lines += *at == '\n';
		assert_true(*at == '\n' || (*at >= ' ' && *at < 0x7f));
	}
	/* session-open, login, refuse */
	assert_int_equal(lines, 3);
	free(text);
}

static void a56_vendors_verbs_with_a_tuple_open_nothing(void **state)
{
	static const struct row rows[] = {
		{ TEXT("XPORT 10,0,0,5,195,80\r\n"), PASSES, REASON_NONE },
		{ TEXT("SITE PORT 10,0,0,5,195,80\r\n"), PASSES, REASON_NONE },
		{ TEXT("OPTS PORT 10,0,0,5,195,80\r\n"), PASSES, REASON_NONE },
		{ TEXT("CLNT PORT 10,0,0,5,195,80\r\n"), PASSES, REASON_NONE },
	};

	(void)state;
	TRY(rows);
}

static void a56_vendors_passive_requests_are_policys(void **state)
{
	struct attack *attack = attack_open(DNAT);
	size_t mark;

	(void)state;
	attack_login(attack);
	SAY(attack, C, "CPSV\r\n");
	SAY(attack, S, "227 Entering Passive Mode (198,51,100,99,195,80)\r\n");
	attack_assert_nothing_opened(attack);
	SAY(attack, C, "CPSV\r\n");
	SAY(attack, S, "227 Entering Passive Mode (203,0,113,9,195,80)\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	attack_end(attack);

	attack = attack_make(DNAT);
	attack->world.policy.rules[0].passive = false;
	attack_start(attack, 1000);
	attack_login(attack);
	mark = attack_mark(attack, C);
	SAY(attack, C, "CPSV\r\nSPSV\r\nPASV\r\n");
	assert_true(attack_hears(attack, C, mark, "XXXX\r\nXXXX\r\nXXXX\r\n"));
	attack_end(attack);
}

/* vsftpd, Pure-FTPd, FileZilla's server, Indy and boot loaders take P@SW for PASV; so must whoever opens for PASV. */
static void a102_p_at_sw_is_pasv(void **state)
{
	struct attack *attack = attack_open(DNAT);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "p@sw\r\n");
	SAY(attack, S, "227 Entering Passive Mode (198,51,100,99,195,80)\r\n");
	attack_assert_nothing_opened(attack);
	SAY(attack, C, "P@SW\r\n");
	SAY(attack, S, "227 Entering Passive Mode (203,0,113,9,195,80)\r\n");
	assert_int_equal(attack->world.pinhole_count, 1);
	SAY(attack, C, "EPSV ALL\r\n");
	SAY(attack, S, "200 ok\r\n");
	SAY(attack, C, "P@SW\r\n");
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_EPSV_ALL), 1);
	attack_end(attack);
}

/* Lines of RFC 2228 are as long as their token; they pass in pieces and cost no more than their beginning. */
static void say_token(struct attack *attack, enum direction direction, const char *start, size_t length, const char *end)
{
	char *line = malloc(length + 64);
	size_t begun = strlen(start);

	assert_non_null(line);
	memcpy(line, start, begun);
	memset(line + begun, 'A', length - begun);
	memcpy(line + length, end, strlen(end));
	for (size_t said = 0, whole = length + strlen(end); said < whole && !attack->world.peer[C].reset; said += 1400) {
		attack_say_bytes(attack, direction, unit_bytes(line + said, whole - said < 1400 ? whole - said : 1400));
		/* So that what has come is acknowledged. */
		if (said % 14000 == 0 && said > 0 && !attack->world.peer[C].reset)
			attack_say_bytes(attack, direction_opposite(direction),
					 unit_string(direction == C ? "200 ok\r\n" : "NOOP\r\n"));
	}
	free(line);
}

static void a106_a_token_may_be_long(void **state)
{
	static const size_t lengths[] = { 4600, 4608, 4609, 4610, 4611, 6000, 65400, 65535 };
	static const char *const commands[] = { "ADAT ", "adat ", "MIC ", "CONF ", "ENC " };
	static const char *const replies[] = { "335 ADAT=", "235 ADAT=", "631 ", "632 ", "633 " };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		for (size_t j = 0; j < ARRAY_SIZE(commands) + ARRAY_SIZE(replies); j++) {
			struct attack *attack = attack_open(PLAIN);
			const bool command = j < ARRAY_SIZE(commands);
			const enum direction direction = command ? C : S;
			size_t mark;

			attack_login(attack);
			if (!command)
				SAY(attack, C, "NOOP\r\n");
			mark = attack_mark(attack, direction);
			say_token(attack, direction, command ? commands[j] : replies[j - ARRAY_SIZE(commands)], lengths[i],
				  j % 2 ? "=\n" : "\r\r\n");
			if (attack_heard(attack, direction, mark).length <= lengths[i])
				fail_msg("%zu %zu: %zu of %zu heard", i, j, attack_heard(attack, direction, mark).length, lengths[i]);
			if (command)
				SAY(attack, S, "200 ok\r\n");
			attack_offer_honestly(attack);
			attack_end(attack);
		}
}

static void a106_other_lines_and_other_bytes_stay_short(void **state)
{
	static const struct {
		enum direction direction;
		const char *start;
		size_t length;
		const char *end;
	} rows[] = {
		{ C, "RETR ", 6000, "\r\n" },	{ C, "ADAT ", 65537, "\r\n" },	{ C, "ADAT ", 6000, "\rPORT 10,0,0,99,9,9\r\n" },
		{ C, "ADAT ", 6000, " A\r\n" },	{ C, "ADAT ,", 6000, "\r\n" },	{ C, " ADAT ", 6000, "\r\n" },
		{ C, "ADAT  ", 6000, "\r\n" },	{ C, "XADAT ", 6000, "\r\n" },	{ S, "230 ", 6000, "\r\n" },
		{ S, "335 ", 6000, "\r\n" },	{ S, "227 ADAT=", 6000, "\r\n" },	{ S, "631 ", 6000, " (10,0,0,99,9,9)\r\n" },
		{ S, "631 ", 65537, "\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		size_t mark;

		attack_login(attack);
		SAY(attack, C, "NOOP\r\n");
		mark = attack_mark(attack, rows[i].direction);
		say_token(attack, rows[i].direction, rows[i].start, rows[i].length, rows[i].end);
		assert_false(attack_hears(attack, rows[i].direction, mark, "\n"));
		assert_false(attack_hears(attack, rows[i].direction, mark, "10,0,0"));
		attack_assert_nothing_opened(attack);
		attack_end(attack);
	}
}

/* What a load balancer says before the greeting, where the configuration has one. */
static const struct {
	const char *header;
	size_t length;
	bool right;
} headers[] = {
	{ TEXT("PROXY TCP4 198.51.100.7 203.0.113.9 40000 21\r\n"), true },
	{ TEXT("PROXY TCP6 2001:db8::7 2001:db8::9 40000 21\r\n"), true },
	{ TEXT("PROXY UNKNOWN\r\n"), true },
	{ TEXT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x09\x9c\x40\0\x15"), true },
	{ TEXT("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"), true },
	{ TEXT("PROXY TCP4 198.51.100.7\n"), false },
	{ TEXT("PROXY TCP4 198.51.100.7\rUSER u\r\n"), false },
	{ TEXT("PROXX TCP4\r\n"), false },
	{ TEXT("USER u\r\n"), false },
	{ TEXT("\r\n\r\n\0\r\nQUIT\r\n\x21"), false },
	{ TEXT("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c"), false },
	{ TEXT("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"), false },
	{ TEXT("POST / HTTP/1.1\r\n"), false },
};

static void a107_a_balancers_header_passes_where_it_is_configured(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers) * 2; i++)
		for (size_t cut = 0; cut < headers[i / 2].length; cut++) {
			struct attack *attack = attack_make(PLAIN);
			const bool configured = i % 2 == 0;
			struct bytes header = unit_bytes(headers[i / 2].header, headers[i / 2].length);

			attack->world.policy.rules[0].proxy_header = configured;
			attack_start(attack, 1000);
			attack_say_cut(attack, C, header, cut);
			if (!configured || !headers[i / 2].right) {
				attack_assert_closed(attack, REASON_CLIENT_FIRST);
				attack_end(attack);
				continue;
			}
			assert_int_equal(attack_heard(attack, C, 0).length, header.length);
			attack_login(attack);
			attack_offer_honestly(attack);
			/* Once, and before the greeting. What it claims is nobody's address. */
			SAY(attack, C, "PORT 198,51,100,7,195,80\r\n");
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS), 1);
			attack_end(attack);
		}
}

/* bftpd and others read a verb from the first letters of a line, whatever follows them. */
static void a216_a_word_that_begins_as_an_offer_does_not_reach_the_server(void **state)
{
	static const char *const lines[] = {
		"PORT10,0,0,99,9,9\r\n", "PORTX 10,0,0,99,9,9\r\n", "portal 10,0,0,99,9,9\r\n", "PORT,10,0,0,99,9,9\r\n",
		"EPRT|1|10.0.0.99|2525|\r\n", "EPRTEPRT |1|10.0.0.99|2525|\r\n", "LPRT4,4,10,0,0,99,2,9,9\r\n",
		"Port0,10,0,0,99,9,9 a path\r\n",
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lines); index++)
		for (size_t cut = 1; cut < strlen(lines[index]); cut++) {
			struct attack *attack = attack_open(PLAIN);
			size_t mark;

			attack_login(attack);
			mark = attack_mark(attack, C);
			attack_say_cut(attack, C, unit_string(lines[index]), cut);
			assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_ODD_VERB), 1);
			assert_false(attack_hears(attack, C, mark, "99"));
			attack_assert_nothing_opened(attack);
			attack_assert_alive(attack);
			attack_end(attack);
		}
}

/* verb, so many bytes of a name that hidden begins at byte at, hidden. */
static struct bytes long_line(const char *verb, size_t at, const char *hidden, char *line, size_t size)
{
	const size_t length = strlen(verb);

	assert_true(length < at && at + strlen(hidden) + 2 < size);
	memset(line, 'a', at);
	memcpy(line, verb, length);
	strcpy(line + at, hidden);
	strcat(line, "\r\n");
	return unit_string(line);
}

/* In segments, one of which ends at cut. */
static void say_long(struct attack *attack, enum direction direction, struct bytes line, size_t cut)
{
	for (size_t at = 0, next; at < line.length; at = next) {
		next = at + 1000 < line.length ? at + 1000 : line.length;
		if (at < cut && cut < next)
			next = cut;
		attack_say_bytes(attack, direction, (struct bytes){ line.data + at, next - at });
	}
}

/* The pieces of some peers begin at byte 254 or 511, of others elsewhere. */
static const size_t piece_begins[] = { 127, 254, 255, 511, 512, 1023, 4096 };

static void check_nothing_hidden_arrives(struct attack *attack, enum direction direction, struct bytes line, size_t cut,
					 const char *hidden)
{
	const size_t mark = attack_mark(attack, direction);

	say_long(attack, direction, line, cut);
	if (attack_hears(attack, direction, mark, hidden))
		fail_msg("cut at %zu: %s was heard", cut, hidden);
	if (!attack->world.peer[direction].reset)
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_HIDDEN_LINE), 1);
	attack_assert_nothing_opened(attack);
	attack_end(attack);
}

static void a143_a_long_line_holds_no_command_for_those_who_read_pieces(void **state)
{
	static const struct {
		const char *hidden;
		const char *unheard;
		bool denied; /* by a policy that refuses DELE, SITE and downloads */
	} rows[] = {
		{ "PORT 10,0,0,99,9,9", "10,0,0,99,9,9", false },
		{ "port 10,0,0,99,9,9 ", "10,0,0,99,9,9", false },
		{ "EPRT |1|10.0.0.99|25|", "10.0.0.99", false },
		{ "LPRT 4,4,10,0,0,99,2,0,25", "10,0,0,99", false },
		/* bftpd takes control bytes out, and needs no space. */
		{ "PO\tRT 10,0,0,99,9,9", "10,0,0,99", false },
		{ "PORT10,0,0,99,9,9", "10,0,0,99", false },
		{ "pORTx10,0,0,99,9,9", "10,0,0,99", false },
		{ "P\x01ORT\x02" "10,0,0,99,9,9", "10,0,0,99", false },
		{ "EPRT|1|10.0.0.99|25|", "10.0.0.99", false },
		{ "DELE x", "DELE x", true },
		{ "sITE UMASK 0", "UMASK", true },
		{ "RETR secret", "RETR secret", true },
		/* Its listing would hold replies (A145). */
		{ "STAT -C1 pub", "-C1", false },
		/* Telnet codes, which inetutils-ftpd takes out wherever they stand. */
		{ "P\xff\xf1ORT 10,0,0,99,9,9", "10,0,0,99,9,9", false },
		{ "PORT 10\xff\xf1,0,0,99,9,9", ",0,0,99,9,9", false },
		{ "PORT 10\xff\xf1,0\xff\xf1,0\xff\xf1,99\xff\xf1,9\xff\xf1,9", "99\xff\xf1,9\xff\xf1,9", false },
		{ "PORT\xff\xf2\xff\xf1 10,0,0,99,9,9", "10,0,0,99,9,9", false },
		{ "D\xff\xf7\xff\xf1" "ELE x", "ELE x", true },
		{ "D\xff\xfbXELE x", "ELE x", true },
		{ "\xff\xfb" "DELE x", "ELE x", true },
	};
	static char text[LINE_MAX_LENGTH + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(piece_begins); j++) {
			const struct bytes line = long_line("NOOP ", piece_begins[j], rows[i].hidden, text, sizeof(text));

			for (size_t cut = piece_begins[j] - 2; cut < line.length; cut++) {
				struct attack *attack = attack_make(PLAIN);
				struct policy_rule *rule = &attack->world.policy.rules[0];

				rule->verb_denied[VERB_DELE] = rows[i].denied;
				rule->verb_denied[VERB_SITE] = rows[i].denied;
				rule->download = !rows[i].denied;
				attack_start(attack, 1000);
				attack_login(attack);
				check_nothing_hidden_arrives(attack, C, line, cut, rows[i].unheard);
			}
		}
}

/* Of the clients in doc/readers.md none is known to read replies in pieces; nothing is lost by what would stop it. */
static void a143_a_long_reply_holds_no_other(void **state)
{
	static const char *const hidden[] = { "227 (10,0,0,99,9,9)", "200 10,0,0,99,9,9", "229-go (|||9|)" };
	static char text[LINE_MAX_LENGTH + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		for (size_t j = 0; j < ARRAY_SIZE(piece_begins); j++) {
			const struct bytes line = long_line("200 ", piece_begins[j], hidden[i], text, sizeof(text));

			for (size_t cut = piece_begins[j] - 2; cut < line.length; cut++) {
				struct attack *attack = attack_open(PLAIN);

				attack_login(attack);
				SAY(attack, C, "NOOP\r\n");
				check_nothing_hidden_arrives(attack, S, line, cut, hidden[i] + 4);
			}
		}
}

static void a143_long_names_pass(void **state)
{
	static const char *const ends[] = {
		"Transport 2024 - final report.txt", "thermostat 1-2.txt", "\xff\xe1\xeb\xee\xea\xee stat \xec\xff\xf1\xee", "import 1,2,3.csv", "website RETR.html", "227 photos (2024)", "EPRT",
	};
	static char text[LINE_MAX_LENGTH + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		for (size_t cut = 500; cut < 540; cut++) {
			struct attack *attack = attack_open(PLAIN);
			const struct bytes line = long_line("RETR ", 511, ends[i], text, sizeof(text));
			size_t mark;

			attack_login(attack);
			mark = attack_mark(attack, C);
			say_long(attack, C, line, cut);
			assert_int_equal(attack_heard(attack, C, mark).length, line.length);
			assert_memory_equal(attack_heard(attack, C, mark).data, line.data, line.length);
			attack_end(attack);
		}
}

/* Each place that could be an endpoint's is looked at closely, which costs as much as the line is long. */
static void a143_a_line_with_too_many_places_to_look_at_is_refused(void **state)
{
	static const struct {
		enum direction direction;
		const char *line;
		const char *word;
		unsigned int words;
		const char *tail;
		bool refused;
	} rows[] = {
		{ C, "RETR ", "port", 32, "0,,", false },  { C, "RETR ", "port", 33, "0,,", true },
		{ C, "RETR ", "LPRT ", 33, "0,,", true },  { C, "RETR ", "stat ", 32, "", false },
		{ C, "RETR ", "stat ", 33, "", true },     { S, "200 ", "227 x ", 32, "0,,", false },
		{ S, "200 ", "227 x ", 33, "0,,", true },
		/* Where nobody could read an endpoint, one look is enough. */
		{ C, "RETR ", "port", 50, "0,", false },   { C, "RETR ", "LPRT ", 50, ",,", false },
		{ S, "200 ", "000123 ", 50, "", false },   { S, "200 ", "227 x ", 50, ",0", false },
		{ S, "200 ", "227 x ", 50, "|||0|", true }, { S, "200 ", "000123 ", 5, "1,1,1,1,1,1", true },
	};
	static char text[LINE_MAX_LENGTH + 3];
	static char words[50 * 7 + 16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);

		words[0] = '\0';
		for (unsigned int j = 0; j < rows[i].words; j++)
			strcat(words, rows[i].word);
		strcat(words, rows[i].tail);
		attack_login(attack);
		if (rows[i].direction == S)
			SAY(attack, C, "NOOP\r\n");
		say_long(attack, rows[i].direction, long_line(rows[i].line, 200, words, text, sizeof(text)), 1000);
		assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_HIDDEN_LINE), rows[i].refused);
		attack_end(attack);
	}
}

/* A directory's names must not begin the lines of a reply: one may be "211 end", and the next "227 (10,0,0,9,12,234)". */
static void a145_a_reply_has_no_names_at_the_start_of_its_lines(void **state)
{
	static const struct {
		const char *line;
		bool refused;
	} rows[] = {
		{ "STAT -1 pub\r\n", true },    { "STAT -C1 pub\r\n", true },   { "stat -alC pub\r\n", true },
		{ "STAT pub -1\r\n", true },    { "STAT pub\t-x\r\n", true },   { "STAT -lR pub\r\n", true },
		{ "STAT -ls pub\r\n", true },   { "STAT -i pub\r\n", true },    { "STAT *\r\n", true },
		{ "STAT pub/[a-z]\r\n", true }, { "STAT {a,b}\r\n", true },     { "STAT a?\r\n", true },
		{ "STAT -l --time-style=+%n227 pub\r\n", true },
		/* Telnet codes, which some take out. */
		{ "STAT \xff\xf1-C1 pub\r\n", true },  { "STAT pub \xff\xf1-1\r\n", true }, { "STAT -l\xff\xfb" "1 pub\r\n", true },
		{ "STAT \xff\xfb-1 pub\r\n", true },   { "STAT \xff\xfbX-C1 pub\r\n", true },   { "STAT -\xff\xf1" "1\r\n", true },
		{ "STAT \xff\xe0\xf0 \xec\xff\r\n", false },
		{ "STAT\r\n", false },          { "STAT pub/a-1\r\n", false },  { "STAT -l pub\r\n", false },
		{ "STAT -la\r\n", false },      { "STAT -l -a pub dir\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t cut = 4; cut < strlen(rows[i].line); cut++) {
			struct attack *attack = attack_open(PLAIN);

			attack_login(attack);
			attack_say_cut(attack, C, unit_string(rows[i].line), cut);
			if (attack_count(attack, NOTICE_REFUSE, REASON_RAW_NAMES) != rows[i].refused)
				fail_msg("%s, cut at %zu", rows[i].line, cut);
			SAY(attack, S, "211 whatever\r\n");
			attack_offer_honestly(attack);
			attack_end(attack);
		}
}

/*
 * A name may have a line end in it, and its rest reads as the next reply. The server ends its lines otherwise, or has begun
 * a quotation: then no reply opens anything.
 */
/* Whatever else it hides. */
static void a143_a_reply_is_refused_once(void **state)
{
	static const char x64[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct attack *attack = attack_open(PLAIN);
	char line[256];

	(void)state;
	attack_login(attack);
	SAY(attack, C, "NOOP\r\n");
	snprintf(line, sizeof(line), "227 (203,0,113,9,12,234) %s%s 227 (203,0,113,9,12,234)\r\n", x64, x64);
	attack_say_bytes(attack, S, unit_string(line));
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_UNSOLICITED), 1);
	assert_int_equal(attack_count(attack, NOTICE_REFUSE, REASON_HIDDEN_LINE), 0);
	attack_end(attack);
}
static void a169_the_rest_of_a_name_is_no_reply(void **state)
{
	static const struct {
		const char *torn[2]; /* what the server says to PWD, PASV and NOOP in one go, and what follows */
		bool refused;
	} rows[] = {
		{ { "257 \"/x\n", "227 (203,0,113,9,12,234)\" is here\r\n" }, true },
		{ { "257 \"/x\n", "227 (203,0,113,9,12,234)\n\" is here\r\n" }, true },
		{ { "257 \"/x\nfoo\r\n", "227 (203,0,113,9,12,234)\r\n" }, true },
		{ { "257 \"/x\n200 foo\r\n", "227 (203,0,113,9,12,234)\r\n" }, true },
		{ { "257-\"/x\"\n257 foo\r\n", "227 (203,0,113,9,12,234)\r\n" }, true },
		{ { "257 \"/x\r\n", "227 (203,0,113,9,12,234)\" is here\r\n" }, true },
		/* A quotation mark is doubled, and the second one ends nothing. */
		{ { "257 \"/x\"\"\r\n", "227 (203,0,113,9,12,234)\" is here\r\n" }, true },
		{ { "257 \"/x\"\"\"\"\r\n", "227 (203,0,113,9,12,234)\" is here\r\n" }, true },
		{ { "257 \"/\"\"x\r\n", "227 (203,0,113,9,12,234)\" is here\r\n" }, true },
		{ { "257 /x\n", "227 (203,0,113,9,12,234)\r\n" }, true },
		/* How its lines end is known of a server since it greeted. */
		{ { "257 /x\n", "227 (203,0,113,9,12,234)\n is here\r\n" }, true },
		{ { "257 \"/x\"\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		{ { "257 \"/a\"\"b\" is here\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		{ { "257 \"/x\"\"\"\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		{ { "257 \"\" is here\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		{ { "257 /x\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		/* No path, and no quotation. */
		{ { "550 \"/x\r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
		{ { "257 \r\n", "227 (203,0,113,9,12,234)\r\n" }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int late = 0; late < 2; late++) {
			struct attack *attack = attack_open(PLAIN);

			attack_login(attack);
			attack_say_bytes(attack, C, unit_string(late ? "PWD\r\n" : "PWD\r\nPASV\r\nNOOP\r\n"));
			attack_say_bytes(attack, S, unit_string(rows[i].torn[0]));
			/* The client's window is the client's: it may ask when it has read the first of them. */
			if (late)
				SAY(attack, C, "PASV\r\nNOOP\r\n");
			attack_say_bytes(attack, S, unit_string(rows[i].torn[1]));
			if (attack_count(attack, NOTICE_PINHOLE_OPEN, REASON_NONE) != !rows[i].refused)
				fail_msg("row %zu, %s", i, late ? "late" : "in one go");
			attack_end(attack);
		}
}

/* A server that ends its lines with LF alone is the server that it is, and so is one whose banner does. */
static void a169_a_server_with_other_ends_is_no_attack(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	SAY(attack, S, "220-hello\nthere\n220 ready\n");
	SAY(attack, C, "USER a\r\n");
	SAY(attack, S, "331 password\n");
	SAY(attack, C, "PASS b\r\n");
	SAY(attack, S, "230 in\n");
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "227 (203,0,113,9,12,234)\n");
	assert_int_equal(attack_count(attack, NOTICE_PINHOLE_OPEN, REASON_NONE), 1);
	attack_end(attack);
	attack = attack_open(PLAIN);
	SAY(attack, S, "220-hello\nthere\r\n220 ready\r\n");
	SAY(attack, C, "USER a\r\nPASS b\r\n");
	SAY(attack, S, "331 password\r\n230-hello\n230 in\r\n");
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "227 (203,0,113,9,12,234)\r\n");
	assert_int_equal(attack_count(attack, NOTICE_PINHOLE_OPEN, REASON_NONE), 1);
	attack_end(attack);
}

/* What a server says of itself has its codes, and nobody's names: another end there is how it writes. */
static void a330_other_ends_where_no_name_is_shown_are_no_attack(void **state)
{
	static const struct {
		const char *command;
		const char *reply;
		bool refused;
	} rows[] = {
		{ "FEAT\r\n", "211-Features:\n MDTM\n211 End\n", false },
		{ "FEAT\r\n", "211-Features:\n MDTM\n211 End\r\n", false },
		{ "FEAT\r\n", "500 what?\n", false },
		{ "HELP\r\n", "214-I know\nPASV\n214 and no more\n", false },
		{ "SYST\r\n", "215 UNIX\n", false },
		{ "EPSV\r\n", "504 no\n", false },
		{ "EPSV\r\n", "229 x (|||50000|)\n", false },
		{ "PASV\r\n", "227-go on\n227 (203,0,113,9,12,234)\n", false },
		/* Another command's, late, or text. */
		{ "FEAT\r\n", "250 /x\n", true },
		{ "FEAT\r\n", "550 /x\n", true },
		{ "FEAT\r\n", "499 /x\n", true },
		{ "FEAT\r\n", "227 x\n", true },
		{ "FEAT\r\n", "x\n211 End\r\n", true },
		{ "EPSV\r\n", "226 /x\n500 no\r\n", true },
		{ "EPSV\r\n", "215 /x\n500 no\r\n", true },
		{ "EPSV\r\n", "505 /x\n", true },
		{ "STAT x\r\n", "211-x\n211 End\r\n", true },
		{ "PWD\r\n", "215 /x\n", true },
		/* One that swallows a command may be at the next. */
		{ "FEAT\r\nSTAT x\r\n", "211-x\n211 End\r\n", true },
		{ "SYST\r\nPWD\r\n", "215 /x\n257 /\r\n", true },
		{ NULL, "211 x\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		unsigned int before;

		attack_login(attack);
		if (rows[i].command)
			attack_say_bytes(attack, C, unit_string(rows[i].command));
		attack_say_bytes(attack, S, unit_string(rows[i].reply));
		before = attack->world.pinholes_made;
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, "227 (203,0,113,9,12,234)\r\n");
		if (attack->world.pinholes_made != before + !rows[i].refused)
			fail_msg("row %zu", i);
		attack_end(attack);
	}
}

/* Nor does what a command is answered that sets something, or that asks for a number. */
static void a351_other_ends_of_what_sets_something_are_no_attack(void **state)
{
	static const struct {
		const char *command;
		const char *reply;
		bool refused;
	} rows[] = {
		{ "TYPE I\r\n", "200 Type set to I\n", false },
		{ "MODE S\r\n", "202 ok\n", false },
		{ "STRU F\r\n", "504 no\n", false },
		{ "NOOP\r\n", "200 zzz\n", false },
		{ "OPTS UTF8 ON\r\n", "200 on\n", false },
		{ "REST 5\r\n", "350 go on at 5\n", false },
		{ "ALLO 5\r\n", "202 superfluous\n", false },
		{ "PORT 10,0,0,5,195,80\r\n", "200 ok\n", false },
		{ "AUTH TLS\r\n", "502 no\n", false },
		{ "PBSZ 0\r\n", "503 no\n", false },
		{ "PROT C\r\n", "200 ok\n", false },
		{ "CLNT x\r\n", "200 noted\n", false },
		{ "LANG en\r\n", "200 en\n", false },
		{ "CSID Name=x;\r\n", "200 Name=y;\n", false },
		{ "XYZZY\r\n", "500 what?\n", false },
		{ "XYZZY\r\n", "502 what?\n", false },
		{ "SIZE f\r\n", "213 12345\n", false },
		{ "MDTM f\r\n", "213 20261130120000.5\n", false },
		/* A code of another command, several lines, a path that comes back. */
		{ "TYPE I\r\n", "250 /x\n", true },
		{ "TYPE I\r\n", "350 /x\n", true },
		{ "TYPE I\r\n", "550 /x\n", true },
		{ "REST 5\r\n", "250 /x\n", true },
		{ "TYPE I\r\n", "200-/x\n200 ok\r\n", true },
		{ "TYPE I\r\n", "200-ok\r\n/x\n200 ok\r\n", true },
		{ "XYZZY\r\n", "200 /x\n", true },
		{ "XYZZY\r\n", "504 /x\n", true },
		{ "SIZE f\r\n", "213 \n", true },
		{ "SIZE f\r\n", "213 5 /x\n", true },
		{ "SIZE f\r\n", "250 5\n", true },
		{ "SIZE f\r\n", "501 /x\n", true },
		{ "SITE X\r\n", "200 /x\n", true },
		{ "CWD x\r\n", "200 /x\n", true },
		/* Where a late reply could be meant. */
		{ "TYPE I\r\nSTAT x\r\n", "200 /x\n213 y\r\n", true },
		{ "TYPE I\r\nCWD x\r\n", "200 ok\r\n200 /x\n", true },
		{ "NOOP\r\n", "200 ok\r\n200 /x\n", true },
		{ "NOOP\r\nNOOP\r\n", "200 ok\r\n200 ok\n", false },
		/* A 227 in a 227, and the 1yz of a transfer, are in their places. */
		{ "PASV\r\nNOOP\r\n", "227-x\r\n227-y\r\n227 (203,0,113,9,12,233)\r\n200 ok\n", false },
		{ "RETR x\r\nNOOP\r\n", "150 x\r\n226 x\r\n200 ok\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attack *attack = attack_open(PLAIN);
		unsigned int before;

		attack_login(attack);
		attack_say_bytes(attack, C, unit_string(rows[i].command));
		attack_say_bytes(attack, S, unit_string(rows[i].reply));
		before = attack->world.pinholes_made;
		SAY(attack, C, "PASV\r\n");
		SAY(attack, S, "227 (203,0,113,9,12,234)\r\n");
		if (attack->world.pinholes_made != before + !rows[i].refused)
			fail_msg("row %zu", i);
		attack_end(attack);
	}
}

/* Once a reply too many was seen, the next one may be late. */
static void a351_a_late_reply_may_have_a_name(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, S, "250 late\r\n");
	SAY(attack, C, "NOOP\r\n");
	SAY(attack, S, "200 /x\n");
	SAY(attack, C, "PASV\r\n");
	SAY(attack, S, "227 (203,0,113,9,12,234)\r\n");
	assert_int_equal(attack->world.pinholes_made, 0);
	attack_end(attack);
}

static void a169_a_name_does_not_begin_tls(void **state)
{
	struct attack *attack = attack_open(PLAIN);

	(void)state;
	attack_login(attack);
	SAY(attack, C, "PWD\r\nAUTH TLS\r\n");
	SAY(attack, S, "257 \"/x\n");
	SAY(attack, S, "234 go on\" is here\r\n");
	assert_int_equal(attack_count(attack, NOTICE_TLS, REASON_NONE), 0);
	assert_int_equal(attack_count(attack, NOTICE_SESSION_CLOSE, REASON_TORN_REPLY), 1);
	attack_end(attack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a48_telnet_codes_in_a_verb_or_an_offer_are_refused),
		cmocka_unit_test(a49_space_around_an_offer_has_one_reading),
		cmocka_unit_test(a50_a_line_ends_with_lf_and_with_nothing_else),
		cmocka_unit_test(a50_a_line_that_turns_ambiguous_ends_before_its_end),
		cmocka_unit_test(a50_a_reply_has_one_end_too),
		cmocka_unit_test(a143_a_reply_is_refused_once),
		cmocka_unit_test(a169_the_rest_of_a_name_is_no_reply),
		cmocka_unit_test(a169_a_server_with_other_ends_is_no_attack),
		cmocka_unit_test(a330_other_ends_where_no_name_is_shown_are_no_attack),
		cmocka_unit_test(a351_other_ends_of_what_sets_something_are_no_attack),
		cmocka_unit_test(a351_a_late_reply_may_have_a_name),
		cmocka_unit_test(a169_a_name_does_not_begin_tls),
		cmocka_unit_test(a51_erasures_are_refused),
		cmocka_unit_test(a52_a_verb_is_printable_ascii),
		cmocka_unit_test(a53_runs_of_iac_are_refused_whatever_their_number),
		cmocka_unit_test(a106_a_token_may_be_long),
		cmocka_unit_test(a106_other_lines_and_other_bytes_stay_short),
		cmocka_unit_test(a107_a_balancers_header_passes_where_it_is_configured),
		cmocka_unit_test(a102_p_at_sw_is_pasv),
		cmocka_unit_test(a104_names_pass_whatever_bytes_they_have),
		cmocka_unit_test(a104_no_erasure_makes_an_offer),
		cmocka_unit_test(a105_a_cr_in_a_name_is_cr_nul),
		cmocka_unit_test(a125_a_cr_in_the_name_of_a_reply_is_cr_nul),
		cmocka_unit_test(a216_a_word_that_begins_as_an_offer_does_not_reach_the_server),
		cmocka_unit_test(a143_a_long_line_holds_no_command_for_those_who_read_pieces),
		cmocka_unit_test(a143_a_long_reply_holds_no_other),
		cmocka_unit_test(a143_long_names_pass),
		cmocka_unit_test(a143_a_line_with_too_many_places_to_look_at_is_refused),
		cmocka_unit_test(a145_a_reply_has_no_names_at_the_start_of_its_lines),
		cmocka_unit_test(a54_a_format_in_a_name_is_text),
		cmocka_unit_test(a55_nothing_of_a_line_reaches_a_terminal_or_begins_another_record),
		cmocka_unit_test(a56_vendors_verbs_with_a_tuple_open_nothing),
		cmocka_unit_test(a56_vendors_passive_requests_are_policys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
