/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a report consists of. Everything is taken from the report's memory, linked in the order in which it is shown,
 * and given back with the report as a whole.
 */
#ifndef REPORT_MODEL_H
#define REPORT_MODEL_H

#include "report/report.h"

#define REPORT_BUCKETS 4096
/* A password that is this long at least is masked wherever else its session says it. */
#define REPORT_SECRET_MIN 4
#define REPORT_SECRET_MAX 128
/* Type, version and length of a TLS record, RFC 8446 5.1. */
#define REPORT_RECORD_HEADER 5
/* How many of a session's passwords are remembered, the newest ones. */
#define REPORT_SECRETS 4

/* Bytes of a peer, masked already; more follow that are not kept. */
struct report_text {
	const uint8_t *data;
	uint32_t length;
	uint32_t more;
};

struct report_session;
struct report_transfer;

/* One data connection that the capture shows, as far as it belongs to an offer. */
struct report_data {
	struct report_data *next;    /* of the session */
	struct report_data *chained; /* of its bucket */
	struct report_session *session;
	const struct report_offer *offer;
	struct report_pinhole *pinhole; /* that let it in; NULL: none would have */
	const struct report_transfer *transfer;
	struct tuple tuple;          /* from who connects to who listens, as captured */
	uint32_t number;             /* in its session */
	uint32_t first;              /* number of its SYN */
	uint64_t start;
	uint64_t end;
	bool headless;               /* the capture doesn't have its SYN */
	bool answered;
	bool reset;
	struct report_flow {
		bool seen;
		bool finished;       /* FIN */
		uint32_t next;       /* end of what was sent */
		uint64_t bytes;
		uint64_t first;      /* times of its first and its last byte */
		uint64_t last;
	} flow[2];                   /* 0: from who connects */
};

struct report_pinhole {
	struct report_pinhole *next;
	uint32_t number;             /* in its session */
	enum form form;
	struct address source;
	struct endpoint destination;
	uint64_t opened;
	uint64_t closed;
	bool used;
	uint64_t used_at;            /* its data connection began; 0: the capture doesn't show it */
	bool ended;
	enum reason reason;          /* why it ended */
};

/* An endpoint that was announced, accepted or not: data connections are recognised by it. */
struct report_offer {
	struct report_offer *chained;
	struct report_session *session;
	struct report_pinhole *pinhole;
	struct endpoint endpoint;    /* as captured */
	bool active;
};

struct report_transfer {
	struct report_transfer *next;
	enum verb verb;
	struct report_text path;
	uint16_t code;
	uint64_t start;
	uint64_t duration;
	const struct report_data *data; /* NULL: the capture doesn't show it */
};

/* A decision of the gateway. */
struct report_decision {
	struct report_decision *next; /* on the same line */
	enum notice_type type;
	enum reason reason;
	enum form form;
	enum verb verb;
	uint16_t code;
	uint64_t time;
	uint64_t duration;
	bool adopted;
	bool rewritten;
	struct endpoint offered;
	struct endpoint announced;
	uint32_t timeout;
	const struct report_pinhole *pinhole;
	struct report_text text;
	const char *rule;             /* the policy's */
};

enum report_row_kind {
	REPORT_ROW_LINE,   /* somebody said something */
	REPORT_ROW_OTHER,  /* only decisions */
	REPORT_ROW_DATA,   /* a data connection begins */
	REPORT_ROW_OPAQUE, /* encrypted from here on */
	REPORT_ROW_LOST,   /* bytes are missing; not inspected from here on */
};

struct report_row {
	struct report_row *next;
	enum report_row_kind kind;
	enum direction direction;
	uint64_t time;
	struct report_text in;        /* as the sender sent it */
	struct report_text out;       /* as the receiver gets it, where that differs */
	bool left;                    /* something did leave */
	bool changed;                 /* something else than what came */
	bool continued;               /* belongs to the reply above it */
	bool unfinished;              /* its end never came */
	bool hidden;                  /* its beginning is missing, so it may be a password: nothing of it is kept */
	uint32_t decided;             /* a bit for each type of event that it has had */
	struct report_decision *decisions;
	struct report_decision *last_decision;
	struct report_offer *offer;   /* which the line announces */
	const struct report_data *data;
	uint64_t bytes[2];            /* that passed unread, by direction */
};

static inline bool report_row_had(const struct report_row *row, enum notice_type type)
{
	return (row->decided >> type & 1) != 0;
}

/* A line that is being put together, of what comes or of what leaves. */
struct report_assembly {
	bool begun;
	bool whole;                   /* it began where the connection did */
	bool encrypted;               /* TLS, of which nothing but the ends of its records can be read */
	uint8_t header_length;        /* of the record at hand: what is known of its header */
	uint8_t header[REPORT_RECORD_HEADER];
	uint32_t record;              /* bytes that are left of it */
	uint32_t next;                /* number of the next byte */
	uint8_t *line;                /* REPORT_ASSEMBLY bytes, NULL while there is none */
	uint32_t length;
	uint32_t more;
};

struct report_stream {
	struct report_assembly in;
	struct report_assembly out;
	struct report_row *awaited;   /* the first line that has not left yet */
	struct report_row *undecided; /* the first line that events may still be about */
	bool multiline;
	uint16_t multiline_code;
};

