/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A session begins with the server's SYN and ACK, which tells both initial numbers, and with the client's answer to
 * it. Anybody can send a SYN in anybody's name, and a SYN and ACK of any number passes conntrack on an established
 * connection. So two things are asked, always:
 *
 *  - of conntrack, whether this connection's handshake is under way. Where it is not, the packet goes no further, with a
 *    row or without: it is a stranger's, or that of another connection, which conntrack was not found to have.
 *  - of the client, whether it answers with the two numbers that the server chose for it. Until then the row is an
 *    EMBRYO (flow.h): no session, no event, nobody's quota, a bounded share of the table.
 *
 * Invariant: a row is that of one entry of conntrack, whose two tuples it knows. At FORWARD two
 * connections can look alike: where a server is reached under two addresses (DNAT), the kernel changes the source
 * port of the second one only after this hook. Packets of the two can't be told apart here, so as long as conntrack
 * has the first one, in whatever state and whatever has become of its row, the second one is refused: a reset that
 * its receiver does not obey closes an entry, and its packets pass for as long as there is one.
 */
#include "core/tcp/gateway_internal.h"

/* conntrack gives a client 60 s to answer; it needs a round trip, and each repetition of the SYN and ACK is another try. */
#define EMBRYO_LIFE (10 * SECOND)

static void forget_row(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;

	if (!passage->flow)
		return;
	if (passage->flow->state == FLOW_LIVE)
		gateway_end_flow(gateway, passage->flow, FLOW_DONE, REASON_CONNECTION_ENDED, passage->now);
	gateway_forget_flow(gateway, passage->flow);
	passage->flow = NULL;
}

/* The server has not heard its answer yet. Nothing has been received since. */
static bool is_repetition(const struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct stream *stream = &flow->stream[passage->direction];
	const struct stream *other = &flow->stream[direction_opposite(passage->direction)];

	if (flow->state == FLOW_EMBRYO && passage->packet.ack != other->out_next)
		return false;
	return (flow->state == FLOW_EMBRYO || flow->state == FLOW_LIVE) && stream->started &&
	       stream->in_next == passage->packet.seq + 1 && stream->out_acked == stream->out_next;
}

/* Is the row that of another connection than this one, and does conntrack still have that one, in whatever state? */
static bool row_is_anothers(const struct passage *passage, const struct connection *connection)
{
	const struct ops *ops = passage->gateway->ops;
	const struct flow *flow = passage->flow;
	struct connection owner;

	if (nat_view_equal(&flow->session.view, &connection->view))
		return false;
	return ops->recall(ops->context, &flow->session.view, &owner) == REASON_NONE;
}

static void begin_embryo(struct passage *passage, const struct connection *connection)
{
	struct buffer_pool *pool = &passage->gateway->pool;
	enum direction opposite = direction_opposite(passage->direction);
	struct flow *flow;

	if (!passage_take_row(passage, connection, FLOW_EMBRYO))
		return;
	refusal_forget(&passage->gateway->refusals, REFUSAL_HANDSHAKE, &passage->packet.tuple);
	flow = passage->flow;
	stream_start(&flow->stream[passage->direction], pool, passage->packet.seq + 1,
		     &connection->seqadj[passage->direction], false);
	/* The other stream stands where this packet acknowledges, in the receiver's numbers. */
	stream_start(&flow->stream[opposite], pool, seqadj_revert(&connection->seqadj[opposite], passage->packet.ack),
		     &connection->seqadj[opposite], false);
}

void handshake_take(struct passage *passage)
{
	struct connection connection;
	enum reason reason;

	passage_decide(passage, GATEWAY_ACCEPT, REASON_NONE);
	if (passage->flow && passage->direction == DIRECTION_REPLY && is_repetition(passage))
		return;
	if (passage_is_refused(passage, REFUSAL_HANDSHAKE))
		return;
	reason = passage_look_up(passage, &connection);
	if (reason != REASON_NONE) {
		passage_refuse(passage, reason);
		return;
	}
	passage->direction = connection.direction;
	/* A client that would like its dialogue to begin again is refused as well, whatever conntrack says. */
	if (!connection.opening || passage->direction == DIRECTION_ORIGINAL) {
		passage_refuse(passage, REASON_OUT_OF_WINDOW);
		return;
	}
	if (connection.shared || (passage->flow && row_is_anothers(passage, &connection))) {
		passage_turn_away(passage, &connection.view, REASON_SHARED_TUPLE);
		return;
	}
	forget_row(passage);
	begin_embryo(passage, &connection);
}

/* A server that goes on speaking to a client that does not answer has conntrack asked as seldom as anybody. */
static bool conntrack_says_so(struct passage *passage)
{
	struct connection connection;

	if (passage_is_refused(passage, REFUSAL_SPEECH))
		return false;
	if (passage_look_up(passage, &connection) == REASON_NONE && !connection.opening &&
	    nat_view_equal(&connection.view, &passage->flow->session.view))
		return true;
	refusal_note(&passage->gateway->refusals, REFUSAL_SPEECH, &passage->packet.tuple, REASON_OUT_OF_WINDOW,
		     passage->now);
	return false;
}

/* Has the client answered? A server that speaks knows it, but anybody could speak in its name, so conntrack is asked. */
static bool is_answered(struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct stream *own = &flow->stream[passage->direction];
	const struct stream *other = &flow->stream[direction_opposite(passage->direction)];
	const struct packet *packet = &passage->packet;

	if (!(packet->flags & TCP_ACK) || (packet->flags & TCP_RST) || packet->seq != own->in_next)
		return false;
	if (passage->direction == DIRECTION_ORIGINAL)
		return packet->ack == other->out_next;
	return packet->payload.length > 0 && conntrack_says_so(passage);
}

bool handshake_complete(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	const struct nat_view view = flow->session.view;

	if (is_answered(passage)) {
		if (passage_open_session(passage, &view, false))
			return true;
		gateway_forget_flow(gateway, flow);
		passage->flow = NULL;
		return false;
	}
	if ((passage->packet.flags & TCP_RST) &&
	    passage->packet.seq == flow->stream[passage->direction].in_next) {
		gateway_forget_flow(gateway, flow);
		passage->flow = NULL;
	}
	/* Without payload it changes nothing, here or there. */
	if (passage->packet.payload.length > 0 || (passage->packet.flags & TCP_FIN))
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_WINDOW);
	else
		passage_decide(passage, GATEWAY_ACCEPT, REASON_NONE);
	return false;
}

bool handshake_forget_oldest(struct gateway *gateway, uint64_t now)
{
	struct flow *embryo = flow_oldest(&gateway->table, FLOW_EMBRYO);

	if (!embryo || now - embryo->seen <= EMBRYO_LIFE)
		return false;
	gateway_forget_flow(gateway, embryo);
	return true;
}
