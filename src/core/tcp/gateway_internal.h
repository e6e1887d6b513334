/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gateway's files share: its memory, and a packet on its way through. */
#ifndef CORE_TCP_GATEWAY_INTERNAL_H
#define CORE_TCP_GATEWAY_INTERNAL_H

#include "core/tcp/flow.h"
#include "core/tcp/inspect.h"
#include "core/tcp/refusal.h"
#include "core/tcp/silent.h"
#include "ftpalg/gateway.h"
#include "ftpalg/packet.h"

#define SECOND UINT64_C(1000000)
/*
 * The largest segment that is safe wherever IPv6 is: 1,280 bytes of MTU less 40 of IPv6, 20 of TCP and 12 of
 * timestamps. A segment that is longer only because of an edit or of held bytes is cut here; the sender repeats the rest.
 */
#define SAFE_SEGMENT 1208
/* Rows that one tick looks at. */
#define TICK_ROWS 1024
#define PATIENCE_MAX 1024
#define ADOPTIONS_MAX 1024

/* Held bytes that are acknowledged in the receiver's name if their rest does not come by then. */
struct patience {
	uint64_t deadline;
	uint64_t session;
	uint32_t flow;      /* row */
	uint32_t in_next;   /* of the stream when it was noted: anything else means that more has come */
	enum direction direction;
};

/* The receivers of an adopted connection are asked where they stand. */
struct adoption_timer {
	uint64_t deadline;
	uint64_t session;
	uint32_t flow; /* row */
};

struct gateway {
	struct gateway_limits limits;
	const struct ops *ops;
	uint64_t began;       /* when the first packet came */
	uint64_t next_session;
	struct gateway_counters counters;
	struct flow_table table;
	struct buffer_pool pool;
	struct shelf shelf;
	struct quota quota;
	struct inspector inspector;
	/* A ring in the order of deadlines. Where it is full the sender's own timer does it. */
	struct patience patience[PATIENCE_MAX];
	uint32_t patience_first;
	uint32_t patience_count;
	struct adoption_timer adoptions[ADOPTIONS_MAX]; /* a ring, too */
	uint32_t adoptions_first;
	uint32_t adoptions_count;
	uint64_t told_memory; /* packets that found no memory, embryos that lost their rows: as many have been reported */
	uint64_t told_handshakes;
	struct refusal_table refusals;
	struct silent_table silent;
	uint32_t swept;       /* rows before this one have been looked at for unfinished lines */
	uint64_t sweep_next;  /* when the next ones will be */
	uint32_t foreseen[GATEWAY_FORESEEN_MAX]; /* where the packets that are about to come will be looked for */
	uint32_t foreseen_count;
	uint8_t payload[GATEWAY_PACKET_MAX];
	uint8_t made[PACKET_PLAIN_MAX + SAFE_SEGMENT];
};

/* Where a packet's numbers lie (gateway_plausible.c). */
enum plausibility {
	PLAUSIBLE_NOT,  /* nowhere: its sender does not hear the connection, and nothing in it counts */
	PLAUSIBLE_ONCE, /* where the peer has been: it may repeat what it said, but nothing in it is news */
	PLAUSIBLE,
};

/* One packet on its way through. */
struct passage {
	struct gateway *gateway;
	struct flow *flow;
	enum direction direction;
	struct bytes bytes;
	const struct gateway_way *way; /* NULL: not known */
	struct packet packet;
	struct packet_change change;
	enum refusal_kind asking; /* for which kind of packet conntrack was asked; NONE: it was not */
	uint32_t from;      /* output position up to which everything had been decided before this packet */
	enum plausibility plausibility;
	bool acknowledging; /* its acknowledgement released bytes of the other direction */
	uint64_t now;
	struct gateway_output *output;
};

/* Tells the source what the flow now has of the pool. */
void gateway_count_bytes(const struct gateway *gateway, struct flow *flow);

/* Gives the row and its blocks back. */
void gateway_forget_flow(struct gateway *gateway, struct flow *flow);

/*
 * Gives the row of this state back, DONE or KILLED, that has been silent for longest, if late packets are no longer to be
 * expected. False if they are.
 */
bool gateway_forget_ended(struct gateway *gateway, enum flow_state state, uint64_t now);

/* Closes the session if it is open; the row stays, as DONE or KILLED. */
void gateway_end_flow(struct gateway *gateway, struct flow *flow, enum flow_state state, enum reason reason,
		      uint64_t now);

/* An anomaly of this packet, of its session if it has one. */
void passage_report(const struct passage *passage, enum reason reason);

/* nf_conntrack_sane acts on an original-direction segment of exactly eight bytes beginning 00 00 00 07. */
#define CARRIER_TRIGGER_LENGTH 8
bool passage_triggers_carrier(struct bytes payload);

void passage_decide(struct passage *passage, enum gateway_verdict verdict, enum reason reason);

/* Accepts the packet as it came, or replaces it where the change differs from it. */
void passage_finish(struct passage *passage);

/* The same, but always replaces it; reason is counted. */
void passage_replace(struct passage *passage, enum reason reason);

