/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of one packet: its segment is taken by its stream and rendered from there, or a reset is sent in its place.
 */
#include <string.h>

#include "core/tcp/gateway_internal.h"
#include "ftpalg/address.h"

/* Of the paths that there have been (RFC 1191 7) the narrowest whose hosts take notice of it. */
#define NARROWEST 296

void passage_decide(struct passage *passage, enum gateway_verdict verdict, enum reason reason)
{
	passage->output->verdict = verdict;
	passage->output->reason = reason;
}

void passage_report(const struct passage *passage, enum reason reason)
{
	const struct tuple *tuple = &passage->packet.tuple;
	struct tuple original = passage->direction == DIRECTION_REPLY ? tuple_reverse(tuple) : *tuple;
	struct nat_view view = {
		.client = original.source,
		.client_seen = original.source,
		.server = original.destination,
		.server_seen = original.destination,
	};
	struct notice notice = {
		.type = NOTICE_ANOMALY,
		.reason = reason,
		.view = &view,
		.direction = passage->direction,
	};

	if (passage->flow) {
		notice.session = passage->flow->session.id;
		notice.view = &passage->flow->session.view;
	}
	passage->gateway->ops->notice(passage->gateway->ops->context, &notice);
}

bool passage_is_refused(struct passage *passage, enum refusal_kind kind)
{
	const enum reason reason = refusal_find(&passage->gateway->refusals, kind, &passage->packet.tuple, passage->now);

	passage->asking = kind;
	if (reason == REASON_NONE)
		return false;
	passage_report(passage, reason);
	passage_decide(passage, GATEWAY_DROP, reason);
	return true;
}

void passage_refuse(struct passage *passage, enum reason reason)
{
	if (passage->asking != REFUSAL_NONE)
		refusal_note(&passage->gateway->refusals, passage->asking, &passage->packet.tuple, reason, passage->now);
	passage_report(passage, reason);
	passage_decide(passage, GATEWAY_DROP, reason);
}

bool passage_triggers_carrier(struct bytes payload)
{
	static const uint8_t trigger[] = { 0, 0, 0, 7 };

	return payload.length == CARRIER_TRIGGER_LENGTH && memcmp(payload.data, trigger, sizeof(trigger)) == 0;
}

void passage_replace(struct passage *passage, enum reason reason)
{
	struct gateway_output *output = passage->output;

	/* The carrier sees what leaves, which need not be what came. */
	if (passage_triggers_carrier(passage->change.payload)) {
		passage_report(passage, REASON_CARRIER_TRIGGER);
		passage_decide(passage, GATEWAY_DROP, REASON_CARRIER_TRIGGER);
		return;
	}
	output->length = packet_rewrite(passage->bytes, &passage->packet, &passage->change, output->packet,
					sizeof(output->packet));
	if (output->length > 0)
		passage_decide(passage, GATEWAY_REPLACE, reason);
	else
		passage_decide(passage, GATEWAY_DROP, REASON_LONG_PACKET);
}

static bool urgency_is_the_same(const struct packet *packet, const struct packet_change *change)
{
	return !(change->flags & TCP_URG) || change->urgent == packet->urgent;
}

static bool payload_is_the_same(const struct passage *passage)
{
	struct bytes came = passage->packet.payload;
	struct bytes leaves = passage->change.payload;

	return came.length == leaves.length && (came.length == 0 || memcmp(came.data, leaves.data, came.length) == 0);
}

/*
 * A sender knows how narrow the path is (RFC 1191), not what its packet has become: one that grew is dropped by the narrow
 * place, with an error that tells the sender nothing new, and so is every repetition. And where numbers are corrected, an
 * error that quotes the receiver's is none to the sender, which goes on with packets that are too long. Both may be cut on
 * their way instead. In IPv6 there is no need: nothing that leaves is longer than its least MTU allows (SAFE_SEGMENT, and
 * the MSS that the rules set).
 */
static bool may_be_cut(const struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	const struct seqadj *kernel = &passage->flow->stream[passage->direction].kernel;
	const size_t came = packet->payload.length;
	const size_t leaves = passage->change.payload.length;

	return packet->whole && packet->length - came + leaves > NARROWEST &&
	       (leaves > came || kernel->before != 0 || kernel->after != 0);
}

void passage_finish(struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	struct packet_change *change = &passage->change;

	change->may_be_cut = may_be_cut(passage);
	if (!change->may_be_cut && change->seq == packet->seq && change->ack == packet->ack &&
	    change->flags == packet->flags && !change->strip_sack && urgency_is_the_same(packet, change) &&
	    payload_is_the_same(passage)) {
		passage_decide(passage, GATEWAY_ACCEPT, REASON_NONE);
		return;
	}
	passage_replace(passage, REASON_NONE);
}

/* seq is what the receiver of the reset expects next. */
static void inject_reset(const struct gateway *gateway, const struct tuple *tuple, uint32_t seq, uint32_t ack)
{
	struct packet_plain plain = { .tuple = *tuple, .seq = seq, .ack = ack, .flags = TCP_RST | TCP_ACK };
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, packet_build(&plain, packet) };

	gateway->ops->inject(gateway->ops->context, bytes);
}

