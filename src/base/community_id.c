/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/community_id.h"

#include <string.h>

#include "base/sha1.h"

#define PROTOCOL_TCP 6
#define SEED_SIZE 2
#define IPV4_SIZE 4
#define IPV6_SIZE 16

/* Does a come first? The lower address does, and of two ports at one address the lower one. */
static bool endpoint_precedes(const struct endpoint *a, const struct endpoint *b, size_t size)
{
	const int order = memcmp(a->address.octets, b->address.octets, size);

	return order < 0 || (order == 0 && a->port <= b->port);
}

/* To base 64 (RFC 4648 4), with its padding. */
static void base64_write(const uint8_t *bytes, size_t length, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		const size_t left = length - i;
		const uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				       (left > 2 ? bytes[i + 2] : 0);

		memset(out, '=', 4);
		for (unsigned int digit = 0; digit < 4 && digit <= left; digit++)
			out[digit] = digits[group >> (18 - 6 * digit) & 63];
		out += 4;
	}
	*out = '\0';
}

void community_id_format(const struct endpoint *a, const struct endpoint *b, char out[COMMUNITY_ID_TEXT_MAX])
{
	const size_t size = a->address.family == FAMILY_IPV4 ? IPV4_SIZE : IPV6_SIZE;
	const bool in_order = endpoint_precedes(a, b, size);
	const struct endpoint *low = in_order ? a : b;
	const struct endpoint *high = in_order ? b : a;
	/* The seed, both addresses, the protocol and a zero, both ports; numbers with their high byte first. */
	uint8_t text[SEED_SIZE + 2 * IPV6_SIZE + 2 + 4] = { 0 };
	uint8_t *at = text + SEED_SIZE;
	uint8_t digest[SHA1_SIZE];

	memcpy(at, low->address.octets, size);
	memcpy(at + size, high->address.octets, size);
	at += 2 * size;
	at[0] = PROTOCOL_TCP;
	at[2] = (uint8_t)(low->port >> 8);
	at[3] = (uint8_t)low->port;
	at[4] = (uint8_t)(high->port >> 8);
	at[5] = (uint8_t)high->port;
	sha1_digest((struct bytes){ text, SEED_SIZE + 2 * size + 6 }, digest);
	memcpy(out, "1:", 2);
	base64_write(digest, sizeof(digest), out + 2);
}
