/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One transfer of a session at a time:
 *
 *   NONE --command--> ASKED --1yz--> RUNNING --final reply, and what became of it is known--> kept
 *
 * What became of it comes with the notice of its end, which may be later than that of its session. Where nobody watches its
 * data connection, the reply decides.
 *
 * Where a client asks for several transfers in advance, only the first is followed; the others are known when they have
 * ended.
 */
#include <string.h>

#include "control/table_internal.h"
#include "ftpalg/address.h"

static enum protection row_protection(const struct session_row *row)
{
	return row->tls || row->veiled || row->adopted ? PROTECTION_UNKNOWN : PROTECTION_CLEAR;
}

static void begin_move(struct session_row *row, enum verb verb, struct bytes name, uint64_t time)
{
	struct table_move *move = &row->move;

	memset(move, 0, sizeof(*move));
	move->state = MOVE_ASKED;
	move->transfer.time = time;
	move->transfer.session = row->id;
	move->transfer.view = row->view;
	move->transfer.verb = verb;
	move->transfer.direction = transfer_direction_of(verb);
	move->transfer.mode = row->mode;
	move->transfer.tls = row->tls;
	move->transfer.protection = row_protection(row);
	move->transfer.ascii = row->ascii;
	move->transfer.user_length = row->user_length;
	memcpy(move->transfer.user, row->user, sizeof(row->user));
	place_set_name(&move->name, name);
	place_resolve_file(row, verb, name, false, &move->transfer.path);
}

/* The file of a transfer that begins; the server may have chosen its name: "150 FILE: NAME", RFC 1123. False: not known. */
static bool name_begun(const struct session_row *row, const struct notice *line, struct table_path *path)
{
	static const char word[] = "FILE: ";
	const struct table_move *move = &row->move;
	const struct bytes said = { move->name.bytes, move->name.length };
	const uint8_t *at = line->verb == VERB_STOU ? memmem(line->text.data, line->text.length, word, sizeof(word) - 1)
						    : NULL;

	if (line->code / 100 != 1)
		return false;
	if (at) {
		at += sizeof(word) - 1;
		place_resolve_file(row, line->verb, (struct bytes){ at, (size_t)(line->text.data + line->text.length - at) },
				   true, path);
		return true;
	}
	if (move->state != MOVE_ASKED || move->transfer.verb != line->verb || move->name.cut > 0)
		return false;
	place_resolve_file(row, line->verb, said, true, path);
	return true;
}

/* What became of it, as far as the dialogue tells. */
static void judge_by_reply(const struct session_row *row, struct transfer *transfer)
{
	const struct table_move *move = &row->move;
	struct notice_transfer *end = &transfer->end;

	if (transfer->code / 100 == 2) {
		end->outcome = TRANSFER_COMPLETE;
	} else if (!move->preliminary && transfer->code / 100 == 5) {
		end->outcome = TRANSFER_ABORTED;
		end->by = TRANSFER_BY_SERVER;
	} else if ((transfer->code == 425 || transfer->code == 0) && !row->pinhole.used) {
		end->outcome = TRANSFER_NEVER_CAME;
	} else {
		end->outcome = TRANSFER_ABORTED;
		if (move->abandoned)
			end->by = TRANSFER_BY_CLIENT;
	}
}

static void judge(const struct session_row *row, struct transfer *transfer)
{
	struct notice_transfer *end = &transfer->end;
	const bool unexplained = end->outcome == TRANSFER_UNKNOWN || end->outcome == TRANSFER_NEVER_CAME;

	if (unexplained && row->refused != REASON_NONE && transfer->code / 100 != 2)
		end->outcome = TRANSFER_REFUSED_BY_POLICY;
	/* Where something was lost, what is missing was not seen to fail. */
	else if (end->outcome == TRANSFER_UNKNOWN && (!end->missed || transfer->code / 100 == 2))
		judge_by_reply(row, transfer);
}

