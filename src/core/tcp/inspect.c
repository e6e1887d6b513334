/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A line ends with LF; a CR before it belongs to the end. Nothing else ends a line, and the session refuses lines in
 * which somebody could see another end (NUL, bare CR).
 *
 * Complete lines are judged at once. The unfinished line at the end of a segment is collected in `line`. If it could
 * still become a line that is edited or refused, its bytes are held: taken, but not decided, so that nothing of them
 * leaves. Otherwise they pass at once, and the line is judged, for the session's sake, when its end comes.
 *
 * Before a line is judged there must be room for what it becomes, since judging has effects: an expectation that was made
 * for a line that can't leave would be a pinhole that nobody announced. Without room inspection stops before the line;
 * what follows is not taken, the sender repeats it, and by then there is room: the limits act like a full link.
 *
 * A line that carries a token of RFC 2228 may be longer than the others, and is not kept: its bytes pass as they come, once
 * its beginning has shown what it is, and nothing but base64 may follow. It costs a session no more than its beginning.
 *
 * After a 234 a stream is TLS records (tlsrecord.c), which pass as they come, in order. They are kept until they are
 * acknowledged, as lines are: what the receiver reads is what was followed here, so both see TLS end at the same byte.
 * From that byte on there are lines again.
 */
#include "core/tcp/inspect.h"

#include <string.h>

#include "ftpalg/parse.h"
#include "ftpalg/token.h"

/* One line that is being decided. */
struct pending {
	struct inspector *inspector;
	struct flow *flow;
	enum direction direction;
	struct stream *stream;
	struct bytes whole;  /* with its end */
	size_t content;      /* length without its end */
	size_t passed;       /* bytes that have been decided already */
	uint64_t now;
};

/*
 * To give all sessions another policy at once would take as long as a walk over the table, in which no packet is judged. So
 * each takes its rule from it when it is next read. Until then its rule may be in a policy that is gone.
 */
void inspect_follow_policy(const struct inspector *inspector, struct flow *flow)
{
	if (flow->edition == inspector->edition)
		return;
	session_set_policy(&flow->session, inspector->policy);
	flow->edition = inspector->edition;
}

static enum inspect_result close_session(const struct pending *pending, enum reason why, enum reason *reason)
{
	*reason = why;
	session_close(&pending->flow->session, pending->inspector->ops, why, pending->now);
	return INSPECT_CLOSE;
}

static void pass_rest(const struct pending *pending, size_t from)
{
	struct bytes rest = { pending->whole.data + from, pending->whole.length - from };

	stream_pass(pending->stream, pending->inspector->pool, rest);
}

/* struct outcome_planner, for a line of which nothing has been decided. */
static enum reason plan_edit(const void *context, const struct edit *edit, struct seqadj *seqadj)
{
	const struct pending *pending = context;

	return stream_plan_resize(pending->stream, edit->at.offset, edit->at.length, edit->length, seqadj);
}

/* Gives the line to the session, which may need its backlog from here on, or no longer. whole: it may still be edited. */
static void tell_session(const struct pending *pending, struct bytes line, bool whole)
{
	struct inspector *inspector = pending->inspector;
	struct session *session = &pending->flow->session;

	inspector->outcome.planner = (struct outcome_planner){ whole ? plan_edit : NULL, pending };
	shelf_lend(inspector->shelf, session);
	session_input(session, inspector->ops, pending->direction, line, pending->now, &inspector->outcome);
	shelf_take_back(inspector->shelf, session, false);
}

/* The kernel must have the new correction before any byte of the line is decided. */
static enum reason resize(const struct pending *pending, const struct edit *edit, struct seqadj *seqadj)
{
	const struct inspector *inspector = pending->inspector;
	const struct correction *correction = &inspector->outcome.correction;
	enum reason reason;

	if (edit->at.length == edit->length)
		return REASON_NONE;
	if (correction->asked) {
		*seqadj = correction->seqadj;
		return correction->answer;
	}
	reason = stream_plan_resize(pending->stream, edit->at.offset, edit->at.length, edit->length, seqadj);
	if (reason != REASON_NONE)
		return reason;
	return inspector->ops->seqadj(inspector->ops->context, &pending->flow->session.view, pending->direction, seqadj);
}

