/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which row a fact is about. An expectation is known by its tuple, whose source has no port; conntrack's entry by the same
 * tuple when it is new, and by its id from then on; a segment by the tuple at the FORWARD hook, which has the caller's
 * address as it arrives and the called peer's own. The first SYN, or the entry, says which port the caller has.
 */
#include <string.h>

#include "account/steps.h"
#include "ftpalg/address.h"

#define SECOND UINT64_C(1000000)

/* The caller's port. If it was another one, what copies have said so far is of another connection, whose row has gone. */
static void set_port(struct row *row, uint16_t port)
{
	if (row->forward.source.port != 0 && row->forward.source.port != port) {
		memset(row->measures, 0, sizeof(row->measures));
		memset(row->fin, 0, sizeof(row->fin));
		memset(row->rst, 0, sizeof(row->rst));
		row->answered = false;
	}
	row->forward.source.port = port;
}

static bool tuple_is_of(const struct tuple *tuple, const struct tuple *row)
{
	return address_equal(&tuple->source.address, &row->source.address) &&
	       endpoint_equal(&tuple->destination, &row->destination);
}

/* The gateway has deleted its expectation, and nobody had come. */
static bool row_was_taken_back(const struct row *row)
{
	return row->closed && row->close_reason != REASON_USED;
}

/* May the kernel still expect it? When its time is over, the kernel says the same as when somebody has come. */
static bool row_may_be_called(const struct row *row, uint64_t now)
{
	return row->state <= ROW_CALLED && !row->heard && !row->known && !row_was_taken_back(row) &&
	       now - row->began + SECOND < row->expectation.timeout * SECOND;
}

/*
 * The rows of a tuple. A port may be offered again before it is read what became of the last offer, but the kernel has one
 * expectation of a tuple at a time, and reports things in order: that somebody has come, right after that the entry, and
 * only then anything about the next offer.
 */
struct expected_rows {
	struct row *newest;
	/* the newest of which the kernel has said so without an entry: entries of older ones will not come */
	struct row *called;
	struct row *waiting; /* the oldest that may be called */
};

static struct expected_rows find_expected(const struct account *account, const struct tuple *tuple, uint64_t now)
{
	struct row *row = table_find_tuple(&account->table, ROW_BY_EXPECTED, tuple);
	struct expected_rows rows = { .newest = NULL };

	for (unsigned int looks = 0; row && looks < FACT_LOOKS;
	     row = table_find_next(&account->table, row, ROW_BY_EXPECTED), looks++) {
		if (!tuple_is_of(tuple, &row->expected))
			continue;
		if (!rows.newest)
			rows.newest = row;
		if (!rows.called && row->state == ROW_CALLED && row->heard && !row->known)
			rows.called = row;
		if (row_may_be_called(row, now))
			rows.waiting = row;
	}
	return rows;
}

static void take_master_gone(struct account *account, const struct tuple *master, uint64_t now)
{
	account->gone[account->gone_next++ % MASTERS_GONE_MAX] = (struct master_gone){ *master, now };
}

/* Has the entry of the control connection gone since the row began? One of the same ports that ended before is another. */
static bool master_is_gone(const struct account *account, const struct tuple *master, uint64_t since)
{
	bool gone = false;

	for (size_t i = 0; i < MASTERS_GONE_MAX && !gone; i++)
		gone = account->gone[i].when >= since && tuple_equal(&account->gone[i].tuple, master);
	return gone;
}

static void take_call(struct account *account, const struct fact_expectation *fact, uint64_t now)
{
	struct row *row = find_expected(account, &fact->expected, now).waiting;

	if (!row)
		return;
	row->heard = true;
	row->state = master_is_gone(account, &fact->master, row->began) ? ROW_DELETED : ROW_CALLED;
	account_settle(account, row, now);
}

