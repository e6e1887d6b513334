/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What who has sessions takes from the page of addresses, whoever wrote it (row A205 of the catalogue). */
#include <stdlib.h>
#include <string.h>

#include "process/names.h"
#include "unit.h"

struct rig {
	struct policy policy;
	struct names_page page;
	struct names_list list;
	uint32_t seen;
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig->seen = NAMES_NONE_SEEN;
	rig->policy.rule_count = 2;
	strcpy(rig->policy.rules[0].advertise.host, "ftp.example.org");
	rig->policy.rules[0].advertise.host_offset = 7;
	strcpy(rig->policy.rules[1].advertise.host, "ftp.example.org");
	strcpy(rig->policy.rules[1].advertise_active.host, "out.example.org");
	rig->policy.rules[1].advertise_active.ipv6.address = unit_address("2001:db8::9");
	names_list_hosts(&rig->list, &rig->policy, NULL);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void assert_address(const struct address *address, const char *expected)
{
	const struct address wanted = unit_address(expected);

	assert_memory_equal(address, &wanted, sizeof(wanted));
}

static void each_name_is_listed_once(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig->list.count, 2);
	assert_string_equal(rig->list.host[0].name, "ftp.example.org");
	assert_string_equal(rig->list.host[1].name, "out.example.org");
}

static void addresses_come_into_all_rules_that_have_the_name(void **state)
{
	struct rig *rig = *state;
	const struct policy_rule *rules = rig->policy.rules;

	rig->list.host[0].ipv4 = unit_address("192.0.2.1");
	rig->list.host[1].ipv4 = unit_address("192.0.2.2");
	rig->list.host[1].ipv6 = unit_address("2001:db8::1");
	names_publish(&rig->page, &rig->list);
	assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_address(&rules[0].advertise.ipv4.address, "192.0.2.1");
	assert_int_equal(rules[0].advertise.ipv4.port_offset, 7);
	assert_int_equal(rules[0].advertise.ipv6.address.family, FAMILY_NONE);
	assert_address(&rules[1].advertise.ipv4.address, "192.0.2.1");
	assert_address(&rules[1].advertise_active.ipv4.address, "192.0.2.2");
	/* An address that is configured is more than a name. */
	assert_address(&rules[1].advertise_active.ipv6.address, "2001:db8::9");

	assert_false(names_take(&rig->page, &rig->seen, &rig->policy));
	rig->list.host[0].ipv4 = unit_address("192.0.2.3");
	names_publish(&rig->page, &rig->list);
	assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_address(&rules[0].advertise.ipv4.address, "192.0.2.3");
}

static void a_policy_that_comes_later_keeps_what_was_found(void **state)
{
	struct rig *rig = *state;
	struct names_list next;

	rig->list.host[1].ipv4 = unit_address("192.0.2.2");
	strcpy(rig->policy.rules[0].advertise.host, "new.example.org");
	strcpy(rig->policy.rules[1].advertise.host, "");
	names_list_hosts(&next, &rig->policy, &rig->list);
	assert_false(names_are_same(&next, &rig->list));
	assert_int_equal(next.count, 2);
	assert_int_equal(next.host[0].ipv4.family, FAMILY_NONE);
	assert_string_equal(next.host[1].name, "out.example.org");
	assert_address(&next.host[1].ipv4, "192.0.2.2");
}

static void a292_who_tells_follows_the_page_by_its_own_names(void **state)
{
	struct rig *rig = *state;
	struct names_list known = rig->list;

	rig->list.host[0].ipv4 = unit_address("192.0.2.1");
	names_publish(&rig->page, &rig->list);
	assert_true(names_follow(&rig->page, &rig->seen, &known));
	assert_address(&known.host[0].ipv4, "192.0.2.1");
	assert_false(names_follow(&rig->page, &rig->seen, &known));
	rig->list.host[0].lost = 2;
	strcpy(rig->list.host[1].name, "nobody.asked");
	rig->list.host[1].ipv4 = unit_address("192.0.2.9");
	rig->list.host[0].ipv6 = unit_address("fe80::1");
	names_publish(&rig->page, &rig->list);
	assert_true(names_follow(&rig->page, &rig->seen, &known));
	assert_int_equal(known.host[0].lost, 1);
	assert_int_equal(known.host[0].ipv6.family, FAMILY_NONE);
	assert_string_equal(known.host[1].name, "out.example.org");
	assert_int_equal(known.host[1].ipv4.family, FAMILY_NONE);
	names_publish(&rig->page, &rig->list);
	assert_false(names_follow(&rig->page, &rig->seen, &known));
}

/* What a process that was taken over might leave there. */
static void a205_addresses_that_no_host_has_are_not_believed(void **state)
{
	static const char *const liars[] = { "127.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "::ffff:192.0.2.1" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(liars); i++) {
		rig->list.host[0].ipv4 = rig->list.host[0].ipv6 = unit_address(liars[i]);
		names_publish(&rig->page, &rig->list);
		assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
		assert_int_equal(rig->policy.rules[0].advertise.ipv4.address.family, FAMILY_NONE);
		assert_int_equal(rig->policy.rules[0].advertise.ipv6.address.family, FAMILY_NONE);
	}
}

static void a205_an_address_of_the_other_family_is_not_believed(void **state)
{
	struct rig *rig = *state;

	rig->list.host[0].ipv4 = unit_address("2001:db8::1");
	rig->list.host[0].ipv6 = unit_address("192.0.2.1");
	names_publish(&rig->page, &rig->list);
	assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_int_equal(rig->policy.rules[0].advertise.ipv4.address.family, FAMILY_NONE);
	assert_int_equal(rig->policy.rules[0].advertise.ipv6.address.family, FAMILY_NONE);
}

static void a205_counts_and_names_without_an_end_are_not_believed(void **state)
{
	struct rig *rig = *state;

	memset(&rig->page.list, 'x', sizeof(rig->page.list));
	atomic_store(&rig->page.turn, 8);
	assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_int_equal(rig->policy.rules[0].advertise.ipv4.address.family, FAMILY_NONE);
	names_list_hosts(&rig->list, &rig->policy, &rig->page.list);
	assert_int_equal(rig->list.count, 2);
	assert_string_equal(rig->list.host[0].name, "ftp.example.org");
	assert_int_equal(rig->list.host[0].ipv4.family, FAMILY_NONE);
}

static void a205_what_is_half_written_is_not_taken(void **state)
{
	struct rig *rig = *state;

	rig->list.host[0].ipv4 = unit_address("192.0.2.1");
	names_publish(&rig->page, &rig->list);
	/* Its writer has died here; the next one makes it whole. */
	atomic_fetch_add(&rig->page.turn, 1);
	assert_false(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_int_equal(rig->policy.rules[0].advertise.ipv4.address.family, FAMILY_NONE);
	names_publish(&rig->page, &rig->list);
	assert_true(names_take(&rig->page, &rig->seen, &rig->policy));
	assert_address(&rig->policy.rules[0].advertise.ipv4.address, "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_name_is_listed_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses_come_into_all_rules_that_have_the_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_policy_that_comes_later_keeps_what_was_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a292_who_tells_follows_the_page_by_its_own_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a205_addresses_that_no_host_has_are_not_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a205_an_address_of_the_other_family_is_not_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a205_counts_and_names_without_an_end_are_not_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a205_what_is_half_written_is_not_taken, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
