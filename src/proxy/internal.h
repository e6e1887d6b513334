/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the proxy's files share.
 *
 *   proxy.c           the process: listeners, limits, signals
 *   admission.c       which connections come here: those that the operator's forward chains let pass
 *   inlets.c          the sockets through which they come, which outlive a process
 *   interception.c    how connections come here, and from which addresses the proxy makes its own
 *   begin.c           a connection that comes: may it, and to which server
 *   session.c         one control connection: its two legs, its timer, its end
 *   header.c          what a load balancer says before its client
 *   line.c            lines between the legs, through the core
 *   prepare.c         TLS with a server whose client speaks none
 *   transfer_reply.c  what the client hears of the data connection
 *   pinhole.c         the core's expectations, as listeners and kernel expectations
 *   transfer.c        the data connection of the latest offer, followed
 *   dialogue.c        the core, asked about a line, and the proxy's own answers
 *   security.c        AUTH, PBSZ, PROT and their kin: what the legs agree on
 *   handshake.c       TLS begins on a leg
 *   mint.c            certificates, from the process that has the authority's key
 *   leg.c             one leg: bytes in and out
 *   bypass.c          TLS that is passed on unopened
 *   bypass_table.c    the demands for which it is
 *   hello_watch.c     the name for which it is, and no other
 *   clear.c           TLS ends on a leg, and the leg goes on in clear
 *   state.c           what all of these ask of a session, and how it is refused
 *   turns.c           who does its work next (turn_queue.c)
 */
#ifndef PROXY_INTERNAL_H
#define PROXY_INTERNAL_H

#include <event2/buffer.h>
#include <event2/event.h>

#include "config/config.h"
#include "ftpalg/quota.h"
#include "ftpalg/session.h"
#include "host/host.h"
#include "process/heartbeat.h"
#include "proxy/bypass_table.h"
#include "proxy/hello_watch.h"
#include "proxy/relay.h"
#include "proxy/turns.h"
#include "tls/wire.h"

/* What one leg may have waiting for the other: a few long lines. */
#define LEG_BUFFER_MAX 16384U

/* Reads, lines and bytes of a header that one session may have in one turn of the loop, whichever peer they come from. */
#define SESSION_STEPS 256U

/* For connecting, for TLS handshakes, and for what the proxy itself says to a server. */
#define PROXY_SETUP_SECONDS 30
#define PROXY_FINISH_SECONDS 10

struct proxy {
	const struct config *config;
	const struct policy *policy; /* in force */
	struct host host;
	struct tls *tls;
	int mint_channel; /* to the keys process */
	struct event *mint_watch;
	struct event *mint_timer;
	struct event_base *base;
	struct quota quota;
	struct quota_source refusals; /* what is minted for sessions that are refused, whosever they are */
	struct outcome outcome;          /* of the line that is being judged */
	uint8_t line[LINE_MAX_LENGTH + 2];
	uint64_t next_session;
	uint32_t sessions;
	struct heartbeat *page; /* where the supervisor sees how many they are; NULL: there is none */
	struct relay_list relays;
	uint64_t relays_max; /* control connections of all sessions still have descriptors then */
	struct proxy_session *first;
	struct bypass_table bypasses;
	struct turns turns;
	struct turn_source *turn_sources; /* one for each row of quota's sources */
	struct turn_source nobody;        /* what no row of quota is known for, and connections that arrive */
};

enum leg_side {
	LEG_CLIENT,
	LEG_SERVER,
	LEG_COUNT,
};

/*
 * TLS on a leg.
 *
 *   CLEAR --AUTH answered, or implicit--> STARTING --what was said in clear has left--> SHAKING --> SECURE
 *     ^                                                                                  |   ^        |
 *     |                    a client's ClientHello is there: WAITING for the server <-----+   |        |
 *     |                                                       |                              |        |
 *     |                                                   MINTING --a certificate to show----+        |
 *     +--our close_notify-- CLEARING <--------------------------- CCC or REIN answered ---------------+
 *
 *   A server's handshake may fail: DEMANDED, for want of a certificate (in TLS 1.3 it says so once SECURE), or FAILED.
 */
