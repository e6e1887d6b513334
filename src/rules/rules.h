/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall rules that a configuration needs, as text. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "rules/facts.h"

struct rules_request {
	enum { RULES_NFT, RULES_IPTABLES, RULES_ROUTE } kind;
	const char *path;
	bool forward;
	bool remove;
	bool proxy;
	struct rules_families families;
};

/* What is asked for, to standard output. */
void rules_print(const struct rules_request *request, const struct config *config);

/* The whole set, as input for nft -f. Loading it again replaces it. */
void rules_nft_print(const struct config *config, FILE *out);
/* Rules that accept data connections, to be included in the operator's own forward chain. */
void rules_nft_print_forward(const struct config *config, FILE *out);
/* What takes the set away again. */
void rules_nft_print_removal(FILE *out);

/* The same as shell scripts around iptables-restore. Running one again replaces what it loaded. */
void rules_iptables_print(const struct config *config, struct rules_families families, FILE *out);
void rules_iptables_print_forward(const struct config *config, struct rules_families families, FILE *out);
void rules_iptables_print_removal(struct rules_families families, FILE *out);
void rules_iptables_print_forward_removal(struct rules_families families, FILE *out);

/* The same for the proxy, whose rules are separate. _input: what a filter on input needs to admit. */
void rules_proxy_print_nft(const struct config *config, FILE *out);
void rules_proxy_print_nft_input(const struct config *config, FILE *out);
void rules_proxy_print_nft_removal(FILE *out);
void rules_proxy_print_iptables(const struct config *config, struct rules_families families, FILE *out);
void rules_proxy_print_iptables_input(const struct config *config, struct rules_families families, FILE *out);
void rules_proxy_print_iptables_removal(struct rules_families families, FILE *out);
void rules_proxy_print_iptables_input_removal(struct rules_families families, FILE *out);

/* The policy route that TPROXY needs, as a shell script, for either kind of rules. */
void rules_route_print(const struct config *config, struct rules_families families, FILE *out);
void rules_route_print_removal(struct rules_families families, FILE *out);

#endif
