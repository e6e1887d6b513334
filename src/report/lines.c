/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * What the gateway took and what left are two streams of bytes for each direction. Both are cut into lines. A line that
 * comes leaves as one line, whatever became of its words, and in the same order: so the n-th line that leaves is what
 * the n-th one has become, and a line without a counterpart did not leave.
 *
 * Bytes that come again are known by their numbers and skipped. The replay offers a segment that the gateway did not
 * take until it does, so nothing has to be kept for what came too early.
 */
#include <string.h>

#include "ftpalg/parse.h"
#include "report/model.h"

#define CODE_LENGTH 3

struct report_text report_keep_line(struct report *report, struct report_session *session, enum direction direction,
				    uint8_t *line, uint32_t length, uint32_t more, bool learn)
{
	uint32_t end;

	if (direction == DIRECTION_ORIGINAL)
		end = report_mask_command(session, line, length, learn);
	else
		end = report_mask_words(session, line, length);
	length = end;
	/* The beginning of a password may stand where the bytes that were looked at end. */
	if (more > 0)
		length = length > REPORT_SECRET_MAX ? length - REPORT_SECRET_MAX : 0;
	if (length > REPORT_LINE_MAX)
		length = REPORT_LINE_MAX;
	return report_keep(report, (struct bytes){ line, length }, more + end - length);
}

static bool has_code(struct bytes line, const char *code)
{
	return line.length >= CODE_LENGTH && memcmp(line.data, code, CODE_LENGTH) == 0;
}

/* Is the line a part of the reply that the line above it has begun? */
static bool track_reply(struct report_stream *stream, struct bytes line)
{
	const bool continued = stream->multiline;
	struct reply reply;

	parse_reply(line, &reply);
	if (reply.kind == REPLY_FIRST && !continued) {
		stream->multiline = true;
		stream->multiline_code = reply.code;
	} else if (reply.kind == REPLY_LAST && reply.code == stream->multiline_code) {
		stream->multiline = false;
	}
	return continued;
}

/* Of a session that was under way, the first line may be the end of one, and that of a password. */
static bool may_hide_secret(const struct report_session *session, const struct report_stream *stream,
			    enum direction direction, struct bytes line)
{
	struct command command;

	if (!session->adopted || direction != DIRECTION_ORIGINAL || stream->in.whole)
		return false;
	parse_command(line, &command);
	return command.verb == VERB_UNKNOWN;
}

static void add_line(struct report *report, struct report_session *session, enum direction direction, uint64_t time,
		     bool unfinished)
{
	struct report_stream *stream = &session->stream[direction];
	struct report_assembly *assembly = &stream->in;
	const struct bytes line = { assembly->line, assembly->length };
	const bool continued = direction == DIRECTION_REPLY && track_reply(stream, line);
	struct report_row *row = report_add_row(report, session, REPORT_ROW_LINE, time);
	const bool hidden = may_hide_secret(session, stream, direction, line);

	stream->in.whole = true;
	if (!row) {
		/* Its password has to be known all the same. */
		report_mask_command(session, assembly->line, assembly->length, direction == DIRECTION_ORIGINAL);
		return;
	}
	row->direction = direction;
	row->continued = continued;
	row->unfinished = unfinished;
	row->hidden = hidden;
	if (!unfinished)
		report_add_offer(report, session, row, line);
	if (!hidden)
		row->in = report_keep_line(report, session, direction, assembly->line, assembly->length,
					   assembly->more, true);
	if (!stream->awaited) {
		stream->awaited = row;
		stream->undecided = row;
	}
}

