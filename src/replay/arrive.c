/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A capture can't be told to send again. Where the gateway drops a segment because another must come first, or because
 * there is no room, a sender would repeat it; here it is kept and offered again when the gateway has got what it waited
 * for. Where the other peer has acknowledged bytes that the capture doesn't contain, they will never come: the connection is
 * incomplete from there on, and no longer inspected, because it is not known what was said. What we have put out of order
 * ourselves is not missing: it is only here that it has not come.
 *
 * The gateway asks the receiver of a connection that was under way when the capture began where it stands. It is answered
 * on the receiver's behalf: it stands where it has acknowledged that it does; or, where it said nothing yet or something was
 * under way, where the first segment to it begins.
 *
 * A peer that the gateway has reset says nothing more, whatever it said when the capture was made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ftpalg/address.h"
#include "replay/internal.h"

/* A missing segment is awaited for this long, and for this many segments after it. */
#define REPLAY_GAP_PATIENCE (REPLAY_SECOND / 20)
#define REPLAY_GAP_SEGMENTS 32

void replay_write(struct replay *replay, struct bytes link, struct bytes packet)
{
	if (replay->settings.output)
		capture_output_write(replay->settings.output, &replay->time, link, packet);
}

/* A segment leaves. bytes: what the gateway let out; view: the same, parsed. */
static void replay_leave(struct replay *replay, struct replay_connection *connection, enum direction direction,
			 struct bytes link, struct bytes bytes, const struct packet *view)
{
	struct replay_stream *stream = &connection->stream[direction];
	const struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	struct packet_change change = {
		.seq = seqadj_apply(&stream->kernel, view->seq),
		.ack = view->flags & TCP_ACK ? replay_stream_leave(other, view->ack) : view->ack,
		.flags = view->flags,
		.payload = view->payload,
		.urgent = view->urgent,
	};
	const uint32_t end = change.seq + (uint32_t)view->payload.length +
			     ((view->flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);

	/* A packet without payload delivers nothing, wherever its number lies. */
	if (!stream->started || (end != change.seq && seq_before(stream->delivered, end)))
		stream->delivered = end;
	stream->started = true;
	replay_tell_leave(replay, connection, direction, view, change.seq);
	if (!replay->settings.output)
		return;
	if (other->edit_count > 0 && bytes.length <= sizeof(replay->copied)) {
		memcpy(replay->copied, bytes.data, bytes.length);
		replay_map_sack(replay->copied + view->ip_header, view->tcp_header, other, replay_stream_leave);
		bytes.data = replay->copied;
	} else if (change.seq == view->seq && change.ack == view->ack) {
		replay_write(replay, link, bytes);
		return;
	}
	bytes.length = packet_rewrite(bytes, view, &change, replay->leaving, sizeof(replay->leaving));
	bytes.data = replay->leaving;
	replay_write(replay, link, bytes);
}

/*
 * What the packet would be if its sender had received what the gateway let out: its acknowledgements are translated.
 * Where that changes nothing, bytes is left alone.
 */
static void replay_prepare(struct replay *replay, struct replay_connection *connection, enum direction direction,
			   struct bytes *bytes, struct packet *packet)
{
	struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	struct packet_change change = {
		.seq = packet->seq, .flags = packet->flags, .payload = packet->payload, .urgent = packet->urgent,
	};
	bool changed = false;

