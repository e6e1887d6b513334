/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a process can't give up what it wants to give up: the cause, and what to do, for who has set the host up. */
#ifndef PROCESS_OBSTACLE_H
#define PROCESS_OBSTACLE_H

#include <stddef.h>

/*
 * Each writes a clause to text (of size bytes), to stand after a colon. To be asked right after what failed, of which error
 * is errno.
 */

/* Capabilities could not be given up. */
void obstacle_find_for_capabilities(int error, char *text, size_t size);
/* The user could not be changed. */
void obstacle_find_for_user(int error, char *text, size_t size);
/* System calls could not be restricted. */
void obstacle_find_for_filter(int error, char *text, size_t size);

#endif
