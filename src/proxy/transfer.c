/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data connection of the latest offer, followed: whose bytes are the file, and what became of them. */
#include "proxy/internal.h"

enum relay_end transfer_source(enum verb verb)
{
	if (!verb_is_transfer(verb))
		return RELAY_ENDS;
	return verb_is_upload(verb) ? RELAY_CLIENT : RELAY_SERVER;
}

enum relay_outcome transfer_find_outcome(const struct relay_follower *follower, enum verb verb)
{
	const enum relay_end source = transfer_source(verb);
	const enum relay_outcome client = follower->outcome[RELAY_CLIENT], server = follower->outcome[RELAY_SERVER];

	if (source != RELAY_ENDS)
		return follower->outcome[source];
	if (client == RELAY_UNDER_WAY || server == RELAY_UNDER_WAY)
		return RELAY_UNDER_WAY;
	return client == RELAY_CUT ? client : server;
}

/* A command that nobody here knows may be one more way to ask for a file. */
static bool transfer_may_be_asked(enum verb verb)
{
	return verb_is_transfer(verb) || verb == VERB_UNKNOWN;
}

static void transfer_assign(struct proxy_session *session, enum verb verb)
{
	struct pinhole *pinhole = &session->pinhole;

	/* Who sends on without waiting has one data connection for the first of its commands. */
	if (!pinhole->commanded || pinhole->sender == RELAY_ENDS)
		pinhole->sender = transfer_source(verb);
	pinhole->commanded = true;
	relay_command(&session->transfer, transfer_source(verb));
}

void transfer_take_command(struct proxy_session *session, enum verb verb, struct bytes argument)
{
	if (verb == VERB_MODE)
		session->block_asked = argument.length > 0 &&
				       ((argument.data[0] & 0xdf) == 'B' || (argument.data[0] & 0xdf) == 'C');
	if (transfer_may_be_asked(verb))
		transfer_assign(session, verb);
}

void transfer_release(struct proxy_session *session, enum verb verb, bool refused)
{
	const struct session *core = &session->session;

	if (!transfer_may_be_asked(verb))
		return;
	session->pinhole.commanded = false;
	session->pinhole.sender = RELAY_ENDS;
	if (refused)
		relay_release(&session->transfer);
	for (unsigned int i = 0; i < core->pipeline_count && !session->pinhole.commanded; i++)
		if (transfer_may_be_asked(dialogue_verb(core, i)))
			transfer_assign(session, dialogue_verb(core, i));
}

/* A transfer that waits for its reply has had its data connection: what becomes of that is still asked for. */
static void transfer_keep_earlier(struct proxy_session *session)
{
	/* A client that waits for nothing has its PORT before the transfer unanswered, too. */
	const enum verb verb = dialogue_first_transfer(&session->session);

	if (session->has_earlier || verb == VERB_COUNT || transfer_find_outcome(&session->transfer, verb) == RELAY_NONE)
		return;
	relay_hand_over(&session->transfer, &session->earlier);
	session->has_earlier = true;
	session->earlier_verb = verb;
}

void transfer_begin_offer(struct proxy_session *session)
{
	const struct session *core = &session->session;
	struct pinhole *pinhole = &session->pinhole;

	transfer_keep_earlier(session);
	relay_unfollow(&session->transfer);
	for (int i = 0; i < RELAY_ENDS; i++)
		session->transfer.outcome[i] = RELAY_NONE;
	/* The client may have sent the transfer command right after the passive request, before it knew the port. */
	for (unsigned int i = 0; i < core->pipeline_count && !pinhole->commanded; i++) {
		if (i > 0 && verb_is_passive_request(dialogue_verb(core, i)))
			break;
		pinhole->commanded = verb_is_passive_request(dialogue_verb(core, 0)) &&
				     verb_is_transfer(dialogue_verb(core, i));
		pinhole->sender = transfer_source(dialogue_verb(core, i));
	}
}

static void transfer_on_change(void *context)
{
	struct proxy_session *session = context;

	session->stirred = true;
	proxy_session_wake(session);
}

void transfer_open(struct proxy_session *session)
{
	session->transfer.on_change = transfer_on_change;
	session->transfer.context = session;
}
