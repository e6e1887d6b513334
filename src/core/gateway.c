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
 * both initial numbers and because conntrack has confirmed the connection by then. A packet with payload of an unknown
 * flow means that the connection is older than this gateway (or its row was given up): it is adopted, with what the
 * kernel remembers. Packets without payload of unknown flows change nothing and pass.
 *
 * A session that is beyond help is closed with a reset to both peers. The row is kept for a while as KILLED: whatever
 * either peer still sends is dropped and answered with a reset that carries exactly the number that the peer expects,
 * which is the one that it acknowledges.
 */
#include <string.h>

#include "flow.h"
#include "ftpalg/address.h"
#include "ftpalg/gateway.h"
#include "ftpalg/packet.h"
#include "inspect.h"

/* Rows of ended connections stay this long, microseconds: longer than a last retransmission takes. */
#define LINGER UINT64_C(30000000)
/* Rows that one tick looks at. */
#define TICK_ROWS 1024
/*
 * The largest segment that is safe wherever IPv6 is: 1,280 bytes of MTU less 40 of IPv6, 20 of TCP and 12 of
 * timestamps. A segment that is longer only because of an edit or of held bytes is cut here; the sender repeats the rest.
 */
#define SAFE_SEGMENT 1208

/* A sender that is not waiting for an acknowledgement sends the rest of a line within this time, microseconds. */
#define PATIENCE UINT64_C(5000)
#define PATIENCE_MAX 1024
#define SECOND UINT64_C(1000000)

/* nf_conntrack_sane acts on an original-direction segment of exactly eight bytes beginning 00 00 00 07. */
#define CARRIER_TRIGGER_LENGTH 8

/* Held bytes that are acknowledged in the receiver's name if their rest does not come by then. */
struct patience {
	uint64_t deadline;
	uint64_t session;
	uint32_t flow;      /* row */
	uint32_t in_next;   /* of the stream when it was noted: anything else means that more has come */
	enum direction direction;
};

struct gateway {
	struct gateway_limits limits;
	const struct policy *policy;
	const struct ops *ops;
	uint64_t next_session;
	struct gateway_counters counters;
	struct flow_table table;
	struct buffer_pool pool;
	struct inspector inspector;
	/* A ring in the order of deadlines. Where it is full the sender's own timer does it. */
	struct patience patience[PATIENCE_MAX];
	uint32_t patience_first;
	uint32_t patience_count;
	uint8_t payload[GATEWAY_PACKET_MAX];
};

/* One packet on its way through. */
struct passage {
	struct gateway *gateway;
	struct flow *flow;
	enum direction direction;
	struct bytes bytes;
	struct packet packet;
	struct packet_change change;
	uint64_t now;
	struct gateway_output *output;
};

void gateway_limits_set_defaults(struct gateway_limits *limits)
{
	memset(limits, 0, sizeof(*limits));
	limits->sessions = 65536;
	limits->blocks = 65536;
	limits->line = LINE_MAX_LENGTH;
	limits->unacknowledged = 65536;
	limits->idle = UINT64_C(7440) * 1000000; /* RFC 5382 REQ-5: 2 hours 4 minutes */
}

