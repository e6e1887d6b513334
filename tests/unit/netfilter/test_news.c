/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel's messages about data connections say. The kernel is played: each receive gets the next datagram. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netfilter/conntrack.h"
#include "netfilter/copies.h"
#include "netfilter/news.h"
#include "unit.h"

#define TAKEN_MAX 8

static struct news news;
static struct copies copies;
static union netlink_request datagram;
static int error; /* of receiving, once; then there is nothing more */
static size_t ready;
static size_t empty; /* so many datagrams with nothing in them come first */
static size_t again; /* so often the datagram comes once more */
static struct fact taken[TAKEN_MAX];
static size_t taken_count;

/* Emulators of other processors have no netlink of netfilter, and here nothing is asked of the kernel's. */
int socket(int domain, int type, int protocol)
{
	return (int)syscall(SYS_socket, domain, type, domain == AF_NETLINK ? NETLINK_ROUTE : protocol);
}

ssize_t recv(int socket, void *to, size_t size, int flags)
{
	const size_t length = ready;

	(void)socket;
	(void)flags;
	if (error || (ready == 0 && empty == 0)) {
		errno = error ? error : EAGAIN;
		error = 0;
		return -1;
	}
	if (empty > 0) {
		empty--;
		return 0;
	}
	assert_true(length <= size);
	memcpy(to, datagram.bytes, length);
	if (again == 0)
		ready = 0;
	else
		again--;
	return (ssize_t)length;
}

/* How many messages the kernel has dropped; 0: it does not say. */
static uint32_t dropped;

int getsockopt(int socket, int level, int name, void *value, socklen_t *size)
{
	uint32_t facts[SK_MEMINFO_VARS] = { [SK_MEMINFO_DROPS] = dropped };

	(void)socket;
	if (dropped == 0 || level != SOL_SOCKET || name != SO_MEMINFO || *size < sizeof(facts)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	memcpy(value, facts, sizeof(facts));
	return 0;
}

/* Options of a socket that were set, */
static unsigned int options;
/* and the one of these that the kernel refuses, by its number; 0: none. */
static unsigned int refused;

int setsockopt(int socket, int level, int name, const void *value, socklen_t size)
{
	(void)socket, (void)level, (void)name, (void)value, (void)size;
	errno = EPERM;
	return ++options == refused ? -1 : 0;
}

/* What is asked of the kernel is acknowledged, or the request of this number is refused. */
static unsigned int requests;
static unsigned int request_refused;
static uint32_t request_sequence;

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket, (void)flags, (void)address, (void)size;
	request_sequence = ((const struct nlmsghdr *)bytes)->nlmsg_seq;
	requests++;
	return (ssize_t)length;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	const struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	const int32_t number = requests == request_refused ? -EBUSY : 0;
	struct nlmsghdr *answer = mnl_nlmsg_put_header(message->msg_iov->iov_base);

	(void)socket, (void)flags;
	answer->nlmsg_type = NLMSG_ERROR;
	answer->nlmsg_seq = request_sequence;
	memcpy(mnl_nlmsg_put_extra_header(answer, sizeof(number)), &number, sizeof(number));
	memcpy(message->msg_name, &from, sizeof(from));
	message->msg_namelen = sizeof(from);
	message->msg_flags = 0;
	return (ssize_t)answer->nlmsg_len;
}

static void take(void *context, const struct fact *fact)
{
	(void)context;
	assert_true(taken_count < TAKEN_MAX);
	taken[taken_count++] = *fact;
}

static size_t counted;

static void count(void *context, const struct fact *fact)
{
	(void)context;
	(void)fact;
	counted++;
}

static int setup(void **state)
{
	(void)state;
	taken_count = 0;
	ready = 0;
	again = 0;
	empty = 0;
	error = 0;
	dropped = 0;
	options = 0;
	refused = 0;
	news.zone = 0;
	return netlink_open(&news.netlink) == 0 && netlink_open(&copies.netlink) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	netlink_close(&news.netlink);
	netlink_close(&copies.netlink);
	return 0;
}

static struct tuple tuple_of(const char *source, uint16_t port, const char *destination)
{
	return (struct tuple){ unit_endpoint(source, port), unit_endpoint(destination, 50000) };
}

