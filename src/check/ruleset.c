/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nft and iptables-save say is loaded, searched for what the gateway needs. These are words for people, so the
 * search is for the few that can't be missing: who attaches which helper, who feeds which queue, and which ports are
 * named there. Rules that an operator wrote otherwise than "ftpalg rules" prints them are recognised too.
 */
#include "check/ruleset.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check/lines.h"
#include "check/reach.h"
#include "rules/rules.h"

static void queues_add(struct check_ruleset *ruleset, unsigned long first, unsigned long last, bool scatters)
{
	ruleset->first_queue = ruleset->queue && ruleset->first_queue < first ? ruleset->first_queue : (uint32_t)first;
	ruleset->last_queue = ruleset->queue && ruleset->last_queue > last ? ruleset->last_queue : (uint32_t)last;
	ruleset->queue = true;
	ruleset->scatters |= scatters;
}

/* Reads the first number in text, or the range there; of nft's hashes the numbers behind "mod" and "offset". */
static bool queues_read(const char *text, unsigned long *first, unsigned long *last)
{
	const char *count = line_behind(text, "mod"), *offset = line_behind(text, "offset");

	if (count) {
		*first = offset ? strtoul(offset, NULL, 10) : 0;
		*last = *first + strtoul(count, NULL, 10) - 1;
		return true;
	}
	while (*text && !isdigit((unsigned char)*text))
		text++;
	if (*text)
		range_read(text, first, last);
	return *text != '\0';
}

/* Adds what is fed by a rule that queues to what stands in text. False: none of the workers' queues. */
static bool queues_take(const struct config *config, const char *text, bool scatters, struct check_ruleset *ruleset)
{
	unsigned long first, last;

	if (!queues_read(text, &first, &last) || last < config->queue ||
	    first >= config->queue + config_count_workers(config) || last > UINT16_MAX)
		return false;
	queues_add(ruleset, first, last, scatters);
	return true;
}

static bool is_control_port(const struct config *config, unsigned long port)
{
	for (size_t i = 0; i < config->control_port_count; i++)
		if (config->control_ports[i] == port)
			return true;
	return false;
}

/* Does the rule copy packets of data connections to the configured group, which stands behind option? */
static bool copies_are_made(const struct config *config, const char *line, const char *option)
{
	const char *group = line_behind(line, option);

	return group && config->nflog_group && strtoul(group, NULL, 10) == config->nflog_group;
}

/* The port in "ADDRESS:PORT ...", if a DNAT to it hides a control connection's server; else 0. */
static uint16_t translated_port_read(const struct config *config, const char *target)
{
	const size_t length = strcspn(target, " \n");
	const char *bracket = memchr(target, ']', length);
	const char *from = bracket ? bracket : target;
	const char *colon = memchr(from, ':', (size_t)(target + length - from));
	unsigned long first, last;

	if (!colon || !isdigit((unsigned char)colon[1]))
		return 0;
	/* A second colon: an IPv6 address alone. */
	if (!bracket && memchr(colon + 1, ':', length - (size_t)(colon + 1 - target)))
		return 0;
	range_read(colon + 1, &first, &last);
	return first == last && is_control_port(config, first) ? 0 : (uint16_t)first;
}

/* Does the number that stands at text differ from the configured zone? */
static bool zone_differs(const struct config *config, const char *text)
{
	return text && strtoul(text, NULL, 10) != config->zone;
}

/* rule is what follows "-A" in line: a chain, and the rest. */
static void iptables_read_line(const struct config *config, const char *line, const char *rule,
			       const struct reach *reach, struct check_ruleset *ruleset)
{
	static const char *const port_options[] = { "--dport", "--dports", "--ports", "--ctorigdstport" };
	const char *helper = line_behind(line, "-j CT --helper");
	const char *queue = line_behind(line, "--queue-num");
	uint32_t ports = 0;
	const char *state = line_behind(line, "--ctstate"), *translation = line_behind(line, "--to-destination");
	bool any_port = true;
	const char *option;

	for (size_t i = 0; i < sizeof(port_options) / sizeof(port_options[0]); i++)
		if ((option = line_behind(line, port_options[i]))) {
			ports |= ports_find(config, option + 1, " ");
			any_port = false;
		}
	if (translation && !ruleset->translated_port && (any_port ? reach_ports(reach, "", rule) : ports))
		ruleset->translated_port = translated_port_read(config, translation + 1);
	if (state && strstr(state, "NEW") && strstr(line, "--tcp-flags FIN,SYN,RST,ACK"))
		ruleset->syn_first = true;
	if (line_behind(line, "-j CT") && (zone_differs(config, line_behind(line, "--zone")) ||
					   zone_differs(config, line_behind(line, "--zone-orig")) ||
					   zone_differs(config, line_behind(line, "--zone-reply"))))
		ruleset->other_zone = true;
	if (!queue)
		queue = line_behind(line, "--queue-balance");
	if (helper && line_behind(helper, RULES_CARRIER)) {
		ruleset->carrier = true;
		ruleset->carrier_ports |= ports;
	}
	ruleset->copies |= copies_are_made(config, line, "--nflog-group");
	ruleset->offloads |= line_behind(line, "-j FLOWOFFLOAD") != NULL;
	if (helper && line_behind(helper, "ftp"))
		ruleset->foreign_helper = true;
	if (queue && queues_take(config, queue, line_behind(queue, "--queue-cpu-fanout") != NULL, ruleset))
		ruleset->bypass |= line_behind(queue, "--queue-bypass") != NULL;
	/* The port may stand in the rule that jumps to the one that queues. */
	if (queue || (line_behind(line, "--ctorigdstport") && !line_behind(line, "-j DROP")))
		ruleset->queue_ports |= ports;
}

