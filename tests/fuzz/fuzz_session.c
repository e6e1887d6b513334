/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a dialogue: one byte for the connection and the policy, then lines, with CR or without; the first letter of a
 * line says who speaks, S the server and anything else the client. Whatever is said, at most one pinhole is open, it leads
 * to the peer that offered it and from the other one, and no offer passes without one. One that was used up is opened again
 * once for an offer at most, and as it was.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "ftpalg/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct policy policy;
	struct session session;
	struct session_backlog backlog;
	struct ops ops;
	struct outcome outcome;
	struct expectation pinhole;
	bool open;
	bool renewed;  /* since it was made */
	bool told;     /* it has been reported, and not its end */
	struct session_farewell farewell; /* whose answer has yet to be told, in a session that has ended */
	bool released;
	bool logged_in; /* has been reported, was announced by the greeting, or is not needed */
	unsigned int closed;
};

static struct rig rig;
static uint8_t out[2 * LINE_MAX_LENGTH];

static bool is_own(const struct address *address, const struct endpoint *a, const struct endpoint *b)
{
	return address_equal(address, &a->address) || address_equal(address, &b->address);
}

/* Strict defaults: nobody lets anybody in but to itself, from its peer, above 1023. */
static void check_expectation(const struct expectation *expectation)
{
	const struct nat_view *view = &rig.session.view;
	bool active = expectation->nat_direction == DIRECTION_REPLY;

	assert(expectation->destination.port >= 1024 && expectation->saved_port >= 1024);
	assert(expectation->destination.port != 6000 && expectation->destination.port != 3306);
	assert(expectation->timeout > 0);
	assert(rig.logged_in);
	assert(active || !rig.session.torn);
	if (active) {
		assert(address_equal(&expectation->source, &view->server.address));
		assert(is_own(&expectation->destination.address, &view->client, &view->client_seen));
	} else {
		assert(address_equal(&expectation->source, &view->client.address));
		assert(is_own(&expectation->destination.address, &view->server, &view->server_seen));
	}
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	assert(master == &rig.session.view);
	assert(!rig.open);
	check_expectation(expectation);
	if (expectation->destination.port % 16 == 1)
		return REASON_KERNEL_REFUSED;
	if (expectation->translated && expectation->destination.port % 16 == 2)
		expectation->destination.port++;
	rig.pinhole = *expectation;
	rig.open = true;
	rig.renewed = false;
	return REASON_NONE;
}

/* Ports are announced when this is asked for, so it must be the same but for its time. */
static enum reason op_renew(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct expectation before = rig.pinhole;

	(void)context;
	assert(master == &rig.session.view);
	assert(rig.open && !rig.renewed && expectation->nat_direction == DIRECTION_REPLY);
	check_expectation(expectation);
	assert(expectation->timeout <= before.timeout);
	before.timeout = expectation->timeout;
	assert(memcmp(expectation, &before, sizeof(before)) == 0);
	rig.renewed = true;
	rig.open = expectation->destination.port % 4 != 1;
	return rig.open ? REASON_NONE : REASON_KERNEL_REFUSED;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	assert(rig.open && memcmp(expectation, &rig.pinhole, sizeof(*expectation)) == 0);
	rig.open = false;
	return expectation->destination.port % 2 ? REASON_GONE : REASON_NONE;
}

static enum reason op_peek(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	assert(rig.open);
	return expectation->destination.port % 2 ? REASON_GONE : REASON_NONE;
}

