/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What conntrack reports unasked: which connections that were expected exist, how they stand and when they are gone, and
 * which expectations are used up. A filter in the socket keeps all other connections out.
 */
#ifndef NETFILTER_NEWS_H
#define NETFILTER_NEWS_H

#include "account/fact.h"
#include "netfilter/netlink.h"

struct news {
	struct netlink netlink;
	uint16_t zone; /* of the control connections */
};

typedef void news_take(void *context, const struct fact *fact);

/* Opens the socket, which needs CAP_NET_ADMIN. Returns 0 or -errno; then nothing needs closing. */
int news_open(struct news *news, uint16_t zone);
void news_close(struct news *news);

/*
 * Another process hears from now on: what was dropped before, it does not count. losing: the one before it may have ended
 * in the middle of a loss, whose end is therefore told.
 */
void news_inherit(struct news *news, bool losing);

int news_descriptor(const struct news *news);

/*
 * Hands what waits to take, as netlink_hear() does, with FACT_LOST_SINCE and FACT_LOST_UNTIL around it where the kernel had
 * more than there was room for. Returns what that returns.
 */
int news_receive(struct news *news, news_take *take, void *context);

/*
 * Asks for all connections that were expected, after a loss; and for one of them, with its counters. The answers come as
 * news do. The process that calls needs CAP_NET_ADMIN, and may be any that has the socket. Returns 0 or -errno.
 */
int news_ask_all(struct news *news);
int news_ask(struct news *news, const struct tuple *original);

#endif
