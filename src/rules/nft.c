/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules in the words of nft(8), 1.0.6 and later, in their own table, which is replaced as a whole.
 *
 * The control ports are a named set. "ct original proto-dst { 21, 2121 }" would load as well, but nft 1.0.6 lists the
 * elements of that anonymous set in a form that it can't read back, and rule sets are kept by listing them.
 */
#include "rules/rules.h"

#define OPENS "tcp flags & (syn | rst | ack) == syn"
#define BARE_SYN "tcp flags & (fin | syn | rst | ack | urg) == syn"
#define HANDSHAKE "tcp flags & (syn | rst) == syn"
#define KINDS_IN_LINE 6
#define RULES_RULE_MAX 128
#define RULES_QUEUE_SEED 0x66747061U /* "ftpa": any number will do */

static void rules_nft_print_prerouting(const struct config *config, FILE *out)
{
	fputs("\n\t# The carrier can be attached only before the entry of the connection is confirmed, that is, with\n"
	      "\t# its first packet.\n"
	      "\t# A control port that calls out is a client's port by chance, or a forged packet that would have\n"
	      "\t# conntrack take a control connection for something else.\n"
	      "\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
	      "\t\ttcp sport @control_ports " BARE_SYN " fib saddr . iif oif missing counter name \"forged\" drop\n",
	      out);
	fputs("\t\tct state new ", out);
	if (config->zone)
		fprintf(out, "ct zone %u ", config->zone);
	fputs("tcp dport @control_ports ct helper set \"carrier\"\n\t}\n", out);
}

static void rules_nft_print_dispatch(FILE *out)
{
	fputs("\n\t# The port that the client dialled counts, and so does that of the server. Expected connections are\n"
	      "\t# data connections, whatever their port.\n"
	      "\tchain forward {\n"
	      "\t\ttype filter hook forward priority mangle; policy accept;\n"
	      "\t\tmeta l4proto != { tcp, icmp, ipv6-icmp } ct original protocol tcp counter name \"no_connection\" drop\n"
	      "\t\tmeta l4proto != tcp return\n"
	      "\t\t" OPENS " ct direction reply jump meeting\n"
	      "\t\tct state new,related,invalid,untracked jump first\n"
	      "\t\tmeta l4proto tcp ct original proto-dst @control_ports ct status & expected == 0 goto control\n"
	      "\t\tmeta l4proto tcp ct reply proto-src @control_ports ct status & expected == 0 goto control\n"
	      "\t}\n"
	      "\n\t# conntrack follows TCP after an authentication header, where no rule for TCP sees it. And two SYNs that\n"
	      "\t# meet make a connection that was begun by the other side, as nobody begins a control connection.\n"
	      "\tchain meeting {\n"
	      "\t\ttcp dport @control_ports counter name \"midway\" drop\n"
	      "\t\tip daddr . tcp dport @servers_ipv4 counter name \"midway\" drop\n"
	      "\t\tip6 daddr . tcp dport @servers_ipv6 counter name \"midway\" drop\n"
	      "\t}\n"
	      "\n\t# A connection begins with a SYN. One that conntrack would pick up in the middle, in either\n"
	      "\t# direction, or as an expected one, and what it can't assign to any, goes no further: whoever made\n"
	      "\t# conntrack forget a control connection, and not its peers, would go on uninspected. Nor does one\n"
	      "\t# begin at a server: what its client says would be a reply. From 512 on a control port may be a client's\n"
	      "\t# by chance, but for a data connection, which a server calls from another port.\n"
	      "\tchain first {\n"
	      "\t\tct state related tcp dport @control_ports goto midway\n"
	      "\t\tct state related tcp sport @control_ports goto midway\n"
	      "\t\tct state new tcp sport @control_ports tcp sport 0-511 goto midway\n"
	      "\t\tip saddr . tcp sport @servers_ipv4 goto midway\n"
	      "\t\tip6 saddr . tcp sport @servers_ipv6 goto midway\n"
	      "\t\tct state new,related " BARE_SYN " return\n"
	      "\t\ttcp dport @control_ports goto midway\n"
	      "\t\ttcp sport @control_ports goto midway\n"
	      "\t\tmeta l4proto tcp ct original proto-dst @control_ports goto midway\n"
	      "\t\tip daddr . tcp dport @servers_ipv4 goto midway\n"
	      "\t\tip6 daddr . tcp dport @servers_ipv6 goto midway\n"
	      "\t}\n"
	      "\n\tchain midway {\n"
	      "\t\tct state invalid,untracked counter name \"no_connection\" drop\n"
	      "\t\tmeta l4proto tcp counter name \"midway\" reject with tcp reset\n"
	      "\t}\n", out);
}

/*
 * All packets of a connection, in both directions, have the client's port in common, as conntrack first saw it, before any
 * NAT. symhash would do too, and without a seed; but in IPv6 it leaves out the ports where a packet has a flow label, and
 * the two peers may differ in that. The seed is always the same, so loading the rules again moves no session.
 */