static bool is_same(const struct report_text *a, const struct report_text *b)
{
	return a->length == b->length && a->more == b->more &&
	       (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static void match_line(struct report *report, struct report_session *session, enum direction direction)
{
	struct report_stream *stream = &session->stream[direction];
	struct report_assembly *assembly = &stream->out;
	struct report_row *row = stream->awaited;

	if (!row->hidden)
		row->out = report_keep_line(report, session, direction, assembly->line, assembly->length,
					    assembly->more, false);
	row->left = true;
	row->changed = !is_same(&row->in, &row->out);
	do {
		row = row->next;
	} while (row && (row->kind != REPORT_ROW_LINE || row->direction != direction));
	stream->awaited = row;
}

/* Adds bytes to the line. Returns whether there is memory for it. */
static bool append(struct report *report, struct report_assembly *assembly, struct bytes bytes)
{
	uint32_t room = REPORT_ASSEMBLY_MAX - assembly->length;

	if (!assembly->line)
		assembly->line = report_take(report, REPORT_ASSEMBLY);
	if (!assembly->line)
		return false;
	if (room > bytes.length)
		room = (uint32_t)bytes.length;
	if (room > 0)
		memcpy(assembly->line + assembly->length, bytes.data, room);
	assembly->length += room;
	assembly->more += (uint32_t)(bytes.length - room);
	return true;
}

/*
 * Takes bytes up to the end of a line, or all. Returns whether the line is complete: without its end in assembly, until
 * the next call.
 */
static bool take_line(struct report *report, struct report_assembly *assembly, struct bytes *bytes)
{
	const uint8_t *end = memchr(bytes->data, '\n', bytes->length);
	struct bytes piece = { bytes->data, end ? (size_t)(end - bytes->data) : bytes->length };

	bytes->data += piece.length + (end ? 1 : 0);
	bytes->length -= piece.length + (end ? 1 : 0);
	if (!append(report, assembly, piece) || !end)
		return false;
	if (assembly->more == 0 && assembly->length > 0 && assembly->line[assembly->length - 1] == '\r')
		assembly->length--;
	return true;
}

static void forget_line(struct report_assembly *assembly)
{
	assembly->length = 0;
	assembly->more = 0;
}

/* What is new in the segment. Nothing is where something before it has not come. */
static struct bytes take_new(struct report_assembly *assembly, const struct replay_segment *segment, bool may_skip)
{
	struct bytes bytes = segment->payload;
	const uint32_t seq = segment->seq + ((segment->flags & TCP_SYN) != 0 ? 1 : 0);

	if (!assembly->begun)
		assembly->next = seq;
	assembly->begun = true;
	if (segment->flags & TCP_SYN)
		assembly->whole = true;
	if (seq_before(assembly->next, seq)) {
		if (!may_skip)
			bytes.length = 0;
	} else {
		const uint32_t known = assembly->next - seq;

		if (known > bytes.length)
			bytes.length = 0;
		else
			bytes = (struct bytes){ bytes.data + known, bytes.length - known };
	}
	if (bytes.length > 0)
		assembly->next = seq + (uint32_t)segment->payload.length;
	return bytes;
}

static bool begins_record(uint8_t byte)
{
	return byte >= 20 && byte <= 23;
}

/* Skips TLS records. What is left, if anything, begins where a record could begin but does not. */
static struct bytes skip_records(struct report_assembly *assembly, struct bytes bytes)
{
	while (bytes.length > 0) {
		size_t step = 1;

		if (assembly->record > 0) {
			step = assembly->record < bytes.length ? assembly->record : bytes.length;
			assembly->record -= (uint32_t)step;
		} else {
			if (assembly->header_length == 0 && !begins_record(bytes.data[0]))
				break;
			assembly->header[assembly->header_length++] = bytes.data[0];
		}
		if (assembly->header_length == REPORT_RECORD_HEADER) {
			assembly->record = (uint32_t)(assembly->header[3] << 8 | assembly->header[4]);
			assembly->header_length = 0;
		}
		bytes.data += step;
		bytes.length -= step;
	}
	return bytes;
}

/*
 * Skips what is encrypted, and counts it in row unless that is NULL. What is left are lines: there are none as long as the
 * session is opaque.
 */
static struct bytes skip_encrypted(const struct report_session *session, struct report_assembly *assembly,
				   struct bytes bytes, uint64_t *count)
{
	struct bytes rest;

	if (!assembly->encrypted)
		return bytes;
	rest = skip_records(assembly, bytes);
	if (session->opaque)
		rest = (struct bytes){ bytes.data + bytes.length, 0 };
	else if (rest.length > 0)
		assembly->encrypted = false;
	if (count)
		*count += bytes.length - rest.length;
	return rest;
}

static void become_opaque(struct report *report, struct report_session *session, uint64_t time)
{
	session->opaque = true;
	for (int i = 0; i < 2; i++) {
		forget_line(&session->stream[i].in);
		session->stream[i].in.encrypted = true;
	}
	session->passing = report_add_row(report, session, REPORT_ROW_OPAQUE, time);
}

static struct bytes skip_encrypted_in(struct report_session *session, enum direction direction, struct bytes bytes)
{
	return skip_encrypted(session, &session->stream[direction].in, bytes,
			      session->passing ? &session->passing->bytes[direction] : NULL);
}

void report_take_in(struct report *report, struct report_session *session, const struct replay_segment *segment,
		    bool turns_opaque)
{
	struct report_assembly *assembly = &session->stream[segment->direction].in;
	struct bytes bytes = take_new(assembly, segment, session->opaque);

	/* Otherwise it does so after a 234. */
	if (turns_opaque && !session->opaque && (segment->direction == DIRECTION_ORIGINAL || !assembly->whole))
		become_opaque(report, session, segment->time);
	bytes = skip_encrypted_in(session, segment->direction, bytes);
	while (bytes.length > 0) {
		const bool complete = take_line(report, assembly, &bytes);
		const struct bytes line = { assembly->line, assembly->length };
		const bool agreed = complete && turns_opaque && !session->opaque && has_code(line, "234");

		if (complete) {
			add_line(report, session, segment->direction, segment->time, false);
			forget_line(assembly);
		}
		if (agreed) {
			become_opaque(report, session, segment->time);
			bytes = skip_encrypted_in(session, segment->direction, bytes);
		}
	}
	if (turns_opaque && !session->opaque)
		become_opaque(report, session, segment->time);
}

void report_take_out(struct report *report, struct report_session *session, const struct replay_segment *segment)
{
	struct report_stream *stream = &session->stream[segment->direction];
	struct bytes bytes = take_new(&stream->out, segment, session->opaque || session->lost);

	if (session->lost) {
		if (session->passing)
			session->passing->bytes[segment->direction] += bytes.length;
		return;
	}
	/* What was said in clear leaves first. */
	if (session->opaque && !stream->awaited)
		stream->out.encrypted = true;
	bytes = skip_encrypted(session, &stream->out, bytes, NULL);
	while (bytes.length > 0 && stream->awaited)
		if (take_line(report, &stream->out, &bytes)) {
			match_line(report, session, segment->direction);
			forget_line(&stream->out);
		}
	/* The beginning of a line may leave before its end has come. */
	if (bytes.length > 0 && !session->opaque && !session->full)
		append(report, &stream->out, bytes);
}

void report_end_lines(struct report *report, struct report_session *session)
{
	for (int i = 0; i < 2; i++) {
		struct report_assembly *assembly = &session->stream[i].in;

		if (assembly->length > 0 && !assembly->encrypted)
			add_line(report, session, (enum direction)i, session->last, true);
		forget_line(assembly);
	}
}
