/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A packet is parsed, its checksum verified, its flow found or begun. The acknowledgement that it carries is taken by
 * the stream of the other direction, its payload by the stream of its own. Then the packet is rendered: whatever the
 * payload was, what leaves is a part of its stream's output (stream.c). If that is what came, the packet is accepted as
 * it is; most are.
 *
 * A flow begins with the server's SYN and ACK, the first packet of a connection that the rules queue, because it tells
 * both initial numbers and because conntrack has confirmed the connection by then (gateway_handshake.c). A packet with
 * payload of an unknown flow means that the connection is older than this gateway (or its row was given up): it is
 * adopted (gateway_adopt.c). Packets without payload of unknown flows change nothing and pass.
 *
 * A session that is beyond help is closed with a reset to both peers. The row is kept for a while as KILLED: whatever
 * either peer still sends is dropped and answered with a reset that carries exactly the number that the peer expects,
 * which is the one that it acknowledges.
 */
#include "core/tcp/gateway_internal.h"

/*
 * Between two resets to a peer that sends on a connection that has ended. Linux repeats a segment after 200 ms at the
 * earliest.
 */
#define TELL_PAUSE (SECOND / 10)

static void take_acknowledgement(struct passage *passage)
{
	struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];
	uint32_t before = other->out_acked;

	if (!(passage->packet.flags & TCP_ACK))
		return;
	if (passage->plausibility == PLAUSIBLE)
		passage->change.ack = stream_acknowledge(other, &passage->gateway->pool, passage->packet.ack);
	else
		passage->change.ack = stream_map_acknowledgement(other, stale_bound_acknowledgement(passage));
	passage->change.strip_sack = other->edit_count > 1;
	passage->acknowledging = other->out_acked != before;
}

/*
 * Of a connection that was adopted within TLS nobody knows where its records begin, so it is never read again. The
 * kernel adjusts its numbers by itself; only its end matters here. How far the sender has
 * come is known from what follows without a gap, and from what its receiver acknowledges: a packet of any other number,
 * which anybody can send who knows the ports, moves and ends nothing.
 */
static void take_passing(struct passage *passage)
{
	struct flow *flow = passage->flow;
	struct stream *stream = &flow->stream[passage->direction];
	enum direction opposite = direction_opposite(passage->direction);
	uint32_t end = passage->packet.seq + (uint32_t)passage->packet.payload.length;

	stream_advance(stream, seqadj_revert(&stream->kernel, flow->echo[opposite].ack));
	if (!seq_before(stream->in_next, passage->packet.seq))
		stream_advance(stream, end);
	if ((passage->packet.flags & TCP_FIN) && end == stream->in_next) {
		stream->finished = true;
		stream->closed = true;
	}
	passage_finish(passage);
}

static void take_echo(struct passage *passage)
{
	struct flow_echo *echo = &passage->flow->echo[passage->direction];

	if (passage->plausibility != PLAUSIBLE)
		return;
	echo->ack = passage->packet.ack;
	echo->window = passage->packet.window;
	echo->timestamps = passage->packet.timestamps;
}

/*
 * Does the receiver obey this reset? It does where the number is the next that it expects (RFC 5961 3.2), and nothing in
 * the packet makes it drop that: an option that it can't verify (TCP-MD5, RFC 2385) does, which is why only timestamps
 * are taken for granted. Where something is unacknowledged, nobody here knows what it expects.
 */
static bool reset_is_certain(const struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct stream *stream = &flow->stream[passage->direction];
	const struct flow_adopted *adopted = &flow->adoption.direction[passage->direction];
	const struct packet *packet = &passage->packet;
	enum direction opposite = direction_opposite(passage->direction);

	if (packet->tcp_header > TCP_HEADER_PLAIN + (packet->timestamps.present ? TCP_TIMESTAMPS_PADDED : 0))
		return false;
	/* Of a stream that has not begun, either its receiver's place is known or nothing is. */
	if (!stream->started)
		return adopted->told && packet->seq == seqadj_revert(&stream->kernel, adopted->highest);
	/* A passing stream keeps nothing, but its receiver's packets say how far it has come. */
	if (stream->passing)
		return packet->seq == stream->in_next &&
		       packet->seq == seqadj_revert(&stream->kernel, flow->echo[opposite].ack);
	/* A FIN has a number too. */
	return packet->seq == stream->in_next + stream->finished && stream->sent.length == 0 &&
	       stream->finished == stream->closed;
}

