/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as packets of one connection. The first byte chooses between two experiments.
 *
 * Adversary: each packet is made by hand: direction, number, acknowledgement, flags, payload. Whatever is sent, what
 * leaves the gateway is a whole packet; a byte that has left never leaves with another value; and no receiver finds an
 * offer in what it got that the session did not accept. In half of these the connection is older than the gateway: its
 * peers have said something, and its receivers answer what they can't accept.
 *
 * Scissors: the bytes are two strings, said in turns. Said whole and said in pieces they must lead to the same
 * decisions and arrive as the same bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/tcp/stream.h"
#include "ftpalg/address.h"
#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/offer.h"
#include "ftpalg/packet.h"

#define STREAM_MAX 6000
#define EVENTS_MAX 512
#define DATA_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	uint32_t first;
	uint32_t other_first;
	size_t sent;     /* how far it has ever sent */
	size_t learned;  /* how much of that it knows to have arrived */
	uint8_t got[STREAM_MAX];
	bool have[STREAM_MAX];
	size_t received; /* without a gap */
	bool reset;
	bool asked;      /* it has an acknowledgement to send */
};

struct note {
	enum notice_type type;
	enum reason reason;
};

struct rig {
	struct policy policy;
	struct gateway_limits limits;
	struct gateway *gateway;
	struct ops ops;
	struct nat_view view;
	struct seqadj seqadj[2];
	struct peer peer[2]; /* by the direction in which they send */
	uint64_t now;
	unsigned int open;   /* pinholes */
	struct endpoint announced[64]; /* what was accepted */
	unsigned int announced_count;
	struct note notes[EVENTS_MAX];
	unsigned int note_count;
	bool opening; /* to conntrack */
	bool adopted;
	struct gateway_output output;
};

static struct rig rigs[2];
static uint8_t *memories[2];

static enum reason op_lookup(void *context, const struct tuple *seen, struct connection *connection)
{
	const struct rig *rig = context;

	*connection = (struct connection){ .view = rig->view, .opening = rig->opening };
	connection->direction = seen->destination.port == 21 ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
	connection->carrier = true;
	connection->resizable = true;
	memcpy(connection->seqadj, rig->seqadj, sizeof(connection->seqadj));
	return REASON_NONE;
}

static enum reason op_recall(void *context, const struct nat_view *view, struct connection *connection)
{
	(void)context;
	memset(connection, 0, sizeof(*connection));
	connection->view = *view;
	return REASON_NONE;
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct rig *rig = context;

	(void)master;
	assert(rig->open == 0);
	if (expectation->destination.port % 64 == 3)
		return REASON_NO_PORT;
	rig->open++;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct rig *rig = context;

	(void)master;
	assert(rig->open == 1);
	rig->open--;
	return expectation->destination.port % 2 ? REASON_GONE : REASON_NONE;
}

static enum reason op_peek(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	const struct rig *rig = context;

	(void)master;
	assert(rig->open == 1);
	return expectation->destination.port % 2 ? REASON_GONE : REASON_NONE;
}

static enum reason op_seqadj(void *context, const struct nat_view *master, enum direction direction,
			     const struct seqadj *seqadj)
{
	struct rig *rig = context;

	(void)master;
	rig->seqadj[direction] = *seqadj;
	return REASON_NONE;
}

static enum reason op_expect_and_adjust(void *context, const struct nat_view *master, struct expectation *expectation,
					struct correction *correction)
{
	const enum reason reason = op_expect(context, master, expectation);

	correction->asked = reason == REASON_NONE;
	correction->answer = correction->asked ? op_seqadj(context, master, correction->direction, &correction->seqadj)
					       : reason;
	return reason;
}

static void arrive(struct rig *rig, enum direction direction, const struct packet *packet);