static void rules_nft_format_queue(const struct config *config, char text[RULES_RULE_MAX])
{
	const unsigned int workers = config_count_workers(config);

	if (workers == 1)
		snprintf(text, RULES_RULE_MAX, "\t\tqueue num %u%s\n", config->queue, config->absent_open ? " bypass" : "");
	else
		snprintf(text, RULES_RULE_MAX, "\t\tqueue %sto jhash ct original proto-src mod %u seed 0x%x offset %u\n",
			 config->absent_open ? "flags bypass " : "", workers, RULES_QUEUE_SEED, config->queue);
}

static void rules_nft_print_control(const struct config *config, FILE *out)
{
	char queue[RULES_RULE_MAX];

	rules_nft_format_queue(config, queue);
	fprintf(out,
		"\n\t# Only a SYN without data passes by the queue: its entry is not confirmed yet. Everything else of a\n"
		"\t# control connection is queued. A verdict of the queue goes on at the next hook, so a SYN-ACK must\n"
		"\t# have been changed before.\n"
		"\tchain control {\n"
		"\t\tct zone != %u counter name \"other_zone\" drop\n", config->zone);
	if (config->passed_mark)
		fprintf(out, "\t\tmeta mark set meta mark & 0x%08x\n", ~config->passed_mark);
	fprintf(out,
		"\t\tct direction original tcp dport != @control_ports jump translated\n"
		"\t\tct direction reply tcp sport != @control_ports jump translated\n"
		"\t\t" HANDSHAKE " jump handshake\n"
		"\t\tct state new " BARE_SYN " return\n"
		"%s"
		"\t}\n"
		"\n\t# Behind a DNAT that changes the port, nothing else tells which port the server has.\n"
		"\tchain translated {\n"
		"\t\tct direction original add @servers_ipv4 { ip daddr . tcp dport }\n"
		"\t\tct direction original add @servers_ipv6 { ip6 daddr . tcp dport }\n"
		"\t\tct direction reply add @servers_ipv4 { ip saddr . tcp sport }\n"
		"\t\tct direction reply add @servers_ipv6 { ip6 saddr . tcp sport }\n"
		"\t}\n", queue);
}

/* A rule holds 128 expressions at most, and "reset" ends with the first option of its kind. */
static void rules_nft_print_options(FILE *out)
{
	unsigned int in_rule = 0;

	fputs("\n\t# Options of a SYN that are not known to be harmless are overwritten. These arrangements of known\n"
	      "\t# ones, which nearly all systems use, need no look at each kind.\n"
	      "\tchain options {\n"
	      "\t\ttcp doff 10 @th,160,16 0x0204 @th,192,32 0x0402080a @th,288,24 0x010303 return\n"
	      "\t\ttcp doff 8 @th,160,16 0x0204 @th,192,24 0x010303 @th,224,32 0x01010402 return\n"
	      "\t\ttcp doff 11 @th,160,16 0x0204 @th,192,24 0x010303 @th,224,32 0x0101080a @th,320,32 0x04020000 return\n"
	      "\t\ttcp doff 5 return\n", out);
	for (unsigned int kind = RULES_OPTION_FIRST; kind <= UINT8_MAX; kind++) {
		if (rules_option_is_kept(kind))
			continue;
		if (in_rule == 0)
			fputs("\t\t", out);
		else
			fputs(in_rule % KINDS_IN_LINE ? " " : " \\\n\t\t\t", out);
		fprintf(out, "reset tcp option %u", kind);
		in_rule = (in_rule + 1) % (KINDS_IN_LINE * 10);
		if (in_rule == 0 || kind == UINT8_MAX)
			fputc('\n', out);
	}
	fputs("\t\t# What is there twice was meant to be overlooked.\n", out);
	for (size_t i = 0; i < rules_option_dangerous_count; i++)
		fprintf(out, "\t\ttcp option %u exists counter name \"syn\" drop\n", rules_options_dangerous[i]);
	fputs("\t}\n", out);
}

static void rules_nft_print_handshake(const struct config *config, FILE *out)
{
	fprintf(out,
		"\n\t# Data in a SYN would pass the gateway by, so there must be none: @ih is what comes after the TCP\n"
		"\t# header, wherever that ends. The MSS leaves room for a host-port that grows.\n"
		"\tchain handshake {\n"
		"\t\t@ih,0,8 0-255 counter name \"syn\" drop\n"
		"\t\ttcp flags & urg == urg counter name \"syn\" drop\n"
		"\t\tjump options\n"
		"\t\ttcp option maxseg size set %u\n"
		"\t}\n", config->mss);
	rules_nft_print_options(out);
}

