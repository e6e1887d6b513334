/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   member 0   sessions   [2] rows of places for sessions, for pinholes, for bytes, for relays
 *   member 1   sessions   [2] rows ...                                              each written by its member alone
 *   ...
 *   all                   [2] rows of debts for pinholes, for certificates          written by all
 *
 * A member writes to its own part and reads all of them, so there is no lock that a dying member could keep, and what it
 * had is taken back by zeroing its part. Where a limit is at stake it counts first, looks at the sum, and takes that back
 * if it is too much: of two that do so at once, both may be refused, but never are both admitted.
 *
 * A source has one place in each of two rows, by a keyed hash, and so may others: of the two sums the smaller is taken,
 * which is what the source has, or more, and more only where a busy source meets it in both rows. Exact rows of sources,
 * which each gateway has for itself, would need links that others may follow while they change.
 *
 * A rate needs what was spent and when. That is one number, the time until which the source is in debt, which each pinhole,
 * or certificate, puts off by what it costs. It needs no taking back: it passes.
 *
 * A member that a peer has taken over can write what it likes: limits are then those of each member alone, or refuse what
 * could be admitted. Nothing else is here, and nothing that is read here is an index or a length.
 */
#include "ftpalg/share.h"

#include <stdatomic.h>
#include <string.h>

#include "core/siphash.h"

#define SHARE_PLACES_LEAST 4096
#define SHARE_PLACES_MOST (UINT32_C(1) << 20)
#define SHARE_SECOND UINT64_C(1000000000) /* debts are in nanoseconds */
#define SHARE_MICROSECOND 1000
/* Parts of two members are in no cache line together. */
#define SHARE_LINE 64

static size_t count_places(uint32_t sources)
{
	size_t places = SHARE_PLACES_LEAST;

	while (places < sources && places < SHARE_PLACES_MOST)
		places *= 2;
	return places;
}

static size_t part_size(size_t places)
{
	return SHARE_LINE + places * SHARE_KINDS * SHARE_ROWS * sizeof(_Atomic uint32_t);
}

size_t share_memory_size(uint32_t members, uint32_t sources)
{
	const size_t places = count_places(sources);

	return members * part_size(places) + places * SHARE_DEBTS * SHARE_ROWS * sizeof(_Atomic uint64_t);
}

void share_open(struct share *share, void *memory, uint32_t members, uint32_t sources, uint32_t member,
		const uint8_t key[16])
{
	*share = (struct share){
		.memory = memory, .members = members, .member = member, .mask = (uint32_t)count_places(sources) - 1,
	};
	memcpy(share->key, key, sizeof(share->key));
}

static uint8_t *share_part(const struct share *share, uint32_t member)
{
	return (uint8_t *)share->memory + member * part_size((size_t)share->mask + 1);
}

static _Atomic uint32_t *share_sessions(const struct share *share, uint32_t member)
{
	return (void *)share_part(share, member);
}

static _Atomic uint32_t *share_cell(const struct share *share, uint32_t member, enum share_kind kind,
				    const struct share_place *place, uint32_t row)
{
	_Atomic uint32_t *cells = (void *)(share_part(share, member) + SHARE_LINE);

	return &cells[((size_t)kind * SHARE_ROWS + row) * ((size_t)share->mask + 1) + place->at[row]];
}

static _Atomic uint64_t *share_debt(const struct share *share, enum share_due debt, const struct share_place *place,
				    uint32_t row)
{
	_Atomic uint64_t *debts = (void *)share_part(share, share->members);

	return &debts[((size_t)debt * SHARE_ROWS + row) * ((size_t)share->mask + 1) + place->at[row]];
}

void share_take_back(const struct share *share)
{
	const size_t count = part_size((size_t)share->mask + 1) / sizeof(_Atomic uint32_t);
	_Atomic uint32_t *cell = share_sessions(share, share->member);

	/* What was never counted in has not been touched, and stays so. */
	for (size_t i = 0; i < count; i++)
		if (atomic_load_explicit(&cell[i], memory_order_relaxed) != 0)
			atomic_store_explicit(&cell[i], 0, memory_order_relaxed);
}

bool share_begin_session(const struct share *share, uint32_t most)
{
	uint64_t sum = 0;

	if (!share->memory)
		return true;
	atomic_fetch_add(share_sessions(share, share->member), 1);
	for (uint32_t member = 0; member < share->members; member++)
		sum += atomic_load(share_sessions(share, member));
	if (sum > most)
		share_end_session(share);
	return sum <= most;
}

