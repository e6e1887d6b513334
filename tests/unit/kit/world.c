/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define SEGMENT_MAX 1160
#define CLIENT_PORT 40000

struct address world_address(const char *text)
{
	struct bytes bytes = { (const uint8_t *)text, strlen(text) };
	struct address address;

	if (!address_parse(bytes, &address))
		abort();
	return address;
}

uint32_t world_random(struct world *world, uint32_t below)
{
	world->random = world->random * 1664525 + 1013904223;
	return (world->random >> 8) % below;
}

static bool chance(struct world *world, unsigned int per_mille)
{
	return world_random(world, 1000) < per_mille;
}

static enum reason op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	struct world *world = context;

	connection->view = world->view;
	connection->opening = world->shaken && world->peer[0].sent == 0 && world->peer[1].sent == 0;
	connection->shared = world->shared;
	connection->carrier = world->carrier;
	connection->resizable = nat_view_is_translated(&world->view);
	connection->seqadj[0] = world->seqadj[0];
	connection->seqadj[1] = world->seqadj[1];
	connection->direction = endpoint_equal(&seen->source, &world->view.client) ? DIRECTION_ORIGINAL
										   : DIRECTION_REPLY;
	return REASON_NONE;
}

static enum reason op_recall(void *context, const struct nat_view *view, struct connection *connection)
{
	struct world *world = context;

	if (!nat_view_equal(view, &world->view) && !world->others_live)
		return REASON_NO_CONNECTION;
	memset(connection, 0, sizeof(*connection));
	connection->view = *view;
	return REASON_NONE;
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct world *world = context;

	(void)master;
	if (world->expect_answer != REASON_NONE)
		return world->expect_answer;
	if (expectation->destination.port == world->port_taken) {
		if (!expectation->translated)
			return REASON_NO_PORT;
		expectation->destination.port++;
	}
	world->pinholes[world->pinhole_count++ % 8] = *expectation;
	world->pinholes_made++;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct world *world = context;

	(void)master;
	for (unsigned int i = 0; i < world->pinhole_count; i++)
		if (memcmp(&world->pinholes[i], expectation, sizeof(*expectation)) == 0) {
			world->pinholes[i] = world->pinholes[--world->pinhole_count];
			return REASON_NONE;
		}
	return REASON_USED;
}

static enum reason op_seqadj(void *context, const struct nat_view *master, enum direction direction,
			     const struct seqadj *seqadj)
{
	struct world *world = context;

	(void)master;
	world->adjusted++;
	if (!world->seqadj_kept)
		return REASON_NO_RESIZE;
	world->seqadj[direction] = *seqadj;
	return REASON_NONE;
}

static enum reason op_expect_and_adjust(void *context, const struct nat_view *master, struct expectation *expectation,
					struct correction *correction)
{
	struct world *world = context;
	const uint16_t wanted = expectation->destination.port;
	const enum reason reason = op_expect(context, master, expectation);

	world->asked_together++;
	correction->asked = reason == REASON_NONE && expectation->destination.port == wanted;
	if (correction->asked)
		correction->answer = op_seqadj(context, master, correction->direction, &correction->seqadj);
	return reason;
}

static void op_inject(void *context, struct bytes packet);

static void op_notice(void *context, const struct notice *notice)
{
	struct world *world = context;
	struct world_event *row = &world->events[world->event_count % WORLD_EVENTS_MAX];

	row->type = notice->type;
	row->reason = notice->reason;
	row->form = notice->form;
	row->verb = notice->verb;
	row->announced = notice->announced;
	world->event_count++;
}

void world_make(struct world *world, const char *client, const char *client_seen, const char *server,
		const char *server_seen)
{
	memset(world, 0, sizeof(*world));
	for (unsigned int place = 0; place < WORLD_ROAD_MAX; place++)
		world->road_order[place] = (uint8_t)place;
	world->view.client.address = world_address(client);
	world->view.client.port = CLIENT_PORT;
	world->view.client_seen.address = world_address(client_seen ? client_seen : client);
	world->view.client_seen.port = CLIENT_PORT;
	world->view.server.address = world_address(server);
	world->view.server.port = 21;
	world->view.server_seen.address = world_address(server_seen ? server_seen : server);
	world->view.server_seen.port = 21;
	world->carrier = true;
	world->seqadj_kept = nat_view_is_translated(&world->view);
	gateway_limits_set_defaults(&world->limits);
	world->limits.sessions = 16;
	world->limits.memory = 512 * BUFFER_BLOCK_SIZE;
	policy_rule_set_defaults(&world->policy.rules[0]);
	world->policy.rule_count = 1;
	world->ops.context = world;
	world->ops.lookup = op_lookup;
	world->ops.recall = op_recall;
	world->ops.expect = op_expect;
	world->ops.unexpect = op_unexpect;
	world->ops.seqadj = op_seqadj;
	world->ops.expect_and_adjust = op_expect_and_adjust;
	world->ops.inject = op_inject;
	world->ops.notice = op_notice;
	world->random = 1;
}

