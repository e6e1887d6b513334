/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy: whose rule it is, what may be offered, which verbs pass. */
#include "ftpalg/policy.h"
#include "unit.h"

#define CLIENT "10.0.0.5"
#define SERVER "203.0.113.9"
#define CLIENT6 "2001:db8:c::5"
#define SERVER6 "2001:db8:5::9"

static struct hostport offer_of(enum form form, const char *address, uint16_t port)
{
	struct hostport hostport = { .form = form, .endpoint = unit_endpoint(address, port), .delimiter = '|' };

	return hostport;
}

static struct policy_answer judge(const struct policy_rule *rule, const struct nat_view *view, enum form form,
				  const char *address, uint16_t port)
{
	struct hostport hostport = offer_of(form, address, port);
	struct policy_answer answer;

	memset(&answer, 0xff, sizeof(answer));
	policy_judge_offer(rule, view, &hostport, &answer);
	return answer;
}

struct offer_row {
	enum form form;
	const char *address; /* "": none */
	uint16_t port;
	enum reason reason;
	const char *answer; /* where allowed; NULL: the address itself */
};

static void check_offers(const struct policy_rule *rule, const struct nat_view *view, const struct offer_row *rows,
			 size_t count, bool third_party)
{
	for (size_t index = 0; index < count; index++) {
		const struct offer_row *row = &rows[index];
		struct policy_answer answer = judge(rule, view, row->form, row->address, row->port);

		if (answer.reason != row->reason)
			fail_msg("%s %s:%u: %s", form_name(row->form), row->address, row->port,
				 reason_name(answer.reason));
		if (row->reason == REASON_NONE) {
			struct endpoint expected = unit_endpoint(row->answer ? row->answer : row->address, row->port);

			assert_true(endpoint_equal(&answer.endpoint, &expected));
		}
		assert_int_equal(answer.third_party, third_party && row->reason == REASON_NONE);
	}
}

static void defaults_are_strict(void **state)
{
	struct policy_rule rule;

	(void)state;
	memset(&rule, 0xff, sizeof(rule));
	policy_rule_set_defaults(&rule);

	assert_string_equal(rule.name, "policy");
	assert_int_equal(rule.client_count, 0);
	assert_int_equal(rule.server_count, 0);
	assert_true(rule.active);
	assert_true(rule.passive);
	assert_true(rule.upload);
	assert_true(rule.download);
	assert_true(rule.login_required);
	assert_true(rule.unknown_verbs);
	assert_int_equal(rule.foreign_server, FOREIGN_SERVER_REWRITE_PRIVATE);
	assert_int_equal(rule.tls, TLS_ALLOW);
	assert_int_equal(rule.port_min, 1024);
	assert_int_equal(rule.fxp_count, 0);
	assert_int_equal(rule.advertise.ipv4.address.family, FAMILY_NONE);
	assert_int_equal(rule.advertise_active.ipv4.address.family, FAMILY_NONE);
	assert_string_equal(rule.advertise.host, "");
	assert_int_equal(rule.pinhole_timeout, 60);
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
		assert_false(rule.verb_denied[verb]);
}

static void the_default_deny_list_is_ordered_and_spares_ephemeral_ports(void **state)
{
	static const uint16_t denied[] = {
		1080, 1433, 1521, 1723, 2049, 2375, 3128, 3306, 3389, 5060,
		5432, 5900, 5985, 6000, 6379, 8080, 9100, 9200, 11211, 27017,
	};
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);
	unsigned int ports = 0;
	unsigned int next = 1024;

	(void)state;
	policy_rule_set_defaults(&rule);
	for (size_t index = 0; index < rule.port_denied_count; index++) {
		assert_true(rule.port_denied[index].first >= next);
		assert_true(rule.port_denied[index].last >= rule.port_denied[index].first);
		next = rule.port_denied[index].last + 1U;
		ports += next - rule.port_denied[index].first;
	}
	/* Linux begins at 32768. */
	assert_true(next <= 32768);
	assert_true(ports <= 80);

	for (size_t index = 0; index < ARRAY_SIZE(denied); index++)
		assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, denied[index]).reason, REASON_DENIED_PORT);
	for (unsigned int port = 32768; port < 65536; port++)
		assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, (uint16_t)port).reason, REASON_NONE);
}

