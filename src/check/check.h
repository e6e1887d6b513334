/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of ftpalg check. Each looks at one side of the host and adds its findings to the report. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/finding.h"
#include "check/listings.h"

void check_privileges(struct check *check);
void check_kernel(struct check *check);
void check_limits(struct check *check);
void check_rules(struct check *check);
void check_daemon(struct check *check);
void check_proxy(struct check *check);
void check_keys(struct check *check);
void check_failover(struct check *check);
void check_names(struct check *check);

/* The families that this host forwards and that have no rule which feeds the queue; where that can't be seen, none. */
struct check_forwards check_find_unfed(const struct config *config);

#endif
