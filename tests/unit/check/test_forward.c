/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What listings of nft and iptables-save say about the data connections that the gateway opens. */
#include "check/forward.h"

#include <string.h>

#include "unit.h"

/* The rules in one forward chain that drops by its policy, in nft's words and in those of iptables-save. */
struct row {
	const char *says;
	const char *rules;
	enum forward_verdict verdict;
};

static const struct row nft_rows[] = {
	{ "nothing", "", FORWARD_DROPS },
	{ "what is established", "ct state established accept\n", FORWARD_DROPS },
	{ "what is related", "ct state related accept\n", FORWARD_DROPS },
	{ "both", "ct state established,related accept\n", FORWARD_ADMITS },
	{ "both, one after the other", "ct state established accept\nct state related accept\n", FORWARD_ADMITS },
	{ "both and more", "ct state { established, related, new } counter packets 10 bytes 900 accept\n", FORWARD_ADMITS },
	{ "a map", "ct state vmap { invalid : drop, established : accept, related : accept }\n", FORWARD_ADMITS },
	{ "a map that drops one", "ct state vmap { related : drop, established : accept }\n", FORWARD_DROPS },
	{ "all", "accept\n", FORWARD_ADMITS },
	{ "what the gateway prints",
	  "ct helper \"sane\" ct state related tcp dport 1024-65535 accept\n"
	  "ct helper \"sane\" ct state established meta l4proto tcp accept\n", FORWARD_ADMITS },
	{ "another helper's", "ct helper \"ftp\" ct state established,related accept\n", FORWARD_ADMITS_SOME },
	{ "one way in", "iifname \"lan\" ct state established,related accept\n", FORWARD_ADMITS_SOME },
	{ "a port", "tcp dport 21 accept\n", FORWARD_DROPS },
	{ "ports below 1024 and above", "tcp dport { 21, 40000-50000 } accept\n", FORWARD_ADMITS_SOME },
	{ "another protocol", "ip protocol icmp accept\nmeta l4proto { icmp, ipv6-icmp } ct state related accept\n"
			      "udp dport 53 accept\n", FORWARD_DROPS },
	{ "its own protocol among others", "meta l4proto { tcp, udp } ct state established,related accept\n", FORWARD_ADMITS },
	{ "the family", "meta nfproto ipv4 ct state established,related accept\n", FORWARD_ADMITS },
	{ "all after a drop", "counter packets 0 bytes 0 drop\nct state established,related accept\n", FORWARD_DROPS },
	{ "all after a reject", "reject with icmpx admin-prohibited\naccept\n", FORWARD_DROPS },
	{ "all after a drop of others",
	  "ct state invalid drop\niifname \"dmz\" drop\nudp dport 53 drop\nct state established,related accept\n",
	  FORWARD_ADMITS },
	{ "only in its comment", "tcp dport 22 accept comment \"ct state established,related accept\"\n", FORWARD_DROPS },
	{ "with a log", "ct state established,related log prefix \"drop \" level info accept\n", FORWARD_ADMITS },
	{ "in another chain", "jump other\n", FORWARD_ADMITS },
	{ "in another chain, for some", "iifname \"lan\" jump other\n", FORWARD_ADMITS_SOME },
	{ "in another chain, for good", "goto other\ndrop\n", FORWARD_ADMITS },
	{ "in a chain that is not there", "jump nowhere\n", FORWARD_DROPS },
	{ "in a chain that drops", "jump dropping\naccept\n", FORWARD_DROPS },
	{ "after a chain that drops some", "iifname \"dmz\" jump dropping\naccept\n", FORWARD_ADMITS },
	{ "in a chain that returns first", "jump returning\n", FORWARD_DROPS },
	{ "in a circle", "jump circle\n", FORWARD_DROPS },
};

static const char nft_format[] =
	"table %s fw {\n\tset ports {\n\t\ttype inet_service\n\t\telements = { 21,\n\t\t\t     2121 }\n\t}\n\n"
	"\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n\n"
	"\tchain forward {\n\t\ttype filter hook forward priority filter; policy %s;\n%s\t}\n\n"
	"\tchain other {\n\t\tct state established,related accept\n\t}\n\n"
	"\tchain dropping {\n\t\tdrop\n\t}\n\n"
	"\tchain returning {\n\t\treturn\n\t\taccept\n\t}\n\n"
	"\tchain circle {\n\t\tjump circle\n\t}\n}\n"
	"table ip later {\n\tchain output {\n\t\ttype filter hook output priority filter; policy drop;\n\t}\n}\n";

