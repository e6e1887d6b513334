/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which answer of the kernel is whose, and when a request has had all of its own. The kernel is played: what is sent is
 * noted, and each receive gets the next datagram that the test has made ready, then a timeout. The socket is one of routing,
 * which emulators of other processors have too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netfilter/netlink.h"
#include "unit.h"

#define DATAGRAMS_MAX 16
#define ANSWER 0x123 /* a type that is no control message */

static struct netlink netlink;

static struct kernel {
	int error; /* of sending */
	unsigned int sends;
	unsigned int interruptions; /* before anything is received */
	int refuse_bind;
	int refuse_option;          /* of the socket, */
	unsigned int options_taken; /* after so many that were taken */
	int force_refused;          /* what only CAP_NET_ADMIN may */
	uint8_t sent[NETLINK_BATCH_MAX * NETLINK_REQUEST_SIZE];
	size_t sent_length;
	union {
		struct nlmsghdr header;
		uint8_t bytes[256];
	} ready[DATAGRAMS_MAX];
	size_t lengths[DATAGRAMS_MAX];
	size_t count;
	size_t taken;
} kernel;

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket;
	(void)flags;
	(void)address;
	(void)size;
	kernel.sends++;
	if (kernel.error) {
		errno = kernel.error;
		return -1;
	}
	assert_true(length <= sizeof(kernel.sent));
	memcpy(kernel.sent, bytes, length);
	kernel.sent_length = length;
	return (ssize_t)length;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	const struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	size_t length;

	(void)socket;
	(void)flags;
	if (kernel.interruptions > 0) {
		kernel.interruptions--;
		errno = EINTR;
		return -1;
	}
	if (kernel.taken == kernel.count) {
		errno = EAGAIN;
		return -1;
	}
	length = kernel.lengths[kernel.taken];
	memcpy(message->msg_iov->iov_base, kernel.ready[kernel.taken++].bytes, length);
	memcpy(message->msg_name, &from, sizeof(from));
	message->msg_namelen = sizeof(from);
	message->msg_flags = 0;
	return (ssize_t)length;
}

static bool no_socket;

int socket(int domain, int type, int protocol)
{
	if (no_socket) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_socket, domain, type, domain == AF_NETLINK ? NETLINK_ROUTE : protocol);
}

int bind(int socket, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket, (void)address, (void)size;
	errno = kernel.refuse_bind;
	return kernel.refuse_bind ? -1 : 0;
}

int setsockopt(int socket, int level, int name, const void *value, socklen_t size)
{
	(void)socket, (void)level, (void)value, (void)size;
	if (level == SOL_SOCKET && name == SO_RCVBUFFORCE && kernel.force_refused) {
		errno = kernel.force_refused;
		return -1;
	}
	if (!kernel.refuse_option)
		return 0;
	if (kernel.options_taken > 0) {
		kernel.options_taken--;
		return 0;
	}
	errno = kernel.refuse_option;
	return -1;
}

static int begin(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	no_socket = false;
	memset(&netlink, 0, sizeof(netlink));
	netlink.socket = mnl_socket_open(NETLINK_ROUTE);
	return netlink.socket ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	netlink_close(&netlink);
	return 0;
}

/* A message of the kernel with one number in it, in a datagram of its own or behind the one before. */
static void answer(uint16_t type, uint32_t sequence, int32_t number, bool behind)
{
	struct nlmsghdr *header;
	size_t at = 0;

	if (behind)
		at = kernel.lengths[--kernel.count];
	header = (void *)(kernel.ready[kernel.count].bytes + at);
	header = mnl_nlmsg_put_header(header);
	header->nlmsg_type = type;
	header->nlmsg_seq = sequence;
	memcpy(mnl_nlmsg_put_extra_header(header, sizeof(number)), &number, sizeof(number));
	kernel.lengths[kernel.count++] = at + header->nlmsg_len;
}

static void take_number(const struct nlmsghdr *message, void *context)
{
	int32_t number;

	memcpy(&number, mnl_nlmsg_get_payload(message), sizeof(number));
	*(int32_t *)context += number;
}

static int ask(bool call, uint16_t flags, int32_t *sum)
{
	union netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, flags, AF_INET);

	return call ? netlink_call(&netlink, header, take_number, sum) : netlink_get(&netlink, header, take_number, sum);
}