void share_end_session(const struct share *share)
{
	if (share->memory)
		atomic_fetch_sub(share_sessions(share, share->member), 1);
}

bool share_leads(const struct share *share)
{
	const uint32_t own = share->memory ? atomic_load(share_sessions(share, share->member)) : 0;
	bool leads = false;

	for (uint32_t member = 0; share->memory && member < share->members; member++)
		leads = leads || atomic_load(share_sessions(share, member)) < own;
	return leads;
}

struct share_place share_find(const struct share *share, struct bytes source)
{
	const uint64_t hash = share->memory ? siphash_compute(share->key, source) : 0;

	return (struct share_place){ .at = { (uint32_t)hash & share->mask, (uint32_t)(hash >> 32) & share->mask } };
}

uint32_t share_count(const struct share *share, enum share_kind kind, const struct share_place *place)
{
	uint64_t least = UINT32_MAX;

	for (uint32_t row = 0; row < SHARE_ROWS; row++) {
		uint64_t sum = 0;

		for (uint32_t member = 0; member < share->members; member++)
			sum += atomic_load(share_cell(share, member, kind, place, row));
		least = sum < least ? sum : least;
	}
	return share->memory ? (uint32_t)least : 0;
}

bool share_take(const struct share *share, enum share_kind kind, const struct share_place *place, uint32_t most)
{
	bool good;

	if (!share->memory)
		return true;
	for (uint32_t row = 0; row < SHARE_ROWS; row++)
		atomic_fetch_add(share_cell(share, share->member, kind, place, row), 1);
	good = most == 0 || share_count(share, kind, place) <= most;
	if (!good)
		share_give_back(share, kind, place);
	return good;
}

void share_give_back(const struct share *share, enum share_kind kind, const struct share_place *place)
{
	for (uint32_t row = 0; share->memory && row < SHARE_ROWS; row++)
		atomic_fetch_sub(share_cell(share, share->member, kind, place, row), 1);
}

/* The bytes that a source holds change with every packet, and nobody else writes here: no bus is locked for it. */
void share_set(const struct share *share, enum share_kind kind, const struct share_place *place, uint32_t before,
	       uint32_t after)
{
	if (!share->memory || before == after)
		return;
	for (uint32_t row = 0; row < SHARE_ROWS; row++) {
		_Atomic uint32_t *cell = share_cell(share, share->member, kind, place, row);
		const uint32_t value = atomic_load_explicit(cell, memory_order_relaxed);

		atomic_store_explicit(cell, value - before + after, memory_order_relaxed);
	}
}

/*
 * For how long a source is in debt, in nanoseconds. A time that no debt reaches was written by a member that writes
 * anything.
 */
static uint64_t debt_left(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t time)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t row = 0; row < SHARE_ROWS; row++) {
		const uint64_t until = atomic_load(share_debt(share, debt, place, row));
		const uint64_t left = until > time ? until - time : 0;

		least = left < least ? left : least;
	}
	return least;
}

static void debt_add(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t cost,
		     uint64_t time)
{
	for (uint32_t row = 0; row < SHARE_ROWS; row++) {
		_Atomic uint64_t *end = share_debt(share, debt, place, row);
		uint64_t until = atomic_load(end);

		while (!atomic_compare_exchange_weak(end, &until, (until > time ? until : time) + cost))
			;
	}
}

bool share_spend(const struct share *share, const struct share_place *place, uint32_t rate, uint32_t burst, uint64_t now)
{
	const uint64_t time = now * SHARE_MICROSECOND;
	const uint64_t cost = SHARE_SECOND / rate;

	if (debt_left(share, SHARE_DEBT_PINHOLES, place, time) > burst * SHARE_SECOND - cost)
		return false;
	debt_add(share, SHARE_DEBT_PINHOLES, place, cost, time);
	return true;
}

uint64_t share_owes(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t now)
{
	return share->memory ? debt_left(share, debt, place, now * SHARE_MICROSECOND) / SHARE_MICROSECOND : 0;
}

void share_charge(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t cost,
		  uint64_t now)
{
	if (share->memory)
		debt_add(share, debt, place, cost * SHARE_MICROSECOND, now * SHARE_MICROSECOND);
}