/* Could it obey? Its number is then one between what was acknowledged and what was sent. */
static bool reset_is_possible(const struct passage *passage)
{
	const struct flow *flow = passage->flow;
	const struct stream *stream = &flow->stream[passage->direction];
	/* An edit that shrank stands for more than it left. */
	uint32_t reach = stream->sent.length + stream_held(stream) + stream->edit_count * HOSTPORT_TEXT_MAX;

	if (!stream->started)
		return reset_is_certain(passage);
	if (stream->passing)
		reach = stream->in_next -
			seqadj_revert(&stream->kernel, flow->echo[direction_opposite(passage->direction)].ack);
	return stream->in_next + stream->finished - passage->packet.seq <= reach + stream->finished;
}

/*
 * A reset ends a session where it ends the connection for certain. Where it only may, the row stays as it is: a peer that
 * goes on is judged as before, and if nobody does, it ends after a while (gateway_patience.c). Nobody knows whether a reset
 * that passed was obeyed (it may be lost beyond the gateway): the rows of ended sessions let no payload pass (flow.h).
 */
static void take_reset(struct passage *passage)
{
	struct flow *flow = passage->flow;
	bool certain = reset_is_certain(passage);
	bool possible = reset_is_possible(passage);

	passage->change.seq = stream_map_empty(&flow->stream[passage->direction], passage->packet.seq);
	passage->change.payload.length = 0;
	passage_finish(passage);
	if (certain)
		gateway_end_flow(passage->gateway, flow, FLOW_DONE, REASON_RESET, passage->now);
	else if (possible)
		flow_doubt(&passage->gateway->table, flow, passage->now);
	else
		passage_report(passage, REASON_OUT_OF_WINDOW);
}

static void take_segment(struct passage *passage)
{
	bool speaks = passage->packet.payload.length > 0 || (passage->packet.flags & TCP_FIN);

	/* Its receiver would drop it, and what is decided here counts for the peer's own copy. */
	if (speaks && passage->plausibility == PLAUSIBLE_NOT) {
		passage_report(passage, REASON_OUT_OF_WINDOW);
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_WINDOW);
		return;
	}
	adoption_judge_opaque(passage);
	if (passage->flow->state == FLOW_LIVE && passage->flow->stream[passage->direction].passing)
		take_passing(passage);
	else if (passage->flow->state == FLOW_LIVE)
		passage_take_segment(passage);
}

static void take_live(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	const struct stream *original;
	const struct stream *reply;
	struct flow *flow;

	if (stale_is_certain(passage) && !stale_begin_again(passage))
		return;
	flow = passage->flow;
	original = &flow->stream[DIRECTION_ORIGINAL];
	reply = &flow->stream[DIRECTION_REPLY];
	flow_touch(&gateway->table, flow, passage->now);
	passage->plausibility = adoption_is_under_way(flow) ? adoption_weigh(passage) : passage_plausibility(passage);
	take_echo(passage);
	take_acknowledgement(passage);
	if (!adoption_take(passage)) {
		if (passage->packet.flags & TCP_RST) {
			take_reset(passage);
			return;
		}
		if (passage->plausibility == PLAUSIBLE)
			flow_trust(&gateway->table, flow);
		take_segment(passage);
	}
	if (flow->state == FLOW_LIVE) {
		gateway_count_bytes(gateway, flow);
		patience_note(passage);
		patience_note_line(passage);
		patience_note_progress(passage);
	}
	if (flow->state == FLOW_LIVE && original->closed && reply->closed)
		gateway_end_flow(gateway, flow, FLOW_DONE, REASON_CONNECTION_ENDED, passage->now);
}

