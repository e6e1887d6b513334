/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/quota.h"

#include <string.h>

#include "core/siphash.h"
#include "ftpalg/address.h"

#define MICRO UINT64_C(1000000)
#define BURST_SECONDS 10
#define MINUTE (60 * MICRO)
#define SCARCE_SHARE 16

void quota_init(struct quota *quota, const struct quota_limits *limits, struct quota_source *sources, uint32_t count,
		uint32_t *buckets, uint32_t bucket_count, const uint8_t key[16])
{
	memset(quota, 0, sizeof(*quota));
	quota->limits = *limits;
	quota->sources = sources;
	quota->count = count;
	quota->buckets = buckets;
	quota->bucket_mask = bucket_count - 1;
	memset(buckets, 0, bucket_count * sizeof(*buckets));
	memcpy(quota->key, key, sizeof(quota->key));
}

void quota_join(struct quota *quota, const struct share *share)
{
	quota->share = *share;
}

static struct quota_source *source_at(const struct quota *quota, uint32_t link)
{
	return link == 0 ? NULL : &quota->sources[link - 1];
}

static struct address source_address(const struct address *client)
{
	struct address address = *client;

	if (address.family == FAMILY_IPV6)
		memset(address.octets + 8, 0, 8);
	return address;
}

static uint32_t *source_bucket(const struct quota *quota, const struct address *address)
{
	struct bytes bytes = { address->octets, sizeof(address->octets) };

	return &quota->buckets[siphash_compute(quota->key, bytes) & quota->bucket_mask];
}

static void bucket_remove(struct quota *quota, const struct quota_source *source)
{
	uint32_t link = (uint32_t)(source - quota->sources) + 1;
	uint32_t *at = source_bucket(quota, &source->address);

	while (*at != link)
		at = &source_at(quota, *at)->next;
	*at = source->next;
}

static bool source_is_idle(const struct quota_source *source)
{
	return source->sessions == 0 && source->relays == 0;
}

/* The row of the source that has been without a session for longest. */
static struct quota_source *idle_take(struct quota *quota)
{
	struct quota_source *source = source_at(quota, quota->idle_first);

	while (source) {
		quota->idle_first = source->idle_next;
		source->idle = false;
		if (source_is_idle(source)) {
			bucket_remove(quota, source);
			return source;
		}
		source = source_at(quota, quota->idle_first);
	}
	return NULL;
}

static void idle_put(struct quota *quota, struct quota_source *source)
{
	uint32_t link = (uint32_t)(source - quota->sources) + 1;

	if (source->idle)
		return;
	source->idle = true;
	source->idle_next = 0;
	if (quota->idle_first == 0)
		quota->idle_first = link;
	else
		source_at(quota, quota->idle_last)->idle_next = link;
	quota->idle_last = link;
}

static struct quota_source *source_take(struct quota *quota, const struct address *address, uint64_t now)
{
	struct quota_source *source;
	uint32_t *bucket = source_bucket(quota, address);

	if (quota->fresh < quota->count)
		source = &quota->sources[quota->fresh++];
	else
		source = idle_take(quota);
	if (!source)
		return NULL;
	memset(source, 0, sizeof(*source));
	source->address = *address;
	source->tokens = (uint64_t)quota->limits.pinhole_rate * BURST_SECONDS * MICRO;
	source->filled = now;
	source->place = share_find(&quota->share, (struct bytes){ address->octets, sizeof(address->octets) });
	source->next = *bucket;
	*bucket = (uint32_t)(source - quota->sources) + 1;
	return source;
}

enum reason quota_begin_session(struct quota *quota, const struct address *client, uint64_t now,
				struct quota_source **source)
{
	struct address address = source_address(client);
	struct quota_source *row = source_at(quota, *source_bucket(quota, &address));

	while (row && !address_equal(&row->address, &address))
		row = source_at(quota, row->next);
	if (!row)
		row = source_take(quota, &address, now);
	if (!row || (quota->limits.sessions != 0 && row->sessions >= quota->limits.sessions))
		return REASON_QUOTA_SESSIONS;
	if (!share_take(&quota->share, SHARE_SESSIONS, &row->place, quota->limits.sessions)) {
		if (source_is_idle(row))
			idle_put(quota, row);
		return REASON_QUOTA_SESSIONS;
	}
	row->sessions++;
	*source = row;
	return REASON_NONE;
}

void quota_end_session(struct quota *quota, struct quota_source *source)
{
	source->sessions--;
	share_give_back(&quota->share, SHARE_SESSIONS, &source->place);
	if (source_is_idle(source))
		idle_put(quota, source);
}

