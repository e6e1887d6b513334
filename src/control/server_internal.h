/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the server's files share.
 *
 *   server.c    the sockets, and who is let in
 *   guest.c     one client: its request, its answer, its bounds
 */
#ifndef CONTROL_SERVER_INTERNAL_H
#define CONTROL_SERVER_INTERNAL_H

#include <event2/event.h>

#include "control/server.h"

/* Clients of each socket; of these, those of one user who is not root, and those of all such users. */
#define SERVER_CLIENTS_MAX 64
#define SERVER_USER_CLIENTS_MAX 16
#define SERVER_OTHERS_MAX 48

enum guest_state {
	GUEST_NONE,
	GUEST_LISTENS, /* it says its request, or has not begun to */
	GUEST_TELLS,   /* it is answered */
	GUEST_ENDS,    /* what is left is sent, and then it is closed */
};

struct guest {
	enum guest_state state;
	struct server *server;
	bool may_change;
	int descriptor;
	uid_t user;
	pid_t pid;
	uint64_t turn;       /* clients that came earlier have lower ones */
	uint64_t deadline;   /* of its request, or of its taking something; monotonic microseconds; 0: none */
	bool waits;          /* TELLS: until something has happened */
	bool heard_all;      /* it says nothing more, but may listen */
	size_t request_length;
	char request[REQUEST_MAX];
	struct event *reads;
	struct event *writes;
	struct evbuffer *out;
	struct answer *answer;
};

struct server_socket {
	struct server *server;
	int descriptor;
	bool may_change;
	struct event *accepts;
	bool paused;         /* nobody more can be let in, for lack of descriptors */
	struct guest guest[SERVER_CLIENTS_MAX];
};

struct server {
	struct event_base *base;
	const struct answer_source *source;
	struct server_socket monitor;
	struct server_socket control;
	uint64_t turn;
};

/* guest.c */
/* False: no memory; the descriptor is closed. */
bool guest_open(struct guest *guest, struct server_socket *socket, int descriptor);
void guest_close(struct guest *guest);
void guest_read(struct guest *guest);
/* Time has passed: the client is closed if its time is over, and goes on if it can. */
void guest_tick(struct guest *guest, uint64_t now);
void guest_hear(struct guest *guest, uint32_t order, bool done, const char *text);

#endif
