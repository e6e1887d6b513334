/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netfilter/subsystem.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "netfilter/netlink.h"

static int subsystem_ask(struct nlmsghdr *request)
{
	struct netlink netlink;
	int result = netlink_open(&netlink);

	if (result < 0)
		return result;
	result = netlink_call(&netlink, request, NULL, NULL);
	netlink_close(&netlink);
	return result;
}

/* Binding a protocol family has meant nothing since Linux 3.8 and still gets an answer: a question without effect. */
int subsystem_try_queue(void)
{
	const struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_PF_BIND };
	union netlink_request memory;
	struct nlmsghdr *request = netlink_begin(&memory, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, 0, AF_UNSPEC);

	mnl_attr_put(request, NFQA_CFG_CMD, sizeof(command), &command);
	return subsystem_ask(request);
}

int subsystem_try_conntrack(void)
{
	union netlink_request memory;

	return subsystem_ask(netlink_begin(&memory, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS, 0, AF_UNSPEC));
}
