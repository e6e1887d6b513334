/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of a transfer. The data connection decides, whatever the dialogue says; where there was none, the dialogue
 * does:
 *
 *   data connection                        final reply      outcome
 *   never called                           2yz              complete: it did not pass here
 *                                          421 425 426 none never-came
 *                                          other            aborted, by the server, which never asked for it
 *   never called, and deleted              as above         deleted-here where it would be never-came
 *   called, no entry                       any              filtered-here
 *   entry, no answer                       any              no-answer; filtered-here where the answer came as far as here
 *   entry, reset before it was open        any              refused-by-peer
 *   open                                   2yz              complete, unless it was cut
 *                                          other, none      aborted
 *   not watched: there was no offer        as never called, but unknown where that would be never-came
 *   refused here, offer or transfer        2yz              complete
 *                                          other, none      refused-by-policy
 *   relayed by the proxy                   2yz              complete, if the relay ended well; otherwise aborted
 *                                          other, none      aborted
 *
 * Where facts were lost, what is not open is unknown instead of never-came, deleted-here, filtered-here, no-answer or
 * refused-by-peer.
 * If that was before conntrack's entry was known, and there was another offer of the same port, what was seen may be that
 * one's, and counts for nothing. A copy of a first segment does not say whose it is: it may be a late one.
 * Where notices were lost, facts are too, and what has no reply is unknown.
 *
 * It was cut where either peer reset it before the sender's FIN, or where the receiver did after that, before it had
 * everything: servers call a transfer complete when the last byte is in their own host's buffer.
 *
 * At fault is the client if it said ABOR, or the peer that reset first, or the receiver if its FIN came first; otherwise the
 * server, which gave the transfer up. Where there is no reply, it is not known why the sender ended, but it was the sender
 * that did.
 */
#include "account/internal.h"

static enum transfer_party other_party(enum transfer_party party)
{
	return party == TRANSFER_BY_CLIENT ? TRANSFER_BY_SERVER : TRANSFER_BY_CLIENT;
}

enum direction verdict_direction(const struct row *row)
{
	const enum transfer_party sender = verb_is_upload(row->verb) ? TRANSFER_BY_CLIENT : TRANSFER_BY_SERVER;

	return sender == row->caller ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
}

static enum transfer_party party_of(const struct row *row, enum direction direction)
{
	return direction == DIRECTION_ORIGINAL ? row->caller : other_party(row->caller);
}

static bool was_reset(const struct row *row)
{
	return row->rst[DIRECTION_ORIGINAL] || row->rst[DIRECTION_REPLY];
}

static bool was_cut(const struct row *row)
{
	const enum direction sender = verdict_direction(row);
	const struct measure *measure = &row->measures[sender];

	if (!was_reset(row))
		return false;
	return !row->fin[sender] || (measure->cut && measure->ended && measure->got < measure->end);
}

static enum transfer_party judge_culprit(const struct row *row)
{
	const enum direction sender = verdict_direction(row);
	const bool fin = row->fin[DIRECTION_ORIGINAL] || row->fin[DIRECTION_REPLY];

	if (row->aborted)
		return TRANSFER_BY_CLIENT;
	if (was_reset(row))
		return party_of(row, row->rst_first);
	if (fin && (row->code == 0 || row->fin_first != sender))
		return party_of(row, row->fin_first);
	return row->code ? TRANSFER_BY_SERVER : TRANSFER_BY_NOBODY;
}

static void judge_open(const struct row *row, struct notice_transfer *verdict)
{
	const struct measure *measure = &row->measures[verdict_direction(row)];

	verdict->outcome = row->code / 100 == 2 && !was_cut(row) ? TRANSFER_COMPLETE : TRANSFER_ABORTED;
	if (verdict->outcome == TRANSFER_ABORTED)
		verdict->by = judge_culprit(row);
	/* What lost copies said is not known; a FIN says it again. Before the end, samples only say how far it is. */
	if (measure->ended || (!row->lossy && was_reset(row)))
		verdict->counted = measure_read(measure, &verdict->bytes);
}

/* Is there a reply, and does it say something else than that the data connection failed? */
static bool has_other_error(const struct row *row)
{
	return row->code != 0 && row->code / 100 != 2 && row->code != 421 && row->code != 425 && row->code != 426;
}

static void judge_relayed(const struct row *row, struct notice_transfer *verdict)
{
	const bool whole = row->relay_reason == REASON_NONE || row->relay_reason == REASON_NO_CLOSE_NOTIFY;

	verdict->outcome = whole && row->code / 100 == 2 ? TRANSFER_COMPLETE : TRANSFER_ABORTED;
	if (verdict->outcome == TRANSFER_ABORTED && row->aborted)
		verdict->by = TRANSFER_BY_CLIENT;
	else if (verdict->outcome == TRANSFER_ABORTED && row->code && (whole || has_other_error(row)))
		verdict->by = TRANSFER_BY_SERVER;
	else if (verdict->outcome == TRANSFER_ABORTED)
		verdict->by = row->relay_by;
	verdict->counted = true;
	verdict->bytes = verb_is_upload(row->verb) ? row->to_server : row->to_client;
}

