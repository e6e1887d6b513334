/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expectations that another router has made, and that have lost a part of themselves on the way here. */
#ifndef NETFILTER_EXPECT_MEND_H
#define NETFILTER_EXPECT_MEND_H

#include "ftpalg/policy.h"
#include "netfilter/conntrack.h"

struct expect_mended {
	unsigned int whole;  /* that the gateway of this host has made */
	unsigned int mended;
	unsigned int old;    /* whose time had passed where they were made: deleted */
	unsigned int failed; /* that the kernel would not have mended; error says why */
	int error;
};

/*
 * Makes whole all pinholes of control connections that have come from another router: translated as their masters are, and
 * with the time left that policy gives them. Returns 0, or -errno where the kernel did not list them.
 */
int expect_mend_all(struct conntrack *conntrack, const struct policy *policy, struct expect_mended *mended);

#endif
