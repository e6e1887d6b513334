/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel lets this process do. */
#ifndef PROCESS_PRIVILEGES_H
#define PROCESS_PRIVILEGES_H

#include <stdbool.h>

struct privileges {
	bool net_admin;
	bool net_raw;
};

void privileges_read(struct privileges *privileges);

#endif
