/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For a client in clear and a server that wants TLS, the proxy does what the client can't, before the client hears
 * anything: the greeting is held back until AUTH, the handshake, PBSZ and PROT P have succeeded. A server that refuses
 * one of them is not used: without TLS the password would travel in clear where the configuration says it does not.
 *
 *   GREETING --AUTH TLS--> AUTH --234--> TLS --PBSZ 0--> PBSZ --PROT P--> PROT --> the client reads the greeting
 *                implicit: TLS -------------------> GREETING --PBSZ 0--> ...
 *                REIN: CLEAR --AUTH TLS--> AUTH --> ...                  --> the client reads the reply to REIN
 */
#include <string.h>

#include "proxy/internal.h"

void prepare_begin(struct proxy_session *session)
{
	if (!proxy_server_has_tls(session) || proxy_client_has_tls(session))
		return;
	session->prepare = session->implicit ? PREPARE_TLS : PREPARE_GREETING;
	if (session->implicit)
		session->leg[LEG_SERVER].phase = LEG_STARTING;
	session->greeting = evbuffer_new();
	if (!session->greeting)
		proxy_session_reject(session, REASON_MEMORY_FULL, "no memory");
	else
		prepare_go_on(session);
}

static void prepare_say(struct proxy_session *session, const char *text, enum prepare_step step)
{
	leg_say(&session->leg[LEG_SERVER], text);
	session->prepare = step;
	session->again = true;
}

/* The client may hear the server now. */
static void prepare_end(struct proxy_session *session)
{
	session->prepare = PREPARE_NONE;
	evbuffer_prepend_buffer(session->leg[LEG_SERVER].in, session->greeting);
	evbuffer_free(session->greeting);
	session->greeting = NULL;
	session->again = true;
}

/* The server refuses the session. The client hears so in the server's words, and the server hears nothing in clear. */
static void prepare_refused(struct proxy_session *session)
{
	prepare_end(session);
	session->refused = true;
	session->leg[LEG_SERVER].input = LEG_ENDED;
	leg_finish(&session->leg[LEG_SERVER]);
}

bool prepare_again(struct proxy_session *session, struct bytes line, const struct reply *reply)
{
	if (session->change != SECURITY_REIN || proxy_client_has_tls(session) || !session->leg[LEG_SERVER].wire.tls ||
	    reply->kind != REPLY_LAST || reply->code / 100 != 2)
		return false;
	session->change = SECURITY_SETTLED;
	if (clear_judge_rest(session))
		return true;
	session->greeting = evbuffer_new();
	if (!session->greeting || !clear_tickets(session)) {
		proxy_session_reject(session, REASON_MEMORY_FULL, "no memory");
		return true;
	}
	evbuffer_add(session->greeting, line.data, line.length);
	evbuffer_add(session->greeting, "\r\n", 2);
	session->prepare = PREPARE_CLEAR;
	clear_begin(&session->leg[LEG_SERVER]);
	proxy_session_expect_handshake(session);
	return true;
}

static void prepare_secured(struct proxy_session *session)
{
	if (session->implicit)
		session->prepare = PREPARE_GREETING;
	else
		prepare_say(session, "PBSZ 0", PREPARE_PBSZ);
}

void prepare_go_on(struct proxy_session *session)
{
	const struct leg *server = &session->leg[LEG_SERVER];

	if (session->closing)
		return;
	if (session->prepare == PREPARE_TLS && server->wire.tls && !leg_is_shaking(server))
		prepare_secured(session);
	else if (session->prepare == PREPARE_CLEAR && server->phase != LEG_CLEARING)
		prepare_say(session, "AUTH TLS", PREPARE_AUTH);
	/* A load balancer's header goes before TLS. */
	else if (session->prepare == PREPARE_TLS && session->implicit && !server->wire.tls &&
		 !session_expects_header(&session->session) && evbuffer_get_length(server->out) == 0)
		handshake_start_server(session, "");
}

static void prepare_take_greeting(struct proxy_session *session, struct bytes line, const struct reply *reply)
{
	if (evbuffer_get_length(session->greeting) + line.length > LEG_BUFFER_MAX) {
		proxy_session_reject(session, REASON_LINE_TOO_LONG, "the server's greeting is too long");
		return;
	}
	evbuffer_add(session->greeting, line.data, line.length);
	evbuffer_add(session->greeting, "\r\n", 2);
	if (reply->kind != REPLY_LAST || reply->code / 100 == 1)
		return;
	if (reply->code / 100 != 2)
		prepare_refused(session);
	else if (session->implicit)
		prepare_say(session, "PBSZ 0", PREPARE_PBSZ);
	else
		prepare_say(session, "AUTH TLS", PREPARE_AUTH);
}

void prepare_take_line(struct proxy_session *session, struct bytes line)
{
	struct reply reply;
	bool good;

	parse_reply(line, &reply);
	if (session->prepare == PREPARE_GREETING) {
		prepare_take_greeting(session, line, &reply);
		return;
	}
	if (reply.kind != REPLY_LAST)
		return;
	good = session->prepare == PREPARE_AUTH ? reply.code == 234 : reply.code / 100 == 2;
	if (!good) {
		proxy_session_reject(session, REASON_TLS_REQUIRED, "the server refuses TLS");
	} else if (session->prepare == PREPARE_AUTH && evbuffer_get_length(session->leg[LEG_SERVER].in) > 0) {
		proxy_session_reject(session, REASON_BEHIND_AUTH, "the server sent bytes in clear after 234");
	} else if (session->prepare == PREPARE_AUTH) {
		session->prepare = PREPARE_TLS;
		handshake_start_server(session, "");
	} else if (session->prepare == PREPARE_PBSZ) {
		prepare_say(session, "PROT P", PREPARE_PROT);
	} else {
		prepare_end(session);
	}
}
