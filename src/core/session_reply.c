/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replies: which command is answered, and what follows from it.
 *
 * Inside a multi-line reply only "nnn " with the code that opened it ends it (RFC 959 4.2). Clients are less exact, and
 * some take any "227 " at the start of a line for the answer to their PASV, so text that looks like one is overwritten
 * wherever it stands and was not asked for. Some take a bare CR for an end (Python's ftplib), and a NUL for nothing: with
 * one in it, a reply is not the same for all of them.
 */
#include <string.h>

#include "session_internal.h"

#define NO_COMMAND VERB_COUNT

static enum form code_form(uint16_t code)
{
	switch (code) {
	case 227:
		return FORM_227;
	case 228:
		return FORM_228;
	case 229:
		return FORM_229;
	default:
		return FORM_NONE;
	}
}

static bool form_answers(enum form form, enum verb verb)
{
	switch (form) {
	case FORM_227:
		return verb == VERB_PASV || verb == VERB_CPSV || verb == VERB_PASW;
	case FORM_228:
		return verb == VERB_LPSV;
	case FORM_229:
		return verb == VERB_EPSV || verb == VERB_SPSV;
	default:
		return false;
	}
}

static struct session_command *pipeline_at(struct session *session, unsigned int index)
{
	return &session->pipeline[(session->pipeline_head + index) % SESSION_PIPELINE_MAX];
}

/*
 * Which waiting command does a reply with this code answer? The oldest, with one exception: STAT may be sent while a
 * transfer runs and is answered at once (RFC 959 4.1.3), before the transfer's final reply.
 */
static unsigned int pipeline_find(struct session *session, uint16_t code)
{
	if (session->preliminary && code >= 211 && code <= 213 && verb_is_transfer((enum verb)pipeline_at(session, 0)->verb))
		for (unsigned int i = 1; i < session->pipeline_count; i++)
			if (pipeline_at(session, i)->verb == VERB_STAT)
				return i;
	return 0;
}

static void pipeline_remove(struct session *session, unsigned int index)
{
	for (unsigned int i = index; i > 0; i--)
		*pipeline_at(session, i) = *pipeline_at(session, i - 1);
	session->pipeline_head = (uint8_t)((session->pipeline_head + 1) % SESSION_PIPELINE_MAX);
	session->pipeline_count--;
	if (index == 0)
		session->preliminary = false;
}

static void report_anomaly(const struct turn *turn, enum reason reason, uint16_t code)
{
	struct event event = turn_event(turn, EVENT_ANOMALY);

	event.reason = reason;
	event.code = code;
	event.text = turn->line;
	turn_report(turn, &event);
}

/* Is there anything in the text that a client could read as an endpoint? "227 Logout." is harmless. */
static bool text_has_digit(struct bytes line, const struct span *text)
{
	for (uint32_t i = 0; i < text->length; i++)
		if (line.data[text->offset + i] >= '0' && line.data[text->offset + i] <= '9')
			return true;
	return false;
}

static void take_greeting(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;

	if (reply->kind == REPLY_LAST && reply->code / 100 == 2 && code_form(reply->code) == FORM_NONE) {
		/* Some servers that ask for no login say so at once. */
		session->state = reply->code == 230 ? SESSION_READY : SESSION_LOGIN;
		return;
	}
	/* 120 announces a delay; after 421 the server closes by itself. */
	if (reply->code / 100 == 1 || reply->code / 100 >= 4)
		return;
	turn_close(turn, REASON_NOT_FTP);
}

static void take_login(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct session *session = turn->session;
	struct event event = turn_event(turn, EVENT_LOGIN);

	if (verb == VERB_USER && code / 100 <= 3) {
		memcpy(session->name, session->next_name, sizeof(session->name));
		session->name_length = command == session->next_name_number ? session->next_name_length : 0;
	}
	/* Whoever comes next has not made the offer that is open. */
	if (verb == VERB_USER && code / 100 == 3) {
		session_close_pinhole(session, turn->ops, REASON_SUPERSEDED);
		session->state = SESSION_LOGIN;
		return;
	}
	if (code != 230 && code != 232)
		return;
	session->state = SESSION_READY;
	event.code = code;
	event.text.data = session->name;
	event.text.length = session->name_length;
	turn_report(turn, &event);
}

/* For a proxy: from here on the client speaks in clear again. */
static void clear_session(const struct turn *turn)
{
	static const uint8_t cleared[] = "cleared";
	struct event event = turn_event(turn, EVENT_TLS);

	if (!turn->session->secured)
		return;
	turn->session->secured = false;
	event.text.data = cleared;
	event.text.length = sizeof(cleared) - 1;
	turn_report(turn, &event);
}

static void take_reinitialize(const struct turn *turn, uint16_t code)
{
	struct session *session = turn->session;

	if (code / 100 != 2)
		return;
	session_close_pinhole(session, turn->ops, REASON_SUPERSEDED);
	session->state = SESSION_LOGIN;
	session->epsv_all = false;
	session->epsv_all_asked = false;
	clear_session(turn);
}

/* RFC 2228 3: whoever was logged in no longer is. What comes now is the first that TLS protects. */
static void secure_session(const struct turn *turn)
{
	static const uint8_t terminated[] = "terminated";
	struct event event = turn_event(turn, EVENT_TLS);

	turn->session->state = SESSION_LOGIN;
	turn->session->secured = true;
	turn->session->any_command = false;
	event.text.data = terminated;
	event.text.length = sizeof(terminated) - 1;
	turn_report(turn, &event);
}

static void take_auth(const struct turn *turn, uint16_t code)
{
	if (code != 234)
		return;
	session_close_pinhole(turn->session, turn->ops, REASON_SUPERSEDED);
	if (turn->session->terminated)
		secure_session(turn);
	else
		session_set_opaque(turn->session, turn->ops);
}

static void report_transfer(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct event event = turn_event(turn, EVENT_TRANSFER);

	event.verb = verb;
	event.code = code;
	for (unsigned int i = 0; i < SESSION_TRANSFERS_MAX; i++) {
		struct session_transfer *transfer = &turn->session->transfers[i];

		if (!transfer->waiting || transfer->number != command)
			continue;
		event.text.data = transfer->path;
		event.text.length = transfer->path_length;
		event.duration = turn->now - transfer->start;
		transfer->waiting = false;
	}
	turn_report(turn, &event);
}

static void take_transfer(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct session *session = turn->session;

	report_transfer(turn, verb, code, command);
	/*
	 * Perl's Net::FTP connects behind its command, and reads the refusal then: its SYN must meet the server's reset, not a
	 * firewall that is silent for as long as the client waits. The pinhole ends with its minute, or with the next offer.
	 */
	if (code / 100 >= 4 && session->pinhole == PINHOLE_OPEN && !form_is_active(session->pinhole_form))
		return;
	/* An offer that was made after this transfer's command is for the next one. */
	if ((int32_t)(command - session->pinhole_command) > 0)
		session_close_pinhole(session, turn->ops, code / 100 == 2 ? REASON_TRANSFER_ENDED
									   : REASON_SERVER_REFUSED);
}

/* 229 would be the answer to a plain EPSV: that server has not read the argument. */
static void take_epsv_all(struct session *session, uint32_t command, uint16_t code)
{
	if (!session->epsv_all_asked || command != session->epsv_all_number)
		return;
	session->epsv_all_asked = false;
	session->epsv_all = session->epsv_all || (code / 100 == 2 && code != 229);
}

/* The final reply to verb, the command with that number. */
static void take_answer(const struct turn *turn, enum verb verb, uint32_t command, uint16_t code)
{
	struct session *session = turn->session;

	if (verb == VERB_USER || verb == VERB_PASS || verb == VERB_ACCT || verb == VERB_ADAT)
		take_login(turn, verb, code, command);
	else if (verb == VERB_REIN)
		take_reinitialize(turn, code);
	else if (verb == VERB_AUTH)
		take_auth(turn, code);
	else if (verb == VERB_EPSV)
		take_epsv_all(session, command, code);
	else if (verb == VERB_CCC && code == 200)
		clear_session(turn);
	else if (verb_is_transfer(verb))
		take_transfer(turn, verb, code, command);
	else if (verb_is_active_offer(verb) && command == session->pinhole_command && code / 100 >= 4)
		session_close_pinhole(session, turn->ops, REASON_SERVER_REFUSED);
}

/* A 227, 228 or 229 that the session asked for. */
static void take_passive_offer(const struct turn *turn, enum form form, const struct reply *reply, uint32_t command)
{
	struct bytes text = { turn->line.data + reply->text.offset, reply->text.length };
	struct session *session = turn->session;
	struct hostport hostport;
	enum reason reason;

	if (session->state != SESSION_READY && session->rule->login_required)
		reason = REASON_NOT_LOGGED_IN;
	else
		reason = hostport_parse(form, text, &hostport);
	if (reason == REASON_NONE)
		reason = session_accept_offer(turn, &hostport, reply->text.offset, command);
	if (reason != REASON_NONE)
		turn_refuse_reply(turn, reason, form);
}

/* A line that begins like 227, 228 or 229 and answers no request: as text, as an early or a late reply. */
static void judge_unsolicited(const struct turn *turn, const struct reply *reply)
{
	if (text_has_digit(turn->line, &reply->text))
		turn_refuse_reply(turn, REASON_UNSOLICITED, code_form(reply->code));
	else
		report_anomaly(turn, REASON_UNSOLICITED, reply->code);
}

/*
 * Some clients need no space behind a code ("227(10,0,..." or a tab), so what begins with the digits of an offer is taken
 * for one. True and *reply filled if the line does.
 */
static bool text_begins_like_offer(const struct turn *turn, struct reply *reply)
{
	const uint8_t *text = turn->line.data;

	if (turn->line.length <= 3 || text[0] != '2' || text[1] != '2' || text[2] < '7' || text[2] > '9')
		return false;
	reply->code = (uint16_t)(220 + text[2] - '0');
	reply->text.offset = 3;
	reply->text.length = (uint32_t)turn->line.length - 3;
	return true;
}

/* A line that is neither a reply nor inside one. */
static void judge_text(const struct turn *turn)
{
	struct reply reply = { .kind = REPLY_TEXT };

	if (text_begins_like_offer(turn, &reply))
		judge_unsolicited(turn, &reply);
	else if (turn->line.length > 0)
		report_anomaly(turn, REASON_MALFORMED, 0);
}

/* A line inside a multi-line reply that does not end it. */
static void judge_inner_line(const struct turn *turn, struct reply *reply)
{
	if (reply->kind == REPLY_TEXT ? text_begins_like_offer(turn, reply) : code_form(reply->code) != FORM_NONE)
		judge_unsolicited(turn, reply);
}

static void take_multiline_start(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;

	session->multiline = reply->code;
	session->multiline_refused = code_form(reply->code) != FORM_NONE;
	/* RFC 959 and 2428 give these replies one line; spread over two, peers differ in which one counts. */
	if (session->multiline_refused)
		turn_refuse_reply(turn, REASON_AMBIGUOUS, code_form(reply->code));
}

static void take_final_reply(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;
	enum form form = code_form(reply->code);
	unsigned int index = pipeline_find(session, reply->code);
	enum verb verb = session->pipeline_count > 0 ? (enum verb)pipeline_at(session, index)->verb : NO_COMMAND;
	uint32_t command = pipeline_at(session, index)->number;

	if (reply->code / 100 == 1) {
		session->preliminary = true;
		session_watch_pinhole(session, turn->ops);
		return;
	}
	if (session->multiline_refused) {
		session->multiline_refused = false;
		turn_refuse_reply(turn, REASON_AMBIGUOUS, form);
	} else if (form != FORM_NONE && session->unseen_command) {
		/* The gateway before this one let the request pass. The transfer that will use it has the next number. */
		take_passive_offer(turn, form, reply, session->next_number - 1);
	} else if (form != FORM_NONE && form_answers(form, verb)) {
		take_passive_offer(turn, form, reply, command);
	} else if (form != FORM_NONE) {
		judge_unsolicited(turn, reply);
	}
	session->unseen_command = false;
	if (session->pipeline_count == 0) {
		/* 421 may come at any time (RFC 959 4.2.2). */
		if (reply->code != 421 && form == FORM_NONE && !(session->adopted && session->next_number == 0))
			report_anomaly(turn, REASON_UNSOLICITED, reply->code);
		return;
	}
	pipeline_remove(session, index);
	take_answer(turn, verb, command, reply->code);
}

/*
 * An adopted session whose server greets was adopted before its dialogue began, and nobody has logged in: 120 is said
 * nowhere else, 220 only in answer to REIN and HOST (RFC 7151 3.2), behind which a login has yet to come as well.
 */
static bool begins_dialogue(const struct session *session, const struct reply *reply)
{
	return session->unseen_command && session->multiline == 0 && reply->kind != REPLY_TEXT &&
	       (reply->code == 120 || reply->code == 220);
}

static void begin_dialogue(struct session *session)
{
	session->state = SESSION_GREETING;
	session->adopted = false;
	session->any_command = false;
	session->unseen_command = false;
}

void session_take_reply(const struct turn *turn)
{
	struct session *session = turn->session;
	struct reply reply;

	if (parse_reply_is_ambiguous(turn->line)) {
		turn_close(turn, REASON_CONTROL_BYTE);
		return;
	}
	parse_reply(turn->line, &reply);
	if (begins_dialogue(session, &reply))
		begin_dialogue(session);
	if (session->multiline != 0) {
		if (reply.kind != REPLY_LAST || reply.code != session->multiline) {
			judge_inner_line(turn, &reply);
			return;
		}
		session->multiline = 0;
	} else if (reply.kind == REPLY_FIRST) {
		take_multiline_start(turn, &reply);
		return;
	} else if (reply.kind == REPLY_TEXT && session->state != SESSION_GREETING) {
		judge_text(turn);
		return;
	}
	if (session->state == SESSION_GREETING)
		take_greeting(turn, &reply);
	else
		take_final_reply(turn, &reply);
}
