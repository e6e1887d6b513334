/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the core reports: a notice for each event. The services write it as one JSON line (doc/ftpalg.8, EVENTS). */
#ifndef FTPALG_EVENT_H
#define FTPALG_EVENT_H

#include "ftpalg/hostport.h"
#include "ftpalg/nat.h"
#include "ftpalg/parse.h"

#define NOTICE_TABLE(X) \
	X(NOTICE_SESSION_OPEN, "session-open")   /* a control connection is inspected; adopted: it was under way already */ \
	X(NOTICE_LOGIN, "login")                 /* text: the user name */ \
	X(NOTICE_OFFER, "offer")                 /* form, offered, announced: an offer was accepted */ \
	X(NOTICE_PINHOLE_OPEN, "pinhole-open")   /* expectation */ \
	X(NOTICE_PINHOLE_USED, "pinhole-used")   /* expectation */ \
	X(NOTICE_PINHOLE_CLOSE, "pinhole-close") /* expectation, reason */ \
	X(NOTICE_REFUSE, "refuse")               /* reason, direction, form or verb, text: the line that was refused */ \
	X(NOTICE_REWRITE, "rewrite")             /* form, offered, announced: the line left with other words */ \
	X(NOTICE_TLS, "tls")                     /* text: "opaque", "clear" again; of a proxy "terminated", "implicit" */ \
	X(NOTICE_RELAY, "relay")                 /* relay, duration, reason: a proxied data connection has ended */ \
	X(NOTICE_TRANSFER, "transfer")           /* verb, text: the path, code: the final reply, duration */ \
	X(NOTICE_MINT, "mint")                   /* text: for which names a certificate was asked for; reason: refused, or \
						   signed by an authority that nobody trusts */ \
	X(NOTICE_ANOMALY, "anomaly")             /* reason, direction, text: odd, but it passed or was dropped singly */ \
	X(NOTICE_SESSION_CLOSE, "session-close") /* reason */ \
	X(NOTICE_EVENTS_LOST, "events-lost")     /* count: of events that nobody took in time */ \
	X(NOTICE_SESSIONS_LOST, "sessions-lost") /* count: of sessions that ended with a proxy that was killed */ \
	X(NOTICE_RELOAD, "reload")               /* the configuration was read again; text, reason: why it is not in force */

enum notice_type {
#define NOTICE_ENUM(identifier, name) identifier,
	NOTICE_TABLE(NOTICE_ENUM)
#undef NOTICE_ENUM
	NOTICE_COUNT
};

const char *notice_name(enum notice_type type);

/* What was agreed on in a handshake, and the certificate that was shown. What there was not is NULL or "". */
struct notice_tls {
	const char *name; /* that the client asked for (SNI) */
	const char *cipher;
	const char *group;
	const char *protocol; /* of ALPN */
	const char *fingerprint; /* SHA-256, hexadecimal */
	const struct bytes *names; /* of the certificate; any bytes */
	size_t name_count;
};

/* One side of a proxied connection. */
struct notice_leg {
	const char *tls; /* the version, or NULL: in clear */
	const struct notice_tls *details; /* NULL: not told */
	bool resumed;    /* it resumed the session of its control connection */
};

/* A data connection that went through the proxy. */
struct notice_relay {
	struct notice_leg client;
	struct notice_leg server;
	uint64_t to_server; /* bytes */
	uint64_t to_client;
};

/* Fields that a type does not use are zero. text may hold any byte: escape it where it is printed. */
struct notice {
	enum notice_type type;
	enum reason reason;
	uint64_t session;                     /* unique in the life of a gateway */
	const struct nat_view *view;          /* NULL where no connection is known */
	enum direction direction;
	enum form form;
	enum verb verb;
	struct endpoint offered;              /* as the peer wrote it, 0.0.0.0 filled in */
	struct endpoint announced;            /* as it leaves */
	const struct expectation *expectation;
	struct bytes text;
	const char *rule;                     /* the policy rule that decided, where one did */
	uint16_t code;
	uint64_t duration;                    /* microseconds */
	const struct notice_relay *relay;      /* NOTICE_RELAY and, without bytes, NOTICE_TLS of a proxy */
	bool adopted;
	uint64_t count;                       /* of the events that this one stands for; 0: it is one */
};

#endif