/* The connection has ended for us, and its sender goes on. A reset costs far more than the packet that it answers. */
static void tell_ended(struct passage *passage)
{
	uint64_t *told = &passage->flow->told[passage->direction];

	if (!(passage->packet.flags & TCP_RST) && passage->now - *told >= TELL_PAUSE) {
		passage_reset_sender(passage);
		*told = passage->now;
	}
	passage_decide(passage, GATEWAY_DROP, REASON_CONNECTION_ENDED);
}

static void take_tcp(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	const struct packet *packet = &passage->packet;

	passage->change.seq = packet->seq;
	passage->change.ack = packet->ack;
	/* Urgent data is outside the stream for some receivers and in it for others. What may be urgent its stream says. */
	passage->change.flags = (uint8_t)(packet->flags & ~TCP_URG);
	passage->change.payload = packet->payload;
	passage->flow = flow_find(&gateway->table, &packet->tuple, &passage->direction);

	if (passage->flow && !passage_comes_its_way(passage))
		return;
	if ((packet->flags & TCP_SYN) && packet->payload.length > 0) {
		/*
		 * The stream begins after it, so nobody would judge it. The rules drop it too; its sender will do without.
		 */
		passage_report(passage, REASON_OUT_OF_WINDOW);
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_WINDOW);
		return;
	}
	if ((packet->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		handshake_take(passage);
		return;
	}
	if (passage_triggers_carrier(packet->payload)) {
		passage_report(passage, REASON_CARRIER_TRIGGER);
		passage_decide(passage, GATEWAY_DROP, REASON_CARRIER_TRIGGER);
		return;
	}
	if (packet->flags & TCP_SYN) {
		passage_decide(passage, GATEWAY_ACCEPT, REASON_NONE);
		return;
	}
	if (passage->flow && passage->flow->state == FLOW_EMBRYO && !handshake_complete(passage))
		return;
	/* As long as somebody speaks, the connection is not forgotten, and not adopted as another. */
	if (passage->flow && passage->flow->state != FLOW_LIVE)
		flow_touch(&gateway->table, passage->flow, passage->now);
	if (passage->flow && (passage->flow->state == FLOW_KILLED ||
			      (passage->flow->state == FLOW_DONE && packet->payload.length > 0))) {
		tell_ended(passage);
		return;
	}
	if ((!passage->flow && packet->payload.length == 0) ||
	    (passage->flow && passage->flow->state == FLOW_DONE)) {
		passage_decide(passage, GATEWAY_ACCEPT, REASON_NONE);
		return;
	}
	if (!passage->flow) {
		if (!passage_adopt(passage))
			return;
	}
	take_live(passage);
}

/*
 * The receiver must read what was judged: data numbers of its own (MPTCP), another checksum, an order of its own would
 * have it read something else. So would an urgent pointer in a packet that belongs to no session: it may lead to a byte
 * that comes later, and the receiver takes that byte for urgent whatever its own packet says. What was to leave as it
 * came leaves without; whatever is rendered has lost all that already.
 */
static void make_harmless(struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	const bool urgent = (packet->flags & ~passage->change.flags & TCP_URG) != 0;

	if (passage->output->verdict != GATEWAY_ACCEPT || (!packet->foreign_options && !urgent))
		return;
	passage->change = (struct packet_change){
		.seq = packet->seq, .ack = packet->ack, .flags = passage->change.flags, .payload = packet->payload,
		.urgent = packet->urgent,
	};
	passage_replace(passage, passage->output->reason);
}

static void count(struct gateway *gateway, const struct gateway_output *output)
{
	gateway->counters.packets++;
	gateway->counters.reasons[output->reason]++;
	if (output->verdict == GATEWAY_REPLACE)
		gateway->counters.replaced++;
	else if (output->verdict == GATEWAY_DROP)
		gateway->counters.dropped++;
}

void gateway_foresee(struct gateway *gateway, const struct tuple *tuple)
{
	if (gateway->foreseen_count < GATEWAY_FORESEEN_MAX)
		gateway->foreseen[gateway->foreseen_count++] = flow_foresee(&gateway->table, tuple);
}

