/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a control connection begins: which ends it is between, whether its source may have one more, and the connection to
 * its server. The greeting is the first line that comes; before it, nobody can be told why the session goes no further.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/internal.h"

static bool conversation_dial(struct proxy_session *session, struct nat_view *view)
{
	const int descriptor = interception_dial(session, view);

	if (descriptor < 0)
		return false;
	if (!wire_local(descriptor, &view->client_seen)) {
		close(descriptor);
		return false;
	}
	session->server_master = (struct nat_view){ view->client_seen, view->server, view->server, view->client_seen };
	return proxy_session_add_server(session, descriptor);
}

static enum reason conversation_admit(struct proxy_session *session, const struct nat_view *view)
{
	struct proxy *proxy = session->proxy;

	if (proxy->sessions > proxy->config->limits.sessions)
		return REASON_TABLE_FULL;
	session->counted = share_begin_session(&proxy->quota.share, proxy->config->limits.sessions);
	if (!session->counted)
		return REASON_TABLE_FULL;
	return quota_begin_session(&proxy->quota, &view->client.address, clock_microseconds(), &session->source);
}

void proxy_session_begin(struct proxy *proxy, int descriptor)
{
	struct proxy_session *session = proxy_session_make(proxy, descriptor);
	struct nat_view view;
	enum reason reason;

	if (!session)
		return;
	memset(&view, 0, sizeof(view));
	if (!interception_find_ends(session, &view)) {
		proxy_session_turn_away(session, &view, REASON_NO_CONNECTION);
		return;
	}
	reason = conversation_admit(session, &view);
	if (reason == REASON_NONE && !conversation_dial(session, &view))
		reason = REASON_UNREACHABLE;
	if (reason != REASON_NONE) {
		proxy_session_turn_away(session, &view, reason);
		return;
	}
	proxy_session_start(session, &view);
	proxy_session_wake(session);
}
