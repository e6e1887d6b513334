/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * conntrackd carries a control connection to another router whole: translation, carrier, sequence adjustment. Of its
 * expectations it carries tuple, mask and master. It loses what the kernel has to do with the data connection
 * (CTA_EXPECT_NAT and CTA_EXPECT_FN: libnetfilter_conntrack 1.0.9 writes neither), so an active transfer that a client
 * behind SNAT has announced never reaches it; and the timeout, because ours is set by a second message, which makes no
 * event.
 *
 * Both can be seen in what has arrived:
 *
 *   no function, master translated    came from elsewhere; its translation follows from the master
 *   more time left than we give       came from elsewhere, with the 300 s that the carrier gives
 *
 *   source is   destination is   the offer             direction of the translation
 *   server      client_seen      PORT of the client    1, to the client
 *   client      server_seen      227 of the server     0, to the server
 *
 * The port at the real destination is not carried over either. It is the announced one, unless that was taken when the offer
 * was made; then this offer fails, and the client's next one works.
 *
 * Mend only after the other router is gone: it hears of what is written here, and its conntrackd would take it for news.
 */
#include "netfilter/expect_mend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "netfilter/expect.h"

/* Seconds, as nf_conntrack_sane has it. */
#define CARRIER_TIMEOUT 300
#define CARRIER_NAME "sane"

/* As a dump names it. */
struct expect_carried {
	struct tuple tuple;
	struct tuple master;
	uint32_t left;  /* seconds */
	bool follows;   /* it has a function */
};

struct expect_collection {
	uint16_t zone;
	struct expect_carried *rows;
	size_t count;
	size_t room;
	bool lost; /* there was no memory for one */
};

static void expect_collect(const struct nlmsghdr *answer, void *context)
{
	const struct nlattr *parts[CTA_EXPECT_MAX + 1];
	struct expect_collection *all = context;
	struct expect_carried row = { .left = 0 };

	netlink_index(answer, parts, CTA_EXPECT_MAX);
	if (!parts[CTA_EXPECT_HELP_NAME] || strcmp(mnl_attr_get_str(parts[CTA_EXPECT_HELP_NAME]), CARRIER_NAME) != 0 ||
	    (parts[CTA_EXPECT_ZONE] ? ntohs(mnl_attr_get_u16(parts[CTA_EXPECT_ZONE])) : 0) != all->zone ||
	    !conntrack_get_tuple(parts[CTA_EXPECT_TUPLE], &row.tuple) ||
	    !conntrack_get_tuple(parts[CTA_EXPECT_MASTER], &row.master))
		return;
	row.follows = parts[CTA_EXPECT_FN] != NULL;
	if (parts[CTA_EXPECT_TIMEOUT])
		row.left = ntohl(mnl_attr_get_u32(parts[CTA_EXPECT_TIMEOUT]));
	if (all->count == all->room) {
		struct expect_carried *rows = realloc(all->rows, (all->room * 2 + 64) * sizeof(*rows));

		all->lost = all->lost || !rows;
		if (!rows)
			return;
		all->rows = rows;
		all->room = all->room * 2 + 64;
	}
	all->rows[all->count++] = row;
}

/* What the gateway that made it has told the kernel. False: it is not an offer of either peer. */
static bool expect_restore(const struct expect_carried *row, const struct nat_view *view, struct expectation *expectation)
{
	const struct address *source = &row->tuple.source.address;
	const struct address *destination = &row->tuple.destination.address;

	*expectation = (struct expectation){
		.source = *source,
		.destination = row->tuple.destination,
		.translated = nat_view_is_translated(view),
		.saved_port = row->tuple.destination.port,
	};
	if (address_equal(source, &view->server.address) && address_equal(destination, &view->client_seen.address))
		expectation->nat_direction = DIRECTION_REPLY;
	else if (address_equal(source, &view->client.address) && address_equal(destination, &view->server_seen.address))
		expectation->nat_direction = DIRECTION_ORIGINAL;
	else
		return false;
	return true;
}

static void expect_mend(struct expect *expect, struct conntrack *conntrack, const struct policy *policy,
			const struct expect_carried *row, struct expect_mended *mended)
{
	const struct tuple back = tuple_reverse(&row->master);
	struct expectation expectation;
	struct connection connection;
	enum reason reason;
	uint32_t given;

	/* It may have been used, and its master may have ended, since the kernel was asked. */
	if (conntrack_find_receiver(conntrack, &back, &connection) != REASON_NONE ||
	    !expect_restore(row, &connection.view, &expectation))
		return;
	given = policy_find_rule(policy, &connection.view)->pinhole_timeout;
	if (row->follows || (!expectation.translated && row->left <= given)) {
		mended->whole++;
		return;
	}
	if (given < CARRIER_TIMEOUT && row->left + given <= CARRIER_TIMEOUT) {
		if (expect_delete(expect, &connection.view, &expectation) == REASON_NONE)
			mended->old++;
		return;
	}
	expectation.timeout = given < CARRIER_TIMEOUT ? row->left + given - CARRIER_TIMEOUT : given;
	reason = expect_create(expect, &connection.view, &expectation);
	if (reason == REASON_NONE) {
		mended->mended++;
	} else {
		mended->failed++;
		mended->error = expect->error;
	}
}

int expect_mend_all(struct conntrack *conntrack, const struct policy *policy, struct expect_mended *mended)
{
	struct expect expect = { .netlink = conntrack->netlink, .zone = conntrack->zone };
	struct expect_collection all = { .zone = conntrack->zone };
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, NLM_F_DUMP,
						AF_UNSPEC);
	int error = netlink_call(conntrack->netlink, header, expect_collect, &all);

	memset(mended, 0, sizeof(*mended));
	if (all.lost)
		error = -ENOMEM;
	for (size_t i = 0; i < all.count && !error; i++)
		expect_mend(&expect, conntrack, policy, &all.rows[i], mended);
	free(all.rows);
	return error;
}