void check_ruleset_read_iptables(const struct config *config, const char *text, struct check_ruleset *ruleset)
{
	char *copy = strdup(text), *rest = copy, *line;
	const char *rule;
	struct reach reach;

	reach_read_iptables(&reach, config, text);
	while (rest && (line = strsep(&rest, "\n")))
		if ((rule = line_behind(line, "-A")))
			iptables_read_line(config, line, rule + strspn(rule, " "), &reach, ruleset);
	reach_free(&reach);
	free(copy);
}

/* A table while its lines go by. */
struct table {
	const struct reach *reach;
	const char *name;
	const char *chain;
	bool ipv4;
	bool ipv6;
	bool elements; /* inside the braces of a set's elements, which may take several lines */
	uint32_t ports;
	struct check_ruleset ruleset;
};

/* Only the ports of a table that attaches the carrier, or feeds the queue, mean anything. */
static void table_merge(const struct table *table, struct check_ruleset *ruleset)
{
	ruleset->carrier |= table->ruleset.carrier;
	if (table->ruleset.queue)
		queues_add(ruleset, table->ruleset.first_queue, table->ruleset.last_queue, table->ruleset.scatters);
	ruleset->bypass |= table->ruleset.bypass;
	ruleset->foreign_helper |= table->ruleset.foreign_helper;
	ruleset->syn_first |= table->ruleset.syn_first;
	ruleset->copies |= table->ruleset.copies;
	ruleset->offloads |= table->ruleset.offloads;
	ruleset->other_zone |= table->ruleset.other_zone;
	if (!ruleset->translated_port)
		ruleset->translated_port = table->ruleset.translated_port;
	if (table->ruleset.carrier)
		ruleset->carrier_ports |= table->ports;
	if (table->ruleset.queue)
		ruleset->queue_ports |= table->ports;
}

static void nft_read_line(const struct config *config, const char *line, struct table *table)
{
	const char *queue = line_behind(line, "queue");
	const char *elements = line_behind(line, "elements =");
	const char *state = line_behind(line, "ct state"), *translation = line_behind(line, "dnat");
	const char *port;

	if (state && strstr(state, "new") && (strstr(line, "fin,syn,rst,ack") || strstr(line, "fin | syn | rst | ack")))
		table->ruleset.syn_first = true;
	table->ruleset.copies |= copies_are_made(config, line, "log group");
	table->ruleset.offloads |= line_behind(line, "flow add") || line_behind(line, "flow offload");
	if (zone_differs(config, line_behind(line, "ct zone set")))
		table->ruleset.other_zone = true;
	port = line_behind(line, "dport");
	if (translation && (translation = line_behind(translation, "to")) && !table->ruleset.translated_port &&
	    (port ? ports_find(config, port + 1, *port && port[1] == '{' ? "}" : " ") :
		    reach_ports(table->reach, table->name, table->chain)))
		table->ruleset.translated_port = translated_port_read(config, translation + 1);
	if (line_behind(line, "type \"ftp\" protocol tcp"))
		table->ruleset.foreign_helper = true;
	if (line_behind(line, "ct helper set"))
		table->ruleset.carrier = true;
	if (queue && queues_take(config, queue, strstr(queue, "fanout") || line_behind(queue, "numgen"), &table->ruleset))
		table->ruleset.bypass |= strstr(queue, "bypass") != NULL;
	/* That packets to a port are dropped says nothing about who else gets them. */
	if (line_behind(line, "drop"))
		return;
	if ((port = line_behind(line, "dport")) || (port = line_behind(line, "proto-dst")))
		table->ports |= ports_find(config, port + 1, *port && port[1] == '{' ? "}" : " ");
	if (elements || table->elements) {
		table->ports |= ports_find(config, elements ? elements : line, "}");
		table->elements = !strchr(line, '}');
	}
}

void check_ruleset_read_nft(const struct config *config, const char *text, struct check_ruleset *ipv4,
			    struct check_ruleset *ipv6)
{
	char *copy = strdup(text), *rest = copy, *line;
	struct reach reach;
	struct table table = { .reach = &reach, .name = "", .chain = "" };

	reach_read_nft(&reach, config, text);
	while (rest && (line = strsep(&rest, "\n"))) {
		const char *family = line_behind(line, "table");

		if (line == strstr(line, "table ") && family) {
			bool both = line_behind(family, "inet") != NULL;

			table = (struct table){ .reach = &reach, .name = line + strlen("table "), .chain = "",
						.ipv4 = both || line_behind(family, "ip"),
						.ipv6 = both || line_behind(family, "ip6") };
		} else if (*line == '}') {
			if (table.ipv4)
				table_merge(&table, ipv4);
			if (table.ipv6)
				table_merge(&table, ipv6);
		} else if (strncmp(line, "\tchain ", 7) == 0) {
			table.chain = line + 7;
		} else {
			nft_read_line(config, line, &table);
		}
	}
	reach_free(&reach);
	free(copy);
}