static void apply_edit(const struct pending *pending)
{
	struct inspector *inspector = pending->inspector;
	struct outcome *outcome = &inspector->outcome;
	struct bytes content = { pending->whole.data, pending->content };
	struct bytes before = { pending->whole.data, 0 };
	struct bytes replacement = { outcome->edit.replacement, 0 };
	struct seqadj seqadj = { 0, 0, 0 };
	enum reason reason = resize(pending, &outcome->edit, &seqadj);

	if (reason != REASON_NONE)
		session_revoke_offer(&pending->flow->session, inspector->ops, pending->direction, content, reason,
				     outcome);
	before.length = outcome->edit.at.offset;
	replacement.length = outcome->edit.length;
	stream_pass(pending->stream, inspector->pool, before);
	stream_replace(pending->stream, inspector->pool, outcome->edit.at.length, replacement, &seqadj);
	pass_rest(pending, outcome->edit.at.offset + outcome->edit.at.length);
}

/*
 * A byte of the line came as urgent. Some receivers take such a byte out of the stream, and some the one after it (RFC
 * 6093), so it leaves as urgent only where that changes nothing of what the line says: where a client interrupts, within
 * the codes in front of a verb (RFC 959 4.1.3; parse.c refuses a verb there that could be another one with a letter more).
 * line leaves as it is, and nothing of it has left.
 */
static void judge_urgency(const struct pending *pending, struct bytes line)
{
	struct stream *stream = pending->stream;

	if (stream->urgency == STREAM_URGENT_ASKED && pending->direction == DIRECTION_ORIGINAL && !stream->partial &&
	    parse_is_synch(line, stream->in_urgent - 1 - stream->in_decided))
		stream->urgency = STREAM_URGENT_GRANTED;
}

static enum inspect_result decide_line(const struct pending *pending, enum reason *reason)
{
	struct inspector *inspector = pending->inspector;
	struct outcome *outcome = &inspector->outcome;
	struct bytes content = { pending->whole.data, pending->content };

	session_take_end(&pending->flow->session, pending->direction, pending->whole.length - pending->content > 1);
	tell_session(pending, content, pending->passed == 0);
	if (pending->flow->session.state == SESSION_OPAQUE) {
		tlsrecord_start(&pending->flow->tls[DIRECTION_ORIGINAL]);
		tlsrecord_start(&pending->flow->tls[DIRECTION_REPLY]);
	}
	switch (outcome->verdict) {
	case OUTCOME_CLOSE:
		*reason = outcome->reason;
		return INSPECT_CLOSE;
	case OUTCOME_EDIT:
	case OUTCOME_REFUSE:
		if (pending->passed > 0)
			return close_session(pending, REASON_SPLIT_REFUSED, reason);
		apply_edit(pending);
		return INSPECT_DONE;
	case OUTCOME_PASS:
		break;
	}
	if (pending->passed == 0)
		judge_urgency(pending, content);
	pass_rest(pending, pending->passed);
	return INSPECT_DONE;
}

enum reason inspect_check_share(const struct inspector *inspector, const struct flow *flow, size_t length)
{
	const struct quota_source *source = flow->session.source;
	enum reason reason = REASON_NONE;

	if (!buffer_pool_may_have(inspector->pool, flow_count_bytes(flow), length))
		return REASON_MEMORY_FULL;
	if (source)
		reason = quota_check_bytes(inspector->quota, source, length);
	if (reason == REASON_NONE && source && buffer_pool_is_scarce(inspector->pool))
		reason = quota_check_scarce_bytes(inspector->quota, source, length);
	return reason;
}

static enum reason check_bytes(const struct pending *pending, size_t length)
{
	const struct inspector *inspector = pending->inspector;
	enum reason reason = stream_check_room(pending->stream, inspector->pool, length,
					       inspector->unacknowledged_limit);

	return reason == REASON_NONE ? inspect_check_share(inspector, pending->flow, length) : reason;
}

/* Room for a line, whatever it becomes: an edit grows it by less than the longest host-port. */
static enum reason check_room(const struct pending *pending, size_t length)
{
	struct bytes beginning = { pending->whole.data, pending->content };
	enum reason reason = check_bytes(pending, length + HOSTPORT_TEXT_MAX);

	if (reason == REASON_NONE && pending->stream->edit_count == SEQADJ_EDITS_MAX && pending->passed == 0 &&
	    session_must_hold(&pending->flow->session, pending->direction, beginning))
		reason = REASON_EDITS_FULL;
	return reason;
}

