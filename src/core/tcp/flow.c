/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tcp/flow.h"

#include <string.h>

#include "core/siphash.h"
#include "ftpalg/address.h"

/* Bytes that the processor fetches at a time. */
#define CACHE_LINE 64

uint32_t flow_table_bucket_count(uint32_t count)
{
	uint32_t buckets = FLOW_BUCKETS_LEAST;

	while (buckets / FLOW_BUCKETS_PER_ROW < count && buckets < UINT32_C(1) << 31)
		buckets <<= 1;
	return buckets;
}

void flow_table_init(struct flow_table *table, struct flow *flows, uint32_t count, uint32_t *buckets,
		     const uint8_t key[16])
{
	memset(table, 0, sizeof(*table));
	table->flows = flows;
	table->buckets = buckets;
	table->count = count;
	table->bucket_mask = flow_table_bucket_count(count) - 1;
	memset(buckets, 0, ((size_t)table->bucket_mask + 1) * sizeof(*buckets));
	memcpy(table->key, key, sizeof(table->key));
}

static struct flow *flow_at(const struct flow_table *table, uint32_t link)
{
	return link == 0 ? NULL : &table->flows[link - 1];
}

static uint32_t flow_link(const struct flow_table *table, const struct flow *flow)
{
	return (uint32_t)(flow - table->flows) + 1;
}

/* Both directions of a connection must fall into one bucket: the smaller endpoint goes first. */
static uint32_t *flow_bucket(const struct flow_table *table, const struct tuple *tuple)
{
	uint8_t text[3 * SIPHASH_ENDPOINT];
	const size_t half = siphash_put_endpoint(&tuple->source, text);
	struct bytes bytes = { text, half + siphash_put_endpoint(&tuple->destination, text + half) };

	if (memcmp(text, text + half, half) > 0) {
		memcpy(text + 2 * half, text, half);
		bytes.data += half;
	}
	return &table->buckets[siphash_compute(table->key, bytes) & table->bucket_mask];
}

struct flow *flow_find(const struct flow_table *table, const struct tuple *tuple, enum direction *direction)
{
	for (struct flow *flow = flow_at(table, *flow_bucket(table, tuple)); flow; flow = flow_at(table, flow->next)) {
		struct tuple reversed;

		*direction = DIRECTION_ORIGINAL;
		if (tuple_equal(&flow->tuple, tuple))
			return flow;
		*direction = DIRECTION_REPLY;
		reversed = tuple_reverse(tuple);
		if (tuple_equal(&flow->tuple, &reversed))
			return flow;
	}
	return NULL;
}

uint32_t flow_foresee(const struct flow_table *table, const struct tuple *tuple)
{
	const uint32_t *bucket = flow_bucket(table, tuple);

	__builtin_prefetch(bucket);
	return (uint32_t)(bucket - table->buckets);
}

static void fetch_row(const struct flow *flow)
{
	for (size_t at = 0; at < sizeof(*flow); at += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)flow + at, 1);
}

static void fetch_source(const struct flow *flow)
{
	if (flow->session.source)
		__builtin_prefetch(&flow->session.source->bytes, 1);
}

/* First all of the one, then all of the other: what is fetched for one packet arrives while the next ones' is asked for. */
void flow_fetch(const struct flow_table *table, const uint32_t *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (table->buckets[places[i]] != 0)
			fetch_row(flow_at(table, table->buckets[places[i]]));
	for (uint32_t i = 0; i < count; i++)
		if (table->buckets[places[i]] != 0)
			fetch_source(flow_at(table, table->buckets[places[i]]));
}

static void order_append(const struct flow_table *table, struct flow_order *order, enum flow_order_kind kind,
			 struct flow *flow)
{
	uint32_t link = flow_link(table, flow);

	flow->links[kind] = (struct flow_links){ .older = order->newest };
	if (order->newest != 0)
		flow_at(table, order->newest)->links[kind].newer = link;
	else
		order->oldest = link;
	order->newest = link;
}

static void order_remove(const struct flow_table *table, struct flow_order *order, enum flow_order_kind kind,
			 const struct flow *flow)
{
	const struct flow_links *links = &flow->links[kind];

	if (links->older != 0)
		flow_at(table, links->older)->links[kind].newer = links->newer;
	else
		order->oldest = links->newer;
	if (links->newer != 0)
		flow_at(table, links->newer)->links[kind].older = links->older;
	else
		order->newest = links->older;
}

