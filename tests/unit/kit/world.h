/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A world for the packet floor: two TCP peers, a lossy road on either side of a gateway, and a kernel made of tables
 * that adjusts sequence numbers as nf_ct_seqadj does.
 *
 *   client === road === [ gateway | kernel: seqadj, NAT ] === road === server
 *
 * Addresses are those at the FORWARD hook on both sides; only the view that the kernel reports says what NAT does. What
 * the peers would see of it is in the text of the lines, which is what the tests look at.
 */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include "core/tcp/stream.h"
#include "ftpalg/address.h"
#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/packet.h"

#define WORLD_STREAM_MAX 131072
#define WORLD_EVENTS_MAX 4096
#define WORLD_ROAD_MAX 64

struct world_event {
	enum notice_type type;
	enum reason reason;
	enum form form;
	enum verb verb;
	struct endpoint announced;
};

struct peer {
	uint32_t first;                  /* number of its first byte */
	uint32_t peer_first;             /* of the other's first byte, as it arrives here */
	uint8_t send[WORLD_STREAM_MAX];
	size_t send_length;
	size_t acknowledged;
	size_t sent;                     /* furthest byte that was ever sent */
	uint8_t got[WORLD_STREAM_MAX];
	bool have[WORLD_STREAM_MAX];
	size_t got_length;               /* contiguous */
	bool nagle;
	bool reset;
	bool asked;                      /* it has an acknowledgement to send, for a segment that it could not accept */
};

struct road_packet {
	enum direction direction;
	bool behind;                     /* it has passed the gateway */
	size_t length;
	uint8_t data[2048];
};

struct world {
	struct policy policy;
	struct gateway_limits limits;
	struct nat_view view;
	bool carrier;
	bool seqadj_kept;                /* the kernel has the extension */
	bool shaken;                     /* the server's SYN and ACK was seen, else the connection is older */
	bool shared;                     /* conntrack: another connection looks the same */
	bool others_live;                /* conntrack: connections of another view live */
	uint16_t port_taken;             /* expect answers with the next port for this one */
	enum reason expect_answer;
	struct gateway *gateway;
	void *memory;
	struct ops ops;
	uint64_t now;
	uint32_t random;

	struct seqadj seqadj[2];
	struct expectation pinholes[8];
	unsigned int pinhole_count;
	unsigned int pinholes_made;
	unsigned int asked_together;     /* for an expectation and an adjustment */
	unsigned int adjusted;           /* adjustments that were asked for, either way */
	struct world_event events[WORLD_EVENTS_MAX];
	unsigned int event_count;
	unsigned int injected;
	struct gateway_output output;

	struct peer peer[2];             /* by the direction in which they send */
	struct road_packet road[WORLD_ROAD_MAX];
	uint8_t road_order[WORLD_ROAD_MAX]; /* places in road: of those under way, in their order, then the free ones */
	unsigned int road_length;
};

/* How segments are cut, lost and mixed up. Per mille. */
struct schedule {
	uint32_t seed;
	unsigned int segment_max;        /* 0: a segment a text, or all that is waiting */
	unsigned int cut_at;             /* one cut, this many bytes into what is sent first; 0: none */
	unsigned int lose;
	unsigned int repeat;
	unsigned int reorder;
	unsigned int resend;             /* a retransmission with boundaries of its own */
	bool nagle;
};

struct line {
	enum direction direction;
	const char *text; /* with its end */
};

/* A world with a fresh gateway and an established connection. client_seen and server_seen NULL: no NAT there. */
void world_make(struct world *world, const char *client, const char *client_seen, const char *server,
		const char *server_seen);
/* Change world->policy and the like between make and start. */
void world_start(struct world *world, uint32_t first_number);
void world_end(struct world *world);

/* The server's SYN and ACK through the gateway, and with the client's answer. */
void world_answer_syn(struct world *world);
void world_shake_hands(struct world *world);

/*
 * Lets the peers say the lines, each when everything before it has arrived, and delivers until all is quiet. Returns
 * false if the world got stuck.
 */
bool world_converse(struct world *world, const struct line *lines, size_t count, const struct schedule *schedule);

/* The same in steps: a schedule begins, a peer gets something to say, and all is delivered until it is quiet. */
void world_begin(struct world *world, const struct schedule *schedule);
void world_speak(struct world *world, enum direction direction, struct bytes text);
bool world_settle(struct world *world, const struct schedule *schedule);

/* One packet from a peer straight through the gateway and on to the other; payload is at that offset of its stream. */
enum gateway_verdict world_send(struct world *world, enum direction direction, size_t offset, const void *payload,
				size_t length, uint8_t flags);

/*
 * The time passes after which the gateway asks the receivers of an adopted connection, and they answer. For worlds that
 * are driven packet by packet.
 */
void world_settle_adoption(struct world *world);

/* What the receiver of this direction has got. */
struct bytes world_received(const struct world *world, enum direction direction);

/* Events of this type; any reason if REASON_COUNT. */
unsigned int world_count_events(const struct world *world, enum notice_type type, enum reason reason);

uint32_t world_random(struct world *world, uint32_t below);

struct address world_address(const char *text);

#endif
