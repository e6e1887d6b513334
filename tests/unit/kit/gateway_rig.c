/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "gateway_rig.h"
#include "unit.h"

#define CLIENT_PORT 40000

#define CLIENT_LOGIN "USER u\r\nPASS p\r\n"
#define SERVER_LOGIN "220 ready\r\n331 password\r\n230 in\r\n"

static struct rig_connection *connection_of(struct rig *rig, uint16_t port)
{
	uint16_t index = (uint16_t)(port - CLIENT_PORT);

	assert_true(index < RIG_CONNECTIONS);
	return &rig->connections[index];
}

static enum reason op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	struct rig *rig = context;
	bool original = seen->destination.port == 21;
	const struct rig_connection *found = connection_of(rig, original ? seen->source.port : seen->destination.port);

	rig->lookups++;
	if (rig->lookup_answer != REASON_NONE)
		return rig->lookup_answer;
	connection->view = rig->lookup_other ? *rig->lookup_other : found->view;
	connection->direction = original ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
	/* conntrack knows an established connection by what both have sent. */
	connection->opening = rig->opening || (found->shaken && found->peer[0].next == found->peer[0].first &&
					       found->peer[1].next == found->peer[1].first);
	connection->shared = rig->shared;
	connection->ended = rig->over;
	connection->carrier = rig->carrier;
	connection->resizable = nat_view_is_translated(&found->view);
	memcpy(connection->seqadj, found->seqadj, sizeof(connection->seqadj));
	return REASON_NONE;
}

static enum reason op_recall(void *context, const struct nat_view *view, struct connection *connection)
{
	struct rig *rig = context;

	memset(connection, 0, sizeof(*connection));
	connection->view = *view;
	return rig->others_live ? REASON_NONE : REASON_NO_CONNECTION;
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct rig *rig = context;

	(void)master;
	if (!rig->carrier)
		return REASON_NO_CARRIER;
	rig->pinhole = *expectation;
	rig->pinholes++;
	rig->pinholes_made++;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct rig *rig = context;

	(void)master;
	(void)expectation;
	assert_true(rig->pinholes > 0);
	rig->pinholes--;
	return REASON_NONE;
}

static enum reason op_seqadj(void *context, const struct nat_view *master, enum direction direction,
			     const struct seqadj *seqadj)
{
	struct rig *rig = context;

	if (!rig->seqadj_kept)
		return REASON_NO_RESIZE;
	connection_of(rig, master->client.port)->seqadj[direction] = *seqadj;
	return REASON_NONE;
}

static void op_notice(void *context, const struct notice *notice)
{
	struct rig *rig = context;
	size_t length = strlen(rig->events);

	snprintf(rig->events + length, sizeof(rig->events) - length, " %s%s%s", notice_name(notice->type),
		 notice->reason != REASON_NONE ? ":" : "",
		 notice->reason != REASON_NONE ? reason_name(notice->reason) : "");
}

/* What arrives at the receiver, with its numbers. */
static void arrive(struct rig_connection *connection, enum direction direction, const struct packet *packet)
{
	struct rig_peer *receiver = &connection->peer[direction_opposite(direction)];
	uint32_t old = receiver->expects - packet->seq;

	if (packet->flags & TCP_RST) {
		receiver->reset = receiver->reset || packet->seq == receiver->expects;
		receiver->refused_resets += packet->seq == receiver->expects ? 0 : 1;
		return;
	}
	if (packet->payload.length == 0 && seq_before(packet->seq, receiver->expects))
		receiver->asked = true;
	receiver->segments += packet->payload.length > 0 ? 1 : 0;
	if (old <= packet->payload.length) {
		size_t fresh = packet->payload.length - old;

		assert_true(receiver->got_length + fresh < RIG_GOT_MAX);
		if (fresh > 0)
			memcpy(receiver->got + receiver->got_length, packet->payload.data + old, fresh);
		receiver->got_length += fresh;
		receiver->expects += (uint32_t)fresh;
		if ((packet->flags & TCP_FIN) && !receiver->finished) {
			receiver->finished = true;
			receiver->expects++;
		}
	}
}

/* It has the addresses that its receiver knows: nobody translates it on its way. */
static void op_inject(void *context, struct bytes bytes)
{
	struct rig *rig = context;
	struct packet packet;
	struct rig_connection *connection;
	enum direction direction;
	struct tuple want;

	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	assert_int_equal(packet_verify_checksum(bytes, &packet), REASON_NONE);
	assert_true(rig->injected_count < RIG_INJECTED_MAX);
	direction = packet.tuple.source.port == 21 ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	connection = connection_of(rig, direction == DIRECTION_REPLY ? packet.tuple.destination.port
								     : packet.tuple.source.port);
	want = nat_view_tuple(&connection->view, direction);
	assert_true(tuple_equal(&packet.tuple, &want));
	arrive(connection, direction, &packet);
	packet.payload.data = NULL;
	rig->injected[rig->injected_count++] = packet;
}