enum leg_phase {
	LEG_CLEAR,
	LEG_STARTING, /* TLS begins once out is empty, and the server's with the client's: nothing is read before it */
	LEG_SHAKING,
	LEG_WAITING,  /* the client's handshake waits for its certificate */
	LEG_MINTING,  /* which is chosen, and being made */
	LEG_SECURE,
	LEG_CLEARING, /* TLS ends once out is empty */
	LEG_DEMANDED, /* the server has ended TLS for want of a certificate */
	LEG_FAILED,
};

/* What is read from a leg. */
enum leg_input {
	LEG_READS,
	LEG_SAID_END, /* close_notify came while REIN waits for its reply, which tells what it means */
	LEG_ENDED,    /* nothing more will be read */
};

/* What is written to it. */
enum leg_output {
	LEG_WRITES,
	LEG_FINISHING, /* nothing more will be put into out */
	LEG_FINISHED,
};

struct leg {
	struct wire wire;
	struct event *watch;
	struct evbuffer *in;
	struct evbuffer *out;
	uint64_t line_since; /* when the line began that is not finished; 0: none is */
	size_t token;        /* bytes of that line that carry a token and have been dropped */
	bool connected;
	enum leg_phase phase;
	enum leg_input input;
	enum leg_output output;
	struct tls_stream *ending; /* TLS has ended for what we say; what the peer says may still be in it */
	bool ending_begun;         /* and the first byte of a record of it has been seen */
};

/* Is a handshake going on? */
static inline bool leg_is_shaking(const struct leg *leg)
{
	return leg->phase == LEG_SHAKING || leg->phase == LEG_WAITING || leg->phase == LEG_MINTING;
}

/* Nothing more is put into out: what is in it leaves, and then our end. */
static inline void leg_finish(struct leg *leg)
{
	if (leg->output == LEG_WRITES)
		leg->output = LEG_FINISHING;
}

enum prepare_step {
	PREPARE_NONE,
	PREPARE_GREETING,
	PREPARE_AUTH,
	PREPARE_TLS,
	PREPARE_PBSZ,
	PREPARE_PROT,
	PREPARE_CLEAR,
};

/* The listener for the core's one expectation. */
struct pinhole {
	int descriptor; /* -1: there is none */
	struct event *watch;
	bool active;
	bool used;
	bool late;      /* nobody may come any more but who has begun to */
	bool knocked;   /* somebody has come, or the time for that is over */
	bool overdue;   /* it is over */
	bool commanded; /* the transfer command has gone to the server */
	enum relay_end sender; /* and whose bytes are its file */
	bool direct;    /* for a third party: the kernel's expectation is all there is */
	struct address source;     /* who may come */
	struct endpoint target;    /* to whom it is relayed */
	struct expectation inward; /* lets the peer's connection in */
	struct expectation onward; /* active mode: gives ours to the client the server's address */
	struct expectation named;  /* as the session knows it, and events name it */
};

/* The command that changes what the legs are protected with, and waits for its reply: nothing else passes until then. */
enum security_change {
	SECURITY_SETTLED,
	SECURITY_AUTH,
	SECURITY_PROT,
	SECURITY_REIN,
};

