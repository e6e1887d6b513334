/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole packets leave by the socket of their family, to where their header says. The kernel is played. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netfilter/rawsock.h"
#include "unit.h"

#define FIRST 1000 /* the first descriptor that is given; none of these is one */

/* Of IPv4 and IPv6. */
static int descriptors[2] = { FIRST, FIRST + 1 };

static struct kernel {
	int refused[2]; /* errors: a socket of IPv4, and one of IPv6; 0: it can be had */
	int no_mark[2];
	int no_send;
	int opened;
	int closed[4];
	size_t closed_count;
	uint32_t mark;
	int sender;
	struct sockaddr_storage to;
	socklen_t to_size;
	size_t length;
} kernel;

int socket(int domain, int type, int protocol)
{
	assert_true(type & SOCK_NONBLOCK && type & SOCK_CLOEXEC);
	assert_int_equal(protocol, IPPROTO_RAW);
	errno = kernel.refused[domain == AF_INET6];
	if (errno)
		return -1;
	kernel.opened++;
	/* What succeeds leaves errno as it likes. */
	errno = EDOM;
	return descriptors[domain == AF_INET6];
}

int setsockopt(int socket, int level, int name, const void *value, socklen_t size)
{
	assert_int_equal(level, SOL_SOCKET);
	assert_int_equal(name, SO_MARK);
	assert_int_equal(size, sizeof(kernel.mark));
	memcpy(&kernel.mark, value, sizeof(kernel.mark));
	errno = kernel.no_mark[socket == descriptors[1]];
	return errno ? -1 : 0;
}

ssize_t sendto(int socket, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	(void)bytes;
	(void)flags;
	kernel.sender = socket;
	kernel.length = length;
	kernel.to_size = size;
	memcpy(&kernel.to, address.__sockaddr__, size);
	errno = kernel.no_send;
	return errno ? -1 : (ssize_t)length;
}

int close(int descriptor)
{
	/* Others have descriptors of their own. */
	if (descriptor == descriptors[0] || descriptor == descriptors[1] || descriptor < 0)
		kernel.closed[kernel.closed_count++] = descriptor;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	return 0;
}

static void both_sockets_are_marked(void **state)
{
	struct rawsock rawsock;

	(void)state;
	assert_int_equal(rawsock_open(&rawsock, 0x1234), 0);
	assert_int_equal(rawsock.ipv4, FIRST);
	assert_int_equal(rawsock.ipv6, FIRST + 1);
	assert_int_equal(kernel.mark, 0x1234);
	assert_int_equal(kernel.closed_count, 0);
	rawsock_close(&rawsock);
	assert_int_equal(kernel.closed_count, 2);
	rawsock_close(&rawsock);
	assert_int_equal(kernel.closed_count, 2);
}

/* Whoever was started without its first descriptors is given these. */
static void descriptor_0_is_one(void **state)
{
	(void)state;
	for (int which = 0; which < 2; which++) {
		struct rawsock rawsock;

		memset(&kernel, 0, sizeof(kernel));
		descriptors[which] = 0;
		assert_int_equal(rawsock_open(&rawsock, 0x1234), 0);
		assert_int_equal(which ? rawsock.ipv6 : rawsock.ipv4, 0);
		assert_int_equal(kernel.mark, 0x1234);
		rawsock_close(&rawsock);
		assert_int_equal(kernel.closed_count, 2);
		descriptors[which] = FIRST + which;
	}
}

/* A host may have no IPv6, and nothing else. */
static void what_can_not_be_had_leaves_nothing_open(void **state)
{
	static const struct { struct kernel kernel; int result; } rows[] = {
		{ { .refused = { EPERM, 0 } }, -EPERM }, { { .refused = { 0, EPERM } }, -EPERM },
		{ { .refused = { EPERM, EMFILE } }, -EPERM }, { { .refused = { 0, EAFNOSUPPORT } }, 0 },
		{ { .refused = { EAFNOSUPPORT, 0 } }, -EAFNOSUPPORT }, { { .no_mark = { EPERM, 0 } }, -EPERM },
		{ { .no_mark = { 0, EPERM } }, -EPERM }, { { .refused = { EPERM, EAFNOSUPPORT } }, -EPERM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rawsock rawsock = { .ipv4 = -1 };

		kernel = rows[i].kernel;
		assert_int_equal(rawsock_open(&rawsock, 1), rows[i].result);
		assert_int_equal(kernel.closed_count, rows[i].result ? kernel.opened : 0);
		for (size_t j = 0; j < kernel.closed_count; j++)
			assert_true(kernel.closed[j] >= FIRST);
		if (rows[i].result)
			assert_true(rawsock.ipv4 < 0 && rawsock.ipv6 < 0);
		rawsock_close(&rawsock);
		assert_int_equal(kernel.closed_count, kernel.opened);
	}
}

static void a_packet_leaves_by_its_family(void **state)
{
	static const uint8_t ipv4[20] = { 0x45, [16] = 203, 0, 113, 9 };
	static const uint8_t ipv6[40] = { 0x60, [24] = 0x20, 0x01, [39] = 9 };
	struct rawsock rawsock;

	(void)state;
	assert_int_equal(rawsock_open(&rawsock, 1), 0);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv4, sizeof(ipv4) }), 0);
	assert_int_equal(kernel.sender, FIRST);
	assert_int_equal(kernel.length, sizeof(ipv4));
	assert_int_equal(kernel.to_size, sizeof(struct sockaddr_in));
	assert_int_equal(kernel.to.ss_family, AF_INET);
	assert_memory_equal(&((struct sockaddr_in *)&kernel.to)->sin_addr, ipv4 + 16, 4);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv6, sizeof(ipv6) }), 0);
	assert_int_equal(kernel.sender, FIRST + 1);
	assert_int_equal(kernel.to_size, sizeof(struct sockaddr_in6));
	assert_int_equal(kernel.to.ss_family, AF_INET6);
	assert_memory_equal(&((struct sockaddr_in6 *)&kernel.to)->sin6_addr, ipv6 + 24, 16);
	kernel.no_send = EHOSTUNREACH;
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv4, sizeof(ipv4) }), -EHOSTUNREACH);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv6, sizeof(ipv6) }), -EHOSTUNREACH);
	kernel.no_send = 0;
	rawsock.ipv6 = -EAFNOSUPPORT;
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv6, sizeof(ipv6) }), -EAFNOSUPPORT);
	/* Descriptor 0 is one. */
	rawsock.ipv6 = 0;
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv6, sizeof(ipv6) }), 0);
	assert_int_equal(kernel.sender, 0);
}

static void what_is_no_packet_is_not_sent(void **state)
{
	static const uint8_t ipv4[20] = { 0x45 }, ipv6[40] = { 0x60 }, other[40] = { 0x50 };
	struct rawsock rawsock;

	(void)state;
	assert_int_equal(rawsock_open(&rawsock, 1), 0);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv4, 0 }), -EINVAL);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv4, 19 }), -EINVAL);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ ipv6, 39 }), -EINVAL);
	assert_int_equal(rawsock_send(&rawsock, (struct bytes){ other, 40 }), -EINVAL);
	assert_int_equal(kernel.sender, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_sockets_are_marked, begin),
		cmocka_unit_test_setup(descriptor_0_is_one, begin),
		cmocka_unit_test_setup(what_can_not_be_had_leaves_nothing_open, begin),
		cmocka_unit_test_setup(a_packet_leaves_by_its_family, begin),
		cmocka_unit_test_setup(what_is_no_packet_is_not_sent, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
