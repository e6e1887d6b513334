/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dialogue of one control connection: the waist of the hourglass. Everything that has lines (packets, a TLS proxy, a
 * capture, a test) calls session_input and obeys the outcome.
 *
 *                220                 2yz to a login
 *   GREETING ----------> LOGIN -----------------------> READY
 *      |                  |  ^                          |  |
 *      |                  |  +--- REIN, USER accepted --+  |
 *      |                  |  234                           |  234
 *      |                  +-------------> OPAQUE <---------+ |
 *      |                                   | |               |
 *      | HTTP, client first ...   not TLS  | |      CCC      |
 *      +--------> CLOSED <-----------------+ +---------------+
 *
 *   state      commands                       replies                          offers
 *   GREETING   none: close                    1yz, 220, 4yz, 5yz               refused
 *   LOGIN      all                            all                              refused (login-required)
 *   READY      all                            all, 227/8/9 only when asked     judged
 *   OPAQUE     not seen                       not seen                         none possible
 *   CLOSED     nothing passes                 nothing passes                   none possible
 */
#ifndef FTPALG_SESSION_H
#define FTPALG_SESSION_H

#include "ftpalg/notice.h"
#include "ftpalg/offer.h"
#include "ftpalg/policy.h"
#include "ftpalg/proxyheader.h"
#include "ftpalg/quota.h"

/* Commands that wait for their reply. RFC 959 has a dialogue of one; pipelining clients send a handful. */
#define SESSION_PIPELINE_MAX 48
#define SESSION_NAME_MAX 64
/* Commands of no RFC before the login. Clients that try out what a server knows send a dozen or two. */
#define SESSION_UNKNOWN_MAX 64
#define SESSION_PATH_MAX 128
#define SESSION_SECRETS_MAX 2

enum session_state {
	SESSION_GREETING,
	SESSION_LOGIN,
	SESSION_READY,
	SESSION_OPAQUE,
	SESSION_CLOSED,
};

/* The offer that is on the table; at most one, as the kernel's carrier holds one expectation. */
enum pinhole_state {
	PINHOLE_NONE,
	PINHOLE_OPEN,
};

/* What a line becomes. */
enum outcome_verdict {
	OUTCOME_PASS,   /* as it is */
	OUTCOME_EDIT,   /* with edit applied: an offer was announced in other words */
	OUTCOME_REFUSE, /* with edit applied: the line was overwritten, same length */
	OUTCOME_CLOSE,  /* not at all: both peers are reset */
};

/*
 * Which sequence adjustment the kernel must have before an edit that changes the length of the line leaves. Another reason
 * than REASON_NONE: it can't be known before the line is judged.
 */
struct outcome_planner {
	enum reason (*plan)(const void *context, const struct edit *edit, struct seqadj *seqadj);
	const void *context;
};

struct outcome {
	enum outcome_verdict verdict;
	enum reason reason;
	struct edit edit; /* EDIT and REFUSE only */
	/* Set by the caller where ops has expect_and_adjust. Where that was asked, correction is the one of the edit. */
	struct outcome_planner planner;
	struct correction correction;
};

/* A command that waits for its final reply. */
struct session_command {
	uint32_t number;
	uint16_t more; /* commands that keep a session alive, sent directly after this one */
	uint8_t verb;  /* enum verb; VERB_COUNT for a command that was overwritten */
	bool mixed : 1; /* there were others than of this verb among the more */
	/* From so many numbers on somebody reads what its client waits for, overwritten or not; 0: no endpoint. */
	uint8_t asked : 2;
};

/* A transfer command that waits for its final reply; of more at once than there is room for, the path is not kept. */
#define SESSION_TRANSFERS_MAX 3

struct session_transfer {
	bool waiting;
	uint8_t path_length;
	uint32_t number; /* of its command */
	uint64_t start;
	uint8_t path[SESSION_PATH_MAX];
};

/* A password that was said, as what it takes to find it again where a server repeats it. */
struct session_secret {
	uint32_t hash;
	uint16_t length; /* 0: none */
};

/* What a session has to keep only while a command waits for its reply or an offer is open, which is seldom. */
struct session_backlog {
	/* Commands without a final reply, oldest first, as a ring. */
	struct session_command pipeline[SESSION_PIPELINE_MAX];
	struct session_transfer transfers[SESSION_TRANSFERS_MAX];
	struct expectation expectation;      /* of the offer that is open */
	uint8_t next_name[SESSION_NAME_MAX]; /* of a USER that waits; of several only the first is kept */
};

