/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the processes of a service running: restarts what died, ends what hangs, replaces what is out of date. */
#ifndef RUN_SUPERVISOR_H
#define RUN_SUPERVISOR_H

#include "config/config.h"

enum supervisor_kind {
	SUPERVISE_GATEWAY, /* workers with their brokers and, where the policy terminates TLS, the proxy */
	SUPERVISE_PROXY,   /* the proxy alone */
};

/*
 * Runs them until SIGTERM or SIGINT. SIGHUP reads the configuration again, SIGUSR1 opens the files of events again, and
 * SIGUSR2 runs this program's file again. Returns 0, or -1 if one of them could not start the first time (it has said why),
 * or did not end well.
 */
int supervisor_run(const struct config *config, const char *config_path, enum supervisor_kind kind);

/* Has a program before this one started something that supervisor_run() will go on with? */
bool supervisor_goes_on(void);

/* Could supervisor_run() start with this, as far as files tell? Says what is wrong, and returns 0 or -1. */
int supervisor_test(const struct config *config, enum supervisor_kind kind);

#endif
