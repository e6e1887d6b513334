/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel reports each transaction to a group of nfnetlink: a message for each thing that was added or removed, and at
 * the end one with the number of the new generation and the process that made it. What does not fit into the socket is lost;
 * the kernel reports that too, and it counts as a change.
 */
#include "netfilter/rulewatch.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* Datagrams at a time: a set of a hundred thousand elements must not keep a supervisor from its work. */
#define RULEWATCH_READS 64
#define RULEWATCH_SIZE 65536
#define RULEWATCH_BUFFER (1 << 20)

int rulewatch_open(struct rulewatch *watch)
{
	const int group = NFNLGRP_NFTABLES, size = RULEWATCH_BUFFER;
	int result;

	*watch = (struct rulewatch){ .socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK) };
	if (!watch->socket)
		return -errno;
	/* More room is better, but what there is will do. */
	(void)setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&group, sizeof(group)) < 0) {
		result = -errno;
		rulewatch_close(watch);
		return result;
	}
	return 0;
}

void rulewatch_close(struct rulewatch *watch)
{
	if (watch->socket)
		mnl_socket_close(watch->socket);
	watch->socket = NULL;
}

/* A process may call itself what it likes, control characters and all. */
static void rulewatch_take_name(struct rulewatch *watch, const char *name)
{
	size_t length = 0;

	for (; length < sizeof(watch->name) - 1 && name[length]; length++)
		watch->name[length] = isprint((unsigned char)name[length]) ? name[length] : '?';
	watch->name[length] = '\0';
}

static int rulewatch_take_actor(const struct nlattr *attribute, void *context)
{
	struct rulewatch *watch = context;

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_GEN_PROC_PID:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			watch->pid = ntohl(mnl_attr_get_u32(attribute));
		break;
	case NFTA_GEN_PROC_NAME:
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
			rulewatch_take_name(watch, mnl_attr_get_str(attribute));
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

struct rulewatch_round {
	struct rulewatch *watch;
	bool changed;
};

static int rulewatch_take_message(const struct nlmsghdr *message, void *context)
{
	struct rulewatch_round *round = context;

	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return MNL_CB_OK;
	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		round->changed = true;
		break;
	case NFT_MSG_NEWGEN:
		/* Where a transaction changes only elements, it does not matter who made it. */
		if (round->changed)
			mnl_attr_parse(message, sizeof(struct nfgenmsg), rulewatch_take_actor, round->watch);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

bool rulewatch_take(struct rulewatch *watch)
{
	static char memory[RULEWATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct rulewatch_round round = { .watch = watch };
	ssize_t length = 0;

	for (int i = 0; watch->socket && length >= 0 && i < RULEWATCH_READS; i++) {
		length = mnl_socket_recvfrom(watch->socket, memory, sizeof(memory));
		if (length > 0)
			mnl_cb_run(memory, (size_t)length, 0, 0, rulewatch_take_message, &round);
	}
	return round.changed || (length < 0 && errno == ENOBUFS);
}
