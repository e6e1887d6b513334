/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes between the process that speaks to peers and the one that has the authority's key: datagrams of one host, so in
 * its byte order and without padding, each no longer than what it holds. That is numbers and texts, which the receiver then
 * believes or not.
 *
 * An order has facts and no certificate: what a peer made is taken apart by the process that speaks to peers, and the one
 * that has the key puts the new certificate together from names that it has checked one by one.
 */
#ifndef TLS_MINT_WIRE_H
#define TLS_MINT_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* A public key on P-256: its uncompressed point. */
#define MINT_POINT_SIZE 65
/* The names of the largest certificate that is read (bounds.c), which take no more room here than there. */
#define MINT_ENTRIES_MAX 102400
#define MINT_CERTIFICATE_MAX 106496
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
	uint32_t length;  /* of the entries */
	uint8_t trusted;  /* 0: by an authority that nobody trusts */
	uint8_t none[2];
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
	uint32_t length;  /* of the certificate, in DER */
	uint8_t result;
	uint8_t none[3];
	char text[MINT_TEXT_MAX]; /* why there is none; ends with a NUL */
	uint8_t certificate[MINT_CERTIFICATE_MAX];
};

_Static_assert(sizeof(struct mint_order) == 24 + 64 + MINT_ENTRIES_MAX, "an order has no padding");
_Static_assert(sizeof(struct mint_answer) == 16 + MINT_TEXT_MAX + MINT_CERTIFICATE_MAX, "an answer has no padding");

/* Of the datagram. */
static inline size_t mint_order_size(const struct mint_order *order)
{
	return offsetof(struct mint_order, entries) + order->length;
}

static inline size_t mint_answer_size(const struct mint_answer *answer)
{
	return offsetof(struct mint_answer, certificate) + answer->length;
}

#endif