/*
 * If it was the gateway, it says so at once, with its reason. But it says nothing of what it deleted before its offer: the
 * last offer, which had the same port, or an expectation that it had to make again. Notices are taken before the facts that
 * they come after, and so before some older facts. So a deletion counts only for a row that began before all facts were
 * last heard, and only until it is made again: the gateway does that when its offer is told already.
 */
static void take_deletion(struct account *account, const struct fact_expectation *fact, uint64_t now)
{
	struct row *row = find_expected(account, &fact->expected, now).waiting;

	if (!row || row->began > account->heard)
		return;
	row->deleted = true;
	/* That somebody has come was the gateway's guess, which may arrive before this. */
	if (row->state == ROW_CALLED)
		row->state = ROW_DELETED;
	account_settle(account, row, now);
}

/* What was deleted before was deleted to be made again: it waits on. */
static void take_expected(struct account *account, const struct fact_expectation *fact, uint64_t now)
{
	struct row *row = find_expected(account, &fact->expected, now).waiting;

	if (row)
		row->deleted = false;
}

static struct row *find_entry(const struct account *account, const struct fact_entry *entry)
{
	struct row *row = table_find_id(&account->table, entry->id);

	while (row && !(row->id == entry->id && tuple_equal(&row->original, &entry->original)))
		row = table_find_next(&account->table, row, ROW_BY_ID);
	return row;
}

static void bind_entry(struct account *account, struct row *row, const struct fact_entry *entry)
{
	row->known = true;
	row->id = entry->id;
	row->original = entry->original;
	set_port(row, entry->original.source.port);
	table_index(&account->table, row, ROW_BY_ID);
}

static void take_counters(struct row *row, const struct fact_entry *entry)
{
	const bool ipv6 = entry->original.source.address.family == FAMILY_IPV6;

	for (size_t i = 0; i < 2; i++)
		if (entry->counted && row->measures[i].doubtful)
			measure_settle(&row->measures[i], entry->bytes[i], entry->packets[i], ipv6);
}

static enum row_state state_of(const struct row *row, enum fact_state state)
{
	switch (state) {
	case FACT_STATE_UNKNOWN:
	case FACT_STATE_CALLING:
	case FACT_STATE_ANSWERED:
		return ROW_CALLING;
	case FACT_STATE_ESTABLISHED:
	case FACT_STATE_CLOSING:
		return ROW_OPEN;
	case FACT_STATE_CLOSED:
		return ROW_ENDED;
	case FACT_STATE_RESET:
		break;
	}
	return row->established ? ROW_ENDED : ROW_REFUSED;
}

/* Conntrack tells of a segment that has passed, so a copy of it has been made before, and may come later. */
static void note_ending(struct row *row, enum fact_state state)
{
	if (state >= FACT_STATE_CLOSING && state > row->ends)
		row->ends = state;
}

/* Has a copy of its first segment said that its caller has another port? */
static bool row_is_of_another_port(const struct row *row, const struct fact_entry *entry)
{
	return row->forward.source.port != 0 && row->forward.source.port != entry->original.source.port;
}

/*
 * Is an entry that no row has this row's own? The kernel goes on telling of a connection whose row is gone, as its transfer
 * was reported, and its port may be offered again by then. So where nothing was lost, an entry begins by being new, or else
 * somebody was said to have come, and the kernel tells of the entry unasked: whoever asks for all is told of those of
 * before, too. Where facts were lost, the beginning may be among them; then a copy of the first segment has said which port
 * it is, or what has not ended yet is not that of before.
 */
static bool row_has_entry(const struct row *row, const struct fact_entry *entry)
{
	if (!row->lossy)
		return entry->fresh || (row->heard && !entry->asked && !row_is_of_another_port(row, entry));
	if (row->forward.source.port != 0)
		return !row_is_of_another_port(row, entry);
	return entry->fresh || entry->state < FACT_STATE_CLOSING;
}

