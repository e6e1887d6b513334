/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of ftpalg check. Each looks at one side of the host and adds its findings to the report. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/finding.h"

void check_privileges(struct check *check);
void check_kernel(struct check *check);
void check_limits(struct check *check);
void check_rules(struct check *check);
void check_daemon(struct check *check);
void check_proxy(struct check *check);
void check_keys(struct check *check);

#endif
