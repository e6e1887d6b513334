/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever the kernel drops and the gateway's rings have no room for, no transfer is told to have become what it did not.
 *
 * A small world: sessions that transfer over few ports, so that a port is soon offered again; a kernel that tells of it by
 * two sockets, each of which drops what it has no room for, and all that comes then until everything has been read; a ring
 * for what the gateway tells; and a reader of all three who stands still now and then. What the world knows of each
 * transfer is compared with what the account tells of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "account/internal.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define SESSIONS 5
#define PORTS 4
#define FIRST_PORT 50000
#define FIRST_CALLER 30000
#define TRANSFERS 120
#define BATCH 8
#define ROUNDS 300
#define QUEUE_MAX 4096

/* What becomes of a transfer. */
enum fate { FATE_COMPLETE, FATE_ABORTED, FATE_FILTERED, FATE_UNANSWERED, FATE_REFUSED, FATE_ABSENT, FATE_COUNT };

static const enum transfer_outcome outcomes[FATE_COUNT] = {
	[FATE_COMPLETE] = TRANSFER_COMPLETE, [FATE_ABORTED] = TRANSFER_ABORTED, [FATE_FILTERED] = TRANSFER_FILTERED_HERE,
	[FATE_UNANSWERED] = TRANSFER_NO_ANSWER, [FATE_REFUSED] = TRANSFER_REFUSED_BY_PEER,
	[FATE_ABSENT] = TRANSFER_NEVER_CAME,
};

static const enum reason blames[FATE_COUNT] = {
	[FATE_FILTERED] = REASON_FILTERED_HERE, [FATE_UNANSWERED] = REASON_NO_ANSWER,
	[FATE_REFUSED] = REASON_REFUSED_BY_PEER,
};

/* What happens in turn; what does not happen with a fate is passed over. */
enum step {
	STEP_EXPECT, STEP_OFFER, STEP_ASK, STEP_CALL, STEP_PASS, STEP_ANSWER, STEP_OPEN, STEP_SEND, STEP_CLOSE, STEP_REPLY,
	STEP_WITHDRAW, STEP_TELL, STEP_END,
};

struct transfer {
	enum fate fate;
	enum step step;
	uint16_t port;
	uint16_t caller;
	size_t session;
	bool slow;   /* its reply comes before its last segments */
	bool told;
	uint64_t asked;
	uint64_t bytes;
	enum fact_state state; /* of its entry, while there is one */
	bool linked;           /* there is one */
	bool holds;            /* its port can't be offered by somebody else */
};

struct queue {
	struct fact facts[QUEUE_MAX];
	size_t first, count, room;
	bool congested; /* it drops all until it is empty */
	bool failed;    /* which the reader is told once, before anything else */
	bool missing;   /* as the reader knows */
	uint64_t dropped;
};

struct said {
	struct notice notice;
	struct expectation expectation;
	uint64_t time;
	size_t transfer;
	uint64_t lost; /* or so many were lost here */
};

static struct account *account;
static uint64_t now, seed;
static struct nat_view view;
static bool active;
static enum verb verb;
static struct transfer transfers[TRANSFERS];
static size_t begun, unknown, known;
static size_t at_work[SESSIONS]; /* plus one; 0: none */
static struct queue news, copies;
static struct fact batch[BATCH];
static size_t batched;
static uint64_t batch_since; /* the kernel keeps copies for a tenth of a second */
static struct said ring[QUEUE_MAX];
static size_t ring_first, ring_count, ring_room;
static bool ring_losing;
static uint64_t ring_lost, heard;
static bool behind;

static uint32_t any(uint32_t below)
{
	return unit_random_below(&seed, below);
}

/* What is told. */

static void explain(const struct transfer *transfer, const char *what)
{
	fail_msg("transfer %zu, to port %u from %u, is told %s and was %s", (size_t)(transfer - transfers), transfer->port,
		 transfer->caller, what, transfer_outcome_name(outcomes[transfer->fate]));
}

