/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a generation's files, and what one program leaves to the next, without any process. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/sources.h"
#include "run/successor.h"
#include "unit.h"

static struct config config, later;

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Has anything changed since sources were looked at? */
static bool has_changed(const struct sources *sources)
{
	struct sources now;

	sources_look(&now, &later);
	return !sources_are_same(sources, &config, &now, &later);
}

static void a148_every_file_and_every_setting_counts_and_the_policy_does_not(void **state)
{
	char directory[] = "/tmp/ftpalg-sources-XXXXXX";
	char *const paths[] = { config.proxy.certificate, config.proxy.key, config.proxy.ca_certificate, config.proxy.ca_key,
				config.proxy.anchors, config.servers[0].certificate, config.servers[0].key };
	struct sources sources;

	(void)state;
	assert_non_null(mkdtemp(directory));
	config_set_defaults(&config);
	config.server_count = 1;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(paths[i], PATH_MAX, "%s/%zu", directory, i);
		write_file(paths[i], "one");
	}
	later = config;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char other[PATH_MAX + 8];

		sources_look(&sources, &config);
		assert_false(has_changed(&sources));
		snprintf(other, sizeof(other), "%s.new", paths[i]);
		write_file(other, "two");
		assert_int_equal(rename(other, paths[i]), 0);
		assert_true(has_changed(&sources));
		sources_look(&sources, &config);
		write_file(paths[i], "three");
		assert_true(has_changed(&sources));
		/* What can't be looked at may have changed. */
		unlink(paths[i]);
		sources_look(&sources, &config);
		assert_true(has_changed(&sources));
		write_file(paths[i], "four");
	}
	sources_look(&sources, &config);
	later.policy.rules[0].active = !later.policy.rules[0].active;
	assert_false(has_changed(&sources));
	later.proxy.mint_rate++;
	assert_true(has_changed(&sources));
	later.proxy.mint_rate--;
	later.limits.sessions++;
	assert_true(has_changed(&sources));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		unlink(paths[i]);
	rmdir(directory);
}

/* Becomes nothing, so that what was to be left stands in the environment of whoever takes over: a child of ours. */
static void a148_what_is_left_is_what_is_found(void **state)
{
	struct successor successor = { .program = "/nowhere/ftpalg", .command = "proxy", .config_path = "/nowhere" };
	const struct successor_child none = { .page_file = -1, .feed_memory = -1, .feed_wake = -1 };
	const struct successor_pair pair = { .keys = none, .proxy = { none }, .members = 1, .counts_file = -1 };
	struct successor_estate estate = {
		.sessions = UINT64_C(77) << 32, .serves = true, .draining_count = 2, .draining = { pair, pair },
		.serving = { .members = 2, .counts_sources = 4096 },
	}, found;
	const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(file >= 0);
	estate.inlets = (struct proxy_inlets){ .port = 2100, .tproxy = true, .number = 22, .listener = { file, -1 },
					       .queue = file };
	estate.serving.counts_file = file;
	estate.serving.proxy[0] = none;
	estate.serving.proxy[1] = (struct successor_child){
		.pid = 11, .page_file = file, .feed_memory = file, .feed_wake = file, .first_session = UINT64_C(1) << 62,
	};
	/* Of one that has ended, and its proxy has not been told to. */
	estate.serving.keys = (struct successor_child){ .page_file = file, .feed_memory = -1, .feed_wake = file };
	estate.serving.drain_time = 86400;
	estate.draining[1].deadline = UINT64_C(1) << 50;
	assert_true(successor_write(&estate));
	assert_int_equal(fcntl(file, F_GETFD), 0);
	assert_true(successor_could_inherit());
	assert_true(successor_inherit(&found));
	/* Nobody finds it twice, and no child of ours. */
	assert_null(getenv("FTPALG_ESTATE"));
	assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
	assert_true(found.sessions == UINT64_C(77) << 32);
	assert_int_equal(found.inlets.port, 2100);
	assert_true(found.inlets.tproxy);
	assert_int_equal(found.inlets.listener[0], file);
	assert_int_equal(found.inlets.listener[1], -1);
	assert_int_equal(found.serving.members, 2);
	assert_int_equal(found.serving.counts_file, file);
	assert_int_equal(found.serving.counts_sources, 4096);
	assert_int_equal(found.serving.proxy[0].pid, 0);
	assert_int_equal(found.serving.proxy[1].pid, 11);
	assert_int_equal(found.serving.proxy[1].feed_memory, file);
	assert_int_equal(found.serving.proxy[1].feed_wake, file);
	assert_true(found.serving.proxy[1].first_session == UINT64_C(1) << 62);
	assert_int_equal(found.serving.keys.feed_memory, -1);
	assert_int_equal(found.serving.keys.pid, 0);
	assert_int_equal(found.serving.keys.page_file, file);
	assert_int_equal(found.serving.drain_time, 86400);
	assert_int_equal(found.draining_count, 2);
	assert_true(found.draining[1].deadline == UINT64_C(1) << 50);
	/* A program that can't be run leaves nothing behind. */
	successor_become(&successor, &estate);
	assert_null(getenv("FTPALG_ESTATE"));
	assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
	close(file);
}

static void a150_what_can_not_be_read_is_not_inherited(void **state)
{
	static const char *const texts[] = {
		"", " ", "2 0 0 0 ", "3 ", "3 0 0", "3 0 0 17 ", "3 0 0 -1 ", "3 x 0 0 ", "3 0 1 2100 0 22 99999 -1 7 ",
		"3 99999999999999999999999999 0 0 ", "3 0 0 1 0 -1 -1 -1 0 0 ", "3 0 0 1 0 -1 -1 -1 0 17 ",
	};
	struct successor_estate found;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		setenv("FTPALG_ESTATE", texts[i], 1);
		assert_false(successor_inherit(&found));
	}
	assert_false(successor_inherit(&found));
	assert_true(successor_could_inherit());
	setenv("FTPALG_ESTATE", "2 ", 1);
	assert_false(successor_could_inherit());
	unsetenv("FTPALG_ESTATE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a148_every_file_and_every_setting_counts_and_the_policy_does_not),
		cmocka_unit_test(a148_what_is_left_is_what_is_found),
		cmocka_unit_test(a150_what_can_not_be_read_is_not_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
