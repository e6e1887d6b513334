/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process of the service that has been taken over, for tests/lab/test_cages.py: the sandbox is entered as that process
 * enters it, and then one thing is tried.
 *
 *   caged USER KIND TRY [ARGUMENT...]
 *
 * What the kernel answered is printed. What the filter of system calls does not allow ends the process, or is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/sandbox.h"

static int number(const char *text)
{
	return (int)strtol(text, NULL, 0);
}

/* By write(2) alone, which all of them may do. */
static void say(const char *what, bool failed)
{
	char line[128];
	const int length = snprintf(line, sizeof(line), "%s=%s\n", what, failed ? strerror(errno) : "done");

	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

static void try_open(char **arguments)
{
	const int flags = arguments[1][0] == 'w'   ? O_WRONLY | O_CREAT
			  : arguments[1][0] == 't' ? O_RDONLY | O_TRUNC
						   : O_RDONLY;

	say("open", syscall(SYS_openat, AT_FDCWD, arguments[0], flags, 0600) < 0);
}

static void try_socket(char **arguments)
{
	say("socket", socket(number(arguments[0]), number(arguments[1]), number(arguments[2])) < 0);
}

/* PROTECTION: memory of its own. */
static void try_memory(char **arguments)
{
	say("memory", mmap(NULL, 4096, number(arguments[0]), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

/* Memory that it has becomes executable. */
static void try_protect(char **arguments)
{
	static char page[8192];
	char *const aligned = page + (4096 - (size_t)page % 4096) % 4096;

	(void)arguments;
	say("protect", mprotect(aligned, 4096, PROT_READ | PROT_EXEC) < 0);
}

/* Who started this one. To ask for it is a system call too, and in the sandbox it would be that one that is refused. */
static long parent;

/* One system call by its number, with arguments that would do something to the process that started this one. */
static void try_call(char **arguments)
{
	say("call", syscall(number(arguments[0]), parent, 0L, 0L, 0L, 0L, 0L) < 0);
}

static void try_wait(char **arguments)
{
	(void)arguments;
	say("inside", false);
	poll(NULL, 0, -1);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum sandbox_kind kind;
	} kinds[] = {
		{ "worker", SANDBOX_WORKER }, { "broker", SANDBOX_BROKER }, { "control", SANDBOX_CONTROL }, { "keys", SANDBOX_KEYS },
		{ "proxy", SANDBOX_PROXY }, { "resolver", SANDBOX_RESOLVER }, { "probe", SANDBOX_PROBE },
	};
	static const struct {
		const char *name;
		int arguments;
		void (*run)(char **arguments);
	} tries[] = {
		{ "open", 2, try_open }, { "socket", 3, try_socket }, { "memory", 1, try_memory }, { "protect", 0, try_protect },
		{ "call", 1, try_call }, { "wait", 0, try_wait },
	};
	char error[512];

	parent = getppid();
	for (size_t kind = 0; argc > 3 && kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		for (size_t i = 0; strcmp(kinds[kind].name, argv[2]) == 0 && i < sizeof(tries) / sizeof(tries[0]); i++) {
			if (strcmp(tries[i].name, argv[3]) != 0 || argc != 4 + tries[i].arguments)
				continue;
			if (sandbox_enter(argv[1], kinds[kind].kind, 0, error, sizeof(error)) < 0) {
				fprintf(stderr, "caged: %s\n", error);
				return 1;
			}
			tries[i].run(argv + 4);
			_exit(0);
		}
	}
	fprintf(stderr, "caged: no such try\n");
	return 2;
}
