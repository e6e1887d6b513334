/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which changes of nft's rules are told, and whose they are. The kernel is played: each receive gets the next datagram. The
 * socket is one of routing, which emulators of other processors have too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netfilter/rulewatch.h"
#include "unit.h"

static struct rulewatch watch;

static struct kernel {
	int no_socket, no_bind, no_group;
	union {
		struct nlmsghdr header; /* for its alignment */
		uint8_t bytes[1024];
	} ready;
	size_t length;       /* of what is ready; it comes so many times */
	unsigned int times;
	int error;           /* then; 0: there is nothing more */
	unsigned int receptions;
} kernel;

int socket(int domain, int type, int protocol)
{
	(void)protocol;
	errno = kernel.no_socket;
	return errno ? -1 : (int)syscall(SYS_socket, domain, type, NETLINK_ROUTE);
}

int bind(int socket, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket, (void)address, (void)size;
	errno = kernel.no_bind;
	return errno ? -1 : 0;
}

int setsockopt(int socket, int level, int name, const void *value, socklen_t size)
{
	(void)socket, (void)value, (void)size;
	/* Room for more is a favour. */
	errno = level == SOL_NETLINK && name == NETLINK_ADD_MEMBERSHIP ? kernel.no_group : EPERM;
	return errno ? -1 : 0;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	const struct sockaddr_nl from = { .nl_family = AF_NETLINK };

	(void)socket, (void)flags;
	kernel.receptions++;
	if (kernel.times == 0) {
		errno = kernel.error ? kernel.error : EAGAIN;
		return -1;
	}
	kernel.times--;
	memcpy(message->msg_iov->iov_base, kernel.ready.bytes, kernel.length);
	memcpy(message->msg_name, &from, sizeof(from));
	message->msg_namelen = sizeof(from);
	message->msg_flags = 0;
	return (ssize_t)kernel.length;
}

static int begin(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	return rulewatch_open(&watch);
}

static int finish(void **state)
{
	(void)state;
	rulewatch_close(&watch);
	return 0;
}

/* A message behind the others of the datagram that is ready. */
static struct nlmsghdr *add(uint8_t subsystem, uint8_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(kernel.ready.bytes + kernel.length);

	message->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
	kernel.length += message->nlmsg_len;
	kernel.times = 1;
	return message;
}

static void end(const struct nlmsghdr *message)
{
	kernel.length = (size_t)((const uint8_t *)message - kernel.ready.bytes) + message->nlmsg_len;
}

static bool takes(uint8_t subsystem, uint8_t type)
{
	kernel.length = 0;
	add(subsystem, type);
	return rulewatch_take(&watch);
}

static void tables_chains_and_rules_are_changes_and_elements_are_none(void **state)
{
	static const uint8_t changes[] = { NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN,
					   NFT_MSG_DELCHAIN, NFT_MSG_NEWRULE, NFT_MSG_DELRULE };
	static const uint8_t others[] = { NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWSET, NFT_MSG_NEWGEN };

	(void)state;
	assert_false(rulewatch_take(&watch));
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		assert_true(takes(NFNL_SUBSYS_NFTABLES, changes[i]));
		assert_false(takes(NFNL_SUBSYS_CTNETLINK, changes[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(takes(NFNL_SUBSYS_NFTABLES, others[i]));
}

/* What was lost may have been one; other errors are none. */
static void a_loss_is_a_change(void **state)
{
	(void)state;
	kernel.error = ENOBUFS;
	assert_true(rulewatch_take(&watch));
	kernel.error = EPERM;
	assert_false(rulewatch_take(&watch));
	/* An error from before is none of a watch that has received all the time. */
	errno = ENOBUFS;
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWSET);
	kernel.times = 1000;
	kernel.receptions = 0;
	assert_false(rulewatch_take(&watch));
	assert_true(kernel.receptions < 1000);
	kernel.length = 0;
	kernel.times = 1000;
	errno = ENOBUFS;
	assert_false(rulewatch_take(&watch));
	/* An empty datagram has nothing in it. */
	kernel.times = 1;
	kernel.length = 0;
	assert_false(rulewatch_take(&watch));
	assert_int_equal(kernel.times, 0);
}

static void put_generation(uint32_t pid, const char *name)
{
	struct nlmsghdr *message = add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN);

	mnl_attr_put_u32(message, NFTA_GEN_ID, htonl(5));
	mnl_attr_put_u32(message, NFTA_GEN_PROC_PID, htonl(pid));
	mnl_attr_put_strz(message, NFTA_GEN_PROC_NAME, name);
	end(message);
}

static void who_made_the_last_change_is_known(void **state)
{
	(void)state;
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE);
	put_generation(1234, "nft");
	assert_true(rulewatch_take(&watch));
	assert_int_equal(watch.pid, 1234);
	assert_string_equal(watch.name, "nft");
	/* Who changed nothing but elements is nobody. */
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWSETELEM);
	put_generation(77, "fail2ban");
	assert_false(rulewatch_take(&watch));
	assert_int_equal(watch.pid, 1234);
	assert_string_equal(watch.name, "nft");
	/* A name is shown in what can be printed, and ends where there is no more room. */
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_DELTABLE);
	put_generation(1, "a\x1b[2Jb\xff");
	assert_true(rulewatch_take(&watch));
	assert_string_equal(watch.name, "a?[2Jb?");
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_DELTABLE);
	put_generation(1, "0123456789012345678901234567890123456789");
	assert_true(rulewatch_take(&watch));
	assert_string_equal(watch.name, "0123456789012345678901234567890");
}

/* A kernel says it otherwise, or not at all. */
static void who_is_not_told_is_not_known(void **state)
{
	struct nlmsghdr *message;

	(void)state;
	watch.pid = 5;
	strcpy(watch.name, "before");
	kernel.length = 0;
	add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE);
	message = add(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN);
	mnl_attr_put_u16(message, NFTA_GEN_PROC_PID, 7);
	mnl_attr_put(message, NFTA_GEN_PROC_NAME, 3, "abc");
	end(message);
	assert_true(rulewatch_take(&watch));
	assert_int_equal(watch.pid, 5);
	assert_string_equal(watch.name, "before");
}

static void a_watch_that_can_not_be_had_is_an_error_and_leaves_nothing(void **state)
{
	struct rulewatch other;
	int descriptor;

	(void)state;
	assert_int_equal(rulewatch_open(&other), 0);
	descriptor = mnl_socket_get_fd(other.socket);
	rulewatch_close(&other);
	assert_null(other.socket);
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	rulewatch_close(&other);
	/* What is closed hears nothing. */
	kernel.receptions = 0;
	assert_false(rulewatch_take(&other));
	assert_int_equal(kernel.receptions, 0);
	for (int what = 0; what < 3; what++) {
		memset(&kernel, 0, sizeof(kernel));
		*(what == 0 ? &kernel.no_socket : what == 1 ? &kernel.no_bind : &kernel.no_group) = EDOM;
		assert_int_equal(rulewatch_open(&other), -EDOM);
		assert_null(other.socket);
		assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_chains_and_rules_are_changes_and_elements_are_none, begin, finish),
		cmocka_unit_test_setup_teardown(a_loss_is_a_change, begin, finish),
		cmocka_unit_test_setup_teardown(who_made_the_last_change_is_known, begin, finish),
		cmocka_unit_test_setup_teardown(who_is_not_told_is_not_known, begin, finish),
		cmocka_unit_test_setup_teardown(a_watch_that_can_not_be_had_is_an_error_and_leaves_nothing, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
