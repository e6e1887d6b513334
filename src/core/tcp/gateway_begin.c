/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A flow begins: what conntrack knows of the connection, a row for it, and its session. A handshake and an adoption come
 * here, each in its time (gateway_handshake.c, gateway_adopt.c).
 */
#include <string.h>

#include "core/tcp/gateway_internal.h"
#include "ftpalg/address.h"

/* Handshakes that wait for their clients have an eighth of the table, and a small table for themselves. */
#define EMBRYO_SHARE 8
#define EMBRYOS_LEAST 16

/*
 * The row is found again by the two ends that conntrack names, and the packet was found by its own: were they others, a
 * session would be judged by packets of somebody else's.
 */
enum reason passage_look_up(const struct passage *passage, struct connection *connection)
{
	const struct ops *ops = passage->gateway->ops;
	struct tuple ends;
	enum reason reason;

	memset(connection, 0, sizeof(*connection));
	reason = ops->lookup(ops->context, &passage->packet.tuple, connection);
	if (reason != REASON_NONE)
		return reason;
	ends.source = connection->view.client;
	ends.destination = connection->view.server;
	if (connection->direction == DIRECTION_REPLY)
		ends = tuple_reverse(&ends);
	return tuple_equal(&ends, &passage->packet.tuple) ? REASON_NONE : REASON_NO_CONNECTION;
}

/*
 * So many rows of connections that have ended linger before one is taken that was never used: those of four seconds at a
 * thousand sessions a second. A late packet whose row has gone is one of a connection that is older than the gateway. It is
 * adopted where conntrack still has it, and then its receiver is asked where it stands; it enters no other session, since a
 * row is found by both its ends.
 */
#define DONE_MOST 4096

/* A handshake loses its row. Should it be a true one, its connection is adopted. */
static bool evict_embryo(struct gateway *gateway)
{
	struct flow *embryo = flow_oldest(&gateway->table, FLOW_EMBRYO);

	if (!embryo)
		return false;
	gateway_forget_flow(gateway, embryo);
	gateway->counters.reasons[REASON_HANDSHAKES_FULL]++;
	return true;
}

/* Rows of dead connections are the first to go. */
static struct flow *take_row(struct gateway *gateway, const struct tuple *tuple, enum flow_state state, uint64_t now)
{
	struct flow_table *table = &gateway->table;
	const uint32_t share = table->count / EMBRYO_SHARE /
			       (gateway->quota.share.memory ? gateway->quota.share.members : 1);
	const uint32_t most = share > EMBRYOS_LEAST ? share : EMBRYOS_LEAST;
	struct flow *flow;

	if (state == FLOW_EMBRYO && table->embryos >= most)
		evict_embryo(gateway);
	if (table->done >= DONE_MOST && !flow_has_used_row(table))
		gateway_forget_flow(gateway, flow_oldest(table, FLOW_DONE));
	flow = flow_take(table, tuple, state, now);
	if (!flow && flow_oldest_ended(table)) {
		gateway_forget_flow(gateway, flow_oldest_ended(table));
		flow = flow_take(table, tuple, state, now);
	}
	if (!flow && evict_embryo(gateway))
		flow = flow_take(table, tuple, state, now);
	return flow;
}

/* Decides a packet for whose connection there is no row. */
static void passage_find_no_room(struct passage *passage, const struct nat_view *view)
{
	if (passage->gateway->limits.table_full_open) {
		passage_report(passage, REASON_TABLE_FULL);
		passage_decide(passage, GATEWAY_ACCEPT, REASON_TABLE_FULL);
	} else {
		passage_turn_away(passage, view, REASON_TABLE_FULL);
	}
}

bool passage_take_row(struct passage *passage, const struct connection *connection, enum flow_state state)
{
	struct gateway *gateway = passage->gateway;
	struct tuple tuple = { connection->view.client, connection->view.server };
	struct flow *flow = take_row(gateway, &tuple, state, passage->now);

	if (flow) {
		flow->session.view = connection->view;
		flow->resizable = connection->resizable;
		flow->carrier = connection->carrier;
		passage->flow = flow;
		return passage_comes_its_way(passage);
	}
	passage_find_no_room(passage, &connection->view);
	return false;
}

bool passage_open_session(struct passage *passage, const struct nat_view *view, bool adopted)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	struct quota_source *source = NULL;
	enum reason reason;

	/* Of its own rows each member has as many as all may have sessions. */
	if (!share_begin_session(&gateway->quota.share, gateway->limits.sessions)) {
		passage_find_no_room(passage, view);
		return false;
	}
	reason = quota_begin_session(&gateway->quota, &view->client.address, passage->now, &source);
	if (reason != REASON_NONE) {
		share_end_session(&gateway->quota.share);
		passage_turn_away(passage, view, reason);
		return false;
	}
	if (flow->state == FLOW_EMBRYO)
		flow_move(&gateway->table, flow, FLOW_LIVE);
	gateway->counters.sessions++;
	session_open(&flow->session, NULL, gateway->inspector.policy, gateway->ops, gateway->next_session++, view,
		     flow->resizable, adopted);
	flow->edition = gateway->inspector.edition;
	session_set_quota(&flow->session, &gateway->quota, source);
	if (!flow->carrier)
		passage_report(passage, REASON_NO_CARRIER);
	return true;
}

void gateway_join(struct gateway *gateway, const struct share *share)
{
	quota_join(&gateway->quota, share);
}

void gateway_number_sessions(struct gateway *gateway, uint64_t first)
{
	gateway->next_session = first;
}
