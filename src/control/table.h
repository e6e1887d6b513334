/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of all sessions, made from notices: who is connected, which pinhole waits, what moves and what has moved,
 * and why.
 *
 * No I/O and no clock: the caller says when a notice was made. All memory is bounded by the limits, taken in blocks as rows
 * are used for the first time, and used again; a notice costs the same whatever the tables hold.
 *
 * What peers said is kept as they said it, cut to the room that there is. Escape it where it is shown.
 */
#ifndef CONTROL_TABLE_H
#define CONTROL_TABLE_H

#include "base/histogram.h"
#include "ftpalg/notice.h"
#include "ftpalg/policy.h"
#include "ftpalg/session.h"

#define TABLE_PATH_MAX NOTICE_PATH_MAX
#define TABLE_NONE UINT32_MAX
/* Decisions of one session that are kept, the newest. */
#define TABLE_SESSION_DECISIONS 32

struct table_limits {
	uint32_t sessions;  /* that are open at a time; more than that are only counted */
	uint32_t ended;     /* that ended, and can still be asked about */
	uint64_t ended_time;/* for so many microseconds */
	uint32_t transfers; /* that ended */
	uint32_t decisions; /* of all sessions together */
	uint64_t key;       /* random: nobody chooses where a session's row is found */
	bool accounted;     /* each transfer has a NOTICE_TRANSFER, even after its session has ended */
};

/* As many bytes of a peer's words as there is room for. */
struct table_path {
	uint16_t length;
	uint16_t cut; /* how many more there were, which are left out */
	uint8_t bytes[TABLE_PATH_MAX];
};

enum row_state {
	ROW_LOGIN,
	ROW_IDLE,
	ROW_TRANSFER,
	ROW_OPAQUE,
	ROW_REFUSED, /* idle, and what was said last was refused */
	ROW_CLOSED,
	ROW_STATE_COUNT,
};

const char *row_state_name(enum row_state state);

struct session_row;

/* As it is shown: what goes on in it, or the last thing that went wrong. */
enum row_state session_row_state(const struct session_row *row);

enum transfer_direction {
	TRANSFER_DOWN,
	TRANSFER_UP,
	TRANSFER_LIST,
};

const char *transfer_direction_name(enum transfer_direction direction);
enum transfer_direction transfer_direction_of(enum verb verb);

/* Of the data connection. */
enum transfer_mode {
	TRANSFER_MODE_UNKNOWN,
	TRANSFER_ACTIVE,
	TRANSFER_PASSIVE,
};

/* One transfer. */
struct transfer {
	uint64_t time;    /* it was asked for; of one that has ended, when it ended */
	uint64_t session;
	struct nat_view view;
	uint8_t user_length;
	uint8_t user[SESSION_NAME_MAX];
	enum verb verb;
	enum transfer_direction direction;
	enum transfer_mode mode;
	struct table_path path; /* from the root, if it begins with a slash; else as the client said it */
	uint16_t code;    /* of its final reply; 0: there was none */
	uint64_t duration;
	bool tls;         /* the session's */
	enum protection protection;
	bool ascii;
	struct notice_transfer end;
};

/* What is under way. */
enum move_state {
	MOVE_NONE,
	MOVE_ASKED,   /* the command was said */
	MOVE_RUNNING, /* 1yz */
};

struct table_move {
	enum move_state state;
	struct transfer transfer;
	struct table_path name; /* as the client said it */
	bool preliminary;  /* there was a 1yz */
	bool abandoned;    /* ABOR was said */
	bool has_total;    /* as the server said it */
	uint64_t total;
	uint64_t rate;     /* bytes a second, of late */
	uint64_t measured; /* when bytes and rate were */
};

struct table_pinhole {
	bool open;
	bool used; /* since the newest offer */
	enum form form;
	struct expectation expectation;
	uint64_t opened;
	uint64_t until;
};

/* The lists that a row can be in at a time. */
enum row_links {
	ROW_LINK_LIFE,  /* free, or ended */
	ROW_LINK_GREED, /* with those that have as many decisions */
	ROW_LINKS,
};

struct row_link {
	uint32_t before;
	uint32_t after;
	bool linked;
};

struct session_row {
	uint64_t id; /* 0: the row is free */
	struct nat_view view;
	enum row_state state; /* LOGIN, IDLE or CLOSED */
	uint64_t opened;
	uint64_t active; /* the last notice */
	uint64_t closed;
	enum reason closed_reason;
	bool adopted;
	bool opaque;
	bool tls;        /* at the proxy, by which it can be read */
	bool veiled;     /* not all was read: what has been agreed on for data connections is not known */
	bool no_carrier;
	uint32_t refusals;
	enum reason refused;  /* the last one, since something went well; REASON_NONE */
	char rule[POLICY_NAME_MAX];
	uint8_t user_length;
	uint8_t user[SESSION_NAME_MAX];
	bool place_known;     /* place is the directory */
	struct table_path place;
	uint8_t moves_waiting;/* CWD and the like without a reply */
	bool place_lost;      /* there were several at once: the next 257 tells */
	struct table_path next_place; /* of CWD's argument */
	enum verb next_verb;
	bool rename_moves;    /* what RNFR named leads to place */
	bool ascii;           /* TYPE A */
	bool type_asked;      /* another one, without a reply: */
	bool next_ascii;
	bool size_asked;
	struct table_path size_of; /* of SIZE's argument, and then */
	bool size_known;
	uint64_t size;
	enum transfer_mode mode; /* of the newest offer */
	struct table_move move;
	struct table_pinhole pinhole;
	/* Private to table*.c: */
	uint32_t decision_first;
	uint32_t decision_last;
	uint32_t decision_count;
	uint32_t number;
	uint32_t hash_next;
	struct row_link links[ROW_LINKS];
};

