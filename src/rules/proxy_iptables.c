/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy's rules (rules/proxy.c) in the words of iptables: a shell script, as in rules/iptables.c. Networks make the
 * families' rules differ: each family has its own function that prints its choices.
 *
 * The chains that are jumped to exist whatever the configuration says, and are empty where they are not needed: so a
 * script replaces what a script for another kind of interception has loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/proxy.h"
#include "rules/script.h"

static const struct rules_jump jumps[] = {
	/* First: what is to be terminated waits instead of passing while the others are loaded. */
	{ "security", "FORWARD", "FTPALG_PROXY_ADMIT" },
	{ "raw", "PREROUTING", "FTPALG_PROXY_IN" },
	{ "raw", "OUTPUT", "FTPALG_PROXY_OUT" },
	{ "mangle", "PREROUTING", "FTPALG_PROXY_MARK" },
	{ "mangle", "OUTPUT", "FTPALG_PROXY_SENT" },
	{ "mangle", "POSTROUTING", "FTPALG_PROXY_KEEP" },
	{ "nat", "PREROUTING", "FTPALG_PROXY_NAT" },
};
static const size_t jump_count = sizeof(jumps) / sizeof(jumps[0]);

static const struct rules_jump accept_jump = { "filter", "INPUT", "FTPALG_PROXY_ACCEPT" };

static void print_choice(const struct rules_choice *choice, FILE *out)
{
	fputs("-A FTPALG_PROXY_CHOOSE", out);
	if (choice->client)
		fprintf(out, " -s %s", choice->client);
	/* As it was dialled, before any DNAT. */
	if (choice->server || choice->port)
		fputs(" -m conntrack", out);
	if (choice->server)
		fprintf(out, " --ctorigdst %s", choice->server);
	if (choice->port)
		fprintf(out, " --ctorigdstport %u", choice->port);
	fprintf(out, " -m comment --comment \"%s\" %s %s\n", choice->rule, choice->target ? "-g" : "-j",
		choice->target ? choice->target : "RETURN");
}

static void print_forward(const struct rules_forward *forward, FILE *out)
{
	fprintf(out, "-A FTPALG_PROXY_QUEUE -p tcp -d %s", forward->server);
	if (forward->server_port)
		fprintf(out, " --dport %u", forward->server_port);
	fprintf(out, " -m conntrack --ctstate DNAT --ctorigdst %s", forward->dialled);
	if (forward->dialled_port)
		fprintf(out, " --ctorigdstport %u", forward->dialled_port);
	fprintf(out, " -j MARK --set-mark %u\n", forward->number);
}

static void print_choices(const struct config *config, const char *program, enum family family, FILE *out)
{
	fprintf(out, "choose_%s() {\n\tcat <<'EOF'\n", program);
	rules_proxy_choices(config, family, "FTPALG_PROXY_INTERCEPT", print_choice, out);
	fputs("EOF\n}\n\n", out);
	fprintf(out, "forwards_%s() {\n\tcat <<'EOF'\n", program);
	rules_proxy_forwards(config, family, print_forward, out);
	fputs("EOF\n}\n\n", out);
}

/* One rule a port: a multiport match has too few places for both kinds of ports. */
static void print_each(const struct config *config, bool dialled, const char *before, const char *after, FILE *out)
{
	char *ports = NULL, *rest, *port;
	size_t size = 0;
	FILE *list = open_memstream(&ports, &size);

	if (!list)
		return;
	rules_proxy_print_ports(config, dialled, ",", list);
	fclose(list);
	rest = ports;
	while ((port = strsep(&rest, ",")))
		fprintf(out, "%s %s %s\n", before, port, after);
	free(ports);
}

static void print_raw(const struct config *config, FILE *out)
{
	char carrier[64];

	snprintf(carrier, sizeof(carrier), config->zone ? "-j CT --helper %s --zone %u" : "-j CT --helper %s",
		 RULES_CARRIER, config->zone);
	fputs("*raw\n"
	      ":FTPALG_PROXY_IN - [0:0]\n"
	      ":FTPALG_PROXY_OUT - [0:0]\n"
	      "# The carrier, which lets both legs of a control connection hold expectations.\n", out);
	print_each(config, false, "-A FTPALG_PROXY_IN -p tcp --dport", carrier, out);
	print_each(config, true, "-A FTPALG_PROXY_OUT -p tcp --dport", carrier, out);
	fputs("COMMIT\n", out);
}