static void a_call_ends_with_its_acknowledgement(void **state)
{
	int32_t sum = 0;

	(void)state;
	answer(ANSWER, 1, 5, false);
	answer(ANSWER, 9, 100, false);   /* somebody else's */
	answer(NLMSG_ERROR, 0, -5, false); /* one that came too late */
	answer(ANSWER, 1, 6, false);
	answer(NLMSG_ERROR, 1, 0, false);
	answer(ANSWER, 1, 1000, false);
	assert_int_equal(ask(true, 0, &sum), 0);
	assert_int_equal(sum, 11);
	assert_true(((struct nlmsghdr *)(void *)kernel.sent)->nlmsg_flags & NLM_F_ACK);
}

static void a_dump_ends_with_its_end_which_may_be_an_error(void **state)
{
	int32_t sum = 0;

	(void)state;
	answer(ANSWER, 1, 1, false);
	answer(ANSWER, 1, 2, true);
	answer(NLMSG_DONE, 1, 0, true);
	assert_int_equal(ask(true, NLM_F_DUMP, &sum), 0);
	assert_int_equal(sum, 3);
	assert_false(((struct nlmsghdr *)(void *)kernel.sent)->nlmsg_flags & NLM_F_ACK);
	answer(NLMSG_DONE, 2, -EINTR, false);
	assert_int_equal(ask(true, NLM_F_DUMP, &sum), -EINTR);
}

static void a_question_ends_with_its_answer_or_an_error(void **state)
{
	int32_t sum = 0;

	(void)state;
	answer(ANSWER, 1, 7, false);
	assert_int_equal(ask(false, 0, &sum), 0);
	assert_int_equal(sum, 7);
	assert_false(((struct nlmsghdr *)(void *)kernel.sent)->nlmsg_flags & NLM_F_ACK);
	answer(NLMSG_ERROR, 2, -ENOENT, false);
	assert_int_equal(ask(false, 0, &sum), -ENOENT);
	/* Nothing comes. */
	assert_int_equal(ask(false, 0, &sum), -ETIMEDOUT);
	kernel.error = ENOBUFS;
	assert_int_equal(ask(false, 0, &sum), -ENOBUFS);
	assert_int_equal(sum, 7);
}

/* Signals come to the program; and a datagram may have nothing in it. */
static void what_interrupts_ends_no_request(void **state)
{
	int32_t sum = 0;

	(void)state;
	kernel.interruptions = 3;
	answer(ANSWER, 1, 7, false);
	assert_int_equal(ask(false, 0, &sum), 0);
	assert_int_equal(sum, 7);
	answer(ANSWER, 2, 8, false);
	kernel.lengths[1] = 0;
	answer(ANSWER, 2, 9, false);
	assert_int_equal(ask(false, 0, &sum), 0);
	assert_int_equal(sum, 16);
}

/* Types below 16 are netlink's own: one that says nothing, and one that data was lost. */
static void control_messages_are_no_answers(void **state)
{
	union netlink_request request;
	int32_t sum = 0;

	(void)state;
	answer(NLMSG_NOOP, 1, 100, false);
	answer(NLMSG_OVERRUN, 1, 100, false);
	answer(NLMSG_MIN_TYPE - 1, 1, 100, false);
	answer(NLMSG_MIN_TYPE, 1, 5, false);
	answer(NLMSG_ERROR, 1, 0, false);
	assert_int_equal(ask(true, 0, &sum), 0);
	assert_int_equal(sum, 5);
	/* Who wants none is given none. */
	answer(ANSWER, 2, 5, false);
	answer(NLMSG_ERROR, 2, 0, false);
	netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0, AF_INET);
	assert_int_equal(netlink_call(&netlink, &request.header, NULL, NULL), 0);
}

/* Before 4.14 the end of a dump carries nothing; and what is no error is none. */
static void the_end_of_a_dump_may_say_nothing(void **state)
{
	int32_t sum = 0;

	(void)state;
	answer(NLMSG_DONE, 1, -EINTR, false);
	kernel.ready[0].header.nlmsg_len -= 1;
	assert_int_equal(ask(true, NLM_F_DUMP, &sum), 0);
	answer(NLMSG_DONE, 2, 5, false);
	assert_int_equal(ask(true, NLM_F_DUMP, &sum), 0);
}

