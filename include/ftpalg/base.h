/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nouns that every layer shares: bytes from a peer, directions, addresses, endpoints, tuples.
 *
 * Nothing here owns memory. Multi-byte integers are in host order everywhere in the core; packet.c and the
 * adapters convert at the edge.
 */
#ifndef FTPALG_BASE_H
#define FTPALG_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns, never NUL-terminated. */
struct bytes {
	const uint8_t *data;
	size_t length;
};

/* A part of some bytes, by position, so that it survives a copy of them. */
struct span {
	uint32_t offset;
	uint32_t length;
};

/* The direction of a packet or a line on a control connection, in conntrack's terms (enum ip_conntrack_dir). */
enum direction {
	DIRECTION_ORIGINAL = 0, /* client to server: commands */
	DIRECTION_REPLY = 1,    /* server to client: replies */
};

static inline enum direction direction_opposite(enum direction direction)
{
	return direction == DIRECTION_ORIGINAL ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
}

enum family {
	FAMILY_NONE = 0,
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6,
};

/* octets are in network order; IPv4 uses the first four and keeps the rest zero, so that == on all 16 is right. */
struct address {
	uint8_t family; /* enum family */
	uint8_t octets[16];
};

struct endpoint {
	struct address address;
	uint16_t port;
};

/* One direction of a TCP connection. */
struct tuple {
	struct endpoint source;
	struct endpoint destination;
};

struct network {
	struct address address;
	uint8_t prefix;
};

struct port_range {
	uint16_t first;
	uint16_t last;
};

#endif
