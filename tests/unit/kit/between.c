/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "between.h"

#include <unistd.h>

struct proxy_session *between_begin(struct proxy *proxy, int client, int server, const struct nat_view *view, bool implicit)
{
	struct proxy_session *session = proxy_session_make(proxy, client);

	if (!session) {
		close(server);
		return NULL;
	}
	session->implicit = implicit;
	if (!proxy_session_add_server(session, server)) {
		proxy_session_turn_away(session, view, REASON_MEMORY_FULL);
		return NULL;
	}
	proxy_session_start(session, view);
	if (!session->closing)
		proxy_session_meet_server(session);
	proxy_session_pump(session);
	return proxy->first;
}