static struct nlmsghdr *begin_entry(uint8_t type, uint32_t status, uint8_t state)
{
	const struct tuple original = tuple_of("203.0.113.9", 20, "198.51.100.1");
	const struct tuple reply = tuple_of("10.0.0.5", 20, "203.0.113.9");
	struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK, type, 0, AF_INET);
	struct nlattr *outer, *inner;

	conntrack_put_tuple(message, CTA_TUPLE_ORIG, &original);
	conntrack_put_tuple(message, CTA_TUPLE_REPLY, &reply);
	mnl_attr_put_u32(message, CTA_ID, 4711);
	mnl_attr_put_u32(message, CTA_STATUS, htonl(status));
	outer = mnl_attr_nest_start(message, CTA_PROTOINFO);
	inner = mnl_attr_nest_start(message, CTA_PROTOINFO_TCP);
	mnl_attr_put_u8(message, CTA_PROTOINFO_TCP_STATE, state);
	mnl_attr_nest_end(message, inner);
	mnl_attr_nest_end(message, outer);
	return message;
}

static void put_counters(struct nlmsghdr *message, uint16_t attribute, uint64_t packets, uint64_t bytes)
{
	struct nlattr *outer = mnl_attr_nest_start(message, attribute);

	mnl_attr_put_u64(message, CTA_COUNTERS_PACKETS, htobe64(packets));
	mnl_attr_put_u64(message, CTA_COUNTERS_BYTES, htobe64(bytes));
	mnl_attr_nest_end(message, outer);
}

static void receives(const struct nlmsghdr *message)
{
	ready = message->nlmsg_len;
	taken_count = 0;
	assert_int_equal(news_receive(&news, take, NULL), 0);
}

static void an_entry_has_its_id_its_tuple_and_its_state(void **state)
{
	static const struct { uint8_t kernel; enum fact_state fact; } states[] = {
		{ TCP_CONNTRACK_NONE, FACT_STATE_UNKNOWN }, { TCP_CONNTRACK_SYN_SENT, FACT_STATE_CALLING },
		{ TCP_CONNTRACK_SYN_RECV, FACT_STATE_ANSWERED }, { TCP_CONNTRACK_ESTABLISHED, FACT_STATE_ESTABLISHED },
		{ TCP_CONNTRACK_FIN_WAIT, FACT_STATE_CLOSING }, { TCP_CONNTRACK_CLOSE_WAIT, FACT_STATE_CLOSING },
		{ TCP_CONNTRACK_LAST_ACK, FACT_STATE_CLOSING }, { TCP_CONNTRACK_TIME_WAIT, FACT_STATE_CLOSED },
		{ TCP_CONNTRACK_CLOSE, FACT_STATE_RESET }, { TCP_CONNTRACK_SYN_SENT2, FACT_STATE_CALLING },
	};
	const struct tuple original = tuple_of("203.0.113.9", 20, "198.51.100.1");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		receives(begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED | IPS_CONFIRMED, states[i].kernel));
		assert_int_equal(taken_count, 1);
		assert_int_equal(taken[0].type, FACT_ENTRY);
		assert_int_equal(taken[0].entry.id, 4711);
		assert_true(tuple_equal(&taken[0].entry.original, &original));
		assert_int_equal(taken[0].entry.state, states[i].fact);
		assert_false(taken[0].entry.counted);
		assert_false(taken[0].entry.offloaded);
	}
}

/* The kernel marks the first news of an entry; what it answers when it is asked is not marked. */
static void a385_the_first_news_of_an_entry_says_that_it_is_new(void **state)
{
	struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_SYN_SENT);

	(void)state;
	receives(message);
	assert_false(taken[0].entry.fresh);
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	receives(message);
	assert_true(taken[0].entry.fresh);
	message->nlmsg_flags = NLM_F_MULTI;
	receives(message);
	assert_false(taken[0].entry.fresh);
}

static void a402_an_answer_says_that_it_is_one(void **state)
{
	struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_TIME_WAIT);

	(void)state;
	receives(message);
	assert_false(taken[0].entry.asked);
	message->nlmsg_flags = NLM_F_MULTI;
	receives(message);
	assert_true(taken[0].entry.asked);
}

