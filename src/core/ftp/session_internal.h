/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the session's files share: commands and replies are judged apart, the pinhole belongs to both. */
#ifndef CORE_FTP_SESSION_INTERNAL_H
#define CORE_FTP_SESSION_INTERNAL_H

#include "ftpalg/session.h"

/* A session that takes one line. */
struct turn {
	struct session *session;
	const struct ops *ops;
	enum direction direction;
	struct bytes line;
	uint64_t now;
	struct outcome *outcome;
};

/* An event about turn's line, with the session's fields filled in. */
struct notice turn_notice(const struct turn *turn, enum notice_type type);
void turn_report(const struct turn *turn, const struct notice *notice);

void turn_close(const struct turn *turn, enum reason reason);
/* outcome->edit has been filled. */
void turn_refuse(const struct turn *turn, enum reason reason, enum form form, enum verb verb);
void turn_refuse_command(const struct turn *turn, enum reason reason, const struct command *command);
void turn_refuse_reply(const struct turn *turn, enum reason reason, enum form form);

/*
 * Report a line to a caller that follows the dialogue (ops.lines): a command, before it is judged; the reply with this code
 * to a command with this verb.
 */
void session_tell_command(const struct turn *turn, enum verb verb);
void session_tell_reply(const struct turn *turn, enum verb verb, uint16_t code);

/* Where there is no command, or one that was overwritten. */
#define NO_COMMAND VERB_COUNT

/* Does a command with this verb wait for its reply? */
bool session_pipeline_holds(const struct session *session, enum verb verb);
/* Is there no room for one more of this verb? */
bool session_pipeline_is_full(struct session *session, enum verb verb);
/* said: what the client has said, and waits for an answer to; verb: what has become of it. */
void session_pipeline_push(struct session *session, enum verb verb, enum verb said);
/* The command that has waited longest, or NULL. */
const struct session_command *session_pipeline_oldest(const struct session *session);
/* The oldest request for an endpoint that waits and that has reached the server, or NULL. */
const struct session_command *session_pipeline_endpoint_request(const struct session *session);
/* The least of what is asked by the commands that wait, also by those that were overwritten; 0: no endpoint. */
unsigned int session_pipeline_asked(const struct session *session);
/* A 1yz: the transfer has begun. */
void session_pipeline_begin(struct session *session);
/*
 * Takes out the command that a final reply with this code answers; endpoint says that an endpoint is announced in it.
 * False: there is none.
 */
bool session_pipeline_answer(struct session *session, uint16_t code, bool endpoint, struct session_command *command);

/* The client says a password, or what is kept like one. And takes those that were said out of text; returns its length. */
void session_note_secret(struct session *session, struct bytes secret);
size_t session_hide_secrets(const struct session *session, uint8_t *text, size_t length);

/* The client goes on: a multi-line reply that it may have taken as ended has ended. */
void session_settle_reply(const struct turn *turn);

/* Sees whether a line of a reply, before it is judged, may have a name in it that reads as replies (session_torn.c). */
void session_note_names(struct session *session, struct bytes line, const struct reply *reply);

/* Could a client take an endpoint from the next reply, whatever its code: as the answer to a request, or to its next one? */
bool session_awaits_endpoint(const struct session *session);
/*
 * GridFTP announces in the middle of a transfer as well: 127 answers GET and PUT with "pasv", and 129 a RETR or STOR after
 * "OPTS PASV AllowDelayed". Nobody else has these codes, and no request that we know asks for what is in them.
 */
bool session_announces_midway(uint16_t code);
/*
 * GridFTP's GET and PUT (GFD.47) are transfers that name their endpoint themselves: "GET path=/x;port=10,0,0,5,4,1;". Judged
 * as an offer it would need its pinhole before the transfer is known, so it goes no further.
 */
bool session_is_grid_transfer(struct bytes line, const struct command *command);

/* Does the line begin with three digits? */
bool session_has_code(struct bytes line);
/* Does the command that has waited longest ask for an endpoint? */
bool session_oldest_asks(const struct session *session);
/*
 * Could somebody read an endpoint, in answer to a request, in a reply with this code and the text at place; in a line that
 * is no reply; in one with the text at place inside a reply, or in one there without a number (session_likeness.c)?
 */
bool session_could_answer(const struct turn *turn, uint16_t code, struct span place);
bool session_text_could_answer(const struct turn *turn);
bool session_inner_could_answer(const struct turn *turn, struct span place);
bool session_bar_could_answer(const struct turn *turn);
/* And in a line that has passed, if the reply had another code? */
bool session_has_numbers_of_endpoint(const struct turn *turn);

/* What the policy says of a verb, in this state of the session. */
enum reason session_judge_verb(const struct session *session, enum verb verb);

void session_take_command(const struct turn *turn);
void session_take_reply(const struct turn *turn);
/* The final reply to verb, the command with that number. */
void session_take_answer(const struct turn *turn, enum verb verb, uint32_t command, uint16_t code);

/*
 * Judges an offer that the dialogue allows, asks for its expectation and announces it. text_offset is where hostport's
 * text starts in the line; command is the number of the command that it belongs to. Returns why not, with nothing
 * opened, or REASON_NONE with outcome PASS or EDIT.
 */
enum reason session_accept_offer(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
				 uint32_t command);

/* A good moment to see whether the data connection has been made, if there is an expectation: a transfer has begun. */
void session_watch_pinhole(struct session *session, const struct ops *ops);

/*
 * The client asks for a transfer, and the server calls when it has heard that. So an active pinhole that was used before
 * then was used by somebody else, whose packet bore the server's name (A28): it is created again, for the rest of its time.
 * Not where its port differs from the client's, because such a port can't be asked for by name.
 */
void session_renew_pinhole(const struct turn *turn);

/*
 * The session has no pinhole any more, whatever becomes of its expectation, which is in end. False: it had none. And what is
 * told of it, once the kernel has answered.
 */
bool session_give_pinhole_up(struct session *session, enum reason reason, struct session_farewell *end);
void session_tell_pinhole_end(const struct session_farewell *end, const struct ops *ops, enum reason answer);

/* Deletes the expectation if there is one. It is reported as used if only a data connection can have taken it away. */
void session_close_pinhole(struct session *session, const struct ops *ops, enum reason reason);

#endif
