/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who wrote it?
 *
 * Theory of operation
 *
 * A peer knows all numbers of its connection, so it can write segments in the other peer's name, and send them from where
 * it sits itself. A client outside answers its own PASV so, in the server's name; a server has its client ask for a port.
 * Nothing in the segment tells, but its way does: the device by which a packet leaves is the router's choice, by the
 * destination; the one by which it comes depends on where its sender is. The invariant:
 *
 *                A ---->  original  ----> B        a packet comes by the device by which
 *                A <----   reply    <---- B        packets to the sender that it names leave
 *
 * That is a strict reverse path filter (RFC 3704 2.2), only that the way is the one that the connection takes: routing by
 * marks and several uplinks change nothing, and a route that changes is followed with the next packet. Where the two
 * directions of a connection really use different devices, reverse-path = no is for the operator to say.
 *
 * The next packet may be long in coming: where a server goes by another way while its client waits for the end of a
 * transfer, nobody speaks but the server, and all that it says comes by the wrong way. So whom it was for is asked, in its
 * name, for a packet (RFC 9293 3.10.7.4), which leaves by the way that the router has now. It tells who forged the packet
 * nothing, and changes nothing.
 *
 * The bare SYN is not queued. So until the first packet of one direction nobody knows by which device it leaves, and
 * what has come in the other one until then is measured afterwards: if it was forged, the row is given up.
 */
#include "core/tcp/gateway_internal.h"

/* Linux repeats a segment after 200 ms at the earliest. */
#define ASK_PAUSE (SECOND / 10)

/* What was taken for the other direction's was not. Of what is being adopted nothing has passed, so it can begin again. */
static void give_up(struct passage *passage)
{
	struct flow *flow = passage->flow;

	if (flow->state == FLOW_LIVE && !adoption_is_under_way(flow)) {
		passage_kill(passage, REASON_WRONG_WAY);
		return;
	}
	if (flow->state == FLOW_LIVE)
		gateway_end_flow(passage->gateway, flow, FLOW_DONE, REASON_WRONG_WAY, passage->now);
	gateway_forget_flow(passage->gateway, flow);
	passage->flow = NULL;
}

/* What has the number before that which it expects, everybody answers. */
static void ask_receiver(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	if (flow->state != FLOW_LIVE || adoption_is_under_way(flow) || passage->now - flow->lost_way < ASK_PAUSE)
		return;
	flow->lost_way = passage->now;
	flow_describe(flow, passage->direction, &plain);
	plain.seq = flow->echo[direction_opposite(passage->direction)].ack - 1;
	bytes.length = packet_build(&plain, packet);
	gateway->ops->inject(gateway->ops->context, bytes);
}

bool passage_comes_its_way(struct passage *passage)
{
	const struct gateway_way *way = passage->way;
	const enum direction opposite = direction_opposite(passage->direction);
	struct flow *flow = passage->flow;

	if (!passage->gateway->limits.reverse_path || !way || way->in == 0 || way->out == 0)
		return true;
	if (flow->leaves[opposite] != 0 && flow->leaves[opposite] != way->in) {
		ask_receiver(passage);
		passage_report(passage, REASON_WRONG_WAY);
		passage_decide(passage, GATEWAY_DROP, REASON_WRONG_WAY);
		return false;
	}
	if (flow->leaves[passage->direction] == 0 && flow->came[opposite] != 0 && flow->came[opposite] != way->out) {
		passage_report(passage, REASON_WRONG_WAY);
		passage_decide(passage, GATEWAY_DROP, REASON_WRONG_WAY);
		give_up(passage);
		return false;
	}
	flow->leaves[passage->direction] = way->out;
	flow->came[passage->direction] = way->in;
	return true;
}
