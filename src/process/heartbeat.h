/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROCESS_HEARTBEAT_H
#define PROCESS_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

#define HEARTBEAT_FAULT_MAX 512

enum heartbeat_verdict {
	HEARTBEAT_ACCEPT,
	HEARTBEAT_REPLACE,
	HEARTBEAT_DROP,
	HEARTBEAT_VERDICTS,
};

/*
 * What a process shows to its supervisor, in memory that both map. It may be a later version that looks: members are added
 * at the end.
 */
struct heartbeat {
	_Atomic uint64_t beat; /* moves with every turn of the loop, at least once a second */
	_Atomic bool ready;
	_Atomic uint32_t sessions;       /* that are lost with it */
	char fault[HEARTBEAT_FAULT_MAX]; /* why it never was ready; may end without NUL */
	_Atomic bool closed;             /* it takes no sessions any more */
	_Atomic uint64_t condemned;      /* a session that it shall end, on SIGUSR1; it sets this back to 0 */
	/* Of a worker, and those before it in its place. One process writes them. */
	_Atomic uint64_t verdicts[HEARTBEAT_VERDICTS];
	_Atomic uint64_t delays[HISTOGRAM_BOUNDS + 1]; /* packets, by how long their verdict took */
	_Atomic uint64_t delay_sum;
};

#endif
