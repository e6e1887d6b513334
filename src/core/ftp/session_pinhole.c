/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From an accepted offer to an expectation and back.
 *
 *   offer by            who connects          to where, as it arrives        announced as           NAT direction
 *   PORT, EPRT, LPRT    view.server           view.client_seen : port        the same, or the       REPLY
 *   227, 228, 229       view.client           view.server_seen : port        configured public one  ORIGINAL
 *
 * The kernel acknowledges the expectation before the line that announces it may leave, and it may give another port than
 * the one that was asked for. One pinhole is open at a time: a newer offer replaces the older (RFC 959 3.2), which is
 * also what the carrier's policy of one expectation would do, but then without a word.
 */
#include <string.h>

#include "core/ftp/session_internal.h"
#include "ftpalg/address.h"

/* Microseconds before a pinhole's deadline in which its absence could mean both. */
#define PINHOLE_DOUBT UINT64_C(1000000)

/*
 * The kernel says no more than that it has no such expectation: a data connection takes it away, and so does its timeout.
 * So its deadline decides, less what a packet may have waited for us since its time was taken. Transfers that last longer
 * are why it is looked for when they begin.
 */
static enum reason judge_absence(const struct session *session)
{
	if (session->pinhole_used || session->now + PINHOLE_DOUBT < session->pinhole_deadline)
		return REASON_USED;
	return REASON_GONE;
}

void session_watch_pinhole(struct session *session, const struct ops *ops)
{
	if (session->pinhole == PINHOLE_OPEN && !session->pinhole_used && ops->peek &&
	    ops->peek(ops->context, &session->view, &session->backlog->expectation) == REASON_GONE)
		session->pinhole_used = judge_absence(session) == REASON_USED;
}

void session_tell_pinhole_end(const struct session_farewell *end, const struct ops *ops, enum reason answer)
{
	struct notice notice = {
		.type = NOTICE_PINHOLE_CLOSE,
		.reason = end->reason,
		.session = end->session,
		.view = &end->view,
		.form = end->form,
		.expectation = &end->expectation,
	};

	if (answer == REASON_GONE)
		answer = end->absence;
	if (answer == REASON_USED)
		notice.type = NOTICE_PINHOLE_USED;
	if (answer == REASON_USED || answer == REASON_EXPIRED || answer == REASON_GONE)
		notice.reason = answer;
	ops->notice(ops->context, &notice);
}

bool session_give_pinhole_up(struct session *session, enum reason reason, struct session_farewell *end)
{
	const bool open = session->pinhole != PINHOLE_NONE;

	*end = (struct session_farewell){
		.session = session->id,
		.reason = reason,
		.absence = open ? judge_absence(session) : REASON_NONE,
		.form = session->pinhole_form,
		.view = session->view,
	};
	if (open)
		end->expectation = session->backlog->expectation;
	session->pinhole = PINHOLE_NONE;
	if (open && session->source)
		quota_close_pinhole(session->quota, session->source);
	return open;
}

void session_close_pinhole(struct session *session, const struct ops *ops, enum reason reason)
{
	struct session_farewell end;

	if (session_give_pinhole_up(session, reason, &end))
		session_tell_pinhole_end(&end, ops, ops->unexpect(ops->context, &end.view, &end.expectation));
}

void session_leave_pinhole(struct session *session, const struct ops *ops, enum reason reason)
{
	const enum reason known = session->pinhole_used ? REASON_USED : REASON_NONE;
	struct session_farewell end;

	if (session_give_pinhole_up(session, reason, &end))
		session_tell_pinhole_end(&end, ops, known);
}

/* What to ask the kernel for. */
static void plan_expectation(const struct session *session, const struct policy_answer *answer, bool active,
			     struct expectation *expectation)
{
	const struct nat_view *view = &session->view;

	memset(expectation, 0, sizeof(*expectation));
	expectation->source = active ? view->server.address : view->client.address;
	expectation->timeout = session->rule->pinhole_timeout;
	expectation->saved_port = answer->endpoint.port;
	expectation->nat_direction = active ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	if (answer->third_party) {
		expectation->destination = answer->endpoint;
		return;
	}
	expectation->destination.address = active ? view->client_seen.address : view->server_seen.address;
	expectation->destination.port = answer->endpoint.port;
	expectation->translated = nat_view_is_translated(view);
}

