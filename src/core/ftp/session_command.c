/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands: what a client may say, and when.
 *
 * Every command that reaches the server will be answered, an overwritten one too, so each is put into the pipeline. A
 * pipeline that overflows closes the session rather than losing count: a gateway that has lost count can be made to
 * believe that a 227 answers a PASV when it does not.
 */
#include <string.h>

#include "core/ftp/session_internal.h"

static struct bytes command_argument(const struct turn *turn, const struct command *command)
{
	struct bytes argument = { turn->line.data + command->argument.offset, command->argument.length };

	return argument;
}

static enum form verb_form(enum verb verb)
{
	switch (verb) {
	case VERB_PORT:
	case VERB_SPOR:
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
	reason = hostport_parse(verb_form(command->verb), command_argument(turn, command), &hostport);
	if (reason != REASON_NONE)
		return reason;
	return session_accept_offer(turn, &hostport, command->argument.offset, session->next_number);
}

/* In capitals or not. */
static bool bytes_equal_word(struct bytes bytes, const char *word)
{
	bool equal = bytes.length == strlen(word);

	for (size_t i = 0; equal && i < bytes.length; i++)
		equal = (bytes.data[i] & 0xdf) == (uint8_t)word[i];
	return equal;
}

bool session_is_grid_transfer(struct bytes line, const struct command *command)
{
	const struct bytes verb = { line.data + command->verb_span.offset, command->verb_span.length };

	return bytes_equal_word(verb, "GET") || bytes_equal_word(verb, "PUT");
}

/* "port" may stand anywhere in the argument, with another value in front of it that only looks like a name. */
static bool names_endpoint(const struct turn *turn, const struct command *command)
{
	const struct bytes argument = command_argument(turn, command);

	if (!session_is_grid_transfer(turn->line, command))
		return false;
	for (size_t i = 0; i + 4 <= argument.length; i++) {
		size_t end = i + 4;

		if (!bytes_equal_word((struct bytes){ argument.data + i, 4 }, "PORT"))
			continue;
		while (end < argument.length && (argument.data[end] == ' ' || argument.data[end] == '\t'))
			end++;
		if (end < argument.length && argument.data[end] == '=')
			return true;
	}
	return false;
}

static enum reason take_passive_request(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;

	if (session->epsv_all && command->verb != VERB_EPSV)
		return REASON_EPSV_ALL;
	/*
	 * RFC 2428 4: the client promises to use nothing else. It is bound by that once the server has accepted it; one that
	 * doesn't know EPSV answers 5yz, and clients fall back. What comes before the answer is judged as ever: an offer
	 * gains nothing by it, and a server that accepts refuses the offer itself.
	 */
	if (command->verb == VERB_EPSV && !session->epsv_all_asked &&
	    bytes_equal_word(command_argument(turn, command), "ALL")) {
		session->epsv_all_asked = true;
		session->epsv_all_number = session->next_number;
	}
	return REASON_NONE;
}

static void remember_transfer(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;
	struct bytes path = command_argument(turn, command);

	for (unsigned int i = 0; i < SESSION_TRANSFERS_MAX; i++) {
		struct session_transfer *transfer = &session->backlog->transfers[i];

		if (transfer->waiting)
			continue;
		transfer->waiting = true;
		transfer->number = session->next_number;
		transfer->start = turn->now;
		transfer->path_length = (uint8_t)(path.length < SESSION_PATH_MAX ? path.length : SESSION_PATH_MAX);
		memcpy(transfer->path, path.data, transfer->path_length);
		return;
	}
}

static void remember_user(const struct turn *turn, const struct command *command)
{
	struct session *session = turn->session;
	struct bytes name = command_argument(turn, command);

	if (session_pipeline_holds(session, VERB_USER))
		return;
	session->next_name_number = session->next_number;
	session->next_name_length = (uint8_t)(name.length < SESSION_NAME_MAX ? name.length : SESSION_NAME_MAX);
	memcpy(session->backlog->next_name, name.data, session->next_name_length);
}

/*
 * Does the line end as a request of HTTP and those that were made after it (RTSP, SIP, ICAP) ends: " NAME/1.1"? A browser
 * can be given a method and a path, but not another end.
 */
static bool is_request_line(struct bytes line)
{
	size_t end = line.length;
	size_t at;

	while (end > 0 && (line.data[end - 1] == ' ' || line.data[end - 1] == '\r'))
		end--;
	at = end;
	while (at > 0 && ((line.data[at - 1] >= '0' && line.data[at - 1] <= '9') || line.data[at - 1] == '.'))
		at--;
	if (at == end || at == 0 || line.data[at - 1] != '/')
		return false;
	end = --at;
	while (at > 0 && (line.data[at - 1] & 0xdf) >= 'A' && (line.data[at - 1] & 0xdf) <= 'Z')
		at--;
	return at < end && at > 0 && line.data[at - 1] == ' ';
}

/*
 * Where there is no such end (HTTP/0.9, mail), the first word tells. None of them is a command of any FTP server or proxy.
 */
static bool is_foreign_verb(struct bytes verb)
{
	static const char *const foreign[] = {
		"CONNECT", "DELETE", "EHLO", "GET", "HEAD", "HELO", "NICK", "OPTIONS", "PATCH", "POST", "PRI", "PUT", "TRACE",
	};
	bool found = false;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		found = found || bytes_equal_word(verb, foreign[i]);
	return found;
}

/*
 * Somebody who speaks another protocol to this port (a browser that was lured here) must not get as far as a line that
 * he chose and that reads as PORT. His first line tells, and what he sends before the lines that he may choose are
 * header fields, which end their names with a colon as no verb does. A verb that we don't know is no sign of him:
 * clients begin with those of their servers, and with OPEN to an FTP proxy.
 */
static bool speaks_ftp(const struct turn *turn, enum reason parsed, const struct command *command)
{
	const struct session *session = turn->session;
	const struct bytes verb = { turn->line.data + command->verb_span.offset, command->verb_span.length };

	if (command->verb != VERB_UNKNOWN || verb.length == 0)
		return true;
	if (memchr(verb.data, ':', verb.length))
		return false;
	if (!session->any_command && parsed == REASON_NONE &&
	    (is_request_line(turn->line) || is_foreign_verb(verb)))
		return false;
	return session->state == SESSION_READY || session->unknown_verbs < SESSION_UNKNOWN_MAX;
}

/* Why the session can't go on, as far as this command tells. */
static enum reason judge_session(const struct turn *turn, enum reason parsed, const struct command *command)
{
	const struct session *session = turn->session;

