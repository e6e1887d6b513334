/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The door by which packet bytes enter. Everything is read through load16 and load32 at positions that were checked
 * against the packet's own length first; the length is the IP header's, and it is never more than the bytes that were
 * given. Headers are not cast to structs: queue buffers promise no alignment.
 *
 * conntrack has reassembled fragments and verified checksums before the FORWARD hook. Both are checked here all the
 * same, because a capture in replay has had neither, and because a packet that the receiver would discard must not
 * change what the gateway believes (a decoy).
 */
#include "ftpalg/packet.h"

#include <string.h>

#include "ftpalg/address.h"

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_TCP 6
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_DESTINATION 60

#define IPV4_HEADER 20
#define IPV4_DONT_FRAGMENT 0x40 /* in the byte at 6 */
#define IPV6_HEADER 40
/* More extension headers than any sender uses; bounds the walk. */
#define IPV6_EXTENSIONS_MAX 8

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_OPTION_WINDOW_SCALE 3
#define TCP_OPTION_SACK_PERMITTED 4
#define TCP_OPTION_SACK 5
#define TCP_OPTION_TIMESTAMPS 8
#define MSS_LENGTH 4
#define WINDOW_SCALE_LENGTH 3
#define SACK_PERMITTED_LENGTH 2
#define SACK_LENGTH_MAX 34
#define TIMESTAMPS_LENGTH 10
#define BUILT_TTL 64

static uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

static void store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void store32(uint8_t *at, uint32_t value)
{
	store16(at, (uint16_t)(value >> 16));
	store16(at + 2, (uint16_t)value);
}

static void load_address(enum family family, const uint8_t *at, struct address *address)
{
	memset(address, 0, sizeof(*address));
	address->family = (uint8_t)family;
	memcpy(address->octets, at, family == FAMILY_IPV4 ? 4 : 16);
}

static enum reason parse_ipv4(struct bytes bytes, struct packet *packet)
{
	const uint8_t *at = bytes.data;
	size_t header;

	if (bytes.length < IPV4_HEADER)
		return REASON_SHORT_PACKET;
	header = (size_t)(at[0] & 0x0f) * 4;
	packet->length = load16(at + 2);
	if (header < IPV4_HEADER || packet->length < header || packet->length > bytes.length)
		return REASON_SHORT_PACKET;
	/* More fragments, or an offset: everything but "don't fragment" and the reserved bit. */
	if (load16(at + 6) & 0x3fff)
		return REASON_FRAGMENT;
	if (at[9] != PROTOCOL_TCP)
		return REASON_NOT_TCP;
	packet->ip_header = (uint16_t)header;
	packet->whole = (at[6] & IPV4_DONT_FRAGMENT) != 0;
	load_address(FAMILY_IPV4, at + 12, &packet->tuple.source.address);
	load_address(FAMILY_IPV4, at + 16, &packet->tuple.destination.address);
	return REASON_NONE;
}

static enum reason parse_ipv6(struct bytes bytes, struct packet *packet)
{
	const uint8_t *at = bytes.data;
	size_t position = IPV6_HEADER;
	uint8_t next;

	if (bytes.length < IPV6_HEADER)
		return REASON_SHORT_PACKET;
	packet->length = IPV6_HEADER + (size_t)load16(at + 4);
	if (packet->length > bytes.length)
		return REASON_SHORT_PACKET;
	next = at[6];
	for (int i = 0; next != PROTOCOL_TCP; i++) {
		if (next == PROTOCOL_FRAGMENT)
			return REASON_FRAGMENT;
		if (i == IPV6_EXTENSIONS_MAX ||
		    (next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_DESTINATION))
			return REASON_NOT_TCP;
		if (packet->length - position < 8)
			return REASON_SHORT_PACKET;
		next = at[position];
		position += ((size_t)at[position + 1] + 1) * 8;
		if (position > packet->length)
			return REASON_SHORT_PACKET;
	}
	packet->ip_header = (uint16_t)position;
	load_address(FAMILY_IPV6, at + 8, &packet->tuple.source.address);
	load_address(FAMILY_IPV6, at + 24, &packet->tuple.destination.address);
	return REASON_NONE;
}

