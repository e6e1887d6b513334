/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Packets of control connections go to the gateway, as the rules would queue them: all but the SYN, which conntrack has
 * to confirm first. Everything else is copied. The first packet of a connection decides its direction: a SYN, a SYN and
 * ACK, or, where the capture begins later, the port.
 *
 * The capture's clock is the gateway's clock. Between two packets the gateway's own deadlines pass.
 */
#include "replay/replay.h"

#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "replay/internal.h"

/* Ticks of a second that are done one by one; the rest of a longer silence is skipped: nothing can be left to do by then. */
#define REPLAY_TICKS_MAX 8000
/* A segment that was put out of order waits this long for the next one. */
#define REPLAY_DELAY_MAX (REPLAY_SECOND / 5)

static struct address replay_translate(const struct replay *replay, const struct address *address)
{
	for (size_t i = 0; i < replay->settings.nat_count; i++)
		if (address_equal(&replay->settings.nat[i].inside, address))
			return replay->settings.nat[i].outside;
	return *address;
}

static uint64_t replay_time(const struct timespec *time)
{
	return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * REPLAY_SECOND + (uint64_t)time->tv_nsec / 1000;
}

/* Lets the gateway's deadlines pass up to the time of this frame. */
static void replay_set_time(struct replay *replay, const struct timespec *time)
{
	const uint64_t target = replay_time(time);

	if (!replay->begun)
		replay->now = target;
	replay->begun = true;
	for (unsigned int ticks = 0; ticks < REPLAY_TICKS_MAX; ticks++) {
		const uint64_t next = gateway_next_tick(replay->gateway, replay->now);

		if (next >= target)
			break;
		replay->now = next;
		replay->time.tv_sec = (time_t)(next / REPLAY_SECOND);
		replay->time.tv_nsec = (long)(next % REPLAY_SECOND * 1000);
		gateway_tick(replay->gateway, replay->now);
	}
	if (target > replay->now)
		replay->now = target;
	gateway_tick(replay->gateway, replay->now);
	replay->time = *time;
}

static struct replay_connection *replay_begin(struct replay *replay, const struct packet *packet, bool from_client)
{
	const struct tuple tuple = from_client ? packet->tuple : tuple_reverse(&packet->tuple);
	struct replay_connection *connection;
	bool displaced;

	connection = replay_table_take(&replay->table, &tuple, replay->now, &displaced);
	if (displaced)
		replay->counters.displaced++;
	connection->number = replay->counters.connections;
	connection->view.client = tuple.source;
	connection->view.server = tuple.destination;
	connection->view.client_seen = tuple.source;
	connection->view.client_seen.address = replay_translate(replay, &tuple.source.address);
	connection->view.server_seen = tuple.destination;
	connection->view.server_seen.address = replay_translate(replay, &tuple.destination.address);
	return connection;
}

/* A SYN: the row begins, or begins again where an old connection had the same addresses and ports. */
static struct replay_connection *replay_take_syn(struct replay *replay, struct replay_connection *connection,
						 const struct packet *packet)
{
	const bool foreign = !replay_is_control_port(replay, packet->tuple.destination.port);

	if (connection && connection->first == packet->seq && !connection->ended &&
	    tuple_equal(&connection->tuple, &packet->tuple))
		return connection;
	if (connection)
		replay_table_forget(&replay->table, connection);
	if (!foreign)
		replay->counters.connections++;
	connection = replay_begin(replay, packet, true);
	connection->first = packet->seq;
	connection->state = foreign ? REPLAY_FOREIGN : REPLAY_LIVE;
	connection->stream[DIRECTION_ORIGINAL].started = true;
	connection->stream[DIRECTION_ORIGINAL].delivered = packet->seq + 1;
	replay_stream_begin(&connection->stream[DIRECTION_ORIGINAL], packet->seq + 1);
	if (!foreign)
		replay_tell_begin(replay, connection, DIRECTION_ORIGINAL, packet, false);
	return connection;
}

