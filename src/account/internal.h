/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the account share: its rows. Links are indices plus one, so zeroed memory is valid. */
#ifndef ACCOUNT_INTERNAL_H
#define ACCOUNT_INTERNAL_H

#include "account/account.h"
#include "account/measure.h"
#include "ftpalg/session.h"

/* The data connection; account.c draws it. */
enum row_state {
	ROW_BARE,        /* no offer of this transfer was seen */
	ROW_WAITING,     /* the kernel expects it */
	ROW_DELETED,     /* the kernel was made to forget it */
	ROW_CALLED,      /* its first packet has come */
	ROW_CALLING,     /* conntrack has an entry: this host has let the packet pass */
	ROW_OPEN,        /* it is established */
	ROW_ENDED,
	ROW_REFUSED,     /* answered with a reset */
	ROW_FORBIDDEN,   /* the gateway refused the offer, or the transfer */
};

enum row_transfer {
	ROW_NO_TRANSFER,
	ROW_ASKED,    /* its command has passed */
	ROW_ANSWERED, /* its final reply, or its session's end */
};

/* What has been reported of a row's offer. */
enum row_offer {
	ROW_OFFER_NONE,
	ROW_OFFER_OPEN,
	ROW_OFFER_ENDING, /* the gateway has reported its end, which waits for the truth */
	ROW_OFFER_TOLD,
};

enum row_index {
	ROW_BY_SESSION,
	ROW_BY_EXPECTED, /* source's address, and where it goes to as it arrives */
	ROW_BY_FORWARD,  /* the same at the FORWARD hook */
	ROW_BY_ID,       /* of conntrack */
	ROW_INDEX_COUNT,
};

/* The order of rows that wait equally long, and of all rows. */
enum row_order {
	ROW_BY_AGE,
	ROW_BY_WAIT,
	ROW_ORDER_COUNT,
};

enum row_wait {
	ROW_WAIT_NONE,
	ROW_WAIT_BRIEF, /* for facts that are on their way */
	ROW_WAIT_LONG,  /* for the data connection's end */
	ROW_WAIT_COUNT,
};

struct row_links {
	uint32_t older;
	uint32_t newer;
};

/* A transfer's file: struct notice_file. */
struct row_file {
	bool followed;  /* by what follows the session; otherwise there is only a path as the client said it */
	bool ascii;
	enum protection protection;
	uint8_t user_length;
	uint8_t user[SESSION_NAME_MAX];
	uint16_t path_length;
	uint8_t path[NOTICE_PATH_MAX];
	size_t cut;
};

/* In the order of what happens, and not of sizes. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct row {
	bool used;
	uint64_t session;
	struct nat_view view;
	enum form form;
	struct expectation expectation;
	struct tuple expected;  /* the source has no port */
	struct tuple forward;   /* its source has the caller's port as soon as that is known */
	enum transfer_party caller; /* whose packets are of the data connection's original direction */
	enum row_state state;
	bool established;       /* it was, once */
	bool lossy;             /* facts have been lost in its life */
	bool exposed;           /* before conntrack's entry said which data connection is its own */
	bool shared;            /* another offer had its port, or may have had: if exposed, facts may be that one's */
	bool torn;              /* notices have been lost in its life */
	bool offloaded;
	bool inquired;          /* its counters have been asked for */
	bool answered;          /* the called peer's SYN and ACK came to this host */
	bool heard;             /* the kernel has said that somebody came; the gateway may have guessed so before */
	bool deleted;           /* somebody has deleted the expectation, and the gateway says so if it was the gateway */
	bool known;             /* conntrack's entry: */
	uint32_t id;
	struct tuple original;
	enum fact_state ends;   /* how far it has come to its end; UNKNOWN: that has not begun */
	uint64_t began;
	uint64_t progressed;    /* when its progress was last reported */
	struct measure measures[2];    /* per enum direction of the data connection: ORIGINAL is the caller's */
	bool fin[2];
	bool rst[2];
	enum direction fin_first; /* of several */
	enum direction rst_first;
	bool closed;            /* the gateway has told the end of the offer: */
	enum row_offer offer;
	enum reason close_reason;
	uint64_t close_time;
	enum row_transfer transfer;
	bool served;            /* one has been reported before */
	bool aborted;           /* the client has said ABOR */
	enum verb verb;
	uint16_t code;
	struct row_file file;
	uint64_t asked;         /* when */
	uint64_t said;          /* the same by the clock of notices */
	uint64_t duration;
	uint64_t time;          /* of the transfer's notice */
	bool relayed;           /* the proxy has carried it, and says: */
	enum reason relay_reason;
	enum transfer_party relay_by;
	enum protection relay_protection;
	uint64_t to_server;
	uint64_t to_client;
	bool farewell;          /* the session's end is reported once none of its rows is left: */
	enum reason farewell_reason;
	uint64_t farewell_time;
	enum row_wait wait;
	uint64_t waits_since;
	uint32_t next[ROW_INDEX_COUNT];
	uint32_t before[ROW_INDEX_COUNT]; /* 0: it is the first of its bucket */
	bool indexed[ROW_INDEX_COUNT];
	uint32_t hash[ROW_INDEX_COUNT];
	struct row_links links[ROW_ORDER_COUNT];
};

