/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is at fault, and what mends it: what came last decides. A refusal after a transfer is what hurts now; a transfer that
 * went well after a refusal shows that it is mended.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/words.h"
#include "ftpalg/address.h"

static const char *fault_name(enum fault fault, bool by_reply)
{
	static const char *const names[] = {
		"nobody is", "the client is", "the server is", "the client is", "this gateway's policy is", "this host is",
		"a limit of this gateway is", "the network is",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == FAULT_COUNT, "each has a name");
	return fault == FAULT_OFFERER && by_reply ? names[FAULT_SERVER] : names[fault];
}

__attribute__((format(printf, 2, 3)))
static void say(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 2, 3)))
static void advise(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(verdict->advice, sizeof(verdict->advice), format, arguments);
	va_end(arguments);
}

/* Who connects in this mode, and who is called. */
static const char *caller(const struct verdict_facts *facts)
{
	return facts->mode == TRANSFER_ACTIVE ? "server" : "client";
}

static const char *callee(const struct verdict_facts *facts)
{
	return facts->mode == TRANSFER_ACTIVE ? "client" : "server";
}

static const char *other_mode(const struct verdict_facts *facts)
{
	return facts->mode == TRANSFER_ACTIVE ? "passive" : "active";
}

static void judge_refusal(const struct verdict_facts *facts, struct verdict *verdict)
{
	const struct verdict_cause cause = verdict_cause_of(facts->reason);

	verdict->fault = cause.fault;
	if (cause.fault == FAULT_OFFERER)
		verdict->fault = facts->by_reply ? FAULT_SERVER : FAULT_CLIENT;
	if (cause.fault == FAULT_POLICY || cause.fault == FAULT_OFFERER)
		say(verdict, "%s at fault, by rule %s: %s (%s)", fault_name(cause.fault, facts->by_reply),
		    facts->rule && facts->rule[0] ? facts->rule : "policy", reason_meaning(facts->reason),
		    reason_name(facts->reason));
	else
		say(verdict, "%s at fault: %s (%s)", fault_name(cause.fault, facts->by_reply), reason_meaning(facts->reason),
		    reason_name(facts->reason));
	advise(verdict, "%s", cause.mend);
}

static void judge_filtered(const struct verdict_facts *facts, struct verdict *verdict)
{
	verdict->fault = FAULT_HOST;
	say(verdict, "this host is at fault: the %s's data connection came, and this host's own filter dropped it", caller(facts));
	advise(verdict, "%s", verdict_cause_of(REASON_FILTERED_HERE).mend);
}

static void judge_deleted(const struct verdict_facts *facts, struct verdict *verdict)
{
	verdict->fault = FAULT_HOST;
	say(verdict, "this host is at fault: its conntrack was made to forget the session before the %s's data connection came",
	    caller(facts));
	advise(verdict, "%s", verdict_cause_of(REASON_DELETED_HERE).mend);
}

static void judge_never_came(const struct verdict_facts *facts, struct verdict *verdict)
{
	char to[ENDPOINT_TEXT_MAX] = "the pinhole";

	if (facts->to.address.family != FAMILY_NONE)
		endpoint_format(&facts->to, to);
	verdict->fault = FAULT_NETWORK;
	say(verdict, "the %s, or a firewall between it and here, is at fault: it was to connect to %s, and nobody came", caller(facts),
	    to);
	advise(verdict, "see the firewall of the %s and of its network; or use %s mode, where the %s connects", caller(facts),
	       other_mode(facts), callee(facts));
}

static void judge_called(const struct verdict_facts *facts, struct verdict *verdict, bool refused)
{
	verdict->fault = facts->mode == TRANSFER_ACTIVE ? FAULT_CLIENT : FAULT_SERVER;
	say(verdict, "the %s is at fault: this host let the data connection pass, and the %s %s", callee(facts), callee(facts),
	    refused ? "refused it (RST)" : "did not answer it");
	advise(verdict, refused ? "see whether the program on the %s listens on the port that it announced, and its firewall; or use %s mode"
				: "see the firewall of the %s, and whether the route to it leads there; or use %s mode",
	       callee(facts), other_mode(facts));
}

static void judge_aborted(const struct verdict_facts *facts, struct verdict *verdict)
{
	verdict->fault = facts->by == TRANSFER_BY_SERVER   ? FAULT_SERVER
			 : facts->by == TRANSFER_BY_CLIENT ? FAULT_CLIENT
							   : FAULT_NOBODY;
	if (facts->by == TRANSFER_BY_CLIENT)
		say(verdict, "the client ended the transfer before all had come");
	else if (facts->by == TRANSFER_BY_SERVER && facts->code / 100 == 5)
		say(verdict, "the server refused the transfer, with %u; this gateway had no part in it", facts->code);
	else if (facts->by == TRANSFER_BY_SERVER)
		say(verdict, "the server ended the transfer before all had come");
	else
		say(verdict, "the transfer ended before all had come");
	if (facts->by == TRANSFER_BY_CLIENT)
		advise(verdict, "nothing, if it was meant; else see the client's log");
	else
		advise(verdict, "see what the server answered, and its log");
}

