/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules in the words of iptables, as a shell script for both families: our own chains are loaded with
 * iptables-restore --noflush, which replaces their contents and nothing else, and one jump to each is put first in the
 * kernel's chain unless it is there already. No addresses occur, so both families load the same text.
 *
 * --ctorigdstport takes one port or range: one rule a port. The raw table comes before conntrack has looked at the
 * packet, so CT gives the carrier by port alone; the kernel uses it for new connections that were not expected.
 *
 * The mangle table can't reset, so what nft resets is dropped here: if that were left to the filter table, nothing would
 * stop it once an operator had loaded that table again. REDIRECT to a closed port of this host would reset too; but it
 * takes a nat table in IPv6, and the operator's leave in INPUT, on routers that have neither. In the queue it would be
 * taken for the session that the gateway still has a row of. No match knows a packet's zone; the gateway finds no
 * connection in another zone, and drops.
 *
 * u32 adds and masks, and can't compare lengths. Its last number is the place three bytes before the end of the TCP
 * header, so that four bytes can be read there only if a byte follows the header. For that the IP header must be of the
 * usual length, and a SYN with IPv4 options or IPv6 extension headers is dropped too.
 */
#include "rules/rules.h"
#include "rules/script.h"

#define OPENS "-p tcp --tcp-flags SYN,RST,ACK SYN"
#define BARE_SYN "-p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN"
#define HANDSHAKE "-p tcp --tcp-flags SYN,RST SYN"
/* A list of addresses, which the kernel keeps as long as a rule names it, the last 100 by default. */
#define SERVERS "-m recent --name FTPALG"

static const struct rules_jump jumps[] = {
	{ "raw", "PREROUTING", "FTPALG_PREROUTING" },
	{ "raw", "OUTPUT", "FTPALG_OUTPUT" },
	{ "mangle", "FORWARD", "FTPALG_FORWARD" },
	/* Only with passed-mark. */
	{ "security", "FORWARD", "FTPALG_PASSED" },
};
static const size_t jump_count = sizeof(jumps) / sizeof(jumps[0]);

/* Chains that our other chains jump to. */
static const struct rules_jump inner[] = {
	{ "mangle", NULL, "FTPALG_CONTROL" },
	{ "mangle", NULL, "FTPALG_FIRST" },
	{ "mangle", NULL, "FTPALG_HANDSHAKE" },
	{ "mangle", NULL, "FTPALG_COPIED" },
	{ "mangle", NULL, "FTPALG_QUEUE" },
	{ "security", NULL, "FTPALG_JUDGED" },
};

static const struct rules_jump accept_jump = { "filter", "FORWARD", "FTPALG_ACCEPT" };

