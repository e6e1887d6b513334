/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of the proxy, apart from those of the queue: either may be used without the other.
 *
 *   prerouting  the first packet of a control connection gets the carrier, then the connection is redirected
 *   output      the proxy's own connections to servers get the carrier
 *   input       (--forward) redirected connections and expected data connections are admitted
 *
 * A connection that was not redirected is not admitted to the proxy's port; the proxy would close it.
 */
#include "cmd/rules.h"

/* A server in clear behind implicit FTPS is dialled on the usual port. */
#define PLAIN_PORT 21

static const char iptables_loader[] =
	"jump() {\n"
	"\t\"$1\" -w -t \"$2\" -C \"$3\" -j \"$4\" 2>/dev/null || \"$1\" -w -t \"$2\" -I \"$3\" -j \"$4\"\n"
	"}\n\n"
	"load() {\n"
	"\trules | \"$1-restore\" -w --noflush\n";

static const char iptables_unloader[] =
	"#!/bin/sh\n"
	"# Made by \"ftpalg rules iptables --proxy%s --remove\". Run it with sh.\n"
	"set -u\n\n"
	"# What is not there need not be taken away.\n"
	"unjump() {\n"
	"\twhile \"$1\" -w -t \"$2\" -D \"$3\" -j \"$4\" 2>/dev/null; do :; done\n"
	"\t\"$1\" -w -t \"$2\" -F \"$4\" 2>/dev/null && \"$1\" -w -t \"$2\" -X \"$4\"\n"
	"}\n\n"
	"unload() {\n";

static void print_port(FILE *out, bool *begun, const char *separator, uint16_t port)
{
	fprintf(out, "%s%u", *begun ? separator : "", port);
	*begun = true;
}

/* Both kinds of control ports. */
static void print_ports(const struct config_proxy *proxy, bool dialled, const char *separator, FILE *out)
{
	bool begun = false;
	bool plain = false;

	for (size_t i = 0; i < proxy->port_count; i++) {
		print_port(out, &begun, separator, proxy->ports[i]);
		plain = plain || proxy->ports[i] == PLAIN_PORT;
	}
	for (size_t i = 0; i < proxy->implicit_port_count; i++)
		print_port(out, &begun, separator, proxy->implicit_ports[i]);
	if (dialled && !plain && proxy->legs == PROXY_LEGS_CLIENT && proxy->implicit_port_count > 0)
		print_port(out, &begun, separator, PLAIN_PORT);
}

static void print_families(const char *function, struct rules_families families, FILE *out)
{
	if (families.ipv4)
		fprintf(out, "%s iptables\n", function);
	if (families.ipv6)
		fprintf(out, "%s ip6tables\n", function);
}

/* One rule a port: a multiport match has too few places for both kinds of ports. */
static void print_each(const struct config_proxy *proxy, const char *before, const char *after, FILE *out)
{
	for (size_t i = 0; i < proxy->port_count; i++)
		fprintf(out, "%s%u%s\n", before, proxy->ports[i], after);
	for (size_t i = 0; i < proxy->implicit_port_count; i++)
		fprintf(out, "%s%u%s\n", before, proxy->implicit_ports[i], after);
}

void rules_proxy_print_iptables(const struct config *config, struct rules_families families, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;
	char carrier[64];
	char redirect[64];

	snprintf(carrier, sizeof(carrier), config->zone ? " -j CT --helper %s --zone %u" : " -j CT --helper %s",
		 RULES_CARRIER, config->zone);
	snprintf(redirect, sizeof(redirect), " -j REDIRECT --to-ports %u", proxy->port);
	fputs("#!/bin/sh\n"
	      "# Made by \"ftpalg rules iptables --proxy\". Run it with sh; running it again replaces what it loaded.\n"
	      "# \"ftpalg rules iptables --proxy --remove\" prints what takes it away.\n"
	      "# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
	      "# An INPUT chain that drops by default needs what \"ftpalg rules iptables --proxy --forward\" prints.\n"
	      "set -eu\n\n"
	      "rules() {\n"
	      "\tcat <<'EOF'\n"
	      "*raw\n"
	      ":FTPALG_PROXY_IN - [0:0]\n"
	      ":FTPALG_PROXY_OUT - [0:0]\n"
	      "# The carrier, which lets both legs of a control connection hold expectations.\n", out);
	print_each(proxy, "-A FTPALG_PROXY_IN -p tcp --dport ", carrier, out);
	print_each(proxy, "-A FTPALG_PROXY_OUT -p tcp --dport ", carrier, out);
	if (proxy->legs == PROXY_LEGS_CLIENT && proxy->implicit_port_count > 0)
		fprintf(out, "-A FTPALG_PROXY_OUT -p tcp --dport %d%s\n", PLAIN_PORT, carrier);
	fputs("COMMIT\n"
	      "*nat\n"
	      ":FTPALG_PROXY_REDIRECT - [0:0]\n", out);
	print_each(proxy, "-A FTPALG_PROXY_REDIRECT -p tcp --dport ", redirect, out);
	fputs("COMMIT\n"
	      "EOF\n"
	      "}\n\n", out);
	fputs(iptables_loader, out);
	fputs("\tjump \"$1\" raw PREROUTING FTPALG_PROXY_IN\n"
	      "\tjump \"$1\" raw OUTPUT FTPALG_PROXY_OUT\n"
	      "\tjump \"$1\" nat PREROUTING FTPALG_PROXY_REDIRECT\n"
	      "}\n\n", out);
	print_families("load", families, out);
}

