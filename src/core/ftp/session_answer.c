/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from the final reply to a command: a login, its end, TLS, the end of a transfer. */
#include <string.h>

#include "core/ftp/session_internal.h"

static void take_login(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct session *session = turn->session;
	struct notice notice = turn_notice(turn, NOTICE_LOGIN);

	if (verb == VERB_USER && code / 100 <= 3) {
		session->name_length = command == session->next_name_number ? session->next_name_length : 0;
		memcpy(session->name, session->backlog->next_name, session->name_length);
	}
	/* The user who comes next has not made the offer that is open. */
	if (verb == VERB_USER && code / 100 == 3) {
		session_close_pinhole(session, turn->ops, REASON_SUPERSEDED);
		session->state = SESSION_LOGIN;
		return;
	}
	/*
	 * RFC 959 5.4 and 6: any 2yz is the success of a login. 235 is that of the security exchange before it (RFC 2228).
	 */
	if (code / 100 != 2 || (verb == VERB_ADAT && code == 235)) {
		session->protected = session->protected || code == 235;
		return;
	}
	session->state = SESSION_READY;
	notice.code = code;
	notice.text.data = session->name;
	notice.text.length = session->name_length;
	turn_report(turn, &notice);
}

/*
 * From here on the client speaks in clear again. After a security exchange other than TLS its login was said in MIC or
 * ENC, which nobody here can read, just as that of session_set_readable was said in TLS.
 */
static void clear_session(const struct turn *turn)
{
	static const uint8_t cleared[] = "cleared";
	struct notice notice = turn_notice(turn, NOTICE_TLS);

	if (turn->session->protected && !turn->session->terminated)
		turn->session->state = SESSION_READY;
	turn->session->protected = false;
	if (!turn->session->secured)
		return;
	turn->session->secured = false;
	notice.text.data = cleared;
	notice.text.length = sizeof(cleared) - 1;
	turn_report(turn, &notice);
}

static bool is_protected(enum verb verb)
{
	return verb == VERB_MIC || verb == VERB_CONF || verb == VERB_ENC;
}

/*
 * CCC itself is said under protection (RFC 2228 3: it must be), and is not seen here. So what follows in clear is taken as
 * if it had been: a server that has not heard it, or no login, refuses.
 */
static void take_protected(struct session *session, uint16_t code)
{
	if (code / 100 == 6 && session->protected && !session->terminated)
		session->state = SESSION_READY;
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
	session->protected = false;
	clear_session(turn);
}

/* RFC 2228 3: a user who was logged in no longer is. What comes now is the first that TLS protects. */
static void secure_session(const struct turn *turn)
{
	static const uint8_t terminated[] = "terminated";
	struct notice notice = turn_notice(turn, NOTICE_TLS);

	turn->session->state = SESSION_LOGIN;
	turn->session->secured = true;
	turn->session->any_command = false;
	notice.text.data = terminated;
	notice.text.length = sizeof(terminated) - 1;
	turn_report(turn, &notice);
}

static void take_auth(const struct turn *turn, uint16_t code)
{
	if (code != 234)
		return;
	if (turn->session->torn) {
		turn_close(turn, REASON_TORN_REPLY);
		return;
	}
	session_close_pinhole(turn->session, turn->ops, REASON_SUPERSEDED);
	if (turn->session->terminated)
		secure_session(turn);
	else
		session_set_opaque(turn->session, turn->ops);
}

static void notify_transfer(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct notice notice = turn_notice(turn, NOTICE_TRANSFER);

	notice.verb = verb;
	notice.code = code;
	for (unsigned int i = 0; i < SESSION_TRANSFERS_MAX; i++) {
		struct session_transfer *transfer = &turn->session->backlog->transfers[i];

		if (!transfer->waiting || transfer->number != command)
			continue;
		notice.text.data = transfer->path;
		notice.text.length = transfer->path_length;
		notice.duration = turn->now - transfer->start;
		transfer->waiting = false;
	}
	turn_report(turn, &notice);
}

static void take_transfer(const struct turn *turn, enum verb verb, uint16_t code, uint32_t command)
{
	struct session *session = turn->session;

	notify_transfer(turn, verb, code, command);
	/*
	 * Perl's Net::FTP connects after its command, and reads the refusal then: its SYN must meet the server's reset, not
	 * a firewall that is silent for as long as the client waits. The pinhole ends with its minute, or with the next
	 * offer.
	 */
	if (code / 100 >= 4 && !form_is_active(session->pinhole_form))
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

void session_take_answer(const struct turn *turn, enum verb verb, uint32_t command, uint16_t code)
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
	else if (is_protected(verb))
		take_protected(session, code);
	else if (verb_is_transfer(verb))
		take_transfer(turn, verb, code, command);
	/* An active one: a passive offer is itself the answer to its command. */
	else if (command == session->pinhole_command && code / 100 >= 4)
		session_close_pinhole(session, turn->ops, REASON_SERVER_REFUSED);
}
