/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One queue, one gateway, one loop. */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "config/config.h"

/* What a worker shows to its supervisor, in memory that both map. */
struct worker_page {
	_Atomic uint64_t beat; /* moves with every turn of the loop, at least once a second */
	_Atomic bool ready;
};

/*
 * Runs the gateway until SIGTERM or SIGINT, and leaves in the kernel what the kernel holds. SIGHUP reads the policy
 * again from config_path. channel goes to its broker, without which it ends. It does not outlive the process supervisor. Returns 0, or -1 after a failure that it has told.
 */
int worker_run(const struct config *config, const char *config_path, int channel, struct worker_page *page,
	       pid_t supervisor);

#endif
