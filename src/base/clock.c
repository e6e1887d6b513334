/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"

#include <time.h>

static uint64_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_microseconds(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_wall_microseconds(void)
{
	return clock_read(CLOCK_REALTIME);
}
