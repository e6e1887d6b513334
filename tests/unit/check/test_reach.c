/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of all translations that a host has, which lead a control connection to another port? */
#include "check/reach.h"

#include <string.h>

#include "check/ruleset.h"
#include "unit.h"

static struct config config;

static void use_ports(uint16_t first, uint16_t second)
{
	config_set_defaults(&config);
	config.control_ports[0] = first;
	config.control_ports[1] = second;
	config.control_port_count = 2;
}

/* A node of Kubernetes: a Service of FTP with a port of the node and two pods, and one of something else. */
static const char kube_format[] =
	"*filter\n-A FORWARD -j KUBE-FORWARD\n-A KUBE-FORWARD -j DNAT --to-destination 192.0.2.1:5\nCOMMIT\n"
	"*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
	"-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
	"-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
	"-A KUBE-EXT-FTP -j KUBE-MARK-MASQ\n"
	"-A KUBE-EXT-FTP -j KUBE-SVC-FTP\n"
	"-A KUBE-NODEPORTS -p tcp -m comment --comment \"default/ftp\" -m tcp --dport 30021 -j KUBE-EXT-FTP\n"
	"-A KUBE-SEP-FTP1 -s 10.244.1.7/32 -j KUBE-MARK-MASQ\n"
	"-A KUBE-SEP-FTP1 -p tcp -m tcp -j DNAT --to-destination 10.244.1.7:%u\n"
	"-A KUBE-SEP-FTP2 -p tcp -m tcp -j DNAT --to-destination 10.244.1.8:%u\n"
	"-A KUBE-SEP-WEB -p tcp -m tcp -j DNAT --to-destination 10.244.1.9:8080\n"
	"-A KUBE-SEP-OLD -p tcp -m tcp -j DNAT --to-destination 10.244.1.5:2100\n"
	"-A KUBE-SERVICES -d 10.96.0.80/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-WEB\n"
	"-A KUBE-SERVICES -d 10.96.0.21/32 -p tcp -m tcp --dport 21 -j KUBE-SVC-FTP\n"
	"-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n"
	"-A KUBE-SVC-FTP -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-FTP1\n"
	"-A KUBE-SVC-FTP -j KUBE-SEP-FTP2\n"
	"-A KUBE-SVC-WEB -j KUBE-SEP-WEB\n"
	"COMMIT\n";

/* The same by kube-proxy's tables of nft. */
static const char kube_nft_format[] =
	"table ip kube-proxy {\n"
	"\tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
	"\t\telements = { 10.96.0.80 . tcp . 80 : goto service-B-default/web/tcp/,\n"
	"\t\t\t     10.96.0.21 . tcp . 21 : goto service-A-default/ftp/tcp/ }\n\t}\n\n"
	"\tmap service-nodeports {\n\t\ttype inet_proto . inet_service : verdict\n"
	"\t\telements = { tcp . 30021 : goto external-A-default/ftp/tcp/ }\n\t}\n\n"
	"\tchain services {\n\t\tip daddr . meta l4proto . th dport vmap @service-ips\n"
	"\t\tip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @service-nodeports\n\t}\n\n"
	"\tchain nat-prerouting {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\tjump services\n\t}\n\n"
	"\tchain service-A-default/ftp/tcp/ {\n\t\tnumgen random mod 2 vmap { 0 : goto endpoint-1, 1 : goto endpoint-2 }\n\t}\n\n"
	"\tchain external-A-default/ftp/tcp/ {\n\t\tjump mark-for-masquerade\n\t\tgoto service-A-default/ftp/tcp/\n\t}\n\n"
	"\tchain service-B-default/web/tcp/ {\n\t\tnumgen random mod 1 vmap { 0 : goto endpoint-3 }\n\t}\n\n"
	"\tchain endpoint-1 {\n\t\tmeta l4proto tcp dnat to 10.244.1.7:%u\n\t}\n\n"
	"\tchain endpoint-2 {\n\t\tmeta l4proto tcp dnat to 10.244.1.8:%u\n\t}\n\n"
	"\tchain endpoint-3 {\n\t\tmeta l4proto tcp dnat to 10.244.1.9:8080\n\t}\n\n"
	"\tchain endpoint-4 {\n\t\tmeta l4proto tcp dnat to 10.244.1.5:2100\n\t}\n"
	"}\n";