static void judge_transfer(const struct verdict_facts *facts, struct verdict *verdict)
{
	switch (facts->outcome) {
	case TRANSFER_COMPLETE:
		say(verdict, "nobody is at fault: the last transfer is complete");
		break;
	case TRANSFER_ABORTED:
		judge_aborted(facts, verdict);
		break;
	case TRANSFER_FILTERED_HERE:
		judge_filtered(facts, verdict);
		break;
	case TRANSFER_DELETED_HERE:
		judge_deleted(facts, verdict);
		break;
	case TRANSFER_NEVER_CAME:
		judge_never_came(facts, verdict);
		break;
	case TRANSFER_REFUSED_BY_PEER:
		judge_called(facts, verdict, true);
		break;
	case TRANSFER_NO_ANSWER:
		judge_called(facts, verdict, false);
		break;
	case TRANSFER_REFUSED_BY_POLICY:
		judge_refusal(facts, verdict);
		break;
	case TRANSFER_UNKNOWN:
	case TRANSFER_OUTCOME_COUNT:
		say(verdict, "what became of the last transfer is not known");
		break;
	}
}

/* Nothing went wrong. What is going on, then? */
static void judge_state(const struct verdict_facts *facts, struct verdict *verdict)
{
	char from[ADDRESS_TEXT_MAX];

	if (facts->opaque) {
		verdict->fault = FAULT_POLICY;
		say(verdict, "the session is in TLS and can't be read, so nothing is opened for it: its data connections pass only where"
		    " your packet filter lets them");
		advise(verdict, "have the proxy terminate TLS (\"tls = terminate\" in a rule), or open the server's passive ports");
	} else if (facts->moving) {
		say(verdict, "nobody is at fault: a transfer is under way");
	} else if (facts->waiting) {
		address_format(&facts->from, from);
		say(verdict, "nobody is at fault so far: a pinhole waits for %s", from);
	} else if (facts->closed && verdict_cause_of(facts->closed_reason).fault != FAULT_NOBODY) {
		verdict->fault = verdict_cause_of(facts->closed_reason).fault;
		say(verdict, "%s at fault: the session was closed, because %s (%s)", fault_name(verdict->fault, facts->by_reply),
		    reason_meaning(facts->closed_reason), reason_name(facts->closed_reason));
		advise(verdict, "%s", verdict_cause_of(facts->closed_reason).mend);
	} else if (!facts->closed && !facts->logged_in) {
		say(verdict, "nobody is at fault so far: nobody has logged in yet");
	} else {
		say(verdict, "nothing is wrong, as far as it can be seen from here");
	}
}

void verdict_judge(const struct verdict_facts *facts, struct verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	/* What goes on now says more than what went wrong before it. */
	if (facts->opaque || facts->moving)
		judge_state(facts, verdict);
	else if (facts->last == VERDICT_REFUSAL)
		judge_refusal(facts, verdict);
	else if (facts->last == VERDICT_TRANSFER)
		judge_transfer(facts, verdict);
	else if (facts->last == VERDICT_UNUSED && !facts->waiting)
		judge_never_came(facts, verdict);
	else
		judge_state(facts, verdict);
}

static void gather_refusal(const struct decision *decision, struct verdict_facts *facts)
{
	facts->last = VERDICT_REFUSAL;
	facts->reason = decision->reason;
	facts->by_reply = decision->direction == DIRECTION_REPLY;
}

/* What it means that nobody came depends on why the offer ended: a newer one, or the server's error, ends it too. */
static void gather_pinhole(const struct decision *decision, struct verdict_facts *facts)
{
	facts->from = decision->from;
	facts->to = decision->first;
	facts->seconds = decision->seconds;
	if (decision->type == NOTICE_PINHOLE_CLOSE && decision->reason == REASON_EXPIRED)
		facts->last = VERDICT_UNUSED;
}

/* What became of the connection to the pinhole. The transfer comes later, or there is none. */
static void gather_data(const struct decision *decision, struct verdict_facts *facts)
{
	if (decision->type != NOTICE_PINHOLE_CLOSE)
		return;
	facts->last = VERDICT_TRANSFER;
	facts->mode = form_is_active(decision->form) ? TRANSFER_ACTIVE : TRANSFER_PASSIVE;
	facts->outcome = decision->reason == REASON_FILTERED_HERE     ? TRANSFER_FILTERED_HERE
			 : decision->reason == REASON_DELETED_HERE    ? TRANSFER_DELETED_HERE
			 : decision->reason == REASON_REFUSED_BY_PEER ? TRANSFER_REFUSED_BY_PEER
								      : TRANSFER_NO_ANSWER;
}

static void gather_decision(const struct decision *decision, struct verdict_facts *facts)
{
	switch (decision->kind) {
	case DECISION_REFUSE:
		gather_refusal(decision, facts);
		break;
	case DECISION_ANOMALY:
		if (verdict_cause_of(decision->reason).fault == FAULT_HOST)
			gather_refusal(decision, facts);
		break;
	case DECISION_PINHOLE:
		gather_pinhole(decision, facts);
		break;
	case DECISION_DATA:
		gather_data(decision, facts);
		break;
	case DECISION_TRANSFER:
		facts->last = VERDICT_TRANSFER;
		facts->outcome = decision->outcome;
		facts->by = decision->by;
		facts->code = decision->code;
		break;
	default:
		break;
	}
}

void verdict_gather(const struct tables *tables, const struct session_row *row, struct verdict_facts *facts)
{
	const struct decision *decision = NULL;

	*facts = (struct verdict_facts){
		.closed = row->state == ROW_CLOSED, .closed_reason = row->closed_reason, .opaque = row->opaque,
		.logged_in = row->state != ROW_LOGIN, .mode = row->mode, .rule = row->rule,
		.moving = row->move.state == MOVE_RUNNING, .waiting = row->pinhole.open,
		.client = row->view.client.address, .server = row->view.server_seen.address,
	};
	while ((decision = tables_next_decision(tables, row, decision)))
		gather_decision(decision, facts);
	if (row->pinhole.open) {
		facts->from = row->pinhole.expectation.source;
		facts->to = row->pinhole.expectation.destination;
	}
}
