/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rules of the proxy have in common, whether nft or iptables prints them. */
#ifndef CMD_RULES_PROXY_H
#define CMD_RULES_PROXY_H

#include "cmd/rules.h"

/* Which connections the proxy gets is the first of these that fits. */
struct rules_choice {
	const char *rule;   /* its name in the configuration */
	const char *client; /* a network; NULL: any */
	const char *server; /* a network, as it is dialled; NULL: any */
	uint16_t port;      /* as it is dialled; 0: any */
	bool intercepted;
};

typedef void rules_choice_print(const struct rules_choice *choice, FILE *out);

/* Calls print for all choices of one family, in order. Where no rule says "terminate" all is intercepted: one choice. */
void rules_proxy_choices(const struct config *config, enum family family, rules_choice_print *print, FILE *out);

/* The ports of control connections, with separator between them. dialled: as the proxy itself dials servers. */
void rules_proxy_print_ports(const struct config *config, bool dialled, const char *separator, FILE *out);

/* Do packets arrive that are for this host though their address is not? */
bool rules_proxy_diverts(const struct config *config);

/* The commands that route such packets here; */
void rules_route_print_commands(const struct config *config, struct rules_families families, FILE *out);
void rules_route_print_removal_commands(struct rules_families families, FILE *out);

#endif
