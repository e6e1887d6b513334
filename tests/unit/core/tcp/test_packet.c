/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The door for packet bytes: what is read, what is turned away, and what leaves after a change.
 *
 * Packets are made here by hand (make), with a checksum of our own (sum), so that nothing is checked against itself.
 */
#include <stdlib.h>

#include "ftpalg/packet.h"
#include "unit.h"

#define ROOM 70000

/* A packet in parts. Lengths of options and extensions are multiples of 4 and 8 as the protocols want them. */
struct recipe {
	const char *name;
	enum family family;
	const char *ip_options; /* IPv4 */
	size_t ip_options_length;
	uint8_t next_header;    /* IPv6: what the fixed header names */
	const char *extensions; /* IPv6 */
	size_t extensions_length;
	const char *tcp_options;
	size_t tcp_options_length;
	const char *payload;
	size_t payload_length;
};

#define NOTHING NULL, 0
#define TIMESTAMPS TEXT("\x01\x01\x08\x0a\x01\x02\x03\x04\xfa\xfb\xfc\xfd")

static const struct recipe recipes[] = {
	{ "IPv4", FAMILY_IPV4, NOTHING, 0, NOTHING, NOTHING, TEXT("PORT 10,0,0,5,4,1\r\n") },
	{ "IPv4 without payload", FAMILY_IPV4, NOTHING, 0, NOTHING, NOTHING, NOTHING },
	{ "IPv4 with one byte", FAMILY_IPV4, NOTHING, 0, NOTHING, NOTHING, TEXT("P") },
	{ "IPv4 with options", FAMILY_IPV4, TEXT("\x94\x04\x00\x00"), 0, NOTHING, NOTHING, TEXT("NOOP\r\n") },
	{ "IPv4 with all the options there can be", FAMILY_IPV4,
	  TEXT("\x07\x27\x28\x0a\x00\x00\x01\x0a\x00\x00\x02\x0a\x00\x00\x03\x0a\x00\x00\x04\x0a"
	       "\x00\x00\x05\x0a\x00\x00\x06\x0a\x00\x00\x07\x0a\x00\x00\x08\x0a\x00\x00\x09\x00"),
	  0, NOTHING, NOTHING, TEXT("NOOP\r\n") },
	{ "IPv4 with timestamps", FAMILY_IPV4, NOTHING, 0, NOTHING, TIMESTAMPS, TEXT("QUIT\r\n") },
	{ "IPv4 with all the TCP options there can be", FAMILY_IPV4, NOTHING, 0, NOTHING,
	  TEXT("\x01\x01\x08\x0a\x01\x02\x03\x04\xfa\xfb\xfc\xfd\x01\x01\x05\x1a\x00\x00\x00\x01"
	       "\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x06"),
	  TEXT("QUIT\r\n") },
	{ "IPv6", FAMILY_IPV6, NOTHING, 6, NOTHING, NOTHING, TEXT("EPSV\r\n") },
	{ "IPv6 without payload", FAMILY_IPV6, NOTHING, 6, NOTHING, NOTHING, NOTHING },
	{ "IPv6 with a hop-by-hop header", FAMILY_IPV6, NOTHING, 0, TEXT("\x06\x00\x05\x02\x00\x00\x01\x00"),
	  TIMESTAMPS,
	  TEXT("EPSV\r\n") },
	{ "IPv6 with destination options of 16 bytes", FAMILY_IPV6, NOTHING, 60,
	  TEXT("\x06\x01\x01\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), NOTHING, TEXT("EPSV\r\n") },
	{ "IPv6 with three extension headers", FAMILY_IPV6, NOTHING, 0,
	  TEXT("\x2b\x00\x01\x04\x00\x00\x00\x00" "\x3c\x00\x04\x00\x00\x00\x00\x00"
	       "\x06\x00\x01\x04\x00\x00\x00\x00"),
	  NOTHING, TEXT("EPSV\r\n") },
};

/* The one's complement sum of RFC 1071 over 16-bit words, folded and not complemented. */
static uint16_t sum(uint16_t start, const uint8_t *at, size_t length)
{
	uint32_t total = start;

	for (size_t index = 0; index < length; index++) {
		total += index % 2 == 0 ? (uint32_t)at[index] << 8 : at[index];
		total = (total & 0xffff) + (total >> 16);
	}
	return (uint16_t)total;
}

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The sum over pseudo header and segment, 0xffff where the checksum in it is right. */
static uint16_t segment_sum(const uint8_t *packet, size_t ip_header, size_t length)
{
	uint8_t tail[4] = { 0, 6 };
	uint16_t total = packet[0] >> 4 == 4 ? sum(0, packet + 12, 8) : sum(0, packet + 8, 32);

	put16(tail + 2, length - ip_header);
	return sum(sum(total, tail, sizeof(tail)), packet + ip_header, length - ip_header);
}

static void fix_segment(uint8_t *packet, size_t ip_header, size_t length)
{
	put16(packet + ip_header + 16, 0);
	put16(packet + ip_header + 16, (uint16_t)~segment_sum(packet, ip_header, length));
}

static size_t make_ip(const struct recipe *recipe, uint8_t *out, size_t segment)
{
	static const uint8_t ipv4[] = { 0x45, 0x10, 0, 0, 0x12, 0x34, 0x40, 0, 61, 6, 0, 0, 10, 0, 0, 5, 203, 0, 113,
					9 };
	static const uint8_t ipv6[] = { 0x60, 0x01, 0x23, 0x45, 0, 0, 6, 61,
					0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
					0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9 };
	size_t header;

	if (recipe->family == FAMILY_IPV4) {
		header = sizeof(ipv4) + recipe->ip_options_length;
		memcpy(out, ipv4, sizeof(ipv4));
		if (recipe->ip_options_length > 0)
			memcpy(out + sizeof(ipv4), recipe->ip_options, recipe->ip_options_length);
		out[0] = (uint8_t)(0x40 | header / 4);
		put16(out + 2, header + segment);
		put16(out + 10, (uint16_t)~sum(0, out, header));
	} else {
		header = sizeof(ipv6) + recipe->extensions_length;
		memcpy(out, ipv6, sizeof(ipv6));
		if (recipe->extensions_length > 0)
			memcpy(out + sizeof(ipv6), recipe->extensions, recipe->extensions_length);
		out[6] = recipe->next_header;
		put16(out + 4, header - sizeof(ipv6) + segment);
	}
	return header;
}

/* Writes the packet to out, which has ROOM, and returns its length. */
static size_t make(const struct recipe *recipe, uint8_t *out)
{
	static const uint8_t tcp[] = { 0x9c, 0x40, 0x00, 0x15, 0xff, 0xff, 0xff, 0xf0, 0x80, 0x00, 0x00, 0x01,
				       0x51, TCP_ACK | TCP_PSH | 0xc0, 0xab, 0xcd, 0, 0, 0, 0 };
	size_t headers = sizeof(tcp) + recipe->tcp_options_length;
	size_t ip_header = make_ip(recipe, out, headers + recipe->payload_length);
	uint8_t *at = out + ip_header;

	memcpy(at, tcp, sizeof(tcp));
	at[12] = (uint8_t)(headers / 4 << 4 | 1);
	if (recipe->tcp_options_length > 0)
		memcpy(at + sizeof(tcp), recipe->tcp_options, recipe->tcp_options_length);
	if (recipe->payload_length > 0)
		memcpy(at + headers, recipe->payload, recipe->payload_length);
	fix_segment(out, ip_header, ip_header + headers + recipe->payload_length);
	return ip_header + headers + recipe->payload_length;
}

/* Parses a copy of exactly this length, so that a sanitizer sees a read behind it. */
static enum reason parse_exactly(const uint8_t *bytes, size_t length, struct packet *packet)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	enum reason reason;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	reason = packet_parse((struct bytes){ copy, length }, packet);
	if (reason == REASON_NONE)
		packet_verify_checksum((struct bytes){ copy, length }, packet);
	free(copy);
	return reason;
}

static size_t header_length(const struct recipe *recipe)
{
	return recipe->family == FAMILY_IPV4 ? 20 + recipe->ip_options_length : 40 + recipe->extensions_length;
}

static void whole_packets_are_read(void **state)
{
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		const struct recipe *recipe = &recipes[index];
		bool ipv4 = recipe->family == FAMILY_IPV4;
		size_t length = make(recipe, bytes);
		struct packet packet;
		struct endpoint source = unit_endpoint(ipv4 ? "10.0.0.5" : "2001:db8::5", 40000);
		struct endpoint destination = unit_endpoint(ipv4 ? "203.0.113.9" : "2001:db8:1::9", 21);

		if (packet_parse((struct bytes){ bytes, length }, &packet) != REASON_NONE)
			fail_msg("%s is not read", recipe->name);
		assert_true(endpoint_equal(&packet.tuple.source, &source));
		assert_true(endpoint_equal(&packet.tuple.destination, &destination));
		assert_int_equal(packet.seq, UINT32_C(0xfffffff0));
		assert_int_equal(packet.ack, UINT32_C(0x80000001));
		assert_int_equal(packet.flags, TCP_ACK | TCP_PSH | 0xc0);
		assert_int_equal(packet.window, 0xabcd);
		assert_int_equal(packet.ip_header, header_length(recipe));
		assert_int_equal(packet.tcp_header, 20 + recipe->tcp_options_length);
		assert_int_equal(packet.length, length);
		assert_int_equal(packet.payload.length, recipe->payload_length);
		assert_memory_equal(packet.payload.data, recipe->payload, recipe->payload_length);
		assert_int_equal(packet_verify_checksum((struct bytes){ bytes, length }, &packet), REASON_NONE);
	}
}