void world_start(struct world *world, uint32_t first_number)
{
	static const uint8_t key[16] = { 1, 2, 3 };

	world->memory = aligned_alloc(64, (gateway_memory(&world->limits) + 63) & ~(size_t)63);
	if (!world->memory)
		abort();
	world->gateway = gateway_create(world->memory, &world->limits, &world->policy, &world->ops, key);
	world->peer[0].first = first_number;
	world->peer[1].first = first_number + 0x1234567;
	world->peer[0].peer_first = world->peer[1].first;
	world->peer[1].peer_first = world->peer[0].first;
}

void world_end(struct world *world)
{
	free(world->memory);
	world->memory = NULL;
}

static struct tuple sender_tuple(const struct world *world, enum direction direction)
{
	struct tuple tuple = { world->view.client, world->view.server };

	return direction == DIRECTION_ORIGINAL ? tuple : tuple_reverse(&tuple);
}

/* A segment as it arrives at the FORWARD hook: the sender's numbers, the receiver's acknowledgement. */
static size_t build_segment(const struct world *world, enum direction direction, size_t offset, const void *payload,
			    size_t length, uint8_t flags, uint8_t *out, size_t size)
{
	const struct peer *sender = &world->peer[direction];
	struct tuple tuple = sender_tuple(world, direction);
	struct packet_plain plain = { .tuple = tuple, .flags = TCP_ACK, .window = 1000 };
	uint8_t header[PACKET_PLAIN_MAX];
	struct bytes bytes = { header, 0 };
	struct packet packet;
	struct packet_change change = {
		.seq = sender->first + (uint32_t)offset,
		.ack = sender->peer_first + (uint32_t)sender->got_length,
		.flags = flags | TCP_ACK,
		.payload = { payload, length },
	};

	bytes.length = packet_build(&plain, header);
	if (packet_parse(bytes, &packet) != REASON_NONE)
		abort();
	return packet_rewrite(bytes, &packet, &change, out, size);
}

/* A packet behind the gateway, with the receiver's numbers already. */
static void arrive(struct world *world, enum direction direction, struct bytes bytes)
{
	struct peer *receiver = &world->peer[direction_opposite(direction)];
	struct packet packet;
	size_t acknowledged;
	uint32_t offset;

	if (packet_parse(bytes, &packet) != REASON_NONE || packet_verify_checksum(bytes, &packet) != REASON_NONE)
		abort();
	if (packet.flags & TCP_RST) {
		receiver->reset = true;
		return;
	}
	acknowledged = packet.ack - receiver->first;
	if (acknowledged <= receiver->sent && acknowledged > receiver->acknowledged)
		receiver->acknowledged = acknowledged;
	offset = packet.seq - receiver->peer_first;
	/* RFC 9293 3.10.7.4 */
	if (packet.payload.length == 0 && (int32_t)(offset - (uint32_t)receiver->got_length) < 0)
		receiver->asked = true;
	for (size_t i = 0; i < packet.payload.length; i++) {
		size_t at = (size_t)(uint32_t)(offset + i);

		/* Behind what was received: old bytes, which a receiver does not look at. */
		if (at >= WORLD_STREAM_MAX || at < receiver->got_length || receiver->have[at])
			continue;
		receiver->got[at] = packet.payload.data[i];
		receiver->have[at] = true;
	}
	while (receiver->got_length < WORLD_STREAM_MAX && receiver->have[receiver->got_length])
		receiver->got_length++;
}

static void op_inject(void *context, struct bytes packet)
{
	struct world *world = context;
	struct packet view;
	enum direction direction;

	world->injected++;
	if (packet_parse(packet, &view) != REASON_NONE)
		abort();
	/* It names the receiver as that one knows itself; whoever it is, it is at the end of that direction. */
	direction = endpoint_equal(&view.tuple.destination, &world->view.client) ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	arrive(world, direction, packet);
	if (view.payload.length > 0)
		world->peer[direction_opposite(direction)].asked = true;
}

