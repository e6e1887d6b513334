/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Some TLS can't be ended here: that of servers which only the client can convince, by a certificate of its own, and what
 * the operator wants nobody to read. It gets through as it would without a proxy: the ClientHello goes to the server
 * unopened, and from there on the session is opaque, and its bytes are moved. Nothing is opened for it. Until then its
 * lines are judged like all others, so what bypasses is TLS, not FTP.
 *
 *   234, or an implicit port --> is the server listed? has it demanded a certificate lately? ------yes--> opaque
 *                                       | no
 *                                are names listed? --yes--> the ClientHello is peeked at --listed--> opaque
 *                                       | no                        | another name, or none
 *                                       +---------------------------+--> terminated
 *
 * That a server demands a certificate is seen when it refuses the proxy for want of one: most that ask for one can do
 * without. By then the session can't be saved, because its dialogue is a part of the way; the client is told, and the
 * next one gets through.
 */
#include <string.h>

#include "base/clock.h"
#include "ftpalg/address.h"
#include "proxy/internal.h"
#include "tls/hello.h"

/* How long a server is remembered that demands certificates; then the next session asks anew. */
#define BYPASS_SECONDS 3600
/* Two records of full length: no ClientHello is longer. */
#define BYPASS_HELLO_MAX 33000

static struct bypass_row *bypass_find(struct proxy *proxy, const struct endpoint *server)
{
	struct bypass_row *oldest = &proxy->bypasses[0];

	for (size_t i = 0; i < BYPASS_ROWS; i++) {
		struct bypass_row *row = &proxy->bypasses[i];

		if (endpoint_equal(&row->server, server))
			return row;
		if (row->until < oldest->until)
			oldest = row;
	}
	return oldest;
}

static bool bypass_remembers(struct proxy *proxy, const struct endpoint *server)
{
	const struct bypass_row *row = bypass_find(proxy, server);

	return endpoint_equal(&row->server, server) && clock_microseconds() < row->until;
}

void bypass_note_demand(struct proxy_session *session)
{
	struct proxy *proxy = session->proxy;
	const struct endpoint *server = &session->session.view.server;

	if (proxy->config->proxy.certificates_bypass && proxy_client_has_tls(session))
		*bypass_find(proxy, server) = (struct bypass_row){
			.server = *server, .until = clock_microseconds() + (uint64_t)BYPASS_SECONDS * 1000000,
		};
}

static void bypass_begin(struct proxy_session *session, const char *why)
{
	session->leg[LEG_CLIENT].starting = false;
	session->opaque = true;
	session->again = true;
	session_set_opaque(&session->session, &session->ops);
	proxy_session_report(session, NOTICE_ANOMALY, REASON_BYPASSED, why);
}

/* The ClientHello, which stays in the socket. False: it has not come yet, or never will. */
static bool bypass_peek(struct proxy_session *session, char *name)
{
	static uint8_t bytes[BYPASS_HELLO_MAX];
	struct leg *client = &session->leg[LEG_CLIENT];
	size_t length = 0;
	enum tls_result result = wire_peek_all(&client->wire, bytes, sizeof(bytes), &length);

	if (result == TLS_DONE)
		result = tls_hello_name(session->proxy->tls, (struct bytes){ bytes, length }, name);
	/* What is no ClientHello is OpenSSL's to refuse. */
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
	char name[TLS_NAME_MAX] = "";

	/* Where only one leg has TLS there is nothing to pass on. */
	if (config->legs != PROXY_LEGS_BOTH || session->leg[LEG_CLIENT].ending || session->leg[LEG_SERVER].ending)
		return true;
	if (config_bypasses_server(config, &view->server.address) ||
	    config_bypasses_server(config, &view->server_seen.address)) {
		bypass_begin(session, "the server is listed");
	} else if (bypass_remembers(session->proxy, &view->server)) {
		bypass_begin(session, "the server demands a client certificate");
	} else if (config->bypass_name_count > 0) {
		if (!bypass_peek(session, name))
			return false;
		if (config_bypasses_name(config, name))
			bypass_begin(session, name);
	}
	return true;
}

void bypass_move(struct proxy_session *session)
{
	for (int i = 0; i < LEG_COUNT; i++) {
		struct evbuffer *in = session->leg[i].in;
		struct evbuffer *out = session->leg[!i].out;

		if (session->closing || evbuffer_get_length(in) == 0 || evbuffer_get_length(out) >= LEG_BUFFER_MAX)
			continue;
		evbuffer_add_buffer(out, in);
		session->again = true;
	}
}
