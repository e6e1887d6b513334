/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which row a notice is about. A session has one offer at a time, and servers answer transfers in order, so: a transfer's
 * command takes the newest offer that has no transfer yet; its final reply belongs to the oldest command of that verb; an
 * offer that comes after the command of a transfer without one, as with pipelined EPSV and RETR, is that transfer's.
 *
 * Where notices are missing, none of that holds: a reply belongs to a command of before only where it says that it was asked
 * for then.
 *
 * An active offer that was used before its transfer was asked for is made again by the gateway, under the same name: the
 * transfer goes with it.
 *
 * A relay of the proxy names the expectation by which its connection came. It may end after the reply to its transfer, when
 * the next offer is there already; and where the server has refused that transfer, the client may use its connection for
 * the next one, which has no offer of its own.
 */
#include <string.h>

#include "account/steps.h"
#include "ftpalg/address.h"

/* Microseconds between what the gateway takes for the time of a line and that of the notice of it. */
#define SAID_REACH UINT64_C(10000)

static bool expectation_equal(const struct expectation *a, const struct expectation *b)
{
	return address_equal(&a->source, &b->source) && endpoint_equal(&a->destination, &b->destination);
}

/* Can its data connection be that of a transfer which begins now? What ended before may have served its purpose. */
static bool row_is_on_offer(const struct row *row)
{
	if (row->transfer != ROW_NO_TRANSFER || row->closed || row->torn)
		return false;
	return row->state == ROW_FORBIDDEN || (row->offer != ROW_OFFER_NONE && (row->state < ROW_ENDED || !row->served));
}

/* The transfer of a command, with the newest offer or without one. */
static struct row *begin_transfer(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *row = account_first_row(account, notice->session);

	while (row && !row_is_on_offer(row))
		row = account_next_row(account, row);
	if (!row)
		row = account_take_row(account, notice->session, notice->view, now);
	row->transfer = ROW_ASKED;
	row->verb = notice->verb;
	row->code = 0;
	row->aborted = false;
	row->file = (struct row_file){ .followed = false };
	row->asked = now;
	row->said = time;
	return row;
}

static void keep_path(struct row_file *file, struct bytes path)
{
	file->path_length = (uint16_t)(path.length < NOTICE_PATH_MAX ? path.length : NOTICE_PATH_MAX);
	file->cut = path.length - file->path_length;
	if (file->path_length)
		memcpy(file->path, path.data, file->path_length);
}

/*
 * Keeps the file as it was when the transfer was asked for: what the client does meanwhile changes nothing. said: its path,
 * where there is nothing else.
 */
static void keep_file(struct row_file *file, const struct notice_file *known, struct bytes said)
{
	if (!known) {
		keep_path(file, said);
		return;
	}
	file->followed = true;
	file->ascii = known->ascii;
	file->protection = known->protection;
	keep_path(file, known->path);
	file->cut += known->cut;
	file->user_length = (uint8_t)(known->user.length < SESSION_NAME_MAX ? known->user.length : SESSION_NAME_MAX);
	if (file->user_length)
		memcpy(file->user, known->user.data, file->user_length);
}

/* The argument of a command. */
static struct bytes line_argument(struct bytes line)
{
	while (line.length && *line.data != ' ') {
		line.data++;
		line.length--;
	}
	while (line.length && *line.data == ' ') {
		line.data++;
		line.length--;
	}
	return line;
}

/* Of what was asked for before notices were lost only that is meant which was said then. */
static bool row_may_be_meant(const struct row *row, uint64_t said)
{
	return !row->torn || row->said - said + SAID_REACH <= 2 * SAID_REACH;
}

/*
 * The row of a transfer that has been asked for: the oldest of this verb. VERB_UNKNOWN: of any. said: when it was asked for;
 * 0: that is not known.
 */
static struct row *find_asked(const struct account *account, uint64_t session, enum verb verb, uint64_t said)
{
	struct row *found = NULL;

	for (struct row *row = account_first_row(account, session); row; row = account_next_row(account, row))
		if (row->transfer == ROW_ASKED && (verb == VERB_UNKNOWN || row->verb == verb) && row_may_be_meant(row, said))
			found = row;
	return found;
}

/* A server that chooses a file's name says it when the transfer begins. */
static void take_reply(const struct account *account, const struct notice *notice)
{
	struct row *row = notice->file ? find_asked(account, notice->session, notice->verb, 0) : NULL;

	if (row)
		keep_file(&row->file, notice->file, (struct bytes){ NULL, 0 });
}

static void take_line(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *row;

	if (notice->direction != DIRECTION_ORIGINAL) {
		take_reply(account, notice);
	} else if (verb_is_transfer(notice->verb)) {
		row = begin_transfer(account, notice, time, now);
		keep_file(&row->file, notice->file, line_argument(notice->text));
	} else if (notice->verb == VERB_ABOR) {
		for (row = account_first_row(account, notice->session); row; row = account_next_row(account, row))
			row->aborted = row->aborted || row->transfer == ROW_ASKED;
	}
}

