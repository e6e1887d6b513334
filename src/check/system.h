/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host says of itself: files of /proc, and programs of the system. */
#ifndef CHECK_SYSTEM_H
#define CHECK_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

/* The number in a file of /proc/sys; -1 where there is none. */
long long check_read_sysctl(const char *path);

/* The path of a program of the system: not the caller's PATH, since it runs with privileges. False: there is none. */
bool check_find_program(const char *name, char *path, size_t size);

/*
 * Runs a program of the system, without a shell, and returns what it wrote to standard output, to be freed by the
 * caller; NULL if it could not be run or failed. argv ends with NULL.
 */
char *check_program_output(const char *const *argv);

#endif
