/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One queue, one gateway, one loop. */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include "daemon/config.h"

/*
 * Runs the gateway until SIGTERM or SIGINT, and leaves in the kernel what the kernel holds. SIGHUP reads the policy
 * again from config_path. Returns 0, or -1 after a failure that it has told.
 */
int worker_run(const struct config *config, const char *config_path);

#endif
