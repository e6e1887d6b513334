/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the processes of a service running: restarts what died, ends what hangs. */
#ifndef RUN_SUPERVISOR_H
#define RUN_SUPERVISOR_H

#include "config/config.h"

enum supervisor_kind {
	SUPERVISE_GATEWAY, /* a worker with its broker and, where the policy terminates TLS, the proxy */
	SUPERVISE_PROXY,   /* the proxy alone */
};

/*
 * Runs them until SIGTERM or SIGINT; SIGHUP is passed on. Returns 0, or -1 if one of them could not start the first time
 * (it has said why), or did not end well.
 */
int supervisor_run(const struct config *config, const char *config_path, enum supervisor_kind kind);

#endif
