/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules in the words of iptables, as a shell script for both families: chains of our own are loaded with
 * iptables-restore --noflush, which replaces their contents and nothing else, and one jump to each is put first in the
 * kernel's chain unless it is there. No addresses occur, so both families load the same text.
 *
 * --ctorigdstport takes one port or range: one rule a port. The raw table comes before conntrack has looked at the
 * packet, so CT gives the carrier by port alone; the kernel uses it for new connections that were not expected.
 */
#include "cmd/rules.h"

struct rules_jump {
	const char *table;
	const char *hook;  /* the kernel's chain */
	const char *chain; /* our own */
};

static const struct rules_jump jumps[] = {
	{ "raw", "PREROUTING", "FTPALG_PREROUTING" },
	{ "raw", "OUTPUT", "FTPALG_OUTPUT" },
	{ "mangle", "FORWARD", "FTPALG_FORWARD" },
};
static const size_t jump_count = sizeof(jumps) / sizeof(jumps[0]);

static const struct rules_jump accept_jump = { "filter", "FORWARD", "FTPALG_ACCEPT" };

static void rules_iptables_print_raw(const struct config *config, FILE *out)
{
	fputs("*raw\n"
	      ":FTPALG_PREROUTING - [0:0]\n"
	      ":FTPALG_OUTPUT - [0:0]\n"
	      "# The carrier, which lets control connections hold expectations.\n"
	      "-A FTPALG_PREROUTING -p tcp -m multiport --dports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -j CT --helper " RULES_CARRIER, out);
	if (config->zone)
		fprintf(out, " --zone %u", config->zone);
	fprintf(out,
		"\n"
		"# The gateway's resets and acknowledgements bear addresses as one side sees them. Tracked, they\n"
		"# would found connections of their own.\n"
		"-A FTPALG_OUTPUT -m mark --mark 0x%x -j CT --notrack\n"
		"COMMIT\n", config->mark);
}

static void rules_iptables_print_mangle(const struct config *config, FILE *out)
{
	fputs("*mangle\n"
	      ":FTPALG_FORWARD - [0:0]\n"
	      ":FTPALG_CONTROL - [0:0]\n"
	      "# What conntrack can't assign to a connection can't be inspected.\n"
	      "-A FTPALG_FORWARD -p tcp -m multiport --ports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -m conntrack --ctstate INVALID -j DROP\n"
	      "# It is the port that the client dialled that counts. Expected connections are data connections,\n"
	      "# whatever their port.\n", out);
	for (size_t i = 0; i < config->control_port_count; i++)
		fprintf(out, "-A FTPALG_FORWARD -p tcp -m conntrack --ctorigdstport %u ! --ctstatus EXPECTED "
			"-j FTPALG_CONTROL\n", config->control_ports[i]);
	fprintf(out,
		"# Data in a SYN would pass the gateway by, so there must be none: u32 matches where at least four\n"
		"# bytes follow the TCP header of IPv4, of IPv6. Without the options of TCP Fast Open (34, and 254,\n"
		"# its experimental form) there seldom are.\n"
		"-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN "
		"-m u32 --u32 \"0>>28=4&&0>>22&0x3C@12>>26&0x3C@0=0:0xFFFFFFFF\" -j DROP\n"
		"-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN "
		"-m u32 --u32 \"0>>28=6&&52>>26&0x3C@40=0:0xFFFFFFFF\" -j DROP\n"
		"-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN -j TCPOPTSTRIP --strip-options 34,254\n"
		"# A verdict of the queue goes on at the next hook, so the SYN-ACK must have been changed before.\n"
		"# The MSS leaves room for a host-port that grows.\n"
		"-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss %u\n"
		"-A FTPALG_CONTROL -m conntrack --ctstate ESTABLISHED -j NFQUEUE --queue-num %u%s\n"
		"COMMIT\n", config->mss, config->queue, config->absent_open ? " --queue-bypass" : "");
}

static void rules_iptables_print_families(const char *function, struct rules_families families, FILE *out)
{
	if (families.ipv4)
		fprintf(out, "%s iptables\n", function);
	if (families.ipv6)
		fprintf(out, "%s ip6tables\n", function);
}

