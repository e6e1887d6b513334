/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Single packets through a gateway, one after the other, between two receivers that are as strict as TCP allows:
 * bytes are taken in order and once, and a reset counts only if its number is exactly the next one (RFC 5961 3.2).
 * World (world.h) is for dialogues on a bad road; this is for the packet that somebody made by hand.
 *
 *   client 10.0.0.5 (seen as 198.51.100.200) --- [ gateway | kernel: seqadj ] --- server 203.0.113.9
 *
 * Several connections differ in the client's port. Offsets count from a peer's first byte, in its own numbers.
 */
#ifndef UNIT_GATEWAY_RIG_H
#define UNIT_GATEWAY_RIG_H

#include "core/tcp/stream.h"
#include "ftpalg/gateway.h"
#include "ftpalg/notice.h"
#include "ftpalg/packet.h"

#define RIG_CONNECTIONS 4
#define RIG_GOT_MAX 8192
#define RIG_EVENTS_MAX 8192
#define RIG_INJECTED_MAX 64

/* A line that no server may see, and one that RIG_SNAT makes longer. */
#define RIG_BOUNCE "PORT 10,0,0,99,0,25\r\n"
#define RIG_PORT "PORT 10,0,0,5,195,149\r\n"
#define RIG_PORT_SEEN "PORT 198,51,100,200,195,149\r\n"

enum rig_nat {
	RIG_SNAT,
	RIG_DNAT, /* the server is 10.0.0.2 and known as 198.51.100.200; the client is 203.0.113.77 */
	RIG_PLAIN,
	RIG_PLAIN6,
};

struct rig_peer {
	uint32_t first;   /* number of its first byte */
	uint32_t next;    /* what it sends next */
	uint32_t expects; /* what it expects next, in the other's numbers as they arrive */
	uint32_t other_first;
	char got[RIG_GOT_MAX];
	size_t got_length;
	bool finished;    /* it has received a FIN */
	bool reset;
	unsigned int refused_resets; /* that did not have the right number */
	bool asked;       /* it has an acknowledgement to send, for a segment that it could not accept */
	unsigned int segments;       /* with payload, delivered, whatever was new in them */
};

struct rig_connection {
	bool shaken;                /* the server's SYN and ACK was seen, else it is older than the gateway */
	struct nat_view view;
	struct rig_peer peer[2]; /* by the direction in which they send */
	struct seqadj seqadj[2];
};

struct rig {
	struct policy policy;
	struct gateway_limits limits;
	struct gateway *gateway;
	void *memory;
	struct ops ops;
	uint64_t now;
	struct gateway_way way[2]; /* of each direction: by device 1 on the client's side, 2 on the server's */

	bool carrier;
	bool seqadj_kept;
	enum reason lookup_answer;
	const struct nat_view *lookup_other; /* the view that is answered in place of the right one */
	bool shared;                /* conntrack: another connection looks the same */
	bool over;                  /* conntrack: the connection has ended */
	bool opening;               /* conntrack: its handshake is under way, whatever has been said */
	bool others_live;           /* conntrack: connections of another view live */
	unsigned int lookups;
	struct expectation pinhole;
	unsigned int pinholes;      /* open now */
	unsigned int pinholes_made;

	struct rig_connection connections[RIG_CONNECTIONS];
	struct rig_connection *at;  /* the one that is being talked about */

	char events[RIG_EVENTS_MAX]; /* words, as in "refuse:low-port" */
	struct packet injected[RIG_INJECTED_MAX];
	unsigned int injected_count;
	struct gateway_output output;
	struct packet left;          /* what left the gateway, if something did */
	uint8_t left_bytes[GATEWAY_PACKET_MAX];
	bool lose;                   /* what leaves the gateway does not arrive */
};

/* What a test changes between make and start: limits, policy, carrier, seqadj_kept. */
void rig_make(struct rig *rig, enum rig_nat nat);
/* The numbers of all peers begin a little below 2^32. */
void rig_start(struct rig *rig);
void rig_end(struct rig *rig);

/* make and start. */
void rig_begin(struct rig *rig, enum rig_nat nat);

/* SYN and ACK. */
enum gateway_verdict rig_shake(struct rig *rig);

/* A packet with any number and any acknowledgement. */
enum gateway_verdict rig_packet(struct rig *rig, enum direction direction, uint32_t seq, uint32_t ack, uint8_t flags,
				uint16_t urgent, const void *payload, size_t length);

/* A segment at an offset, that acknowledges what has been received. */
enum gateway_verdict rig_at(struct rig *rig, enum direction direction, size_t offset, const char *text, uint8_t flags);

/* The next bytes of this peer. */
enum gateway_verdict rig_say(struct rig *rig, enum direction direction, const char *text);
enum gateway_verdict rig_say_bytes(struct rig *rig, enum direction direction, const void *bytes, size_t length,
				   uint8_t flags);

/* An acknowledgement without payload. */
enum gateway_verdict rig_acknowledge(struct rig *rig, enum direction direction);

/*
 * The time passes after which the gateway asks the receivers of an adopted connection, and they answer (RFC 9293
 * 3.10.7.4). Whatever was dropped has to be said again.
 */
void rig_settle(struct rig *rig);
/* The answers alone. */
void rig_answer(struct rig *rig);

/* Says all and acknowledges it: handshake, greeting, login. Clears the events. */
void rig_login(struct rig *rig);

/* Fails the test unless the receiver of this direction has got this, behind what rig_login said. */
void rig_assert_got(const struct rig *rig, enum direction direction, const char *text);
/* Fails the test if it has got that anywhere. */
void rig_assert_never_got(const struct rig *rig, enum direction direction, const char *text);

/* Does a word of the events begin so? */
bool rig_reported(const struct rig *rig, const char *word);

#endif