static const struct row iptables_rows[] = {
	{ "nothing", "", FORWARD_DROPS },
	{ "what is established", "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n", FORWARD_DROPS },
	{ "both", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", FORWARD_ADMITS },
	{ "both, in old words", "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT\n", FORWARD_ADMITS },
	{ "all", "-A FORWARD -j ACCEPT\n", FORWARD_ADMITS },
	{ "what the gateway prints", "-A FORWARD -j FTPALG_ACCEPT\n", FORWARD_ADMITS },
	{ "one way", "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", FORWARD_ADMITS_SOME },
	{ "not one way", "-A FORWARD ! -i wan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", FORWARD_ADMITS_SOME },
	{ "a port", "-A FORWARD -p tcp -m multiport --dports 21,990 -j ACCEPT\n", FORWARD_DROPS },
	{ "some high ports", "-A FORWARD -p tcp -m tcp --dport 40000:50000 -j ACCEPT\n", FORWARD_ADMITS_SOME },
	{ "another protocol", "-A FORWARD -p icmp -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", FORWARD_DROPS },
	{ "all after a drop", "-A FORWARD -j DROP\n-A FORWARD -j ACCEPT\n", FORWARD_DROPS },
	{ "all after a reject", "-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n-A FORWARD -j ACCEPT\n", FORWARD_DROPS },
	{ "both in a chain of the firewall's", "-A FORWARD -j before\n-A before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n",
	  FORWARD_ADMITS },
	{ "only in its comment", "-A FORWARD -m comment --comment \"-m state --state RELATED,ESTABLISHED\" -p tcp --dport 22 -j ACCEPT\n",
	  FORWARD_DROPS },
	{ "after a target that goes on", "-A FORWARD -j LOG --log-prefix \"-j DROP \"\n-A FORWARD -j ACCEPT\n", FORWARD_ADMITS },
};

static const char iptables_format[] =
	"# Generated by iptables-save v1.8.9 (nf_tables) on Sun Nov 29 03:27:32 2026\n"
	"*mangle\n:FORWARD DROP [0:0]\nCOMMIT\n"
	"*filter\n:INPUT DROP [0:0]\n:FORWARD %s [0:0]\n:OUTPUT ACCEPT [0:0]\n:FTPALG_ACCEPT - [0:0]\n:before - [0:0]\n%s"
	"-A FTPALG_ACCEPT -p tcp -m helper --helper sane -m conntrack --ctstate RELATED -m tcp --dport 1024:65535 -j ACCEPT\n"
	"-A FTPALG_ACCEPT -p tcp -m helper --helper sane -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n"
	"*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";

static struct forward_finding read_nft(const char *family, const char *policy, const char *rules, bool ipv6, bool translated)
{
	struct forward_finding finding = { FORWARD_ADMITS, "" };
	char text[2048];

	snprintf(text, sizeof(text), nft_format, family, policy, rules);
	forward_read_nft(text, ipv6, translated, &finding);
	return finding;
}

static struct forward_finding read_iptables(const char *policy, const char *rules)
{
	struct forward_finding finding = { FORWARD_ADMITS, "" };
	char text[2048];

	snprintf(text, sizeof(text), iptables_format, policy, rules);
	forward_read_iptables(text, &finding);
	return finding;
}

static void forward_chain_of_nft_that_drops_is_judged_by_its_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nft_rows); i++) {
		const struct forward_finding finding = read_nft("inet", "drop", nft_rows[i].rules, false, false);

		if (finding.verdict != nft_rows[i].verdict)
			fail_msg("accepts %s: found %d, expected %d", nft_rows[i].says, finding.verdict, nft_rows[i].verdict);
		assert_string_equal(finding.chain, finding.verdict == FORWARD_ADMITS ? "" : "inet fw forward");
	}
}

static void forward_chain_of_iptables_that_drops_is_judged_by_its_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(iptables_rows); i++) {
		const struct forward_finding finding = read_iptables("DROP", iptables_rows[i].rules);

		if (finding.verdict != iptables_rows[i].verdict)
			fail_msg("accepts %s: found %d, expected %d", iptables_rows[i].says, finding.verdict,
				 iptables_rows[i].verdict);
		assert_string_equal(finding.chain, finding.verdict == FORWARD_ADMITS ? "" : "filter FORWARD");
	}
}

static void policy_that_accepts_leaves_it_to_rules_that_drop_all(void **state)
{
	(void)state;
	assert_int_equal(read_nft("inet", "accept", "", false, false).verdict, FORWARD_ADMITS);
	assert_int_equal(read_nft("inet", "accept", "ct state established accept\ndrop\n", false, false).verdict, FORWARD_DROPS);
	assert_int_equal(read_iptables("ACCEPT", "").verdict, FORWARD_ADMITS);
	assert_int_equal(read_iptables("ACCEPT", "-A FORWARD -j before\n-A before -j REJECT\n").verdict, FORWARD_DROPS);
}

