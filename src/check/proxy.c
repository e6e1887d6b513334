/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How connections get to the proxy: rules that intercept them, a route that delivers packets with the mark, an INPUT that
 * lets them in, settings of the kernel that would lead its answers astray, and a proxy that listens.
 *
 * As in check/ruleset.c, what nft and iptables-save say is searched for the few words that can't be missing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"
#include "check/system.h"
#include "rules/rules.h"

#define LOAD_PROXY_RULES "load what \"ftpalg rules nft --proxy\" or \"ftpalg rules iptables --proxy\" prints"
#define LOAD_INPUT_RULES "load what \"ftpalg rules nft --proxy --forward\" or its like with iptables prints"
#define LOAD_ROUTE "run what \"ftpalg rules route\" prints"

struct family_words {
	const char *name;
	const char *option; /* of ip(8) */
	const char *tables; /* as nft(8) calls the family */
	const char *forwarding;
	const char *save;   /* prints iptables' rules */
	const char *modules[2];
	const char *symbols[2];
};

static const struct family_words families[] = {
	{ "IPv4", "-4", "ip", "net/ipv4/ip_forward", "iptables-save", { "nf_tproxy_ipv4", "nf_socket_ipv4" },
	  { " nf_tproxy_get_sock_v4", " nf_sk_lookup_slow_v4" } },
	{ "IPv6", "-6", "ip6", "net/ipv6/conf/all/forwarding", "ip6tables-save", { "nf_tproxy_ipv6", "nf_socket_ipv6" },
	  { " nf_tproxy_get_sock_v6", " nf_sk_lookup_slow_v6" } },
};

static bool diverts(const struct config *config)
{
	return config->proxy.tproxy || config->proxy.source_is_client;
}

static bool kernel_has_symbol(const char *symbol)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, symbol) != NULL;
	if (file)
		fclose(file);
	return found;
}

/* Built in, loaded, or there to be loaded when it is needed. */
static void check_module(struct check *check, const char *module, const char *symbol)
{
	const char *const dry_run[] = { "modprobe", "--dry-run", "--quiet", module, NULL };
	char *output = NULL;
	const bool there = kernel_has_symbol(symbol) || (output = check_program_output(dry_run));

	if (there)
		check_ok(check, "kernel: %s is there", module);
	else
		check_missing(check, "kernel: it has no %s: install one that has, or set interception = redirect and "
			      "source = router in [proxy]", module);
	free(output);
}