/* A packet of a connection whose SYN the capture doesn't have. */
static struct replay_connection *replay_adopt(struct replay *replay, const struct packet *packet)
{
	const bool answers = (packet->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	const bool from_client = replay_is_control_port(replay, packet->tuple.destination.port) && !answers;
	struct replay_connection *connection;

	/* A SYN and ACK comes from the server; a data connection may well be made from a control port. */
	if (answers && !replay_is_control_port(replay, packet->tuple.source.port))
		return NULL;
	replay->counters.connections++;
	if (!answers)
		replay->counters.adopted++;
	connection = replay_begin(replay, packet, from_client);
	replay_tell_begin(replay, connection, from_client ? DIRECTION_ORIGINAL : DIRECTION_REPLY, packet, !answers);
	return connection;
}

static void replay_keep_link(struct replay_stream *stream, const struct capture_frame *frame)
{
	if (stream->link_length > 0 || frame->link > sizeof(stream->link))
		return;
	memcpy(stream->link, frame->bytes.data, frame->link);
	stream->link_length = (uint8_t)frame->link;
}

static void replay_copy(struct replay *replay, const struct capture_frame *frame)
{
	if (replay->settings.output)
		capture_output_copy(replay->settings.output, frame);
}

/* As much of a packet that the snapshot length cut as is needed to tell its connection. */
static bool replay_parse_short(struct replay *replay, struct bytes ip, struct packet *packet)
{
	if (ip.length > sizeof(replay->prepared))
		return false;
	/* With the length that was captured, it is a packet that can be parsed. */
	memcpy(replay->prepared, ip.data, ip.length);
	if (ip.data[0] >> 4 == 4 && ip.length >= 20) {
		replay->prepared[2] = (uint8_t)(ip.length >> 8);
		replay->prepared[3] = (uint8_t)ip.length;
	} else if (ip.data[0] >> 4 == 6 && ip.length >= 40) {
		replay->prepared[4] = (uint8_t)((ip.length - 40) >> 8);
		replay->prepared[5] = (uint8_t)(ip.length - 40);
	}
	return packet_parse((struct bytes){ replay->prepared, ip.length }, packet) == REASON_NONE;
}

/* How long the payload was on the wire, by the IP header; packet is what replay_parse_short made of it. */
static size_t replay_short_payload(struct bytes ip, const struct packet *packet)
{
	const size_t headers = (size_t)packet->ip_header + packet->tcp_header;
	const size_t length = ip.data[0] >> 4 == 4 ? (size_t)(ip.data[2] << 8 | ip.data[3])
						   : (size_t)(ip.data[4] << 8 | ip.data[5]) + 40;

	return length > headers ? length - headers : packet->payload.length;
}

/* Writes the frame with the numbers that it would leave with. */
static void replay_copy_short(struct replay *replay, const struct replay_connection *connection,
			      enum direction direction, const struct capture_frame *frame, const struct packet *packet)
{
	struct capture_frame copy = *frame;

