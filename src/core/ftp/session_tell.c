/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which lines of a dialogue are reported to a caller that follows it: those that move files, and those that say where it
 * stands (its directory, what may give that another name, the type, the size of a file), with the replies to them, and
 * errors that tell why nothing moves. Offers have events of their own, as refusals do, and what has a password in it is
 * never reported: neither its command, nor more than the code of a reply, in which some servers repeat it.
 */
#include "core/ftp/session_internal.h"

#define REPLY_CODE_LENGTH 3

static bool names_place(enum verb verb)
{
	return verb == VERB_CWD || verb == VERB_XCWD || verb == VERB_CDUP || verb == VERB_XCUP || verb == VERB_PWD ||
	       verb == VERB_XPWD || verb == VERB_RNFR || verb == VERB_RNTO || verb == VERB_SMNT;
}

static bool tells_command(enum verb verb)
{
	return verb_is_transfer(verb) || names_place(verb) || verb == VERB_SIZE || verb == VERB_REST || verb == VERB_ABOR ||
	       verb == VERB_TYPE || verb == VERB_AUTH || verb == VERB_REIN;
}

/*
 * Those that keep a session alive wait together, and a reply to CWD may be paired with another of them (session_pipeline.c).
 */
static bool tells_reply(enum verb verb, uint16_t code)
{
	if (code == 421 || code == 250 || code == 257)
		return true;
	if (tells_command(verb))
		return true;
	return code / 100 >= 4 && (verb == VERB_USER || verb == VERB_PASS || verb_is_active_offer(verb) ||
				   verb_is_passive_request(verb));
}

static void tell(const struct turn *turn, enum verb verb, uint16_t code)
{
	struct notice notice = turn_notice(turn, NOTICE_LINE);

	notice.verb = verb;
	notice.code = code;
	notice.text = turn->line;
	if (verb_takes_secret(verb) && notice.text.length > REPLY_CODE_LENGTH)
		notice.text.length = REPLY_CODE_LENGTH;
	turn_report(turn, &notice);
}

void session_tell_command(const struct turn *turn, enum verb verb)
{
	if (turn->ops->lines && tells_command(verb))
		tell(turn, verb, 0);
}

void session_tell_reply(const struct turn *turn, enum verb verb, uint16_t code)
{
	/* One that was overwritten is reported as a refusal. */
	if (turn->ops->lines && turn->outcome->verdict != OUTCOME_REFUSE && tells_reply(verb, code))
		tell(turn, verb, code);
}