static void count(struct tables *tables, const struct transfer *transfer)
{
	struct table_counters *counters = &tables->counters;

	counters->transfers++;
	counters->transfers_by_verb[(unsigned int)transfer->verb < VERB_COUNT ? transfer->verb : VERB_UNKNOWN]++;
	histogram_add(&counters->durations, &histogram_transfers, transfer->duration);
	counters->outcomes[transfer->end.outcome]++;
	if (transfer->end.counted && transfer->direction == TRANSFER_UP)
		counters->bytes_up += transfer->end.bytes;
	else if (transfer->end.counted)
		counters->bytes_down += transfer->end.bytes;
}

static void tell(struct tables *tables, struct session_row *row, const struct transfer *transfer, uint64_t time)
{
	struct decision *decision = table_add_decision(tables, row, DECISION_TRANSFER, time);

	decision->verb = transfer->verb;
	decision->code = transfer->code;
	decision->outcome = transfer->end.outcome;
	decision->by = transfer->end.by;
	decision->bytes = transfer->end.counted ? transfer->end.bytes : UINT64_MAX;
	decision_set_words(decision, (struct bytes){ transfer->path.bytes, transfer->path.length });
	if (transfer->end.outcome != TRANSFER_COMPLETE)
		table_add_news(tables, decision);
}

static const struct transfer *settle(struct tables *tables, struct session_row *row, uint64_t time)
{
	struct transfer *transfer = &row->move.transfer;
	struct transfer *kept = &tables->transfers[tables->transfer_end % tables->limits.transfers];

	transfer->time = time;
	judge(row, transfer);
	count(tables, transfer);
	if (transfer->end.outcome == TRANSFER_COMPLETE)
		row->refused = REASON_NONE;
	*kept = *transfer;
	tables->transfer_end++;
	tell(tables, row, transfer, time);
	row->move.state = MOVE_NONE;
	return kept;
}

static bool is_total_of(const struct session_row *row, const struct table_path *path)
{
	return row->size_known && row->size_of.length == path->length &&
	       memcmp(row->size_of.bytes, path->bytes, path->length) == 0;
}

static void take_preliminary(struct session_row *row, const struct notice *line)
{
	struct table_move *move = &row->move;
	struct table_path path;

	if (name_begun(row, line, &path))
		move->transfer.path = path;
	move->state = MOVE_RUNNING;
	move->preliminary = true;
	move->has_total = move->transfer.direction == TRANSFER_DOWN && place_read_size(line->text, &move->total);
	if (!move->has_total && move->transfer.direction == TRANSFER_DOWN && is_total_of(row, &move->transfer.path)) {
		move->has_total = true;
		move->total = row->size;
	}
}

void transfer_take_line(struct session_row *row, const struct notice *line, uint64_t time)
{
	struct table_move *move = &row->move;

	if (line->direction == DIRECTION_ORIGINAL && line->verb == VERB_ABOR) {
		move->abandoned = true;
	} else if (!verb_is_transfer(line->verb)) {
		return;
	} else if (line->direction == DIRECTION_ORIGINAL) {
		if (move->state == MOVE_NONE)
			begin_move(row, line->verb, place_argument(line->text), time);
	} else if (line->code / 100 == 1 && move->state == MOVE_ASKED && move->transfer.verb == line->verb) {
		take_preliminary(row, line);
	}
}

/* As it was when the transfer was asked for. */
static void set_file(struct transfer *transfer, const struct notice_file *file)
{
	place_set_name(&transfer->path, file->path);
	transfer->path.cut = (uint16_t)(transfer->path.cut + file->cut);
	transfer->user_length = (uint8_t)(file->user.length < sizeof(transfer->user) ? file->user.length
										     : sizeof(transfer->user));
	if (transfer->user_length > 0)
		memcpy(transfer->user, file->user.data, transfer->user_length);
	transfer->protection = file->protection;
	transfer->ascii = file->ascii;
}

const struct transfer *transfer_take_notice(struct tables *tables, struct session_row *row, const struct notice *notice,
					    uint64_t time)
{
	struct table_move *move = &row->move;

	if (move->state == MOVE_NONE || move->transfer.verb != notice->verb)
		begin_move(row, notice->verb, notice->text, time);
	move->transfer.code = notice->code;
	move->transfer.duration = notice->duration;
	if (notice->form != FORM_NONE)
		move->transfer.mode = form_is_active(notice->form) ? TRANSFER_ACTIVE : TRANSFER_PASSIVE;
	if (notice->transfer)
		move->transfer.end = *notice->transfer;
	if (notice->file)
		set_file(&move->transfer, notice->file);
	return settle(tables, row, time);
}