static void a_server_meets_its_own_list_and_none_by_default(void **state)
{
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	policy_rule_set_defaults(&rule);
	for (unsigned int port = 1024; port < 65536; port++) {
		assert_int_equal(judge(&rule, &view, FORM_227, SERVER, (uint16_t)port).reason, REASON_NONE);
		assert_int_equal(judge(&rule, &view, FORM_229, "", (uint16_t)port).reason, REASON_NONE);
	}
	rule.passive_denied[0] = (struct port_range){ 3306, 3306 };
	rule.passive_denied[1] = (struct port_range){ 50000, 50001 };
	rule.passive_denied_count = 2;
	assert_int_equal(judge(&rule, &view, FORM_227, SERVER, 3306).reason, REASON_DENIED_PORT);
	assert_int_equal(judge(&rule, &view, FORM_228, SERVER, 50000).reason, REASON_DENIED_PORT);
	assert_int_equal(judge(&rule, &view, FORM_229, "", 50001).reason, REASON_DENIED_PORT);
	assert_int_equal(judge(&rule, &view, FORM_229, "", 50002).reason, REASON_NONE);
	assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, 50001).reason, REASON_NONE);
}

static void by_default_a_peer_offers_only_itself(void **state)
{
	static const struct offer_row ipv4[] = {
		{ FORM_PORT, CLIENT, 1025, REASON_NONE, NULL },
		{ FORM_EPRT, CLIENT, 1025, REASON_NONE, NULL },
		{ FORM_LPRT, CLIENT, 65535, REASON_NONE, NULL },
		{ FORM_227, SERVER, 1025, REASON_NONE, NULL },
		{ FORM_228, SERVER, 1025, REASON_NONE, NULL },
		{ FORM_229, "", 1025, REASON_NONE, SERVER },
		{ FORM_PORT, "0.0.0.0", 1025, REASON_NONE, CLIENT },
		{ FORM_227, "0.0.0.0", 1025, REASON_NONE, SERVER },
		/* somebody else: the bounce, either way; and each other */
		{ FORM_PORT, "10.0.0.99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_EPRT, "10.0.0.99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_LPRT, "10.0.0.99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "198.51.100.99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_228, "198.51.100.99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_PORT, SERVER, 2525, REASON_FOREIGN_ADDRESS, NULL },
		/* what a server behind a NAT believes to be its own, and is nobody's: its own is meant */
		{ FORM_227, "10.0.0.99", 2525, REASON_NONE, SERVER },
		{ FORM_227, "172.16.0.1", 2525, REASON_NONE, SERVER },
		{ FORM_227, "172.31.255.255", 2525, REASON_NONE, SERVER },
		{ FORM_227, "192.168.1.1", 2525, REASON_NONE, SERVER },
		{ FORM_227, "100.64.0.1", 2525, REASON_NONE, SERVER },
		{ FORM_227, "100.127.255.255", 2525, REASON_NONE, SERVER },
		{ FORM_228, "10.0.0.99", 2525, REASON_NONE, SERVER },
		{ FORM_227, CLIENT, 2525, REASON_NONE, SERVER },
		{ FORM_227, "127.0.0.1", 2525, REASON_NONE, SERVER },
		{ FORM_227, "169.254.0.1", 2525, REASON_NONE, SERVER },
		{ FORM_227, "10.0.0.99", 22, REASON_LOW_PORT, NULL },
		{ FORM_227, "11.0.0.1", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "172.15.0.1", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "172.32.0.1", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "192.169.0.1", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "100.63.255.255", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "100.128.0.1", 2525, REASON_FOREIGN_ADDRESS, NULL },
		/* nobody */
		{ FORM_PORT, "127.0.0.1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_PORT, "255.255.255.255", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_PORT, "224.0.0.1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_PORT, "169.254.0.1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_PORT, "0.0.0.1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		/* ports */
		{ FORM_PORT, CLIENT, 0, REASON_PORT_ZERO, NULL },
		{ FORM_227, SERVER, 0, REASON_PORT_ZERO, NULL },
		{ FORM_229, "", 0, REASON_PORT_ZERO, NULL },
		{ FORM_PORT, CLIENT, 22, REASON_LOW_PORT, NULL },
		{ FORM_PORT, CLIENT, 1023, REASON_LOW_PORT, NULL },
		{ FORM_PORT, CLIENT, 1024, REASON_NONE, NULL },
		{ FORM_227, SERVER, 22, REASON_LOW_PORT, NULL },
		{ FORM_229, "", 139, REASON_LOW_PORT, NULL },
		{ FORM_PORT, CLIENT, 6000, REASON_DENIED_PORT, NULL },
		{ FORM_PORT, CLIENT, 3389, REASON_DENIED_PORT, NULL },
		{ FORM_229, "", 3306, REASON_NONE, SERVER },
		{ FORM_227, SERVER, 6000, REASON_NONE, NULL },
		/* families */
		{ FORM_EPRT, CLIENT6, 1025, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_EPRT, "::", 1025, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_228, SERVER6, 1025, REASON_FAMILY_MISMATCH, NULL },
	};
	static const struct offer_row ipv6[] = {
		{ FORM_EPRT, CLIENT6, 1025, REASON_NONE, NULL },
		{ FORM_LPRT, CLIENT6, 1025, REASON_NONE, NULL },
		{ FORM_228, SERVER6, 1025, REASON_NONE, NULL },
		{ FORM_229, "", 1025, REASON_NONE, SERVER6 },
		{ FORM_EPRT, "::", 1025, REASON_NONE, CLIENT6 },
		{ FORM_EPRT, "2001:db8:c::99", 2525, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_EPRT, "::1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_EPRT, "ff02::1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_EPRT, "fe80::1", 2525, REASON_MARTIAN_ADDRESS, NULL },
		{ FORM_PORT, CLIENT, 1025, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_227, "0.0.0.0", 1025, REASON_FAMILY_MISMATCH, NULL },
		{ FORM_EPRT, CLIENT6, 0, REASON_PORT_ZERO, NULL },
		{ FORM_EPRT, CLIENT6, 80, REASON_LOW_PORT, NULL },
		{ FORM_EPRT, CLIENT6, 6001, REASON_DENIED_PORT, NULL },
	};
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);
	struct nat_view view6 = unit_view(CLIENT6, SERVER6);

	(void)state;
	policy_rule_set_defaults(&rule);
	check_offers(&rule, &view, ipv4, ARRAY_SIZE(ipv4), false);
	check_offers(&rule, &view6, ipv6, ARRAY_SIZE(ipv6), false);
}

static void behind_nat_a_peer_is_who_it_is_to_itself(void **state)
{
	static const struct offer_row rows[] = {
		{ FORM_PORT, CLIENT, 1025, REASON_NONE, NULL },
		{ FORM_PORT, "198.51.100.1", 1025, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_227, "192.168.1.9", 1025, REASON_NONE, NULL },
		{ FORM_227, SERVER, 1025, REASON_NONE, "192.168.1.9" },
		{ FORM_229, "", 1025, REASON_NONE, "192.168.1.9" },
	};
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	view.client_seen = unit_endpoint("198.51.100.1", 40000);
	view.server = unit_endpoint("192.168.1.9", 21);
	policy_rule_set_defaults(&rule);
	check_offers(&rule, &view, rows, ARRAY_SIZE(rows), false);
}

static void a_martian_that_speaks_to_us_may_offer_itself(void **state)
{
	static const struct offer_row rows[] = {
		{ FORM_PORT, "127.0.0.1", 1025, REASON_NONE, NULL },
		{ FORM_227, "127.0.0.2", 1025, REASON_NONE, NULL },
		{ FORM_PORT, "127.0.0.2", 1025, REASON_MARTIAN_ADDRESS, NULL },
	};
	struct policy_rule rule;
	struct nat_view view = unit_view("127.0.0.1", "127.0.0.2");

	(void)state;
	policy_rule_set_defaults(&rule);
	check_offers(&rule, &view, rows, ARRAY_SIZE(rows), false);
}

static void the_first_objection_in_the_documented_order_is_given(void **state)
{
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	policy_rule_set_defaults(&rule);
	rule.active = false;
	assert_int_equal(judge(&rule, &view, FORM_EPRT, "::1", 0).reason, REASON_ACTIVE_DENIED);
	rule.active = true;
	rule.passive = false;
	assert_int_equal(judge(&rule, &view, FORM_227, "127.0.0.1", 0).reason, REASON_PASSIVE_DENIED);
	assert_int_equal(judge(&rule, &view, FORM_229, "", 0).reason, REASON_PASSIVE_DENIED);
	assert_int_equal(judge(&rule, &view, FORM_EPRT, "::1", 0).reason, REASON_FAMILY_MISMATCH);
	assert_int_equal(judge(&rule, &view, FORM_PORT, "127.0.0.1", 0).reason, REASON_PORT_ZERO);
	assert_int_equal(judge(&rule, &view, FORM_PORT, "127.0.0.1", 25).reason, REASON_MARTIAN_ADDRESS);
	assert_int_equal(judge(&rule, &view, FORM_PORT, "10.0.0.99", 25).reason, REASON_FOREIGN_ADDRESS);
	rule.port_denied[0] = (struct port_range){ 25, 25 };
	assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, 25).reason, REASON_LOW_PORT);
	rule.port_min = 0;
	assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, 25).reason, REASON_DENIED_PORT);
	assert_int_equal(judge(&rule, &view, FORM_PORT, CLIENT, 26).reason, REASON_NONE);
}

