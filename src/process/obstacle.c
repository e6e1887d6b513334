/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Giving up rights is everybody's right, so where the kernel refuses that, somebody has asked it to: most often a service
 * manager, by a filter of system calls. The library that was asked tells a number, and the error of whatever it tried last.
 * So the question is put again here, to the kernel itself, as a call that changes nothing.
 */
#include "process/obstacle.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILTERED "the filter of system calls that it was started with refuses %s(2), by which %s; allow that call (in a unit " \
		 "of systemd: SystemCallFilter=%s)"

/* The capabilities that it has: who may set any may set these. */
static bool obstacle_is_capset(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, data) == 0 && syscall(SYS_capset, &header, data) < 0;
}

void obstacle_find_for_capabilities(int error, char *text, size_t size)
{
	if (obstacle_is_capset())
		snprintf(text, size, FILTERED, "capset", "capabilities are given up", "capset");
	else
		snprintf(text, size, "%s", strerror(error));
}

void obstacle_find_for_user(int error, char *text, size_t size)
{
	capng_get_caps_process();
	if (obstacle_is_capset())
		snprintf(text, size, FILTERED, "capset", "capabilities are given up", "capset");
	else if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) || !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID))
		snprintf(text, size, "it was started as root without CAP_SETUID and CAP_SETGID; start it with them, as that user "
			 "(User= in a unit of systemd), or set \"user = none\"");
	else
		snprintf(text, size, "%s; start it as that user, or set \"user = none\"", strerror(error));
}

void obstacle_find_for_filter(int error, char *text, size_t size)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		snprintf(text, size, "%s", strerror(error));
	else if (errno == ENOSYS)
		snprintf(text, size, "the kernel needs CONFIG_SECCOMP_FILTER");
	else
		snprintf(text, size, FILTERED, "seccomp", "they are restricted further", "seccomp");
}
