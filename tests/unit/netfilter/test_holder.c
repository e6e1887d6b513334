/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has a queue: what /proc says of it is played, but for the processes. This one has a socket, and so has the queue. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netfilter/holder.h"
#include "unit.h"

static char queues[512], sockets[512];
static char name[64];
static bool no_queues, no_sockets, no_name;

static FILE *open_text(char *text, bool missing)
{
	if (missing) {
		errno = ENOENT;
		return NULL;
	}
	return text[0] ? fmemopen(text, strlen(text), "r") : fmemopen(NULL, 1, "w+");
}

FILE *fopen(const char *path, const char *mode)
{
	(void)mode;
	if (strcmp(path, "/proc/net/netfilter/nfnetlink_queue") == 0)
		return open_text(queues, no_queues);
	if (strcmp(path, "/proc/net/netlink") == 0)
		return open_text(sockets, no_sockets);
	return open_text(name, no_name);
}

static unsigned long inode;
static int descriptor;

static int begin(void **state)
{
	struct stat status;

	(void)state;
	no_queues = no_sockets = no_name = false;
	strcpy(name, "ftpalg\n");
	descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (descriptor < 0 || fstat(descriptor, &status) < 0)
		return -1;
	inode = (unsigned long)status.st_ino;
	snprintf(queues, sizeof(queues), "    5    111     0 2 65535     0     0        0  1\n"
					 " 2121   4711    13 2 65535     0     0       55  1\n"
					 " 2122    222     0 2 65535     0     0        0  1\n");
	snprintf(sockets, sizeof(sockets), "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
					   "00000000c0ffee00 0   4711       00000000 0        0        0     2        0        77\n"
					   "00000000c0ffee01 12  4710       00000000 0        0        0     2        0        78\n"
					   "00000000c0ffee02 12  4711       00000000 0        0        0     2        0        %lu  \n"
					   "00000000c0ffee03 12  4711       00000000 0        0        0     2        0        79\n", inode);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return close(descriptor);
}

static void a_queue_has_the_process_that_has_its_socket(void **state)
{
	struct holder holder;

	(void)state;
	assert_true(holder_find(&holder, 2121));
	assert_int_equal(holder.port, 4711);
	assert_int_equal(holder.waiting, 13);
	assert_int_equal(holder.inode, inode);
	assert_int_equal(holder.pid, getpid());
	assert_string_equal(holder.name, "ftpalg");
}

static void a_name_is_shown_in_what_can_be_printed(void **state)
{
	struct holder holder;

	(void)state;
	strcpy(name, "a\x1b[2Jb\xff\n");
	assert_true(holder_find(&holder, 2121));
	assert_string_equal(holder.name, "a?[2Jb?");
	name[0] = '\0';
	assert_true(holder_find(&holder, 2121));
	assert_string_equal(holder.name, "");
	no_name = true;
	assert_true(holder_find(&holder, 2121));
	assert_string_equal(holder.name, "");
}

static void a_queue_without_a_listener_has_nobody(void **state)
{
	struct holder holder;

	(void)state;
	assert_false(holder_find(&holder, 2120));
	assert_int_equal(holder.pid, 0);
	no_queues = true;
	assert_false(holder_find(&holder, 2121));
}

/* It is in another container, say. */
static void who_can_not_be_seen_is_not_known(void **state)
{
	struct holder holder;

	(void)state;
	/* The first queue's socket is not listed, and the last one's is nobody's. */
	assert_true(holder_find(&holder, 5));
	assert_int_equal(holder.port, 111);
	assert_int_equal(holder.inode, 0);
	assert_int_equal(holder.pid, 0);
	snprintf(sockets, sizeof(sockets), "00000000c0ffee03 12  222 00000000 0 0 0 2 0 4294967295\n");
	assert_true(holder_find(&holder, 2122));
	assert_int_equal(holder.inode, 4294967295u);
	assert_int_equal(holder.pid, 0);
	assert_string_equal(holder.name, "");
	no_sockets = true;
	assert_true(holder_find(&holder, 2122));
	assert_int_equal(holder.inode, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_queue_has_the_process_that_has_its_socket, begin, finish),
		cmocka_unit_test_setup_teardown(a_name_is_shown_in_what_can_be_printed, begin, finish),
		cmocka_unit_test_setup_teardown(a_queue_without_a_listener_has_nobody, begin, finish),
		cmocka_unit_test_setup_teardown(who_can_not_be_seen_is_not_known, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
