/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits: an endpoint put in place of another, and refusals. What counts is the line that leaves. */
#include <stdlib.h>

#include "ftpalg/offer.h"
#include "unit.h"

/* The line with the edit applied, in a static buffer. */
static struct bytes apply(struct bytes line, const struct edit *edit)
{
	static uint8_t out[2 * LINE_MAX_LENGTH];
	size_t behind = (size_t)edit->at.offset + edit->at.length;

	assert_true(behind <= line.length);
	assert_true(edit->length <= sizeof(edit->replacement));
	memcpy(out, line.data, edit->at.offset);
	memcpy(out + edit->at.offset, edit->replacement, edit->length);
	memcpy(out + edit->at.offset + edit->length, line.data + behind, line.length - behind);
	return (struct bytes){ out, line.length - edit->at.length + edit->length };
}

static void assert_line(struct bytes line, const char *expected, size_t length)
{
	if (line.length != length || memcmp(line.data, expected, length) != 0)
		fail_msg("left as: %s", unit_escape(line));
}

/* Reads the offer from line, which is a command with an argument or a reply. Returns where the text starts. */
static uint32_t read_offer(enum form form, struct bytes line, struct hostport *hostport)
{
	struct command command;
	struct reply reply;
	struct span text;

	if (form_is_active(form)) {
		assert_int_equal(parse_command(line, &command), REASON_NONE);
		text = command.argument;
	} else {
		parse_reply(line, &reply);
		text = reply.text;
	}
	assert_int_equal(hostport_parse(form, (struct bytes){ line.data + text.offset, text.length }, hostport),
			 REASON_NONE);
	return text.offset;
}

struct announce_row {
	enum form form;
	const char *line;
	const char *address;
	uint16_t port;
	bool keep_length;
	enum reason reason;
	const char *expected; /* where the reason is REASON_NONE */
};

static void check_announcements(const struct announce_row *rows, size_t count)
{
	for (size_t index = 0; index < count; index++) {
		const struct announce_row *row = &rows[index];
		struct bytes line = unit_string(row->line);
		struct endpoint endpoint = unit_endpoint(row->address, row->port);
		struct hostport hostport;
		struct edit edit;
		uint32_t base = read_offer(row->form, line, &hostport);
		enum reason reason = offer_announce(line, base, &hostport, &endpoint, row->keep_length, &edit);

		if (reason != row->reason)
			fail_msg("%s: %s", row->line, reason_name(reason));
		if (reason == REASON_NONE)
			assert_line(apply(line, &edit), row->expected, strlen(row->expected));
	}
}

static void a_command_changes_its_length_if_it_may(void **state)
{
	static const struct announce_row rows[] = {
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "10.0.0.5", 1025, true, REASON_NONE, "PORT 10,0,0,5,4,1" },
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "10.0.0.6", 1026, true, REASON_NONE, "PORT 10,0,0,6,4,2" },
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "198.51.100.1", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "198.51.100.1", 1025, false, REASON_NONE, "PORT 198,51,100,1,4,1" },
		{ FORM_PORT, "PORT 198,51,100,1,4,1", "1.2.3.4", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_PORT, "PORT 198,51,100,1,4,1", "1.2.3.4", 1025, false, REASON_NONE, "PORT 1,2,3,4,4,1" },
		{ FORM_PORT, "port  10,0,0,5,4,1  ", "198.51.100.1", 1025, false, REASON_NONE,
		  "port  198,51,100,1,4,1  " },
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "2001:db8::1", 1025, false, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_EPRT, "EPRT |1|10.0.0.5|1025|", "198.51.100.1", 50000, false, REASON_NONE,
		  "EPRT |1|198.51.100.1|50000|" },
		{ FORM_EPRT, "EPRT !2!2001:db8:0:0::5!1025!", "2001:db8::5", 1025, false, REASON_NONE,
		  "EPRT !2!2001:db8::5!1025!" },
		{ FORM_EPRT, "EPRT |2|2001:db8::5|1025|", "2001:db8::9", 1030, true, REASON_NONE,
		  "EPRT |2|2001:db8::9|1030|" },
		{ FORM_EPRT, "EPRT f2f2001:db8::5f1025f", "2001:db8::f", 1025, false, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_LPRT, "LPRT 4,4,10,0,0,5,2,4,1", "198.51.100.1", 1025, false, REASON_NONE,
		  "LPRT 4,4,198,51,100,1,2,4,1" },
		{ FORM_LPRT, "LPRT 4,4,10,0,0,5,2,4,1", "10.0.0.5", 5000, true, REASON_NO_RESIZE, NULL },
	};

	(void)state;
	check_announcements(rows, ARRAY_SIZE(rows));
}