static void an_entry_that_goes_may_have_counters(void **state)
{
	struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_DELETE, IPS_EXPECTED | IPS_OFFLOAD, TCP_CONNTRACK_CLOSE);

	(void)state;
	put_counters(message, CTA_COUNTERS_ORIG, 7, UINT64_C(5007820647));
	receives(message);
	assert_false(taken[0].entry.counted);
	put_counters(message, CTA_COUNTERS_REPLY, 8, 416);
	receives(message);
	assert_int_equal(taken[0].type, FACT_GONE);
	assert_true(taken[0].entry.counted);
	assert_true(taken[0].entry.offloaded);
	assert_int_equal(taken[0].entry.packets[0], 7);
	assert_int_equal(taken[0].entry.bytes[0], UINT64_C(5007820647));
	assert_int_equal(taken[0].entry.bytes[1], 416);
}

/* Both counters of both directions, each of eight bytes. */
static void counters_that_are_not_whole_are_none(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_DELETE, IPS_EXPECTED, TCP_CONNTRACK_CLOSE);
		struct nlattr *nest;

		put_counters(message, CTA_COUNTERS_ORIG, 7, 700);
		nest = mnl_attr_nest_start(message, CTA_COUNTERS_REPLY);
		if (kind != 0)
			mnl_attr_put_u64(message, CTA_COUNTERS_PACKETS, htobe64(8));
		if (kind == 2)
			mnl_attr_put_u32(message, CTA_COUNTERS_BYTES, htonl(800));
		else if (kind != 1)
			mnl_attr_put_u64(message, CTA_COUNTERS_BYTES, htobe64(800));
		mnl_attr_nest_end(message, nest);
		receives(message);
		assert_int_equal(taken_count, 1);
		assert_int_equal(taken[0].entry.counted, kind == 3);
	}
}

/* What can't be named, or has no ends, is nobody's. */
static void half_an_entry_is_no_news(void **state)
{
	const struct tuple original = tuple_of("203.0.113.9", 20, "198.51.100.1");
	const struct tuple reply = tuple_of("10.0.0.5", 20, "203.0.113.9");

	(void)state;
	for (unsigned int missing = 0; missing < 5; missing++)
		for (unsigned int i = 0; i < 2; i++) {
			struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK,
								 i ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW, 0, AF_INET);

			if (missing != 1)
				conntrack_put_tuple(message, CTA_TUPLE_ORIG, &original);
			if (missing != 2)
				conntrack_put_tuple(message, CTA_TUPLE_REPLY, &reply);
			if (missing == 4)
				mnl_attr_put_u16(message, CTA_ID, 47);
			else if (missing != 3)
				mnl_attr_put_u32(message, CTA_ID, 4711);
			mnl_attr_put_u32(message, CTA_STATUS, htonl(IPS_EXPECTED));
			receives(message);
			assert_int_equal(taken_count, missing == 0);
		}
}

static void the_end_of_a_connection_of_another_zone_is_no_news(void **state)
{
	struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_DELETE, IPS_CONFIRMED | IPS_HELPER, TCP_CONNTRACK_ESTABLISHED);

	(void)state;
	mnl_attr_put_u16(message, CTA_ZONE, htons(5));
	receives(message);
	assert_int_equal(taken_count, 0);
	news.zone = 5;
	receives(message);
	assert_int_equal(taken_count, 1);
	/* Half an entry has no zone that it could be of. */
	message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, 0, AF_INET);
	receives(message);
	assert_int_equal(taken_count, 0);
}

static void an_expectation_without_its_tuple_is_no_news(void **state)
{
	const struct tuple master = tuple_of("10.0.0.5", 1024, "203.0.113.9");
	struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW, 0, AF_INET);

	(void)state;
	conntrack_put_tuple(message, CTA_EXPECT_MASTER, &master);
	receives(message);
	assert_int_equal(taken_count, 0);
}

/* Where the kernel does not say how many were dropped, at least one was. */
static void a_loss_of_nobody_knows_how_many_is_one(void **state)
{
	(void)state;
	dropped = 100;
	news_inherit(&news, false);
	dropped = 0;
	error = ENOBUFS;
	assert_int_equal(news_receive(&news, take, NULL), 0);
	assert_int_equal(taken_count, 2);
	assert_int_equal(taken[0].lost, 1);
	assert_int_equal(taken[1].lost, 0);
}