/* Was a look for a packet like this one in vain a moment ago (refusal.h)? Then it is decided. */
bool passage_is_refused(struct passage *passage, enum refusal_kind kind);

/* Refuses it, and others like it for a while, for a reason that is in no packet. */
void passage_refuse(struct passage *passage, enum reason reason);

/*
 * What the kernel says of the packet's connection. The row is found again by the two ends that conntrack names, and the
 * packet was found by its own: were they others, a session would be judged by packets of somebody else's.
 */
enum reason passage_look_up(const struct passage *passage, struct connection *connection);

/* Makes a row for the connection, and sets passage->flow. Where there is none it decides the packet and returns false. */
bool passage_take_row(struct passage *passage, const struct connection *connection, enum flow_state state);

/*
 * Opens the session of passage->flow, which is LIVE afterwards. Where its source may have no more it decides the packet
 * and returns false. view is not the session's own.
 */
bool passage_open_session(struct passage *passage, const struct nat_view *view, bool adopted);

/* Adopts the packet's connection, which has no row. False: it can't be, and the packet is decided. */
bool passage_adopt(struct passage *passage);

/* The same for a connection that conntrack has just named. */
bool passage_adopt_connection(struct passage *passage, const struct connection *connection);

/* A connection that can't be served: both peers are reset at once, instead of trying for a minute. Decides the packet. */
void passage_turn_away(struct passage *passage, const struct nat_view *view, enum reason reason);

/* A SYN and ACK. Decides the packet. */
void handshake_take(struct passage *passage);

/* A packet of an EMBRYO. True if it is the client's answer: the row is LIVE, and the packet goes on; else it is decided. */
bool handshake_complete(struct passage *passage);

/* Gives the row of the oldest EMBRYO back if it is too old. False if it is not. */
bool handshake_forget_oldest(struct gateway *gateway, uint64_t now);

/*
 * Does the packet of passage->flow come by the device by which packets to its sender leave? Notes its own devices. False: it
 * does not, or what came before in the other direction did not; it is decided, and passage->flow may be gone.
 */
bool passage_comes_its_way(struct passage *passage);

/* Where the packet's numbers lie. */
enum plausibility passage_plausibility(const struct passage *passage);

/* Its acknowledgement, of more than was let out, could be that of a receiver who got it before the gateway began. */
bool passage_is_ahead(const struct passage *passage);

/* Payload, FIN, or both, of a stream that is read. */
void passage_take_segment(struct passage *passage);

/* Resets both peers and decides the packet; the session has been closed where the reason was found. */
void passage_kill(struct passage *passage, enum reason reason);

/* Resets the packet's sender. */
void passage_reset_sender(const struct passage *passage);

/* The packet's flow has just been adopted: neither of its streams has begun. */
void adoption_begin(struct passage *passage, const struct connection *connection);

/* Has one of the flow's streams not begun? */
bool adoption_is_under_way(const struct flow *flow);

/* Was it adopted so short a time ago that what a receiver says may date from before? */
bool adoption_is_young(const struct flow *flow, uint64_t now);

/* A packet in the name of this direction's sender, with its receiver's numbers; all but its own. */
void flow_describe(const struct flow *flow, enum direction direction, struct packet_plain *plain);

/* What the packet's acknowledgement may tell its receiver: no more than was let out. */
uint32_t stale_bound_acknowledgement(const struct passage *passage);

/* Has this packet made it certain that the connection went on without this gateway? */
bool stale_is_certain(struct passage *passage);

/* Gives its row up and adopts the connection, so that passage->flow is another. False: the packet is decided. */
bool stale_begin_again(struct passage *passage);

/* Where the numbers of a packet lie, while adoption is under way. May make it start over. */
enum plausibility adoption_weigh(struct passage *passage);

/*
 * Hears what an adopted flow's packet tells of the other stream's beginning. True: the packet's own stream has not begun,
 * or the flow was closed, and the packet is decided.
 */
bool adoption_take(struct passage *passage);

/* Is the first that an adopted stream says TLS? Then the session is opaque, and both streams pass. */
void adoption_judge_opaque(struct passage *passage);

/* Gives back what is kept of a flow whose streams have not begun. */
void adoption_end(struct gateway *gateway, struct flow *flow);

/* Asks the receivers of which time is due. */
void adoption_tick(struct gateway *gateway, uint64_t now);

/* If this packet left held bytes, or freed the way for those of the other side, patience with them begins. */
void patience_note(struct passage *passage);

/* Acknowledges what has waited long enough. */
void patience_tick(struct gateway *gateway, uint64_t now);

/* Remembers since when the line at the end of the packet's stream is unfinished. */
void patience_note_line(struct passage *passage);

/* Remembers since when the receivers have not acknowledged what they were sent. */
void patience_note_progress(struct passage *passage);

/* Closes sessions of which one peer may have been reset, and whose other peer has said nothing since. */
void patience_end_doubtful(struct gateway *gateway, uint64_t now);

/* Closes sessions whose line has been unfinished for too long. It looks at a part of the table, once a second. */
void patience_sweep(struct gateway *gateway, uint64_t now);

#endif
