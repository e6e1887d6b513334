/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a control connection: which bytes have come, what they left as, and under which numbers.
 *
 * Two number spaces. The sender's numbers ("in") are what its packets carry at the FORWARD hook; the receiver's numbers
 * ("out") are what it acknowledges. They differ by the sum of the length changes so far. The kernel adds the difference
 * after us (struct seqadj), so a packet leaves the gateway with a sender's number that the kernel turns into the right
 * receiver's number.
 *
 *   in:     acknowledged | passed, may be retransmitted | held          | not yet received
 *   out:    acknowledged | in the buffer `sent`         |
 *                        ^ out_acked                    ^ out_next (in_decided)
 *                                                                       ^ in_next
 *
 * Invariants, checked by tests/unit/core/tcp/test_stream.c and by the fuzzer:
 *  - an output byte, once decided, never changes: every transmission of out_acked..out_next is a copy from `sent`;
 *  - no output byte comes from an input byte at or beyond in_decided;
 *  - `sent` holds exactly out_next - out_acked bytes, except while passing.
 */
#ifndef CORE_TCP_STREAM_H
#define CORE_TCP_STREAM_H

#include "core/tcp/buffer.h"
#include "ftpalg/nat.h"

/* A replacement of in_length bytes by out_length others. Edits that keep the length need no record. */
struct stream_edit {
	uint32_t in;
	uint32_t out;
	uint16_t in_length; /* both are of a line or less */
	uint16_t out_length;
};

/*
 * A byte that came as urgent. There is one at most: a later one takes its place, as it does at a receiver.
 *
 *   NONE ---came---> ASKED ---inspection: it is a Synch's---> GRANTED ---acknowledged---> NONE
 */
enum stream_urgency {
	STREAM_URGENT_NONE,
	STREAM_URGENT_ASKED,   /* it leaves as ordinary data, unless it is granted before it is decided */
	STREAM_URGENT_GRANTED, /* every transmission of the byte is urgent */
};

struct stream {
	bool started;
	bool adopted;     /* its start is where the receiver said that it stands */
	bool passing;     /* adopted within TLS: bytes are neither kept nor read */
	bool finished;    /* a FIN was passed; it has the number out_next */
	bool closed;      /* and was acknowledged */
	uint8_t last_acked; /* the output byte before out_acked */
	bool partial;     /* adopted, and its first line has not been judged: it may be the rest of one */
	bool owing;       /* the sender was told that in_owed had been received, and the receiver has not confirmed it */
	bool line_cr;     /* the last byte of line_token was a CR */
	uint8_t edit_count;
	uint8_t urgency;  /* enum stream_urgency */

	uint32_t in_next;
	uint32_t in_decided;
	uint32_t out_next;
	uint32_t out_acked;
	uint32_t in_owed;
	uint32_t line_passed; /* bytes of `line` that have been decided: line.length - line_passed are held */
	struct buffer sent;
	struct buffer line;   /* the unfinished line, or the beginning of one that carries a token */
	uint32_t line_token;  /* bytes of that one that have passed; 0: it is none */
	uint32_t in_urgent;   /* the number after the urgent byte */

	struct seqadj kernel; /* as the kernel has it */
	struct stream_edit edits[SEQADJ_EDITS_MAX]; /* oldest first */
};

/* Begins at sender's number in. seqadj is the kernel's correction up to now. adopted: in the middle of a dialogue. */
void stream_start(struct stream *stream, struct buffer_pool *pool, uint32_t in, const struct seqadj *seqadj,
		  bool adopted);

/* Gives every block back. */
void stream_end(struct stream *stream, struct buffer_pool *pool);

enum stream_place {
	STREAM_FRESH, /* the segment holds the next byte; *skip bytes before it are known */
	STREAM_KNOWN, /* all of it was received before */
	STREAM_OLD,   /* all of it was acknowledged by the receiver */
	STREAM_GAP,   /* something is missing before it */
};

