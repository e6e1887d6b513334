/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The header of the PROXY protocol, which a load balancer sends before its client's first byte, and before TLS. It is
 * followed to its end (src/core/ftp/proxyheader.c) and goes to the server as it came: in clear, and before anything else
 * that the server hears. What follows it stays in the socket, because on an implicit port that is a ClientHello.
 *
 *   the policy expects one --first byte--> within --last byte--> done: lines, or TLS
 *                              \               \____ another byte: the client speaks before the greeting
 *                               \__ implicit, and no byte of a header: done
 */
#include "proxy/internal.h"

static void header_take(struct proxy_session *session, uint8_t byte)
{
	struct proxyheader *header = &session->session.header;
	struct leg *client = &session->leg[LEG_CLIENT];
	size_t length;

	if (proxyheader_take(header, (struct bytes){ &byte, 1 }, &length) != PROXYHEADER_WRONG) {
		wire_read(&client->wire, &byte, 1, &length);
		evbuffer_add(session->leg[LEG_SERVER].out, &byte, 1);
		session->again = true;
	} else if (session->implicit && header->seen == 0) {
		header->done = true;
	} else {
		proxy_session_reject(session, REASON_CLIENT_FIRST, reason_meaning(REASON_CLIENT_FIRST));
	}
}

bool header_pass(struct proxy_session *session)
{
	struct leg *client = &session->leg[LEG_CLIENT];
	enum tls_result result = TLS_DONE;
	uint8_t byte;

	while (result == TLS_DONE && !session->closing && client->input != LEG_ENDED &&
	       session_expects_header(&session->session) && proxy_session_step(session)) {
		result = wire_peek(&client->wire, &byte);
		if (result == TLS_DONE)
			header_take(session, byte);
	}
	if (result == TLS_END)
		client->input = LEG_ENDED;
	return result != TLS_FAILED;
}
