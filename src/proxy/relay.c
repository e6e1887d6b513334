/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A relay is two halves, one for each direction, over two wires. Events are edge-triggered, so whatever happens, the relay
 * asks for a turn (turns.c) and moves until nothing moves any more, or until its share is used up and its next turn comes
 * after everybody else's: there is no bookkeeping of who waits for what. A half holds what it has read until that is
 * written, and reads nothing meanwhile: the one buffer, and those of its records that wait at the wire, are the bound, and
 * TCP does the rest. Between two wires in clear the bytes stay in the kernel (splice).
 *
 *                connect            handshakes               both halves done, the file arrived
 *   relay_begin ---------> securing ----------> moving -----------------------------------------> closed
 *                   \           \                  \_ deadline, after the file has arrived ________/
 *                    \___________\___________________\_ deadline before, reset, cut --> aborted: both peers see a reset
 *
 * relay_move.c has what happens to the bytes and to their end, relay_level.c what protects them.
 *
 * The server hears a ClientHello when it would hear the client's own: when the client has said something on its leg, or
 * when the transfer command has gone. Some servers (pyftpdlib) take one that comes before the command for a failure.
 */
#include "proxy/relay_internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * For the other peer's answer to a SYN. The handshakes after it have as much time as the operator gives to the first byte in
 * clear: a server may fetch a file from tape before it begins TLS, and a client may think before it asks for one.
 */
#define RELAY_CONNECT_SECONDS 60
/* The file has arrived; the other direction has this long to end too. */
#define RELAY_LINGER_SECONDS 30

struct relay_account *relay_account_open(struct quota *quota, struct quota_source *source)
{
	struct relay_account *account = malloc(sizeof(*account));

	if (account)
		*account = (struct relay_account){ .holders = 1, .quota = quota, .source = source };
	return account;
}

void relay_account_drop(struct relay_account *account)
{
	if (account && --account->holders == 0)
		free(account);
}

static void relay_free(struct relay *relay)
{
	for (int i = 0; i < RELAY_ENDS; i++) {
		if (relay->watch[i])
			event_free(relay->watch[i]);
		wire_close(&relay->wire[i]);
	}
	relay_release_halves(relay);
	if (relay->timer)
		event_free(relay->timer);
	turns_forget(relay->plan.turns, &relay->turn);
	tls_tickets_drop(relay->plan.tickets);
	if (relay->plan.account->source)
		quota_end_relay(relay->plan.account->quota, relay->plan.account->source);
	relay->plan.account->relays--;
	relay_account_drop(relay->plan.account);
	if (relay->previous)
		relay->previous->next = relay->next;
	else
		relay->list->first = relay->next;
	if (relay->next)
		relay->next->previous = relay->previous;
	relay->list->count--;
	free(relay);
}

static enum relay_outcome half_outcome(const struct half *half, bool over)
{
	if (half->state == HALF_ARRIVED)
		return RELAY_WHOLE;
	return over ? RELAY_CUT : RELAY_UNDER_WAY;
}

/* Lets the control connection know what is new. over: nothing more will be. */
static void relay_tell(struct relay *relay, bool over)
{
	struct relay_follower *follower = relay->follower;
	bool changed = over;

	if (!follower)
		return;
	for (int i = 0; i < RELAY_ENDS; i++) {
		const enum relay_outcome outcome = half_outcome(&relay->half[i], over);

		changed = changed || follower->outcome[i] != outcome;
		follower->outcome[i] = outcome;
	}
	if (over)
		relay_unfollow(follower);
	if (changed)
		follower->on_change(follower->context);
}

static void relay_conclude(struct relay *relay, enum reason reason)
{
	relay_report(relay, NOTICE_RELAY, reason);
	relay_tell(relay, true);
	for (int i = 0; i < RELAY_ENDS; i++) {
		/*
		 * A closed socket answers what comes with a reset; a peer that sent an alert may wait for it (pyftpdlib).
		 */
		if (reason == REASON_NONE && !relay->half[i].reset)
			continue;
		/* Events watch the descriptors, so they go first. */
		event_free(relay->watch[i]);
		relay->watch[i] = NULL;
		wire_abort(&relay->wire[i]);
	}
	relay_free(relay);
}

