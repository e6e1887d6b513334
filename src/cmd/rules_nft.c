/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules in the words of nft(8), 1.0.6 and later, in a table of their own that is replaced as a whole.
 *
 * The control ports are a named set. "ct original proto-dst { 21, 2121 }" would load as well, but nft 1.0.6 lists the
 * elements of that anonymous set in a form that it can't read back, and rule sets are kept by listing them.
 */
#include "cmd/rules.h"

static void rules_nft_print_prerouting(const struct config *config, FILE *out)
{
	fputs("\n\t# The carrier can be attached only before the entry of the connection is confirmed, that is, with\n"
	      "\t# its first packet.\n"
	      "\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority mangle; policy accept;\n", out);
	fputs("\t\tct state new ", out);
	if (config->zone)
		fprintf(out, "ct zone %u ", config->zone);
	fputs("tcp dport @control_ports ct helper set \"carrier\"\n\t}\n", out);
}

static void rules_nft_print_control(const struct config *config, FILE *out)
{
	fprintf(out,
		"\n\t# Data in a SYN would pass the gateway by, so there must be none: @ih is what comes behind the\n"
		"\t# TCP header. Without the options of TCP Fast Open (254 is its experimental form) there seldom is.\n"
		"\t# A verdict of the queue goes on at the next hook, so the SYN-ACK must have been changed before.\n"
		"\t# The MSS leaves room for a host-port that grows.\n"
		"\tchain control {\n"
		"\t\ttcp flags & (syn | rst) == syn @ih,0,8 0-255 drop\n"
		"\t\ttcp flags & (syn | rst) == syn reset tcp option fastopen\n"
		"\t\ttcp flags & (syn | rst) == syn reset tcp option 254\n"
		"\t\ttcp flags & (syn | rst) == syn tcp option maxseg size set %u\n"
		"\t\tct state established queue num %u%s\n"
		"\t}\n", config->mss, config->queue, config->absent_open ? " bypass" : "");
}

static void rules_nft_print_dispatch(const struct config *config, FILE *out)
{
	fputs("\n\t# What conntrack can't assign to a connection can't be inspected. It is the port that the client\n"
	      "\t# dialled that counts; expected connections are data connections, whatever their port.\n"
	      "\tchain forward {\n"
	      "\t\ttype filter hook forward priority mangle; policy accept;\n"
	      "\t\tct state invalid tcp dport @control_ports drop\n"
	      "\t\tct state invalid tcp sport @control_ports drop\n", out);
	fputs("\t\tmeta l4proto tcp ", out);
	if (config->zone)
		fprintf(out, "ct zone %u ", config->zone);
	fputs("ct original proto-dst @control_ports ct status & expected == 0 jump control\n\t}\n", out);
}

void rules_nft_print(const struct config *config, FILE *out)
{
	fprintf(out,
		"#!/usr/sbin/nft -f\n"
		"# Made by \"ftpalg rules nft\". Load it with \"nft -f FILE\"; loading it again replaces all of it.\n"
		"# \"ftpalg rules nft --remove\" prints what takes it away.\n"
		"# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
		"# Without a daemon on queue %u, control connections %s.\n"
		"# A forward chain of yours that drops by default needs what \"ftpalg rules nft --forward\" prints;\n"
		"# no accept in this table could overrule it.\n\n",
		config->queue, config->absent_open ? "pass uninspected" : "stand still");
	/* To delete a table that is not there is an error; to add one that is there is none. */
	fputs("table inet ftpalg\n"
	      "delete table inet ftpalg\n\n"
	      "table inet ftpalg {\n"
	      "\tset control_ports {\n"
	      "\t\ttype inet_service\n"
	      "\t\telements = { ", out);
	rules_print_ports(config, ", ", out);
	fputs(" }\n"
	      "\t}\n\n"
	      "\tct helper carrier {\n"
	      "\t\ttype \"" RULES_CARRIER "\" protocol tcp\n"
	      "\t}\n", out);
	rules_nft_print_prerouting(config, out);
	rules_nft_print_dispatch(config, out);
	rules_nft_print_control(config, out);
	fprintf(out,
		"\n\t# The gateway's resets and acknowledgements bear addresses as one side sees them. Tracked, they\n"
		"\t# would found connections of their own.\n"
		"\tchain output {\n"
		"\t\ttype filter hook output priority raw; policy accept;\n"
		"\t\tmeta mark 0x%x notrack\n"
		"\t}\n"
		"}\n", config->mark);
}

void rules_nft_print_forward(const struct config *config, FILE *out)
{
	fputs("# Made by \"ftpalg rules nft --forward\": accepts the data connections that the gateway has admitted.\n"
	      "# Keep it in a file and include it in your own forward chain, in front of what drops:\n"
	      "#\n"
	      "#\tchain forward {\n"
	      "#\t\ttype filter hook forward priority filter; policy drop;\n"
	      "#\t\tinclude \"/etc/ftpalg/forward.nft\"\n"
	      "#\t\t...\n"
	      "#\n"
	      "# Who may open control connections is for you to say, with rules like this one in the same chain:\n"
	      "#\n"
	      "#\t\tiifname \"INSIDE\" tcp dport { ", out);
	rules_print_ports(config, ", ", out);
	fprintf(out,
		" } ct state new,established accept\n"
		"#\t\toifname \"INSIDE\" ct state established accept\n"
		"#\n"
		"# An output chain that drops by default must let out what the gateway sends by itself:\n"
		"#\n"
		"#\t\tmeta mark 0x%x accept\n"
		"#\n"
		"# \"ct helper\" in a match is the helper of the control connection that a connection is related to.\n"
		"ct helper \"" RULES_CARRIER "\" ct state related tcp dport %u-65535 accept\n"
		"ct helper \"" RULES_CARRIER "\" ct state established meta l4proto tcp accept\n",
		config->mark, rules_lowest_port(config));
}

void rules_nft_print_removal(FILE *out)
{
	fputs("# Made by \"ftpalg rules nft --remove\". Load it with \"nft -f FILE\".\n"
	      "table inet ftpalg\n"
	      "delete table inet ftpalg\n", out);
}
