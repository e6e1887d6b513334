/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes between the process that speaks to peers and the one that has the authority's key: datagrams of one host, so in
 * its byte order, each kind of one size, without padding. Whatever they hold is a number or a text, which the receiver then
 * believes or not.
 *
 * An order has facts and no certificate: what a peer made is taken apart by the process that speaks to peers, and the one
 * that has the key puts the new certificate together from names that it has checked one by one.
 */
#ifndef TLS_MINT_WIRE_H
#define TLS_MINT_WIRE_H

#include <stdint.h>

/* A public key on P-256: its uncompressed point. */
#define MINT_POINT_SIZE 65
/* A certificate for a hundred names of the longest kind. */
#define MINT_ENTRIES_MAX 16384
#define MINT_CERTIFICATE_MAX 20480
#define MINT_TEXT_MAX 160

/* An entry is its kind, its length, and as many bytes. */
enum mint_entry {
	MINT_DNS = 1,     /* a host name */
	MINT_ADDRESS,     /* 4 or 16 octets */
	MINT_SUBJECT = 16, /* and the number of an attribute in mint_attributes, in the order of the subject */
};

struct mint_order {
	uint64_t number;  /* comes back with the answer */
	int64_t end;      /* no longer valid than until then, in seconds since 1970; 0: as long as the minter likes */
	uint16_t length;  /* of the entries */
	uint8_t trusted;  /* 0: by an authority that nobody trusts */
	uint8_t none[4];
	uint8_t point[MINT_POINT_SIZE];
	uint8_t entries[MINT_ENTRIES_MAX];
};

enum mint_result {
	MINT_DONE,
	MINT_REFUSED,   /* clients would refuse what the authority would sign; or there is no authority */
	MINT_TOO_MANY,  /* in this minute */
};

struct mint_answer {
	uint64_t number;
	uint16_t length;  /* of the certificate, in DER */
	uint8_t result;
	uint8_t none[5];
	char text[MINT_TEXT_MAX]; /* why there is none; ends with a NUL */
	uint8_t certificate[MINT_CERTIFICATE_MAX];
};

_Static_assert(sizeof(struct mint_order) == 24 + 64 + MINT_ENTRIES_MAX, "an order has no padding");
_Static_assert(sizeof(struct mint_answer) == 16 + MINT_TEXT_MAX + MINT_CERTIFICATE_MAX, "an answer has no padding");

#endif