/* A connection that there is no room for: both peers are reset at once, instead of trying for a minute. */
void passage_turn_away(struct passage *passage, const struct nat_view *view, enum reason reason)
{
	enum direction direction = passage->direction;
	const struct packet *packet = &passage->packet;
	struct tuple to_sender = nat_view_tuple(view, direction_opposite(direction));
	struct tuple to_receiver = nat_view_tuple(view, direction);
	uint32_t end = packet->seq + (uint32_t)packet->payload.length + (packet->flags & TCP_SYN ? 1 : 0);

	inject_reset(passage->gateway, &to_sender, packet->ack, end);
	inject_reset(passage->gateway, &to_receiver, packet->seq, packet->ack);
	passage_refuse(passage, reason);
}

/* The sender of this packet gets a reset; what it acknowledges is what it expects next. */
void passage_reset_sender(const struct passage *passage)
{
	struct tuple tuple = nat_view_tuple(&passage->flow->session.view, direction_opposite(passage->direction));
	uint32_t end = passage->packet.seq + (uint32_t)passage->packet.payload.length;

	inject_reset(passage->gateway, &tuple, passage->packet.ack, end);
}

static void reset_receiver(const struct passage *passage)
{
	struct tuple tuple = nat_view_tuple(&passage->flow->session.view, passage->direction);
	const struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];

	inject_reset(passage->gateway, &tuple, passage->from, other->in_next);
}

void passage_kill(struct passage *passage, enum reason reason)
{
	reset_receiver(passage);
	passage_reset_sender(passage);
	gateway_end_flow(passage->gateway, passage->flow, FLOW_KILLED, reason, passage->now);
	passage_decide(passage, GATEWAY_DROP, reason);
}

/*
 * Bytes that the receiver has long had: it answers them with an acknowledgement, which the sender seems to miss, and
 * reads none of them. They are not known any more, and after an edit that shrank they would be too many, so what leaves
 * is one byte, the last that was acknowledged, as a keep-alive sends it (RFC 9293 3.8.4).
 */
static void repeat_old(struct passage *passage)
{
	const struct stream *stream = &passage->flow->stream[passage->direction];

	passage->change.seq = stream_map_old(stream);
	passage->change.payload.data = &stream->last_acked;
	passage->change.payload.length = 1;
	passage->change.flags &= (uint8_t)~TCP_FIN;
	passage_replace(passage, REASON_OLD);
}

static void render(struct passage *passage, enum reason reason)
{
	struct gateway *gateway = passage->gateway;
	const struct packet *packet = &passage->packet;
	struct stream *stream = &passage->flow->stream[passage->direction];
	uint32_t length = (uint32_t)packet->payload.length;
	uint32_t limit = length > SAFE_SEGMENT ? length : SAFE_SEGMENT;
	struct stream_range range;

	stream_map(stream, packet->seq, length, passage->from, limit, &range);
	if (range.length == 0 && length > 0) {
		passage_decide(passage, GATEWAY_DROP, reason != REASON_NONE ? reason : REASON_HELD);
		return;
	}
	if (range.length == 0) {
		passage->change.seq = stream_map_empty(stream, packet->seq);
	} else {
		stream_copy(stream, &gateway->pool, &range, gateway->payload);
		passage->change.seq = range.in;
		passage->change.payload.data = gateway->payload;
		passage->change.payload.length = range.length;
		passage->change.urgent = stream_find_urgent(stream, &range);
	}
	if (passage->change.urgent != 0)
		passage->change.flags |= TCP_URG;
	if (!range.complete || packet->seq + length != stream->in_next)
		passage->change.flags &= (uint8_t)~TCP_FIN;
	if (passage->change.flags & TCP_FIN)
		stream->finished = true;
	if ((packet->flags & TCP_FIN) && !(passage->change.flags & TCP_FIN) && range.length == 0) {
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_ORDER);
		return;
	}
	passage_finish(passage);
}

/* Of a byte that is yet to come nothing is noted: its own segment says it again, as long as its sender is in urgent mode. */
static void note_urgent(const struct passage *passage)
{
	const struct packet *packet = &passage->packet;

	if ((packet->flags & TCP_URG) && packet->urgent > 0 && packet->urgent <= packet->payload.length)
		stream_note_urgent(&passage->flow->stream[passage->direction], packet->seq + packet->urgent);
}

void passage_take_segment(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct stream *stream = &passage->flow->stream[passage->direction];
	struct bytes fresh = passage->packet.payload;
	uint32_t end = passage->packet.seq + (uint32_t)fresh.length;
	enum inspect_result result = INSPECT_DONE;
	enum reason reason = REASON_NONE;
	enum stream_place place = STREAM_KNOWN;
	size_t skip = 0;

	passage->from = stream->out_next;
	if (fresh.length > 0)
		place = stream_locate(stream, passage->packet.seq, fresh.length, &skip);
	/* Nothing follows a FIN, and a line that was judged as the last, without its end, must not go on. */
	if (place == STREAM_FRESH && stream->finished) {
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_WINDOW);
		return;
	}
	if (place == STREAM_GAP) {
		passage_decide(passage, GATEWAY_DROP, REASON_OUT_OF_ORDER);
		return;
	}
	if (place == STREAM_OLD) {
		repeat_old(passage);
		return;
	}
	if (place == STREAM_FRESH) {
		fresh.data += skip;
		fresh.length -= skip;
		note_urgent(passage);
		result = inspect_bytes(&gateway->inspector, passage->flow, passage->direction, fresh, passage->now,
				       &reason);
	}
	if (result == INSPECT_DONE && (passage->packet.flags & TCP_FIN) && end == stream->in_next)
		result = inspect_end(&gateway->inspector, passage->flow, passage->direction, passage->now, &reason);
	if (result == INSPECT_CLOSE)
		passage_kill(passage, reason);
	else
		render(passage, reason);
}
