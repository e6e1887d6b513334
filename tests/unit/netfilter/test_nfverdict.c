/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which verdicts go together. The kernel's reading of the messages is played here: a batch settles every packet that waits
 * and is not younger than the one that it names. Whatever decisions there were, each packet gets its own. The socket is one
 * of routing, which emulators of other processors have too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netfilter/nfverdict.h"
#include "unit.h"

#define PACKETS 40
#define MARK UINT32_C(0x40000000)

/* What has become of a packet that waits in the queue. */
struct fate {
	bool settled, accept, replaced, marked;
	uint32_t mark;
};

static struct nfverdict verdict;

/* Takes what libmnl sends, after so many times that it does not. */
static struct kernel {
	unsigned int failures;
	unsigned int sends;
	size_t length;
	union {
		struct nlmsghdr header; /* for its alignment */
		char bytes[1 << 17];
	} taken;
} kernel;

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)socket;
	(void)flags;
	(void)address;
	(void)size;
	kernel.sends++;
	if (kernel.failures > 0) {
		kernel.failures--;
		errno = ENOBUFS;
		return -1;
	}
	assert_true(kernel.length + length <= sizeof(kernel.taken.bytes));
	memcpy(kernel.taken.bytes + kernel.length, bytes, length);
	kernel.length += MNL_ALIGN(length);
	return (ssize_t)length;
}

static void begin(void)
{
	memset(&verdict, 0, sizeof(verdict));
	verdict.passed_mark = MARK;
}

static void settle(struct fate *fate, const struct nlattr *const *parts, uint32_t before)
{
	const struct nfqnl_msg_verdict_hdr *header = mnl_attr_get_payload(parts[NFQA_VERDICT_HDR]);

	fate->settled = true;
	fate->accept = ntohl(header->verdict) == NF_ACCEPT;
	fate->replaced = parts[NFQA_PAYLOAD] != NULL;
	fate->marked = parts[NFQA_MARK] != NULL;
	fate->mark = parts[NFQA_MARK] ? ntohl(mnl_attr_get_u32(parts[NFQA_MARK])) : before;
}

/* Plays the messages to the packets first to first + PACKETS - 1. Returns how many messages there were. */
static int play_all(const char *bytes, size_t length, uint32_t first, const struct nfverdict_decision *decisions,
		    struct fate *fates)
{
	const struct nlmsghdr *message = (const void *)bytes;
	int rest = (int)length;
	int messages = 0;

	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest), messages++) {
		const bool batch = NFNL_MSG_TYPE(message->nlmsg_type) == NFQNL_MSG_VERDICT_BATCH;
		const struct nlattr *parts[NFQA_MAX + 1] = { NULL };
		const struct nlattr *attribute;
		uint32_t id;

		mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
			parts[mnl_attr_get_type(attribute)] = attribute;
		id = ntohl(((const struct nfqnl_msg_verdict_hdr *)mnl_attr_get_payload(parts[NFQA_VERDICT_HDR]))->id);
		for (uint32_t i = 0; i < PACKETS; i++)
			if (!fates[i].settled && (batch ? (int32_t)(first + i - id) <= 0 : first + i == id))
				settle(&fates[i], parts, decisions[i].mark);
	}
	return messages;
}

static int play(uint32_t first, const struct nfverdict_decision *decisions, struct fate *fates)
{
	return play_all(verdict.batch.bytes, verdict.used, first, decisions, fates);
}

static struct nfverdict_decision pass(uint32_t id, uint32_t mark)
{
	return (struct nfverdict_decision){ .id = id, .mark = mark, .accept = true };
}

static void a_run_of_packets_that_leave_as_they_came_is_one_message(void **state)
{
	struct nfverdict_decision decisions[PACKETS];
	struct fate fates[PACKETS] = { { .settled = false } };
	/* Numbers wrap. */
	const uint32_t first = UINT32_MAX - 9;

	(void)state;
	begin();
	for (uint32_t i = 0; i < PACKETS; i++) {
		decisions[i] = pass(first + i, 7);
		nfverdict_add(&verdict, &decisions[i]);
	}
	assert_int_equal(play(first, decisions, fates), 1);
	for (size_t i = 0; i < PACKETS; i++)
		assert_true(fates[i].settled && fates[i].accept && fates[i].mark == (7 | MARK));
}