static void packets_that_are_cut_anywhere_are_refused(void **state)
{
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		size_t length = make(&recipes[index], bytes);

		for (size_t cut = 0; cut < length; cut++) {
			struct packet packet;
			enum reason reason = parse_exactly(bytes, cut, &packet);

			if (reason != REASON_SHORT_PACKET)
				fail_msg("%s cut at %zu: %s", recipes[index].name, cut, reason_name(reason));
		}
	}
}

/* The IP length is what counts, if the bytes are there. */
static void the_length_field_bounds_the_packet(void **state)
{
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		const struct recipe *recipe = &recipes[index];
		bool ipv4 = recipe->family == FAMILY_IPV4;
		size_t length = make(recipe, bytes);
		size_t headers = header_length(recipe) + 20 + recipe->tcp_options_length;

		for (size_t claimed = ipv4 ? 0 : 40; claimed <= length + 1; claimed++) {
			struct packet packet;
			enum reason reason;

			put16(bytes + (ipv4 ? 2 : 4), claimed - (ipv4 ? 0 : 40));
			reason = parse_exactly(bytes, length, &packet);
			if (claimed < headers || claimed > length)
				assert_int_equal(reason, REASON_SHORT_PACKET);
			else
				assert_int_equal(reason, REASON_NONE);
			if (reason == REASON_NONE)
				assert_int_equal(packet.payload.length, claimed - headers);
		}
	}
}

/* Ethernet fills short frames up to 60 bytes. */
static void padding_behind_the_packet_is_no_part_of_it(void **state)
{
	uint8_t bytes[ROOM];
	uint8_t out[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		size_t length = make(&recipes[index], bytes);
		struct bytes padded = { bytes, length + 17 };
		struct packet packet;
		struct packet_change change;

		memset(bytes + length, 0xee, 17);
		assert_int_equal(packet_parse(padded, &packet), REASON_NONE);
		assert_int_equal(packet.length, length);
		assert_int_equal(packet.payload.length, recipes[index].payload_length);
		assert_int_equal(packet_verify_checksum(padded, &packet), REASON_NONE);
		change = (struct packet_change){
			packet.seq, packet.ack, packet.flags, false, packet.payload, packet.urgent, false
		};
		assert_int_equal(packet_rewrite(padded, &packet, &change, out, sizeof(out)), length);
		assert_memory_equal(out, bytes, length);
	}
}

