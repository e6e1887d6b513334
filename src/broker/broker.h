/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process that has the right to change the firewall, for one that reads what peers send. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "config/config.h"
#include "process/heartbeat.h"

/* The policy in force, which the supervisor writes and the broker reads: policy[turn % 2]. */
struct broker_page {
	_Atomic uint32_t turn;
	struct policy policy[2];
};

/*
 * Serves the other end of channel, whose worker has this queue, until that is closed. It does not outlive the process
 * supervisor. Returns 0, or -1 after a failure that it has told.
 */
int broker_run(const struct config *config, uint16_t queue, int channel, const struct broker_page *policies,
	       struct heartbeat *page, pid_t supervisor);

#endif
