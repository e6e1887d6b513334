/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For a router that has a stand-in: does conntrackd carry over what that needs? */
#ifndef CHECK_FAILOVER_H
#define CHECK_FAILOVER_H

#include "ftpalg/base.h"

enum failover_fault {
	FAILOVER_GOOD,
	FAILOVER_NO_EXPECTATIONS, /* or not those of the carrier */
	FAILOVER_TRACKS_WINDOWS,
	FAILOVER_FILTERS_TCP,     /* TCP is not among the protocols that are accepted, or is among those ignored */
};

/* The first fault in the text of a conntrackd.conf. */
enum failover_fault failover_judge(struct bytes text);

#endif