static void take_transfer(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *row = find_asked(account, notice->session, notice->verb, time - notice->duration);

	if (!row)
		row = begin_transfer(account, notice, time, now);
	row->transfer = ROW_ANSWERED;
	row->code = notice->code;
	row->duration = notice->duration;
	row->time = time;
	if (!row->file.followed && (notice->file || notice->text.length))
		keep_file(&row->file, notice->file, notice->text);
	account_settle(account, row, now);
}

/* Where the connection goes, as it passes FORWARD: translated as its master is. */
static struct endpoint forward_destination(const struct nat_view *view, const struct expectation *expectation)
{
	struct endpoint destination = expectation->destination;

	if (expectation->translated) {
		destination.address = expectation->nat_direction == DIRECTION_REPLY ? view->client.address
										    : view->server.address;
		destination.port = expectation->saved_port;
	}
	return destination;
}

/* A transfer that waits for an offer: without one, or with one that was used before the transfer was asked for. */
static struct row *find_transfer_for(const struct account *account, const struct notice *notice)
{
	struct row *found = NULL;

	for (struct row *row = account_first_row(account, notice->session); row; row = account_next_row(account, row))
		if (row->transfer == ROW_ASKED && !row->established && !row->torn &&
		    (row->offer == ROW_OFFER_NONE ||
		     (row->closed && expectation_equal(&row->expectation, notice->expectation))))
			found = row;
	return found;
}

static void move_transfer(struct account *account, struct row *from, struct row *to, uint64_t now)
{
	to->transfer = from->transfer;
	to->verb = from->verb;
	to->aborted = from->aborted;
	to->asked = from->asked;
	to->said = from->said;
	to->file = from->file;
	from->transfer = ROW_NO_TRANSFER;
	if (from->offer == ROW_OFFER_NONE)
		account_give_row(account, from);
	else
		account_settle(account, from, now);
}

static const struct tuple *row_tuple(const struct row *row, enum row_index index)
{
	return index == ROW_BY_EXPECTED ? &row->expected : &row->forward;
}

static void note_shared_by(const struct account *account, struct row *row, enum row_index index)
{
	const struct tuple *tuple = row_tuple(row, index);
	struct row *other = table_find_tuple(&account->table, index, tuple);

	for (unsigned int looks = 0; other && looks < FACT_LOOKS;
	     other = table_find_next(&account->table, other, index), looks++) {
		const struct tuple *others = row_tuple(other, index);

		if (other == row || !address_equal(&others->source.address, &tuple->source.address) ||
		    !endpoint_equal(&others->destination, &tuple->destination))
			continue;
		other->shared = true;
		row->shared = true;
		if (other->exposed)
			account_expose(row);
	}
}

/*
 * Where facts are lost, nobody knows which of the offers of a port they were about. Clients behind one address of a router
 * have different ports at the FORWARD hook, where copies are made, and the same one where the kernel expects them.
 */
static void note_shared(const struct account *account, struct row *row)
{
	note_shared_by(account, row, ROW_BY_FORWARD);
	note_shared_by(account, row, ROW_BY_EXPECTED);
}

static void take_offer(struct account *account, const struct notice *notice, uint64_t now)
{
	struct row *row = account_take_row(account, notice->session, notice->view, now);
	struct row *waiting = find_transfer_for(account, notice);

	row->form = notice->form;
	row->expectation = *notice->expectation;
	row->caller = form_is_active(notice->form) ? TRANSFER_BY_SERVER : TRANSFER_BY_CLIENT;
	row->expected = (struct tuple){ .source.address = row->expectation.source,
					.destination = row->expectation.destination };
	row->forward = (struct tuple){ .source.address = row->expectation.source,
				       .destination = forward_destination(&row->view, &row->expectation) };
	row->state = ROW_WAITING;
	row->offer = ROW_OFFER_OPEN;
	table_index(&account->table, row, ROW_BY_EXPECTED);
	table_index(&account->table, row, ROW_BY_FORWARD);
	note_shared(account, row);
	if (waiting)
		move_transfer(account, waiting, row, now);
}

/* Returns whether what the gateway says is the truth, and to be reported. */
static bool take_offer_end(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *row = account_first_row(account, notice->session);
	bool pass = false;

	while (row && (row->closed || row->offer == ROW_OFFER_NONE ||
		       !expectation_equal(&row->expectation, notice->expectation)))
		row = account_next_row(account, row);
	if (!row)
		return true;
	row->closed = true;
	row->close_reason = notice->reason;
	row->close_time = time;
	if (row->offer == ROW_OFFER_OPEN) {
		/* The kernel no longer has it, and its time was not over: somebody has come, or deleted it. */
		if (row->state == ROW_WAITING && notice->type == NOTICE_PINHOLE_USED)
			row->state = row->deleted ? ROW_DELETED : ROW_CALLED;
		pass = row->state == ROW_WAITING;
		row->offer = pass ? ROW_OFFER_TOLD : ROW_OFFER_ENDING;
	}
	account_settle(account, row, now);
	return pass;
}