static void op_inject(void *context, struct bytes bytes)
{
	struct rig *rig = context;
	struct packet packet;
	struct peer *receiver;
	struct tuple tuple;
	enum direction direction;

	assert(packet_parse(bytes, &packet) == REASON_NONE);
	assert(packet_verify_checksum(bytes, &packet) == REASON_NONE);
	direction = packet.tuple.source.port == 21 ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	tuple = nat_view_tuple(&rig->view, direction);
	assert(tuple_equal(&packet.tuple, &tuple));
	if (packet.flags & TCP_RST) {
		rig->peer[direction_opposite(direction)].reset = true;
		return;
	}
	/* It has the receiver's numbers already. */
	receiver = &rig->peer[direction_opposite(direction)];
	assert(packet.payload.length == 0 || rig->adopted);
	receiver->asked = receiver->asked || seq_before(packet.seq, receiver->other_first + (uint32_t)receiver->received);
	arrive(rig, direction, &packet);
}

static void op_notice(void *context, const struct notice *notice)
{
	struct rig *rig = context;

	assert((unsigned int)notice->type < NOTICE_COUNT && (unsigned int)notice->reason < REASON_COUNT);
	/* Peers that go on after the end are adopted, once the row is gone. */
	if (notice->type == NOTICE_SESSION_CLOSE)
		rig->adopted = true;
	/* What such a row had opened stays in the kernel, and is another gateway's. */
	if (notice->type == NOTICE_SESSION_CLOSE && notice->reason == REASON_ELSEWHERE)
		rig->open = 0;
	if (notice->type == NOTICE_OFFER)
		rig->announced[rig->announced_count++ % 64] = notice->announced;
	if (rig->note_count < EVENTS_MAX)
		rig->notes[rig->note_count++] = (struct note){ notice->type, notice->reason };
}

static struct endpoint ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct endpoint endpoint = { { FAMILY_IPV4, { a, b, c, d } }, port };

	return endpoint;
}

static void begin(size_t which, bool dnat)
{
	static const uint8_t key[16] = { 5 };
	struct rig *rig = &rigs[which];

	memset(rig, 0, sizeof(*rig));
	policy_rule_set_defaults(&rig->policy.rules[0]);
	rig->policy.rule_count = 1;
	rig->view.client = ipv4(10, 0, 0, 5, 40000);
	rig->view.client_seen = dnat ? rig->view.client : ipv4(198, 51, 100, 200, 40000);
	rig->view.server = dnat ? ipv4(10, 0, 0, 2, 21) : ipv4(203, 0, 113, 9, 21);
	rig->view.server_seen = dnat ? ipv4(198, 51, 100, 100, 21) : rig->view.server;
	rig->ops = (struct ops){
		.context = rig, .lookup = op_lookup, .recall = op_recall, .expect = op_expect,
		.unexpect = op_unexpect, .seqadj = op_seqadj, .inject = op_inject, .notice = op_notice, .peek = op_peek,
		.expect_and_adjust = dnat ? NULL : op_expect_and_adjust,
	};
	gateway_limits_set_defaults(&rig->limits);
	rig->limits.sessions = 2;
	rig->limits.memory = 64 * BUFFER_BLOCK_SIZE;
	if (!memories[which])
		memories[which] = aligned_alloc(64, (gateway_memory(&rig->limits) + 63) & ~(size_t)63);
	assert(memories[which]);
	rig->gateway = gateway_create(memories[which], &rig->limits, &rig->policy, &rig->ops, key);
	for (int side = 0; side < 2; side++) {
		rig->peer[side].first = UINT32_C(0xfffffe00) + 77 * (uint32_t)side;
		rig->peer[1 - side].other_first = rig->peer[side].first;
	}
}

static bool is_opaque(const struct rig *rig)
{
	bool opaque = false;

	for (unsigned int i = 0; i < rig->note_count; i++)
		opaque = opaque || rig->notes[i].type == NOTICE_TLS;
	return opaque;
}

