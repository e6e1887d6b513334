/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are the rules in force, for each family that this host forwards, and is a daemon on the queue? */
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "check/ruleset.h"
#include "check/system.h"

static void check_ports(struct check *check, const char *family, uint32_t ports, const char *what)
{
	for (size_t i = 0; i < check->config->control_port_count; i++)
		if (!(ports & UINT32_C(1) << i))
			check_missing(check, "rules, %s: none that %s names port %u: " CHECK_LOAD_RULES, family, what,
				      check->config->control_ports[i]);
}

/* Where the rules leave it to conntrack how a connection may begin, the sysctl has to hold. */
static void check_pickup(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	if (check_read_sysctl("net/netfilter/nf_conntrack_tcp_loose") == 0)
		return;
	if (ruleset->queue && !ruleset->syn_first)
		check_missing(check, "rules, %s: none keeps conntrack from picking up control connections in the "
			      "middle, past the gateway: " CHECK_LOAD_RULES
			      ", or set net.netfilter.nf_conntrack_tcp_loose to 0", family);
	if (ruleset->translated_port)
		check_missing(check, "rules, %s: a DNAT leads to port %u, which the rules come to know with its first "
			      "connection only: add it to control-ports, or set "
			      "net.netfilter.nf_conntrack_tcp_loose to 0", family, ruleset->translated_port);
}

static void check_family(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	const struct config *config = check->config;
	unsigned int missing = check->missing;

	if (ruleset->carrier)
		check_ports(check, family, ruleset->carrier_ports, "attaches the carrier");
	else
		check_missing(check, "rules, %s: none attaches the carrier: " CHECK_LOAD_RULES, family);
	if (ruleset->queue)
		check_ports(check, family, ruleset->queue_ports, "feeds the queue");
	else
		check_missing(check, "rules, %s: none feeds queue %u: " CHECK_LOAD_RULES, family, config->queue);
	if (ruleset->queue && ruleset->bypass != config->absent_open)
		check_missing(check, "rules, %s: the one that feeds queue %u has %sbypass, and absent is %s: "
			      CHECK_LOAD_RULES, family, config->queue, ruleset->bypass ? "" : "no ",
			      config->absent_open ? "open" : "closed");
	if (ruleset->foreign_helper)
		check_missing(check, "rules, %s: one attaches the kernel's own ftp helper, which rewrites the same "
			      "lines: remove it", family);
	check_pickup(check, family, ruleset);
	if (ruleset->other_zone)
		check_note(check, "rules, %s: packets are put into other zones than %u; control connections in "
			   "those do not pass", family, config->zone);
	if (check->missing == missing)
		check_ok(check, "rules, %s: the carrier is attached and queue %u is fed", family, config->queue);
}

void check_rules(struct check *check)
{
	static const char *const nft[] = { "nft", "list", "ruleset", NULL };
	static const char *const iptables[] = { "iptables-save", NULL };
	static const char *const ip6tables[] = { "ip6tables-save", NULL };
	char *text_nft = check_program_output(nft);
	char *text_ipv4 = check_program_output(iptables);
	char *text_ipv6 = check_program_output(ip6tables);
	bool ipv4 = check_read_sysctl("net/ipv4/ip_forward") > 0;
	bool ipv6 = check_read_sysctl("net/ipv6/conf/all/forwarding") > 0;
	struct check_ruleset rules[2] = { { .carrier = false } };

	if (text_nft)
		check_ruleset_read_nft(check->config, text_nft, &rules[0], &rules[1]);
	if (text_ipv4)
		check_ruleset_read_iptables(check->config, text_ipv4, &rules[0]);
	if (text_ipv6)
		check_ruleset_read_iptables(check->config, text_ipv6, &rules[1]);
	if (!ipv4 && !ipv6)
		check_missing(check, "forwarding: this host forwards neither IPv4 nor IPv6: set net.ipv4.ip_forward or "
			      "net.ipv6.conf.all.forwarding to 1 (sysctl(8))");
	else if (!ipv4 || !ipv6)
		check_note(check, "forwarding: only %s; the rules for %s are not looked at", ipv4 ? "IPv4" : "IPv6",
			   ipv4 ? "IPv6" : "IPv4");
	else
		check_ok(check, "forwarding: IPv4 and IPv6");
	if (!text_nft && !text_ipv4 && !text_ipv6)
		check_note(check, "rules: neither nft nor iptables-save tells what is loaded, so it is not judged");
	if (ipv4 && (text_nft || text_ipv4))
		check_family(check, "IPv4", &rules[0]);
	if (ipv6 && (text_nft || text_ipv6))
		check_family(check, "IPv6", &rules[1]);
	free(text_nft);
	free(text_ipv4);
	free(text_ipv6);
}

/* One line a queue that somebody listens on: queue number, netlink port of the listener, packets waiting, and more. */
void check_daemon(struct check *check)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	unsigned long queue, listener = 0, waiting = 0;
	char line[256], *rest;
	bool found = false;

	if (!file)
		return;
	while (!found && fgets(line, sizeof(line), file)) {
		queue = strtoul(line, &rest, 10);
		listener = strtoul(rest, &rest, 10);
		waiting = strtoul(rest, NULL, 10);
		found = queue == check->config->queue;
	}
	fclose(file);
	if (found)
		check_ok(check, "daemon: one listens on queue %u (netlink port %lu), %lu packets wait for it",
			 check->config->queue, listener, waiting);
	else
		check_note(check, "daemon: none listens on queue %u; until \"ftpalg run\" does, control connections %s",
			   check->config->queue, check->config->absent_open ? "pass uninspected" : "stand still");
}
