/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tables' files share.
 *
 *   table.c            all of it
 *   table_notice.c     which notice changes what
 *   table_list.c       lists of rows
 *   table_session.c    rows: found by a hash, taken, ended, used again
 *   table_place.c      which directory a session is in, and what its paths are
 *   table_transfer.c   what moves, and what has moved
 *   table_decision.c   the pool of decisions
 */
#ifndef CONTROL_TABLE_INTERNAL_H
#define CONTROL_TABLE_INTERNAL_H

#include "control/table.h"

/* How many rows are taken from the system at a time. */
#define TABLE_BLOCK 128
#define TABLE_NEWS 64
/* The lowest bits of the ids, in which sessions of one process differ (run/feeds.c). */
#define TABLE_PROCESS_BITS 32

/* A list of rows, by their numbers. */
struct row_list {
	enum row_links link; /* that it goes by */
	uint32_t first;
	uint32_t last;
	uint32_t count;
};

struct tables {
	struct table_limits limits;
	struct table_counters counters;
	struct table_gauges gauges;
	struct table_refusal refusal;

	struct session_row **blocks;
	uint32_t capacity; /* rows that there may be */
	uint32_t fresh;    /* rows that have been used once: all that are used have lower numbers */
	uint32_t *hash;    /* the first row of each chain */
	uint32_t hash_mask;
	struct row_list free;
	struct row_list ended; /* oldest first */

	struct transfer *transfers;
	uint64_t transfer_end;

	struct decision *decisions;
	uint32_t decision_free;  /* the first of those that are free again */
	uint32_t decision_fresh; /* the first that was never used */
	struct row_list greedy[TABLE_SESSION_DECISIONS + 1]; /* rows by how many they have */

	struct decision news[TABLE_NEWS];
	uint64_t news_end;
};

/* table_session.c */
struct session_row *table_find_row(const struct tables *tables, uint64_t id);
/* NULL: no room. */
struct session_row *table_open_row(struct tables *tables, uint64_t id);
void table_end_row(struct tables *tables, struct session_row *row, enum reason reason, uint64_t time);
void table_forget_ended(struct tables *tables, uint64_t time);
/* False: no memory. */
bool table_open_sessions(struct tables *tables);
void table_close_sessions(struct tables *tables);

/* table_place.c */
/* A line about where the session is. */
void place_take_line(struct session_row *row, const struct notice *line);
/* Where the session is, is no longer known. */
void place_forget(struct session_row *row);
/*
 * Puts name, from the root where that is known, into path. now: it is the name of what the server is doing now; otherwise of
 * what it will do once it has done everything that it was asked for before.
 */
void place_resolve(const struct session_row *row, struct bytes name, bool now, struct table_path *path);
/* The same of a transfer's file, or of the directory that is listed. */
void place_resolve_file(const struct session_row *row, enum verb verb, struct bytes name, bool now, struct table_path *path);
/* What follows the verb and the spaces after it. Telnet codes may precede a verb. */
struct bytes place_argument(struct bytes line);
/* As a client said it. */
void place_set_name(struct table_path *path, struct bytes name);
/* A whole number of bytes that the server said: "(123 bytes)" in a 150, "213 123". False: none. */
bool place_read_size(struct bytes line, uint64_t *size);

/* table_transfer.c */
void transfer_take_line(struct session_row *row, const struct notice *line, uint64_t time);
const struct transfer *transfer_take_notice(struct tables *tables, struct session_row *row, const struct notice *notice,
					    uint64_t time);
void transfer_take_relay(struct session_row *row, const struct notice *notice);
/* A session ends, and what became of the transfer that it had will not be known. */
void transfer_drop(struct tables *tables, struct session_row *row, uint64_t time);

/* table_decision.c */
/* False: no memory. */
bool table_open_decisions(struct tables *tables);
/* Never NULL: an older one makes room. */
struct decision *table_add_decision(struct tables *tables, struct session_row *row, enum decision_kind kind, uint64_t time);
/* Somebody came to the pinhole but no connection was made, or nobody could come. */
bool table_reason_is_of_data(enum reason reason);
void table_note(struct tables *tables, struct session_row *row, const struct notice *notice, uint64_t time);
void table_forget_decisions(struct tables *tables, struct session_row *row);
void decision_set_words(struct decision *decision, struct bytes words);
/* Adds one that everybody should see. */
void table_add_news(struct tables *tables, const struct decision *decision);

/* table_list.c */
struct session_row *table_row(const struct tables *tables, uint32_t number);
/* At the end of a list; no row is in a list twice. */
void row_list_open(struct row_list *list, enum row_links link);
void row_list_append(struct tables *tables, struct row_list *list, struct session_row *row);
void row_list_remove(struct tables *tables, struct row_list *list, struct session_row *row);
/* The first, or NULL. */
struct session_row *row_list_first(const struct tables *tables, const struct row_list *list);

#endif