/* What arrives, in the receiver's numbers. A byte that it has is not read again; one that waits must be the same. */
static void arrive(struct rig *rig, enum direction direction, const struct packet *packet)
{
	struct peer *receiver = &rig->peer[direction_opposite(direction)];
	uint32_t offset = packet->seq - receiver->other_first;
	uint32_t acknowledged = packet->ack - receiver->first;

	if (packet->flags & TCP_RST) {
		receiver->reset = receiver->reset || offset == receiver->received;
		return;
	}
	if (packet->flags & TCP_ACK && acknowledged <= receiver->sent && acknowledged > receiver->learned)
		receiver->learned = acknowledged;
	for (size_t i = 0; i < packet->payload.length; i++) {
		size_t at = (size_t)(uint32_t)(offset + i);

		if (at >= STREAM_MAX || at < receiver->received)
			continue;
		assert(!receiver->have[at] || receiver->got[at] == packet->payload.data[i]);
		receiver->have[at] = true;
		receiver->got[at] = packet->payload.data[i];
	}
	while (receiver->received < STREAM_MAX && receiver->have[receiver->received])
		receiver->received++;
}

/* What a receiver may take out of a client's stream is an IAC or a data mark, and nothing of a server's. */
static void check_urgent(enum direction direction, const struct packet *packet)
{
	if (!(packet->flags & TCP_URG))
		return;
	assert(direction == DIRECTION_ORIGINAL);
	assert(packet->urgent > 0 && packet->urgent <= packet->payload.length);
	assert(packet->payload.data[packet->urgent - 1] == 0xff || packet->payload.data[packet->urgent - 1] == 0xf2);
}

static void cross(struct rig *rig, enum direction direction, struct bytes bytes, bool lose)
{
	static const uint8_t trigger[] = { 0, 0, 0, 7 };
	struct packet packet;

	rig->now += 100;
	gateway_packet(rig->gateway, bytes, NULL, rig->now, &rig->output);
	assert((unsigned int)rig->output.reason < REASON_COUNT);
	assert(rig->output.verdict != GATEWAY_DROP || rig->output.reason != REASON_NONE);
	if (rig->output.verdict == GATEWAY_DROP)
		return;
	if (rig->output.verdict == GATEWAY_REPLACE)
		bytes = (struct bytes){ rig->output.packet, rig->output.length };
	assert(packet_parse(bytes, &packet) == REASON_NONE);
	assert(packet_verify_checksum(bytes, &packet) == REASON_NONE);
	assert(packet.payload.length != 8 || memcmp(packet.payload.data, trigger, sizeof(trigger)) != 0);
	check_urgent(direction, &packet);
	packet.seq = seqadj_apply(&rig->seqadj[direction], packet.seq);
	packet.ack = seqadj_revert(&rig->seqadj[direction_opposite(direction)], packet.ack);
	if (!lose)
		arrive(rig, direction, &packet);
}

static void send_packet(struct rig *rig, enum direction direction, const struct packet_change *change, bool lose)
{
	static uint8_t packet[PACKET_PLAIN_MAX + DATA_MAX];
	struct tuple tuple = { rig->view.client, rig->view.server };
	struct packet_plain plain = {
		.tuple = direction == DIRECTION_ORIGINAL ? tuple : tuple_reverse(&tuple),
		.flags = TCP_ACK,
		.window = 500,
	};
	uint8_t header[PACKET_PLAIN_MAX];
	struct bytes bytes = { header, packet_build(&plain, header) };
	struct packet view;

	assert(packet_parse(bytes, &view) == REASON_NONE);
	bytes.length = packet_rewrite(bytes, &view, change, packet, sizeof(packet));
	bytes.data = packet;
	assert(bytes.length > 0);
	cross(rig, direction, bytes, lose);
}

static void shake(struct rig *rig)
{
	const struct packet_change begun = {
		.seq = rig->peer[1].first - 1,
		.ack = rig->peer[0].first,
		.flags = TCP_SYN | TCP_ACK,
	};
	const struct packet_change answered = { .seq = rig->peer[0].first, .ack = rig->peer[1].first, .flags = TCP_ACK };

	rig->opening = true;
	send_packet(rig, DIRECTION_REPLY, &begun, true);
	rig->opening = false;
	send_packet(rig, DIRECTION_ORIGINAL, &answered, true);
}