/* The gateway, and behind it the kernel's adjustment. Returns the length of what leaves, 0 for nothing. */
static size_t cross(struct world *world, enum direction direction, struct bytes bytes, uint8_t *out, size_t size)
{
	struct packet packet;
	struct packet_change change = { .may_be_cut = false };

	world->now += 100;
	gateway_packet(world->gateway, bytes, NULL, world->now, &world->output);
	if (world->output.verdict == GATEWAY_DROP)
		return 0;
	if (world->output.verdict == GATEWAY_REPLACE) {
		bytes.data = world->output.packet;
		bytes.length = world->output.length;
	}
	if (packet_parse(bytes, &packet) != REASON_NONE)
		abort();
	change.seq = seqadj_apply(&world->seqadj[direction], packet.seq);
	change.ack = seqadj_revert(&world->seqadj[direction_opposite(direction)], packet.ack);
	change.flags = packet.flags;
	change.strip_sack = false;
	change.payload = packet.payload;
	return packet_rewrite(bytes, &packet, &change, out, size);
}

void world_answer_syn(struct world *world)
{
	struct packet_plain plain = {
		.tuple = sender_tuple(world, DIRECTION_REPLY),
		.seq = world->peer[1].first - 1,
		.ack = world->peer[0].first,
		.flags = TCP_SYN | TCP_ACK,
		.window = 1000,
	};
	uint8_t packet[PACKET_PLAIN_MAX];
	struct bytes bytes = { packet, 0 };

	world->shaken = true;
	bytes.length = packet_build(&plain, packet);
	gateway_packet(world->gateway, bytes, NULL, world->now, &world->output);
}

void world_shake_hands(struct world *world)
{
	world_answer_syn(world);
	if (world->output.verdict == GATEWAY_ACCEPT)
		world_send(world, DIRECTION_ORIGINAL, 0, "", 0, 0);
}

enum gateway_verdict world_send(struct world *world, enum direction direction, size_t offset, const void *payload,
				size_t length, uint8_t flags)
{
	struct peer *sender = &world->peer[direction];
	uint8_t in[2048];
	uint8_t out[4096];
	struct bytes bytes = { in, 0 };

	bytes.length = build_segment(world, direction, offset, payload, length, flags, in, sizeof(in));
	if (offset + length > sender->sent)
		sender->sent = offset + length;
	bytes.length = cross(world, direction, bytes, out, sizeof(out));
	bytes.data = out;
	if (bytes.length > 0)
		arrive(world, direction, bytes);
	return world->output.verdict;
}

void world_settle_adoption(struct world *world)
{
	world->now += world->limits.settling;
	gateway_tick(world->gateway, world->now);
	for (int i = 0; i < 2; i++) {
		struct peer *peer = &world->peer[i];

		if (peer->asked)
			world_send(world, (enum direction)i, peer->sent, "", 0, 0);
		peer->asked = false;
	}
}

static void road_put(struct world *world, enum direction direction, bool behind, const uint8_t *data, size_t length)
{
	struct road_packet *packet;

	if (world->road_length == WORLD_ROAD_MAX || length > sizeof(packet->data))
		return;
	packet = &world->road[world->road_order[world->road_length++]];
	packet->direction = direction;
	packet->behind = behind;
	packet->length = length;
	memcpy(packet->data, data, length);
}

/* Makes the place of a packet that is under way a free one. */
static void road_remove(struct world *world, unsigned int at)
{
	uint8_t place = world->road_order[at];

	memmove(&world->road_order[at], &world->road_order[at + 1], --world->road_length - at);
	world->road_order[world->road_length] = place;
}

static void transmit(struct world *world, enum direction direction, size_t offset, size_t length)
{
	struct peer *sender = &world->peer[direction];
	uint8_t data[2048];
	size_t size = build_segment(world, direction, offset, sender->send + offset, length,
				    length > 0 ? TCP_PSH : 0, data, sizeof(data));

	if (offset + length > sender->sent)
		sender->sent = offset + length;
	road_put(world, direction, false, data, size);
}

/* The next segment of new bytes; false where Nagle forbids it. */
static bool transmit_fresh(struct world *world, enum direction direction, const struct schedule *schedule)
{
	struct peer *sender = &world->peer[direction];
	size_t length = sender->send_length - sender->sent;

	if (sender->nagle && sender->sent > sender->acknowledged)
		return false;
	if (schedule->cut_at > sender->sent && schedule->cut_at - sender->sent < length)
		length = schedule->cut_at - sender->sent;
	if (schedule->segment_max > 0 && length > schedule->segment_max)
		length = 1 + world_random(world, schedule->segment_max);
	if (length > SEGMENT_MAX)
		length = SEGMENT_MAX;
	transmit(world, direction, sender->sent, length);
	return true;
}

