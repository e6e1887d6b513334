/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg rules: what is to be printed; src/rules says what is in it. */
#include <getopt.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "rules/rules.h"

/* kind completes the request; the options are known by now. */
static int rules_read_kind(const char *kind, struct rules_request *request)
{
	bool families_given = request->families.ipv4 || request->families.ipv6;

	if (strcmp(kind, "nft") == 0)
		request->kind = RULES_NFT;
	else if (strcmp(kind, "iptables") == 0)
		request->kind = RULES_IPTABLES;
	else if (strcmp(kind, "route") == 0)
		request->kind = RULES_ROUTE;
	else
		return cmd_misuse("rules", "there are no %s rules, only nft, iptables and route", kind);
	if (request->kind == RULES_NFT && families_given)
		return cmd_misuse("rules", "-4 and -6 are for iptables and route: nft rules hold for both families");
	if (request->kind == RULES_NFT && request->forward && request->remove)
		return cmd_misuse("rules", "what nft --forward prints leaves with the line that includes it");
	if (!families_given)
		request->families = (struct rules_families){ true, true };
	return CMD_SUCCESS;
}

static int rules_read_arguments(int argc, char **argv, struct rules_request *request)
{
	enum { OPTION_FORWARD = 256, OPTION_REMOVE, OPTION_PROXY };
	static const struct option options[] = {
		{ "forward", no_argument, NULL, OPTION_FORWARD },
		{ "remove", no_argument, NULL, OPTION_REMOVE },
		{ "proxy", no_argument, NULL, OPTION_PROXY },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*request = (struct rules_request){ .path = CONFIG_DEFAULT_PATH };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":46c:", options, NULL)) != -1) {
		switch (option) {
		case '4':
			request->families.ipv4 = true;
			break;
		case '6':
			request->families.ipv6 = true;
			break;
		case 'c':
			request->path = optarg;
			break;
		case OPTION_FORWARD:
			request->forward = true;
			break;
		case OPTION_PROXY:
			request->proxy = true;
			break;
		case OPTION_REMOVE:
			request->remove = true;
			break;
		case ':':
			return cmd_misuse("rules", "-c needs the name of a file");
		default:
			return cmd_misuse("rules", "%s is not understood", argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_misuse("rules", "expected one kind of rules, nft, iptables or route");
	return rules_read_kind(argv[optind], request);
}

int cmd_rules(int argc, char **argv)
{
	static struct config config;
	struct rules_request request;
	int status = rules_read_arguments(argc, argv, &request);

	/* Rules must go away even where the configuration that they were made for no longer makes sense. */
	if (status == CMD_SUCCESS && !request.remove && config_load_first(&config, request.path, stderr) < 0)
		status = CMD_FAILURE;
	if (status != CMD_SUCCESS)
		return status;
	if ((request.proxy || request.kind == RULES_ROUTE) && !request.remove && !config.proxy.port) {
		fprintf(stderr, "ftpalg rules: %s has no section [proxy]; ftpalg.conf(5) describes it\n", request.path);
		return CMD_FAILURE;
	}
	rules_print(&request, &config);
	return CMD_SUCCESS;
}