static size_t align(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

size_t gateway_memory(const struct gateway_limits *limits)
{
	return align(sizeof(struct gateway)) + align(limits->sessions * sizeof(struct flow)) +
	       align(flow_table_bucket_count(limits->sessions) * sizeof(uint32_t)) +
	       align(limits->blocks * sizeof(struct buffer_block));
}

struct gateway *gateway_create(void *memory, const struct gateway_limits *limits, const struct policy *policy,
			       const struct ops *ops, const uint8_t key[16])
{
	struct gateway *gateway = memory;
	uint8_t *at = (uint8_t *)memory + align(sizeof(*gateway));
	void *flows = at;
	void *buckets = at + align(limits->sessions * sizeof(struct flow));
	void *blocks = (uint8_t *)buckets + align(flow_table_bucket_count(limits->sessions) * sizeof(uint32_t));

	memset(gateway, 0, sizeof(*gateway));
	gateway->limits = *limits;
	gateway->policy = policy;
	gateway->ops = ops;
	gateway->next_session = 1;
	flow_table_init(&gateway->table, flows, limits->sessions, buckets, key);
	buffer_pool_init(&gateway->pool, blocks, limits->blocks);
	gateway->inspector.pool = &gateway->pool;
	gateway->inspector.ops = ops;
	gateway->inspector.line_limit = limits->line < LINE_MAX_LENGTH ? limits->line : LINE_MAX_LENGTH;
	gateway->inspector.unacknowledged_limit = limits->unacknowledged;
	return gateway;
}

static void decide(struct passage *passage, enum gateway_verdict verdict, enum reason reason)
{
	passage->output->verdict = verdict;
	passage->output->reason = reason;
}

static void forget_flow(struct gateway *gateway, struct flow *flow)
{
	stream_end(&flow->stream[DIRECTION_ORIGINAL], &gateway->pool);
	stream_end(&flow->stream[DIRECTION_REPLY], &gateway->pool);
	flow_release(&gateway->table, flow);
}

static void end_flow(struct gateway *gateway, struct flow *flow, enum flow_state state, enum reason reason,
		     uint64_t now)
{
	session_close(&flow->session, gateway->ops, reason, now);
	stream_end(&flow->stream[DIRECTION_ORIGINAL], &gateway->pool);
	stream_end(&flow->stream[DIRECTION_REPLY], &gateway->pool);
	flow_end(&gateway->table, flow, state);
}

/* The tuple of packets as they reach the receiver of this direction, behind all NAT. */
static struct tuple tuple_at_receiver(const struct nat_view *view, enum direction direction)
{
	struct tuple to_server = { view->client_seen, view->server };
	struct tuple to_client = { view->server_seen, view->client };

	return direction == DIRECTION_ORIGINAL ? to_server : to_client;
}

/* seq is what the receiver of the reset expects next. */
static void inject_reset(const struct gateway *gateway, const struct tuple *tuple, uint32_t seq, uint32_t ack)
{
	struct packet_plain plain = { .tuple = *tuple, .seq = seq, .ack = ack, .flags = TCP_RST | TCP_ACK };
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, packet_build(&plain, packet) };

	gateway->ops->inject(gateway->ops->context, bytes);
}

/* The sender of this packet is told; what it acknowledges is what it expects next. */
static void reset_sender(const struct passage *passage)
{
	struct tuple tuple = tuple_at_receiver(&passage->flow->session.view, direction_opposite(passage->direction));
	uint32_t end = passage->packet.seq + (uint32_t)passage->packet.payload.length;

	inject_reset(passage->gateway, &tuple, passage->packet.ack, end);
}

static void reset_receiver(const struct passage *passage)
{
	struct tuple tuple = tuple_at_receiver(&passage->flow->session.view, passage->direction);
	const struct stream *stream = &passage->flow->stream[passage->direction];
	const struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];

	inject_reset(passage->gateway, &tuple, stream->out_next, other->in_next);
}

/* The session has been closed by whoever found the reason. */
static void kill_flow(struct passage *passage, enum reason reason)
{
	reset_receiver(passage);
	reset_sender(passage);
	end_flow(passage->gateway, passage->flow, FLOW_KILLED, reason, passage->now);
	decide(passage, GATEWAY_DROP, reason);
}

/* Rows of dead connections are the first to go. */
static struct flow *take_row(struct gateway *gateway, const struct tuple *tuple, uint64_t now)
{
	struct flow *flow = flow_take(&gateway->table, tuple, now);
	struct flow *ended = flow_oldest_ended(&gateway->table);

	if (!flow && ended) {
		forget_flow(gateway, ended);
		flow = flow_take(&gateway->table, tuple, now);
	}
	return flow;
}

static void report_packet(struct passage *passage, enum reason reason)
{
	struct nat_view view = {
		.client = passage->packet.tuple.source,
		.client_seen = passage->packet.tuple.source,
		.server = passage->packet.tuple.destination,
		.server_seen = passage->packet.tuple.destination,
	};
	struct event event = {
		.type = EVENT_ANOMALY,
		.reason = reason,
		.view = &view,
		.direction = passage->direction,
	};

	if (passage->flow) {
		event.session = passage->flow->session.id;
		event.view = &passage->flow->session.view;
	}
	passage->gateway->ops->event(passage->gateway->ops->context, &event);
}

