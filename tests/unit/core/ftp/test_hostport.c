/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Host-ports. The rows say what is read and what is refused; the tests at the end let readers that work like those of
 * real clients and servers loose on random texts: whatever we accept, none of them may see another endpoint.
 */
#include <regex.h>
#include <stdlib.h>

#include "ftpalg/hostport.h"
#include "ftpalg/offer.h"
#include "unit.h"

struct row {
	const char *text;
	size_t length;
	enum reason reason;
	const char *address; /* where accepted */
	uint16_t port;
	const char *tuple; /* the span's text; NULL: all of the text */
};

static void check_rows(enum form form, const struct row *rows, size_t count)
{
	for (size_t index = 0; index < count; index++) {
		const struct row *row = &rows[index];
		/* A block of its own, so that whoever reads behind its end is noticed. */
		uint8_t *block = malloc(row->length > 0 ? row->length : 1);
		struct bytes text = { block, row->length };
		struct hostport hostport;
		enum reason reason;

		assert_non_null(block);
		memcpy(block, row->text, row->length);
		reason = hostport_parse(form, text, &hostport);
		if (reason != row->reason)
			fail_msg("%s %s: %s", form_name(form), unit_escape(text), reason_name(reason));
		if (reason == REASON_NONE) {
			struct endpoint expected = unit_endpoint(row->address, row->port);
			const char *tuple = row->tuple ? row->tuple : row->text;

			assert_int_equal(hostport.form, form);
			assert_true(endpoint_equal(&hostport.endpoint, &expected));
			assert_int_equal(hostport.span.length, strlen(tuple));
			assert_memory_equal(text.data + hostport.span.offset, tuple, strlen(tuple));
		}
		free(block);
	}
}