static void fragments_are_no_segments(void **state)
{
	static const struct {
		uint8_t high, low;
		enum reason reason;
	} rows[] = {
		{ 0x00, 0x00, REASON_NONE },
		{ 0x40, 0x00, REASON_NONE },     /* don't fragment */
		{ 0x80, 0x00, REASON_NONE },     /* the reserved bit means nothing */
		{ 0x20, 0x00, REASON_FRAGMENT }, /* the first */
		{ 0x60, 0x00, REASON_FRAGMENT },
		{ 0x20, 0x01, REASON_FRAGMENT }, /* one in the middle */
		{ 0x00, 0x01, REASON_FRAGMENT }, /* the last */
		{ 0x1f, 0xff, REASON_FRAGMENT },
		{ 0x01, 0x00, REASON_FRAGMENT },
	};
	uint8_t bytes[ROOM];
	struct packet packet;

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		size_t length = make(&recipes[0], bytes);

		bytes[6] = rows[index].high;
		bytes[7] = rows[index].low;
		assert_int_equal(parse_exactly(bytes, length, &packet), rows[index].reason);
	}
}

/* What the chain of next headers leads to. */
static void extension_headers_are_followed_to_the_segment_or_not_at_all(void **state)
{
	static const struct {
		const char *name;
		uint8_t next;
		const char *chain;
		size_t length;
		enum reason reason;
	} rows[] = {
		{ "a fragment header", 44, TEXT("\x06\x00\x00\x00\x00\x00\x00\x01"), REASON_FRAGMENT },
		{ "an atomic fragment (RFC 6946)", 44, TEXT("\x06\x00\x00\x00\x00\x00\x00\x00"), REASON_FRAGMENT },
		{ "a fragment behind hop-by-hop", 0,
		  TEXT("\x2c\x00\x01\x04\x00\x00\x00\x00" "\x06\x00\x00\x01\x00\x00\x00\x01"), REASON_FRAGMENT },
		{ "UDP", 17, TEXT(""), REASON_NOT_TCP },
		{ "UDP behind options", 60, TEXT("\x11\x00\x01\x04\x00\x00\x00\x00"), REASON_NOT_TCP },
		{ "no next header", 59, TEXT(""), REASON_NOT_TCP },
		{ "no next header behind options", 60, TEXT("\x3b\x00\x01\x04\x00\x00\x00\x00"), REASON_NOT_TCP },
		{ "authentication", 51, TEXT("\x06\x04\x00\x00\x00\x00\x00\x00"), REASON_NOT_TCP },
		{ "encryption", 50, TEXT("\x06\x04\x00\x00\x00\x00\x00\x00"), REASON_NOT_TCP },
		{ "IPv6 in IPv6", 41, TEXT(""), REASON_NOT_TCP },
		{ "a header that is longer than the packet", 0, TEXT("\x06\xff\x01\x04\x00\x00\x00\x00"),
		  REASON_SHORT_PACKET },
		{ "a header that ends where the packet ends but for 8 bytes", 60,
		  TEXT("\x06\x02\x01\x04\x00\x00\x00\x00"), REASON_SHORT_PACKET },
	};
	struct recipe recipe = { .family = FAMILY_IPV6, .payload = "", .payload_length = 0 };
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct packet packet;
		enum reason reason;
		size_t length;

		recipe.next_header = rows[index].next;
		recipe.extensions = rows[index].chain;
		recipe.extensions_length = rows[index].length;
		length = make(&recipe, bytes);
		reason = parse_exactly(bytes, length, &packet);
		if (reason != rows[index].reason)
			fail_msg("%s: %s", rows[index].name, reason_name(reason));
	}
}

/* They are told from packets that were cut: nothing behind the last header is looked for. */
static void a_packet_may_end_with_a_header_of_another_protocol(void **state)
{
	static const uint8_t udp = 17, options = 60;
	uint8_t bytes[ROOM] = { 0x45, [3] = 20, [9] = udp };
	struct packet packet;

	(void)state;
	assert_int_equal(parse_exactly(bytes, 20, &packet), REASON_NOT_TCP);
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x60;
	bytes[6] = udp;
	assert_int_equal(parse_exactly(bytes, 40, &packet), REASON_NOT_TCP);
	bytes[5] = 8;
	bytes[6] = options;
	bytes[40] = udp;
	assert_int_equal(parse_exactly(bytes, 48, &packet), REASON_NOT_TCP);
	/* The header is announced and is not there. */
	for (size_t length = 40; length < 48; length++) {
		bytes[5] = (uint8_t)(length - 40);
		assert_int_equal(parse_exactly(bytes, length, &packet), REASON_SHORT_PACKET);
	}
	assert_int_equal(packet_parse((struct bytes){ NULL, 0 }, &packet), REASON_SHORT_PACKET);
}

static void packets_are_readdressed_within_their_family_and_room(void **state)
{
	uint8_t bytes[ROOM], out[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		const bool ipv6 = recipes[index].family == FAMILY_IPV6;
		const struct endpoint there = unit_endpoint(ipv6 ? "2001:db8::77" : "192.0.2.77", 2121);
		const struct endpoint other = unit_endpoint(ipv6 ? "192.0.2.77" : "2001:db8::77", 2121);
		size_t length = make(&recipes[index], bytes);
		struct packet before, after;

		assert_int_equal(parse_exactly(bytes, length, &before), REASON_NONE);
		assert_int_equal(packet_readdress((struct bytes){ bytes, length }, &before, &other, out, sizeof(out)), 0);
		assert_int_equal(packet_readdress((struct bytes){ bytes, length }, &before, &there, out, length - 1), 0);
		assert_int_equal(packet_readdress((struct bytes){ bytes, length }, &before, &there, out, length), length);
		assert_int_equal(packet_parse((struct bytes){ out, length }, &after), REASON_NONE);
		assert_int_equal(packet_verify_checksum((struct bytes){ out, length }, &after), REASON_NONE);
		assert_true(endpoint_equal(&after.tuple.destination, &there));
		assert_true(endpoint_equal(&after.tuple.source, &before.tuple.source));
		assert_int_equal(after.seq, before.seq);
		assert_int_equal(after.payload.length, before.payload.length);
	}
}

