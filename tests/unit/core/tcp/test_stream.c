/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a connection. First the rows that say what stream.h promises, then the model (stream_model.h), which
 * tries whatever order of edits, losses, repetitions and acknowledgements it can think of.
 */
#include "unit.h"

#define MODEL_CHECK(condition) \
	do { \
		if (!(condition)) \
			fail_msg("%s (line %d, run %u, step %u)", #condition, __LINE__, model_run, model_at); \
	} while (0)

/* For messages: which run of the model, and which of its steps. */
static unsigned int model_run;
static unsigned int model_at;

#include "stream_model.h"

static const struct seqadj none;

struct rig {
	struct buffer_block blocks[8];
	struct buffer_pool pool;
	struct stream stream;
};

static void rig_make(struct rig *rig, uint32_t in, const struct seqadj *kernel, bool adopted)
{
	memset(rig, 0, sizeof(*rig));
	buffer_pool_init(&rig->pool, rig->blocks, ARRAY_SIZE(rig->blocks));
	stream_start(&rig->stream, &rig->pool, in, kernel, adopted);
}

static void pass(struct rig *rig, const char *text)
{
	stream_pass(&rig->stream, &rig->pool, unit_string(text));
}

static void replace(struct rig *rig, uint32_t in_length, const char *text)
{
	struct seqadj plan = { 0, 0, 0 };

	assert_int_equal(stream_plan_resize(&rig->stream, 0, in_length, (uint32_t)strlen(text), &plan), REASON_NONE);
	stream_replace(&rig->stream, &rig->pool, in_length, unit_string(text), &plan);
}

/* What leaves for the sender's segment [in, in + length), or "" for nothing. */
static const char *leaves(struct rig *rig, uint32_t in, uint32_t length, uint32_t *out)
{
	static char text[512];
	struct stream_range range;

	stream_map(&rig->stream, in, length, rig->stream.out_next, sizeof(text) - 1, &range);
	stream_copy(&rig->stream, &rig->pool, &range, (uint8_t *)text);
	text[range.length] = '\0';
	if (range.length > 0)
		assert_int_equal(seqadj_apply(&rig->stream.kernel, range.in), range.out);
	*out = range.out;
	return text;
}

static void the_kernels_arithmetic_is_strictly_behind_the_position(void **state)
{
	static const struct {
		struct seqadj seqadj;
		uint32_t in, out;
	} rows[] = {
		{ { 0, 0, 0 }, 0, 0 },
		{ { 1000, 0, 6 }, 999, 999 },
		{ { 1000, 0, 6 }, 1000, 1000 },
		{ { 1000, 0, 6 }, 1001, 1007 },
		{ { 1000, 6, 2 }, 1000, 1006 },
		{ { 1000, 6, 2 }, 1020, 1022 },
		{ { 1000, 0, -6 }, 1020, 1014 },
		{ { UINT32_C(0xfffffffe), 0, 6 }, UINT32_C(0xfffffffe), UINT32_C(0xfffffffe) },
		{ { UINT32_C(0xfffffffe), 0, 6 }, UINT32_MAX, 5 },
		{ { UINT32_C(0xfffffffe), 0, -6 }, 20, 14 },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		assert_int_equal(seqadj_apply(&rows[index].seqadj, rows[index].in), rows[index].out);
		assert_int_equal(seqadj_revert(&rows[index].seqadj, rows[index].out), rows[index].in);
	}
}

static void a_stream_begins_where_the_kernel_puts_it(void **state)
{
	static const struct seqadj kernel = { 900, 6, 12 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &kernel, false);
	assert_int_equal(rig.stream.out_next, 1012);
	rig_make(&rig, 900, &kernel, false);
	assert_int_equal(rig.stream.out_next, 906);
	rig_make(&rig, 3, &(struct seqadj){ UINT32_C(0xfffffff0), 0, -6 }, false);
	assert_int_equal(rig.stream.out_next, UINT32_C(0xfffffffd));
}

static void segments_are_fresh_known_old_or_behind_a_gap(void **state)
{
	static const struct {
		uint32_t in;
		size_t length;
		enum stream_place place;
		size_t skip;
	} rows[] = {
		{ 1020, 5, STREAM_FRESH, 0 },
		{ 1015, 10, STREAM_FRESH, 5 },
		{ 990, 31, STREAM_FRESH, 30 },
		{ 1021, 1, STREAM_GAP, 0 },
		{ 1015, 5, STREAM_KNOWN, 0 },
		{ 1019, 1, STREAM_KNOWN, 0 }, /* held */
		{ 1005, 10, STREAM_KNOWN, 0 },
		{ 1000, 10, STREAM_OLD, 0 },
		{ 1009, 1, STREAM_OLD, 0 },
		{ 1000, 11, STREAM_KNOWN, 0 },
		{ 500, 100, STREAM_OLD, 0 },
	};
	struct rig rig;

	(void)state;
	/* 1000 to 1010 acknowledged, to 1017 sent, to 1020 held. */
	rig_make(&rig, 1000, &none, false);
	pass(&rig, "0123456789abcdefg");
	stream_acknowledge(&rig.stream, &rig.pool, 1010);
	rig.stream.in_next = 1020;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		size_t skip;
		enum stream_place place = stream_locate(&rig.stream, rows[index].in, rows[index].length, &skip);

		if (place != rows[index].place || skip != rows[index].skip)
			fail_msg("%u+%zu: place %d, skip %zu", rows[index].in, rows[index].length, (int)place, skip);
	}
	assert_int_equal(stream_held(&rig.stream), 3);
}