/* Puts the collected pieces and the last one together. */
static void assemble_line(struct pending *pending, struct bytes piece)
{
	struct inspector *inspector = pending->inspector;
	struct stream *stream = pending->stream;
	size_t have = stream->line.length;

	pending->whole = piece;
	pending->passed = stream->line_passed;
	if (have > 0) {
		buffer_copy(inspector->pool, &stream->line, 0, have, inspector->line);
		if (piece.length > 0)
			memcpy(inspector->line + have, piece.data, piece.length);
		pending->whole.data = inspector->line;
		pending->whole.length = have + piece.length;
	}
	pending->content = pending->whole.length;
	if (pending->content > 0 && pending->whole.data[pending->content - 1] == '\n')
		pending->content--;
	if (pending->content < pending->whole.length && pending->content > 0 &&
	    pending->whole.data[pending->content - 1] == '\r')
		pending->content--;
}

/*
 * The first line of an adopted stream may be the rest of one whose beginning the receiver has. Whatever looks like a
 * line is judged as one: inside another line an offer that is refused or rewritten harms nobody but its sender. The
 * rest of a line passes, because a client that writes its commands in pieces is an ordinary one, but not where the
 * beginning matters (session_may_pass_rest).
 */
static enum inspect_result decide_first_line(const struct pending *pending, enum reason *reason)
{
	struct bytes content = { pending->whole.data, pending->content };

	if (session_looks_like_line(pending->direction, content))
		return decide_line(pending, reason);
	if (!session_may_pass_rest(&pending->flow->session, pending->direction, content))
		return close_session(pending, REASON_ADOPTION_FAILED, reason);
	pass_rest(pending, pending->passed);
	return INSPECT_DONE;
}

/* Puts the beginning of the line, as far as there is room, into the inspector's line. */
static struct bytes join_beginning(const struct pending *pending, struct bytes body)
{
	struct inspector *inspector = pending->inspector;
	struct stream *stream = pending->stream;
	const size_t have = buffer_copy(inspector->pool, &stream->line, 0, stream->line.length, inspector->line);
	const size_t room = sizeof(inspector->line) - have;
	const size_t more = body.length < room ? body.length : room;

	memcpy(inspector->line + have, body.data, more);
	return (struct bytes){ inspector->line, have + more };
}

/*
 * May the line go on with body, and as one that carries a token? What of body is in the beginning too, verb or code and all,
 * is judged with that.
 */
static bool token_goes_on(const struct pending *pending, struct bytes beginning, struct bytes body)
{
	const struct stream *stream = pending->stream;
	const size_t have = stream->line_token > 0 ? stream->line_token : stream->line.length;
	const size_t begun = beginning.length - stream->line.length;
	const struct bytes rest = { body.data + begun, body.length - begun };

	if (have + body.length > TOKEN_LINE_MAX || !token_is_base64(rest))
		return false;
	if (stream->line_token > 0)
		return !stream->line_cr || body.length == 0;
	if (stream->partial || token_offset(pending->direction, beginning) == 0)
		return false;
	/* What would have to be held can't be. */
	return pending->direction == DIRECTION_REPLY ||
	       !session_must_hold(&pending->flow->session, pending->direction, beginning);
}

/* The whole line has come: it is judged by its beginning. */
static enum inspect_result decide_token(const struct pending *pending, struct bytes beginning, enum reason *reason)
{
	struct inspector *inspector = pending->inspector;
	struct outcome *outcome = &inspector->outcome;

	tell_session(pending, beginning, false);
	if (outcome->verdict == OUTCOME_PASS)
		return INSPECT_DONE;
	if (outcome->verdict != OUTCOME_CLOSE)
		return close_session(pending, REASON_SPLIT_REFUSED, reason);
	*reason = outcome->reason;
	return INSPECT_CLOSE;
}

/* piece belongs to a line that is too long for one without a token. An empty one, or one with LF, ends it. */
static enum inspect_result take_token(const struct pending *pending, struct bytes piece, enum reason *reason)
{
	struct inspector *inspector = pending->inspector;
	struct stream *stream = pending->stream;
	const bool ends = piece.length == 0 || piece.data[piece.length - 1] == '\n';
	struct bytes beginning;
	struct bytes unpassed;
	struct bytes body = piece;

