/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts on packets of one netfilter queue, sent to the kernel several at a time. */
#ifndef NETFILTER_NFVERDICT_H
#define NETFILTER_NFVERDICT_H

#include <libmnl/libmnl.h>

#include "ftpalg/base.h"

/* The largest attribute, and so the largest packet that a verdict can carry. */
#define NFVERDICT_PACKET_MAX (UINT16_MAX - sizeof(struct nlattr))
#define NFVERDICT_BATCH_SIZE 65536
/* One verdict with the largest packet. */
#define NFVERDICT_MESSAGE_SIZE (65536 + 256)

struct nfverdict_decision {
	uint32_t id;         /* of the packet in its queue */
	uint32_t mark;       /* that the packet had */
	bool accept;         /* or drop */
	struct bytes packet; /* what leaves instead; empty: the packet as it came */
};

struct nfverdict {
	struct mnl_socket *socket; /* the one that the queue is bound to: the kernel takes verdicts from no other */
	uint16_t number;           /* of the queue */
	uint32_t passed_mark;      /* bits that are added to the mark of what leaves; 0: marks stay as they are */
	uint64_t failed;           /* verdicts that could not be sent: their packets had to be dropped */
	/* the packet lost_id, or some before it, wait without the verdict that they were to have */
	bool lost;
	uint32_t lost_id;
	bool inherits;             /* packets that wait before the first one belonged to another process, which has died */
	size_t used;
	/* The last message, where it accepts packets as they came: the next ones in the queue may go with them. */
	struct nlmsghdr *run; /* NULL: it does something else */
	uint32_t run_mark;    /* that its packets had */
	union {
		struct nlmsghdr header; /* for its alignment */
		char bytes[NFVERDICT_BATCH_SIZE + NFVERDICT_MESSAGE_SIZE];
	} batch;
};

/* Prepares for the queue that descriptor is bound to. Takes the descriptor over. Returns 0 or -errno. */
int nfverdict_open(struct nfverdict *verdict, int descriptor, uint16_t number, uint32_t passed_mark);
void nfverdict_close(struct nfverdict *verdict);
/*
 * The queue belonged to another process before. Packets that this one took and did not decide wait for ever, and take room:
 * they are dropped with the first decision.
 */
void nfverdict_inherit(struct nfverdict *verdict);

/*
 * Notes a decision, and sends what was noted before where there is no room for it. Decisions are noted in the order of the
 * queue, and none is left out: one message accepts all packets that wait, up to the last of several in a row.
 */
void nfverdict_add(struct nfverdict *verdict, const struct nfverdict_decision *decision);
/* Sends what was noted. */
void nfverdict_flush(struct nfverdict *verdict);

#endif