static void rules_iptables_print_raw(const struct config *config, FILE *out)
{
	fputs("*raw\n"
	      ":FTPALG_PREROUTING - [0:0]\n"
	      ":FTPALG_OUTPUT - [0:0]\n"
	      "# A control port that calls out is a client's port by chance, or a forged packet that would have\n"
	      "# conntrack take a control connection for something else.\n"
	      "-A FTPALG_PREROUTING " BARE_SYN " -m multiport --sports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -m rpfilter --invert -j DROP\n"
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

/* For each control port, as it was dialled and as the server has it. */
static void rules_iptables_print_dispatch(const struct config *config, const char *chain, const char *target, FILE *out)
{
	static const char *const sides[] = { "--ctorigdstport", "--ctreplsrcport" };

	for (size_t i = 0; i < config->control_port_count; i++)
		for (size_t j = 0; j < sizeof(sides) / sizeof(sides[0]); j++)
			fprintf(out, "-A %s -p tcp -m conntrack %s %u ! --ctstatus EXPECTED -g %s\n", chain, sides[j],
				config->control_ports[i], target);
}

/* Takes every SYN with data, of either family. */
static void rules_iptables_print_syn_data(const char *chain, const char *target, FILE *out)
{
	static const char *const conditions[] = {
		"0>>24=0x45&&32>>26&0x3C@17=0:0xFFFFFFFF",
		"0>>24=0x46:0x4F",
		"0>>28=6&&52>>26&0x3C@37=0:0xFFFFFFFF",
		"0>>28=6&&4>>8&0xFF=0:5,7:255",
	};

	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		fprintf(out, "-A %s " HANDSHAKE " -m u32 --u32 \"%s\"%s\n", chain, conditions[i], target);
}

/* Before anything else: what the other rules would not see, or would take for a data connection. */
static void rules_iptables_print_meeting(const struct config *config, FILE *out)
{
	fputs("# conntrack follows TCP after an authentication header, where no rule for TCP sees it; ICMP (1, 58) may\n"
	      "# concern a connection. And two SYNs that meet make a connection that was begun by the other side, as\n"
	      "# nobody begins a control connection.\n"
	      "-A FTPALG_FORWARD -p 1 -j RETURN\n"
	      "-A FTPALG_FORWARD -p 58 -j RETURN\n"
	      "-A FTPALG_FORWARD ! -p tcp -m conntrack --ctproto 6 -j DROP\n"
	      "-A FTPALG_FORWARD " OPENS " -m conntrack --ctdir REPLY -m multiport --dports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -j DROP\n"
	      "-A FTPALG_FORWARD " OPENS " -m conntrack --ctdir REPLY " SERVERS " --rdest --rcheck -j DROP\n", out);
}

/*
 * Nearly all packets belong to a connection that was dialled at a control port which its server has too, and are neither the
 * first nor part of its handshake, nor is their port changed by a DNAT. They need not go through what all others do.
 */
static void rules_iptables_print_usual(const struct config *config, FILE *out)
{
	static const struct {
		const char *port, *direction;
	} sides[] = { { "--dport", "ORIGINAL" }, { "--sport", "REPLY" } };

	fputs("# Nearly all packets: none of what the others are looked through for can be in them.\n", out);
	for (size_t i = 0; i < config->control_port_count; i++)
		for (size_t j = 0; j < sizeof(sides) / sizeof(sides[0]); j++)
			fprintf(out, "-A FTPALG_FORWARD -p tcp -m tcp %s %u --tcp-flags SYN NONE -m conntrack --ctstate ESTABLISHED "
				"--ctdir %s --ctorigdstport %u ! --ctstatus EXPECTED -g FTPALG_QUEUE\n", sides[j].port,
				config->control_ports[i], sides[j].direction, config->control_ports[i]);
}

static void rules_iptables_print_first(const struct config *config, FILE *out)
{
	fputs("# A connection begins with a SYN. One that conntrack would pick up in the middle, in either direction,\n"
	      "# or as an expected one, and what it can't assign to any, goes no further: whoever made conntrack forget\n"
	      "# a control connection, and not its peers, would go on uninspected. Nor does one begin at a server: what\n"
	      "# its client says would be a reply. From 512 on a control port may be a client's by chance, but for a\n"
	      "# data connection, which a server calls from another port.\n"
	      "-A FTPALG_FIRST -p tcp -m conntrack --ctstate RELATED -m multiport --ports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -j DROP\n"
	      "-A FTPALG_FIRST -p tcp -m tcp --sport 0:511 -m conntrack --ctstate NEW -m multiport --sports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -j DROP\n"
	      "-A FTPALG_FIRST " BARE_SYN " -m conntrack --ctstate NEW,RELATED -j RETURN\n"
	      "-A FTPALG_FIRST -p tcp -m multiport --ports ", out);
	rules_print_ports(config, ",", out);
	fputs(" -j DROP\n", out);
	for (size_t i = 0; i < config->control_port_count; i++)
		fprintf(out, "-A FTPALG_FIRST -p tcp -m conntrack --ctorigdstport %u -j DROP\n",
			config->control_ports[i]);
	fputs("-A FTPALG_FIRST " SERVERS " --rsource --rcheck -j DROP\n"
	      "-A FTPALG_FIRST " SERVERS " --rdest --rcheck -j DROP\n", out);
}

static void rules_iptables_print_handshake(const struct config *config, FILE *out)
{
	fputs("# Data in a SYN would pass the gateway by, so there must be none.\n", out);
	rules_iptables_print_syn_data("FTPALG_HANDSHAKE", " -j DROP", out);
	fputs("-A FTPALG_HANDSHAKE -p tcp --tcp-flags URG URG -j DROP\n"
	      "# Options that are not known to be harmless are overwritten. The MSS leaves room for a host-port that\n"
	      "# grows.\n"
	      "-A FTPALG_HANDSHAKE -p tcp -j TCPOPTSTRIP --strip-options ", out);
	for (unsigned int kind = RULES_OPTION_FIRST, first = 1; kind <= UINT8_MAX; kind++) {
		if (rules_option_is_kept(kind))
			continue;
		fprintf(out, "%s%u", first ? "" : ",", kind);
		first = 0;
	}
	fprintf(out, "\n-A FTPALG_HANDSHAKE " HANDSHAKE " -j TCPMSS --set-mss %u\n", config->mss);
}

/* Where a DNAT changes the port, nothing else shows that this is an FTP server. */
static void rules_iptables_print_servers(const struct config *config, FILE *out)
{
	fputs("-A FTPALG_CONTROL -p tcp -m conntrack --ctdir ORIGINAL -m multiport ! --dports ", out);
	rules_print_ports(config, ",", out);
	fputs(" " SERVERS " --rdest --set\n"
	      "-A FTPALG_CONTROL -p tcp -m conntrack --ctdir REPLY -m multiport ! --sports ", out);
	rules_print_ports(config, ",", out);
	fputs(" " SERVERS " --rsource --set\n", out);
}

static void rules_iptables_print_copies(const struct config *config, FILE *out)
{
	if (!config->nflog_group)
		return;
	fprintf(out,
		"# Copies of how data connections begin and end, and samples of what is in between, tell the daemon what\n"
		"# became of them. The packets themselves go their way.\n"
		"-A FTPALG_FORWARD -p tcp -m conntrack --ctstatus EXPECTED -m helper --helper " RULES_CARRIER " -g FTPALG_COPIED\n"
		"-A FTPALG_COPIED -p tcp ! --tcp-flags FIN,SYN,RST NONE -j NFLOG --nflog-group %u --nflog-size %u\n"
		"-A FTPALG_COPIED -p tcp --tcp-flags FIN,SYN,RST NONE -m limit --limit %u/second --limit-burst %u -j NFLOG"
		" --nflog-group %u --nflog-size %u\n", config->nflog_group, RULES_COPY_BYTES, RULES_SAMPLES,
		RULES_SAMPLES_BURST, config->nflog_group, RULES_COPY_BYTES);
}

/* Only the gateway's verdict gives the mark. */
static void rules_iptables_print_unmark(const struct config *config, const char *chain, FILE *out)
{
	if (config->passed_mark)
		fprintf(out, "-A %s -j MARK --set-xmark 0x0/0x%x\n", chain, config->passed_mark);
}

/* The target knows only a connection's two addresses, so everything between one client and one server is one worker's. */
static void rules_iptables_print_queue(const struct config *config, FILE *out)
{
	const unsigned int workers = config_count_workers(config);

	if (workers == 1)
		fprintf(out, "-A FTPALG_QUEUE -j NFQUEUE --queue-num %u", config->queue);
	else
		fprintf(out, "-A FTPALG_QUEUE -j NFQUEUE --queue-balance %u:%u", config->queue, config->queue + workers - 1);
	fputs(config->absent_open ? " --queue-bypass\n" : "\n", out);
}

static void rules_iptables_print_mangle(const struct config *config, FILE *out)
{
	fputs("*mangle\n"
	      ":FTPALG_FORWARD - [0:0]\n"
	      ":FTPALG_FIRST - [0:0]\n"
	      ":FTPALG_CONTROL - [0:0]\n"
	      ":FTPALG_HANDSHAKE - [0:0]\n"
	      ":FTPALG_COPIED - [0:0]\n"
	      ":FTPALG_QUEUE - [0:0]\n", out);
	rules_iptables_print_usual(config, out);
	fputs("# The port that the client dialled counts, and so does that of the server. Expected connections are\n"
	      "# data connections, whatever their port.\n"
	      "-A FTPALG_FORWARD -p tcp -m conntrack --ctstate NEW,RELATED,INVALID,UNTRACKED -j FTPALG_FIRST\n", out);
	rules_iptables_print_meeting(config, out);
	rules_iptables_print_dispatch(config, "FTPALG_FORWARD", "FTPALG_CONTROL", out);
	rules_iptables_print_copies(config, out);
	rules_iptables_print_first(config, out);
	fputs("# Only a SYN without data passes by the queue: its entry is not confirmed yet. Everything else of a\n"
	      "# control connection is queued. A verdict of the queue goes on at the next hook, so a SYN-ACK must have\n"
	      "# been changed before.\n", out);
	rules_iptables_print_unmark(config, "FTPALG_CONTROL", out);
	rules_iptables_print_servers(config, out);
	fputs("-A FTPALG_CONTROL " HANDSHAKE " -j FTPALG_HANDSHAKE\n"
	      "-A FTPALG_CONTROL " BARE_SYN " -m conntrack --ctstate NEW -j RETURN\n"
	      "-A FTPALG_CONTROL -g FTPALG_QUEUE\n", out);
	rules_iptables_print_unmark(config, "FTPALG_QUEUE", out);
	rules_iptables_print_queue(config, out);
	rules_iptables_print_handshake(config, out);
	fputs("COMMIT\n", out);
}

/* Only the security table comes after filter and sees no packets of this host itself. */
static void rules_iptables_print_security(const struct config *config, FILE *out)
{
	const char *counted = rules_may_bypass(config) ? " -m comment --comment unpassed -j RETURN"
						       : " -m comment --comment unpassed -j DROP";

	if (!config->passed_mark)
		return;
	fputs("*security\n"
	      ":FTPALG_PASSED - [0:0]\n"
	      ":FTPALG_JUDGED - [0:0]\n"
	      "# After the queue: what the gateway has not passed does not leave.\n", out);
	rules_iptables_print_dispatch(config, "FTPALG_PASSED", "FTPALG_JUDGED", out);
	fprintf(out, "-A FTPALG_JUDGED -m mark --mark 0x%x/0x%x -m comment --comment passed -j RETURN\n",
		config->passed_mark, config->passed_mark);
	rules_iptables_print_syn_data("FTPALG_JUDGED", counted, out);
	fprintf(out,
		"-A FTPALG_JUDGED " BARE_SYN " -j RETURN\n"
		"-A FTPALG_JUDGED%s\n"
		"COMMIT\n", counted);
}

/* A script that takes away the jumps, then the chains, and the chains that those jump to. */
static void rules_iptables_print_unloader(const char *option, const struct rules_jump *jump, size_t count,
					  const struct rules_jump *more, size_t more_count,
					  struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables %s\". Run it with sh.\n"
		"set -u\n\n"
		"# What is not there need not be taken away.\n"
		"unjump() {\n"
		"\twhile \"$1\" -w -t \"$2\" -D \"$3\" -j \"$4\" 2>/dev/null; do :; done\n"
		"\t\"$1\" -w -t \"$2\" -F \"$4\" 2>/dev/null\n"
		"}\n\n"
		"# A chain goes after those that go on in it.\n"
		"delete() {\n"
		"\t\"$1\" -w -t \"$2\" -F \"$3\" 2>/dev/null\n"
		"\t\"$1\" -w -t \"$2\" -X \"$3\" 2>/dev/null\n"
		"}\n\n"
		"unload() {\n", option);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tunjump \"$1\" %s %s %s\n", jump[i].table, jump[i].hook, jump[i].chain);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tdelete \"$1\" %s %s\n", jump[i].table, jump[i].chain);
	for (size_t i = 0; i < more_count; i++)
		fprintf(out, "\tdelete \"$1\" %s %s\n", more[i].table, more[i].chain);
	fputs("}\n\n", out);
	rules_script_call("unload", families, out);
	fputs("true\n", out);
}

