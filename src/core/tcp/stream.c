/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * What leaves is a byte string of its own, the output. An input byte is decided once; what it becomes is appended to
 * the output and kept in `sent` until the receiver has acknowledged it. A retransmission, whatever its boundaries and
 * whatever it contains, is answered by copying the part of the output that it stands for. So a retransmission can't
 * differ from what passed, and an attacker who sends the same numbers twice with different bytes is not heard twice.
 *
 * Positions are mapped by the list of length-changing edits that are still unacknowledged; before the oldest of them the
 * difference is constant. A position inside an edited part has no exact counterpart: as a start it is rounded down to
 * the start of the replacement, as an end it is rounded up to its end, so an edited tuple always leaves whole.
 *
 * The kernel knows one correction, that of the newest edit: numbers at or before its position get `before`, later ones
 * `after`. With one edit in flight that is the truth. With more, a packet that starts between two edits would be shifted
 * wrongly, so the gateway chooses the number that it puts into the packet such that the kernel's sum comes out right
 * (map_out_to_packet), and likewise for acknowledgements. If the gateway dies, the newest correction is in the kernel,
 * and all but retransmissions of the few packets in flight is right without it.
 */
#include "core/tcp/stream.h"

#include <string.h>

#include "ftpalg/offer.h"
#include "ftpalg/packet.h"

/* out - in for positions before the oldest edit, or everywhere if there is none. */
static uint32_t base_offset(const struct stream *stream)
{
	if (stream->edit_count > 0)
		return stream->edits[0].out - stream->edits[0].in;
	return stream->out_next - stream->in_decided;
}

void stream_start(struct stream *stream, struct buffer_pool *pool, uint32_t in, const struct seqadj *seqadj,
		  bool adopted)
{
	stream_end(stream, pool);
	stream->started = true;
	stream->adopted = adopted;
	stream->partial = adopted;
	stream->kernel = *seqadj;
	stream->in_next = in;
	stream->in_decided = in;
	stream->out_next = seqadj_apply(seqadj, in);
	stream->out_acked = stream->out_next;
}

void stream_end(struct stream *stream, struct buffer_pool *pool)
{
	buffer_clear(pool, &stream->sent);
	buffer_clear(pool, &stream->line);
	memset(stream, 0, sizeof(*stream));
}

/* The output position of input position in, which is at most in_decided. */
static uint32_t map_in_to_out(const struct stream *stream, uint32_t in, bool is_end)
{
	uint32_t offset = base_offset(stream);

	for (unsigned int i = 0; i < stream->edit_count; i++) {
		const struct stream_edit *edit = &stream->edits[i];

		if (!seq_before(edit->in, in))
			break;
		if (seq_before(in, edit->in + edit->in_length))
			return is_end ? edit->out + edit->out_length : edit->out;
		offset = edit->out + edit->out_length - (edit->in + edit->in_length);
	}
	return in + offset;
}

/* The input position up to which a receiver that has everything before out has everything. */
static uint32_t map_out_to_in(const struct stream *stream, uint32_t out)
{
	uint32_t offset = base_offset(stream);

	for (unsigned int i = 0; i < stream->edit_count; i++) {
		const struct stream_edit *edit = &stream->edits[i];

		if (!seq_before(edit->out, out))
			break;
		if (seq_before(out, edit->out + edit->out_length))
			return edit->in;
		offset = edit->out + edit->out_length - (edit->in + edit->in_length);
	}
	return out - offset;
}

/*
 * The number in a packet that the kernel turns into out. The start of the newest edit and all before it have one by
 * `before`, all from its end by `after`; what lies between is never a start (round_down_to_edit).
 */
static uint32_t map_out_to_packet(const struct stream *stream, uint32_t out)
{
	uint32_t in = out - (uint32_t)stream->kernel.before;

	if (!seq_before(stream->kernel.position, in))
		return in;
	return out - (uint32_t)stream->kernel.after;
}

enum stream_place stream_locate(const struct stream *stream, uint32_t in, size_t length, size_t *skip)
{
	uint32_t end = in + (uint32_t)length;

	*skip = 0;
	if (seq_before(stream->in_next, in))
		return STREAM_GAP;
	if (seq_before(stream->in_next, end)) {
		*skip = stream->in_next - in;
		return STREAM_FRESH;
	}
	if (!seq_before(stream->in_decided, end) && !seq_before(stream->out_acked, map_in_to_out(stream, end, true)))
		return STREAM_OLD;
	return STREAM_KNOWN;
}

bool stream_is_contradicted(const struct stream *stream, uint32_t ack)
{
	return stream->started && stream->adopted && !stream->passing &&
	       seq_before(stream->out_next + stream->finished, ack);
}