static void check_transfer(const struct notice *notice)
{
	struct transfer *transfer = &transfers[strtoul((const char *)notice->text.data, NULL, 10)];
	const enum transfer_outcome outcome = notice->transfer->outcome;

	assert_false(transfer->told);
	transfer->told = true;
	if (outcome != TRANSFER_UNKNOWN && outcome != outcomes[transfer->fate])
		explain(transfer, transfer_outcome_name(outcome));
	if (notice->transfer->counted && outcome != TRANSFER_UNKNOWN && notice->transfer->bytes != transfer->bytes)
		explain(transfer, "with another length");
	if (outcome == TRANSFER_UNKNOWN)
		unknown++;
	else
		known++;
}

static void check_offer(const struct notice *notice)
{
	const struct transfer *transfer = &transfers[notice->expectation->timeout - 1000];
	const bool blames_somebody = notice->reason == REASON_FILTERED_HERE || notice->reason == REASON_NO_ANSWER ||
				     notice->reason == REASON_REFUSED_BY_PEER || notice->reason == REASON_DELETED_HERE;

	if (blames_somebody && notice->reason != blames[transfer->fate])
		explain(transfer, reason_name(notice->reason));
}

static void tell(void *context, const struct notice *notice, uint64_t time)
{
	(void)context;
	(void)time;
	if (notice->type == NOTICE_TRANSFER)
		check_transfer(notice);
	else if (notice->expectation)
		check_offer(notice);
}

/* In active mode each session has a client of its own, and all are behind one address. */
static struct nat_view view_of(size_t session)
{
	struct nat_view own = view;

	if (active)
		own.client.address.octets[3] = (uint8_t)(session + 1);
	return own;
}

/* The sockets and the ring. */

static void queue_put(struct queue *queue, const struct fact *facts, size_t count)
{
	if (queue->congested || queue->count >= queue->room) {
		queue->failed = queue->failed || !queue->congested;
		queue->congested = true;
		queue->dropped += count;
		return;
	}
	for (size_t i = 0; i < count; i++)
		queue->facts[(queue->first + queue->count++) % QUEUE_MAX] = facts[i];
}

static void flush_copies(void)
{
	if (batched > 0)
		queue_put(&copies, batch, batched);
	batched = 0;
}

static void ring_put(size_t transfer, const struct notice *notice, const struct expectation *expectation)
{
	if (ring_losing && ring_count > ring_room / 2) {
		ring_lost++;
		return;
	}
	ring_losing = ring_count >= ring_room;
	if (ring_losing) {
		ring_lost++;
		return;
	}
	if (ring_lost > 0)
		ring[(ring_first + ring_count++) % QUEUE_MAX] = (struct said){ .lost = ring_lost };
	ring_lost = 0;
	ring[(ring_first + ring_count++) % QUEUE_MAX] = (struct said){
		.notice = *notice, .expectation = expectation ? *expectation : (struct expectation){ .timeout = 0 },
		.time = now, .transfer = transfer,
	};
}

static void take_said(const struct said *said)
{
	char name[16];
	struct notice notice = said->notice;
	const struct nat_view own = view_of(notice.session - 1);

	if (said->lost > 0) {
		account_lose_notices(account, now);
		return;
	}
	notice.view = &own;
	if (said->expectation.timeout > 0)
		notice.expectation = &said->expectation;
	snprintf(name, sizeof(name), notice.type == NOTICE_LINE ? "XXXX %zu" : "%zu", said->transfer);
	if (notice.type == NOTICE_LINE || notice.type == NOTICE_TRANSFER)
		notice.text = unit_string(name);
	account_take_notice(account, &notice, said->time, now);
}

static void read_ring(void)
{
	while (ring_count > 0) {
		const struct said said = ring[ring_first++ % QUEUE_MAX];

		ring_count--;
		take_said(&said);
	}
	if (ring_lost > 0)
		account_lose_notices(account, now);
	ring_lost = 0;
}

/* The world. */

static struct endpoint forwarded(const struct transfer *transfer)
{
	return (struct endpoint){ active ? view_of(transfer->session).client.address : view.server.address, transfer->port };
}

static struct expectation expectation_of(const struct transfer *transfer)
{
	struct expectation expectation = { .translated = true, .saved_port = transfer->port,
					   .timeout = (uint32_t)(transfer - transfers) + 1000 };

	expectation.source = active ? view.server.address : view_of(transfer->session).client.address;
	expectation.destination = (struct endpoint){ active ? view.client_seen.address : view.server_seen.address,
						     transfer->port };
	expectation.nat_direction = active ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	return expectation;
}

