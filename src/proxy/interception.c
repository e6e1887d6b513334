/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How connections reach the proxy, and from which addresses it makes its own.
 *
 *                 client's leg                                     server's leg
 *   REDIRECT      translated to an address of this host;           router: from this host's own address
 *                 conntrack knows where it was to go               client: from the client's address, and a
 *   TPROXY        untouched; the socket itself has the server's            port that it does not use with
 *                 address, and the packets are routed here                 this server
 *
 * The two choices are independent. A socket with an address that is not this host's needs IP_TRANSPARENT, and rules that
 * route what comes for that address to this host ("ftpalg rules" prints them).
 *
 * "REDIRECT" says what happens, not how: proxy/admission.c makes the entry that the target of this name would have made.
 *
 * A server behind this host's own DNAT is dialled where it really is. That DNAT sees only the first packet, and takes part
 * in neither connection. So the configuration has to name it ("forward"), which for the core is the same as a DNAT: the
 * client knows the server by one address, the server itself by another.
 */
#include <errno.h>
#include <unistd.h>

#include "ftpalg/address.h"
#include "proxy/internal.h"

#define PLAIN_PORT 21
/* Enough: of the 28,000 ports that the kernel chooses from, few are in use towards one server. */
#define SOURCE_TRIES 32

int interception_listen(const struct config_proxy *config, enum family family, int backlog)
{
	const struct endpoint any = { .address = { .family = family }, .port = config->port };
	const int descriptor = wire_socket_shared(&any, family);
	int error;

	if (descriptor < 0)
		return -1;
	if ((!config->tproxy || wire_allow_foreign(descriptor, family) == 0) && listen(descriptor, backlog) == 0)
		return descriptor;
	error = errno;
	close(descriptor);
	errno = error;
	return -1;
}

/* Where the client wanted to go. False: it wanted to go to the proxy. */
static bool interception_find_server(const struct config_proxy *config, int descriptor, const struct endpoint *local,
				     struct endpoint *server)
{
	if (config->tproxy) {
		*server = *local;
		return local->port != config->port;
	}
	return wire_original_destination(descriptor, local->address.family, server) && !endpoint_equal(local, server);
}

/* True where the configuration says where server really is, and gives its port. */
static bool interception_forward(const struct config_proxy *config, struct endpoint *server)
{
	for (size_t i = 0; i < config->forward_count; i++) {
		const struct config_forward *forward = &config->forwards[i];

		if (!address_equal(&forward->dialled.address, &server->address) ||
		    (forward->dialled.port && forward->dialled.port != server->port))
			continue;
		server->address = forward->server.address;
		if (forward->server.port)
			server->port = forward->server.port;
		return forward->server.port != 0;
	}
	return false;
}

/*
 * The client as it dialled, which its entry is known by: where its port was taken towards the proxy, the kernel has given it
 * another one there (conntrack_create).
 */
static struct endpoint interception_find_client(struct proxy *proxy, const struct endpoint *local,
						const struct endpoint *peer)
{
	const struct tuple arriving = { .source = *peer, .destination = *local };
	struct connection connection = { .opening = false };

	if (proxy->config->proxy.tproxy ||
	    conntrack_find_receiver(&proxy->host.conntrack, &arriving, &connection) != REASON_NONE)
		return *peer;
	return connection.view.client;
}

bool interception_find_ends(struct proxy_session *session, struct nat_view *view)
{
	const struct config_proxy *config = &session->proxy->config->proxy;
	const int descriptor = session->leg[LEG_CLIENT].wire.descriptor;
	struct endpoint local, peer;

	if (!wire_local(descriptor, &local) || !wire_remote(descriptor, &peer) ||
	    !interception_find_server(config, descriptor, &local, &view->server_seen))
		return false;
	view->client = interception_find_client(session->proxy, &local, &peer);
	session->client_master = (struct nat_view){ view->client, view->server_seen, local, peer };
	view->server = view->server_seen;
	for (size_t i = 0; i < config->implicit_port_count; i++)
		session->implicit = session->implicit || config->implicit_ports[i] == view->server_seen.port;
	/* A server in clear has no implicit port. */
	if (!interception_forward(config, &view->server) && session->implicit && config->legs == PROXY_LEGS_CLIENT)
		view->server.port = PLAIN_PORT;
	return true;
}

/*
 * Conntrack would take a second connection from the client's own address and port to the same server for the first. The
 * kernel does not see that when it chooses a port: the socket that has the client's port is the client's, not this host's.
 */
static bool interception_port_is_free(struct proxy *proxy, const struct endpoint *source, const struct endpoint *server)
{
	/* As in answers to the client. */
	const struct tuple tuple = { .source = *server, .destination = *source };
	struct connection connection = { .opening = false };

	for (const struct proxy_session *session = proxy->first; session; session = session->next)
		if (endpoint_equal(&session->client_master.client, source) &&
		    endpoint_equal(&session->client_master.server_seen, server))
			return false;
	/* Only the kernel knows what other processes have, of this proxy or of one that was replaced. */
	return conntrack_find_receiver(&proxy->host.conntrack, &tuple, &connection) != REASON_NONE;
}

int interception_dial(struct proxy_session *session, const struct nat_view *view)
{
	const struct endpoint any = { .port = 0 };
	const struct endpoint client = { .address = view->client.address };
	const bool from_client = session->proxy->config->proxy.source_is_client;
	struct endpoint local;
	int descriptor = -1;

	for (int i = 0; i < SOURCE_TRIES && descriptor < 0; i++) {
		descriptor = from_client ? wire_socket_foreign(&client, client.address.family)
					 : wire_socket(&any, view->server.address.family);
		if (descriptor < 0)
			return -1;
		if (from_client && (!wire_local(descriptor, &local) ||
				    !interception_port_is_free(session->proxy, &local, &view->server))) {
			close(descriptor);
			descriptor = -1;
		}
	}
	if (descriptor < 0 || wire_connect(descriptor, &view->server) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

int interception_socket(const struct proxy *proxy, enum leg_side side, const struct endpoint *local)
{
	const struct config_proxy *config = &proxy->config->proxy;
	const bool foreign = side == LEG_CLIENT ? config->tproxy : config->source_is_client;

	return foreign ? wire_socket_foreign(local, local->address.family) : wire_socket(local, local->address.family);
}
