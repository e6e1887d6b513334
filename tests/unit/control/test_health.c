/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a gateway is healthy, what is wrong with it when it is not, and where the kernel's numbers stand. */
#include "control/facts.h"
#include "unit.h"

static struct config config;

static struct facts make_healthy(void)
{
	config_set_defaults(&config);
	return (struct facts){
		.now = UINT64_C(1790000000) * 1000000, .config = &config, .gateway = true, .carrier = true,
		.worker_count = 1,
		.workers[0] = { .queue = 21, .up = true, .waiting = 3, .hung_seconds = 0 },
		.expectations = 10, .expectations_limit = 4096,
	};
}

static void one_thing_is_wrong(const struct facts *facts, const char *what, const char *mend)
{
	struct problem problems[FACTS_PROBLEMS_MAX];

	assert_int_equal(facts_judge(facts, problems), 1);
	if (!strstr(problems[0].what, what) || !strstr(problems[0].mend, mend))
		fail_msg("\"%s\" and \"%s\"", problems[0].what, problems[0].mend);
}

static void nothing_is_wrong(const struct facts *facts)
{
	struct problem problems[FACTS_PROBLEMS_MAX];

	if (facts_judge(facts, problems) != 0)
		fail_msg("\"%s\"", problems[0].what);
}

static void each_fault_is_told_with_what_mends_it(void **state)
{
	struct facts facts = make_healthy();

	(void)state;
	nothing_is_wrong(&facts);
	facts.workers[0].up = false;
	one_thing_is_wrong(&facts, "control connections stand still (absent = closed)", "log");
	config.absent_open = true;
	one_thing_is_wrong(&facts, "pass uninspected (absent = open)", "log");
	facts = make_healthy();
	facts.workers[0].hung_seconds = 2;
	nothing_is_wrong(&facts);
	facts.workers[0].hung_seconds = 7;
	one_thing_is_wrong(&facts, "has not moved for 7 s", "the watchdog kills it after 10 s");
	config.watchdog = 0;
	one_thing_is_wrong(&facts, "has not moved for 7 s", "SIGKILL");
	facts = make_healthy();
	facts.workers[0].waiting = 3000;
	one_thing_is_wrong(&facts, "3000 of at most 4096 packets wait", "queue-length");
	facts = make_healthy();
	facts.carrier = false;
	one_thing_is_wrong(&facts, "nf_conntrack_sane", "modprobe");
	facts = make_healthy();
	facts.expectations = 3500;
	one_thing_is_wrong(&facts, "3500 of at most 4096 expectations", "sysctl");
	facts.expectations = FACTS_UNKNOWN;
	nothing_is_wrong(&facts);
	facts = make_healthy();
	snprintf(facts.config_error, sizeof(facts.config_error), "line 3");
	one_thing_is_wrong(&facts, "not taken over: line 3", "reload");
}

static void rules_that_are_gone_are_told_of_each_family(void **state)
{
	struct problem problems[FACTS_PROBLEMS_MAX];
	struct facts facts = make_healthy();

	(void)state;
	facts.rules[FACTS_IPV6].state = FACTS_RULES_MISSING;
	one_thing_is_wrong(&facts, "IPv6 control connections pass uninspected", "ftpalg rules");
	snprintf(facts.rules[FACTS_IPV6].why, FACTS_TEXT_MAX, "table inet ftpalg was deleted");
	snprintf(facts.rules[FACTS_IPV6].mend, FACTS_TEXT_MAX, "systemctl restart ftpalg-rules");
	one_thing_is_wrong(&facts, "missing: table inet ftpalg was deleted", "systemctl");
	facts.rules[FACTS_IPV4].state = FACTS_RULES_MISSING;
	assert_int_equal(facts_judge(&facts, problems), 2);
	facts.rules[FACTS_IPV4].state = facts.rules[FACTS_IPV6].state = FACTS_RULES_LOADED;
	nothing_is_wrong(&facts);
}