/* A well-made segment from this offset. */
static void send_segment(struct rig *rig, enum direction direction, size_t offset, struct bytes payload, bool lose)
{
	struct peer *peer = &rig->peer[direction];
	struct packet_change change = {
		.seq = peer->first + (uint32_t)offset,
		.ack = peer->other_first + (uint32_t)peer->received,
		.flags = TCP_ACK | TCP_PSH,
		.payload = payload,
	};

	if (peer->sent < offset + payload.length)
		peer->sent = offset + payload.length;
	send_packet(rig, direction, &change, lose);
}

static void acknowledge(struct rig *rig, enum direction direction)
{
	send_segment(rig, direction, rig->peer[direction].sent, (struct bytes){ (const uint8_t *)"", 0 }, false);
}

/* --- what the receivers find --- */

static bool was_announced(const struct rig *rig, const struct endpoint *endpoint, bool any_address)
{
	for (unsigned int i = 0; i < rig->announced_count && i < 64; i++)
		if (any_address ? rig->announced[i].port == endpoint->port
				: endpoint_equal(&rig->announced[i], endpoint))
			return true;
	return false;
}

static void find_command(const struct rig *rig, struct bytes line)
{
	struct command command;
	struct hostport hostport;

	if (parse_command(line, &command) != REASON_NONE || !verb_is_active_offer(command.verb))
		return;
	line = (struct bytes){ line.data + command.argument.offset, command.argument.length };
	if (hostport_parse(command.verb == VERB_PORT   ? FORM_PORT
			   : command.verb == VERB_EPRT ? FORM_EPRT
						       : FORM_LPRT, line, &hostport) == REASON_NONE)
		assert(was_announced(rig, &hostport.endpoint, false));
}

static void find_reply(const struct rig *rig, struct bytes line)
{
	struct reply reply;
	struct hostport hostport;

	parse_reply(line, &reply);
	if (reply.code < 227 || reply.code > 229)
		return;
	line = (struct bytes){ line.data + reply.text.offset, reply.text.length };
	if (hostport_parse((enum form)(FORM_227 + reply.code - 227), line, &hostport) == REASON_NONE)
		assert(was_announced(rig, &hostport.endpoint, reply.code == 229));
}

/* Up to where the session went opaque nothing may be found; behind that nobody reads lines. */
static void search(const struct rig *rig)
{
	for (int direction = 0; direction < 2 && !is_opaque(rig) && rig->announced_count <= 64; direction++) {
		const struct peer *receiver = &rig->peer[1 - direction];
		struct bytes rest = { receiver->got, receiver->received };
		const uint8_t *end;

		while (rest.length > 0 && (end = memchr(rest.data, '\n', rest.length)) != NULL) {
			struct bytes line = { rest.data, (size_t)(end - rest.data) };

			rest.data += line.length + 1;
			rest.length -= line.length + 1;
			if (line.length > 0 && line.data[line.length - 1] == '\r')
				line.length--;
			if (direction == 0)
				find_command(rig, line);
			else
				find_reply(rig, line);
		}
	}
}

/* --- the adversary --- */

static void log_in(struct rig *rig)
{
	static const struct {
		enum direction direction;
		const char *text;
	} turns[] = {
		{ DIRECTION_REPLY, "220 x\r\n" }, { DIRECTION_ORIGINAL, "USER u\r\n" },
		{ DIRECTION_REPLY, "230 x\r\n" },
		{ DIRECTION_ORIGINAL, "PASV\r\n" },
	};

	shake(rig);
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		struct bytes text = { (const uint8_t *)turns[i].text, strlen(turns[i].text) };

		send_segment(rig, turns[i].direction, rig->peer[turns[i].direction].sent, text, false);
	}
}

