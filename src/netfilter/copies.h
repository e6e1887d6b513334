/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of segments of data connections, which a rule makes (NFLOG): those with SYN, FIN and RST, and samples of the
 * others. The packets themselves wait for nobody.
 */
#ifndef NETFILTER_COPIES_H
#define NETFILTER_COPIES_H

#include "account/fact.h"
#include "netfilter/netlink.h"

struct copies {
	struct netlink netlink;
	uint16_t group;
};

typedef void copies_take(void *context, const struct fact *fact);

/*
 * Binds the group, which needs CAP_NET_ADMIN, and which only one process can have. Returns 0 or -errno; then nothing needs
 * closing. -EBUSY: another one has it.
 */
int copies_open(struct copies *copies, uint16_t group);
void copies_close(struct copies *copies);

/*
 * Another process hears from now on: what was dropped before, it does not count. losing: the one before it may have ended
 * in the middle of a loss, whose end is therefore told.
 */
void copies_inherit(struct copies *copies, bool losing);

int copies_descriptor(const struct copies *copies);

/* As news_receive(). */
int copies_receive(struct copies *copies, copies_take *take, void *context);

#endif
