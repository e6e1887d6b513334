/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text of a scenario's line: bytes, escapes and variables, read one token at a time. Pure functions of bytes.
 *
 *   \r \n \t \0 \\ \{ \xHH   a byte
 *   \|                       here a segment ends (a cut); a | alone is a byte, since EPRT is full of them
 *   {repeat BYTE COUNT}      COUNT times the byte, which may be an escape
 *   {OWNER}, {OWNER-FORM}, {OWNER-FORM NUMBER}
 *                            an address or a port, see enum text_owner and enum text_form
 *   {any}, {offer}           only where a peer is to see something: anything but a line's end, and an endpoint
 */
#ifndef PROBE_SCENARIO_TEXT_H
#define PROBE_SCENARIO_TEXT_H

#include "ftpalg/base.h"

#define TEXT_REPEAT_MAX 20000
/* Listeners that one end has in one scenario; {client-port 3} is the third one's. */
#define TEXT_LISTENERS_MAX 40

/* Whose address. A foreign one is another of the same end, or of nobody: --foreign. Ports are always of the first two. */
enum text_owner {
	TEXT_CLIENT,
	TEXT_SERVER,
	TEXT_CLIENT_FOREIGN,
	TEXT_SERVER_FOREIGN,
};

enum text_form {
	TEXT_ADDRESS,  /* {client}: 192.0.2.1 or 2001:db8::1 */
	TEXT_HOST,     /* {client-host}: 192,0,2,1 */
	TEXT_PORT,     /* {client-port}: decimal */
	TEXT_HIGH,     /* {client-high}: the port's upper eight bits, decimal */
	TEXT_LOW,      /* {client-low} */
	TEXT_HOSTPORT, /* {client-hostport}: 192,0,2,1,195,80 */
	TEXT_EPRT,     /* {client-eprt}: |1|192.0.2.1|50000| */
	TEXT_EPSV,     /* {client-epsv}: |||50000| */
	TEXT_FAMILY,   /* {client-family}: 1 or 2 (RFC 2428) */
};

enum text_type {
	TEXT_END,
	TEXT_BYTE,     /* byte */
	TEXT_REPEAT,   /* byte, number */
	TEXT_CUT,
	TEXT_VARIABLE, /* owner, form, number: the listener, from 1 */
	TEXT_ANY,
	TEXT_OFFER,
	TEXT_BAD,      /* expected: what should be here */
};

struct text_token {
	enum text_type type;
	uint8_t byte;
	uint16_t number;
	enum text_owner owner;
	enum text_form form;
	size_t at; /* where the token begins, or where the text is bad */
	const char *expected;
};

/* Reads the token at *position and moves past it, unless it is a bad one. */
void text_next(struct bytes text, size_t *position, struct text_token *token);

/* Reads the whole of text as a decimal number of 1 to maximum; 0 where it is none. */
uint32_t text_number(struct bytes text, uint32_t maximum);
bool text_is(struct bytes text, const char *word);

#endif