static void certificates_that_end_are_told_before_they_do(void **state)
{
	struct facts facts = make_healthy();
	const int64_t now = (int64_t)(facts.now / 1000000);

	(void)state;
	facts.proxy.wanted = true;
	one_thing_is_wrong(&facts, "the proxy does not run", "ftpalg check");
	facts.proxy.members[0] = (struct facts_member){ .up = true };
	facts.proxy.member_count = 2;
	one_thing_is_wrong(&facts, "process 2 of the proxy does not run; the others take its connections", "log");
	facts.proxy.up = true;
	facts.proxy.members[1] = (struct facts_member){ .up = true, .hung_seconds = 5 };
	one_thing_is_wrong(&facts, "process 2 of the proxy has not moved for 5 s", "watchdog kills it");
	facts.proxy.members[1].hung_seconds = FACTS_UNKNOWN;
	facts.proxy.certificate_count = 1;
	snprintf(facts.proxy.certificates[0].section, sizeof(facts.proxy.certificates[0].section), "server files");
	facts.proxy.certificates[0].ends = now + 15 * 86400;
	nothing_is_wrong(&facts);
	facts.proxy.certificates[0].ends = now + 13 * 86400;
	one_thing_is_wrong(&facts, "[server files] ends in 13 days", "renew");
	facts.proxy.certificates[0].ends = now;
	one_thing_is_wrong(&facts, "[server files] has ended", "renew");
}

static void a292_a_host_that_is_announced_and_not_found_is_told(void **state)
{
	struct facts facts = make_healthy();

	(void)state;
	facts.names = (struct names_list){ .count = 1, .host = { { .name = "ftp.example.org", .ipv4 = unit_address("192.0.2.1") } } };
	nothing_is_wrong(&facts);
	facts.names.host[0].lost = 1;
	one_thing_is_wrong(&facts, "the host ftp.example.org, which is announced, is not found; announced is 192.0.2.1", "name service");
}

static void each_worker_is_judged_for_itself(void **state)
{
	struct facts facts = make_healthy();

	(void)state;
	facts.worker_count = 3;
	facts.workers[1] = (struct facts_worker){ .queue = 22, .up = true };
	facts.workers[2] = (struct facts_worker){ .queue = 23, .up = true };
	nothing_is_wrong(&facts);
	facts.workers[2].up = false;
	one_thing_is_wrong(&facts, "the worker of queue 23 does not run", "log");
	facts.workers[2].up = true;
	facts.workers[1].hung_seconds = 7;
	one_thing_is_wrong(&facts, "the worker of queue 22 has not moved for 7 s", "watchdog");
}

static void as_much_can_be_wrong_as_there_is(void **state)
{
	struct problem problems[FACTS_PROBLEMS_MAX];
	struct facts facts = make_healthy();

	(void)state;
	facts.worker_count = CONFIG_WORKERS_MAX;
	for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++)
		facts.workers[i] = (struct facts_worker){ .up = false, .waiting = 4000 };
	facts.carrier = false;
	facts.expectations = 4096;
	facts.config_error[0] = 'x';
	facts.rules[0].state = facts.rules[1].state = FACTS_RULES_MISSING;
	facts.proxy.wanted = true;
	facts.proxy.certificate_count = FACTS_CERTIFICATES_MAX;
	assert_int_equal(facts_judge(&facts, problems), FACTS_CERTIFICATES_MAX + 2 * CONFIG_WORKERS_MAX + 6);
}

static void a_queue_is_found_in_the_kernels_table(void **state)
{
	static const char table[] = "   21   3318     4 2 65531     5     6     4711  1\n"
				    "   22   1234     0 2 65531     0     0        9  1\n"
				    "  x\n";
	const struct bytes all = unit_string(table);
	struct facts_worker worker = { .packets = 0 };

	(void)state;
	assert_true(facts_read_queue(all, 21, &worker));
	assert_int_equal(worker.waiting, 4);
	assert_int_equal(worker.dropped, 11);
	assert_int_equal(worker.packets, 4711);
	assert_true(facts_read_queue(all, 22, &worker));
	assert_int_equal(worker.packets, 9);
	assert_false(facts_read_queue(all, 2, &worker));
	assert_false(facts_read_queue(unit_string(""), 21, &worker));
	assert_false(facts_read_queue((struct bytes){ all.data, 20 }, 21, &worker));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_told_with_what_mends_it),
		cmocka_unit_test(rules_that_are_gone_are_told_of_each_family),
		cmocka_unit_test(certificates_that_end_are_told_before_they_do),
		cmocka_unit_test(a292_a_host_that_is_announced_and_not_found_is_told),
		cmocka_unit_test(each_worker_is_judged_for_itself),
		cmocka_unit_test(as_much_can_be_wrong_as_there_is),
		cmocka_unit_test(a_queue_is_found_in_the_kernels_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
