/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The probe: two ends that talk FTP to each other through whatever lies between, and compare what was sent with what
 * came. Everything is decided at the client's end, which reads the scenarios; the server's end does what it is asked.
 *
 *   client's end                                                       server's end
 *   probe_client   runs several at a time
 *   probe_run      one scenario, step by step
 *     |                  |
 *   agent            probe_remote === link, FTP to look at === probe_server
 *     |                                                          |
 *     |                                                        agent
 *     +--- control and data connections of the scenario ---------+
 *                           through the helper
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdio.h>

#include "probe/scenario.h"

#define PROBE_VERSION 1
#define PROBE_PORT 21
#define PROBE_LINK_PORT 2120

struct probe_settings {
	struct endpoint control;   /* where the server's end listens for what is tested */
	uint16_t link_port;        /* 0: the control port (in-band) */
	struct address foreign;    /* a second address of this end's host, or FAMILY_NONE */
	struct address server_foreign; /* client only: a second address of the server's host, or FAMILY_NONE */
	const char *token;
	bool progress;             /* client only: how far it is, on standard error */
};

enum probe_verdict {
	PROBE_PASS,
	PROBE_FAIL,    /* something good does not work */
	PROBE_EXPOSED, /* a hole */
	PROBE_BROKEN,  /* the session hung, or its bytes were changed, or it ended without reason */
	PROBE_SKIPPED,
};

const char *probe_verdict_name(enum probe_verdict verdict);

/* Runs the server's end until SIGTERM or SIGINT. Returns 0, or -1 after a failure that it has reported. */
int probe_serve(const struct probe_settings *settings);

#endif
