/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which processor a process runs on, where another one has to be near. */
#ifndef PROCESS_PROCESSOR_H
#define PROCESS_PROCESSOR_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct processor_hold {
	cpu_set_t allowed; /* what it may run on, as it was before it held one */
	int held;          /* or -1 */
	uint64_t until;    /* microseconds of clock.h */
};

void processor_begin(struct processor_hold *hold);
/* To be called between turns of work: holds the processor that this runs on, or lets go of it, when that is due. */
void processor_turn(struct processor_hold *hold, uint64_t now);

#endif