static void a_refused_offer_still_says_where_it_pointed(void **state)
{
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);
	struct endpoint own = unit_endpoint(CLIENT, 22);
	struct endpoint foreign = unit_endpoint("10.0.0.99", 22);
	struct policy_answer answer;

	(void)state;
	policy_rule_set_defaults(&rule);
	answer = judge(&rule, &view, FORM_PORT, "0.0.0.0", 22);
	assert_int_equal(answer.reason, REASON_LOW_PORT);
	assert_true(endpoint_equal(&answer.endpoint, &own));
	answer = judge(&rule, &view, FORM_PORT, "10.0.0.99", 22);
	assert_int_equal(answer.reason, REASON_FOREIGN_ADDRESS);
	assert_true(endpoint_equal(&answer.endpoint, &foreign));
	assert_false(answer.third_party);
}

static void third_parties_pass_only_to_listed_networks_and_ports(void **state)
{
	static const struct offer_row allowed[] = {
		{ FORM_PORT, "192.0.2.1", 20000, REASON_NONE, NULL },
		{ FORM_EPRT, "192.0.2.127", 20999, REASON_NONE, NULL },
		/* what the operator listed is neither too low nor denied */
		{ FORM_PORT, "198.51.100.20", 20, REASON_NONE, NULL },
		{ FORM_PORT, "198.51.100.20", 3306, REASON_NONE, NULL },
	};
	static const struct offer_row others[] = {
		{ FORM_PORT, "192.0.2.128", 20000, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_PORT, "192.0.2.1", 19999, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_PORT, "192.0.2.1", 21000, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_PORT, "192.0.2.1", 0, REASON_PORT_ZERO, NULL },
		{ FORM_PORT, "127.0.0.1", 20000, REASON_MARTIAN_ADDRESS, NULL },
		/* the client itself stays under the rules for everybody */
		{ FORM_PORT, CLIENT, 20000, REASON_NONE, NULL },
		{ FORM_PORT, CLIENT, 20, REASON_LOW_PORT, NULL },
		{ FORM_PORT, CLIENT, 3306, REASON_DENIED_PORT, NULL },
	};
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	policy_rule_set_defaults(&rule);
	rule.fxp[0] = (struct fxp_target){ unit_network("192.0.2.0/25"), { 20000, 20999 } };
	rule.fxp[1] = (struct fxp_target){ unit_network("198.51.100.20"), { 1, 65535 } };
	rule.fxp[2] = (struct fxp_target){ unit_network("127.0.0.0/8"), { 1, 65535 } };
	rule.fxp[3] = (struct fxp_target){ unit_network(CLIENT), { 1, 65535 } };
	rule.fxp_count = 4;
	check_offers(&rule, &view, allowed, ARRAY_SIZE(allowed), true);
	check_offers(&rule, &view, others, ARRAY_SIZE(others), false);

	rule.fxp_count = 0;
	assert_int_equal(judge(&rule, &view, FORM_PORT, "192.0.2.1", 20000).reason, REASON_FOREIGN_ADDRESS);
}

