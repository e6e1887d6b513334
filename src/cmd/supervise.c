/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ftpalg run and ftpalg proxy have in common: a configuration, and a supervisor in the foreground. */
#include <getopt.h>
#include <stdlib.h>

#include "base/log.h"
#include "check/check.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "process/service.h"
#include "rules/rules.h"

/* Rules may be loaded after the gateway starts; but an operator who forgot them hears of it here, and not from users. */
static void supervise_warn_unfed(const struct config *config)
{
	const struct check_forwards unfed = check_find_unfed(config);
	char queues[RULES_QUEUES_MAX];

	rules_name_queues(config, queues);
	if (unfed.ipv4 || unfed.ipv6)
		log_message(LOG_LEVEL_WARNING, "no rule feeds %s with %s, so the gateway sees no control connection; load "
			    "what \"ftpalg rules nft\" or \"ftpalg rules iptables\" prints (\"ftpalg check\" tells more)",
			    queues, !unfed.ipv6 ? "IPv4" : !unfed.ipv4 ? "IPv6" : "IPv4 or IPv6");
}

static int supervise(const struct config *config, const char *path, enum supervisor_kind kind)
{
	/* Not where a program goes on with what runs: the operator has heard this before, and sessions wait. */
	if (kind == SUPERVISE_GATEWAY && !supervisor_goes_on())
		supervise_warn_unfed(config);
	return supervisor_run(config, path, kind);
}

static int supervise_configured(const char *path, enum supervisor_kind kind, bool only_test)
{
	struct config *config = malloc(sizeof(*config));
	int status = CMD_FAILURE;

	service_begin();
	if (!config)
		log_message(LOG_LEVEL_ERROR, "no memory");
	else if (service_load(config, path) < 0)
		status = CMD_FAILURE;
	else if (kind == SUPERVISE_PROXY && !config->proxy.port)
		log_message(LOG_LEVEL_ERROR, "%s has no section [proxy]; ftpalg.conf(5) describes it", path);
	else if ((only_test ? supervisor_test(config, kind) : supervise(config, path, kind)) == 0)
		status = CMD_SUCCESS;
	free(config);
	log_finish();
	return status;
}

int cmd_supervise(const char *name, enum supervisor_kind kind, int argc, char **argv)
{
	static const struct option options[] = { { "test", no_argument, NULL, 't' }, { NULL, 0, NULL, 0 } };
	const char *path = CONFIG_DEFAULT_PATH;
	bool only_test = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:t", options, NULL)) != -1) {
		if (option == ':')
			return cmd_misuse(name, "-c needs the name of a file");
		if (option != 'c' && option != 't')
			return cmd_misuse(name, "%s is not understood", argv[optind - 1]);
		if (option == 'c')
			path = optarg;
		else
			only_test = true;
	}
	if (optind != argc)
		return cmd_misuse(name, "\"%s\" is not understood", argv[optind]);
	return supervise_configured(path, kind, only_test);
}
