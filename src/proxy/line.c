/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines between the legs. Each is judged by the core and leaves as the core says; a refused one leaves overwritten, so
 * that the server answers it in its own words and the order of replies stays what it is.
 *
 * What reaches the server is answered once. A line without a verb is not passed on: some servers answer such a line and
 * others don't, and after it the answer to AUTH could not be told from the answer to nothing. No client waits for one.
 *
 * A line that carries a token of RFC 2228 may be as long as in packet mode (src/core/tcp/inspect.c). The proxy refuses such
 * commands, so of a long one only the beginning is kept, and no more than the usual buffer holds at a time.
 */
#include <string.h>

#include "ftpalg/token.h"
#include "proxy/internal.h"

/* Drops the next piece of a token, of length bytes. False: it is not one. A CR at its end stays in the buffer. */
static bool token_drop(struct proxy *proxy, struct evbuffer *in, size_t length)
{
	struct bytes piece = { proxy->line, 0 };
	bool good = true;

	for (; good && length > 0; length -= piece.length) {
		piece.length = length < sizeof(proxy->line) ? length : sizeof(proxy->line);
		evbuffer_remove(in, proxy->line, piece.length);
		if (length == piece.length && proxy->line[length - 1] == '\r') {
			evbuffer_prepend(in, "\r", 1);
			good = token_is_base64((struct bytes){ proxy->line, piece.length - 1 });
		} else {
			good = token_is_base64(piece);
		}
	}
	return good;
}

/* The client's buffer has length bytes of a line, too many for any line but one with a token. */
static bool token_shorten(struct proxy_session *session, size_t length)
{
	struct leg *client = &session->leg[LEG_CLIENT];
	uint8_t beginning[TOKEN_BEGINNING];

	if (client->token + length > TOKEN_LINE_MAX)
		return false;
	evbuffer_remove(client->in, beginning, sizeof(beginning));
	client->token += length - sizeof(beginning);
	if (token_offset(DIRECTION_ORIGINAL, (struct bytes){ beginning, sizeof(beginning) }) == 0 ||
	    !token_drop(session->proxy, client->in, length - sizeof(beginning)))
		return false;
	return evbuffer_prepend(client->in, beginning, sizeof(beginning)) == 0;
}

/* Takes one line out of in, without its end. False: there is none yet. */
static bool line_take(struct proxy_session *session, enum leg_side side, struct bytes *line)
{
	struct proxy *proxy = session->proxy;
	struct evbuffer *in = session->leg[side].in;
	struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	const size_t length = end.pos < 0 ? evbuffer_get_length(in) : (size_t)end.pos;

	if (length >= sizeof(proxy->line) || session->leg[side].token + length > TOKEN_LINE_MAX) {
		if (side == LEG_SERVER || !token_shorten(session, length)) {
			proxy_session_reject(session, REASON_LINE_TOO_LONG, "a line is too long");
			return false;
		}
		end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	}
	if (end.pos < 0)
		return false;
	session->leg[side].token = 0;
	evbuffer_remove(in, proxy->line, (size_t)end.pos);
	evbuffer_drain(in, 1);
	line->data = proxy->line;
	line->length = (size_t)end.pos;
	if (line->length > 0 && line->data[line->length - 1] == '\r')
		line->length--;
	session_take_end(&session->session, side == LEG_SERVER ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
			 line->length < (size_t)end.pos);
	if (line->length <= LINE_MAX_LENGTH)
		return true;
	proxy_session_reject(session, REASON_LINE_TOO_LONG, "a line is too long");
	return false;
}

static void line_put(struct evbuffer *out, struct bytes line, const struct outcome *outcome)
{
	if (outcome->verdict == OUTCOME_PASS) {
		evbuffer_add(out, line.data, line.length);
	} else {
		const struct edit *edit = &outcome->edit;
		const size_t rest = edit->at.offset + edit->at.length;

		evbuffer_add(out, line.data, edit->at.offset);
		evbuffer_add(out, edit->replacement, edit->length);
		evbuffer_add(out, line.data + rest, line.length - rest);
	}
	evbuffer_add(out, "\r\n", 2);
}