static struct nat_view make_view(enum rig_nat nat, uint16_t port)
{
	struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");

	if (nat == RIG_SNAT)
		view.client_seen = unit_endpoint("198.51.100.200", CLIENT_PORT);
	if (nat == RIG_DNAT) {
		view = unit_view("203.0.113.77", "10.0.0.2");
		view.server_seen = unit_endpoint("198.51.100.200", 21);
	}
	if (nat == RIG_PLAIN6)
		view = unit_view("2001:db8::5", "2001:db8:1::9");
	view.client.port = port;
	view.client_seen.port = port;
	return view;
}

void rig_make(struct rig *rig, enum rig_nat nat)
{
	memset(rig, 0, sizeof(*rig));
	for (uint16_t i = 0; i < RIG_CONNECTIONS; i++)
		rig->connections[i].view = make_view(nat, (uint16_t)(CLIENT_PORT + i));
	rig->at = &rig->connections[0];
	rig->carrier = true;
	rig->seqadj_kept = nat_view_is_translated(&rig->at->view);
	gateway_limits_set_defaults(&rig->limits);
	rig->limits.sessions = RIG_CONNECTIONS;
	rig->limits.memory = 256 * BUFFER_BLOCK_SIZE;
	policy_rule_set_defaults(&rig->policy.rules[0]);
	rig->policy.rule_count = 1;
	rig->now = 1000000;
	rig->way[DIRECTION_ORIGINAL] = (struct gateway_way){ .in = 1, .out = 2 };
	rig->way[DIRECTION_REPLY] = (struct gateway_way){ .in = 2, .out = 1 };
	rig->ops = (struct ops){
		.context = rig, .lookup = op_lookup, .recall = op_recall, .expect = op_expect,
		.unexpect = op_unexpect, .seqadj = op_seqadj, .inject = op_inject, .notice = op_notice,
	};
}

void rig_start(struct rig *rig)
{
	static const uint8_t key[16] = { 9, 8, 7 };

	rig->memory = aligned_alloc(64, (gateway_memory(&rig->limits) + 63) & ~(size_t)63);
	assert_non_null(rig->memory);
	rig->gateway = gateway_create(rig->memory, &rig->limits, &rig->policy, &rig->ops, key);
	for (uint32_t i = 0; i < RIG_CONNECTIONS; i++) {
		struct rig_peer *peers = rig->connections[i].peer;

		for (int side = 0; side < 2; side++) {
			peers[side].first = UINT32_C(0xfffffff0) - (side == 0 ? 0 : 40) - i;
			peers[side].next = peers[side].first;
			peers[1 - side].expects = peers[side].first;
			peers[1 - side].other_first = peers[side].first;
		}
	}
}

void rig_end(struct rig *rig)
{
	free(rig->memory);
	rig->memory = NULL;
}

void rig_begin(struct rig *rig, enum rig_nat nat)
{
	rig_make(rig, nat);
	rig_start(rig);
}

static size_t build(const struct rig *rig, enum direction direction, const struct packet_change *change, uint8_t *out,
		    size_t size)
{
	struct tuple tuple = { rig->at->view.client, rig->at->view.server };
	struct packet_plain plain = {
		.tuple = direction == DIRECTION_ORIGINAL ? tuple : tuple_reverse(&tuple),
		.flags = TCP_ACK,
		.window = 1000,
	};
	uint8_t header[PACKET_PLAIN_MAX];
	struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet packet;

	assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
	return packet_rewrite(bytes, &packet, change, out, size);
}

/* The kernel behind the gateway: it adjusts the numbers and lets the packet go on. */
static void pass_on(struct rig *rig, enum direction direction)
{
	struct rig_connection *connection = rig->at;
	struct packet packet = rig->left;

	if (rig->lose)
		return;
	packet.seq = seqadj_apply(&connection->seqadj[direction], packet.seq);
	packet.ack = seqadj_revert(&connection->seqadj[direction_opposite(direction)], packet.ack);
	arrive(connection, direction, &packet);
}

