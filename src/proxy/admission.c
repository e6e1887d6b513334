/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The proxy ends connections on this host and makes its own to servers, so the operator's forward chains would never be
 * asked about either of them. They are asked, and they alone decide, because the client's first packet is forwarded:
 *
 *   client --SYN--> PREROUTING --> FORWARD: the operator's own chains; what they drop is dropped
 *                                     |
 *                                  after them (priority security): queued to this file, which
 *                                     1. makes the conntrack entry: client -> dialled, translated to the proxy (REDIRECT),
 *                                        or to itself (TPROXY)
 *                                     2. sends the SYN again, by OUTPUT and the loopback interface, to the proxy's listener
 *                                     3. has the queued one dropped: the server never sees it
 *
 * The rules see what they see of any forwarded connection: both interfaces, the client, the server that a DNAT leads to.
 * The rest of the connection is translated by its entry, or finds its socket. The new entry is confirmed before the SYN is
 * sent again, so neither OUTPUT nor a nat table can give the connection another end; it carries the helper that its
 * expectations need.
 *
 * Should the SYN that is sent again get lost (an OUTPUT that drops), the client's next one finds the entry. A queue that
 * nobody listens to drops: without a proxy no connection is made. Connections to addresses of this host are not
 * forwarded, and so are never intercepted; nor are connections that were forwarded before.
 *
 * What the client dialled, where a DNAT of this host has changed it, is not in the packet. Rules give the packet a mark:
 * the number of the "forward" that applies, counted from 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ftpalg/address.h"
#include "ftpalg/packet.h"
#include "netfilter/nfqueue.h"
#include "netfilter/rawsock.h"
#include "proxy/internal.h"
#include "tls/wire.h"

/* Until the SYN is there; then conntrack's own timeout for a connection that opens holds. */
#define ADMISSION_SECONDS 30
#define ADMISSION_HELPER "sane"
/* The port of discard; any port will do to have a route looked up. */
#define ROUTE_PORT 9
/* In one turn: each goes through the kernel to the listener, and back to its client. */
#define ADMISSION_BATCH 8U

struct admission {
	const struct config_proxy *config;
	struct host *host;
	struct proxy *proxy;
	struct turn turn;
	struct nfqueue queue;
	struct nfverdict verdict;
	struct rawsock rawsock;
	int probe[2]; /* by family: descriptors may have run out when they are needed */
	struct event *watch;
	struct log_limit limit;
	uint8_t packet[UINT16_MAX];
};

/* What the client dialled, where its SYN now goes to server. False: the configuration in force has no such forward. */
static bool admission_find_dialled(const struct admission *admission, uint32_t mark, const struct endpoint *server,
				   struct endpoint *dialled)
{
	const struct config_forward *forward;

	*dialled = *server;
	if (mark == 0)
		return true;
	if (mark > admission->config->forward_count)
		return false;
	forward = &admission->config->forwards[mark - 1];
	dialled->address = forward->dialled.address;
	if (forward->dialled.port)
		dialled->port = forward->dialled.port;
	return address_equal(&forward->server.address, &server->address) &&
	       (!forward->server.port || forward->server.port == server->port);
}

/* The address of this host by which it answers client: as with REDIRECT, that of the interface towards it. */
static bool admission_find_local(const struct admission *admission, const struct address *client,
				 struct endpoint *local)
{
	const struct endpoint to = { .address = *client, .port = ROUTE_PORT };
	const int descriptor = admission->probe[client->family == FAMILY_IPV6];

	if (descriptor < 0 || !wire_probe_route(descriptor, &to, local))
		return false;
	local->port = admission->config->port;
	return true;
}

