/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of the file: what sections inherit, what they lack, and what they say together. */
#include <string.h>

#include "config/reader.h"

/* Gives rule every setting of [policy] that it did not make itself. */
static void config_inherit(struct policy_rule *rule, const struct config_seen *seen, const struct policy_rule *policy)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_RULE, i)); i++)
		if (!seen->key[i] && !key->rule_only)
			memcpy((char *)rule + key->offset, (const char *)policy + key->offset, key->size);
}

/* Networks that were refused are networks: the error for them is enough. */
static bool config_has_networks(const struct config_seen *seen)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_RULE, i)); i++)
		if (key->rule_only && seen->key[i])
			return true;
	return false;
}

/* Was name among the hosts of earlier rules, or among those of this one before its last? */
static bool config_knows_host(const struct policy *policy, size_t last, const char *name)
{
	bool known = false;

	for (size_t i = 0; i < last; i++)
		known = known || strcmp(policy->rules[i].advertise.host, name) == 0 ||
			strcmp(policy->rules[i].advertise_active.host, name) == 0;
	return known;
}

static void config_count_hosts(struct config_reader *reader)
{
	const struct policy *policy = &reader->config->policy;
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const char *passive = policy->rules[i].advertise.host, *active = policy->rules[i].advertise_active.host;

		count += passive[0] && !config_knows_host(policy, i, passive);
		count += active[0] && strcmp(active, passive) != 0 && !config_knows_host(policy, i, active);
		if (count <= POLICY_HOSTS_MAX)
			continue;
		config_go_to(reader,
			     i + 1 < policy->rule_count ? reader->rule_seen[i].section : reader->policy_seen.section);
		config_complain(reader, "with this section, advertise and advertise-active have more than %d names; expected less",
				POLICY_HOSTS_MAX);
		break;
	}
}

void config_finish_rules(struct config_reader *reader)
{
	struct policy *policy = &reader->config->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		struct policy_rule *rule = &policy->rules[i];

		if (!config_has_networks(&reader->rule_seen[i])) {
			config_go_to(reader, reader->rule_seen[i].section);
			config_complain(reader, "rule \"%s\" would decide for everybody; expected clients, servers or "
					"both (what holds for everybody belongs in [policy])", rule->name);
		}
		config_inherit(rule, &reader->rule_seen[i], &reader->policy);
	}
	policy->rules[policy->rule_count++] = reader->policy;
	config_count_hosts(reader);
}

void config_finish_servers(struct config_reader *reader)
{
	for (size_t i = 0; i < reader->config->server_count; i++) {
		const struct config_server *server = &reader->config->servers[i];

		config_go_to(reader, reader->server_seen[i].section);
		if (reader->error_count == 0 && (!server->certificate[0] != !server->key[0] ||
						 (!server->certificate[0] && !config_server_says_more(server))))
			config_complain(reader, "server \"%s\": expected certificate and key", server->name);
		if (reader->error_count == 0 && server->address_count + server->host_count == 0)
			config_complain(reader, "server \"%s\" would be every server; expected addresses, names or both"
					" (what holds for every server belongs in [proxy])", server->name);
	}
}

void config_finish_gateway(struct config_reader *reader)
{
	if (config_last_queue(reader->config) <= UINT16_MAX || reader->error_count > 0)
		return;
	config_go_to(reader, reader->gateway_seen.section);
	config_complain(reader, "[gateway]: workers have queues from %u to %u; expected none above 65535", reader->config->queue,
			config_last_queue(reader->config));
}

void config_finish_proxy(struct config_reader *reader)
{
	const struct config *config = reader->config;
	const bool seen = reader->proxy_seen.section != 0;
	const char *wrong = NULL;
	bool certified = false;

	for (size_t i = 0; i < config->server_count; i++)
		certified = certified || config->servers[i].certificate[0];
	if (seen)
		wrong = config_judge_proxy(&config->proxy, certified);
	if (!wrong)
		wrong = config_judge_together(reader->config, seen);
	if (seen)
		config_go_to(reader, reader->proxy_seen.section);
	/* Where a value was refused, its absence is not another error. */
	if (wrong && reader->error_count == 0)
		config_complain(reader, "[proxy]: %s", wrong);
}
