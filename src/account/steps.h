/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What notices and facts do to a row. */
#ifndef ACCOUNT_STEPS_H
#define ACCOUNT_STEPS_H

#include "account/internal.h"

/*
 * A row for a session; the oldest one gives way where there is none, and the session's own oldest one where it has many.
 * What gives way is told, and is none of the caller's any more.
 */
struct row *account_take_row(struct account *account, uint64_t session, const struct nat_view *view, uint64_t now);

/* The row is no more. The last one of a session that has ended takes the session's end with it, which is told then. */
void account_give_row(struct account *account, struct row *row);

/* The newest row of a session, and the next older one. NULL: there is none. */
struct row *account_first_row(const struct account *account, uint64_t session);
struct row *account_next_row(const struct account *account, const struct row *row);

/* To be called when something of the row has changed: tells what can be told, and may give the row back. */
void account_settle(struct account *account, struct row *row, uint64_t now);

#endif
