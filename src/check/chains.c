/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Would the filter of this host let the data connections pass that the gateway opens?
 *
 * Their first packet is RELATED to the control connection, all later ones are ESTABLISHED. Each chain on the forward hook
 * is walked in the order of its rules, with the chains that it jumps to, until both states are accepted or a rule or the
 * policy drops what is left. A rule counts fully if nothing narrows it but the state, the carrier and TCP with ports that
 * data connections have; a rule that anything else narrows, an interface say, counts for some of them: its words don't tell
 * whether these are the ones that matter.
 *
 * The listings of nft and iptables-save, which src/check/forward_nft.c and forward_iptables.c read, are for people; so, as
 * in src/check/ruleset.c, they are read for the words that can't be missing.
 */
#include "check/chains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more of what array holds. Returns the array, or NULL without memory: the old one stays. */
static void *make_room(void *array, size_t count, size_t *size, size_t item)
{
	void *more;

	if (count < *size)
		return array;
	more = realloc(array, (*size ? *size * 2 : 8) * item);
	if (more)
		*size = *size ? *size * 2 : 8;
	return more;
}

struct chain *chains_add(struct chains *chains)
{
	struct chain *list = make_room(chains->list, chains->count, &chains->size, sizeof(*list));

	if (!list)
		return NULL;
	chains->list = list;
	list[chains->count] = (struct chain){ .forward = false };
	return &list[chains->count++];
}

void chain_add_rule(struct chain *chain, const struct rule *rule)
{
	struct rule *rules = make_room(chain->rules, chain->count, &chain->size, sizeof(*rules));

	if (!rules)
		return;
	chain->rules = rules;
	rules[chain->count++] = *rule;
}

struct chain *chains_find(struct chains *chains, const struct chain *like, const char *name)
{
	for (size_t i = 0; i < chains->count; i++) {
		const size_t at = (chains->last + i) % chains->count;
		struct chain *chain = &chains->list[at];

		if (strcmp(chain->name, name) == 0 && strcmp(chain->family, like->family) == 0 &&
		    strcmp(chain->table, like->table) == 0) {
			chains->last = at;
			return chain;
		}
	}
	return NULL;
}

void chains_free(struct chains *chains)
{
	for (size_t i = 0; i < chains->count; i++)
		free(chains->list[i].rules);
	free(chains->list);
}

/* How a walk through a chain ended. */
enum walk { WALK_ON, WALK_ADMITTED, WALK_DROPPED };

static bool states_are(const struct states *states, enum coverage least)
{
	return states->related >= least && states->established >= least;
}

void states_add(struct states *states, const struct states *more, bool narrow)
{
	const enum coverage most = narrow ? COVERS_SOME : COVERS_ALL;
	const enum coverage related = more->related < most ? more->related : most;
	const enum coverage established = more->established < most ? more->established : most;

	if (states->related < related)
		states->related = related;
	if (states->established < established)
		states->established = established;
}

/* What a walk made of the states that came in, in a number that is not 0. */
static unsigned char walk_pack(enum walk walk, const struct states *states)
{
	return (unsigned char)(1 + ((unsigned int)walk * COVERAGES + states->related) * COVERAGES + states->established);
}

static enum walk walk_unpack(unsigned char known, struct states *states)
{
	states->established = (enum coverage)((known - 1) % COVERAGES);
	states->related = (enum coverage)((known - 1) / COVERAGES % COVERAGES);
	return (enum walk)((known - 1) / (COVERAGES * COVERAGES));
}

static enum walk chain_enter(struct chains *chains, struct chain *chain, struct states *states);

/* Narrow: what is found after the jump counts for some connections, and its end is not the end for all. */
/* NOLINTNEXTLINE(misc-no-recursion) as deep as there are chains */
static enum walk chain_jump(struct chains *chains, const struct chain *from, const struct rule *rule, struct states *states)
{
	struct chain *target = chains_find(chains, from, rule->target);
	struct states inner = *states;
	enum walk walk = target && !target->walking ? chain_enter(chains, target, &inner) : WALK_ON;

	states_add(states, &inner, rule->narrow);
	return rule->narrow ? WALK_ON : walk;
}

/* NOLINTNEXTLINE(misc-no-recursion) as deep as there are chains */
static enum walk chain_walk(struct chains *chains, const struct chain *chain, struct states *states)
{
	enum walk walk = WALK_ON;

	for (size_t i = 0; i < chain->count && walk == WALK_ON; i++) {
		const struct rule *rule = &chain->rules[i];

		if (rule->kind == RULE_ACCEPTS)
			states_add(states, &rule->states, rule->narrow);
		else if (rule->kind == RULE_JUMPS || rule->kind == RULE_GOES)
			walk = chain_jump(chains, chain, rule, states);
		if (states_are(states, COVERS_ALL))
			walk = WALK_ADMITTED;
		else if (rule->kind == RULE_DROPS && !rule->narrow)
			walk = WALK_DROPPED;
		if ((rule->kind == RULE_RETURNS || rule->kind == RULE_GOES) && !rule->narrow)
			break;
	}
	return walk;
}

/* Many rules may lead to one chain, and on from there: it is walked only once with the same states. */
/* NOLINTNEXTLINE(misc-no-recursion) as deep as there are chains */
static enum walk chain_enter(struct chains *chains, struct chain *chain, struct states *states)
{
	unsigned char *known = &chain->known[states->related * COVERAGES + states->established];
	enum walk walk;

	if (*known)
		return walk_unpack(*known, states);
	chain->walking = true;
	walk = chain_walk(chains, chain, states);
	chain->walking = false;
	*known = walk_pack(walk, states);
	return walk;
}

void chains_judge(struct chains *chains, struct forward_finding *finding)
{
	for (size_t i = 0; i < chains->count; i++) {
		struct chain *chain = &chains->list[i];
		struct states states = { COVERS_NONE, COVERS_NONE };
		enum forward_verdict verdict;
		enum walk walk;

		if (!chain->forward)
			continue;
		walk = chain_enter(chains, chain, &states);
		if (walk == WALK_ADMITTED || (walk == WALK_ON && !chain->drops))
			continue;
		verdict = states_are(&states, COVERS_SOME) ? FORWARD_ADMITS_SOME : FORWARD_DROPS;
		if (verdict <= finding->verdict)
			continue;
		finding->verdict = verdict;
		snprintf(finding->chain, sizeof(finding->chain), "%s%s%s %s", chain->family, *chain->family ? " " : "",
			 chain->table, chain->name);
	}
}

/* A rule that does not mention states takes them all; one that names only others takes no data connection. */
void rule_finish(struct rule *rule)
{
	const bool named = rule->states.related || rule->states.established;

	if (!rule->stated)
		rule->states = (struct states){ COVERS_ALL, COVERS_ALL };
	else if (rule->kind != RULE_ACCEPTS)
		rule->narrow = true;
	if (rule->foreign || (rule->stated && rule->kind == RULE_ACCEPTS && !named))
		rule->kind = RULE_OTHER;
}