/* Asks the kernel what this packet belongs to and begins a session. Decides the packet where that fails. */
static bool begin_flow(struct passage *passage, bool adopted)
{
	struct gateway *gateway = passage->gateway;
	struct connection connection;
	enum reason reason;
	struct tuple tuple;

	memset(&connection, 0, sizeof(connection));
	reason = gateway->ops->lookup(gateway->ops->context, &passage->packet.tuple, &connection);
	if (reason != REASON_NONE) {
		report_packet(passage, reason);
		decide(passage, GATEWAY_DROP, reason);
		return false;
	}
	passage->direction = connection.direction;
	tuple.source = connection.view.client;
	tuple.destination = connection.view.server;
	passage->flow = take_row(gateway, &tuple, passage->now);
	if (!passage->flow) {
		report_packet(passage, REASON_TABLE_FULL);
		decide(passage, gateway->limits.table_full_open ? GATEWAY_ACCEPT : GATEWAY_DROP, REASON_TABLE_FULL);
		return false;
	}
	gateway->counters.sessions++;
	session_open(&passage->flow->session, gateway->policy, gateway->ops, gateway->next_session++,
		     &connection.view, connection.resizable, adopted);
	if (!connection.carrier)
		report_packet(passage, REASON_NO_CARRIER);
	stream_start(&passage->flow->stream[passage->direction], &gateway->pool,
		     passage->packet.seq + (adopted ? 0 : 1), &connection.seqadj[passage->direction], adopted);
	/* The other stream stands where this packet acknowledges, in the receiver's numbers. */
	stream_start(&passage->flow->stream[direction_opposite(passage->direction)], &gateway->pool,
		     seqadj_revert(&connection.seqadj[direction_opposite(passage->direction)], passage->packet.ack),
		     &connection.seqadj[direction_opposite(passage->direction)], false);
	return true;
}

/* In the middle of what is this packet: TLS, a line, or the rest of one? */
static void judge_adopted(struct passage *passage)
{
	struct flow *flow = passage->flow;
	struct bytes payload = passage->packet.payload;

	if (payload.length >= 3 && payload.data[0] >= 20 && payload.data[0] <= 23 && payload.data[1] == 3) {
		flow->session.state = SESSION_OPAQUE;
		flow->opaque_judged = true;
		stream_set_passing(&flow->stream[DIRECTION_ORIGINAL], &passage->gateway->pool);
		stream_set_passing(&flow->stream[DIRECTION_REPLY], &passage->gateway->pool);
	} else if (!session_looks_like_line(passage->direction, payload)) {
		flow->stream[passage->direction].skip_line = true;
	}
}

/* A server's SYN and ACK: the connection begins, or begins anew where an old one had the same addresses and ports. */
static void take_handshake(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;

	decide(passage, GATEWAY_ACCEPT, REASON_NONE);
	if (flow && flow->state == FLOW_LIVE) {
		const struct stream *stream = &flow->stream[passage->direction];

		/* Its own retransmission: nothing has been received since. */
		if (stream->in_next == passage->packet.seq + 1 && stream->out_acked == stream->out_next)
			return;
		end_flow(gateway, flow, FLOW_DONE, REASON_CONNECTION_ENDED, passage->now);
	}
	if (flow)
		forget_flow(gateway, flow);
	passage->flow = NULL;
	begin_flow(passage, false);
}

/* Urgent data is outside the stream for some receivers and in it for others. Telnet's own use of it, a Synch around
 * ABOR (RFC 959 4.1.3), is let through; any other is made ordinary data, as the gateway reads it. */
static uint8_t safe_flags(const struct packet *packet)
{
	uint8_t flags = packet->flags;
	size_t urgent = packet->urgent;

	if (!(flags & TCP_URG))
		return flags;
	if (urgent > 0 && urgent <= packet->payload.length &&
	    (packet->payload.data[urgent - 1] == 0xf2 || packet->payload.data[urgent - 1] == 0xff))
		return flags;
	return (uint8_t)(flags & ~TCP_URG);
}

static void replace_packet(struct passage *passage, enum reason reason)
{
	struct gateway_output *output = passage->output;

	output->length = packet_rewrite(passage->bytes, &passage->packet, &passage->change, output->packet,
					sizeof(output->packet));
	decide(passage, output->length > 0 ? GATEWAY_REPLACE : GATEWAY_DROP, reason);
}

/* Accepts the packet as it came, or replaces it where the change differs from it. */
static void finish_packet(struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	const struct packet_change *change = &passage->change;

	if (change->seq == packet->seq && change->ack == packet->ack && change->flags == packet->flags &&
	    !change->strip_sack && change->payload.length == packet->payload.length &&
	    (change->payload.length == 0 ||
	     memcmp(change->payload.data, packet->payload.data, packet->payload.length) == 0)) {
		decide(passage, GATEWAY_ACCEPT, REASON_NONE);
		return;
	}
	replace_packet(passage, REASON_NONE);
}

