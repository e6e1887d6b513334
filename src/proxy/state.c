/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all files of the proxy ask of a session, and how it is refused. */
#include <string.h>

#include "base/clock.h"
#include "proxy/internal.h"

bool proxy_client_has_tls(const struct proxy_session *session)
{
	const enum proxy_legs legs = session->proxy->config->proxy.legs;

	return legs == PROXY_LEGS_BOTH || legs == PROXY_LEGS_CLIENT;
}

bool proxy_server_has_tls(const struct proxy_session *session)
{
	const enum proxy_legs legs = session->proxy->config->proxy.legs;

	return legs == PROXY_LEGS_BOTH || legs == PROXY_LEGS_SERVER;
}

size_t proxy_find_server(const struct proxy_session *session)
{
	const struct nat_view *view = &session->session.view;
	const struct tls_stream *client = session->leg[LEG_CLIENT].wire.tls;

	return config_find_server(session->proxy->config, &view->server.address, &view->server_seen.address,
				  client ? tls_stream_name(client) : "");
}

void proxy_session_report(struct proxy_session *session, enum notice_type type, enum reason reason, const char *text)
{
	const struct notice notice = {
		.type = type,
		.reason = reason,
		.session = session->session.id,
		.view = &session->session.view,
		.text = { (const uint8_t *)text, strlen(text) },
	};

	session->ops.notice(session->ops.context, &notice);
}

struct turn_source *proxy_find_turns(struct proxy *proxy, const struct quota_source *source)
{
	return source && proxy->turn_sources ? &proxy->turn_sources[source - proxy->quota.sources] : &proxy->nobody;
}

static enum turn_class session_class(const struct proxy_session *session)
{
	const bool settled = session->session.state == SESSION_READY || session->session.state == SESSION_OPAQUE;

	return settled && !leg_is_shaking(&session->leg[LEG_CLIENT]) && !leg_is_shaking(&session->leg[LEG_SERVER])
		       ? TURN_SETTLED : TURN_UNSETTLED;
}

void proxy_session_wake(struct proxy_session *session)
{
	struct proxy *proxy = session->proxy;

	turns_ask(&proxy->turns, proxy_find_turns(proxy, session->source), session_class(session), &session->turn);
}

bool proxy_session_step(struct proxy_session *session)
{
	if (session->steps == 0) {
		session->again = true;
		return false;
	}
	session->steps--;
	return true;
}

void proxy_session_set_timer(struct proxy_session *session, uint64_t seconds)
{
	const struct timeval delay = { .tv_sec = (time_t)seconds };

	event_add(session->timer, &delay);
}

void proxy_session_expect_handshake(struct proxy_session *session)
{
	proxy_session_set_timer(session, PROXY_SETUP_SECONDS);
}

void proxy_session_reject(struct proxy_session *session, enum reason reason, const char *text)
{
	struct leg *client = &session->leg[LEG_CLIENT];

	if (session->closing)
		return;
	session->closing = true;
	session->again = true;
	session->objection_reason = reason;
	/* Between two handshake messages the client can't read a line. */
	if (!leg_is_shaking(client) && client->phase != LEG_STARTING && client->out && !session->opaque)
		evbuffer_add_printf(client->out, "421 Refused: %s: %s.\r\n", reason_name(reason), text);
	if (client->out)
		leg_finish(client);
	leg_finish(&session->leg[LEG_SERVER]);
	session_close(&session->session, &session->ops, reason, clock_microseconds());
	proxy_session_set_timer(session, PROXY_FINISH_SECONDS);
}

size_t proxy_server_pair(const struct proxy_session *session)
{
	const size_t found = proxy_find_server(session);

	return found < CONFIG_SERVERS_MAX ? found : TLS_NO_PAIR;
}

void proxy_count_session(struct proxy *proxy, int change)
{
	proxy->sessions += (uint32_t)change;
	if (proxy->page)
		atomic_store(&proxy->page->sessions, proxy->sessions);
}