static void attributes_of_a_newer_kernel_are_left_out(void **state)
{
	const struct nlattr *guarded[5] = { NULL };
	const struct nlattr **table = malloc(3 * sizeof(*table));
	union netlink_request request;
	struct nlmsghdr *message = netlink_begin(&request, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, 0, AF_INET);
	struct nlattr *nest;

	(void)state;
	assert_non_null(table);
	mnl_attr_put_u32(message, 2, 22);
	mnl_attr_put_u32(message, 3, 33);
	nest = mnl_attr_nest_start(message, 1);
	mnl_attr_put_u32(message, 2, 222);
	mnl_attr_put_u32(message, 3, 333);
	mnl_attr_nest_end(message, nest);
	netlink_index(message, table, 2);
	assert_null(table[0]);
	assert_ptr_equal(table[1], nest);
	assert_int_equal(mnl_attr_get_u32(table[2]), 22);
	netlink_index_nested(nest, table, 2);
	assert_null(table[1]);
	assert_int_equal(mnl_attr_get_u32(table[2]), 222);
	free(table);
	netlink_index(message, guarded, 2);
	assert_null(guarded[3]);
}

static bool is_open(int descriptor)
{
	return fcntl(descriptor, F_GETFD) >= 0;
}

static void a_socket_that_can_not_be_had_is_an_error_and_leaves_nothing(void **state)
{
	struct netlink other;
	int descriptor;

	(void)state;
	memset(&other, 0, sizeof(other));
	assert_int_equal(netlink_open(&other), 0);
	descriptor = mnl_socket_get_fd(other.socket);
	assert_true(is_open(descriptor));
	netlink_close(&other);
	assert_false(is_open(descriptor));
	assert_null(other.socket);
	netlink_close(&other);
	no_socket = true;
	assert_int_equal(netlink_open(&other), -EMFILE);
	assert_null(other.socket);
	no_socket = false;
	kernel.refuse_bind = EPERM;
	assert_int_equal(netlink_open(&other), -EPERM);
	assert_null(other.socket);
	assert_false(is_open(descriptor));
	kernel.refuse_bind = 0;
	kernel.refuse_option = EDOM;
	assert_int_equal(netlink_open(&other), -EDOM);
	assert_null(other.socket);
	assert_false(is_open(descriptor));
	/* A shorter acknowledgement is a favour. */
	kernel.options_taken = 1;
	assert_int_equal(netlink_open(&other), 0);
	netlink_close(&other);
}

static void room_is_had_as_far_as_rights_go(void **state)
{
	(void)state;
	assert_int_equal(netlink_enlarge(&netlink, 1 << 20), 0);
	kernel.force_refused = EPERM;
	assert_int_equal(netlink_enlarge(&netlink, 1 << 20), 0);
	kernel.refuse_option = EDOM;
	assert_int_equal(netlink_enlarge(&netlink, 1 << 20), -EDOM);
	kernel.force_refused = 0;
	kernel.options_taken = 1;
	assert_int_equal(netlink_enlarge(&netlink, 1 << 20), 0);
}

static void an_error_without_a_number_is_one(void **state)
{
	int32_t sum = 0;

	(void)state;
	answer(NLMSG_ERROR, 1, 0, false);
	kernel.ready[0].header.nlmsg_len -= 2;
	assert_int_equal(ask(true, 0, &sum), -EPROTO);
}

static void a_change_and_a_look_fail_with_the_first_that_failed(void **state)
{
	static const struct {
		int32_t change, look; /* 0: no error */
		int result;
	} rows[] = { { 0, 0, 0 }, { -EPERM, 0, -EPERM }, { 0, -ENOENT, -ENOENT }, { -EPERM, -ENOENT, -EPERM } };
	union netlink_request change, look;
	int32_t sum;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sum = 0;
		if (rows[i].change)
			answer(NLMSG_ERROR, 2 * i + 1, rows[i].change, false);
		answer(rows[i].look ? NLMSG_ERROR : ANSWER, 2 * i + 2, rows[i].look ? rows[i].look : 3, false);
		netlink_begin(&change, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, 0, AF_INET);
		netlink_begin(&look, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0, AF_INET);
		assert_int_equal(netlink_change_and_get(&netlink, &change.header, &look.header, take_number, &sum),
				 rows[i].result);
		assert_int_equal(sum, rows[i].look ? 0 : 3);
	}
}

