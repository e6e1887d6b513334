/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "account/segment.h"

#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define TCP_PROTOCOL 6

static uint16_t read_16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_32(const uint8_t *bytes)
{
	return (uint32_t)read_16(bytes) << 16 | read_16(bytes + 2);
}

static struct address read_address(const uint8_t *bytes, enum family family)
{
	struct address address = { .family = (uint8_t)family };

	memcpy(address.octets, bytes, family == FAMILY_IPV4 ? 4 : 16);
	return address;
}

/* What stands before the TCP header. */
struct segment_frame {
	size_t header;
	size_t length; /* of the whole packet; 0: larger than the header can say */
};

static bool read_ipv4(struct bytes packet, struct fact_segment *segment, struct segment_frame *frame)
{
	const uint8_t *ip = packet.data;

	frame->header = (size_t)(ip[0] & 15) * 4;
	frame->length = read_16(ip + 2);
	if (frame->header < IPV4_HEADER || (read_16(ip + 6) & 0x1fff) || ip[9] != TCP_PROTOCOL)
		return false;
	segment->tuple.source.address = read_address(ip + 12, FAMILY_IPV4);
	segment->tuple.destination.address = read_address(ip + 16, FAMILY_IPV4);
	return true;
}

static bool read_ipv6(struct bytes packet, struct fact_segment *segment, struct segment_frame *frame)
{
	const uint8_t *ip = packet.data;

	if (packet.length < IPV6_HEADER || ip[6] != TCP_PROTOCOL)
		return false;
	frame->header = IPV6_HEADER;
	frame->length = read_16(ip + 4) ? read_16(ip + 4) + (size_t)IPV6_HEADER : 0;
	segment->tuple.source.address = read_address(ip + 8, FAMILY_IPV6);
	segment->tuple.destination.address = read_address(ip + 24, FAMILY_IPV6);
	return true;
}

bool segment_read(struct bytes packet, struct fact_segment *segment)
{
	struct segment_frame frame = { .header = 0 };
	const uint8_t *tcp;
	size_t headers;
	bool good = false;

	memset(segment, 0, sizeof(*segment));
	if (packet.length < IPV4_HEADER)
		return false;
	if (packet.data[0] >> 4 == 4)
		good = read_ipv4(packet, segment, &frame);
	else if (packet.data[0] >> 4 == 6)
		good = read_ipv6(packet, segment, &frame);
	if (!good || packet.length < frame.header + TCP_HEADER)
		return false;
	tcp = packet.data + frame.header;
	headers = frame.header + (size_t)(tcp[12] >> 4) * 4;
	segment->tuple.source.port = read_16(tcp);
	segment->tuple.destination.port = read_16(tcp + 2);
	segment->sequence = read_32(tcp + 4);
	segment->acknowledgement = read_32(tcp + 8);
	segment->flags = tcp[13];
	segment->measured = frame.length >= headers;
	segment->length = segment->measured ? (uint32_t)(frame.length - headers) : 0;
	return true;
}
