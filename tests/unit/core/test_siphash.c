/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash-2-4 against the vectors of its paper and of its reference implementation. */
#include "core/siphash.h"
#include "unit.h"

/* Key 00 to 0f, message 00, 01, ... of each length. The 15 bytes are the example of the paper's appendix A. */
static const struct {
	size_t length;
	uint64_t hash;
} vectors[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) },
	{ 1, UINT64_C(0x74f839c593dc67fd) },
	{ 2, UINT64_C(0x0d6c8009d9a94f5a) },
	{ 3, UINT64_C(0x85676696d7fb7e2d) },
	{ 7, UINT64_C(0xab0200f58b01d137) },
	{ 8, UINT64_C(0x93f5f5799a932462) },
	{ 15, UINT64_C(0xa129ca6149be45e5) },
	{ 16, UINT64_C(0x3f2acc7f57c29bdb) },
	{ 31, UINT64_C(0x32d892fad841c342) },
	{ 63, UINT64_C(0x958a324ceb064572) },
};

static void known_messages_have_known_hashes(void **state)
{
	uint8_t key[16];
	uint8_t message[64];

	(void)state;
	for (size_t index = 0; index < sizeof(message); index++)
		message[index] = (uint8_t)index;
	memcpy(key, message, sizeof(key));
	for (size_t index = 0; index < ARRAY_SIZE(vectors); index++) {
		struct bytes bytes = { message, vectors[index].length };

		assert_true(siphash_compute(key, bytes) == vectors[index].hash);
	}
}

static void every_bit_of_the_key_and_of_the_message_counts(void **state)
{
	uint8_t key[16] = { 0 };
	uint8_t message[36] = { 0 };
	struct bytes bytes = { message, sizeof(message) };
	uint64_t plain = siphash_compute(key, bytes);

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(siphash_compute(key, bytes) != plain);
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(message); bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(siphash_compute(key, bytes) != plain);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_messages_have_known_hashes),
		cmocka_unit_test(every_bit_of_the_key_and_of_the_message_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