	if (!replay->settings.output || frame->bytes.length > sizeof(replay->leaving))
		return;
	memcpy(replay->leaving, frame->bytes.data, frame->bytes.length);
	replay_set_numbers(replay->leaving + frame->link + packet->ip_header,
			   seqadj_apply(&connection->stream[direction].kernel, packet->seq),
			   replay_stream_map(&connection->stream[direction_opposite(direction)], packet->ack));
	copy.bytes.data = replay->leaving;
	capture_output_copy(replay->settings.output, &copy);
}

/* A packet that the snapshot length cut. Returns whether it has been written. */
static bool replay_take_short(struct replay *replay, const struct capture_frame *frame, struct bytes ip)
{
	struct replay_connection *connection;
	enum direction direction;
	struct packet packet;

	if (!replay_parse_short(replay, ip, &packet))
		return false;
	replay_send_rest(replay);
	connection = replay_table_find(&replay->table, &packet.tuple, &direction);
	if (connection ? connection->state == REPLAY_FOREIGN
		       : !replay_is_control_port(replay, packet.tuple.source.port) &&
				 !replay_is_control_port(replay, packet.tuple.destination.port)) {
		replay_tell_data(replay, &packet, replay_short_payload(ip, &packet));
		return false;
	}
	replay->counters.control++;
	replay->counters.cut_short++;
	if (!connection)
		return false;
	replay_set_incomplete(replay, connection);
	replay_copy_short(replay, connection, direction, frame, &packet);
	return true;
}

/* A packet that has a control port at one of its ends. Returns whether it is of a control connection. */
static bool replay_take_control(struct replay *replay, const struct capture_frame *frame, struct replay_packet *packet)
{
	const bool begins = (packet->view.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	struct replay_connection *connection;

	/* What is delayed belongs to the connection before. */
	if (begins)
		replay_send_rest(replay);
	connection = replay_table_find(&replay->table, &packet->view.tuple, &packet->direction);
	if (begins)
		connection = replay_take_syn(replay, connection, &packet->view);
	else if (!connection)
		connection = replay_adopt(replay, &packet->view);
	if (!connection || connection->state == REPLAY_FOREIGN) {
		replay_tell_data(replay, &packet->view, packet->view.payload.length);
		return false;
	}
	replay_table_touch(&replay->table, connection, replay->now);
	replay->counters.control++;
	packet->connection = connection;
	packet->direction = tuple_equal(&connection->tuple, &packet->view.tuple) ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
	packet->link = (struct bytes){ frame->bytes.data, frame->link };
	replay_keep_link(&connection->stream[packet->direction], frame);
	/* The rules queue what conntrack has confirmed: not the SYN. */
	if (begins)
		return replay_write_syn(replay, packet);
	replay_send(replay, packet);
	return true;
}

/* A packet of some other connection. One that begins may have been expected. */
static void replay_take_data(struct replay *replay, const struct packet *packet)
{
	if ((packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		/* It may be the consequence of a line that is delayed. */
		replay_send_rest(replay);
		replay_pinholes_use(replay->pinholes, &packet->tuple, replay->now);
	}
	replay_tell_data(replay, packet, packet->payload.length);
}

void replay_frame(struct replay *replay, const struct capture_frame *frame)
{
	enum reason reason = REASON_NOT_TCP;
	struct replay_packet packet = {
		.ip = { frame->bytes.data + frame->link, frame->bytes.length - frame->link },
	};
	const struct tuple *tuple = &packet.view.tuple;
	bool taken = false;

	replay->counters.packets++;
	/* What was put out of order comes late, but not after what happens meanwhile. */
	if (replay->delayed.full && replay_time(&frame->time) > replay->now + REPLAY_DELAY_MAX)
		replay_send_rest(replay);
	replay_set_time(replay, &frame->time);
	if (frame->internet)
		reason = packet_parse(packet.ip, &packet.view);
	if (reason == REASON_NONE && (replay_is_control_port(replay, tuple->source.port) ||
				      replay_is_control_port(replay, tuple->destination.port)))
		taken = replay_take_control(replay, frame, &packet);
	else if (reason == REASON_NONE)
		replay_take_data(replay, &packet.view);
	else if (reason == REASON_FRAGMENT)
		replay->counters.fragments++;
	else if (reason == REASON_SHORT_PACKET)
		taken = replay_take_short(replay, frame, packet.ip);
	if (!taken)
		replay_copy(replay, frame);
}

/* A fixed key: the table's order must not differ between runs, and nobody gains from collisions here. */
static int replay_create_gateway(struct replay *replay)
{
	static const uint8_t key[16] = "ftpalg replay";
	const struct replay_settings *settings = &replay->settings;
	struct gateway_limits limits = *settings->limits;

	/* Nothing is under way in a capture. */
	limits.settling = 0;
	replay->memory = calloc(1, gateway_memory(&limits));
	if (!replay->memory)
		return -1;
	replay_set_ops(replay);
	replay->gateway = gateway_create(replay->memory, &limits, settings->policy, &replay->ops, key);
	return 0;
}

struct replay *replay_create(const struct replay_settings *settings)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return NULL;
	replay->settings = *settings;
	replay->random = settings->seed;
	for (size_t i = 0; i < settings->port_count; i++)
		replay->control_port[settings->ports[i] / 8] |= (uint8_t)(1 << settings->ports[i] % 8);
	replay->pinholes = calloc(1, sizeof(*replay->pinholes));
	if (!replay->pinholes || replay_table_init(&replay->table, 2 * settings->limits->sessions) < 0 ||
	    replay_create_gateway(replay) < 0) {
		replay_destroy(replay);
		return NULL;
	}
	return replay;
}

void replay_finish(struct replay *replay)
{
	replay_send_rest(replay);
	for (uint32_t i = 0; i < replay->table.fresh; i++) {
		struct replay_connection *connection = &replay->table.rows[i];

		for (int j = 0; j < 2; j++)
			if (connection->stream[j].waiting && connection->stream[j].waiting->lack != REPLAY_LACKS_ROOM)
				replay_set_incomplete(replay, connection);
	}
	gateway_stop(replay->gateway, true, replay->now);
}

const struct replay_counters *replay_get_counters(const struct replay *replay)
{
	return &replay->counters;
}

void replay_destroy(struct replay *replay)
{
	if (!replay)
		return;
	replay_table_free(&replay->table);
	free(replay->pinholes);
	free(replay->memory);
	free(replay);
}