static void take_acknowledgement(struct passage *passage)
{
	struct stream *other = &passage->flow->stream[direction_opposite(passage->direction)];

	if (!(passage->packet.flags & TCP_ACK))
		return;
	passage->change.ack = stream_acknowledge(other, &passage->gateway->pool, passage->packet.ack);
	passage->change.strip_sack = other->edit_count > 1;
}

/*
 * Bytes that the receiver has long had: it answers them with an acknowledgement, which the sender seems to miss, and
 * reads none of them. They are not known any more, and behind an edit that shrank they would be too many, so what leaves
 * is one byte, the last that was acknowledged, as a keep-alive sends it (RFC 9293 3.8.4).
 */
static void repeat_old(struct passage *passage)
{
	static const uint8_t zero[1];

	passage->change.seq = stream_map_old(&passage->flow->stream[passage->direction]);
	passage->change.payload.data = zero;
	passage->change.payload.length = sizeof(zero);
	passage->change.flags &= (uint8_t) ~(TCP_URG | TCP_FIN);
	replace_packet(passage, REASON_OLD);
}

/* The bytes before the start of an adopted stream: nothing is known of them but that they may be needed. */
static void pass_unknown_prefix(struct passage *passage, size_t length)
{
	report_packet(passage, REASON_OUT_OF_WINDOW);
	passage->change.payload = passage->packet.payload;
	passage->change.payload.length = length;
	if (length < passage->packet.payload.length)
		passage->change.flags &= (uint8_t)~TCP_FIN;
	finish_packet(passage);
}

static void render(struct passage *passage, uint32_t from, enum reason reason)
{
	struct gateway *gateway = passage->gateway;
	const struct packet *packet = &passage->packet;
	struct stream *stream = &passage->flow->stream[passage->direction];
	uint32_t length = (uint32_t)packet->payload.length;
	uint32_t limit = length > SAFE_SEGMENT ? length : SAFE_SEGMENT;
	struct stream_range range;

	stream_map(stream, packet->seq, length, from, limit, &range);
	if (range.length == 0 && length > 0) {
		decide(passage, GATEWAY_DROP, reason != REASON_NONE ? reason : REASON_HELD);
		return;
	}
	if (range.length == 0) {
		passage->change.seq = stream_map_empty(stream, packet->seq);
	} else {
		stream_copy(stream, &gateway->pool, &range, gateway->payload);
		passage->change.seq = range.in;
		passage->change.payload.data = gateway->payload;
		passage->change.payload.length = range.length;
	}
	if (!range.complete || packet->seq + length != stream->in_next)
		passage->change.flags &= (uint8_t)~TCP_FIN;
	if (passage->change.flags & TCP_FIN)
		stream->finished = true;
	if (range.length != length)
		passage->change.flags &= (uint8_t)~TCP_URG;
	if ((packet->flags & TCP_FIN) && !(passage->change.flags & TCP_FIN) && range.length == 0) {
		decide(passage, GATEWAY_DROP, REASON_OUT_OF_ORDER);
		return;
	}
	finish_packet(passage);
}

/* Payload, FIN, or both, of a stream that is read. */
static void take_segment(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct stream *stream = &passage->flow->stream[passage->direction];
	struct bytes fresh = passage->packet.payload;
	uint32_t end = passage->packet.seq + (uint32_t)fresh.length;
	uint32_t from = stream->out_next;
	enum inspect_result result = INSPECT_DONE;
	enum reason reason = REASON_NONE;
	enum stream_place place = STREAM_KNOWN;
	size_t skip = stream_unknown_prefix(stream, passage->packet.seq, fresh.length);

	if (skip > 0) {
		pass_unknown_prefix(passage, skip);
		return;
	}
	if (fresh.length > 0)
		place = stream_locate(stream, passage->packet.seq, fresh.length, &skip);
	if (place == STREAM_GAP) {
		decide(passage, GATEWAY_DROP, REASON_OUT_OF_ORDER);
		return;
	}
	if (place == STREAM_OLD) {
		repeat_old(passage);
		return;
	}
	if (place == STREAM_FRESH) {
		fresh.data += skip;
		fresh.length -= skip;
		result = inspect_bytes(&gateway->inspector, passage->flow, passage->direction, fresh, passage->now,
				       &reason);
	}
	if (result == INSPECT_DONE && (passage->packet.flags & TCP_FIN) && end == stream->in_next)
		result = inspect_end(&gateway->inspector, passage->flow, passage->direction, passage->now, &reason);
	if (result == INSPECT_CLOSE)
		kill_flow(passage, reason);
	else
		render(passage, from, reason);
}

