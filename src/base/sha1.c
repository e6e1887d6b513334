/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sha1.h"

#include <string.h>

#define BLOCK_SIZE 64
#define WORD_COUNT 16
#define ROUND_COUNT 80

static uint32_t sha1_rotate(uint32_t word, unsigned int bits)
{
	return word << bits | word >> (32 - bits);
}

/* Only the last sixteen words of the schedule are ever looked at. */
static uint32_t sha1_schedule(uint32_t words[WORD_COUNT], unsigned int round)
{
	uint32_t *word = &words[round % WORD_COUNT];

	if (round >= WORD_COUNT)
		*word = sha1_rotate(words[(round + 13) % WORD_COUNT] ^ words[(round + 8) % WORD_COUNT] ^
				    words[(round + 2) % WORD_COUNT] ^ *word, 1);
	return *word;
}

/* The function of a round, and its constant. */
static uint32_t sha1_mix(const uint32_t state[5], unsigned int round)
{
	const uint32_t b = state[1], c = state[2], d = state[3];

	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + UINT32_C(0x5a827999);
	case 1:
		return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
	case 2:
		return ((b & c) | (b & d) | (c & d)) + UINT32_C(0x8f1bbcdc);
	default:
		return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
	}
}

static void sha1_turn(uint32_t state[5], uint32_t words[WORD_COUNT])
{
	for (unsigned int round = 0; round < ROUND_COUNT; round++) {
		const uint32_t next = sha1_rotate(state[0], 5) + sha1_mix(state, round) + state[4] +
				      sha1_schedule(words, round);

		state[4] = state[3];
		state[3] = state[2];
		state[2] = sha1_rotate(state[1], 30);
		state[1] = state[0];
		state[0] = next;
	}
}

void sha1_digest(struct bytes text, uint8_t digest[SHA1_SIZE])
{
	static const uint32_t first[] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t block[BLOCK_SIZE] = { 0 };
	uint32_t words[WORD_COUNT];
	uint32_t state[5];

	memcpy(block, text.data, text.length);
	block[text.length] = 0x80;
	block[BLOCK_SIZE - 2] = (uint8_t)(text.length * 8 >> 8);
	block[BLOCK_SIZE - 1] = (uint8_t)(text.length * 8);
	for (size_t i = 0; i < WORD_COUNT; i++)
		words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
			   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	memcpy(state, first, sizeof(state));
	sha1_turn(state, words);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		digest[i] = (uint8_t)((state[i / 4] + first[i / 4]) >> (24 - 8 * (i % 4)));
}