static void rules_nft_print_passed(const struct config *config, FILE *out)
{
	if (!config->passed_mark)
		return;
	fprintf(out,
		"\n\t# After the queue: what the gateway has not passed does not leave.\n"
		"\tchain passed {\n"
		"\t\ttype filter hook forward priority mangle + 1; policy accept;\n"
		"\t\tmeta l4proto tcp ct original proto-dst @control_ports ct status & expected == 0 goto judged\n"
		"\t\tmeta l4proto tcp ct reply proto-src @control_ports ct status & expected == 0 goto judged\n"
		"\t}\n"
		"\n\tchain judged {\n"
		"\t\tmeta mark & 0x%08x == 0x%08x counter name \"passed\" return\n"
		"\t\t@ih,0,8 0-255 counter name \"unpassed\" %s\n"
		"\t\t" BARE_SYN " return\n"
		"\t\tmeta l4proto tcp counter name \"unpassed\" %s\n"
		"\t}\n", config->passed_mark, config->passed_mark, rules_may_bypass(config) ? "return" : "drop",
		rules_may_bypass(config) ? "return" : "drop");
}

static void rules_nft_print_copies(const struct config *config, FILE *out)
{
	if (!config->nflog_group)
		return;
	fprintf(out,
		"\n\t# Copies of how data connections begin and end, and samples of what is in between, tell the daemon\n"
		"\t# what became of them. The packets themselves go their way; what a flowtable has taken over is not seen,\n"
		"\t# but for its end.\n"
		"\tchain data {\n"
		"\t\ttype filter hook forward priority mangle + 2; policy accept;\n"
		"\t\tmeta l4proto tcp ct status & expected != 0 ct helper \"" RULES_CARRIER "\" goto copied\n"
		"\t}\n"
		"\n\tchain copied {\n"
		"\t\ttcp flags & (fin | syn | rst) != 0 log group %u snaplen %u\n"
		"\t\ttcp flags & (fin | syn | rst) == 0 limit rate %u/second burst %u packets log group %u snaplen %u\n"
		"\t}\n", config->nflog_group, RULES_COPY_BYTES, RULES_SAMPLES, RULES_SAMPLES_BURST, config->nflog_group,
		RULES_COPY_BYTES);
}

static void rules_nft_print_objects(const struct config *config, FILE *out)
{
	static const char *const counters[] = { "forged", "no_connection", "midway", "other_zone", "syn" };

	fputs("\tset control_ports {\n"
	      "\t\ttype inet_service\n"
	      "\t\telements = { ", out);
	rules_print_ports(config, ", ", out);
	fputs(" }\n"
	      "\t}\n\n"
	      "\tset servers_ipv4 {\n"
	      "\t\ttype ipv4_addr . inet_service\n"
	      "\t\tsize 65535\n"
	      "\t\tflags dynamic\n"
	      "\t}\n\n"
	      "\tset servers_ipv6 {\n"
	      "\t\ttype ipv6_addr . inet_service\n"
	      "\t\tsize 65535\n"
	      "\t\tflags dynamic\n"
	      "\t}\n\n", out);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		fprintf(out, "\tcounter %s { }\n", counters[i]);
	if (config->passed_mark)
		fputs("\tcounter passed { }\n"
		      "\tcounter unpassed { }\n", out);
	fputs("\n\tct helper carrier {\n"
	      "\t\ttype \"" RULES_CARRIER "\" protocol tcp\n"
	      "\t}\n", out);
}

void rules_nft_print(const struct config *config, FILE *out)
{
	char queues[RULES_QUEUES_MAX];

	rules_name_queues(config, queues);
	fprintf(out,
		"#!/usr/sbin/nft -f\n"
		"# Made by \"ftpalg rules nft\". Load it with \"nft -f FILE\"; loading it again replaces all of it.\n"
		"# \"ftpalg rules nft --remove\" prints what takes it away.\n"
		"# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
		"# Without a daemon on %s, control connections %s.\n"
		"# A forward chain of yours that drops by default needs what \"ftpalg rules nft --forward\" prints;\n"
		"# no accept in this table could overrule it.\n\n",
		queues, config->absent_open ? "pass uninspected" : "stand still");
	/* It is an error to delete a table that does not exist, but not to add one that does. */
	fputs("table inet ftpalg\n"
	      "delete table inet ftpalg\n\n"
	      "table inet ftpalg {\n", out);
	rules_nft_print_objects(config, out);
	rules_nft_print_prerouting(config, out);
	rules_nft_print_dispatch(out);
	rules_nft_print_control(config, out);
	rules_nft_print_handshake(config, out);
	rules_nft_print_passed(config, out);
	rules_nft_print_copies(config, out);
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
		"# A flowtable may have data connections. The kernel gives it no control connection, because that has a helper;\n"
		"# where a flowtable shall have nothing else of FTP, and that be said:\n"
		"#\n"
		"#\t\tct helper \"" RULES_CARRIER "\" ct state established flow add @FLOWTABLE\n"
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
