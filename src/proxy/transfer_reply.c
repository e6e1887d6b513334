/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client hears of a transfer. The server's 226 says what the server knows, and with a proxy in between that is
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
 * the data connection stays, and its end says nothing about a file. The server's reply to MODE says which mode there is, and
 * REIN brings the first one back (RFC 959 4.1.1).
 *
 * The next offer may come before the reply: a client need not wait with PORT, and some servers answer EPSV while they
 * transfer. What is known, and what is learned, of a transfer's data connection stays with its reply.
 */
#include "proxy/internal.h"

/* Would a reply with this code call a transfer complete? */
static bool transfer_is_completed(const struct proxy_session *session, uint16_t code)
{
	const struct session *core = &session->session;

	if (core->pipeline_count == 0 || core->multiline || code / 100 != 2 || session->block_mode ||
	    !dialogue_is_transfer(core, 0) || dialogue_waits(core, VERB_ABOR))
		return false;
	/* A server that never ends its transfer (Pure-FTPd, when the client has gone) answers the next command instead. */
	if (core->pipeline_count > 1 && code != 226 && code != 250)
		return false;
	/* STAT may be answered while a transfer runs (RFC 959 4.1.3). */
	return !(core->preliminary && code >= 211 && code <= 213 && dialogue_waits(core, VERB_STAT));
}

/* Of the data connection that the next reply to a transfer is about. */
static enum relay_outcome transfer_find_answered(const struct proxy_session *session)
{
	const struct relay_follower *follower = session->has_earlier ? &session->earlier : &session->transfer;

	return transfer_find_outcome(follower, dialogue_verb(&session->session, 0));
}

bool transfer_holds_reply(struct proxy_session *session)
{
	struct evbuffer *in = session->leg[LEG_SERVER].in;
	uint8_t beginning[4];
	const ev_ssize_t length = evbuffer_copyout(in, beginning, sizeof(beginning));
	struct reply reply;

	session->holds_reply = false;
	if (length < (ev_ssize_t)sizeof(beginning) || session->cut_code)
		return false;
	parse_reply((struct bytes){ beginning, sizeof(beginning) }, &reply);
	if (!transfer_is_completed(session, reply.code))
		return false;
	session->holds_reply = (!session->has_earlier && pinhole_is_awaited(session)) ||
			       transfer_find_answered(session) == RELAY_UNDER_WAY;
	return session->holds_reply;
}

static void transfer_forget_earlier(struct proxy_session *session)
{
	relay_unfollow(&session->earlier);
	session->has_earlier = false;
}

bool transfer_judge_reply(struct proxy_session *session, struct bytes line, const struct reply *reply)
{
	const bool completed = !session->cut_code && transfer_is_completed(session, reply->code);

	if (!session->cut_code && reply->kind != REPLY_FIRST && reply->kind != REPLY_LAST)
		return true;
	if (completed && transfer_find_answered(session) == RELAY_CUT) {
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
		transfer_forget_earlier(session);
		dialogue_answer(session, "426 The data connection was cut; the transfer is not complete.");
	}
	return false;
}

void transfer_take_reply(struct proxy_session *session, enum verb verb, uint16_t code, bool begun)
{
	if (!session->has_earlier)
		transfer_release(session, verb, !begun && code / 100 >= 4);
	if (verb == VERB_MODE && code / 100 == 2)
		session->block_mode = session->block_asked;
	else if (verb == VERB_REIN && code / 100 == 2)
		session->block_mode = false;
	else if (verb_is_transfer(verb) || (session->has_earlier && verb == session->earlier_verb))
		transfer_forget_earlier(session);
}
