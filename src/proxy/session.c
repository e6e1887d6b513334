/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One control connection: a leg to the client and a leg to the server.
 *
 *   dialling --> (preparing) --> talking --> finishing --> freed
 *      \____________\_______________\____________\__ deadline, reset, refusal
 *
 * Events are edge-triggered and all ask for a turn (turns.c), in which proxy_session_pump goes round until nothing moves, or
 * the session has had its turn: TLS, reading, lines, writing. Every state has a deadline; any byte that moves while the
 * session talks sets it back, though no further than an unfinished line has time left.
 *
 * A peer that sends without pause, empty lines or records of one byte, must not have the loop to itself. So each session
 * does a bounded amount of work in one turn: SESSION_STEPS, and one step of a handshake on each leg. What is left comes in
 * its next turn, when all others have had theirs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ftpalg/address.h"
#include "proxy/internal.h"

void proxy_session_free(struct proxy_session *session, enum reason reason)
{
	struct proxy *proxy = session->proxy;

	if (session->session.id)
		session_close(&session->session, &session->ops, reason, clock_microseconds());
	pinhole_close(session);
	relay_unfollow(&session->transfer);
	relay_unfollow(&session->earlier);
	for (int i = 0; i < LEG_COUNT; i++)
		leg_close(&session->leg[i]);
	if (session->timer)
		event_free(session->timer);
	turns_forget(&proxy->turns, &session->turn);
	if (session->greeting)
		evbuffer_free(session->greeting);
	tls_tickets_drop(session->tickets);
	relay_account_drop(session->relays);
	if (session->source)
		quota_end_session(&proxy->quota, session->source);
	if (session->counted)
		share_end_session(&proxy->quota.share);
	*(session->previous ? &session->previous->next : &proxy->first) = session->next;
	if (session->next)
		session->next->previous = session->previous;
	proxy_count_session(proxy, -1);
	free(session);
}

void proxy_session_meet_server(struct proxy_session *session)
{
	session->leg[LEG_SERVER].connected = true;
	session->again = true;
	proxy_session_set_timer(session, PROXY_SETUP_SECONDS);
	/* The server's TLS begins with the client's ClientHello, which has the name. */
	if (session->implicit && session->proxy->config->proxy.legs == PROXY_LEGS_BOTH)
		session->leg[LEG_SERVER].phase = LEG_STARTING;
	else
		prepare_begin(session);
}