static void a_reply_pays_for_its_tuple_with_prose(void **state)
{
	static const struct announce_row rows[] = {
		/* the same length anyway */
		{ FORM_227, "227 Entering Passive Mode (10,0,0,5,4,1).", "10.0.0.9", 1025, true, REASON_NONE,
		  "227 Entering Passive Mode (10,0,0,9,4,1)." },
		/* growing: prose is cut, the space and the parenthesis stay */
		{ FORM_227, "227 Entering Passive Mode (10,0,0,5,4,1).", "198.51.100.1", 51201, true, REASON_NONE,
		  "227 Entering Passiv (198,51,100,1,200,1)." },
		{ FORM_227, "227 Entering Passive Mode (10,0,0,5,4,1).", "198.51.100.1", 51201, false, REASON_NONE,
		  "227 Entering Passive Mode (198,51,100,1,200,1)." },
		{ FORM_227, "227 Mode. 10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NONE, "227 Mode 10,0,0,55,4,1" },
		{ FORM_227, "227 Mode=10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NONE, "227 Mod=10,0,0,55,4,1" },
		{ FORM_229, "229 Extended Passive (|||80|)", "", 49152, true, REASON_NONE,
		  "229 Extended Pass (|||49152|)" },
		{ FORM_228, "228 Long Passive (4,4,10,0,0,5,2,4,1)", "10.0.0.55", 1025, true, REASON_NONE,
		  "228 Long Passiv (4,4,10,0,0,55,2,4,1)" },
		/* to the last byte of prose, then the space goes */
		{ FORM_227, "227 ab (10,0,0,5,4,1)", "10.0.0.5", 65535, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227 abc (10,0,0,5,4,1)", "10.0.0.5", 65535, true, REASON_NONE, "227 (10,0,0,5,255,255)" },
		{ FORM_227, "227 abcd (10,0,0,5,4,1)", "10.0.0.5", 65535, true, REASON_NONE,
		  "227  (10,0,0,5,255,255)" },
		{ FORM_227, "227 abc (10,0,0,5,4,1)", "10.0.0.5", 65281, true, REASON_NONE, "227 a (10,0,0,5,255,1)" },
		{ FORM_227, "227 ab (10,0,0,55,4,1)", "10.0.0.5", 65281, true, REASON_NONE, "227 a (10,0,0,5,255,1)" },
		{ FORM_227, "227 a (10,0,0,5,4,1)", "10.0.0.5", 65281, true, REASON_NONE, "227 (10,0,0,5,255,1)" },
		{ FORM_227, "227 (10,0,0,5,4,1)", "10.0.0.5", 65281, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227 (10,0,0,5,4,1)", "10.0.0.5", 65281, false, REASON_NONE, "227 (10,0,0,5,255,1)" },
		{ FORM_227, "227 =10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227 =10,0,0,5,4,1", "10.0.0.55", 1025, false, REASON_NONE, "227 =10,0,0,55,4,1" },
		{ FORM_227, "227 10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227  10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NONE, "227 10,0,0,55,4,1" },
		{ FORM_227, "227 Mode  10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NONE, "227 Mode 10,0,0,55,4,1" },
		/* the separator is not prose, whatever it is */
		{ FORM_227, "227-10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227\t10,0,0,5,4,1", "10.0.0.55", 1025, true, REASON_NO_RESIZE, NULL },
		{ FORM_227, "227-10,0,0,55,4,1", "10.0.0.5", 1025, true, REASON_NONE, "227- 10,0,0,5,4,1" },
		{ FORM_227, "227\t10,0,0,55,4,1", "10.0.0.5", 1025, true, REASON_NONE, "227\t 10,0,0,5,4,1" },
		/* shrinking: spaces in front of what opens the tuple */
		{ FORM_227, "227 Mode (198,51,100,1,4,1).", "10.0.0.5", 1025, true, REASON_NONE,
		  "227 Mode     (10,0,0,5,4,1)." },
		{ FORM_227, "227 =10,0,0,55,4,1", "10.0.0.5", 1025, true, REASON_NONE, "227  =10,0,0,5,4,1" },
		{ FORM_227, "227 10,0,0,55,4,1", "10.0.0.5", 1025, true, REASON_NONE, "227  10,0,0,5,4,1" },
		{ FORM_229, "229 (|||49152|)", "", 80, true, REASON_NONE, "229    (|||80|)" },
		/* what is behind the tuple stays, and so do digits there */
		{ FORM_227, "227 Mode (10,0,0,5,4,1) 1025 (ok)", "10.0.0.55", 1025, true, REASON_NONE,
		  "227 Mod (10,0,0,55,4,1)      (ok)" },
		/* half a character and half a Telnet code are taken out whole */
		{ FORM_227, "227 M\xc3\xb6\xc3\xb6 (10,0,0,5,4,1)", "10.0.0.55", 1025, true, REASON_NONE,
		  "227 M    (10,0,0,55,4,1)" },
		{ FORM_227, "227 M\xe2\x80\x93 (10,0,0,5,4,1)", "10.0.0.55", 1025, true, REASON_NONE,
		  "227 M   (10,0,0,55,4,1)" },
		/* and stay where nothing is taken out */
		{ FORM_227, "227 M\xc3\xb6 (10,0,0,55,4,1)", "10.0.0.5", 1025, true, REASON_NONE,
		  "227 M\xc3\xb6  (10,0,0,5,4,1)" },
		{ FORM_227, "227 M\xc3\xb6 (10,0,0,5,4,1)", "10.0.0.9", 1025, true, REASON_NONE,
		  "227 M\xc3\xb6 (10,0,0,9,4,1)" },
		{ FORM_229, "229 ab\xff\xf1 (|||8000|)", "", 18000, true, REASON_NONE, "229 ab  (|||18000|)" },
		/* so are marks and digits, which some client could read with the numbers */
		{ FORM_227, "227 Go !!!x (10,0,0,5,4,1)", "10.0.0.55", 1025, true, REASON_NONE,
		  "227 Go     (10,0,0,55,4,1)" },
		{ FORM_227, "227 Go 12 x (10,0,0,5,4,1)", "10.0.0.55", 1025, true, REASON_NONE,
		  "227 Go     (10,0,0,55,4,1)" },
		{ FORM_227, "227 Mode (10,0,0,5,4,1)", "2001:db8::1", 1025, false, REASON_FAMILY_MISMATCH, NULL },
	};

	(void)state;
	check_announcements(rows, ARRAY_SIZE(rows));
}

static void an_edit_that_changes_nothing_is_empty(void **state)
{
	static const struct {
		enum form form;
		const char *line;
		const char *address;
	} rows[] = {
		{ FORM_PORT, "PORT 10,0,0,5,4,1", "10.0.0.5" }, { FORM_EPRT, "EPRT |1|10.0.0.5|1025|", "10.0.0.5" },
		{ FORM_227, "227 Mode (10,0,0,5,4,1)", "10.0.0.5" }, { FORM_229, "229 Mode (|||1025|)", "" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_string(rows[index].line);
		struct endpoint endpoint = unit_endpoint(rows[index].address, 1025);
		struct hostport hostport;
		struct edit edit;
		uint32_t base = read_offer(rows[index].form, line, &hostport);

		assert_int_equal(offer_announce(line, base, &hostport, &endpoint, true, &edit), REASON_NONE);
		assert_int_equal(edit.at.length, 0);
		assert_int_equal(edit.length, 0);
	}
}

static void an_edit_of_the_same_length_covers_only_what_differs(void **state)
{
	struct bytes line = unit_string("227 Entering Passive Mode (10,0,0,5,4,1)");
	struct endpoint endpoint = unit_endpoint("10.0.0.7", 1025);
	struct hostport hostport;
	struct edit edit;
	uint32_t base = read_offer(FORM_227, line, &hostport);

	(void)state;
	assert_int_equal(offer_announce(line, base, &hostport, &endpoint, true, &edit), REASON_NONE);
	assert_int_equal(edit.at.offset, strlen("227 Entering Passive Mode (10,0,0,"));
	assert_int_equal(edit.at.length, 1);
	assert_int_equal(edit.length, 1);
	assert_int_equal(edit.replacement[0], '7');
}

static void an_edit_of_another_length_covers_the_whole_tuple(void **state)
{
	struct bytes line = unit_string("PORT 10,0,0,5,4,1");
	struct endpoint endpoint = unit_endpoint("10.0.0.55", 1025);
	struct hostport hostport;
	struct edit edit;
	uint32_t base = read_offer(FORM_PORT, line, &hostport);

	(void)state;
	assert_int_equal(offer_announce(line, base, &hostport, &endpoint, false, &edit), REASON_NONE);
	assert_int_equal(edit.at.offset, 5);
	assert_int_equal(edit.at.length, 12);
	assert_int_equal(edit.length, 13);
}

static void a_host_port_of_another_line_is_refused(void **state)
{
	struct bytes line = unit_string("PORT 10,0,0,5,4,1");
	struct endpoint endpoint = unit_endpoint("10.0.0.55", 1025);
	struct hostport hostport;
	struct edit edit;

	(void)state;
	read_offer(FORM_PORT, line, &hostport);
	assert_int_equal(offer_announce(line, 6, &hostport, &endpoint, false, &edit), REASON_MALFORMED);
	assert_int_equal(offer_announce(line, 18, &hostport, &endpoint, false, &edit), REASON_MALFORMED);
	assert_int_equal(edit.at.length + edit.length, 0);
}

static void a_refused_command_keeps_its_length_and_its_meaning_goes(void **state)
{
	static const struct {
		const char *line;
		size_t length;
		const char *expected;
		size_t expected_length;
	} rows[] = {
		/* no address: 501 */
		{ TEXT("PORT 10,0,0,99,0,25"), TEXT("PORT XXXXXXXXXXXXXX") },
		{ TEXT("port  10,0,0,99,0,25  "), TEXT("port  XXXXXXXXXXXXXX  ") },
		{ TEXT("PORT 10,0,0,5,4,1 junk"), TEXT("PORT XXXXXXXXXXXXXXXXX") },
		{ TEXT("EPRT |1|10.0.0.99|25|"), TEXT("EPRT XXXXXXXXXXXXXXXX") },
		{ TEXT("LPRT 4,4,10,0,0,9,2,0,25"), TEXT("LPRT XXXXXXXXXXXXXXXXXXX") },
		{ TEXT("\xff\xf4\xff\xf2PORT 1,2"), TEXT("\xff\xf4\xff\xf2PORT XXX") },
		/* no verb: 500 */
		{ TEXT("PORT"), TEXT("XXXX") },
		{ TEXT("PASV"), TEXT("XXXX") },
		{ TEXT("PASV  "), TEXT("XXXX  ") },
		{ TEXT("\xff\xf4" "EPSV"), TEXT("\xff\xf4XXXX") },
		{ TEXT("P@SW"), TEXT("XXXX") },
		/* an argument of X would be obeyed: a file is made, found, deleted; PASV takes any argument */
		{ TEXT("STOR file"), TEXT("XXXX XXXX") },
		{ TEXT("RETR  a b "), TEXT("XXXX  XXX ") },
		{ TEXT("DELE x"), TEXT("XXXX X") },
		{ TEXT("PASV x"), TEXT("XXXX X") },
		{ TEXT("EPSV 1"), TEXT("XXXX X") },
		{ TEXT("AUTH TLS"), TEXT("XXXX XXX") },
		/* nothing of a password remains for the server's log */
		{ TEXT("PASS secret"), TEXT("XXXX XXXXXX") },
		/* odd: nobody knows where the verb is */
		{ TEXT(" PORT 1,2"), TEXT("XXXXXXXXX") },
		{ TEXT("PO\xff\xf4RT 1,2"), TEXT("XXXXXXXXXX") },
		{ TEXT("PORT\t1,2"), TEXT("XXXXXXXX") },
		{ TEXT("RETR a\0b"), TEXT("XXXXXXXX") },
		{ TEXT("\xff"), TEXT("X") },
		{ TEXT(" "), TEXT("X") },
		/* nothing there */
		{ TEXT(""), TEXT("") },
		{ TEXT("\xff\xf1"), TEXT("\xff\xf1") },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_bytes(rows[index].line, rows[index].length);
		struct command command;
		struct edit edit;

		parse_command(line, &command);
		offer_refuse_command(line, &command, &edit);
		assert_int_equal(edit.at.length, edit.length);
		assert_line(apply(line, &edit), rows[index].expected, rows[index].expected_length);
	}
}

static void a_refused_reply_is_a_425_of_the_same_length(void **state)
{
	static const struct {
		const char *line;
		enum reason reason;
		const char *expected;
	} rows[] = {
		{ "227 Entering Passive Mode (10,0,0,99,0,22).", REASON_FOREIGN_ADDRESS,
		  "425 Refused by the gateway: foreign-address" },
		{ "227 Entering Passive Mode (10,0,0,9,0,22) at last.", REASON_LOW_PORT,
		  "425 Refused by the gateway: low-port              " },
		{ "227 Entering Passive Mode (10,0,0,9,0,22).", REASON_FOREIGN_ADDRESS,
		  "425 Refused: foreign-address              " },
		{ "229 Extended (|||22222|)", REASON_FOREIGN_ADDRESS, "425 foreign-address     " },
		{ "227 =10,0,0,99,0,2", REASON_FOREIGN_ADDRESS, "425 foreign-addres" },
		{ "229 (|||22|)", REASON_UNSOLICITED, "425 unsolici" },
		{ "227 x", REASON_AMBIGUOUS, "425 a" },
		{ "227 ", REASON_AMBIGUOUS, "425 " },
		{ "227", REASON_AMBIGUOUS, "425" },
		{ "22", REASON_AMBIGUOUS, "42" },
		{ "", REASON_AMBIGUOUS, "" },
		/* the beginning of a reply stays the beginning of one */
		{ "227-Entering Passive Mode", REASON_AMBIGUOUS, "425-Refused: ambiguous   " },
		{ "227-", REASON_AMBIGUOUS, "425-" },
		{ "227 a-b-c", REASON_AMBIGUOUS, "425 ambig" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_string(rows[index].line);
		struct edit edit;

		offer_refuse_reply(line, rows[index].reason, &edit);
		assert_line(apply(line, &edit), rows[index].expected, strlen(rows[index].expected));
	}
}

static void every_reason_fits_a_refusal(void **state)
{
	char line[100];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "227 ", 4);
	for (unsigned int reason = 0; reason < REASON_COUNT; reason++) {
		struct edit edit;
		struct bytes refused;

		offer_refuse_reply(unit_bytes(line, sizeof(line)), (enum reason)reason, &edit);
		refused = apply(unit_bytes(line, sizeof(line)), &edit);
		assert_int_equal(refused.length, sizeof(line));
		assert_non_null(memmem(refused.data, refused.length, reason_name((enum reason)reason),
				       strlen(reason_name((enum reason)reason))));
	}
}

static void the_longest_line_can_be_refused_and_announced(void **state)
{
	static char text[LINE_MAX_LENGTH];
	struct bytes line = unit_bytes(text, sizeof(text));
	struct endpoint endpoint = unit_endpoint("198.51.100.1", 65535);
	struct hostport hostport;
	struct command command;
	struct edit edit;
	uint32_t base;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "SITE ", 5);
	parse_command(line, &command);
	offer_refuse_command(line, &command, &edit);
	assert_int_equal(apply(line, &edit).length, sizeof(text));
	assert_memory_equal(apply(line, &edit).data, "XXXX X", 6);

	/* 8-bit bytes all over: the cut goes back through the whole prose */
	memset(text, 0xc3, sizeof(text));
	memcpy(text, "227 ", 4);
	memcpy(text + sizeof(text) - 15, " (10,0,0,5,4,1)", 15);
	base = read_offer(FORM_227, line, &hostport);
	assert_int_equal(offer_announce(line, base, &hostport, &endpoint, true, &edit), REASON_NONE);
	assert_int_equal(apply(line, &edit).length, sizeof(text));
	offer_refuse_reply(line, REASON_LOW_PORT, &edit);
	assert_int_equal(apply(line, &edit).length, sizeof(text));
}

/* With numbers beside its tuple all of its text is replaced, which has as much room as the longest line. */
static void the_longest_text_grows_as_far_as_there_is_room(void **state)
{
	static char text[LINE_MAX_LENGTH];
	const struct bytes line = unit_bytes(text, sizeof(text));
	const struct endpoint fits = unit_endpoint("10.0.0.5", 65535), grows = unit_endpoint("10.0.0.55", 65535);
	struct hostport hostport;
	struct edit edit;
	uint32_t base;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "227 ", 4);
	memcpy(text + sizeof(text) - 17, " (10,0,0,5,4,1) 7", 17);
	base = read_offer(FORM_227, line, &hostport);
	assert_int_equal(offer_announce(line, base, &hostport, &fits, false, &edit), REASON_NONE);
	assert_int_equal(edit.length, LINE_MAX_LENGTH);
	assert_memory_equal(edit.replacement + LINE_MAX_LENGTH - 20, "(10,0,0,5,255,255)  ", 20);
	assert_int_equal(offer_announce(line, base, &hostport, &grows, false, &edit), REASON_NO_RESIZE);
}

static void a_longer_line_is_overwritten_as_far_as_there_is_room_and_announces_nothing(void **state)
{
	static char text[LINE_MAX_LENGTH + 1];
	struct bytes line = unit_bytes(text, sizeof(text));
	struct endpoint endpoint = unit_endpoint("198.51.100.1", 65535);
	struct hostport hostport;
	struct command command;
	struct edit edit;
	uint32_t base;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "SITE ", 5);
	parse_command(line, &command);
	offer_refuse_command(line, &command, &edit);
	assert_int_equal(edit.at.offset, 0);
	assert_int_equal(edit.length, LINE_MAX_LENGTH);
	assert_memory_equal(edit.replacement, "XXXXXX", 6);
	memcpy(text, "227 ", 4);
	memcpy(text + sizeof(text) - 15, " (10,0,0,5,4,1)", 15);
	base = read_offer(FORM_227, line, &hostport);
	assert_int_equal(offer_announce(line, base, &hostport, &endpoint, true, &edit), REASON_MALFORMED);
}

/* Commas are blanked because some read them with the tuple; what is left must not look like another form to somebody. */
static void what_leaves_reads_as_what_was_announced(void **state)
{
	const struct bytes line = unit_string("!!!,\xc6" "d, (oe(20,0,0,5,4,1)");
	const struct endpoint endpoint = unit_endpoint("198.51.100.1", 1025);
	struct hostport hostport;
	struct edit edit;

	(void)state;
	assert_int_equal(hostport_parse(FORM_227, line, &hostport), REASON_NONE);
	assert_int_equal(offer_announce(line, 0, &hostport, &endpoint, false, &edit), REASON_AMBIGUOUS);
}

/* Lines inside a 227 have no code: their prose may go back to where one would end, but not beyond. */
static void prose_without_a_code_ends_where_one_would(void **state)
{
	static const struct {
		const char *text;
		const char *leaves;
	} rows[] = {
		{ "\xc3\xb6    (10,0,0,5,4,1)", "\xc3\xb6   (10,0,0,55,4,1)" },
		{ "abcde (10,0,0,5,4,1)", "abcd (10,0,0,55,4,1)" },
		{ "abcd (10,0,0,5,4,1)", "abcd(10,0,0,55,4,1)" },
		{ "abc (10,0,0,5,4,1)", NULL },
		{ " (10,0,0,5,4,1)", NULL },
		{ "(10,0,0,5,4,1)", NULL },
		{ "10,0,0,5,4,1", NULL },
		/* What is left alone before it takes no number in. */
		{ "abc\xff) 10,0,0,5,4,1)", "abc\xff 10,0,0,55,4,1)" },
		{ "abc\xff 10,0,0,5,4,1)", NULL },
		{ "abcd 10,0,0,5,4,1)", NULL },
		{ "!!!!e 10,0,0,5,4,1", NULL },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct bytes line = unit_string(rows[index].text);
		struct endpoint endpoint = unit_endpoint("10.0.0.55", 1025);
		struct hostport hostport;
		struct edit edit;

		assert_int_equal(hostport_parse(FORM_227, line, &hostport), REASON_NONE);
		assert_int_equal(offer_announce(line, 0, &hostport, &endpoint, true, &edit),
				 rows[index].leaves ? REASON_NONE : REASON_NO_RESIZE);
		if (rows[index].leaves)
			assert_line(apply(line, &edit), rows[index].leaves, line.length);
	}
}

/* Puts a line with a random offer of form together. Returns its length. */
static size_t random_line(uint64_t *seed, enum form form, const struct endpoint *endpoint, uint8_t *line)
{
	static const char *const heads[] = { "", "PORT ", "EPRT ", "LPRT ", "227 ", "228 ", "229 " };
	static const char *const openers[] = { "(", "(", "=", " ", "[", "" };
	static const char letters[] = "abc ,.-:\xc3\xb6\xff\xf1\xff\xfb\x01";
	size_t length = strlen(heads[form]);
	uint32_t prose = form_is_active(form) ? 0 : unit_random_below(seed, 25);
	const char *opener = form == FORM_229 ? "(" : openers[prose == 0 ? 0 : unit_random_below(seed, 5)];

	memcpy(line, heads[form], length);
	for (uint32_t index = 0; index < prose; index++)
		line[length++] = (uint8_t)letters[unit_random_below(seed, sizeof(letters) - 1)];
	/* Five commas would be six numbers to some. */
	for (size_t index = 0; form == FORM_229 && index < length; index++)
		line[index] = line[index] == ',' ? ' ' : line[index];
	if (!form_is_active(form)) {
		memcpy(line + length, opener, strlen(opener));
		length += strlen(opener);
	}
	length += hostport_format(form, (uint8_t)(form == FORM_EPRT ? '|' : '!'), endpoint, line + length);
	if (!form_is_active(form))
		length += (size_t)sprintf((char *)line + length, unit_random_below(seed, 2) ? ") ok 7." : ")");
	return length;
}

static void blank_numbers(uint8_t *text, size_t length)
{
	for (size_t index = 0; index < length; index++) {
		if (strchr("0123456789,", text[index]))
			text[index] = ' ';
	}
}

static void what_is_announced_is_what_is_read_from_the_line_that_leaves(void **state)
{
	uint64_t seed = 9;
	unsigned int kept = 0;
	unsigned int refused = 0;

	(void)state;
	for (unsigned int round = 0; round < 200000; round++) {
		enum form form = (enum form)(FORM_PORT + unit_random_below(&seed, 6));
		bool ipv6 = (form == FORM_EPRT || form == FORM_LPRT || form == FORM_228) && unit_random_below(&seed, 2);
		struct endpoint old = { unit_random_address(&seed, ipv6 ? FAMILY_IPV6 : FAMILY_IPV4), 0 };
		struct endpoint new = { unit_random_address(&seed, ipv6 ? FAMILY_IPV6 : FAMILY_IPV4), 0 };
		bool keep_length = unit_random_below(&seed, 2);
		uint8_t text[256];
		struct bytes line = { text, 0 };
		struct bytes left;
		struct hostport hostport;
		struct hostport announced;
		struct edit edit;
		enum reason reason;
		uint32_t base;
		size_t behind;

		old.address.octets[0] |= ipv6 ? 0x20 : 0;
		new.address.octets[0] |= ipv6 ? 0x20 : 0;
		old.port = (uint16_t)(unit_random(&seed) >> (48 + unit_random_below(&seed, 14)));
		new.port = (uint16_t)(unit_random(&seed) >> (48 + unit_random_below(&seed, 14)));
		line.length = random_line(&seed, form, &old, text);
		base = read_offer(form, line, &hostport);
		behind = line.length - base - hostport.span.offset - hostport.span.length;

		reason = offer_announce(line, base, &hostport, &new, keep_length, &edit);
		if (reason != REASON_NONE) {
			assert_int_equal(reason, REASON_NO_RESIZE);
			assert_true(keep_length);
			refused++;
			continue;
		}

		left = apply(line, &edit);
		kept += left.length == line.length;
		if (keep_length)
			assert_int_equal(left.length, line.length);
		/* The code or verb with its separator, and the words behind the tuple, are as they were. */
		assert_true(edit.length == 0 || edit.at.offset >= base);
		assert_memory_equal(left.data, line.data, base);
		blank_numbers(text + line.length - behind, behind);
		assert_memory_equal(left.data + left.length - behind, line.data + line.length - behind, behind);
		assert_int_equal(read_offer(form, left, &announced), base);
		if (form == FORM_229)
			memset(&new.address, 0, sizeof(new.address));
		assert_true(endpoint_equal(&announced.endpoint, &new));
	}
	assert_true(kept > 50000);
	assert_true(refused > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_changes_its_length_if_it_may),
		cmocka_unit_test(a_reply_pays_for_its_tuple_with_prose),
		cmocka_unit_test(an_edit_that_changes_nothing_is_empty),
		cmocka_unit_test(an_edit_of_the_same_length_covers_only_what_differs),
		cmocka_unit_test(an_edit_of_another_length_covers_the_whole_tuple),
		cmocka_unit_test(a_host_port_of_another_line_is_refused),
		cmocka_unit_test(a_refused_command_keeps_its_length_and_its_meaning_goes),
		cmocka_unit_test(a_refused_reply_is_a_425_of_the_same_length),
		cmocka_unit_test(every_reason_fits_a_refusal),
		cmocka_unit_test(the_longest_line_can_be_refused_and_announced),
		cmocka_unit_test(the_longest_text_grows_as_far_as_there_is_room),
		cmocka_unit_test(a_longer_line_is_overwritten_as_far_as_there_is_room_and_announces_nothing),
		cmocka_unit_test(what_leaves_reads_as_what_was_announced),
		cmocka_unit_test(prose_without_a_code_ends_where_one_would),
		cmocka_unit_test(what_is_announced_is_what_is_read_from_the_line_that_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
