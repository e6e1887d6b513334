/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h have it too, but clash with netinet/in.h. */
#define ORIGINAL_DESTINATION 80

/* A host that says nothing for a minute is asked; after five questions without an answer, two minutes later, it is gone. */
#define GUARD_IDLE_SECONDS 60
#define GUARD_INTERVAL_SECONDS 15
#define GUARD_PROBES 5

static enum tls_result read_result(ssize_t got)
{
	if (got > 0)
		return TLS_DONE;
	if (got == 0)
		return TLS_END;
	return errno == EAGAIN || errno == EINTR ? TLS_WAIT : TLS_FAILED;
}

enum tls_result wire_read(struct wire *wire, uint8_t *out, size_t size, size_t *length)
{
	ssize_t got;

	if (wire->tls)
		return tls_stream_read(wire->tls, out, size, length);
	got = recv(wire->descriptor, out, size, 0);
	if (got > 0)
		*length = (size_t)got;
	return read_result(got);
}

enum tls_result wire_peek(const struct wire *wire, uint8_t *byte)
{
	return read_result(recv(wire->descriptor, byte, 1, MSG_PEEK));
}

enum tls_result wire_peek_all(const struct wire *wire, uint8_t *out, size_t size, size_t *length)
{
	const ssize_t got = recv(wire->descriptor, out, size, MSG_PEEK);

	*length = got > 0 ? (size_t)got : 0;
	return read_result(got);
}

enum tls_result wire_write(struct wire *wire, struct bytes bytes, size_t *length)
{
	ssize_t sent;

	if (wire->tls)
		return tls_stream_write(wire->tls, bytes, length);
	sent = send(wire->descriptor, bytes.data, bytes.length, MSG_NOSIGNAL);
	if (sent > 0) {
		*length = (size_t)sent;
		return TLS_DONE;
	}
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? TLS_WAIT : TLS_FAILED;
}

enum tls_result wire_flush(struct wire *wire)
{
	return wire->tls ? tls_stream_flush(wire->tls) : TLS_DONE;
}

static void wire_set_linger(const struct wire *wire, int on)
{
	const struct linger linger = { .l_onoff = on, .l_linger = 0 };

	setsockopt(wire->descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void wire_finish_bare(struct wire *wire)
{
	wire_set_linger(wire, 0);
	shutdown(wire->descriptor, SHUT_WR);
}

enum tls_result wire_finish(struct wire *wire)
{
	if (wire->tls && tls_stream_finish(wire->tls) == TLS_WAIT)
		return TLS_WAIT;
	wire_finish_bare(wire);
	return TLS_DONE;
}

void wire_guard(struct wire *wire)
{
	const int on = 1;
	const int idle = GUARD_IDLE_SECONDS;
	const int interval = GUARD_INTERVAL_SECONDS;
	const int probes = GUARD_PROBES;

	wire_set_linger(wire, 1);
	setsockopt(wire->descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(wire->descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(wire->descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(wire->descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	wire->acknowledged = 0;
	wire->acknowledged = wire_acknowledged(wire);
}

void wire_close(struct wire *wire)
{
	tls_stream_free(wire->tls);
	wire->tls = NULL;
	if (wire->descriptor >= 0)
		close(wire->descriptor);
	wire->descriptor = -1;
}

void wire_abort(struct wire *wire)
{
	if (wire->descriptor >= 0)
		wire_set_linger(wire, 1);
	wire_close(wire);
}

static socklen_t wire_write_address(const struct endpoint *endpoint, struct sockaddr_storage *storage)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (endpoint->address.family == FAMILY_IPV4) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(endpoint->port);
		memcpy(&ipv4->sin_addr, endpoint->address.octets, sizeof(ipv4->sin_addr));
		return sizeof(*ipv4);
	}
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(endpoint->port);
	memcpy(&ipv6->sin6_addr, endpoint->address.octets, sizeof(ipv6->sin6_addr));
	return sizeof(*ipv6);
}

bool wire_read_address(const struct sockaddr_storage *storage, struct endpoint *endpoint)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)storage;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)storage;

	memset(endpoint, 0, sizeof(*endpoint));
	if (storage->ss_family == AF_INET) {
		endpoint->address.family = FAMILY_IPV4;
		endpoint->port = ntohs(ipv4->sin_port);
		memcpy(endpoint->address.octets, &ipv4->sin_addr, sizeof(ipv4->sin_addr));
		return true;
	}
	if (storage->ss_family != AF_INET6)
		return false;
	endpoint->address.family = FAMILY_IPV6;
	endpoint->port = ntohs(ipv6->sin6_port);
	memcpy(endpoint->address.octets, &ipv6->sin6_addr, sizeof(ipv6->sin6_addr));
	return true;
}

bool wire_local(int descriptor, struct endpoint *endpoint)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(storage);

	return getsockname(descriptor, (struct sockaddr *)&storage, &length) == 0 &&
	       wire_read_address(&storage, endpoint);
}

