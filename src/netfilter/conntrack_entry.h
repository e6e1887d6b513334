/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An entry of conntrack as ctnetlink describes it: what the files of conntrack share. */
#ifndef NETFILTER_CONNTRACK_ENTRY_H
#define NETFILTER_CONNTRACK_ENTRY_H

#include "ftpalg/nat.h"
#include "netfilter/netlink.h"

/* NF_CT_HELPER_NAME_LEN, which no uapi header has: net/netfilter/nf_conntrack_helper.h. */
#define CONNTRACK_HELPER_NAME_SIZE 16

struct conntrack_entry {
	struct tuple original;
	struct tuple reply;
	uint32_t status; /* IPS_... */
	uint16_t zone;
	uint8_t state;   /* TCP_CONNTRACK_..., NONE where the kernel does not say */
	bool opening;    /* its handshake is under way */
	bool ended;      /* its end is over: what the kernel keeps is the memory of it */
	bool lingers;    /* and it was no reset */
	bool helper;     /* one is attached */
	char helper_name[CONNTRACK_HELPER_NAME_SIZE];
	bool liberal;    /* in both directions: numbers out of the window are taken */
	struct seqadj seqadj[2];
};

/* Fills entry from an answer of ctnetlink. False where that is not an entry of a TCP connection. */
bool conntrack_get_entry(const struct nlmsghdr *answer, struct conntrack_entry *entry);

#endif
