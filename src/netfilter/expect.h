/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expectations: one data connection each that the kernel lets in, and translates, as RELATED to its master. */
#ifndef NETFILTER_EXPECT_H
#define NETFILTER_EXPECT_H

#include "ftpalg/nat.h"
#include "netfilter/netlink.h"

struct expect {
	struct netlink *netlink; /* borrowed */
	uint16_t zone;           /* of the control connections */
	int error;               /* -errno behind the last REASON_KERNEL_REFUSED */
};

/* struct ops: expect. */
enum reason expect_create(struct expect *expect, const struct nat_view *master, struct expectation *expectation);

/* struct ops: unexpect, and peek. */
enum reason expect_delete(struct expect *expect, const struct nat_view *master, const struct expectation *expectation);
enum reason expect_peek(struct expect *expect, const struct nat_view *master, const struct expectation *expectation);

/*
 * The ports to try where the wanted one is taken. All are 1024 or more, none comes twice, and those whose decimal text
 * is of the wanted port's shape come first: as many digits, and as many in each half of PORT's "p1,p2", so that an
 * announced line keeps its length.
 */
#define EXPECT_TRIES_SHAPE 48
#define EXPECT_TRIES_ANY 16
#define EXPECT_TRIES (EXPECT_TRIES_SHAPE + EXPECT_TRIES_ANY)

/* Fills ports for the wanted port; salt spreads those who want the same one. Returns how many there are. */
size_t expect_candidates(uint16_t wanted, uint32_t salt, uint16_t ports[EXPECT_TRIES]);

#endif
