/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A session sees every line of both directions, in the order in which the gateway lets them pass, and keeps what is
 * needed to know what a line means: has the server greeted, is somebody logged in, which commands wait for their reply.
 * Replies are paired with the oldest command that they can answer (session_pipeline.c); a 1yz leaves its command waiting.
 * That pairing is what makes a 227 trustworthy: it counts only while a PASV waits, and uses it up (session_reply.c).
 *
 * Refusals are written over the line, same length, so that neither peer's numbers move and the dialogue goes on: the
 * server itself answers the mutilated command with 5xx, the client reads 425 instead of a forged 227. A session is
 * closed only where the two peers may disagree about what the bytes mean.
 */

#include "core/ftp/session_internal.h"

void session_input(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
		   uint64_t now, struct outcome *outcome)
{
	struct turn turn = {
		.session = session,
		.ops = ops,
		.direction = direction,
		.line = line,
		.now = now,
		.outcome = outcome,
	};

	session->now = now;
	outcome->verdict = OUTCOME_PASS;
	outcome->reason = REASON_NONE;
	outcome->correction.asked = false;
	if (direction == DIRECTION_ORIGINAL) {
		session_settle_reply(&turn);
		session_take_command(&turn);
	} else {
		session_take_reply(&turn);
	}
}

void session_take_end(struct session *session, enum direction direction, bool crlf)
{
	if (direction == DIRECTION_REPLY)
		session->line_lf = !crlf;
}

void session_revoke_offer(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
			  enum reason reason, struct outcome *outcome)
{
	struct turn turn = {
		.session = session,
		.ops = ops,
		.direction = direction,
		.line = line,
		.outcome = outcome,
	};
	struct command command;

	session_close_pinhole(session, ops, reason);
	if (direction == DIRECTION_ORIGINAL) {
		parse_command(line, &command);
		turn_refuse_command(&turn, reason, &command);
	} else {
		turn_refuse_reply(&turn, reason, session->pinhole_form);
	}
}

/* A command that would be refused once it is complete must not have left by then. */
static bool command_must_be_held(const struct session *session, struct bytes beginning)
{
	struct command command;

	if (parse_command_may_matter(beginning))
		return true;
	parse_command(beginning, &command);
	/* A server that keeps it through the handshake would take it for the beginning of an encrypted line. */
	if (session_pipeline_holds(session, VERB_AUTH))
		return true;
	/* Its options come last, and say whether it is refused. */
	if (command.verb == VERB_STAT)
		return true;
	/* So may its endpoint. */
	if (session_is_grid_transfer(beginning, &command))
		return true;
	/* What a client says first, and before the greeting, may end the session whatever it is. */
	return !session->any_command || policy_judge_verb(session->rule, command.verb) != REASON_NONE;
}

bool session_must_hold(const struct session *session, enum direction direction, struct bytes beginning)
{
	if (direction == DIRECTION_REPLY)
		return session_awaits_endpoint(session) || parse_reply_may_matter(beginning) ||
		       session_announces_midway(session->multiline);
	return command_must_be_held(session, beginning);
}

bool session_looks_like_line(enum direction direction, struct bytes line)
{
	struct command command;
	struct reply reply;

	/* What no strict reader takes for a command may be one to a server that skips or strips. */
	if (direction == DIRECTION_ORIGINAL)
		return parse_command(line, &command) != REASON_NONE || command.verb != VERB_UNKNOWN;
	parse_reply(line, &reply);
	return reply.kind != REPLY_TEXT || parse_reply_may_matter(line);
}

/*
 * The end of an active offer: at most three letters of its verb, and of its numbers so many that they are separated. What
 * separates those of EPRT is the client's choice (RFC 2428 2).
 */
static bool may_end_offer(struct bytes rest)
{
	uint8_t delimiter = 0;
	bool digits = false;
	bool separated = false;
	size_t at = 0;

	while (at < rest.length && at < 3 && (rest.data[at] & 0xdf) >= 'A' && (rest.data[at] & 0xdf) <= 'Z')
		at++;
	for (; at < rest.length; at++) {
		uint8_t byte = rest.data[at];

		if (byte >= '0' && byte <= '9') {
			digits = true;
		} else if (byte == ',' || byte == delimiter) {
			separated = true;
		} else if (byte != ' ' && byte != '.' && byte != ':' &&
			   ((byte & 0xdf) < 'A' || (byte & 0xdf) > 'F')) {
			/* Two different ones separate no numbers. */
			if (delimiter != 0)
				return false;
			delimiter = byte;
			separated = true;
		}
	}
	return digits && separated;
}

bool session_may_pass_rest(const struct session *session, enum direction direction, struct bytes rest)
{
	if (direction == DIRECTION_REPLY)
		return true;
	/* The beginning may be that of a command that is denied. */
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
		if (policy_judge_verb(session->rule, (enum verb)verb) != REASON_NONE)
			return false;
	return !may_end_offer(rest);
}
