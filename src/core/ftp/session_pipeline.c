/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands that wait for their reply, and which of them a reply answers.
 *
 * Servers answer in order (RFC 959 5.4), but not each command once: some swallow a NOOP or an ABOR while a transfer runs,
 * some answer one twice. If replies were only counted, one such command would put all others out of step for good. So
 * each reply is given to the oldest command that it can answer, and what stands before that one is given up: its server
 * has gone on. Which codes a command can be answered by is known where it matters:
 *
 *   22x with an endpoint     a request for one (PASV, EPSV, ...), and nothing else
 *   other 2yz and 3yz        everything but such a request, and a transfer only by what ends one
 *   230, 232, 331, 332       a step of the login, if one waits
 *   1yz                      a transfer, if one waits
 *   4yz and 5yz              the oldest
 *
 * A transfer that has begun is not given up while others are answered: STAT and keep-alives may be answered before it ends.
 *
 * What waits is bounded, and a client that fills it is refused. Clients that keep a session alive through a long upload send
 * thousands of commands on which nothing depends; of those any number waits in one place, of others as many as are alike.
 */
#include "core/ftp/session_internal.h"

static struct session_command *pipeline_at(struct session *session, unsigned int index)
{
	return &session->backlog->pipeline[(session->pipeline_head + index) % SESSION_PIPELINE_MAX];
}

static enum verb verb_at(const struct session *session, unsigned int index)
{
	return (enum verb)session->backlog->pipeline[(session->pipeline_head + index) % SESSION_PIPELINE_MAX].verb;
}

/* Nothing is concluded from the answers to these. */
static bool keeps_alive(enum verb verb)
{
	return verb == VERB_NOOP || verb == VERB_PWD || verb == VERB_XPWD || verb == VERB_TYPE || verb == VERB_CWD ||
	       verb == VERB_SYST;
}

/* Nor from those to these, but which of them is answered is told, so they wait with their like. */
static bool may_repeat(enum verb verb)
{
	return verb == VERB_STAT || verb == VERB_REST || verb == VERB_ALLO || verb == VERB_FEAT || verb == VERB_OPTS ||
	       verb == VERB_SIZE || verb == VERB_MDTM;
}

/* The command that one more of these can wait with, or NULL. */
static struct session_command *find_company(struct session *session, enum verb verb)
{
	struct session_command *last;
	bool alike;

	if (session->pipeline_count == 0)
		return NULL;
	last = pipeline_at(session, session->pipeline_count - 1U);
	alike = (keeps_alive(verb) && keeps_alive((enum verb)last->verb)) ||
		(may_repeat(verb) && last->verb == (uint8_t)verb);
	return alike && last->more < UINT16_MAX ? last : NULL;
}

bool session_pipeline_is_full(struct session *session, enum verb verb)
{
	return session->pipeline_count == SESSION_PIPELINE_MAX && !find_company(session, verb);
}

/* From how many numbers on somebody could read an endpoint in what answers the command; 0: it asks for none. */
static uint8_t numbers_of_endpoint(enum verb verb)
{
	if (!verb_is_passive_request(verb))
		return 0;
	return verb_asks_for_port(verb) ? 1 : 2;
}

void session_pipeline_push(struct session *session, enum verb verb, enum verb said)
{
	struct session_command *company = find_company(session, verb);

	session->unseen_command = false;
	session->numbers_asked = numbers_of_endpoint(said);
	/* Whoever is behind stays so, but nobody is before us where nothing waits. */
	if (session->pipeline_count == 0 && session->multiline == 0)
		session->maybe_answered = false;
	if (company) {
		company->more++;
		company->mixed = company->mixed || company->verb != (uint8_t)verb;
		session->next_number++;
		return;
	}
	*pipeline_at(session, session->pipeline_count++) = (struct session_command){
		.number = session->next_number++,
		.verb = (uint8_t)verb,
		.asked = session->numbers_asked & 3,
	};
}

bool session_pipeline_holds(const struct session *session, enum verb verb)
{
	for (unsigned int i = 0; i < session->pipeline_count; i++)
		if (verb_at(session, i) == verb)
			return true;
	return false;
}

static bool asks_at(const struct session *session, unsigned int index)
{
	return verb_is_passive_request(verb_at(session, index));
}

static bool is_login_step(enum verb verb)
{
	return verb == VERB_USER || verb == VERB_PASS || verb == VERB_ACCT || verb == VERB_ADAT;
}

/* May a transfer end with this code, as far as it is not known which other command it answers? */
static bool code_ends_transfer(uint16_t code)
{
	return code / 100 == 2 && code != 200 && code / 10 != 21 && code != 225 && code != 257;
}

static bool transfer_runs(const struct session *session)
{
	return session->preliminary && session->pipeline_count > 0 &&
	       (verb_is_transfer(verb_at(session, 0)) || verb_may_transfer(verb_at(session, 0)));
}

/* Which asks for nothing, but servers that don't know the argument answer it like EPSV. */
static bool is_epsv_all(const struct session *session, unsigned int index)
{
	const unsigned int at = (session->pipeline_head + index) % SESSION_PIPELINE_MAX;

	return session->epsv_all_asked && session->backlog->pipeline[at].number == session->epsv_all_number;
}

/* Can the command at index be answered by a final reply that is neither an error nor announces an endpoint? */
static bool can_answer(const struct session *session, unsigned int index, uint16_t code)
{
	enum verb verb = verb_at(session, index);

	if (asks_at(session, index))
		return is_epsv_all(session, index);
	if (!verb_is_transfer(verb) && (index > 0 || !transfer_runs(session)))
		return true;
	/*
	 * The oldest, or one after a request for an endpoint, since all else before it would have been the answered one; and
	 * that one has not begun, so it does not end.
	 */
	return code_ends_transfer(code) && index == 0;
}