static uint16_t translated_by_iptables(unsigned int first, unsigned int second)
{
	struct check_ruleset ruleset = { .carrier = false };
	char text[4096];

	snprintf(text, sizeof(text), kube_format, first, second);
	check_ruleset_read_iptables(&config, text, &ruleset);
	return ruleset.translated_port;
}

static uint16_t translated_by_nft(unsigned int first, unsigned int second)
{
	struct check_ruleset ipv4 = { .carrier = false }, ipv6 = { .carrier = false };
	char text[4096];

	snprintf(text, sizeof(text), kube_nft_format, first, second);
	check_ruleset_read_nft(&config, text, &ipv4, &ipv6);
	return ipv4.translated_port;
}

/* Each with a translation to 8080 behind another port, and one to 2100 that nothing leads to any more. */
static void translation_of_another_service_is_none_of_a_control_connection(void **state)
{
	(void)state;
	use_ports(21, 30021);
	assert_int_equal(translated_by_iptables(21, 21), 0);
	assert_int_equal(translated_by_nft(21, 21), 0);
}

static void translation_that_a_control_connection_comes_to_over_other_chains_is_found(void **state)
{
	(void)state;
	use_ports(21, 30021);
	assert_int_equal(translated_by_iptables(2121, 21), 2121);
	assert_int_equal(translated_by_iptables(21, 2121), 2121);
	assert_int_equal(translated_by_nft(2121, 21), 2121);
	assert_int_equal(translated_by_nft(21, 2121), 2121);
}

/* One way leads there, whichever it is. */
static void each_way_to_a_translation_counts(void **state)
{
	(void)state;
	use_ports(2, 30021);
	assert_int_equal(translated_by_iptables(2121, 2121), 2121);
	assert_int_equal(translated_by_nft(2121, 2121), 2121);
	use_ports(21, 2);
	assert_int_equal(translated_by_iptables(2121, 2121), 2121);
	assert_int_equal(translated_by_nft(2121, 2121), 2121);
	use_ports(2, 3);
	assert_int_equal(translated_by_iptables(2121, 2121), 0);
	assert_int_equal(translated_by_nft(2121, 2121), 0);
}

static void rule_of_nft_says_of_which_ports_it_is(void **state)
{
	static const struct {
		const char *rule;
		uint32_t ports;
	} rows[] = {
		{ "jump there", 3 },
		{ "iifname \"wan0\" goto there", 3 },
		{ "tcp dport 21 jump there", 1 },
		{ "tcp dport { 80, 2000-3000 } jump there", 2 },
		{ "tcp dport 80 jump there", 0 },
		{ "tcp dport @some jump there", 3 },
		{ "tcp dport vmap { 21 : jump there, 80 : jump elsewhere }", 1 },
		{ "tcp dport vmap { 80 : jump elsewhere, 2121 : goto there }", 2 },
		{ "ip saddr vmap { 10.0.0.1 : jump there }", 3 },
		{ "jump circle", 3 },
		{ "accept", 0 },
	};

	(void)state;
	use_ports(21, 2121);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reach reach;
		char text[512];

		snprintf(text, sizeof(text), "table ip other {\n\tchain c {\n\t\tjump there\n\t}\n}\ntable ip nat {\n\tchain pre {\n"
			 "\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\t%s\n\t}\n"
			 "\tchain circle {\n\t\tjump there\n\t\tjump circle\n\t}\n}\n", rows[i].rule);
		reach_read_nft(&reach, &config, text);
		if (reach_ports(&reach, "ip nat {", "there") != rows[i].ports || reach_ports(&reach, "ip other {", "there"))
			fail_msg("%s: %u", rows[i].rule, reach_ports(&reach, "ip nat {", "there"));
		reach_free(&reach);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(translation_of_another_service_is_none_of_a_control_connection),
		cmocka_unit_test(translation_that_a_control_connection_comes_to_over_other_chains_is_found),
		cmocka_unit_test(each_way_to_a_translation_counts),
		cmocka_unit_test(rule_of_nft_says_of_which_ports_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
