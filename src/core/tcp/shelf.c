/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tcp/shelf.h"

#include <string.h>

_Static_assert(offsetof(struct shelf_place, backlog) == 0, "a place begins with its backlog");

void shelf_init(struct shelf *shelf, struct shelf_place *places)
{
	memset(shelf, 0, sizeof(*shelf));
	shelf->places = places;
}

void shelf_lend(struct shelf *shelf, struct session *session)
{
	uint32_t link = shelf->free_first;

	if (session->backlog)
		return;
	if (link == 0)
		link = ++shelf->fresh;
	else
		shelf->free_first = shelf->places[link - 1].next;
	shelf->lent++;
	session_lend(session, &shelf->places[link - 1].backlog);
}

void shelf_take_back(struct shelf *shelf, struct session *session, bool ended)
{
	struct shelf_place *place = (struct shelf_place *)session_return(session, ended);

	if (!place)
		return;
	place->next = shelf->free_first;
	shelf->free_first = (uint32_t)(place - shelf->places) + 1;
	shelf->lent--;
}