/* What an error was before says nothing of what comes after it. */
static void each_reception_has_its_own_error(void **state)
{
	const struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_ESTABLISHED);
	static const int before[] = { ENOBUFS, EINTR, EAGAIN };

	(void)state;
	dropped = 100;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		for (empty = 0; empty < 2; empty++) {
			const size_t had = empty;

			taken_count = 0;
			ready = message->nlmsg_len;
			error = before[i] == EAGAIN ? 0 : before[i];
			errno = before[i];
			assert_int_equal(news_receive(&news, take, NULL), 0);
			assert_int_equal(taken_count, before[i] == ENOBUFS ? 3 : 1);
			empty = had;
		}
}

static void news_are_opened_whole_or_not_at_all(void **state)
{
	struct news other;
	int descriptor;

	(void)state;
	memset(&other, 0, sizeof(other));
	options = 0;
	/* The timeout and the short acknowledgements; the filter, the room, and five groups. */
	assert_int_equal(news_open(&other, 7), 0);
	assert_int_equal(options, 2 + 1 + 1 + 5);
	assert_int_equal(other.zone, 7);
	descriptor = news_descriptor(&other);
	news_close(&other);
	for (unsigned int number = 1; number <= 9; number++) {
		options = 0;
		refused = number;
		if (number == 2 || number == 4) {
			/* A favour; and room as far as rights go. */
			assert_int_equal(news_open(&other, 7), 0);
			news_close(&other);
			continue;
		}
		assert_int_equal(news_open(&other, 7), -EPERM);
		assert_int_equal(options, number);
		assert_null(other.netlink.socket);
		assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	}
}

static void copies_are_opened_whole_or_not_at_all(void **state)
{
	struct copies other;
	int descriptor;

	(void)state;
	memset(&other, 0, sizeof(other));
	options = requests = request_refused = 0;
	assert_int_equal(copies_open(&other, 7), 0);
	assert_int_equal(options, 2 + 1);
	assert_int_equal(requests, 2);
	assert_int_equal(other.group, 7);
	descriptor = copies_descriptor(&other);
	copies_close(&other);
	options = 0;
	refused = 1;
	assert_int_equal(copies_open(&other, 7), -EPERM);
	assert_null(other.netlink.socket);
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	assert_int_equal(requests, 2);
	for (request_refused = 1; request_refused <= 2; request_refused++) {
		requests = 0;
		refused = 0;
		assert_int_equal(copies_open(&other, 7), -EBUSY);
		assert_int_equal(requests, request_refused);
		assert_null(other.netlink.socket);
		assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	}
	request_refused = 0;
}

static void what_is_no_copy_is_none(void **state)
{
	uint8_t packet[60] = { 0x45, 0, 0, 60, [9] = 6, [12] = 10, [16] = 11, [32] = 0x50, [33] = FACT_FIN };
	struct nlmsghdr *message;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		message = netlink_begin(&datagram, NFNL_SUBSYS_ULOG, kind == 1 ? NFULNL_MSG_CONFIG : NFULNL_MSG_PACKET, 0,
					AF_INET);
		if (kind != 2)
			mnl_attr_put(message, NFULA_PAYLOAD, sizeof(packet), packet);
		ready = message->nlmsg_len;
		taken_count = 0;
		assert_int_equal(copies_receive(&copies, take, NULL), 0);
		assert_int_equal(taken_count, kind == 0);
	}
}

static void others_are_no_news(void **state)
{
	struct nlmsghdr *message;

	(void)state;
	receives(begin_entry(IPCTNL_MSG_CT_NEW, IPS_CONFIRMED, TCP_CONNTRACK_ESTABLISHED));
	assert_int_equal(taken_count, 0);
	message = begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_put_u16(message, CTA_ZONE, htons(5));
	receives(message);
	assert_int_equal(taken_count, 0);
	news.zone = 5;
	receives(message);
	assert_int_equal(taken_count, 1);
	message->nlmsg_len = sizeof(*message);
	receives(message);
	assert_int_equal(taken_count, 0);
}

