/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proxy's rules (rules/proxy.c) in the words of nft(8), 1.0.6 and later, in their own table. */
#include "rules/proxy.h"

/* Without a protocol, nft takes no number for a port. */
#define ORIGINAL_PORT "meta l4proto tcp ct original proto-dst %u "
#define IS_SYN "tcp flags & (fin | syn | rst | ack) == syn"
#define OPENS "tcp flags & (syn | rst | ack) == syn"
#define IS_NO_SYN "tcp flags & (fin | syn | rst | ack) != syn"

static void print_header(const struct config *config, FILE *out)
{
	fputs("#!/usr/sbin/nft -f\n"
	      "# Made by \"ftpalg rules nft\". Load it with \"nft -f FILE\"; loading it again replaces all of it.\n"
	      "# \"ftpalg rules nft --proxy --remove\" prints what takes it away.\n"
	      "# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
	      "# An input chain of yours that drops by default needs what \"ftpalg rules nft --proxy --forward\" prints;\n"
	      "# no accept in this table could overrule it.\n", out);
	if (rules_proxy_diverts(config))
		fprintf(out,
			"# What gets the mark 0x%x has to be routed to this host: run what \"ftpalg rules route\" prints.\n",
			config->proxy.mark);
	fputc('\n', out);
}

static void print_set(const struct config *config, bool dialled, FILE *out)
{
	fprintf(out, "\tset %s {\n\t\ttype inet_service\n\t\telements = { ",
		dialled ? "dialled_ports" : "intercepted_ports");
	rules_proxy_print_ports(config, dialled, ", ", out);
	fputs(" }\n\t}\n\n", out);
}

static void print_choice(const struct rules_choice *choice, const char *words, FILE *out)
{
	fputs("\t\t", out);
	if (choice->client)
		fprintf(out, "%s saddr %s ", words, choice->client);
	/* As it was dialled, before any DNAT. */
	if (choice->server)
		fprintf(out, "ct original %s daddr %s ", words, choice->server);
	if (choice->port)
		fprintf(out, ORIGINAL_PORT, choice->port);
	fprintf(out, "%s%s comment \"%s\"\n", choice->target ? "goto " : "return",
		choice->target ? choice->target : "", choice->rule);
}

static void print_choice_ipv4(const struct rules_choice *choice, FILE *out)
{
	print_choice(choice, "ip", out);
}

static void print_choice_ipv6(const struct rules_choice *choice, FILE *out)
{
	print_choice(choice, "ip6", out);
}

/*
 * The chains choose_TARGET. One chain a family, because a rule that names no address would fit both; and one set of them
 * a target, because nft lets no chain that leads to TPROXY be reached from the forward hook.
 */
static void print_choices(const struct config *config, const char *target, FILE *out)
{
	fprintf(out,
		"\t# The policy's rules in their order; what returns is not terminated, and is forwarded.\n"
		"\tchain choose_%s_ipv4 {\n", target);
	rules_proxy_choices(config, FAMILY_IPV4, target, print_choice_ipv4, out);
	fprintf(out,
		"\t}\n\n"
		"\tchain choose_%s_ipv6 {\n", target);
	rules_proxy_choices(config, FAMILY_IPV6, target, print_choice_ipv6, out);
	fprintf(out,
		"\t}\n\n"
		"\tchain choose_%s {\n"
		"\t\tmeta nfproto ipv4 goto choose_%s_ipv4\n"
		"\t\tmeta nfproto ipv6 goto choose_%s_ipv6\n"
		"\t}\n\n", target, target, target);
}

static void print_forward(const struct rules_forward *forward, const char *words, FILE *out)
{
	fprintf(out, "\t\tct status dnat ct original %s daddr %s ", words, forward->dialled);
	if (forward->dialled_port)
		fprintf(out, ORIGINAL_PORT, forward->dialled_port);
	fprintf(out, "%s daddr %s ", words, forward->server);
	if (forward->server_port)
		fprintf(out, "tcp dport %u ", forward->server_port);
	fprintf(out, "meta mark set %u\n", forward->number);
}

static void print_forward_ipv4(const struct rules_forward *forward, FILE *out)
{
	print_forward(forward, "ip", out);
}

static void print_forward_ipv6(const struct rules_forward *forward, FILE *out)
{
	print_forward(forward, "ip6", out);
}

