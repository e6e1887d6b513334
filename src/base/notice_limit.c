/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * An event passes the buckets of its session, of its source and of all together, and takes a token from each; where one
 * is empty, it is added to a sum, which belongs to the session, or to the gateway where there is none.
 *
 *   kind of event                  session            source              all
 *   noise: anomaly, refuse         100, 10 a minute   500, 10 a second    2000, 100 a second
 *     the first 4 of a session     counted            -                   -
 *     of packets of no session     -                  as above            100, 10 a second, of their own
 *   session-open, session-close    -                  -                   -      (a connection costs more than they do)
 *   all others: deeds              5000, 1000 a second  20000, 5000 a second  -
 *
 * So no session's noise can take the place of another session's refusal: the first few have nothing to do with anybody
 * else, and what comes later is at least in its session's sum. Sums are few: six kinds a session, once a minute.
 *
 * A session has a row from its session-open to its session-close, which are both always reported, so rows can't be used up
 * by events of sessions that are gone: these are judged as if they had none. Sources are many, and can be feigned. They have
 * a table of sets, in which the one that was silent for longest makes room; what it may then do once more is bounded by the
 * bucket of all. Which addresses share a set is known to anybody who reads this, but that is worth nothing: being forgotten
 * gives a source its burst back, and no more.
 */
#include "base/notice_limit.h"

#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"

#define SECOND UINT64_C(1000000)
#define SOURCE_SETS 1024
#define SOURCE_WAYS 4
#define TICK_ROWS 2048 /* so that the largest table is gone through in 32 seconds */

/* Tokens are counted in microseconds of the time that one takes to come. */
struct bucket {
	uint64_t filled; /* when level was computed; 0: never, it is full */
	uint64_t level;
};

struct bucket_size {
	uint64_t burst;
	uint64_t interval; /* microseconds for one token */
};

enum kind {
	KIND_NOISE,
	KIND_DEED,
	KIND_COUNT,
};

static const struct bucket_size session_size[KIND_COUNT] = {
	{ NOTICE_LIMIT_NOISE_SESSION, 60 * SECOND / NOTICE_LIMIT_NOISE_SESSION_MINUTE },
	{ NOTICE_LIMIT_DEED_SESSION, SECOND / NOTICE_LIMIT_DEED_SESSION_SECOND },
};
static const struct bucket_size source_size[KIND_COUNT] = {
	{ NOTICE_LIMIT_NOISE_SOURCE, SECOND / NOTICE_LIMIT_NOISE_SOURCE_SECOND },
	{ NOTICE_LIMIT_DEED_SOURCE, SECOND / NOTICE_LIMIT_DEED_SOURCE_SECOND },
};
static const struct bucket_size all_size = { NOTICE_LIMIT_NOISE_ALL, SECOND / NOTICE_LIMIT_NOISE_ALL_SECOND };
static const struct bucket_size stray_size = { NOTICE_LIMIT_STRAY_ALL, SECOND / NOTICE_LIMIT_STRAY_ALL_SECOND };

struct sum {
	enum notice_type type;
	enum reason reason;
	uint64_t count; /* 0: free */
};

struct row {
	uint64_t session; /* 0: free */
	uint64_t due;     /* when its sums are reported; 0: there are none */
	struct nat_view view;
	struct bucket bucket[KIND_COUNT];
	struct sum sum[NOTICE_LIMIT_SUMS];
	uint32_t told;    /* of its noise */
	uint32_t next;    /* in its chain, or of the free rows; index plus one */
};

struct source {
	struct address address;
	uint64_t seen;
	struct bucket bucket[KIND_COUNT];
};

struct notice_limit {
	notice_limit_tell *tell;
	void *context;
	struct bucket all;
	struct bucket stray;
	struct source sources[SOURCE_SETS][SOURCE_WAYS];
	struct sum strays[REASON_COUNT];
	uint64_t strays_due; /* 0: there are none */
	struct row *rows;
	uint32_t *chains;
	uint32_t row_count;
	uint32_t chain_mask;
	uint32_t fresh; /* rows from this one on were never used */
	uint32_t free;  /* index plus one */
	uint32_t swept;
};

struct notice_limit *notice_limit_make(uint32_t sessions, notice_limit_tell *tell, void *context)
{
	struct notice_limit *limit = calloc(1, sizeof(*limit));
	uint32_t chains = 64;

