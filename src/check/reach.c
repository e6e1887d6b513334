/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which chains of address translation can a control connection come to?
 *
 * A rule that translates may name no port, because those before it have chosen: kube-proxy has one chain for each address
 * that a Service may lead to, and thousands of them for Services that are none of FTP.
 *
 *   PREROUTING --> KUBE-SERVICES --dport 21----> KUBE-SVC-A --> KUBE-SEP-A: DNAT to 10.244.1.7:2121
 *                       |        --dport 80----> KUBE-SVC-B --> KUBE-SEP-B: DNAT to 10.244.1.8:8080
 *                       +--> KUBE-NODEPORTS --dport 30021--> KUBE-EXT-A --> KUBE-SVC-A
 *
 * Chains are followed from where packets come in, and each has the control ports that may get there: those of the chain
 * before it that the rule lets pass. Rules of nft may jump by a map, in the rule or with a name; a map with a name counts
 * as a chain here, and what its elements say of the port counts. Whatever else a rule asks for is passed over, so a chain
 * may seem to be reached that is not. Lists of rules are looked through until nothing is added; few chains are ever reached.
 */
#include "check/reach.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check/lines.h"

static size_t name_length(const char *name)
{
	return strcspn(name, " \t,;{}");
}

static struct reach_chain *reach_find(const struct reach *reach, const char *table, const char *name)
{
	const size_t length = name_length(name);

	for (size_t i = 0; i < reach->count; i++)
		if (reach->list[i].length == length && memcmp(reach->list[i].name, name, length) == 0 &&
		    strcmp(reach->list[i].table, table) == 0)
			return &reach->list[i];
	return NULL;
}

uint32_t reach_ports(const struct reach *reach, const char *table, const char *name)
{
	const struct reach_chain *chain = reach_find(reach, table, name);

	return chain ? chain->ports : 0;
}

static void reach_add(struct reach *reach, const char *table, const char *name, uint32_t ports)
{
	struct reach_chain *chain = reach_find(reach, table, name), *list;

	if (!(ports & ~(chain ? chain->ports : 0)))
		return;
	if (!chain && reach->count == reach->size) {
		list = realloc(reach->list, (reach->size + 16) * sizeof(*list));
		if (!list)
			return;
		reach->list = list;
		reach->size += 16;
	}
	if (!chain) {
		chain = &reach->list[reach->count++];
		*chain = (struct reach_chain){ table, name, name_length(name), 0 };
	}
	chain->ports |= ports;
	reach->more = true;
}

/* "CHAIN [...] --dport 21 [...] -j TARGET" */
static void reach_follow_iptables(struct reach *reach, const char *rule)
{
	static const char *const options[] = { "--dport", "--dports", "--ports" };
	uint32_t ports = reach_ports(reach, "", rule);
	const char *target = line_behind(rule, "-j"), *option;

	if (!target)
		target = line_behind(rule, "-g");
	if (!ports || !target)
		return;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if ((option = line_behind(rule, options[i])))
			ports &= ports_find(reach->config, option + strspn(option, " "), " ");
	reach_add(reach, "", target + strspn(target, " "), ports);
}

static void reach_look_iptables(struct reach *reach)
{
	bool nat = false;

	for (size_t i = 0; i < reach->line_count; i++) {
		const char *line = reach->lines[i];

		if (*line == '*')
			nat = strcmp(line, "*nat") == 0;
		else if (nat && strncmp(line, "-A ", 3) == 0)
			reach_follow_iptables(reach, line + 3);
	}
}

/* What the key in front of a verdict lets pass: of "10.96.0.21 . tcp . 21 : goto x" that port. */
static uint32_t reach_read_key(const struct reach *reach, const char *line, const char *verdict)
{
	const char *key = verdict, *colon, *port;

	while (key > line && key[-1] != ',' && key[-1] != '{')
		key--;
	colon = strstr(key, " : ");
	if (!colon || colon > verdict)
		return UINT32_MAX;
	port = strstr(key, "tcp . ");
	if (port && port < colon)
		return ports_find(reach->config, port + strlen("tcp . "), " ");
	return strstr(line, "dport vmap") ? ports_find(reach->config, key, ":") : UINT32_MAX;
}

/* A rule of a chain, or elements of a map, that ports come to. */
static void reach_follow_nft(struct reach *reach, const char *table, const char *line, uint32_t ports)
{
	static const char *const words[] = { "jump ", "goto ", "vmap @" };
	const char *port = strstr(line, "dport ");

	port = port ? port + strlen("dport ") : NULL;
	if (port && (*port == '{' || isdigit((unsigned char)*port)))
		ports &= ports_find(reach->config, port, *port == '{' ? "}" : " ");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (const char *at = strstr(line, words[i]); at; at = strstr(at + 1, words[i]))
			reach_add(reach, table, at + strlen(words[i]), ports & reach_read_key(reach, line, at));
}

static void reach_look_nft(struct reach *reach)
{
	const char *table = "", *chain = NULL;

	for (size_t i = 0; i < reach->line_count; i++) {
		const char *line = reach->lines[i] + strspn(reach->lines[i], "\t ");

		if (strncmp(line, "table ", 6) == 0)
			table = line + 6;
		else if (strncmp(line, "chain ", 6) == 0)
			chain = line + 6;
		else if (strncmp(line, "map ", 4) == 0)
			chain = line + 4;
		else if (*line == '}')
			chain = NULL;
		else if (chain && strncmp(line, "type nat hook prerouting ", 25) == 0)
			reach_add(reach, table, chain, ports_all(reach->config));
		else if (chain && reach_ports(reach, table, chain))
			reach_follow_nft(reach, table, line, reach_ports(reach, table, chain));
	}
}

static void reach_split(struct reach *reach, const struct config *config, const char *text)
{
	size_t size = 1;
	char *rest;

	for (const char *at = text; *at; at++)
		size += *at == '\n';
	*reach = (struct reach){ .config = config, .text = strdup(text), .lines = calloc(size, sizeof(*reach->lines)) };
	rest = reach->lines ? reach->text : NULL;
	while (rest && reach->line_count < size)
		reach->lines[reach->line_count++] = strsep(&rest, "\n");
}

void reach_read_iptables(struct reach *reach, const struct config *config, const char *text)
{
	reach_split(reach, config, text);
	reach_add(reach, "", "PREROUTING", ports_all(config));
	while (reach->more) {
		reach->more = false;
		reach_look_iptables(reach);
	}
}

void reach_read_nft(struct reach *reach, const struct config *config, const char *text)
{
	reach_split(reach, config, text);
	do {
		reach->more = false;
		reach_look_nft(reach);
	} while (reach->more);
}

void reach_free(struct reach *reach)
{
	free(reach->list);
	free(reach->lines);
	free(reach->text);
}