bool quota_allows_relay(const struct quota *quota, const struct quota_source *source)
{
	uint32_t relays = source->relays;

	if (quota->share.memory)
		relays = share_count(&quota->share, SHARE_RELAYS, &source->place);
	return quota->limits.relays == 0 || relays < quota->limits.relays;
}

void quota_begin_relay(const struct quota *quota, struct quota_source *source)
{
	source->relays++;
	share_take(&quota->share, SHARE_RELAYS, &source->place, 0);
}

void quota_end_relay(struct quota *quota, struct quota_source *source)
{
	source->relays--;
	share_give_back(&quota->share, SHARE_RELAYS, &source->place);
	if (source_is_idle(source))
		idle_put(quota, source);
}

static void refill(const struct quota *quota, struct quota_source *source, uint64_t now)
{
	uint64_t most = (uint64_t)quota->limits.pinhole_rate * BURST_SECONDS * MICRO;
	uint64_t passed = now > source->filled ? now - source->filled : 0;

	/* Longer than a burst takes to fill is as good as full, and can't overflow. */
	if (passed > BURST_SECONDS * MICRO)
		passed = BURST_SECONDS * MICRO;
	source->tokens += passed * quota->limits.pinhole_rate;
	if (source->tokens > most)
		source->tokens = most;
	source->filled = now;
}

static bool source_spend(const struct quota *quota, struct quota_source *source, uint64_t now)
{
	const uint32_t rate = quota->limits.pinhole_rate;

	if (rate == 0)
		return true;
	if (quota->share.memory)
		return share_spend(&quota->share, &source->place, rate, BURST_SECONDS, now);
	refill(quota, source, now);
	if (source->tokens < MICRO)
		return false;
	source->tokens -= MICRO;
	return true;
}

enum reason quota_open_pinhole(const struct quota *quota, struct quota_source *source, uint64_t now)
{
	const uint32_t most = quota->limits.pinholes;

	if (most != 0 && source->pinholes >= most)
		return REASON_QUOTA_PINHOLES;
	if (!share_take(&quota->share, SHARE_PINHOLES, &source->place, most))
		return REASON_QUOTA_PINHOLES;
	if (!source_spend(quota, source, now)) {
		share_give_back(&quota->share, SHARE_PINHOLES, &source->place);
		return REASON_QUOTA_RATE;
	}
	source->pinholes++;
	return REASON_NONE;
}

void quota_close_pinhole(const struct quota *quota, struct quota_source *source)
{
	if (source->pinholes == 0)
		return;
	source->pinholes--;
	share_give_back(&quota->share, SHARE_PINHOLES, &source->place);
}

/* Of the minute's worth, what is not yet earned back. */
static uint64_t mint_debt(const struct quota *quota, const struct quota_source *source, uint64_t now)
{
	const uint64_t passed = now > source->minted_at ? now - source->minted_at : 0;

	if (quota->share.memory)
		return share_owes(&quota->share, SHARE_DEBT_MINTS, &source->place, now);
	return source->minted > passed ? source->minted - passed : 0;
}

bool quota_allows_mint(const struct quota *quota, const struct quota_source *source, uint64_t now)
{
	return quota->limits.mints == 0 || mint_debt(quota, source, now) + MINUTE / quota->limits.mints <= MINUTE;
}

void quota_count_mint(const struct quota *quota, struct quota_source *source, uint64_t now)
{
	if (quota->limits.mints == 0)
		return;
	source->minted = mint_debt(quota, source, now) + MINUTE / quota->limits.mints;
	source->minted_at = now;
	share_charge(&quota->share, SHARE_DEBT_MINTS, &source->place, MINUTE / quota->limits.mints, now);
}

/* With those of the other members. */
static uint64_t source_bytes(const struct quota *quota, const struct quota_source *source)
{
	return quota->share.memory ? share_count(&quota->share, SHARE_BYTES, &source->place) : source->bytes;
}

enum reason quota_check_bytes(const struct quota *quota, const struct quota_source *source, size_t length)
{
	if (quota->limits.bytes != 0 && source_bytes(quota, source) + length > quota->limits.bytes)
		return REASON_QUOTA_BYTES;
	return REASON_NONE;
}

enum reason quota_check_scarce_bytes(const struct quota *quota, const struct quota_source *source, size_t length)
{
	if (quota->limits.bytes != 0 && source_bytes(quota, source) + length > quota->limits.bytes / SCARCE_SHARE)
		return REASON_QUOTA_BYTES;
	return REASON_NONE;
}

void quota_set_bytes(const struct quota *quota, struct quota_source *source, uint32_t before, uint32_t after)
{
	share_set(&quota->share, SHARE_BYTES, &source->place, before, after);
	source->bytes = source->bytes - before + after;
}
