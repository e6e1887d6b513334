/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A data connection through the proxy: two sockets, of which one is still connecting, and the bytes between them. */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "config/config.h"
#include "ftpalg/quota.h"
#include "host/host.h"
#include "tls/tls.h"

struct event_base;
struct relay;
struct turn_source;
struct turns;

/*
 * How many relays a session has, and for which source. Relays outlive their session, so the session and each of its relays
 * hold the account.
 */
struct relay_account {
	uint32_t holders;
	uint32_t relays;
	struct quota *quota;
	struct quota_source *source; /* NULL: nobody's */
};

/* NULL: no memory. */
struct relay_account *relay_account_open(struct quota *quota, struct quota_source *source);
/* NULL is nothing to drop. */
void relay_account_drop(struct relay_account *account);

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

/* What has happened to the bytes that came from one end. */
enum relay_outcome {
	RELAY_NONE,      /* there was no data connection */
	RELAY_UNDER_WAY,
	RELAY_WHOLE,     /* their sender said that they end, and the receiver's host has them all */
	RELAY_CUT,       /* some may be missing */
};

/* What a control connection knows of its latest data connection. The relay's end outlives the relay. */
struct relay_follower {
	struct relay *relay; /* NULL: it has ended, or there was none */
	enum relay_outcome outcome[RELAY_ENDS];
	void (*on_change)(void *context); /* an outcome is another one; nothing may be freed within it */
	void *context;
};

/* What protects a data connection. */
struct relay_level {
	bool secure[RELAY_ENDS];
	bool unsaid; /* no PROT was said behind an implicit port, so the client's first bytes say it */
};

/* Everything that a relay needs to know; it is copied, and a relay outlives its control connection. */
struct relay_plan {
	struct event_base *base;
	struct turns *turns;
	struct turn_source *line; /* where it waits for its turns */
	struct host *host;
	struct tls *tls;
	struct tls_tickets *tickets;
	int descriptor[RELAY_ENDS];
	enum relay_end connecting;
	struct relay_level level;
	bool commanded;       /* the transfer command has gone to the server */
	enum relay_end source; /* and says whose bytes are the file; RELAY_ENDS: it did not */
	enum close_notify close_notify;
	enum proxy_resumption resumption;
	struct relay_account *account;
	uint64_t silence; /* microseconds until the first byte */
	uint64_t idle;    /* microseconds without a byte */
	uint64_t session;
	struct nat_view view;
	struct expectation expectation; /* whose connection this is, as events name it */
	size_t server; /* the number of its [server], or TLS_NO_PAIR */
	char name[TLS_NAME_MAX]; /* what the control connection's server was asked to prove */
};

/* Ends those of this session at once. */
void relay_end_session(struct relay_list *list, uint64_t session, enum reason reason);

/* Takes over both descriptors. False, with both reset and follower's outcomes cut: no memory. */
bool relay_begin(struct relay_list *list, const struct relay_plan *plan, struct relay_follower *follower);
/* The same where it can't begin: both are reset, and the outcomes are cut. */
void relay_refuse(const struct relay_plan *plan, struct relay_follower *follower);
/* The transfer command has gone to the server. source: whose bytes are the file; RELAY_ENDS: it does not say. */
void relay_command(struct relay_follower *follower, enum relay_end source);
/* The level of protection is another one now: it is that of a data connection on which nothing has been said. */
void relay_protect(struct relay_follower *follower, const struct relay_level *level);
/* The command was refused before it began: the data connection is the next one's. */
void relay_release(struct relay_follower *follower);
/* From now on to knows what from knew, and from knows nothing. */
void relay_hand_over(struct relay_follower *from, struct relay_follower *to);
/* The relay goes on alone. */
void relay_unfollow(struct relay_follower *follower);
/* Ends all of them; their peers see a reset. */
void relay_end_all(struct relay_list *list);

#endif
