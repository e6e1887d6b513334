/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process that has the local authority's key, and signs with it what the proxy asks for. */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include <sys/types.h>

#include "config/config.h"
#include "process/heartbeat.h"
#include "record/ring.h"

/*
 * Reads the authority's key, says in page that it is ready, and answers orders (tls/mint_wire.h) from channels, each through
 * the one by which it came, until SIGTERM or SIGINT, or until all of them have ended (at most CONFIG_WORKERS_MAX of them).
 * What it has signed is left in events. It does not outlive its supervisor. Returns 0, or -1 after a failure that it has
 * reported.
 */
int keys_run(const struct config *config, const int *channels, size_t count, struct record_writer *events,
	     struct heartbeat *page, pid_t supervisor);

#endif