static void relay_set_timer(struct relay *relay, uint64_t seconds)
{
	const struct timeval delay = { .tv_sec = (time_t)seconds };

	event_add(relay->timer, &delay);
}

/* A connection that has carried nothing yet deserves less patience than one that has. */
static uint64_t relay_idle_seconds(const struct relay *relay)
{
	const bool silent = relay->half[RELAY_CLIENT].moved + relay->half[RELAY_SERVER].moved == 0;
	const uint64_t patience = silent && relay->plan.silence < relay->plan.idle ? relay->plan.silence
										   : relay->plan.idle;

	return patience / 1000000 + 1;
}

/* Whose bytes are the file; where nobody knows, either end's may be. */
static bool relay_file_arrived(const struct relay *relay)
{
	bool arrived = true;

	for (int i = 0; i < RELAY_ENDS; i++)
		arrived = arrived && (relay->half[i].state == HALF_ARRIVED || relay->plan.source == (enum relay_end)!i);
	return arrived;
}

static uint64_t relay_progress(const struct relay *relay)
{
	uint64_t progress = 0;

	for (int i = 0; i < RELAY_ENDS; i++)
		progress += relay->half[i].moved + wire_acknowledged(&relay->wire[i]);
	return progress;
}

/* Its deadline is there. May free relay. */
static void relay_expire(struct relay *relay)
{
	const uint64_t progress = relay_progress(relay);

	if (relay->moving && relay_file_arrived(relay)) {
		/* All of the file is there; a peer just does not close. */
		relay_finish(relay);
		relay_conclude(relay, REASON_NONE);
	} else if (relay->moving && progress != relay->counted) {
		relay->counted = progress;
		relay_set_timer(relay, relay_idle_seconds(relay));
	} else {
		relay_conclude(relay, relay->moving ? REASON_IDLE : REASON_TIMEOUT);
	}
}

/* The client's leg: whenever it likes. */
static bool relay_accept_tls(struct relay *relay)
{
	const struct relay_plan *plan = &relay->plan;
	struct wire *client = &relay->wire[RELAY_CLIENT];

	if (plan->level.secure[RELAY_CLIENT] && !client->tls)
		client->tls = tls_stream_accept(plan->tls, client->descriptor, plan->tickets);
	return !plan->level.secure[RELAY_CLIENT] || client->tls;
}

/* RFC 4217 7: the FTP client is the TLS client on data connections too, whichever peer opens them. */
static bool relay_connect_tls(struct relay *relay)
{
	const struct relay_plan *plan = &relay->plan;
	struct wire *server = &relay->wire[RELAY_SERVER];

	if (!plan->level.secure[RELAY_SERVER] || server->tls || !(plan->commanded || relay->hello))
		return true;
	server->tls = tls_stream_connect(plan->tls, server->descriptor, plan->tickets, plan->name,
					 &plan->view.server_seen.address, plan->server);
	return server->tls != NULL;
}

/*
 * Has the client spoken, so that the server may hear us? What its control connection said before that may be among the
 * events that wait: they come first. Until then nothing is read from the client's leg: a ClientHello that came between the
 * look and a read would be answered, and the server would never hear ours.
 */
static bool relay_listen(struct relay *relay)
{
	const bool *secure = relay->plan.level.secure;
	uint8_t byte;

	if (relay->hello || relay->plan.commanded || (!secure[RELAY_CLIENT] && !secure[RELAY_SERVER]))
		return true;
	if (wire_peek(&relay->wire[RELAY_CLIENT], &byte) == TLS_WAIT)
		return false;
	relay->hello = true;
	relay_wake(relay);
	return true;
}

/*
 * A peer that resumes the session of the control connection is its client; one that does not may be anybody behind the same
 * address. There are clients that never resume, but none that resumes only now and then.
 */
static enum reason relay_judge_resumption(struct relay *relay)
{
	const struct relay_plan *plan = &relay->plan;

