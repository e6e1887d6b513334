/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg takeover: this router takes a failed one's place, and conntrackd has brought its connections, but not whole.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "netfilter/expect_mend.h"

static int takeover_read_arguments(int argc, char **argv, const char **path)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	int option;

	*path = CONFIG_DEFAULT_PATH;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == ':')
			return cmd_misuse("takeover", "-c needs the name of a file");
		if (option != 'c')
			return cmd_misuse("takeover", "%s is not understood", argv[optind - 1]);
		*path = optarg;
	}
	return optind == argc ? CMD_SUCCESS : cmd_misuse("takeover", "\"%s\" is not understood", argv[optind]);
}

static int takeover_tell(const struct expect_mended *mended)
{
	printf("ftpalg takeover: %u pinholes mended, %u too old, %u made here\n", mended->mended, mended->old,
	       mended->whole);
	if (mended->failed > 0)
		fprintf(stderr, "ftpalg takeover: %u pinholes could not be mended (%s); their clients have to ask again\n",
			mended->failed, mended->error ? strerror(-mended->error) : "their connections have ended");
	return mended->failed > 0 ? CMD_FAILURE : CMD_SUCCESS;
}

int cmd_takeover(int argc, char **argv)
{
	static struct config config;
	static struct netlink netlink;
	static struct conntrack conntrack;
	struct expect_mended mended;
	const char *path;
	int status = takeover_read_arguments(argc, argv, &path);
	int error;

	if (status == CMD_SUCCESS && config_load_first(&config, path, stderr) < 0)
		status = CMD_FAILURE;
	if (status != CMD_SUCCESS)
		return status;
	error = netlink_open(&netlink);
	conntrack = (struct conntrack){ .netlink = &netlink, .zone = config.zone };
	if (!error) {
		error = expect_mend_all(&conntrack, &config.policy, &mended);
		netlink_close(&netlink);
	}
	if (!error)
		return takeover_tell(&mended);
	fprintf(stderr, "ftpalg takeover: can't ask conntrack: %s; run this as root or with CAP_NET_ADMIN\n", strerror(-error));
	return CMD_FAILURE;
}
