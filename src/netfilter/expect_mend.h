/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expectations that another router has made, and that came here without a part of what they were. */
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
 * Makes all pinholes of control connections whole that have come from another router: translated as their masters are, and
 * with the time left that policy gives them. Returns 0, or -errno where the kernel told of none.
 */
int expect_mend_all(struct conntrack *conntrack, const struct policy *policy, struct expect_mended *mended);

#endif
