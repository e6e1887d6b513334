/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg check: is this host fit for the gateway? It changes nothing, except that asking the kernel for a netlink
 * subsystem loads the module of that subsystem, as running the gateway would.
 *
 * A finding is "ok", "note" (works, but worth knowing) or "MISSING" (does not work until mended). Everything is looked
 * at, whatever was found before.
 */
#include "check/check.h"

#include <getopt.h>

#include "cmd/cmd.h"

int cmd_check(int argc, char **argv)
{
	static struct config config;
	struct check check = { .config = &config, .out = stdout };
	const char *path = CONFIG_DEFAULT_PATH;
	int option;

	opterr = 0;
	while ((option = getopt(argc, argv, ":c:")) != -1) {
		if (option == ':')
			return cmd_misuse("check", "-c needs the name of a file");
		if (option != 'c')
			return cmd_misuse("check", "-%c is not understood", optopt);
		path = optarg;
	}
	if (optind != argc)
		return cmd_misuse("check", "\"%s\" is not understood", argv[optind]);

	/* The messages of config_load go to standard output here: they are findings. */
	if (config_load(&config, path, stdout) == 0) {
		check_ok(&check, "configuration: %s, the policy and %zu rules before it", path,
			 config.policy.rule_count - 1);
	} else {
		check_missing(&check, "configuration: mend %s as said above; the rest is judged by the defaults", path);
		config_set_defaults(&config);
	}
	check_privileges(&check);
	check_kernel(&check);
	check_rules(&check);
	check_daemon(&check);
	check_proxy(&check);
	check_limits(&check);
	check_keys(&check);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("ftpalg check: standard output");
		return CMD_FAILURE;
	}
	return check.missing ? CMD_FAILURE : CMD_SUCCESS;
}
