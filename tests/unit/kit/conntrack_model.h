/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conntrack as ctnetlink shows it, played: what is asked is carried out on two tables, and the answers wait to be received.
 * A test program gives what it has of sendto() and recvmsg() to conntrack_model_send() and conntrack_model_receive().
 */
#ifndef UNIT_CONNTRACK_MODEL_H
#define UNIT_CONNTRACK_MODEL_H

#include <sys/socket.h>

#include "ftpalg/nat.h"
#include "netfilter/netlink.h"

#define MODEL_ROWS 100
#define MODEL_ANSWERS 120

struct model_entry {
	struct tuple original;
	struct tuple reply;
	uint16_t zone;
	uint32_t status;    /* IPS_... */
	uint8_t state;      /* TCP_CONNTRACK_... */
	const char *helper; /* NULL: none */
	bool odd;           /* it is told without its reply tuple */
	bool extended;      /* it has the seqadj extension; without, the kernel says yes and keeps nothing */
	bool stiff;         /* nor does it become liberal */
	bool liberal[2];
	struct seqadj seqadj[2];
	uint32_t timeout;   /* 0: none was set */
};

struct model_expectation {
	struct tuple tuple;
	struct tuple master;
	const char *helper;
	uint16_t zone;
	uint32_t id;
	uint32_t timeout;
	bool follows;
	uint32_t nat_direction;
	uint16_t saved_port;
	bool nameless;      /* it is told without its id, */
	bool unowned;       /* without its master, */
	bool bare;          /* or without its tuple and its timeout */
};

struct model_answer {
	size_t length;
	union netlink_request message;
};

struct conntrack_model {
	struct model_entry entries[MODEL_ROWS];
	size_t entry_count;
	struct model_expectation expectations[MODEL_ROWS];
	size_t expectation_count;
	uint32_t next_id;
	unsigned int asked;    /* requests so far, */
	unsigned int dumps;    /* of which these for a whole table, */
	unsigned int told;     /* entries so far, in answers */
	unsigned int fault_at; /* and the one of this number, or each with a number of those up to fault_to, */
	unsigned int fault_to;
	int fault;             /* has this error, as -errno, and changes nothing */
	uint16_t created_ports[2]; /* the range of source ports of the last entry that was made */
	struct model_answer answers[MODEL_ANSWERS];
	size_t answer_count;
	size_t answers_taken;
};

/* Adds a connection of zone 0 as it is seen by its client and by its server, with a helper and established. */
struct model_entry *conntrack_model_add(struct conntrack_model *model, const struct nat_view *view);
/* The next requests of which the first fails, and how many. */
void conntrack_model_fail(struct conntrack_model *model, unsigned int after, unsigned int count, int error);

ssize_t conntrack_model_send(struct conntrack_model *model, const void *requests, size_t length);
ssize_t conntrack_model_receive(struct conntrack_model *model, struct msghdr *message);

#endif
