/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expectations: one data connection each that the kernel lets in, and translates, as RELATED to its master. */
#ifndef NETFILTER_EXPECT_H
#define NETFILTER_EXPECT_H

#include "ftpalg/nat.h"
#include "netfilter/netlink.h"

/* How many expectations one datagram can change, or end. */
#define EXPECT_TOGETHER NETLINK_BATCH_MAX

/* An expectation and whose it is. */
struct expect_owned {
	struct nat_view master;
	struct expectation expectation;
};

struct expect {
	struct netlink *netlink; /* borrowed */
	uint16_t zone;           /* of the control connections */
	bool together;           /* timeouts are set by expect_settle() */
	int error;               /* -errno of the last REASON_KERNEL_REFUSED */
	size_t late_count;
	struct expect_owned late[EXPECT_TOGETHER]; /* that wait for their timeouts */
	struct netlink_batch batch;
};

/* struct ops: expect. */
enum reason expect_create(struct expect *expect, const struct nat_view *master, struct expectation *expectation);

/* struct ops: unexpect, and peek. */
enum reason expect_delete(struct expect *expect, const struct nat_view *master, const struct expectation *expectation);
enum reason expect_peek(struct expect *expect, const struct nat_view *master, const struct expectation *expectation);

/* The same as expect_delete for several, EXPECT_TOGETHER at most: reasons are their answers. */
void expect_delete_all(struct expect *expect, const struct expect_owned *owned, size_t count, enum reason *reasons);

/*
 * Sets the timeouts that wait. Where the kernel refuses one, its expectation is deleted: better no pinhole than one of
 * unknown lifetime. Returns 0, or the last such -errno.
 */
int expect_settle(struct expect *expect);

/*
 * After a change of the master: deletes its expectations whose timeout waits, and makes them again. On a second router
 * conntrackd (1.4.7) makes a translated IPv6 connection again for each change that it hears of, and expectations end with
 * their master; those that it hears of after the change stay.
 */
void expect_tell_again(struct expect *expect, const struct nat_view *master);

/*
 * The ports to try where the wanted one is taken. All are 1024 or more, none comes twice, and those whose decimal text
 * is of the wanted port's shape come first: as many digits, and as many in each half of PORT's "p1,p2", so that an
 * announced line keeps its length.
 */
#define EXPECT_TRIES_SHAPE 48
#define EXPECT_TRIES_ANY 16
#define EXPECT_TRIES (EXPECT_TRIES_SHAPE + EXPECT_TRIES_ANY)

/* Fills ports for the wanted port; salt spreads the ports of clients that want the same one. Returns how many there are. */
size_t expect_candidates(uint16_t wanted, uint32_t salt, uint16_t ports[EXPECT_TRIES]);

#endif