static void a_server_that_names_another_host_is_replaced_by_itself_where_asked(void **state)
{
	static const struct offer_row rows[] = {
		{ FORM_227, "192.168.1.9", 1025, REASON_NONE, SERVER },
		{ FORM_228, "192.168.1.9", 1025, REASON_NONE, SERVER },
		{ FORM_227, "127.0.0.1", 1025, REASON_NONE, SERVER },
		{ FORM_227, SERVER, 1025, REASON_NONE, NULL },
		{ FORM_227, "192.168.1.9", 22, REASON_LOW_PORT, NULL },
		{ FORM_227, "192.168.1.9", 0, REASON_PORT_ZERO, NULL },
		{ FORM_227, "192.168.1.9", 6000, REASON_NONE, SERVER },
		{ FORM_228, SERVER6, 1025, REASON_FAMILY_MISMATCH, NULL },
		/* clients are never corrected */
		{ FORM_PORT, "10.0.0.99", 1025, REASON_FOREIGN_ADDRESS, NULL },
		{ FORM_PORT, "127.0.0.1", 1025, REASON_MARTIAN_ADDRESS, NULL },
	};
	static const struct offer_row listed[] = { { FORM_227, "192.0.2.1", 20000, REASON_NONE, NULL } };
	struct policy_rule rule;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	policy_rule_set_defaults(&rule);
	rule.foreign_server = FOREIGN_SERVER_REWRITE;
	check_offers(&rule, &view, rows, ARRAY_SIZE(rows), false);

	/* A third party that is listed is meant. */
	rule.fxp[0] = (struct fxp_target){ unit_network("192.0.2.0/24"), { 20000, 30000 } };
	rule.fxp_count = 1;
	check_offers(&rule, &view, listed, ARRAY_SIZE(listed), true);
}