static void the_chain_of_extension_headers_is_bounded(void **state)
{
	char chain[9 * 8] = { 0 };
	struct recipe recipe = {
		.family = FAMILY_IPV6, .next_header = 60, .extensions = chain, .payload = "", .payload_length = 0,
	};
	uint8_t bytes[ROOM];
	struct packet packet;

	(void)state;
	for (size_t count = 1; count <= 9; count++) {
		for (size_t index = 0; index < count; index++)
			chain[8 * index] = index + 1 < count ? 60 : 6;
		recipe.extensions_length = 8 * count;
		assert_int_equal(parse_exactly(bytes, make(&recipe, bytes), &packet),
				 count <= 8 ? REASON_NONE : REASON_NOT_TCP);
	}
}

static void headers_that_contradict_themselves_are_refused(void **state)
{
	static const struct {
		const char *name;
		size_t recipe;
		size_t at;
		uint8_t value;
		enum reason reason;
	} rows[] = {
		{ "version 0", 0, 0, 0x05, REASON_SHORT_PACKET },
		{ "version 5", 0, 0, 0x55, REASON_SHORT_PACKET },
		{ "version 15", 0, 0, 0xf5, REASON_SHORT_PACKET },
		{ "IPv4 bytes that say IPv6", 0, 0, 0x65, REASON_SHORT_PACKET },
		{ "an IPv4 header of no words", 0, 0, 0x40, REASON_SHORT_PACKET },
		{ "an IPv4 header of four words", 0, 0, 0x44, REASON_SHORT_PACKET },
		{ "an IPv4 header longer than the packet", 2, 0, 0x4f, REASON_SHORT_PACKET },
		{ "UDP", 0, 9, 17, REASON_NOT_TCP },
		{ "ICMP", 0, 9, 1, REASON_NOT_TCP },
		{ "protocol 0", 0, 9, 0, REASON_NOT_TCP },
		{ "a TCP header of no words", 0, 32, 0x00, REASON_SHORT_PACKET },
		{ "a TCP header of four words", 0, 32, 0x40, REASON_SHORT_PACKET },
		{ "a TCP header longer than the packet", 0, 32, 0xf0, REASON_SHORT_PACKET },
		{ "an IPv6 TCP header of four words", 7, 52, 0x40, REASON_SHORT_PACKET },
		{ "an IPv6 TCP header longer than the packet", 7, 52, 0x70, REASON_SHORT_PACKET },
	};
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		size_t length = make(&recipes[rows[index].recipe], bytes);
		struct packet packet;
		enum reason reason;

		bytes[rows[index].at] = rows[index].value;
		reason = parse_exactly(bytes, length, &packet);
		if (reason != rows[index].reason)
			fail_msg("%s: %s", rows[index].name, reason_name(reason));
	}
}

/* Two whole packets, computed by another program. */
static void checksums_are_those_of_known_packets(void **state)
{
	static const struct {
		const char *data;
		size_t length;
	} packets[] = {
		{ TEXT("\x45\x00\x00\x3b\x00\x01\x40\x00\x40\x06\xf4\xad\x0a\x00\x00\x05\xcb\x00\x71\x09"
		       "\x9c\x40\x00\x15\x00\x00\x03\xe8\x00\x00\x07\xd0\x50\x18\x20\x00\xa9\xde\x00\x00"
		       "PORT 10,0,0,5,4,1\r\n") },
		{ TEXT("\x60\x00\x00\x00\x00\x1b\x06\x40"
		       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"
		       "\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09"
		       "\x9c\x40\x00\x15\xff\xff\xff\xff\x00\x00\x00\x01\x50\x18\x04\x00\xf1\x3a\x00\x00"
		       "EPSV \r\n") },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(packets); index++) {
		struct bytes bytes = { (const uint8_t *)packets[index].data, packets[index].length };
		struct packet packet;
		struct packet_change change;
		uint8_t out[ROOM];

		assert_int_equal(packet_parse(bytes, &packet), REASON_NONE);
		assert_int_equal(packet_verify_checksum(bytes, &packet), REASON_NONE);
		change = (struct packet_change){
			packet.seq, packet.ack, packet.flags, false, packet.payload, packet.urgent, false
		};
		assert_int_equal(packet_rewrite(bytes, &packet, &change, out, sizeof(out)), bytes.length);
		assert_memory_equal(out, bytes.data, bytes.length);
	}
}

