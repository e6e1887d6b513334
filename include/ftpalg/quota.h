/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one source may use at a time, so that a flood from it costs nobody else a session or a pinhole.
 *
 * A source is a client's IPv4 address or the /64 network of its IPv6 address: a host that has one address of a /64 has them
 * all. Sources live in a fixed table. A source without sessions is remembered until its row is needed; otherwise it could
 * reset its rate by leaving and coming back.
 */
#ifndef FTPALG_QUOTA_H
#define FTPALG_QUOTA_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"
#include "ftpalg/share.h"

/* 0 means without limit, in every field. */
struct quota_limits {
	uint32_t sessions;     /* at a time */
	uint32_t pinholes;     /* at a time */
	uint32_t relays;       /* data connections through the proxy, at a time */
	uint32_t pinhole_rate; /* a second on average; ten seconds' worth may come at once */
	uint32_t mints;        /* certificates a minute; a minute's worth may come at once */
	uint32_t bytes;        /* held and unacknowledged, of all sessions together */
};

struct quota_source {
	struct address address;
	uint32_t sessions;
	uint32_t pinholes;
	uint32_t relays;   /* they outlive their session, and keep the row */
	uint32_t bytes;
	uint32_t next;     /* in its bucket; index plus one */
	uint32_t idle_next;
	bool idle;         /* it is in the list of idle rows, though it may have come back since */
	uint64_t tokens;   /* micro-pinholes that may be opened now */
	uint64_t filled;   /* when tokens was computed */
	uint64_t minted;   /* microseconds of a minute that its certificates have cost */
	uint64_t minted_at; /* when minted was computed */
	struct share_place place;
};

struct quota {
	struct quota_limits limits;
	struct quota_source *sources; /* owned by the caller of quota_init, as are the buckets */
	uint32_t *buckets;
	uint32_t count;
	uint32_t bucket_mask;
	uint32_t fresh;
	uint32_t idle_first; /* rows that had no session when they were put here, oldest first */
	uint32_t idle_last;
	uint8_t key[16];
	struct share share;  /* of all that sources have: with others who serve the same ones */
};

/*
 * count must exceed the number of possible sessions; the rows beyond that remember sources that have left. buckets: a power
 * of two.
 */
void quota_init(struct quota *quota, const struct quota_limits *limits, struct quota_source *sources, uint32_t count,
		uint32_t *buckets, uint32_t bucket_count, const uint8_t key[16]);

/* Everything is counted together with the other members of share from here on. To be called before anything is counted. */
void quota_join(struct quota *quota, const struct share *share);

/*
 * Counts one more session of the client. REASON_NONE and *source, which stays valid until quota_end_session; or
 * REASON_QUOTA_SESSIONS and nothing counted.
 */
enum reason quota_begin_session(struct quota *quota, const struct address *client, uint64_t now,
				struct quota_source **source);
void quota_end_session(struct quota *quota, struct quota_source *source);

/* May source open one more pinhole now? REASON_NONE: it is counted. REASON_QUOTA_PINHOLES, REASON_QUOTA_RATE. */
enum reason quota_open_pinhole(const struct quota *quota, struct quota_source *source, uint64_t now);
void quota_close_pinhole(const struct quota *quota, struct quota_source *source);

/* May source have one more data connection? Asked when it is offered, and counted from its beginning to its end. */
bool quota_allows_relay(const struct quota *quota, const struct quota_source *source);
void quota_begin_relay(const struct quota *quota, struct quota_source *source);
void quota_end_relay(struct quota *quota, struct quota_source *source);

/* May a certificate be made for source now? One that is made is counted. A source that is all zeros has had none. */
bool quota_allows_mint(const struct quota *quota, const struct quota_source *source, uint64_t now);
void quota_count_mint(const struct quota *quota, struct quota_source *source, uint64_t now);

/* Does source's use of the pool allow length bytes more? REASON_NONE or REASON_QUOTA_BYTES. */
enum reason quota_check_bytes(const struct quota *quota, const struct quota_source *source, size_t length);
/* The same where the pool is scarce: a source has a sixteenth then, so that many sources leave something to others. */
enum reason quota_check_scarce_bytes(const struct quota *quota, const struct quota_source *source, size_t length);
/* Sets what one of its sessions uses; before is what it used when this was last called. */
void quota_set_bytes(const struct quota *quota, struct quota_source *source, uint32_t before, uint32_t after);

#endif