/*
 * Steps over the options from *position. Returns the kind of the next one that has a length, and its length, or
 * TCP_OPTION_END where the rest is none.
 */
static uint8_t next_option(const uint8_t *options, size_t length, size_t *position, size_t *size)
{
	size_t at = *position;

	while (at < length && options[at] == TCP_OPTION_NOP)
		at++;
	if (length - at < 2 || options[at] == TCP_OPTION_END || options[at + 1] < 2 || options[at + 1] > length - at)
		return TCP_OPTION_END;
	*position = at;
	*size = options[at + 1];
	return options[at];
}

static void parse_timestamps(const uint8_t *options, size_t length, struct packet_timestamps *timestamps)
{
	size_t position = 0;
	size_t size;
	uint8_t kind;

	while ((kind = next_option(options, length, &position, &size)) != TCP_OPTION_END) {
		if (kind == TCP_OPTION_TIMESTAMPS && size == TIMESTAMPS_LENGTH && !timestamps->present) {
			timestamps->present = true;
			timestamps->value = load32(options + position + 2);
			timestamps->echo = load32(options + position + 6);
		}
		position += size;
	}
}

/* In its place, of its length, and for the first time: then all receivers read it, and the stream with it, alike. */
static bool option_is_known(uint8_t kind, size_t size, bool syn, uint32_t *seen)
{
	bool known;

	switch (kind) {
	case TCP_OPTION_MSS:
		known = syn && size == MSS_LENGTH;
		break;
	case TCP_OPTION_WINDOW_SCALE:
		known = syn && size == WINDOW_SCALE_LENGTH;
		break;
	case TCP_OPTION_SACK_PERMITTED:
		known = syn && size == SACK_PERMITTED_LENGTH;
		break;
	case TCP_OPTION_SACK:
		known = !syn && size > 2 && size <= SACK_LENGTH_MAX && size % 8 == 2;
		break;
	case TCP_OPTION_TIMESTAMPS:
		known = size == TIMESTAMPS_LENGTH;
		break;
	default:
		return false;
	}
	if (!known || *seen & UINT32_C(1) << kind)
		return false;
	*seen |= UINT32_C(1) << kind;
	return true;
}

/*
 * Are there options that might change what a receiver reads? With out, which may be the options themselves, they are
 * overwritten there: by no-operations, and from where no option can be recognised any more, by the end of the list.
 */
static bool find_foreign_options(const uint8_t *options, size_t length, bool syn, uint8_t *out)
{
	size_t position = 0, size;
	uint32_t seen = 0;
	bool found = false;
	uint8_t kind;

	while ((kind = next_option(options, length, &position, &size)) != TCP_OPTION_END) {
		if (!option_is_known(kind, size, syn, &seen)) {
			found = true;
			if (out)
				memset(out + position, TCP_OPTION_NOP, size);
		}
		position += size;
	}
	while (position < length && options[position] == TCP_OPTION_NOP)
		position++;
	for (size_t i = position; i < length; i++)
		found |= options[i] != TCP_OPTION_END;
	if (out)
		memset(out + position, TCP_OPTION_END, length - position);
	return found;
}

static enum reason parse_tcp(struct bytes bytes, struct packet *packet)
{
	const uint8_t *at = bytes.data + packet->ip_header;
	size_t length = packet->length - packet->ip_header;

	if (length < TCP_HEADER_PLAIN)
		return REASON_SHORT_PACKET;
	packet->tcp_header = (uint16_t)((at[12] >> 4) * 4);
	if (packet->tcp_header < TCP_HEADER_PLAIN || packet->tcp_header > length)
		return REASON_SHORT_PACKET;
	packet->tuple.source.port = load16(at);
	packet->tuple.destination.port = load16(at + 2);
	packet->seq = load32(at + 4);
	packet->ack = load32(at + 8);
	packet->flags = at[13];
	packet->window = load16(at + 14);
	packet->urgent = load16(at + 18);
	parse_timestamps(at + TCP_HEADER_PLAIN, packet->tcp_header - TCP_HEADER_PLAIN, &packet->timestamps);
	packet->foreign_options = find_foreign_options(at + TCP_HEADER_PLAIN, packet->tcp_header - TCP_HEADER_PLAIN,
						       packet->flags & TCP_SYN, NULL);
	packet->payload.data = at + packet->tcp_header;
	packet->payload.length = length - packet->tcp_header;
	return REASON_NONE;
}

