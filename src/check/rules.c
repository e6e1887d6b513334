/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are the rules in force, for each family that this host forwards, and does its own filter pass what they open? */
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "check/forward.h"
#include "check/listings.h"
#include "check/managers.h"
#include "check/ruleset.h"
#include "check/system.h"
#include "netfilter/holder.h"
#include "rules/rules.h"

static void check_ports(struct check *check, const char *family, uint32_t ports, const char *what)
{
	for (size_t i = 0; i < check->config->control_port_count; i++)
		if (!(ports & UINT32_C(1) << i))
			check_missing(check, "rules, %s: none that %s names port %u: %s", family, what,
				      check->config->control_ports[i], check_load_rules(check));
}

/* Where the rules leave it to conntrack how a connection may begin, the sysctl has to be right. */
static void check_pickup(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	if (check_read_sysctl("net/netfilter/nf_conntrack_tcp_loose") == 0)
		return;
	if (ruleset->queue && !ruleset->syn_first)
		check_missing(check, "rules, %s: none keeps conntrack from picking up control connections in the "
			      "middle, past the gateway: %s, or set net.netfilter.nf_conntrack_tcp_loose to 0", family,
			      check_load_rules(check));
	if (ruleset->translated_port)
		check_missing(check, "rules, %s: a DNAT leads to port %u, which the rules come to know with its first "
			      "connection only: add it to control-ports, or set "
			      "net.netfilter.nf_conntrack_tcp_loose to 0", family, ruleset->translated_port);
}

/*
 * Whatever is in a flowtable bypasses the queue. The kernel puts no connection there to which a helper is attached, so the
 * carrier keeps control connections out, and nothing else does: a port without it is lost to the gateway after its first
 * packets.
 */
static void check_offload(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	const uint32_t all = (uint32_t)((UINT64_C(1) << check->config->control_port_count) - 1);

	if (!ruleset->offloads)
		return;
	if (!ruleset->carrier || (ruleset->carrier_ports & all) != all || ruleset->other_zone)
		check_missing(check, "offload, %s: a flowtable takes control connections away from the gateway where none "
			      "attaches the carrier to them: %s, before any of them begins", family, check_load_rules(check));
	else
		check_ok(check, "offload, %s: a flowtable has data connections and no control connection: these have the carrier, "
			 "and the kernel leaves them out", family);
}

/*
 * A session stays with its worker if the rules choose a queue by what all its packets have in common, among those that are
 * served.
 */
static void check_queues(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	const uint32_t first = check->config->queue, last = first + config_count_workers(check->config) - 1;
	uint32_t queue = ruleset->first_queue;
	struct holder holder;

	if (ruleset->scatters)
		check_missing(check, "rules, %s: the queue is chosen for each packet (cpu-fanout, numgen), so no worker sees the "
			      "whole of a connection: %s", family, check_load_rules(check));
	/* Another gateway on this host may have them. */
	while (queue <= ruleset->last_queue && ((queue >= first && queue <= last) || holder_find(&holder, (uint16_t)queue)))
		queue++;
	if (queue <= ruleset->last_queue)
		check_missing(check, "rules, %s: one feeds queue %u, which no worker has, so its control connections %s: where "
			      "\"workers\" has been changed, restart the gateway and %s", family, queue,
			      ruleset->bypass ? "pass uninspected" : "stand still", check_load_rules(check));
	if (ruleset->first_queue > first || ruleset->last_queue < last)
		check_missing(check, "rules, %s: those that feed queues %u to %u leave workers of %u to %u without any: %s", family,
			      ruleset->first_queue, ruleset->last_queue, first, last, check_load_rules(check));
}

static void check_family(struct check *check, const char *family, const struct check_ruleset *ruleset)
{
	const struct config *config = check->config;
	unsigned int missing = check->missing;
	char queues[RULES_QUEUES_MAX];

	rules_name_queues(config, queues);
	if (ruleset->carrier)
		check_ports(check, family, ruleset->carrier_ports, "attaches the carrier");
	else
		check_missing(check, "rules, %s: none attaches the carrier: %s", family, check_load_rules(check));
	if (ruleset->queue)
		check_ports(check, family, ruleset->queue_ports, "feeds the queue");
	else
		check_missing(check, "rules, %s: none feeds %s: %s", family, queues, check_load_rules(check));
	if (ruleset->queue && ruleset->bypass != config->absent_open)
		check_missing(check, "rules, %s: the one that feeds %s has %sbypass, and absent is %s: %s", family,
			      queues, ruleset->bypass ? "" : "no ", config->absent_open ? "open" : "closed",
			      check_load_rules(check));
	if (ruleset->queue)
		check_queues(check, family, ruleset);
	if (ruleset->foreign_helper)
		check_missing(check, "rules, %s: one attaches the kernel's own ftp helper, which rewrites the same "
			      "lines: remove it", family);
	check_pickup(check, family, ruleset);
	check_offload(check, family, ruleset);
	if (ruleset->queue && config->nflog_group && !ruleset->copies)
		check_note(check, "rules, %s: none copies the ends of data connections to group %u, so nobody will know how "
			   "long transferred files are: %s, or set nflog-group to 0", family, config->nflog_group,
			   check_load_rules(check));
	if (ruleset->other_zone)
		check_note(check, "rules, %s: packets are put into other zones than %u; control connections in "
			   "those do not pass", family, config->zone);
	if (check->missing == missing)
		check_ok(check, "rules, %s: the carrier is attached and %s %s fed", family, queues,
			 config_count_workers(config) == 1 ? "is" : "are");
}