/* The part of a script that loads the text of the function rules and jumps to it. */
static void rules_iptables_print_loader(const struct rules_jump *jump, size_t count, struct rules_families families,
					FILE *out)
{
	fputs("jump() {\n"
	      "\t\"$1\" -w -t \"$2\" -C \"$3\" -j \"$4\" 2>/dev/null || \"$1\" -w -t \"$2\" -I \"$3\" -j \"$4\"\n"
	      "}\n\n"
	      "load() {\n"
	      "\trules | \"$1-restore\" -w --noflush\n", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tjump \"$1\" %s %s %s\n", jump[i].table, jump[i].hook, jump[i].chain);
	fputs("}\n\n", out);
	rules_iptables_print_families("load", families, out);
}

/* A script that takes away the jumps, then the chains. */
static void rules_iptables_print_unloader(const char *option, const struct rules_jump *jump, size_t count,
					  const char *more, struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables %s\". Run it with sh.\n"
		"set -u\n\n"
		"# What is not there need not be taken away.\n"
		"unjump() {\n"
		"\twhile \"$1\" -w -t \"$2\" -D \"$3\" -j \"$4\" 2>/dev/null; do :; done\n"
		"\t\"$1\" -w -t \"$2\" -F \"$4\" 2>/dev/null && \"$1\" -w -t \"$2\" -X \"$4\"\n"
		"}\n\n"
		"unload() {\n", option);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tunjump \"$1\" %s %s %s\n", jump[i].table, jump[i].hook, jump[i].chain);
	fprintf(out, "%s}\n\n", more);
	rules_iptables_print_families("unload", families, out);
	fputs("true\n", out);
}

void rules_iptables_print(const struct config *config, struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables\". Run it with sh; running it again replaces what it loaded.\n"
		"# \"ftpalg rules iptables --remove\" prints what takes it away.\n"
		"# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
		"# Without a daemon on queue %u, control connections %s.\n"
		"# A FORWARD chain that drops by default needs what \"ftpalg rules iptables --forward\" prints.\n",
		config->queue, config->absent_open ? "pass uninspected" : "stand still");
	if (config->zone)
		fprintf(out, "# Rules of your own must put replies and data connections into zone %u.\n", config->zone);
	fputs("set -eu\n\n"
	      "rules() {\n"
	      "\tcat <<'EOF'\n", out);
	rules_iptables_print_raw(config, out);
	rules_iptables_print_mangle(config, out);
	fputs("EOF\n"
	      "}\n\n", out);
	rules_iptables_print_loader(jumps, jump_count, families, out);
}

void rules_iptables_print_forward(const struct config *config, struct rules_families families, FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Made by \"ftpalg rules iptables --forward\". Run it with sh; running it again replaces what it\n"
	      "# loaded.\n"
	      "# Accepts, in front of everything else in FORWARD, the data connections that the gateway has admitted.\n"
	      "#\n"
	      "# Who may open control connections is for you to say, with rules like these:\n"
	      "#\tiptables -A FORWARD -i INSIDE -p tcp -m multiport --dports ", out);
	rules_print_ports(config, ",", out);
	fprintf(out,
		" -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n"
		"#\tiptables -A FORWARD -o INSIDE -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
		"#\n"
		"# An OUTPUT chain that drops by default must let out what the gateway sends by itself:\n"
		"#\tiptables -A OUTPUT -m mark --mark 0x%x -j ACCEPT\n"
		"set -eu\n\n"
		"rules() {\n"
		"\tcat <<'EOF'\n"
		"*filter\n"
		":FTPALG_ACCEPT - [0:0]\n"
		"# The helper match is about the control connection that a connection is related to.\n"
		"-A FTPALG_ACCEPT -p tcp -m helper --helper " RULES_CARRIER
		" -m conntrack --ctstate RELATED -m tcp --dport %u:65535 -j ACCEPT\n"
		"-A FTPALG_ACCEPT -p tcp -m helper --helper " RULES_CARRIER
		" -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
		"COMMIT\n"
		"EOF\n"
		"}\n\n", config->mark, rules_lowest_port(config));
	rules_iptables_print_loader(&accept_jump, 1, families, out);
}

void rules_iptables_print_removal(struct rules_families families, FILE *out)
{
	rules_iptables_print_unloader("--remove", jumps, jump_count,
				      "\t\"$1\" -w -t mangle -F FTPALG_CONTROL 2>/dev/null && "
				      "\"$1\" -w -t mangle -X FTPALG_CONTROL\n", families, out);
}

void rules_iptables_print_forward_removal(struct rules_families families, FILE *out)
{
	rules_iptables_print_unloader("--forward --remove", &accept_jump, 1, "", families, out);
}
