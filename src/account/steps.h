/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What notices and facts do to a row. */
#ifndef ACCOUNT_STEPS_H
#define ACCOUNT_STEPS_H

#include "account/internal.h"

/*
 * A row for a session. Where there is none, the oldest gives way; where the session has many, its own oldest does. What
 * gives way is reported, and the caller must not use it any more.
 */
struct row *account_take_row(struct account *account, uint64_t session, const struct nat_view *view, uint64_t now);

/* Gives a row back. With the last one of a session that has ended, the session's end is reported. */
void account_give_row(struct account *account, struct row *row);

/* The newest row of a session, and the next older one. NULL: there is none. */
struct row *account_first_row(const struct account *account, uint64_t session);
struct row *account_next_row(const struct account *account, const struct row *row);

/* To be called when the row has changed: reports what can be reported, and may give the row back. */
void account_settle(struct account *account, struct row *row, uint64_t now);

/*
 * The kernel expects one connection of a tuple at a time, and older ones with it have ended: there are no more than these.
 */
#define FACT_LOOKS 64

/* Facts about the row may be lost. */
void account_expose(struct row *row);

#endif