	if (ends && body.length > 0)
		body.length--;
	while (body.length > 0 && body.data[body.length - 1] == '\r')
		body.length--;
	beginning = join_beginning(pending, stream->line_token > 0 ? (struct bytes){ body.data, 0 } : body);
	if (!token_goes_on(pending, beginning, body))
		return close_session(pending, REASON_LINE_TOO_LONG, reason);
	unpassed = (struct bytes){ inspector->line + stream->line_passed, stream->line.length - stream->line_passed };
	*reason = check_bytes(pending, unpassed.length + piece.length + TOKEN_BEGINNING);
	if (*reason != REASON_NONE)
		return INSPECT_STOP;
	if (beginning.length > TOKEN_BEGINNING)
		beginning.length = TOKEN_BEGINNING;
	if (ends && decide_token(pending, beginning, reason) == INSPECT_CLOSE)
		return INSPECT_CLOSE;
	stream->line_token += (uint32_t)(piece.length + (stream->line_token > 0 ? 0 : stream->line.length));
	stream->line_cr = body.length < piece.length;
	stream_pass(stream, inspector->pool, unpassed);
	stream_pass(stream, inspector->pool, piece);
	stream->in_next = stream->in_decided;
	buffer_clear(inspector->pool, &stream->line);
	if (ends)
		stream->line_token = 0;
	else
		buffer_append(inspector->pool, &stream->line, beginning);
	stream->line_passed = stream->line.length;
	return INSPECT_DONE;
}

/* piece ends a line. */
static enum inspect_result take_line(struct pending *pending, struct bytes piece, enum reason *reason)
{
	struct inspector *inspector = pending->inspector;
	struct stream *stream = pending->stream;
	enum inspect_result result = INSPECT_DONE;

	if (stream->line_token > 0 || stream->line.length + piece.length > (size_t)inspector->line_limit + 2)
		return take_token(pending, piece, reason);
	assemble_line(pending, piece);
	if (pending->content > inspector->line_limit)
		return take_token(pending, piece, reason);
	*reason = check_room(pending, pending->whole.length - pending->passed);
	if (*reason != REASON_NONE)
		return INSPECT_STOP;
	result = stream->partial ? decide_first_line(pending, reason) : decide_line(pending, reason);
	if (result == INSPECT_DONE) {
		buffer_clear(inspector->pool, &stream->line);
		stream->line_passed = 0;
		stream->partial = false;
		stream->in_next = stream->in_decided;
	}
	return result;
}

/* piece belongs to a line whose end has not come. */
static enum inspect_result take_beginning(struct pending *pending, struct bytes piece, enum reason *reason)
{
	struct inspector *inspector = pending->inspector;
	struct stream *stream = pending->stream;
	const struct session *session = &pending->flow->session;
	struct bytes rest;

	if (stream->line_token > 0 || stream->line.length + piece.length > (size_t)inspector->line_limit + 1)
		return take_token(pending, piece, reason);
	if (!session_may_listen(session) && pending->direction == DIRECTION_ORIGINAL)
		return close_session(pending, REASON_CLIENT_FIRST, reason);
	*reason = check_bytes(pending, stream->line.length + piece.length);
	if (*reason == REASON_NONE && !buffer_append(inspector->pool, &stream->line, piece))
		*reason = REASON_MEMORY_FULL;
	if (*reason != REASON_NONE)
		return INSPECT_STOP;
	stream->in_next += (uint32_t)piece.length;

	rest.data = inspector->line;
	rest.length = buffer_copy(inspector->pool, &stream->line, 0, stream->line.length, inspector->line);
	/* Whether the first line of an adopted stream is the rest of one is seen when all of it is there. */
	if (stream->line_passed == 0 && stream->partial)
		return INSPECT_DONE;
	/* A peer that takes such a byte for an end reads a line here, and the next one after it: too late to wait for LF. */
	if (pending->direction == DIRECTION_ORIGINAL ? parse_command_is_ambiguous(rest) : parse_reply_is_ambiguous(rest))
		return close_session(pending, REASON_CONTROL_BYTE, reason);
	if ((stream->line_passed == 0 && session_must_hold(session, pending->direction, rest)) ||
	    session_hides_line(session, pending->direction, rest, stream->line_passed, false))
		return INSPECT_DONE;
	rest.data += stream->line_passed;
	rest.length -= stream->line_passed;
	*reason = check_bytes(pending, rest.length);
	if (*reason == REASON_NONE) {
		if (stream->line_passed == 0)
			judge_urgency(pending, rest);
		stream_pass(stream, inspector->pool, rest);
		stream->line_passed = stream->line.length;
	}
	*reason = REASON_NONE;
	return INSPECT_DONE;
}

/*
 * A line where a record could begin. The peer that speaks it has left TLS and the other one is about to; that it could
 * not have been otherwise is in tlsrecord.c.
 */