	while (chains < sessions)
		chains *= 2;
	if (!limit)
		return NULL;
	limit->tell = tell;
	limit->context = context;
	limit->row_count = sessions;
	limit->chain_mask = chains - 1;
	limit->rows = calloc(sessions, sizeof(*limit->rows));
	limit->chains = calloc(chains, sizeof(*limit->chains));
	if (limit->rows && limit->chains)
		return limit;
	notice_limit_free(limit);
	return NULL;
}

void notice_limit_free(struct notice_limit *limit)
{
	if (!limit)
		return;
	free(limit->rows);
	free(limit->chains);
	free(limit);
}

bool notice_limit_is_noise(enum notice_type type)
{
	return type == NOTICE_ANOMALY || type == NOTICE_REFUSE;
}

/* Takes a token. False: there is none. */
static bool bucket_take(struct bucket *bucket, const struct bucket_size *size, uint64_t now)
{
	const uint64_t full = size->burst * size->interval;
	const uint64_t passed = now - bucket->filled;

	bucket->level = bucket->filled == 0 || passed >= full - bucket->level ? full : bucket->level + passed;
	bucket->filled = now;
	if (bucket->level < size->interval)
		return false;
	bucket->level -= size->interval;
	return true;
}

/* Sessions are numbered one after another. */
static uint32_t *row_chain(struct notice_limit *limit, uint64_t session)
{
	return &limit->chains[session & limit->chain_mask];
}

static struct row *row_at(const struct notice_limit *limit, uint32_t link)
{
	return link ? &limit->rows[link - 1] : NULL;
}

static struct row *row_find(struct notice_limit *limit, uint64_t session)
{
	struct row *row = row_at(limit, *row_chain(limit, session));

	while (row && row->session != session)
		row = row_at(limit, row->next);
	return row;
}

static void row_take(struct notice_limit *limit, const struct notice *notice)
{
	uint32_t *chain = row_chain(limit, notice->session);
	struct row *row = row_at(limit, limit->free);
	uint32_t link = limit->free;

	if (row)
		limit->free = row->next;
	else if (limit->fresh < limit->row_count)
		link = ++limit->fresh;
	else
		return;
	row = row_at(limit, link);
	memset(row, 0, sizeof(*row));
	row->session = notice->session;
	if (notice->view)
		row->view = *notice->view;
	row->next = *chain;
	*chain = link;
}

static void row_give_back(struct notice_limit *limit, struct row *row)
{
	const uint32_t link = (uint32_t)(row - limit->rows) + 1;
	uint32_t *at = row_chain(limit, row->session);

	while (*at != link)
		at = &row_at(limit, *at)->next;
	*at = row->next;
	row->session = 0;
	row->next = limit->free;
	limit->free = link;
}

static void tell_sum(const struct notice_limit *limit, struct sum *sum, const struct row *row)
{
	struct notice notice = { .type = sum->type, .reason = sum->reason, .count = sum->count };

	if (row) {
		notice.session = row->session;
		notice.view = &row->view;
	}
	if (sum->count > 0)
		limit->tell(limit->context, &notice);
	sum->count = 0;
}

static void tell_row(const struct notice_limit *limit, struct row *row)
{
	for (size_t i = 0; i < NOTICE_LIMIT_SUMS; i++)
		tell_sum(limit, &row->sum[i], row);
	row->due = 0;
}

static void tell_strays(struct notice_limit *limit)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		tell_sum(limit, &limit->strays[i], NULL);
	limit->strays_due = 0;
}

static uint64_t stands_for(const struct notice *notice)
{
	return notice->count ? notice->count : 1;
}

static void add_to_row(struct row *row, const struct notice *notice, uint64_t now)
{
	struct sum *sum = row->sum;

	while (sum < &row->sum[NOTICE_LIMIT_SUMS - 1] && sum->count > 0 &&
	       (sum->type != notice->type || sum->reason != notice->reason))
		sum++;
	if (sum->count == 0)
		*sum = (struct sum){ .type = notice->type, .reason = notice->reason };
	else if (sum->reason != notice->reason || sum->type != notice->type)
		*sum = (struct sum){ .type = notice->type, .count = sum->count };
	sum->count += stands_for(notice);
	if (!row->due)
		row->due = now + NOTICE_LIMIT_SUM_SECONDS * SECOND;
}