/* Addresses and the whole segment are covered; nothing else of the IP header is. */
static void every_flipped_bit_is_noticed(void **state)
{
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		size_t length = make(&recipes[index], bytes);
		size_t header = header_length(&recipes[index]);
		size_t first = recipes[index].family == FAMILY_IPV4 ? 12 : 8;
		size_t last = recipes[index].family == FAMILY_IPV4 ? 20 : 40;

		for (size_t bit = 8 * first; bit < 8 * length; bit++) {
			struct packet packet;
			enum reason reason;

			if (bit / 8 >= last && bit / 8 < header)
				continue;
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			reason = packet_parse((struct bytes){ bytes, length }, &packet);
			if (reason == REASON_NONE)
				reason = packet_verify_checksum((struct bytes){ bytes, length }, &packet);
			if (reason == REASON_NONE)
				fail_msg("%s: bit %zu of byte %zu", recipes[index].name, bit % 8, bit / 8);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void checksums_of_the_longest_packets_do_not_overflow(void **state)
{
	static char payload[65535];
	static uint8_t bytes[ROOM];
	struct recipe recipe = { .family = FAMILY_IPV4, .payload = payload };
	struct packet packet;
	size_t length;

	(void)state;
	memset(payload, 0xff, sizeof(payload));
	recipe.payload_length = 65535 - 40;
	length = make(&recipe, bytes);
	assert_int_equal(length, 65535);
	assert_int_equal(parse_exactly(bytes, length, &packet), REASON_NONE);
	assert_int_equal(packet_parse((struct bytes){ bytes, length }, &packet), REASON_NONE);
	assert_int_equal(packet_verify_checksum((struct bytes){ bytes, length }, &packet), REASON_NONE);
	recipe.family = FAMILY_IPV6;
	recipe.next_header = 6;
	recipe.payload_length = 65535 - 20;
	length = make(&recipe, bytes);
	assert_int_equal(length, 65575);
	assert_int_equal(packet_parse((struct bytes){ bytes, length }, &packet), REASON_NONE);
	assert_int_equal(packet.length, 65575);
	assert_int_equal(packet_verify_checksum((struct bytes){ bytes, length }, &packet), REASON_NONE);
}

static void check_rewritten(const uint8_t *original, const struct packet *before, const struct packet_change *change,
			    const uint8_t *out, size_t length)
{
	struct packet after;
	size_t headers = (size_t)before->ip_header + before->tcp_header;
	bool ipv4 = before->tuple.source.address.family == FAMILY_IPV4;

	assert_int_equal(length, headers + change->payload.length);
	assert_int_equal(parse_exactly(out, length, &after), REASON_NONE);
	assert_int_equal(packet_parse((struct bytes){ out, length }, &after), REASON_NONE);
	assert_int_equal(segment_sum(out, before->ip_header, length), 0xffff);
	assert_true(!ipv4 || sum(0, out, before->ip_header) == 0xffff);
	assert_int_equal(after.seq, change->seq);
	assert_int_equal(after.ack, change->ack);
	assert_int_equal(after.flags, change->flags);
	assert_int_equal(after.urgent, change->flags & TCP_URG ? change->urgent : 0);
	assert_int_equal(after.payload.length, change->payload.length);
	assert_memory_equal(after.payload.data, change->payload.data, change->payload.length);
	/* Everything else is as it was. */
	for (size_t at = 0; at < headers; at++) {
		size_t tcp = at - before->ip_header;
		bool may = at < before->ip_header ? (ipv4 ? at == 2 || at == 3 || at == 10 || at == 11 : at == 4 ||
						     at == 5)
						  : (tcp >= 4 && tcp < 12) || tcp == 13 || (tcp >= 16 && tcp < 20);

		if (ipv4 && at == 6)
			assert_int_equal(out[at], change->may_be_cut ? original[at] & ~0x40 : original[at]);
		else if (!may)
			assert_int_equal(out[at], original[at]);
	}
}

static void rewritten_packets_have_the_change_and_nothing_else(void **state)
{
	static const struct {
		const char *payload;
		size_t length;
	} payloads[] = {
		{ TEXT("") }, { TEXT("x") }, { TEXT("PORT 198,51,100,200,195,149\r\n") }, { TEXT("\0\0\0\0\0\0\0") },
		{ TEXT("\xff\xff\xff\xff") },
	};
	static const uint8_t flags[] = { TCP_ACK, TCP_ACK | TCP_FIN, TCP_ACK | TCP_PSH, TCP_RST, 0xff };
	uint8_t bytes[ROOM];
	uint8_t out[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes) * ARRAY_SIZE(payloads) * ARRAY_SIZE(flags); index++) {
		const struct recipe *recipe = &recipes[index % ARRAY_SIZE(recipes)];
		size_t rest = index / ARRAY_SIZE(recipes);
		struct bytes original = { bytes, make(recipe, bytes) };
		struct packet packet;
		struct packet_change change = {
			.seq = UINT32_C(0x01020304) * (uint32_t)index,
			.ack = ~(uint32_t)index,
			.flags = flags[rest % ARRAY_SIZE(flags)],
			.payload = unit_bytes(payloads[rest / ARRAY_SIZE(flags)].payload,
					      payloads[rest / ARRAY_SIZE(flags)].length),
			.urgent = (uint16_t)(index * 77),
			.may_be_cut = rest % 2 != 0,
		};
		size_t length;

		assert_int_equal(packet_parse(original, &packet), REASON_NONE);
		length = packet_rewrite(original, &packet, &change, out, sizeof(out));
		check_rewritten(bytes, &packet, &change, out, length);
	}
}

static void the_urgent_pointer_goes_with_its_flag(void **state)
{
	uint8_t bytes[ROOM];
	uint8_t out[ROOM];
	struct bytes original = { bytes, make(&recipes[0], bytes) };
	struct packet packet;
	struct packet_change change;

	(void)state;
	bytes[33] |= TCP_URG;
	put16(bytes + 38, 7);
	fix_segment(bytes, 20, original.length);
	assert_int_equal(packet_parse(original, &packet), REASON_NONE);
	assert_int_equal(packet.urgent, 7);
	change = (struct packet_change){ packet.seq, packet.ack, packet.flags, false, packet.payload, packet.urgent, false };
	assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), original.length);
	assert_memory_equal(out, bytes, original.length);
	change.flags &= (uint8_t)~TCP_URG;
	assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), original.length);
	assert_int_equal(packet_parse((struct bytes){ out, original.length }, &packet), REASON_NONE);
	assert_int_equal(packet.urgent, 0);
	assert_int_equal(segment_sum(out, 20, original.length), 0xffff);
}

/* RFC 6864 4.1: where a packet may not be cut its identification is nothing, and 0 stays what it is in one that may. */
static void an_identification_is_made_where_there_was_none(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		uint8_t bytes[ROOM], out[ROOM];
		const struct bytes original = { bytes, make(&recipes[0], bytes) };
		struct packet packet;
		struct packet_change change = { .seq = 0x12345678, .flags = TCP_ACK, .may_be_cut = true };

		put16(bytes + 4, 0);
		bytes[6] = whole ? 0x40 : 0;
		assert_int_equal(packet_parse(original, &packet), REASON_NONE);
		change.payload = packet.payload;
		assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), original.length);
		assert_int_equal(out[4] << 8 | out[5], whole ? 0x5678 : 0);
		assert_int_equal(out[6], 0);
	}
}