/* Interrupts the text by what a function of the script prints for the family. */
static void print_call(const char *function, FILE *out)
{
	fprintf(out,
		"EOF\n"
		"\t\"%s_$1\"\n"
		"\tcat <<'EOF'\n", function);
}

/* TPROXY, for all packets of a connection: the first comes from the proxy itself, by the loopback interface. */
static void print_assignment(const struct config *config, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;
	char before[96];

	snprintf(before, sizeof(before), "-A FTPALG_PROXY_MARK -i lo -m mark --mark 0x%x -p tcp --syn --dport", proxy->mark);
	print_each(config, false, before, "-g FTPALG_PROXY_INTERCEPT", out);
	print_each(config, false,
		   "-A FTPALG_PROXY_MARK ! -i lo -p tcp -m addrtype ! --dst-type LOCAL -m conntrack --ctstate ESTABLISHED "
		   "--ctdir ORIGINAL ! --ctstatus EXPECTED -m tcp --dport", "-g FTPALG_PROXY_CHOOSE", out);
	fprintf(out,
		"# Where no proxy listens, this drops.\n"
		"-A FTPALG_PROXY_INTERCEPT -p tcp -j TPROXY --on-port %u --tproxy-mark 0x%x\n", proxy->port, proxy->mark);
	print_call("choose", out);
}

/*
 * Both legs end here and are in no queue, so rules drop what the gateway would drop (rules/proxy.c). u32 does not look past
 * extension headers: no segment with one is accepted.
 */
static void print_guard(const struct config *config, FILE *out)
{
	fputs(":FTPALG_PROXY_INERT - [0:0]\n"
	      ":FTPALG_PROXY_GUARD - [0:0]\n"
	      ":FTPALG_PROXY_SENT - [0:0]\n"
	      "# No segment makes the carrier act, a client's or the proxy's: its protocol's begin with 00 00 00 07.\n"
	      "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=4&&0>>22&0x3C@12>>26&0x3C@0=7\" -j DROP\n"
	      "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=6&&52>>26&0x3C@40=7\" -j DROP\n"
	      "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=6&&4>>8&0xFF=0:5,7:255\" -j DROP\n"
	      "# A SYN that conntrack takes for one of a connection that there is would not be asked for in FORWARD.\n"
	      "-A FTPALG_PROXY_GUARD -p tcp --syn -m conntrack --ctstate ESTABLISHED -j DROP\n"
	      "-A FTPALG_PROXY_GUARD -j FTPALG_PROXY_INERT\n", out);
	print_each(config, false, "-A FTPALG_PROXY_MARK ! -i lo -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport",
		   "-j FTPALG_PROXY_GUARD", out);
	print_each(config, true, "-A FTPALG_PROXY_SENT -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport",
		   "-j FTPALG_PROXY_INERT", out);
}

/* What the proxy itself begins in another host's name (rules/proxy.c). What it sends again for others has its mark. */
static void print_legs(const struct config *config, FILE *out)
{
	if (!rules_proxy_diverts(config))
		return;
	fprintf(out,
		"# Connections that the proxy begins from other hosts' addresses are nobody else's to speak on.\n"
		"-A FTPALG_PROXY_SENT -p tcp --syn -m addrtype ! --src-type LOCAL -m mark ! --mark 0x%x "
		"-m conntrack --ctstate NEW -m connlabel --label %u --set\n"
		"-A FTPALG_PROXY_MARK ! -i lo -p tcp -m conntrack --ctdir ORIGINAL -m connlabel --label %u -j DROP\n",
		config->proxy.mark, RULES_LEG_LABEL, RULES_LEG_LABEL);
}