static void tells_of_expectation(enum fact_type type, const struct transfer *transfer)
{
	const struct expectation expectation = expectation_of(transfer);
	const struct fact fact = { .type = type, .expectation = {
		{ { expectation.source, 0 }, expectation.destination }, nat_view_tuple(&view, DIRECTION_ORIGINAL) } };

	queue_put(&news, &fact, 1);
}

static struct fact entry_of(enum fact_type type, const struct transfer *transfer, bool fresh)
{
	const struct expectation expectation = expectation_of(transfer);

	return (struct fact){ .type = type, .entry = {
		.id = (uint32_t)(transfer - transfers) + 1, .fresh = fresh, .state = transfer->state,
		.original = { { expectation.source, transfer->caller }, expectation.destination } } };
}

static void entry_is(struct transfer *transfer, enum fact_state state)
{
	struct fact fact;

	transfer->state = state;
	fact = entry_of(FACT_ENTRY, transfer, !transfer->linked);
	transfer->linked = true;
	queue_put(&news, &fact, 1);
}

static void entry_goes(struct transfer *transfer, enum fact_state state)
{
	struct fact fact;

	transfer->state = state;
	fact = entry_of(FACT_GONE, transfer, false);
	queue_put(&news, &fact, 1);
	transfer->linked = false;
}

static void copied(const struct transfer *transfer, bool by_caller, uint8_t flags, uint64_t position, uint64_t got)
{
	const struct tuple forward = { { expectation_of(transfer).source, transfer->caller },
				       forwarded(transfer) };
	const uint32_t ahead = flags & FACT_SYN ? 0 : 1;

	batch_since = batched > 0 ? batch_since : now;
	batch[batched++] = (struct fact){ .type = FACT_SEGMENT, .segment = {
		.tuple = by_caller ? forward : tuple_reverse(&forward), .flags = flags, .measured = true,
		.sequence = (by_caller ? 1000 : 5000) + ahead + (uint32_t)position,
		.acknowledgement = (by_caller ? 5000 : 1000) + 1 + (uint32_t)got,
	} };
	if (batched == BATCH)
		flush_copies();
}

static bool opens(const struct transfer *transfer)
{
	return transfer->fate == FATE_COMPLETE || transfer->fate == FATE_ABORTED;
}

static void gateway_says(size_t session, const struct transfer *transfer, enum notice_type type)
{
	const struct expectation expectation = expectation_of(transfer);
	struct notice notice = { .type = type, .session = session + 1, .form = active ? FORM_PORT : FORM_227, .verb = verb };

	if (type == NOTICE_TRANSFER) {
		notice.code = transfer->fate == FATE_COMPLETE ? 226 : transfer->fate == FATE_ABORTED ? 426 : 425;
		notice.duration = now - transfer->asked;
	}
	if (type == NOTICE_PINHOLE_USED)
		notice.reason = REASON_USED;
	if (type == NOTICE_PINHOLE_CLOSE)
		notice.reason = REASON_SUPERSEDED;
	ring_put((size_t)(transfer - transfers), &notice,
		 type == NOTICE_LINE || type == NOTICE_TRANSFER ? NULL : &expectation);
}

/* The ends of a data connection, of which the sender's comes first. */
static void ends(struct transfer *transfer)
{
	const bool by_caller = active != verb_is_upload(verb);

	if (transfer->fate == FATE_ABORTED) {
		copied(transfer, by_caller, FACT_RST | FACT_ACK, 0, 0);
		entry_goes(transfer, FACT_STATE_RESET);
		return;
	}
	copied(transfer, by_caller, FACT_FIN | FACT_ACK, transfer->bytes, 0);
	entry_is(transfer, FACT_STATE_CLOSING);
	copied(transfer, !by_caller, FACT_FIN | FACT_ACK, 0, transfer->bytes + 1);
	entry_is(transfer, FACT_STATE_CLOSED);
}

static void calls(const struct transfer *transfer)
{
	tells_of_expectation(FACT_CALLED, transfer);
	copied(transfer, true, FACT_SYN, 0, 0);
}

