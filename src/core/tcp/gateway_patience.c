/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Patience: a sender that waits for an acknowledgement before it sends the rest of a line (Nagle, RFC 896, or a person
 * who types) is given one in the receiver's name. From then on the held bytes are ours to deliver (stream_set_owing).
 *
 * It has an end: a peer that sends a byte a minute is never idle, and would keep a row and a part of the pool for as long as
 * a line may be long in minutes. So a line must be finished within a time of its own.
 */
#include <string.h>

#include "core/tcp/gateway_internal.h"

/* A sender that is not waiting for an acknowledgement sends the rest of a line within this time, microseconds. */
#define PATIENCE UINT64_C(5000)
/*
 * A sender that repeats what was acknowledged has missed that, or wants an acknowledgement for each packet. Linux repeats
 * after 200 ms at the earliest.
 */
#define SPARE_PAUSE (SECOND / 10)
/* Every row is looked at once in so many seconds. */
#define SWEEP_SECONDS 64
/* A peer that was reset, and whose other peer has nothing to say to it: conntrack forgets the connection after as long. */
#define DOUBT (10 * SECOND)
/*
 * Where the pool is short, what has stood still for so long must go, unless it is next to nothing: the peers of a
 * hundred sources can keep it for ever otherwise, by acknowledging nothing. Linux has repeated a segment seven times by
 * then.
 */
#define STALL (30 * SECOND)
/* And every row is looked at more often. */
#define SHORT_SWEEP_SECONDS 8

/* It was just told so. */
static bool is_spared(const struct flow *flow, enum direction direction, uint64_t now)
{
	return flow->spared[direction] != 0 && now - flow->spared[direction] < SPARE_PAUSE &&
	       flow->spared_at[direction] == flow->stream[direction].in_next;
}

static void note(struct gateway *gateway, const struct flow *flow, enum direction direction, uint64_t now)
{
	struct patience *row = &gateway->patience[(gateway->patience_first + gateway->patience_count) % PATIENCE_MAX];

	if (gateway->patience_count == PATIENCE_MAX)
		return;
	row->deadline = now + PATIENCE;
	row->session = flow->session.id;
	row->flow = (uint32_t)(flow - gateway->table.flows);
	row->in_next = flow->stream[direction].in_next;
	row->direction = direction;
	gateway->patience_count++;
}

/*
 * Only bytes that are held are acknowledged in the receiver's name. What has left and may have been lost is repeated by
 * its sender, as long as nobody tells it that it arrived; once the receiver has acknowledged it, the held bytes get
 * their turn (patience_note).
 */
static void acknowledge_held(struct gateway *gateway, struct flow *flow, enum direction direction, uint64_t now)
{
	struct stream *stream = &flow->stream[direction];
	const struct flow_echo *sender = &flow->echo[direction];
	const struct flow_echo *receiver = &flow->echo[direction_opposite(direction)];
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	if (stream_held(stream) == 0 || stream->sent.length > 0 || is_spared(flow, direction, now))
		return;
	flow->spared[direction] = now;
	flow->spared_at[direction] = stream->in_next;
	memset(&plain, 0, sizeof(plain));
	plain.tuple = nat_view_tuple(&flow->session.view, direction_opposite(direction));
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

void patience_note(struct passage *passage)
{
	struct flow *flow = passage->flow;
	enum direction opposite = direction_opposite(passage->direction);
	uint64_t *since = &flow->held[passage->direction];

	if (stream_held(&flow->stream[passage->direction]) == 0)
		*since = 0;
	else if (*since == 0)
		*since = passage->now;
	/* A repetition too: the last acknowledgement may have been lost. */
	if (*since != 0 && passage->packet.payload.length > 0 && !is_spared(flow, passage->direction, passage->now))
		note(passage->gateway, flow, passage->direction, passage->now);
	if (!passage->acknowledging || flow->held[opposite] == 0)
		return;
	if (passage->now - flow->held[opposite] >= PATIENCE)
		acknowledge_held(passage->gateway, flow, opposite, passage->now);
	else
		note(passage->gateway, flow, opposite, passage->now);
}

/* Unless more has come since, and has been noted itself. */
static void end_patience(struct gateway *gateway, const struct patience *row, uint64_t now)
{
	struct flow *flow = &gateway->table.flows[row->flow];

	if (flow->state == FLOW_LIVE && flow->session.id == row->session &&
	    flow->stream[row->direction].in_next == row->in_next)
		acknowledge_held(gateway, flow, row->direction, now);
}

void patience_tick(struct gateway *gateway, uint64_t now)
{
	while (gateway->patience_count > 0) {
		const struct patience *row = &gateway->patience[gateway->patience_first];

		if (row->deadline > now)
			break;
		end_patience(gateway, row, now);
		gateway->patience_first = (gateway->patience_first + 1) % PATIENCE_MAX;
		gateway->patience_count--;
	}
}

void patience_note_line(struct passage *passage)
{
	uint64_t *since = &passage->flow->unfinished[passage->direction];

	if (passage->flow->stream[passage->direction].line.length == 0)
		*since = 0;
	else if (*since == 0)
		*since = passage->now;
}

void patience_note_progress(struct passage *passage)
{
	struct flow *flow = passage->flow;

	for (int i = 0; i < 2; i++) {
		const struct stream *stream = &flow->stream[i];

		/* A byte now and then is no progress. */
		if (stream->sent.length == 0 || !seq_before(stream->out_acked, flow->stalled_at[i]))
			flow->stalled[i] = 0;
		if (flow->stalled[i] == 0 && stream->sent.length > 0) {
			flow->stalled[i] = passage->now;
			flow->stalled_at[i] = stream->out_next;
		}
	}
}

/* seq: what the receiver of this direction expects next. */
static void reset_receiver_of(const struct gateway *gateway, const struct flow *flow, enum direction direction, uint32_t seq)
{
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };
	struct packet_plain plain;

	memset(&plain, 0, sizeof(plain));
	plain.tuple = nat_view_tuple(&flow->session.view, direction);
	plain.seq = seq;
	plain.ack = flow->stream[direction_opposite(direction)].in_next;
	plain.flags = TCP_RST | TCP_ACK;
	bytes.length = packet_build(&plain, packet);
	gateway->ops->inject(gateway->ops->context, bytes);
}