static void each_packet_gets_its_own_verdict(void **state)
{
	uint64_t random = 88172645463325252u;
	const uint8_t bytes[] = { 0x45, 0, 0, 20 };

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct nfverdict_decision decisions[PACKETS];
		struct fate fates[PACKETS] = { { .settled = false } };
		const uint32_t first = (uint32_t)unit_random(&random);

		begin();
		for (uint32_t i = 0; i < PACKETS; i++) {
			const uint32_t kind = unit_random_below(&random, 8);

			decisions[i] = pass(first + i, unit_random_below(&random, 8) == 0);
			decisions[i].accept = kind != 0;
			if (kind == 1)
				decisions[i].packet = (struct bytes){ bytes, sizeof(bytes) };
			nfverdict_add(&verdict, &decisions[i]);
		}
		assert_true(play(first, decisions, fates) < PACKETS);
		for (size_t i = 0; i < PACKETS; i++) {
			assert_true(fates[i].settled && fates[i].accept == decisions[i].accept);
			assert_true(fates[i].replaced == (decisions[i].packet.length > 0));
			assert_true(!fates[i].accept || fates[i].mark == (decisions[i].mark | MARK));
			/* The mark of what is dropped is nobody's. */
			assert_true(fates[i].marked == fates[i].accept);
		}
	}
}

static void marks_stay_as_they_are_where_none_is_added(void **state)
{
	const struct nfverdict_decision decision = pass(0, 7);
	struct fate fates[PACKETS] = { { .settled = false } };

	(void)state;
	begin();
	verdict.passed_mark = 0;
	nfverdict_add(&verdict, &decision);
	play(0, &decision, fates);
	assert_true(fates[0].accept && !fates[0].marked);
}

static void open_verdict(void)
{
	begin();
	kernel = (struct kernel){ .failures = 0 };
	verdict.socket = mnl_socket_open(NETLINK_ROUTE);
	assert_non_null(verdict.socket);
}

/* A packet that is replaced, one that passes, and one that is dropped: three messages. */
static void add_three(struct nfverdict_decision decisions[PACKETS])
{
	static const uint8_t bytes[] = { 0x45, 0, 0, 20 };

	for (uint32_t i = 0; i < 3; i++)
		decisions[i] = pass(i, 7);
	decisions[0].packet = (struct bytes){ bytes, sizeof(bytes) };
	decisions[2].accept = false;
	for (uint32_t i = 0; i < 3; i++)
		nfverdict_add(&verdict, &decisions[i]);
}

/* What can't be sent together is sent each by itself, and what can't be sent even so is dropped. */
static void a_verdict_that_can_not_be_sent_is_a_drop(void **state)
{
	static const struct { unsigned int failures, sends, failed; } rows[] = { { 0, 1, 0 }, { 1, 4, 0 }, { 2, 5, 1 } };

	(void)state;
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		struct nfverdict_decision decisions[PACKETS];
		struct fate fates[PACKETS] = { { .settled = false } };

		open_verdict();
		add_three(decisions);
		kernel.failures = rows[row].failures;
		nfverdict_flush(&verdict);
		assert_int_equal(kernel.sends, rows[row].sends);
		assert_int_equal(verdict.failed, rows[row].failed);
		play_all(kernel.taken.bytes, kernel.length, 0, decisions, fates);
		assert_true(fates[0].settled && fates[0].accept == (row < 2));
		assert_true(fates[1].settled && fates[1].accept);
		assert_true(fates[2].settled && !fates[2].accept);
		/* There is nothing more to send. */
		nfverdict_flush(&verdict);
		assert_int_equal(kernel.sends, rows[row].sends);
		nfverdict_close(&verdict);
		assert_null(verdict.socket);
	}
}

static void what_does_not_fit_waits_for_nothing(void **state)
{
	static const uint8_t bytes[NFVERDICT_PACKET_MAX];
	struct nfverdict_decision decisions[PACKETS];
	struct fate fates[PACKETS] = { { .settled = false } };

	(void)state;
	open_verdict();
	/* The largest that a message can hold, and as much again. */
	for (uint32_t i = 0; i < 3; i++) {
		decisions[i] = pass(i, 7);
		decisions[i].packet = (struct bytes){ bytes, i == 0 ? sizeof(bytes) : 30000 };
		nfverdict_add(&verdict, &decisions[i]);
	}
	nfverdict_flush(&verdict);
	assert_int_equal(kernel.sends, 2);
	assert_int_equal(verdict.failed, 0);
	play_all(kernel.taken.bytes, kernel.length, 0, decisions, fates);
	for (size_t i = 0; i < 3; i++)
		assert_true(fates[i].accept && fates[i].replaced);
	nfverdict_close(&verdict);
}