/* Returns whether something has happened. */
static bool take_step(size_t session, struct transfer *transfer, enum step step)
{
	const bool comes = transfer->fate != FATE_ABSENT;

	switch (step) {
	case STEP_EXPECT:
		tells_of_expectation(FACT_EXPECTED, transfer);
		return true;
	case STEP_OFFER:
		gateway_says(session, transfer, NOTICE_PINHOLE_OPEN);
		return true;
	case STEP_ASK:
		transfer->asked = now;
		gateway_says(session, transfer, NOTICE_LINE);
		return true;
	case STEP_CALL:
		if (comes)
			calls(transfer);
		if (comes && transfer->fate != FATE_FILTERED)
			entry_is(transfer, FACT_STATE_CALLING);
		return comes;
	case STEP_PASS:
		if (transfer->fate == FATE_REFUSED) {
			copied(transfer, false, FACT_RST | FACT_ACK, 0, 0);
			entry_goes(transfer, FACT_STATE_RESET);
		}
		return transfer->fate == FATE_REFUSED;
	case STEP_ANSWER:
		if (opens(transfer)) {
			copied(transfer, false, FACT_SYN | FACT_ACK, 0, 0);
			entry_is(transfer, FACT_STATE_ANSWERED);
		}
		return opens(transfer);
	case STEP_OPEN:
		if (opens(transfer))
			entry_is(transfer, FACT_STATE_ESTABLISHED);
		transfer->holds = transfer->holds && !opens(transfer);
		return opens(transfer);
	case STEP_SEND:
	case STEP_CLOSE:
		if (opens(transfer) && transfer->slow == (step == STEP_CLOSE))
			ends(transfer);
		return opens(transfer);
	case STEP_REPLY:
		gateway_says(session, transfer, NOTICE_TRANSFER);
		return true;
	case STEP_WITHDRAW:
		transfer->holds = false;
		if (transfer->fate == FATE_ABSENT) {
			tells_of_expectation(FACT_DELETED, transfer);
			gateway_says(session, transfer, NOTICE_PINHOLE_CLOSE);
		}
		return true;
	default:
		if (transfer->fate != FATE_ABSENT)
			gateway_says(session, transfer, NOTICE_PINHOLE_USED);
		return true;
	}
}

static bool port_is_free(uint16_t port)
{
	bool held = false;

	for (size_t i = 0; i < begun; i++)
		held = held || (transfers[i].holds && transfers[i].port == port);
	return !held;
}

static void session_begins(size_t session)
{
	const uint16_t port = (uint16_t)(FIRST_PORT + any(PORTS));

	if (begun == TRANSFERS || !port_is_free(port))
		return;
	transfers[begun] = (struct transfer){
		.fate = any(2) ? FATE_COMPLETE : (enum fate)any(FATE_COUNT), .port = port, .session = session,
		.holds = true, .slow = any(2),
		.caller = (uint16_t)(FIRST_CALLER + begun),
	};
	if (transfers[begun].fate == FATE_COMPLETE)
		transfers[begun].bytes = any(1000);
	at_work[session] = ++begun;
}

/* Something happens to somebody. */
static void world_turns(void)
{
	const size_t session = any(SESSIONS);
	struct transfer *transfer = at_work[session] ? &transfers[at_work[session] - 1] : NULL;
	bool done = false;

	now += any(20000);
	if (now - batch_since > SECOND / 10)
		flush_copies();
	if (!transfer) {
		session_begins(session);
		return;
	}
	while (!done && transfer->step < STEP_END)
		done = take_step(session, transfer, transfer->step++);
	if (transfer->step == STEP_END)
		at_work[session] = 0;
}

/* Who is asked for all that lives tells of it among what is new. */
static void dump(void)
{
	for (size_t i = 0; i < begun; i++) {
		struct fact fact = entry_of(FACT_ENTRY, &transfers[i], false);

		fact.entry.asked = true;

		if (transfers[i].linked && news.count < QUEUE_MAX)
			news.facts[(news.first + news.count++) % QUEUE_MAX] = fact;
	}
}

/* The reader. */

static void hear(const struct fact *fact)
{
	read_ring();
	account_take_fact(account, fact, now);
}

static void hear_loss(struct queue *queue, bool over)
{
	hear(&(struct fact){ .type = over ? FACT_LOST_UNTIL : FACT_LOST_SINCE, .lost = queue->dropped });
	queue->dropped = 0;
}

