/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A model of one direction of a connection, to hold stream.c against: a sender that sends and repeats whatever it
 * likes, the kernel behind the gateway (seqadj_apply, seqadj_revert), a receiver that acknowledges whatever it likes.
 *
 *   sender --- in ---> [ stream ] --- in ---> [ kernel ] --- out ---> receiver
 *          <-- in ---- [ kernel ] <-- out --- [ stream ] <-- out ----
 *
 * The model keeps the whole output as a plain array, and every edit there ever was. Each step checks stream.h's
 * promises: whatever leaves is the output at the place where the kernel puts it, and the sender never learns of more
 * than the receiver has acknowledged.
 *
 * Who includes this defines MODEL_CHECK(condition), which ends the run where the condition does not hold. Used by
 * test_stream.c and by fuzz_stream.c.
 */
#ifndef UNIT_STREAM_MODEL_H
#define UNIT_STREAM_MODEL_H

#include <string.h>

#include "core/tcp/stream.h"
#include "ftpalg/packet.h"

#define MODEL_BYTES 8192
#define MODEL_STEPS_MAX 400
#define MODEL_BLOCKS 40
#define MODEL_REPLACEMENT_MAX 60
#define MODEL_TAKE_MAX 40

/* Offsets count from the first byte of the stream. */
struct model_edit {
	size_t in, in_length;
	size_t out, out_length;
};

struct stream_model {
	struct buffer_block blocks[MODEL_BLOCKS];
	struct buffer_pool pool;
	struct stream stream;
	struct seqadj kernel;
	uint32_t first_in;
	uint32_t first_out;

	size_t taken;   /* what the gateway has of the input */
	size_t decided;
	size_t known;   /* what the sender believes to have arrived */
	size_t owed;    /* what the gateway has acknowledged in the receiver's name */
	uint8_t out[MODEL_BYTES];
	size_t out_length;
	bool have[MODEL_BYTES];
	size_t received; /* without a gap */
	size_t acked;
	struct model_edit edits[MODEL_STEPS_MAX];
	size_t edit_count;

	/* Where choices come from: a number below that one. */
	uint32_t (*choose)(void *context, uint32_t below);
	void *context;
};

static inline uint32_t model_choose(struct stream_model *model, size_t below)
{
	return below > 1 ? model->choose(model->context, (uint32_t)below) : 0;
}

static inline size_t model_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t model_most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Any bytes, but such that a shift is seen. */
static inline uint8_t model_in_byte(size_t offset)
{
	return (uint8_t)(offset * 37 + offset / 256);
}

static inline uint32_t model_in(const struct stream_model *model, size_t offset)
{
	return model->first_in + (uint32_t)offset;
}

static inline uint32_t model_out(const struct stream_model *model, size_t offset)
{
	return model->first_out + (uint32_t)offset;
}

/* Up to where the sender's bytes have arrived, if the receiver has the output up to here. */
static inline size_t model_truth(const struct stream_model *model, size_t out)
{
	size_t in = out;

	for (size_t i = 0; i < model->edit_count; i++) {
		const struct model_edit *edit = &model->edits[i];

		if (out <= edit->out)
			break;
		if (out < edit->out + edit->out_length)
			return edit->in;
		in = out - (edit->out + edit->out_length) + (edit->in + edit->in_length);
	}
	return in;
}

/* What stands in the output for the input at this offset, which has been decided; an edited part counts as one. */
static inline size_t model_place(const struct stream_model *model, size_t in, bool is_end)
{
	size_t out = in;

	for (size_t i = 0; i < model->edit_count; i++) {
		const struct model_edit *edit = &model->edits[i];

		if (in <= edit->in)
			break;
		if (in < edit->in + edit->in_length)
			return is_end ? edit->out + edit->out_length : edit->out;
		out = in - (edit->in + edit->in_length) + (edit->out + edit->out_length);
	}
	return out;
}

/* Is this a place inside a part that changed its length? */
static inline bool model_is_inside_edit(const struct stream_model *model, size_t out)
{
	for (size_t i = 0; i < model->edit_count; i++)
		if (out > model->edits[i].out && out < model->edits[i].out + model->edits[i].out_length)
			return true;
	return false;
}