/* The path that a notice is about, as far as it is known now. False: it is about none. */
static bool find_path(const struct session_row *row, const struct notice *notice, struct table_path *path)
{
	const struct table_move *move = &row->move;

	if (!verb_is_transfer(notice->verb))
		return false;
	if (notice->type == NOTICE_LINE && notice->direction == DIRECTION_REPLY)
		return name_begun(row, notice, path);
	if (notice->type == NOTICE_LINE || (notice->type == NOTICE_REFUSE && notice->form == FORM_NONE))
		place_resolve_file(row, notice->verb, place_argument(notice->text), false, path);
	else if (notice->type != NOTICE_TRANSFER)
		return false;
	else if (move->state != MOVE_NONE && move->transfer.verb == notice->verb)
		*path = move->transfer.path;
	else
		place_resolve_file(row, notice->verb, notice->text, true, path);
	return true;
}

bool tables_describe(const struct tables *tables, const struct notice *notice, struct table_path *path,
		     struct notice_file *file)
{
	const struct session_row *row = notice->session ? table_find_row(tables, notice->session) : NULL;

	if (!row || !find_path(row, notice, path))
		return false;
	*file = (struct notice_file){
		.path = { path->bytes, path->length }, .cut = path->cut, .user = { row->user, row->user_length },
		.protection = row_protection(row), .ascii = row->ascii,
	};
	return true;
}

struct notice_file transfer_file(const struct transfer *transfer)
{
	return (struct notice_file){
		.path = { transfer->path.bytes, transfer->path.length }, .cut = transfer->path.cut,
		.user = { transfer->user, transfer->user_length }, .protection = transfer->protection,
		.ascii = transfer->ascii,
	};
}

void transfer_drop(struct tables *tables, struct session_row *row, uint64_t time)
{
	if (row->move.state != MOVE_NONE)
		settle(tables, row, time);
}

void tables_note_progress(struct tables *tables, uint64_t session, uint64_t bytes, uint64_t time)
{
	struct session_row *row = table_find_row(tables, session);
	struct table_move *move = row ? &row->move : NULL;
	struct notice_transfer *end = row ? &move->transfer.end : NULL;

	if (!row || move->state == MOVE_NONE)
		return;
	if (move->measured != 0 && time > move->measured && bytes >= end->bytes)
		move->rate = (bytes - end->bytes) * 1000000 / (time - move->measured);
	move->measured = time;
	end->counted = true;
	end->bytes = bytes;
}

/* A relay may end when the next offer is there already. */
static bool is_latest_pinhole(const struct session_row *row, const struct expectation *expectation)
{
	return expectation && endpoint_equal(&row->pinhole.expectation.destination, &expectation->destination) &&
	       address_equal(&row->pinhole.expectation.source, &expectation->source);
}

/* A data connection that went through the proxy. */
void transfer_take_relay(struct session_row *row, const struct notice *notice)
{
	struct notice_transfer *end = &row->move.transfer.end;

	if (row->move.state == MOVE_NONE || !notice->relay || !is_latest_pinhole(row, notice->expectation))
		return;
	row->move.transfer.protection = notice_relay_protection(notice);
	end->counted = true;
	end->bytes = row->move.transfer.direction == TRANSFER_UP ? notice->relay->to_server : notice->relay->to_client;
}

uint64_t tables_first_transfer(const struct tables *tables)
{
	return tables->transfer_end > tables->limits.transfers ? tables->transfer_end - tables->limits.transfers : 0;
}

uint64_t tables_end_of_transfers(const struct tables *tables)
{
	return tables->transfer_end;
}

const struct transfer *tables_transfer(const struct tables *tables, uint64_t number)
{
	if (number < tables_first_transfer(tables) || number >= tables->transfer_end)
		return NULL;
	return &tables->transfers[number % tables->limits.transfers];
}