	if (session->state == SESSION_GREETING)
		return REASON_CLIENT_FIRST;
	if (parsed == REASON_CONTROL_BYTE)
		return parsed;
	if (!speaks_ftp(turn, parsed, command))
		return REASON_NOT_FTP;
	if (session_pipeline_holds(session, VERB_AUTH))
		return REASON_BEHIND_AUTH;
	if (session_pipeline_is_full(turn->session, command->verb))
		return REASON_PIPELINE_FULL;
	if (policy_rule_requires_tls(session->rule) && !session->secured &&
	    (command->verb == VERB_USER || command->verb == VERB_PASS))
		return REASON_TLS_REQUIRED;
	return REASON_NONE;
}

static enum reason judge_command(const struct turn *turn, enum reason parsed, const struct command *command)
{
	enum reason reason = parsed;

	if (reason == REASON_NONE)
		reason = session_judge_verb(turn->session, command->verb);
	if (reason == REASON_NONE && session_hides_line(turn->session, DIRECTION_ORIGINAL, turn->line, 0, true))
		reason = REASON_HIDDEN_LINE;
	if (reason != REASON_NONE)
		return reason;
	if (command->verb == VERB_STAT && parse_lists_names(command_argument(turn, command)))
		return REASON_RAW_NAMES;
	if (names_endpoint(turn, command))
		return REASON_MALFORMED;
	if (verb_is_active_offer(command->verb))
		return take_active_offer(turn, command);
	if (verb_is_passive_request(command->verb))
		return take_passive_request(turn, command);
	if (verb_is_transfer(command->verb)) {
		remember_transfer(turn, command);
		session_renew_pinhole(turn);
	}
	if (command->verb == VERB_USER)
		remember_user(turn, command);
	if (verb_takes_secret(command->verb))
		session_note_secret(turn->session, command_argument(turn, command));
	return REASON_NONE;
}

bool session_expects_header(const struct session *session)
{
	return session->state == SESSION_GREETING && session->rule->proxy_header && !session->header.done;
}

/* A whole header of version 1. */
static bool take_header(const struct turn *turn)
{
	struct proxyheader *header = &turn->session->header;
	size_t length;

	return session_expects_header(turn->session) &&
	       proxyheader_take(header, turn->line, &length) == PROXYHEADER_WITHIN &&
	       proxyheader_take(header, (struct bytes){ (const uint8_t *)"\r\n", 2 }, &length) == PROXYHEADER_DONE;
}

void session_take_command(const struct turn *turn)
{
	struct session *session = turn->session;
	struct command command;
	enum reason parsed = parse_command(turn->line, &command);
	enum reason reason;

	if (take_header(turn))
		return;
	reason = judge_session(turn, parsed, &command);
	if (reason != REASON_NONE) {
		turn_close(turn, reason);
		return;
	}
	/* Servers answer an empty line or not, as they like; none is counted, and a reply too many changes nothing. */
	if (parsed == REASON_NONE && command.verb_span.offset + command.verb_span.length + command.argument.length == 0)
		return;
	if (parsed == REASON_NONE)
		session_tell_command(turn, command.verb);
	reason = judge_command(turn, parsed, &command);
	if (reason != REASON_NONE)
		turn_refuse_command(turn, reason, &command);
	/* A line that was refused as odd says nothing about who speaks. */
	session->any_command = session->any_command || parsed == REASON_NONE;
	if (command.verb == VERB_UNKNOWN && session->state == SESSION_LOGIN)
		session->unknown_verbs++;
	session_pipeline_push(session, reason == REASON_NONE ? command.verb : NO_COMMAND, command.verb);
}
