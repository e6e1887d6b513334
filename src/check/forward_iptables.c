/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward chains in what iptables-save(8) prints. */
#include <string.h>

#include "check/chains.h"
#include "check/forward.h"
#include "check/words.h"
#include "rules/rules.h"

/* words are at "-j" or "-g". */
static void iptables_read_target(struct words *words, struct rule *rule)
{
	const bool comes_back = words_are(words, "-j");

	words_skip(words);
	if (words_are(words, "ACCEPT"))
		rule->kind = RULE_ACCEPTS;
	else if (words_are(words, "DROP") || words_are(words, "REJECT"))
		rule->kind = RULE_DROPS;
	else if (words_are(words, "RETURN"))
		rule->kind = RULE_RETURNS;
	else
		rule->kind = comes_back ? RULE_JUMPS : RULE_GOES;
	words_copy(words, rule->target, sizeof(rule->target));
}

static void iptables_read_states(struct words *words, struct rule *rule)
{
	do {
		words_skip(words);
		words_read_state(words, &rule->states);
	} while (*words->next == ',');
}

/* What follows "-A CHAIN" in a line of iptables-save. What follows the target are the target's own words. */
static struct rule iptables_read_rule(const char *line)
{
	static const char *const carrier[] = { RULES_CARRIER, "\"" RULES_CARRIER "\"", NULL };
	static const char *const with_value[] = { "-m", "--comment", NULL };
	static const char *const states[] = { "--ctstate", "--state", NULL };
	static const char *const ports[] = { "--dport", "--dports", NULL }, *const jumps[] = { "-j", "-g", NULL };
	struct words words = { .next = line };
	struct rule rule = { .kind = RULE_OTHER };

	while (words_next(&words) && !words_are_any(&words, jumps)) {
		if (words_are_any(&words, states)) {
			rule.stated = true;
			iptables_read_states(&words, &rule);
		} else if (words_are_any(&words, with_value)) {
			words_skip(&words);
		} else if (words_are(&words, "-p")) {
			words_read_protocols(&words, &rule);
		} else if (words_are_any(&words, ports)) {
			words_read_ports(&words, &rule);
		} else if (!words_are(&words, "--helper") || !words_take(&words, carrier)) {
			rule.narrow = true;
		}
	}
	if (words.length)
		iptables_read_target(&words, &rule);
	rule_finish(&rule);
	return rule;
}

/* ":CHAIN POLICY [0:0]" declares, "-A CHAIN ..." adds a rule; only the table of filters is of interest. */
static void iptables_read_line(const char *line, struct chains *chains)
{
	const struct chain table = { .table = "filter" };
	struct words words = { .next = line + (*line == ':' ? 1 : 0) };
	char name[CHAINS_NAME_MAX];
	struct chain *chain;
	struct rule rule;

	words_next(&words);
	if (*line == ':' && (chain = chains_add(chains))) {
		words_copy(&words, chain->name, sizeof(chain->name));
		memcpy(chain->table, table.table, sizeof(chain->table));
		words_next(&words);
		chain->forward = strcmp(chain->name, "FORWARD") == 0;
		chain->drops = words_are(&words, "DROP");
	} else if (words_are(&words, "-A")) {
		words_next(&words);
		words_copy(&words, name, sizeof(name));
		rule = iptables_read_rule(words.next);
		chain = chains_find(chains, &table, name);
		if (chain)
			chain_add_rule(chain, &rule);
	}
}

void forward_read_iptables(const char *text, struct forward_finding *finding)
{
	struct chains chains = { .list = NULL };
	bool inside = false;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (*line == '*')
			inside = strncmp(line, "*filter\n", 8) == 0;
		else if (inside)
			iptables_read_line(line, &chains);
	}
	chains_judge(&chains, finding);
	chains_free(&chains);
}
