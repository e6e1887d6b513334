/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session's life: it begins, learns what the outside knows of it, changes with TLS, and ends. */
#include <string.h>

#include "core/ftp/session_internal.h"

void session_lend(struct session *session, struct session_backlog *backlog)
{
	for (unsigned int i = 0; i < SESSION_TRANSFERS_MAX; i++)
		backlog->transfers[i].waiting = false;
	session->backlog = backlog;
}

static bool needs_backlog(const struct session *session)
{
	bool needs = session->pipeline_count > 0 || session->pinhole != PINHOLE_NONE;

	for (unsigned int i = 0; i < SESSION_TRANSFERS_MAX && !needs; i++)
		needs = session->backlog->transfers[i].waiting;
	return needs;
}

struct session_backlog *session_return(struct session *session, bool ended)
{
	struct session_backlog *backlog = session->backlog;

	if (!backlog || (!ended && needs_backlog(session)))
		return NULL;
	session->backlog = NULL;
	return backlog;
}

void session_open(struct session *session, struct session_backlog *backlog, const struct policy *policy,
		  const struct ops *ops, uint64_t id, const struct nat_view *view, bool resizable, bool adopted)
{
	struct notice notice = { .type = NOTICE_SESSION_OPEN, .session = id, .view = view, .adopted = adopted };

	memset(session, 0, sizeof(*session));
	if (backlog)
		session_lend(session, backlog);
	session->id = id;
	session->view = *view;
	session->resizable = resizable;
	session->adopted = adopted;
	session->any_command = adopted;
	session->unseen_command = adopted;
	session->state = adopted ? SESSION_READY : SESSION_GREETING;
	session_set_policy(session, policy);
	notice.rule = session->rule->name;
	ops->notice(ops->context, &notice);
}

void session_set_policy(struct session *session, const struct policy *policy)
{
	session->rule = policy_find_rule(policy, &session->view);
}

void session_terminate_tls(struct session *session, const struct ops *ops, bool secured)
{
	static const uint8_t implicit[] = "implicit";
	struct notice notice = {
		.type = NOTICE_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { implicit, sizeof(implicit) - 1 },
	};

	session->terminated = true;
	session->secured = secured;
	if (secured)
		ops->notice(ops->context, &notice);
}

void session_set_quota(struct session *session, const struct quota *quota, struct quota_source *source)
{
	session->quota = quota;
	session->source = source;
}

void session_set_opaque(struct session *session, const struct ops *ops)
{
	static const uint8_t opaque[] = "opaque";
	struct notice notice = {
		.type = NOTICE_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { opaque, sizeof(opaque) - 1 },
	};

	session->state = SESSION_OPAQUE;
	ops->notice(ops->context, &notice);
}

/*
 * Nothing of what was said in TLS is known. What is known: no command from before waits for a reply, since nothing may
 * stand after AUTH; and CCC comes from a client that has spoken FTP, and TLS, with this server, which is what a login
 * tells of others. So offers are judged from here on, and if nobody is logged in the server refuses them.
 */
void session_set_readable(struct session *session, const struct ops *ops)
{
	static const uint8_t clear[] = "clear";
	struct notice notice = {
		.type = NOTICE_TLS,
		.session = session->id,
		.view = &session->view,
		.text = { clear, sizeof(clear) - 1 },
	};

	session->state = SESSION_READY;
	/* The name of a USER before AUTH is not that of the login after it. */
	session->name_length = 0;
	ops->notice(ops->context, &notice);
}

static void tell_close(const struct session_farewell *end, const struct ops *ops)
{
	struct notice notice = {
		.type = NOTICE_SESSION_CLOSE,
		.reason = end->reason,
		.session = end->session,
		.view = &end->view,
	};

	ops->notice(ops->context, &notice);
}

void session_tell_end(const struct session_farewell *end, const struct ops *ops, enum reason answer)
{
	session_tell_pinhole_end(end, ops, answer);
	tell_close(end, ops);
}

void session_close(struct session *session, const struct ops *ops, enum reason reason, uint64_t now)
{
	struct session_farewell end;

	if (session->state == SESSION_CLOSED)
		return;
	session->now = now;
	session->state = SESSION_CLOSED;
	if (!session_give_pinhole_up(session, reason, &end))
		tell_close(&end, ops);
	else if (ops->release)
		ops->release(ops->context, &end);
	else
		session_tell_end(&end, ops, ops->unexpect(ops->context, &end.view, &end.expectation));
}

void turn_close(const struct turn *turn, enum reason reason)
{
	turn->outcome->verdict = OUTCOME_CLOSE;
	turn->outcome->reason = reason;
	session_close(turn->session, turn->ops, reason, turn->now);
}

enum reason session_judge_verb(const struct session *session, enum verb verb)
{
	const enum reason reason = policy_judge_verb(session->rule, verb);
	const bool transfers = verb_is_active_offer(verb) || verb_is_passive_request(verb) || verb_is_transfer(verb);

	/* A server that wants no login would otherwise serve in clear. */
	if (transfers && policy_rule_requires_tls(session->rule) && !session->secured)
		return REASON_TLS_REQUIRED;
	/* What the policy says of TLS is about what nobody has terminated, and about what is in clear. */
	if (reason == REASON_TLS_REQUIRED && session->secured)
		return REASON_NONE;
	if (reason == REASON_TLS_DENIED && session->terminated && policy_rule_terminates(session->rule))
		return REASON_NONE;
	return reason;
}