enum reason packet_parse(struct bytes bytes, struct packet *packet)
{
	enum reason reason = REASON_SHORT_PACKET;

	memset(packet, 0, sizeof(*packet));
	if (bytes.length == 0)
		return reason;
	if (bytes.data[0] >> 4 == 4)
		reason = parse_ipv4(bytes, packet);
	else if (bytes.data[0] >> 4 == 6)
		reason = parse_ipv6(bytes, packet);
	return reason == REASON_NONE ? parse_tcp(bytes, packet) : reason;
}

/* The Internet checksum (RFC 1071), unfolded: the longest packet adds up to less than 2^31. */
static uint32_t checksum_add(uint32_t sum, const uint8_t *at, size_t length)
{
	for (; length >= 2; at += 2, length -= 2)
		sum += load16(at);
	if (length > 0)
		sum += (uint32_t)at[0] << 8;
	return sum;
}

static uint16_t checksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over the pseudo header and the whole segment, with whatever its checksum field holds now. */
static uint16_t tcp_checksum(const struct tuple *tuple, const uint8_t *segment, size_t length)
{
	size_t octets = tuple->source.address.family == FAMILY_IPV4 ? 4 : 16;
	uint32_t sum = PROTOCOL_TCP;

	sum = checksum_add(sum, tuple->source.address.octets, octets);
	sum = checksum_add(sum, tuple->destination.address.octets, octets);
	sum += (uint32_t)length;
	return checksum_fold(checksum_add(sum, segment, length));
}

enum reason packet_verify_checksum(struct bytes bytes, const struct packet *packet)
{
	uint16_t rest = tcp_checksum(&packet->tuple, bytes.data + packet->ip_header,
				     packet->length - packet->ip_header);

	return rest == 0 ? REASON_NONE : REASON_BAD_CHECKSUM;
}

/* RFC 2018: SACK is advice; a receiver of the acknowledgement does without. */
static void strip_sack(uint8_t *options, size_t length)
{
	size_t position = 0;
	size_t size;
	uint8_t kind;

	while ((kind = next_option(options, length, &position, &size)) != TCP_OPTION_END) {
		if (kind == TCP_OPTION_SACK)
			memset(options + position, TCP_OPTION_NOP, size);
		position += size;
	}
}

static void set_ip_length(const struct packet *packet, size_t length, uint8_t *out)
{
	if (packet->tuple.source.address.family == FAMILY_IPV6) {
		store16(out + 4, (uint16_t)(length - IPV6_HEADER));
		return;
	}
	store16(out + 2, (uint16_t)length);
	store16(out + 10, 0);
	store16(out + 10, checksum_fold(checksum_add(0, out, packet->ip_header)));
}

/*
 * The pieces of two packets must have two identifications. With "don't fragment" a sender may put anything there (RFC 6864
 * 4.1), and some put 0 into every packet.
 */
static void allow_cutting(uint8_t *out, uint32_t seq)
{
	out[6] &= (uint8_t)~IPV4_DONT_FRAGMENT;
	if (load16(out + 4) == 0)
		store16(out + 4, (uint16_t)seq);
}

