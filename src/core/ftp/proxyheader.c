/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/proxyheader.h"

/* The longest line of version 1, with its end: "PROXY UNKNOWN" and two full IPv6 addresses. */
#define TEXT_MAX 107
#define FIXED_LENGTH 16
/* Addresses of UNIX sockets take 216 bytes, a certificate's names and the like a few hundred. */
#define BINARY_MAX 2048

static const uint8_t word[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const uint8_t signature[] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

/* left says that the byte before was a CR, which must be followed by LF. */
static bool take_text(struct proxyheader *header, uint8_t byte)
{
	const uint16_t at = header->seen;

	if (at < sizeof(word))
		return byte == word[at];
	if (header->left == 1) {
		header->done = byte == '\n';
		return header->done;
	}
	header->left = byte == '\r';
	return at + 1 < TEXT_MAX && (byte == '\r' || (byte >= ' ' && byte < 0x7f));
}

static bool take_binary(struct proxyheader *header, uint8_t byte)
{
	const uint16_t at = header->seen;

	if (at < sizeof(signature))
		return byte == signature[at];
	/* Version 2; LOCAL or PROXY. */
	if (at == 12)
		return byte == 0x20 || byte == 0x21;
	if (at == 14)
		header->left = (uint16_t)(byte << 8);
	else if (at == 15)
		header->left = (uint16_t)(header->left | byte);
	else if (at >= FIXED_LENGTH)
		header->left--;
	header->done = at >= FIXED_LENGTH - 1 && header->left == 0;
	return at < FIXED_LENGTH - 1 || header->left <= BINARY_MAX;
}

enum proxyheader_place proxyheader_take(struct proxyheader *header, struct bytes bytes, size_t *length)
{
	for (*length = 0; *length < bytes.length && !header->done;) {
		const uint8_t byte = bytes.data[(*length)++];

		if (header->seen == 0)
			header->binary = byte == signature[0];
		if (!(header->binary ? take_binary(header, byte) : take_text(header, byte)))
			return PROXYHEADER_WRONG;
		header->seen++;
	}
	return header->done ? PROXYHEADER_DONE : PROXYHEADER_WITHIN;
}