static void the_first_rule_that_holds_client_and_server_decides(void **state)
{
	static struct policy policy;
	static const struct {
		const char *client;
		const char *server;
		const char *server_seen;
		size_t rule;
	} rows[] = {
		{ "10.0.0.5", SERVER, SERVER, 0 },
		{ "10.0.0.5", "198.51.100.7", "198.51.100.7", 1 },
		{ "10.1.0.5", SERVER, SERVER, 2 },
		/* a server behind DNAT counts by both its addresses */
		{ "10.0.0.5", "192.168.1.9", SERVER, 0 },
		{ "10.0.0.5", SERVER, "198.51.100.7", 0 },
		{ "192.0.2.77", SERVER, SERVER, 3 },
		{ CLIENT6, SERVER6, SERVER6, 3 },
	};

	(void)state;
	policy.rule_count = 4;
	for (size_t index = 0; index < policy.rule_count; index++)
		policy_rule_set_defaults(&policy.rules[index]);
	policy.rules[0].clients[0] = unit_network("172.16.0.0/12");
	policy.rules[0].clients[1] = unit_network("10.0.0.0/24");
	policy.rules[0].client_count = 2;
	policy.rules[0].servers[0] = unit_network("203.0.113.0/24");
	policy.rules[0].server_count = 1;
	policy.rules[1].clients[0] = unit_network("10.0.0.0/24");
	policy.rules[1].client_count = 1;
	policy.rules[2].clients[0] = unit_network("10.0.0.0/8");
	policy.rules[2].client_count = 1;
	/* The last rule holds everybody, even if it has networks. */
	policy.rules[3].clients[0] = unit_network("172.16.0.0/12");
	policy.rules[3].client_count = 1;

	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		struct nat_view view = unit_view(rows[index].client, rows[index].server);

		view.server_seen = unit_endpoint(rows[index].server_seen, 21);
		assert_ptr_equal(policy_find_rule(&policy, &view), &policy.rules[rows[index].rule]);
	}
}

