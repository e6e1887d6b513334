/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Some TLS can't be ended here: that of servers which only the client can convince, by a certificate of its own, and that
 * which the operator wants nobody to read. It gets through as it would without a proxy: the ClientHello goes to the server
 * unopened; from there on the session is opaque, and its bytes are moved. No port is opened for it. Until then its lines
 * are judged like all others, so what is bypassed is TLS, not FTP.
 *
 *   234, or an implicit port --> is the server listed? ---------------------yes------------------------> opaque
 *                                       | no
 *                                are names listed, or has it demanded a certificate lately?
 *                                       | no      \--yes--> the ClientHello is peeked at
 *                                       |                     |   \--the name is listed, or has met the demand--> opaque
 *                                       |                     | another name
 *                                       +---------------------+--> terminated
 *
 * That a server demands a certificate is seen when it refuses the proxy for lack of one: most servers that ask for one can
 * do without. By then this session can't be saved, because its dialogue has begun; the client is told, and the next session
 * gets through. A server may demand a certificate under one of its names, or from some of its clients, and the client
 * chooses the name. So the demand holds only for clients that the server can't tell from the one that met it
 * (bypass_table.c), and not for a client that has told the server in clear which of its hosts it means. And the demand has
 * to be the server's own, not that of somebody who has taken its place: the certificate is judged first (handshake.c).
 */
#include <string.h>

#include "base/clock.h"
#include "ftpalg/address.h"
#include "proxy/internal.h"
#include "tls/hello.h"

/* Two records of full length: no ClientHello is longer. */
#define BYPASS_HELLO_MAX 33000

/* HOST (RFC 7151) names a host as SNI does, and a user may have a host too; an unknown command may do the same. */
void bypass_take_command(struct proxy_session *session, enum verb verb)
{
	switch (verb) {
	case VERB_AUTH:
	case VERB_CLNT:
	case VERB_CSID:
	case VERB_FEAT:
	case VERB_HELP:
	case VERB_NOOP:
	case VERB_OPTS:
	case VERB_SYST:
		break;
	default:
		session->steered = session->steered || !session->session.secured;
	}
}

/* A balancer's header names another client to the server than the one that it sees. */
static bool bypass_is_steered(const struct proxy_session *session)
{
	return session->steered || session->session.header.seen > 0;
}

static struct bypass_key key_for(const struct proxy_session *session, const char *name)
{
	const struct nat_view *view = &session->session.view;

	return (struct bypass_key){ .server = view->server, .client = view->client_seen.address, .name = name };
}

void bypass_note_demand(struct proxy_session *session)
{
	struct proxy *proxy = session->proxy;
	const struct address *source = session->source ? &session->source->address : &session->session.view.client.address;

	if (proxy->config->proxy.certificates_bypass && proxy_client_has_tls(session) && !bypass_is_steered(session)) {
		const struct bypass_key key = key_for(session, tls_stream_name(session->leg[LEG_CLIENT].wire.tls));

		bypass_table_note(&proxy->bypasses, &key, source, clock_microseconds());
	}
}

static void bypass_begin(struct proxy_session *session, const char *why)
{
	for (int i = 0; i < LEG_COUNT; i++)
		session->leg[i].phase = LEG_CLEAR;
	session->opaque = true;
	session->again = true;
	session_set_opaque(&session->session, &session->ops);
	proxy_session_report(session, NOTICE_ANOMALY, REASON_BYPASSED, why);
}

/*
 * Looks at the ClientHello, which stays in the socket. False: it has not come yet, or never will. *hello: its length, if it
 * asks for name and no server can find another name in it; otherwise 0.
 */
static bool bypass_peek(struct proxy_session *session, char *name, size_t *hello)
{
	static uint8_t bytes[BYPASS_HELLO_MAX];
	struct leg *client = &session->leg[LEG_CLIENT];
	size_t length = 0;
	enum tls_result result = wire_peek_all(&client->wire, bytes, sizeof(bytes), &length);

	if (result == TLS_DONE)
		result = tls_hello_name(session->proxy->tls, (struct bytes){ bytes, length }, name, hello);
	if (result != TLS_DONE)
		*hello = 0;
	/* OpenSSL refuses what is not a ClientHello. */
	if (result == TLS_FAILED || (result == TLS_WAIT && length == sizeof(bytes)))
		return true;
	if (result == TLS_END)
		proxy_session_reject(session, REASON_HANDSHAKE, "the client began no TLS");
	return result == TLS_DONE;
}

bool bypass_judge(struct proxy_session *session)
{
	const struct config_proxy *config = &session->proxy->config->proxy;
	const struct nat_view *view = &session->session.view;
	const bool demands = !bypass_is_steered(session) &&
			     bypass_table_has_server(&session->proxy->bypasses, &view->server, clock_microseconds());
	char name[TLS_NAME_MAX] = "";
	size_t hello = 0;

	/* Where only one leg has TLS, there is none to pass on. */
	if (config->legs != PROXY_LEGS_BOTH || session->leg[LEG_CLIENT].ending || session->leg[LEG_SERVER].ending)
		return true;
	if (config_bypasses_server(config, &view->server.address) ||
	    config_bypasses_server(config, &view->server_seen.address)) {
		bypass_begin(session, "the server is listed");
	} else if (demands || config->bypass_name_count > 0) {
		struct bypass_key key;

		if (!bypass_peek(session, name, &hello))
			return false;
		key = key_for(session, name);
		if (hello)
			hello_watch_begin(&session->hello, name, hello);
		if (hello && config_bypasses_name(config, name))
			bypass_begin(session, name);
		else if (hello && demands && bypass_table_has(&session->proxy->bypasses, &key, clock_microseconds()))
			bypass_begin(session, "the server demands a client certificate");
	}
	return true;
}

/* How many of the bytes that this leg has said may go on. */
static size_t bypass_judge_bytes(struct proxy_session *session, enum leg_side side)
{
	struct evbuffer *in = session->leg[side].in;
	struct hello_watch *watch = &session->hello;
	struct bytes bytes = { NULL, evbuffer_get_length(in) };
	size_t length;

	if (watch->step == HELLO_PASSED)
		return bytes.length;
	bytes.data = evbuffer_pullup(in, -1);
	if (side == LEG_SERVER)
		return session->leg[side].input == LEG_ENDED ? bytes.length : hello_watch_server(watch, bytes);
	length = hello_watch_client(watch, session->proxy->tls, bytes);
	if (length != HELLO_REFUSED && (length > 0 || bytes.length < LEG_BUFFER_MAX || watch->step != HELLO_SECOND))
		return length;
	proxy_session_report(session, NOTICE_ANOMALY, REASON_HANDSHAKE, "the second ClientHello asks for another name");
	proxy_session_reject(session, REASON_HANDSHAKE, "the second ClientHello asks for another name");
	return 0;
}

void bypass_move(struct proxy_session *session)
{
	for (int i = 0; i < LEG_COUNT; i++) {
		struct evbuffer *in = session->leg[i].in;
		struct evbuffer *out = session->leg[!i].out;
		size_t length;

		if (session->closing || evbuffer_get_length(in) == 0 || evbuffer_get_length(out) >= LEG_BUFFER_MAX)
			continue;
		length = bypass_judge_bytes(session, i);
		if (length == 0)
			continue;
		evbuffer_remove_buffer(in, out, length);
		session->again = true;
	}
}