/*
 * What the other peer shall read; the expectation is where it was. REASON_OVERFLOW where the configured offset leads out of
 * the range of ports.
 */
static enum reason plan_announcement(const struct session *session, bool active, const struct endpoint *destination,
			      struct endpoint *announced)
{
	const struct policy_rule *rule = session->rule;
	const struct policy_advertise *advertise = active ? &rule->advertise_active : &rule->advertise;
	const struct policy_public *public = destination->address.family == FAMILY_IPV4 ? &advertise->ipv4
											: &advertise->ipv6;
	const int64_t port = (int64_t)destination->port + public->port_offset;

	*announced = *destination;
	if (public->address.family != destination->address.family)
		return REASON_NONE;
	if (port < 1 || port > UINT16_MAX)
		return REASON_OVERFLOW;
	announced->address = public->address;
	announced->port = (uint16_t)port;
	return REASON_NONE;
}

static void notify_pinhole(const struct turn *turn)
{
	const struct session *session = turn->session;
	struct notice notice = turn_notice(turn, NOTICE_PINHOLE_OPEN);

	notice.form = session->pinhole_form;
	notice.expectation = &session->backlog->expectation;
	notice.rule = session->rule->name;
	turn_report(turn, &notice);
}

static bool pinhole_can_be_renewed(const struct session *session)
{
	const struct expectation *expectation = &session->backlog->expectation;

	return session->pinhole == PINHOLE_OPEN && form_is_active(session->pinhole_form) && !session->pinhole_asked &&
	       expectation->destination.port == expectation->saved_port &&
	       session->now + PINHOLE_DOUBT < session->pinhole_deadline;
}

void session_renew_pinhole(const struct turn *turn)
{
	struct session *session = turn->session;
	const struct ops *ops = turn->ops;
	struct expectation rest = session->backlog->expectation;
	struct notice used = turn_notice(turn, NOTICE_PINHOLE_USED);
	struct session_farewell end;

	if (ops->renew && pinhole_can_be_renewed(session) &&
	    ops->peek(ops->context, &session->view, &session->backlog->expectation) == REASON_GONE) {
		used.reason = REASON_USED;
		used.form = session->pinhole_form;
		used.expectation = &session->backlog->expectation;
		turn_report(turn, &used);
		rest.timeout = (uint32_t)((session->pinhole_deadline - session->now) / 1000000);
		if (ops->renew(ops->context, &session->view, &rest) == REASON_NONE)
			notify_pinhole(turn);
		else
			session_give_pinhole_up(session, REASON_USED, &end); /* which has been reported */
	}
	session->pinhole_asked = true;
}

static void notify_offer(const struct turn *turn, const struct hostport *hostport, const struct endpoint *offered,
			 const struct endpoint *announced)
{
	const struct session *session = turn->session;
	struct notice notice = turn_notice(turn, NOTICE_OFFER);

	notice.form = hostport->form;
	notice.offered = *offered;
	notice.announced = *announced;
	notice.rule = session->rule->name;
	turn_report(turn, &notice);
	if (session->pinhole == PINHOLE_OPEN) {
		notice.type = NOTICE_PINHOLE_OPEN;
		notice.expectation = &session->backlog->expectation;
		turn_report(turn, &notice);
	}
	if (turn->outcome->verdict == OUTCOME_EDIT) {
		notice.type = NOTICE_REWRITE;
		notice.expectation = NULL;
		turn_report(turn, &notice);
	}
}

static enum reason announce(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
			    const struct endpoint *announced)
{
	struct outcome *outcome = turn->outcome;
	enum reason reason;

	if (!hostport->padded && !hostport->mixed &&
	    (hostport->form == FORM_229 ? hostport->endpoint.port == announced->port
					: endpoint_equal(&hostport->endpoint, announced)))
		return REASON_NONE;
	reason = offer_announce(turn->line, text_offset, hostport, announced, !turn->session->resizable,
				&outcome->edit);
	if (reason == REASON_NONE && (outcome->edit.at.length > 0 || outcome->edit.length > 0))
		outcome->verdict = OUTCOME_EDIT;
	return reason;
}

