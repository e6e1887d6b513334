/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IP packets that carry TCP: a bounds-checked view, and the few changes that a gateway makes to them.
 *
 * packet_parse is the only door by which packet bytes enter; a view that it filled can be used without further checks.
 */
#ifndef FTPALG_PACKET_H
#define FTPALG_PACKET_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

/* Lengths of the header without options, and of timestamps with their padding. */
#define TCP_HEADER_PLAIN 20
#define TCP_TIMESTAMPS_PADDED 12

/* The timestamps option, RFC 7323. */
struct packet_timestamps {
	bool present;
	uint32_t value;
	uint32_t echo;
};

/* Positions are into the packet; headers are known to lie inside it. */
struct packet {
	struct tuple tuple;
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint16_t urgent;
	uint8_t flags;
	struct packet_timestamps timestamps;
	bool foreign_options; /* options that might change what a receiver reads; they must not leave */
	bool whole;           /* IPv4 with "don't fragment" */
	uint16_t ip_header;   /* length, IPv6 extension headers included */
	uint16_t tcp_header;  /* length, options included */
	struct bytes payload; /* points into the packet that was parsed */
	size_t length;        /* by the IP header; link-layer padding after it is not part of the packet */
};

/*
 * Fills packet from bytes. IPv4 with options, IPv6 with hop-by-hop, routing and destination options headers.
 * REASON_SHORT_PACKET, REASON_FRAGMENT, REASON_NOT_TCP otherwise; nothing in packet may be used then.
 */
enum reason packet_parse(struct bytes bytes, struct packet *packet);

/* REASON_NONE or REASON_BAD_CHECKSUM, for the TCP checksum over what packet_parse accepted. */
enum reason packet_verify_checksum(struct bytes bytes, const struct packet *packet);

/* What shall leave instead of a packet. */
struct packet_change {
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	bool strip_sack;       /* overwrite SACK blocks with no-operations */
	struct bytes payload;
	uint16_t urgent;       /* where flags has TCP_URG: how far after seq the urgent data ends */
	bool may_be_cut;       /* IPv4: take "don't fragment" away */
};

/*
 * Writes original with the change applied to out: IP length, IPv4 header checksum and TCP checksum computed again, foreign
 * options overwritten, every other header byte kept. Returns the length; 0 if size is too small or the packet would exceed
 * 65,535 bytes.
 */
size_t packet_rewrite(struct bytes original, const struct packet *packet, const struct packet_change *change,
		      uint8_t *out, size_t size);

/*
 * Writes original, for another destination, to out: checksums computed again, every other byte kept. Returns the length; 0
 * if size is too small or the families differ.
 */
size_t packet_readdress(struct bytes original, const struct packet *packet, const struct endpoint *destination,
			uint8_t *out, size_t size);

/* What a packet without payload says. */
struct packet_plain {
	struct tuple tuple;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t window;
	struct packet_timestamps timestamps;
};

/* Writes the packet, as used to reset or to acknowledge. Returns its length; out holds PACKET_PLAIN_MAX. */
#define PACKET_PLAIN_MAX 72
size_t packet_build(const struct packet_plain *plain, uint8_t *out);

#endif