/*
 * What the peers have of a connection that the gateway does not know: whole lines, the beginning of a harmless one, and
 * that of an offer which the last gateway judged whole.
 */
static void be_under_way(struct rig *rig, uint8_t choice)
{
	static const char *const commands[] = { "", "NOOP\r\n", "RETR ", "PORT 10,0,0," };
	static const char *const replies[] = { "", "226 x\r\n", "550 ", "214-x\r\n" };

	rig->adopted = true;
	for (int side = 0; side < 2; side++) {
		const char *text = side == 0 ? commands[choice % 4] : replies[choice / 4 % 4];
		struct peer *receiver = &rig->peer[1 - side];

		if (choice & (16 << side)) {
			rig->seqadj[side] = (struct seqadj){ rig->peer[side].first - 20, 0, side == 0 ? 6 : -4 };
			receiver->other_first += (uint32_t)rig->seqadj[side].after;
		}
		receiver->received = strlen(text);
		memcpy(receiver->got, text, receiver->received);
		memset(receiver->have, true, receiver->received);
		rig->peer[side].sent = receiver->received;
		rig->peer[side].learned = receiver->received;
	}
}

static void settle(struct rig *rig)
{
	rig->now += rig->limits.settling;
	gateway_tick(rig->gateway, rig->now);
	for (int side = 0; side < 2; side++) {
		if (rig->peer[side].asked)
			acknowledge(rig, (enum direction)side);
		rig->peer[side].asked = false;
	}
}

/* Six bytes of control and a payload: direction and more, number, acknowledgement, flags, urgent pointer, length. */
static size_t attack(struct rig *rig, const uint8_t *data, size_t size)
{
	enum direction direction = (enum direction)(data[0] & 1);
	struct peer *peer = &rig->peer[direction];
	size_t length = data[5] < size - 6 ? data[5] : size - 6;
	struct packet_change change = {
		.seq = peer->first + (uint32_t)(peer->sent + (size_t)(int8_t)data[1]),
		.ack = peer->other_first + (uint32_t)(peer->received + (size_t)(int8_t)data[2]),
		.flags = data[3],
		.payload = { data + 6, length },
		.urgent = data[4],
	};
	size_t end = peer->sent + (size_t)(int8_t)data[1] + length;

	/* A receiver that lies is one that the client could ask as well. */
	if (rig->adopted)
		change.ack = peer->other_first + (uint32_t)peer->received;
	if (data[0] & 2) {
		rig->now += 6000;
		gateway_tick(rig->gateway, rig->now);
	}
	if (data[0] & 16)
		settle(rig);
	if (end < STREAM_MAX / 2 && end > peer->sent)
		peer->sent = end;
	send_packet(rig, direction, &change, data[0] & 4);
	if (data[0] & 8)
		acknowledge(rig, direction_opposite(direction));
	return 6 + length;
}

static void run_adversary(const uint8_t *data, size_t size)
{
	struct rig *rig = &rigs[0];

	begin(0, data[0] & 2);
	if (data[0] & 4) {
		be_under_way(rig, data[1]);
		data++;
		size--;
	} else {
		log_in(rig);
	}
	data++;
	size--;
	while (size > 6) {
		size_t taken = attack(rig, data, size);

		data += taken;
		size -= taken;
	}
	search(rig);
	gateway_stop(rig->gateway, true, rig->now);
	assert(rig->open == 0);
}

/* --- the scissors --- */

static bool is_over(const struct rig *rig)
{
	return rig->peer[0].reset || rig->peer[1].reset;
}

