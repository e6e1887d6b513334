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
	X(NOTICE_MINT, "mint")                   /* text: the names for which a certificate was requested; reason: refused, or \
						   signed by an authority that nobody trusts */ \
	X(NOTICE_ANOMALY, "anomaly")             /* reason, direction, text: odd, but it passed or was dropped singly */ \
	X(NOTICE_SESSION_CLOSE, "session-close") /* reason */ \
	X(NOTICE_EVENTS_LOST, "events-lost")     /* count: events that nobody took in time */ \
	X(NOTICE_NEWS_LOST, "news-lost")         /* count: news of data connections that the kernel had no room for */ \
	X(NOTICE_SESSIONS_LOST, "sessions-lost") /* count: sessions that ended with a proxy that was killed */ \
	X(NOTICE_RELOAD, "reload")               /* the configuration was read again; text, reason: why it is not in force */ \
	X(NOTICE_RULES_GONE, "rules-gone")       /* text: the family whose rules are gone, and who has changed rules last */ \
	X(NOTICE_RULES_BACK, "rules-back")       /* text: the family whose rules are there again */ \
	X(NOTICE_HOST_CHANGED, "host-changed")   /* text: a host that is announced by name, and its addresses now and before */ \
	X(NOTICE_HOST_LOST, "host-lost")         /* text: a host that is announced by name and not found, and what is announced */

enum notice_type {
#define NOTICE_ENUM(identifier, name) identifier,
	NOTICE_TABLE(NOTICE_ENUM)
#undef NOTICE_ENUM
	NOTICE_COUNT, /* of events */
	/*
	 * Not an event: a line that was said and passed, for a caller that follows the dialogue and has asked for its
	 * lines (ops.lines). For a reply, verb is that of the command that it answers, and code is its own.
	 */
	NOTICE_LINE = NOTICE_COUNT,
};

const char *notice_name(enum notice_type type);

/* What was agreed on in a handshake, and the certificate that was shown. What is absent is NULL or "". */
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

/* Which side it was that ended it, refused, did not answer or did not come. */
enum transfer_party {
	TRANSFER_BY_NOBODY,
	TRANSFER_BY_CLIENT,
	TRANSFER_BY_SERVER,
};

/* "client", "server"; NULL for nobody. */
const char *transfer_party_name(enum transfer_party party);

/* A data connection that went through the proxy. */
struct notice_relay {
	struct notice_leg client;
	struct notice_leg server;
	uint64_t to_server; /* bytes */
	uint64_t to_client;
	enum transfer_party by; /* who ended it too early; nobody: that is not known, or it ended well */
};

/* What became of a transfer, or of the data connection that an offer was for. */
#define TRANSFER_TABLE(X) \
	X(TRANSFER_UNKNOWN, "unknown")             /* nobody saw it: facts were lost, or there were none */ \
	X(TRANSFER_COMPLETE, "complete")           /* the sender ended it, and the receiver has it all */ \
	X(TRANSFER_ABORTED, "aborted")             /* it was cut short, or the server gave it up */ \
	X(TRANSFER_FILTERED_HERE, "filtered-here") /* the data connection came to this host, whose own filter dropped it */ \
	X(TRANSFER_DELETED_HERE, "deleted-here")   /* the kernel was made to forget what it expected before anybody came */ \
	X(TRANSFER_NEVER_CAME, "never-came")       /* the data connection did not come to this host */ \
	X(TRANSFER_REFUSED_BY_PEER, "refused-by-peer") /* the peer that it was for answered with a reset */ \
	X(TRANSFER_NO_ANSWER, "no-answer")         /* the peer that it was for did not answer */ \
	X(TRANSFER_REFUSED_BY_POLICY, "refused-by-policy") /* the gateway refused its offer or its command */

enum transfer_outcome {
#define TRANSFER_ENUM(identifier, name) identifier,
	TRANSFER_TABLE(TRANSFER_ENUM)
#undef TRANSFER_ENUM
	TRANSFER_OUTCOME_COUNT
};

const char *transfer_outcome_name(enum transfer_outcome outcome);

/* What the data connection tells of a transfer, besides the dialogue. */
struct notice_transfer {
	enum transfer_outcome outcome;
	enum transfer_party by;
	bool missed;    /* it was watched, and something of it was lost */
	bool counted;   /* bytes is right; else it is not known */
	uint64_t bytes; /* of the file: those that were sent or, if it was cut, those that the receiver has acknowledged */
};

/* Was a data connection in TLS, all the way? */
enum protection {
	PROTECTION_UNKNOWN,
	PROTECTION_CLEAR,
	PROTECTION_TLS,
};


/* How much of a path is kept by a caller that follows a session. */
#define NOTICE_PATH_MAX 256

/* What a caller that follows a session knows of a transfer's file. The core knows nothing of it, and reports none. */
struct notice_file {
	/* from the root, if it begins with a slash; else as the client said it, in a directory that is not known */
	struct bytes path;
	size_t cut;        /* bytes of it that are left out */
	struct bytes user; /* none: nobody was heard to log in */
	enum protection protection;
	bool ascii;        /* bytes are those of TYPE A, and may be more than the file's */
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
	/* NOTICE_TRANSFER, where its data connection was looked at; form is its offer's */
	const struct notice_transfer *transfer;
	const struct notice_file *file;       /* NOTICE_TRANSFER, where its session was followed: then instead of text */
	bool adopted;
	uint64_t count;                       /* how many events this one stands for; 0: only for itself */
};

/*
 * The protection of a NOTICE_RELAY is that of its worse leg. If it failed before anything was carried, nobody knows what it
 * would have been.
 */
enum protection notice_relay_protection(const struct notice *notice);

#endif