static inline void model_append(struct stream_model *model, const uint8_t *bytes, size_t length)
{
	memcpy(model->out + model->out_length, bytes, length);
	model->out_length += length;
}

/* Between steps. */
static inline void model_check_invariants(const struct stream_model *model)
{
	const struct stream *stream = &model->stream;

	MODEL_CHECK(stream->in_next == model_in(model, model->taken));
	MODEL_CHECK(stream->in_decided == model_in(model, model->decided));
	MODEL_CHECK(stream->out_next == model_out(model, model->out_length));
	MODEL_CHECK(!seq_before(model_out(model, model->acked), stream->out_acked));
	MODEL_CHECK(stream->sent.length == stream->out_next - stream->out_acked);
	MODEL_CHECK(stream->edit_count <= SEQADJ_EDITS_MAX);
	MODEL_CHECK(stream_held(stream) == model->taken - model->decided);
	/* An acknowledgement of everything releases everything. */
	MODEL_CHECK(model->acked < model->out_length || (stream->sent.length == 0 && stream->edit_count == 0));
	MODEL_CHECK(stream->owing == (model->owed > model->decided ||
				      model->acked < model_place(model, model->owed, true)));
}

static inline void model_pass(struct stream_model *model, size_t length)
{
	uint8_t bytes[MODEL_BYTES];

	for (size_t i = 0; i < length; i++)
		bytes[i] = model_in_byte(model->decided + i);
	stream_pass(&model->stream, &model->pool, (struct bytes){ bytes, length });
	model_append(model, bytes, length);
	model->decided += length;
}

/* Replaces the next in_length bytes, before which offset bytes pass. False where the stream says that it can't be. */
static inline bool model_replace(struct stream_model *model, size_t offset, size_t in_length, size_t out_length)
{
	uint8_t bytes[MODEL_REPLACEMENT_MAX];
	struct seqadj plan = { 0, 0, 0 };
	struct model_edit *edit = &model->edits[model->edit_count];

	if (in_length != out_length) {
		enum reason reason = stream_plan_resize(&model->stream, (uint32_t)offset, (uint32_t)in_length,
							(uint32_t)out_length, &plan);

		MODEL_CHECK((reason == REASON_EDITS_FULL) == (model->stream.edit_count == SEQADJ_EDITS_MAX));
		if (reason != REASON_NONE)
			return false;
		/* The kernel has it before anything of it leaves. */
		model->kernel = plan;
	}
	model_pass(model, offset);
	for (size_t i = 0; i < out_length; i++)
		bytes[i] = (uint8_t)(model_choose(model, 256));
	if (in_length != out_length) {
		*edit = (struct model_edit){ model->decided, in_length, model->out_length, out_length };
		model->edit_count++;
	}
	stream_replace(&model->stream, &model->pool, (uint32_t)in_length, (struct bytes){ bytes, out_length }, &plan);
	model_append(model, bytes, out_length);
	model->decided += in_length;
	return true;
}

/* Decides some of what is held, as inspection does it with whole lines. */
static inline void model_decide(struct stream_model *model)
{
	size_t held = model->taken - model->decided;
	size_t length = 1 + model_choose(model, held);
	size_t offset = model_choose(model, length);
	size_t in_length = 1 + model_choose(model, length - offset);
	size_t out_length = 1 + model_choose(model, MODEL_REPLACEMENT_MAX);

	if (held == 0 || model->edit_count == MODEL_STEPS_MAX ||
	    model->out_length + length + MODEL_REPLACEMENT_MAX > MODEL_BYTES ||
	    stream_check_room(&model->stream, &model->pool, length + MODEL_REPLACEMENT_MAX, MODEL_BYTES) != REASON_NONE)
		return;
	switch (model_choose(model, 4)) {
	case 0:
		out_length = in_length < MODEL_REPLACEMENT_MAX ? in_length : MODEL_REPLACEMENT_MAX;
		/* fall through */
	case 1:
		if (model_replace(model, offset, in_length, out_length)) {
			model_pass(model, length - offset - in_length);
			break;
		}
		/* fall through */
	default:
		model_pass(model, length);
		break;
	}
}