static void take_entry(struct account *account, const struct fact_entry *entry, uint64_t now)
{
	struct row *row = find_entry(account, entry);
	struct expected_rows rows;
	enum row_state state;

	if (!row) {
		rows = find_expected(account, &entry->original, now);
		row = rows.called ? rows.called : rows.waiting ? rows.waiting : rows.newest;
		if (!row || row->known || !row_has_entry(row, entry))
			return;
		bind_entry(account, row, entry);
	}
	state = state_of(row, entry->state);
	/* What was established was not refused, whatever a copy that came too early said. */
	if (row->state == ROW_REFUSED && state == ROW_OPEN)
		row->state = ROW_ENDED;
	if (state > row->state)
		row->state = state;
	row->established = row->established || row->state == ROW_OPEN || row->state == ROW_ENDED;
	row->offloaded = row->offloaded || entry->offloaded;
	note_ending(row, entry->state);
	take_counters(row, entry);
	account_settle(account, row, now);
}

/*
 * An entry goes at once where its first packet was answered with a reset; otherwise long after its end. One that goes
 * earlier was deleted by somebody: what its connection carries from then on, if it passes at all, is not seen.
 */
static void take_farewell(struct account *account, const struct fact_entry *entry, uint64_t now)
{
	struct row *row = find_entry(account, entry);

	if (!row)
		return;
	take_counters(row, entry);
	note_ending(row, entry->state);
	if (row->state == ROW_OPEN && entry->state < FACT_STATE_CLOSED)
		row->lossy = true;
	if (row->established)
		row->state = ROW_ENDED;
	else if (entry->state == FACT_STATE_RESET)
		row->state = ROW_REFUSED;
	table_unindex(&account->table, row, ROW_BY_ID);
	account_settle(account, row, now);
}

/* Both its beginning and its end were seen. */
static bool row_is_over(const struct row *row)
{
	const bool ended = row->state == ROW_ENDED || (row->fin[DIRECTION_ORIGINAL] && row->fin[DIRECTION_REPLY]);

	return ended && row->measures[DIRECTION_ORIGINAL].begun;
}

/* Has nothing but a copy of a SYN said which port its caller has? */
static bool row_may_be_mistaken(const struct row *row)
{
	return row->forward.source.port != 0 && !row->known && !row->lossy && row->state < ROW_ENDED;
}

/*
 * The port is known for all segments but the caller's SYN. For a SYN, conntrack's entry has usually given it already, since
 * copies come late; so late that the same address may have been offered again meanwhile. Where it has not, the SYN belongs
 * to the oldest row without one; likewise where the port is that of a connection which began and ended, and begins again.
 * Copies come in order and the kernel lets in one connection for an offer, so a SYN that is of no row takes the place of one
 * that was taken for the newest row's: that was a late one, of a connection whose row has gone.
 */
static struct row *find_segment(const struct account *account, const struct tuple *tuple, bool opens)
{
	struct row *row = table_find_tuple(&account->table, ROW_BY_FORWARD, tuple);
	struct row *waiting = NULL;
	struct row *mistaken = NULL;

	for (unsigned int looks = 0; row && looks < FACT_LOOKS;
	     row = table_find_next(&account->table, row, ROW_BY_FORWARD), looks++) {
		const uint16_t port = row->forward.source.port;

		if (!tuple_is_of(tuple, &row->forward))
			continue;
		if (port == tuple->source.port && !(opens && row_is_over(row)))
			return row;
		if (port == 0 && opens && row->state < ROW_ENDED && !row_was_taken_back(row))
			waiting = row;
		if (!mistaken && opens && row_may_be_mistaken(row))
			mistaken = row;
	}
	return waiting ? waiting : mistaken;
}

static void note_end(struct row *row, enum direction direction, uint8_t flags)
{
	const enum direction other = direction_opposite(direction);

	if (flags & FACT_FIN) {
		if (!row->fin[other] && !row->fin[direction])
			row->fin_first = direction;
		row->fin[direction] = true;
	}
	if (flags & FACT_RST) {
		if (!row->rst[other] && !row->rst[direction])
			row->rst_first = direction;
		row->rst[direction] = true;
	}
}

