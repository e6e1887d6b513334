/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg ca init: the local authority that the proxy mints certificates with. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "tls/authority.h"

#define CA_DAYS_MAX 36500
#define CA_NAME_MAX 64 /* RFC 5280, ub-common-name */
#define CA_ERROR_MAX 512

struct ca_request {
	const char *certificate;
	const char *key;
	const char *name;
	unsigned int days;
};

static bool ca_read_days(const char *text, unsigned int *days)
{
	unsigned int number = 0;

	for (; *text >= '0' && *text <= '9' && number <= CA_DAYS_MAX; text++)
		number = number * 10 + (unsigned int)(*text - '0');
	*days = number;
	return *text == '\0' && number >= 1 && number <= CA_DAYS_MAX;
}

static int ca_read_arguments(int argc, char **argv, struct ca_request *request)
{
	static const struct option options[] = {
		{ "certificate", required_argument, NULL, 'C' },
		{ "key", required_argument, NULL, 'K' },
		{ "name", required_argument, NULL, 'N' },
		{ "days", required_argument, NULL, 'D' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'C')
			request->certificate = optarg;
		else if (option == 'K')
			request->key = optarg;
		else if (option == 'N')
			request->name = optarg;
		else if (option == 'D' && !ca_read_days(optarg, &request->days))
			return cmd_misuse("ca", "\"%s\" is no number of days from 1 to %d", optarg, CA_DAYS_MAX);
		else if (option == ':')
			return cmd_misuse("ca", "%s needs a value", argv[optind - 1]);
		else if (option == '?')
			return cmd_misuse("ca", "%s is not understood", argv[optind - 1]);
	}
	if (optind != argc - 1 || strcmp(argv[optind], "init") != 0)
		return cmd_misuse("ca", "expected init");
	if (request->name[0] == '\0' || strlen(request->name) > CA_NAME_MAX)
		return cmd_misuse("ca", "a name has 1 to %d bytes", CA_NAME_MAX);
	return CMD_SUCCESS;
}

int cmd_ca(int argc, char **argv)
{
	struct ca_request request = {
		.certificate = "/etc/ftpalg/ca.pem", .key = "/etc/ftpalg/ca.key", .name = "ftpalg local CA",
		.days = 3650,
	};
	char error[CA_ERROR_MAX];
	int status = ca_read_arguments(argc, argv, &request);

	if (status != CMD_SUCCESS)
		return status;
	if (authority_create(request.certificate, request.key, request.name, request.days, error, sizeof(error)) < 0) {
		fprintf(stderr, "ftpalg ca: %s\n", error);
		return CMD_FAILURE;
	}
	printf("%s: the certificate; clients that shall trust the proxy import it\n"
	       "%s: its key; anyone who has it can pose as any server to these clients\n", request.certificate, request.key);
	return CMD_SUCCESS;
}