/* Must the first line in the buffer wait until the dialogue is at rest? Nothing is taken. */
static bool command_waits(struct proxy_session *session)
{
	struct evbuffer *in = session->leg[LEG_CLIENT].in;
	uint8_t beginning[16];
	const ev_ssize_t length = evbuffer_copyout(in, beginning, sizeof(beginning));
	struct bytes line = { beginning, length > 0 ? (size_t)length : 0 };
	const uint8_t *end = line.length > 0 ? memchr(line.data, '\n', line.length) : NULL;
	struct command command;

	if (session->change != SECURITY_SETTLED)
		return true;
	if (session->session.pipeline_count == 0)
		return false;
	if (end)
		line.length = (size_t)(end - line.data);
	if (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;
	parse_command(line, &command);
	/* Only one reply may speak of a data connection's end; and of two modes nobody could say which was accepted. */
	return security_is_own(command.verb) ||
	       (command.verb == VERB_MODE && dialogue_waits(&session->session, VERB_MODE)) ||
	       (verb_is_active_offer(command.verb) && (session->transfer.relay || session->has_earlier) &&
		dialogue_first_transfer(&session->session) != VERB_COUNT);
}

static void take_command(struct proxy_session *session, struct bytes line)
{
	struct outcome *outcome = &session->proxy->outcome;
	const char *answer = NULL;
	struct command command;
	struct bytes argument;

	/* The core judges whatever is said before the greeting. */
	if (parse_command(line, &command) == REASON_NONE && command.verb_span.length + command.argument.length == 0 &&
	    session->session.state != SESSION_GREETING)
		return;
	argument = (struct bytes){ line.data + command.argument.offset, command.argument.length };
	if (!dialogue_judge(session, DIRECTION_ORIGINAL, line))
		return;
	if (outcome->verdict == OUTCOME_PASS)
		answer = security_answer(session, command.verb, argument);
	if (answer) {
		dialogue_answer(session, answer);
		return;
	}
	line_put(session->leg[LEG_SERVER].out, line, outcome);
	bypass_take_command(session, command.verb);
	if (outcome->verdict == OUTCOME_PASS)
		transfer_take_command(session, command.verb, argument);
}

/* The lines of a reply to FEAT say what holds on the leg that they are sent to (RFC 4217 6). */
static bool passes_features(struct proxy_session *session, enum verb verb, struct bytes line, const struct reply *reply)
{
	const char *more = security_more_features(session);

	if (verb != VERB_FEAT)
		return true;
	if (reply->kind == REPLY_FIRST && reply->code == 211) {
		session->features = true;
		return true;
	}
	if (!session->features || reply->kind == REPLY_LAST) {
		if (session->features && more)
			leg_say(&session->leg[LEG_CLIENT], more);
		session->features = false;
		return true;
	}
	return security_passes_feature(session, line);
}

static void take_reply(struct proxy_session *session, struct bytes line)
{
	struct session *core = &session->session;
	const enum verb verb = dialogue_verb(core, 0);
	const bool begun = core->preliminary;
	struct reply reply;

	parse_reply(line, &reply);
	if (verb == VERB_REIN && prepare_again(session, line, &reply))
		return;
	if (!transfer_judge_reply(session, line, &reply) || !dialogue_judge(session, DIRECTION_REPLY, line))
		return;
	if (passes_features(session, verb, line, &reply))
		line_put(session->leg[LEG_CLIENT].out, line, &session->proxy->outcome);
	if (core->answered == VERB_COUNT)
		return;
	security_take_reply(session, (enum verb)core->answered, reply.code);
	transfer_take_reply(session, (enum verb)core->answered, reply.code, begun);
}

static bool lines_may_pass(const struct proxy_session *session, enum leg_side side)
{
	const struct leg *client = &session->leg[LEG_CLIENT];
	const struct leg *server = &session->leg[LEG_SERVER];

	if (session->closing || !server->connected || leg_is_shaking(server) || server->phase == LEG_CLEARING)
		return false;
	if (session->refused && side == LEG_CLIENT)
		return false;
	/* While the server's leg is prepared, its lines are the proxy's own business. */
	if (session->prepare != PREPARE_NONE)
		return side == LEG_SERVER;
	if (client->phase == LEG_STARTING || leg_is_shaking(client) || client->phase == LEG_CLEARING)
		return false;
	return evbuffer_get_length(session->leg[!side].out) < LEG_BUFFER_MAX;
}

/* RFC 4217 makes the client wait for the reply to AUTH: what comes before it was put there by somebody else. */
static void judge_behind_auth(struct proxy_session *session)
{
	if (session->change == SECURITY_AUTH && evbuffer_get_length(session->leg[LEG_CLIENT].in) > 0)
		proxy_session_reject(session, REASON_BEHIND_AUTH, "bytes in clear came after AUTH");
}

void proxy_take_lines(struct proxy_session *session, enum leg_side side)
{
	struct evbuffer *in = session->leg[side].in;
	struct bytes line;

	while (lines_may_pass(session, side) && evbuffer_get_length(in) > 0) {
		if (side == LEG_CLIENT)
			judge_behind_auth(session);
		if (side == LEG_CLIENT && (session->closing || command_waits(session)))
			return;
		if (side == LEG_SERVER && session->prepare == PREPARE_NONE && transfer_holds_reply(session))
			return;
		if (!proxy_session_step(session) || !line_take(session, side, &line))
			return;
		session->again = true;
		if (side == LEG_CLIENT)
			take_command(session, line);
		else if (session->prepare != PREPARE_NONE)
			prepare_take_line(session, line);
		else
			take_reply(session, line);
	}
}
