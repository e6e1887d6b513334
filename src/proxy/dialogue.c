/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dialogue, as the core keeps it.
 *
 * The proxy's own answers enter the dialogue as if the server had given them: the core pairs them with their command, and
 * they are given only when no other command waits.
 */
#include <string.h>

#include "base/clock.h"
#include "proxy/internal.h"

bool dialogue_judge(struct proxy_session *session, enum direction direction, struct bytes line)
{
	struct outcome *outcome = &session->proxy->outcome;

	session_input(&session->session, &session->ops, direction, line, clock_microseconds(), outcome);
	if (outcome->verdict != OUTCOME_CLOSE)
		return true;
	proxy_session_reject(session, outcome->reason, reason_meaning(outcome->reason));
	return false;
}

enum verb dialogue_verb(const struct session *core, unsigned int index)
{
	return index < core->pipeline_count
		       ? (enum verb)core->backlog->pipeline[(core->pipeline_head + index) % SESSION_PIPELINE_MAX].verb
		       : VERB_COUNT;
}

bool dialogue_waits(const struct session *core, enum verb verb)
{
	bool waits = false;

	for (unsigned int i = 0; i < core->pipeline_count; i++)
		waits = waits || dialogue_verb(core, i) == verb;
	return waits;
}

bool dialogue_is_transfer(const struct session *core, unsigned int index)
{
	const enum verb verb = dialogue_verb(core, index);

	return verb_is_transfer(verb) || (verb_may_transfer(verb) && index == 0 && core->preliminary);
}

enum verb dialogue_first_transfer(const struct session *core)
{
	for (unsigned int i = 0; i < core->pipeline_count; i++) {
		if (dialogue_is_transfer(core, i))
			return dialogue_verb(core, i);
	}
	return VERB_COUNT;
}

void dialogue_answer(struct proxy_session *session, const char *text)
{
	const struct bytes line = { (const uint8_t *)text, strlen(text) };
	struct reply reply;
	const enum verb verb = dialogue_verb(&session->session, 0);

	parse_reply(line, &reply);
	if (!dialogue_judge(session, DIRECTION_REPLY, line))
		return;
	leg_say(&session->leg[LEG_CLIENT], text);
	security_take_reply(session, verb, reply.code);
}