static void a290_the_end_of_a_connection_that_had_a_helper_is_news(void **state)
{
	const struct tuple original = tuple_of("203.0.113.9", 20, "198.51.100.1");

	(void)state;
	receives(begin_entry(IPCTNL_MSG_CT_DELETE, IPS_CONFIRMED | IPS_HELPER, TCP_CONNTRACK_ESTABLISHED));
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_MASTER_GONE);
	assert_true(tuple_equal(&taken[0].master, &original));
}

static void a290_an_expectation_that_nobody_deleted_was_used(void **state)
{
	const struct tuple expected = tuple_of("203.0.113.9", 0, "198.51.100.1");
	const struct tuple master = tuple_of("10.0.0.5", 1024, "203.0.113.9");
	struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_DELETE, 0, AF_INET);

	(void)state;
	conntrack_put_tuple(message, CTA_EXPECT_TUPLE, &expected);
	receives(message);
	assert_int_equal(taken_count, 0);
	conntrack_put_tuple(message, CTA_EXPECT_MASTER, &master);
	receives(message);
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_CALLED);
	assert_true(tuple_equal(&taken[0].expectation.expected, &expected));
	assert_true(tuple_equal(&taken[0].expectation.master, &master));
	message->nlmsg_pid = 1234;
	receives(message);
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_DELETED);
	assert_true(tuple_equal(&taken[0].expectation.expected, &expected));
}

static void a389_an_expectation_that_is_made_is_news(void **state)
{
	const struct tuple expected = tuple_of("203.0.113.9", 0, "198.51.100.1");
	const struct tuple master = tuple_of("10.0.0.5", 1024, "203.0.113.9");
	struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW, 0, AF_INET);

	(void)state;
	conntrack_put_tuple(message, CTA_EXPECT_TUPLE, &expected);
	conntrack_put_tuple(message, CTA_EXPECT_MASTER, &master);
	message->nlmsg_pid = 1234;
	receives(message);
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_EXPECTED);
	assert_true(tuple_equal(&taken[0].expectation.expected, &expected));
}

static void a366_what_there_was_no_room_for_is_a_loss(void **state)
{
	(void)state;
	begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_ESTABLISHED);
	error = ENOBUFS;
	receives(&datagram.header);
	assert_int_equal(taken_count, 3);
	assert_int_equal(taken[0].type, FACT_LOST_SINCE);
	assert_int_equal(taken[0].lost, 1);
	assert_int_equal(taken[1].type, FACT_ENTRY);
	/* As long as something waits, the kernel drops what is new, and says nothing of it. */
	assert_int_equal(taken[2].type, FACT_LOST_UNTIL);
	receives(&datagram.header);
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_ENTRY);
	error = EBADF;
	assert_int_equal(news_receive(&news, take, NULL), -EBADF);
}

static void a366_what_was_dropped_is_counted(void **state)
{
	(void)state;
	/* Before this process came. */
	dropped = 100;
	news_inherit(&news, false);
	dropped = 103;
	error = ENOBUFS;
	assert_int_equal(news_receive(&news, take, NULL), 0);
	assert_int_equal(taken_count, 2);
	assert_int_equal(taken[0].type, FACT_LOST_SINCE);
	assert_int_equal(taken[0].lost, 3);
	assert_int_equal(taken[1].type, FACT_LOST_UNTIL);
	assert_int_equal(taken[1].lost, 0);
}

/* A loss that begins before the end of the last one was noticed is a loss of its own: each beginning has its end. */
static void a386_a_loss_that_follows_another_one_ends_too(void **state)
{
	(void)state;
	dropped = 100;
	news_inherit(&news, false);
	begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_ESTABLISHED);
	ready = datagram.header.nlmsg_len;
	/* As many as are read at a time, so that the first loss goes on. */
	again = NETLINK_HEAR_MAX;
	error = ENOBUFS;
	dropped = 103;
	assert_int_equal(news_receive(&news, count, NULL), 1);
	dropped = 105;
	error = ENOBUFS;
	again = 0;
	ready = 0;
	assert_int_equal(news_receive(&news, take, NULL), 0);
	assert_int_equal(taken_count, 3);
	assert_int_equal(taken[0].type, FACT_LOST_UNTIL);
	assert_int_equal(taken[0].lost, 2);
	assert_int_equal(taken[1].type, FACT_LOST_SINCE);
	assert_int_equal(taken[1].lost, 0);
	assert_int_equal(taken[2].type, FACT_LOST_UNTIL);
	assert_int_equal(taken[2].lost, 0);
}