/* A packet of no connection (new, but not a SYN) would found one that was not judged. */
static void print_admission(const struct config *config, FILE *out)
{
	fputs("\t# The mark tells the proxy which \"forward\" has led here.\n"
	      "\tchain admit {\n"
	      "\t\t" IS_NO_SYN " drop\n"
	      "\t\tmeta mark set 0\n", out);
	rules_proxy_forwards(config, FAMILY_IPV4, print_forward_ipv4, out);
	rules_proxy_forwards(config, FAMILY_IPV6, print_forward_ipv6, out);
	fprintf(out,
		"\t\tct status dnat meta mark 0 drop\n"
		"\t\tqueue num %u\n"
		"\t}\n\n", config->proxy.queue);
	print_choices(config, "admit", out);
	fputs("\t# What the forward chains before this one have let pass. The port is the one that was dialled.\n"
	      "\tchain forward {\n"
	      "\t\ttype filter hook forward priority security; policy accept;\n"
	      "\t\t" OPENS " ct direction reply tcp dport @intercepted_ports drop\n"
	      "\t\tmeta l4proto tcp ct state new ct original proto-dst @intercepted_ports jump choose_admit\n"
	      "\t}\n\n", out);
}

/*
 * Packets for sockets of the proxy that have another host's address. The listener for intercepted connections, which is
 * bound to none, is not meant. A socket that is not complete yet, between SYN and ACK, has no answer to "wildcard", so the
 * question can only be what is to be left out.
 */
static void print_divert(const struct config *config, FILE *out)
{
	if (!rules_proxy_diverts(config))
		return;
	fprintf(out,
		"\t# Packets for sockets of the proxy that have another host's address.\n"
		"\tchain divert {\n"
		"\t\tsocket wildcard 1 return\n"
		"\t\tmeta l4proto tcp socket transparent 1 meta mark set 0x%x accept\n"
		"\t}\n\n", config->proxy.mark);
}

/* Connections that the proxy makes to servers are related to nothing, so then every packet has to be looked at. */
static void print_jump_to_divert(const struct config *config, FILE *out)
{
	if (rules_proxy_diverts(config))
		fprintf(out, "\t\t%smeta l4proto tcp jump divert\n",
			config->proxy.source_is_client ? "" : "ct helper \"" RULES_CARRIER "\" ");
}

/* Both legs end here and are in no queue, so rules drop what the gateway would drop (rules/proxy.c). */
static void print_guard(FILE *out)
{
	fputs("\t# No segment makes the carrier act, a client's or the proxy's: its protocol's begin with 00 00 00 07.\n"
	      "\tchain inert {\n"
	      "\t\t@ih,0,32 0x7 drop\n"
	      "\t}\n\n"
	      "\t# A SYN that conntrack takes for one of a connection that there is would not be asked for in the\n"
	      "\t# forward chains.\n"
	      "\tchain guard {\n"
	      "\t\tct state established " IS_SYN " drop\n"
	      "\t\tgoto inert\n"
	      "\t}\n\n", out);
}

static void print_prerouting(const struct config *config, FILE *out)
{
	fputs("\t# The carrier lets both legs of a control connection hold expectations.\n"
	      "\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
	      "\t\tct state new ", out);
	if (config->zone)
		fprintf(out, "ct zone %u ", config->zone);
	fputs("tcp dport @intercepted_ports ct helper set \"carrier\"\n"
	      "\t\tiifname != \"lo\" meta l4proto tcp ct direction original ct original proto-dst @intercepted_ports "
	      "jump guard\n", out);
	if (rules_proxy_diverts(config))
		fprintf(out, "\t\tiifname != \"lo\" meta l4proto tcp ct direction original ct label %u drop\n", RULES_LEG_LABEL);
	print_jump_to_divert(config, out);
	/* The first packet comes from the proxy itself, by the loopback interface. */
	if (config->proxy.tproxy)
		fprintf(out,
			"\t\tiifname \"lo\" meta mark 0x%x tcp dport @intercepted_ports " IS_SYN " goto assign\n"
			"\t\tiifname != \"lo\" fib daddr type != local tcp dport @intercepted_ports ct state established "
			"ct direction original ct status & expected == 0 jump choose_assign\n", config->proxy.mark);
	fputs("\t}\n\n"
	      "\tchain output {\n"
	      "\t\ttype filter hook output priority mangle; policy accept;\n"
	      "\t\tct state new tcp dport @dialled_ports ct helper set \"carrier\"\n"
	      "\t\tmeta l4proto tcp ct direction original ct original proto-dst @dialled_ports jump inert\n", out);
	/* What the proxy sends again for others has its mark. */
	if (rules_proxy_diverts(config))
		fprintf(out, "\t\t" IS_SYN " fib saddr type != local meta mark != 0x%x ct state new ct label set %u\n",
			config->proxy.mark, RULES_LEG_LABEL);
	fputs("\t}\n\n", out);
	fprintf(out,
		"\t# The first packet that the proxy sends again is for this host, come what may.\n"
		"\tchain keep {\n"
		"\t\ttype filter hook postrouting priority mangle; policy accept;\n"
		"\t\toifname != \"lo\" meta mark 0x%x drop\n"
		"\t}\n\n", config->proxy.mark);
	if (config->zone)
		fprintf(out,
			"\t# It has its entry in the zone of the others.\n"
			"\tchain zone {\n"
			"\t\ttype filter hook output priority raw; policy accept;\n"
			"\t\tmeta mark 0x%x ct zone set %u\n"
			"\t}\n\n", config->proxy.mark, config->zone);
}