static void print_mangle(const struct config *config, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;

	fprintf(out,
		"*mangle\n"
		":FTPALG_PROXY_KEEP - [0:0]\n"
		"# The first packet that the proxy sends again is for this host, come what may.\n"
		"-A FTPALG_PROXY_KEEP ! -o lo -m mark --mark 0x%x -j DROP\n", proxy->mark);
	fputs(":FTPALG_PROXY_MARK - [0:0]\n"
	      ":FTPALG_PROXY_LOCAL - [0:0]\n"
	      ":FTPALG_PROXY_INTERCEPT - [0:0]\n"
	      ":FTPALG_PROXY_CHOOSE - [0:0]\n", out);
	print_guard(config, out);
	print_legs(config, out);
	if (rules_proxy_diverts(config))
		fprintf(out,
			"# Packets for sockets of the proxy that have another host's address.\n"
			"-A FTPALG_PROXY_LOCAL -j MARK --set-mark 0x%x\n"
			"-A FTPALG_PROXY_LOCAL -j ACCEPT\n"
			"-A FTPALG_PROXY_MARK -p tcp%s -m socket --transparent -j FTPALG_PROXY_LOCAL\n", proxy->mark,
			proxy->source_is_client ? "" : " -m helper --helper " RULES_CARRIER);
	if (proxy->tproxy)
		print_assignment(config, out);
	fputs("COMMIT\n", out);
}

static void print_nat(const struct config *config, FILE *out)
{
	/*
	 * The jump to it must exist even if the chain is empty: without any chain of a nat table the kernel translates
	 * nothing. The intercepting rules of earlier versions were in the other chains, which are emptied.
	 */
	fputs("*nat\n"
	      ":FTPALG_PROXY_NAT - [0:0]\n"
	      ":FTPALG_PROXY_INTERCEPT - [0:0]\n"
	      ":FTPALG_PROXY_CHOOSE - [0:0]\n", out);
	if (rules_proxy_diverts(config))
		fprintf(out,
			"# No DNAT that comes later may take it away from its socket.\n"
			"-A FTPALG_PROXY_NAT -m mark --mark 0x%x -j ACCEPT\n", config->proxy.mark);
	fputs("COMMIT\n", out);
}

/* A packet of no connection (NEW, but not a SYN) would found one that was not judged. */
static void print_admission(const struct config *config, FILE *out)
{
	const struct config_proxy *proxy = &config->proxy;

	fputs("*security\n"
	      ":FTPALG_PROXY_ADMIT - [0:0]\n"
	      ":FTPALG_PROXY_CHOOSE - [0:0]\n"
	      ":FTPALG_PROXY_INTERCEPT - [0:0]\n"
	      ":FTPALG_PROXY_QUEUE - [0:0]\n"
	      "# What the FORWARD chains before this one have let pass. The port is the one that was dialled.\n", out);
	print_each(config, false, "-A FTPALG_PROXY_ADMIT -p tcp --tcp-flags SYN,RST,ACK SYN -m conntrack --ctdir REPLY -m tcp "
		   "--dport", "-j DROP", out);
	print_each(config, false, "-A FTPALG_PROXY_ADMIT -p tcp -m conntrack --ctstate NEW --ctorigdstport",
		   "-g FTPALG_PROXY_CHOOSE", out);
	print_call("choose", out);
	fputs("-A FTPALG_PROXY_INTERCEPT -p tcp --syn -g FTPALG_PROXY_QUEUE\n"
	      "-A FTPALG_PROXY_INTERCEPT -j DROP\n"
	      "# The mark tells the proxy which \"forward\" has led here.\n"
	      "-A FTPALG_PROXY_QUEUE -j MARK --set-mark 0\n", out);
	print_call("forwards", out);
	fprintf(out,
		"-A FTPALG_PROXY_QUEUE -m conntrack --ctstate DNAT -m mark --mark 0 -j DROP\n"
		"-A FTPALG_PROXY_QUEUE -j NFQUEUE --queue-num %u\n"
		"COMMIT\n", proxy->queue);
}

void rules_proxy_print_iptables(const struct config *config, struct rules_families families, FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Made by \"ftpalg rules iptables\". Run it with sh; running it again replaces what it loaded.\n"
	      "# \"ftpalg rules iptables --proxy --remove\" prints what takes it away.\n"
	      "# The module nf_conntrack_" RULES_CARRIER " must be loaded.\n"
	      "# An INPUT chain that drops by default needs what \"ftpalg rules iptables --proxy --forward\" prints.\n"
	      "set -eu\n\n"
	      "# The policy's rules in their order; what returns is not terminated, and is forwarded.\n", out);
	print_choices(config, "iptables", FAMILY_IPV4, out);
	print_choices(config, "ip6tables", FAMILY_IPV6, out);
	fputs("rules() {\n"
	      "\tcat <<'EOF'\n", out);
	print_admission(config, out);
	print_raw(config, out);
	print_mangle(config, out);
	print_nat(config, out);
	fputs("EOF\n"
	      "}\n\n", out);
	if (rules_proxy_diverts(config)) {
		rules_route_print_commands(config, families, out);
		fputc('\n', out);
	}
	rules_script_load(jumps, jump_count, " \"$1\"", "", families, out);
}

