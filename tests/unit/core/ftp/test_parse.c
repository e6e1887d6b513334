/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands and replies: what is read, what is odd, and what a beginning may still become. */
#include <ctype.h>
#include <strings.h>

#include "ftpalg/parse.h"
#include "unit.h"

struct command_row {
	const char *line;
	size_t length;
	enum verb verb;
	const char *argument;
	uint8_t spaces;
};

static const struct command_row plain_commands[] = {
	{ TEXT(""), VERB_UNKNOWN, "", 0 },
	{ TEXT("NOOP"), VERB_NOOP, "", 0 },
	{ TEXT("NOOP "), VERB_NOOP, "", 1 },
	{ TEXT("NOOP   "), VERB_NOOP, "", 3 },
	{ TEXT("PORT 10,0,0,5,4,1"), VERB_PORT, "10,0,0,5,4,1", 1 },
	{ TEXT("port 10,0,0,5,4,1"), VERB_PORT, "10,0,0,5,4,1", 1 },
	{ TEXT("pOrT 10,0,0,5,4,1"), VERB_PORT, "10,0,0,5,4,1", 1 },
	{ TEXT("PORT  10,0,0,5,4,1"), VERB_PORT, "10,0,0,5,4,1", 2 },
	{ TEXT("PORT 10,0,0,5,4,1   "), VERB_PORT, "10,0,0,5,4,1", 1 },
	{ TEXT("PORT 10,0,0,5,4,1 junk"), VERB_PORT, "10,0,0,5,4,1 junk", 1 },
	{ TEXT("PORT 10,0,0,5,4,1\t"), VERB_PORT, "10,0,0,5,4,1\t", 1 },
	{ TEXT("EPRT |1|10.0.0.5|2525|"), VERB_EPRT, "|1|10.0.0.5|2525|", 1 },
	{ TEXT("LPRT 4,4,10,0,0,5,2,9,9"), VERB_LPRT, "4,4,10,0,0,5,2,9,9", 1 },
	{ TEXT("SPOR 10,0,0,5,4,1"), VERB_SPOR, "10,0,0,5,4,1", 1 },
	{ TEXT("SPAS 2"), VERB_SPAS, "2", 1 },
	{ TEXT("EPSV ALL"), VERB_EPSV, "ALL", 1 },
	{ TEXT("PASV"), VERB_PASV, "", 0 },
	{ TEXT("CPSV"), VERB_CPSV, "", 0 },
	{ TEXT("SPSV"), VERB_SPSV, "", 0 },
	{ TEXT("CCC"), VERB_CCC, "", 0 },
	{ TEXT("XSHA256 file"), VERB_XSHA256, "file", 1 },
	{ TEXT("RETR a b  c"), VERB_RETR, "a b  c", 1 },
	{ TEXT("RETR \xc3\xa4\xff\xff\x01\t"), VERB_RETR, "\xc3\xa4\xff\xff\x01\t", 1 },
	{ TEXT("RETR \xff\xff\xf7\xff\xff\xf8"), VERB_RETR, "\xff\xff\xf7\xff\xff\xf8", 1 },
	{ TEXT("SITE PORT 10,0,0,99,9,9"), VERB_SITE, "PORT 10,0,0,99,9,9", 1 },
	{ TEXT("USER %n%n"), VERB_USER, "%n%n", 1 },
	/* unknown, and nobody's PORT */
	{ TEXT("XPORT 10,0,0,99,9,9"), VERB_UNKNOWN, "10,0,0,99,9,9", 1 },
	{ TEXT("POR 10,0,0,99,9,9"), VERB_UNKNOWN, "10,0,0,99,9,9", 1 },
	{ TEXT("p@sw"), VERB_PASW, "", 0 },
	{ TEXT("P@SWX"), VERB_UNKNOWN, "", 0 },
	{ TEXT("227 (10,0,0,99,9,9)"), VERB_UNKNOWN, "(10,0,0,99,9,9)", 1 },
	{ TEXT("XSHA256X"), VERB_UNKNOWN, "", 0 },
	/* CRs at the end */
	{ TEXT("PORT 10,0,0,5,9,9\r"), VERB_PORT, "10,0,0,5,9,9", 1 },
	{ TEXT("PASV\r\r\r"), VERB_PASV, "", 0 },
	{ TEXT("\r"), VERB_UNKNOWN, "", 0 },
	/* letters of single-byte alphabets that are Telnet's erasures, and what terminals erase by */
	{ TEXT("RETR \xff\xf7\xe5\xe9\xea\xe0.doc"), VERB_RETR, "\xff\xf7\xe5\xe9\xea\xe0.doc", 1 },
	{ TEXT("STOR \xff\xf8\xe5.txt"), VERB_STOR, "\xff\xf8\xe5.txt", 1 },
	{ TEXT("CWD a\x7f" "b\bc"), VERB_CWD, "a\x7f" "b\bc", 1 },
	{ TEXT("PASS \x7f\b\x15"), VERB_PASS, "\x7f\b\x15", 1 },
	{ TEXT("RETR \xff\xf7portal"), VERB_RETR, "\xff\xf7portal", 1 },
	{ TEXT("STOR a\x7fport.txt"), VERB_STOR, "a\x7fport.txt", 1 },
	/* Telnet codes before the verb */
	{ TEXT("\xff\xf4\xff\xf2" "ABOR"), VERB_ABOR, "", 0 },
	{ TEXT("\xff\xf4\xff\xf2" "STAT x"), VERB_STAT, "x", 1 },
	{ TEXT("\xff\xf1\xff\xf3\xff\xf5\xff\xf6\xff\xf9" "PORT 1"), VERB_PORT, "1", 1 },
	{ TEXT("\xff\xfb\x01\xff\xfc\x01\xff\xfd\x01\xff\xfe\x01" "PORT 1"), VERB_PORT, "1", 1 },
	{ TEXT("\xff\xf1"), VERB_UNKNOWN, "", 0 },
};