/* What the operator's own filter does with the data connections that the gateway opens. */
static void check_forward(struct check *check, const char *family, const struct forward_finding *found, const char *tool)
{
	if (found->verdict == FORWARD_DROPS)
		check_missing(check, "filter, %s: chain \"%s\" drops the data connections that the gateway opens, so no "
			      "transfer works: put what \"ftpalg rules %s --forward\" prints in front of what drops", family,
			      found->chain, tool);
	else if (found->verdict == FORWARD_ADMITS_SOME)
		check_note(check, "filter, %s: chain \"%s\" lets only some of the data connections pass that the gateway "
			   "opens, by interface or address; where others are wanted, put what \"ftpalg rules %s --forward\" "
			   "prints in front of what drops", family, found->chain, tool);
}

static void check_listed_family(struct check *check, const struct listings *listings, bool ipv6,
				const struct check_ruleset *ruleset)
{
	const char *family = ipv6 ? "IPv6" : "IPv4", *save = listings->save[ipv6];
	struct forward_finding by_nft = { FORWARD_ADMITS, "" }, by_iptables = { FORWARD_ADMITS, "" };

	if (!listings->nft && !save)
		return;
	check_family(check, family, ruleset);
	if (listings->nft)
		forward_read_nft(listings->nft, ipv6, save && strstr(save, "(nf_tables)"), &by_nft);
	if (save)
		forward_read_iptables(save, &by_iptables);
	check_forward(check, family, &by_nft, "nft");
	check_forward(check, family, &by_iptables, "iptables");
	if (by_nft.verdict == FORWARD_ADMITS && by_iptables.verdict == FORWARD_ADMITS)
		check_ok(check, "filter, %s: no forward chain drops what the gateway opens", family);
}

static void check_forwarding(struct check *check, const struct check_forwards *forwards)
{
	const bool ipv4 = forwards->ipv4;

	if (!ipv4 && !forwards->ipv6)
		check_missing(check, "forwarding: this host forwards neither IPv4 nor IPv6: set net.ipv4.ip_forward or "
			      "net.ipv6.conf.all.forwarding to 1 (sysctl(8))");
	else if (!ipv4 || !forwards->ipv6)
		check_note(check, "forwarding: only %s; the rules for %s are not looked at", ipv4 ? "IPv4" : "IPv6",
			   ipv4 ? "IPv6" : "IPv4");
	else
		check_ok(check, "forwarding: IPv4 and IPv6");
}

/* Nothing is changed: a rule is tried as "nft --check" tries it. Without nft the question does not arise. */
static bool nft_has_queues(void)
{
	static const char *const any[] = { "nft", "--check", "add table inet ftpalg_try", NULL };
	static const char *const queue[] = { "nft", "--check", "add table inet ftpalg_try; add chain inet ftpalg_try try; "
					     "add rule inet ftpalg_try try queue to 21", NULL };
	char *can_any = check_program_output(any), *can_queue = check_program_output(queue);
	const bool has = !can_any || can_queue;

	free(can_any);
	free(can_queue);
	return has;
}

void check_rules(struct check *check)
{
	struct listings listings = listings_take(false);
	const struct check_forwards forwards = check_read_forwards();
	const struct listings by_iptables = { .save = { listings.save[0], listings.save[1] } };
	const struct managers managers = managers_find(check->config);
	struct check_ruleset rules[2], foreign[2];

	check->nft_queues = nft_has_queues();
	listings_read(&listings, check->config, rules);
	listings_read(&by_iptables, check->config, foreign);
	managers_judge(check, &managers, foreign[0].queue || foreign[1].queue);
	check_forwarding(check, &forwards);
	if (!listings.nft && !listings.save[0] && !listings.save[1])
		check_note(check, "rules: neither nft nor iptables-save tells what is loaded, so it is not judged");
	if (forwards.ipv4)
		check_listed_family(check, &listings, false, &rules[0]);
	if (forwards.ipv6)
		check_listed_family(check, &listings, true, &rules[1]);
	listings_free(&listings);
}