void rules_proxy_print_iptables_input(const struct config *config, struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables --proxy --forward\". Run it with sh; running it again replaces what it\n"
		"# loaded.\n"
		"# Accepts, in front of everything else in INPUT, what was intercepted for the proxy and the data\n"
		"# connections that it has admitted. Who may connect to whom is for your FORWARD chain to say.\n"
		"#\n"
		"# An OUTPUT chain that drops by default must let out what the proxy sends to servers and clients, and:\n"
		"#\tiptables -A OUTPUT -m mark --mark 0x%x -j ACCEPT\n"
		"set -eu\n\n", config->proxy.mark);
	fputs("rules() {\n"
	      "\tcat <<'EOF'\n"
	      "*filter\n"
	      ":FTPALG_PROXY_ACCEPT - [0:0]\n", out);
	if (config->proxy.tproxy) {
		char before[64];

		snprintf(before, sizeof(before), "-A FTPALG_PROXY_ACCEPT -m mark --mark 0x%x -p tcp --dport",
			 config->proxy.mark);
		print_each(config, false, before, "-j ACCEPT", out);
	} else {
		fprintf(out,
			"# DNAT: redirected; nobody else has business there.\n"
			"-A FTPALG_PROXY_ACCEPT -p tcp --dport %u -m conntrack --ctstate DNAT -j ACCEPT\n",
			config->proxy.port);
	}
	fputs("# The helper match is about the control connection that a connection is related to.\n"
	      "-A FTPALG_PROXY_ACCEPT -p tcp -m helper --helper " RULES_CARRIER
	      " -m conntrack --ctstate RELATED,ESTABLISHED -m tcp --dport 1024:65535 -j ACCEPT\n"
	      "COMMIT\n"
	      "EOF\n"
	      "}\n\n", out);
	rules_script_load(&accept_jump, 1, " \"$1\"", "", families, out);
}

static void print_unloader(const char *option, const struct rules_jump *jump, size_t count, const char *more,
			   struct rules_families families, FILE *out)
{
	fprintf(out,
		"#!/bin/sh\n"
		"# Made by \"ftpalg rules iptables --proxy%s --remove\". Run it with sh.\n"
		"set -u\n\n"
		"# What is not there need not be taken away.\n"
		"unchain() {\n"
		"\t\"$1\" -w -t \"$2\" -F \"$3\" 2>/dev/null && \"$1\" -w -t \"$2\" -X \"$3\"\n"
		"}\n\n"
		"unjump() {\n"
		"\twhile \"$1\" -w -t \"$2\" -D \"$3\" -j \"$4\" 2>/dev/null; do :; done\n"
		"\tunchain \"$1\" \"$2\" \"$4\"\n"
		"}\n\n"
		"unload() {\n", option);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tunjump \"$1\" %s %s %s\n", jump[i].table, jump[i].hook, jump[i].chain);
	fprintf(out, "%s}\n\n", more);
	rules_script_call("unload", families, out);
}

void rules_proxy_print_iptables_removal(struct rules_families families, FILE *out)
{
	print_unloader("", jumps, jump_count,
		       "\tunchain \"$1\" mangle FTPALG_PROXY_LOCAL\n"
		       "\tunchain \"$1\" mangle FTPALG_PROXY_GUARD\n"
		       "\tunchain \"$1\" mangle FTPALG_PROXY_INERT\n"
		       "\tunchain \"$1\" security FTPALG_PROXY_QUEUE\n"
		       "\tfor table in security mangle nat; do\n"
		       "\t\tunchain \"$1\" \"$table\" FTPALG_PROXY_CHOOSE\n"
		       "\t\tunchain \"$1\" \"$table\" FTPALG_PROXY_INTERCEPT\n"
		       "\tdone\n", families, out);
	fputc('\n', out);
	rules_route_print_removal_commands(families, out);
	fputs("true\n", out);
}

void rules_proxy_print_iptables_input_removal(struct rules_families families, FILE *out)
{
	print_unloader(" --forward", &accept_jump, 1, "", families, out);
	fputs("true\n", out);
}