unsigned int session_pipeline_asked(const struct session *session)
{
	unsigned int least = 0;

	for (unsigned int i = 0; i < session->pipeline_count; i++) {
		const unsigned int at = (session->pipeline_head + i) % SESSION_PIPELINE_MAX;
		const unsigned int asked = session->backlog->pipeline[at].asked;

		if (asked > 0 && (least == 0 || asked < least))
			least = asked;
	}
	return least;
}

static unsigned int find_transfer(const struct session *session)
{
	unsigned int i = 0;

	while (i < session->pipeline_count && !verb_is_transfer(verb_at(session, i)))
		i++;
	return i;
}

static unsigned int find_endpoint_request(const struct session *session)
{
	unsigned int i = 0;

	while (i < session->pipeline_count && !asks_at(session, i))
		i++;
	return i;
}

const struct session_command *session_pipeline_endpoint_request(const struct session *session)
{
	unsigned int index = find_endpoint_request(session);

	if (index == session->pipeline_count)
		return NULL;
	return &session->backlog->pipeline[(session->pipeline_head + index) % SESSION_PIPELINE_MAX];
}

const struct session_command *session_pipeline_oldest(const struct session *session)
{
	return session->pipeline_count > 0 ? &session->backlog->pipeline[session->pipeline_head] : NULL;
}

/* STAT is answered at once while a transfer runs (RFC 959 4.1.3), before all that stand before it. */
static unsigned int find_overtaking(const struct session *session, uint16_t code)
{
	unsigned int i = 0;

	if (!transfer_runs(session) || code < 211 || code > 213)
		return session->pipeline_count;
	while (i < session->pipeline_count && verb_at(session, i) != VERB_STAT)
		i++;
	return i;
}

static unsigned int find_login_step(const struct session *session)
{
	unsigned int i = 0;

	while (i < session->pipeline_count && !is_login_step(verb_at(session, i)))
		i++;
	return i;
}

/* The oldest that the code can answer; else, where a server ends a transfer oddly, the oldest that asks for no endpoint. */
static unsigned int find_answered(const struct session *session, uint16_t code)
{
	unsigned int found = session->pipeline_count;

	if (code == 230 || code == 232 || code == 331 || code == 332)
		found = find_login_step(session);
	for (unsigned int i = 0; i < session->pipeline_count && found == session->pipeline_count; i++)
		if (can_answer(session, i, code))
			found = i;
	if (found == session->pipeline_count && !asks_at(session, 0))
		found = 0;
	return found;
}

static struct session_command pipeline_lift(struct session *session, unsigned int index)
{
	struct session_command *command = pipeline_at(session, index);
	const struct session_command lifted = *command;

	if (command->more > 0) {
		command->more--;
		return lifted;
	}
	for (unsigned int i = index; i > 0; i--)
		*pipeline_at(session, i) = *pipeline_at(session, i - 1);
	session->pipeline_head = (uint8_t)((session->pipeline_head + 1) % SESSION_PIPELINE_MAX);
	session->pipeline_count--;
	return lifted;
}

/* No reply will come to the commands from first on up to end, so no event is made of their transfers. */
static void give_up(struct session *session, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++)
		for (unsigned int transfer = 0; transfer < SESSION_TRANSFERS_MAX; transfer++)
			if (session->backlog->transfers[transfer].number == pipeline_at(session, i)->number)
				session->backlog->transfers[transfer].waiting = false;
}

/* Takes the command at index out, and gives up those before it, but for a transfer that runs. */
static struct session_command pipeline_remove(struct session *session, unsigned int index)
{
	struct session_command *command = pipeline_at(session, index);
	struct session_command answered = *command;
	const bool runs = transfer_runs(session) && index > 0;
	const struct session_command transfer = *pipeline_at(session, 0);
	unsigned int gone = index;

	give_up(session, runs ? 1 : 0, index);
	if (command->more > 0) {
		command->more--;
		answered.more = 0;
	} else {
		gone++;
	}
	session->pipeline_head = (uint8_t)((session->pipeline_head + gone) % SESSION_PIPELINE_MAX);
	session->pipeline_count = (uint8_t)(session->pipeline_count - gone);
	if (runs) {
		session->pipeline_head = (uint8_t)((session->pipeline_head + SESSION_PIPELINE_MAX - 1U) %
						   SESSION_PIPELINE_MAX);
		session->pipeline_count++;
		*pipeline_at(session, 0) = transfer;
	} else {
		session->preliminary = false;
	}
	return answered;
}

void session_pipeline_begin(struct session *session)
{
	unsigned int index = find_transfer(session);

	if (index < session->pipeline_count) {
		give_up(session, 0, index);
		session->pipeline_head = (uint8_t)((session->pipeline_head + index) % SESSION_PIPELINE_MAX);
		session->pipeline_count = (uint8_t)(session->pipeline_count - index);
	}
	session->preliminary = true;
}

bool session_pipeline_answer(struct session *session, uint16_t code, bool endpoint, struct session_command *command)
{
	unsigned int index = find_overtaking(session, code);

	if (index < session->pipeline_count) {
		*command = pipeline_lift(session, index);
		return true;
	}
	index = 0;
	if (endpoint)
		index = find_endpoint_request(session);
	else if (code / 100 == 2 || code / 100 == 3)
		index = find_answered(session, code);
	if (index >= session->pipeline_count)
		return false;
	*command = pipeline_remove(session, index);
	return true;
}