static void fill(struct netlink_batch *batch, size_t count)
{
	union netlink_request request;

	netlink_batch_begin(batch);
	for (size_t i = 0; i < count; i++)
		netlink_batch_add(batch, &netlink, netlink_begin(&request, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, 0,
								 AF_INET));
}

/* The errors of a batch of changes: only those that failed say so, and the last one in any case. */
static void of_several_changes_each_has_its_own_error(void **state)
{
	static struct netlink_batch batch;
	int acknowledged = 0;
	int messages = 0;

	(void)state;
	fill(&batch, 4);
	answer(NLMSG_ERROR, 2, -ENOENT, false);
	answer(NLMSG_ERROR, 4, 0, false);
	netlink_batch_change(&batch, &netlink);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(batch.errors[i], i == 1 ? -ENOENT : 0);
	for (size_t at = 0; at < kernel.sent_length; messages++) {
		struct nlmsghdr *header = (void *)(kernel.sent + at);

		acknowledged += (header->nlmsg_flags & NLM_F_ACK) != 0;
		assert_int_equal((header->nlmsg_flags & NLM_F_ACK) != 0, messages == 3);
		at += MNL_ALIGN(header->nlmsg_len);
	}
	assert_int_equal(messages, 4);
	assert_int_equal(acknowledged, 1);

	fill(&batch, NETLINK_BATCH_MAX);
	netlink_batch_change(&batch, &netlink);
	for (size_t i = 0; i < NETLINK_BATCH_MAX; i++)
		assert_int_equal(batch.errors[i], -ETIMEDOUT);
	/* Of none nothing is asked. */
	kernel.sends = 0;
	memset(&batch, 0, sizeof(batch));
	fill(&batch, 0);
	netlink_batch_change(&batch, &netlink);
	netlink_batch_get(&batch, &netlink, take_number, NULL, 0);
	assert_int_equal(kernel.sends, 0);
}

static void of_several_questions_each_has_its_own_answer(void **state)
{
	static struct netlink_batch batch;
	struct {
		int32_t sum;
		char more[20];
	} found[4];

	(void)state;
	memset(found, 0, sizeof(found));
	fill(&batch, 4);
	answer(ANSWER, 1, 10, false);
	answer(NLMSG_ERROR, 2, -ENOENT, false);
	answer(ANSWER, 3, 30, false);
	answer(ANSWER, 4, 40, false);
	netlink_batch_get(&batch, &netlink, take_number, found, sizeof(found[0]));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(batch.errors[i], i == 1 ? -ENOENT : 0);
		assert_int_equal(found[i].sum, i == 1 ? 0 : 10 * (int32_t)(i + 1));
	}
	assert_int_equal(kernel.taken, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_ends_with_its_acknowledgement, begin, finish),
		cmocka_unit_test_setup_teardown(a_dump_ends_with_its_end_which_may_be_an_error, begin, finish),
		cmocka_unit_test_setup_teardown(a_question_ends_with_its_answer_or_an_error, begin, finish),
		cmocka_unit_test_setup_teardown(what_interrupts_ends_no_request, begin, finish),
		cmocka_unit_test_setup_teardown(control_messages_are_no_answers, begin, finish),
		cmocka_unit_test_setup_teardown(the_end_of_a_dump_may_say_nothing, begin, finish),
		cmocka_unit_test_setup_teardown(attributes_of_a_newer_kernel_are_left_out, begin, finish),
		cmocka_unit_test_setup_teardown(a_socket_that_can_not_be_had_is_an_error_and_leaves_nothing, begin, finish),
		cmocka_unit_test_setup_teardown(room_is_had_as_far_as_rights_go, begin, finish),
		cmocka_unit_test_setup_teardown(an_error_without_a_number_is_one, begin, finish),
		cmocka_unit_test_setup_teardown(a_change_and_a_look_fail_with_the_first_that_failed, begin, finish),
		cmocka_unit_test_setup_teardown(of_several_changes_each_has_its_own_error, begin, finish),
		cmocka_unit_test_setup_teardown(of_several_questions_each_has_its_own_answer, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
