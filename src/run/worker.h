/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One queue, one gateway, one loop. */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include <sys/types.h>

#include "config/config.h"
#include "process/heartbeat.h"

/*
 * Runs the gateway until SIGTERM or SIGINT, and leaves in the kernel what the kernel holds. SIGHUP reads the policy
 * again from config_path. channel goes to its broker, without which it ends. It does not outlive the process supervisor.
 * Returns 0, or -1 after a failure that it has told.
 */
int worker_run(const struct config *config, const char *config_path, int channel, struct heartbeat *page,
	       pid_t supervisor);

#endif
