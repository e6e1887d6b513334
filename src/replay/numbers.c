/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A capture that was made where nothing was rewritten has one number for each byte. Beyond the gateway a byte has the
 * receiver's number, and what a receiver acknowledges are such numbers. So the acknowledgements of the capture are
 * translated before the gateway sees them, by every correction that had been acknowledged; and a receiver can't
 * acknowledge what has not left, so what it says is cut down to that: bytes that the gateway holds are not received.
 *
 * What leaves is written as its receiver sees it: the bytes under the receiver's numbers, and the acknowledgements as
 * the receiver of those bytes sent them, since the sender's numbers for the same bytes would make no sense in one
 * capture with them. An acknowledgement has been through the gateway and the kernel's arithmetic by then, which give it
 * the sender's number; that is translated once more. An error in any of the three steps shows as an acknowledgement of
 * what was never sent.
 */
#include <string.h>

#include "replay/internal.h"

#define TCP_HEADER 20
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_SACK 5

void replay_stream_begin(struct replay_stream *stream, uint32_t in)
{
	stream->seen = true;
	stream->captured = in;
	stream->taken = in;
}

void replay_stream_correct(struct replay_stream *stream, const struct seqadj *seqadj)
{
	stream->kernel = *seqadj;
	if (stream->edit_count == REPLAY_EDITS_MAX) {
		stream->edit_count--;
		memmove(stream->edits, stream->edits + 1, stream->edit_count * sizeof(stream->edits[0]));
	}
	stream->edits[stream->edit_count++] = *seqadj;
}

uint32_t replay_stream_map(const struct replay_stream *stream, uint32_t in)
{
	uint32_t out;

	if (stream->edit_count == 0)
		return in;
	out = in + (uint32_t)stream->edits[0].before;
	for (unsigned int i = 0; i < stream->edit_count; i++) {
		const struct seqadj *edit = &stream->edits[i];
		const uint32_t start = edit->position + (uint32_t)edit->before;

		if (!seq_before(edit->position, in))
			break;
		/* Within a part that shrank: not before its start. */
		out = in + (uint32_t)edit->after;
		if (seq_before(out, start))
			out = start;
	}
	return out;
}

uint32_t replay_stream_confirm(const struct replay_stream *stream, uint32_t in)
{
	const uint32_t out = replay_stream_map(stream, in);

	return stream->started && seq_before(stream->delivered, out) ? stream->delivered : out;
}

uint32_t replay_stream_leave(const struct replay_stream *stream, uint32_t ack)
{
	return replay_stream_confirm(stream, seqadj_revert(&stream->kernel, ack));
}

static uint32_t replay_load32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void replay_store32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static bool replay_map_edges(uint8_t *edges, size_t length, const struct replay_stream *stream, replay_mapping *mapping)
{
	bool changed = false;

	for (size_t at = 0; at + 4 <= length; at += 4) {
		const uint32_t old = replay_load32(edges + at);
		const uint32_t new = mapping(stream, old);

		changed |= old != new;
		replay_store32(edges + at, new);
	}
	return changed;
}

bool replay_map_sack(uint8_t *tcp, size_t header, const struct replay_stream *stream, replay_mapping *mapping)
{
	size_t at = TCP_HEADER;
	bool changed = false;

	while (at < header && tcp[at] != TCP_OPTION_END) {
		if (tcp[at] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (header - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > header - at)
			break;
		if (tcp[at] == TCP_OPTION_SACK)
			changed |= replay_map_edges(tcp + at + 2, (size_t)tcp[at + 1] - 2, stream, mapping);
		at += tcp[at + 1];
	}
	return changed;
}

/* RFC 1624, equation 3: the checksum after a field has changed, without the rest of the packet. */
static void replay_update_checksum(uint8_t *checksum, uint32_t old, uint32_t new)
{
	uint32_t sum = (uint16_t)~(checksum[0] << 8 | checksum[1]);

	sum += (uint16_t)~(old >> 16);
	sum += (uint16_t)~old;
	sum += new >> 16;
	sum += new & 0xffff;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	checksum[0] = (uint8_t)(~sum >> 8);
	checksum[1] = (uint8_t)~sum;
}

void replay_set_numbers(uint8_t *tcp, uint32_t seq, uint32_t ack)
{
	replay_update_checksum(tcp + 16, replay_load32(tcp + 4), seq);
	replay_update_checksum(tcp + 16, replay_load32(tcp + 8), ack);
	replay_store32(tcp + 4, seq);
	replay_store32(tcp + 8, ack);
}
