/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker reads bytes from anybody, so it keeps no capability at all: reading from a queue needs none once the queue is
 * bound, and what does need one its broker does for it. The kernel asks whoever sends a netlink message for its
 * capability, so the queue's socket gives the worker no other power. The broker keeps the one that netfilter asks for with
 * every message, and has a dozen system calls. Its raw sockets are open and marked already: sending needs no capability.
 *
 * The worker's system calls are those of its loop: sockets that are open, memory, time, the log, its own processor, and
 * reading the configuration again. That last one is why files may be opened, but only to read, and by a user who has no
 * special rights to any: a descriptor that was kept would show the old file after an editor replaced it. There is no call
 * that makes a socket, a process, a file or executable memory, or that reaches another process. The proxy may make sockets
 * of IPv4 and IPv6 besides, because connections are what it is for; and so may the server's end of a probe, which asks for
 * no right at all. The resolver runs what the host has for looking up names, so its filter is the widest: it reads files and
 * speaks to whom it likes, and has neither a capability nor anything that is written, executed or told to the kernel.
 */
#include "process/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "process/obstacle.h"

/*
 * The sanitizers' runtime makes system calls of its own choice (it reads /proc, it maps shadow memory, it forks to look
 * for leaks), so a build with them goes without the filter.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_WITHOUT_FILTER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANDBOX_WITHOUT_FILTER 1
#endif
#endif
#ifndef SANDBOX_WITHOUT_FILTER
#define SANDBOX_WITHOUT_FILTER 0
#endif

/* The strings of one line of the user database. */
#define SANDBOX_PASSWD_SIZE 4096
#define SANDBOX_CAUSE_MAX 320

/* Requests, netlink, raw packets, the log, the processor that it runs on. There are no allocations. */
static const int sandbox_broker_calls[] = {
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(write), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(close), SCMP_SYS(munmap), SCMP_SYS(exit_group),
};

static const int sandbox_calls[] = {
	/* the queue, the broker; a proxy: ctnetlink */
	SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	/* the loop; which of two calls the C library makes depends on the architecture, the time on the clock source */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigaction),
	/* memory for events and for the configuration */
	SCMP_SYS(brk), SCMP_SYS(munmap),
	/* the log, the events, the loop's signal pipe, and the configuration */
	SCMP_SYS(write), SCMP_SYS(read), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(close),
	/* whether somebody reads them */
	SCMP_SYS(poll), SCMP_SYS(ppoll),
	/* a turn for others, while it waits awake */
	SCMP_SYS(sched_yield),
	SCMP_SYS(exit_group),
};

/* What OpenSSL needs: memory of it and of the C library's allocator, random bytes, one-time initialisations. */
static const int sandbox_tls_calls[] = {
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(futex),
};

/*
 * What the proxy needs besides: connections over IPv4 and IPv6, bytes between them, and a timer; which of two calls sets it
 * depends on the architecture.
 */
static const int sandbox_proxy_calls[] = {
	SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(listen), SCMP_SYS(shutdown),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(sendmsg), SCMP_SYS(splice), SCMP_SYS(pipe2), SCMP_SYS(fcntl),
	SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64),
};

/* Its messages to the supervisor have descriptors with them. */
static const int sandbox_control_calls[] = {
	SCMP_SYS(sendmsg), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* its clients, and the kernel's files, which are read again from their beginning */
	SCMP_SYS(accept4), SCMP_SYS(getsockopt), SCMP_SYS(lseek),
};

/* The probe has no library's loop, and asks what is unacknowledged. */
static const int sandbox_probe_calls[] = {
	SCMP_SYS(ioctl),
};

/* What the C library asks for names with, and the modules of nsswitch.conf that Debian has. */
static const int sandbox_resolver_calls[] = {
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(close),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fcntl), SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(uname), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit_group),
};

static int sandbox_add_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int result = 0;

	for (size_t i = 0; !result && i < count; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return result;
}

static int sandbox_add_proxy(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp ipv4 = SCMP_A0(SCMP_CMP_EQ, AF_INET, 0);
	const struct scmp_arg_cmp ipv6 = SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0);
	int result = sandbox_add_calls(filter, sandbox_proxy_calls,
				       sizeof(sandbox_proxy_calls) / sizeof(sandbox_proxy_calls[0]));

	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &ipv4);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &ipv6);
	return result;
}

/*
 * Files to be read, sockets of the families that ask for names, routing's netlink, by which the C library sorts addresses,
 * and modules, which are mapped to be executed and can't be written.
 */
static int sandbox_add_resolver(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp only_read = SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp not_writable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0);
	const struct scmp_arg_cmp route[] = { SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0), SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0) };
	const struct scmp_arg_cmp questions = SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0);
	static const unsigned int families[] = { AF_INET, AF_INET6, AF_UNIX };
	int result = sandbox_add_calls(filter, sandbox_resolver_calls,
				       sizeof(sandbox_resolver_calls) / sizeof(sandbox_resolver_calls[0]));

	for (size_t i = 0; !result && i < sizeof(families) / sizeof(families[0]); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, families[i], 0));
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, route);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &questions);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &only_read);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_writable);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_executable);
	return result;
}

/* Which processor it runs on, and no other process. */
static int sandbox_add_processor(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp itself = SCMP_A0(SCMP_CMP_EQ, 0, 0);
	const int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), 1, &itself);

	return result ? result : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_getaffinity), 1, &itself);
}

