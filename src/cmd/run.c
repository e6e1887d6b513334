/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg run: the gateway, in the foreground. */
#include <getopt.h>
#include <stdlib.h>

#include "base/log.h"
#include "check/check.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "process/service.h"
#include "run/supervisor.h"

/* Rules may come after the gateway; but who forgot them hears of it here, and not from users. */
static void run_warn_unfed(const struct config *config)
{
	const struct check_forwards unfed = check_find_unfed(config);

	if (unfed.ipv4 || unfed.ipv6)
		log_message(LOG_LEVEL_WARNING, "no rule feeds queue %u with %s, so the gateway sees no control connection; load "
			    "what \"ftpalg rules nft\" or \"ftpalg rules iptables\" prints (\"ftpalg check\" tells more)",
			    config->queue, !unfed.ipv6 ? "IPv4" : !unfed.ipv4 ? "IPv6" : "IPv4 or IPv6");
}

static int run_configured(const char *path)
{
	struct config *config = malloc(sizeof(*config));
	int status = CMD_FAILURE;

	service_begin();
	if (!config)
		log_message(LOG_LEVEL_ERROR, "no memory");
	else if (service_load(config, path) == 0) {
		run_warn_unfed(config);
		if (supervisor_run(config, path, SUPERVISE_GATEWAY) == 0)
			status = CMD_SUCCESS;
	}
	free(config);
	log_finish();
	return status;
}

int cmd_run(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	int option;

	opterr = 0;
	while ((option = getopt(argc, argv, ":c:")) != -1) {
		if (option == ':')
			return cmd_misuse("run", "-c needs the name of a file");
		if (option != 'c')
			return cmd_misuse("run", "-%c is not understood", optopt);
		path = optarg;
	}
	if (optind != argc)
		return cmd_misuse("run", "\"%s\" is not understood", argv[optind]);
	return run_configured(path);
}
