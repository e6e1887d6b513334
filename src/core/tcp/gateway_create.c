/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gateway in the memory that its caller gives it: how much that is, and what stands where. */
#include <string.h>

#include "core/tcp/gateway_internal.h"

/* A silent session is forgotten after its time, or up to this part of it later. */
#define IDLE_LAXITY 64

void gateway_limits_set_defaults(struct gateway_limits *limits)
{
	memset(limits, 0, sizeof(*limits));
	limits->sessions = 65536;
	limits->memory = 65536 * BUFFER_BLOCK_SIZE;
	limits->line = LINE_MAX_LENGTH;
	limits->unacknowledged = 65536;
	limits->quota.sessions = 1024;
	limits->quota.pinholes = 512;
	limits->quota.relays = 512;
	limits->quota.pinhole_rate = 1000;
	limits->quota.bytes = 1048576;
	limits->idle = UINT64_C(7440) * 1000000; /* RFC 5382 REQ-5: 2 hours 4 minutes */
	/* Shorter than the shortest time after which most senders repeat a segment (RFC 6298 asks for a second). */
	limits->settling = 150000;
	limits->reverse_path = true;
	limits->line_timeout = UINT64_C(300) * 1000000; /* as long as RFC 1123 4.1.3.2 lets a server wait for a command */
}

static size_t align(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

/* As many sources again as can have sessions are remembered. */
static uint32_t quota_rows(const struct gateway_limits *limits)
{
	return limits->sessions * 2;
}

/* They are looked for when a session begins, and no more. */
static uint32_t quota_bucket_count(const struct gateway_limits *limits)
{
	return flow_table_bucket_count(limits->sessions) / FLOW_BUCKETS_PER_ROW;
}

/* The next part of the memory that gateway_create was given. */
static void *carve(uint8_t **at, size_t size)
{
	void *part = *at;

	*at += align(size);
	return part;
}

static uint32_t block_count(const struct gateway_limits *limits)
{
	return limits->memory / BUFFER_BLOCK_SIZE;
}

size_t gateway_memory(const struct gateway_limits *limits)
{
	return align(sizeof(struct gateway)) + align(limits->sessions * sizeof(struct flow)) +
	       align(flow_table_bucket_count(limits->sessions) * sizeof(uint32_t)) +
	       align(quota_bucket_count(limits) * sizeof(uint32_t)) +
	       align(quota_rows(limits) * sizeof(struct quota_source)) +
	       align(block_count(limits) * sizeof(struct buffer_block)) +
	       align(limits->sessions * sizeof(struct shelf_place)) +
	       align(silent_set_count(limits->sessions) * sizeof(struct silent_set));
}

struct gateway *gateway_create(void *memory, const struct gateway_limits *limits, const struct policy *policy,
			       const struct ops *ops, const uint8_t key[16])
{
	uint8_t *at = memory;
	struct gateway *gateway = carve(&at, sizeof(*gateway));
	struct flow *flows = carve(&at, limits->sessions * sizeof(*flows));
	uint32_t *flow_buckets = carve(&at, flow_table_bucket_count(limits->sessions) * sizeof(*flow_buckets));
	uint32_t *quota_buckets = carve(&at, quota_bucket_count(limits) * sizeof(*quota_buckets));
	struct quota_source *sources = carve(&at, quota_rows(limits) * sizeof(*sources));
	struct buffer_block *blocks = carve(&at, block_count(limits) * sizeof(*blocks));
	struct shelf_place *places = carve(&at, limits->sessions * sizeof(*places));
	struct silent_set *silent = carve(&at, silent_set_count(limits->sessions) * sizeof(*silent));

	memset(gateway, 0, sizeof(*gateway));
	gateway->limits = *limits;
	gateway->ops = ops;
	gateway->next_session = 1;
	flow_table_init(&gateway->table, flows, limits->sessions, flow_buckets, key);
	gateway->table.laxity = limits->idle / IDLE_LAXITY;
	quota_init(&gateway->quota, &limits->quota, sources, quota_rows(limits), quota_buckets,
		   quota_bucket_count(limits), key);
	refusal_table_init(&gateway->refusals, key);
	buffer_pool_init(&gateway->pool, blocks, block_count(limits));
	shelf_init(&gateway->shelf, places);
	silent_init(&gateway->silent, silent, silent_set_count(limits->sessions), key);
	gateway->inspector.shelf = &gateway->shelf;
	gateway->inspector.quota = &gateway->quota;
	gateway->inspector.pool = &gateway->pool;
	gateway->inspector.policy = policy;
	gateway->inspector.ops = ops;
	gateway->inspector.line_limit = limits->line < LINE_MAX_LENGTH ? limits->line : LINE_MAX_LENGTH;
	gateway->inspector.unacknowledged_limit = limits->unacknowledged;
	return gateway;
}