/* The kernel adjusts the numbers of an opaque connection by itself; only its end matters here. */
static void take_passing(struct passage *passage)
{
	struct stream *stream = &passage->flow->stream[passage->direction];

	if (passage->packet.flags & TCP_FIN) {
		stream->finished = true;
		stream->closed = true;
	}
	finish_packet(passage);
}

static void note_held(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	const struct stream *stream = &passage->flow->stream[passage->direction];
	struct patience *row = &gateway->patience[(gateway->patience_first + gateway->patience_count) % PATIENCE_MAX];

	if (stream_held(stream) == 0 || (stream->owing && stream->in_owed == stream->in_next) ||
	    gateway->patience_count == PATIENCE_MAX)
		return;
	row->deadline = passage->now + PATIENCE;
	row->session = passage->flow->session.id;
	row->flow = (uint32_t)(passage->flow - gateway->table.flows);
	row->in_next = stream->in_next;
	row->direction = passage->direction;
	gateway->patience_count++;
}

/* The sender waits (Nagle, RFC 896, or a person who types): it gets its acknowledgement, and its bytes are ours. */
static void acknowledge_held(struct gateway *gateway, const struct patience *row)
{
	struct flow *flow = &gateway->table.flows[row->flow];
	struct stream *stream = &flow->stream[row->direction];
	const struct flow_echo *sender = &flow->echo[row->direction];
	const struct flow_echo *receiver = &flow->echo[direction_opposite(row->direction)];
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	if (flow->state != FLOW_LIVE || flow->session.id != row->session || stream->in_next != row->in_next ||
	    stream_held(stream) == 0)
		return;
	memset(&plain, 0, sizeof(plain));
	plain.tuple = tuple_at_receiver(&flow->session.view, direction_opposite(row->direction));
	plain.seq = sender->ack;
	plain.ack = stream->in_next;
	plain.flags = TCP_ACK;
	plain.window = receiver->window;
	plain.timestamps.present = sender->timestamps.present && receiver->timestamps.present;
	plain.timestamps.value = receiver->timestamps.value;
	plain.timestamps.echo = sender->timestamps.value;
	stream_set_owing(stream);
	bytes.length = packet_build(&plain, packet);
	gateway->ops->inject(gateway->ops->context, bytes);
}

static void take_echo(struct passage *passage)
{
	struct flow_echo *echo = &passage->flow->echo[passage->direction];

	echo->ack = passage->packet.ack;
	echo->window = passage->packet.window;
	echo->timestamps = passage->packet.timestamps;
}

static bool is_carrier_trigger(const struct passage *passage)
{
	static const uint8_t trigger[] = { 0, 0, 0, 7 };
	struct bytes payload = passage->packet.payload;

	return payload.length == CARRIER_TRIGGER_LENGTH && memcmp(payload.data, trigger, sizeof(trigger)) == 0;
}

static void take_live(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	struct flow *flow = passage->flow;
	const struct stream *original = &flow->stream[DIRECTION_ORIGINAL];
	const struct stream *reply = &flow->stream[DIRECTION_REPLY];

	flow_touch(&gateway->table, flow, passage->now);
	take_echo(passage);
	take_acknowledgement(passage);
	passage->change.flags = safe_flags(&passage->packet);
	if (passage->packet.flags & TCP_RST) {
		passage->change.seq = stream_map_empty(&flow->stream[passage->direction], passage->packet.seq);
		finish_packet(passage);
		end_flow(gateway, flow, FLOW_DONE, REASON_RESET, passage->now);
		return;
	}
	if (flow->stream[passage->direction].passing)
		take_passing(passage);
	else
		take_segment(passage);
	if (flow->state == FLOW_LIVE)
		note_held(passage);
	if (flow->state == FLOW_LIVE && original->closed && reply->closed)
		end_flow(gateway, flow, FLOW_DONE, REASON_CONNECTION_ENDED, passage->now);
}

