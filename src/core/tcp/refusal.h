/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was refused after a look at conntrack, and until when the answer serves for whatever else comes of it.
 *
 * Anybody can send packets that belong to nothing, and a look costs more than all else that is done for a packet: processes
 * change, and the kernel is asked several times. Invariants:
 *
 *  - what is remembered is an answer about a tuple and never about a packet: nothing that one sender's packet says, and
 *    another's does not, is in it
 *  - an answer serves for REFUSAL_PAUSE_MAX at most, and then the next packet, from anybody, makes the gateway ask
 *    conntrack again
 *
 * So a flood of the tuple of somebody else's connection delays that connection's packets by a tenth of a second, which is
 * less than the time after which any sender repeats them, and only while they would be refused or just about.
 */
#ifndef CORE_TCP_REFUSAL_H
#define CORE_TCP_REFUSAL_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"

/* The first pause, microseconds; each refusal that follows another doubles it. */
#define REFUSAL_PAUSE_FIRST UINT64_C(1000)
#define REFUSAL_PAUSE_MAX UINT64_C(100000)
/* After a silence of this length the first pause applies again. */
#define REFUSAL_MEMORY UINT64_C(1000000)

/* 72 bytes a row; where its set is full, the one whose pause ends first makes room. */
#define REFUSAL_SETS 1024
#define REFUSAL_WAYS 4

/* The answers to these differ. */
enum refusal_kind {
	REFUSAL_NONE,
	REFUSAL_HANDSHAKE, /* a SYN and ACK */
	REFUSAL_SPEECH,    /* payload of a connection that has no session */
};

struct refusal {
	struct tuple tuple;
	enum refusal_kind kind; /* NONE: free */
	enum reason reason;
	uint32_t pause;
	uint64_t until;
};

struct refusal_table {
	uint8_t key[16];
	struct refusal rows[REFUSAL_SETS][REFUSAL_WAYS];
};

/* table is zeroed memory. The key makes sure that nobody knows which tuples share a set. */
void refusal_table_init(struct refusal_table *table, const uint8_t key[16]);

/* Why a packet of this kind with this tuple is refused without a look; REASON_NONE: there must be one. */
enum reason refusal_find(const struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple,
			 uint64_t now);

/* A look has led to a refusal, for this reason. */
void refusal_note(struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple, enum reason reason,
		  uint64_t now);

/* A look has led to something else. */
void refusal_forget(struct refusal_table *table, enum refusal_kind kind, const struct tuple *tuple);

#endif
