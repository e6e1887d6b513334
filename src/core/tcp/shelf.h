/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backlogs of sessions: lent to one when its first command comes, and taken back when none waits and no offer is open.
 *
 * There is one for each row of the table, so there always is one. What was put back last is lent next, so only as many have
 * ever been touched, and take memory, as sessions had something waiting at one time, and those are in the processor's cache.
 */
#ifndef CORE_TCP_SHELF_H
#define CORE_TCP_SHELF_H

#include "ftpalg/session.h"

struct shelf_place {
	struct session_backlog backlog;
	uint32_t next; /* index plus one of the next free place */
};

struct shelf {
	struct shelf_place *places; /* owned by the caller of shelf_init */
	uint32_t free_first;        /* index plus one: places that were lent and put back */
	uint32_t fresh;             /* places that were never lent begin here: their memory has not been touched */
	uint32_t lent;
};

/* No more than there are places may be lent at a time. */
void shelf_init(struct shelf *shelf, struct shelf_place *places);

/* The session has a backlog afterwards. */
void shelf_lend(struct shelf *shelf, struct session *session);

/* Takes it back if the session has no use for it now, or has ended. */
void shelf_take_back(struct shelf *shelf, struct session *session, bool ended);

#endif
