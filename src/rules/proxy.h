/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rules of the proxy have in common, whether nft or iptables prints them. */
#ifndef RULES_PROXY_H
#define RULES_PROXY_H

#include "rules/rules.h"

/* Whether the proxy gets a connection: the first of these that matches decides. */
struct rules_choice {
	const char *rule;   /* its name in the configuration */
	const char *client; /* a network; NULL: any */
	const char *server; /* a network, as it is dialled; NULL: any */
	uint16_t port;      /* as it is dialled; 0: any */
	const char *target; /* the chain that takes it; NULL: it is left alone */
};

typedef void rules_choice_print(const struct rules_choice *choice, FILE *out);

/*
 * Calls print for all choices of one family, in order; those that are intercepted go to the chain target. Where no rule
 * says "terminate", everything is intercepted: one choice.
 */
void rules_proxy_choices(const struct config *config, enum family family, const char *target,
			 rules_choice_print *print, FILE *out);

/* The ports of control connections, with separator between them. dialled: as the proxy itself dials servers. */
void rules_proxy_print_ports(const struct config *config, bool dialled, const char *separator, FILE *out);

/* Calls print for each forward of one family, with its number from 1, which goes on packets as their mark. */
struct rules_forward {
	unsigned int number;
	const char *dialled;
	uint16_t dialled_port; /* 0: any */
	const char *server;
	uint16_t server_port;  /* 0: any */
};

typedef void rules_forward_print(const struct rules_forward *forward, FILE *out);
void rules_proxy_forwards(const struct config *config, enum family family, rules_forward_print *print, FILE *out);

/* The label of conntrack for the proxy's own connections from other hosts' addresses: the last label that exists. */
#define RULES_LEG_LABEL 127U

/* Do packets arrive that are for this host although their address is not? */
bool rules_proxy_diverts(const struct config *config);

/* The commands that route such packets here; */
void rules_route_print_commands(const struct config *config, struct rules_families families, FILE *out);
void rules_route_print_removal_commands(struct rules_families families, FILE *out);

#endif