void rules_iptables_print(const struct config *config, struct rules_families families, FILE *out)
{
	/* What an earlier configuration had loaded would now drop everything. */
	static const char unpassed[] =
		"\twhile \"$1\" -w -t security -D FORWARD -j FTPALG_PASSED 2>/dev/null; do :; done\n";
	char queues[RULES_QUEUES_MAX];

	rules_name_queues(config, queues);

	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables\". Run it with sh; running it again replaces what it loaded.\n"
		"# \"ftpalg rules iptables --remove\" prints what takes it away.\n"
		"# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
		"# Without a daemon on %s, control connections %s.\n"
		"# A FORWARD chain that drops by default needs what \"ftpalg rules iptables --forward\" prints.\n",
		queues, config->absent_open ? "pass uninspected" : "stand still");
	if (config->zone)
		fprintf(out, "# Rules of your own must put replies and data connections into zone %u.\n", config->zone);
	fputs("set -eu\n\n"
	      "rules() {\n"
	      "\tcat <<'EOF'\n", out);
	rules_iptables_print_raw(config, out);
	rules_iptables_print_mangle(config, out);
	rules_iptables_print_security(config, out);
	fputs("EOF\n"
	      "}\n\n", out);
	if (config->passed_mark)
		rules_script_load(jumps, jump_count, "", "", families, out);
	else
		rules_script_load(jumps, jump_count - 1, "", unpassed, families, out);
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
		"#\n"
		"# A flowtable may have data connections. The kernel gives it no control connection, because that has a helper.\n"
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
	rules_script_load(&accept_jump, 1, "", "", families, out);
}

void rules_iptables_print_removal(struct rules_families families, FILE *out)
{
	rules_iptables_print_unloader("--remove", jumps, jump_count, inner, sizeof(inner) / sizeof(inner[0]), families,
				      out);
}

void rules_iptables_print_forward_removal(struct rules_families families, FILE *out)
{
	rules_iptables_print_unloader("--forward --remove", &accept_jump, 1, NULL, 0, families, out);
}