static void packets_that_become_too_long_are_not_written(void **state)
{
	static uint8_t payload[65536];
	static uint8_t out[ROOM];
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(recipes); index++) {
		struct bytes original = { bytes, make(&recipes[index], bytes) };
		struct packet packet;
		struct packet_change change = { 1, 2, TCP_ACK, false, { payload, 100 }, 0, false };
		size_t headers;

		assert_int_equal(packet_parse(original, &packet), REASON_NONE);
		headers = (size_t)packet.ip_header + packet.tcp_header;
		assert_int_equal(packet_rewrite(original, &packet, &change, out, headers + 99), 0);
		assert_int_equal(packet_rewrite(original, &packet, &change, out, headers + 100), headers + 100);
		change.payload.length = 65535 - headers;
		assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), 65535);
		change.payload.length++;
		assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), 0);
	}
}

/* Whether a lone option of this kind and length, in its place, is one that may leave. */
static bool option_may_leave(unsigned int kind, size_t length, bool syn)
{
	switch (kind) {
	case 0:
	case 1:
		return true;
	case 2:
		return syn && length == 4;
	case 3:
		return syn && length == 3;
	case 4:
		return syn && length == 2;
	case 5:
		return !syn && (length == 10 || length == 18 || length == 26 || length == 34);
	case 8:
		return length == 10;
	default:
		return false;
	}
}

static void a87_options_leave_that_every_receiver_reads_alike_and_no_others(void **state)
{
	uint8_t bytes[ROOM], out[ROOM], options[40];

	(void)state;
	for (unsigned int kind = 0; kind < 256; kind++) {
		for (size_t length = 2; length <= sizeof(options); length++) {
			for (int syn = 0; syn < 2; syn++) {
				struct recipe recipe = recipes[1];
				struct bytes original = { bytes, 0 };
				struct packet packet;
				struct packet_change change = { .seq = 1 };

				memset(options, kind < 2 ? (int)kind : 1, sizeof(options));
				if (kind >= 2) {
					memset(options, 0xee, length);
					options[0] = (uint8_t)kind;
					options[1] = (uint8_t)length;
				}
				recipe.tcp_options = (const char *)options;
				recipe.tcp_options_length = sizeof(options);
				original.length = make(&recipe, bytes);
				bytes[20 + 13] = syn ? TCP_SYN | TCP_ACK : TCP_ACK;
				assert_int_equal(packet_parse(original, &packet), REASON_NONE);
				if (packet.foreign_options == option_may_leave(kind, length, syn))
					fail_msg("kind %u of length %zu, %s", kind, length, syn ? "SYN" : "ACK");
				change.flags = packet.flags;
				packet_rewrite(original, &packet, &change, out, sizeof(out));
				if (packet.foreign_options)
					memset(options, 1, length);
				assert_memory_equal(out + 40, options, sizeof(options));
			}
		}
	}
}

/* What one receiver takes from the first and another from the last. */
static void a87_an_option_that_is_there_twice_leaves_once(void **state)
{
	static const char options[] = "\x08\x0a" "aaaabbbb" "\x08\x0a" "ccccdddd";
	struct recipe recipe = recipes[1];
	struct packet_change change = { .flags = TCP_ACK };
	uint8_t bytes[ROOM], out[ROOM];
	struct bytes original = { bytes, 0 };
	struct packet packet;

	(void)state;
	recipe.tcp_options = options;
	recipe.tcp_options_length = sizeof(options) - 1;
	original.length = make(&recipe, bytes);
	assert_int_equal(packet_parse(original, &packet), REASON_NONE);
	assert_true(packet.foreign_options);
	assert_int_equal(packet.timestamps.value, 0x61616161);
	packet_rewrite(original, &packet, &change, out, sizeof(out));
	assert_memory_equal(out + 40, options, 10);
	assert_memory_equal(out + 50, "\1\1\1\1\1\1\1\1\1\1", 10);
}

/* Options before and after. All lengths are multiples of four. */
static void sack_blocks_become_no_operations_and_nothing_else_does(void **state)
{
	static const struct {
		const char *name;
		const char *before;
		size_t length;
		const char *after;
	} rows[] = {
		{ "none", TEXT("\x01\x01\x01\x01"), "\x01\x01\x01\x01" },
		{ "one block", TEXT("\x01\x01\x05\x0a\x11\x12\x13\x14\x15\x16\x17\x18"),
		  "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" },
		{ "a block at the end", TEXT("\x05\x0a\x11\x12\x13\x14\x15\x16\x17\x18\x01\x00"),
		  "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00" },
		{ "behind timestamps", TEXT("\x01\x01\x08\x0a\x05\x0a\x01\x01\x05\x0a\x01\x01\x01\x01\x05\x0a"
					    "\x11\x12\x13\x14\x15\x16\x17\x18"),
		  "\x01\x01\x08\x0a\x05\x0a\x01\x01\x05\x0a\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" },
		{ "permitted is not a block, and out of place", TEXT("\x04\x02\x01\x01"), "\x01\x01\x01\x01" },
		{ "behind the end of the list", TEXT("\x00\x00\x05\x0a\x11\x12\x13\x14\x15\x16\x17\x18"),
		  "\0\0\0\0\0\0\0\0\0\0\0\0" },
		{ "longer than the options", TEXT("\x01\x01\x05\x0b\x11\x12\x13\x14\x15\x16\x17\x18"),
		  "\x01\x01\0\0\0\0\0\0\0\0\0\0" },
		{ "of length 0", TEXT("\x05\x00\x05\x0a\x11\x12\x13\x14"), "\0\0\0\0\0\0\0\0" },
		{ "of length 1", TEXT("\x05\x01\x05\x04"), "\0\0\0\0" },
		{ "of which only the kind is there", TEXT("\x01\x01\x01\x05"), "\x01\x01\x01\0" },
		{ "two", TEXT("\x05\x02\x05\x02"), "\x01\x01\x01\x01" },
		{ "behind an unknown option", TEXT("\xfd\x04\x05\x02\x05\x02\x01\x01"),
		  "\x01\x01\x01\x01\x01\x01\x01\x01" },
	};
	uint8_t bytes[ROOM];
	uint8_t out[ROOM];

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(rows); index++) {
		size_t row = index / 2;
		struct recipe recipe = recipes[index % 2 == 0 ? 0 : 7];
		struct bytes original;
		struct packet packet;
		struct packet_change change;

		recipe.tcp_options = rows[row].before;
		recipe.tcp_options_length = rows[row].length;
		original = (struct bytes){ bytes, make(&recipe, bytes) };
		assert_int_equal(packet_parse(original, &packet), REASON_NONE);
		change = (struct packet_change){
			packet.seq, packet.ack, packet.flags, true, packet.payload, packet.urgent, false
		};
		assert_int_equal(packet_rewrite(original, &packet, &change, out, sizeof(out)), original.length);
		if (memcmp(out + packet.ip_header + 20, rows[row].after, rows[row].length) != 0)
			fail_msg("%s: %s", rows[row].name,
				 unit_escape((struct bytes){ out + packet.ip_header + 20, rows[row].length }));
		assert_int_equal(segment_sum(out, packet.ip_header, original.length), 0xffff);
	}
}

