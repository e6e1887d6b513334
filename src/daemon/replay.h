/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture through the gateway. What the queue, conntrack and the two peers' TCP do for a running gateway is done here
 * by tables, so gateway_packet() is called as the queue calls it.
 *
 *   capture --- as captured ---> [ receiver's part of TCP | gateway | kernel: seqadj ] ---> output, events
 *
 * Nothing here needs a privilege, reads a clock or a random number: the same input gives the same output.
 */
#ifndef DAEMON_REPLAY_H
#define DAEMON_REPLAY_H

#include <stdio.h>

#include "ftpalg/gateway.h"
#include "net/capture.h"

#define REPLAY_NAT_MAX 16

/* An address as the capture shows it, and as the other side of the NAT shall see it. */
struct replay_translation {
	struct address inside;
	struct address outside;
};

struct replay_settings {
	const struct gateway_limits *limits;
	const struct policy *policy;
	const uint16_t *ports; /* of control connections */
	size_t port_count;
	struct replay_translation nat[REPLAY_NAT_MAX];
	size_t nat_count;
	bool checksums;        /* packets with a wrong TCP checksum are dropped; else they are given a right one */
	uint32_t cut;          /* largest segment into which control streams are cut anew; 0: as captured */
	bool reorder;          /* segments are put out of order */
	uint32_t seed;         /* of cutting and reordering */
	FILE *events;          /* NULL: none */
	struct capture_output *output; /* NULL: none */
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
/* The capture has ended: sessions are closed, and what waited is told. */
void replay_finish(struct replay *replay);
const struct replay_counters *replay_counters(const struct replay *replay);
void replay_destroy(struct replay *replay);

#endif