/* What reads a configuration may open files to read them, and list them. */
static int sandbox_add_worker(scmp_filter_ctx filter, enum sandbox_kind kind)
{
	const struct scmp_arg_cmp only_read = SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int result = sandbox_add_calls(filter, sandbox_calls, sizeof(sandbox_calls) / sizeof(sandbox_calls[0]));

	if (!result && kind != SANDBOX_KEYS)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &only_read);
	if (!result && kind != SANDBOX_KEYS)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getdents64), 0);
	if (!result)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable);
	if (!result && kind != SANDBOX_WORKER && kind != SANDBOX_CONTROL)
		result = sandbox_add_calls(filter, sandbox_tls_calls,
					   sizeof(sandbox_tls_calls) / sizeof(sandbox_tls_calls[0]));
	if (!result && kind == SANDBOX_WORKER)
		result = sandbox_add_processor(filter);
	return result;
}

static int sandbox_add_broker(scmp_filter_ctx filter)
{
	const int result = sandbox_add_calls(filter, sandbox_broker_calls,
					     sizeof(sandbox_broker_calls) / sizeof(sandbox_broker_calls[0]));

	return result ? result : sandbox_add_processor(filter);
}

static int sandbox_filter(enum sandbox_kind kind, char *error, size_t size)
{
	/*
	 * Which modules look up names is the host's choice: what one of them may not do is refused, and it says what
	 * follows.
	 */
	scmp_filter_ctx filter = seccomp_init(kind == SANDBOX_RESOLVER ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
	char cause[SANDBOX_CAUSE_MAX];
	int result = filter ? 0 : -ENOMEM;

	if (!result)
		result = kind == SANDBOX_BROKER ? sandbox_add_broker(filter) :
			 kind == SANDBOX_RESOLVER ? sandbox_add_resolver(filter) : sandbox_add_worker(filter, kind);
	if (!result && (kind == SANDBOX_PROXY || kind == SANDBOX_PROBE))
		result = sandbox_add_proxy(filter);
	if (!result && kind == SANDBOX_CONTROL)
		result = sandbox_add_calls(filter, sandbox_control_calls,
					   sizeof(sandbox_control_calls) / sizeof(sandbox_control_calls[0]));
	if (!result && kind == SANDBOX_PROBE)
		result = sandbox_add_calls(filter, sandbox_probe_calls,
					   sizeof(sandbox_probe_calls) / sizeof(sandbox_probe_calls[0]));
	if (!result)
		result = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (!result)
		return 0;
	obstacle_find_for_filter(-result, cause, sizeof(cause));
	snprintf(error, size, "can't restrict system calls: %s", cause);
	return -1;
}

static int sandbox_keep_capabilities(const struct passwd *user, enum sandbox_kind kind, char *error, size_t size)
{
	capng_select_t select = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
	char cause[SANDBOX_CAUSE_MAX];
	int result;

	capng_get_caps_process();
	if ((kind == SANDBOX_WORKER || kind == SANDBOX_BROKER || kind == SANDBOX_PROXY) &&
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN)) {
		snprintf(error, size, "CAP_NET_ADMIN is missing; run as root or give the service this capability");
		return -1;
	}
	/*
	 * Who was started without CAP_SETPCAP (by a service manager that already dropped it) can't empty the bounding
	 * set, and need not: without new privileges nothing in it can be had.
	 */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		select = CAPNG_SELECT_ALL;
	capng_clear(CAPNG_SELECT_ALL);
	if (kind == SANDBOX_BROKER || kind == SANDBOX_PROXY)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	if (user)
		result = capng_change_id((int)user->pw_uid, (int)user->pw_gid,
					 CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
	else
		result = capng_apply(select);
	if (result == 0)
		return 0;
	if (user) {
		obstacle_find_for_user(errno, cause, sizeof(cause));
		snprintf(error, size, "can't become user \"%s\": %s", user->pw_name, cause);
	} else {
		obstacle_find_for_capabilities(errno, cause, sizeof(cause));
		snprintf(error, size, "can't give up capabilities: %s", cause);
	}
	return -1;
}

bool sandbox_has_filter(void)
{
	return !SANDBOX_WITHOUT_FILTER;
}

int sandbox_enter(const char *user, enum sandbox_kind kind, pid_t parent, char *error, size_t size)
{
	char strings[SANDBOX_PASSWD_SIZE];
	struct passwd entry;
	struct passwd *found = NULL;

	/* Who is not root can't become another user, and whoever made it what it is has chosen. */
	if (user[0] && geteuid() == 0 && (getpwnam_r(user, &entry, strings, sizeof(strings), &found) != 0 || !found)) {
		snprintf(error, size, "there is no user \"%s\"; create it, or set \"user = none\"", user);
		return -1;
	}
	if (sandbox_keep_capabilities(found, kind, error, size) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		snprintf(error, size, "can't rule out new privileges: %s", strerror(errno));
		return -1;
	}
	/* A change of user clears this, so it comes late; a parent that ended before it is not noticed by it. */
	if (parent && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)) {
		snprintf(error, size, "the supervisor has ended");
		return -1;
	}
	/* It reads a file the first time, and OpenSSL compares a certificate's times by way of it. */
	tzset();
	return SANDBOX_WITHOUT_FILTER ? 0 : sandbox_filter(kind, error, size);
}