struct session {
	uint64_t id;
	struct session_backlog *backlog; /* not NULL while a line is taken, a command waits or an offer is open */
	struct nat_view view;
	uint64_t now;                   /* of the line that was taken last, or of the end */
	const struct policy_rule *rule;
	const struct quota *quota;      /* NULL: no limits apply */
	struct quota_source *source;    /* the client's row; not NULL where quota is set */
	uint8_t state;    /* enum session_state */
	bool resizable;   /* lines may change their length */
	bool adopted;     /* the dialogue was under way when we first saw it */
	bool unseen_command; /* and nothing but replies has been seen since: one may answer a command from before */
	bool epsv_all;       /* EPSV ALL was accepted */
	bool epsv_all_asked; /* and epsv_all_number asked for it, and waits for its reply */
	bool terminated;  /* the caller speaks TLS itself: a 234 does not end inspection */
	bool secured;     /* what the client says arrives in TLS; ends with CCC and REIN */
	bool protected;   /* a security exchange is complete (RFC 2228), so a login may have been said unseen */
	bool line_lf;     /* the server's line that is taken next, or was taken last, ends with LF alone */
	bool ends_crlf;   /* the server ends lines of replies with CR LF */
	bool ends_lf;     /* one that may show names, since the login, with LF alone */
	bool torn;        /* so what begins a line may be the rest of a name, and not a reply */
	bool out_of_step; /* a client may be a reply behind: there was one too many, for some readers at least */
	uint8_t numbers_asked; /* from so many on somebody reads what the last command asks for; 0: it does not ask */
	bool maybe_answered; /* and may have had the reply to a command that waits for it here */

	uint16_t multiline;       /* the code that opened a multi-line reply; 0: none is open */
	uint16_t multiline_shown; /* and what the client has read in its place: 425 where it was refused */
	uint16_t multiline_loose; /* code of a line in it that some clients take for its end */
	bool multiline_offered;   /* an endpoint has been announced in it */
	bool multiline_numbers;   /* and there are such in it as some read with a code that the reply does not have */
	bool refused_continues;   /* a refusal of the current line goes on where the line does, and nowhere else */
	uint16_t refused_code;    /* what a refusal of the current line must begin with, so that it ends a reply */
	uint8_t answered;         /* verb of the command that the last line answered; VERB_COUNT: none */

	uint8_t pipeline_head; /* in the backlog */
	uint8_t pipeline_count;
	bool preliminary;     /* the oldest command has had a 1yz */
	bool any_command;     /* the client has sent a line that can be a command */
	uint8_t unknown_verbs;/* before the login */
	struct proxyheader header; /* of a load balancer, before everything else */
	uint32_t next_number; /* of the next command */
	uint32_t epsv_all_number;

	uint8_t pinhole;           /* enum pinhole_state */
	uint8_t pinhole_form;      /* enum form */
	bool pinhole_used;         /* its data connection is known to have been made */
	bool pinhole_asked;        /* a transfer was asked for since: the server may call */
	uint32_t pinhole_command;  /* number of the command that made the offer or asked for it */
	uint64_t pinhole_deadline; /* the kernel removes it then, if no data connection has */

	/* A name counts once its USER has been answered: until then, a reply speaks of the one before. */
	uint32_t next_name_number;
	struct session_secret secrets[SESSION_SECRETS_MAX]; /* the last ones, newest first */
	uint8_t name_length;
	uint8_t next_name_length;
	uint8_t name[SESSION_NAME_MAX];
};

/*
 * Begins a session. adopted: the connection was established before we saw it, so the greeting and the login are taken
 * as done. policy must outlive the session, or session_set_policy be called when it changes. backlog is the session's as
 * long as it lasts. It may be NULL: then session_lend is called before each session_input, and session_return after it.
 */
void session_open(struct session *session, struct session_backlog *backlog, const struct policy *policy,
		  const struct ops *ops, uint64_t id, const struct nat_view *view, bool resizable, bool adopted);

/* Lends a backlog, with whatever in it, to a session that has none. */
void session_lend(struct session *session, struct session_backlog *backlog);

