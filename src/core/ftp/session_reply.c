/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replies: which command is answered, and what follows from it.
 *
 * Theory of operation
 *
 * An endpoint is announced in a reply, and clients find it there in different ways (doc/readers.md): some take any 2yz for
 * the answer to their PASV, some any "227" at the start of a line; some read the last line of a reply, some the first
 * digit of any, some all of it. So the question is never whether a line is a 227 but whether a client could read an
 * endpoint in it. Where one could, three things must hold, or the line is overwritten:
 *
 *   - A request for an endpoint waits (PASV, EPSV, ...), which no reply has answered. The announcement uses it up, as an
 *     error does, or a reply to a later command: for each request that reaches the server there is one announcement or none.
 *   - It is in a reply of its own: the line begins a reply or stands in one whose code is a 227, 228 or 229. Lines inside
 *     other replies, and replies to other commands, hold names that somebody has chosen.
 *   - All who read an endpoint in the reply read the one that is judged. Lines before and after it hold no other.
 *
 * Pairing may lose its step, when a command is never answered or answered twice, and finds back by itself
 * (session_pipeline.c). That makes a forged announcement no easier: it would still have to begin a reply, in place of the
 * answer to a request that waits, and of that reply there would be one too many. The order of other commands decides
 * nothing.
 *
 * A client that is a reply behind reads later what was said before it asked. So whatever could put a client behind (a
 * reply that nothing asked for, a 1yz where none or no further one belongs, a line outside of a reply, or within one, that
 * some take for its end) is remembered, and from then on no reply passes that could be read as an announcement and is none.
 *
 * Inside a multi-line reply only "nnn " with the code that opened it ends it (RFC 959 4.2). Some servers end one with
 * another code, and some clients go on then. They are followed when the client goes on, but in greetings, in what a server
 * says of itself and in replies to transfers only: those are its own words, whereas a message of a directory or a listing
 * could pretend an end, with a 227 after it.
 *
 * Names are the one thing in replies that others than the server have chosen, and what is in them may read as the next reply
 * (session_torn.c). Where that can be, the session is torn: no reply opens anything any more, a data connection or a silence
 * of ours after 234; all else goes on.
 *
 * Some take a bare CR for an end (Python's ftplib), and a NUL for nothing: with one in it, a reply is not the same for all
 * of them.
 */
#include <string.h>

#include "core/digits.h"
#include "core/ftp/session_internal.h"

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

bool session_announces_midway(uint16_t code)
{
	return code == 127 || code == 129;
}

/* There was a reply too many for some readers at least, and what waits for its reply here may have got it there. */
static void lose_step(struct session *session)
{
	session->out_of_step = true;
	session->maybe_answered = true;
}

/*
 * May a reply of this form answer the request? 227 and 229 each are taken for the other by clients that look at the code,
 * and nobody who expects the one finds anything in the other (hostport.c). Of a 228 some would read the wrong six numbers.
 */
static bool form_answers(enum form form, enum verb verb)
{
	return (form == FORM_228) == (verb == VERB_LPSV);
}

/* What is read in the answer to this request by clients that don't look at its code. */
static enum form verb_form(enum verb verb)
{
	if (verb == VERB_LPSV)
		return FORM_228;
	return verb_asks_for_port(verb) ? FORM_229 : FORM_227;
}

bool session_awaits_endpoint(const struct session *session)
{
	return session->state != SESSION_GREETING &&
	       (session->out_of_step || session->pipeline_count == 0 || session_pipeline_asked(session) > 0);
}

static void report_anomaly(const struct turn *turn, enum reason reason, uint16_t code)
{
	struct notice notice = turn_notice(turn, NOTICE_ANOMALY);

	notice.reason = reason;
	notice.code = code;
	notice.text = turn->line;
	turn_report(turn, &notice);
}

/* Is there anything in the text that a client could read as an endpoint? */
static bool text_has_number(struct bytes line, const struct span *text)
{
	return hostport_has_number((struct bytes){ line.data + text->offset, text->length });
}

static void take_greeting(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;

	if (reply->code / 100 == 2 && code_form(reply->code) == FORM_NONE) {
		/* Some servers that ask for no login say so at once. */
		session->state = reply->code == 230 ? SESSION_READY : SESSION_LOGIN;
		return;
	}
	/* 120 announces a delay, and is the greeting to some (BSD ftp); after 421 the server closes by itself. */
	if (reply->code / 100 == 1)
		lose_step(session);
	if (reply->code / 100 == 1 || reply->code / 100 >= 4)
		return;
	turn_close(turn, REASON_NOT_FTP);
}

/* Which request would an announcement answer? False: none. */
static bool find_request(const struct session *session, struct session_command *request)
{
	const struct session_command *waiting = session_pipeline_endpoint_request(session);

	/* The gateway before this one let the request pass. The transfer that will use it has the next number. */
	*request = (struct session_command){ .number = session->next_number - 1, .verb = NO_COMMAND };
	if (waiting)
		*request = *waiting;
	return waiting || session->unseen_command;
}

static enum reason judge_announcement(const struct turn *turn, enum form form, struct span place,
				      const struct session_command *request, struct hostport *hostport)
{
	const struct bytes text = { turn->line.data + place.offset, place.length };
	const struct session *session = turn->session;
	enum reason reason;

	if (session->state != SESSION_READY && session->rule->login_required)
		return REASON_NOT_LOGGED_IN;
	if (request->verb != NO_COMMAND && !form_answers(form, (enum verb)request->verb))
		return REASON_UNSOLICITED;
	if (session->torn)
		return REASON_TORN_REPLY;
	if (session->epsv_all && verb_asks_for_port((enum verb)request->verb) && form != FORM_229)
		return REASON_EPSV_ALL;
	/* One announcement a reply. */
	if (session->multiline_offered)
		return REASON_AMBIGUOUS;
	reason = hostport_parse(form, text, hostport);
	/* Some count off a code and its separator, whether there are any or not. */
	if (reason == REASON_NONE && place.offset + hostport->span.offset < 4)
		reason = REASON_AMBIGUOUS;
	return reason;
}

/* What stands at place is read as an endpoint, and request asked for one. */
static void take_announcement(const struct turn *turn, enum form form, struct span place,
			      const struct session_command *request)
{
	struct session *session = turn->session;
	struct hostport hostport = { .form = form };
	enum reason reason = judge_announcement(turn, form, place, request, &hostport);

	if (reason == REASON_NONE)
		reason = session_accept_offer(turn, &hostport, place.offset, request->number);
	if (reason != REASON_NONE)
		turn_refuse_reply(turn, reason, form);
	session->multiline_offered = reason == REASON_NONE;
}

/* A line that begins like 227, 228 or 229 and answers no request: as text, as an early or a late reply. */
static void judge_unsolicited(const struct turn *turn, const struct reply *reply)
{
	if (text_has_number(turn->line, &reply->text))
		turn_refuse_reply(turn, REASON_UNSOLICITED, code_form(reply->code));
	else
		report_anomaly(turn, REASON_UNSOLICITED, reply->code);
}

/* Any other line that announces nothing: refused where a client could take it for an announcement. */
static bool refuse_likeness(const struct turn *turn)
{
	if (!session_awaits_endpoint(turn->session) || !hostport_could_be_read(turn->line))
		return false;
	turn_refuse_reply(turn, REASON_UNSOLICITED, FORM_NONE);
	return true;
}

static bool begins_like_offer(struct bytes line)
{
	return line.length >= 3 && line.data[0] == '2' && line.data[1] == '2' && line.data[2] >= '7' && line.data[2] <= '9';
}

/*
 * Some clients need no space after a code ("227(10,0,..." or a tab), so what begins with the digits of an offer is taken
 * for one. True and *reply filled if the line does.
 */
static bool text_begins_like_offer(const struct turn *turn, struct reply *reply)
{
	if (turn->line.length <= 3 || !begins_like_offer(turn->line))
		return false;
	reply->code = (uint16_t)(220 + turn->line.data[2] - '0');
	reply->text.offset = 3;
	reply->text.length = (uint32_t)turn->line.length - 3;
	return true;
}

/* The text of a line: what follows its code, if that is the code of the reply that it stands in; else all of it. */
static struct span text_place(const struct turn *turn, const struct reply *reply)
{
	const struct span all = { 0, (uint32_t)turn->line.length };

	return reply->kind != REPLY_TEXT && reply->code == turn->session->multiline ? reply->text : all;
}

/* A line that is neither a reply nor inside one. */
static void judge_text(const struct turn *turn)
{
	struct reply reply = { .kind = REPLY_TEXT };

	/* Some take any line outside of an open reply for a reply (BSD ftp, ftplib). */
	lose_step(turn->session);
	if (text_begins_like_offer(turn, &reply))
		judge_unsolicited(turn, &reply);
	else if (!refuse_likeness(turn) && session_text_could_answer(turn))
		turn_refuse_reply(turn, REASON_UNSOLICITED, FORM_NONE);
	else if (turn->outcome->verdict != OUTCOME_REFUSE && turn->line.length > 0)
		report_anomaly(turn, REASON_MALFORMED, 0);
}

/* A line of a 227, 228 or 229 that has more than one. */
static void judge_announcing_line(const struct turn *turn, const struct reply *reply)
{
	const struct span place = text_place(turn, reply);
	const enum form form = code_form(turn->session->multiline);
	struct session_command request;

	if (!text_has_number(turn->line, &place)) {
		if (session_bar_could_answer(turn))
			turn_refuse_reply(turn, REASON_AMBIGUOUS, form);
	} else if (find_request(turn->session, &request)) {
		take_announcement(turn, form, place, &request);
	} else {
		turn_refuse_reply(turn, REASON_UNSOLICITED, form);
	}
}

/* Some clients take a line for the end of the reply that it stands in. */
static bool may_end_reply(struct bytes line)
{
	return session_has_code(line) && (line.length == 3 || line.data[3] != '-');
}

/* A line inside a multi-line reply that does not end it. */
static void judge_inner_line(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;
	struct reply text = { .kind = REPLY_TEXT };

	if (session->multiline_numbers && may_end_reply(turn->line) && turn->line.data[0] <= '3')
		turn_refuse_reply(turn, REASON_AMBIGUOUS, FORM_NONE);
	else if (code_form(session->multiline) != FORM_NONE && session->multiline_shown == session->multiline)
		judge_announcing_line(turn, reply);
	else if (code_form(reply->code) != FORM_NONE || session_announces_midway(session->multiline) ||
		 session_announces_midway(reply->code))
		judge_unsolicited(turn, reply);
	else if (text_begins_like_offer(turn, &text) && hostport_could_be_read(turn->line))
		judge_unsolicited(turn, &text);
	else if (!refuse_likeness(turn) && session_inner_could_answer(turn, text_place(turn, reply)))
		turn_refuse_reply(turn, REASON_UNSOLICITED, FORM_NONE);
	/* Net::FTP joins all lines, and has their code from the one that it takes for the last. */
	if (session_has_numbers_of_endpoint(turn))
		session->multiline_numbers = true;
	/* From it on, BSD ftp keeps the first numbers in any line of this reply for whatever answers its next request. */
	if (begins_like_offer(turn->line) && turn->outcome->verdict == OUTCOME_PASS &&
	    code_form(session->multiline) == FORM_NONE)
		lose_step(session);
}

static bool answers_transfer(const struct session *session)
{
	const struct session_command *oldest = session_pipeline_oldest(session);

	return oldest && verb_is_transfer((enum verb)oldest->verb);
}

static void note_loose_end(struct session *session, struct bytes line, const struct reply *reply)
{
	const struct session_command *oldest = session_pipeline_oldest(session);
	const bool own_words = session->state == SESSION_GREETING ||
			       (oldest && (verb_is_transfer((enum verb)oldest->verb) ||
					   verb_asks_about_server((enum verb)oldest->verb)));

	if (may_end_reply(line))
		lose_step(session);
	if (own_words && reply->kind == REPLY_LAST && code_form(reply->code) == FORM_NONE)
		session->multiline_loose = reply->code;
}

static void take_multiline_start(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;

	session->multiline = reply->code;
	session->multiline_shown = reply->code;
	session->multiline_loose = 0;
	session->multiline_offered = false;
	session->multiline_numbers = false;
	judge_inner_line(turn, reply);
	if (turn->outcome->verdict == OUTCOME_REFUSE)
		session->multiline_shown = 425;
}

/* A reply to a request, by a code that is its own or by one that some clients take for it. */
static bool announces(const struct turn *turn, const struct reply *reply)
{
	const struct session *session = turn->session;

	if (code_form(reply->code) != FORM_NONE)
		return session_pipeline_endpoint_request(session) || text_has_number(turn->line, &reply->text);
	return session_oldest_asks(session) && session_could_answer(turn, reply->code, reply->text);
}

static void take_final_announcement(const struct turn *turn, const struct reply *reply,
				    const struct session_command *request)
{
	enum form form = code_form(reply->code);

	if (form == FORM_NONE)
		form = verb_form((enum verb)request->verb);
	if (turn->session->multiline_shown != 0 && turn->session->multiline_shown != reply->code)
		turn_refuse_reply(turn, REASON_AMBIGUOUS, form);
	else if (text_has_number(turn->line, &reply->text))
		take_announcement(turn, form, reply->text, request);
}

/* True: there is no more to be said of the reply, since no command can be answered by it. */
static bool judge_final_reply(const struct turn *turn, const struct reply *reply, bool *endpoint)
{
	struct session *session = turn->session;
	struct session_command request;
	bool unsolicited = false;

	*endpoint = announces(turn, reply);
	if (*endpoint && find_request(session, &request)) {
		take_final_announcement(turn, reply, &request);
	} else if (session->multiline_shown != 0 && session->multiline_shown != reply->code) {
		/* The beginning was refused, and so must be the end. */
		turn_refuse_reply(turn, REASON_UNSOLICITED, code_form(reply->code));
		unsolicited = code_form(reply->code) != FORM_NONE;
	} else if (code_form(reply->code) != FORM_NONE) {
		judge_unsolicited(turn, reply);
		unsolicited = *endpoint;
	} else if (!refuse_likeness(turn) && session_could_answer(turn, reply->code, reply->text)) {
		turn_refuse_reply(turn, REASON_UNSOLICITED, FORM_NONE);
	}
	return unsolicited;
}

static void report_surplus(const struct turn *turn, uint16_t code)
{
	struct session *session = turn->session;

	if (code == 421)
		session_tell_reply(turn, NO_COMMAND, code);
	/* The first reply of an adopted session may answer what was not seen. */
	if (session->adopted && session->next_number == 0)
		return;
	lose_step(session);
	/* 421 may come at any time (RFC 959 4.2.2). */
	if (code != 421 && code_form(code) == FORM_NONE)
		report_anomaly(turn, REASON_UNSOLICITED, code);
}

static void judge_preliminary(const struct turn *turn, const struct reply *reply)
{
	if (!session_announces_midway(reply->code)) {
		refuse_likeness(turn);
		return;
	}
	/* The client that is shown an error instead of it takes the end of the transfer for the next answer. */
	turn->session->out_of_step = true;
	judge_unsolicited(turn, reply);
}

static void take_final_reply(const struct turn *turn, const struct reply *reply)
{
	struct session *session = turn->session;
	struct session_command command;
	bool endpoint;

	if (reply->code / 100 == 1) {
		judge_preliminary(turn, reply);
		/*
		 * A client that expects none, or no other one, takes it for the answer, and the true one for that to the
		 * next command (GNU wget).
		 */
		if (session->preliminary || !answers_transfer(session))
			lose_step(session);
		session_pipeline_begin(session);
		session_watch_pinhole(session, turn->ops);
		if (session_pipeline_oldest(session))
			session_tell_reply(turn, (enum verb)session_pipeline_oldest(session)->verb, reply->code);
		return;
	}
	if (judge_final_reply(turn, reply, &endpoint)) {
		lose_step(session);
		return;
	}
	if (session_pipeline_answer(session, reply->code, endpoint, &command)) {
		session->answered = command.verb;
		session_tell_reply(turn, (enum verb)command.verb, reply->code);
		session_take_answer(turn, (enum verb)command.verb, command.number, reply->code);
	} else if (!(endpoint && session->unseen_command)) {
		report_surplus(turn, reply->code);
	}
	session->unseen_command = false;
}

/*
 * An adopted session whose server greets was adopted before its dialogue began, and nobody has logged in: 120 is said
 * nowhere else, 220 only in answer to REIN and HOST (RFC 7151 3.2), after which a login has yet to come as well.
 */
static bool begins_dialogue(const struct session *session, const struct reply *reply)
{
	return session->unseen_command && session->multiline == 0 && (reply->code == 120 || reply->code == 220);
}

static void begin_dialogue(struct session *session)
{
	session->state = SESSION_GREETING;
	session->adopted = false;
	session->any_command = false;
	session->unseen_command = false;
}

/* How a refusal of this line must look, for all who read it in its place. */
static void prepare_refusal(struct session *session, const struct reply *reply, bool ends)
{
	session->refused_code = session->multiline != 0 ? session->multiline_shown : 425;
	session->refused_continues = session->multiline != 0 ? !ends : reply->kind == REPLY_FIRST;
}

static void take_whole_reply(const struct turn *turn, const struct reply *reply)
{
	if (turn->session->state == SESSION_GREETING)
		take_greeting(turn, reply);
	else
		take_final_reply(turn, reply);
	turn->session->multiline_shown = 0;
	turn->session->multiline_offered = false;
}

static bool is_greeted_loosely(const struct session *session)
{
	return session->multiline != 0 && session->multiline_loose / 100 == 2;
}

bool session_may_listen(const struct session *session)
{
	return session->state != SESSION_GREETING || is_greeted_loosely(session);
}

void session_settle_reply(const struct turn *turn)
{
	struct session *session = turn->session;
	struct reply reply = { .kind = REPLY_LAST, .code = session->multiline_loose };
	struct session_command command;

	if (session->multiline == 0 || reply.code == 0 || !session_may_listen(session))
		return;
	session->multiline = 0;
	session->multiline_shown = 0;
	/* It greets, and logs nobody in: the line may be one of a banner. */
	if (session->state == SESSION_GREETING)
		session->state = SESSION_LOGIN;
	else if (reply.code / 100 == 1)
		session_pipeline_begin(session);
	else if (session_pipeline_answer(session, reply.code, false, &command))
		session_take_answer(turn, (enum verb)command.verb, command.number, reply.code);
}

static void read_reply(const struct turn *turn, struct reply *reply)
{
	parse_reply(turn->line, reply);
	/* A line of a file that was sent as it is has its own CR before that of the reply. */
	while (reply->text.length > 0 && turn->line.data[reply->text.offset + reply->text.length - 1] == '\r')
		reply->text.length--;
}

static void take_reply_line(const struct turn *turn)
{
	struct session *session = turn->session;
	struct reply reply;
	bool ends;

	read_reply(turn, &reply);
	if (begins_dialogue(session, &reply))
		begin_dialogue(session);
	session_note_names(session, turn->line, &reply);
	session->answered = NO_COMMAND;
	ends = reply.kind == REPLY_LAST && reply.code == session->multiline;
	prepare_refusal(session, &reply, ends);
	if (session->multiline != 0 && !ends) {
		judge_inner_line(turn, &reply);
		if (turn->outcome->verdict != OUTCOME_REFUSE)
			note_loose_end(session, turn->line, &reply);
		return;
	}
	session->multiline = 0;
	if (reply.kind == REPLY_FIRST)
		take_multiline_start(turn, &reply);
	else if (reply.kind == REPLY_TEXT)
		judge_text(turn);
	else
		take_whole_reply(turn, &reply);
}

void session_take_reply(const struct turn *turn)
{
	struct session *session = turn->session;
	bool awaits;

	/* What some take out, and some take for the end, must not stand among the numbers of an endpoint. */
	if (parse_reply_is_ambiguous(turn->line) ||
	    (session_awaits_endpoint(session) && parse_reply_has_control_byte(turn->line))) {
		turn_close(turn, REASON_CONTROL_BYTE);
		return;
	}
	/* Where an endpoint is awaited, all of the line is judged as one anyway. */
	awaits = session_awaits_endpoint(session);
	take_reply_line(turn);
	if (session->state == SESSION_CLOSED || !session_hides_line(session, DIRECTION_REPLY, turn->line, 0, true))
		return;
	lose_step(session);
	if (!awaits && turn->outcome->verdict == OUTCOME_PASS)
		turn_refuse_reply(turn, REASON_HIDDEN_LINE, FORM_NONE);
}