static void an_edited_part_leaves_whole(void **state)
{
	static const struct {
		uint32_t in, length;
		const char *leaves;
		uint32_t out;
	} rows[] = {
		{ 1000, 18, "PORT 198,51,100,1,4,1\r\n", 1000 },
		{ 1000, 5, "PORT ", 1000 },
		{ 1000, 6, "PORT 198,51,100,1,4,1", 1000 },
		{ 1005, 1, "198,51,100,1,4,1", 1005 },
		{ 1007, 3, "198,51,100,1,4,1", 1005 },
		{ 1008, 20, "198,51,100,1,4,1\r\n", 1005 },
		{ 1015, 1, "198,51,100,1,4,1", 1005 },
		{ 1016, 1, "\r", 1021 },
		{ 1016, 2, "\r\n", 1021 },
		{ 1018, 2, "", 1023 },
	};
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	pass(&rig, "PORT ");
	replace(&rig, 11, "198,51,100,1,4,1");
	pass(&rig, "\r\n");
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		uint32_t out;
		const char *text = leaves(&rig, rows[index].in, rows[index].length, &out);

		assert_string_equal(text, rows[index].leaves);
		assert_int_equal(out, rows[index].out);
	}
}

/* An empty segment, a stale acknowledgement for one, brings no payload along. */
static void an_empty_segment_stays_empty_wherever_it_lies(void **state)
{
	struct rig rig;
	uint32_t out;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	pass(&rig, "PORT ");
	replace(&rig, 11, "198,51,100,1,4,1");
	pass(&rig, "\r\n");
	for (uint32_t in = 990; in < 1030; in++)
		assert_string_equal(leaves(&rig, in, 0, &out), "");
}

/*
 * The kernel has no number for a byte inside a part that grew. So a receiver that has taken half of it, because its
 * window was small or the segment was cut, is given the whole of it again.
 */
static void half_an_edited_part_is_repeated_from_its_start(void **state)
{
	static const char *const replacements[] = { "198,51,100,200,255,255", "1,2,3,4,5" };
	struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(replacements); index++) {
		uint32_t length = (uint32_t)strlen(replacements[index]);
		char line[64];

		snprintf(line, sizeof(line), "%s\r\n", replacements[index]);
		for (uint32_t have = 1; have < length; have++) {
			uint32_t out;
			uint32_t packet;

			rig_make(&rig, 1000, &none, false);
			pass(&rig, "PORT ");
			replace(&rig, 14, replacements[index]);
			pass(&rig, "\r\n");
			packet = stream_acknowledge(&rig.stream, &rig.pool, 1005 + have);
			assert_int_equal(seqadj_revert(&rig.stream.kernel, packet), 1005);
			assert_string_equal(leaves(&rig, 1005, 16, &out), line);
			assert_int_equal(out, 1005);
		}
	}
}

static void corrections_are_planned_from_the_sum_of_all_before(void **state)
{
	struct seqadj plan;
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &(struct seqadj){ 10, 0, 5 }, false);
	assert_int_equal(stream_plan_resize(&rig.stream, 5, 11, 16, &plan), REASON_NONE);
	assert_int_equal(plan.position, 1005);
	assert_int_equal(plan.before, 5);
	assert_int_equal(plan.after, 10);
	pass(&rig, "PORT ");
	replace(&rig, 11, "198,51,100,1,4,1");
	pass(&rig, "\r\n");
	assert_int_equal(stream_plan_resize(&rig.stream, 0, 20, 12, &plan), REASON_NONE);
	assert_int_equal(plan.position, 1018);
	assert_int_equal(plan.before, 10);
	assert_int_equal(plan.after, 2);
}

