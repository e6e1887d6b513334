/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg proxy: the TLS proxy, in the foreground. A separate process, because it holds private keys. */
#include "cmd/cmd.h"

int cmd_proxy(int argc, char **argv)
{
	return cmd_supervise("proxy", SUPERVISE_PROXY, argc, argv);
}
