/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg run: the gateway, in the foreground. */
#include "cmd/cmd.h"

int cmd_run(int argc, char **argv)
{
	return cmd_supervise("run", SUPERVISE_GATEWAY, argc, argv);
}