/* Whoever comes after a process that ended in the middle of a loss is told its end. */
static void a387_a_loss_that_is_inherited_ends(void **state)
{
	(void)state;
	copies_inherit(&copies, true);
	news_inherit(&news, true);
	assert_int_equal(news_receive(&news, take, NULL), 0);
	assert_int_equal(copies_receive(&copies, take, NULL), 0);
	assert_int_equal(taken_count, 2);
	assert_int_equal(taken[0].type, FACT_LOST_UNTIL);
	assert_int_equal(taken[1].type, FACT_LOST_UNTIL);
	copies_inherit(&copies, false);
	news_inherit(&news, false);
	assert_int_equal(news_receive(&news, take, NULL), 0);
	assert_int_equal(copies_receive(&copies, take, NULL), 0);
	assert_int_equal(taken_count, 2);
}

static void copies_are_segments(void **state)
{
	uint8_t packet[60] = { 0x45, 0, 0, 60, [9] = 6, [12] = 10, [16] = 11, [32] = 0x50, [33] = FACT_FIN };
	struct nlmsghdr *message = netlink_begin(&datagram, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET, 0, AF_INET);

	(void)state;
	mnl_attr_put(message, NFULA_PAYLOAD, sizeof(packet), packet);
	ready = message->nlmsg_len;
	assert_int_equal(copies_receive(&copies, take, NULL), 0);
	assert_int_equal(taken_count, 1);
	assert_int_equal(taken[0].type, FACT_SEGMENT);
	assert_int_equal(taken[0].segment.length, 20);
	error = ENOBUFS;
	assert_int_equal(copies_receive(&copies, take, NULL), 0);
	assert_int_equal(taken[1].type, FACT_LOST_SINCE);
	assert_int_equal(taken[2].type, FACT_LOST_UNTIL);
}

/* Who makes the kernel tell without pause does not have the process that reads it for itself. */
static void what_comes_without_pause_has_a_bound(void **state)
{
	const struct nlmsghdr *message = begin_entry(IPCTNL_MSG_CT_NEW, IPS_EXPECTED, TCP_CONNTRACK_ESTABLISHED);

	(void)state;
	ready = message->nlmsg_len;
	again = NETLINK_HEAR_MAX + 4;
	counted = 0;
	assert_int_equal(news_receive(&news, count, NULL), 1);
	assert_int_equal(counted, NETLINK_HEAR_MAX);
	assert_int_equal(news_receive(&news, count, NULL), 0);
	assert_int_equal(counted, NETLINK_HEAR_MAX + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_entry_has_its_id_its_tuple_and_its_state, setup, teardown),
		cmocka_unit_test_setup_teardown(a385_the_first_news_of_an_entry_says_that_it_is_new, setup, teardown),
		cmocka_unit_test_setup_teardown(a402_an_answer_says_that_it_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_that_goes_may_have_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_that_are_not_whole_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(half_an_entry_is_no_news, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_connection_of_another_zone_is_no_news, setup, teardown),
		cmocka_unit_test_setup_teardown(an_expectation_without_its_tuple_is_no_news, setup, teardown),
		cmocka_unit_test_setup_teardown(a_loss_of_nobody_knows_how_many_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(each_reception_has_its_own_error, setup, teardown),
		cmocka_unit_test_setup_teardown(news_are_opened_whole_or_not_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_are_opened_whole_or_not_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_copy_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_no_news, setup, teardown),
		cmocka_unit_test_setup_teardown(a290_the_end_of_a_connection_that_had_a_helper_is_news, setup, teardown),
		cmocka_unit_test_setup_teardown(a290_an_expectation_that_nobody_deleted_was_used, setup, teardown),
		cmocka_unit_test_setup_teardown(a389_an_expectation_that_is_made_is_news, setup, teardown),
		cmocka_unit_test_setup_teardown(a366_what_there_was_no_room_for_is_a_loss, setup, teardown),
		cmocka_unit_test_setup_teardown(a366_what_was_dropped_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a386_a_loss_that_follows_another_one_ends_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a387_a_loss_that_is_inherited_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_are_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_without_pause_has_a_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
