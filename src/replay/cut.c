/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control streams cut differently, before the gateway sees them: what a capture shows in one segment arrives in several, and
 * in another order. What the gateway decides must not depend on that.
 *
 * Only neighbours of one direction change places. A segment that passed one of the other direction would be another
 * dialogue.
 */
#include <string.h>

#include "ftpalg/address.h"
#include "replay/internal.h"

/* Pieces of one segment that are in flight at once, and may change places. */
#define REPLAY_PIECES_MAX 32

/* A piece of a segment's payload. */
struct replay_piece {
	size_t offset;
	size_t length;
};

static uint32_t replay_random(struct replay *replay, uint32_t below)
{
	replay->random = replay->random * 1664525 + 1013904223;
	return (replay->random >> 8) % below;
}

/* The next pieces from offset on. Returns how many there are. */
static size_t replay_cut_pieces(struct replay *replay, size_t offset, size_t length, struct replay_piece *pieces)
{
	size_t count = 0;

	while (offset < length && count < REPLAY_PIECES_MAX) {
		size_t size = replay->settings.cut ? 1 + replay_random(replay, replay->settings.cut) : length;

		if (size > length - offset)
			size = length - offset;
		pieces[count].offset = offset;
		pieces[count].length = size;
		offset += size;
		count++;
	}
	for (size_t i = count; replay->settings.reorder && i > 1; i--) {
		const size_t other = replay_random(replay, (uint32_t)i);
		const struct replay_piece swapped = pieces[i - 1];

		pieces[i - 1] = pieces[other];
		pieces[other] = swapped;
	}
	return count;
}

static void replay_send_piece(struct replay *replay, const struct replay_packet *packet,
			      const struct replay_piece *piece)
{
	const struct packet *view = &packet->view;
	struct packet_change change = {
		.seq = view->seq + (uint32_t)piece->offset,
		.ack = view->ack,
		.flags = view->flags,
		.payload = { view->payload.data + piece->offset, piece->length },
	};
	struct replay_packet part = *packet;

	/* FIN and the like belong to the last piece. */
	if (piece->offset + piece->length < view->payload.length)
		change.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH | TCP_URG);
	part.ip.data = replay->piece;
	part.ip.length = packet_rewrite(packet->ip, view, &change, replay->piece, sizeof(replay->piece));
	if (packet_parse(part.ip, &part.view) == REASON_NONE)
		replay_arrive(replay, &part);
}

static void replay_send_pieces(struct replay *replay, const struct replay_packet *packet)
{
	const size_t length = packet->view.payload.length;
	struct replay_piece pieces[REPLAY_PIECES_MAX];
	size_t offset = 0;

	/* A packet that no receiver would accept must not become whole by being cut; urgent data has only one place. */
	if (replay->settings.cut == 0 || length < 2 || (packet->view.flags & TCP_URG) ||
	    (replay->settings.checksums && packet_verify_checksum(packet->ip, &packet->view) != REASON_NONE)) {
		replay_arrive(replay, packet);
		return;
	}
	while (offset < length) {
		const size_t count = replay_cut_pieces(replay, offset, length, pieces);

		for (size_t i = 0; i < count; i++) {
			offset += pieces[i].length;
			replay->cutting = offset < length;
			replay_send_piece(replay, packet, &pieces[i]);
		}
	}
}

/* Keeps the segment until the next one has passed. */
static void replay_delay(struct replay *replay, const struct replay_packet *packet)
{
	replay->delayed.full = true;
	replay->delayed.link_length = packet->link.length;
	replay->delayed.length = packet->view.length;
	replay->delayed.tuple = packet->view.tuple;
	memcpy(replay->delayed.link, packet->link.data, packet->link.length);
	memcpy(replay->delayed.packet, packet->ip.data, packet->view.length);
}

void replay_send_rest(struct replay *replay)
{
	struct replay_packet packet = {
		.link = { replay->delayed.link, replay->delayed.link_length },
		.ip = { replay->delayed.packet, replay->delayed.length },
	};

	if (!replay->delayed.full)
		return;
	replay->delayed.full = false;
	packet.connection = replay_table_find(&replay->table, &replay->delayed.tuple, &packet.direction);
	if (packet.connection && packet_parse(packet.ip, &packet.view) == REASON_NONE)
		replay_send_pieces(replay, &packet);
}

void replay_send(struct replay *replay, const struct replay_packet *packet)
{
	const bool may_wait = packet->view.payload.length > 0 &&
			      !(packet->view.flags & (TCP_SYN | TCP_RST | TCP_FIN)) &&
			      packet->link.length <= sizeof(replay->delayed.link);

	if (!replay->settings.reorder) {
		replay_send_pieces(replay, packet);
		return;
	}
	if (replay->delayed.full && may_wait && tuple_equal(&replay->delayed.tuple, &packet->view.tuple)) {
		replay_send_pieces(replay, packet);
		replay_send_rest(replay);
		return;
	}
	replay_send_rest(replay);
	if (may_wait && replay_random(replay, 2) == 0)
		replay_delay(replay, packet);
	else
		replay_send_pieces(replay, packet);
}
