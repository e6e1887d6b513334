/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What several gateways of one host count together, so that a limit holds for all of them and can't be passed by spreading
 * over them. They share the memory; src/core/share.c says who writes what, and how far that can be relied on.
 *
 * No function waits for another process, and whatever others write there, none leaves the share's memory.
 */
#ifndef FTPALG_SHARE_H
#define FTPALG_SHARE_H

#include "ftpalg/base.h"

#define SHARE_MEMBERS_MAX 16

/* What is counted for each source. */
enum share_kind {
	SHARE_SESSIONS,
	SHARE_PINHOLES,
	SHARE_BYTES,
	SHARE_RELAYS,
	SHARE_KINDS,
};

/* What a source spends, and earns back with time. */
enum share_due {
	SHARE_DEBT_PINHOLES,
	SHARE_DEBT_MINTS,
	SHARE_DEBTS,
};

/* One member's view. memory NULL: it is alone, and there is nothing to count. */
struct share {
	void *memory;
	uint32_t members;
	uint32_t member; /* this one */
	uint32_t mask;   /* places of a row, less one */
	uint8_t key[16];
};

#define SHARE_ROWS 2

/* Where the counts of a source are. */
struct share_place {
	uint32_t at[SHARE_ROWS];
};

/* Bytes that members need for this many sources at a time. */
size_t share_memory_size(uint32_t members, uint32_t sources);

/*
 * The view of one member, on memory of zeros (aligned for any type, share_memory_size bytes, the same for all members, as
 * are the numbers and key, 16 secret random bytes).
 */
void share_open(struct share *share, void *memory, uint32_t members, uint32_t sources, uint32_t member,
		const uint8_t key[16]);

/*
 * This member has ended, and what it had is given back. To be called by the members' supervisor, before another takes its
 * place.
 */
void share_take_back(const struct share *share);

/*
 * Counts one more session of this member's, if all members together have fewer than most. False: they don't, and nothing is
 * counted.
 */
bool share_begin_session(const struct share *share, uint32_t most);
void share_end_session(const struct share *share);
/* Has another member fewer of them? */
bool share_leads(const struct share *share);

struct share_place share_find(const struct share *share, struct bytes source);

/*
 * Counts more of this member's for a source, if all members together do not exceed most then. 0 is without limit. False:
 * nothing is counted.
 */
bool share_take(const struct share *share, enum share_kind kind, const struct share_place *place, uint32_t most);
void share_give_back(const struct share *share, enum share_kind kind, const struct share_place *place);
/* Sets what this member has, which had before. */
void share_set(const struct share *share, enum share_kind kind, const struct share_place *place, uint32_t before,
	       uint32_t after);
/* What all members together have for a source, or more. */
uint32_t share_count(const struct share *share, enum share_kind kind, const struct share_place *place);

/*
 * Counts one more pinhole of a source that may open rate a second, and those of burst seconds at once, whichever members
 * open them. now: microseconds of a clock that all of them read. False: it may not now.
 */
bool share_spend(const struct share *share, const struct share_place *place, uint32_t rate, uint32_t burst, uint64_t now);

/* For how long a source is in debt, in microseconds from now. Without other members, 0. */
uint64_t share_owes(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t now);
/* It is for so much longer. */
void share_charge(const struct share *share, enum share_due debt, const struct share_place *place, uint64_t cost,
		  uint64_t now);

#endif
