/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One queue, one gateway, one loop. */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include <sys/types.h>

#include "config/config.h"
#include "process/heartbeat.h"
#include "process/names.h"
#include "record/ring.h"

struct worker_start {
	const struct config *config;
	const char *config_path;
	uint16_t queue;
	const struct share *share; /* with the other workers */
	int channel;            /* to its broker */
	uint64_t first_session; /* numbers from here on are its own */
	struct record_writer *events;
	struct heartbeat *page;
	const struct names_page *names; /* addresses of hosts that the policy names */
	pid_t supervisor;
};

/*
 * Runs the gateway until SIGTERM or SIGINT, and leaves in the kernel what the kernel holds. SIGHUP reads the policy
 * again from config_path, and SIGUSR1 ends the session that page condemns. Without its broker it ends, and it does not
 * outlive the process supervisor. What happens is left in events. Returns 0, or -1 after a failure that it has reported.
 */
int worker_run(const struct worker_start *start);

#endif