/* Where a segment of length > 0 lies. */
enum stream_place stream_locate(const struct stream *stream, uint32_t in, size_t length, size_t *skip);

/* Does the receiver have more than was let out? Then an adopted stream began at the wrong place. */
bool stream_is_contradicted(const struct stream *stream, uint32_t ack);

/* Has nothing been taken since the stream began? */
bool stream_is_untouched(const struct stream *stream);

/* Can length more output bytes be kept? REASON_NONE, REASON_MEMORY_FULL or REASON_WINDOW_FULL (limit). */
enum reason stream_check_room(const struct stream *stream, const struct buffer_pool *pool, size_t length,
			      uint32_t limit);

/* Decides the next bytes.length input bytes: they leave as they are. Room must have been checked. */
void stream_pass(struct stream *stream, struct buffer_pool *pool, struct bytes bytes);

/*
 * Decides the next in_length input bytes: replacement leaves in their place. If the lengths differ, the kernel must have
 * acknowledged stream_plan_resize's correction, and this call records it. Room must have been checked.
 */
void stream_replace(struct stream *stream, struct buffer_pool *pool, uint32_t in_length, struct bytes replacement,
		    const struct seqadj *acknowledged);

/*
 * The correction that the kernel must have before the in_length bytes at offset bytes after in_decided are replaced by
 * out_length others. REASON_EDITS_FULL if too many are unacknowledged.
 */
enum reason stream_plan_resize(const struct stream *stream, uint32_t offset, uint32_t in_length, uint32_t out_length,
			       struct seqadj *seqadj);

/* What a transmission of [in, in + length) must be now. */
struct stream_range {
	uint32_t in;     /* the number to put into the packet */
	uint32_t out;    /* of its first byte */
	uint32_t length; /* 0: nothing of it may leave */
	bool complete;   /* it reaches to the end of what was asked for */
};

/*
 * Maps a segment to output. from is the output position from which new bytes were decided while the segment was
 * processed (out_next if none were): held bytes that it completed leave with it. At most limit bytes.
 */
void stream_map(const struct stream *stream, uint32_t in, uint32_t length, uint32_t from, uint32_t limit,
		struct stream_range *range);

/* Copies range's bytes to out, which holds range->length of them. */
void stream_copy(const struct stream *stream, const struct buffer_pool *pool, const struct stream_range *range,
		 uint8_t *out);

/*
 * The number to put into a packet of the receiver's that acknowledges ack, so that the sender, after the kernel's
 * correction, learns the truth (usually ack itself).
 */
uint32_t stream_map_acknowledgement(const struct stream *stream, uint32_t ack);

/* Takes the receiver's acknowledgement, releases what it covers, and returns the number to put into its packet. */
uint32_t stream_acknowledge(struct stream *stream, struct buffer_pool *pool, uint32_t ack);

/* The number of a packet without payload at sender's number in, to put into the packet (usually in itself). */
uint32_t stream_map_empty(const struct stream *stream, uint32_t in);

/* The number to put into a packet whose first byte is the last one that the receiver acknowledged, or an older one. */
uint32_t stream_map_old(const struct stream *stream);

/* The byte before sender's number in came as urgent. Of bytes that were taken earlier nothing is noted. */
void stream_note_urgent(struct stream *stream, uint32_t in);

/* Where the urgent data of a transmission ends, counted from its start; 0: it holds no byte that leaves as urgent. */
uint16_t stream_find_urgent(const struct stream *stream, const struct stream_range *range);

/*
 * The sender has been told, in the receiver's name, that everything before in_next has arrived. It will not send the held
 * bytes again, so from now on every transmission begins with what the receiver has not acknowledged.
 */
void stream_set_owing(struct stream *stream);

/* Bytes that were taken and have not been decided. */
uint32_t stream_held(const struct stream *stream);

/* From here on nothing is kept or read. Edits must have been acknowledged. */
void stream_set_passing(struct stream *stream, struct buffer_pool *pool);

/* A stream that is passing has come as far as in. */
void stream_advance(struct stream *stream, uint32_t in);

#endif
