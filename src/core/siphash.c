/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/siphash.h"

#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t load64(const uint8_t *at, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

/* Eight of them; where the processor's order is the same, compilers make one instruction of it. */
static uint64_t load64_whole(const uint8_t *at)
{
	return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
	       (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

static uint64_t rotate(uint64_t value, unsigned int by)
{
	return value << by | value >> (64 - by);
}

static void mix(struct state *s, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s, 2);
	s->v0 ^= word;
}

uint64_t siphash_compute(const uint8_t key[16], struct bytes bytes)
{
	uint64_t k0 = load64_whole(key);
	uint64_t k1 = load64_whole(key + 8);
	uint64_t last = (uint64_t)bytes.length << 56;
	struct state s = {
		.v0 = k0 ^ 0x736f6d6570736575,
		.v1 = k1 ^ 0x646f72616e646f6d,
		.v2 = k0 ^ 0x6c7967656e657261,
		.v3 = k1 ^ 0x7465646279746573,
	};

	for (; bytes.length >= 8; bytes.data += 8, bytes.length -= 8)
		absorb(&s, load64_whole(bytes.data));
	absorb(&s, last | load64(bytes.data, bytes.length));
	s.v2 ^= 0xff;
	mix(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

size_t siphash_put_endpoint(const struct endpoint *endpoint, uint8_t out[SIPHASH_ENDPOINT])
{
	const size_t size = endpoint->address.family == FAMILY_IPV4 ? 4 : sizeof(endpoint->address.octets);

	memcpy(out, endpoint->address.octets, size);
	out[size] = (uint8_t)(endpoint->port >> 8);
	out[size + 1] = (uint8_t)endpoint->port;
	return size + 2;
}
