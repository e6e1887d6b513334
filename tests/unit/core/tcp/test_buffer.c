/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte queues over one pool: what goes in comes out, in order, and every block comes back. */
#include "core/tcp/buffer.h"
#include "unit.h"

#define BLOCKS 12
#define QUEUES 3
#define QUEUE_MAX (BLOCKS * BUFFER_BLOCK_SIZE)

struct rig {
	struct buffer_block blocks[BLOCKS];
	struct buffer_pool pool;
	struct buffer buffers[QUEUES];
};

/* What a buffer should hold. */
struct model {
	uint8_t bytes[QUEUE_MAX];
	size_t length;
};

static void rig_make(struct rig *rig, uint32_t count)
{
	memset(rig, 0, sizeof(*rig));
	/* The pool promises not to need cleared memory. */
	memset(rig->blocks, 0xa5, sizeof(rig->blocks));
	buffer_pool_init(&rig->pool, rig->blocks, count);
}

static struct bytes pattern(size_t length)
{
	static uint8_t text[QUEUE_MAX];

	for (size_t index = 0; index < length; index++)
		text[index] = (uint8_t)(index * 7 + index / 251);
	return (struct bytes){ text, length };
}

static void bytes_come_out_as_they_went_in(void **state)
{
	static const size_t lengths[] = {
		1, 2, BUFFER_BLOCK_DATA - 1, BUFFER_BLOCK_DATA, BUFFER_BLOCK_DATA + 1, 2 * BUFFER_BLOCK_DATA,
		3 * BUFFER_BLOCK_DATA + 17, BLOCKS * BUFFER_BLOCK_DATA,
	};
	uint8_t out[QUEUE_MAX];
	struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lengths); index++) {
		struct bytes bytes = pattern(lengths[index]);

		rig_make(&rig, BLOCKS);
		assert_true(buffer_append(&rig.pool, &rig.buffers[0], bytes));
		assert_int_equal(rig.buffers[0].length, bytes.length);
		assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], 0, sizeof(out), out), bytes.length);
		assert_memory_equal(out, bytes.data, bytes.length);
		buffer_clear(&rig.pool, &rig.buffers[0]);
		assert_int_equal(rig.pool.free_count, BLOCKS);
	}
}

static void a_pool_that_is_exhausted_takes_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 2);
	assert_true(buffer_append(&rig.pool, &rig.buffers[0], pattern(BUFFER_BLOCK_DATA - 3)));
	assert_false(buffer_append(&rig.pool, &rig.buffers[0], pattern(BUFFER_BLOCK_DATA + 4)));
	assert_int_equal(rig.buffers[0].length, BUFFER_BLOCK_DATA - 3);
	assert_true(buffer_append(&rig.pool, &rig.buffers[0], pattern(BUFFER_BLOCK_DATA + 3)));
	assert_int_equal(rig.pool.free_count, 0);
	assert_false(buffer_has_room(&rig.pool, &rig.buffers[0], 1));
	assert_false(buffer_append(&rig.pool, &rig.buffers[1], pattern(1)));
	assert_true(buffer_has_room(&rig.pool, &rig.buffers[1], 0));
	assert_int_equal(rig.buffers[1].length, 0);
	buffer_drop(&rig.pool, &rig.buffers[0], BUFFER_BLOCK_DATA);
	assert_true(buffer_append(&rig.pool, &rig.buffers[1], pattern(1)));
}

static void a_pool_without_blocks_holds_nothing(void **state)
{
	uint8_t out[1];
	struct rig rig;

	(void)state;
	rig_make(&rig, 0);
	assert_true(buffer_append(&rig.pool, &rig.buffers[0], pattern(0)));
	assert_false(buffer_append(&rig.pool, &rig.buffers[0], pattern(1)));
	assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], 0, 1, out), 0);
	buffer_drop(&rig.pool, &rig.buffers[0], 1);
	buffer_clear(&rig.pool, &rig.buffers[0]);
}

static void a_buffer_without_bytes_holds_no_block(void **state)
{
	static const size_t lengths[] = { 1, BUFFER_BLOCK_DATA, BUFFER_BLOCK_DATA + 1, 3 * BUFFER_BLOCK_DATA };
	struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lengths); index++) {
		rig_make(&rig, BLOCKS);
		assert_true(buffer_append(&rig.pool, &rig.buffers[0], pattern(lengths[index])));
		while (rig.buffers[0].length > 0)
			buffer_drop(&rig.pool, &rig.buffers[0], rig.buffers[0].length > 100 ? 100 : 1);
		assert_int_equal(rig.pool.free_count, BLOCKS);
		assert_int_equal(rig.buffers[0].first, 0);
	}
}

static void a_copy_stops_at_the_end_of_the_bytes(void **state)
{
	struct bytes bytes = pattern(2 * BUFFER_BLOCK_DATA + 5);
	uint8_t out[8] = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, BLOCKS);
	assert_true(buffer_append(&rig.pool, &rig.buffers[0], bytes));
	assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], bytes.length - 3, sizeof(out), out), 3);
	assert_memory_equal(out, bytes.data + bytes.length - 3, 3);
	assert_int_equal(out[3], 0);
	assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], bytes.length, sizeof(out), out), 0);
	assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], SIZE_MAX, sizeof(out), out), 0);
	assert_int_equal(buffer_copy(&rig.pool, &rig.buffers[0], 0, 0, out), 0);
}

