/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel's messages about data connections say. The kernel is played: each receive gets the next datagram. */
#include <arpa/inet.h>
#include <errno.h>
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
	if (error || ready == 0) {
		errno = error ? error : EAGAIN;
		error = 0;
		return -1;
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
	error = 0;
	dropped = 0;
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
