/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Of all that conntrack reports, data connections are a small part: those with the status bit EXPECTED. A program in the
 * socket lets only these pass (100,000 other connections of a router need not wake anybody), the ends of connections that a
 * rule gave a helper, as control connections have, and everything of other kinds:
 *
 *   message                              passes
 *   conntrack's DELETE                   if its attribute CTA_STATUS has EXPECTED or HELPER
 *   conntrack's others                   if its attribute CTA_STATUS has EXPECTED
 *   of expectations, of netlink itself   always
 *
 * If an expectation alone is deleted, its message bears the number of the socket that asked for it, usually the gateway's.
 * One that was used up, one whose time is over, and one that goes with its master bear none; the last is reported right
 * after its master. The gateway deletes what it makes again at once, so what is new is heard as well.
 *
 * Answers to what is asked on this socket go through the same program. A dump has several connections in a datagram, all of
 * them expected where the kernel knows the filter (5.15); its end comes from netlink itself.
 */
#include "netfilter/news.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

#include "netfilter/conntrack.h"
#include "netfilter/conntrack_entry.h"

/* Room for a second at the highest rate that was measured. */
#define NEWS_BUFFER (8 << 20)

/* The places of the subsystem and of its message, and where attributes begin. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NEWS_SUBSYSTEM (offsetof(struct nlmsghdr, nlmsg_type) + 1)
#define NEWS_MESSAGE offsetof(struct nlmsghdr, nlmsg_type)
#else
#define NEWS_SUBSYSTEM offsetof(struct nlmsghdr, nlmsg_type)
#define NEWS_MESSAGE (offsetof(struct nlmsghdr, nlmsg_type) + 1)
#endif
#define NEWS_ATTRIBUTES (sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg))

static int news_filter(int descriptor)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NEWS_SUBSYSTEM),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFNL_SUBSYS_CTNETLINK, 0, 10),
		/* The place of the attribute X, of those from A on. */
		BPF_STMT(BPF_LD | BPF_IMM, NEWS_ATTRIBUTES),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IPS_EXPECTED, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IPS_HELPER, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NEWS_MESSAGE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPCTNL_MSG_CT_DELETE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog filter = { .len = sizeof(program) / sizeof(program[0]), .filter = program };

	return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}

static int news_subscribe(int descriptor)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY,
				      NFNLGRP_CONNTRACK_EXP_NEW, NFNLGRP_CONNTRACK_EXP_DESTROY };
	int result = 0;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && result == 0; i++)
		if (setsockopt(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			result = -errno;
	return result;
}

int news_open(struct news *news, uint16_t zone)
{
	int result = netlink_open(&news->netlink);

	if (result < 0)
		return result;
	news->zone = zone;
	result = news_filter(news_descriptor(news));
	if (result == 0)
		result = netlink_enlarge(&news->netlink, NEWS_BUFFER);
	if (result == 0)
		result = news_subscribe(news_descriptor(news));
	if (result < 0)
		news_close(news);
	return result;
}

void news_close(struct news *news)
{
	netlink_close(&news->netlink);
}

void news_inherit(struct news *news, bool losing)
{
	netlink_count_dropped(&news->netlink);
	news->netlink.missing = losing;
}

int news_descriptor(const struct news *news)
{
	return mnl_socket_get_fd(news->netlink.socket);
}

static enum fact_state news_state(uint8_t state)
{
	switch (state) {
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_SENT2:
		return FACT_STATE_CALLING;
	case TCP_CONNTRACK_SYN_RECV:
		return FACT_STATE_ANSWERED;
	case TCP_CONNTRACK_ESTABLISHED:
		return FACT_STATE_ESTABLISHED;
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
		return FACT_STATE_CLOSING;
	case TCP_CONNTRACK_TIME_WAIT:
		return FACT_STATE_CLOSED;
	case TCP_CONNTRACK_CLOSE:
		return FACT_STATE_RESET;
	default:
		return FACT_STATE_UNKNOWN;
	}
}

static bool news_get_counter(const struct nlattr *attribute, uint64_t *count)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(*count))
		return false;
	*count = be64toh(mnl_attr_get_u64(attribute));
	return true;
}

static bool news_get_counters(const struct nlattr *attribute, uint64_t *bytes, uint64_t *packets)
{
	const struct nlattr *parts[CTA_COUNTERS_MAX + 1];

	if (!attribute)
		return false;
	netlink_index_nested(attribute, parts, CTA_COUNTERS_MAX);
	return news_get_counter(parts[CTA_COUNTERS_BYTES], bytes) && news_get_counter(parts[CTA_COUNTERS_PACKETS], packets);
}

