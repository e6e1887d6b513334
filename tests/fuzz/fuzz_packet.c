/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a packet: eight bytes say what to change, the rest is the packet. What is read stays inside, and what is
 * written is a whole packet with the change and nothing else.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "ftpalg/packet.h"

#define CONTROL 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[UINT16_MAX + 1];
static uint8_t again[UINT16_MAX + 1];

static void check_view(struct bytes bytes, const struct packet *packet)
{
	assert(packet->length <= bytes.length);
	assert(packet->ip_header >= 20 && packet->tcp_header >= 20 && packet->tcp_header <= 60);
	assert(packet->ip_header + packet->tcp_header + packet->payload.length == packet->length);
	assert(packet->payload.data == bytes.data + packet->ip_header + packet->tcp_header);
	assert(packet->tuple.source.address.family == packet->tuple.destination.address.family);
	assert(packet->tuple.source.address.family == (bytes.data[0] >> 4 == 4 ? FAMILY_IPV4 : FAMILY_IPV6));
}

/* Options may become no-operations, or the end of the list, and nothing else. */
static void check_options(const uint8_t *before, const uint8_t *after, size_t length, bool stripped, bool foreign)
{
	for (size_t at = 0; at < length; at++)
		assert(after[at] == before[at] || ((stripped || foreign) && after[at] == 1) ||
		       (foreign && after[at] == 0));
}

static void check_rewritten(struct bytes original, const struct packet *packet, const struct packet_change *change,
			    size_t length)
{
	struct bytes bytes = { out, length };
	struct packet_change same = *change;
	struct packet after;

	assert(packet_parse(bytes, &after) == REASON_NONE);
	assert(packet_verify_checksum(bytes, &after) == REASON_NONE);
	assert(after.length == length && tuple_equal(&after.tuple, &packet->tuple));
	assert(!after.foreign_options || (change->flags ^ packet->flags) & TCP_SYN);
	assert(after.seq == change->seq && after.ack == change->ack && after.flags == change->flags);
	assert(after.whole == (packet->whole && !change->may_be_cut));
	assert(after.window == packet->window);
	assert(after.urgent == (change->flags & TCP_URG ? change->urgent : 0));
	assert(after.ip_header == packet->ip_header && after.tcp_header == packet->tcp_header);
	assert(memcmp(&after.timestamps, &packet->timestamps, sizeof(after.timestamps)) == 0);
	assert(after.payload.length == change->payload.length);
	assert(change->payload.length == 0 ||
	       memcmp(after.payload.data, change->payload.data, change->payload.length) == 0);
	check_options(original.data + packet->ip_header + 20, out + packet->ip_header + 20, packet->tcp_header - 20u,
		      change->strip_sack, packet->foreign_options);

	/* Once more changes nothing. An option that only a SYN may have is another matter where the flag was taken away. */
	if (after.foreign_options)
		return;
	same.payload = after.payload;
	assert(packet_rewrite(bytes, &after, &same, again, sizeof(again)) == length);
	assert(memcmp(again, out, length) == 0);
}

static void change_packet(const uint8_t *control, struct bytes bytes, const struct packet *packet)
{
	struct packet_change change = {
		.seq = (uint32_t)control[0] << 24 | control[1],
		.ack = (uint32_t)control[2] << 24 | control[3],
		.flags = control[4],
		.strip_sack = control[5] & 1,
		.payload = packet->payload,
		.urgent = control[6],
		.may_be_cut = control[5] & 16,
	};
	size_t headers = (size_t)packet->ip_header + packet->tcp_header;
	size_t size = sizeof(out) - 1;
	size_t length;

	/* Shorter, or anything else that is at hand. */
	if (control[5] & 2)
		change.payload.length = control[6] < packet->payload.length ? control[6] : packet->payload.length;
	if (control[5] & 4)
		change.payload = (struct bytes){ control, control[7] % CONTROL };
	if (control[5] & 8)
		size = headers + control[6];
	length = packet_rewrite(bytes, packet, &change, out, size);
	assert(length == (headers + change.payload.length > size ? 0 : headers + change.payload.length));
	if (length > 0)
		check_rewritten(bytes, packet, &change, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes;
	struct packet packet;
	uint8_t *copy;

	if (size < CONTROL)
		return 0;
	/* A copy that ends where the packet ends, so that a read behind it is seen. */
	bytes.length = size - CONTROL;
	copy = malloc(bytes.length > 0 ? bytes.length : 1);
	assert(copy);
	memcpy(copy, data + CONTROL, bytes.length);
	bytes.data = copy;
	if (packet_parse(bytes, &packet) == REASON_NONE) {
		check_view(bytes, &packet);
		packet_verify_checksum(bytes, &packet);
		change_packet(data, bytes, &packet);
	}
	free(copy);
	return 0;
}
