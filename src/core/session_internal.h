/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the session's files share: commands and replies are judged apart, the pinhole belongs to both. */
#ifndef CORE_SESSION_INTERNAL_H
#define CORE_SESSION_INTERNAL_H

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
struct event turn_event(const struct turn *turn, enum event_type type);
void turn_report(const struct turn *turn, const struct event *event);

void turn_close(const struct turn *turn, enum reason reason);
/* outcome->edit has been filled. */
void turn_refuse(const struct turn *turn, enum reason reason, enum form form, enum verb verb);
void turn_refuse_command(const struct turn *turn, enum reason reason, const struct command *command);
void turn_refuse_reply(const struct turn *turn, enum reason reason, enum form form);

/* Does a command with this verb wait for its reply? */
bool session_pipeline_holds(const struct session *session, enum verb verb);

void session_take_command(const struct turn *turn);
void session_take_reply(const struct turn *turn);

/*
 * Judges an offer that the dialogue allows, asks for its expectation and announces it. text_offset is where hostport's
 * text starts in the line; command is the number of the command that it belongs to. Returns why not, with nothing
 * opened, or REASON_NONE with outcome PASS or EDIT.
 */
enum reason session_accept_offer(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
				 uint32_t command);

/* A good moment to see whether the data connection has been made, if there is an expectation: a transfer has begun. */
void session_watch_pinhole(struct session *session, const struct ops *ops);

/* Deletes the expectation if there is one. It is reported as used if only a data connection can have taken it away. */
void session_close_pinhole(struct session *session, const struct ops *ops, enum reason reason);

#endif
