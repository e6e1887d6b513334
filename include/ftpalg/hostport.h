/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Host-ports: the endpoint in PORT, EPRT, LPRT and in the replies 227, 228 and 229.
 *
 * Reading is strict, because a loose reader reads something else than the peer beyond the gateway does: numbers
 * have no sign and fit their field, and exactly one reading of the line is possible. Leading zeros and blanks are read
 * in replies only, and are not passed on.
 */
#ifndef FTPALG_HOSTPORT_H
#define FTPALG_HOSTPORT_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"

enum form {
	FORM_NONE = 0,
	FORM_PORT, /* h1,h2,h3,h4,p1,p2                      RFC 959 4.1.2 */
	FORM_EPRT, /* <d>AF<d>address<d>port<d>              RFC 2428 2 */
	FORM_LPRT, /* AF,n,h1,...,hn,m,p1,...,pm             RFC 1639 */
	FORM_227,  /* text with h1,h2,h3,h4,p1,p2 in it      RFC 959, RFC 1123 4.1.2.6 */
	FORM_228,  /* text with the LPRT form in it          RFC 1639 */
	FORM_229,  /* text with (<d><d><d>port<d>) in it     RFC 2428 3 */
};

/* "PORT", "EPRT", "LPRT", "227", "228", "229". */
const char *form_name(enum form form);
/* True for PORT, EPRT and LPRT. */
bool form_is_active(enum form form);

struct hostport {
	enum form form;
	struct endpoint endpoint; /* 229: the family is FAMILY_NONE, only the port was announced */
	/* the tuple, delimiters included and parentheses not, as a part of the text that was read */
	struct span span;
	uint8_t delimiter;        /* EPRT and 229 */
	bool padded;              /* a reply's numbers have zeros or blanks before them: not to be passed on as they are */
	/* a reply has digits or commas beside the tuple: to be blanked, or some read them with it */
	bool mixed;
};

/* Longest tuple that hostport_format writes: an LPRT with an IPv6 address. */
#define HOSTPORT_TEXT_MAX 96

/*
 * Reads text: the argument of a command, or the text of a reply after its code and separator. An argument must be the
 * tuple and nothing else. In a reply's text the tuple stands anywhere, with or without parentheses, as RFC 1123 makes
 * clients accept it; a second run of digits and commas that a client could take for the tuple makes it ambiguous.
 *
 * REASON_NONE and hostport filled; else REASON_MALFORMED, REASON_OVERFLOW, REASON_AMBIGUOUS or REASON_FAMILY_MISMATCH
 * (EPRT and LPRT: the address does not fit the family number, or is an IPv4 address in IPv6 clothes).
 */
enum reason hostport_parse(enum form form, struct bytes text, struct hostport *hostport);

/*
 * Is there a client that would read an endpoint out of this line of a reply, if it expected one there (doc/readers.md)?
 * Never false where there is one: five commas and a digit, a host with two numbers after it, or the port of a 229.
 */
bool hostport_could_be_read(struct bytes text);
/*
 * False means that hostport_could_be_read() is false of the text and of each of its suffixes, so that one look at a line
 * saves one at each place in it. It may be true where none of them could be read.
 */
bool hostport_could_be_within(struct bytes text);

/* Is there a number in the text of a 227, 228 or 229, so that it may announce something? "227 Logout." is harmless. */
bool hostport_has_number(struct bytes text);
/* How many runs of digits there are, those of other alphabets among them. */
unsigned int hostport_count_numbers(struct bytes text);

/*
 * Writes the canonical tuple for endpoint, as it replaces hostport's span: the same form, the same delimiter. out holds
 * HOSTPORT_TEXT_MAX; no NUL is written. Returns the length; 0 where the form can't express the endpoint (PORT and 227:
 * IPv6).
 */
size_t hostport_format(enum form form, uint8_t delimiter, const struct endpoint *endpoint, uint8_t *out);

#endif
