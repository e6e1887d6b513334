/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * Nobody asks before a firewall is flushed: another manager reloads, a service starts, somebody types a command. Most of
 * them put back what they have taken within a moment, and our own unit loads its rules again after them. So a look follows
 * a change by half a second, whatever comes meanwhile, and rules that are missing are reported, and restored, only if they
 * are still missing 2 s later. A look costs two or three programs; without any change there is one a minute, for changes
 * that nobody reports (iptables-legacy's).
 *
 * A program that flushes rules again and again is not fought: each restoration doubles the pause before the next one, up to
 * ten minutes, and an hour without any makes it short again. What was never there is not restored, since it is not known of
 * which kind it should be.
 */
#include "run/vigil.h"

#define VIGIL_SECOND UINT64_C(1000000)
#define VIGIL_SETTLE (VIGIL_SECOND / 2)
#define VIGIL_DOUBT (2 * VIGIL_SECOND)
#define VIGIL_ROUND (60 * VIGIL_SECOND)
#define VIGIL_PAUSE (10 * VIGIL_SECOND)
#define VIGIL_PAUSE_MAX (600 * VIGIL_SECOND)
#define VIGIL_MEMORY (3600 * VIGIL_SECOND)

void vigil_begin(struct vigil *vigil, uint64_t now)
{
	*vigil = (struct vigil){ .look_at = now, .pause = VIGIL_PAUSE };
}

static bool vigil_doubts(const struct vigil *vigil)
{
	for (int i = 0; i < RULESTATE_FAMILIES; i++)
		if (vigil->family[i].state == VIGIL_DOUBTED)
			return true;
	return false;
}

void vigil_hear(struct vigil *vigil, uint64_t now)
{
	if (vigil->look_at > now + VIGIL_SETTLE && !vigil_doubts(vigil))
		vigil->look_at = now + VIGIL_SETTLE;
}

bool vigil_is_due(const struct vigil *vigil, uint64_t now)
{
	return now >= vigil->look_at;
}

void vigil_miss(struct vigil *vigil, uint64_t now)
{
	vigil->look_at = now + VIGIL_ROUND;
}

static void vigil_enter(struct vigil_family *family, enum vigil_state state, uint64_t now)
{
	if (family->state == state)
		return;
	/* They have been gone since they were first missed. */
	if (family->state != VIGIL_DOUBTED || state != VIGIL_GONE)
		family->since = now;
	family->state = state;
	family->was_loaded = family->was_loaded || state == VIGIL_LOADED;
}

static enum vigil_state vigil_next(const struct vigil_family *family, bool wanted, bool loaded)
{
	if (!wanted)
		return VIGIL_UNKNOWN;
	if (loaded)
		return VIGIL_LOADED;
	return family->state == VIGIL_LOADED ? VIGIL_DOUBTED : VIGIL_GONE;
}

/* Is it time to load them again? If so, that counts as a restoration. */
static bool vigil_restores(struct vigil *vigil, uint64_t now)
{
	if (now < vigil->restore_at)
		return false;
	if (vigil->restore_at && now - vigil->restore_at >= VIGIL_MEMORY)
		vigil->pause = VIGIL_PAUSE;
	vigil->restore_at = now + vigil->pause;
	vigil->pause = vigil->pause * 2 < VIGIL_PAUSE_MAX ? vigil->pause * 2 : VIGIL_PAUSE_MAX;
	return true;
}

struct vigil_news vigil_see(struct vigil *vigil, const struct vigil_sight *sight, bool may_restore, uint64_t now)
{
	struct vigil_news news = { .restore = false };
	bool lost = false;

	for (int i = 0; i < RULESTATE_FAMILIES; i++) {
		struct vigil_family *family = &vigil->family[i];
		const enum vigil_state former = family->state;

		vigil_enter(family, vigil_next(family, sight->wanted[i], sight->loaded[i]), now);
		news.gone[i] = former == VIGIL_DOUBTED && family->state == VIGIL_GONE;
		news.back[i] = former == VIGIL_GONE && family->state == VIGIL_LOADED;
		lost = lost || (family->state == VIGIL_GONE && family->was_loaded);
		if (family->state == VIGIL_LOADED)
			vigil->nft = sight->nft;
	}
	news.restore = lost && may_restore && vigil_restores(vigil, now);
	vigil->look_at = now + (vigil_doubts(vigil) ? VIGIL_DOUBT : VIGIL_ROUND);
	if (lost && may_restore && vigil->restore_at < vigil->look_at)
		vigil->look_at = vigil->restore_at;
	return news;
}
