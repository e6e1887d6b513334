/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps one worker, and the proxy where there is one, running: restarts what died, ends what hangs. */
#ifndef RUN_SUPERVISOR_H
#define RUN_SUPERVISOR_H

#include "config/config.h"

/*
 * Runs a worker and, where the policy terminates TLS, the proxy, until SIGTERM or SIGINT; SIGHUP is passed on. Returns 0,
 * or -1 if one of them could not start the first time (it has said why), or did not end well.
 */
int supervisor_run(const struct config *config, const char *config_path);

#endif
