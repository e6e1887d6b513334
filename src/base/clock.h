/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Microseconds of a clock that never goes back. */
uint64_t clock_microseconds(void);

/* Microseconds since 1970, which may go back. */
uint64_t clock_wall_microseconds(void);

#endif
