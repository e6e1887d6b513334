/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet floor's front door: a packet goes in, one verdict comes out. The queue, replay, the tests and the fuzzers
 * call the same function.
 */
#ifndef FTPALG_GATEWAY_H
#define FTPALG_GATEWAY_H

#include "ftpalg/nat.h"
#include "ftpalg/policy.h"
#include "ftpalg/quota.h"

struct gateway_limits {
	uint32_t sessions;       /* rows of the session table */
	uint32_t memory;         /* bytes, in blocks of 512, for what is held and what is unacknowledged */
	uint32_t line;           /* longest line, at most LINE_MAX_LENGTH */
	uint32_t unacknowledged; /* bytes in one direction that may be unacknowledged */
	struct quota_limits quota; /* for one source */
	uint64_t idle;           /* microseconds after which a silent session is forgotten */
	uint64_t line_timeout;   /* microseconds that a line may stay unfinished before the session is closed; 0: for ever */
	uint64_t settling;       /* microseconds within which what passed before an adoption has arrived and been answered */
	bool table_full_open;    /* session table full: pass uninspected instead of dropping */
	bool malformed_open;     /* packets that are no whole TCP segment: pass instead of dropping */
	bool reverse_path;       /* a packet comes by the device by which packets to its sender leave */
};

/* The defaults that doc/ftpalg.conf.5 states. */
void gateway_limits_set_defaults(struct gateway_limits *limits);

enum gateway_verdict {
	GATEWAY_ACCEPT,  /* as it came */
	GATEWAY_REPLACE, /* the packet in output */
	GATEWAY_DROP,
};

#define GATEWAY_PACKET_MAX 65535

struct gateway_output {
	enum gateway_verdict verdict;
	enum reason reason;   /* why a packet was dropped, or passed uninspected */
	size_t length;        /* REPLACE: of packet */
	uint8_t packet[GATEWAY_PACKET_MAX];
};

struct gateway_counters {
	uint64_t packets;
	uint64_t replaced;
	uint64_t dropped;
	uint64_t sessions;
	uint64_t reasons[REASON_COUNT]; /* of packets; what sessions decided is in their events */
};

struct gateway;

/* Bytes of memory that gateway_create needs for these limits. */
size_t gateway_memory(const struct gateway_limits *limits);

/*
 * Makes a gateway in memory (aligned for any type, gateway_memory bytes, owned by the caller, to outlive the gateway).
 * Takes no resources of its own, so there is no destroy. key is 16 secret random bytes for the flow table. limits is
 * copied; policy and ops must outlive the gateway.
 */
struct gateway *gateway_create(void *memory, const struct gateway_limits *limits, const struct policy *policy,
			       const struct ops *ops, const uint8_t key[16]);

/*
 * Counts sessions, and what one source has, together with the other members of share, which have the same limits: all
 * members together stay within each of them. For handshakes that wait, each member has an equal part. To be called before
 * the first packet.
 */
void gateway_join(struct gateway *gateway, const struct share *share);

/* Numbers sessions that begin from now on, with this number first. Before this call they are numbered from 1. */
void gateway_number_sessions(struct gateway *gateway, uint64_t first);

/* The devices by which a packet came and by which it will leave, as the kernel numbers them. 0: not known. */
struct gateway_way {
	uint32_t in;
	uint32_t out;
};

/* Packets that can be foreseen at a time. */
#define GATEWAY_FORESEEN_MAX 64

/*
 * A packet with this tuple is about to come. Where several are known before the first of them is judged, what their sessions
 * have in memory is fetched for all of them at once, instead of one after the other. Nothing but time depends on it.
 */
void gateway_foresee(struct gateway *gateway, const struct tuple *tuple);

/*
 * Takes one packet as seen at the FORWARD hook and fills output. way may be NULL, where there are no devices: then
 * nothing is concluded from them. now: microseconds of a clock that never goes back.
 */
void gateway_packet(struct gateway *gateway, struct bytes packet, const struct gateway_way *way, uint64_t now,
		    struct gateway_output *output);

/*
 * Does what is due: acknowledges held bytes whose rest does not come, forgets idle sessions. Call it at the time
 * that gateway_next_tick gives, or earlier. It does a bounded amount of work.
 */
void gateway_tick(struct gateway *gateway, uint64_t now);

/* When gateway_tick has something to do, at the latest one second from now. */
uint64_t gateway_next_tick(const struct gateway *gateway, uint64_t now);

/* Judges all sessions by another policy from now on, at no cost for each; the old one may be freed afterwards. */
void gateway_set_policy(struct gateway *gateway, const struct policy *policy);

/*
 * Ends this session: both peers are reset, and whatever they still send is answered with a reset for a while. False: no
 * session has this number.
 */
bool gateway_kill_session(struct gateway *gateway, uint64_t session, uint64_t now);

/* Sessions now in the table. */
uint32_t gateway_session_count(const struct gateway *gateway);
const struct gateway_counters *gateway_get_counters(const struct gateway *gateway);

/*
 * Forgets all sessions and reports them closed. With close_pinholes their unused expectations are deleted; without, the
 * kernel keeps everything and another gateway can take over.
 */
void gateway_stop(struct gateway *gateway, bool close_pinholes, uint64_t now);

#endif
