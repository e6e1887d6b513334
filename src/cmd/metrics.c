/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg metrics: the numbers for collectors that read a file or a pipe. Over HTTP the gateway itself answers. */
#include <stdio.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

int cmd_metrics(int argc, char **argv)
{
	static const char *const words[] = { "metrics" };
	struct asking asking;
	int status;

	asking_init(&asking, "metrics");
	status = asking_read_arguments(&asking, argc, argv);
	if (status == CMD_SUCCESS && optind < argc)
		status = cmd_misuse("metrics", "\"%s\" is not understood", argv[optind]);
	else if (status == CMD_SUCCESS && asking.json)
		status = cmd_misuse("metrics", "they are no JSON");
	if (status == CMD_SUCCESS)
		status = asking_pass_on(&asking, words, 1, false);
	asking_finish(&asking);
	return status;
}
