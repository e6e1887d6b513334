/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which connections were read in clear when they were forgotten because they had been silent for too long.
 *
 * Such a connection is adopted when it speaks again, and speech that looks like TLS makes an adopted session one that can't
 * be read. A client that has logged in could wait that long, and then say a line that has the look of a record, with an
 * offer in it. So what is remembered here goes on as what it was: what begins TLS in it is AUTH, read as any other line.
 *
 * A connection is four bytes here, of a keyed hash, in a set of four; where there are more the oldest is forgotten. There is
 * room for twice as many as there are rows, so to have one forgotten takes as many sessions that are silent for as long.
 */
#ifndef CORE_TCP_SILENT_H
#define CORE_TCP_SILENT_H

#include "ftpalg/base.h"

#define SILENT_WAYS 4

struct silent_set {
	uint32_t marks[SILENT_WAYS]; /* oldest first; 0: free */
};

struct silent_table {
	struct silent_set *sets; /* owned by the caller of silent_init */
	uint32_t mask;
	uint8_t key[16];
};

/* How many sets there are for so many rows: a power of two. */
uint32_t silent_set_count(uint32_t rows);

void silent_init(struct silent_table *table, struct silent_set *sets, uint32_t count, const uint8_t key[16]);

/* tuple is the original direction's, as in the table of flows. */
void silent_note(struct silent_table *table, const struct tuple *tuple);
bool silent_has(const struct silent_table *table, const struct tuple *tuple);
/* It is in TLS now. */
void silent_forget(struct silent_table *table, const struct tuple *tuple);

#endif