bool wire_remote(int descriptor, struct endpoint *endpoint)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(storage);

	return getpeername(descriptor, (struct sockaddr *)&storage, &length) == 0 &&
	       wire_read_address(&storage, endpoint);
}

bool wire_original_destination(int descriptor, enum family family, struct endpoint *endpoint)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	int result;

	memset(&storage, 0, sizeof(storage));
	if (family == FAMILY_IPV4)
		result = getsockopt(descriptor, SOL_IP, ORIGINAL_DESTINATION, &storage, &length);
	else
		result = getsockopt(descriptor, SOL_IPV6, ORIGINAL_DESTINATION, &storage, &length);
	return result == 0 && wire_read_address(&storage, endpoint);
}

int wire_allow_foreign(int descriptor, enum family family)
{
	const int on = 1;

	if (family == FAMILY_IPV4)
		return setsockopt(descriptor, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
	return setsockopt(descriptor, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
}

enum socket_kind {
	SOCKET_OWN,
	SOCKET_SHARED,
	SOCKET_FOREIGN,
};

static int socket_make(const struct endpoint *local, enum family family, enum socket_kind kind)
{
	const int domain = family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	const int on = 1;
	struct sockaddr_storage storage;
	socklen_t length;
	int descriptor = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (descriptor < 0)
		return -1;
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (kind == SOCKET_SHARED)
		setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* IPv4 has its own socket. */
	if (domain == AF_INET6)
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (local->address.family == FAMILY_NONE)
		return descriptor;
	length = wire_write_address(local, &storage);
	if ((kind != SOCKET_FOREIGN || wire_allow_foreign(descriptor, family) == 0) &&
	    bind(descriptor, (const struct sockaddr *)&storage, length) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

int wire_socket(const struct endpoint *local, enum family family)
{
	return socket_make(local, family, SOCKET_OWN);
}

int wire_socket_shared(const struct endpoint *local, enum family family)
{
	return socket_make(local, family, SOCKET_SHARED);
}

int wire_socket_foreign(const struct endpoint *local, enum family family)
{
	return socket_make(local, family, SOCKET_FOREIGN);
}

int wire_connect(int descriptor, const struct endpoint *remote)
{
	struct sockaddr_storage storage;
	const socklen_t length = wire_write_address(remote, &storage);

	if (connect(descriptor, (const struct sockaddr *)&storage, length) == 0 || errno == EINPROGRESS)
		return 0;
	return -1;
}

int wire_probe(enum family family)
{
	return socket(family == FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

bool wire_probe_route(int descriptor, const struct endpoint *remote, struct endpoint *local)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	/* What an earlier connect() has chosen would stay without this one. */
	return connect(descriptor, &none, sizeof(none)) == 0 && wire_connect(descriptor, remote) == 0 &&
	       wire_local(descriptor, local);
}