/* Returns whether all was read. */
static bool read_queue(struct queue *queue, size_t most)
{
	for (size_t i = 0; i < most; i++) {
		struct fact fact;

		if (queue->failed) {
			queue->failed = false;
			if (queue->missing)
				hear_loss(queue, true);
			queue->missing = true;
			behind = behind || queue == &news;
			hear_loss(queue, false);
		} else if (queue->count == 0) {
			if (queue->missing)
				hear_loss(queue, true);
			queue->missing = false;
			return true;
		} else {
			fact = queue->facts[queue->first++ % QUEUE_MAX];
			queue->congested = --queue->count > 0 && queue->congested;
			if (any(4) == 0)
				world_turns();
			hear(&fact);
		}
	}
	return false;
}

static void tick(void)
{
	const uint64_t before = now;

	if (behind && !news.missing && any(2)) {
		dump();
		behind = false;
	}
	if (read_queue(&news, SIZE_MAX) && read_queue(&copies, SIZE_MAX))
		heard = before;
	account_tick(account, heard);
}

static void reader_looks(void)
{
	switch (any(4)) {
	case 0:
		read_ring();
		break;
	case 1:
		read_queue(&news, any(10));
		break;
	case 2:
		read_queue(&copies, any(10));
		break;
	default:
		tick();
		break;
	}
}

static void open_world(bool roomy, bool noisy)
{
	static const uint8_t key[16] = "0123456789abcde";
	const struct account_ops ops = { .tell = tell };

	free(account);
	account = account_open(calloc(1, account_size(256)), 256, key, &ops);
	memset(transfers, 0, sizeof(transfers));
	memset(at_work, 0, sizeof(at_work));
	memset(&news, 0, sizeof(news));
	memset(&copies, 0, sizeof(copies));
	begun = unknown = known = batched = ring_first = ring_count = 0;
	ring_lost = heard = batch_since = 0;
	ring_losing = behind = false;
	now = 1000 * SECOND;
	view = unit_view("10.0.0.5", "203.0.113.9");
	view.client_seen.address = unit_address("198.51.100.1");
	active = any(2);
	verb = any(2) ? VERB_RETR : VERB_STOR;
	news.room = roomy || any(4) == 0 ? QUEUE_MAX : 5 + any(60);
	copies.room = roomy || any(4) == 0 ? QUEUE_MAX : 5 + any(60);
	ring_room = noisy ? 10 + any(40) : QUEUE_MAX - 1;
}

static bool world_goes_on(void)
{
	bool busy = begun < TRANSFERS;

	for (size_t i = 0; i < SESSIONS; i++)
		busy = busy || at_work[i];
	return busy;
}

static void world_passes(void)
{
	uint64_t sleeps = 0;

	while (world_goes_on()) {
		world_turns();
		if (sleeps > 0)
			sleeps--;
		else if (any(100) == 0)
			sleeps = any(200);
		else if (any(2))
			reader_looks();
	}
	flush_copies();
	for (int i = 0; i < 50; i++) {
		now += SECOND;
		tick();
	}
	read_ring();
	account_finish(account, now);
}

static int teardown(void **state)
{
	(void)state;
	free(account);
	account = NULL;
	return 0;
}

static void what_is_told_is_what_happened(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 200; round++) {
		seed = round;
		open_world(true, false);
		world_passes();
		assert_int_equal(unknown, 0);
		assert_int_equal(known, TRANSFERS);
	}
}

static void a402_whatever_facts_are_lost_nothing_is_told_that_did_not_happen(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		seed = round;
		open_world(false, false);
		world_passes();
		assert_int_equal(unknown + known, TRANSFERS);
		all += known;
	}
	/* It does not say so of all, either. */
	assert_true(all > ROUNDS * TRANSFERS / 2);
}

static void a402_whatever_notices_are_lost_too_nothing_is_told_that_did_not_happen(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		seed = round;
		open_world(false, true);
		world_passes();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_told_is_what_happened, teardown),
		cmocka_unit_test_teardown(a402_whatever_facts_are_lost_nothing_is_told_that_did_not_happen, teardown),
		cmocka_unit_test_teardown(a402_whatever_notices_are_lost_too_nothing_is_told_that_did_not_happen, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