struct proxy_session {
	struct proxy *proxy;
	struct proxy_session *previous;
	struct proxy_session *next;
	struct leg leg[LEG_COUNT];
	struct event *timer;
	struct turn turn;
	unsigned int steps; /* that are left in this turn */
	bool shook;         /* a handshake has had its step in this turn */
	bool expired;       /* the timer has */
	struct session session;
	struct session_backlog backlog;
	struct ops ops; /* its context is this */
	struct quota_source *source;
	struct nat_view client_master; /* the legs, as conntrack knows them */
	struct nat_view server_master;
	struct tls_tickets *tickets;
	struct relay_account *relays; /* NULL until there is a source to count them for */
	struct pinhole pinhole;
	struct relay_follower transfer; /* the data connection of the latest offer */
	uint16_t cut_code;  /* a reply with this code has begun that the client does not read; 0: none has */
	bool holds_reply;   /* a final reply waits for the data connection */
	bool block_mode;    /* MODE B or C: data connections don't end with their files */
	bool block_asked;   /* by the MODE that waits for its reply */
	struct relay_follower earlier; /* that of a transfer which waits for its reply, while there is a newer offer */
	bool has_earlier;
	enum verb earlier_verb;
	bool stirred;       /* a data connection has changed */
	struct evbuffer *greeting;     /* PREPARE: held until the server's leg is secure */
	char failure[2 * TLS_ERROR_MAX]; /* what objection may be */
	const char *objection;         /* to the server: told to the client once it can be */
	enum reason objection_reason;
	enum prepare_step prepare;
	bool counted;   /* among those of all processes */
	bool implicit;
	bool closing;
	bool opaque;    /* TLS passes unopened: there are no more lines */
	struct hello_watch hello; /* and if a name is why, its ClientHellos */
	bool steered;   /* the client has said in clear what may lead it to another server behind the same address */
	bool refused;   /* by the server's greeting: nothing more is said to it */
	bool again;     /* something moved, or may: go round once more */
	enum security_change change;
	bool change_protects; /* what protect is to be after it: AUTH SSL and TLS-P protect data connections too */
	bool protect;   /* PROT P is in force */
	bool level_unsaid; /* behind an implicit port: no PROT yet, so only the peers know */
	bool pbsz;
	bool features;  /* the reply to FEAT is passing */
	bool cleared;   /* CCC: the control connection is in clear, and data connections stay as PROT has them */
};

/* proxy/state.c */
/* The session asks for a turn, in which it is pumped. */
void proxy_session_wake(struct proxy_session *session);
/* Takes one of the session's steps. False: it has had them all, and goes on in the loop's next turn. */
bool proxy_session_step(struct proxy_session *session);
/* The session's deadline, from now. */
void proxy_session_set_timer(struct proxy_session *session, uint64_t seconds);
/* A TLS handshake begins: it has a deadline of its own. */
void proxy_session_expect_handshake(struct proxy_session *session);
/* Tells the client, where it can be told, and ends the session. */
void proxy_session_reject(struct proxy_session *session, enum reason reason, const char *text);
void proxy_session_report(struct proxy_session *session, enum notice_type type, enum reason reason, const char *text);
/* The number of the [server] that this one is, by its address and the name that the client asked for in TLS. */
size_t proxy_find_server(const struct proxy_session *session);
bool proxy_client_has_tls(const struct proxy_session *session);
bool proxy_server_has_tls(const struct proxy_session *session);
/* The same for tls.h: TLS_NO_PAIR where there is none. */
size_t proxy_server_pair(const struct proxy_session *session);

/* Where what this source wants waits for its turn; NULL: nobody's. */
struct turn_source *proxy_find_turns(struct proxy *proxy, const struct quota_source *source);

/* One session more, or one less. */
void proxy_count_session(struct proxy *proxy, int change);

/* proxy/begin.c */
/* Takes over descriptor. */
void proxy_session_begin(struct proxy *proxy, int descriptor);

/* proxy/session.c */
/* A session with its client's leg. Takes over descriptor. NULL: no memory. */
struct proxy_session *proxy_session_make(struct proxy *proxy, int descriptor);
/* The server's leg, whose connection may still be on its way. Takes over descriptor. False: no memory. */
bool proxy_session_add_server(struct proxy_session *session, int descriptor);
/* The core takes it from here. */
void proxy_session_start(struct proxy_session *session, const struct nat_view *view);
/* The connection to the server is there. */
void proxy_session_meet_server(struct proxy_session *session);
/* Frees a session that has not started; nobody can be told more than that it does not go on. view may be NULL. */
void proxy_session_turn_away(struct proxy_session *session, const struct nat_view *view, enum reason reason);
/* Moves whatever can be moved in one turn; may free session. */
void proxy_session_pump(struct proxy_session *session);
/* Ends the session at once. */
void proxy_session_free(struct proxy_session *session, enum reason reason);

