/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps one worker running: restarts one that died, ends one that hangs. */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

#include "daemon/config.h"

/*
 * Runs workers until SIGTERM or SIGINT; SIGHUP is passed on to the worker. Returns 0, or -1 if the first worker could not
 * start (it has said why).
 */
int supervisor_run(const struct config *config, const char *config_path);

#endif
