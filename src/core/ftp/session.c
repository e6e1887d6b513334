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
#include <string.h>

#include "core/ftp/session_internal.h"

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

	/* SITE PSWD and the like. The verb's four letters are in the line, however they stand there. */
	if (verb == VERB_SITE)
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
	/*
	 * What is written into a multi-line reply has its code, and ends it only where the line did: clients differ in what
	 * they take for an end, and a client that sees one too early is a reply behind from then on.
	 */
	if (edit->length > 3) {
		for (unsigned int i = 0, code = turn->session->refused_code; i < 3; i++, code /= 10)
			edit->replacement[2 - i] = (uint8_t)('0' + code % 10);
		edit->replacement[3] = turn->session->refused_continues ? '-' : ' ';
	} else if (turn->session->refused_continues) {
		/* A code alone would be an end. */
		memset(edit->replacement, ' ', edit->length);
	}
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

	session->now = now;
	outcome->verdict = OUTCOME_PASS;
	outcome->reason = REASON_NONE;
	if (direction == DIRECTION_ORIGINAL) {
		session_settle_reply(&turn);
		session_take_command(&turn);
	} else {
		session_take_reply(&turn);
	}
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
	/* What a client says first, and before the greeting, may end the session whatever it is. */
	return !session->any_command || policy_judge_verb(session->rule, command.verb) != REASON_NONE;
}

bool session_must_hold(const struct session *session, enum direction direction, struct bytes beginning)
{
	if (direction == DIRECTION_REPLY)
		return session_awaits_endpoint(session) || parse_reply_may_matter(beginning);
	return command_must_be_held(session, beginning);
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

/*
 * Nothing of what was said in TLS is known. What is known: no command from before waits for a reply, since nothing may
 * stand after AUTH; and CCC comes from a client that has spoken FTP, and TLS, with this server, which is what a login
 * tells of others. So offers are judged from here on, and if nobody is logged in the server refuses them.
 */
void session_set_readable(struct session *session, const struct ops *ops)
{
	static const uint8_t clear[] = "clear";
	struct event event = {
		.type = EVENT_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { clear, sizeof(clear) - 1 },
	};

	session->state = SESSION_READY;
	/* The name of a USER before AUTH is not that of the login after it. */
	session->name_length = 0;
	ops->event(ops->context, &event);
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

void session_close(struct session *session, const struct ops *ops, enum reason reason, uint64_t now)
{
	struct event event = {
		.type = EVENT_SESSION_CLOSE,
		.reason = reason,
		.session = session->id,
		.view = &session->view,
	};

	if (session->state == SESSION_CLOSED)
		return;
	session->now = now;
	session->state = SESSION_CLOSED;
	session_close_pinhole(session, ops, reason);
	ops->event(ops->context, &event);
}
