/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A data connection through the proxy: two sockets, of which one is still connecting, and the bytes between them. */
#ifndef DAEMON_RELAY_H
#define DAEMON_RELAY_H

#include "daemon/host.h"
#include "net/tls.h"

struct event_base;
struct relay;

/* All relays of a process. */
struct relay_list {
	struct relay *first;
	uint64_t count;
};

enum relay_end {
	RELAY_CLIENT,
	RELAY_SERVER,
	RELAY_ENDS,
};

/* Everything that a relay needs to know; it is copied, and a relay outlives its control connection. */
struct relay_plan {
	struct event_base *base;
	struct host *host;
	struct tls *tls;
	struct tls_tickets *tickets;
	int descriptor[RELAY_ENDS];
	enum relay_end connecting;
	bool secure[RELAY_ENDS];
	bool resumption_required;
	uint64_t idle;    /* microseconds without a byte */
	uint64_t session;
	struct nat_view view;
	char name[TLS_NAME_MAX]; /* what the control connection's server was asked to prove */
};

/* Takes over both descriptors. False, with both closed: no memory. */
bool relay_begin(struct relay_list *list, const struct relay_plan *plan);
/* Ends all of them; their peers see a reset. */
void relay_end_all(struct relay_list *list);

#endif