static void port_is_six_octets_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ TEXT("10,0,0,5,4,1"), REASON_NONE, "10.0.0.5", 1025, NULL },
		{ TEXT("0,0,0,0,0,0"), REASON_NONE, "0.0.0.0", 0, NULL },
		{ TEXT("255,255,255,255,255,255"), REASON_NONE, "255.255.255.255", 65535, NULL },
		{ TEXT("10,0,0,99,0,25"), REASON_NONE, "10.0.0.99", 25, NULL },
		/* too many, too few, empty, or something around it */
		{ TEXT(""), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1,"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT(",10,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT(",,,,,"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1 junk"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1\t"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1 "), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT(" 10,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10, 0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10 ,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10.0.0.5.4.1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1\0"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1\r"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0\xff\xfb\x01,5,9,9"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6"), REASON_MALFORMED, NULL, 0, NULL },
		/* other bases, signs, zeros in front */
		{ TEXT("0x0a,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("a,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("1e1,0,0,5,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("010,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("10,00,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,01"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,0000000000000000000001"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("+10,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("-10,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,-1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("10,0,0,5,+4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* wrapped, these would be other hosts and ports */
		{ TEXT("10,0,0,5,260,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("266,0,0,5,9,9"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("10,0,255,257,9,9"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("256,0,0,5,4,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,256"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,65557"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("4294967306,0,0,5,4,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("18446744073709551626,0,0,5,4,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,99999999999999999999999999999999999999999"), REASON_OVERFLOW, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_PORT, rows, ARRAY_SIZE(rows));
}

static void every_octet_up_to_255_is_read_at_every_place(void **state)
{
	(void)state;
	for (unsigned int place = 0; place < 6; place++) {
		for (unsigned int number = 0; number < 300; number++) {
			unsigned int n[6] = { 10, 20, 30, 40, 50, 60 };
			struct hostport hostport;
			enum reason reason;
			char text[32];

			n[place] = number;
			snprintf(text, sizeof(text), "%u,%u,%u,%u,%u,%u", n[0], n[1], n[2], n[3], n[4], n[5]);
			reason = hostport_parse(FORM_PORT, unit_string(text), &hostport);
			assert_int_equal(reason, number > 255 ? REASON_OVERFLOW : REASON_NONE);
			if (reason == REASON_NONE && place < 4)
				assert_int_equal(hostport.endpoint.address.octets[place], number);
			if (reason == REASON_NONE)
				assert_int_equal(hostport.endpoint.port, n[4] * 256 + n[5]);
		}
	}
}

static void eprt_is_family_address_and_port(void **state)
{
	static const struct row rows[] = {
		{ TEXT("|1|132.235.1.2|6275|"), REASON_NONE, "132.235.1.2", 6275, NULL },
		{ TEXT("|2|1080::8:800:200C:417A|5282|"), REASON_NONE, "1080::8:800:200c:417a", 5282, NULL },
		{ TEXT("@1@10.0.0.99@2525@"), REASON_NONE, "10.0.0.99", 2525, NULL },
		{ TEXT("|1|0.0.0.0|1|"), REASON_NONE, "0.0.0.0", 1, NULL },
		{ TEXT("|2|::|65535|"), REASON_NONE, "::", 65535, NULL },
		{ TEXT("|2|::1|1025|"), REASON_NONE, "::1", 1025, NULL },
		{ TEXT("|1|10.0.0.5|0|"), REASON_NONE, "10.0.0.5", 0, NULL },
		{ TEXT("a1a10.0.0.5a1025a"), REASON_NONE, "10.0.0.5", 1025, NULL },
		{ TEXT("a2a2001:db8::1a1025a"), REASON_NONE, "2001:db8::1", 1025, NULL },
		{ TEXT(":1:10.0.0.5:1025:"), REASON_NONE, "10.0.0.5", 1025, NULL },
		{ TEXT(".2.2001:db8::1.1025."), REASON_NONE, "2001:db8::1", 1025, NULL },
		/* the delimiter is a part of the address, too */
		{ TEXT(".1.10.0.0.5.1025."), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT(":2:2001:db8::1:1025:"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("b2b2001:db8::1b1025b"), REASON_MALFORMED, NULL, 0, NULL },
		/* delimiters: missing, doubled, different, digits, out of range */
		{ TEXT(""), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("||||"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|1025"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("1|10.0.0.5|1025|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|1025||"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("||1|10.0.0.5|1025|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|1025|x"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|1025| "), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|1025@"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1@10.0.0.5|1025|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT(" 1 10.0.0.5 1025 "), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("3132.2.2.2310253"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("\x7f" "1\x7f" "10.0.0.5\x7f" "1025\x7f"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("\xa6" "1\xa6" "10.0.0.5\xa6" "1025\xa6"), REASON_MALFORMED, NULL, 0, NULL },
		/* families */
		{ TEXT("|2|10.0.0.99|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|1|2001:db8::1|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|::ffff:10.0.0.99|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|::ffff:a00:63|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|0:0:0:0:0:FFFF:a00:63|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|::10.0.0.99|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|::a00:63|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|2|::2|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|1|::ffff:10.0.0.99|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|0|10.0.0.5|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|3|10.0.0.5|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|4|10.0.0.5|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|11|10.0.0.5|2525|"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("|01|10.0.0.5|2525|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|+1|10.0.0.5|2525|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|65537|10.0.0.5|2525|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|4294967297|10.0.0.5|2525|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|x|10.0.0.5|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1x|10.0.0.5|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("| 1|10.0.0.5|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("||10.0.0.5|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		/* addresses */
		{ TEXT("|1||2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5.6|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5 |2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|localhost|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|0x0a.0.0.5|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|167772165|2525|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.256|2525|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|1|010.0.0.5|2525|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|2|fe80::1%eth0|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|2|[2001:db8::1]|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|2|2001:db8::1::|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|2|1.2.3.300|2525|"), REASON_MALFORMED, NULL, 0, NULL },
		/* ports; 65557 is 21 where it wraps */
		{ TEXT("|1|10.0.0.5|65535|"), REASON_NONE, "10.0.0.5", 65535, NULL },
		{ TEXT("|1|10.0.0.5|65536|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|65557|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|4294968321|"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5||"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|2525 |"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5| 2525|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|0x9dd|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|02525|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|-2525|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|1|10.0.0.5|25\0|"), REASON_MALFORMED, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_EPRT, rows, ARRAY_SIZE(rows));
}

static void every_delimiter_of_rfc_2428_is_taken(void **state)
{
	(void)state;
	for (unsigned int byte = 0; byte < 256; byte++) {
		bool legal = byte >= 33 && byte <= 126 && !(byte >= '0' && byte <= '9');
		bool parenthesis = byte == '(' || byte == ')';
		char d = (char)byte;
		struct hostport hostport;
		char text[64];
		int length;

		length = snprintf(text, sizeof(text), "%c1%c10.0.0.5%c2525%c", d, d, d, d);
		assert_int_equal(hostport_parse(FORM_EPRT, unit_bytes(text, (size_t)length), &hostport),
				 legal && byte != '.' ? REASON_NONE : REASON_MALFORMED);
		length = snprintf(text, sizeof(text), "%c2%c2001:AbC:eF::1%c2525%c", d, d, d, d);
		assert_int_equal(hostport_parse(FORM_EPRT, unit_bytes(text, (size_t)length), &hostport),
				 legal && !memchr(":AbCeF", d, 6) ? REASON_NONE : REASON_MALFORMED);
		length = snprintf(text, sizeof(text), "x (%c%c%c2525%c)", d, d, d, d);
		assert_int_equal(hostport_parse(FORM_229, unit_bytes(text, (size_t)length), &hostport),
				 legal && !parenthesis ? REASON_NONE : REASON_MALFORMED);
		if (legal && !parenthesis)
			assert_int_equal(hostport.delimiter, byte);
	}
}

static void lprt_names_family_and_lengths(void **state)
{
	static const struct row rows[] = {
		{ TEXT("4,4,10,0,0,5,2,4,1"), REASON_NONE, "10.0.0.5", 1025, NULL },
		{ TEXT("4,4,10,0,0,99,2,0,25"), REASON_NONE, "10.0.0.99", 25, NULL },
		{ TEXT("6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1"), REASON_NONE, "2001:db8::1", 1025, NULL },
		{ TEXT("6,16,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,255,255"), REASON_NONE, "::", 65535, NULL },
		{ TEXT("6,16,0,0,0,0,0,0,0,0,0,0,255,255,10,0,0,99,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("6,16,0,0,0,0,0,0,0,0,0,0,0,0,10,0,0,99,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("6,4,10,0,0,5,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("4,16,10,0,0,5,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("5,4,10,0,0,5,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("5,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("0,4,10,0,0,5,2,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT(""), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,4"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,5"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,5,2,4"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,5,2,4,1,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,5,1,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,5,3,0,4,1"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,5,2,4,1 "), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1,9"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,256,2,4,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("260,4,10,0,0,5,2,4,1"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("4,4,10,0,0,05,2,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_LPRT, rows, ARRAY_SIZE(rows));
}

static void a_227_may_have_prose_but_one_reading(void **state)
{
	static const char t[] = "10,0,0,5,4,1";
	static const struct row rows[] = {
		{ TEXT("Entering Passive Mode (10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("Entering Passive Mode (10,0,0,5,4,1)."), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("Entering Passive Mode. 10,0,0,5,4,1"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("Data transfer will passively listen to 10,0,0,5,4,1"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("=10,0,0,5,4,1"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("10,0,0,5,4,1"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("(10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("( 10,0,0,5,4,1 )"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("[10,0,0,5,4,1]"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("Mode OK, at last, (10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("(10,0,0,5,4,1) on port 1025"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("\xc3\x9c" "bertragung (10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, t },
		{ TEXT("10,0,0,5,4,0"), REASON_NONE, "10.0.0.5", 1024, "10,0,0,5,4,0" },
		{ TEXT("10,0,0,5,4,1,"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1, "), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1, x)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("10,0,0,5,4,1. Hurry"), REASON_NONE, "10.0.0.5", 1025, t },
		/* nothing there: 227 Logout. */
		{ TEXT(""), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("Logout."), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("Logout, at last, on 4"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(,10,0,0,5,4,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1,)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1)\0"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("x\r(10,0,0,5,4,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("x\n(10,0,0,5,4,1)"), REASON_MALFORMED, NULL, 0, NULL },
		/* a digit in front: RFC 1123 has clients start there */
		{ TEXT("Entering Passive Mode 2 10,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("IPv4 [10,0,0,5,4,1]"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* which ends their reading, and the others find the parenthesis */
		{ TEXT("Entering Passive Mode 2 (10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, "10,0,0,5,4,1" },
		{ TEXT("IPv4 (10,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, "10,0,0,5,4,1" },
		{ TEXT("1, 2 (10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* zeros and blanks, which are not passed on */
		{ TEXT("(010,000,00,005,04,001)"), REASON_NONE, "10.0.0.5", 1025, "010,000,00,005,04,001" },
		{ TEXT("(10, 0, 0,  5, 4, 1)."), REASON_NONE, "10.0.0.5", 1025, "10, 0, 0,  5, 4, 1" },
		{ TEXT("( 10,0,0,5,4,1 )"), REASON_NONE, "10.0.0.5", 1025, "10,0,0,5,4,1" },
		{ TEXT("(00010,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10 ,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,\t0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1) (|||25|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("1 10,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* a second candidate */
		{ TEXT("(10,0,0,5,4,1) (10,0,0,99,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1) (10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1) 0,22"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1 ,0,22"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1) ,22"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("1,234 bytes (10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("mode 2, (10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* scanf skips white space and would see a tuple where others see none, so it leaves without */
		{ TEXT("(10, 0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, "10, 0,0,5,4,1" },
		{ TEXT("(10,0,0,5,4, 1)"), REASON_NONE, "10.0.0.5", 1025, "10,0,0,5,4, 1" },
		{ TEXT("(10,\t0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* something at the number's side */
		{ TEXT("(-10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(+10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(x10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(a10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(.10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(0x0a,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(\xff" "10,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1x)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1.5)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1\xff\xf1" "7)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(1\xff\xf1" "0,0,0,5,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* the numbers themselves */
		{ TEXT("(010,0,0,5,4,1)"), REASON_NONE, "10.0.0.5", 1025, "010,0,0,5,4,1" },
		{ TEXT("(10,0,0,5,4,01)"), REASON_NONE, "10.0.0.5", 1025, "10,0,0,5,4,01" },
		{ TEXT("(266,0,0,5,4,1)"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,256)"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4294967300,1)"), REASON_OVERFLOW, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_227, rows, ARRAY_SIZE(rows));
}

static void a_228_is_searched_like_a_227(void **state)
{
	static const struct row rows[] = {
		{ TEXT("Entering Long Passive Mode (4,4,10,0,0,5,2,4,1)"), REASON_NONE, "10.0.0.5", 1025,
		  "4,4,10,0,0,5,2,4,1" },
		{ TEXT("(6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1)"), REASON_NONE, "2001:db8::1", 1025,
		  "6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1" },
		{ TEXT("Mode 1 4,4,10,0,0,5,2,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(4,4,10,0,0,5,2,4,1) (4,4,10,0,0,99,2,4,1)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(4,4,10,0,0,5,2,4)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(6,4,10,0,0,5,2,4,1)"), REASON_FAMILY_MISMATCH, NULL, 0, NULL },
		{ TEXT("(4,4,10,0,0,5,2,4,300)"), REASON_OVERFLOW, NULL, 0, NULL },
		/* one number more than the longest has */
		{ TEXT("(6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1,300)"), REASON_OVERFLOW, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_228, rows, ARRAY_SIZE(rows));
}

static void a_229_has_its_port_in_one_pair_of_parentheses(void **state)
{
	static const struct row rows[] = {
		{ TEXT("Entering Extended Passive Mode (|||6446|)"), REASON_NONE, "", 6446, "|||6446|" },
		{ TEXT("Entering Extended Passive Mode (|||6446|)."), REASON_NONE, "", 6446, "|||6446|" },
		{ TEXT("(|||1|)"), REASON_NONE, "", 1, "|||1|" },
		{ TEXT("(|||0|)"), REASON_NONE, "", 0, "|||0|" },
		{ TEXT("(|||65535|)"), REASON_NONE, "", 65535, "|||65535|" },
		{ TEXT("x (!!!6446!)"), REASON_NONE, "", 6446, "!!!6446!" },
		{ TEXT("Mode 2 (|||6446|) on 6446"), REASON_NONE, "", 6446, "|||6446|" },
		{ TEXT("(|||6446|) (see below)"), REASON_NONE, "", 6446, "|||6446|" },
		/* no such thing */
		{ TEXT(""), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("("), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(||||)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("|||6446|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(||6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446|"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446!)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|!|6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446| )"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446x|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(||| 6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(||| |)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|1|1.2.3.4|6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|2|2001:db8::1|6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|1||6446|)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(11164461)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446|)\0"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("()))6446))"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("((((6446()"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(10,0,0,5,4,1)"), REASON_MALFORMED, NULL, 0, NULL },
		{ TEXT("(|||6446"), REASON_MALFORMED, NULL, 0, NULL },
		/* more than one thing */
		{ TEXT("(|||6446|) (|||22|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||6446|) 10,0,0,5,4,1"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||6446|) (!!!22!)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||6446|) (!!!"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(new) mode (|||6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("((|||6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||6446|) |22|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("|||22| (|||6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(!!!6446!) |22|"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(||||6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		/* the number */
		{ TEXT("(|||06446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||+6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||-6446|)"), REASON_AMBIGUOUS, NULL, 0, NULL },
		{ TEXT("(|||65536|)"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("(|||65558|)"), REASON_OVERFLOW, NULL, 0, NULL },
		{ TEXT("(|||4294973742|)"), REASON_OVERFLOW, NULL, 0, NULL },
	};

	(void)state;
	check_rows(FORM_229, rows, ARRAY_SIZE(rows));
}

/* Whatever somebody reads in it, and however loosely: six numbers, or a port behind three delimiters. */
static void a_text_is_harmless_if_nobody_could_read_an_endpoint_in_it(void **state)
{
	static const struct {
		const char *text;
		bool read;
	} rows[] = {
		{ "10,0,0,5,4,1", true },
		{ "10,0,0,5,4", false },
		{ "10,0,0,5,4,", true },
		{ ",,,,,", false },
		{ "at 10, 0, 0, 5, 4, 1.", true },
		{ "10,\t0,0,5,4,1", true },
		{ "10,\v0,0,5,4,1", true },
		{ "10,\r0,0,5,4,1", true },
		{ "10,+0,0,5,4,1", true },
		{ "10,-0,0,5,4,1", true },
		{ "10,0,0,\x01" "5,4,1", true },
		{ "10,0,0,x5,4,1", true },
		{ "10,0,0,\x0e" "5,4,1", true },
		{ "200 10,0a,0b,9,0,0x19", true },
		{ "200 \xd9\xa1,\xd9\xa0,\xd9\xa0,\xd9\xa9,\xd9\xa0,\xd9\xa2", true },
		{ "200 a, b, c, d, e, f", false },
		{ "200 (10.0.0.9,0,25)", true },
		{ "200 ok (mail.example, 0, 25) ok", true },
		{ "200 (167772169,0,25)", true },
		{ "200 ( 10.0.0.9 ,4,)", true },
		{ "200 10.0.0.9,0,25", true },
		{ "200 (10.0.0.9,a,b)", false },
		{ "200 (10.0.0.9,25)", false },
		{ "200 (,0,25)", false },
		{ "200 ( ,0,25)", false },
		{ "200 )10.0.0.9,0,25(", false },
		{ "226 sent (3 files, 20 bytes, 5 s)", false },
		{ "226 done. 1,234,567 bytes in 2 s", false },
		{ "226 done, ok, 5", false },
		{ "|||\xd9\xa1", true },
		{ "|||25", true },
		{ "!!!25|", true },
		{ "@@@25@", false },
		{ "(@@@25@)", true },
		{ "||| 25", true },
		{ "|||+25", true },
		{ "||| + 25", true },
		{ "||| -25", true },
		{ "|||\v25", true },
		{ "|!|25", true },
		{ "!||25", true },
		{ "!!|25", true },
		{ "((((25", true },
		{ "()))25", true },
		{ "(   25 bytes)", false },
		{ "(11125 bytes)", false },
		{ "|||x25", false },
		{ "(@@@ ", false },
		{ "|||", false },
		{ "||| ", false },
		{ "||25", false },
		{ "|| |25", false },
		{ "| ||25", false },
		{ "(@@25", false },
		{ "(", false },
		{ "", false },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		size_t length = strlen(rows[index].text);
		uint8_t *block = malloc(length);

		memcpy(block, rows[index].text, length);
		if (hostport_could_be_read((struct bytes){ block, length }) != rows[index].read)
			fail_msg("\"%s\"", rows[index].text);
		for (size_t end = 0; end < length; end++) {
			if (hostport_could_be_read((struct bytes){ block + end, length - end }))
				assert_true(hostport_could_be_within((struct bytes){ block, length }));
		}
		free(block);
	}
}

static void a_refused_text_leaves_the_result_alone(void **state)
{
	struct hostport hostport = { .form = FORM_LPRT, .span = { 3, 4 }, .delimiter = 7 };

	(void)state;
	assert_int_equal(hostport_parse(FORM_EPRT, unit_string("|1|10.0.0.5|65536|"), &hostport), REASON_OVERFLOW);
	assert_int_equal(hostport_parse(FORM_NONE, unit_string("10,0,0,5,4,1"), &hostport), REASON_MALFORMED);
	assert_int_equal(hostport.form, FORM_LPRT);
	assert_int_equal(hostport.span.offset, 3);
	assert_int_equal(hostport.delimiter, 7);
	assert_int_equal(hostport.endpoint.port, 0);
}

static void forms_have_names_and_directions(void **state)
{
	static const char *const expected[] = { "none", "PORT", "EPRT", "LPRT", "227", "228", "229", "none" };

	(void)state;
	for (unsigned int form = 0; form < ARRAY_SIZE(expected); form++) {
		assert_string_equal(form_name((enum form)form), expected[form]);
		assert_int_equal(form_is_active((enum form)form),
				 form == FORM_PORT || form == FORM_EPRT || form == FORM_LPRT);
	}
}

static void tuples_are_written_in_canonical_form(void **state)
{
	static const struct {
		enum form form;
		uint8_t delimiter;
		const char *address;
		uint16_t port;
		const char *expected; /* "": can't be expressed */
	} rows[] = {
		{ FORM_PORT, 0, "198.51.100.1", 65535, "198,51,100,1,255,255" },
		{ FORM_227, 0, "10.0.0.5", 256, "10,0,0,5,1,0" },
		{ FORM_PORT, 0, "2001:db8::1", 1025, "" },
		{ FORM_227, 0, "2001:db8::1", 1025, "" },
		{ FORM_227, 0, "", 1025, "" },
		{ FORM_EPRT, '|', "10.0.0.5", 1025, "|1|10.0.0.5|1025|" },
		{ FORM_EPRT, '!', "2001:db8:0:0::1", 1025, "!2!2001:db8::1!1025!" },
		{ FORM_EPRT, '|', "", 1025, "" },
		{ FORM_EPRT, '.', "10.0.0.5", 1025, "" },
		{ FORM_EPRT, ':', "2001:db8::1", 1025, "" },
		{ FORM_EPRT, 'b', "2001:db8::1", 1025, "" },
		{ FORM_EPRT, '1', "10.0.0.5", 1025, "" },
		{ FORM_EPRT, 0, "10.0.0.5", 1025, "" },
		{ FORM_EPRT, 127, "10.0.0.5", 1025, "" },
		{ FORM_LPRT, 0, "10.0.0.5", 1025, "4,4,10,0,0,5,2,4,1" },
		{ FORM_228, 0, "2001:db8::1", 1025, "6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1" },
		{ FORM_LPRT, 0, "", 1025, "" },
		{ FORM_229, '|', "", 65535, "|||65535|" },
		{ FORM_229, '!', "10.0.0.5", 0, "!!!0!" },
		{ FORM_229, 0, "", 1025, "" },
		{ FORM_229, '(', "", 1025, "" },
		{ FORM_NONE, '|', "10.0.0.5", 1025, "" },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct endpoint endpoint = unit_endpoint(rows[index].address, rows[index].port);
		uint8_t out[HOSTPORT_TEXT_MAX];
		size_t length = hostport_format(rows[index].form, rows[index].delimiter, &endpoint, out);

		if (length != strlen(rows[index].expected))
			fail_msg("not %s: %s", rows[index].expected, unit_escape((struct bytes){ out, length }));
		assert_memory_equal(out, rows[index].expected, length);
	}
}

static void what_is_written_is_read_back(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		enum form form = (enum form)(FORM_PORT + unit_random_below(&seed, 6));
		bool only_ipv4 = form == FORM_PORT || form == FORM_227;
		enum family family = only_ipv4 || unit_random_below(&seed, 2) ? FAMILY_IPV4 : FAMILY_IPV6;
		uint16_t port = (uint16_t)unit_random_below(&seed, 65536);
		struct endpoint endpoint = { unit_random_address(&seed, family), port };
		uint8_t delimiter = (uint8_t)(33 + unit_random_below(&seed, 94));
		uint8_t out[HOSTPORT_TEXT_MAX + 2] = "(";
		struct hostport hostport;
		struct bytes text;
		size_t length;

		/* What belongs to another family is refused, as the rows above show. */
		if (family == FAMILY_IPV6)
			endpoint.address.octets[0] |= 0x20;
		length = hostport_format(form, delimiter, &endpoint, out + 1);
		if (length == 0)
			continue;

		assert_true(length <= HOSTPORT_TEXT_MAX);
		out[length + 1] = ')';
		text = (struct bytes){ out, length + 2 };
		if (form_is_active(form))
			text = (struct bytes){ out + 1, length };
		assert_int_equal(hostport_parse(form, text, &hostport), REASON_NONE);
		if (form == FORM_229)
			memset(&endpoint.address, 0, sizeof(endpoint.address));
		assert_true(endpoint_equal(&hostport.endpoint, &endpoint));
		assert_int_equal(hostport.span.length, length);
		assert_int_equal(hostport.span.offset, form_is_active(form) ? 0 : 1);
	}
}

/*
 * Clients, as they read the text of a 227. Each fills six numbers and returns whether it saw any.
 */

static bool scan_here(const char *text, unsigned int n[6])
{
	return sscanf(text, "%u,%u,%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) == 6;
}

/* curl before 7.85, lftp: the first place where scanf is content. It skips white space and takes signs. */
static bool scan_everywhere(const char *text, unsigned int n[6])
{
	bool found = false;

	for (; *text != '\0' && !found; text++)
		found = scan_here(text, n);
	return found;
}

/* Python's ftplib, Java, Perl: the first match of (\d+),(\d+),(\d+),(\d+),(\d+),(\d+). */
static bool match_expression(const char *text, unsigned int n[6])
{
	static regex_t expression;
	static bool compiled;
	regmatch_t match[7];
	bool found;

	if (!compiled)
		assert_int_equal(regcomp(&expression, "([0-9]+),([0-9]+),([0-9]+),([0-9]+),([0-9]+),([0-9]+)",
					 REG_EXTENDED), 0);
	compiled = true;

	found = regexec(&expression, text, 7, match, 0) == 0;
	for (unsigned int index = 0; found && index < 6; index++)
		n[index] = (unsigned int)strtoul(text + match[index + 1].rm_so, NULL, 10);
	return found;
}

/* RFC 1123 4.1.2.6: the numbers begin at the first digit. */
static bool scan_first_digit(const char *text, unsigned int n[6])
{
	return scan_here(text + strcspn(text, "0123456789"), n);
}

/* Old clients: behind the first parenthesis, where there is one. */
static bool scan_first_parenthesis(const char *text, unsigned int n[6])
{
	const char *parenthesis = strchr(text, '(');

	return parenthesis && scan_here(parenthesis + 1, n);
}

/* The whole of text is a number. */
static bool read_whole(const char *text, unsigned int *number)
{
	char *end;
	bool digit = text[0] >= '0' && text[0] <= '9';

	*number = (unsigned int)strtoul(text, &end, 10);
	return digit && *end == '\0';
}

/* busybox: cuts at the last ")", then takes what is behind the last two commas, and the peer's own address. */
static bool scan_last_commas(const char *text, unsigned int n[6])
{
	char copy[256];
	char *cut;
	bool found = false;

	snprintf(copy, sizeof(copy), "%s", text);
	cut = strrchr(copy, ')');
	if (cut)
		*cut = '\0';
	cut = strrchr(copy, ',');
	if (cut && read_whole(cut + 1, &n[5])) {
		*cut = '\0';
		cut = strrchr(copy, ',');
		found = cut && read_whole(cut + 1, &n[4]);
	}
	return found;
}

static void check_client(const char *name, const char *text, bool must_see, bool saw, const unsigned int n[6],
			 const struct endpoint *endpoint, bool address_too)
{
	bool same = n[4] * 256 + n[5] == endpoint->port;

	for (unsigned int index = 0; address_too && index < 4; index++)
		same = same && n[index] == endpoint->address.octets[index];
	if ((must_see && !saw) || (saw && !same))
		fail_msg("%s sees %s in: %s", name, saw ? "something else" : "nothing",
			 unit_escape(unit_string(text)));
}

/* GNU wget: from the first digit on, and what is no digit is a number of none. Each number is one octet. */
static bool count_digits(const char *text, unsigned int n[6])
{
	bool found = true;

	text += strcspn(text, "0123456789");
	for (unsigned int index = 0; index < 6 && found; index++) {
		n[index] = 0;
		for (; *text >= '0' && *text <= '9'; text++)
			n[index] = (n[index] * 10 + (unsigned int)(*text - '0')) & 0xff;
		found = index == 5 || *text == ',';
		if (found && *text == ',')
			text++;
	}
	return found;
}

/* FreeBSD's libfetch: from the first digit on, with any byte between numbers; what is none is a 0. */
static bool skip_one_byte(const char *text, unsigned int n[6])
{
	unsigned int index = 0;

	text += strcspn(text, "0123456789");
	for (; index < 6 && *text != '\0'; index++) {
		char *end;

		n[index] = (unsigned int)strtol(text, &end, 10) & 0xff;
		text = *end == '\0' ? end : end + 1;
	}
	return index == 6;
}

/* Twisted: takes out what is no digit, comma or blank, then cuts at the commas. */
static bool strip_all_else(const char *text, unsigned int n[6])
{
	char rest[256];
	size_t length = 0;
	int end = 0;

	for (; *text != '\0'; text++) {
		if (strchr("0123456789, ", *text))
			rest[length++] = *text;
	}
	rest[length] = '\0';
	return sscanf(rest, " %u , %u , %u , %u , %u , %u %n", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &end) == 6 &&
	       rest[end] == '\0' && n[0] < 256 && n[1] < 256 && n[2] < 256 && n[3] < 256 && n[4] < 256 && n[5] < 256;
}

/* axel: the first place where scanf is content, which takes octal and hexadecimal numbers too. */
static bool scan_every_base(const char *text, unsigned int n[6])
{
	int found = 0;

	for (; *text != '\0' && found != 6; text++)
		found = sscanf(text, "%i,%i,%i,%i,%i,%i", (int *)&n[0], (int *)&n[1], (int *)&n[2], (int *)&n[3],
			       (int *)&n[4], (int *)&n[5]);
	return found == 6;
}

/* Many a script: cuts what stands between the parentheses at the commas, and takes the first four parts for a name. */
static bool join_four_parts(const char *text, unsigned int n[6])
{
	const char *left = strchr(text, '(');
	char part[6][256];

	if (!left || sscanf(left + 1, "%255[^,)],%255[^,)],%255[^,)],%255[^,)],%255[^,)],%255[^,)]", part[0], part[1], part[2],
			    part[3], part[4], part[5]) != 6)
		return false;
	/* A part with a blank in it is no part of a name. Outside it is no number to a script. */
	for (unsigned int index = 0; index < 6; index++) {
		if (!read_whole(part[index] + (index == 0 || index >= 4 ? strspn(part[index], " ") : 0), &n[index])) {
			if (index >= 4 || part[index][strcspn(part[index], " \t()[]=|!+\xff")] != '\0')
				return false;
			n[index] = 256;
		}
	}
	return true;
}

/* FileZilla 2 and WinSCP: the last two numbers are the port, and what stands before them is the host. */
static bool take_host_before_port(const char *text, unsigned int n[6])
{
	const char *left = strchr(text, '(');
	const char *right = strchr(text, ')');
	size_t first = strcspn(text, "0123456789");
	char place[256];
	char *commas[2];
	char extra;

	if (left && right)
		snprintf(place, sizeof(place), "%.*s", right > left ? (int)(right - left - 1) : 0, left + 1);
	else
		snprintf(place, sizeof(place), "%s", text + first);
	for (unsigned int index = 0; index < 2; index++) {
		commas[index] = strrchr(place, ',');
		if (!commas[index])
			return false;
		*commas[index] = '\0';
	}
	n[4] = (unsigned int)strtol(commas[1] + 1, NULL, 10);
	n[5] = (unsigned int)strtol(commas[0] + 1, NULL, 10);
	/* Several words are no name, and neither is what has other bytes than a name. */
	if (place[strspn(place, " ")] == '\0' || sscanf(place, " %*s %c", &extra) == 1 || place[strcspn(place, "()[]|!+=\t\xff")])
		return false;
	if (sscanf(place, " %u,%u,%u,%u%c", &n[0], &n[1], &n[2], &n[3], &extra) != 4)
		n[0] = 256;
	return true;
}

/* What leaves: without zeros and blanks in the tuple, and without digits and commas beside it. */
static void apply_announcement(const struct hostport *hostport, char *text)
{
	static struct edit edit;
	const struct bytes line = unit_string(text);
	const char *rest;

	assert_int_equal(offer_announce(line, 0, hostport, &hostport->endpoint, true, &edit), REASON_NONE);
	rest = text + edit.at.offset + edit.at.length;
	memmove(text + edit.at.offset + edit.length, rest, strlen(rest) + 1);
	memcpy(text + edit.at.offset, edit.replacement, edit.length);
}

/* Random texts must not have NULs in them: these clients would not see the rest. */
static const char reply_alphabet[] = "0123456789,,,,,,()()   ||||!+-.x\t\xff=";

static void no_client_sees_another_endpoint_in_a_227_that_we_accept(void **state)
{
	static const char *const bases[] = {
		"Entering Passive Mode (10,0,0,5,4,1).", "=10,0,0,5,4,1", "Mode. 10,0,0,5,4,1",
		"OK, (10,0,0,5,204,12) ok", "(10,0,0,5,4,1) 1025", "x (10,0,0,5,4,1) y (ok)",
		"Entering [192,168,255,1,255,255]", "Mode 2 (10,0,0,5,4,1)", "(010,000,000,005,004,001)",
		"( 10, 0, 0, 5, 4, 1)", "10.0.0.9.0.25 (10,0,0,5,4,1)", "(a,b,c,d, 10,0,0,5,4,1)", "1(10,0,0,5,4,1)0",
	};
	uint64_t seed = 6;
	unsigned int accepted = 0;

	(void)state;
	for (unsigned int round = 0; round < 400000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		char text[128] = "";
		size_t length = strlen(base);
		unsigned int n[6] = { 0 };
		struct hostport hostport;
		const struct endpoint *endpoint = &hostport.endpoint;

		memcpy(text, base, length);
		length = unit_mutate(&seed, reply_alphabet, (uint8_t *)text, length, sizeof(text) - 1);
		text[length] = '\0';
		if (hostport_parse(FORM_227, unit_bytes(text, length), &hostport) != REASON_NONE)
			continue;

		accepted++;
		if (!hostport_could_be_read(unit_bytes(text, length)))
			fail_msg("%s", unit_escape(unit_bytes(text, length)));
		if (hostport.padded || hostport.mixed)
			apply_announcement(&hostport, text);
		check_client("scanf", text, true, scan_everywhere(text, n), n, endpoint, true);
		check_client("expression", text, true, match_expression(text, n), n, endpoint, true);
		check_client("first digit", text, true, scan_first_digit(text, n), n, endpoint, true);
		check_client("digits", text, true, count_digits(text, n), n, endpoint, true);
		check_client("any separator", text, true, skip_one_byte(text, n), n, endpoint, true);
		check_client("stripped", text, true, strip_all_else(text, n), n, endpoint, true);
		check_client("every base", text, true, scan_every_base(text, n), n, endpoint, true);
		check_client("joined", text, false, join_four_parts(text, n), n, endpoint, true);
		check_client("host before port", text, false, take_host_before_port(text, n), n, endpoint, true);
		check_client("parenthesis", text, false, scan_first_parenthesis(text, n), n, endpoint, true);
		check_client("last commas", text, false, scan_last_commas(text, n), n, endpoint, false);
	}
	assert_in_range(accepted, 20000, 380000);
}

/*
 * Clients, as they read the text of a 229.
 */

/* curl: behind the first parenthesis. */
static bool read_229_scanf(const char *text, unsigned int *port)
{
	const char *parenthesis = strchr(text, '(');
	char d[4];

	return parenthesis && sscanf(parenthesis + 1, "%c%c%c%u%c", &d[0], &d[1], &d[2], port, &d[3]) == 5 &&
	       d[0] == d[1] && d[1] == d[2] && d[2] == d[3];
}

/* Python's ftplib: between the first parenthesis and the next that closes, cut at the delimiter into five. */
static bool read_229_split(const char *text, unsigned int *port)
{
	const char *left = strchr(text, '(');
	const char *right = left ? strchr(left + 1, ')') : NULL;
	unsigned int parts = 1;
	const char *third = NULL;
	bool found = false;

	if (right && left[1] == right[-1]) {
		for (const char *at = left + 1; at < right; at++) {
			parts += *at == left[1];
			if (*at == left[1] && parts == 4)
				third = at + 1;
		}
		found = parts == 5 && third;
		if (found)
			*port = (unsigned int)strtoul(third, NULL, 10);
	}
	return found;
}

/* FileZilla: behind the first "(|||". */
static bool read_229_search(const char *text, unsigned int *port)
{
	const char *start = strstr(text, "(|||");

	return start && sscanf(start + 4, "%u|)", port) == 1;
}

/* busybox: between the last two "|". */
static bool read_229_last_bars(const char *text, unsigned int *port)
{
	char copy[256];
	char *cut;
	bool found = false;

	snprintf(copy, sizeof(copy), "%s", text);
	cut = strrchr(copy, '|');
	if (cut) {
		*cut = '\0';
		cut = strrchr(copy, '|');
		found = cut && read_whole(cut + 1, port);
	}
	return found;
}

static void no_client_sees_another_port_in_a_229_that_we_accept(void **state)
{
	static const char *const bases[] = {
		"Entering Extended Passive Mode (|||6446|)", "(|||1025|) ok", "x (!!!1025!)", "x (|||1025|) (ok) |",
		"x (---1025-)", "(|1|10.0.0.5|1025|)", "2 (|||65535|).",
	};
	static const struct {
		bool (*read)(const char *, unsigned int *);
		bool must_see;
	} clients[] = {
		{ read_229_scanf, true }, { read_229_split, true },
		{ read_229_search, false }, { read_229_last_bars, false },
	};
	uint64_t seed = 7;
	unsigned int accepted = 0;

	(void)state;
	for (unsigned int round = 0; round < 400000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		char text[128] = "";
		size_t length = strlen(base);
		struct hostport hostport;

		memcpy(text, base, length);
		length = unit_mutate(&seed, reply_alphabet, (uint8_t *)text, length, sizeof(text) - 1);
		text[length] = '\0';
		if (hostport_parse(FORM_229, unit_bytes(text, length), &hostport) != REASON_NONE)
			continue;

		accepted++;
		for (size_t index = 0; index < ARRAY_SIZE(clients); index++) {
			unsigned int port = 0;
			bool saw = clients[index].read(text, &port);

			if (saw ? port != hostport.endpoint.port : clients[index].must_see)
				fail_msg("client %zu sees %u in: %s", index, port, unit_escape(unit_string(text)));
		}
	}
	assert_in_range(accepted, 20000, 380000);
}

/*
 * Servers, as they read PORT and EPRT. Some use scanf, some cut with strtok, which takes several delimiters for one.
 */
static void no_server_sees_another_endpoint_in_a_command_that_we_accept(void **state)
{
	static const char *const bases[] = {
		"10,0,0,5,4,1", "192,168,255,1,255,255", "|1|10.0.0.5|2525|", "!1!10.0.0.5!2525!",
		"|2|2001:db8::1|2525|", "@1@10.0.0.5@65535@",
	};
	uint64_t seed = 8;
	unsigned int ports = 0;
	unsigned int eprts = 0;

	(void)state;
	for (unsigned int round = 0; round < 400000; round++) {
		const char *base = bases[unit_random_below(&seed, ARRAY_SIZE(bases))];
		char text[128] = "";
		size_t length = strlen(base);
		unsigned int n[6] = { 0 };
		struct hostport hostport;
		struct address address;

		memcpy(text, base, length);
		length = unit_mutate(&seed, "0123456789,,,,,..::||!@+-ax \t", (uint8_t *)text, length,
				     sizeof(text) - 1);
		text[length] = '\0';
		if (hostport_parse(FORM_PORT, unit_bytes(text, length), &hostport) == REASON_NONE) {
			ports++;
			check_client("scanf", text, true, scan_everywhere(text, n), n, &hostport.endpoint, true);
		} else if (hostport_parse(FORM_EPRT, unit_bytes(text, length), &hostport) == REASON_NONE) {
			char delimiter[2] = { (char)hostport.delimiter, '\0' };
			const char *family = strtok(text, delimiter);
			const char *host = strtok(NULL, delimiter);
			const char *port = strtok(NULL, delimiter);

			eprts++;
			assert_non_null(port);
			assert_null(strtok(NULL, delimiter));
			assert_true(address_parse(unit_string(host), &address));
			assert_true(address_equal(&address, &hostport.endpoint.address));
			assert_int_equal(strtol(family, NULL, 0), address.family == FAMILY_IPV4 ? 1 : 2);
			assert_int_equal(strtol(port, NULL, 0), hostport.endpoint.port);
		}
	}
	assert_true(ports > 10000);
	assert_true(eprts > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_is_six_octets_and_nothing_else),
		cmocka_unit_test(every_octet_up_to_255_is_read_at_every_place),
		cmocka_unit_test(eprt_is_family_address_and_port),
		cmocka_unit_test(every_delimiter_of_rfc_2428_is_taken),
		cmocka_unit_test(lprt_names_family_and_lengths),
		cmocka_unit_test(a_227_may_have_prose_but_one_reading),
		cmocka_unit_test(a_228_is_searched_like_a_227),
		cmocka_unit_test(a_229_has_its_port_in_one_pair_of_parentheses),
		cmocka_unit_test(a_text_is_harmless_if_nobody_could_read_an_endpoint_in_it),
		cmocka_unit_test(a_refused_text_leaves_the_result_alone),
		cmocka_unit_test(forms_have_names_and_directions),
		cmocka_unit_test(tuples_are_written_in_canonical_form),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(no_client_sees_another_endpoint_in_a_227_that_we_accept),
		cmocka_unit_test(no_client_sees_another_port_in_a_229_that_we_accept),
		cmocka_unit_test(no_server_sees_another_endpoint_in_a_command_that_we_accept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