static enum inspect_result leave_tls(const struct pending *pending, enum reason *reason)
{
	struct flow *flow = pending->flow;
	struct tlsrecord *own = &flow->tls[pending->direction];
	struct tlsrecord *other = &flow->tls[direction_opposite(pending->direction)];

	if (!tlsrecord_may_end(own))
		return close_session(pending, REASON_NOT_TLS, reason);
	own->reading = false;
	if (flow->session.state != SESSION_OPAQUE)
		return INSPECT_DONE;
	if (!tlsrecord_has_spoken(other) || !tlsrecord_expect_end(other))
		return close_session(pending, REASON_NOT_TLS, reason);
	session_set_readable(&flow->session, pending->inspector->ops);
	return INSPECT_DONE;
}

/* After 234 a client speaks TLS and a server waits for it. Moves fresh past what belongs to records. */
static enum inspect_result take_records(const struct pending *pending, struct bytes *fresh, enum reason *reason)
{
	struct flow *flow = pending->flow;
	struct inspector *inspector = pending->inspector;
	struct bytes records = *fresh;
	enum tlsrecord_place place;

	if (tlsrecord_is_untouched(&flow->tls[DIRECTION_ORIGINAL]) &&
	    (pending->direction == DIRECTION_REPLY || pending->stream->line.length > 0))
		return close_session(pending, REASON_BEHIND_AUTH, reason);
	*reason = check_bytes(pending, fresh->length);
	if (*reason != REASON_NONE)
		return INSPECT_STOP;
	place = tlsrecord_take(&flow->tls[pending->direction], pending->direction, *fresh, &records.length);
	if (place == TLSRECORD_WRONG)
		return close_session(pending, REASON_NOT_TLS, reason);
	stream_pass(pending->stream, inspector->pool, records);
	fresh->data += records.length;
	fresh->length -= records.length;
	return place == TLSRECORD_LINE ? leave_tls(pending, reason) : INSPECT_DONE;
}

/* Before the greeting, where the policy says that a load balancer may speak first. Moves fresh past the header. */
static enum inspect_result take_header(const struct pending *pending, struct bytes *fresh, enum reason *reason)
{
	struct session *session = &pending->flow->session;
	struct bytes header = *fresh;

	*reason = check_bytes(pending, fresh->length);
	if (*reason != REASON_NONE)
		return INSPECT_STOP;
	if (proxyheader_take(&session->header, *fresh, &header.length) == PROXYHEADER_WRONG)
		return close_session(pending, REASON_CLIENT_FIRST, reason);
	stream_pass(pending->stream, pending->inspector->pool, header);
	fresh->data += header.length;
	fresh->length -= header.length;
	return INSPECT_DONE;
}

enum inspect_result inspect_bytes(struct inspector *inspector, struct flow *flow, enum direction direction,
				  struct bytes fresh, uint64_t now, enum reason *reason)
{
	enum inspect_result result = INSPECT_DONE;
	struct pending pending = {
		.inspector = inspector,
		.flow = flow,
		.direction = direction,
		.stream = &flow->stream[direction],
		.now = now,
	};

	inspect_follow_policy(inspector, flow);
	while (fresh.length > 0 && result == INSPECT_DONE) {
		const uint8_t *end;
		struct bytes piece = fresh;

		if (flow->tls[direction].reading) {
			result = take_records(&pending, &fresh, reason);
			continue;
		}
		if (direction == DIRECTION_ORIGINAL && session_expects_header(&flow->session)) {
			result = take_header(&pending, &fresh, reason);
			continue;
		}
		end = memchr(fresh.data, '\n', fresh.length);
		if (end) {
			piece.length = (size_t)(end - fresh.data) + 1;
			result = take_line(&pending, piece, reason);
		} else {
			result = take_beginning(&pending, piece, reason);
		}
		fresh.data += piece.length;
		fresh.length -= piece.length;
	}
	return result;
}

enum inspect_result inspect_end(struct inspector *inspector, struct flow *flow, enum direction direction, uint64_t now,
				enum reason *reason)
{
	struct bytes nothing = { inspector->line, 0 };
	struct pending pending = {
		.inspector = inspector,
		.flow = flow,
		.direction = direction,
		.stream = &flow->stream[direction],
		.now = now,
	};

	if (flow->tls[direction].reading || pending.stream->line.length == 0)
		return INSPECT_DONE;
	inspect_follow_policy(inspector, flow);
	return take_line(&pending, nothing, reason);
}
