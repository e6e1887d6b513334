/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules/facts.h"

void rules_print_ports(const struct config *config, const char *separator, FILE *out)
{
	for (size_t i = 0; i < config->control_port_count; i++)
		fprintf(out, "%s%u", i ? separator : "", config->control_ports[i]);
}

uint16_t rules_lowest_port(const struct config *config)
{
	uint16_t lowest = UINT16_MAX;

	for (size_t i = 0; i < config->policy.rule_count; i++) {
		const struct policy_rule *rule = &config->policy.rules[i];

		if (rule->port_min < lowest)
			lowest = rule->port_min;
		/* Ports that are listed for third-party transfers are exempt from the minimum. */
		for (size_t j = 0; j < rule->fxp_count; j++)
			if (rule->fxp[j].ports.first < lowest)
				lowest = rule->fxp[j].ports.first;
	}
	return lowest;
}

/* MSS, window scale, SACK permitted, timestamps. */
bool rules_option_is_kept(unsigned int kind)
{
	return kind == 2 || kind == 3 || kind == 4 || kind == 8;
}

/* TCP-MD5, TCP-AO, MPTCP, Fast Open, and the two kinds for experiments, of which Fast Open has used one. */
const uint8_t rules_options_dangerous[] = { 19, 29, 30, 34, 253, 254 };
const size_t rules_option_dangerous_count = sizeof(rules_options_dangerous);

bool rules_may_bypass(const struct config *config)
{
	return config->absent_open || config->queue_full_open;
}

void rules_name_queues(const struct config *config, char text[RULES_QUEUES_MAX])
{
	const unsigned int workers = config_count_workers(config);

	if (workers == 1)
		snprintf(text, RULES_QUEUES_MAX, "queue %u", config->queue);
	else
		snprintf(text, RULES_QUEUES_MAX, "queues %u to %u", config->queue, config->queue + workers - 1);
}
