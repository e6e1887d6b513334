/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg check: is this host fit for the gateway? It changes nothing, except that asking the kernel for a netlink
 * subsystem loads the module of that subsystem, as running the gateway would.
 *
 * A finding is "ok", "note" (works, but worth knowing) or "MISSING" (FTP does not work as configured until that is mended).
 * Everything is looked at, whatever was found before.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

struct check_request {
	const char *path;
	bool json;
};

static int check_read_arguments(int argc, char **argv, struct check_request *request)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	int option;

	*request = (struct check_request){ .path = CONFIG_DEFAULT_PATH };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == ':')
			return cmd_misuse("check", "-c needs the name of a file");
		if (option == 'c')
			request->path = optarg;
		else if (option == 'j')
			request->json = true;
		else
			return cmd_misuse("check", "%s is not understood", argv[optind - 1]);
	}
	return optind == argc ? CMD_SUCCESS : cmd_misuse("check", "\"%s\" is not understood", argv[optind]);
}

/* Each of config_load_first()'s messages is a finding. */
static void check_tell_errors(struct check *check, char *errors)
{
	char *line;

	while (errors && (line = strsep(&errors, "\n")))
		if (*line)
			check_missing(check, "%s", line);
}

static void check_configuration(struct check *check, struct config *config, const char *path)
{
	char *errors = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&errors, &length);
	const int result = stream ? config_load_first(config, path, stream) : -1;

	if (stream)
		fclose(stream);
	check_tell_errors(check, errors);
	free(errors);
	if (result > 0) {
		check_note(check, "configuration: there is no %s, so the defaults hold", path);
	} else if (result == 0) {
		check_ok(check, "configuration: %s, the policy and %zu rules before it", path,
			 config->policy.rule_count - 1);
	} else {
		check_missing(check, "configuration: mend %s as said above; the rest is judged by the defaults", path);
		config_set_defaults(config);
	}
}

int cmd_check(int argc, char **argv)
{
	static struct config config;
	struct check check = { .config = &config, .out = stdout };
	struct check_request request;
	const int status = check_read_arguments(argc, argv, &request);

	if (status != CMD_SUCCESS)
		return status;
	if (request.json)
		check.findings = json_array();
	check_configuration(&check, &config, request.path);
	check_privileges(&check);
	check_kernel(&check);
	check_rules(&check);
	check_daemon(&check);
	check_proxy(&check);
	check_limits(&check);
	check_keys(&check);
	check_failover(&check);
	check_names(&check);
	if (!check_finish(&check)) {
		perror("ftpalg check: standard output");
		return CMD_FAILURE;
	}
	return check.missing ? CMD_FAILURE : CMD_SUCCESS;
}