/* No data connection was seen. known: it would have been, so outcome is what it failed of. */
static void judge_absent(const struct row *row, bool known, enum transfer_outcome outcome, struct notice_transfer *verdict)
{
	if (row->code / 100 == 2) {
		verdict->outcome = TRANSFER_COMPLETE;
	} else if (has_other_error(row)) {
		verdict->outcome = TRANSFER_ABORTED;
		verdict->by = TRANSFER_BY_SERVER;
	} else if (known) {
		verdict->outcome = outcome;
		verdict->by = outcome == TRANSFER_NEVER_CAME ? row->caller : TRANSFER_BY_NOBODY;
	}
}

static void judge_failed(const struct row *row, enum transfer_outcome outcome, struct notice_transfer *verdict)
{
	verdict->outcome = row->lossy ? TRANSFER_UNKNOWN : outcome;
	if (verdict->outcome == TRANSFER_REFUSED_BY_PEER || verdict->outcome == TRANSFER_NO_ANSWER)
		verdict->by = other_party(row->caller);
}

void verdict_give(const struct row *row, struct notice_transfer *verdict)
{
	*verdict = (struct notice_transfer){ .outcome = TRANSFER_UNKNOWN, .missed = row->lossy || row->torn };
	if (row->relayed && row->state != ROW_FORBIDDEN) {
		judge_relayed(row, verdict);
		return;
	}
	if (row->torn && row->code == 0 && row->state != ROW_FORBIDDEN)
		return;
	switch (row->state) {
	case ROW_BARE:
		judge_absent(row, false, TRANSFER_UNKNOWN, verdict);
		break;
	case ROW_WAITING:
		judge_absent(row, !row->lossy, TRANSFER_NEVER_CAME, verdict);
		break;
	case ROW_DELETED:
		judge_absent(row, !row->lossy, TRANSFER_DELETED_HERE, verdict);
		break;
	case ROW_CALLED:
		judge_failed(row, TRANSFER_FILTERED_HERE, verdict);
		break;
	case ROW_CALLING:
		judge_failed(row, row->answered ? TRANSFER_FILTERED_HERE : TRANSFER_NO_ANSWER, verdict);
		break;
	case ROW_REFUSED:
		judge_failed(row, TRANSFER_REFUSED_BY_PEER, verdict);
		break;
	case ROW_FORBIDDEN:
		verdict->outcome = row->code / 100 == 2 ? TRANSFER_COMPLETE : TRANSFER_REFUSED_BY_POLICY;
		break;
	case ROW_OPEN:
	case ROW_ENDED:
		if (row->exposed && row->shared)
			judge_absent(row, false, TRANSFER_UNKNOWN, verdict);
		else
			judge_open(row, verdict);
		break;
	}
	/* Where there was no data connection, there were no bytes. */
	if (verdict->outcome != TRANSFER_UNKNOWN && verdict->outcome != TRANSFER_COMPLETE && !row->established)
		verdict->counted = true;
}

enum reason verdict_judge_offer(const struct row *row)
{
	/* Somebody came, and what followed may be among what was lost. */
	if (row->lossy && (row->state == ROW_CALLED || row->state == ROW_CALLING || row->state == ROW_REFUSED))
		return REASON_USED;
	switch (row->state) {
	case ROW_CALLED:
		return REASON_FILTERED_HERE;
	case ROW_DELETED:
		return row->lossy ? REASON_GONE : REASON_DELETED_HERE;
	case ROW_CALLING:
		return row->answered ? REASON_FILTERED_HERE : REASON_NO_ANSWER;
	case ROW_REFUSED:
		return REASON_REFUSED_BY_PEER;
	case ROW_OPEN:
	case ROW_ENDED:
		return REASON_USED;
	default:
		return row->close_reason;
	}
}

bool verdict_is_final(const struct row *row)
{
	const enum direction sender = verdict_direction(row);

	/* Of a connection that is not expected nothing will be heard. */
	if (row->relayed || row->state == ROW_BARE || row->state == ROW_FORBIDDEN)
		return true;
	/* What only a copy has said conntrack says, too: as long as that may come, it must find this row. */
	if (row->state == ROW_REFUSED)
		return row->known;
	if (row->state != ROW_ENDED && row->state != ROW_OPEN)
		return false;
	/* Copies of segments come later than news of states, so the state alone is not the end. */
	return measure_is_whole(&row->measures[sender]) || row->measures[sender].cut || row->rst[sender];
}