/* The range that the stream gave for the segment [start, end), while from was the end of the output before it. */
static inline void model_check_range(struct stream_model *model, const struct stream_range *range, size_t start,
				     size_t end,
				     size_t from, size_t limit)
{
	uint8_t bytes[MODEL_BYTES];
	size_t out = range->out - model->first_out;
	size_t acked = model->stream.out_acked - model->first_out;
	size_t want = model_least(model_place(model, model_least(start, model->decided), false), from);
	size_t want_end = model_place(model, model_least(end, model->decided), end > start);

	/* What a FIN or an empty segment brings with it is what was decided just now. */
	if (end == start && end == model->taken)
		want_end = model->out_length;
	if (model->stream.owing)
		want = acked;
	if (range->length > 0) {
		MODEL_CHECK(out >= acked && out + range->length <= model->out_length);
		MODEL_CHECK(range->length <= limit);
		MODEL_CHECK(seqadj_apply(&model->kernel, range->in) == range->out);
		stream_copy(&model->stream, &model->pool, range, bytes);
		MODEL_CHECK(memcmp(bytes, model->out + out, range->length) == 0);
		MODEL_CHECK(out <= model_most(want, acked));
	}
	if (want_end > model_most(want, acked))
		MODEL_CHECK(range->length == limit || out + range->length >= want_end);
	MODEL_CHECK(!range->complete || model->decided >= end);
	MODEL_CHECK(range->complete || model->decided < end || range->length == limit);
}

static inline void model_deliver(struct stream_model *model, const struct stream_range *range)
{
	size_t out = range->out - model->first_out;

	for (size_t i = 0; i < range->length; i++)
		model->have[out + i] = true;
	while (model->received < model->out_length && model->have[model->received])
		model->received++;
}

static inline void model_check_place(struct stream_model *model, size_t start, size_t end)
{
	size_t skip = 0;
	enum stream_place place = stream_locate(&model->stream, model_in(model, start), end - start, &skip);
	size_t acked = model->stream.out_acked - model->first_out;

	if (start > model->taken) {
		MODEL_CHECK(place == STREAM_GAP);
	} else if (end > model->taken) {
		MODEL_CHECK(place == STREAM_FRESH && skip == model->taken - start);
	} else if (end <= model->decided && model_place(model, end, true) <= acked) {
		MODEL_CHECK(place == STREAM_OLD);
		/* The byte that is sent instead is one that the receiver has. */
		MODEL_CHECK(seq_before(seqadj_apply(&model->kernel, stream_map_old(&model->stream)),
				       model->stream.out_acked));
	} else {
		MODEL_CHECK(place == STREAM_KNOWN);
	}
}

/* The sender sends something: new bytes, bytes that it sent before, or both, or nothing. */
static inline void model_segment(struct stream_model *model)
{
	size_t oldest = model_choose(model, 4) == 0 ? 0 : model_least(model->known, model->taken);
	size_t start = oldest + model_choose(model, model->taken - oldest + 1);
	size_t fresh = model_choose(model, 2) == 0 ? model_choose(model, MODEL_TAKE_MAX) : 0;
	size_t end = fresh > 0 ? model->taken + fresh : start + model_choose(model, model->taken - start + 1);
	size_t from = model->out_length;
	size_t limit = model_choose(model, 3) == 0 ? 1 + model_choose(model, 50) : MODEL_BYTES;
	struct stream_range range;

	if (end > start)
		model_check_place(model, start, end);
	if (end > model->taken) {
		model->stream.in_next += (uint32_t)(end - model->taken);
		model->taken = end;
	}
	if (end == model->taken && model_choose(model, 3) > 0)
		model_decide(model);
	stream_map(&model->stream, model_in(model, start), (uint32_t)(end - start), model_out(model, from),
		   (uint32_t)limit, &range);
	model_check_range(model, &range, start, end, from, limit);
	/* Lost or not. */
	if (model_choose(model, 3) > 0)
		model_deliver(model, &range);
}