static void take(struct rig *rig, size_t blocks)
{
	assert_true(buffer_append(&rig->pool, &rig->buffers[0], pattern(blocks * BUFFER_BLOCK_DATA)));
}

static void a_pool_is_short_below_half_and_scarce_below_a_quarter(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 12);
	take(&rig, 6);
	assert_false(buffer_pool_is_short(&rig.pool));
	take(&rig, 1);
	assert_true(buffer_pool_is_short(&rig.pool));
	take(&rig, 2);
	assert_false(buffer_pool_is_scarce(&rig.pool));
	take(&rig, 1);
	assert_true(buffer_pool_is_scarce(&rig.pool));
}

/* Two blocks are for everybody; more only from what is above the last quarter, which is three blocks here. */
static void the_last_quarter_of_a_pool_is_for_who_has_little(void **state)
{
	const size_t small = 2 * BUFFER_BLOCK_DATA;
	struct rig rig;

	(void)state;
	rig_make(&rig, 12);
	assert_true(buffer_pool_may_have(&rig.pool, BUFFER_BLOCK_DATA, 8 * BUFFER_BLOCK_DATA));
	assert_false(buffer_pool_may_have(&rig.pool, BUFFER_BLOCK_DATA, 8 * BUFFER_BLOCK_DATA + 1));
	for (size_t taken = 9; taken <= 12; taken++) {
		rig_make(&rig, 12);
		take(&rig, taken);
		assert_true(buffer_pool_may_have(&rig.pool, 1, small - 1));
		assert_false(buffer_pool_may_have(&rig.pool, 2, small - 1));
	}
}

static void check(struct rig *rig, struct model *models, uint64_t *random)
{
	static uint8_t out[QUEUE_MAX];
	uint32_t blocks = 0;

	for (size_t index = 0; index < QUEUES; index++) {
		const struct buffer *buffer = &rig->buffers[index];
		const struct model *model = &models[index];
		size_t offset = unit_random_below(random, (uint32_t)model->length + 1);
		size_t length = unit_random_below(random, (uint32_t)(model->length - offset) + 1);

		assert_int_equal(buffer->length, model->length);
		assert_int_equal(buffer_copy(&rig->pool, buffer, offset, length, out), length);
		assert_memory_equal(out, model->bytes + offset, length);
		assert_int_equal(buffer_copy(&rig->pool, buffer, 0, sizeof(out), out), model->length);
		assert_memory_equal(out, model->bytes, model->length);
		blocks += (uint32_t)((buffer->skip + buffer->length + BUFFER_BLOCK_DATA - 1) / BUFFER_BLOCK_DATA);
	}
	/* None is lost, none is counted twice. */
	assert_int_equal(blocks + rig->pool.free_count, BLOCKS);
}

static void change(struct rig *rig, struct model *models, uint64_t *random)
{
	size_t index = unit_random_below(random, QUEUES);
	struct buffer *buffer = &rig->buffers[index];
	struct model *model = &models[index];
	size_t length = unit_random_below(random, unit_random_below(random, 2) ? 20 : 1500);
	struct bytes bytes = pattern(length);
	bool room;

	switch (unit_random_below(random, 8)) {
	case 0:
		buffer_clear(&rig->pool, buffer);
		model->length = 0;
		break;
	case 1:
	case 2:
	case 3:
		buffer_drop(&rig->pool, buffer, length);
		length = length < model->length ? length : model->length;
		model->length -= length;
		memmove(model->bytes, model->bytes + length, model->length);
		break;
	default:
		room = buffer_has_room(&rig->pool, buffer, length);
		assert_int_equal(buffer_append(&rig->pool, buffer, bytes), room);
		if (room) {
			memcpy(model->bytes + model->length, bytes.data, length);
			model->length += length;
		}
		break;
	}
}

static void queues_behave_like_plain_arrays(void **state)
{
	static struct model models[QUEUES];
	static struct rig rig;
	uint64_t random = 20;

	(void)state;
	for (unsigned int run = 0; run < 40; run++) {
		memset(models, 0, sizeof(models));
		rig_make(&rig, BLOCKS);
		for (unsigned int step = 0; step < 400; step++) {
			change(&rig, models, &random);
			check(&rig, models, &random);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(a_pool_that_is_exhausted_takes_nothing),
		cmocka_unit_test(a_pool_without_blocks_holds_nothing),
		cmocka_unit_test(a_buffer_without_bytes_holds_no_block),
		cmocka_unit_test(a_copy_stops_at_the_end_of_the_bytes),
		cmocka_unit_test(a_pool_is_short_below_half_and_scarce_below_a_quarter),
		cmocka_unit_test(the_last_quarter_of_a_pool_is_for_who_has_little),
		cmocka_unit_test(queues_behave_like_plain_arrays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