bool stream_is_untouched(const struct stream *stream)
{
	return stream->partial && !stream->finished && stream->line.length == 0;
}

enum reason stream_check_room(const struct stream *stream, const struct buffer_pool *pool, size_t length,
			      uint32_t limit)
{
	if (stream->sent.length + length > limit)
		return REASON_WINDOW_FULL;
	if (!buffer_has_room(pool, &stream->sent, length))
		return REASON_MEMORY_FULL;
	return REASON_NONE;
}

void stream_pass(struct stream *stream, struct buffer_pool *pool, struct bytes bytes)
{
	if (!buffer_append(pool, &stream->sent, bytes))
		return;
	stream->in_decided += (uint32_t)bytes.length;
	stream->out_next += (uint32_t)bytes.length;
	if (seq_before(stream->in_next, stream->in_decided))
		stream->in_next = stream->in_decided;
}

_Static_assert(LINE_MAX_LENGTH <= UINT16_MAX, "an edit is of a line or less");

void stream_replace(struct stream *stream, struct buffer_pool *pool, uint32_t in_length, struct bytes replacement,
		    const struct seqadj *acknowledged)
{
	struct stream_edit *edit = &stream->edits[stream->edit_count];

	if (!buffer_append(pool, &stream->sent, replacement))
		return;
	if (in_length != replacement.length) {
		edit->in = stream->in_decided;
		edit->in_length = (uint16_t)in_length;
		edit->out = stream->out_next;
		edit->out_length = (uint16_t)replacement.length;
		stream->edit_count++;
		stream->kernel = *acknowledged;
	}
	stream->in_decided += in_length;
	stream->out_next += (uint32_t)replacement.length;
	if (seq_before(stream->in_next, stream->in_decided))
		stream->in_next = stream->in_decided;
}

enum reason stream_plan_resize(const struct stream *stream, uint32_t offset, uint32_t in_length, uint32_t out_length,
			       struct seqadj *seqadj)
{
	uint32_t difference = stream->out_next - stream->in_decided;

	if (stream->edit_count == SEQADJ_EDITS_MAX)
		return REASON_EDITS_FULL;
	seqadj->position = stream->in_decided + offset;
	seqadj->before = (int32_t)difference;
	seqadj->after = (int32_t)(difference + out_length - in_length);
	return REASON_NONE;
}

void stream_map(const struct stream *stream, uint32_t in, uint32_t length, uint32_t from, uint32_t limit,
		struct stream_range *range)
{
	uint32_t end = in + length;
	uint32_t out_end = stream->out_next;
	uint32_t out = stream->out_next;

	if (seq_before(in, stream->in_decided))
		out = map_in_to_out(stream, in, false);
	if (seq_before(from, out))
		out = from;
	if (stream->owing)
		out = stream->out_acked;
	if (seq_before(out, stream->out_acked))
		out = stream->out_acked;
	/* An empty segment inside an edit must not bring the edit along. */
	if (seq_before(end, stream->in_decided))
		out_end = map_in_to_out(stream, end, length > 0);

	range->complete = !seq_before(stream->in_decided, end);
	range->out = out;
	range->length = seq_before(out, out_end) ? out_end - out : 0;
	if (range->length > limit) {
		range->length = limit;
		range->complete = false;
	}
	range->in = map_out_to_packet(stream, out);
}

void stream_copy(const struct stream *stream, const struct buffer_pool *pool, const struct stream_range *range,
		 uint8_t *out)
{
	buffer_copy(pool, &stream->sent, range->out - stream->out_acked, range->length, out);
}

/*
 * A receiver with a small window, or one whose copy was cut, acknowledges a part of a replacement. Inside the newest one
 * the kernel has no number for a retransmission to start at, and what the sender sees acknowledged is its start anyway,
 * so the whole of it is kept until all of it has arrived.
 */
static uint32_t round_down_to_edit(const struct stream *stream, uint32_t out)
{
	for (unsigned int i = 0; i < stream->edit_count; i++) {
		const struct stream_edit *edit = &stream->edits[i];

		if (seq_before(edit->out, out) && seq_before(out, edit->out + edit->out_length))
			return edit->out;
	}
	return out;
}

static void release_edits(struct stream *stream)
{
	unsigned int done = 0;

	while (done < stream->edit_count) {
		const struct stream_edit *edit = &stream->edits[done];

		if (seq_before(stream->out_acked, edit->out + edit->out_length))
			break;
		done++;
	}
	stream->edit_count = (uint8_t)(stream->edit_count - done);
	memmove(stream->edits, stream->edits + done, stream->edit_count * sizeof(stream->edits[0]));
}