/* An offer that was refused awaits the transfer that would have used it. */
static void take_refused_offer(struct account *account, const struct notice *notice, uint64_t now)
{
	struct row *row = find_asked(account, notice->session, VERB_UNKNOWN, 0);

	if (!row || row->offer != ROW_OFFER_NONE)
		row = account_take_row(account, notice->session, notice->view, now);
	row->state = ROW_FORBIDDEN;
	row->form = notice->form;
}

/* The offer that it would have used is there for the next one. */
static void take_refused_transfer(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *asked = account_first_row(account, notice->session);
	struct row *row;

	while (asked && (asked->transfer != ROW_ASKED || asked->verb != notice->verb))
		asked = account_next_row(account, asked);
	row = asked;
	if (!asked || asked->offer != ROW_OFFER_NONE) {
		if (asked)
			asked->transfer = ROW_NO_TRANSFER;
		row = account_take_row(account, notice->session, notice->view, now);
		row->verb = notice->verb;
		keep_file(&row->file, notice->file, line_argument(notice->text));
	}
	row->state = ROW_FORBIDDEN;
	row->transfer = ROW_ANSWERED;
	row->time = time;
	account_settle(account, row, now);
}

/* A refused offer that no transfer has asked for is forgotten with the next one. */
static void forget_refused(struct account *account, uint64_t session)
{
	struct row *row = account_first_row(account, session);

	while (row) {
		struct row *next = account_next_row(account, row);

		if (row->state == ROW_FORBIDDEN && row->transfer == ROW_NO_TRANSFER)
			account_give_row(account, row);
		row = next;
	}
}

static bool refuses_offer(const struct notice *notice)
{
	return notice->form != FORM_NONE || verb_is_active_offer(notice->verb) || verb_is_passive_request(notice->verb);
}

static void take_refusal(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	if (refuses_offer(notice)) {
		forget_refused(account, notice->session);
		take_refused_offer(account, notice, now);
	} else if (verb_is_transfer(notice->verb)) {
		take_refused_transfer(account, notice, time, now);
	}
}

/* The oldest row that a relay may be of: its own offer's, but where that was refused one that has no offer. */
static struct row *find_relayed(const struct account *account, const struct notice *notice)
{
	struct row *named = NULL;
	struct row *spare = NULL;

	for (struct row *row = account_first_row(account, notice->session); row; row = account_next_row(account, row)) {
		if (row->relayed)
			continue;
		if (row->offer != ROW_OFFER_NONE && expectation_equal(&row->expectation, notice->expectation))
			named = row;
		else if (row->offer == ROW_OFFER_NONE && row->transfer == ROW_ASKED)
			spare = row;
	}
	return !named || (spare && named->transfer == ROW_ANSWERED) ? spare : named;
}

static void take_relay(struct account *account, const struct notice *notice, uint64_t now)
{
	struct row *row = notice->relay && notice->expectation ? find_relayed(account, notice) : NULL;

	if (!row)
		return;
	row->relayed = true;
	row->relay_reason = notice->reason;
	row->relay_by = notice->relay->by;
	row->to_server = notice->relay->to_server;
	row->to_client = notice->relay->to_client;
	row->relay_protection = notice_relay_protection(notice);
	account_settle(account, row, now);
}

/*
 * A transfer that never had its reply is still reported, and before the session's end. Returns whether that can be reported
 * now.
 */
static bool end_session(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	struct row *row;

	forget_refused(account, notice->session);
	for (row = account_first_row(account, notice->session); row;) {
		struct row *next = account_next_row(account, row);

		row->closed = true;
		if (row->transfer == ROW_ASKED) {
			row->transfer = ROW_ANSWERED;
			row->duration = now - row->asked;
			row->time = time;
		} else if (row->transfer == ROW_NO_TRANSFER && row->offer != ROW_OFFER_ENDING) {
			row->offer = ROW_OFFER_TOLD;
		}
		account_settle(account, row, now);
		row = next;
	}
	row = account_first_row(account, notice->session);
	if (!row)
		return true;
	row->farewell = true;
	row->farewell_reason = notice->reason;
	row->farewell_time = time;
	return false;
}

static bool take_notice(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	switch (notice->type) {
	case NOTICE_PINHOLE_OPEN:
		forget_refused(account, notice->session);
		take_offer(account, notice, now);
		return true;
	case NOTICE_PINHOLE_USED:
	case NOTICE_PINHOLE_CLOSE:
		return take_offer_end(account, notice, time, now);
	case NOTICE_TRANSFER:
		take_transfer(account, notice, time, now);
		return false;
	case NOTICE_REFUSE:
		take_refusal(account, notice, time, now);
		return true;
	case NOTICE_RELAY:
		take_relay(account, notice, now);
		return true;
	case NOTICE_LINE:
		take_line(account, notice, time, now);
		return true;
	case NOTICE_SESSION_CLOSE:
		return end_session(account, notice, time, now);
	default:
		return true;
	}
}

bool account_take_notice(struct account *account, const struct notice *notice, uint64_t time, uint64_t now)
{
	bool pass;

	account->busy = true;
	pass = take_notice(account, notice, time, now);
	account->busy = false;
	return pass;
}