/* Announces where the expectation is. Third hosts have addresses of their own. */
static enum reason announce_expectation(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
					bool third_party, const struct expectation *expectation,
					struct endpoint *announced)
{
	const bool active = form_is_active(hostport->form);
	enum reason reason = REASON_NONE;

	*announced = expectation->destination;
	if (!third_party)
		reason = plan_announcement(turn->session, active, &expectation->destination, announced);
	if (reason == REASON_NONE)
		reason = announce(turn, hostport, text_offset, announced);
	return reason;
}

/*
 * An offer that changes the length of its line needs an adjustment as well as an expectation. The kernel nearly always has
 * the port that is asked for, and the line is known then, so both are asked for at once: whoever acts for a process that may
 * change nothing is woken once and not twice.
 */
static bool plan_correction(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
			    bool third_party, const struct expectation *expectation)
{
	struct outcome *outcome = turn->outcome;
	const struct outcome_planner *planner = &outcome->planner;
	struct correction *correction = &outcome->correction;
	struct endpoint announced;
	bool planned;

	if (!turn->ops->expect_and_adjust || !planner->plan)
		return false;
	planned = announce_expectation(turn, hostport, text_offset, third_party, expectation, &announced) == REASON_NONE &&
		  outcome->verdict == OUTCOME_EDIT && outcome->edit.at.length != outcome->edit.length &&
		  planner->plan(planner->context, &outcome->edit, &correction->seqadj) == REASON_NONE;
	correction->direction = turn->direction;
	/* The line is judged when it is known which port there is. */
	outcome->verdict = OUTCOME_PASS;
	return planned;
}

static enum reason make_expectation(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
				    bool third_party, struct expectation *expectation)
{
	const struct ops *ops = turn->ops;
	const struct nat_view *view = &turn->session->view;

	if (plan_correction(turn, hostport, text_offset, third_party, expectation))
		return ops->expect_and_adjust(ops->context, view, expectation, &turn->outcome->correction);
	return ops->expect(ops->context, view, expectation);
}

enum reason session_accept_offer(const struct turn *turn, const struct hostport *hostport, uint32_t text_offset,
				 uint32_t command)
{
	struct session *session = turn->session;
	const struct ops *ops = turn->ops;
	bool active = form_is_active(hostport->form);
	struct policy_answer answer;
	struct expectation expectation;
	struct endpoint announced;
	enum reason reason = REASON_NONE;

	policy_judge_offer(session->rule, &session->view, hostport, &answer);
	if (answer.reason != REASON_NONE)
		return answer.reason;
	session_close_pinhole(session, ops, REASON_SUPERSEDED);
	if (answer.third_party && !active) {
		/* A server's offer for a third party: who will connect is not known, so nothing is opened. */
		reason = announce(turn, hostport, text_offset, &answer.endpoint);
		if (reason == REASON_NONE)
			notify_offer(turn, hostport, &answer.endpoint, &answer.endpoint);
		return reason;
	}
	if (session->source)
		reason = quota_open_pinhole(session->quota, session->source, turn->now);
	if (reason != REASON_NONE)
		return reason;
	plan_expectation(session, &answer, active, &expectation);
	reason = make_expectation(turn, hostport, text_offset, answer.third_party, &expectation);
	if (reason != REASON_NONE) {
		if (session->source)
			quota_close_pinhole(session->quota, session->source);
		return reason;
	}
	session->pinhole = PINHOLE_OPEN;
	session->pinhole_form = hostport->form;
	session->pinhole_command = command;
	session->pinhole_used = false;
	session->pinhole_asked = false;
	session->pinhole_deadline = turn->now + expectation.timeout * UINT64_C(1000000);
	session->backlog->expectation = expectation;

	reason = announce_expectation(turn, hostport, text_offset, answer.third_party, &expectation, &announced);
	if (reason != REASON_NONE) {
		/* It was not announced, but it was there. */
		notify_pinhole(turn);
		session_close_pinhole(session, ops, reason);
		return reason;
	}
	notify_offer(turn, hostport, &answer.endpoint, &announced);
	return REASON_NONE;
}
