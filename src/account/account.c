/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row is an offer, a transfer, or both. It has two stories: one from the kernel, of its data connection, and one from the
 * gateway, of its transfer.
 *
 *                      expectation used up      entry               established
 *   pinhole-open --> WAITING ---------> CALLED ---------> CALLING ---------------> OPEN
 *                       |                  |                 |  \ reset              | both FINs, a RST
 *                       v                  v                 v   +--> REFUSED        v
 *                  (never-came)     (filtered-here)     (no-answer)                ENDED
 *                       |
 *                       +-- deleted, alone or with the entry of its control connection --> DELETED (deleted-here)
 *
 *   a transfer without an offer: BARE         an offer or a transfer that the gateway refused: FORBIDDEN
 *
 *   NO_TRANSFER --- its command ---> ASKED --- its final reply, or the session's end ---> ANSWERED --> reported
 *
 * An EXP DEL comes when the first packet has matched, before any filter has seen it; conntrack's entry is announced once the
 * packet has passed them all. So what is called and has no entry a little later was dropped by this host. An EXP DEL also
 * comes for everything that goes with the entry of its control connection, but then the end of that entry has been reported
 * right before. News of one kind come in order, but copies of segments, conntrack's news and the gateway's notices come by
 * different ways, so a transfer that has its final reply waits for what is still missing: briefly for news, longer for the
 * end of a data connection that is still open, because servers say 226 when the last byte is in their own buffer.
 *
 * The account itself reports the offer of a row as used when its data connection is established. What the gateway says of
 * the offer later is swallowed if that was done, and corrected if the gateway could not know better: that the kernel no
 * longer has an expectation only means that somebody came.
 */
#include <string.h>

#include "account/steps.h"
#include "ftpalg/address.h"

/* The kernel keeps copies of segments for a tenth of a second; row_awaits_copies() is for those that are known to come. */
#define ACCOUNT_BRIEF UINT64_C(500000)
#define ACCOUNT_LONG UINT64_C(30000000)
/*
 * The rows of one session: transfers that are asked for in advance, and those that have ended and wait for facts, which come
 * a second late on a busy host: some tens of small files. If a server answers none, and its client goes on asking, their own
 * rows are forgotten, and nobody else's.
 */
#define ACCOUNT_SESSION_ROWS 64

size_t account_size(uint32_t rows)
{
	return sizeof(struct account) + table_size(rows);
}

/*
 * Something may be half done, so only the rows themselves are believed; a part of the one at hand may have been reported.
 */
static uint64_t count_kept(const struct account *account, uint32_t rows)
{
	const struct row *row = (const struct row *)(account + 1); /* where table_init() puts them */
	uint64_t count = 1;

	for (const struct row *end = row + rows; row < end; row++)
		if (row->used)
			count += (uint64_t)(row->transfer == ROW_ANSWERED) + (row->offer == ROW_OFFER_ENDING) +
				 row->farewell;
	return count;
}

struct account *account_open(void *memory, uint32_t rows, const uint8_t key[16], const struct account_ops *ops)
{
	struct account *account = memory;

	const uint64_t forgotten = account->busy ? count_kept(account, rows) : 0;
	const bool interrupted = account->busy || account->hearing || account->losing > 0;

	if (account->busy)
		memset(memory, 0, account_size(rows));
	account->counters.forgotten = forgotten;
	if (!account->opened)
		table_init(&account->table, account + 1, rows, key);
	account->opened = true;
	account->interrupted = interrupted;
	account->hearing = false;
	account->losing = 0;
	account->ops = *ops;
	return account;
}

bool account_was_interrupted(const struct account *account)
{
	return account->interrupted;
}

void account_hear(struct account *account, bool hearing)
{
	account->hearing = hearing;
}

const struct account_counters *account_get_counters(const struct account *account)
{
	return &account->counters;
}

struct row *account_first_row(const struct account *account, uint64_t session)
{
	struct row *row = table_find_session(&account->table, session);

	while (row && row->session != session)
		row = table_find_next(&account->table, row, ROW_BY_SESSION);
	return row;
}

struct row *account_next_row(const struct account *account, const struct row *row)
{
	struct row *next = table_find_next(&account->table, row, ROW_BY_SESSION);

	while (next && next->session != row->session)
		next = table_find_next(&account->table, next, ROW_BY_SESSION);
	return next;
}

void account_give_row(struct account *account, struct row *row)
{
	const struct row gone = *row;
	const struct notice notice = {
		.type = NOTICE_SESSION_CLOSE, .reason = gone.farewell_reason, .session = gone.session, .view = &gone.view,
	};
	struct row *heir;

	table_give(&account->table, row);
	if (!gone.farewell)
		return;
	heir = account_first_row(account, gone.session);
	if (!heir) {
		account->ops.tell(account->ops.context, &notice, gone.farewell_time);
		return;
	}
	heir->farewell = true;
	heir->farewell_reason = gone.farewell_reason;
	heir->farewell_time = gone.farewell_time;
}