size_t packet_rewrite(struct bytes original, const struct packet *packet, const struct packet_change *change,
		      uint8_t *out, size_t size)
{
	size_t headers = (size_t)packet->ip_header + packet->tcp_header;
	size_t length = headers + change->payload.length;
	uint8_t *tcp = out + packet->ip_header;

	if (length > size || length > UINT16_MAX)
		return 0;
	memcpy(out, original.data, headers);
	if (change->payload.length > 0)
		memcpy(out + headers, change->payload.data, change->payload.length);
	store32(tcp + 4, change->seq);
	store32(tcp + 8, change->ack);
	tcp[13] = change->flags;
	store16(tcp + 18, change->flags & TCP_URG ? change->urgent : 0);
	if (packet->foreign_options)
		find_foreign_options(tcp + TCP_HEADER_PLAIN, packet->tcp_header - TCP_HEADER_PLAIN,
				     packet->flags & TCP_SYN, tcp + TCP_HEADER_PLAIN);
	if (change->strip_sack)
		strip_sack(tcp + TCP_HEADER_PLAIN, packet->tcp_header - TCP_HEADER_PLAIN);
	if (packet->whole && change->may_be_cut)
		allow_cutting(out, change->seq);
	set_ip_length(packet, length, out);
	store16(tcp + 16, 0);
	store16(tcp + 16, tcp_checksum(&packet->tuple, tcp, length - packet->ip_header));
	return length;
}

size_t packet_readdress(struct bytes original, const struct packet *packet, const struct endpoint *destination,
			uint8_t *out, size_t size)
{
	const bool ipv6 = packet->tuple.destination.address.family == FAMILY_IPV6;
	struct tuple tuple = { .source = packet->tuple.source, .destination = *destination };
	uint8_t *tcp = out + packet->ip_header;

	if (packet->length > size || destination->address.family != packet->tuple.destination.address.family)
		return 0;
	memcpy(out, original.data, packet->length);
	memcpy(out + (ipv6 ? 24 : 16), destination->address.octets, ipv6 ? 16 : 4);
	set_ip_length(packet, packet->length, out);
	store16(tcp + 2, destination->port);
	store16(tcp + 16, 0);
	store16(tcp + 16, tcp_checksum(&tuple, tcp, packet->length - packet->ip_header));
	return packet->length;
}

static size_t build_ipv4(const struct packet_plain *plain, size_t length, uint8_t *out)
{
	out[0] = 0x45;
	store16(out + 2, (uint16_t)(IPV4_HEADER + length));
	out[6] = IPV4_DONT_FRAGMENT;
	out[8] = BUILT_TTL;
	out[9] = PROTOCOL_TCP;
	memcpy(out + 12, plain->tuple.source.address.octets, 4);
	memcpy(out + 16, plain->tuple.destination.address.octets, 4);
	store16(out + 10, checksum_fold(checksum_add(0, out, IPV4_HEADER)));
	return IPV4_HEADER;
}

static size_t build_ipv6(const struct packet_plain *plain, size_t length, uint8_t *out)
{
	out[0] = 0x60;
	store16(out + 4, (uint16_t)length);
	out[6] = PROTOCOL_TCP;
	out[7] = BUILT_TTL;
	memcpy(out + 8, plain->tuple.source.address.octets, 16);
	memcpy(out + 24, plain->tuple.destination.address.octets, 16);
	return IPV6_HEADER;
}

size_t packet_build(const struct packet_plain *plain, uint8_t *out)
{
	size_t length = TCP_HEADER_PLAIN + (plain->timestamps.present ? TCP_TIMESTAMPS_PADDED : 0);
	uint8_t *tcp = out;

	memset(out, 0, PACKET_PLAIN_MAX);
	if (plain->tuple.source.address.family == FAMILY_IPV4)
		tcp += build_ipv4(plain, length, out);
	else
		tcp += build_ipv6(plain, length, out);
	store16(tcp, plain->tuple.source.port);
	store16(tcp + 2, plain->tuple.destination.port);
	store32(tcp + 4, plain->seq);
	store32(tcp + 8, plain->ack);
	tcp[12] = (uint8_t)(length / 4 << 4);
	tcp[13] = plain->flags;
	store16(tcp + 14, plain->window);
	if (plain->timestamps.present) {
		tcp[20] = TCP_OPTION_NOP;
		tcp[21] = TCP_OPTION_NOP;
		tcp[22] = TCP_OPTION_TIMESTAMPS;
		tcp[23] = TIMESTAMPS_LENGTH;
		store32(tcp + 24, plain->timestamps.value);
		store32(tcp + 28, plain->timestamps.echo);
	}
	store16(tcp + 16, tcp_checksum(&plain->tuple, tcp, length));
	return (size_t)(tcp - out) + length;
}
