/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg run: the gateway, in the foreground. */
#include <getopt.h>
#include <stdlib.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "process/service.h"
#include "run/supervisor.h"

static int run_configured(const char *path)
{
	struct config *config = malloc(sizeof(*config));
	int status = CMD_FAILURE;

	service_begin();
	if (!config)
		log_message(LOG_LEVEL_ERROR, "no memory");
	else if (service_load(config, path) == 0 && supervisor_run(config, path, SUPERVISE_GATEWAY) == 0)
		status = CMD_SUCCESS;
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
