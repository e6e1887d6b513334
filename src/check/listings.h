/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host's own programs say is loaded, and which families it forwards. */
#ifndef CHECK_LISTINGS_H
#define CHECK_LISTINGS_H

#include "check/ruleset.h"

/* Texts on the heap, each NULL where the program is missing or refuses. */
struct listings {
	char *nft;
	char *save[2]; /* of iptables-save and ip6tables-save */
};

/* terse: without the elements of nft's sets, which may be many. */
struct listings listings_take(bool terse);
/* Fills rules for IPv4 and IPv6. */
void listings_read(const struct listings *listings, const struct config *config, struct check_ruleset rules[2]);
void listings_free(struct listings *listings);

struct check_forwards {
	bool ipv4;
	bool ipv6;
};

struct check_forwards check_read_forwards(void);

/* Of each family, IPv4 first. */
struct listings_sight {
	bool told[2];   /* this host forwards it, and a program lists its rules */
	bool queue[2];  /* a rule feeds the queue */
	bool loaded[2]; /* ... and one attaches the carrier */
	bool nft;       /* the rules that feed the queue are nft's own, and not those of iptables */
};

void listings_see(const struct config *config, struct listings_sight *sight);

#endif