static bool news_read_entry(const struct news *news, const struct nlmsghdr *message, struct fact_entry *fact)
{
	const struct nlattr *parts[CTA_MAX + 1];
	struct conntrack_entry entry;

	netlink_index(message, parts, CTA_MAX);
	if (!conntrack_get_entry(message, &entry) || entry.zone != news->zone || !(entry.status & IPS_EXPECTED) ||
	    !parts[CTA_ID] || mnl_attr_get_payload_len(parts[CTA_ID]) != sizeof(fact->id))
		return false;
	fact->id = mnl_attr_get_u32(parts[CTA_ID]);
	fact->original = entry.original;
	fact->state = news_state(entry.state);
	fact->fresh = message->nlmsg_flags & NLM_F_CREATE;
	/* An answer, also to a question about one entry, has the flag of what comes in parts; what comes unasked has not. */
	fact->asked = message->nlmsg_flags & NLM_F_MULTI;
	fact->offloaded = entry.status & IPS_OFFLOAD;
	fact->counted = news_get_counters(parts[CTA_COUNTERS_ORIG], &fact->bytes[0], &fact->packets[0]) &&
			news_get_counters(parts[CTA_COUNTERS_REPLY], &fact->bytes[1], &fact->packets[1]);
	return true;
}

/* Reads the end of a data connection, or of a connection that had a helper. */
static bool news_read_end(const struct news *news, const struct nlmsghdr *message, struct fact *fact)
{
	struct conntrack_entry entry;

	if (!conntrack_get_entry(message, &entry) || entry.zone != news->zone)
		return false;
	if (entry.status & IPS_EXPECTED) {
		fact->type = FACT_GONE;
		return news_read_entry(news, message, &fact->entry);
	}
	fact->type = FACT_MASTER_GONE;
	fact->master = entry.original;
	return true;
}

static bool news_read_expectation(const struct nlmsghdr *message, struct fact *fact)
{
	const struct nlattr *parts[CTA_EXPECT_MAX + 1];

	if (message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW))
		fact->type = FACT_EXPECTED;
	else
		fact->type = message->nlmsg_pid == 0 ? FACT_CALLED : FACT_DELETED;
	netlink_index(message, parts, CTA_EXPECT_MAX);
	return conntrack_get_tuple(parts[CTA_EXPECT_TUPLE], &fact->expectation.expected) &&
	       conntrack_get_tuple(parts[CTA_EXPECT_MASTER], &fact->expectation.master);
}

struct news_reader {
	const struct news *news;
	news_take *take;
	void *context;
};

static void news_take_message(const struct nlmsghdr *message, void *context)
{
	const struct news_reader *reader = context;
	struct fact fact;
	bool good = false;

	memset(&fact, 0, sizeof(fact));
	switch (message->nlmsg_type) {
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW:
		fact.type = FACT_ENTRY;
		good = news_read_entry(reader->news, message, &fact.entry);
		break;
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE:
		good = news_read_end(reader->news, message, &fact);
		break;
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW:
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_DELETE:
		good = news_read_expectation(message, &fact);
		break;
	default:
		break;
	}
	if (good)
		reader->take(reader->context, &fact);
}

static void news_lose(uint64_t count, bool over, void *context)
{
	const struct fact lost = { .type = over ? FACT_LOST_UNTIL : FACT_LOST_SINCE, .lost = count };
	const struct news_reader *reader = context;

	reader->take(reader->context, &lost);
}

int news_receive(struct news *news, news_take *take, void *context)
{
	struct news_reader reader = { news, take, context };
	const struct netlink_ear ear = { news_take_message, news_lose, &reader };

	return netlink_hear(&news->netlink, &ear);
}

static int news_send(struct news *news, const struct nlmsghdr *request)
{
	return mnl_socket_sendto(news->netlink.socket, request, request->nlmsg_len) < 0 ? -errno : 0;
}

int news_ask_all(struct news *news)
{
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	mnl_attr_put_u32(header, CTA_STATUS, htonl(IPS_EXPECTED));
	mnl_attr_put_u32(header, CTA_STATUS_MASK, htonl(IPS_EXPECTED));
	conntrack_put_zone(header, CTA_ZONE, news->zone);
	return news_send(news, header);
}

int news_ask(struct news *news, const struct tuple *original)
{
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0,
						conntrack_family(&original->source.address));

	conntrack_put_tuple(header, CTA_TUPLE_ORIG, original);
	conntrack_put_zone(header, CTA_ZONE, news->zone);
	return news_send(news, header);
}