static void op_notice(void *context, const struct notice *notice)
{
	volatile uint8_t sum = 0;

	(void)context;
	assert((unsigned int)notice->type < NOTICE_COUNT && (unsigned int)notice->reason < REASON_COUNT);
	/* A farewell outlives what it is about, and has a view of its own. */
	assert(notice->type == NOTICE_SESSION_OPEN || nat_view_equal(notice->view, &rig.session.view));
	if (notice->type == NOTICE_PINHOLE_OPEN || notice->type == NOTICE_PINHOLE_USED ||
	    notice->type == NOTICE_PINHOLE_CLOSE) {
		assert(rig.told == (notice->type != NOTICE_PINHOLE_OPEN));
		rig.told = !rig.told;
	}
	for (size_t i = 0; i < notice->text.length; i++)
		sum = (uint8_t)(sum + notice->text.data[i]);
	/* A password is nobody's business. */
	assert(notice->type != NOTICE_REFUSE || notice->verb != VERB_PASS || notice->text.length == 0);
	rig.logged_in = rig.logged_in || notice->type == NOTICE_LOGIN;
	rig.closed += notice->type == NOTICE_SESSION_CLOSE ? 1 : 0;
}

static void op_release(void *context, const struct session_farewell *end)
{
	(void)context;
	assert(!rig.released && rig.session.state == SESSION_CLOSED);
	rig.farewell = *end;
	rig.released = true;
}

/* What was released is told of when the kernel has answered. */
static void settle(void)
{
	const struct session_farewell *end = &rig.farewell;

	if (!rig.released)
		return;
	assert(rig.closed == 0);
	rig.released = false;
	session_tell_end(end, &rig.ops, op_unexpect(NULL, &end->view, &end->expectation));
}

static struct endpoint ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct endpoint endpoint = { { FAMILY_IPV4, { a, b, c, d } }, port };

	return endpoint;
}

static void begin(uint8_t control)
{
	struct nat_view view = {
		.client = ipv4(10, 0, 0, 5, 40000),
		.client_seen = ipv4(10, 0, 0, 5, 40000),
		.server = ipv4(203, 0, 113, 9, 21),
		.server_seen = ipv4(203, 0, 113, 9, 21),
	};
	struct policy_rule *rule = &rig.policy.rules[0];

	memset(&rig, 0, sizeof(rig));
	policy_rule_set_defaults(rule);
	rig.policy.rule_count = 1;
	if (control & 1)
		view.client_seen = ipv4(198, 51, 100, 200, 61000);
	if (control & 2)
		view.server_seen = ipv4(198, 51, 100, 1, 21);
	rule->login_required = !(control & 4);
	rule->foreign_server = control & 8 ? FOREIGN_SERVER_REWRITE : FOREIGN_SERVER_REFUSE;
	rule->tls = (enum tls_policy)(control >> 4 & 3) % 3;
	rule->unknown_verbs = !(control & 64);
	rig.logged_in = !rule->login_required || control & 128;
	rig.ops = (struct ops){ .expect = op_expect, .unexpect = op_unexpect, .notice = op_notice,
				.peek = op_peek, .renew = op_renew, .release = op_release };
	session_open(&rig.session, &rig.backlog, &rig.policy, &rig.ops, 1, &view,
		     nat_view_is_translated(&view), control & 128);
}

/* The line as it leaves; checks the edit on the way. */
static struct bytes apply(struct bytes line)
{
	const struct edit *edit = &rig.outcome.edit;
	size_t behind = (size_t)edit->at.offset + edit->at.length;

	assert(behind <= line.length && edit->length <= sizeof(edit->replacement));
	assert(rig.outcome.verdict != OUTCOME_REFUSE || edit->at.length == edit->length);
	assert(rig.session.resizable || edit->at.length == edit->length);
	assert(edit->length == 0 || (!memchr(edit->replacement, '\n', edit->length) &&
				     !memchr(edit->replacement, '\r', edit->length) &&
				     !memchr(edit->replacement, '\0', edit->length)));
	memcpy(out, line.data, edit->at.offset);
	memcpy(out + edit->at.offset, edit->replacement, edit->length);
	memcpy(out + edit->at.offset + edit->length, line.data + behind, line.length - behind);
	return (struct bytes){ out, line.length - edit->at.length + edit->length };
}

