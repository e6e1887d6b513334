/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process that asks the name service for the hosts that a policy announces. */
#ifndef RUN_RESOLVER_H
#define RUN_RESOLVER_H

#include <sys/types.h>

#include "config/config.h"
#include "process/heartbeat.h"
#include "process/names.h"

/*
 * Looks up what page lists, again and again, and writes there what it finds; ready once it has asked for everything. Ends by
 * a signal, or with the process supervisor. Returns -1 after a failure that it has reported.
 */
int resolver_run(const struct config *config, struct names_page *page, struct heartbeat *heart, pid_t supervisor);

#endif
