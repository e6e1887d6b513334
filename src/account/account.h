/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of each offer and of each transfer: put together from what the gateway says (struct notice) and what the
 * kernel says of data connections (struct fact). No I/O, no clock, and no allocation except at the start. now is
 * microseconds of a clock that never goes back.
 *
 * An offer that the kernel waits for has a row, and so has a transfer; the transfer takes the row of its offer. account.c
 * draws the states of a row.
 */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "account/fact.h"
#include "ftpalg/notice.h"

struct account;

struct account_ops {
	void *context;

	/*
	 * A notice that was kept back, with the truth in it, or one that the account itself makes: pinhole-used as soon as
	 * the data connection exists; pinhole-close where it failed; transfer; session-close after these. time is the one
	 * that came with the notice, or 0: now.
	 */
	void (*tell)(void *context, const struct notice *notice, uint64_t time);

	/*
	 * Asks for the entry of this connection, whose counters are needed. The answer is a FACT_ENTRY, later, or there is
	 * none. NULL: nobody can be asked.
	 */
	void (*ask)(void *context, const struct tuple *original);

	/* How far the transfer of a session is, twice a second at most, if samples show it. NULL: nobody wants to know. */
	void (*progress)(void *context, uint64_t session, uint64_t bytes);
};

struct account_counters {
	uint64_t transfers[TRANSFER_OUTCOME_COUNT]; /* told, by their outcomes */
	uint64_t evicted; /* rows that gave way to newer ones */
	uint64_t forgotten; /* what a process had kept back that ended in the middle of something: it is never reported */
	uint64_t lost;    /* what the kernel had to tell and found no room for */
};

/* The bytes of memory that this many offers and transfers at a time take. */
size_t account_size(uint32_t rows);

/*
 * An account in memory of that size, which is all zeros, or has the account that another process has left at the same
 * address: then this one reports what that one has kept back, unless it ended in the middle of something. key is random.
 */
struct account *account_open(void *memory, uint32_t rows, const uint8_t key[16], const struct account_ops *ops);

/*
 * Takes one notice, in the order in which they were made, and before any fact that came after it. True: report it as it is,
 * now; false: the account will report it, when it knows what became of its data connection. time is handed back with it.
 * Lines of the dialogue are among the notices: they say who transfers, and who says ABOR. What is known of a file
 * (notice.file) comes with the command, with a reply that names it, or otherwise with the transfer's end; it is reported as
 * it was then.
 */
bool account_take_notice(struct account *account, const struct notice *notice, uint64_t time, uint64_t now);

/*
 * Facts are being read from their sockets, or all that were read have been taken: what a process has read and not taken
 * when it ends is lost.
 */
void account_hear(struct account *account, bool hearing);

/*
 * Has the process before this one lost facts by its end, or ended while the kernel was losing some? Then this one begins
 * with a loss of each socket's, which ends as others do.
 */
bool account_was_interrupted(const struct account *account);

void account_take_fact(struct account *account, const struct fact *fact, uint64_t now);

/*
 * Notices are missing between the last one and the next: what is kept goes on without them. What was asked for before has
 * lost its reply, unless one comes that fits; and what is on offer is no later transfer's, which may have had its own. Facts
 * that exist by now may be about what was not told, so until they have been taken nobody's bytes are known.
 */
void account_lose_notices(struct account *account, uint64_t now);

/*
 * Reports what has waited long enough. To be called ten times a second. heard is the time up to which all facts have been
 * taken: what waits for a fact waits for it to come, and not for its reader to have time. Returns whether anything waits.
 */
bool account_tick(struct account *account, uint64_t heard);

/* Reports everything that waits, as far as it is known. */
void account_finish(struct account *account, uint64_t now);

const struct account_counters *account_get_counters(const struct account *account);

#endif
