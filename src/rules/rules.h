/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall rules that a configuration needs, as text. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "config/config.h"

/* The carrier: the kernel's helper that does nothing and lets a control connection hold expectations. */
#define RULES_CARRIER "sane"

struct rules_families {
	bool ipv4;
	bool ipv6;
};

/* The whole set, as input for nft -f. Loading it again replaces it. */
void rules_nft_print(const struct config *config, FILE *out);
/* Rules that accept data connections, to be included in a forward chain of the operator's own. */
void rules_nft_print_forward(const struct config *config, FILE *out);
/* What takes the set away again. */
void rules_nft_print_removal(FILE *out);

/* The same as shell scripts around iptables-restore. Running one again replaces what it loaded. */
void rules_iptables_print(const struct config *config, struct rules_families families, FILE *out);
void rules_iptables_print_forward(const struct config *config, struct rules_families families, FILE *out);
void rules_iptables_print_removal(struct rules_families families, FILE *out);
void rules_iptables_print_forward_removal(struct rules_families families, FILE *out);

/* The same for the proxy, whose rules are apart. _input: what a filter on input needs to admit. */
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

/* "21, 2121", with separator between the ports. */
void rules_print_ports(const struct config *config, const char *separator, FILE *out);
/*
 * TCP options in a SYN, by their kind: which of them stay, from the first that has a length on. All others are
 * overwritten; doc/threat-model.md says why. The dangerous ones change what a receiver reads.
 */
#define RULES_OPTION_FIRST 2
bool rules_option_is_kept(unsigned int kind);
extern const uint8_t rules_options_dangerous[];
extern const size_t rules_option_dangerous_count;

/* Can a packet pass the queue by, because the configuration says so? */
bool rules_may_bypass(const struct config *config);

/* The lowest port that the policy lets an offer name: no data connection goes to a lower one. */
uint16_t rules_lowest_port(const struct config *config);

#endif