static void enter_state(struct flow_table *table, struct flow *flow, enum flow_state state)
{
	flow->state = state;
	flow->placed = flow->seen;
	table->used += state == FLOW_LIVE ? 1 : 0;
	table->embryos += state == FLOW_EMBRYO ? 1 : 0;
	table->done += state == FLOW_DONE ? 1 : 0;
	order_append(table, &table->orders[state], FLOW_BY_STATE, flow);
}

static void leave_state(struct flow_table *table, struct flow *flow)
{
	flow_trust(table, flow);
	order_remove(table, &table->orders[flow->state], FLOW_BY_STATE, flow);
	table->used -= flow->state == FLOW_LIVE ? 1 : 0;
	table->embryos -= flow->state == FLOW_EMBRYO ? 1 : 0;
	table->done -= flow->state == FLOW_DONE ? 1 : 0;
}

bool flow_has_used_row(const struct flow_table *table)
{
	return table->free_first != 0;
}

struct flow *flow_take(struct flow_table *table, const struct tuple *tuple, enum flow_state state, uint64_t now)
{
	uint32_t link = table->free_first;
	struct flow *flow;
	uint32_t *bucket;

	if (link == 0 && table->fresh == table->count)
		return NULL;
	if (link == 0)
		link = ++table->fresh;
	flow = &table->flows[link - 1];
	if (link == table->free_first)
		table->free_first = flow->next;
	memset(flow, 0, sizeof(*flow));
	flow->tuple = *tuple;
	flow->seen = now;
	bucket = flow_bucket(table, tuple);
	flow->next = *bucket;
	*bucket = flow_link(table, flow);
	enter_state(table, flow, state);
	return flow;
}

void flow_touch(struct flow_table *table, struct flow *flow, uint64_t now)
{
	struct flow_order *order = &table->orders[flow->state];

	flow->seen = now;
	/* By its place and not by when it was seen: else who speaks often would keep it for ever, and hold all others up. */
	if (flow->state == FLOW_LIVE && now - flow->placed < table->laxity)
		return;
	flow->placed = now;
	order_remove(table, order, FLOW_BY_STATE, flow);
	order_append(table, order, FLOW_BY_STATE, flow);
}

void flow_doubt(struct flow_table *table, struct flow *flow, uint64_t now)
{
	if (flow->doubted != 0)
		return;
	flow->doubted = now;
	order_append(table, &table->doubtful, FLOW_BY_DOUBT, flow);
}

void flow_trust(struct flow_table *table, struct flow *flow)
{
	if (flow->doubted == 0)
		return;
	flow->doubted = 0;
	order_remove(table, &table->doubtful, FLOW_BY_DOUBT, flow);
}

void flow_move(struct flow_table *table, struct flow *flow, enum flow_state state)
{
	leave_state(table, flow);
	enter_state(table, flow, state);
}

void flow_release(struct flow_table *table, struct flow *flow)
{
	uint32_t link = flow_link(table, flow);
	uint32_t *at = flow_bucket(table, &flow->tuple);

	while (*at != link)
		at = &flow_at(table, *at)->next;
	*at = flow->next;
	leave_state(table, flow);
	flow->state = FLOW_FREE;
	flow->next = table->free_first;
	table->free_first = link;
}

struct flow *flow_oldest(const struct flow_table *table, enum flow_state state)
{
	return flow_at(table, table->orders[state].oldest);
}

struct flow *flow_oldest_ended(const struct flow_table *table)
{
	struct flow *done = flow_oldest(table, FLOW_DONE);

	return done ? done : flow_oldest(table, FLOW_KILLED);
}

struct flow *flow_oldest_doubtful(const struct flow_table *table)
{
	return flow_at(table, table->doubtful.oldest);
}

uint32_t flow_count_bytes(const struct flow *flow)
{
	uint32_t bytes = 0;

	for (int i = 0; i < 2; i++)
		bytes += flow->stream[i].line.length + flow->stream[i].sent.length +
			 flow->adoption.direction[i].kept.length;
	return bytes;
}
