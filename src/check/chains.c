/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Would the filter of this host let the data connections pass that the gateway opens?
 *
 * Their first packet is RELATED to the control connection, all later ones are ESTABLISHED. Each chain on the forward hook
 * is walked in the order of its rules, with the chains that it jumps to, until both states are accepted or a rule or the
 * policy drops what is left. A rule counts fully if nothing narrows it but the state, the carrier and TCP with ports that
 * data connections have; what is narrowed by anything else, an interface say, counts for some of them: whether for those
 * that matter is more than its words tell.
 *
 * The listings of nft and iptables-save, which src/check/forward_nft.c and forward_iptables.c read, are for people; so, as in
 * src/check/ruleset.c, they are read for the words that can't be missing.
 */
#include "check/chains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JUMPS_MAX 16 /* as nft has it; iptables allows more, which nobody uses */

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

static const struct chain *chains_find(const struct chains *chains, const struct chain *from, const char *name)
{
	for (size_t i = 0; i < chains->count; i++) {
		const struct chain *chain = &chains->list[i];

		if (strcmp(chain->family, from->family) == 0 && strcmp(chain->table, from->table) == 0 &&
		    strcmp(chain->name, name) == 0)
			return chain;
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

static enum walk chain_walk(const struct chains *chains, const struct chain *chain, struct states *states, unsigned int jumps);

/* Narrow: what is found behind the jump counts for some, and its end is not the end of all. */
/* NOLINTNEXTLINE(misc-no-recursion) as deep as JUMPS_MAX */
static enum walk chain_jump(const struct chains *chains, const struct chain *from, const struct rule *rule,
			    struct states *states, unsigned int jumps)
{
	const struct chain *target = chains_find(chains, from, rule->target);
	struct states inner = *states;
	enum walk walk = target && jumps < JUMPS_MAX ? chain_walk(chains, target, &inner, jumps + 1) : WALK_ON;

	states_add(states, &inner, rule->narrow);
	return rule->narrow ? WALK_ON : walk;
}

/* NOLINTNEXTLINE(misc-no-recursion) as deep as JUMPS_MAX */
static enum walk chain_walk(const struct chains *chains, const struct chain *chain, struct states *states, unsigned int jumps)
{
	enum walk walk = WALK_ON;

	for (size_t i = 0; i < chain->count && walk == WALK_ON; i++) {
		const struct rule *rule = &chain->rules[i];

		if (rule->kind == RULE_ACCEPTS)
			states_add(states, &rule->states, rule->narrow);
		else if (rule->kind == RULE_JUMPS || rule->kind == RULE_GOES)
			walk = chain_jump(chains, chain, rule, states, jumps);
		if (states_are(states, COVERS_ALL))
			walk = WALK_ADMITTED;
		else if (rule->kind == RULE_DROPS && !rule->narrow)
			walk = WALK_DROPPED;
		if ((rule->kind == RULE_RETURNS || rule->kind == RULE_GOES) && !rule->narrow)
			break;
	}
	return walk;
}

void chains_judge(const struct chains *chains, struct forward_finding *finding)
{
	for (size_t i = 0; i < chains->count; i++) {
		const struct chain *chain = &chains->list[i];
		struct states states = { COVERS_NONE, COVERS_NONE };
		enum forward_verdict verdict;
		enum walk walk;

		if (!chain->forward)
			continue;
		walk = chain_walk(chains, chain, &states, 0);
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

/* A rule without a word about states takes them all; one that names only others takes no data connection. */
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