struct row_list {
	uint32_t oldest;
	uint32_t newest;
};

struct table {
	struct row *rows;
	uint32_t count;
	uint32_t fresh;      /* rows that were never used begin here */
	uint32_t free_first; /* by next[0] */
	uint32_t mask;
	uint32_t *buckets[ROW_INDEX_COUNT];
	struct row_list ages;
	struct row_list waits[ROW_WAIT_COUNT];
	uint8_t key[16];
};

/* As many control connections may end at a time, on as many processors, before their expectations are gone. */
#define MASTERS_GONE_MAX 64

struct master_gone {
	struct tuple tuple;
	uint64_t when; /* 0: there was none */
};

struct account {
	struct account_ops ops;
	bool opened;
	bool busy;        /* a row is being changed */
	struct account_counters counters;
	unsigned int losing; /* sockets whose facts are being lost */
	bool hearing;     /* facts that no socket has any more may not have been taken yet */
	bool interrupted; /* the process before this one ended while it was losing or hearing */
	bool copying;     /* this host copies segments */
	uint64_t sampled; /* when a sample of any data connection was seen */
	uint64_t heard;   /* all facts that existed by then have been taken */
	uint64_t torn;    /* when notices were lost; 0: all facts of before have been taken */
	struct master_gone gone[MASTERS_GONE_MAX]; /* the last of them */
	uint32_t gone_next;
	struct table table;
};

/* In memory of this size, all zeros. */
size_t table_size(uint32_t rows);
void table_init(struct table *table, void *memory, uint32_t rows, const uint8_t key[16]);

/* A row for session, zeroed but for that; NULL: there is none free. */
struct row *table_take(struct table *table, uint64_t session);
void table_give(struct table *table, struct row *row);
/* The one that was taken first, and the one that was taken after a row. NULL: there is none. */
struct row *table_oldest(const struct table *table);
struct row *table_newer(const struct table *table, const struct row *row);

/* Puts the row into an index, under the key that it has now, or takes it out. */
void table_index(struct table *table, struct row *row, enum row_index index);
void table_unindex(struct table *table, struct row *row, enum row_index index);

/* The rows that may be under a key, newest first: those that are not have the same hash. NULL at the end. */
struct row *table_find_session(const struct table *table, uint64_t session);
struct row *table_find_tuple(const struct table *table, enum row_index index, const struct tuple *tuple);
struct row *table_find_id(const struct table *table, uint32_t id);
struct row *table_find_next(const struct table *table, const struct row *row, enum row_index index);

/* The row waits from now on, or no longer. */
void table_wait(struct table *table, struct row *row, enum row_wait wait, uint64_t now);

/* The one that has waited for longest; NULL: none does. */
struct row *table_first_waiting(const struct table *table, enum row_wait wait);

/* The data connection's direction in which the file goes. */
enum direction verdict_direction(const struct row *row);

/* What became of a row's data connection and transfer, as far as it is known. */
void verdict_give(const struct row *row, struct notice_transfer *verdict);

/* And of its offer: REASON_USED, or why not. */
enum reason verdict_judge_offer(const struct row *row);

/* Is there nothing more to be learnt? */
bool verdict_is_final(const struct row *row);

#endif
