/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gateway's files share: its memory, and a packet on its way through. */
#ifndef CORE_GATEWAY_INTERNAL_H
#define CORE_GATEWAY_INTERNAL_H

#include "flow.h"
#include "ftpalg/gateway.h"
#include "ftpalg/packet.h"
#include "inspect.h"

#define SECOND UINT64_C(1000000)
/*
 * The largest segment that is safe wherever IPv6 is: 1,280 bytes of MTU less 40 of IPv6, 20 of TCP and 12 of
 * timestamps. A segment that is longer only because of an edit or of held bytes is cut here; the sender repeats the rest.
 */
#define SAFE_SEGMENT 1208
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
	const struct policy *policy;
	const struct ops *ops;
	uint64_t next_session;
	struct gateway_counters counters;
	struct flow_table table;
	struct buffer_pool pool;
	struct quota quota;
	struct inspector inspector;
	/* A ring in the order of deadlines. Where it is full the sender's own timer does it. */
	struct patience patience[PATIENCE_MAX];
	uint32_t patience_first;
	uint32_t patience_count;
	struct adoption_timer adoptions[ADOPTIONS_MAX]; /* likewise */
	uint32_t adoptions_first;
	uint32_t adoptions_count;
	uint32_t swept;       /* rows before this one have been looked at for unfinished lines */
	uint64_t sweep_next;  /* when the next ones will be */
	uint8_t payload[GATEWAY_PACKET_MAX];
	uint8_t made[PACKET_PLAIN_MAX + SAFE_SEGMENT];
};

/* One packet on its way through. */
struct passage {
	struct gateway *gateway;
	struct flow *flow;
	enum direction direction;
	struct bytes bytes;
	struct packet packet;
	struct packet_change change;
	uint32_t from;      /* output position up to which everything had been decided before this packet */
	bool acknowledging; /* its acknowledgement released bytes of the other direction */
	uint64_t now;
	struct gateway_output *output;
};

/* Gives the row and its blocks back. */
void gateway_forget_flow(struct gateway *gateway, struct flow *flow);

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

/*
 * Begins a session with what the kernel says of the packet's connection, and sets passage->flow. Where that fails it
 * decides the packet and returns false. adopted: the connection is older than this gateway.
 */
bool passage_begin_flow(struct passage *passage, bool adopted);

/*
 * Is the SYN and ACK of a session that lives the beginning of another one? conntrack lets one of any number pass on an
 * established connection, so the kernel is asked. Decides the packet, and returns false, where it is not.
 */
bool passage_is_opening(struct passage *passage);

/* Payload, FIN, or both, of a stream that is read. */
void passage_take_segment(struct passage *passage);

/* Resets both peers and decides the packet; the session has been closed by whoever found the reason. */
void passage_kill(struct passage *passage, enum reason reason);

/* Resets the packet's sender. */
void passage_reset_sender(const struct passage *passage);

/* The packet's flow has just been adopted: neither of its streams has begun. */
void adoption_begin(struct passage *passage, const struct connection *connection);

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

/* Closes sessions whose line has been unfinished for too long. It looks at a part of the table, once a second. */
void patience_sweep(struct gateway *gateway, uint64_t now);

#endif