static void a_descriptor_is_taken_over_and_closed(void **state)
{
	const int descriptor = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	(void)state;
	verdict.lost = verdict.inherits = true;
	verdict.used = verdict.failed = 1;
	assert_int_equal(nfverdict_open(&verdict, descriptor, 3, MARK), 0);
	assert_false(verdict.lost || verdict.inherits || verdict.used || verdict.failed);
	nfverdict_close(&verdict);
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	nfverdict_close(&verdict);
	assert_int_equal(nfverdict_open(&verdict, descriptor, 3, MARK), -EBADF);
	nfverdict_close(&verdict);
}

/*
 * Nothing can be sent for a while, so a packet waits on without its verdict, which was to replace it. No later packet's
 * accept may be one for it too, whenever sending works again.
 */
static void what_waits_without_its_verdict_is_accepted_with_no_other(void **state)
{
	static const uint8_t bytes[NFVERDICT_PACKET_MAX + 1];

	(void)state;
	for (unsigned int failures = 1; failures < 8; failures++) {
		struct nfverdict_decision decisions[PACKETS];
		struct fate fates[PACKETS] = { { .settled = false } };

		begin();
		kernel = (struct kernel){ .failures = failures };
		verdict.socket = mnl_socket_open(NETLINK_ROUTE);
		assert_non_null(verdict.socket);
		for (uint32_t i = 0; i < PACKETS; i++) {
			decisions[i] = pass(i, 7);
			if (i == 0)
				decisions[i].packet = (struct bytes){ bytes, sizeof(bytes) };
			nfverdict_add(&verdict, &decisions[i]);
			/* Runs that are sent each by itself. */
			if (i % 10 == 9)
				nfverdict_flush(&verdict);
		}
		play_all(kernel.taken.bytes, kernel.length, 0, decisions, fates);
		assert_false(fates[0].settled && fates[0].accept);
		/* The last run is sent when all is well again, and settles what was left. */
		for (size_t i = 0; i < PACKETS; i++)
			assert_true(fates[i].settled);
		assert_true(fates[PACKETS - 1].accept);
		mnl_socket_close(verdict.socket);
	}
}

/* A process has taken packets and died, and another one goes on with its queue. Who says so nothing drops nothing. */
static void a149_what_a_process_has_left_undecided_is_dropped_by_the_next(void **state)
{
	(void)state;
	for (int inherits = 0; inherits < 2; inherits++) {
		struct nfverdict_decision decisions[PACKETS];
		struct fate fates[PACKETS] = { { .settled = false } };

		begin();
		kernel = (struct kernel){ .failures = 0 };
		verdict.socket = mnl_socket_open(NETLINK_ROUTE);
		assert_non_null(verdict.socket);
		if (inherits)
			nfverdict_inherit(&verdict);
		for (uint32_t i = 0; i < PACKETS; i++)
			decisions[i] = pass(i, 7);
		/* Also where the first of its own is dropped. */
		decisions[5].accept = false;
		for (uint32_t i = 5; i < PACKETS; i++) {
			nfverdict_add(&verdict, &decisions[i]);
			nfverdict_flush(&verdict);
		}
		play_all(kernel.taken.bytes, kernel.length, 0, decisions, fates);
		for (size_t i = 0; i < 5; i++)
			assert_true(inherits ? fates[i].settled && !fates[i].accept : !fates[i].settled || fates[i].accept);
		assert_false(fates[5].accept);
		for (size_t i = 6; i < PACKETS; i++)
			assert_true(fates[i].accept);
		mnl_socket_close(verdict.socket);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_packets_that_leave_as_they_came_is_one_message),
		cmocka_unit_test(each_packet_gets_its_own_verdict),
		cmocka_unit_test(marks_stay_as_they_are_where_none_is_added),
		cmocka_unit_test(a_verdict_that_can_not_be_sent_is_a_drop),
		cmocka_unit_test(what_does_not_fit_waits_for_nothing),
		cmocka_unit_test(a_descriptor_is_taken_over_and_closed),
		cmocka_unit_test(what_waits_without_its_verdict_is_accepted_with_no_other),
		cmocka_unit_test(a149_what_a_process_has_left_undecided_is_dropped_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
