/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of the file: what sections inherit, what they lack, and what they say together. */
#include <string.h>

#include "config/reader.h"

/* Gives rule every setting of [policy] that it did not make itself. */
static void config_inherit(struct policy_rule *rule, const struct config_seen *seen, const struct policy_rule *policy)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_RULE, i)); i++)
		if (!seen->key_line[i] && !key->rule_only)
			memcpy((char *)rule + key->offset, (const char *)policy + key->offset, key->size);
}

/* Networks that were refused are networks: the error for them is enough. */
static bool config_has_networks(const struct config_seen *seen)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_RULE, i)); i++)
		if (key->rule_only && seen->key_line[i])
			return true;
	return false;
}

void config_finish_rules(struct config_reader *reader)
{
	struct policy *policy = &reader->config->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		struct policy_rule *rule = &policy->rules[i];

		if (!config_has_networks(&reader->rule_seen[i])) {
			reader->line = reader->rule_seen[i].section_line;
			config_complain(reader, "rule \"%s\" would decide for everybody; expected clients, servers or "
					"both (what holds for everybody belongs in [policy])", rule->name);
		}
		config_inherit(rule, &reader->rule_seen[i], &reader->policy);
	}
	policy->rules[policy->rule_count++] = reader->policy;
}

void config_finish_servers(struct config_reader *reader)
{
	for (size_t i = 0; i < reader->config->server_count; i++) {
		const struct config_server *server = &reader->config->servers[i];

		reader->line = reader->server_seen[i].section_line;
		if (reader->error_count == 0 && (!server->certificate[0] != !server->key[0] ||
						 (!server->certificate[0] && !config_server_says_more(server))))
			config_complain(reader, "server \"%s\": expected certificate and key", server->name);
		if (reader->error_count == 0 && server->address_count + server->host_count == 0)
			config_complain(reader, "server \"%s\" would be every server; expected addresses, names or both"
					" (what holds for every server belongs in [proxy])", server->name);
	}
}

void config_finish_proxy(struct config_reader *reader)
{
	const struct config *config = reader->config;
	const bool seen = reader->proxy_seen.section_line != 0;
	const char *wrong = NULL;
	bool certified = false;

	for (size_t i = 0; i < config->server_count; i++)
		certified = certified || config->servers[i].certificate[0];
	if (seen)
		wrong = config_judge_proxy(&config->proxy, certified);
	if (!wrong)
		wrong = config_judge_together(reader->config, seen);
	if (seen)
		reader->line = reader->proxy_seen.section_line;
	/* Where a value was refused, what it leaves undone is not another error. */
	if (wrong && reader->error_count == 0)
		config_complain(reader, "[proxy]: %s", wrong);
}