/* proxy/admission.c */
struct admission;
/*
 * queue: a descriptor that is bound to the configured queue, which is taken over. NULL, with what to do in error (of size
 * bytes). Packets wait in the queue until it is watched.
 */
struct admission *admission_open(const struct config *config, struct host *host, int queue, char *error, size_t size);
bool admission_watch(struct admission *admission, struct proxy *proxy);
/* NULL is nothing to close. */
void admission_close(struct admission *admission);

/* proxy/interception.c */
/* The socket where intercepted connections arrive, or -1 with errno. */
int interception_listen(const struct config_proxy *config, enum family family, int backlog);
/* Fills view but for client_seen, and the session's client_master. False: the connection was not intercepted. */
bool interception_find_ends(struct proxy_session *session, struct nat_view *view);
/* Begins to connect to view's server; a socket, or -1. */
int interception_dial(struct proxy_session *session, const struct nat_view *view);
/* A socket for a data connection's end at this side, bound to local, which may be the other peer's address; or -1. */
int interception_socket(const struct proxy *proxy, enum leg_side side, const struct endpoint *local);

/* proxy/header.c */
/* Passes on what there is of a header, where the policy expects one. False: the connection broke. */
bool header_pass(struct proxy_session *session);

/* proxy/leg.c */
bool leg_open(struct leg *leg, struct event_base *base, int descriptor, event_callback_fn on_event, void *context);
void leg_close(struct leg *leg);
/* Reads what there is, up to the bounds. False: the connection broke. */
bool leg_fill(struct proxy_session *session, struct leg *leg, const struct leg *other);
bool leg_drain(struct proxy_session *session, struct leg *leg);
void leg_say(struct leg *leg, const char *text);

/* proxy/handshake.c */
/* Goes on with TLS on either leg. */
void handshake_go_on(struct proxy_session *session);
void handshake_start_server(struct proxy_session *session, const char *name);

/* proxy/dialogue.c */
/* Has the core judge a line. False: it has ended the session. */
bool dialogue_judge(struct proxy_session *session, enum direction direction, struct bytes line);
/*
 * The command that is answered after index others; VERB_COUNT for one that was overwritten, and where so many don't wait.
 */
enum verb dialogue_verb(const struct session *core, unsigned int index);
/* Does a command with this verb wait for its reply? */
bool dialogue_waits(const struct session *core, enum verb verb);
/*
 * Does the command that is answered after index others transfer a file? SITE, and an unknown command, do if a 1yz says so.
 */
bool dialogue_is_transfer(const struct session *core, unsigned int index);
/* The first transfer that waits for its reply; VERB_COUNT: none does. */
enum verb dialogue_first_transfer(const struct session *core);
/* A reply of the proxy's own to the command that was judged last. */
void dialogue_answer(struct proxy_session *session, const char *text);

/* proxy/mint.c */
/* For struct tls_settings; context: the proxy. */
bool mint_ask(void *context, const struct mint_order *order);
bool mint_watch(struct proxy *proxy);
void mint_close(struct proxy *proxy);

/* proxy/line.c */
void proxy_take_lines(struct proxy_session *session, enum leg_side side);

/* proxy/security.c */
/* Must this command wait until all before it are answered? */
bool security_is_own(enum verb verb);
/* The proxy's answer to a command, or NULL: it is passed on. */
const char *security_answer(struct proxy_session *session, enum verb verb, struct bytes argument);
/* The final reply to verb was passed on, or given by the proxy. */
void security_take_reply(struct proxy_session *session, enum verb verb, uint16_t code);
/* What protects a data connection that is made now. */
struct relay_level security_find_level(const struct proxy_session *session);
/* False: this line of the reply to FEAT is left out. */
bool security_passes_feature(const struct proxy_session *session, struct bytes line);
/* Lines that the reply to FEAT is to have before its last. */
const char *security_more_features(const struct proxy_session *session);