enum decision_kind {
	DECISION_OPEN,
	DECISION_LOGIN,
	DECISION_TLS,
	DECISION_LINE,
	DECISION_REWRITE,
	DECISION_PINHOLE,
	DECISION_DATA,
	DECISION_REFUSE,
	DECISION_TRANSFER,
	DECISION_ANOMALY,
	DECISION_CLOSE,
	DECISION_KIND_COUNT,
};

const char *decision_kind_name(enum decision_kind kind);

#define DECISION_WORDS_MAX 96

/* One thing that was decided or said. Which members count depends on what. */
struct decision {
	uint64_t time;
	uint64_t session;
	enum decision_kind kind;
	enum notice_type type;
	enum reason reason;
	enum form form;
	enum verb verb;
	enum direction direction;
	uint16_t code;
	struct address from;
	struct endpoint first;  /* what was offered; where a pinhole is */
	struct endpoint second; /* what was announced; where a pinhole leads */
	uint32_t seconds;
	uint64_t bytes;
	enum transfer_outcome outcome;
	enum transfer_party by;
	uint8_t words_length;
	uint8_t words[DECISION_WORDS_MAX];
	bool cut;       /* there were more words */
	uint32_t after; /* private */
};

/* Of a proxied session, and of its data connections. */
enum table_leg {
	TABLE_LEG_CLIENT,
	TABLE_LEG_SERVER,
	TABLE_LEG_CLIENT_DATA,
	TABLE_LEG_SERVER_DATA,
	TABLE_LEGS
};

struct table_counters {
	uint64_t sessions;        /* since the start */
	uint64_t sessions_closed[REASON_COUNT];
	uint64_t unlisted;        /* of them, those that found no row */
	uint64_t pinholes_opened;
	uint64_t pinholes_by_form[FORM_229 + 1];
	uint64_t pinholes_used;
	uint64_t pinholes_ended;  /* unused, with their offer */
	uint64_t pinholes_unused; /* until their time was over */
	uint64_t refusals[REASON_COUNT];
	uint64_t anomalies[REASON_COUNT];
	uint64_t rewrites[FORM_229 + 1];
	uint64_t transfers;
	uint64_t transfers_by_verb[VERB_COUNT];
	struct histogram durations; /* of transfers */
	uint64_t outcomes[TRANSFER_OUTCOME_COUNT];
	uint64_t bytes_down;
	uint64_t bytes_up;
	uint64_t without_carrier; /* sessions */
	uint64_t tls_handshakes[TABLE_LEGS];
	uint64_t tls_resumptions[TABLE_LEGS];
	uint64_t events_lost;
	uint64_t decisions_evicted;
};

/* What is open now. */
struct table_gauges {
	uint32_t sessions;
	uint32_t opaque;
	uint32_t pinholes;
	uint32_t transfers;
};

struct table_refusal {
	uint64_t time; /* 0: there was none */
	struct address client;
	struct address server;
	enum reason reason;
};

struct tables;

/* NULL: no memory. */
struct tables *tables_make(const struct table_limits *limits);
void tables_free(struct tables *tables);

/*
 * Takes what happened at time, microseconds of any clock. Returns the transfer that has ended with it, as it is to be
 * reported; or NULL. Valid until the next call.
 */
const struct transfer *tables_take(struct tables *tables, const struct notice *notice, uint64_t time);

/*
 * What is known now of the file that a notice is about: a transfer's command, a reply that begins one, its end, or the
 * refusal of its command. False: it is about no file, or its session is not known. The name is put together in path; file is
 * valid until the next tables_take().
 */
bool tables_describe(const struct tables *tables, const struct notice *notice, struct table_path *path,
		     struct notice_file *file);

/* The same for a transfer that has ended. */
struct notice_file transfer_file(const struct transfer *transfer);

/*
 * The process whose first session has this number will say nothing more of its sessions: those that are open go on unseen,
 * or with another number.
 */
void tables_forget(struct tables *tables, uint64_t first_session, uint64_t time);

/* Does what is due; to be called once a second or more often. */
void tables_tick(struct tables *tables, uint64_t time);

/* Notes how many bytes have moved in the transfer that runs. */
void tables_note_progress(struct tables *tables, uint64_t session, uint64_t bytes, uint64_t time);

const struct table_counters *tables_counters(const struct tables *tables);
struct table_gauges tables_gauges(const struct tables *tables);
const struct table_refusal *tables_last_refusal(const struct tables *tables);

/* Rows in use, ended ones too, keep their numbers: the first from *number on, which becomes its own; or NULL. */
const struct session_row *tables_session_from(const struct tables *tables, uint32_t *number);
/* By its id; NULL: there is none. */
const struct session_row *tables_find_session(const struct tables *tables, uint64_t id);
/* The session of this client that was active last, an open one first; NULL: there is none. */
const struct session_row *tables_find_client(const struct tables *tables, const struct address *client);

/* The decisions of a row, the oldest first. before: the one that was returned last, or NULL. NULL: there are no more. */
const struct decision *tables_next_decision(const struct tables *tables, const struct session_row *row,
					    const struct decision *before);

/* Transfers that have ended are numbered. The first that is kept, and the one that will come next. */
uint64_t tables_first_transfer(const struct tables *tables);
uint64_t tables_end_of_transfers(const struct tables *tables);
/* NULL: it is not kept. */
const struct transfer *tables_transfer(const struct tables *tables, uint64_t number);

/* Likewise refusals and failed transfers of all sessions, the last few of them. */
uint64_t tables_end_of_news(const struct tables *tables);
const struct decision *tables_news(const struct tables *tables, uint64_t number);

#endif
