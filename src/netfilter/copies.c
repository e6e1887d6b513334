/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel gathers copies and hands them over together: after a tenth of a second, after a number of them, or when there
 * is no more room. If the group already has this socket as its reader, that is no error to the kernel; if it has another
 * reader, the kernel says EBUSY, or EPERM.
 */
#include "netfilter/copies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <sys/socket.h>

#include "account/segment.h"

#define COPIES_BUFFER (4 << 20)
#define COPIES_DELAY 10 /* hundredths of a second */
#define COPIES_TOGETHER 32
/* Of the room that a datagram is read into; one copy takes less than 256 bytes of it. */
#define COPIES_DATAGRAM (NETLINK_ANSWER_SIZE / 2)

static struct nlmsghdr *copies_begin(const struct copies *copies, union netlink_request *request)
{
	struct nlmsghdr *header = netlink_begin(request, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, 0, AF_UNSPEC);
	struct nfgenmsg *netfilter = mnl_nlmsg_get_payload(header);

	netfilter->res_id = htons(copies->group);
	return header;
}

static int copies_bind(struct copies *copies)
{
	const struct nfulnl_msg_config_cmd command = { .command = NFULNL_CFG_CMD_BIND };
	union netlink_request request;
	struct nlmsghdr *header = copies_begin(copies, &request);

	mnl_attr_put(header, NFULA_CFG_CMD, sizeof(command), &command);
	return netlink_call(&copies->netlink, header, NULL, NULL);
}

static int copies_configure(struct copies *copies)
{
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(SEGMENT_BEGINNING),
						     .copy_mode = NFULNL_COPY_PACKET };
	union netlink_request request;
	struct nlmsghdr *header = copies_begin(copies, &request);

	mnl_attr_put(header, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(header, NFULA_CFG_NLBUFSIZ, htonl(COPIES_DATAGRAM));
	mnl_attr_put_u32(header, NFULA_CFG_TIMEOUT, htonl(COPIES_DELAY));
	mnl_attr_put_u32(header, NFULA_CFG_QTHRESH, htonl(COPIES_TOGETHER));
	return netlink_call(&copies->netlink, header, NULL, NULL);
}

int copies_open(struct copies *copies, uint16_t group)
{
	int result = netlink_open(&copies->netlink);

	if (result < 0)
		return result;
	copies->group = group;
	result = copies_bind(copies);
	if (result == 0)
		result = netlink_enlarge(&copies->netlink, COPIES_BUFFER);
	if (result == 0)
		result = copies_configure(copies);
	if (result < 0)
		copies_close(copies);
	return result;
}

void copies_close(struct copies *copies)
{
	netlink_close(&copies->netlink);
}

void copies_inherit(struct copies *copies, bool losing)
{
	netlink_count_dropped(&copies->netlink);
	copies->netlink.missing = losing;
}

int copies_descriptor(const struct copies *copies)
{
	return mnl_socket_get_fd(copies->netlink.socket);
}

struct copies_reader {
	copies_take *take;
	void *context;
};

static void copies_take_message(const struct nlmsghdr *message, void *context)
{
	const struct copies_reader *reader = context;
	const struct nlattr *parts[NFULA_MAX + 1];
	struct fact fact = { .type = FACT_SEGMENT };
	struct bytes packet;

	if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return;
	netlink_index(message, parts, NFULA_MAX);
	if (!parts[NFULA_PAYLOAD])
		return;
	packet.data = mnl_attr_get_payload(parts[NFULA_PAYLOAD]);
	packet.length = mnl_attr_get_payload_len(parts[NFULA_PAYLOAD]);
	if (segment_read(packet, &fact.segment))
		reader->take(reader->context, &fact);
}

static void copies_lose(uint64_t count, bool over, void *context)
{
	const struct fact lost = { .type = over ? FACT_LOST_UNTIL : FACT_LOST_SINCE, .lost = count };
	const struct copies_reader *reader = context;

	reader->take(reader->context, &lost);
}

int copies_receive(struct copies *copies, copies_take *take, void *context)
{
	struct copies_reader reader = { take, context };
	const struct netlink_ear ear = { copies_take_message, copies_lose, &reader };

	return netlink_hear(&copies->netlink, &ear);
}
