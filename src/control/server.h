/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two sockets, and their clients. Nothing waits for a client, and no client waits for another: each has its own bounds
 * of time and memory, and each user a bounded number of clients.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <sys/types.h>

#include "control/answer.h"

struct event_base;
struct server;

struct server_sockets {
	int monitor; /* listening; -1: there is none */
	int control; /* the same; here things can be changed */
};

/* NULL: no memory. The sockets stay the caller's. source must outlive the server. */
struct server *server_open(struct event_base *base, const struct server_sockets *sockets,
			   const struct answer_source *source);
void server_close(struct server *server);

/* Something has happened, or a quarter of a second has passed: clients that follow hear of it. */
void server_tick(struct server *server);
/* An order was carried out, or was not. */
void server_hear(struct server *server, uint32_t order, bool done, const char *text);

/* How many clients there are. */
uint32_t server_clients(const struct server *server);

#endif
