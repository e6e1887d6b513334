/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers look at the level of protection when they are asked for a transfer, and a passive client may connect long before.
 * So PROT still decides about a data connection on which nothing has been said (relay_protect). Behind an implicit port, a
 * session may have no PROT at all, and its level is P to some servers (ProFTPD) and C to others (vsftpd): there, whoever
 * speaks first says which it is, since in TLS that is the client, by a ClientHello.
 */
#include "proxy/relay_internal.h"

/* With a record of a handshake: its content type, and its major version. */
static bool begins_tls(const uint8_t *first, size_t length)
{
	return length > 0 && first[0] == 0x16 && (length == 1 || first[1] == 0x03);
}

bool relay_find_level(struct relay *relay)
{
	struct relay_level *level = &relay->plan.level;
	uint8_t first[2], byte;
	size_t length;

	if (!level->unsaid)
		return true;
	if (wire_peek_all(&relay->wire[RELAY_CLIENT], first, sizeof(first), &length) == TLS_WAIT &&
	    wire_peek(&relay->wire[RELAY_SERVER], &byte) == TLS_WAIT)
		return false;
	level->unsaid = false;
	for (int i = 0; i < RELAY_ENDS; i++)
		level->secure[i] = begins_tls(first, length);
	return true;
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