static void check_settings(struct check *check)
{
	static const struct {
		const char *path;
		const char *name;
		const char *why;
	} rows[] = {
		{ "net/ipv4/tcp_fwmark_accept", "net.ipv4.tcp_fwmark_accept", "the proxy's answers would bear the mark" },
		{ "net/ipv4/fwmark_reflect", "net.ipv4.fwmark_reflect", "resets would bear the mark" },
		{ "net/ipv6/fwmark_reflect", "net.ipv6.fwmark_reflect", "resets would bear the mark" },
		{ "net/ipv4/conf/all/src_valid_mark", "net.ipv4.conf.all.src_valid_mark",
		  "the source of marked packets would seem to be this host" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (check_read_sysctl(rows[i].path) > 0)
			check_missing(check, "settings: %s is set: %s, and be routed here or dropped; set it to 0",
				      rows[i].name, rows[i].why);
}

static void check_route(struct check *check, const struct family_words *family)
{
	const struct config_proxy *proxy = &check->config->proxy;
	char mark[16], table[16], *rule, *route;

	snprintf(mark, sizeof(mark), "0x%" PRIx32, proxy->mark);
	snprintf(table, sizeof(table), "%" PRIu32, proxy->table);
	rule = check_program_output((const char *const[]){ "ip", family->option, "rule", "show", "fwmark", mark,
							  "lookup", table, NULL });
	route = check_program_output((const char *const[]){ "ip", family->option, "route", "show", "table", table,
							   NULL });
	if (!rule || !*rule)
		check_missing(check, "route, %s: no ip rule looks what has the mark %s up in table %s: " LOAD_ROUTE,
			      family->name, mark, table);
	else if (!route || !strstr(route, "local default dev lo"))
		check_missing(check, "route, %s: table %s does not route everything to this host: " LOAD_ROUTE,
			      family->name, table);
	else
		check_ok(check, "route, %s: what has the mark %s is for this host", family->name, mark);
	free(rule);
	free(route);
}

/* Does any line of text have both? */
static bool has_line(const char *text, const char *first, const char *second)
{
	for (const char *at = text ? strstr(text, first) : NULL; at; at = strstr(at + 1, first)) {
		const char *end = at + strcspn(at, "\n");
		const char *start = at;
		const char *found;

		while (start > text && start[-1] != '\n')
			start--;
		found = strstr(start, second);
		if (found && found < end)
			return true;
	}
	return false;
}

struct proxy_rules {
	const char *nft;
	const char *iptables; /* of the family */
};

static bool has_words(const struct proxy_rules *rules, const char *nft, const char *iptables)
{
	return (rules->nft && strstr(rules->nft, nft)) || (rules->iptables && strstr(rules->iptables, iptables));
}

/*
 * Rules of earlier versions took connections in PREROUTING, before any forward chain was asked. None of these are left where
 * the present ones were loaded by the same means.
 */
static void check_bypass(struct check *check, const struct family_words *family, const struct proxy_rules *rules)
{
	char nft[64], iptables[64];

	snprintf(nft, sizeof(nft), "redirect to :%u", check->config->proxy.port);
	snprintf(iptables, sizeof(iptables), "REDIRECT --to-ports %u", check->config->proxy.port);
	if (has_words(rules, nft, iptables))
		check_missing(check, "proxy, %s: a rule redirects to port %u past every forward chain: take it away, with "
			      "\"ftpalg rules ... --proxy --remove\" if it is ftpalg's", family->name,
			      check->config->proxy.port);
}

/* As nft prints it: "security", "security + 10", "-5". */
static int read_priority(const char *text)
{
	static const struct {
		const char *name;
		int value;
	} rows[] = {
		{ "raw", -300 }, { "mangle", -150 }, { "dstnat", -100 }, { "filter", 0 }, { "security", 50 }, { "srcnat", 100 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t length = strlen(rows[i].name);
		const char *sign = text + length;

		if (strncmp(text, rows[i].name, length) != 0)
			continue;
		sign += strspn(sign, " ");
		if (*sign != '+' && *sign != '-')
			return rows[i].value;
		return rows[i].value + (*sign == '-' ? -1 : 1) * (int)strtol(sign + 1, NULL, 10);
	}
	return (int)strtol(text, NULL, 10);
}

/*
 * The proxy has connections by then: a later chain never sees what it would have dropped. iptables-nft has its security
 * table at priority 150, not at the kernel's 50.
 */
static void check_late_chains(struct check *check, const struct family_words *family, const char *nft)
{
	static const char words[] = "hook forward priority ";
	const int ours = nft && strstr(nft, "table inet ftpalg_proxy") ? 50 : 150;

	for (const char *at = nft ? strstr(nft, words) : NULL; at; at = strstr(at + 1, words))
		if (read_priority(at + strlen(words)) > ours)
			check_note(check, "proxy, %s: a chain at forward has a priority after security; what it drops the "
				   "proxy connects all the same", family->name);
}

static void check_interception(struct check *check, const struct family_words *family, const char *nft,
			       const char *iptables)
{
	const struct config_proxy *proxy = &check->config->proxy;
	const struct proxy_rules rules = { .nft = nft, .iptables = iptables };
	char words_nft[64], words_iptables[64];
	const unsigned int missing = check->missing;

	check_bypass(check, family, &rules);
	check_late_chains(check, family, nft);
	/* nft 1.0.6 prints "queue num 22", later ones "queue to 22". */
	snprintf(words_nft, sizeof(words_nft), " %u", proxy->queue);
	snprintf(words_iptables, sizeof(words_iptables), "-j NFQUEUE --queue-num %u\n", proxy->queue);
	if (!has_line(nft, "queue ", words_nft) && !(iptables && strstr(iptables, words_iptables)))
		check_missing(check, "proxy, %s: no rule gives what the forward chains let pass to queue %u: "
			      LOAD_PROXY_RULES, family->name, proxy->queue);
	snprintf(words_nft, sizeof(words_nft), "tproxy to :%u", proxy->port);
	snprintf(words_iptables, sizeof(words_iptables), "TPROXY --on-port %u ", proxy->port);
	if (proxy->tproxy && !has_words(&rules, words_nft, words_iptables))
		check_missing(check, "proxy, %s: no rule takes connections to port %u: " LOAD_PROXY_RULES, family->name,
			      proxy->port);
	if (!proxy->tproxy && has_words(&rules, "tproxy to :", "-j TPROXY") &&
	    has_words(&rules, "table inet ftpalg_proxy", "FTPALG_PROXY_"))
		check_note(check, "proxy, %s: rules that don't belong to interception = redirect are loaded too; if they "
			   "are ftpalg's, " LOAD_PROXY_RULES, family->name);
	if (!has_words(&rules, "chain keep", "-A FTPALG_PROXY_KEEP"))
		check_missing(check, "proxy, %s: no rule keeps what the proxy sends to itself on this host: " LOAD_PROXY_RULES,
			      family->name);
	if (!has_words(&rules, "chain inert", "-A FTPALG_PROXY_SENT"))
		check_missing(check, "proxy, %s: no rule keeps the carrier from acting on what the proxy sends: " LOAD_PROXY_RULES,
			      family->name);
	if (diverts(check->config) && !has_words(&rules, "ct label set", "-m connlabel"))
		check_missing(check, "proxy, %s: no rule labels what the proxy begins from other hosts' addresses: "
			      LOAD_PROXY_RULES, family->name);
	if (!has_words(&rules, "type nat hook", "\n*nat\n"))
		check_missing(check, "proxy, %s: no table translates, so the kernel does not: " LOAD_PROXY_RULES,
			      family->name);
	if (diverts(check->config) && !has_words(&rules, "socket transparent 1", "socket --transparent"))
		check_missing(check, "proxy, %s: no rule marks packets for the proxy's sockets with other addresses: "
			      LOAD_PROXY_RULES, family->name);
	if (!has_words(&rules, "chain output", "-A FTPALG_PROXY_OUT") ||
	    !has_words(&rules, "ct helper set", "CT --helper " RULES_CARRIER))
		check_missing(check, "proxy, %s: no rule gives the carrier to both legs: " LOAD_PROXY_RULES,
			      family->name);
	if (check->missing == missing)
		check_ok(check, "proxy, %s: connections that the forward chains let pass are taken by %s", family->name,
			 proxy->tproxy ? "TPROXY" : "REDIRECT");
}

/* Does a filter on input drop by default, without a rule that lets in what was intercepted? */
static void check_input(struct check *check, const struct family_words *family, const char *nft, const char *iptables)
{
	const struct config_proxy *proxy = &check->config->proxy;
	const bool closed = has_line(nft, "hook input", "policy drop") ||
			    (iptables && strstr(iptables, "\n:INPUT DROP"));
	char words[64], mark[48], port[32];

	if (!closed)
		return;
	snprintf(words, sizeof(words), "--dport %u", proxy->port);
	snprintf(port, sizeof(port), "tcp dport %u accept", proxy->port);
	snprintf(mark, sizeof(mark), "mark 0x%08" PRIx32 " tcp dport", proxy->mark);
	if (proxy->tproxy ? has_line(nft, mark, "accept") || has_line(iptables, "-A FTPALG_PROXY_ACCEPT", "-m mark")
			  : has_line(nft, port, "dnat") || has_line(iptables, words, "-j ACCEPT"))
		check_ok(check, "input, %s: it drops by default, and lets in what was intercepted", family->name);
	else
		check_missing(check, "input, %s: it drops by default, and nothing lets in what was intercepted: "
			      LOAD_INPUT_RULES, family->name);
}

/* Lines of /proc/net/tcp: "  0: 00000000:0834 00000000:0000 0A ...", 0A for sockets that listen. */
static bool somebody_listens(const char *path, uint16_t port)
{
	FILE *file = fopen(path, "re");
	char line[512], local[16];
	bool found = false;

	snprintf(local, sizeof(local), ":%04X ", port);
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, local) && strstr(line, ":0000 0A ");
	if (file)
		fclose(file);
	return found;
}

static void check_listener(struct check *check)
{
	const uint16_t port = check->config->proxy.port;

	if (somebody_listens("/proc/net/tcp", port))
		check_ok(check, "daemon: a proxy listens on port %u", port);
	else
		check_note(check, "daemon: no proxy listens on port %u; until \"ftpalg %s\" does, connections that it "
			   "should take are not made", port, config_terminates(check->config) ? "run" : "proxy");
}

/* The family's own tables, iptables' among them, and those of both families. To be freed; NULL where nft says nothing. */
static char *list_nft(const struct family_words *family)
{
	char *own = check_program_output((const char *const[]){ "nft", "list", "ruleset", family->tables, NULL });
	char *both = check_program_output((const char *const[]){ "nft", "list", "ruleset", "inet", NULL });
	char *text = NULL;

	if (own && both && asprintf(&text, "%s%s", own, both) < 0)
		text = NULL;
	free(own);
	free(both);
	return text;
}

void check_proxy(struct check *check)
{
	if (!check->config->proxy.port)
		return;
	if (diverts(check->config))
		check_settings(check);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family_words *family = &families[i];
		char *iptables, *nft;

		/* A family that is not forwarded is not intercepted either. */
		if (check_read_sysctl(family->forwarding) <= 0)
			continue;
		for (int j = 0; diverts(check->config) && j < 2; j++)
			check_module(check, family->modules[j], family->symbols[j]);
		nft = list_nft(family);
		iptables = check_program_output((const char *const[]){ family->save, NULL });
		if (nft || iptables) {
			check_interception(check, family, nft, iptables);
			check_input(check, family, nft, iptables);
		}
		if (diverts(check->config))
			check_route(check, family);
		free(iptables);
		free(nft);
	}
	check_listener(check);
}