/* Takes the backlog back that the session has no use for now, or NULL. ended: nothing will be asked of what waits. */
struct session_backlog *session_return(struct session *session, bool ended);

/*
 * From now on the session's pinholes count as source's. The caller has counted the session itself, and must keep source
 * valid until session_close.
 */
void session_set_quota(struct session *session, const struct quota *quota, struct quota_source *source);

/*
 * For a proxy, which terminates TLS: the session stays readable after AUTH and 234. secured: the client speaks TLS from
 * the first byte (implicit FTPS).
 */
void session_terminate_tls(struct session *session, const struct ops *ops, bool secured);

/* Judges the session by another policy from now on. What was opened stays open. */
void session_set_policy(struct session *session, const struct policy *policy);

/*
 * How the line ends that session_input will be given next: with CR LF, or with LF alone. A server ends all its lines that
 * may show a name in one way; a name that it repeats may have the other in it.
 */
void session_take_end(struct session *session, enum direction direction, bool crlf);

/*
 * Takes one line without its end, and fills outcome. Creates and deletes expectations through ops, and reports events.
 * In SESSION_OPAQUE and SESSION_CLOSED it must not be called.
 */
void session_input(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
		   uint64_t now, struct outcome *outcome);

/*
 * Takes back the offer that the last session_input accepted, because its edit can't be carried out: deletes the
 * expectation and turns outcome into a refusal of the same line.
 */
void session_revoke_offer(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
			  enum reason reason, struct outcome *outcome);

/*
 * May the client's next bytes be a header of the PROXY protocol? Then a caller that has bytes gives them to
 * proxyheader_take with the session's header, and lets what belongs to it pass; one that has lines need not ask, since
 * session_input takes version 1, which is a line.
 */
bool session_expects_header(const struct session *session);

/*
 * May the client speak? Not before the server has greeted. A greeting of several lines that ends with another code than
 * it began with (a 2yz) is over only for clients that go by any code, and only what the client says next shows that it
 * was.
 */
bool session_may_listen(const struct session *session);

/*
 * Must the beginning of an unfinished line be held back until the line is complete? False: it may pass now, and the
 * line, once complete, will not be edited.
 */
bool session_must_hold(const struct session *session, enum direction direction, struct bytes beginning);

/*
 * Does a line, which is longer than some peers' buffers, hold a command or a reply that those would take for a line of its
 * own? whole: all of the line is there, and what may follow counts too; session_input has asked that by itself. Otherwise it
 * is the beginning of one, of which the first `from` bytes have been asked about: true is a reason to hold the rest until
 * the line is complete.
 */
bool session_hides_line(const struct session *session, enum direction direction, struct bytes line, size_t from,
			bool whole);

/* For an adopted session: its bytes are TLS already. Reports it. */
void session_set_opaque(struct session *session, const struct ops *ops);

/* For a session that is opaque: its peers have left TLS (CCC, RFC 4217 12), so there are lines again. Reports it. */
void session_set_readable(struct session *session, const struct ops *ops);

/*
 * For an adopted session: could anybody read a line of this direction in these bytes, which end where a line ends and
 * need not begin where one begins?
 */
bool session_looks_like_line(enum direction direction, struct bytes line);

/*
 * And if they are not: may they pass as the rest of a line whose beginning the receiver has? The last gateway judged that
 * line whole, or knew that it would pass; but of a whole one the receiver may have got the beginning only, and its
 * sender may give it another end.
 */
bool session_may_pass_rest(const struct session *session, enum direction direction, struct bytes rest);

/* A session that has ended, and whose expectation waits to be deleted. */
struct session_farewell {
	uint64_t session;
	enum reason reason;
	enum reason absence; /* what it means if the kernel no longer has the expectation */
	enum form form;
	struct nat_view view;
	struct expectation expectation;
};

/* Reports what has become of the expectation, and then session-close. answer is what unexpect answers. */
void session_tell_end(const struct session_farewell *end, const struct ops *ops, enum reason answer);

/*
 * The session's pinhole, if it has one, is no longer this gateway's: its end is reported, with reason, and its source may
 * open another. The kernel keeps it.
 */
void session_leave_pinhole(struct session *session, const struct ops *ops, enum reason reason);

/* Ends the session: deletes its expectation, reports session-close with reason. Idempotent. */
void session_close(struct session *session, const struct ops *ops, enum reason reason, uint64_t now);

#endif