/* TPROXY, for all packets of a connection. */
static void print_assignment(const struct config *config, FILE *out)
{
	if (!config->proxy.tproxy)
		return;
	fprintf(out,
		"\t# Where no proxy listens, the first line does nothing.\n"
		"\tchain assign {\n"
		"\t\tmeta l4proto tcp tproxy to :%u meta mark set 0x%x accept\n"
		"\t\tdrop\n"
		"\t}\n\n", config->proxy.port, config->proxy.mark);
	print_choices(config, "assign", out);
}

/* The chain must exist even if it is empty: without any chain of a nat table the kernel translates nothing. */
static void print_nat(const struct config *config, FILE *out)
{
	fputs("\tchain translate {\n"
	      "\t\ttype nat hook prerouting priority dstnat - 1; policy accept;\n", out);
	if (rules_proxy_diverts(config))
		fprintf(out,
			"\t\t# Translated to itself: no DNAT that comes later may take it away from its socket.\n"
			"\t\tmeta mark 0x%x dnat ip to ip daddr\n"
			"\t\tmeta mark 0x%x dnat ip6 to ip6 daddr\n", config->proxy.mark, config->proxy.mark);
	fputs("\t}\n", out);
}

void rules_proxy_print_nft(const struct config *config, FILE *out)
{
	print_header(config, out);
	fputs("table inet ftpalg_proxy\n"
	      "delete table inet ftpalg_proxy\n\n"
	      "table inet ftpalg_proxy {\n", out);
	print_set(config, false, out);
	print_set(config, true, out);
	fputs("\tct helper carrier {\n"
	      "\t\ttype \"" RULES_CARRIER "\" protocol tcp\n"
	      "\t}\n\n", out);
	print_admission(config, out);
	print_assignment(config, out);
	print_divert(config, out);
	print_guard(out);
	print_prerouting(config, out);
	print_nat(config, out);
	fputs("}\n", out);
}

void rules_proxy_print_nft_input(const struct config *config, FILE *out)
{
	fputs("# Made by \"ftpalg rules nft --proxy --forward\": accepts what was intercepted for the proxy and the data\n"
	      "# connections that it has admitted. Keep it in a file and include it in your own input chain, in front\n"
	      "# of what drops. Who may connect to whom is for your forward chains to say.\n", out);
	if (config->proxy.tproxy) {
		fprintf(out, "meta mark 0x%x tcp dport { ", config->proxy.mark);
		rules_proxy_print_ports(config, false, ", ", out);
		fputs(" } accept\n", out);
	} else {
		fprintf(out, "ct status dnat tcp dport %u accept\n", config->proxy.port);
	}
	fputs("ct helper \"" RULES_CARRIER "\" ct state related,established tcp dport 1024-65535 accept\n", out);
}

void rules_proxy_print_nft_removal(FILE *out)
{
	fputs("# Made by \"ftpalg rules nft --proxy --remove\". Load it with \"nft -f FILE\".\n"
	      "table inet ftpalg_proxy\n"
	      "delete table inet ftpalg_proxy\n", out);
}