/* What leaves is no offer, or is the one that the pinhole was made for. */
static void check_command(struct bytes line)
{
	struct command command;
	struct hostport hostport;

	if (parse_command(line, &command) != REASON_NONE || !verb_is_active_offer(command.verb))
		return;
	line = (struct bytes){ line.data + command.argument.offset, command.argument.length };
	if (hostport_parse(command.verb == VERB_PORT   ? FORM_PORT
			   : command.verb == VERB_EPRT ? FORM_EPRT
						       : FORM_LPRT, line, &hostport) != REASON_NONE)
		return;
	assert(rig.open && endpoint_equal(&hostport.endpoint, &rig.pinhole.destination));
}

static void check_reply(struct bytes line)
{
	struct reply reply;
	struct hostport hostport;

	parse_reply(line, &reply);
	if (reply.code < 227 || reply.code > 229)
		return;
	line = (struct bytes){ line.data + reply.text.offset, reply.text.length };
	if (hostport_parse((enum form)(FORM_227 + reply.code - 227), line, &hostport) != REASON_NONE)
		return;
	assert(rig.open && hostport.endpoint.port == rig.pinhole.destination.port);
	assert(reply.code == 229 || address_equal(&hostport.endpoint.address, &rig.pinhole.destination.address));
}

/* A beginning that need not be held belongs to a line that is not edited. */
static bool some_beginning_may_pass(enum direction direction, struct bytes line)
{
	for (size_t length = 1; length < line.length; length++)
		if (!session_must_hold(&rig.session, direction, (struct bytes){ line.data, length }))
			return true;
	return false;
}

static void say(enum direction direction, struct bytes line, uint64_t now)
{
	const bool crlf = line.length > 0 && line.data[line.length - 1] == '\r';
	bool may_pass;
	struct bytes leaves;
	enum session_state before = rig.session.state;

	line.length -= crlf;
	leaves = line;
	may_pass = line.length < 200 && some_beginning_may_pass(direction, line);
	session_take_end(&rig.session, direction, crlf);
	session_input(&rig.session, &rig.ops, direction, line, now, &rig.outcome);
	settle();
	/* Some servers let everybody in and greet with 230. */
	rig.logged_in = rig.logged_in || (before == SESSION_GREETING && rig.session.state == SESSION_READY);
	assert(rig.open == (rig.session.pinhole == PINHOLE_OPEN));
	assert(rig.session.pipeline_count <= SESSION_PIPELINE_MAX && rig.session.pipeline_head < SESSION_PIPELINE_MAX);
	assert((rig.outcome.verdict == OUTCOME_CLOSE) == (rig.session.state == SESSION_CLOSED));
	assert((rig.outcome.reason != REASON_NONE) ==
	       (rig.outcome.verdict == OUTCOME_CLOSE || rig.outcome.verdict == OUTCOME_REFUSE));
	if (rig.outcome.verdict == OUTCOME_CLOSE) {
		assert(!rig.open && rig.closed == 1);
		return;
	}
	assert(!may_pass || rig.outcome.verdict != OUTCOME_EDIT);
	if (rig.outcome.verdict != OUTCOME_PASS)
		leaves = apply(line);
	if (direction == DIRECTION_ORIGINAL)
		check_command(leaves);
	else
		check_reply(leaves);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now = 1;

	if (size < 2)
		return 0;
	begin(data[0]);
	data++;
	size--;
	while (size > 0 && rig.session.state != SESSION_CLOSED && rig.session.state != SESSION_OPAQUE) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;
		size_t taken = end ? length + 1 : length;

		if (length > 0 && length <= LINE_MAX_LENGTH)
			say(data[0] == 'S' ? DIRECTION_REPLY : DIRECTION_ORIGINAL,
			    (struct bytes){ data + 1, length - 1 }, now++);
		data += taken;
		size -= taken;
	}
	session_close(&rig.session, &rig.ops, REASON_CONNECTION_ENDED, now);
	settle();
	assert(!rig.open && !rig.told && rig.closed == 1);
	return 0;
}
