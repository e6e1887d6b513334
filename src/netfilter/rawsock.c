/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netfilter/rawsock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* IPPROTO_RAW means that whole packets are written, headers included, in both families, and that none are read. */
static int rawsock_socket(int family, uint32_t mark)
{
	const int descriptor = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int result = descriptor;

	if (descriptor < 0)
		return -errno;
	if (setsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) {
		result = -errno;
		close(descriptor);
	}
	return result;
}

int rawsock_open(struct rawsock *rawsock, uint32_t mark)
{
	int result;

	rawsock->ipv4 = rawsock_socket(AF_INET, mark);
	rawsock->ipv6 = rawsock_socket(AF_INET6, mark);
	if (rawsock->ipv4 >= 0 && (rawsock->ipv6 >= 0 || rawsock->ipv6 == -EAFNOSUPPORT))
		return 0;
	result = rawsock->ipv4 < 0 ? rawsock->ipv4 : rawsock->ipv6;
	rawsock_close(rawsock);
	return result;
}

void rawsock_close(struct rawsock *rawsock)
{
	if (rawsock->ipv4 >= 0)
		close(rawsock->ipv4);
	if (rawsock->ipv6 >= 0)
		close(rawsock->ipv6);
	rawsock->ipv4 = -1;
	rawsock->ipv6 = -1;
}

static int rawsock_send_ipv4(int descriptor, struct bytes packet)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct sockaddr *address = (const struct sockaddr *)&to;

	memcpy(&to.sin_addr, packet.data + offsetof(struct iphdr, daddr), sizeof(to.sin_addr));
	return sendto(descriptor, packet.data, packet.length, 0, address, sizeof(to)) < 0 ? -errno : 0;
}

static int rawsock_send_ipv6(int descriptor, struct bytes packet)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	const struct sockaddr *address = (const struct sockaddr *)&to;

	memcpy(&to.sin6_addr, packet.data + offsetof(struct ip6_hdr, ip6_dst), sizeof(to.sin6_addr));
	return sendto(descriptor, packet.data, packet.length, 0, address, sizeof(to)) < 0 ? -errno : 0;
}

int rawsock_send(const struct rawsock *rawsock, struct bytes packet)
{
	if (packet.length >= sizeof(struct iphdr) && packet.data[0] >> 4 == 4)
		return rawsock_send_ipv4(rawsock->ipv4, packet);
	if (packet.length >= sizeof(struct ip6_hdr) && packet.data[0] >> 4 == 6)
		return rawsock->ipv6 < 0 ? -EAFNOSUPPORT : rawsock_send_ipv6(rawsock->ipv6, packet);
	return -EINVAL;
}