/* A retransmission from the oldest unacknowledged byte, or from anywhere behind it. */
static void transmit_again(struct world *world, enum direction direction, bool anywhere)
{
	struct peer *sender = &world->peer[direction];
	size_t from = sender->acknowledged;
	size_t rest = sender->sent - from;
	size_t length;

	if (anywhere && rest > 1) {
		from += world_random(world, (uint32_t)rest);
		rest = sender->sent - from;
	}
	length = anywhere ? 1 + world_random(world, (uint32_t)rest) : rest;
	transmit(world, direction, from, length > SEGMENT_MAX ? SEGMENT_MAX : length);
}

/* Takes one packet from the road: the first, or another where order is not kept. */
static void deliver(struct world *world, const struct schedule *schedule)
{
	unsigned int at = chance(world, schedule->reorder) ? world_random(world, world->road_length) : 0;
	const struct road_packet *found = &world->road[world->road_order[at]];
	enum direction direction = found->direction;
	bool behind = found->behind;
	uint8_t data[sizeof(found->data)];
	struct bytes bytes = { data, found->length };
	uint8_t out[4096];

	/* What is sent meanwhile may have its place. */
	memcpy(data, found->data, found->length);
	if (!chance(world, schedule->repeat))
		road_remove(world, at);
	if (chance(world, schedule->lose))
		return;
	if (!behind) {
		size_t length = cross(world, direction, bytes, out, sizeof(out));

		if (length > 0)
			road_put(world, direction, true, out, length);
		return;
	}
	arrive(world, direction, bytes);
	/* Payload is acknowledged, new or not. */
	if (bytes.length > (world->view.client.address.family == FAMILY_IPV4 ? 40 : 60))
		transmit(world, direction_opposite(direction), world->peer[direction_opposite(direction)].sent, 0);
}

static void step(struct world *world, const struct schedule *schedule)
{
	bool idle = true;

	for (int i = 0; i < 2; i++) {
		enum direction direction = (enum direction)i;
		struct peer *peer = &world->peer[direction];

		if (peer->asked)
			transmit(world, direction, peer->sent, 0);
		peer->asked = false;
		if (peer->send_length > peer->sent && transmit_fresh(world, direction, schedule)) {
			idle = false;
		} else if (peer->sent > peer->acknowledged && chance(world, schedule->resend)) {
			transmit_again(world, direction, true);
		}
	}
	if (world->road_length > 0) {
		deliver(world, schedule);
		return;
	}
	/* Nothing under way: the timers of both ends, a gateway's first. */
	world->now += 50000;
	gateway_tick(world->gateway, world->now);
	for (int i = 0; i < 2 && idle; i++) {
		enum direction direction = (enum direction)i;

		if (world->peer[direction].sent > world->peer[direction].acknowledged)
			transmit_again(world, direction, false);
	}
}

static bool all_quiet(const struct world *world)
{
	for (int i = 0; i < 2; i++)
		if (world->peer[i].acknowledged < world->peer[i].send_length)
			return false;
	return true;
}

void world_speak(struct world *world, enum direction direction, struct bytes text)
{
	struct peer *peer = &world->peer[direction];

	memcpy(peer->send + peer->send_length, text.data, text.length);
	peer->send_length += text.length;
}

void world_begin(struct world *world, const struct schedule *schedule)
{
	world->random = schedule->seed + 1;
	world->peer[0].nagle = schedule->nagle;
	world->peer[1].nagle = schedule->nagle;
}

bool world_settle(struct world *world, const struct schedule *schedule)
{
	for (unsigned int steps = 0; !all_quiet(world); steps++) {
		if (steps == 400000)
			return false;
		if (world->peer[0].reset || world->peer[1].reset)
			return true;
		step(world, schedule);
	}
	return true;
}

bool world_converse(struct world *world, const struct line *lines, size_t count, const struct schedule *schedule)
{
	world_begin(world, schedule);
	for (size_t i = 0; i < count; i++) {
		struct bytes text = { (const uint8_t *)lines[i].text, strlen(lines[i].text) };

		world_speak(world, lines[i].direction, text);
		/* Lines of one side in a row are pipelined. */
		if (i + 1 < count && lines[i + 1].direction == lines[i].direction)
			continue;
		if (!world_settle(world, schedule))
			return false;
	}
	return true;
}

struct bytes world_received(const struct world *world, enum direction direction)
{
	const struct peer *receiver = &world->peer[direction_opposite(direction)];
	struct bytes bytes = { receiver->got, receiver->got_length };

	return bytes;
}

unsigned int world_count_events(const struct world *world, enum notice_type type, enum reason reason)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < world->event_count && i < WORLD_EVENTS_MAX; i++)
		if (world->events[i].type == type && (reason == REASON_COUNT || world->events[i].reason == reason))
			count++;
	return count;
}
