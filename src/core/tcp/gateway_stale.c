/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A connection may leave this gateway and come back: rules move it to another worker's queue, or a second router has it
 * for a while. The row knows nothing of what was said there, all that the peers say is past what it knows, and nothing
 * would ever pass again. Such a row is stale. It is given up, and the connection is adopted as any other that is older
 * than its gateway (gateway_adopt.c).
 *
 * Invariants:
 *
 *  - No acknowledgement of more than was let out gets past the gateway: what passes acknowledges as much as was let out.
 *  - So a sender whose segments lie past what was taken, and who does not go back to it, has had that acknowledged
 *    through somebody else, and its bytes with it. Only such a row is given up.
 *
 * A receiver could say that it has bytes which it never got. Were it believed, it would choose where the gateway reads on:
 * in the middle of a line that its peer has said, and that was lost. That is why the sender is asked as well, and why it
 * does not hear of the lie: it repeats what was lost, and the row is right after all.
 *
 *                  beyond the row                        a second after they were asked,
 *                  (a receiver: asked at once,           both say so of one stream
 *   in step -----------------------------> in doubt ------------------------------------> adopted
 *      ^           a sender: a second later)    |
 *      +----------------------------------------+
 *        either is heard where the row has it
 *
 * A sender beyond the row is no more than a loss, most times, and repeats what was lost before the second is over.
 *
 * Strangers who don't hear the connection can say anything in both peers' names. Each of them is asked with a segment
 * from before its window (gateway_adopt.c), in the name of the other one, and answers where it really is; one such answer
 * ends the doubt. Where no peer is left that answers, nobody is harmed either.
 *
 * The pinhole of a row that is given up stays in the kernel: it may have become another gateway's since. Here it has ended,
 * and its source has room for the next.
 */
#include "core/tcp/gateway_internal.h"

/* From the question to the end of the row: many times what an answer takes. And before a gap alone is a reason to ask. */
#define DOUBT_TIME SECOND
/* Linux answers one such segment in 500 ms (tcp_invalid_ratelimit). */
#define ASK_PAUSE (SECOND / 2)
/* A stream that only passes is known less well (gateway_plausible.c), and finds its place within so much by itself. */
#define PASSING_SLACK 262144
/* What one peer says of a stream is as near to what the other one says. */
#define CLAIM_REACH 131072

static uint32_t slack_of(const struct stream *stream)
{
	return stream->finished + (stream->passing ? PASSING_SLACK : 0);
}

static bool is_beyond(const struct stream *other, uint32_t ack)
{
	return seq_before(other->out_next + slack_of(other), ack);
}

uint32_t stale_bound_acknowledgement(const struct passage *passage)
{
	const struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];

	/* A young row may have begun too early (gateway_adopt.c). */
	if (!other->started || other->passing || adoption_is_young(passage->flow, passage->now) ||
	    !is_beyond(other, passage->packet.ack))
		return passage->packet.ack;
	return other->out_next + other->finished;
}

/* Notes what the packet's sender says of both streams. What fits the row refutes the other peer too. */
static void hear(struct passage *passage)
{
	struct flow *flow = passage->flow;
	enum direction opposite = direction_opposite(passage->direction);
	const struct stream *own = &flow->stream[passage->direction];
	struct flow_claim *sending = &flow->elsewhere.stream[passage->direction];
	struct flow_claim *receiving = &flow->elsewhere.stream[opposite];

	sending->seq = passage->packet.seq;
	sending->sent = seq_before(own->in_next + slack_of(own), sending->seq);
	sending->acked = sending->acked && sending->sent;
	receiving->ack = passage->packet.ack;
	receiving->acked = is_beyond(&flow->stream[opposite], receiving->ack);
	receiving->sent = receiving->sent && receiving->acked;
}

/* In the name of the one peer, from before the window of the other, which answers. */
static void ask(struct passage *passage, enum direction direction)
{
	const struct packet_timestamps *newest = &passage->packet.timestamps;
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	flow_describe(passage->flow, direction, &plain);
	plain.seq = passage->flow->stream[direction].out_acked - 1;
	/* Linux is silent where it has seen a newer one. */
	if (direction == passage->direction && newest->present && plain.timestamps.present &&
	    seq_before(plain.timestamps.value, newest->value))
		plain.timestamps = *newest;
	bytes.length = packet_build(&plain, packet);
	passage->gateway->ops->inject(passage->gateway->ops->context, bytes);
}

static bool agree(const struct flow *flow, enum direction direction)
{
	const struct flow_claim *claim = &flow->elsewhere.stream[direction];
	uint32_t in = seqadj_revert(&flow->stream[direction].kernel, claim->ack);

	return claim->acked && claim->sent && in - claim->seq + CLAIM_REACH <= 2 * CLAIM_REACH;
}

/* The peers are asked, unless they were a moment ago. */
static void doubt(struct passage *passage)
{
	struct flow_elsewhere *elsewhere = &passage->flow->elsewhere;
	bool acked = elsewhere->stream[DIRECTION_ORIGINAL].acked || elsewhere->stream[DIRECTION_REPLY].acked;

	if (elsewhere->since == 0)
		elsewhere->since = passage->now;
	if (passage->now - elsewhere->asked < ASK_PAUSE)
		return;
	if (elsewhere->asked < elsewhere->since) {
		if (!acked && passage->now - elsewhere->since < DOUBT_TIME)
			return;
		elsewhere->since = passage->now;
	}
	elsewhere->asked = passage->now;
	ask(passage, passage->direction);
	ask(passage, direction_opposite(passage->direction));
}

bool stale_is_certain(struct passage *passage)
{
	struct flow *flow = passage->flow;
	struct flow_elsewhere *elsewhere = &flow->elsewhere;

	if ((passage->packet.flags & (TCP_ACK | TCP_RST)) != TCP_ACK || adoption_is_under_way(flow) ||
	    adoption_is_young(flow, passage->now))
		return false;
	hear(passage);
	if (!elsewhere->stream[DIRECTION_ORIGINAL].acked && !elsewhere->stream[DIRECTION_ORIGINAL].sent &&
	    !elsewhere->stream[DIRECTION_REPLY].acked && !elsewhere->stream[DIRECTION_REPLY].sent) {
		elsewhere->since = 0;
		return false;
	}
	if (elsewhere->since != 0 && elsewhere->asked >= elsewhere->since && passage->now - elsewhere->since >= DOUBT_TIME &&
	    (agree(flow, DIRECTION_ORIGINAL) || agree(flow, DIRECTION_REPLY)))
		return true;
	doubt(passage);
	return false;
}

bool stale_begin_again(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	struct connection connection;

	/* Where conntrack doesn't have it now, it may in a second. */
	flow->elsewhere.since = 0;
	if (passage_look_up(passage, &connection) != REASON_NONE || connection.opening || connection.ended ||
	    connection.shared)
		return true;
	session_leave_pinhole(&flow->session, gateway->ops, REASON_ELSEWHERE);
	gateway_end_flow(gateway, flow, FLOW_DONE, REASON_ELSEWHERE, passage->now);
	gateway_forget_flow(gateway, flow);
	passage->flow = NULL;
	return passage_adopt_connection(passage, &connection);
}