/* Deeds come here too where their session was forgotten: they are counted under their reason. */
static void add_to_strays(struct notice_limit *limit, const struct notice *notice, uint64_t now)
{
	struct sum *sum = &limit->strays[(unsigned int)notice->reason < REASON_COUNT ? notice->reason : REASON_NONE];

	sum->type = notice->type;
	sum->reason = notice->reason;
	sum->count += stands_for(notice);
	if (!limit->strays_due)
		limit->strays_due = now + NOTICE_LIMIT_SUM_SECONDS * SECOND;
}

/* A host that has one address of a /64 has them all. */
static struct address source_address(const struct notice *notice)
{
	struct address address = { .family = FAMILY_NONE };

	if (notice->view)
		address = notice->view->client.address;
	if (address.family == FAMILY_IPV6)
		memset(address.octets + 8, 0, 8);
	return address;
}

static struct source *source_find(struct notice_limit *limit, const struct notice *notice, uint64_t now)
{
	const struct address address = source_address(notice);
	struct source *set, *oldest;
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < sizeof(address.octets); i++)
		hash = (hash ^ address.octets[i]) * 16777619U;
	set = limit->sources[hash % SOURCE_SETS];
	oldest = set;
	for (size_t i = 0; i < SOURCE_WAYS; i++) {
		if (set[i].seen && address_equal(&set[i].address, &address)) {
			set[i].seen = now;
			return &set[i];
		}
		if (set[i].seen < oldest->seen)
			oldest = &set[i];
	}
	*oldest = (struct source){ .address = address, .seen = now };
	return oldest;
}

static bool allow_noise(struct notice_limit *limit, struct row *row, const struct notice *notice, uint64_t now)
{
	struct bucket *source;

	if (row) {
		if (!bucket_take(&row->bucket[KIND_NOISE], &session_size[KIND_NOISE], now))
			return false;
		if (row->told < NOTICE_LIMIT_FIRST) {
			row->told++;
			return true;
		}
	}
	source = source_find(limit, notice, now)->bucket;
	if (!bucket_take(&source[KIND_NOISE], &source_size[KIND_NOISE], now))
		return false;
	return row ? bucket_take(&limit->all, &all_size, now) : bucket_take(&limit->stray, &stray_size, now);
}

static bool allow_deed(struct notice_limit *limit, struct row *row, const struct notice *notice, uint64_t now)
{
	struct bucket *source = source_find(limit, notice, now)->bucket;

	return (!row || bucket_take(&row->bucket[KIND_DEED], &session_size[KIND_DEED], now)) &&
	       bucket_take(&source[KIND_DEED], &source_size[KIND_DEED], now);
}

bool notice_limit_allows(struct notice_limit *limit, const struct notice *notice, uint64_t now)
{
	struct row *row = notice->session ? row_find(limit, notice->session) : NULL;
	bool allowed;

	if (notice->type == NOTICE_SESSION_OPEN) {
		if (!row)
			row_take(limit, notice);
		return true;
	}
	if (notice->type == NOTICE_SESSION_CLOSE) {
		if (row) {
			tell_row(limit, row);
			row_give_back(limit, row);
		}
		return true;
	}
	if (notice_limit_is_noise(notice->type))
		allowed = allow_noise(limit, row, notice, now);
	else
		allowed = allow_deed(limit, row, notice, now);
	if (!allowed && row)
		add_to_row(row, notice, now);
	else if (!allowed)
		add_to_strays(limit, notice, now);
	return allowed;
}

void notice_limit_tick(struct notice_limit *limit, uint64_t now)
{
	const uint32_t rows = limit->fresh < TICK_ROWS ? limit->fresh : TICK_ROWS;

	if (limit->strays_due && now >= limit->strays_due)
		tell_strays(limit);
	for (uint32_t i = 0; i < rows; i++) {
		struct row *row = &limit->rows[limit->swept];

		limit->swept = (limit->swept + 1) % limit->fresh;
		if (row->session && row->due && now >= row->due)
			tell_row(limit, row);
	}
}

void notice_limit_finish(struct notice_limit *limit)
{
	tell_strays(limit);
	for (uint32_t i = 0; i < limit->fresh; i++)
		if (limit->rows[i].session)
			tell_row(limit, &limit->rows[i]);
}