static void a_client_is_known_by_the_address_that_it_has_itself(void **state)
{
	static struct policy policy;
	struct nat_view view = unit_view(CLIENT, SERVER);

	(void)state;
	policy.rule_count = 2;
	policy.rules[0].clients[0] = unit_network("198.51.100.1");
	policy.rules[0].client_count = 1;
	view.client_seen = unit_endpoint("198.51.100.1", 40000);
	assert_ptr_equal(policy_find_rule(&policy, &view), &policy.rules[1]);
	policy.rules[0].clients[0] = unit_network(CLIENT);
	assert_ptr_equal(policy_find_rule(&policy, &view), &policy.rules[0]);
}

static void by_default_every_verb_passes(void **state)
{
	struct policy_rule rule;

	(void)state;
	policy_rule_set_defaults(&rule);
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
		assert_int_equal(policy_judge_verb(&rule, (enum verb)verb), REASON_NONE);
}

static void a_setting_denies_its_verbs_and_no_others(void **state)
{
	static const struct {
		enum verb verb;
		enum reason active;
		enum reason passive;
		enum reason upload;
		enum reason download;
		enum reason forbid;
		enum reason require;
		enum reason unknown;
	} rows[] = {
		{ .verb = VERB_PORT, .active = REASON_ACTIVE_DENIED },
		{ .verb = VERB_EPRT, .active = REASON_ACTIVE_DENIED },
		{ .verb = VERB_LPRT, .active = REASON_ACTIVE_DENIED },
		{ .verb = VERB_PASV, .passive = REASON_PASSIVE_DENIED },
		{ .verb = VERB_EPSV, .passive = REASON_PASSIVE_DENIED },
		{ .verb = VERB_LPSV, .passive = REASON_PASSIVE_DENIED },
		{ .verb = VERB_CPSV, .passive = REASON_PASSIVE_DENIED },
		{ .verb = VERB_SPSV, .passive = REASON_PASSIVE_DENIED },
		{ .verb = VERB_STOR, .upload = REASON_UPLOAD_DENIED },
		{ .verb = VERB_STOU, .upload = REASON_UPLOAD_DENIED },
		{ .verb = VERB_APPE, .upload = REASON_UPLOAD_DENIED },
		{ .verb = VERB_RETR, .download = REASON_DOWNLOAD_DENIED },
		{ .verb = VERB_AUTH, .forbid = REASON_TLS_DENIED },
		{ .verb = VERB_USER, .require = REASON_TLS_REQUIRED },
		{ .verb = VERB_PASS, .require = REASON_TLS_REQUIRED },
		{ .verb = VERB_ACCT, .require = REASON_TLS_REQUIRED },
		{ .verb = VERB_UNKNOWN, .unknown = REASON_VERB_DENIED },
		{ .verb = VERB_LIST }, { .verb = VERB_NLST }, { .verb = VERB_MLSD }, { .verb = VERB_NOOP },
		{ .verb = VERB_QUIT }, { .verb = VERB_FEAT }, { .verb = VERB_HOST }, { .verb = VERB_SITE },
	};
	struct policy_rule rule;
	struct policy_rule defaults;

	(void)state;
	policy_rule_set_defaults(&defaults);
	for (size_t index = 0; index < ARRAY_SIZE(rows); index++) {
		rule = defaults;
		rule.active = false;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].active);
		rule = defaults;
		rule.passive = false;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].passive);
		rule = defaults;
		rule.upload = false;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].upload);
		rule = defaults;
		rule.download = false;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].download);
		rule = defaults;
		rule.tls = TLS_FORBID;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].forbid);
		rule = defaults;
		rule.tls = TLS_TERMINATE;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].forbid);
		rule.tls = TLS_TERMINATE_REQUIRE;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb),
				 rows[index].forbid ? rows[index].forbid : rows[index].require);
		rule.tls = TLS_REQUIRE;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].require);
		rule = defaults;
		rule.unknown_verbs = false;
		assert_int_equal(policy_judge_verb(&rule, rows[index].verb), rows[index].unknown);
	}
}

