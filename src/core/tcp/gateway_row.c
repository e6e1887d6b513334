/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a row of the table has, and how it is given back. */
#include <string.h>

#include "core/tcp/gateway_internal.h"

/* Rows of ended connections stay this long, microseconds: longer than a last retransmission takes. */
#define LINGER (30 * SECOND)

void adoption_end(struct gateway *gateway, struct flow *flow)
{
	buffer_clear(&gateway->pool, &flow->adoption.direction[DIRECTION_ORIGINAL].kept);
	buffer_clear(&gateway->pool, &flow->adoption.direction[DIRECTION_REPLY].kept);
}

/* Tells the source what the flow now has of the pool. */
void gateway_count_bytes(const struct gateway *gateway, struct flow *flow)
{
	uint32_t bytes = flow_count_bytes(flow);

	quota_set_bytes(&gateway->quota, flow->session.source, flow->bytes, bytes);
	flow->bytes = bytes;
}

bool adoption_is_under_way(const struct flow *flow)
{
	return !flow->stream[DIRECTION_ORIGINAL].started || !flow->stream[DIRECTION_REPLY].started;
}

void flow_describe(const struct flow *flow, enum direction direction, struct packet_plain *plain)
{
	const struct flow_echo *sender = &flow->echo[direction];
	const struct stream *other = &flow->stream[direction_opposite(direction)];

	memset(plain, 0, sizeof(*plain));
	plain->tuple = nat_view_tuple(&flow->session.view, direction);
	plain->ack = seqadj_revert(&other->kernel, sender->ack);
	plain->flags = TCP_ACK;
	plain->window = sender->window;
	plain->timestamps = sender->timestamps;
}

void gateway_forget_flow(struct gateway *gateway, struct flow *flow)
{
	adoption_end(gateway, flow);
	stream_end(&flow->stream[DIRECTION_ORIGINAL], &gateway->pool);
	stream_end(&flow->stream[DIRECTION_REPLY], &gateway->pool);
	flow_release(&gateway->table, flow);
}

bool gateway_forget_ended(struct gateway *gateway, enum flow_state state, uint64_t now)
{
	struct flow *ended = flow_oldest(&gateway->table, state);

	if (!ended || now - ended->seen <= LINGER)
		return false;
	gateway_forget_flow(gateway, ended);
	return true;
}

void gateway_end_flow(struct gateway *gateway, struct flow *flow, enum flow_state state, enum reason reason,
		     uint64_t now)
{
	session_close(&flow->session, gateway->ops, reason, now);
	shelf_take_back(&gateway->shelf, &flow->session, true);
	adoption_end(gateway, flow);
	stream_end(&flow->stream[DIRECTION_ORIGINAL], &gateway->pool);
	stream_end(&flow->stream[DIRECTION_REPLY], &gateway->pool);
	gateway_count_bytes(gateway, flow);
	quota_end_session(&gateway->quota, flow->session.source);
	share_end_session(&gateway->quota.share);
	flow->session.source = NULL;
	flow_move(&gateway->table, flow, state);
}

void gateway_stop(struct gateway *gateway, bool close_pinholes, uint64_t now)
{
	struct flow *flow;

	while ((flow = flow_oldest(&gateway->table, FLOW_LIVE)) != NULL) {
		/* A gateway that takes over finds the pinhole in the kernel. */
		if (!close_pinholes)
			flow->session.pinhole = PINHOLE_NONE;
		gateway_end_flow(gateway, flow, FLOW_DONE, flow->doubted != 0 ? REASON_RESET : REASON_SHUTDOWN, now);
	}
}