void gateway_packet(struct gateway *gateway, struct bytes packet, const struct gateway_way *way, uint64_t now,
		    struct gateway_output *output)
{
	struct passage passage = {
		.gateway = gateway,
		.bytes = packet,
		.way = way,
		.now = now,
		.output = output,
	};
	enum reason reason = packet_parse(packet, &passage.packet);

	if (gateway->began == 0)
		gateway->began = now;
	if (gateway->foreseen_count > 0)
		flow_fetch(&gateway->table, gateway->foreseen, gateway->foreseen_count);
	gateway->foreseen_count = 0;
	output->length = 0;
	output->reason = REASON_NONE;
	if (reason != REASON_NONE) {
		passage_decide(&passage, gateway->limits.malformed_open ? GATEWAY_ACCEPT : GATEWAY_DROP, reason);
	} else if (packet_verify_checksum(packet, &passage.packet) != REASON_NONE) {
		passage_decide(&passage, GATEWAY_DROP, REASON_BAD_CHECKSUM);
	} else {
		take_tcp(&passage);
		make_harmless(&passage);
	}
	count(gateway, output);
}

/* Its peers may still live, so the row does not linger: their next line is adopted, and judged. */
static void forget_idle(struct gateway *gateway, struct flow *flow, uint64_t now)
{
	if (flow->session.state == SESSION_OPAQUE)
		silent_forget(&gateway->silent, &flow->tuple);
	else
		silent_note(&gateway->silent, &flow->tuple);
	gateway_end_flow(gateway, flow, FLOW_DONE, REASON_IDLE, now);
	gateway_forget_flow(gateway, flow);
}

/* What many packets met is reported once a second, with how many they were. */
static void tell_shortage(struct gateway *gateway, enum reason reason, uint64_t *told)
{
	uint64_t more = gateway->counters.reasons[reason] - *told;
	char text[20];
	size_t at = sizeof(text);
	struct notice notice = { .type = NOTICE_ANOMALY, .reason = reason };

	*told += more;
	if (more == 0)
		return;
	for (; more > 0; more /= 10)
		text[--at] = (char)('0' + more % 10);
	notice.text = (struct bytes){ (const uint8_t *)text + at, sizeof(text) - at };
	gateway->ops->notice(gateway->ops->context, &notice);
}

void gateway_tick(struct gateway *gateway, uint64_t now)
{
	patience_tick(gateway, now);
	adoption_tick(gateway, now);
	for (unsigned int i = 0; i < TICK_ROWS; i++) {
		struct flow *live = flow_oldest(&gateway->table, FLOW_LIVE);

		if (handshake_forget_oldest(gateway, now) || gateway_forget_ended(gateway, FLOW_DONE, now) ||
		    gateway_forget_ended(gateway, FLOW_KILLED, now))
			continue;
		if (live && now - live->seen > gateway->limits.idle)
			forget_idle(gateway, live, now);
		else
			break;
	}
	if (now >= gateway->sweep_next) {
		tell_shortage(gateway, REASON_MEMORY_FULL, &gateway->told_memory);
		tell_shortage(gateway, REASON_HANDSHAKES_FULL, &gateway->told_handshakes);
	}
	patience_end_doubtful(gateway, now);
	patience_sweep(gateway, now);
}

uint64_t gateway_next_tick(const struct gateway *gateway, uint64_t now)
{
	uint64_t next = now + SECOND;

	if (gateway->patience_count > 0 && gateway->patience[gateway->patience_first].deadline < next)
		next = gateway->patience[gateway->patience_first].deadline;
	if (gateway->adoptions_count > 0 && gateway->adoptions[gateway->adoptions_first].deadline < next)
		next = gateway->adoptions[gateway->adoptions_first].deadline;
	return next;
}

void gateway_set_policy(struct gateway *gateway, const struct policy *policy)
{
	gateway->inspector.policy = policy;
	gateway->inspector.edition++;
}

uint32_t gateway_session_count(const struct gateway *gateway)
{
	return gateway->table.used;
}

const struct gateway_counters *gateway_get_counters(const struct gateway *gateway)
{
	return &gateway->counters;
}