enum gateway_verdict rig_packet(struct rig *rig, enum direction direction, uint32_t seq, uint32_t ack, uint8_t flags,
				uint16_t urgent, const void *payload, size_t length)
{
	static uint8_t data[GATEWAY_PACKET_MAX];
	struct packet_change change = {
		.seq = seq, .ack = ack, .flags = flags, .payload = { payload, length }, .urgent = urgent,
	};
	struct bytes bytes = { data, build(rig, direction, &change, data, sizeof(data)) };

	assert_true(bytes.length > 0);
	rig->now += 100;
	memset(&rig->left, 0, sizeof(rig->left));
	gateway_packet(rig->gateway, bytes, &rig->way[direction], rig->now, &rig->output);
	if (rig->output.verdict == GATEWAY_DROP)
		return GATEWAY_DROP;
	if (rig->output.verdict == GATEWAY_REPLACE)
		bytes = (struct bytes){ rig->output.packet, rig->output.length };
	memcpy(rig->left_bytes, bytes.data, bytes.length);
	bytes.data = rig->left_bytes;
	assert_int_equal(packet_parse(bytes, &rig->left), REASON_NONE);
	assert_int_equal(packet_verify_checksum(bytes, &rig->left), REASON_NONE);
	pass_on(rig, direction);
	return rig->output.verdict;
}

enum gateway_verdict rig_at(struct rig *rig, enum direction direction, size_t offset, const char *text, uint8_t flags)
{
	const struct rig_peer *peer = &rig->at->peer[direction];

	return rig_packet(rig, direction, peer->first + (uint32_t)offset, peer->expects, flags | TCP_ACK, 0, text,
			  strlen(text));
}

enum gateway_verdict rig_say_bytes(struct rig *rig, enum direction direction, const void *bytes, size_t length,
				   uint8_t flags)
{
	struct rig_peer *peer = &rig->at->peer[direction];
	uint32_t seq = peer->next;

	peer->next += (uint32_t)length + (flags & TCP_FIN ? 1 : 0);
	return rig_packet(rig, direction, seq, peer->expects, flags | TCP_ACK, 0, bytes, length);
}

enum gateway_verdict rig_say(struct rig *rig, enum direction direction, const char *text)
{
	return rig_say_bytes(rig, direction, text, strlen(text), TCP_PSH);
}

enum gateway_verdict rig_acknowledge(struct rig *rig, enum direction direction)
{
	return rig_say_bytes(rig, direction, "", 0, 0);
}

enum gateway_verdict rig_shake(struct rig *rig)
{
	rig->at->shaken = true;
	return rig_packet(rig, DIRECTION_REPLY, rig->at->peer[1].first - 1, rig->at->peer[0].first, TCP_SYN | TCP_ACK,
			  0, "", 0);
}

void rig_answer(struct rig *rig)
{
	for (int side = 0; side < 2; side++) {
		if (!rig->at->peer[side].asked)
			continue;
		rig->at->peer[side].asked = false;
		rig_acknowledge(rig, (enum direction)side);
	}
}

void rig_settle(struct rig *rig)
{
	rig->now += rig->limits.settling;
	gateway_tick(rig->gateway, rig->now);
	rig_answer(rig);
}

void rig_login(struct rig *rig)
{
	assert_int_equal(rig_shake(rig), GATEWAY_ACCEPT);
	rig_acknowledge(rig, DIRECTION_ORIGINAL);
	rig_say(rig, DIRECTION_REPLY, "220 ready\r\n");
	rig_say(rig, DIRECTION_ORIGINAL, "USER u\r\n");
	rig_say(rig, DIRECTION_REPLY, "331 password\r\n");
	rig_say(rig, DIRECTION_ORIGINAL, "PASS p\r\n");
	rig_say(rig, DIRECTION_REPLY, "230 in\r\n");
	rig_acknowledge(rig, DIRECTION_ORIGINAL);
	rig_assert_got(rig, DIRECTION_ORIGINAL, "");
	rig_assert_got(rig, DIRECTION_REPLY, "");
	rig->events[0] = '\0';
}

static struct bytes got(const struct rig *rig, enum direction direction)
{
	const struct rig_peer *receiver = &rig->at->peer[direction_opposite(direction)];

	return (struct bytes){ (const uint8_t *)receiver->got, receiver->got_length };
}

void rig_assert_got(const struct rig *rig, enum direction direction, const char *text)
{
	const char *login = direction == DIRECTION_ORIGINAL ? CLIENT_LOGIN : SERVER_LOGIN;
	size_t skip = strlen(login);
	struct bytes have = got(rig, direction);

	if (have.length < skip || have.length - skip != strlen(text) || memcmp(have.data, login, skip) != 0 ||
	    memcmp(have.data + skip, text, strlen(text)) != 0)
		fail_msg("got \"%s\"", unit_escape(have));
}

void rig_assert_never_got(const struct rig *rig, enum direction direction, const char *text)
{
	struct bytes have = got(rig, direction);
	size_t length = strlen(text);

	for (size_t at = 0; at + length <= have.length; at++)
		if (memcmp(have.data + at, text, length) == 0)
			fail_msg("got \"%s\"", unit_escape(have));
}

bool rig_reported(const struct rig *rig, const char *word)
{
	const char *at = rig->events;
	size_t length = strlen(word);

	while ((at = strchr(at, ' ')) != NULL)
		if (strncmp(++at, word, length) == 0)
			return true;
	return false;
}
