/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the core asks the kernel for, the proxy provides by a listener, and by expectations on the two legs' connections.
 *
 * The client's leg is a connection that REDIRECT translated, from the server's address to one of this host. The kernel
 * translates a data connection that is expected there in the same way (nat-follow-master), so the client goes to the
 * server's address, or is called from it, and never sees this host's:
 *
 *   passive   client -> server_seen:P    expected on the client's leg, becomes client -> listener
 *   active    server -> client_seen:Q    expected on the server's leg: the listener, past INPUT
 *             proxy  -> client:P         expected on the client's leg, becomes server_seen -> client:P
 *
 * With TPROXY there is no NAT on the client's leg, and none is needed: the sockets themselves have the server's address,
 * and the rules have what comes for them delivered here. The same holds for the server's leg where servers are dialled
 * from the client's address. The expectations then only get the connection past INPUT.
 *
 *   passive   client -> server_seen:P    expected on the client's leg; the listener has server_seen:P
 *   active    proxy  -> client:P         expected on the client's leg; from server_seen
 *
 * The listener takes one connection, and only from the peer that was expected.
 *
 * A short transfer in active mode can be over before the loop shows its connection: the server connects, sends, closes,
 * and its 226, which ends the offer, is in the same round of events. So a connection that waits in the backlog by then is
 * still taken; and where the kernel has seen the SYN but the handshake is not complete, the listener waits for it a little
 * longer.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/starved.h"
#include "ftpalg/address.h"
#include "proxy/internal.h"

#define OFFER_TRIES 4

/* For a handshake that had begun when its offer ended: three retransmissions of its last segment. */
#define OFFER_LATE_SECONDS 8
#define OFFER_BACKLOG 4

static void pinhole_stop_listening(struct pinhole *pinhole)
{
	if (pinhole->watch)
		event_free(pinhole->watch);
	pinhole->watch = NULL;
	if (pinhole->descriptor >= 0)
		close(pinhole->descriptor);
	pinhole->descriptor = -1;
}

static enum reason pinhole_listen(struct proxy_session *session, enum leg_side side, const struct address *address,
				uint16_t *port)
{
	const struct endpoint any = { .address = *address };
	struct pinhole *pinhole = &session->pinhole;
	struct endpoint local;

	pinhole->descriptor = interception_socket(session->proxy, side, &any);
	if (pinhole->descriptor >= 0 && listen(pinhole->descriptor, OFFER_BACKLOG) == 0 &&
	    wire_local(pinhole->descriptor, &local)) {
		*port = local.port;
		return REASON_NONE;
	}
	return REASON_NO_PORT;
}

static enum reason pinhole_create(struct proxy *proxy, const struct nat_view *master, struct expectation *expectation)
{
	return expect_create(&proxy->host.expect, master, expectation);
}

/*
 * Listens, and has the kernel expect the connection that inward describes. The kernel translates it to the listener's port;
 * where it translates nothing, the listener's own port is expected, and if another connection has that already, another
 * port is tried: all are equally good.
 */
static enum reason pinhole_admit(struct proxy_session *session, enum leg_side side, const struct nat_view *master)
{
	const bool client_side = side == LEG_CLIENT;
	struct pinhole *pinhole = &session->pinhole;
	struct expectation *inward = &pinhole->inward;
	const struct address *address = client_side ? &master->server.address : &master->client.address;
	enum reason reason = REASON_NO_PORT;

	inward->translated = nat_view_is_translated(master);
	if (!client_side && session->proxy->config->proxy.source_is_client) {
		/* Whatever address the server knows, the listener can have it. */
		address = &master->client_seen.address;
		inward->translated = false;
	}
	for (int i = 0; i < OFFER_TRIES && reason == REASON_NO_PORT; i++) {
		pinhole_stop_listening(pinhole);
		reason = pinhole_listen(session, side, address, &inward->saved_port);
		if (reason != REASON_NONE)
			break;
		if (!inward->translated || !client_side)
			inward->destination.port = inward->saved_port;
		reason = pinhole_create(session->proxy, master, inward);
	}
	return reason;
}

/* 227, 228, 229: the client will come. */
static enum reason pinhole_passive(struct proxy_session *session, struct expectation *expectation)
{
	struct pinhole *pinhole = &session->pinhole;
	const struct nat_view *master = &session->client_master;
	enum reason reason;

	pinhole->inward = *expectation;
	pinhole->source = expectation->source;
	pinhole->target.address = session->session.view.server.address;
	pinhole->target.port = expectation->saved_port;
	reason = pinhole_admit(session, LEG_CLIENT, master);
	if (reason == REASON_NONE)
		expectation->destination = pinhole->inward.destination;
	return reason;
}

/* PORT, EPRT, LPRT: the server will come, and the client is called. */
static enum reason pinhole_active(struct proxy_session *session, struct expectation *expectation)
{
	struct pinhole *pinhole = &session->pinhole;
	const struct nat_view *inward = &session->server_master;
	const struct nat_view *onward = &session->client_master;
	enum reason reason;