static void timestamps_are_read_where_they_stand(void **state)
{
	static const struct {
		const char *options;
		size_t length;
		bool present;
		uint32_t value, echo;
	} rows[] = {
		{ TEXT(""), false, 0, 0 },
		{ TEXT("\x01\x01\x01\x01"), false, 0, 0 },
		{ TIMESTAMPS, true, UINT32_C(0x01020304), UINT32_C(0xfafbfcfd) },
		{ TEXT("\x08\x0a\x01\x02\x03\x04\xfa\xfb\xfc\xfd\x00\x00"), true, UINT32_C(0x01020304),
		  UINT32_C(0xfafbfcfd) },
		{ TEXT("\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09"), true, 7, 9 },
		/* of another length, behind the end, cut off */
		{ TEXT("\x01\x01\x01\x08\x09\x01\x02\x03\x04\xfa\xfb\xfc"), false, 0, 0 },
		{ TEXT("\x00\x01\x08\x0a\x01\x02\x03\x04\xfa\xfb\xfc\xfd"), false, 0, 0 },
		{ TEXT("\x01\x01\x08\x0a\x01\x02\x03\x04"), false, 0, 0 },
		{ TEXT("\x01\x01\x01\x08"), false, 0, 0 },
		/* another option of that length: SACK of one block */
		{ TEXT("\x01\x01\x05\x0a\x01\x02\x03\x04\xfa\xfb\xfc\xfd"), false, 0, 0 },
	};
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct recipe recipe = recipes[0];
		struct packet packet;

		recipe.tcp_options = rows[index].options;
		recipe.tcp_options_length = rows[index].length;
		/* Without payload a read behind the options is one behind the packet. */
		recipe.payload_length = 0;
		assert_int_equal(parse_exactly(bytes, make(&recipe, bytes), &packet), REASON_NONE);
		assert_int_equal(packet.timestamps.present, rows[index].present);
		assert_int_equal(packet.timestamps.value, rows[index].value);
		assert_int_equal(packet.timestamps.echo, rows[index].echo);
	}
}

static void packets_that_are_built_are_read_back(void **state)
{
	(void)state;
	for (unsigned int variant = 0; variant < 4; variant++) {
		bool ipv4 = variant % 2 == 0;
		struct packet_plain plain = {
			.tuple = {
				.source = unit_endpoint(ipv4 ? "198.51.100.1" : "2001:db8::5", 40000),
				.destination = unit_endpoint(ipv4 ? "203.0.113.9" : "2001:db8::9", 21),
			},
			.seq = UINT32_C(0xdeadbeef),
			.ack = UINT32_C(0xfeedc0de),
			.flags = TCP_RST | TCP_ACK,
			.window = 0x1234,
			.timestamps = { variant >= 2, variant >= 2 ? 17 : 0, variant >= 2 ? UINT32_MAX : 0 },
		};
		uint8_t out[PACKET_PLAIN_MAX + 1];
		struct packet packet;
		size_t length;

		memset(out, 0xa5, sizeof(out));
		length = packet_build(&plain, out);
		assert_int_equal(length, (ipv4 ? 40 : 60) + (variant >= 2 ? 12 : 0));
		assert_int_equal(out[PACKET_PLAIN_MAX], 0xa5);
		assert_int_equal(parse_exactly(out, length, &packet), REASON_NONE);
		assert_int_equal(segment_sum(out, packet.ip_header, length), 0xffff);
		assert_true(!ipv4 || sum(0, out, 20) == 0xffff);
		assert_true(tuple_equal(&packet.tuple, &plain.tuple));
		assert_int_equal(packet.seq, plain.seq);
		assert_int_equal(packet.ack, plain.ack);
		assert_int_equal(packet.flags, plain.flags);
		assert_int_equal(packet.window, plain.window);
		assert_int_equal(packet.payload.length, 0);
		assert_int_equal(packet.timestamps.present, plain.timestamps.present);
		assert_int_equal(packet.timestamps.value, plain.timestamps.value);
		assert_int_equal(packet.timestamps.echo, plain.timestamps.echo);
	}
}

static void sequence_numbers_are_compared_on_a_circle(void **state)
{
	static const struct {
		uint32_t a, b;
		bool before;
	} rows[] = {
		{ 0, 0, false },
		{ 0, 1, true },
		{ 1, 0, false },
		{ UINT32_MAX, 0, true },
		{ 0, UINT32_MAX, false },
		{ UINT32_C(0xfffffff0), 16, true },
		{ 0, UINT32_C(0x7fffffff), true },
		{ UINT32_C(0x80000001), 0, true },
		{ 1, UINT32_C(0x80000000), true },
	};

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++)
		assert_int_equal(seq_before(rows[index].a, rows[index].b), rows[index].before);
}

