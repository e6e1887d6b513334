/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What listings of nft and iptables-save say about queues, and about flowtables, which take connections past them. */
#include "check/ruleset.h"

#include <string.h>

#include "unit.h"

static void flowtables_are_seen_where_rules_fill_them(void **state)
{
	static const struct {
		const char *nft;
		bool ipv4;
		bool ipv6;
	} rows[] = {
		{ "table inet t {\n\tchain f {\n\t\tmeta l4proto tcp ct state established flow add @ft\n\t}\n}\n", true, true },
		{ "table ip t {\n\tchain f {\n\t\tct state established flow add @ft counter\n\t}\n}\n", true, false },
		{ "table ip6 t {\n\tchain f {\n\t\tflow offload @ft\n\t}\n}\n", false, true },
		/* One that nobody fills has nothing. */
		{ "table inet t {\n\tflowtable ft {\n\t\thook ingress priority filter\n\t}\n}\n", false, false },
		{ "table inet t {\n\tchain overflow {\n\t\tjump flowing\n\t}\n}\n", false, false },
	};
	static const char by_iptables[] = "*filter\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j FLOWOFFLOAD --hw\nCOMMIT\n";
	static struct config config;
	struct check_ruleset rules[2];

	(void)state;
	config_set_defaults(&config);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(rules, 0, sizeof(rules));
		check_ruleset_read_nft(&config, rows[i].nft, &rules[0], &rules[1]);
		if (rules[0].offloads != rows[i].ipv4 || rules[1].offloads != rows[i].ipv6)
			fail_msg("%s", rows[i].nft);
	}
	memset(rules, 0, sizeof(rules));
	check_ruleset_read_iptables(&config, by_iptables, &rules[0]);
	assert_true(rules[0].offloads);
	check_ruleset_read_iptables(&config, "*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n", &rules[1]);
	assert_false(rules[1].offloads);
}

/* With two workers, of queues 21 and 22. */
static void a213_queues_are_read_in_each_form(void **state)
{
	static const struct {
		const char *rule;
		bool queue;
		uint32_t first;
		uint32_t last;
		bool scatters;
		bool bypass;
	} rows[] = {
		{ "queue num 21", true, 21, 21, false, false },
		{ "queue num 22 bypass", true, 22, 22, false, true },
		{ "queue to 21", true, 21, 21, false, false },
		{ "queue to 20-21", true, 20, 21, false, false },
		{ "queue flags bypass to 21-22", true, 21, 22, false, true },
		{ "queue flags bypass,fanout to 21-22", true, 21, 22, true, true },
		{ "queue flags fanout to 21-22", true, 21, 22, true, false },
		{ "queue to symhash mod 3 offset 21", true, 21, 23, false, false },
		{ "queue flags bypass to jhash ct original proto-src mod 2 seed 0x66747061 offset 21", true, 21, 22, false, true },
		{ "queue to numgen inc mod 2 offset 21", true, 21, 22, true, false },
		{ "queue to symhash mod 22", true, 0, 21, false, false },
		{ "queue to 23", false, 0, 0, false, false },
		{ "queue to 19-20", false, 0, 0, false, false },
		{ "queue to symhash mod 2 offset 23", false, 0, 0, false, false },
		{ "queue to symhash mod 0 offset 0", false, 0, 0, false, false },
		{ "queue to", false, 0, 0, false, false },
		{ "-A F -j NFQUEUE --queue-num 22", true, 22, 22, false, false },
		{ "-A F -j NFQUEUE --queue-balance 21:22", true, 21, 22, false, false },
		{ "-A F -j NFQUEUE --queue-balance 21:24 --queue-bypass", true, 21, 24, false, true },
		{ "-A F -j NFQUEUE --queue-balance 21:22 --queue-bypass --queue-cpu-fanout", true, 21, 22, true, true },
		{ "-A F -j NFQUEUE --queue-balance 23:24", false, 0, 0, false, false },
	};
	static struct config config;
	char text[256];

	(void)state;
	config_set_defaults(&config);
	config.workers = 2;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check_ruleset rules[2] = { { .queue = false } };

		snprintf(text, sizeof(text), "table inet t {\n\tchain c {\n\t\t%s\n\t}\n}\n", rows[i].rule);
		if (rows[i].rule[0] == '-')
			check_ruleset_read_iptables(&config, rows[i].rule, &rules[0]);
		else
			check_ruleset_read_nft(&config, text, &rules[0], &rules[1]);
		if (rules[0].queue != rows[i].queue || rules[0].first_queue != rows[i].first ||
		    rules[0].last_queue != rows[i].last || rules[0].scatters != rows[i].scatters ||
		    rules[0].bypass != rows[i].bypass)
			fail_msg("%s: %d, %u to %u", rows[i].rule, rules[0].queue, rules[0].first_queue, rules[0].last_queue);
	}
}

static void all_queues_that_several_rules_feed_are_known(void **state)
{
	static const char by_nft[] = "table ip a {\n\tchain c {\n\t\tqueue to 22\n\t\tqueue to 21\n\t}\n}\n"
				     "table ip b {\n\tchain c {\n\t\tqueue flags fanout to 22-23\n\t}\n}\n";
	static struct config config;
	struct check_ruleset rules[2] = { { .queue = false } };

	(void)state;
	config_set_defaults(&config);
	config.workers = 2;
	check_ruleset_read_nft(&config, by_nft, &rules[0], &rules[1]);
	assert_int_equal(rules[0].first_queue, 21);
	assert_int_equal(rules[0].last_queue, 23);
	assert_true(rules[0].scatters);
	assert_false(rules[1].queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a213_queues_are_read_in_each_form),
		cmocka_unit_test(all_queues_that_several_rules_feed_are_known),
		cmocka_unit_test(flowtables_are_seen_where_rules_fill_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