/* The receiver acknowledges something: all it has, less of it, less than before, or more than it has. */
static inline void model_acknowledge(struct stream_model *model)
{
	size_t kind = model_choose(model, 8);
	size_t ack = model->received;
	size_t truth;
	size_t most;
	uint32_t packet;
	size_t learned;

	if (kind < 2)
		ack = model->acked + model_choose(model, model_most(model->received, model->acked) - model->acked + 1);
	else if (kind == 2)
		ack = model_choose(model, model->out_length + 1);
	truth = model_truth(model, model_most(ack, model->acked));
	/* What the sender was told in the receiver's name stays told. */
	most = model->stream.owing ? model_most(truth, model->owed) : truth;
	packet = stream_acknowledge(&model->stream, &model->pool, model_out(model, ack));
	learned = (size_t)(int32_t)(seqadj_revert(&model->kernel, packet) - model->first_in) + MODEL_BYTES;
	/* Never more than the truth, and no less if it is news. */
	MODEL_CHECK(learned <= most + MODEL_BYTES);
	if (ack > model->acked && model_truth(model, ack) > model_truth(model, model->acked))
		MODEL_CHECK(learned >= truth + MODEL_BYTES);
	if (learned > MODEL_BYTES)
		model->known = model_most(model->known, learned - MODEL_BYTES);
	model->acked = model_most(model->acked, ack);
	model->received = model_most(model->received, model->acked);
}

/* A packet without payload: an acknowledgement, a probe, a FIN or a reset, at any number of the sender's. */
static inline void model_empty(struct stream_model *model)
{
	static const char kinds[] = { 'n', 'n', 'o', 'b' };
	char kind = kinds[model_choose(model, sizeof(kinds))];
	size_t in = model->taken;
	size_t bound = model->out_length;
	uint32_t number;

	if (kind == 'o') {
		in = model_choose(model, model->taken + 1);
		bound = model_most(in <= model->decided ? model_place(model, in, true) : model->out_length,
				   model->acked);
	} else if (kind == 'b') {
		in += model_choose(model, 100);
		bound += in - model->taken;
	}
	number = seqadj_apply(&model->kernel, stream_map_empty(&model->stream, model_in(model, in)));
	MODEL_CHECK(!seq_before(model_out(model, bound), number));
	/* Where the sender stands, less what is held. */
	if (in >= model->taken)
		MODEL_CHECK(number == model_out(model, bound));
}

/* The gateway tells the sender, in the receiver's name, that everything has arrived. */
static inline void model_owe(struct stream_model *model)
{
	if (stream_held(&model->stream) == 0)
		return;
	stream_set_owing(&model->stream);
	model->owed = model->taken;
	model->known = model->taken;
}

static inline void model_start(struct stream_model *model, uint32_t first_in, const struct seqadj *kernel)
{
	uint32_t (*choose)(void *, uint32_t) = model->choose;
	void *context = model->context;

	memset(model, 0, sizeof(*model));
	model->choose = choose;
	model->context = context;
	buffer_pool_init(&model->pool, model->blocks, MODEL_BLOCKS);
	model->kernel = *kernel;
	model->first_in = first_in;
	model->first_out = seqadj_apply(kernel, first_in);
	stream_start(&model->stream, &model->pool, first_in, kernel, false);
	model_check_invariants(model);
}

static inline void model_step(struct stream_model *model)
{
	switch (model_choose(model, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		model_acknowledge(model);
		break;
	case 4:
		model_empty(model);
		break;
	case 5:
		if (model_choose(model, 4) == 0)
			model_owe(model);
		break;
	default:
		if (model->taken + MODEL_TAKE_MAX < MODEL_BYTES / 2)
			model_segment(model);
		break;
	}
	model_check_invariants(model);
}

/* The rest of the dialogue: everything is decided, delivered and acknowledged, and the sender learns of it. */
static inline void model_finish(struct stream_model *model)
{
	for (unsigned int i = 0; i < 2 * MODEL_BYTES && model->decided < model->taken; i++)
		if (stream_check_room(&model->stream, &model->pool, model->taken - model->decided, MODEL_BYTES) ==
		    REASON_NONE)
			model_pass(model, model->taken - model->decided);
	model->received = model->out_length;
	model->acked = model->out_length;
	MODEL_CHECK(seqadj_revert(&model->kernel, stream_acknowledge(&model->stream, &model->pool,
								     model_out(model, model->out_length))) ==
		    model_in(model, model->taken));
	model_check_invariants(model);
	stream_end(&model->stream, &model->pool);
	MODEL_CHECK(model->pool.free_count == MODEL_BLOCKS);
}

#endif
