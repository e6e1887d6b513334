/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host says of itself: files of /proc, and programs of the system. */
#ifndef CHECK_SYSTEM_H
#define CHECK_SYSTEM_H

/* The number in a file of /proc/sys; -1 where there is none. */
long long check_read_sysctl(const char *path);

/*
 * Runs a program of the system, without a shell, and returns what it wrote to standard output, to be freed by the
 * caller; NULL if it could not be run or failed. argv ends with NULL.
 */
char *check_program_output(const char *const *argv);

#endif
