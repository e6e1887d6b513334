/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a control connection and its data connection know of each other. */
#include "proxy/relay_internal.h"

void relay_command(struct relay_follower *follower, enum relay_end source)
{
	struct relay *relay = follower->relay;

	/* Once the relay knows its file, what goes to the server is about the next one. */
	if (!relay || relay->plan.source != RELAY_ENDS)
		return;
	relay->plan.commanded = true;
	relay->plan.source = source;
	relay_wake(relay);
}

void relay_release(struct relay_follower *follower)
{
	if (!follower->relay)
		return;
	follower->relay->plan.commanded = false;
	follower->relay->plan.source = RELAY_ENDS;
}

void relay_hand_over(struct relay_follower *from, struct relay_follower *to)
{
	*to = *from;
	if (to->relay)
		to->relay->follower = to;
	from->relay = NULL;
	for (int i = 0; i < RELAY_ENDS; i++)
		from->outcome[i] = RELAY_NONE;
}

void relay_unfollow(struct relay_follower *follower)
{
	if (follower->relay)
		follower->relay->follower = NULL;
	follower->relay = NULL;
}
