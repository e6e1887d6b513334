/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS begins on a leg between two lines. What is in the buffer by then came in clear, after the last line in clear: the
 * callers look for it, and end the session (RFC 4217 does not say so; CVE-2011-1575 and its like do).
 *
 * The server's certificate is known before the client's handshake goes on, because what the client is shown follows from it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proxy/internal.h"

static void report_secured(struct proxy_session *session, enum leg_side side)
{
	const struct tls_stream *stream = session->leg[side].wire.tls;
	struct tls_description described;
	struct notice_relay legs = { .to_server = 0 };
	struct notice_tls details;
	struct notice notice = {
		.type = NOTICE_TLS,
		.session = session->session.id,
		.view = &session->session.view,
		.relay = &legs,
	};
	const char *text = side == LEG_CLIENT ? "client leg" : "server leg";
	struct notice_leg *leg = side == LEG_CLIENT ? &legs.client : &legs.server;

	leg->tls = tls_stream_version(stream);
	leg->resumed = tls_stream_is_resumed(stream);
	tls_stream_describe(stream, &described);
	details = (struct notice_tls){
		.name = described.name, .cipher = described.cipher, .group = described.group,
		.protocol = described.protocol, .fingerprint = described.fingerprint,
		.names = described.names, .name_count = described.name_count,
	};
	leg->details = &details;
	notice.text = (struct bytes){ (const uint8_t *)text, strlen(text) };
	session->ops.notice(session->ops.context, &notice);
}

/* The number of the certificate that the configuration gives for this server and name, or TLS_NO_PAIR. */
static size_t given_pair(const struct proxy_session *session)
{
	const struct config *config = session->proxy->config;
	const size_t found = proxy_find_server(session);

	return found < CONFIG_SERVERS_MAX && config->servers[found].certificate[0] ? found : TLS_NO_PAIR;
}

/*
 * A client can have as many certificates made as it finds servers, and as it finds names where its sessions are refused. So
 * that others have something left, each source has a bound. All refused sessions together have as much as one source.
 */
static bool may_order(const struct proxy_session *session)
{
	const struct proxy *proxy = session->proxy;
	const uint64_t now = clock_microseconds();

	return (!session->source || quota_allows_mint(&proxy->quota, session->source, now)) &&
	       (!session->objection || quota_allows_mint(&proxy->quota, &proxy->refusals, now));
}

static void count_order(struct proxy_session *session)
{
	struct proxy *proxy = session->proxy;
	const uint64_t now = clock_microseconds();

	if (session->source)
		quota_count_mint(&proxy->quota, session->source, now);
	if (session->objection)
		quota_count_mint(&proxy->quota, &proxy->refusals, now);
}

/*
 * Lets the client's handshake go on, with a certificate for the server's names where there is a server that may be used.
 * While the certificate is being made nothing is done, and this is called again.
 */
static void present(struct proxy_session *session)
{
	struct leg *client = &session->leg[LEG_CLIENT];
	const struct tls_stream *server = session->objection ? NULL : session->leg[LEG_SERVER].wire.tls;
	bool order = may_order(session);
	enum reason reason;
	const enum tls_result result = tls_stream_present(client->wire.tls, server,
							  &session->session.view.server_seen.address, given_pair(session),
							  &order);

	if (order)
		count_order(session);
	client->phase = result == TLS_WAIT ? LEG_MINTING : LEG_SHAKING;
	if (result == TLS_WAIT)
		return;
	session->again = true;
	if (result == TLS_DONE)
		return;
	reason = result == TLS_DENIED ? REASON_MINT_RATE : REASON_HANDSHAKE;
	proxy_session_report(session, NOTICE_ANOMALY, reason, tls_stream_error(client->wire.tls));
	proxy_session_reject(session, reason, "there is no certificate to show");
}

/* Does its handshake stand still until something is known of the server? */
static bool client_waits(const struct proxy_session *session)
{
	const enum leg_phase phase = session->leg[LEG_CLIENT].phase;

	return phase == LEG_WAITING || phase == LEG_MINTING;
}

/* The server is not to be used. The client is told in words as soon as it can read them. */
static void object(struct proxy_session *session, enum reason reason, const char *objection)
{
	struct leg *server = &session->leg[LEG_SERVER];

	proxy_session_report(session, NOTICE_ANOMALY, reason, objection);
	/* Nothing more is read from it, and nothing said to it. */
	server->input = LEG_ENDED;
	evbuffer_drain(server->out, evbuffer_get_length(server->out));
	session->objection = objection;
	session->objection_reason = reason;
	if (client_waits(session))
		present(session);
	/* Otherwise the client is told when its handshake is done. */
	else if (!leg_is_shaking(&session->leg[LEG_CLIENT]))
		proxy_session_reject(session, reason, objection);
}

/*
 * Does its certificate let the server be used? This is asked before anything else that the server has said counts: in TLS
 * 1.2 a server demands the client's certificate, and refuses it, before the handshake is done.
 */
static bool judge_server(struct proxy_session *session)
{
	const char *objection = tls_stream_objection(session->leg[LEG_SERVER].wire.tls);

	if (objection && !session->proxy->config->proxy.untrusted) {
		object(session, REASON_BAD_CERTIFICATE, objection);
		return false;
	}
	if (objection)
		proxy_session_report(session, NOTICE_ANOMALY, REASON_BAD_CERTIFICATE, objection);
	return true;
}

static void server_is_secure(struct proxy_session *session)
{
	session->leg[LEG_SERVER].phase = LEG_SECURE;
	report_secured(session, LEG_SERVER);
	if (judge_server(session) && client_waits(session))
		present(session);
}