struct report_session {
	struct report_session *next;
	uint64_t connection;
	uint64_t id;                  /* as events name it; 0: not known yet */
	struct nat_view view;
	bool adopted;
	bool opaque;
	bool lost;
	bool full;                    /* no further rows are kept */
	bool ended;
	enum reason end;
	uint64_t start;
	uint64_t last;
	uint32_t row_count;
	uint32_t logins;
	uint32_t transfer_count;
	uint32_t refusals;
	uint32_t anomalies;
	uint32_t pinhole_count;
	uint32_t data_count;
	uint64_t bytes;               /* of data connections */
	struct report_text user;
	struct report_row *rows, *last_row;
	struct report_row *passing;   /* the OPAQUE or LOST row that counts bytes */
	struct report_pinhole *pinholes, *last_pinhole;
	struct report_transfer *transfers, *last_transfer;
	struct report_data *data, *last_data;
	struct report_stream stream[2];
	struct report_secret {
		uint32_t length;
		uint8_t bytes[REPORT_SECRET_MAX];
	} secrets[REPORT_SECRETS]; /* a ring */
	uint32_t secret_count;
};

struct report_totals {
	uint64_t sessions;
	uint64_t logins;
	uint64_t transfers;
	uint64_t bytes;
	uint64_t refusals;
	uint64_t anomalies;
	uint64_t pinholes;
	uint64_t used;
	uint64_t rows_left_out;
	uint64_t pinholes_left_out;
	uint64_t data_left_out;
	uint64_t transfers_left_out;
};

struct report_chunk;

struct report {
	struct replay_observer observer;
	struct report_chunk *chunks;
	struct report_totals totals;
	bool memory_full;
	uint32_t session_count;       /* that are shown */
	uint32_t row_count;
	uint32_t pinhole_count;
	uint32_t data_count;
	uint32_t transfer_count;
	struct report_session *sessions, *last_session;
	struct report_session *numbered[REPORT_SESSIONS_MAX]; /* 0 is the first connection */
	struct report_session *offered; /* a segment of it is in the gateway */
	bool offering;                  /* a segment is, of this or of a session that is not shown */
	struct report_decision *pending, *last_pending; /* events of that segment */
	struct report_offer *offers[REPORT_BUCKETS];
	struct report_data *datas[REPORT_BUCKETS];
};

/* Zeroed memory that lives as long as the report; NULL where there is no more. */
void *report_take(struct report *report, size_t size);
/* Keeps a copy of text, of which more bytes followed. */
struct report_text report_keep(struct report *report, struct bytes text, uint32_t more);

/* NULL for a session that is not shown. */
struct report_session *report_find_connection(struct report *report, uint64_t connection);
struct report_session *report_find_session(struct report *report, uint64_t id);
struct report_session *report_add_session(struct report *report, uint64_t connection, const struct nat_view *view);
/* NULL where the ladder is full. */
struct report_row *report_add_row(struct report *report, struct report_session *session, enum report_row_kind kind,
				  uint64_t time);
struct report_pinhole *report_add_pinhole(struct report *report, struct report_session *session);
/* The newest one to this destination that has not ended. */
struct report_pinhole *report_find_pinhole(const struct report_session *session, const struct endpoint *destination);
struct report_transfer *report_add_transfer(struct report *report, struct report_session *session);
uint32_t report_bucket(const struct endpoint *endpoint);

/*
 * report/lines.c: the bytes of a segment become lines, and lines find their offers. turns_opaque: TLS begins in it, or
 * after it.
 */
void report_take_in(struct report *report, struct report_session *session, const struct replay_segment *segment,
		    bool turns_opaque);
void report_take_out(struct report *report, struct report_session *session, const struct replay_segment *segment);
/* Lines that never got their end are shown without it. */
void report_end_lines(struct report *report, struct report_session *session);

/* report/place.c: the pending decisions of a segment go to its lines. last: what the ladder ended with before it. */
void report_place(struct report *report, struct report_session *session, enum direction direction,
		  struct report_row *last, uint64_t time);
/* Is what follows TLS, which is not read? */
bool report_turns_opaque(const struct report_decision *decision);
/* What the ladder shows in another way. */
bool report_is_shown_otherwise(const struct report_decision *decision);
/* row: NULL where the ladder is full. */
void report_add_decision(struct report *report, struct report_session *session, struct report_row *row,
			 struct report_decision *decision);

/* report/data.c */
void report_add_offer(struct report *report, struct report_session *session, struct report_row *row,
		      struct bytes line);
void report_take_data(struct report *report, const struct packet *packet, size_t length, uint64_t time);
/* The data connection that a transfer which ends now has used; NULL where none is known. */
struct report_data *report_claim_data(struct report_session *session, const struct report_transfer *transfer);

enum report_data_state {
	REPORT_DATA_COMPLETE,   /* the sender has ended it */
	REPORT_DATA_RESET,
	REPORT_DATA_OPEN,       /* the capture doesn't show its end */
	REPORT_DATA_UNANSWERED, /* nobody took it */
};

enum report_data_state report_judge_data(const struct report_data *data);

/*
 * report/mask.c: what is secret in a line is overwritten, in a buffer of REPORT_ASSEMBLY bytes of which length are
 * used. Returns the new length. learn: the line's secret is the session's from now on.
 */
#define REPORT_MASK_GROWTH 8
#define REPORT_ASSEMBLY_MAX (REPORT_LINE_MAX + REPORT_SECRET_MAX)
#define REPORT_ASSEMBLY (REPORT_ASSEMBLY_MAX + REPORT_MASK_GROWTH)
uint32_t report_mask_command(struct report_session *session, uint8_t *line, uint32_t length, bool learn);
/* The same for a reply, a name or a path. */
uint32_t report_mask_words(const struct report_session *session, uint8_t *words, uint32_t length);
/* A line as it may be kept, more bytes of which were not looked at. line is overwritten. */
struct report_text report_keep_line(struct report *report, struct report_session *session, enum direction direction,
				    uint8_t *line, uint32_t length, uint32_t more, bool learn);

#endif