/* While samples of segments come, 4 GiB can't pass without one, unless segments take the short cut. */
static bool row_doubts(const struct account *account, const struct row *row)
{
	return row->measures[verdict_direction(row)].doubtful && (row->offloaded || account->sampled <= row->began);
}

static void tell_transfer(struct account *account, struct row *row)
{
	struct notice_transfer verdict;
	const struct notice_file file = {
		.path = { row->file.path, row->file.path_length }, .cut = row->file.cut,
		.user = { row->file.user, row->file.user_length },
		.protection = row->relayed ? row->relay_protection : row->file.protection, .ascii = row->file.ascii,
	};
	const struct notice notice = {
		.type = NOTICE_TRANSFER,
		.session = row->session,
		.view = &row->view,
		.direction = DIRECTION_REPLY,
		.form = row->form,
		.verb = row->verb,
		.text = file.path,
		.code = row->code,
		.duration = row->duration,
		.transfer = &verdict,
		.file = row->file.followed ? &file : NULL,
	};

	if (!row_doubts(account, row))
		row->measures[verdict_direction(row)].doubtful = false;
	verdict_give(row, &verdict);
	account->counters.transfers[verdict.outcome]++;
	account->ops.tell(account->ops.context, &notice, row->time);
}

static void tell_offer(struct account *account, struct row *row)
{
	const enum reason reason = verdict_judge_offer(row);
	const struct notice notice = {
		.type = reason == REASON_USED ? NOTICE_PINHOLE_USED : NOTICE_PINHOLE_CLOSE,
		.reason = reason,
		.session = row->session,
		.view = &row->view,
		.form = row->form,
		.expectation = &row->expectation,
	};

	row->offer = ROW_OFFER_TOLD;
	account->ops.tell(account->ops.context, &notice, row->close_time);
}

/* Reports what the row has to report, and gives it back unless a part of it may still be needed. */
static void tell_all(struct account *account, struct row *row)
{
	table_wait(&account->table, row, ROW_WAIT_NONE, 0);
	if (row->offer == ROW_OFFER_ENDING || (row->offer == ROW_OFFER_OPEN && row->state != ROW_WAITING))
		tell_offer(account, row);
	if (row->transfer == ROW_ANSWERED) {
		tell_transfer(account, row);
		row->transfer = ROW_NO_TRANSFER;
		row->served = true;
	}
	if (row->transfer == ROW_NO_TRANSFER && (row->closed || row->offer == ROW_OFFER_NONE))
		account_give_row(account, row);
}

/* Has the gateway said everything that it will say of what is not reported yet? */
static bool row_is_due(const struct row *row)
{
	return row->transfer == ROW_ANSWERED || (row->transfer == ROW_NO_TRANSFER && row->offer == ROW_OFFER_ENDING);
}

/* Was it deleted by somebody other than the gateway, which would say so itself? */
static bool row_was_deleted(const struct row *row)
{
	return row->state == ROW_DELETED || (row->state == ROW_WAITING && row->deleted && !row->closed);
}

/* Is it reported as failed if nothing is heard of its data connection for a while? */
static bool row_is_lost(const struct row *row)
{
	return (row->state == ROW_CALLED || row_was_deleted(row)) && row->offer == ROW_OFFER_OPEN;
}

/* Counters are asked for once, when they will no longer grow. */
static void ask_kernel(struct account *account, struct row *row)
{
	if (!account->ops.ask || row->inquired || !row->known || !row_doubts(account, row))
		return;
	row->inquired = true;
	account->ops.ask(account->ops.context, &row->original);
}

/*
 * Are copies of its end on their way? The kernel sends them after a tenth of a second, or when it comes to that: a busy
 * host may take seconds. Until then it is not known how long the file is, nor who has ended it.
 */
static bool row_awaits_copies(const struct account *account, const struct row *row)
{
	const bool one = row->fin[DIRECTION_ORIGINAL] || row->fin[DIRECTION_REPLY];
	const bool both = row->fin[DIRECTION_ORIGINAL] && row->fin[DIRECTION_REPLY];

	if (!account->copying || row->lossy || row->relayed || row->rst[DIRECTION_ORIGINAL] || row->rst[DIRECTION_REPLY])
		return false;
	/* Where there is no reply, who ended it first is all that can be told. */
	if (row->ends == FACT_STATE_CLOSING || row->code == 0)
		return row->ends != FACT_STATE_UNKNOWN && !one;
	return row->ends != FACT_STATE_UNKNOWN && !both;
}