/* Says text, in pieces if there are cuts, and repeats what is not acknowledged as long as that helps. */
static void say(struct rig *rig, enum direction direction, struct bytes all, size_t start, const uint8_t *cuts,
		size_t cut_count)
{
	struct peer *peer = &rig->peer[direction];
	size_t at = start;

	for (unsigned int i = 0; at < all.length && !is_over(rig); i++) {
		size_t length = all.length - at;

		if (cut_count > 0 && length > 1u + cuts[i % cut_count] % 32)
			length = 1u + cuts[i % cut_count] % 32;
		if (length > 1000)
			length = 1000;
		send_segment(rig, direction, at, (struct bytes){ all.data + at, length }, false);
		acknowledge(rig, direction_opposite(direction));
		at += length;
	}
	for (unsigned int i = 0; i < 40 && peer->learned < all.length && !is_over(rig); i++) {
		size_t before = peer->learned;
		size_t length = all.length - before < 1000 ? all.length - before : 1000;

		send_segment(rig, direction, before, (struct bytes){ all.data + before, length }, false);
		acknowledge(rig, direction_opposite(direction));
		if (peer->learned == before)
			break;
	}
}

/* The turns are separated by bytes 0xfe, which nobody else uses. */
static void converse(struct rig *rig, const uint8_t *data, size_t size, const uint8_t *cuts, size_t cut_count)
{
	static uint8_t text[2][DATA_MAX];
	size_t length[2] = { 0, 0 };
	enum direction direction = DIRECTION_REPLY;

	shake(rig);
	while (size > 0 && !is_over(rig)) {
		const uint8_t *end = memchr(data, 0xfe, size);
		size_t turn = end ? (size_t)(end - data) : size;
		size_t start = length[direction];

		memcpy(text[direction] + start, data, turn);
		length[direction] += turn;
		say(rig, direction, (struct bytes){ text[direction], length[direction] }, start, cuts, cut_count);
		direction = direction_opposite(direction);
		data += turn + (end ? 1 : 0);
		size -= turn + (end ? 1 : 0);
	}
}

static bool has_note(const struct rig *rig, enum reason reason)
{
	for (unsigned int i = 0; i < rig->note_count; i++)
		if (rig->notes[i].reason == reason)
			return true;
	return false;
}

/* Whether a line that is not finished has passed or is held depends on how it was cut. */
static size_t finished_length(const struct peer *peer)
{
	size_t length = peer->received;

	while (length > 0 && peer->got[length - 1] != '\n')
		length--;
	return length;
}

/* A session that was closed dropped the segment that closed it, with what stood before in it. */
static void compare_bytes(const struct peer *whole, const struct peer *cut, bool closed)
{
	size_t length = whole->received < cut->received ? whole->received : cut->received;

	assert(closed || finished_length(whole) == finished_length(cut));
	assert(memcmp(whole->got, cut->got, length) == 0);
}

static void run_scissors(const uint8_t *data, size_t size)
{
	size_t cut_count = 1u + data[0] / 4 % 8;
	const uint8_t *cuts = data + 1;
	bool closed;

	if (size < 1 + cut_count || size > DATA_MAX)
		return;
	for (size_t which = 0; which < 2; which++) {
		begin(which, data[0] & 2);
		converse(&rigs[which], data + 1 + cut_count, size - 1 - cut_count, cuts, which == 0 ? 0 : cut_count);
		search(&rigs[which]);
	}
	/*
	 * Two things depend on the cuts: a line that turns bad when its beginning has passed ends the session, where
	 * in one piece it is refused; and a segment of eight bytes may be the carrier's.
	 */
	for (size_t which = 0; which < 2; which++)
		if (has_note(&rigs[which], REASON_SPLIT_REFUSED) || has_note(&rigs[which], REASON_CARRIER_TRIGGER))
			return;
	closed = is_over(&rigs[0]);
	assert(closed == is_over(&rigs[1]));
	for (int side = 0; side < 2; side++)
		compare_bytes(&rigs[0].peer[side], &rigs[1].peer[side], closed);
	assert(rigs[0].note_count == rigs[1].note_count);
	for (unsigned int i = 0; i < rigs[0].note_count; i++) {
		assert(rigs[0].notes[i].type == rigs[1].notes[i].type);
		assert(rigs[0].notes[i].reason == rigs[1].notes[i].reason);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] & 1)
		run_adversary(data, size);
	else
		run_scissors(data, size);
	return 0;
}
