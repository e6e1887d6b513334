/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg proxy: the TLS proxy, in the foreground. A process of its own, because it holds private keys. */
#include <getopt.h>
#include <stdlib.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "process/service.h"
#include "run/supervisor.h"

static int proxy_configured(const char *path)
{
	struct config *config = malloc(sizeof(*config));
	int status = CMD_FAILURE;

	service_begin();
	if (!config)
		log_message(LOG_LEVEL_ERROR, "no memory");
	else if (service_load(config, path) < 0)
		status = CMD_FAILURE;
	else if (!config->proxy.port)
		log_message(LOG_LEVEL_ERROR, "%s has no section [proxy]; ftpalg.conf(5) describes it", path);
	else if (supervisor_run(config, path, SUPERVISE_PROXY) == 0)
		status = CMD_SUCCESS;
	free(config);
	log_finish();
	return status;
}

int cmd_proxy(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	int option;

	opterr = 0;
	while ((option = getopt(argc, argv, ":c:")) != -1) {
		if (option == ':')
			return cmd_misuse("proxy", "-c needs the name of a file");
		if (option != 'c')
			return cmd_misuse("proxy", "-%c is not understood", optopt);
		path = optarg;
	}
	if (optind != argc)
		return cmd_misuse("proxy", "\"%s\" is not understood", argv[optind]);
	return proxy_configured(path);
}