static void measure_segment(struct row *row, enum direction direction, const struct fact_segment *segment, uint64_t now)
{
	struct measure *sent = &row->measures[direction];
	struct measure *received = &row->measures[direction_opposite(direction)];

	/* Its end is not known, nor how much came before it. */
	if (!segment->measured)
		sent->doubtful = true;
	measure_take_sent(sent, segment->sequence, segment->measured ? segment->length : 0, segment->flags & FACT_SYN,
			  (segment->flags & FACT_FIN) && segment->measured, now);
	if (segment->flags & FACT_ACK)
		measure_take_acknowledged(received, segment->acknowledgement, segment->flags & FACT_RST, now);
}

static void tell_progress(const struct account *account, struct row *row, uint64_t now)
{
	if (!account->ops.progress || row->transfer != ROW_ASKED || !row->established || now - row->progressed < SECOND / 2)
		return;
	row->progressed = now;
	account->ops.progress(account->ops.context, row->session, row->measures[verdict_direction(row)].position);
}

static void take_segment(struct account *account, const struct fact_segment *segment, uint64_t now)
{
	const struct tuple reverse = tuple_reverse(&segment->tuple);
	const bool opens = (segment->flags & (FACT_SYN | FACT_ACK)) == FACT_SYN;
	struct row *row = find_segment(account, &segment->tuple, opens);
	const bool sample = !(segment->flags & (FACT_SYN | FACT_FIN | FACT_RST));
	enum direction direction = DIRECTION_ORIGINAL;

	account->copying = true;
	if (sample)
		account->sampled = now;
	if (!row) {
		row = find_segment(account, &reverse, false);
		direction = DIRECTION_REPLY;
	}
	if (!row || row->state == ROW_FORBIDDEN)
		return;
	if (opens)
		set_port(row, segment->tuple.source.port);
	row->answered = row->answered || (direction == DIRECTION_REPLY && segment->flags & FACT_SYN);
	measure_segment(row, direction, segment, now);
	note_end(row, direction, segment->flags);
	if (sample)
		tell_progress(account, row, now);
	/* In case conntrack's news of it is lost. Without an entry, a copy may be of a connection whose row has gone. */
	if (direction == DIRECTION_REPLY && segment->flags & FACT_RST && !row->established && !row->answered &&
	    (row->known || row->lossy))
		row->state = ROW_REFUSED;
	account_settle(account, row, now);
}

/*
 * What exists now may miss something; and what begins before the end of it. The two kinds of facts come by two sockets, each
 * of which may be losing.
 */
static void take_loss(struct account *account, uint64_t count, bool over)
{
	struct row *row = table_oldest(&account->table);

	account->counters.lost += count;
	if (!over)
		account->losing++;
	else if (account->losing > 0)
		account->losing--;
	for (; row; row = table_newer(&account->table, row))
		account_expose(row);
}

void account_take_fact(struct account *account, const struct fact *fact, uint64_t now)
{
	account->busy = true;
	switch (fact->type) {
	case FACT_EXPECTED:
		take_expected(account, &fact->expectation, now);
		break;
	case FACT_CALLED:
		take_call(account, &fact->expectation, now);
		break;
	case FACT_DELETED:
		take_deletion(account, &fact->expectation, now);
		break;
	case FACT_MASTER_GONE:
		take_master_gone(account, &fact->master, now);
		break;
	case FACT_ENTRY:
		take_entry(account, &fact->entry, now);
		break;
	case FACT_GONE:
		take_farewell(account, &fact->entry, now);
		break;
	case FACT_SEGMENT:
		take_segment(account, &fact->segment, now);
		break;
	case FACT_LOST_SINCE:
	case FACT_LOST_UNTIL:
		take_loss(account, fact->lost, fact->type == FACT_LOST_UNTIL);
		break;
	case FACT_TYPE_COUNT:
		break;
	}
	account->busy = false;
}
