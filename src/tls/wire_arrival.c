/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of a stream has arrived at the peer's host. The kernel counts what is acknowledged, and keeps the count when the
 * connection is gone (tcp_info, Linux 4.1). linux/tcp.h has the count and clashes with netinet/tcp.h, hence a separate file.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "tls/wire.h"

/* The states of include/net/tcp_states.h in which our FIN has been acknowledged, or nothing is under way any more. */
#define STATE_FIN_WAIT2 5
#define STATE_TIME_WAIT 6
#define STATE_CLOSE 7

static bool read_info(const struct wire *wire, struct tcp_info *info)
{
	socklen_t length = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(wire->descriptor, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

uint64_t wire_acknowledged(const struct wire *wire)
{
	struct tcp_info info;

	return read_info(wire, &info) ? info.tcpi_bytes_acked - wire->acknowledged : 0;
}

enum wire_arrival wire_judge_arrival(const struct wire *wire, uint64_t written)
{
	struct tcp_info info;

	if (!read_info(wire, &info) || info.tcpi_state == STATE_FIN_WAIT2 || info.tcpi_state == STATE_TIME_WAIT)
		return WIRE_ARRIVED;
	if (info.tcpi_state != STATE_CLOSE)
		return WIRE_PENDING;
	return info.tcpi_bytes_acked - wire->acknowledged >= written ? WIRE_CLOSED : WIRE_LOST;
}
