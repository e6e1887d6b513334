/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client is told of a transfer. The server's 226 says what the server knows, and with a proxy in between that is
 * less than it believes: a download is complete to it when it is in the proxy's buffers, an upload when its library takes
 * a reset for an end. So the final reply waits until the relay knows, and says what is true:
 *
 *   the server's reply     the data connection             the client reads
 *   2yz                    under way                       nothing yet
 *   2yz                    whole                           the reply
 *   2yz                    cut                             426, and an event says so
 *   2yz                    there was none                  the reply
 *   1yz, 4yz, 5yz          whatever                        the reply
 *
 * A relay's every state has its deadline, and so has the wait. Where ABOR waits too, the client knows what it did, and may
 * read no more of the data before it is answered: nothing waits, and nothing is changed. In the modes B and C (RFC 959 3.4)
 * the data connection stays, and its end says nothing about a file.
 */
#include "proxy/internal.h"

static bool verb_waits(const struct session *core, enum verb verb)
{
	bool waits = false;

	for (unsigned int i = 0; i < core->pipeline_count; i++)
		waits = waits || dialogue_verb(core, i) == verb;
	return waits;
}

/* The transfer that a reply with this code would call complete; VERB_UNKNOWN: none. */
static enum verb completed_transfer(const struct proxy_session *session, uint16_t code)
{
	const struct session *core = &session->session;

	if (core->pipeline_count == 0 || core->multiline || code / 100 != 2 || session->block_mode ||
	    !verb_is_transfer(dialogue_verb(core, 0)) || verb_waits(core, VERB_ABOR))
		return VERB_UNKNOWN;
	/* A server that never ends its transfer (Pure-FTPd, when the client has gone) answers the next command instead. */
	if (core->pipeline_count > 1 && code != 226 && code != 250)
		return VERB_UNKNOWN;
	/* STAT may be answered while a transfer runs (RFC 959 4.1.3). */
	if (core->preliminary && code >= 211 && code <= 213 && verb_waits(core, VERB_STAT))
		return VERB_UNKNOWN;
	return dialogue_verb(core, 0);
}

bool transfer_holds_reply(struct proxy_session *session)
{
	struct evbuffer *in = session->leg[LEG_SERVER].in;
	uint8_t beginning[4];
	const ev_ssize_t length = evbuffer_copyout(in, beginning, sizeof(beginning));
	struct reply reply;
	enum verb verb;

	session->holds_reply = false;
	if (length < (ev_ssize_t)sizeof(beginning) || session->cut_code)
		return false;
	parse_reply((struct bytes){ beginning, sizeof(beginning) }, &reply);
	verb = completed_transfer(session, reply.code);
	if (verb == VERB_UNKNOWN)
		return false;
	session->holds_reply = pinhole_is_awaited(session) ||
			       session->transfer.outcome[transfer_source(verb)] == RELAY_UNDER_WAY;
	return session->holds_reply;
}

bool transfer_judge_reply(struct proxy_session *session, struct bytes line, const struct reply *reply)
{
	const enum verb verb = session->cut_code ? VERB_UNKNOWN : completed_transfer(session, reply->code);

	if (!session->cut_code && reply->kind != REPLY_FIRST && reply->kind != REPLY_LAST)
		return true;
	if (verb != VERB_UNKNOWN && session->transfer.outcome[transfer_source(verb)] == RELAY_CUT) {
		const struct notice notice = {
			.type = NOTICE_ANOMALY, .reason = REASON_CUT, .direction = DIRECTION_REPLY,
			.session = session->session.id, .view = &session->session.view, .text = line,
		};

		session->ops.notice(session->ops.context, &notice);
		session->cut_code = reply->code;
	}
	if (!session->cut_code)
		return true;
	/* A reply of several lines becomes one of one line. */
	if (reply->kind == REPLY_LAST && reply->code == session->cut_code) {
		session->cut_code = 0;
		dialogue_answer(session, "426 The data connection was cut; the transfer is not complete.");
	}
	return false;
}
