/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A session sees every line of both directions, in the order in which the gateway lets them pass, and keeps what is
 * needed to know what a line means: has the server greeted, is somebody logged in, which commands wait for their reply.
 * Replies are paired with commands first in, first out (RFC 959 5.4); a 1yz leaves its command waiting. That pairing is
 * what makes a 227 trustworthy: it counts only while the oldest waiting command is the PASV that it answers.
 *
 * Refusals are written over the line, same length, so that neither peer's numbers move and the dialogue goes on: the
 * server itself answers the mutilated command with 5xx, the client reads 425 instead of a forged 227. A session is
 * closed only where the two peers may disagree about what the bytes mean.
 */
#include <string.h>

#include "session_internal.h"

void session_open(struct session *session, const struct policy *policy, const struct ops *ops, uint64_t id,
		  const struct nat_view *view, bool resizable, bool adopted)
{
	struct event event = { .type = EVENT_SESSION_OPEN, .session = id, .view = view, .adopted = adopted };

	memset(session, 0, sizeof(*session));
	session->id = id;
	session->view = *view;
	session->resizable = resizable;
	session->adopted = adopted;
	session->any_command = adopted;
	session->unseen_command = adopted;
	session->state = adopted ? SESSION_READY : SESSION_GREETING;
	session_set_policy(session, policy);
	event.rule = session->rule->name;
	ops->event(ops->context, &event);
}

void session_set_policy(struct session *session, const struct policy *policy)
{
	session->rule = policy_find_rule(policy, &session->view);
}

void session_terminate_tls(struct session *session, const struct ops *ops, bool secured)
{
	static const uint8_t implicit[] = "implicit";
	struct event event = {
		.type = EVENT_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { implicit, sizeof(implicit) - 1 },
	};

	session->terminated = true;
	session->secured = secured;
	if (secured)
		ops->event(ops->context, &event);
}

void session_set_quota(struct session *session, const struct quota *quota, struct quota_source *source)
{
	session->quota = quota;
	session->source = source;
}

struct event turn_event(const struct turn *turn, enum event_type type)
{
	struct event event = {
		.type = type,
		.session = turn->session->id,
		.view = &turn->session->view,
		.direction = turn->direction,
	};

	return event;
}

void turn_report(const struct turn *turn, const struct event *event)
{
	turn->ops->event(turn->ops->context, event);
}

void turn_close(const struct turn *turn, enum reason reason)
{
	turn->outcome->verdict = OUTCOME_CLOSE;
	turn->outcome->reason = reason;
	session_close(turn->session, turn->ops, reason, turn->now);
}

/* A password must not reach a log, even where its command is refused. */
static struct bytes line_for_report(const struct turn *turn, enum verb verb)
{
	struct bytes nothing = { turn->line.data, 0 };

	/* SITE PSWD and the like. */
	if (verb == VERB_SITE && turn->line.length > 4)
		nothing.length = 4;
	return verb == VERB_PASS || verb == VERB_ACCT || verb == VERB_ADAT || verb == VERB_SITE ? nothing : turn->line;
}

void turn_refuse(const struct turn *turn, enum reason reason, enum form form, enum verb verb)
{
	struct event event = turn_event(turn, EVENT_REFUSE);

	turn->outcome->verdict = OUTCOME_REFUSE;
	turn->outcome->reason = reason;
	event.reason = reason;
	event.form = form;
	event.verb = verb;
	event.text = line_for_report(turn, verb);
	event.rule = turn->session->rule->name;
	turn_report(turn, &event);
}

void turn_refuse_command(const struct turn *turn, enum reason reason, const struct command *command)
{
	offer_refuse_command(turn->line, command, &turn->outcome->edit);
	turn_refuse(turn, reason, FORM_NONE, command->verb);
}

