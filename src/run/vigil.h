/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are the firewall's rules still there? When to look, what to tell, and when to load them again. */
#ifndef RUN_VIGIL_H
#define RUN_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

#include "process/rulestate.h"

/*
 *   UNKNOWN --there--> LOADED <--there-- DOUBTED --not there--> GONE --there--> LOADED
 *      |                  +---not there--^         (reported)    ^   (reported)
 *      +----------not there (which the start has reported)-------+
 *
 *   Any of them --the family is not forwarded, or its rules can't be seen--> UNKNOWN
 */
enum vigil_state {
	VIGIL_UNKNOWN,
	VIGIL_LOADED,
	VIGIL_DOUBTED, /* somebody may be replacing them: the next look decides */
	VIGIL_GONE,
};

struct vigil_family {
	enum vigil_state state;
	uint64_t since;  /* when it was first seen so */
	bool was_loaded;
};

struct vigil {
	struct vigil_family family[RULESTATE_FAMILIES];
	uint64_t look_at;
	uint64_t restore_at; /* not before */
	uint64_t pause;      /* from one restoration to the next */
	bool nft;            /* what was seen last was loaded by nft, and not by iptables */
};

/* What a look has shown. */
struct vigil_sight {
	bool wanted[RULESTATE_FAMILIES]; /* this host forwards the family, and its rules can be told */
	bool loaded[RULESTATE_FAMILIES];
	bool nft;
};

/* What is due after a look. */
struct vigil_news {
	bool gone[RULESTATE_FAMILIES];
	bool back[RULESTATE_FAMILIES];
	bool restore; /* only where it was allowed */
};

/* All times are of clock_microseconds(). */
void vigil_begin(struct vigil *vigil, uint64_t now);
/* Somebody has changed rules. */
void vigil_hear(struct vigil *vigil, uint64_t now);
bool vigil_is_due(const struct vigil *vigil, uint64_t now);
/* Nothing could be seen. */
void vigil_miss(struct vigil *vigil, uint64_t now);
struct vigil_news vigil_see(struct vigil *vigil, const struct vigil_sight *sight, bool may_restore, uint64_t now);

#endif
