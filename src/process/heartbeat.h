/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROCESS_HEARTBEAT_H
#define PROCESS_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a process shows to its supervisor, in memory that both map. */
struct heartbeat {
	_Atomic uint64_t beat; /* moves with every turn of the loop, at least once a second */
	_Atomic bool ready;
};

#endif