static void a_bounded_number_of_edits_is_in_flight(void **state)
{
	struct seqadj plan;
	struct rig rig;

	(void)state;
	rig_make(&rig, UINT32_C(0xfffffff0), &none, false);
	for (unsigned int count = 0; count < SEQADJ_EDITS_MAX; count++)
		replace(&rig, 3, "12345");
	assert_int_equal(stream_plan_resize(&rig.stream, 0, 3, 5, &plan), REASON_EDITS_FULL);
	/* Half of the oldest is not enough. */
	stream_acknowledge(&rig.stream, &rig.pool, UINT32_C(0xfffffff0) + 4);
	assert_int_equal(stream_plan_resize(&rig.stream, 0, 3, 5, &plan), REASON_EDITS_FULL);
	stream_acknowledge(&rig.stream, &rig.pool, UINT32_C(0xfffffff0) + 5);
	assert_int_equal(stream_plan_resize(&rig.stream, 0, 3, 5, &plan), REASON_NONE);
	assert_int_equal(rig.stream.edit_count, SEQADJ_EDITS_MAX - 1);
}

static void edits_that_keep_the_length_need_no_record(void **state)
{
	struct rig rig;
	uint32_t out;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	for (unsigned int count = 0; count < 2 * SEQADJ_EDITS_MAX; count++)
		stream_replace(&rig.stream, &rig.pool, 4, unit_string("XXXX"), &none);
	assert_int_equal(rig.stream.edit_count, 0);
	assert_string_equal(leaves(&rig, 1002, 5, &out), "XXXXX");
	assert_int_equal(out, 1002);
}

static void room_is_bounded_by_the_limit_and_by_the_pool(void **state)
{
	static const char text[600];
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	stream_pass(&rig.stream, &rig.pool, unit_bytes(text, 500));
	assert_int_equal(stream_check_room(&rig.stream, &rig.pool, 100, 600), REASON_NONE);
	assert_int_equal(stream_check_room(&rig.stream, &rig.pool, 101, 600), REASON_WINDOW_FULL);
	assert_int_equal(stream_check_room(&rig.stream, &rig.pool, 8 * BUFFER_BLOCK_DATA - 500, UINT32_MAX),
			 REASON_NONE);
	assert_int_equal(stream_check_room(&rig.stream, &rig.pool, 8 * BUFFER_BLOCK_DATA - 499, UINT32_MAX),
			 REASON_MEMORY_FULL);
}

static void an_adopted_start_is_contradicted_by_what_lies_behind_it(void **state)
{
	struct rig rig;

	(void)state;
	for (int adopted = 0; adopted < 2; adopted++) {
		rig_make(&rig, 1000, &(struct seqadj){ 10, 0, 6 }, adopted);
		assert_int_equal(stream_is_untouched(&rig.stream), adopted);
		assert_false(stream_is_contradicted(&rig.stream, 1006));
		assert_false(stream_is_contradicted(&rig.stream, 900));
		assert_int_equal(stream_is_contradicted(&rig.stream, 1007), adopted);
		pass(&rig, "NOOP\r\n");
		assert_false(stream_is_contradicted(&rig.stream, 1012));
		assert_int_equal(stream_is_contradicted(&rig.stream, 1013), adopted);
		rig.stream.finished = true;
		assert_false(stream_is_contradicted(&rig.stream, 1013));
		assert_false(stream_is_untouched(&rig.stream));
	}
	/* Of what is opaque nobody keeps the numbers. */
	stream_set_passing(&rig.stream, &rig.pool);
	assert_false(stream_is_contradicted(&rig.stream, 5000));
}

static void a_stream_is_closed_when_its_fin_is_acknowledged(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	pass(&rig, "QUIT\r\n");
	stream_acknowledge(&rig.stream, &rig.pool, 1007);
	assert_false(rig.stream.closed);
	rig.stream.finished = true;
	stream_acknowledge(&rig.stream, &rig.pool, 1006);
	assert_false(rig.stream.closed);
	assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, 1007), 1007);
	assert_true(rig.stream.closed);
	assert_int_equal(rig.stream.out_acked, 1006);
}

static void acknowledgements_of_what_was_never_sent_change_nothing(void **state)
{
	static const uint32_t acks[] = { 1007, 2000, 999, 0, UINT32_C(0x80000000) };
	struct rig rig;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(acks); index++) {
		rig_make(&rig, 1000, &none, true);
		pass(&rig, "QUIT\r\n");
		assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, acks[index]), acks[index]);
		assert_int_equal(rig.stream.out_acked, 1000);
		assert_int_equal(rig.stream.sent.length, 6);
	}
}

