/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which policy is in force after a reload that is good, and after one that is not. */
#include <stdlib.h>
#include <unistd.h>

#include "process/enforced.h"
#include "unit.h"

struct rig {
	struct config config; /* of the start */
	struct names_page names;
	struct names_list list;
	struct enforced enforced;
	char path[sizeof("/tmp/ftpalg-enforced-XXXXXX")];
};

static void write_file(const struct rig *rig, const char *text)
{
	FILE *file = fopen(rig->path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int file;

	if (!rig)
		return -1;
	strcpy(rig->path, "/tmp/ftpalg-enforced-XXXXXX");
	file = mkstemp(rig->path);
	if (file < 0)
		return -1;
	close(file);
	config_set_defaults(&rig->config);
	*state = rig;
	return enforced_open(&rig->enforced, rig->path, &rig->names, &rig->config.policy) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	enforced_close(&rig->enforced);
	unlink(rig->path);
	free(rig);
	return 0;
}

static uint32_t timeout_of(const struct rig *rig)
{
	return rig->enforced.policy->rules[0].pinhole_timeout;
}

static void a_copy_of_the_first_policy_is_in_force(void **state)
{
	const struct rig *rig = *state;

	assert_ptr_not_equal(rig->enforced.policy, &rig->config.policy);
	assert_memory_equal(rig->enforced.policy, &rig->config.policy, sizeof(rig->config.policy));
}

static void a_reload_puts_another_policy_in_force_each_time(void **state)
{
	static const char *const texts[] = { "[policy]\npinhole-timeout = 31\n", "[policy]\npinhole-timeout = 32\n",
					     "[policy]\npinhole-timeout = 33\n" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct policy *before = rig->enforced.policy;

		write_file(rig, texts[i]);
		assert_true(enforced_reload(&rig->enforced, ""));
		assert_ptr_not_equal(rig->enforced.policy, before);
		assert_int_equal(timeout_of(rig), 31 + i);
	}
}

static void a_file_that_is_no_good_changes_nothing(void **state)
{
	struct rig *rig = *state;
	const struct policy *before;

	write_file(rig, "[policy]\npinhole-timeout = 31\n");
	assert_true(enforced_reload(&rig->enforced, ""));
	before = rig->enforced.policy;
	write_file(rig, "[policy]\npinhole-timeout = 32\nno-such-setting = 1\n");
	for (int i = 0; i < 2; i++) {
		assert_false(enforced_reload(&rig->enforced, ""));
		assert_ptr_equal(rig->enforced.policy, before);
		assert_int_equal(timeout_of(rig), 31);
	}
	unlink(rig->path);
	assert_false(enforced_reload(&rig->enforced, ""));
	assert_int_equal(timeout_of(rig), 31);
}

static void a_policy_that_was_just_read_has_the_addresses_of_its_names(void **state)
{
	struct rig *rig = *state;
	const struct address wanted = unit_address("192.0.2.1");

	write_file(rig, "[policy]\nadvertise = ftp.example.org\n");
	assert_true(enforced_reload(&rig->enforced, ""));
	names_list_hosts(&rig->list, rig->enforced.policy, NULL);
	assert_int_equal(rig->list.count, 1);
	rig->list.host[0].ipv4 = wanted;
	names_publish(&rig->names, &rig->list);
	enforced_take_names(&rig->enforced);
	assert_true(address_equal(&rig->enforced.policy->rules[0].advertise.ipv4.address, &wanted));
	assert_true(enforced_reload(&rig->enforced, ""));
	assert_true(address_equal(&rig->enforced.policy->rules[0].advertise.ipv4.address, &wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_of_the_first_policy_is_in_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_puts_another_policy_in_force_each_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_good_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_policy_that_was_just_read_has_the_addresses_of_its_names, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