static void admission_send(struct admission *admission, struct bytes bytes, const struct packet *syn,
			   const struct endpoint *dialled)
{
	const size_t length = packet_readdress(bytes, syn, dialled, admission->packet, sizeof(admission->packet));
	const int error = rawsock_send(&admission->rawsock, (struct bytes){ admission->packet, length });

	/* The client's next SYN will do. */
	if (error && log_limit_allows(&admission->limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "can't pass an admitted connection on: %s; clients wait for a second longer",
			    strerror(-error));
}

static void admission_admit(struct admission *admission, struct bytes bytes, const struct packet *syn)
{
	struct conntrack *conntrack = &admission->host->conntrack;
	struct nat_view view = { .client = syn->tuple.source, .client_seen = syn->tuple.source };
	enum reason reason;

	if (!admission_find_dialled(admission, admission->queue.mark, &syn->tuple.destination, &view.server_seen))
		return;
	view.server = view.server_seen;
	if (!admission->config->tproxy && !admission_find_local(admission, &view.client.address, &view.server))
		return;
	reason = conntrack_create(conntrack, &view, ADMISSION_HELPER, ADMISSION_SECONDS);
	/* An entry that is there already is this connection's, made for an earlier copy of its SYN. */
	if (reason == REASON_NONE || reason == REASON_USED)
		admission_send(admission, bytes, syn, &view.server_seen);
	else if (log_limit_allows(&admission->limit, clock_microseconds()))
		log_message(LOG_LEVEL_WARNING, "can't make the entry of an admitted connection: %s; \"ftpalg check\" tells"
			    " what the kernel lacks", strerror(-conntrack->error));
}

/* The queued packet itself goes nowhere, whatever it is. */
static struct nfqueue_answer admission_judge(void *context, struct bytes bytes)
{
	const struct nfqueue_answer drop = { .verdict = NFQUEUE_DROP };
	struct packet packet;

	if (packet_parse(bytes, &packet) == REASON_NONE && packet_verify_checksum(bytes, &packet) == REASON_NONE &&
	    (packet.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN)
		admission_admit(context, bytes, &packet);
	return drop;
}

static void admission_take_turn(void *context)
{
	struct admission *admission = context;
	const struct nfqueue_judge judge = { .context = admission, .judge = admission_judge };
	const int received = nfqueue_receive(&admission->queue, &judge);

	if (received < 0 && log_limit_allows(&admission->limit, clock_microseconds()))
		log_message(LOG_LEVEL_ERROR, "netfilter queue %u failed: %s", admission->config->queue,
			    strerror(-received));
}

static void admission_on_queue(evutil_socket_t descriptor, short what, void *context)
{
	struct admission *admission = context;

	(void)descriptor;
	(void)what;
	turns_ask(&admission->proxy->turns, &admission->proxy->nobody, TURN_ARRIVAL, &admission->turn);
}

struct admission *admission_open(const struct config *config, struct host *host, int queue, char *error, size_t size)
{
	struct admission *admission = calloc(1, sizeof(*admission));
	int result;

	if (!admission) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	admission->config = &config->proxy;
	admission->host = host;
	admission->probe[0] = wire_probe(FAMILY_IPV4);
	admission->probe[1] = wire_probe(FAMILY_IPV6);
	result = rawsock_open(&admission->rawsock, config->proxy.mark);
	if (result) {
		snprintf(error, size, "can't open raw sockets: %s; run as root or with CAP_NET_RAW and CAP_NET_ADMIN",
			 strerror(-result));
	} else {
		result = nfqueue_attach(&admission->queue, queue, config->proxy.queue);
		if (!result)
			result = nfqueue_open_verdict(&admission->queue, &admission->verdict);
		if (!result) {
			admission->queue.batch = ADMISSION_BATCH;
			nfverdict_inherit(&admission->verdict);
			return admission;
		}
		snprintf(error, size, "can't use netfilter queue %u: %s", config->proxy.queue, strerror(-result));
	}
	admission_close(admission);
	return NULL;
}

bool admission_watch(struct admission *admission, struct proxy *proxy)
{
	admission->proxy = proxy;
	admission->turn = (struct turn){ .take = admission_take_turn, .context = admission };
	admission->watch = event_new(proxy->base, nfqueue_descriptor(&admission->queue), EV_READ | EV_PERSIST,
				     admission_on_queue, admission);
	return admission->watch && event_add(admission->watch, NULL) == 0;
}

void admission_close(struct admission *admission)
{
	if (!admission)
		return;
	if (admission->watch) {
		turns_forget(&admission->proxy->turns, &admission->turn);
		event_free(admission->watch);
	}
	nfverdict_close(&admission->verdict);
	for (int i = 0; i < 2; i++)
		if (admission->probe[i] >= 0)
			close(admission->probe[i]);
	nfqueue_close(&admission->queue);
	rawsock_close(&admission->rawsock);
	free(admission);
}