	if (!(packet->flags & TCP_ACK))
		return;
	if (!other->started)
		other->delivered = packet->ack;
	other->started = true;
	if (!other->heard || seq_before(other->confirmed, packet->ack))
		other->confirmed = packet->ack;
	other->heard = true;
	change.ack = replay_stream_confirm(other, packet->ack);
	other->acknowledged = change.ack;
	if (other->edit_count > 0) {
		memcpy(replay->copied, bytes->data, packet->length);
		changed = replay_map_sack(replay->copied + packet->ip_header, packet->tcp_header, other,
					  replay_stream_confirm);
	}
	if (change.ack == packet->ack && !changed)
		return;
	/* If checksums are insisted on, a wrong one must not be made right. */
	if (replay->settings.checksums && packet_verify_checksum(*bytes, packet) != REASON_NONE)
		return;
	if (changed)
		bytes->data = replay->copied;
	bytes->length = packet_rewrite(*bytes, packet, &change, replay->prepared, sizeof(replay->prepared));
	bytes->data = replay->prepared;
	packet_parse(*bytes, packet);
}

static void replay_make_checksum(struct replay *replay, struct bytes *bytes, struct packet *packet)
{
	const struct packet_change change = {
		.seq = packet->seq, .ack = packet->ack, .flags = packet->flags, .payload = packet->payload,
		.urgent = packet->urgent,
	};

	bytes->length = packet_rewrite(*bytes, packet, &change, replay->prepared, sizeof(replay->prepared));
	bytes->data = replay->prepared;
	packet_parse(*bytes, packet);
}

bool replay_write_syn(struct replay *replay, const struct replay_packet *packet)
{
	struct bytes ip = packet->ip;
	struct packet view = packet->view;

	if (replay->settings.checksums || packet_verify_checksum(ip, &view) == REASON_NONE)
		return false;
	replay->counters.checksums++;
	replay_make_checksum(replay, &ip, &view);
	replay_write(replay, packet->link, ip);
	return true;
}

/* The receiver's answer to the question that the gateway has asked instead of letting packet pass. */
static void replay_answer(struct replay *replay, struct replay_connection *connection, enum direction direction,
			  const struct packet *packet)
{
	struct replay_stream *stream = &connection->stream[direction];
	const struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	struct packet_plain plain = {
		.tuple = tuple_reverse(&packet->tuple),
		.seq = seqadj_revert(&other->kernel, packet->ack),
		.ack = replay_stream_map(stream, packet->seq),
		.flags = TCP_ACK,
		.window = packet->window,
	};
	uint8_t answer[PACKET_PLAIN_MAX];

	stream->asked = false;
	if (stream->heard && seq_before(plain.ack, stream->acknowledged))
		plain.ack = stream->acknowledged;
	gateway_packet(replay->gateway, (struct bytes){ answer, packet_build(&plain, answer) }, NULL, replay->now,
		       &replay->output);
}

/* Offers a packet to the gateway and lets out what it answers. */
static void replay_offer(struct replay *replay, struct replay_connection *connection, enum direction direction,
			 struct bytes link, struct bytes bytes, struct packet *packet)
{
	struct gateway_output *output = &replay->output;
	struct packet view;

	replay_prepare(replay, connection, direction, &bytes, packet);
	replay_tell_offer(replay, connection, direction, packet);
	gateway_packet(replay->gateway, bytes, NULL, replay->now, output);
	if (output->verdict == GATEWAY_DROP && output->reason == REASON_BAD_CHECKSUM && !replay->settings.checksums) {
		replay->counters.checksums++;
		replay_make_checksum(replay, &bytes, packet);
		gateway_packet(replay->gateway, bytes, NULL, replay->now, output);
	}
	if (output->reason == REASON_ADOPTING && connection->stream[direction].asked) {
		replay_answer(replay, connection, direction, packet);
		gateway_packet(replay->gateway, bytes, NULL, replay->now, output);
	}
	replay_tell_answer(replay, connection, direction, packet);
	if (output->verdict == GATEWAY_ACCEPT) {
		/* Padding of the link layer is not part of the packet. */
		bytes.length = packet->length;
		replay_leave(replay, connection, direction, link, bytes, packet);
	} else if (output->verdict == GATEWAY_REPLACE) {
		bytes = (struct bytes){ output->packet, output->length };
		if (packet_parse(bytes, &view) == REASON_NONE)
			replay_leave(replay, connection, direction, link, bytes, &view);
	}
}

/* The receiver's number of the end of a segment. */
static uint32_t replay_segment_end(const struct replay_stream *stream, const struct packet *packet)
{
	return replay_stream_map(stream, packet->seq + (uint32_t)packet->payload.length) +
	       ((packet->flags & TCP_FIN) != 0 ? 1 : 0);
}

/*
 * Would the sender have to send this again? Not what waits in the gateway as the beginning of a line: the gateway has that.
 */
static bool replay_must_repeat(const struct replay *replay, const struct replay_connection *connection,
			       enum direction direction, const struct packet *packet)
{
	const struct replay_stream *stream = &connection->stream[direction];
	const uint32_t end = replay_segment_end(stream, packet);
	size_t tail = end - stream->delivered;