static bool is_older(uint64_t since, uint64_t than, uint64_t now)
{
	return since != 0 && now > since && now - since > than;
}

/* Does it keep others from memory, with bytes that its receiver or its sender lets lie? */
static bool is_in_the_way(const struct gateway *gateway, const struct flow *flow, uint64_t now)
{
	if (!buffer_pool_is_short(&gateway->pool) || flow->bytes <= BUFFER_BLOCK_DATA)
		return false;
	for (int i = 0; i < 2; i++)
		if (is_older(flow->stalled[i], STALL, now) || is_older(flow->unfinished[i], STALL, now) ||
		    (flow->adoption.direction[i].kept.length > 0 && is_older(flow->adoption.since, STALL, now)))
			return true;
	return false;
}

/* Why the session should end now; REASON_NONE if it should not. */
static enum reason find_end(const struct gateway *gateway, const struct flow *flow, uint64_t now)
{
	uint64_t timeout = gateway->limits.line_timeout;

	if (is_in_the_way(gateway, flow, now))
		return REASON_UNACKNOWLEDGED;
	if (timeout != 0 && (is_older(flow->unfinished[DIRECTION_ORIGINAL], timeout, now) ||
			     is_older(flow->unfinished[DIRECTION_REPLY], timeout, now)))
		return REASON_LINE_TIMEOUT;
	return REASON_NONE;
}

static void end_session(struct gateway *gateway, struct flow *flow, enum reason reason, uint64_t now)
{
	for (unsigned int i = 0; i < 2; i++)
		reset_receiver_of(gateway, flow, (enum direction)i, flow->stream[i].out_acked);
	gateway_end_flow(gateway, flow, FLOW_KILLED, reason, now);
}

static void kill_flow(struct gateway *gateway, struct flow *flow, uint64_t now)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct stream *stream = &flow->stream[i];
		const uint32_t end = stream->out_next + (stream->finished ? 1 : 0);

		/*
		 * A receiver takes no other number than the next one (RFC 5961 3.2), and may have it all or nothing of it.
		 */
		if (end != stream->out_acked)
			reset_receiver_of(gateway, flow, (enum direction)i, end);
	}
	end_session(gateway, flow, REASON_KILLED, now);
}

bool gateway_kill_session(struct gateway *gateway, uint64_t session, uint64_t now)
{
	struct flow_table *table = &gateway->table;

	for (uint32_t i = 0; i < table->fresh; i++) {
		if (table->flows[i].state != FLOW_LIVE || table->flows[i].session.id != session)
			continue;
		kill_flow(gateway, &table->flows[i], now);
		return true;
	}
	return false;
}

void patience_end_doubtful(struct gateway *gateway, uint64_t now)
{
	for (unsigned int i = 0; i < TICK_ROWS; i++) {
		struct flow *flow = flow_oldest_doubtful(&gateway->table);

		if (!flow || !is_older(flow->doubted, DOUBT, now))
			break;
		end_session(gateway, flow, REASON_RESET, now);
	}
}

void patience_sweep(struct gateway *gateway, uint64_t now)
{
	const struct flow_table *table = &gateway->table;
	uint32_t seconds = buffer_pool_is_short(&gateway->pool) ? SHORT_SWEEP_SECONDS : SWEEP_SECONDS;
	uint32_t rows = table->fresh / seconds + 1;

	if (now < gateway->sweep_next)
		return;
	gateway->sweep_next = now + SECOND;
	for (uint32_t i = 0; i < rows && table->fresh > 0; i++) {
		struct flow *flow = &table->flows[gateway->swept++ % table->fresh];

		enum reason reason = flow->state == FLOW_LIVE ? find_end(gateway, flow, now) : REASON_NONE;

		if (reason != REASON_NONE)
			end_session(gateway, flow, reason, now);
	}
}
