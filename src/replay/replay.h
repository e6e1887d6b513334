/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture through the gateway. What the queue, conntrack and the two peers' TCP do for a running gateway is done here
 * by tables, so gateway_packet() is called as the queue calls it.
 *
 *   capture --- as captured ---> [ receiver's part of TCP | gateway | kernel: seqadj ] ---> output, events
 *
 * Nothing here needs a privilege, reads a clock or a random number: the same input gives the same output.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include <stdio.h>

#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/packet.h"
#include "replay/capture.h"

#define REPLAY_NAT_MAX 16

/* An address as the capture shows it, and as the other side of the NAT is to see it. */
struct replay_translation {
	struct address inside;
	struct address outside;
};

/* A segment of a control connection, as an observer gets it. Valid until its function returns. */
struct replay_segment {
	uint64_t connection;   /* its number: 1 is the first of the capture */
	const struct nat_view *view;
	enum direction direction;
	uint64_t time;         /* microseconds, by the capture's clock */
	uint32_t seq;
	uint8_t flags;
	struct bytes payload;
};

/*
 * Functions that observe what comes to the gateway and what leaves it, and data connections. A segment is offered, the
 * gateway's events follow, then it is answered, then it may leave. A segment may be offered again, as its sender would
 * repeat it.
 */
struct replay_observer {
	void *context;
	/* A control connection begins, with its SYN or, adopted, with whatever the capture has of it first. */
	void (*begin)(void *context, const struct replay_segment *segment, bool adopted);
	void (*offer)(void *context, const struct replay_segment *segment);
	/* taken: the gateway has its bytes, whether they leave or wait in it. */
	void (*answer)(void *context, const struct replay_segment *segment, bool taken);
	/* What leaves, under the receiver's numbers. */
	void (*leave)(void *context, const struct replay_segment *segment);
	/* Bytes are missing in the capture: what comes from now on leaves as it is. */
	void (*lose)(void *context, uint64_t connection, uint64_t time);
	void (*notice)(void *context, const struct notice *notice, uint64_t time);
	/* A TCP packet of another connection. length: of its payload, which the capture may have cut. */
	void (*data)(void *context, const struct packet *packet, size_t length, uint64_t time);
};

struct replay_settings {
	const struct gateway_limits *limits;
	const struct policy *policy;
	const uint16_t *ports; /* of control connections */
	size_t port_count;
	struct replay_translation nat[REPLAY_NAT_MAX];
	size_t nat_count;
	bool checksums;        /* packets with a wrong TCP checksum are dropped; else they are given a right one */
	uint32_t cut;          /* largest segment into which control streams are cut; 0: as captured */
	bool reorder;          /* segments are put out of order */
	uint32_t seed;         /* of cutting and reordering */
	FILE *events;          /* NULL: none */
	struct capture_output *output; /* NULL: none */
	const struct replay_observer *observer; /* NULL: none */
	int link;              /* link type of the capture */
};

struct replay_counters {
	uint64_t packets;
	uint64_t control;      /* packets of control connections */
	uint64_t connections;  /* control connections */
	uint64_t adopted;      /* of which the capture doesn't show the beginning */
	uint64_t incomplete;   /* of which something is missing in the capture */
	uint64_t fragments;    /* of IP, with TCP in them; not looked at */
	uint64_t cut_short;    /* packets of control connections that the capture does not have in full */
	uint64_t checksums;    /* packets of control connections whose wrong checksum was made right */
	uint64_t injected;     /* packets that the gateway made by itself */
	uint64_t silenced;     /* packets whose sender has been reset by the gateway, and would not have sent them */
	uint64_t displaced;    /* connections that were forgotten because the table was full */
	bool events_failed;
};

struct replay;

/* settings are copied; what they point to must outlive the replay. NULL where there is no memory. */
struct replay *replay_create(const struct replay_settings *settings);
void replay_frame(struct replay *replay, const struct capture_frame *frame);
/* The capture has ended: sessions are closed, and what waited is reported. */
void replay_finish(struct replay *replay);
const struct replay_counters *replay_get_counters(const struct replay *replay);
void replay_destroy(struct replay *replay);

#endif
