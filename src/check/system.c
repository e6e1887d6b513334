/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* No rule set is that long; a program that never stops printing must not fill the memory. */
#define OUTPUT_MAX (64U << 20)
/* Nor must one that never ends keep a gateway from starting. */
#define PROGRAM_MICROSECONDS UINT64_C(10000000)

bool check_find_program(const char *name, char *path, size_t size)
{
	static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		int length = snprintf(path, size, "%s/%s", directories[i], name);

		if (length > 0 && (size_t)length < size && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static int program_spawn(const char *path, const char *const *argv, int output, pid_t *pid)
{
	static char search_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C";
	char *const environment[] = { search_path, locale, NULL };
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	/* POSIX does not change the arguments; only the prototype lacks the word. */
	if (!error)
		error = posix_spawn(pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Is there something to be read, or the end, before the time is over? */
static bool program_says(int descriptor, uint64_t deadline)
{
	struct pollfd poll_row = { .fd = descriptor, .events = POLLIN };
	uint64_t now = clock_microseconds();
	int ready = -1;

	errno = EINTR;
	while (ready < 0 && errno == EINTR && now < deadline) {
		ready = poll(&poll_row, 1, (int)((deadline - now) / 1000) + 1);
		now = clock_microseconds();
	}
	return ready > 0;
}

/* Everything until the end, with a NUL; NULL where it can't be had. */
static char *program_read(int descriptor)
{
	const uint64_t deadline = clock_microseconds() + PROGRAM_MICROSECONDS;
	size_t size = 0, length = 0;
	char *text = NULL, *more;
	ssize_t count;

	do {
		if (size - length < 2) {
			size = size ? size * 2 : 65536;
			more = size <= OUTPUT_MAX ? realloc(text, size) : NULL;
			if (!more) {
				free(text);
				return NULL;
			}
			text = more;
		}
		count = program_says(descriptor, deadline) ? read(descriptor, text + length, size - length - 1) : -1;
		if (count > 0)
			length += (size_t)count;
	} while (count > 0);
	text[length] = '\0';
	if (count == 0)
		return text;
	free(text);
	return NULL;
}

char *check_program_output(const char *const *argv)
{
	char path[256];
	char *text = NULL;
	int ends[2], status = -1;
	pid_t pid;

	if (!check_find_program(argv[0], path, sizeof(path)) || pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	if (program_spawn(path, argv, ends[1], &pid) != 0) {
		close(ends[0]);
		close(ends[1]);
		return NULL;
	}
	close(ends[1]);
	text = program_read(ends[0]);
	close(ends[0]);
	/* It has said too much, or nothing for too long. */
	if (!text)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

long long check_read_sysctl(const char *path)
{
	char full[128], text[32], *end;
	long long number = -1;
	FILE *file;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	file = fopen(full, "re");
	if (!file)
		return -1;
	if (fgets(text, sizeof(text), file)) {
		errno = 0;
		number = strtoll(text, &end, 10);
		if (errno || end == text)
			number = -1;
	}
	fclose(file);
	return number;
}