static void no_bytes_whatever_lead_out_of_the_packet(void **state)
{
	uint64_t random = 22;
	uint8_t bytes[ROOM];

	(void)state;
	for (unsigned int run = 0; run < 60000; run++) {
		size_t length = make(&recipes[run % ARRAY_SIZE(recipes)], bytes);
		unsigned int changes = 1 + unit_random_below(&random, 4);
		struct packet packet;

		while (changes-- > 0) {
			size_t at = unit_random_below(&random, unit_random_below(&random, 2) ? 16 : (uint32_t)length);

			bytes[at] = (uint8_t)unit_random(&random);
		}
		if (unit_random_below(&random, 3) == 0)
			length = unit_random_below(&random, (uint32_t)length + 1);
		if (parse_exactly(bytes, length, &packet) != REASON_NONE)
			continue;
		assert_true(packet.length <= length);
		assert_int_equal(packet.ip_header + packet.tcp_header + packet.payload.length, packet.length);
	}
}

static uint32_t little32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* One Ethernet frame of a capture; returns whether it was a TCP packet whose checksum is right. */
static bool check_frame(const uint8_t *frame, size_t length)
{
	static uint8_t out[ROOM];
	struct bytes bytes = { frame + 14, length - 14 };
	struct packet packet;
	struct packet_change change;

	if (length < 14 || packet_parse(bytes, &packet) != REASON_NONE ||
	    packet_verify_checksum(bytes, &packet) != REASON_NONE)
		return false;
	assert_int_equal(segment_sum(bytes.data, packet.ip_header, packet.length), 0xffff);
	change = (struct packet_change){ packet.seq, packet.ack, packet.flags, false, packet.payload, packet.urgent, false };
	assert_int_equal(packet_rewrite(bytes, &packet, &change, out, sizeof(out)), packet.length);
	/* The urgent pointer of a packet that is not urgent is the one field that may differ. */
	assert_memory_equal(out, bytes.data, (size_t)packet.ip_header + 16);
	assert_memory_equal(out + packet.ip_header + 20, bytes.data + packet.ip_header + 20,
			    packet.length - packet.ip_header - 20);
	return true;
}

static size_t check_capture(const char *path)
{
	static uint8_t frame[ROOM];
	uint8_t header[24];
	size_t good = 0;
	FILE *file = fopen(path, "rb");

	if (!file)
		fail_msg("can't open %s", path);
	assert_int_equal(fread(header, 1, sizeof(header), file), sizeof(header));
	assert_int_equal(little32(header), UINT32_C(0xa1b2c3d4));
	assert_int_equal(little32(header + 20), 1);
	while (fread(header, 1, 16, file) == 16) {
		size_t length = little32(header + 8);

		assert_true(length <= sizeof(frame));
		assert_int_equal(fread(frame, 1, length, file), length);
		good += check_frame(frame, length) ? 1 : 0;
	}
	fclose(file);
	return good;
}

static void packets_of_real_hosts_are_read_and_written_back(void **state)
{
	static const struct {
		const char *name;
		size_t good; /* TCP packets whose checksum is right: the others were captured before offloading */
	} captures[] = {
		{ "ftp-auth-tls.pcap", 84 }, { "ipv4.pcap", 95 }, { "ipv6.pcap", 136 }, { "retr.pcap", 67 },
		{ "ipv6-multiline-reply.pcap", 50 }, { "ipv6-retr-samba.pcap", 37 }, { "many-port.pcap", 1008 },
		{ "cwd-navigation.pcap", 8317 },
	};
	const char *directory = getenv("FTPALG_SHARED_PCAPS");
	char path[4096];

	(void)state;
	if (!directory) {
		print_message("FTPALG_SHARED_PCAPS names no directory of captures\n");
		skip();
	}
	for (size_t index = 0; index < ARRAY_SIZE(captures); index++) {
		snprintf(path, sizeof(path), "%s/%s", directory, captures[index].name);
		assert_int_equal(check_capture(path), captures[index].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_packets_are_read),
		cmocka_unit_test(packets_that_are_cut_anywhere_are_refused),
		cmocka_unit_test(the_length_field_bounds_the_packet),
		cmocka_unit_test(padding_behind_the_packet_is_no_part_of_it),
		cmocka_unit_test(fragments_are_no_segments),
		cmocka_unit_test(extension_headers_are_followed_to_the_segment_or_not_at_all),
		cmocka_unit_test(a_packet_may_end_with_a_header_of_another_protocol),
		cmocka_unit_test(packets_are_readdressed_within_their_family_and_room),
		cmocka_unit_test(the_chain_of_extension_headers_is_bounded),
		cmocka_unit_test(headers_that_contradict_themselves_are_refused),
		cmocka_unit_test(checksums_are_those_of_known_packets),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(checksums_of_the_longest_packets_do_not_overflow),
		cmocka_unit_test(rewritten_packets_have_the_change_and_nothing_else),
		cmocka_unit_test(the_urgent_pointer_goes_with_its_flag),
		cmocka_unit_test(an_identification_is_made_where_there_was_none),
		cmocka_unit_test(packets_that_become_too_long_are_not_written),
		cmocka_unit_test(a87_options_leave_that_every_receiver_reads_alike_and_no_others),
		cmocka_unit_test(a87_an_option_that_is_there_twice_leaves_once),
		cmocka_unit_test(sack_blocks_become_no_operations_and_nothing_else_does),
		cmocka_unit_test(timestamps_are_read_where_they_stand),
		cmocka_unit_test(packets_that_are_built_are_read_back),
		cmocka_unit_test(sequence_numbers_are_compared_on_a_circle),
		cmocka_unit_test(no_bytes_whatever_lead_out_of_the_packet),
		cmocka_unit_test(packets_of_real_hosts_are_read_and_written_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
