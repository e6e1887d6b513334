/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service manager is told, as sd_notify(3) has it: nothing where NOTIFY_SOCKET names nobody. */
#ifndef PROCESS_MANAGER_H
#define PROCESS_MANAGER_H

#include <stdint.h>

#define MANAGER_STATUS_MAX 512

/*
 *   STARTING --> READY <--> RELOADING
 *                  |            |
 *                  +-> STOPPING <
 */
enum manager_state {
	MANAGER_STARTING,
	MANAGER_READY,
	MANAGER_RELOADING,
	MANAGER_STOPPING,
};

struct manager {
	enum manager_state told;
	char status[MANAGER_STATUS_MAX]; /* the last that was told */
	uint64_t interval; /* microseconds from one sign of life to the next; 0: nobody waits for any */
	uint64_t due;      /* when the next one is */
};

/* Reads from the environment what is wanted. Nothing has been told yet. */
void manager_find(struct manager *manager);

/*
 * Tells the state, and how things stand in a few words, where either has changed. Never waits: what could not be told is
 * told by the next call. Control characters in status are made visible.
 */
void manager_tell(struct manager *manager, enum manager_state state, const char *status);

/* A sign of life, if one is due. now: as of clock_microseconds(). */
void manager_beat(struct manager *manager, uint64_t now);

#endif
