/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS ends on a leg that goes on in clear: after the 200 of CCC (RFC 4217 12.3), after the reply to REIN (11).
 *
 *   in TLS --reply leaves--> clearing --our close_notify--> ending ----the peer's close_notify----> in clear
 *                                                              \-------a byte of no TLS record------/
 *
 * After the reply to REIN a server may say close_notify at once, and it is read together with the reply. While REIN
 * waits, close_notify is therefore not taken for the end of the connection, unless there was no reply before it.
 *
 * What we say is in clear after our close_notify. Where what the peer says changes, only the peer knows: some answer with
 * close_notify, others (curl) wait for ours and go on in clear at once. The first byte tells: a TLS record begins with 20 to
 * 23, and no line of FTP begins with a control byte.
 */
#include "proxy/internal.h"

/* RFC 8446 5.1 */
#define RECORD_TYPE_MIN 20
#define RECORD_TYPE_MAX 23

bool clear_judge_rest(struct proxy_session *session)
{
	bool rest = false;

	for (int i = 0; i < LEG_COUNT; i++) {
		const struct leg *leg = &session->leg[i];

		rest = rest || ((leg->wire.tls || leg->ending) && evbuffer_get_length(leg->in) > 0);
	}
	if (rest)
		proxy_session_reject(session, REASON_BEHIND_REIN, reason_meaning(REASON_BEHIND_REIN));
	return rest;
}

void clear_begin(struct leg *leg)
{
	if (leg->wire.tls)
		leg->phase = LEG_CLEARING;
}

bool clear_finish(struct leg *leg)
{
	if (tls_stream_finish(leg->wire.tls) == TLS_WAIT)
		return false;
	leg->phase = LEG_CLEAR;
	leg->ending = leg->wire.tls;
	leg->ending_begun = false;
	if (leg->input == LEG_SAID_END)
		leg->input = LEG_READS;
	leg->wire.tls = NULL;
	return true;
}

static void clear_end(struct leg *leg)
{
	tls_stream_free(leg->ending);
	leg->ending = NULL;
}

enum tls_result clear_read(struct leg *leg, uint8_t *out, size_t size, size_t *length)
{
	enum tls_result result = TLS_DONE;
	uint8_t first = RECORD_TYPE_MIN;

	if (!leg->ending_begun)
		result = wire_peek(&leg->wire, &first);
	if (result != TLS_DONE)
		return result;
	leg->ending_begun = first >= RECORD_TYPE_MIN && first <= RECORD_TYPE_MAX;
	if (leg->ending_begun) {
		result = tls_stream_read(leg->ending, out, size, length);
		if (result != TLS_END)
			return result;
	}
	clear_end(leg);
	return wire_read(&leg->wire, out, size, length);
}

void clear_judge_end(struct proxy_session *session)
{
	for (int i = 0; i < LEG_COUNT; i++) {
		struct leg *leg = &session->leg[i];

		if (leg->input != LEG_SAID_END || session->change != SECURITY_REIN ||
		    evbuffer_search_eol(leg->in, NULL, NULL, EVBUFFER_EOL_LF).pos >= 0)
			continue;
		leg->input = LEG_ENDED;
		session->again = true;
	}
}

bool clear_tickets(struct proxy_session *session)
{
	struct tls_tickets *tickets = tls_tickets_make();

	if (!tickets)
		return false;
	/* Data connections that are under way hold the old ones. */
	tls_tickets_drop(session->tickets);
	session->tickets = tickets;
	return true;
}
