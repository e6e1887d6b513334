/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands: what a client may say, and when.
 *
 * Every command that reaches the server will be answered, an overwritten one too, so each is put into the pipeline. A
 * pipeline that overflows closes the session rather than losing count: whoever loses count can be told that a 227
 * answers a PASV when it does not.
 */
#include <string.h>

#include "session_internal.h"

static bool pipeline_holds(const struct session *session, enum verb verb)
{
	for (unsigned int i = 0; i < session->pipeline_count; i++)
		if (session->pipeline[(session->pipeline_head + i) % SESSION_PIPELINE_MAX] == verb)
			return true;
	return false;
}

static bool pipeline_push(struct session *session, enum verb verb)
{
	unsigned int at = (session->pipeline_head + session->pipeline_count) % SESSION_PIPELINE_MAX;

	if (session->pipeline_count == SESSION_PIPELINE_MAX)
		return false;
	session->pipeline[at] = (uint8_t)verb;
	session->pipeline_count++;
	return true;
}

static struct bytes command_argument(const struct turn *turn, const struct command *command)
{
	struct bytes argument = { turn->line.data + command->argument.offset, command->argument.length };

	return argument;
}

static enum form verb_form(enum verb verb)
{
	switch (verb) {
	case VERB_PORT:
		return FORM_PORT;
	case VERB_EPRT:
		return FORM_EPRT;
	default:
		return FORM_LPRT;
	}
}

static enum reason take_active_offer(const struct turn *turn, const struct command *command)
{
	const struct session *session = turn->session;
	struct hostport hostport;
	enum reason reason;

	if (session->epsv_all)
		return REASON_EPSV_ALL;
	if (session->state != SESSION_READY && session->rule->login_required)
		return REASON_NOT_LOGGED_IN;
	if (!session->rule->active)
		return REASON_ACTIVE_DENIED;
	reason = hostport_parse(verb_form(command->verb), command_argument(turn, command), &hostport);
	if (reason != REASON_NONE)
		return reason;
	/* The number of this command: all before it are answered or in the pipeline. */
	return session_accept_offer(turn, &hostport, command->argument.offset,
				    session->answered + session->pipeline_count);
}

static bool argument_is_all(struct bytes argument)
{
	static const char all[] = "ALL";

	if (argument.length != sizeof(all) - 1)
		return false;
	for (size_t i = 0; i < argument.length; i++)
		if ((argument.data[i] & 0xdf) != (uint8_t)all[i])
			return false;
	return true;
}

static enum reason take_passive_request(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;

	if (session->epsv_all && command->verb != VERB_EPSV)
		return REASON_EPSV_ALL;
	if (!session->rule->passive)
		return REASON_PASSIVE_DENIED;
	/* RFC 2428 4: from here on the client promises to use nothing else, whatever the server answers. */
	if (command->verb == VERB_EPSV && argument_is_all(command_argument(turn, command)))
		session->epsv_all = true;
	return REASON_NONE;
}

static void remember_transfer(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;
	struct bytes path = command_argument(turn, command);

	if (session->transfer != VERB_UNKNOWN)
		return;
	session->transfer = command->verb;
	session->transfer_start = turn->now;
	session->path_length = (uint8_t)(path.length < SESSION_PATH_MAX ? path.length : SESSION_PATH_MAX);
	if (session->path_length > 0)
		memcpy(session->path, path.data, session->path_length);
}

static void remember_user(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;
	struct bytes name = command_argument(turn, command);

	session->name_length = (uint8_t)(name.length < SESSION_NAME_MAX ? name.length : SESSION_NAME_MAX);
	if (session->name_length > 0)
		memcpy(session->name, name.data, session->name_length);
}

/* Why the session can't go on, as far as this command tells. */
static enum reason judge_session(const struct session *session, enum reason parsed, const struct command *command)
{
	if (session->state == SESSION_GREETING)
		return REASON_CLIENT_FIRST;
	if (parsed == REASON_CONTROL_BYTE)
		return parsed;
	/* A browser that was lured to this port says GET or POST; no FTP client begins with a verb of no RFC. */
	if (!session->any_command && !session->adopted && command->verb == VERB_UNKNOWN && parsed == REASON_NONE)
		return REASON_NOT_FTP;
	if (pipeline_holds(session, VERB_AUTH))
		return REASON_BEHIND_AUTH;
	if (session->pipeline_count == SESSION_PIPELINE_MAX)
		return REASON_PIPELINE_FULL;
	if (session->rule->tls == TLS_REQUIRE && !session->secured &&
	    (command->verb == VERB_USER || command->verb == VERB_PASS))
		return REASON_TLS_REQUIRED;
	return REASON_NONE;
}

static enum reason judge_command(const struct turn *turn, enum reason parsed, const struct command *command)
{
	enum reason reason = parsed;

	if (reason == REASON_NONE)
		reason = policy_judge_verb(turn->session->rule, command->verb);
	if (reason != REASON_NONE)
		return reason;
	if (verb_is_active_offer(command->verb))
		return take_active_offer(turn, command);
	if (verb_is_passive_request(command->verb))
		return take_passive_request(turn, command);
	if (verb_is_transfer(command->verb))
		remember_transfer(turn, command);
	if (command->verb == VERB_USER)
		remember_user(turn, command);
	return REASON_NONE;
}

void session_take_command(const struct turn *turn)
{
	struct session *session = turn->session;
	struct command command;
	enum reason parsed = parse_command(turn->line, &command);
	enum reason reason = judge_session(session, parsed, &command);

	if (reason != REASON_NONE) {
		turn_close(turn, reason);
		return;
	}
	/* Servers answer an empty line or not, as they like; none is counted, and a reply too many changes nothing. */
	if (turn->line.length == 0)
		return;
	reason = judge_command(turn, parsed, &command);
	if (reason != REASON_NONE)
		turn_refuse_command(turn, reason, &command);
	session->any_command = true;
	pipeline_push(session, reason == REASON_NONE ? command.verb : VERB_COUNT);
}