/*
 * The number that the kernel makes truth of. What lies at the newest edit's position or before it has one by `before`, and
 * what lies after all that the edit replaced, which is more than it shrank by, has one by `after`. In between there may be
 * none.
 */
static bool find_acknowledgement(const struct stream *stream, uint32_t truth, uint32_t *packet)
{
	*packet = truth + (uint32_t)stream->kernel.after;
	if (seqadj_revert(&stream->kernel, *packet) != truth)
		*packet = truth + (uint32_t)stream->kernel.before;
	return seqadj_revert(&stream->kernel, *packet) == truth;
}

uint32_t stream_map_acknowledgement(const struct stream *stream, uint32_t ack)
{
	uint32_t truth;
	uint32_t packet;

	if (!stream->started || stream->passing || (stream->edit_count == 0 && !stream->owing))
		return ack;
	truth = map_out_to_in(stream, ack);
	/*
	 * What the sender was told in the receiver's name stays told. To a lower number it does not listen: its keep-alives
	 * would go unanswered (RFC 1122 4.2.3.6), and it would take the receiver for dead.
	 */
	if (stream->owing && seq_before(truth, stream->in_owed) && find_acknowledgement(stream, stream->in_owed, &packet))
		return packet;
	if (stream->edit_count == 0 || seqadj_revert(&stream->kernel, ack) == truth)
		return ack;
	find_acknowledgement(stream, truth, &packet);
	return packet;
}

uint32_t stream_acknowledge(struct stream *stream, struct buffer_pool *pool, uint32_t ack)
{
	uint32_t packet = stream_map_acknowledgement(stream, ack);

	if (!stream->started || stream->passing)
		return packet;
	if (stream->finished && ack == stream->out_next + 1) {
		stream->closed = true;
		ack = stream->out_next;
	}
	if (seq_before(stream->out_next, ack) || seq_before(ack, stream->out_acked))
		return packet;
	ack = round_down_to_edit(stream, ack);
	if (ack != stream->out_acked)
		buffer_copy(pool, &stream->sent, ack - stream->out_acked - 1, 1, &stream->last_acked);
	buffer_drop(pool, &stream->sent, ack - stream->out_acked);
	stream->out_acked = ack;
	if (stream->urgency == STREAM_URGENT_GRANTED && !seq_before(ack, map_in_to_out(stream, stream->in_urgent, true)))
		stream->urgency = STREAM_URGENT_NONE;
	release_edits(stream);
	if (stream->owing && !seq_before(stream->in_decided, stream->in_owed) &&
	    !seq_before(ack, map_in_to_out(stream, stream->in_owed, true)))
		stream->owing = false;
	return packet;
}

uint32_t stream_map_empty(const struct stream *stream, uint32_t in)
{
	/* Held bytes have not left: to the receiver the sender stands before them. */
	if (seq_before(stream->in_decided, in))
		return in - (stream->in_next - stream->in_decided);
	if (stream->edit_count == 0)
		return in;
	return map_out_to_packet(stream, map_in_to_out(stream, in, false));
}

uint32_t stream_map_old(const struct stream *stream)
{
	/* Inside the newest edit's growth there is no such number; the kernel then makes an older one of it. */
	return map_out_to_packet(stream, stream->out_acked - 1);
}

void stream_advance(struct stream *stream, uint32_t in)
{
	if (!seq_before(stream->in_next, in))
		return;
	stream->out_next += in - stream->in_next;
	stream->in_next = in;
	stream->in_decided = in;
}

void stream_note_urgent(struct stream *stream, uint32_t in)
{
	/* The first copy of a byte is law, in this too. */
	if (!seq_before(stream->in_next, in))
		return;
	stream->urgency = STREAM_URGENT_ASKED;
	stream->in_urgent = in;
}

uint16_t stream_find_urgent(const struct stream *stream, const struct stream_range *range)
{
	uint32_t end;

	if (stream->urgency != STREAM_URGENT_GRANTED)
		return 0;
	end = map_in_to_out(stream, stream->in_urgent, true) - range->out;
	return end > 0 && end <= range->length ? (uint16_t)end : 0;
}

void stream_set_owing(struct stream *stream)
{
	stream->owing = true;
	stream->in_owed = stream->in_next;
}

uint32_t stream_held(const struct stream *stream)
{
	return stream->in_next - stream->in_decided;
}

void stream_set_passing(struct stream *stream, struct buffer_pool *pool)
{
	buffer_clear(pool, &stream->sent);
	buffer_clear(pool, &stream->line);
	stream->line_passed = 0;
	stream->line_token = 0;
	stream->in_next = stream->in_decided;
	stream->passing = true;
}