void account_settle(struct account *account, struct row *row, uint64_t now)
{
	const bool opened = row->state == ROW_OPEN || row->state == ROW_ENDED;
	enum row_wait wait = ROW_WAIT_BRIEF;

	if (row->offer == ROW_OFFER_OPEN && (opened || row->state == ROW_REFUSED))
		tell_offer(account, row);
	if (row->transfer == ROW_NO_TRANSFER && row->closed && row->offer == ROW_OFFER_TOLD) {
		account_give_row(account, row);
		return;
	}
	if (row->state == ROW_ENDED || (row->state == ROW_OPEN && (row->fin[0] || row->fin[1])))
		ask_kernel(account, row);
	if (!row_is_due(row)) {
		/* An offer that was called has a little time to get its entry. */
		if (row_is_lost(row) && row->wait == ROW_WAIT_NONE)
			table_wait(&account->table, row, ROW_WAIT_BRIEF, now);
		return;
	}
	if (verdict_is_final(row) && !row_doubts(account, row)) {
		tell_all(account, row);
		return;
	}
	if ((row->state == ROW_OPEN && row->code / 100 == 2 && !verdict_is_final(row)) || row_awaits_copies(account, row))
		wait = ROW_WAIT_LONG;
	if (row->wait != wait)
		table_wait(&account->table, row, wait, now);
}

/* It has waited long enough. */
static void expire_row(struct account *account, struct row *row)
{
	if (row_was_deleted(row))
		row->state = ROW_DELETED;
	if (row_is_due(row)) {
		tell_all(account, row);
		return;
	}
	table_wait(&account->table, row, ROW_WAIT_NONE, 0);
	if (row_is_lost(row))
		tell_offer(account, row);
}

static void expire_list(struct account *account, enum row_wait wait, uint64_t patience, uint64_t heard)
{
	struct row *row = table_first_waiting(&account->table, wait);

	while (row && heard >= row->waits_since + patience) {
		expire_row(account, row);
		row = table_first_waiting(&account->table, wait);
	}
}

bool account_tick(struct account *account, uint64_t heard)
{
	account->busy = true;
	account->heard = heard;
	/* Copies that the kernel had not handed over come later. */
	if (heard > account->torn + ACCOUNT_BRIEF)
		account->torn = 0;
	expire_list(account, ROW_WAIT_BRIEF, ACCOUNT_BRIEF, heard);
	expire_list(account, ROW_WAIT_LONG, ACCOUNT_LONG, heard);
	account->busy = false;
	return table_first_waiting(&account->table, ROW_WAIT_BRIEF) || table_first_waiting(&account->table, ROW_WAIT_LONG);
}

static void finish_row(struct account *account, struct row *row)
{
	row->closed = true;
	if (row->transfer == ROW_ASKED)
		row->transfer = ROW_ANSWERED;
	tell_all(account, row);
}

void account_finish(struct account *account, uint64_t now)
{
	struct row *row = table_oldest(&account->table);

	(void)now;
	for (; row; row = table_oldest(&account->table))
		finish_row(account, row);
}

/* Facts about it may be on their way, so nobody is blamed. */
static void give_way(struct account *account, struct row *row)
{
	account->counters.evicted++;
	row->lossy = true;
	finish_row(account, row);
}

/* The oldest row of a session that has as many as it may have; else NULL. */
static struct row *find_surplus(const struct account *account, uint64_t session)
{
	struct row *row = account_first_row(account, session);
	struct row *oldest = NULL;
	unsigned int count = 0;

	for (; row; row = account_next_row(account, row)) {
		oldest = row;
		count++;
	}
	return count < ACCOUNT_SESSION_ROWS ? NULL : oldest;
}

struct row *account_take_row(struct account *account, uint64_t session, const struct nat_view *view, uint64_t now)
{
	struct row *surplus = find_surplus(account, session);
	struct row *row;

	if (surplus)
		give_way(account, surplus);
	row = table_take(&account->table, session);
	if (!row) {
		give_way(account, table_oldest(&account->table));
		row = table_take(&account->table, session);
	}
	if (view)
		row->view = *view;
	row->began = now;
	row->torn = account->torn > 0;
	row->shared = row->torn;
	if (row->torn || account->losing > 0)
		account_expose(row);
	return row;
}

void account_expose(struct row *row)
{
	row->lossy = true;
	row->exposed = row->exposed || !row->known;
}

void account_lose_notices(struct account *account, uint64_t now)
{
	struct row *row = table_oldest(&account->table);

	account->busy = true;
	account->torn = now;
	for (; row; row = table_newer(&account->table, row)) {
		account_expose(row);
		row->torn = true;
		row->shared = true;
	}
	account->busy = false;
}
