/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes between a process that reads peers' bytes and its broker: datagrams of one host, so in its byte order.
 *
 * Every field has a fixed width and no structure has padding, so that any bytes may be read as a structure: whatever they
 * hold is numbers, which broker_check() then believes or not.
 */
#ifndef BROKER_WIRE_H
#define BROKER_WIRE_H

#include <stdint.h>

#include "ftpalg/packet.h"

enum broker_kind {
	BROKER_LOOKUP = 1, /* the connection of a tuple */
	BROKER_RECALL,     /* a master, found by its own two tuples */
	BROKER_EXPECT,
	BROKER_UNEXPECT,
	BROKER_PEEK,
	BROKER_ADJUST,   /* a sequence adjustment; behind BROKER_EXPECT in a datagram it is for that port and no other */
	BROKER_INJECT,   /* a packet without payload; no answer */
	BROKER_VERDICTS, /* of packets in the queue; no answer */
	BROKER_HELLO,    /* comes first, and the queue's socket with it; the answer tells that the broker is ready */
};

struct broker_endpoint {
	uint8_t family; /* 0: none, and then everything else is 0 too */
	uint8_t none;
	uint16_t port;
	uint8_t octets[16];
};

/* struct nat_view */
struct broker_view {
	struct broker_endpoint client;
	struct broker_endpoint server_seen;
	struct broker_endpoint server;
	struct broker_endpoint client_seen;
};

/* Every datagram to the broker begins with it. */
struct broker_header {
	uint8_t kind;
	uint8_t none;
	uint16_t processor; /* that the sender runs on; any number is right */
};

/*
 * The first six kinds. Fields that a kind does not use are 0. A datagram may hold several requests, one after another; their
 * answers come in one datagram too, in the same order.
 */
struct broker_request {
	struct broker_header header;
	uint8_t direction;  /* of the adjustment, or of the expectation's NAT */
	uint8_t translated; /* the expectation's */
	uint16_t saved_port;
	uint32_t timeout;
	uint32_t position;
	int32_t before;
	int32_t after;
	struct broker_view master;
	/* The tuple to look up; or the expectation's, whose source has no port. */
	struct {
		struct broker_endpoint source;
		struct broker_endpoint destination;
	} tuple;
};

struct broker_answer {
	uint16_t reason;
	uint16_t port;    /* of the expectation that was created */
	int32_t error;    /* -errno, after REASON_KERNEL_REFUSED */
	uint8_t direction;
	uint8_t opening;
	uint8_t ended;
	uint8_t lingers;
	uint8_t shared;
	uint8_t carrier;
	uint8_t resizable;
	uint8_t none;
	struct broker_view view;
	struct {
		uint32_t position;
		int32_t before;
		int32_t after;
	} seqadj[2];
};

/* BROKER_INJECT: the header, and the packet. BROKER_VERDICTS: the header, and as many verdicts as there is room for. */
/* Followed by length bytes that leave instead of the packet, and by zeros up to a multiple of four. */
struct broker_verdict {
	uint32_t id;
	uint32_t mark;
	uint32_t length;
	uint8_t accept;
	uint8_t none[3];
};

/* Requests in one datagram. */
#define BROKER_REQUESTS_MAX 64

/*
 * The largest packet that is injected: what a gateway kept of a line while it adopted its connection, a segment at a time.
 */
#define BROKER_PACKET_MAX 2048

/*
 * A packet of the largest size fits. AF_UNIX counts a datagram against the sender's buffer, which by default is three
 * times as large (net.core.wmem_default).
 */
#define BROKER_DATAGRAM_MAX (65536 + 256)

_Static_assert(sizeof(struct broker_request) == 24 + 6 * 20, "a request has no padding");
_Static_assert(sizeof(struct broker_answer) == 16 + 4 * 20 + 2 * 12, "an answer has no padding");
_Static_assert(sizeof(struct broker_verdict) == 16, "a verdict has no padding");

#endif
