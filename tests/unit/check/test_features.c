/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel has: told from the files that Linux and kmod write, as they write them. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/features.h"
#include "unit.h"

static const char symbols_text[] =
	"0000000000000000 T nf_nat_follow_master\n"
	"0000000000000000 t nf_conntrack_sane_init\t[nf_conntrack_sane]\n"
	"0000000000000000 t nfqnl_enqueue_packets\n"
	"0000000000000000\n"
	"nonsense\n";

static const char dependencies_text[] =
	"kernel/net/netfilter/nf_conntrack_sane.ko: kernel/net/netfilter/nf_conntrack.ko\n"
	"kernel/net/netfilter/nfnetlink_queue.ko.xz: kernel/net/netfilter/nft_queue.ko\n"
	"kernel/net/netfilter/nf_tables_extra.ko:\n";

struct scene {
	char directory[64];
	char symbols[PATH_MAX];
	struct feature features[FEATURE_COUNT];
};

static void write_file(const struct scene *scene, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void scene_begin(struct scene *scene)
{
	strcpy(scene->directory, "/tmp/test_features.XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	snprintf(scene->symbols, sizeof(scene->symbols), "%s/kallsyms", scene->directory);
	write_file(scene, "kallsyms", symbols_text);
}

static void scene_end(struct scene *scene)
{
	static const char *const names[] = { "kallsyms", "modules.dep", "modules.builtin" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", scene->directory, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(scene->directory), 0);
}

static enum feature_state state_of(const struct scene *scene, const char *module)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (strcmp(scene->features[i].module, module) == 0)
			return scene->features[i].state;
	fail_msg("no %s", module);
	return FEATURE_UNKNOWN;
}

static void features_are_symbols_and_modules(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	write_file(&scene, "modules.dep", dependencies_text);
	write_file(&scene, "modules.builtin", "kernel/net/netfilter/xt_NFQUEUE.ko\n");
	features_read(scene.directory, scene.symbols, scene.features);
	scene_end(&scene);
	assert_int_equal(state_of(&scene, "nf_nat"), FEATURE_THERE);
	/* Loaded, though it is a module. */
	assert_int_equal(state_of(&scene, "nf_conntrack_sane"), FEATURE_THERE);
	assert_int_equal(state_of(&scene, "xt_NFQUEUE"), FEATURE_THERE);
	/* A symbol with a longer name is another one. */
	assert_int_equal(state_of(&scene, "nfnetlink_queue"), FEATURE_AVAILABLE);
	/* What another one depends on, or one with a longer name, is not this one. */
	assert_int_equal(state_of(&scene, "nft_queue"), FEATURE_MISSING);
	assert_int_equal(state_of(&scene, "nf_tables"), FEATURE_MISSING);
}

static void features_are_not_missing_where_nobody_listed_them(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	features_read("/nonexistent", scene.symbols, scene.features);
	scene_end(&scene);
	assert_int_equal(state_of(&scene, "nf_nat"), FEATURE_THERE);
	assert_int_equal(state_of(&scene, "nft_queue"), FEATURE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_symbols_and_modules),
		cmocka_unit_test(features_are_not_missing_where_nobody_listed_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
