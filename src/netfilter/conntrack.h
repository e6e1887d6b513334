/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conntrack entries of control connections: finding them, and setting their sequence adjustment. */
#ifndef NETFILTER_CONNTRACK_H
#define NETFILTER_CONNTRACK_H

#include "ftpalg/nat.h"
#include "netfilter/netlink.h"

/* Names of servers behind DNAT, and addresses that clients are translated to, that are remembered. */
#define CONNTRACK_SERVERS 256
#define CONNTRACK_CLIENTS 8

struct conntrack_server {
	struct endpoint server;
	struct endpoint server_seen; /* never the same */
};

struct conntrack {
	struct netlink *netlink; /* borrowed */
	uint16_t zone;           /* of the control connections */
	uint32_t established;    /* seconds that an entry lives after an adjustment; 0: as long as it would */
	int error;               /* -errno of the last REASON_KERNEL_REFUSED */
	bool learnt;             /* the names in use when the first lookup came are remembered */
	struct conntrack_server servers[CONNTRACK_SERVERS];
	uint32_t remembered;     /* servers so far */
	struct address clients[CONNTRACK_CLIENTS];
	uint32_t clients_remembered;
	uint32_t dumps;          /* searches of the whole table so far */
	uint64_t dump_next;      /* when the next one may be, microseconds */
};

/* struct ops: lookup. */
enum reason conntrack_lookup(struct conntrack *conntrack, const struct tuple *seen, struct connection *connection);

/* struct ops: recall. */
enum reason conntrack_recall(struct conntrack *conntrack, const struct nat_view *view, struct connection *connection);

/* struct ops: seqadj. */
enum reason conntrack_adjust(struct conntrack *conntrack, const struct nat_view *master, enum direction direction,
			     const struct seqadj *seqadj);

/*
 * Makes the entry of a connection that is to come, with view's translation settled, helper attached, and timeout in
 * seconds until its first packet. REASON_USED: there is an entry for these ends already.
 */
enum reason conntrack_create(struct conntrack *conntrack, const struct nat_view *view, const char *helper,
			     uint32_t timeout);

/*
 * For a caller that has the connection's description from elsewhere: REASON_NONE where exactly this connection exists and
 * the helper called carrier is attached to it, REASON_NO_CARRIER, REASON_NO_CONNECTION, REASON_KERNEL_REFUSED.
 */
enum reason conntrack_confirm(struct conntrack *conntrack, const struct nat_view *master, const char *carrier);

/*
 * Finds the connection whose packets have this tuple where they reach their receiver, after all NAT. Its direction is
 * the tuple's. As conntrack_lookup, but it never dumps.
 */
enum reason conntrack_find_receiver(struct conntrack *conntrack, const struct tuple *tuple,
				    struct connection *connection);

/* The parts of ctnetlink messages that expectations need too. */
uint8_t conntrack_family(const struct address *address);
struct tuple conntrack_original_tuple(const struct nat_view *view);
void conntrack_put_tuple(struct nlmsghdr *request, uint16_t attribute, const struct tuple *tuple);
void conntrack_put_zone(struct nlmsghdr *request, uint16_t attribute, uint16_t zone);
/* False where the attribute is not a complete TCP tuple. */
bool conntrack_get_tuple(const struct nlattr *attribute, struct tuple *tuple);

#endif