static void plain_commands_are_split_into_verb_and_argument(void **state)
{
	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(plain_commands); index++) {
		const struct command_row *row = &plain_commands[index];
		struct bytes line = unit_bytes(row->line, row->length);
		struct command command;
		enum reason reason = parse_command(line, &command);

		if (reason != REASON_NONE || command.verb != row->verb)
			fail_msg("%s: %s %s", unit_escape(line), reason_name(reason), verb_name(command.verb));
		assert_int_equal(command.argument.length, strlen(row->argument));
		assert_memory_equal(line.data + command.argument.offset, row->argument, command.argument.length);
		assert_int_equal(command.spaces, row->spaces);
		if (row->verb != VERB_UNKNOWN) {
			assert_int_equal(command.verb_span.length, strlen(verb_name(row->verb)));
			assert_int_equal(strncasecmp((const char *)line.data + command.verb_span.offset,
						     verb_name(row->verb), command.verb_span.length), 0);
		}
	}
}

static void lines_that_servers_could_read_differently_are_refused(void **state)
{
	static const struct {
		const char *line;
		size_t length;
		enum reason reason;
		enum verb tolerant;
	} rows[] = {
		/* white space */
		{ TEXT("PORTX 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("lprt10,0,0,99,9,9"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT(" PORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\tPORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\vPORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("PORT\t10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("PORT \t10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("NOOP\t"), REASON_ODD_VERB, VERB_NOOP },
		{ TEXT("NOOP\tPORT 1"), REASON_ODD_VERB, VERB_NOOP },
		{ TEXT(" "), REASON_ODD_VERB, VERB_UNKNOWN },
		/* erasing, control bytes, 8-bit bytes, a byte-order mark */
		{ TEXT("P\x08PORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("POX\x7fRT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("X\xff\xf7PORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("P \x7fORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("NOOP x\b\b\b\b\b\bPORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("NOOP x\xff\b\b\b\b\b\bPORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("NOOP x\xff\xf8PORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		/* in several pieces, with bytes between that are erased or taken out, and by what terminals have */
		{ TEXT("PO \xe5\xe5\x7f\x7f\x7fRT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("P a\x7f\x7fO b\x7f\x7fRT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("RETR a\x15" "EPRT |1|10.0.0.99|999|"), REASON_ODD_VERB, VERB_EPRT },
		{ TEXT("RETR a\x17  p\xff\xf1" "asv"), REASON_ODD_VERB, VERB_PASV },
		{ TEXT("RETR a\xff\xf8" "AUTH\tTLS"), REASON_ODD_VERB, VERB_AUTH },
		{ TEXT("PORT 10,0,0,5,9,9\b9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("EPSV \xff\xf7" "1"), REASON_ODD_VERB, VERB_EPSV },
		{ TEXT("PO\x01RT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("PO\x1b[ART 1"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("PO\x80RT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xd0ORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("\xef\xbb\xbfPORT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xef\xbb\xbfUSER x"), REASON_ODD_VERB, VERB_USER },
		{ TEXT("PORT\xc2\xa0" "10,0,0,99,9,9"), REASON_ODD_VERB, VERB_UNKNOWN },
		/* Telnet codes elsewhere, of other kinds, or cut off */
		{ TEXT("PO\xff\xf4RT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("PO\xff\xfb\x01RT 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("PORT\xff\xf1 10,0,0,99,9,9"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xf7PORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xf8PORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xfaPORT\xff\xf0 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xffPORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xffPORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xf4 PORT 1"), REASON_ODD_VERB, VERB_PORT },
		/* an option that could be a letter of the verb */
		{ TEXT("\xff\xfdPPORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xfdPORT 1"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("\xff\xfd PORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff\xfb\xffPORT 1"), REASON_ODD_VERB, VERB_PORT },
		{ TEXT("\xff"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("\xff\xfb"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("\xff\xff\xff\xff\xff\xff\xff"), REASON_ODD_VERB, VERB_UNKNOWN },
		{ TEXT("NOOP\xff"), REASON_ODD_VERB, VERB_NOOP },
		/* bytes about which peers disagree whether they end the line */
		{ TEXT("NOOP\rPORT 10,0,0,99,9,9"), REASON_CONTROL_BYTE, VERB_UNKNOWN },
		{ TEXT("RETR a\rPORT 10,0,0,99,9,9"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\0PORT 10,0,0,99,9,9"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\nPORT 10,0,0,99,9,9"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\r\0pOrT 10,0,0,5,9,9"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\r\0 \xff\xf1P\x01O\xd0RTAL"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\r\0b\r\0noop"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\0b"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\rb"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\r\r\0b"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR a\r\0\0b"), REASON_CONTROL_BYTE, VERB_RETR },
		{ TEXT("RETR\r\0b"), REASON_CONTROL_BYTE, VERB_UNKNOWN },
		{ TEXT("PORT 10,0,0,5,9,9\r\0"), REASON_CONTROL_BYTE, VERB_PORT },
		{ TEXT("PASS a\r\0b"), REASON_CONTROL_BYTE, VERB_PASS },
		{ TEXT("X a\r\0b"), REASON_CONTROL_BYTE, VERB_UNKNOWN },
		{ TEXT("PORT 10,0,0,5,9,9\0"), REASON_CONTROL_BYTE, VERB_PORT },
		{ TEXT("PO\0RT 10,0,0,5,9,9"), REASON_CONTROL_BYTE, VERB_PORT },
		{ TEXT("\xff\xfb\0" "NOOP"), REASON_CONTROL_BYTE, VERB_NOOP },
		{ TEXT("\0"), REASON_CONTROL_BYTE, VERB_UNKNOWN },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_bytes(rows[index].line, rows[index].length);
		struct command command;
		enum reason reason = parse_command(line, &command);

		if (reason != rows[index].reason || command.verb != rows[index].tolerant)
			fail_msg("%s: %s %s", unit_escape(line), reason_name(reason), verb_name(command.verb));
	}
}

/* RFC 2640 3.1: in the argument of whatever names a path, and nowhere else. */
static void a_path_name_may_have_its_cr_as_cr_nul(void **state)
{
	static const struct {
		const char *line;
		size_t length;
	} rows[] = {
		{ TEXT("RETR a\r\0b") }, { TEXT("STOR Icon\r\0") }, { TEXT("CWD \r\0\r\0x") }, { TEXT("MFMT 20260101000000 a\r\0b") },
		{ TEXT("RNFR a\r\0 10,0,0,5,9,9") }, { TEXT("DELE a\r\0por") }, { TEXT("LIST -l a\r\0\xe4") },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++)
		for (size_t length = 1; length <= rows[index].length; length++) {
			struct bytes line = unit_bytes(rows[index].line, length);
			struct command command;

			assert_false(parse_command_is_ambiguous(line));
			if (length == rows[index].length)
				assert_int_equal(parse_command(line, &command), REASON_NONE);
		}
}

static void every_verb_of_the_table_is_found_in_any_case(void **state)
{
	(void)state;
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++) {
		char lower[16];
		size_t length = strlen(verb_name((enum verb)verb));

		for (size_t index = 0; index <= length; index++)
			lower[index] = (char)tolower((unsigned char)verb_name((enum verb)verb)[index]);
		assert_int_equal(verb_find(unit_string(verb_name((enum verb)verb))), verb);
		assert_int_equal(verb_find(unit_string(lower)), verb);
		if (verb != VERB_UNKNOWN)
			assert_int_not_equal(verb_find(unit_bytes(lower, length - 1)), verb);
	}
	assert_int_equal(verb_find(unit_string("")), VERB_UNKNOWN);
	assert_string_equal(verb_name(VERB_COUNT), "?");
}

static void verbs_are_grouped_by_what_they_do_to_data_connections(void **state)
{
	static const struct {
		enum verb verb;
		bool active;
		bool passive;
		bool transfer;
		bool upload;
	} rows[] = {
		{ VERB_PORT, true, false, false, false }, { VERB_EPRT, true, false, false, false },
		{ VERB_LPRT, true, false, false, false }, { VERB_PASV, false, true, false, false },
		{ VERB_EPSV, false, true, false, false }, { VERB_LPSV, false, true, false, false },
		{ VERB_CPSV, false, true, false, false }, { VERB_SPSV, false, true, false, false },
		{ VERB_PASW, false, true, false, false }, { VERB_SPOR, true, false, false, false },
		{ VERB_SPAS, false, true, false, false },
		{ VERB_RETR, false, false, true, false }, { VERB_LIST, false, false, true, false },
		{ VERB_NLST, false, false, true, false }, { VERB_MLSD, false, false, true, false },
		{ VERB_STOR, false, false, true, true }, { VERB_STOU, false, false, true, true },
		{ VERB_APPE, false, false, true, true },
	};
	unsigned int grouped = 0;

	(void)state;
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
		grouped += verb_is_active_offer((enum verb)verb) || verb_is_passive_request((enum verb)verb) ||
			   verb_is_transfer((enum verb)verb) || verb_is_upload((enum verb)verb);
	assert_int_equal(grouped, ARRAY_SIZE(rows));

	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		assert_int_equal(verb_is_active_offer(rows[index].verb), rows[index].active);
		assert_int_equal(verb_is_passive_request(rows[index].verb), rows[index].passive);
		assert_int_equal(verb_is_transfer(rows[index].verb), rows[index].transfer);
		assert_int_equal(verb_is_upload(rows[index].verb), rows[index].upload);
	}
}

static void spaces_are_counted_up_to_255(void **state)
{
	char line[400];
	struct command command;

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "NOOP", 4);
	line[299] = 'x';
	assert_int_equal(parse_command(unit_bytes(line, 300), &command), REASON_NONE);
	assert_int_equal(command.spaces, 255);
	assert_int_equal(command.argument.offset, 299);
	assert_int_equal(command.argument.length, 1);
}

static void a_beginning_is_held_while_it_may_matter(void **state)
{
	static const struct {
		const char *beginning;
		size_t length;
		bool matters;
	} rows[] = {
		{ TEXT(""), false },
		{ TEXT("P"), true }, { TEXT("POR"), true }, { TEXT("PORT"), true }, { TEXT("PORT "), true },
		{ TEXT("PORT 10,0"), true }, { TEXT("PORT 10,0,0,5,4,1\r"), true }, { TEXT("pasv\r"), true },
		{ TEXT("EPSV A"), true }, { TEXT("AUTH T"), true }, { TEXT("cpsv x"), true },
		/* the verb is not complete yet */
		{ TEXT("RETR"), true }, { TEXT("USER"), true }, { TEXT("NOOP\r"), true }, { TEXT("\r"), true },
		/* it is, and a tab may still follow */
		{ TEXT("RETR "), true }, { TEXT("RETR \r"), true },
		/* now it is settled */
		{ TEXT("RETR f"), false }, { TEXT("RETR f\r"), false }, { TEXT("USER PORT 1"), false },
		{ TEXT("PORTX 1"), true }, { TEXT("XPORT 1"), false }, { TEXT("PASVX 1"), false },
		/* already known to be refused */
		{ TEXT("RETR\tf"), true }, { TEXT("RETR \tf"), true }, { TEXT(" R"), true },
		{ TEXT("\xefRETR f"), true }, { TEXT("RETR f\rP"), true }, { TEXT("RETR f\0"), true },
		/* Telnet codes, whole and cut */
		{ TEXT("\xff"), true }, { TEXT("\xff\xf4"), true }, { TEXT("\xff\xfb"), true },
		{ TEXT("\xff\xfb\x01"), true }, { TEXT("\xff\xf4PORT 1"), true },
		{ TEXT("\xff\xf4RETR f"), false }, { TEXT("\xff\xfbPRETR f"), true },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes beginning = unit_bytes(rows[index].beginning, rows[index].length);

		if (parse_command_may_matter(beginning) != rows[index].matters)
			fail_msg("%s", unit_escape(beginning));
	}
}

static void replies_are_split_into_code_and_text(void **state)
{
	static const struct {
		const char *line;
		size_t length;
		enum reply_kind kind;
		uint16_t code;
		const char *text;
	} rows[] = {
		{ TEXT("220 Service ready"), REPLY_LAST, 220, "Service ready" },
		{ TEXT("220-Welcome"), REPLY_FIRST, 220, "Welcome" },
		{ TEXT("220-"), REPLY_FIRST, 220, "" },
		{ TEXT("220 "), REPLY_LAST, 220, "" },
		{ TEXT("220"), REPLY_LAST, 220, "" },
		{ TEXT("227 Passive (10,0,0,5,4,1)."), REPLY_LAST, 227, "Passive (10,0,0,5,4,1)." },
		{ TEXT("227  (10,0,0,5,4,1)"), REPLY_LAST, 227, " (10,0,0,5,4,1)" },
		{ TEXT("100 x"), REPLY_LAST, 100, "x" },
		{ TEXT("631 bWF4"), REPLY_LAST, 631, "bWF4" },
		{ TEXT("659 x"), REPLY_LAST, 659, "x" },
		/* Telnet codes, as clients take them out */
		{ TEXT("\xff\xfb\x01" "227 (1)"), REPLY_LAST, 227, "(1)" },
		{ TEXT("2\xff\xf1" "27\xff\xfd\x01 (1)"), REPLY_LAST, 227, "(1)" },
		/* text */
		{ TEXT(""), REPLY_TEXT, 0, "" },
		{ TEXT("22"), REPLY_TEXT, 0, "22" },
		{ TEXT("2271 x"), REPLY_TEXT, 0, "2271 x" },
		{ TEXT(" 227 x"), REPLY_TEXT, 0, " 227 x" },
		{ TEXT("227:x"), REPLY_TEXT, 0, "227:x" },
		{ TEXT("227\tx"), REPLY_TABBED, 227, "x" },
		{ TEXT("22a x"), REPLY_TEXT, 0, "22a x" },
		{ TEXT("-27 x"), REPLY_TEXT, 0, "-27 x" },
		{ TEXT("099 x"), REPLY_TEXT, 0, "099 x" },
		{ TEXT("660 x"), REPLY_TEXT, 0, "660 x" },
		{ TEXT("700 x"), REPLY_TEXT, 0, "700 x" },
		{ TEXT("999 x"), REPLY_TEXT, 0, "999 x" },
		{ TEXT("\xff\xff" "227 x"), REPLY_TEXT, 0, "\xff\xff" "227 x" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_bytes(rows[index].line, rows[index].length);
		struct reply reply;

		parse_reply(line, &reply);
		if (reply.kind != rows[index].kind || reply.code != rows[index].code)
			fail_msg("%s: %d %u", unit_escape(line), (int)reply.kind, (unsigned int)reply.code);
		assert_int_equal(reply.text.length, strlen(rows[index].text));
		assert_memory_equal(line.data + reply.text.offset, rows[index].text, reply.text.length);
	}
}

static void every_number_of_three_digits_is_a_code_from_100_to_659(void **state)
{
	(void)state;
	for (unsigned int number = 0; number < 1000; number++) {
		char line[8];
		struct reply reply;

		snprintf(line, sizeof(line), "%03u x", number);
		parse_reply(unit_string(line), &reply);
		assert_int_equal(reply.code, number >= 100 && number <= 659 ? number : 0);
	}
}

static void a_reply_is_held_while_it_may_become_one_that_matters(void **state)
{
	static const struct {
		const char *beginning;
		size_t length;
		bool matters;
	} rows[] = {
		{ TEXT(""), false },
		{ TEXT("2"), true }, { TEXT("22"), true }, { TEXT("227"), true },
		{ TEXT("228"), true }, { TEXT("229"), true }, { TEXT("227 "), true },
		{ TEXT("227-"), true }, { TEXT("227 Entering"), true }, { TEXT("229 x\r"), true },
		{ TEXT("23"), true }, { TEXT("234"), true }, { TEXT("234 "), true },
		{ TEXT("3"), true }, { TEXT("33"), true }, { TEXT("334 "), true },
		{ TEXT("220"), false }, { TEXT("226 "), false }, { TEXT("21"), false }, { TEXT("230 "), false },
		{ TEXT("331"), false }, { TEXT("35"), false }, { TEXT("15"), false },
		{ TEXT("1"), true }, { TEXT("12"), true }, { TEXT("127"), true }, { TEXT("129-x"), true },
		{ TEXT("120 "), false }, { TEXT("128"), false },
		{ TEXT("4"), false }, { TEXT("5"), false }, { TEXT(" 227"), false }, { TEXT("x"), false },
		{ TEXT("226 a\rb"), true }, { TEXT("226 a\0"), true }, { TEXT("226 a\r"), false },
		{ TEXT("\xff"), true }, { TEXT("\xff\xfb"), true }, { TEXT("\xff\xfb\x01"), true },
		{ TEXT("\xff\xfb\x01" "2"), true }, { TEXT("\xff\xfb\x01" "5"), false },
		{ TEXT("22\xff"), true }, { TEXT("22\xff\xfd"), true },
		{ TEXT("22\xff\xf1" "7"), true }, { TEXT("22\xff\xf1" "6"), false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes beginning = unit_bytes(rows[index].beginning, rows[index].length);

		if (parse_reply_may_matter(beginning) != rows[index].matters)
			fail_msg("%s", unit_escape(beginning));
	}
}

/* Every string of up to six bytes of those that decide, and every way in which it could have come so far. */
static void a_reply_that_may_pass_never_matters_again_unless_it_is_ambiguous(void **state)
{
	static const uint8_t alphabet[] = { '1', '2', '3', '7', ' ', '\r', '\0', '\x01', 0xf1, 0xfb, 0xff };
	unsigned int offers = 0;

	(void)state;
	for (size_t length = 1; length <= 6; length++) {
		unsigned int digits[6] = { 0 };
		size_t place = 0;

		while (place < length) {
			uint8_t text[6];
			struct bytes whole = { text, length };
			struct bytes before = { text, length - 1 };
			struct reply reply;
			bool matters;

			for (size_t i = 0; i < length; i++)
				text[i] = alphabet[digits[i]];
			matters = parse_reply_may_matter(whole);
			parse_reply(whole, &reply);
			if (reply.code == 227 && !matters)
				fail_msg("%s passes", unit_escape(whole));
			if (length > 1 && matters && !parse_reply_may_matter(before) && !parse_reply_is_ambiguous(whole))
				fail_msg("%s matters when its beginning has passed", unit_escape(whole));
			if (matters && !parse_reply_is_ambiguous(whole))
				offers++;
			/* The next one. */
			for (place = 0; place < length && ++digits[place] == sizeof(alphabet); place++)
				digits[place] = 0;
		}
	}
	assert_true(offers > 10000);
}

/*
 * Servers, as they read a verb. Each returns the text that it would compare, in a buffer of the same size as the line.
 */
static size_t strip_telnet(const uint8_t *from, size_t length, uint8_t *to)
{
	size_t kept = 0;

	for (size_t index = 0; index < length; index++) {
		if (from[index] == 255 && index + 1 < length && from[index + 1] >= 251 && from[index + 1] <= 254)
			index += 2;
		else if (from[index] == 255 && index + 1 < length && from[index + 1] == 255)
			to[kept++] = from[index++];
		else if (from[index] == 255)
			index++;
		else
			to[kept++] = from[index];
	}
	return kept;
}

static size_t strip_iac_only(const uint8_t *from, size_t length, uint8_t *to)
{
	size_t kept = 0;

	for (size_t index = 0; index < length; index++) {
		if (from[index] < 240)
			to[kept++] = from[index];
	}
	return kept;
}

static size_t strip_unprintable(const uint8_t *from, size_t length, uint8_t *to)
{
	size_t kept = 0;

	for (size_t index = 0; index < length; index++) {
		if (from[index] >= 32 && from[index] < 127)
			to[kept++] = from[index];
	}
	return kept;
}

static size_t erase(const uint8_t *from, size_t length, uint8_t *to)
{
	size_t kept = 0;

	for (size_t index = 0; index < length; index++) {
		if (from[index] != 8 && from[index] != 127)
			to[kept++] = from[index];
		else if (kept > 0)
			kept--;
	}
	return kept;
}

static size_t clear_eighth_bit(const uint8_t *from, size_t length, uint8_t *to)
{
	for (size_t index = 0; index < length; index++)
		to[index] = from[index] & 0x7f;
	return length;
}

static size_t change_nothing(const uint8_t *from, size_t length, uint8_t *to)
{
	memcpy(to, from, length);
	return length;
}

/* The verb as isspace or strtok finds it: behind any white space, up to the next. */
static enum verb first_word(const uint8_t *text, size_t length)
{
	size_t start = 0;
	size_t end;

	while (start < length && isspace(text[start]))
		start++;
	end = start;
	while (end < length && !isspace(text[end]))
		end++;
	return verb_find((struct bytes){ text + start, end - start });
}

static void no_server_sees_a_verb_that_matters_where_we_see_another(void **state)
{
	static size_t (*const servers[])(const uint8_t *, size_t, uint8_t *) = {
		change_nothing, strip_telnet, strip_iac_only, strip_unprintable, erase, clear_eighth_bit,
	};
	static const char *const bases[] = {
		"PORT 10,0,0,99,9,9", "EPRT |1|10.0.0.99|25|", "PASV", "AUTH TLS", "RETR PORT", "NOOP PORT",
		"\xff\xf4\xff\xf2PORT 1", "\xff\xfb\x01PASV", "SITE PASV", "STAT",
	};
	uint64_t seed = 3;
	unsigned int plain = 0;
	unsigned int seen = 0;

	(void)state;
	for (unsigned int round = 0; round < 300000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		uint8_t text[80];
		uint8_t theirs[80];
		size_t length = strlen(base);
		struct command command;

		memcpy(text, base, length);
		length = unit_mutate(&seed, " \t\v\b\x7f\xff\xff\xf4\xfb\xfa\xf7\xf8\x01\xd0PORTASV", text, length,
				     sizeof(text));
		if (parse_command((struct bytes){ text, length }, &command) != REASON_NONE)
			continue;
		plain++;

		for (size_t index = 0; index < ARRAY_SIZE(servers); index++) {
			enum verb verb = first_word(theirs, servers[index](text, length, theirs));
			bool matters = verb_is_active_offer(verb) || verb_is_passive_request(verb) || verb == VERB_AUTH;

			if (matters && verb != command.verb)
				fail_msg("server %zu: %s is %s to it, %s to us", index,
					 unit_escape((struct bytes){ text, length }), verb_name(verb),
					 verb_name(command.verb));
			seen += matters;
		}
	}
	assert_in_range(plain, 10000, 290000);
	assert_true(seen > 10000);
}

static void what_matters_was_held_from_its_first_byte(void **state)
{
	static const char *const bases[] = {
		"PORT 10,0,0,99,9,9", "EPRT |1|10.0.0.99|25|", "PASV", "EPSV ALL", "AUTH TLS", "RETR x", "NOOP",
		"\xff\xf4\xff\xf2PORT 1", "227 Entering (1,2,3,4,5,6)", "229 x (|||5|)", "234 go", "228-x", "127 PORT (1,2,3,4,5,6)",
		("\xff\xfb\x01" "227 1"),
	};
	uint64_t seed = 4;
	unsigned int commands = 0;
	unsigned int replies = 0;

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		uint8_t text[80];
		size_t length = strlen(base);
		struct command command;
		struct reply reply;
		enum reason reason;
		bool matters;

		memcpy(text, base, length);
		length = unit_mutate(&seed, " \t\xff\xf4\xfb\x01\xd0PORTASV2793-", text, length, sizeof(text));

		reason = parse_command((struct bytes){ text, length }, &command);
		matters = reason == REASON_ODD_VERB || verb_is_active_offer(command.verb) ||
			  verb_is_passive_request(command.verb) || command.verb == VERB_AUTH;
		for (size_t end = 1; matters && end <= length; end++) {
			if (!parse_command_may_matter((struct bytes){ text, end }))
				fail_msg("%s: passed at %zu", unit_escape((struct bytes){ text, length }), end);
		}
		commands += matters;

		parse_reply((struct bytes){ text, length }, &reply);
		matters = (reply.code >= 227 && reply.code <= 229) || reply.code == 234 || reply.code == 334 ||
			  reply.code == 127 || reply.code == 129;
		for (size_t end = 1; matters && end <= length; end++) {
			if (!parse_reply_may_matter((struct bytes){ text, end }))
				fail_msg("%s: passed at %zu", unit_escape((struct bytes){ text, length }), end);
		}
		replies += matters;
	}
	assert_true(commands > 10000);
	assert_true(replies > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_commands_are_split_into_verb_and_argument),
		cmocka_unit_test(lines_that_servers_could_read_differently_are_refused),
		cmocka_unit_test(a_path_name_may_have_its_cr_as_cr_nul),
		cmocka_unit_test(every_verb_of_the_table_is_found_in_any_case),
		cmocka_unit_test(verbs_are_grouped_by_what_they_do_to_data_connections),
		cmocka_unit_test(spaces_are_counted_up_to_255),
		cmocka_unit_test(a_beginning_is_held_while_it_may_matter),
		cmocka_unit_test(replies_are_split_into_code_and_text),
		cmocka_unit_test(every_number_of_three_digits_is_a_code_from_100_to_659),
		cmocka_unit_test(a_reply_is_held_while_it_may_become_one_that_matters),
		cmocka_unit_test(a_reply_that_may_pass_never_matters_again_unless_it_is_ambiguous),
		cmocka_unit_test(no_server_sees_a_verb_that_matters_where_we_see_another),
		cmocka_unit_test(what_matters_was_held_from_its_first_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