void rules_proxy_print_iptables_input(const struct config *config, struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables --proxy --forward\". Run it with sh; running it again replaces what it\n"
		"# loaded.\n"
		"# Accepts, in front of everything else in INPUT, what was redirected to the proxy and the data\n"
		"# connections that it has admitted.\n"
		"set -eu\n\n"
		"rules() {\n"
		"\tcat <<'EOF'\n"
		"*filter\n"
		":FTPALG_PROXY_ACCEPT - [0:0]\n"
		"# DNAT: redirected; nobody else has business there.\n"
		"-A FTPALG_PROXY_ACCEPT -p tcp --dport %u -m conntrack --ctstate DNAT -j ACCEPT\n"
		"-A FTPALG_PROXY_ACCEPT -p tcp -m helper --helper " RULES_CARRIER
		" -m conntrack --ctstate RELATED,ESTABLISHED -m tcp --dport 1024:65535 -j ACCEPT\n"
		"COMMIT\n"
		"EOF\n"
		"}\n\n", config->proxy.port);
	fputs(iptables_loader, out);
	fputs("\tjump \"$1\" filter INPUT FTPALG_PROXY_ACCEPT\n"
	      "}\n\n", out);
	print_families("load", families, out);
}

static void print_unloader(const char *option, const char *unjumps, struct rules_families families, FILE *out)
{
	fprintf(out, iptables_unloader, option);
	fputs(unjumps, out);
	fputs("}\n\n", out);
	print_families("unload", families, out);
	fputs("exit 0\n", out);
}

void rules_proxy_print_iptables_removal(struct rules_families families, FILE *out)
{
	print_unloader("",
		       "\tunjump \"$1\" nat PREROUTING FTPALG_PROXY_REDIRECT\n"
		       "\tunjump \"$1\" raw OUTPUT FTPALG_PROXY_OUT\n"
		       "\tunjump \"$1\" raw PREROUTING FTPALG_PROXY_IN\n", families, out);
}

void rules_proxy_print_iptables_input_removal(struct rules_families families, FILE *out)
{
	print_unloader(" --forward", "\tunjump \"$1\" filter INPUT FTPALG_PROXY_ACCEPT\n", families, out);
}

void rules_proxy_print_nft(const struct config *config, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;
	char zone[32] = "";

	if (config->zone)
		snprintf(zone, sizeof(zone), "ct zone %u ", config->zone);
	fputs("#!/usr/sbin/nft -f\n"
	      "# Made by \"ftpalg rules nft --proxy\". Load it with \"nft -f FILE\"; loading it again replaces all of it.\n"
	      "# \"ftpalg rules nft --proxy --remove\" prints what takes it away.\n"
	      "# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
	      "# An input chain of yours that drops by default needs what \"ftpalg rules nft --proxy --forward\" prints;\n"
	      "# no accept in this table could overrule it.\n\n"
	      "table inet ftpalg_proxy\n"
	      "delete table inet ftpalg_proxy\n\n"
	      "table inet ftpalg_proxy {\n"
	      "\tset redirected_ports {\n"
	      "\t\ttype inet_service\n"
	      "\t\telements = { ", out);
	print_ports(proxy, false, ", ", out);
	fputs(" }\n"
	      "\t}\n\n"
	      "\tset dialled_ports {\n"
	      "\t\ttype inet_service\n"
	      "\t\telements = { ", out);
	print_ports(proxy, true, ", ", out);
	fprintf(out,
		" }\n"
		"\t}\n\n"
		"\tct helper carrier {\n"
		"\t\ttype \"" RULES_CARRIER "\" protocol tcp\n"
		"\t}\n\n"
		"\t# The carrier lets both legs of a control connection hold expectations.\n"
		"\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority mangle; policy accept;\n"
		"\t\tct state new %stcp dport @redirected_ports ct helper set \"carrier\"\n"
		"\t}\n\n"
		"\tchain output {\n"
		"\t\ttype filter hook output priority mangle; policy accept;\n"
		"\t\tct state new tcp dport @dialled_ports ct helper set \"carrier\"\n"
		"\t}\n\n"
		"\tchain redirect_control {\n"
		"\t\ttype nat hook prerouting priority dstnat - 1; policy accept;\n"
		"\t\ttcp dport @redirected_ports redirect to :%u\n"
		"\t}\n"
		"}\n", zone, proxy->port);
}

void rules_proxy_print_nft_input(const struct config *config, FILE *out)
{
	fprintf(out,
		"# Made by \"ftpalg rules nft --proxy --forward\": accepts what was redirected to the proxy and the data\n"
		"# connections that it has admitted. Keep it in a file and include it in your own input chain, in front\n"
		"# of what drops.\n"
		"ct status dnat tcp dport %u accept\n"
		"ct helper \"" RULES_CARRIER "\" ct state related,established tcp dport 1024-65535 accept\n",
		config->proxy.port);
}

void rules_proxy_print_nft_removal(FILE *out)
{
	fputs("# Made by \"ftpalg rules nft --proxy --remove\". Load it with \"nft -f FILE\".\n"
	      "table inet ftpalg_proxy\n"
	      "delete table inet ftpalg_proxy\n", out);
}