static void take_tcp(struct passage *passage)
{
	struct gateway *gateway = passage->gateway;
	const struct packet *packet = &passage->packet;

	passage->change.seq = packet->seq;
	passage->change.ack = packet->ack;
	passage->change.flags = packet->flags;
	passage->change.payload = packet->payload;
	passage->flow = flow_find(&gateway->table, &packet->tuple, &passage->direction);

	if ((packet->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		take_handshake(passage);
		return;
	}
	if (is_carrier_trigger(passage)) {
		report_packet(passage, REASON_CARRIER_TRIGGER);
		decide(passage, GATEWAY_DROP, REASON_CARRIER_TRIGGER);
		return;
	}
	if (passage->flow && passage->flow->state == FLOW_KILLED) {
		if (!(packet->flags & TCP_RST))
			reset_sender(passage);
		decide(passage, GATEWAY_DROP, passage->output->reason);
		return;
	}
	if ((!passage->flow && packet->payload.length == 0) || (packet->flags & TCP_SYN) ||
	    (passage->flow && passage->flow->state == FLOW_DONE)) {
		decide(passage, GATEWAY_ACCEPT, REASON_NONE);
		return;
	}
	if (!passage->flow) {
		if (!begin_flow(passage, true))
			return;
		judge_adopted(passage);
	}
	take_live(passage);
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

void gateway_packet(struct gateway *gateway, struct bytes packet, uint64_t now, struct gateway_output *output)
{
	struct passage passage = {
		.gateway = gateway,
		.bytes = packet,
		.now = now,
		.output = output,
	};
	enum reason reason = packet_parse(packet, &passage.packet);

	output->length = 0;
	output->reason = REASON_NONE;
	if (reason != REASON_NONE) {
		decide(&passage, gateway->limits.malformed_open ? GATEWAY_ACCEPT : GATEWAY_DROP, reason);
	} else if (packet_verify_checksum(packet, &passage.packet) != REASON_NONE) {
		decide(&passage, GATEWAY_DROP, REASON_BAD_CHECKSUM);
	} else {
		take_tcp(&passage);
	}
	count(gateway, output);
}

static void tick_patience(struct gateway *gateway, uint64_t now)
{
	while (gateway->patience_count > 0) {
		const struct patience *row = &gateway->patience[gateway->patience_first];

		if (row->deadline > now)
			break;
		acknowledge_held(gateway, row);
		gateway->patience_first = (gateway->patience_first + 1) % PATIENCE_MAX;
		gateway->patience_count--;
	}
}

void gateway_tick(struct gateway *gateway, uint64_t now)
{
	tick_patience(gateway, now);
	for (unsigned int i = 0; i < TICK_ROWS; i++) {
		struct flow *ended = flow_oldest_ended(&gateway->table);
		struct flow *live = flow_oldest_live(&gateway->table);

		if (ended && now - ended->seen > LINGER)
			forget_flow(gateway, ended);
		else if (live && now - live->seen > gateway->limits.idle)
			end_flow(gateway, live, FLOW_DONE, REASON_IDLE, now);
		else
			break;
	}
}

uint64_t gateway_next_tick(const struct gateway *gateway, uint64_t now)
{
	uint64_t next = now + SECOND;

	if (gateway->patience_count > 0 && gateway->patience[gateway->patience_first].deadline < next)
		next = gateway->patience[gateway->patience_first].deadline;
	return next;
}

void gateway_set_policy(struct gateway *gateway, const struct policy *policy)
{
	struct flow_table *table = &gateway->table;

	gateway->policy = policy;
	for (uint32_t i = 0; i < table->fresh; i++)
		if (table->flows[i].state == FLOW_LIVE)
			session_set_policy(&table->flows[i].session, policy);
}

uint32_t gateway_session_count(const struct gateway *gateway)
{
	return gateway->table.used;
}

const struct gateway_counters *gateway_counters(const struct gateway *gateway)
{
	return &gateway->counters;
}

void gateway_stop(struct gateway *gateway, bool close_pinholes, uint64_t now)
{
	struct flow *flow;

	while ((flow = flow_oldest_live(&gateway->table)) != NULL) {
		/* Whoever takes over finds the pinhole in the kernel. */
		if (!close_pinholes)
			flow->session.pinhole = PINHOLE_NONE;
		end_flow(gateway, flow, FLOW_DONE, REASON_SHUTDOWN, now);
	}
}