static void a_passing_stream_keeps_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	pass(&rig, "AUTH TLS\r\n");
	stream_set_passing(&rig.stream, &rig.pool);
	assert_int_equal(rig.pool.free_count, ARRAY_SIZE(rig.blocks));
	assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, 123456), 123456);
	assert_int_equal(stream_map_empty(&rig.stream, 123456), 123456);
}

static void what_is_owed_begins_every_transmission(void **state)
{
	struct rig rig;
	uint32_t out;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	rig.stream.in_next = 1010;
	stream_set_owing(&rig.stream);
	pass(&rig, "PORT 10,0,0,5,4,1\r\n");
	assert_string_equal(leaves(&rig, 1010, 9, &out), "PORT 10,0,0,5,4,1\r\n");
	assert_int_equal(out, 1000);
	assert_string_equal(leaves(&rig, 1018, 1, &out), "PORT 10,0,0,5,4,1\r\n");
	stream_acknowledge(&rig.stream, &rig.pool, 1009);
	assert_string_equal(leaves(&rig, 1010, 9, &out), ",0,5,4,1\r\n");
	stream_acknowledge(&rig.stream, &rig.pool, 1010);
	assert_false(rig.stream.owing);
	assert_string_equal(leaves(&rig, 1017, 2, &out), "\r\n");
}

/* In the numbers of a sender that was told more than its receiver has. */
static void what_a_sender_was_told_stays_told(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 1000, &none, false);
	assert_int_equal(stream_map_acknowledgement(&rig.stream, 1000), 1000);
	rig.stream.in_next = 1010;
	assert_int_equal(stream_map_acknowledgement(&rig.stream, 1000), 1000);
	stream_set_owing(&rig.stream);
	assert_int_equal(stream_map_acknowledgement(&rig.stream, 1000), 1010);
	assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, 1000), 1010);
	pass(&rig, "PORT 10,0,0,5,4,1\r\n");
	assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, 1004), 1010);
	assert_int_equal(stream_acknowledge(&rig.stream, &rig.pool, 1012), 1012);
	assert_int_equal(stream_map_acknowledgement(&rig.stream, 1004), 1004);
}

static uint32_t choose(void *context, uint32_t below)
{
	return unit_random_below(context, below);
}

static void run_model(uint64_t *random, unsigned int steps)
{
	static struct stream_model model;
	/* The numbers pass 2^32, or 2^31, on the way. */
	uint32_t first = (unit_random_below(random, 2) ? UINT32_C(0x80000000) : 0) - unit_random_below(random, 3000);
	struct seqadj kernel = { 0, 0, 0 };

	if (unit_random_below(random, 2)) {
		kernel.before = (int32_t)unit_random_below(random, 100) - 50;
		kernel.after = (int32_t)unit_random_below(random, 100) - 50;
		/* An edit that shrank stood on more bytes than it took away. */
		kernel.position = first - 101 - unit_random_below(random, 5000);
	}
	model.choose = choose;
	model.context = random;
	model_start(&model, first, &kernel);
	for (model_at = 0; model_at < steps; model_at++)
		model_step(&model);
	model_finish(&model);
}

static void the_output_is_one_string_whatever_is_lost_or_repeated(void **state)
{
	uint64_t random = 23;

	(void)state;
	for (model_run = 0; model_run < 4000; model_run++)
		run_model(&random, 20 + model_run % 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_arithmetic_is_strictly_behind_the_position),
		cmocka_unit_test(a_stream_begins_where_the_kernel_puts_it),
		cmocka_unit_test(segments_are_fresh_known_old_or_behind_a_gap),
		cmocka_unit_test(an_edited_part_leaves_whole),
		cmocka_unit_test(an_empty_segment_stays_empty_wherever_it_lies),
		cmocka_unit_test(half_an_edited_part_is_repeated_from_its_start),
		cmocka_unit_test(corrections_are_planned_from_the_sum_of_all_before),
		cmocka_unit_test(a_bounded_number_of_edits_is_in_flight),
		cmocka_unit_test(edits_that_keep_the_length_need_no_record),
		cmocka_unit_test(room_is_bounded_by_the_limit_and_by_the_pool),
		cmocka_unit_test(an_adopted_start_is_contradicted_by_what_lies_behind_it),
		cmocka_unit_test(a_stream_is_closed_when_its_fin_is_acknowledged),
		cmocka_unit_test(acknowledgements_of_what_was_never_sent_change_nothing),
		cmocka_unit_test(a_passing_stream_keeps_nothing),
		cmocka_unit_test(what_is_owed_begins_every_transmission),
		cmocka_unit_test(what_a_sender_was_told_stays_told),
		cmocka_unit_test(the_output_is_one_string_whatever_is_lost_or_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
