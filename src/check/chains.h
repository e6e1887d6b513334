/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of a packet filter, as far as they decide about data connections; src/check/chains.c has how they are judged. */
#ifndef CHECK_CHAINS_H
#define CHECK_CHAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "check/forward.h"

#define CHAINS_NAME_MAX 64

/* What of the two states is accepted so far, or by a rule. */
enum coverage { COVERS_NONE, COVERS_SOME, COVERS_ALL };
#define COVERAGES 3U

struct states {
	enum coverage related;
	enum coverage established;
};

enum rule_kind {
	RULE_OTHER,   /* accepts or drops what data connections are not, or does neither */
	RULE_ACCEPTS, /* the states of the rule */
	RULE_DROPS,   /* whatever comes so far */
	RULE_RETURNS,
	RULE_JUMPS,
	RULE_GOES,    /* jumps, and does not come back */
};

struct rule {
	enum rule_kind kind;
	struct states states;
	bool stated;  /* it names states */
	bool narrow;  /* it takes some connections only */
	bool foreign; /* ... none of them a data connection */
	char target[CHAINS_NAME_MAX];
};

struct chain {
	char family[8]; /* of nft; of iptables "" */
	char table[CHAINS_NAME_MAX];
	char name[CHAINS_NAME_MAX];
	bool forward; /* on the hook itself */
	bool drops;   /* by its policy */
	struct rule *rules;
	size_t count;
	size_t size;
	bool walking;                                /* a jump to here now would go round in a circle */
	unsigned char known[COVERAGES * COVERAGES]; /* by the states that came in; 0: it was not walked with these */
};

struct chains {
	struct chain *list;
	size_t count;
	size_t size;
	size_t last; /* that was found: listings have the rules of a chain together */
};

/* Puts one more chain, or one more rule, at the end. Returns NULL without memory, when a rule is left out. */
struct chain *chains_add(struct chains *chains);
void chain_add_rule(struct chain *chain, const struct rule *rule);
void chains_free(struct chains *chains);
/* The chain of this name in the table of like; NULL: there is none. */
struct chain *chains_find(struct chains *chains, const struct chain *like, const char *name);

/* What "accept" takes of the states, more or less, is added to what was accepted. */
void states_add(struct states *states, const struct states *more, bool narrow);
/* Completes a rule whose words have all been read. */
void rule_finish(struct rule *rule);
/* Walks all chains on the hook; the worst of them is the finding, where it is worse than what finding holds. */
void chains_judge(struct chains *chains, struct forward_finding *finding);

#endif