	if ((packet->payload.length == 0 && !(packet->flags & TCP_FIN)) || stream->reset ||
	    (packet->flags & (TCP_SYN | TCP_RST)) || !seq_before(stream->delivered, end))
		return false;
	if (replay->output.verdict == GATEWAY_DROP)
		return replay->output.reason == REASON_OUT_OF_ORDER || replay->output.reason == REASON_MEMORY_FULL ||
		       replay->output.reason == REASON_WINDOW_FULL || replay->output.reason == REASON_EDITS_FULL ||
		       replay->output.reason == REASON_QUOTA_BYTES;
	if (tail > packet->payload.length)
		tail = packet->payload.length;
	return tail > 0 && memchr(packet->payload.data + packet->payload.length - tail, '\n', tail) != NULL;
}

/* Notes what the gateway has now. Returns whether the sender would have to send the segment again. */
static bool replay_settle(const struct replay *replay, struct replay_connection *connection, enum direction direction,
			  const struct packet *packet)
{
	struct replay_stream *stream = &connection->stream[direction];
	const uint32_t end = packet->seq + (uint32_t)packet->payload.length +
			     ((packet->flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);

	if (replay_must_repeat(replay, connection, direction, packet))
		return true;
	if (!seq_before(stream->taken, packet->seq) && seq_before(stream->taken, end))
		stream->taken = end;
	return false;
}

/* Is something that the capture has shown still on its way? */
static bool replay_is_disordered(const struct replay *replay)
{
	return replay->cutting || replay->delayed.full;
}

static void replay_remember(struct replay *replay, struct replay_stream *stream, struct bytes ip,
			    const struct packet *packet, enum replay_lack lack)
{
	struct replay_waiting **at = &stream->waiting;
	struct replay_waiting *waiting;

	if (stream->waiting_count >= REPLAY_WAITING_MAX && !replay_is_disordered(replay))
		return;
	waiting = malloc(sizeof(*waiting) + ip.length);
	if (!waiting)
		return;
	waiting->time = replay->time;
	waiting->since = replay->now;
	waiting->seq = packet->seq;
	waiting->ack = packet->ack;
	waiting->lack = lack;
	waiting->length = ip.length;
	memcpy(waiting->packet, ip.data, ip.length);
	while (*at && !seq_before(packet->seq, (*at)->seq))
		at = &(*at)->next;
	waiting->next = *at;
	*at = waiting;
	stream->waiting_count++;
}

/* Bytes are missing: what comes is adjusted as the kernel would, and passes. */
static void replay_pass(struct replay *replay, struct replay_connection *connection, enum direction direction,
			struct bytes link, struct bytes ip)
{
	const struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	struct packet packet;

	if (packet_parse(ip, &packet) != REASON_NONE)
		return;
	ip.length = packet.length;
	if (other->edit_count > 0 && (packet.flags & TCP_ACK)) {
		const struct packet_change change = {
			.seq = packet.seq, .ack = replay_stream_map(other, packet.ack),
			.flags = packet.flags, .payload = packet.payload, .urgent = packet.urgent,
		};

		ip.length = packet_rewrite(ip, &packet, &change, replay->prepared, sizeof(replay->prepared));
		ip.data = replay->prepared;
		packet_parse(ip, &packet);
	}
	/* The receiver had what it said it had. */
	connection->stream[DIRECTION_ORIGINAL].started = false;
	connection->stream[DIRECTION_REPLY].started = false;
	replay_leave(replay, connection, direction, link, ip, &packet);
}

void replay_set_incomplete(struct replay *replay, struct replay_connection *connection)
{
	char client[ENDPOINT_TEXT_MAX];
	char server[ENDPOINT_TEXT_MAX];

	if (connection->state != REPLAY_LIVE)
		return;
	connection->state = REPLAY_INCOMPLETE;
	replay->counters.incomplete++;
	replay_tell_lose(replay, connection);
	endpoint_format(&connection->tuple.source, client);
	endpoint_format(&connection->tuple.destination, server);
	if (replay->counters.incomplete <= LOG_LIMIT_COUNT)
		log_message(LOG_LEVEL_WARNING, "bytes of the connection of %s to %s are missing in the capture at %lld.%06ld;"
			    " it is not inspected from there on", client, server, (long long)replay->time.tv_sec,
			    replay->time.tv_nsec / 1000);
	for (int i = 0; i < 2; i++) {
		struct replay_stream *stream = &connection->stream[i];

		for (const struct replay_waiting *waiting = stream->waiting; waiting; waiting = waiting->next)
			replay_pass(replay, connection, (enum direction)i,
				    (struct bytes){ stream->link, stream->link_length },
				    (struct bytes){ waiting->packet, waiting->length });
		replay_waiting_clear(stream);
	}
}

/* Will what the first segment waits for never come? */
static bool replay_is_missing(const struct replay *replay, const struct replay_stream *stream)
{
	const struct replay_waiting *first = stream->waiting;

	if (!first || first->lack == REPLAY_LACKS_ROOM || replay_is_disordered(replay))
		return false;
	/* The receiver has what is missing here, so it will not be sent again. */
	if (first->lack == REPLAY_LACKS_BYTES && (!stream->heard || seq_before(stream->confirmed, first->seq)))
		return false;
	return replay->now - first->since > REPLAY_GAP_PATIENCE || stream->waiting_count >= REPLAY_GAP_SEGMENTS;
}

static enum replay_lack replay_find_lack(const struct replay *replay)
{
	return replay->output.reason == REASON_OUT_OF_ORDER ? REPLAY_LACKS_BYTES : REPLAY_LACKS_ROOM;
}

/* Has what it waited for come? */
static bool replay_may_repeat(const struct replay_connection *connection, enum direction direction,
			      const struct replay_waiting *waiting)
{
	const struct replay_stream *stream = &connection->stream[direction];

	switch (waiting->lack) {
	case REPLAY_LACKS_CAUSE:
		return !seq_before(connection->stream[direction_opposite(direction)].captured, waiting->ack);
	case REPLAY_LACKS_BYTES:
		return !seq_before(stream->taken, waiting->seq);
	case REPLAY_LACKS_ROOM:
		break;
	}
	return !seq_before(stream->acknowledged, stream->delivered);
}

/* One segment that waited is offered again. Returns whether it is done with. */
static bool replay_repeat(struct replay *replay, struct replay_connection *connection, enum direction direction)
{
	struct replay_stream *stream = &connection->stream[direction];
	struct replay_waiting *waiting = stream->waiting;
	const struct bytes link = { stream->link, stream->link_length };
	const struct bytes ip = { waiting->packet, waiting->length };
	struct packet captured;
	struct packet packet;
	bool done = true;

	if (packet_parse(ip, &captured) == REASON_NONE &&
	    seq_before(stream->delivered, replay_segment_end(stream, &captured))) {
		if (!replay_may_repeat(connection, direction, waiting))
			return false;
		packet = captured;
		replay_offer(replay, connection, direction, link, ip, &packet);
		done = !replay_settle(replay, connection, direction, &captured);
		waiting->lack = replay_find_lack(replay);
	}
	if (done) {
		stream->waiting = waiting->next;
		stream->waiting_count--;
		free(waiting);
	}
	return done;
}

static void replay_repeat_all(struct replay *replay, struct replay_connection *connection)
{
	for (int i = 0; i < 2; i++) {
		struct replay_stream *stream = &connection->stream[i];

		for (unsigned int rounds = 2 * stream->waiting_count; stream->waiting && rounds > 0; rounds--)
			if (stream->reset)
				replay_waiting_clear(stream);
			else if (!replay_repeat(replay, connection, (enum direction)i))
				break;
		if (replay_is_missing(replay, stream))
			replay_set_incomplete(replay, connection);
	}
}

/* Does the packet say something in answer to what the capture has not shown? */
static bool replay_is_early(struct replay_connection *connection, enum direction direction, const struct packet *packet)
{
	struct replay_stream *stream = &connection->stream[direction];
	struct replay_stream *other = &connection->stream[direction_opposite(direction)];
	const uint32_t end = packet->seq + (uint32_t)packet->payload.length +
			     ((packet->flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);

	if (!stream->seen)
		replay_stream_begin(stream, packet->seq);
	if (end != packet->seq && seq_before(stream->captured, end))
		stream->captured = end;
	if (!(packet->flags & TCP_ACK))
		return false;
	if (!other->seen)
		replay_stream_begin(other, packet->ack);
	return packet->payload.length > 0 && seq_before(other->captured, packet->ack);
}

static void replay_take_live(struct replay *replay, struct replay_connection *connection, enum direction direction,
			     struct bytes link, struct bytes ip, const struct packet *captured)
{
	struct replay_stream *stream = &connection->stream[direction];
	struct packet packet = *captured;

	connection->established |= !(captured->flags & TCP_SYN);
	if (replay_is_early(connection, direction, captured)) {
		replay_remember(replay, stream, ip, captured, REPLAY_LACKS_CAUSE);
	} else {
		replay_offer(replay, connection, direction, link, ip, &packet);
		if (captured->flags & (TCP_FIN | TCP_RST))
			connection->ended = true;
		if (replay_settle(replay, connection, direction, captured))
			replay_remember(replay, stream, ip, captured, replay_find_lack(replay));
	}
	if (connection->stream[DIRECTION_ORIGINAL].waiting || connection->stream[DIRECTION_REPLY].waiting)
		replay_repeat_all(replay, connection);
}

void replay_arrive(struct replay *replay, const struct replay_packet *packet)
{
	struct replay_connection *connection = packet->connection;

	if (connection->stream[packet->direction].reset)
		replay->counters.silenced++;
	else if (connection->state == REPLAY_INCOMPLETE)
		replay_pass(replay, connection, packet->direction, packet->link, packet->ip);
	else
		replay_take_live(replay, connection, packet->direction, packet->link, packet->ip, &packet->view);
}

