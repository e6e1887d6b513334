/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two processes that wait for each other in turns do best on one processor: to wake a sleeper on another one takes an
 * interrupt there, which costs more than what either does in its turn, above all in a virtual machine. A scheduler thinks
 * otherwise. It sees that the sleeper's own processor is busy, with the one that wakes it, and takes an idle one.
 *
 * So one of the two holds the processor that it runs on, and the other follows it. For some milliseconds only: then the
 * scheduler may choose, for as long as it has tasks to wake in, because it alone knows what else runs.
 *
 * Somebody may change what this process may run on while it holds one of them. Then that is what counts.
 */
#include "process/processor.h"

#define PROCESSOR_HELD 20000 /* microseconds */
#define PROCESSOR_FREE 1000

void processor_begin(struct processor_hold *hold)
{
	hold->held = -1;
	hold->until = 0;
}

/* Is it allowed the processor that it holds and no other? */
static bool processor_is_ours(const struct processor_hold *hold)
{
	cpu_set_t now;

	return sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_COUNT(&now) == 1 && CPU_ISSET(hold->held, &now);
}

static void processor_take(struct processor_hold *hold)
{
	const int here = sched_getcpu();
	cpu_set_t one;

	/* Where a set does not hold as many processors as there are, nothing is held. */
	if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(hold->allowed), &hold->allowed) < 0 ||
	    CPU_COUNT(&hold->allowed) < 2)
		return;
	CPU_ZERO(&one);
	CPU_SET(here, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == 0)
		hold->held = here;
}

void processor_turn(struct processor_hold *hold, uint64_t now)
{
	if (now < hold->until)
		return;
	if (hold->held < 0) {
		processor_take(hold);
		hold->until = now + PROCESSOR_HELD;
		return;
	}
	if (processor_is_ours(hold))
		sched_setaffinity(0, sizeof(hold->allowed), &hold->allowed);
	hold->held = -1;
	hold->until = now + PROCESSOR_FREE;
}
