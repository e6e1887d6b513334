/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way of what happens: into the tables, and out as events and sentences. The process that reports a transfer knows its
 * command and its reply; its file, its user and what became of it are known to the tables. So what is written of it is what
 * the tables have made of it, and the answers at the sockets say the same.
 */
#include "base/clock.h"
#include "control/internal.h"

static void tell_transfer(struct journal_voice *voice, const struct notice *notice, const struct transfer *transfer,
			  uint64_t time)
{
	const struct notice_file file = transfer_file(transfer);
	struct notice whole = *notice;

	whole.view = &transfer->view;
	whole.transfer = &transfer->end;
	whole.file = &file;
	journal_notice(voice, &whole, time);
}

void control_take(struct control *control, struct journal_voice *voice, const struct notice *notice, uint64_t microseconds)
{
	const struct transfer *transfer = tables_take(control->tables, notice, microseconds);

	if (transfer)
		tell_transfer(voice, notice, transfer, microseconds);
	else if (notice->type < NOTICE_COUNT)
		journal_notice(voice, notice, microseconds);
}

void control_lose(struct control *control, uint64_t count)
{
	control->lost += count;
	atomic_store(&control->start->estate->lost, control->lost);
}

void control_forget(struct control *control, uint64_t first_session)
{
	tables_forget(control->tables, first_session, clock_wall_microseconds());
}