static void secure_server(struct proxy_session *session)
{
	struct leg *server = &session->leg[LEG_SERVER];

	session->shook = true;
	switch (tls_stream_handshake(server->wire.tls)) {
	case TLS_DONE:
		session->again = true;
		server_is_secure(session);
		break;
	case TLS_WAIT:
		break;
	default:
		server->phase = LEG_FAILED;
		if (tls_stream_lacks_certificate(server->wire.tls) && judge_server(session))
			server->phase = LEG_DEMANDED;
		if (server->phase == LEG_DEMANDED || session->objection)
			break;
		snprintf(session->failure, sizeof(session->failure), "the TLS handshake with the server failed: %s",
			 tls_stream_error(server->wire.tls));
		object(session, REASON_HANDSHAKE, session->failure);
	}
}

/*
 * A client that names no server is shown a certificate with the server's own names, so that it judges them itself, as it
 * would without a proxy. A given certificate has other names, and a client in clear sees none at all: there the server has
 * to be the one of the address that was dialled.
 */
static bool client_judges_name(const struct proxy_session *session, const char *name)
{
	const struct config_proxy *config = &session->proxy->config->proxy;

	return !name[0] && proxy_client_has_tls(session) && !config->unnamed_by_address && !config->certificate[0] &&
	       given_pair(session) == TLS_NO_PAIR;
}

void handshake_start_server(struct proxy_session *session, const char *name)
{
	const struct address *dialled = &session->session.view.server_seen.address;
	struct leg *server = &session->leg[LEG_SERVER];

	/* After REIN: the server said 234 in the TLS that it should have ended. */
	if (server->ending) {
		object(session, REASON_HANDSHAKE, "the server did not end TLS after REIN");
		return;
	}
	proxy_session_expect_handshake(session);
	server->wire.tls = tls_stream_connect(session->proxy->tls, server->wire.descriptor, session->tickets, name,
					      client_judges_name(session, name) ? NULL : dialled,
					      proxy_server_pair(session));
	server->phase = server->wire.tls ? LEG_SHAKING : LEG_CLEAR;
	session->again = true;
	if (!server->wire.tls)
		proxy_session_reject(session, REASON_MEMORY_FULL, "no memory for TLS");
}

/* The ClientHello is there: which certificate shall the client see? */
static void choose_certificate(struct proxy_session *session)
{
	struct leg *client = &session->leg[LEG_CLIENT];
	const struct leg *server = &session->leg[LEG_SERVER];

	client->phase = LEG_WAITING;
	if (!proxy_server_has_tls(session))
		present(session);
	else if (!server->wire.tls && server->connected && evbuffer_get_length(server->out) == 0)
		handshake_start_server(session, tls_stream_name(client->wire.tls));
}

static void secure_client(struct proxy_session *session)
{
	struct leg *client = &session->leg[LEG_CLIENT];

	session->shook = true;
	switch (tls_stream_handshake(client->wire.tls)) {
	case TLS_DONE:
		client->phase = LEG_SECURE;
		session->again = true;
		report_secured(session, LEG_CLIENT);
		if (session->objection)
			proxy_session_reject(session, session->objection_reason, session->objection);
		break;
	case TLS_HELLO:
		choose_certificate(session);
		break;
	case TLS_WAIT:
		break;
	default:
		proxy_session_report(session, NOTICE_ANOMALY, REASON_HANDSHAKE, tls_stream_error(client->wire.tls));
		session->closing = true;
		session->objection_reason = REASON_HANDSHAKE;
	}
}

/* In clear, the last line is on its way: TLS begins. */
static void start_client_tls(struct proxy_session *session)
{
	struct leg *client = &session->leg[LEG_CLIENT];

	/* After REIN: this AUTH itself came in the TLS that is ending. */
	if (client->ending) {
		proxy_session_reject(session, REASON_HANDSHAKE, "TLS was to end before it begins again");
		return;
	}
	if (!bypass_judge(session) || session->opaque)
		return;
	proxy_session_expect_handshake(session);
	client->wire.tls = tls_stream_accept(session->proxy->tls, client->wire.descriptor, session->tickets);
	client->phase = client->wire.tls ? LEG_SHAKING : LEG_CLEAR;
	session->again = true;
	if (!client->wire.tls)
		proxy_session_reject(session, REASON_MEMORY_FULL, "no memory for TLS");
}

static void handshake_go_on_with_client(struct proxy_session *session)
{
	const struct leg *client = &session->leg[LEG_CLIENT];

	if (client->phase == LEG_STARTING && evbuffer_get_length(client->out) == 0 &&
	    !session_expects_header(&session->session))
		start_client_tls(session);
	switch (client->phase) {
	case LEG_MINTING:
		present(session);
		break;
	case LEG_WAITING:
		if (!session->leg[LEG_SERVER].wire.tls)
			choose_certificate(session);
		break;
	case LEG_SHAKING:
		secure_client(session);
		break;
	default:
		break;
	}
}

void handshake_go_on(struct proxy_session *session)
{
	const struct leg *server = &session->leg[LEG_SERVER];

	if (!session->closing)
		handshake_go_on_with_client(session);
	if (server->phase == LEG_SHAKING && !session->closing)
		secure_server(session);
	if (server->phase == LEG_DEMANDED && !session->objection && !session->closing) {
		bypass_note_demand(session);
		object(session, REASON_CLIENT_CERTIFICATE, reason_meaning(REASON_CLIENT_CERTIFICATE));
	}
}