	pinhole->active = true;
	pinhole->source = inward->server.address;
	pinhole->inward = *expectation;
	pinhole->inward.source = inward->server.address;
	pinhole->inward.destination.address = inward->client_seen.address;
	pinhole->onward = *expectation;
	pinhole->onward.source = onward->server.address;
	pinhole->onward.destination = (struct endpoint){ onward->client.address, expectation->saved_port };
	pinhole->onward.translated = nat_view_is_translated(onward);
	reason = pinhole_create(session->proxy, onward, &pinhole->onward);
	if (reason != REASON_NONE)
		return reason;
	reason = pinhole_admit(session, LEG_SERVER, inward);
	if (reason != REASON_NONE) {
		expect_delete(&session->proxy->host.expect, onward, &pinhole->onward);
		return reason;
	}
	pinhole->target = pinhole->onward.destination;
	expectation->destination = pinhole->inward.destination;
	return REASON_NONE;
}

/* A third party's data connection does not go through the proxy. */
static enum reason pinhole_direct(struct proxy_session *session, const struct expectation *expectation)
{
	struct pinhole *pinhole = &session->pinhole;

	pinhole->direct = true;
	pinhole->inward = *expectation;
	return pinhole_create(session->proxy, &session->server_master, &pinhole->inward);
}

static enum close_notify pinhole_close_notify(const struct proxy_session *session)
{
	const struct config *config = session->proxy->config;
	const size_t server = proxy_find_server(session);
	enum close_notify demand = config->proxy.close_notify;

	if (server < CONFIG_SERVERS_MAX && config->servers[server].close_notify != CLOSE_NOTIFY_DEFAULT)
		demand = config->servers[server].close_notify;
	return demand;
}

/* Connects the accepted data connection to the other peer. Takes over accepted. */
static void pinhole_relay(struct proxy_session *session, int accepted)
{
	struct proxy *proxy = session->proxy;
	const struct pinhole *pinhole = &session->pinhole;
	const enum relay_end from = pinhole->active ? RELAY_SERVER : RELAY_CLIENT;
	const struct endpoint local = {
		.address = pinhole->active ? session->client_master.server.address : session->server_master.client.address,
	};
	const int outward = interception_socket(proxy, pinhole->active ? LEG_CLIENT : LEG_SERVER, &local);
	struct relay_plan plan = {
		.base = proxy->base,
		.turns = &proxy->turns,
		.line = proxy_find_turns(proxy, session->relays->source),
		.host = &proxy->host,
		.tls = proxy->tls,
		.tickets = session->tickets,
		.connecting = !from,
		.close_notify = pinhole_close_notify(session),
		.resumption = proxy->config->proxy.resumption,
		.account = session->relays,
		.silence = proxy->config->proxy.data_timeout,
		.idle = proxy->config->limits.idle,
		.session = session->session.id,
		.view = session->session.view,
		.expectation = pinhole->named,
	};

	plan.server = proxy_server_pair(session);
	plan.descriptor[from] = accepted;
	plan.descriptor[!from] = outward;
	plan.level = security_find_level(session);
	if (session->leg[LEG_SERVER].wire.tls)
		memcpy(plan.name, tls_stream_name(session->leg[LEG_SERVER].wire.tls), sizeof(plan.name) - 1);
	plan.commanded = pinhole->commanded;
	plan.source = pinhole->commanded ? pinhole->sender : RELAY_ENDS;
	if (outward < 0 || wire_connect(outward, &pinhole->target) < 0) {
		proxy_session_report(session, NOTICE_ANOMALY, REASON_UNREACHABLE, strerror(errno));
		relay_refuse(&plan, &session->transfer);
		return;
	}
	if (!relay_begin(&proxy->relays, &plan, &session->transfer))
		proxy_session_report(session, NOTICE_ANOMALY, REASON_MEMORY_FULL, "no memory for a data connection");
}

/*
 * A connection that waits, or -1. Its peer's address comes with it: for one that has already been reset, nothing else would
 * have it.
 */
static int pinhole_take_connection(const struct pinhole *pinhole, struct endpoint *remote)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(storage);
	const int accepted = accept4(pinhole->descriptor, (struct sockaddr *)&storage, &length,
				     SOCK_NONBLOCK | SOCK_CLOEXEC);

	wire_read_address(&storage, remote);
	return accepted;
}

/* Nobody can come any more. */
static void pinhole_give_up(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;

	pinhole_stop_listening(pinhole);
	if (pinhole->active && !pinhole->used)
		expect_delete(&session->proxy->host.expect, &session->client_master, &pinhole->onward);
}

/* Takes the connection that waits, if one does. */
static void pinhole_accept(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;
	struct endpoint remote;
	int accepted = 0;

	/* No more often than the backlog is long: a stranger that comes again and again must not hold up the loop. */
	for (int i = 0; i < OFFER_BACKLOG && !pinhole->used && accepted >= 0; i++) {
		accepted = pinhole_take_connection(pinhole, &remote);
		if (accepted < 0 && is_starved(errno)) {
			/* The listener would stay ready, and the loop with it. */
			proxy_session_report(session, NOTICE_ANOMALY, REASON_TABLE_FULL, strerror(errno));
			pinhole_give_up(session);
		}
		if (accepted < 0)
			continue;
		if (!address_equal(&remote.address, &pinhole->source)) {
			struct wire wire = { .descriptor = accepted };

			proxy_session_report(session, NOTICE_ANOMALY, REASON_PEER, "");
			wire_abort(&wire);
			continue;
		}
		pinhole->used = true;
		pinhole_stop_listening(pinhole);
		pinhole_relay(session, accepted);
	}
}