/* Has the connection to the server been made? False: it has failed. */
static bool server_connected(struct proxy_session *session)
{
	struct leg *server = &session->leg[LEG_SERVER];
	struct connection connection;
	socklen_t length = sizeof(int);
	struct endpoint remote;
	struct tuple tuple;
	int error = 0;

	if (server->connected)
		return true;
	if (getsockopt(server->wire.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error) {
		proxy_session_report(session, NOTICE_ANOMALY, REASON_UNREACHABLE, strerror(error));
		return false;
	}
	if (!wire_remote(server->wire.descriptor, &remote))
		return true;
	/* Another NAT on this host may change the leg. */
	tuple.source = session->server_master.client;
	tuple.destination = session->server_master.server_seen;
	memset(&connection, 0, sizeof(connection));
	if (conntrack_lookup(&session->proxy->host.conntrack, &tuple, &connection) == REASON_NONE) {
		session->server_master = connection.view;
		session->session.view.client_seen = connection.view.client_seen;
	}
	proxy_session_meet_server(session);
	return true;
}

/*
 * Has all been passed on that a peer said before its end? A line may wait for room, or for replies to those before it. What
 * is no whole line will never be one, and what bypass_move() leaves although there is room is a part of a ClientHello.
 */
static bool leg_is_spent(const struct proxy_session *session, const struct leg *leg, const struct leg *other)
{
	if (session->opaque)
		return evbuffer_get_length(leg->in) == 0 || evbuffer_get_length(other->out) < LEG_BUFFER_MAX;
	return evbuffer_search_eol(leg->in, NULL, NULL, EVBUFFER_EOL_LF).pos < 0;
}

/* Where a peer has said all it will, the other one hears what is still on its way, and then the end. */
static void pass_on_ends(struct proxy_session *session)
{
	for (int i = 0; i < LEG_COUNT; i++) {
		const struct leg *leg = &session->leg[i];
		struct leg *other = &session->leg[!i];

		if (i == LEG_SERVER && session->holds_reply)
			continue;
		if (leg->input == LEG_ENDED && other->output == LEG_WRITES && !session->closing && !session->objection &&
		    leg_is_spent(session, leg, other)) {
			leg_finish(other);
			session->again = true;
			proxy_session_set_timer(session, PROXY_FINISH_SECONDS);
		}
	}
}

/*
 * A socket that is closed with bytes unread is reset, and a reset overtakes the last line. So what the client still sends
 * is read and thrown away until it closes, or the deadline comes. True: it has closed.
 */
static bool discard_rest(struct proxy_session *session)
{
	uint8_t bytes[4096];
	size_t length;

	while (proxy_session_step(session)) {
		switch (wire_read(&session->leg[LEG_CLIENT].wire, bytes, sizeof(bytes), &length)) {
		case TLS_DONE:
			break;
		case TLS_WAIT:
			return false;
		default:
			return true;
		}
	}
	return false;
}

static bool conversation_is_over(struct proxy_session *session)
{
	const struct leg *client = &session->leg[LEG_CLIENT];
	const struct leg *server = &session->leg[LEG_SERVER];

	if (session->closing)
		return leg_is_shaking(client) || (client->output == LEG_FINISHED && discard_rest(session));
	/* A client that says no more may still read. One that does not is reset by its host, or is out of time. */
	return server->input == LEG_ENDED && client->output == LEG_FINISHED;
}

/* Notes when an unfinished line began. */
static void watch_lines(struct proxy_session *session)
{
	for (int i = 0; i < LEG_COUNT; i++) {
		struct leg *leg = &session->leg[i];
		const bool unfinished = !session->opaque && evbuffer_get_length(leg->in) > 0 &&
					evbuffer_search_eol(leg->in, NULL, NULL, EVBUFFER_EOL_LF).pos < 0;

		if (!unfinished)
			leg->line_since = 0;
		else if (!leg->line_since)
			leg->line_since = clock_microseconds();
	}
}

static bool line_is_late(const struct proxy_session *session)
{
	const uint64_t limit = session->proxy->config->limits.line_timeout;
	bool late = false;

	for (int i = 0; i < LEG_COUNT; i++)
		late = late ||
		       (limit && session->leg[i].line_since && clock_microseconds() - session->leg[i].line_since >= limit);
	return late;
}

/* Any byte sets the idle timer back, but a peer that sends a byte a minute has as long for a line as any other. */
static void conversation_set_idle_timer(struct proxy_session *session)
{
	const struct gateway_limits *limits = &session->proxy->config->limits;
	uint64_t patience = limits->idle;

	for (int i = 0; i < LEG_COUNT; i++) {
		const uint64_t since = session->leg[i].line_since;
		const uint64_t waited = since ? clock_microseconds() - since : 0;
		const uint64_t left = limits->line_timeout > waited ? limits->line_timeout - waited : 0;

		if (limits->line_timeout && since && left < patience)
			patience = left;
	}
	proxy_session_set_timer(session, patience / 1000000 + 1);
}

static bool conversation_shakes(const struct proxy_session *session)
{
	return leg_is_shaking(&session->leg[LEG_CLIENT]) || leg_is_shaking(&session->leg[LEG_SERVER]);
}

/* One round. False: a connection broke. */
static bool conversation_turn(struct proxy_session *session)
{
	session->again = false;
	if (!header_pass(session))
		return false;
	handshake_go_on(session);
	prepare_go_on(session);
	for (int i = 0; i < LEG_COUNT; i++)
		if (!session->closing && !leg_fill(session, &session->leg[i], &session->leg[!i]))
			return false;
	if (session->opaque) {
		bypass_move(session);
	} else {
		proxy_take_lines(session, LEG_CLIENT);
		proxy_take_lines(session, LEG_SERVER);
	}
	clear_judge_end(session);
	pass_on_ends(session);
	for (int i = 0; i < LEG_COUNT; i++)
		if (!leg_drain(session, &session->leg[i]))
			return false;
	return true;
}

void proxy_session_pump(struct proxy_session *session)
{
	bool moved = session->stirred;

	session->stirred = false;
	session->shook = false;
	session->steps = SESSION_STEPS;
	pinhole_take_turn(session);
	if (!server_connected(session))
		proxy_session_reject(session, REASON_UNREACHABLE, "the server can't be reached");
	if (line_is_late(session))
		proxy_session_reject(session, REASON_LINE_TIMEOUT, "a line was not finished in time");
	do {
		if (!conversation_turn(session)) {
			proxy_session_free(session, session->closing ? session->objection_reason : REASON_RESET);
			return;
		}
		if (conversation_is_over(session)) {
			proxy_session_free(session, session->closing ? session->objection_reason
								     : REASON_CONNECTION_ENDED);
			return;
		}
		moved = moved || session->again;
	} while (session->again && !session->shook && proxy_session_step(session));
	if (session->again)
		proxy_session_wake(session);
	watch_lines(session);
	if (moved && !session->closing && session->session.state >= SESSION_LOGIN &&
	    session->leg[LEG_CLIENT].input != LEG_ENDED && !conversation_shakes(session))
		conversation_set_idle_timer(session);
}

static void conversation_on_event(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	proxy_session_wake(context);
}

/* Its deadline is there. May free session. */
static void conversation_expire(struct proxy_session *session)
{
	const bool idle = session->session.state >= SESSION_LOGIN && session->prepare == PREPARE_NONE &&
			  !conversation_shakes(session);
	const bool client_ended = session->leg[LEG_CLIENT].input == LEG_ENDED;
	const bool server_ended = session->leg[LEG_SERVER].input == LEG_ENDED;

	/*
	 * A session that transfers is not idle, however little is said meanwhile. The data connection has its own deadline.
	 */
	if (idle && (session->transfer.relay || session->earlier.relay) && !session->closing && !line_is_late(session) &&
	    (session->holds_reply || !server_ended)) {
		conversation_set_idle_timer(session);
		return;
	}
	if (session->closing || client_ended || server_ended) {
		proxy_session_free(session, session->closing ? session->objection_reason : REASON_CONNECTION_ENDED);
		return;
	}
	if (line_is_late(session))
		proxy_session_reject(session, REASON_LINE_TIMEOUT, "a line was not finished in time");
	else
		proxy_session_reject(session, idle ? REASON_IDLE : REASON_TIMEOUT,
				     idle ? "nothing was said for too long" : "there was no answer in time");
	proxy_session_pump(session);
}

static void conversation_on_time(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_session *session = context;

	(void)descriptor;
	(void)what;
	session->expired = true;
	proxy_session_wake(session);
}

static void conversation_take_turn(void *context)
{
	struct proxy_session *session = context;
	/* While it waited for its turn it may have been given more time. */
	const bool expired = session->expired && !evtimer_pending(session->timer, NULL);

	session->expired = false;
	if (expired)
		conversation_expire(session);
	else
		proxy_session_pump(session);
}

static void conversation_on_notice(void *context, const struct notice *notice)
{
	struct proxy_session *session = context;
	const struct ops *ops = &session->proxy->host.ops;

	ops->notice(ops->context, notice);
}

void proxy_session_turn_away(struct proxy_session *session, const struct nat_view *view, enum reason reason)
{
	const struct notice notice = { .type = NOTICE_ANOMALY, .reason = reason, .view = view };

	session->ops.notice(session->ops.context, &notice);
	proxy_session_free(session, reason);
}

void proxy_session_start(struct proxy_session *session, const struct nat_view *view)
{
	struct proxy *proxy = session->proxy;
	const bool secured = session->implicit && proxy_client_has_tls(session);

	session_open(&session->session, &session->backlog, proxy->policy, &session->ops, proxy->next_session++, view, true,
		     false);
	session_set_quota(&session->session, &proxy->quota, session->source);
	session->relays = relay_account_open(&proxy->quota, session->source);
	session_terminate_tls(&session->session, &session->ops, secured);
	/* No standard gives implicit FTPS a level. Where the server has no TLS, the proxy says: P. */
	session->protect = secured;
	session->level_unsaid = secured && proxy_server_has_tls(session);
	session->leg[LEG_CLIENT].connected = true;
	session->leg[LEG_CLIENT].phase = secured ? LEG_STARTING : LEG_CLEAR;
	proxy_session_set_timer(session, PROXY_SETUP_SECONDS);
	if (session->session.rule->tls == TLS_FORBID && secured) {
		session->leg[LEG_CLIENT].phase = LEG_CLEAR;
		proxy_session_reject(session, REASON_TLS_DENIED, reason_meaning(REASON_TLS_DENIED));
	}
}

struct proxy_session *proxy_session_make(struct proxy *proxy, int descriptor)
{
	struct proxy_session *session = calloc(1, sizeof(*session));

	if (!session) {
		close(descriptor);
		return NULL;
	}
	session->proxy = proxy;
	session->pinhole.descriptor = -1;
	session->leg[LEG_SERVER].wire.descriptor = -1;
	transfer_open(session);
	session->ops = (struct ops){ .context = session, .expect = pinhole_expect, .unexpect = pinhole_unexpect,
				     .peek = pinhole_peek, .notice = conversation_on_notice, .lines = true };
	session->next = proxy->first;
	if (proxy->first)
		proxy->first->previous = session;
	proxy->first = session;
	proxy_count_session(proxy, 1);
	session->timer = evtimer_new(proxy->base, conversation_on_time, session);
	session->turn = (struct turn){ .take = conversation_take_turn, .context = session };
	session->tickets = tls_tickets_make();
	if (leg_open(&session->leg[LEG_CLIENT], proxy->base, descriptor, conversation_on_event, session) && session->timer &&
	    session->tickets)
		return session;
	proxy_session_turn_away(session, NULL, REASON_MEMORY_FULL);
	return NULL;
}

bool proxy_session_add_server(struct proxy_session *session, int descriptor)
{
	return leg_open(&session->leg[LEG_SERVER], session->proxy->base, descriptor, conversation_on_event, session);
}