	if (relay->leg[RELAY_CLIENT].resumed) {
		tls_tickets_show(plan->tickets);
		return REASON_NONE;
	}
	if (plan->resumption == PROXY_RESUMPTION_REQUIRE ||
	    (plan->resumption == PROXY_RESUMPTION_SHOWN && tls_tickets_shown(plan->tickets)))
		return REASON_NOT_RESUMED;
	return REASON_NONE;
}

static enum reason relay_judge_tls(struct relay *relay, int end)
{
	struct tls_stream *stream = relay->wire[end].tls;

	relay->leg[end].tls = tls_stream_version(stream);
	relay->leg[end].resumed = tls_stream_is_resumed(stream);
	if (end == RELAY_SERVER && tls_stream_objection(stream))
		return REASON_BAD_CERTIFICATE;
	return end == RELAY_CLIENT ? relay_judge_resumption(relay) : REASON_NONE;
}

/* RELAY_AGAIN: it goes on when something happens. */
static enum reason relay_secure(struct relay *relay, int end)
{
	enum reason reason;

	if (relay->secured[end] || !relay->plan.level.secure[end])
		return REASON_NONE;
	if (!relay->wire[end].tls)
		return RELAY_AGAIN;
	switch (tls_stream_handshake(relay->wire[end].tls)) {
	case TLS_DONE:
		break;
	case TLS_WAIT:
		return RELAY_AGAIN;
	default:
		return REASON_HANDSHAKE;
	}
	reason = relay_judge_tls(relay, end);
	relay->secured[end] = reason == REASON_NONE;
	return reason;
}

static bool relay_start_moving(struct relay *relay)
{
	relay->moving = true;
	relay_set_timer(relay, relay_idle_seconds(relay));
	return relay_prepare_halves(relay);
}

static enum reason relay_check_connected(struct relay *relay)
{
	struct endpoint remote;
	socklen_t length = sizeof(int);
	int error = 0;
	const int descriptor = relay->wire[relay->plan.connecting].descriptor;

	if (relay->connected)
		return REASON_NONE;
	if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error)
		return relay_blame(relay, relay->plan.connecting, REASON_UNREACHABLE);
	if (!wire_remote(descriptor, &remote))
		return RELAY_AGAIN;
	relay->connected = true;
	relay_set_timer(relay, relay_idle_seconds(relay));
	/* Once more: the kernel has counted the SYN by now. */
	wire_guard(&relay->wire[relay->plan.connecting]);
	return REASON_NONE;
}

/* Everything up to the first byte. RELAY_AGAIN: not yet. */
static enum reason relay_set_up(struct relay *relay)
{
	enum reason reason = relay_check_connected(relay);
	enum reason client, server;

	if (relay->moving || reason != REASON_NONE)
		return reason;
	if (!relay_find_level(relay))
		return RELAY_AGAIN;
	if (!relay_connect_tls(relay))
		return REASON_MEMORY_FULL;
	if (!relay_listen(relay))
		return RELAY_AGAIN;
	if (!relay_accept_tls(relay))
		return REASON_MEMORY_FULL;
	/* Both at the same time: either peer may wait for the other to be ready. */
	client = relay_secure(relay, RELAY_CLIENT);
	server = relay_secure(relay, RELAY_SERVER);
	if (client != REASON_NONE && client != RELAY_AGAIN)
		return client;
	if (server != REASON_NONE)
		return server;
	if (client != REASON_NONE)
		return client;
	return relay_start_moving(relay) ? REASON_NONE : REASON_MEMORY_FULL;
}

/* Both directions have ended, and the file has arrived. */
static bool relay_is_over(const struct relay *relay)
{
	return relay->half[RELAY_CLIENT].state >= HALF_PASSED && relay->half[RELAY_SERVER].state >= HALF_PASSED &&
	       relay_file_arrived(relay);
}