static void table_is_judged_for_its_families_only(void **state)
{
	(void)state;
	assert_int_equal(read_nft("ip", "drop", "", false, false).verdict, FORWARD_DROPS);
	assert_int_equal(read_nft("ip", "drop", "", true, false).verdict, FORWARD_ADMITS);
	assert_int_equal(read_nft("ip6", "drop", "", false, false).verdict, FORWARD_ADMITS);
	assert_int_equal(read_nft("ip6", "drop", "", true, false).verdict, FORWARD_DROPS);
	assert_int_equal(read_nft("bridge", "drop", "", true, false).verdict, FORWARD_ADMITS);
}

/* iptables of today keeps its rules in nft's tables: who lists both would see each chain twice. */
static void chain_of_iptables_in_the_listing_of_nft_is_judged_once(void **state)
{
	static const char text[] = "table ip filter {\n\tchain FORWARD {\n"
				   "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
	struct forward_finding finding = { FORWARD_ADMITS, "" };

	(void)state;
	forward_read_nft(text, false, true, &finding);
	assert_int_equal(finding.verdict, FORWARD_ADMITS);
	forward_read_nft(text, false, false, &finding);
	assert_int_equal(finding.verdict, FORWARD_DROPS);
}

/* Each of 60 chains leads to the next one twice: 2^60 ways, and one answer. */
static void chains_that_lead_to_one_chain_are_walked_once(void **state)
{
	struct forward_finding finding = { FORWARD_ADMITS, "" };
	char text[8192];
	size_t length = (size_t)snprintf(text, sizeof(text), "*filter\n:FORWARD DROP [0:0]\n");

	(void)state;
	for (int i = 0; i <= 60; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, ":c%d - [0:0]\n", i);
	for (int i = 0; i < 60; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "-A c%d -j c%d\n-A c%d -i lan -j c%d\n", i, i + 1,
					   i, i + 1);
	length += (size_t)snprintf(text + length, sizeof(text) - length, "-A FORWARD -j c0\n-A c60 -i wan -j ACCEPT\n");
	forward_read_iptables(text, &finding);
	assert_int_equal(finding.verdict, FORWARD_ADMITS_SOME);
	finding.verdict = FORWARD_ADMITS;
	snprintf(text + length, sizeof(text) - length, "-A c60 -j ACCEPT\n");
	forward_read_iptables(text, &finding);
	assert_int_equal(finding.verdict, FORWARD_ADMITS);
}

/* What a chain does depends on what was accepted before it. */
static void chain_that_is_known_is_walked_again_with_other_states(void **state)
{
	static const char rules[] = "iifname \"lan\" jump half\njump half\nct state established accept\n";
	struct forward_finding finding = { FORWARD_ADMITS, "" };
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), nft_format, "inet", "drop", rules);
	strcat(text, "table inet fw {\n\tchain half {\n\t\tct state related accept\n\t}\n}\n");
	forward_read_nft(text, false, false, &finding);
	assert_int_equal(finding.verdict, FORWARD_ADMITS);
}

static void worst_chain_is_the_finding(void **state)
{
	struct forward_finding finding = read_iptables("DROP", "-A FORWARD -i lan -j ACCEPT\n");
	char text[2048];

	(void)state;
	assert_int_equal(finding.verdict, FORWARD_ADMITS_SOME);
	snprintf(text, sizeof(text), nft_format, "inet", "drop", "");
	forward_read_nft(text, false, false, &finding);
	assert_string_equal(finding.chain, "inet fw forward");
	snprintf(text, sizeof(text), nft_format, "inet", "accept", "");
	forward_read_nft(text, false, false, &finding);
	assert_int_equal(finding.verdict, FORWARD_DROPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_chain_of_nft_that_drops_is_judged_by_its_rules),
		cmocka_unit_test(forward_chain_of_iptables_that_drops_is_judged_by_its_rules),
		cmocka_unit_test(policy_that_accepts_leaves_it_to_rules_that_drop_all),
		cmocka_unit_test(table_is_judged_for_its_families_only),
		cmocka_unit_test(chain_of_iptables_in_the_listing_of_nft_is_judged_once),
		cmocka_unit_test(worst_chain_is_the_finding),
		cmocka_unit_test(chains_that_lead_to_one_chain_are_walked_once),
		cmocka_unit_test(chain_that_is_known_is_walked_again_with_other_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
