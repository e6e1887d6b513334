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

/* Neither peer has said anything, and neither has heard anything. */
static bool relay_is_untouched(const struct relay *relay)
{
	bool untouched = true;

	for (int i = 0; i < RELAY_ENDS; i++)
		untouched = untouched && !relay->wire[i].tls && relay->half[i].state == HALF_FLOWING &&
			    relay->half[i].moved + relay->half[i].length == 0;
	return untouched;
}

void relay_protect(struct relay_follower *follower, const struct relay_level *level)
{
	struct relay *relay = follower->relay;

	if (!relay || !relay_is_untouched(relay))
		return;
	relay->plan.level = *level;
	/* In clear it may have begun to move what has not come. */
	relay->moving = false;
	relay_release_halves(relay);
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