/* Moves whatever can be moved in one turn. May free relay. */
static void relay_pump(struct relay *relay)
{
	const bool arrived = relay_file_arrived(relay);
	/* The file's direction first: the other may wait for the file's end. */
	const enum relay_end first = relay->plan.source == RELAY_SERVER ? RELAY_SERVER : RELAY_CLIENT;
	enum reason reason = relay_set_up(relay);
	bool again = false;

	for (int i = 0; i < RELAY_ENDS && reason == REASON_NONE; i++) {
		reason = relay_move(relay, i == 0 ? first : !first);
		again = again || reason == RELAY_AGAIN;
		if (reason == RELAY_AGAIN)
			reason = REASON_NONE;
	}
	if (reason != REASON_NONE && reason != RELAY_AGAIN) {
		relay_conclude(relay, reason);
		return;
	}
	if (relay_is_over(relay)) {
		relay_conclude(relay, REASON_NONE);
		return;
	}
	if (!arrived && relay_file_arrived(relay))
		relay_set_timer(relay, RELAY_LINGER_SECONDS);
	relay_tell(relay, false);
	if (again)
		relay_wake(relay);
}

static void relay_take_turn(void *context)
{
	struct relay *relay = context;
	/* While it waited for its turn it may have been given more time. */
	const bool expired = relay->expired && !evtimer_pending(relay->timer, NULL);

	relay->expired = false;
	if (expired)
		relay_expire(relay);
	else
		relay_pump(relay);
}

static void relay_on_event(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	relay_wake(context);
}

static void relay_on_time(evutil_socket_t descriptor, short what, void *context)
{
	struct relay *relay = context;

	(void)descriptor;
	(void)what;
	relay->expired = true;
	relay_wake(relay);
}

static bool relay_watch(struct relay *relay)
{
	const short what = EV_READ | EV_WRITE | EV_PERSIST | EV_ET;

	for (int i = 0; i < RELAY_ENDS; i++) {
		relay->watch[i] = event_new(relay->plan.base, relay->wire[i].descriptor, what, relay_on_event, relay);
		if (!relay->watch[i] || event_add(relay->watch[i], NULL) < 0)
			return false;
	}
	relay->timer = evtimer_new(relay->plan.base, relay_on_time, relay);
	relay->turn = (struct turn){ .take = relay_take_turn, .context = relay };
	if (!relay->timer)
		return false;
	relay_set_timer(relay, RELAY_CONNECT_SECONDS);
	return true;
}

void relay_refuse(const struct relay_plan *plan, struct relay_follower *follower)
{
	relay_unfollow(follower);
	for (int i = 0; i < RELAY_ENDS; i++) {
		struct wire wire = { .descriptor = plan->descriptor[i] };

		/* A FIN would look like the end of an empty file. */
		wire_abort(&wire);
		follower->outcome[i] = RELAY_CUT;
	}
}

static void relay_set_up_ends(struct relay *relay)
{
	for (int i = 0; i < RELAY_ENDS; i++) {
		relay->wire[i].descriptor = relay->plan.descriptor[i];
		wire_guard(&relay->wire[i]);
		relay->half[i].pipe[0] = -1;
		relay->half[i].pipe[1] = -1;
	}
}

bool relay_begin(struct relay_list *list, const struct relay_plan *plan, struct relay_follower *follower)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	relay_unfollow(follower);
	if (!relay) {
		relay_refuse(plan, follower);
		return false;
	}
	relay->plan = *plan;
	relay->list = list;
	relay->next = list->first;
	if (list->first)
		list->first->previous = relay;
	list->first = relay;
	list->count++;
	tls_tickets_hold(plan->tickets);
	plan->account->holders++;
	plan->account->relays++;
	if (plan->account->source)
		quota_begin_relay(plan->account->quota, plan->account->source);
	relay->began = clock_microseconds();
	relay_set_up_ends(relay);
	relay->follower = follower;
	follower->relay = relay;
	for (int i = 0; i < RELAY_ENDS; i++)
		follower->outcome[i] = RELAY_UNDER_WAY;
	if (relay_watch(relay))
		return true;
	relay_tell(relay, true);
	relay_free(relay);
	return false;
}

void relay_end_session(struct relay_list *list, uint64_t session, enum reason reason)
{
	struct relay *next;

	for (struct relay *relay = list->first; relay; relay = next) {
		next = relay->next;
		if (relay->plan.session == session)
			relay_conclude(relay, reason);
	}
}

void relay_end_all(struct relay_list *list)
{
	struct relay *next;

	for (struct relay *relay = list->first; relay; relay = next) {
		next = relay->next;
		relay_conclude(relay, REASON_SHUTDOWN);
	}
}