void turn_refuse_reply(const struct turn *turn, enum reason reason, enum form form)
{
	struct edit *edit = &turn->outcome->edit;

	offer_refuse_reply(turn->line, reason, edit);
	/* The first line of a multi-line reply stays one, or the client would take the next line for another reply. */
	if (turn->line.length > 3 && turn->line.data[3] == '-' && edit->length > 3)
		edit->replacement[3] = '-';
	/* And inside a 425, it must not end it. */
	if (turn->session->multiline == 425 && edit->length > 3)
		edit->replacement[3] = '-';
	turn_refuse(turn, reason, form, VERB_UNKNOWN);
}

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

	outcome->verdict = OUTCOME_PASS;
	outcome->reason = REASON_NONE;
	if (direction == DIRECTION_ORIGINAL)
		session_take_command(&turn);
	else
		session_take_reply(&turn);
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
	if (parse_command(beginning, &command) != REASON_NONE)
		return true;
	/* A server that keeps it through the handshake would take it for the beginning of an encrypted line. */
	if (session_pipeline_holds(session, VERB_AUTH))
		return true;
	if (policy_rule_requires_tls(session->rule) && (command.verb == VERB_USER || command.verb == VERB_PASS))
		return true;
	return !session->any_command || policy_judge_verb(session->rule, command.verb) != REASON_NONE;
}

bool session_must_hold(const struct session *session, enum direction direction, struct bytes beginning)
{
	if (direction == DIRECTION_REPLY)
		return parse_reply_may_matter(beginning);
	return session->state == SESSION_GREETING || command_must_be_held(session, beginning);
}

bool session_is_harmless(const struct session *session, enum direction direction, struct bytes line)
{
	struct command command;

	if (direction == DIRECTION_REPLY)
		return !parse_reply_may_matter(line);
	return parse_command(line, &command) == REASON_NONE && command.verb != VERB_UNKNOWN &&
	       command.verb != VERB_AUTH && !verb_is_active_offer(command.verb) &&
	       !verb_is_passive_request(command.verb) &&
	       policy_judge_verb(session->rule, command.verb) == REASON_NONE;
}

enum reason session_judge_opaque(size_t position, struct bytes bytes)
{
	/* Content type handshake, major version 3, and no minor version is above that of TLS 1.3 (RFC 8446 5.1). */
	static const uint8_t least[] = { 22, 3, 0 };
	static const uint8_t most[] = { 22, 3, 4 };

	for (size_t i = 0; i < bytes.length && position + i < sizeof(least); i++)
		if (bytes.data[i] < least[position + i] || bytes.data[i] > most[position + i])
			return REASON_NOT_TLS;
	return REASON_NONE;
}

void session_set_opaque(struct session *session, const struct ops *ops)
{
	static const uint8_t opaque[] = "opaque";
	struct event event = {
		.type = EVENT_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { opaque, sizeof(opaque) - 1 },
	};

	session->state = SESSION_OPAQUE;
	ops->event(ops->context, &event);
}

bool session_looks_like_line(enum direction direction, struct bytes beginning)
{
	struct command command;
	struct reply reply;
	const uint8_t *end = beginning.length > 0 ? memchr(beginning.data, '\n', beginning.length) : NULL;

	if (end)
		beginning.length = (size_t)(end - beginning.data);
	if (end && beginning.length > 0 && beginning.data[beginning.length - 1] == '\r')
		beginning.length--;
	if (direction == DIRECTION_ORIGINAL)
		/* What no strict reader takes for a command may be one to a server that skips or strips. */
		return parse_command(beginning, &command) != REASON_NONE || command.verb != VERB_UNKNOWN;
	parse_reply(beginning, &reply);
	return reply.kind != REPLY_TEXT;
}

void session_close(struct session *session, const struct ops *ops, enum reason reason, uint64_t now)
{
	struct event event = {
		.type = EVENT_SESSION_CLOSE,
		.reason = reason,
		.session = session->id,
		.view = &session->view,
	};

	(void)now;
	if (session->state == SESSION_CLOSED)
		return;
	session->state = SESSION_CLOSED;
	session_close_pinhole(session, ops, reason);
	ops->event(ops->context, &event);
}
