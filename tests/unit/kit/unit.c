/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unit.h"

struct bytes unit_bytes(const char *text, size_t length)
{
	struct bytes bytes = { (const uint8_t *)text, length };

	return bytes;
}

struct bytes unit_string(const char *text)
{
	return unit_bytes(text, strlen(text));
}

struct address unit_address(const char *text)
{
	struct address address = { .family = FAMILY_NONE };

	if (text[0] != '\0' && !address_parse(unit_string(text), &address))
		fail_msg("no address: %s", text);
	return address;
}

struct endpoint unit_endpoint(const char *address, uint16_t port)
{
	struct endpoint endpoint = { unit_address(address), port };

	return endpoint;
}

struct network unit_network(const char *text)
{
	struct network network = { .prefix = 0 };

	if (!network_parse(unit_string(text), &network))
		fail_msg("no network: %s", text);
	return network;
}

struct nat_view unit_view(const char *client, const char *server)
{
	struct nat_view view = {
		.client = unit_endpoint(client, 40000),
		.server_seen = unit_endpoint(server, 21),
		.server = unit_endpoint(server, 21),
		.client_seen = unit_endpoint(client, 40000),
	};

	return view;
}

uint64_t unit_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

uint32_t unit_random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((unit_random(state) >> 32) % limit);
}

struct address unit_random_address(uint64_t *state, enum family family)
{
	struct address address = { .family = (uint8_t)family };
	size_t size = family == FAMILY_IPV4 ? 4 : 16;

	/* Octets of an IPv6 address are often 0, so that there is something to compress. */
	for (size_t index = 0; index < size; index++) {
		if (family == FAMILY_IPV4 || unit_random_below(state, 3) == 0)
			address.octets[index] = (uint8_t)unit_random_below(state, 256);
	}
	return address;
}

/* Makes room for count bytes at place. */
static size_t open_gap(uint8_t *text, size_t length, size_t size, size_t place, size_t count)
{
	if (length + count <= size) {
		memmove(text + place + count, text + place, length - place);
		length += count;
	}
	return length;
}

size_t unit_mutate(uint64_t *state, const char *alphabet, uint8_t *text, size_t length, size_t size)
{
	uint32_t letters = (uint32_t)strlen(alphabet);
	uint32_t changes = 1 + unit_random_below(state, 4);

	while (changes-- > 0) {
		size_t place = unit_random_below(state, (uint32_t)length + 1);
		size_t left = length - place;
		size_t count = 1 + unit_random_below(state, 3);
		uint8_t byte = (uint8_t)alphabet[unit_random_below(state, letters)];

		switch (unit_random_below(state, 4)) {
		case 0: /* put in */
			if (length < size) {
				length = open_gap(text, length, size, place, 1);
				text[place] = byte;
			}
			break;
		case 1: /* put over */
			if (left > 0)
				text[place] = byte;
			break;
		case 2: /* remove */
			if (left >= count) {
				memmove(text + place, text + place + count, left - count);
				length -= count;
			}
			break;
		default: /* double some bytes: what stands at place is then there twice */
			count = 1 + unit_random_below(state, 20);
			if (left >= count)
				length = open_gap(text, length, size, place, count);
			break;
		}
	}
	return length;
}

const char *unit_escape(struct bytes bytes)
{
	static char text[4096];
	size_t length = 0;

	for (size_t index = 0; index < bytes.length && length + 5 < sizeof(text); index++) {
		uint8_t byte = bytes.data[index];
		bool plain = byte >= 32 && byte < 127 && byte != '\\';

		length += (size_t)snprintf(text + length, sizeof(text) - length, plain ? "%c" : "\\x%02x", byte);
	}
	text[length] = '\0';
	return text;
}
