/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netfilter/subsystem.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
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

/* A message about a group without a reader, which does not bind one either, changes nothing. */
int subsystem_try_log(void)
{
	union netlink_request memory;
	const int result = subsystem_ask(netlink_begin(&memory, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, 0, AF_UNSPEC));

	return result == -ENODEV ? 0 : result;
}

uint32_t subsystem_read_established(void)
{
	FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", "re");
	char line[16] = "";
	uint32_t seconds = 0;

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) &&
	    !number_read_decimal((struct bytes){ (const uint8_t *)line, strcspn(line, "\n") }, INT32_MAX, &seconds))
		seconds = 0;
	fclose(file);
	return seconds;
}
