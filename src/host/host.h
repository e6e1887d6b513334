/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gateway in the queue asks of the host: struct ops, made of the adapters, the way of events and the log. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/log.h"
#include "broker/link.h"
#include "config/config.h"
#include "netfilter/conntrack.h"
#include "netfilter/expect.h"
#include "record/ring.h"

struct host {
	struct ops ops; /* its context is the host */
	/* HOST_WITHOUT_PACKETS */
	struct netlink netlink;
	struct conntrack conntrack;
	struct expect expect;
	/* HOST_WITH_PACKETS: its owner opens it */
	struct broker_link link;
	struct record_writer *events;
	struct log_limit refusal_limits[REASON_COUNT];
};

/* What a process does: judge packets, for which it asks a broker; or relay connections, and speak to conntrack itself. */
enum host_kind {
	HOST_WITH_PACKETS,
	HOST_WITHOUT_PACKETS,
};

/*
 * Opens what config asks for. What happens is left in events. Returns 0, or -1 with what to do in error (of size bytes);
 * then nothing needs closing.
 */
int host_open(struct host *host, const struct config *config, enum host_kind kind, struct record_writer *events, char *error,
	      size_t size);
void host_close(struct host *host);

#endif