void pinhole_take_turn(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;

	if (!pinhole->knocked)
		return;
	pinhole->knocked = false;
	/* It may have been closed while the turn was awaited. */
	if (pinhole->descriptor >= 0)
		pinhole_accept(session);
	if (pinhole->overdue && pinhole->descriptor >= 0)
		pinhole_give_up(session);
}

/* To take it is to dial the other peer, and hundreds may come at a time. */
static void pinhole_on_accept(evutil_socket_t descriptor, short what, void *context)
{
	struct proxy_session *session = context;

	(void)descriptor;
	session->pinhole.knocked = true;
	session->pinhole.overdue = session->pinhole.overdue || (what & EV_TIMEOUT);
	proxy_session_wake(session);
}

static enum reason pinhole_watch(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;

	if (pinhole->direct)
		return REASON_NONE;
	pinhole->watch = event_new(session->proxy->base, pinhole->descriptor, EV_READ | EV_PERSIST, pinhole_on_accept,
				   session);
	return pinhole->watch && event_add(pinhole->watch, NULL) == 0 ? REASON_NONE : REASON_MEMORY_FULL;
}

/* Data connections outlive their offer, and their session: a client that takes one after the other must run out of them. */
static enum reason pinhole_judge_count(const struct proxy_session *session)
{
	const struct proxy *proxy = session->proxy;

	if (!session->relays)
		return REASON_MEMORY_FULL;
	if (session->relays->relays >= proxy->config->proxy.session_relays)
		return REASON_QUOTA_RELAYS;
	if (session->source && !quota_allows_relay(&proxy->quota, session->source))
		return REASON_QUOTA_RELAYS;
	return proxy->relays.count >= proxy->relays_max ? REASON_TABLE_FULL : REASON_NONE;
}

enum reason pinhole_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	struct proxy_session *session = context;
	enum reason reason;

	(void)master;
	pinhole_close(session);
	memset(&session->pinhole, 0, sizeof(session->pinhole));
	session->pinhole.descriptor = -1;
	transfer_begin_offer(session);
	reason = pinhole_judge_count(session);
	if (reason != REASON_NONE)
		return reason;
	if (!expectation->translated)
		reason = pinhole_direct(session, expectation);
	else if (expectation->nat_direction == DIRECTION_REPLY)
		reason = pinhole_active(session, expectation);
	else
		reason = pinhole_passive(session, expectation);
	if (reason == REASON_NONE)
		reason = pinhole_watch(session);
	if (reason != REASON_NONE)
		pinhole_stop_listening(&session->pinhole);
	session->pinhole.named = *expectation;
	return reason;
}

/* The connection that the expectation hangs on. */
static const struct nat_view *pinhole_master(const struct proxy_session *session)
{
	const struct pinhole *pinhole = &session->pinhole;

	return pinhole->active || pinhole->direct ? &session->server_master : &session->client_master;
}

enum reason pinhole_peek(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct proxy_session *session = context;

	(void)master;
	(void)expectation;
	if (session->pinhole.used)
		return REASON_USED;
	return expect_peek(&session->proxy->host.expect, pinhole_master(session), &session->pinhole.inward);
}

static void pinhole_wait_longer(struct pinhole *pinhole)
{
	static const struct timeval late = { .tv_sec = OFFER_LATE_SECONDS };

	if (!pinhole->late)
		event_add(pinhole->watch, &late);
	pinhole->late = true;
}

bool pinhole_is_awaited(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;

	if (pinhole->descriptor >= 0)
		pinhole_accept(session);
	if (pinhole->descriptor < 0 || !pinhole->watch || pinhole->used ||
	    (!pinhole->late &&
	     expect_peek(&session->proxy->host.expect, pinhole_master(session), &pinhole->inward) != REASON_GONE))
		return false;
	pinhole_wait_longer(pinhole);
	return true;
}

enum reason pinhole_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	struct proxy_session *session = context;
	struct pinhole *pinhole = &session->pinhole;
	enum reason reason;

	(void)master;
	(void)expectation;
	if (pinhole->descriptor >= 0)
		pinhole_accept(session);
	if (pinhole->used)
		return REASON_USED;
	reason = expect_delete(&session->proxy->host.expect, pinhole_master(session), &pinhole->inward);
	if (reason == REASON_GONE && pinhole->watch) {
		pinhole_wait_longer(pinhole);
		return reason;
	}
	pinhole_give_up(session);
	return reason;
}

void pinhole_close(struct proxy_session *session)
{
	struct pinhole *pinhole = &session->pinhole;

	if (pinhole->descriptor < 0)
		return;
	pinhole_accept(session);
	if (!pinhole->used)
		pinhole_give_up(session);
}