static void a_verb_that_is_denied_by_name_is_denied_alone(void **state)
{
	struct policy_rule rule;

	(void)state;
	for (unsigned int denied = VERB_UNKNOWN + 1; denied < VERB_COUNT; denied++) {
		policy_rule_set_defaults(&rule);
		rule.verb_denied[denied] = true;
		for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
			assert_int_equal(policy_judge_verb(&rule, (enum verb)verb),
					 verb == denied ? REASON_VERB_DENIED : REASON_NONE);
	}
	assert_int_equal(policy_judge_verb(&rule, VERB_COUNT), REASON_NONE);
	rule.unknown_verbs = false;
	assert_int_equal(policy_judge_verb(&rule, VERB_COUNT), REASON_VERB_DENIED);
}

static void nat_is_seen_in_any_changed_address_or_port(void **state)
{
	struct nat_view plain = unit_view(CLIENT, SERVER);
	struct nat_view view = plain;

	(void)state;
	assert_false(nat_view_is_translated(&plain));
	view.client_seen.port++;
	assert_true(nat_view_is_translated(&view));
	view = plain;
	view.client_seen.address = unit_address("198.51.100.1");
	assert_true(nat_view_is_translated(&view));
	view = plain;
	view.server.port++;
	assert_true(nat_view_is_translated(&view));
	view = plain;
	view.server_seen.address = unit_address("198.51.100.1");
	assert_true(nat_view_is_translated(&view));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_meets_its_own_list_and_none_by_default),
		cmocka_unit_test(defaults_are_strict),
		cmocka_unit_test(the_default_deny_list_is_ordered_and_spares_ephemeral_ports),
		cmocka_unit_test(by_default_a_peer_offers_only_itself),
		cmocka_unit_test(behind_nat_a_peer_is_who_it_is_to_itself),
		cmocka_unit_test(a_martian_that_speaks_to_us_may_offer_itself),
		cmocka_unit_test(the_first_objection_in_the_documented_order_is_given),
		cmocka_unit_test(a_refused_offer_still_says_where_it_pointed),
		cmocka_unit_test(third_parties_pass_only_to_listed_networks_and_ports),
		cmocka_unit_test(a_server_that_names_another_host_is_replaced_by_itself_where_asked),
		cmocka_unit_test(the_first_rule_that_holds_client_and_server_decides),
		cmocka_unit_test(a_client_is_known_by_the_address_that_it_has_itself),
		cmocka_unit_test(by_default_every_verb_passes),
		cmocka_unit_test(a_setting_denies_its_verbs_and_no_others),
		cmocka_unit_test(a_verb_that_is_denied_by_name_is_denied_alone),
		cmocka_unit_test(nat_is_seen_in_any_changed_address_or_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
