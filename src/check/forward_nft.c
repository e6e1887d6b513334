/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward chains in the listing of nft(8). */
#include <string.h>

#include "check/chains.h"
#include "check/forward.h"
#include "check/words.h"
#include "rules/rules.h"

/* "ct state { ... }", "ct state a,b" and "ct state vmap { a : accept, b : jump c }". */
static void nft_read_states(struct words *words, struct rule *rule)
{
	bool braces = false, map = false, accepted = false;
	struct states pending = { COVERS_NONE, COVERS_NONE };
	struct words ahead = *words;

	while (words_next(&ahead)) {
		if (words_are(&ahead, "vmap")) {
			map = true;
		} else if (words_are(&ahead, "{")) {
			braces = true;
		} else if (words_are(&ahead, "}")) {
			*words = ahead;
			break;
		} else if (map && words_are(&ahead, "accept")) {
			states_add(&rule->states, &pending, false);
			accepted = true;
			pending = (struct states){ COVERS_NONE, COVERS_NONE };
		} else if (map && (words_are(&ahead, "drop") || words_are(&ahead, "reject") || words_are(&ahead, "return") ||
				   words_are(&ahead, "continue"))) {
			pending = (struct states){ COVERS_NONE, COVERS_NONE };
		} else if (map) {
			words_read_state(&ahead, &pending);
		} else {
			words_read_state(&ahead, &rule->states);
		}
		*words = ahead;
		/* Without braces the list ends with its last comma. */
		if (!braces && !map && *ahead.next != ',')
			break;
	}
	if (accepted)
		rule->kind = RULE_ACCEPTS;
}

static void nft_read_ct(struct words *words, struct rule *rule)
{
	static const char *const state[] = { "state", NULL }, *const helper[] = { "helper", NULL };
	static const char *const carrier[] = { "\"" RULES_CARRIER "\"", NULL };

	if (words_take(words, state)) {
		rule->stated = true;
		nft_read_states(words, rule);
	} else if (!words_take(words, helper) || !words_take(words, carrier)) {
		rule->narrow = true;
	}
}

/* After "meta", "ip" or "ip6": a protocol or the family; anything else narrows the rule. */
static void nft_read_header(struct words *words, struct rule *rule)
{
	static const char *const protocols[] = { "l4proto", "protocol", "nexthdr", NULL };
	static const char *const family[] = { "nfproto", NULL };

	if (words_take(words, protocols))
		words_read_protocols(words, rule);
	else if (words_take(words, family))
		words_skip(words);
	else
		rule->narrow = true;
}

/* A verdict ends the rule; a comment may follow. */
static bool nft_read_verdict(struct words *words, struct rule *rule)
{
	static const struct {
		const char *word;
		enum rule_kind kind;
	} verdicts[] = {
		{ "accept", RULE_ACCEPTS }, { "drop", RULE_DROPS }, { "reject", RULE_DROPS },
		{ "return", RULE_RETURNS }, { "jump", RULE_JUMPS }, { "goto", RULE_GOES },
	};

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (!words_are(words, verdicts[i].word))
			continue;
		rule->kind = verdicts[i].kind;
		if (rule->kind == RULE_JUMPS || rule->kind == RULE_GOES) {
			words_skip(words);
			words_copy(words, rule->target, sizeof(rule->target));
		}
		return true;
	}
	return false;
}

/* One rule of nft's listing, without the blanks in front. */
static struct rule nft_read_rule(const char *line)
{
	static const char *const headers[] = { "meta", "ip", "ip6", NULL };
	static const char *const others[] = { "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "igmp", NULL };
	static const char *const with_value[] = { "packets", "bytes", "comment", "prefix", "level", NULL };
	static const char *const alone[] = { "counter", "log", NULL }, *const dport[] = { "dport", NULL };
	struct words words = { .next = line };
	struct rule rule = { .kind = RULE_OTHER };

	while (words_next(&words) && !nft_read_verdict(&words, &rule)) {
		if (words_are(&words, "ct"))
			nft_read_ct(&words, &rule);
		else if (words_are_any(&words, headers))
			nft_read_header(&words, &rule);
		else if (words_are(&words, "tcp") && words_take(&words, dport))
			words_read_ports(&words, &rule);
		else if (words_are_any(&words, others))
			rule.foreign = true;
		else if (words_are_any(&words, with_value))
			words_skip(&words);
		else if (!words_are_any(&words, alone))
			rule.narrow = true;
	}
	rule_finish(&rule);
	return rule;
}

static void nft_begin_chain(const char *line, const char *table, struct chains *chains, struct chain **chain)
{
	struct words words = { .next = line };

	*chain = chains_add(chains);
	if (!*chain)
		return;
	words_next(&words);
	words_copy(&words, (*chain)->name, sizeof((*chain)->name));
	words = (struct words){ .next = table };
	words_next(&words);
	words_copy(&words, (*chain)->family, sizeof((*chain)->family));
	words_next(&words);
	words_copy(&words, (*chain)->table, sizeof((*chain)->table));
}

/* Is it a table that sees the packets of this family? */
static bool nft_table_is_of(const char *table, bool ipv6)
{
	return strncmp(table, "inet ", 5) == 0 || strncmp(table, ipv6 ? "ip6 " : "ip ", ipv6 ? 4 : 3) == 0;
}

/* "type filter hook forward priority filter; policy drop;" */
static void nft_read_hook(const char *line, struct chain *chain)
{
	struct words words = { .next = line };

	chain->forward = strncmp(line, "type filter hook forward ", 25) == 0;
	while (words_next(&words))
		chain->drops |= words_are(&words, "drop;");
}

static void nft_read_line(const char *line, struct chain *chain)
{
	if (strncmp(line, "type ", 5) == 0) {
		nft_read_hook(line, chain);
	} else if (*line != '#' && *line != '\n') {
		const struct rule rule = nft_read_rule(line);

		chain_add_rule(chain, &rule);
	}
}

void forward_read_nft(const char *text, bool ipv6, bool translated, struct forward_finding *finding)
{
	struct chains chains = { .list = NULL };
	struct chain *chain = NULL;
	const char *table = NULL;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		line += strspn(line, "\t ");
		if (strncmp(line, "table ", 6) == 0)
			table = nft_table_is_of(line + 6, ipv6) ? line + 6 : NULL;
		else if (*line == '}')
			chain = NULL;
		else if (table && strncmp(line, "chain ", 6) == 0)
			nft_begin_chain(line + 6, table, &chains, &chain);
		else if (chain)
			nft_read_line(line, chain);
	}
	for (size_t i = 0; translated && i < chains.count; i++)
		if (strncmp(chains.list[i].family, "ip", 2) == 0 && strcmp(chains.list[i].table, "filter") == 0 &&
		    strcmp(chains.list[i].name, "FORWARD") == 0)
			chains.list[i].forward = false;
	chains_judge(&chains, finding);
	chains_free(&chains);
}