/* proxy/prepare.c */
void prepare_begin(struct proxy_session *session);
/* Takes the server's lines until the server's leg is ready. */
void prepare_take_line(struct proxy_session *session, struct bytes line);
/* A reply to REIN: true if it is held until the server's leg is ready again. */
bool prepare_again(struct proxy_session *session, struct bytes line, const struct reply *reply);
/* Goes on after a handshake, and after TLS has ended. */
void prepare_go_on(struct proxy_session *session);

/* proxy/bypass.c */
/* A command has gone to the server, which may make TLS begin with another host than it would have. */
void bypass_take_command(struct proxy_session *session, enum verb verb);
/* TLS is to begin on the client's leg. True: it begins, or the session has become opaque; false: not yet. */
bool bypass_judge(struct proxy_session *session);
/* The server, whose own certificate is good, demands one of its client: that is remembered. */
void bypass_note_demand(struct proxy_session *session);
/* Moves the bytes of an opaque session. */
void bypass_move(struct proxy_session *session);

/* proxy/clear.c */
/* What is in out leaves in TLS, then close_notify; then the leg is in clear. */
void clear_begin(struct leg *leg);
/*
 * TLS ends on both legs: did something come in TLS that would go on in clear? True: the session is ended. What a client says
 * in clear may wait.
 */
bool clear_judge_rest(struct proxy_session *session);
/* False: there is no room for close_notify yet. */
bool clear_finish(struct leg *leg);
/* Reads from a leg whose TLS is ending. */
enum tls_result clear_read(struct leg *leg, uint8_t *out, size_t size, size_t *length);
/* close_notify that came without a reply to REIN before it is the end of the connection. */
void clear_judge_end(struct proxy_session *session);
/* Forgets what ties data connections to this login. False: no memory. */
bool clear_tickets(struct proxy_session *session);

/* proxy/pinhole.c */
enum reason pinhole_expect(void *context, const struct nat_view *master, struct expectation *expectation);
enum reason pinhole_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation);
enum reason pinhole_peek(void *context, const struct nat_view *master, const struct expectation *expectation);
void pinhole_close(struct proxy_session *session);
/* In the session's turn: takes who has come since the last one. */
void pinhole_take_turn(struct proxy_session *session);
/* The kernel has seen a data connection begin that has not come here yet. Takes it if it has. */
bool pinhole_is_awaited(struct proxy_session *session);

/* proxy/transfer.c */
void transfer_open(struct proxy_session *session);
/* The leg that sends the command's file; RELAY_ENDS: it has none. */
enum relay_end transfer_source(enum verb verb);
/* What became of verb's file. Where it is not known which leg sends it, the worse of the two. */
enum relay_outcome transfer_find_outcome(const struct relay_follower *follower, enum verb verb);
/* The command has been passed on to the server. */
void transfer_take_command(struct proxy_session *session, enum verb verb, struct bytes argument);
/*
 * The command has been answered: who has yet to come for the latest offer comes for the next one; and if it was refused, who
 * has come does too.
 */
void transfer_release(struct proxy_session *session, enum verb verb, bool refused);
/* An offer was made: replies are no longer about the data connection before it. */
void transfer_begin_offer(struct proxy_session *session);

/* proxy/transfer_reply.c */
/* Must the server's next reply wait? */
bool transfer_holds_reply(struct proxy_session *session);
/* False: the client does not read this line; where it was the last one, it has read another. */
bool transfer_judge_reply(struct proxy_session *session, struct bytes line, const struct reply *reply);
/* verb has been answered, which may change how later replies are judged. begun: a 1yz came before. */
void transfer_take_reply(struct proxy_session *session, enum verb verb, uint16_t code, bool begun);

#endif
