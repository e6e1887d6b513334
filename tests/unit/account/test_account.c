/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of a transfer, told from the kernel's news, copies of segments and the gateway's notices: whatever order they
 * come in, and with some of them lost. A download (RETR) and an upload (STOR) in both modes, behind a masquerading router.
 */
#include <stdlib.h>

#include "account/internal.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define SESSION 77
#define TOLD_MAX 32
#define PORT 50000
#define CALLER_PORT 33333

static struct account *account;
static uint64_t now;

static struct told {
	struct notice notice;
	struct notice_transfer transfer;
	char path[16];
	struct notice_file file;
	char name[NOTICE_PATH_MAX];
	char user[16];
	uint64_t time;
} told[TOLD_MAX];
static size_t told_count;
static bool passed; /* the last notice was to be told as it was */
static struct tuple asked_for;
static unsigned int asks;

static uint64_t progress;

static struct nat_view view;
static struct expectation expectation;
static enum form form;
static enum verb verb;

static void tell(void *context, const struct notice *notice, uint64_t time)
{
	struct told *to = &told[told_count++];

	(void)context;
	assert_true(told_count <= TOLD_MAX);
	memset(to, 0, sizeof(*to));
	to->notice = *notice;
	to->time = time;
	if (notice->transfer)
		to->transfer = *notice->transfer;
	assert_true(notice->file || notice->text.length < sizeof(to->path));
	if (notice->text.length > 0 && notice->text.length < sizeof(to->path))
		memcpy(to->path, notice->text.data, notice->text.length);
	if (!notice->file)
		return;
	to->file = *notice->file;
	assert_true(notice->file->path.length <= sizeof(to->name) && notice->file->user.length < sizeof(to->user));
	if (notice->file->path.length)
		memcpy(to->name, notice->file->path.data, notice->file->path.length);
	if (notice->file->user.length)
		memcpy(to->user, notice->file->user.data, notice->file->user.length);
}

static void ask(void *context, const struct tuple *original)
{
	(void)context;
	asked_for = *original;
	asks++;
}

static void note_progress(void *context, uint64_t session, uint64_t bytes)
{
	(void)context;
	assert_int_equal(session, SESSION);
	progress = bytes;
}

static void begin(void)
{
	static const uint8_t key[16] = "0123456789abcde";
	const struct account_ops ops = { .tell = tell, .ask = ask, .progress = note_progress };

	free(account);
	account = account_open(calloc(1, account_size(8)), 8, key, &ops);
	assert_non_null(account);
	told_count = 0;
	asks = 0;
	progress = 0;
	now = 1000 * SECOND;
	view = unit_view("10.0.0.5", "203.0.113.9");
	view.client_seen.address = unit_address("198.51.100.1");
}

static int teardown(void **state)
{
	(void)state;
	free(account);
	account = NULL;
	return 0;
}

/* The kind of transfer that the statements below are about. */
static void kind(enum form new_form, enum verb new_verb)
{
	begin();
	form = new_form;
	verb = new_verb;
	expectation = (struct expectation){ .translated = true, .saved_port = PORT, .timeout = 60 };
	if (form_is_active(form)) {
		expectation.source = view.server.address;
		expectation.destination = (struct endpoint){ view.client_seen.address, PORT };
		expectation.nat_direction = DIRECTION_REPLY;
	} else {
		expectation.source = view.client.address;
		expectation.destination = (struct endpoint){ view.server_seen.address, PORT };
	}
}

static enum transfer_party caller(void)
{
	return form_is_active(form) ? TRANSFER_BY_SERVER : TRANSFER_BY_CLIENT;
}

static enum transfer_party other(enum transfer_party party)
{
	return party == TRANSFER_BY_SERVER ? TRANSFER_BY_CLIENT : TRANSFER_BY_SERVER;
}

static enum transfer_party sender(void)
{
	return verb_is_upload(verb) ? TRANSFER_BY_CLIENT : TRANSFER_BY_SERVER;
}

/* Notices. */

static bool notices(const struct notice *what)
{
	struct notice notice = *what;

	notice.session = SESSION;
	notice.view = &view;
	passed = account_take_notice(account, &notice, now + 7, now);
	return passed;
}

static void offered(void)
{
	assert_true(notices(&(struct notice){ .type = NOTICE_PINHOLE_OPEN, .form = form, .expectation = &expectation }));
}

static void says(enum verb said, const char *line)
{
	assert_true(notices(&(struct notice){ .type = NOTICE_LINE, .verb = said, .text = unit_string(line) }));
}

static void asked(void)
{
	says(verb, "XXXX file");
}

static void replied(uint16_t code)
{
	assert_false(notices(&(struct notice){ .type = NOTICE_TRANSFER, .verb = verb, .code = code, .duration = 5,
					       .text = unit_string("file") }));
}

/* So long after its command. */
static void replied_after(uint16_t code, uint64_t duration)
{
	assert_false(notices(&(struct notice){ .type = NOTICE_TRANSFER, .verb = verb, .code = code, .duration = duration,
					       .text = unit_string("file") }));
}

static bool offer_ended(enum notice_type type, enum reason reason)
{
	return notices(&(struct notice){ .type = type, .reason = reason, .form = form, .expectation = &expectation });
}

/* Returns whether that was all there was to tell of it. */
static bool session_ended(void)
{
	return notices(&(struct notice){ .type = NOTICE_SESSION_CLOSE, .reason = REASON_CONNECTION_ENDED });
}

/* Facts. */

static struct tuple original(void)
{
	return (struct tuple){ { expectation.source, CALLER_PORT }, expectation.destination };
}

static struct tuple expected(void)
{
	return (struct tuple){ { expectation.source, 0 }, expectation.destination };
}

static void called(void)
{
	account_take_fact(account, &(struct fact){ .type = FACT_CALLED,
		.expectation = { expected(), nat_view_tuple(&view, DIRECTION_ORIGINAL) } }, now);
}

/* over: the last of what was lost. */
static void loses(uint64_t count, bool over)
{
	account_take_fact(account, &(struct fact){ .type = over ? FACT_LOST_UNTIL : FACT_LOST_SINCE, .lost = count }, now);
}

/* All that the kernel had said by now. */
static void all_was_heard(void)
{
	account_tick(account, now);
}

static void deleted(void)
{
	account_take_fact(account, &(struct fact){ .type = FACT_DELETED,
		.expectation = { expected(), nat_view_tuple(&view, DIRECTION_ORIGINAL) } }, now);
}

static void expected_again(void)
{
	account_take_fact(account, &(struct fact){ .type = FACT_EXPECTED,
		.expectation = { expected(), nat_view_tuple(&view, DIRECTION_ORIGINAL) } }, now);
}

/* The entry of a control connection goes, and what was expected of it. */
static void master_gone(struct tuple master)
{
	account_take_fact(account, &(struct fact){ .type = FACT_MASTER_GONE, .master = master }, now);
}

static void entry(enum fact_type type, enum fact_state state)
{
	account_take_fact(account, &(struct fact){ .type = type,
		.entry = { .id = 4711, .original = original(), .state = state,
			   .fresh = state == FACT_STATE_CALLING } }, now);
}

static struct endpoint goes_to(void)
{
	return (struct endpoint){ form_is_active(form) ? view.client.address : view.server.address, PORT };
}

/* Initial sequence numbers: of the caller, and of the other. */
static const uint32_t numbers[2] = { 1000, UINT32_MAX - 10 };

/* A segment of party's that ends at position, when it has got so much itself. */
static void sends(enum transfer_party party, uint8_t flags, uint64_t position, uint32_t length, uint64_t got)
{
	const bool calls = party == caller();
	const struct tuple forward = { { expectation.source, CALLER_PORT }, goes_to() };
	const uint32_t mine = numbers[calls ? 0 : 1], yours = numbers[calls ? 1 : 0];
	const uint32_t ahead = flags & FACT_SYN ? 0 : 1;

	account_take_fact(account, &(struct fact){ .type = FACT_SEGMENT, .segment = {
		.tuple = calls ? forward : tuple_reverse(&forward),
		.flags = flags,
		.measured = true,
		.sequence = mine + ahead + (uint32_t)position - length,
		.acknowledgement = yours + 1 + (uint32_t)got,
		.length = length,
	} }, now);
}

static void handshake(void)
{
	sends(caller(), FACT_SYN, 0, 0, 0);
	called();
	entry(FACT_ENTRY, FACT_STATE_CALLING);
	sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
	entry(FACT_ENTRY, FACT_STATE_ANSWERED);
	entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
}

static void sender_ends(uint64_t bytes)
{
	sends(sender(), FACT_FIN | FACT_ACK, bytes, bytes ? 1 : 0, 0);
}

static void receiver_ends(uint64_t bytes)
{
	sends(other(sender()), FACT_FIN | FACT_ACK, 0, 0, bytes + 1);
}

static void passes(uint64_t time)
{
	now += time;
	account_tick(account, now);
}

/* What was told. */

static const struct told *find_told(enum notice_type type)
{
	const struct told *found = NULL;

	for (size_t i = 0; i < told_count; i++)
		if (told[i].notice.type == type) {
			assert_null(found);
			found = &told[i];
		}
	return found;
}

static void transfer_was(enum transfer_outcome outcome, enum transfer_party by)
{
	const struct told *transfer = find_told(NOTICE_TRANSFER);

	assert_non_null(transfer);
	assert_string_equal(transfer_outcome_name(transfer->transfer.outcome), transfer_outcome_name(outcome));
	assert_int_equal(transfer->transfer.by, by);
	assert_int_equal(transfer->notice.verb, verb);
	assert_int_equal(transfer->notice.session, SESSION);
	assert_string_equal(transfer->path, "file");
	assert_int_equal(account_get_counters(account)->transfers[outcome], 1);
}

static void bytes_were(uint64_t bytes)
{
	const struct told *transfer = find_told(NOTICE_TRANSFER);

	assert_true(transfer->transfer.counted);
	assert_int_equal(transfer->transfer.bytes, bytes);
}

static void bytes_were_not_told(void)
{
	assert_false(find_told(NOTICE_TRANSFER)->transfer.counted);
}

static void offer_was_used(void)
{
	assert_non_null(find_told(NOTICE_PINHOLE_USED));
	assert_null(find_told(NOTICE_PINHOLE_CLOSE));
}

static void offer_failed(enum reason reason)
{
	assert_null(find_told(NOTICE_PINHOLE_USED));
	assert_non_null(find_told(NOTICE_PINHOLE_CLOSE));
	assert_int_equal(find_told(NOTICE_PINHOLE_CLOSE)->notice.reason, reason);
}

/* Each statement is made of these. */
static const struct { enum form form; enum verb verb; } kinds[] = {
	{ FORM_PORT, VERB_RETR }, { FORM_PORT, VERB_STOR }, { FORM_227, VERB_RETR }, { FORM_227, VERB_APPE },
};

#define FOR_EACH_KIND for (size_t k = 0; k < ARRAY_SIZE(kinds) && (kind(kinds[k].form, kinds[k].verb), true); k++)

static void a_transfer_that_went_well_is_complete(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		offer_was_used();
		sender_ends(20000003);
		receiver_ends(20000003);
		assert_null(find_told(NOTICE_TRANSFER));
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(20000003);
		assert_int_equal(told[1].time, now + 7);
		assert_int_equal(told[1].notice.code, 226);
		assert_int_equal(told[1].notice.duration, 5);
		assert_int_equal(told[1].notice.form, form);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		assert_int_equal(told_count, 2);
		assert_false(account_tick(account, now));
	}
}

static void an_empty_file_is_complete(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(0);
		receiver_ends(0);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(0);
	}
}

/* Three ways by which news come, each in its own order. */
enum { BY_CONNTRACK = 7, BY_COPIES = 5, BY_NOTICES = 3 };

static void happens_by_conntrack(unsigned int step)
{
	static const enum fact_state states[] = { FACT_STATE_CALLING, FACT_STATE_ANSWERED, FACT_STATE_ESTABLISHED,
						  FACT_STATE_CLOSING, FACT_STATE_CLOSED };

	if (step == 0)
		called();
	else if (step == 6)
		entry(FACT_GONE, FACT_STATE_CLOSED);
	else
		entry(FACT_ENTRY, states[step - 1]);
}

static void happens_by_copies(unsigned int step)
{
	switch (step) {
	case 0:
		sends(caller(), FACT_SYN, 0, 0, 0);
		break;
	case 1:
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		break;
	case 2:
	case 3:
		sender_ends(123456);
		break;
	default:
		receiver_ends(123456);
		break;
	}
}

static void happens_by_notices(unsigned int step)
{
	if (step == 0)
		asked();
	else if (step == 1)
		replied(226);
	else
		offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
}

static void interleave(uint64_t *seed, unsigned int lost)
{
	unsigned int steps[3] = { 0, 0, 0 };
	static const unsigned int ends[3] = { BY_CONNTRACK, BY_COPIES, BY_NOTICES };
	static void (*const happens[3])(unsigned int) = { happens_by_conntrack, happens_by_copies, happens_by_notices };
	unsigned int count = 0;

	while (steps[0] < ends[0] || steps[1] < ends[1] || steps[2] < ends[2]) {
		const unsigned int way = unit_random_below(seed, 3);

		if (steps[way] == ends[way])
			continue;
		if (way == 2 || count++ != lost)
			happens[way](steps[way]);
		steps[way]++;
	}
}

static void the_order_of_news_changes_nothing(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++)
		FOR_EACH_KIND {
			offered();
			interleave(&seed, UINT32_MAX);
			passes(SECOND);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			bytes_were(123456);
			offer_was_used();
			assert_int_equal(told_count, 2);
		}
}

static void a_fact_that_is_lost_makes_nothing_wrong(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++)
		FOR_EACH_KIND {
			const struct told *transfer;

			offered();
			interleave(&seed, unit_random_below(&seed, BY_CONNTRACK + BY_COPIES));
			passes(60 * SECOND);
			transfer = find_told(NOTICE_TRANSFER);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			if (transfer->transfer.counted)
				bytes_were(123456);
			offer_was_used();
		}
}

static void what_this_hosts_filter_drops_is_filtered_here(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		called();
		assert_int_equal(told_count, 0);
		passes(SECOND);
		offer_failed(REASON_FILTERED_HERE);
		replied(425);
		passes(SECOND);
		transfer_was(TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
		bytes_were(0);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		assert_int_equal(told_count, 2);
	}
}

static void what_was_in_time_counts_however_late_it_is_read(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		const uint64_t heard = now;

		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		called();
		replied(226);
		now += SECOND;
		assert_true(account_tick(account, heard));
		assert_int_equal(told_count, 0);
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		sender_ends(20);
		receiver_ends(20);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		offer_was_used();
	}
}

static void the_gateways_word_that_somebody_came_is_enough_to_be_filtered(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		replied(425);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		passes(SECOND);
		offer_failed(REASON_FILTERED_HERE);
		transfer_was(TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
	}
}

static void a290_what_goes_with_its_control_connections_entry_was_deleted_here(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		master_gone(nat_view_tuple(&view, DIRECTION_ORIGINAL));
		called();
		passes(SECOND);
		offer_failed(REASON_DELETED_HERE);
		replied(425);
		passes(SECOND);
		transfer_was(TRANSFER_DELETED_HERE, TRANSFER_BY_NOBODY);
		bytes_were(0);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		assert_int_equal(told_count, 2);
	}
}

static void a290_another_connections_end_and_one_of_before_delete_nothing(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		master_gone(nat_view_tuple(&view, DIRECTION_ORIGINAL));
		now += SECOND;
		offered();
		asked();
		master_gone(nat_view_tuple(&view, DIRECTION_REPLY));
		called();
		replied(425);
		passes(SECOND);
		offer_failed(REASON_FILTERED_HERE);
		transfer_was(TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
	}
}

static void a290_an_expectation_that_somebody_deleted_was_deleted_here(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		all_was_heard();
		asked();
		deleted();
		assert_int_equal(told_count, 0);
		passes(SECOND);
		offer_failed(REASON_DELETED_HERE);
		replied(425);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		passes(SECOND);
		transfer_was(TRANSFER_DELETED_HERE, TRANSFER_BY_NOBODY);
	}
}

/* The gateway makes an expectation anew for those that carry it to another router, when its offer has been told. */
static void a389_what_is_made_again_at_once_was_not_deleted(void **state)
{
	(void)state;
	for (unsigned int comes = 0; comes < 2; comes++)
		FOR_EACH_KIND {
			offered();
			asked();
			now++;
			all_was_heard();
			deleted();
			expected_again();
			passes(5 * SECOND);
			assert_int_equal(told_count, 0);
			if (comes) {
				handshake();
				sender_ends(36);
				receiver_ends(36);
			}
			replied(comes ? 226 : 425);
			passes(SECOND);
			transfer_was(comes ? TRANSFER_COMPLETE : TRANSFER_NEVER_CAME, comes ? TRANSFER_BY_NOBODY : caller());
			bytes_were(comes ? 36 : 0);
			assert_int_equal(find_told(NOTICE_PINHOLE_USED) != NULL, comes);
		}
}

static void a290_the_gateways_guess_that_a_deleted_one_was_used_is_not_believed(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		all_was_heard();
		asked();
		deleted();
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		replied(425);
		passes(SECOND);
		offer_failed(REASON_DELETED_HERE);
		transfer_was(TRANSFER_DELETED_HERE, TRANSFER_BY_NOBODY);
	}
	FOR_EACH_KIND {
		offered();
		all_was_heard();
		asked();
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		deleted();
		replied(425);
		passes(SECOND);
		offer_failed(REASON_DELETED_HERE);
		transfer_was(TRANSFER_DELETED_HERE, TRANSFER_BY_NOBODY);
	}
}

static void a290_what_the_gateway_deletes_itself_ends_as_it_says(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		all_was_heard();
		asked();
		deleted();
		replied(425);
		assert_true(offer_ended(NOTICE_PINHOLE_CLOSE, REASON_SERVER_REFUSED));
		passes(SECOND);
		transfer_was(TRANSFER_NEVER_CAME, caller());
	}
}

/* The gateway deletes an expectation, then it offers; and the kernel's news are read when the offer is known. */
static void a290_what_was_deleted_before_the_offer_is_not_that_offer(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		all_was_heard();
		now += 1;
		offered();
		asked();
		deleted();
		passes(SECOND);
		assert_int_equal(told_count, 0);
		/* What comes later is. */
		deleted();
		passes(SECOND);
		offer_failed(REASON_DELETED_HERE);
	}
}

static void a290_what_passed_elsewhere_is_complete_whatever_was_deleted(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		master_gone(nat_view_tuple(&view, DIRECTION_ORIGINAL));
		called();
		replied(226);
		passes(SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		offer_failed(REASON_DELETED_HERE);
	}
}

static void who_does_not_call_never_came(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		now += 30 * SECOND;
		replied(425);
		assert_true(offer_ended(NOTICE_PINHOLE_CLOSE, REASON_SERVER_REFUSED));
		passes(SECOND);
		transfer_was(TRANSFER_NEVER_CAME, caller());
		bytes_were(0);
		assert_int_equal(told_count, 1);
	}
}

static void an_offer_whose_time_is_over_was_not_called(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		now += 60 * SECOND;
		called();
		replied(425);
		assert_true(offer_ended(NOTICE_PINHOLE_CLOSE, REASON_GONE));
		passes(SECOND);
		transfer_was(TRANSFER_NEVER_CAME, caller());
	}
}

static void a_transfer_that_the_server_refuses_is_its_doing(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		replied(550);
		passes(SECOND);
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_SERVER);
		bytes_were(0);
	}
}

static void a_reset_instead_of_an_answer_is_a_refusal(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		called();
		entry(FACT_ENTRY, FACT_STATE_CALLING);
		entry(FACT_GONE, FACT_STATE_RESET);
		offer_failed(REASON_REFUSED_BY_PEER);
		replied(425);
		transfer_was(TRANSFER_REFUSED_BY_PEER, other(caller()));
		bytes_were(0);
	}
}

static void a_reset_that_only_the_copies_tell_of_is_a_refusal_too(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_CALLING);
		sends(caller(), FACT_SYN, 0, 0, 0);
		sends(other(caller()), FACT_RST | FACT_ACK, 0, 0, 0);
		replied(425);
		transfer_was(TRANSFER_REFUSED_BY_PEER, other(caller()));
	}
}

static void whom_nobody_answers_is_told_so(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		called();
		entry(FACT_ENTRY, FACT_STATE_CALLING);
		passes(20 * SECOND);
		assert_int_equal(told_count, 0);
		replied(425);
		offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
		passes(SECOND);
		transfer_was(TRANSFER_NO_ANSWER, other(caller()));
		offer_failed(REASON_NO_ANSWER);
	}
}

static void an_answer_that_this_host_drops_is_filtered_here(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		called();
		entry(FACT_ENTRY, FACT_STATE_CALLING);
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		replied(425);
		passes(SECOND);
		transfer_was(TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
		offer_failed(REASON_FILTERED_HERE);
	}
}

static void what_policy_refuses_is_told_so(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		assert_true(notices(&(struct notice){ .type = NOTICE_REFUSE, .reason = REASON_FOREIGN_ADDRESS,
						      .form = form }));
		asked();
		replied(425);
		transfer_was(TRANSFER_REFUSED_BY_POLICY, TRANSFER_BY_NOBODY);
		bytes_were(0);
	}
}

static void a_refused_offer_does_not_spoil_the_next_one(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		notices(&(struct notice){ .type = NOTICE_REFUSE, .reason = REASON_FOREIGN_ADDRESS, .form = form });
		offered();
		asked();
		handshake();
		sender_ends(10);
		receiver_ends(10);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
	}
}

static void a_refused_transfer_leaves_the_offer_to_the_next_one(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		notices(&(struct notice){ .type = NOTICE_REFUSE, .reason = REASON_DOWNLOAD_DENIED, .verb = verb,
					  .text = unit_string("RETR file") });
		transfer_was(TRANSFER_REFUSED_BY_POLICY, TRANSFER_BY_NOBODY);
		told_count = 0;
		asked();
		handshake();
		sender_ends(10);
		receiver_ends(10);
		replied(226);
		session_ended();
		passes(60 * SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		offer_was_used();
	}
}

static void who_resets_has_aborted(void **state)
{
	(void)state;
	FOR_EACH_KIND for (int by_sender = 0; by_sender < 2; by_sender++) {
		const enum transfer_party by = by_sender ? sender() : other(sender());

		kind(kinds[k].form, kinds[k].verb);
		offered();
		asked();
		handshake();
		if (by_sender)
			sends(by, FACT_RST | FACT_ACK, 5000, 0, 0);
		else
			sends(by, FACT_RST | FACT_ACK, 0, 0, 5000);
		entry(FACT_ENTRY, FACT_STATE_RESET);
		replied(426);
		transfer_was(TRANSFER_ABORTED, by);
		bytes_were(5000);
	}
}

static void a_server_that_calls_it_complete_does_not_know(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(9000);
		replied(226);
		assert_null(find_told(NOTICE_TRANSFER));
		passes(3 * SECOND);
		sends(other(sender()), FACT_RST | FACT_ACK, 0, 0, 4000);
		transfer_was(TRANSFER_ABORTED, other(sender()));
		bytes_were(4000);
	}
}

static void a_reset_after_all_was_received_is_complete(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(9000);
		sends(other(sender()), FACT_RST | FACT_ACK, 0, 0, 9001);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(9000);
	}
}

static void abor_is_the_clients_doing(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		says(VERB_ABOR, "ABOR");
		sends(TRANSFER_BY_SERVER, FACT_FIN | FACT_ACK, 7000, 100, 0);
		sends(TRANSFER_BY_CLIENT, FACT_FIN | FACT_ACK, 0, 0, 7001);
		replied(426);
		passes(SECOND);
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_CLIENT);
	}
}

static void a_server_that_gives_up_has_aborted(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sends(TRANSFER_BY_SERVER, FACT_FIN | FACT_ACK, 7000, 100, 0);
		sends(TRANSFER_BY_CLIENT, FACT_FIN | FACT_ACK, 7000, 100, 7001);
		replied(451);
		passes(SECOND);
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_SERVER);
		bytes_were(7000);
	}
}

static void a_client_that_hangs_up_has_aborted(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		if (sender() == TRANSFER_BY_CLIENT)
			sends(TRANSFER_BY_CLIENT, FACT_FIN | FACT_ACK, 6000, 100, 0);
		else
			sends(TRANSFER_BY_CLIENT, FACT_RST | FACT_ACK, 0, 0, 6000);
		entry(FACT_ENTRY, FACT_STATE_RESET);
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		session_ended();
		passes(SECOND);
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_CLIENT);
		bytes_were(6000);
		assert_int_equal(find_told(NOTICE_TRANSFER)->notice.code, 0);
	}
}

static void a_session_ends_after_all_that_is_told_of_it(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		replied(226);
		offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
		assert_false(session_ended());
		assert_null(find_told(NOTICE_TRANSFER));
		sender_ends(10);
		receiver_ends(10);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		assert_int_equal(told[told_count - 1].notice.type, NOTICE_SESSION_CLOSE);
		assert_int_equal(told[told_count - 1].notice.reason, REASON_CONNECTION_ENDED);
		assert_int_equal(told[told_count - 1].time, now + 7);
		assert_true(session_ended());
	}
}

static void who_comes_after_tells_what_was_kept_back(void **state)
{
	static const uint8_t key[16] = "fedcba987654321";
	const struct account_ops ops = { .tell = tell };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(10);
		replied(226);
		assert_ptr_equal(account_open(account, 8, key, &ops), account);
		receiver_ends(10);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(10);
	}
}

static void a291_what_was_left_in_the_middle_of_something_is_counted_as_lost(void **state)
{
	static const uint8_t key[16] = "fedcba987654321";
	const struct account_ops ops = { .tell = tell };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(10);
		replied(226);
		account->busy = true;
		assert_ptr_equal(account_open(account, 8, key, &ops), account);
		/* The transfer, and one thing that may have been at hand. */
		assert_int_equal(account_get_counters(account)->forgotten, 2);
		assert_ptr_equal(account_open(account, 8, key, &ops), account);
		assert_int_equal(account_get_counters(account)->forgotten, 0);
	}
}

static void without_copies_the_state_and_the_reply_tell(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		entry(FACT_ENTRY, FACT_STATE_CLOSED);
		replied(226);
		assert_null(find_told(NOTICE_TRANSFER));
		passes(SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
		offer_was_used();
	}
}

static void where_facts_were_lost_nobody_is_blamed(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		loses(1, false);
		loses(4, true);
		replied(425);
		passes(SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		assert_int_equal(account_get_counters(account)->lost, 5);
	}
}

/* The kernel says that it begins to drop, and then drops without a word until all is read. */
static void a366_what_begins_while_facts_are_lost_blames_nobody(void **state)
{
	(void)state;
	for (int losing = 0; losing < 3; losing++)
		FOR_EACH_KIND {
			loses(1, false);
			/* Copies, too. */
			loses(1, false);
			if (losing < 2)
				loses(0, true);
			if (losing < 1)
				loses(0, true);
			offered();
			asked();
			called();
			replied(425);
			passes(SECOND);
			transfer_was(losing ? TRANSFER_UNKNOWN : TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
		}
}

static void a366_an_offer_that_was_called_while_facts_were_lost_was_used(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		loses(1, false);
		/* The answer is among what was lost. */
		sends(other(caller()), FACT_RST, 0, 0, 0);
		replied(226);
		passes(SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
		offer_was_used();
	}
}

static void a366_a_first_segment_that_may_be_of_two_offers_is_of_neither(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		loses(1, false);
		loses(1, true);
		replied(226);
		passes(1);
		/* The same port once more. */
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		sender_ends(14);
		receiver_ends(14);
		passes(60 * SECOND);
		for (size_t i = 0; i < told_count; i++)
			assert_false(told[i].notice.type == NOTICE_TRANSFER && told[i].transfer.counted);
	}
}

static void a366_an_entry_of_another_port_is_another_connections(void **state)
{
	struct fact stray = { .type = FACT_ENTRY, .entry = { .id = 4712, .state = FACT_STATE_ESTABLISHED } };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		loses(1, false);
		loses(1, true);
		stray.entry.original = original();
		stray.entry.original.source.port++;
		account_take_fact(account, &stray, now);
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		sender_ends(20);
		receiver_ends(20);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(20);
	}
}

static void a366_an_entry_that_may_be_of_two_offers_is_of_neither(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		loses(1, false);
		loses(1, true);
		replied(226);
		offered();
		asked();
		handshake();
		sender_ends(14);
		receiver_ends(14);
		passes(60 * SECOND);
		for (size_t i = 0; i < told_count; i++)
			assert_false(told[i].notice.type == NOTICE_TRANSFER && told[i].transfer.counted);
	}
}

/* A data connection whose offer was not told has left facts, and its port is offered again. */
static void a367_facts_of_what_was_not_told_are_nobody_elses(void **state)
{
	(void)state;
	for (int heard = 0; heard < 2; heard++)
		FOR_EACH_KIND {
			account_lose_notices(account, now);
			/* Copies that the kernel had not handed over are later than that. */
			now++;
			all_was_heard();
			if (heard)
				passes(SECOND);
			offered();
			asked();
			handshake();
			sender_ends(14);
			receiver_ends(14);
			replied(226);
			passes(60 * SECOND);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			assert_int_equal(find_told(NOTICE_TRANSFER)->transfer.counted, heard);
		}
}

static void a367_a_reply_after_lost_notices_is_its_own_commands(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		now += SECOND;
		account_lose_notices(account, now);
		sender_ends(20);
		receiver_ends(20);
		replied_after(226, SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(20);
	}
}

static void a367_a_reply_after_lost_notices_is_no_older_commands(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		now += 3 * SECOND;
		account_lose_notices(account, now);
		sender_ends(20);
		receiver_ends(20);
		/* Of one whose offer and command are missing. */
		replied_after(226, SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
		assert_int_equal(find_told(NOTICE_TRANSFER)->notice.form, FORM_NONE);
		/* What has lost its reply is told, and nobody is blamed. */
		told_count = 0;
		session_ended();
		passes(60 * SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
	}
}

static void a367_an_offer_from_before_lost_notices_is_no_later_commands(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		handshake();
		now += 3 * SECOND;
		account_lose_notices(account, now);
		asked();
		sender_ends(20);
		receiver_ends(20);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
		assert_int_equal(find_told(NOTICE_TRANSFER)->notice.form, FORM_NONE);
	}
}

static void a367_the_gateways_own_deletion_whose_notice_was_lost_is_nobodys(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		all_was_heard();
		account_lose_notices(account, now);
		deleted();
		replied_after(425, 0);
		passes(60 * SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
	}
}

static void what_is_in_doubt_is_asked_for(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		const bool sender_calls = sender() == caller();
		struct fact counted = { .type = FACT_ENTRY, .entry = { .id = 4711, .state = FACT_STATE_CLOSED,
								       .counted = true } };

		offered();
		asked();
		handshake();
		now += 60 * SECOND;
		sender_ends(5000000123);
		receiver_ends(5000000123);
		assert_int_equal(asks, 1);
		counted.entry.original = original();
		assert_true(tuple_equal(&asked_for, &counted.entry.original));
		replied(226);
		assert_null(find_told(NOTICE_TRANSFER));
		counted.entry.bytes[!sender_calls] = 5007820647;
		counted.entry.packets[!sender_calls] = 93880;
		account_take_fact(account, &counted, now);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(5000000123);
	}
}

static void what_stays_in_doubt_is_not_told(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		now += 60 * SECOND;
		sender_ends(5000000123);
		receiver_ends(5000000123);
		replied(226);
		passes(SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
	}
}

/* However late: conntrack has said that it ended, and a segment that it tells of has been copied. */
static void a388_copies_of_an_end_are_waited_for(void **state)
{
	static const enum fact_state ends[] = { FACT_STATE_CLOSING, FACT_STATE_CLOSED };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		FOR_EACH_KIND {
			offered();
			asked();
			handshake();
			entry(FACT_ENTRY, ends[i]);
			replied(226);
			passes(SECOND);
			sender_ends(11);
			passes(SECOND);
			assert_null(find_told(NOTICE_TRANSFER));
			receiver_ends(11);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			bytes_were(11);
		}
}

/* Who reset it is not known before the copy says it, nor that it was cut. */
static void a388_a_reset_that_conntrack_tells_of_is_waited_for(void **state)
{
	static const uint16_t codes[] = { 226, 426 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		FOR_EACH_KIND {
			offered();
			asked();
			handshake();
			entry(FACT_ENTRY, FACT_STATE_RESET);
			entry(FACT_GONE, FACT_STATE_RESET);
			replied(codes[i]);
			passes(SECOND);
			assert_null(find_told(NOTICE_TRANSFER));
			sends(other(sender()), FACT_RST | FACT_ACK, 0, 0, 700);
			passes(SECOND);
			transfer_was(TRANSFER_ABORTED, other(sender()));
			bytes_were(700);
		}
}

/* Who hangs up first has ended it, though its FIN comes as a copy later than the server's complaint. */
static void a388_a_fin_that_conntrack_tells_of_is_waited_for(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		entry(FACT_ENTRY, FACT_STATE_CLOSING);
		replied(426);
		passes(SECOND);
		assert_null(find_told(NOTICE_TRANSFER));
		sends(other(sender()), FACT_FIN | FACT_ACK, 0, 0, 700);
		passes(SECOND);
		transfer_was(TRANSFER_ABORTED, other(sender()));
	}
}

/* Where none are made, where some were lost, or if one never comes, it is told without. */
static void a388_copies_that_never_come_are_not_waited_for_for_ever(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++)
		FOR_EACH_KIND {
			offered();
			asked();
			if (how > 0)
				sends(caller(), FACT_SYN, 0, 0, 0);
			called();
			entry(FACT_ENTRY, FACT_STATE_CALLING);
			entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
			entry(FACT_ENTRY, FACT_STATE_CLOSED);
			if (how == 1)
				loses(1, false);
			replied(226);
			passes(how == 2 ? 31 * SECOND : SECOND);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			bytes_were_not_told();
		}
}

/* A process ends while the kernel is losing facts, or over facts that it has read: the next one does not know which. */
static void a387_who_comes_after_a_loss_goes_on_with_it(void **state)
{
	static const uint8_t key[16] = "fedcba987654321";
	const struct account_ops ops = { .tell = tell };

	(void)state;
	for (unsigned int how = 0; how < 5; how++)
		FOR_EACH_KIND {
			if (how == 1)
				loses(1, false);
			if (how == 2 || how == 3)
				account_hear(account, true);
			if (how == 3)
				account_hear(account, false);
			account->busy = how == 4;
			account_open(account, 8, key, &ops);
			assert_int_equal(account_was_interrupted(account), how == 1 || how == 2 || how == 4);
			/* The end of it is told by whoever reads on. */
			account_open(account, 8, key, &ops);
			assert_false(account_was_interrupted(account));
		}
}

/* A sample says how far it is, and not how long the file is. */
static void what_has_not_ended_has_no_length(void **state)
{
	static const uint16_t codes[] = { 226, 426 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		FOR_EACH_KIND {
			offered();
			asked();
			handshake();
			sends(sender(), FACT_ACK, 1000, 100, 0);
			replied(codes[i]);
			passes(SECOND);
			assert_int_equal(told_count, codes[i] == 226 ? 1 : 2);
			passes(30 * SECOND);
			transfer_was(codes[i] == 226 ? TRANSFER_COMPLETE : TRANSFER_ABORTED,
				     codes[i] == 226 ? TRANSFER_BY_NOBODY : TRANSFER_BY_SERVER);
			bytes_were_not_told();
		}
}

static void samples_take_the_doubt_away_unless_there_is_a_short_cut(void **state)
{
	(void)state;
	for (int offloaded = 0; offloaded < 2; offloaded++)
		FOR_EACH_KIND {
			offered();
			asked();
			handshake();
			now += SECOND;
			sends(sender(), FACT_ACK, 1000, 100, 0);
			if (offloaded)
				account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4711,
					.original = original(), .state = FACT_STATE_ESTABLISHED, .offloaded = true } }, now);
			now += 60 * SECOND;
			sender_ends(2000);
			receiver_ends(2000);
			replied(226);
			passes(SECOND);
			if (offloaded)
				bytes_were_not_told();
			else
				bytes_were(2000);
		}
}

static void progress_is_what_samples_tell(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		assert_int_equal(progress, 0);
		sends(sender(), FACT_ACK, 1000, 100, 0);
		assert_int_equal(progress, 1000);
		sends(other(sender()), FACT_ACK, 0, 0, 1500);
		assert_int_equal(progress, 1000);
		now += SECOND / 2;
		sends(sender(), FACT_ACK, 900, 100, 0);
		assert_int_equal(progress, 1500);
	}
}

static void a_pipelined_offer_is_that_of_the_transfer_before_it(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		asked();
		offered();
		handshake();
		sender_ends(10);
		receiver_ends(10);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(10);
	}
}

static void an_offer_that_is_made_anew_keeps_its_transfer(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		called(); /* by somebody who spoke in the caller's name */
		asked();
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		offered();
		passes(SECOND);
		offer_failed(REASON_FILTERED_HERE);
		told_count = 0;
		handshake();
		offer_was_used();
		sender_ends(10);
		receiver_ends(10);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(10);
	}
}

static void the_same_port_again_is_another_transfer(void **state)
{
	(void)state;
	FOR_EACH_KIND
		for (uint64_t bytes = 100; bytes < 500; bytes += 100) {
			told_count = 0;
			offered();
			asked();
			sends(caller(), FACT_SYN, 0, 0, 0);
			called();
			account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = (uint32_t)bytes,
				.original = original(), .state = FACT_STATE_ESTABLISHED } }, now);
			sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
			sender_ends(bytes);
			receiver_ends(bytes);
			replied(226);
			assert_int_equal(find_told(NOTICE_TRANSFER)->transfer.outcome, TRANSFER_COMPLETE);
			bytes_were(bytes);
			offer_was_used();
			/* Whether the gateway has told the end of the one before or not. */
			if (bytes % 200)
				assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		}
}

/* All that the gateway tells is read before what the kernel tells, so the same port may have been offered twice by then. */
static void late_news_are_of_the_first_one_at_that_port(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		uint64_t times[2];

		for (unsigned int i = 0; i < 2; i++) {
			offered();
			asked();
			times[i] = ++now + 7;
			replied(226);
			offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
		}
		for (uint64_t bytes = 41; bytes <= 42; bytes++) {
			told_count = 0;
			called();
			account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = (uint32_t)bytes,
				.original = original(), .state = FACT_STATE_ESTABLISHED } }, now);
			sends(caller(), FACT_SYN, 0, 0, 0);
			sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
			sender_ends(bytes);
			receiver_ends(bytes);
			assert_int_equal(find_told(NOTICE_TRANSFER)->transfer.outcome, TRANSFER_COMPLETE);
			assert_int_equal(find_told(NOTICE_TRANSFER)->time, times[bytes - 41]);
			bytes_were(bytes);
			offer_was_used();
		}
	}
}

static void a_late_copy_is_not_of_the_next_one_at_that_port(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		entry(FACT_ENTRY, FACT_STATE_CLOSED);
		replied(226);
		offered();
		asked();
		sends(caller(), FACT_SYN, 0, 0, 0);
		sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
		sender_ends(37);
		receiver_ends(37);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(37);
		offer_was_used();
		told_count = 0;
		passes(SECOND);
		called();
		account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4712,
			.original = { { expectation.source, CALLER_PORT + 1 }, expectation.destination },
			.state = FACT_STATE_ESTABLISHED } }, now);
		offer_was_used();
		assert_int_equal(told_count, 1);
	}
}

/* What conntrack says of a connection when its transfer was told, and its row is gone. */
static void still_ends(uint32_t id)
{
	static const enum fact_state states[] = { FACT_STATE_CLOSING, FACT_STATE_CLOSED };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = id, .original = original(),
			.state = states[i] } }, now);
}

static void transfers_at_that_port(uint64_t bytes)
{
	offered();
	asked();
	handshake();
	sender_ends(bytes);
	receiver_ends(bytes);
	replied(226);
	assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
	transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
	bytes_were(bytes);
	told_count = 0;
}

static void a385_late_news_of_what_was_told_are_not_of_the_next_one_at_that_port(void **state)
{
	(void)state;
	for (unsigned int comes = 0; comes < 2; comes++)
		FOR_EACH_KIND {
			transfers_at_that_port(33);
			offered();
			asked();
			still_ends(4711);
			assert_int_equal(told_count, 0);
			if (comes) {
				called();
				account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4712,
					.original = original(), .state = FACT_STATE_CALLING, .fresh = true } }, now);
				account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4712,
					.original = original(), .state = FACT_STATE_ESTABLISHED } }, now);
				sends(caller(), FACT_SYN, 0, 0, 0);
				sends(other(caller()), FACT_SYN | FACT_ACK, 0, 0, 0);
				sender_ends(34);
				receiver_ends(34);
			}
			replied(comes ? 226 : 425);
			passes(SECOND);
			assert_int_equal(find_told(NOTICE_TRANSFER)->transfer.outcome,
					 comes ? TRANSFER_COMPLETE : TRANSFER_NEVER_CAME);
			bytes_were(comes ? 34 : 0);
			if (comes)
				offer_was_used();
			else
				assert_null(find_told(NOTICE_PINHOLE_USED));
		}
}

/* After a loss the kernel is asked for all that it has, and it has connections for minutes after their end. */
static void a385_what_had_ended_before_a_loss_is_not_of_the_next_one_at_that_port(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		transfers_at_that_port(33);
		offered();
		asked();
		loses(1, false);
		loses(0, true);
		still_ends(4711);
		replied(425);
		passes(SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
		assert_null(find_told(NOTICE_PINHOLE_USED));
	}
}

/* What still lives then is of the offer that waits. */
static void a385_what_lives_after_a_loss_is_of_the_offer_that_waits(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		loses(1, false);
		loses(0, true);
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		offer_was_used();
		replied(226);
		entry(FACT_ENTRY, FACT_STATE_CLOSED);
		passes(SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
	}
}

/* A segment of the caller's, or of the other's, of a connection that another port of the caller's had. */
static void sends_from(uint16_t port, enum direction direction, uint8_t flags)
{
	const struct tuple forward = { { expectation.source, port }, goes_to() };

	account_take_fact(account, &(struct fact){ .type = FACT_SEGMENT, .segment = {
		.tuple = direction == DIRECTION_ORIGINAL ? forward : tuple_reverse(&forward),
		.flags = flags, .measured = true, .sequence = 9, .acknowledgement = 10,
	} }, now);
}

/* Copies are the latest of all that the kernel tells. */
static void a385_late_copies_of_what_was_told_are_not_of_the_next_one_at_that_port(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 2; first++)
		FOR_EACH_KIND {
			offered();
			asked();
			called();
			account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4712, .fresh = true,
				.original = { { expectation.source, CALLER_PORT + 1 }, expectation.destination },
				.state = FACT_STATE_CALLING } }, now);
			account_take_fact(account, &(struct fact){ .type = FACT_GONE, .entry = { .id = 4712,
				.original = { { expectation.source, CALLER_PORT + 1 }, expectation.destination },
				.state = FACT_STATE_RESET } }, now);
			replied(425);
			assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
			transfer_was(TRANSFER_REFUSED_BY_PEER, other(caller()));
			told_count = 0;
			offered();
			asked();
			sends_from(CALLER_PORT + 1, DIRECTION_ORIGINAL, FACT_SYN);
			sends_from(CALLER_PORT + 1, DIRECTION_REPLY, FACT_RST | FACT_ACK);
			assert_int_equal(told_count, 0);
			/* Its own copies, and the news of it, in any order. */
			if (first)
				handshake();
			called();
			entry(FACT_ENTRY, FACT_STATE_CALLING);
			entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
			if (!first)
				handshake();
			sender_ends(35);
			receiver_ends(35);
			replied(226);
			transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
			bytes_were(35);
			offer_was_used();
		}
}

/* The news of the first offer are lost, but not the copy that says which port its caller has. */
static void a402_an_offer_after_one_that_has_lost_its_news_blames_nobody(void **state)
{
	(void)state;
	for (int comes = 0; comes < 2; comes++)
		FOR_EACH_KIND {
			offered();
			asked();
			sends(caller(), FACT_SYN, 0, 0, 0);
			loses(1, false);
			loses(1, true);
			offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
			/* The same port once more. What is heard of it may be taken for news of the first one. */
			offered();
			asked();
			if (comes)
				called();
			account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4712, .fresh = true,
				.original = { { expectation.source, CALLER_PORT + 1 }, expectation.destination },
				.state = FACT_STATE_CALLING } }, now);
			replied(425);
			replied(425);
			offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
			passes(60 * SECOND);
			assert_int_equal(account_get_counters(account)->transfers[TRANSFER_UNKNOWN], 2);
			for (size_t i = 0; i < told_count; i++)
				assert_int_not_equal(told[i].notice.type, NOTICE_PINHOLE_CLOSE);
		}
}

static void a402_a_deletion_among_lost_facts_is_nobodys(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		all_was_heard();
		passes(1);
		loses(1, false);
		deleted();
		loses(1, true);
		replied(425);
		offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
		passes(SECOND);
		transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
		offer_failed(REASON_GONE);
	}
}

/* Who asks for all after a loss is told of connections of before, while a new one is on its way. */
static void a402_what_was_asked_for_is_not_of_an_offer_that_lost_nothing(void **state)
{
	(void)state;
	for (int passes_here = 0; passes_here < 2; passes_here++)
		FOR_EACH_KIND {
			offered();
			asked();
			called();
			account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4700, .asked = true,
				.original = { { expectation.source, CALLER_PORT - 1 }, expectation.destination },
				.state = FACT_STATE_CLOSED } }, now);
			if (passes_here)
				entry(FACT_ENTRY, FACT_STATE_CALLING);
			replied(425);
			offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
			passes(60 * SECOND);
			if (passes_here)
				transfer_was(TRANSFER_NO_ANSWER, other(caller()));
			else
				transfer_was(TRANSFER_FILTERED_HERE, TRANSFER_BY_NOBODY);
		}
}

/* Copies are lost, and news are not, but they are read later. */
static void a402_who_was_refused_by_a_copys_word_has_news_to_come(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		loses(1, false);
		sends(caller(), FACT_SYN, 0, 0, 0);
		sends(other(caller()), FACT_RST | FACT_ACK, 0, 0, 0);
		loses(1, true);
		replied(425);
		offer_ended(NOTICE_PINHOLE_USED, REASON_USED);
		/* The same port once more: it is not this one that is called. */
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_CALLING);
		entry(FACT_GONE, FACT_STATE_RESET);
		replied(425);
		offer_ended(NOTICE_PINHOLE_CLOSE, REASON_SUPERSEDED);
		passes(SECOND);
		assert_int_equal(account_get_counters(account)->transfers[TRANSFER_UNKNOWN], 2);
	}
}

/* A copy of before says another caller's port, and then the facts that would say so are lost. */
static void a402_the_port_of_a_late_copy_is_not_the_callers(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		offered();
		asked();
		sends_from(CALLER_PORT - 1, DIRECTION_ORIGINAL, FACT_SYN);
		sends_from(CALLER_PORT, DIRECTION_ORIGINAL, FACT_SYN);
		loses(1, false);
		loses(1, true);
		account_take_fact(account, &(struct fact){ .type = FACT_ENTRY, .entry = { .id = 4711, .asked = true,
			.original = original(), .state = FACT_STATE_CLOSED } }, now);
		replied(425);
		replied(425);
		passes(60 * SECOND);
		account_finish(account, now);
		assert_int_equal(account_get_counters(account)->transfers[TRANSFER_UNKNOWN], 2);
	}
}

static void offers_that_end_without_a_transfer_are_told_as_they_were(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		assert_true(offer_ended(NOTICE_PINHOLE_CLOSE, REASON_SUPERSEDED));
		offered();
		handshake();
		assert_false(offer_ended(NOTICE_PINHOLE_USED, REASON_USED));
		offer_was_used();
		offered();
		session_ended();
		passes(60 * SECOND);
		assert_int_equal(told_count, 1);
		assert_false(account_tick(account, now));
	}
}

static void said_of(enum notice_type type, const char *line, uint16_t code, const struct notice_file *file)
{
	notices(&(struct notice){ .type = type, .verb = verb, .text = unit_string(line), .code = code, .file = file,
				  .direction = code ? DIRECTION_REPLY : DIRECTION_ORIGINAL });
}

static void a200_a_file_is_told_as_it_was_when_it_was_asked_for(void **state)
{
	const struct notice_file asked_file = { .path = unit_string("/pub/file"), .user = unit_string("anna"), .ascii = true,
						.protection = PROTECTION_CLEAR };
	const struct notice_file later = { .path = unit_string("/elsewhere/file"), .user = unit_string("bob") };

	(void)state;
	FOR_EACH_KIND {
		const struct told *transfer;

		offered();
		said_of(NOTICE_LINE, "XXXX file", 0, &asked_file);
		said_of(NOTICE_TRANSFER, "file", 226, &later);
		account_finish(account, now);
		transfer = find_told(NOTICE_TRANSFER);
		assert_non_null(transfer->notice.file);
		assert_string_equal(transfer->name, "/pub/file");
		assert_string_equal(transfer->user, "anna");
		assert_true(transfer->file.ascii);
		assert_int_equal(transfer->file.protection, PROTECTION_CLEAR);
	}
}

static void a_file_that_its_reply_names_is_told_by_that_name(void **state)
{
	const struct notice_file nameless = { .user = unit_string("anna") };
	const struct notice_file named = { .path = unit_string("/pub/file.1"), .user = unit_string("anna") };

	(void)state;
	kind(FORM_227, VERB_STOU);
	offered();
	said_of(NOTICE_LINE, "STOU", 0, &nameless);
	said_of(NOTICE_LINE, "150 FILE: file.1", 150, &named);
	said_of(NOTICE_TRANSFER, "", 226, &nameless);
	account_finish(account, now);
	assert_string_equal(find_told(NOTICE_TRANSFER)->name, "/pub/file.1");
}

static void a_file_that_is_known_at_its_end_only_is_told_so(void **state)
{
	const struct notice_file file = { .path = unit_string("/pub/file"), .cut = 2 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		said_of(NOTICE_TRANSFER, "file", 226, &file);
		account_finish(account, now);
		assert_string_equal(find_told(NOTICE_TRANSFER)->name, "/pub/file");
		assert_int_equal(find_told(NOTICE_TRANSFER)->file.cut, 2);
	}
}

static void a_long_path_is_cut_and_says_so(void **state)
{
	char path[NOTICE_PATH_MAX + 20] = "";
	const struct notice_file file = { .path = unit_bytes(path, sizeof(path)), .cut = 5 };

	(void)state;
	memset(path, 'x', sizeof(path));
	kind(FORM_227, VERB_RETR);
	offered();
	said_of(NOTICE_LINE, "RETR x", 0, &file);
	replied(226);
	account_finish(account, now);
	assert_int_equal(find_told(NOTICE_TRANSFER)->file.path.length, NOTICE_PATH_MAX);
	assert_int_equal(find_told(NOTICE_TRANSFER)->file.cut, 25);
}

static void a_relays_legs_say_whether_a_transfer_was_protected(void **state)
{
	const struct notice_file file = { .path = unit_string("file") };

	(void)state;
	for (unsigned int legs = 0; legs < 4; legs++) {
		const struct notice_relay relay = { .client = { .tls = legs & 1 ? "TLSv1.3" : NULL },
						    .server = { .tls = legs & 2 ? "TLSv1.2" : NULL } };

		kind(FORM_227, VERB_RETR);
		offered();
		said_of(NOTICE_LINE, "RETR file", 0, &file);
		assert_true(notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &relay }));
		replied(226);
		account_finish(account, now);
		assert_int_equal(find_told(NOTICE_TRANSFER)->file.protection, legs == 3 ? PROTECTION_TLS : PROTECTION_CLEAR);
	}
}

static void the_relays_bytes_are_the_proxys(void **state)
{
	const struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		assert_true(notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &relay }));
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(verb_is_upload(verb) ? 111 : 222);
	}
}

static void a_relay_that_was_cut_is_no_complete_transfer(void **state)
{
	struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	for (relay.by = TRANSFER_BY_NOBODY; relay.by <= TRANSFER_BY_SERVER; relay.by++) {
		FOR_EACH_KIND {
			offered();
			asked();
			notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &relay,
						  .reason = REASON_TRUNCATED });
			replied(226);
			transfer_was(TRANSFER_ABORTED, relay.by);
		}
	}
}

static void a_server_that_refuses_a_file_has_ended_its_relay(void **state)
{
	const struct notice_relay relay = { .to_server = 0 };
	const struct notice_file file = { .path = unit_string("file") };

	(void)state;
	FOR_EACH_KIND {
		offered();
		said_of(NOTICE_LINE, "XXXX file", 0, &file);
		notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &relay,
					  .reason = REASON_HANDSHAKE });
		replied(550);
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_SERVER);
		assert_int_equal(find_told(NOTICE_TRANSFER)->file.protection, PROTECTION_UNKNOWN);
	}
}

static void relayed_to_the_end(const struct notice_relay *relay)
{
	notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = relay });
	replied(226);
	transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
	bytes_were(verb_is_upload(verb) ? relay->to_server : relay->to_client);
}

/* The refusal, and the client's next request, were faster than the end of the connection. */
static void a370_a_relay_that_ends_after_the_next_offer_is_its_own_offers(void **state)
{
	const struct notice_relay nothing = { .to_server = 0 };
	const struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		const struct expectation first = expectation;

		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		replied(550);
		expectation.destination.port++;
		offered();
		notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &first, .relay = &nothing,
					  .reason = REASON_UNREACHABLE });
		transfer_was(TRANSFER_ABORTED, TRANSFER_BY_SERVER);
		bytes_were(0);
		told_count = 0;
		asked();
		relayed_to_the_end(&relay);
	}
}

static void a370_a_refused_transfers_relay_may_be_the_next_ones(void **state)
{
	const struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		called();
		entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
		replied(550);
		asked();
		relayed_to_the_end(&relay);
	}
}

static void a370_an_offer_that_nobody_came_to_has_no_relay(void **state)
{
	const struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		expectation.destination.port++;
		offered();
		asked();
		relayed_to_the_end(&relay);
	}
}

/* As with EPSV and RETR at a time, while another file is on its way. */
static void a370_a_transfer_that_waits_for_its_offer_has_no_relay_yet(void **state)
{
	const struct notice_relay relay = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		asked();
		relayed_to_the_end(&relay);
	}
}

static void a370_two_relays_of_one_name_are_in_order(void **state)
{
	const struct notice_relay first = { .to_server = 1, .to_client = 2 };
	const struct notice_relay second = { .to_server = 111, .to_client = 222 };

	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &first });
		offered();
		asked();
		notices(&(struct notice){ .type = NOTICE_RELAY, .expectation = &expectation, .relay = &second });
		replied(226);
		bytes_were(verb_is_upload(verb) ? 1 : 2);
		told_count = 0;
		replied(226);
		bytes_were(verb_is_upload(verb) ? 111 : 222);
	}
}

static void a_transfer_whose_offer_nobody_saw_goes_by_its_reply(void **state)
{
	static const struct { uint16_t code; enum transfer_outcome outcome; enum transfer_party by; } rows[] = {
		{ 226, TRANSFER_COMPLETE, TRANSFER_BY_NOBODY }, { 550, TRANSFER_ABORTED, TRANSFER_BY_SERVER },
		{ 425, TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		kind(FORM_227, VERB_RETR);
		replied(rows[i].code);
		passes(SECOND);
		transfer_was(rows[i].outcome, rows[i].by);
	}
}

static void what_there_is_no_room_for_is_told_as_far_as_it_is_known(void **state)
{
	(void)state;
	kind(FORM_227, VERB_RETR);
	for (uint64_t session = 1; session <= 20; session++) {
		const struct notice line = { .type = NOTICE_LINE, .session = session, .view = &view, .verb = VERB_RETR,
					     .text = unit_string("RETR a") };

		account_take_notice(account, &line, 0, now);
	}
	assert_int_equal(account_get_counters(account)->evicted, 12);
	assert_int_equal(told_count, 12);
	account_finish(account, now);
	assert_int_equal(account_get_counters(account)->evicted, 12);
}

static void a242_what_an_entry_that_was_deleted_carried_is_not_known(void **state)
{
	(void)state;
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sends(sender(), FACT_ACK, 14480, 1448, 0);
		entry(FACT_GONE, FACT_STATE_ESTABLISHED);
		replied(226);
		passes(31 * SECOND);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were_not_told();
	}
	/* Where its end was seen before it is. */
	FOR_EACH_KIND {
		offered();
		asked();
		handshake();
		sender_ends(5000);
		receiver_ends(5000);
		entry(FACT_GONE, FACT_STATE_CLOSED);
		replied(226);
		transfer_was(TRANSFER_COMPLETE, TRANSFER_BY_NOBODY);
		bytes_were(5000);
	}
}

/* With room for so many. */
static void begin_with(uint32_t rows)
{
	static const uint8_t key[16] = "0123456789abcde";
	const struct account_ops ops = { .tell = tell, .ask = ask, .progress = note_progress };

	kind(FORM_227, VERB_RETR);
	free(account);
	account = account_open(calloc(1, account_size(rows)), rows, key, &ops);
}

static bool of_session(uint64_t session, const struct notice *what)
{
	struct notice notice = *what;

	notice.session = session;
	notice.view = &view;
	return account_take_notice(account, &notice, now, now);
}

static void a236_a_session_that_asks_without_end_has_its_own_transfers_forgotten(void **state)
{
	const struct notice line = { .type = NOTICE_LINE, .verb = VERB_RETR, .text = unit_string("RETR a") };
	unsigned int forgotten = 0;

	(void)state;
	begin_with(256);
	of_session(5, &line);
	for (unsigned int i = 0; i < 1000; i++) {
		of_session(SESSION, &line);
		for (; told_count > 0; told_count--, forgotten++)
			assert_int_equal(told[told_count - 1].notice.session, SESSION);
	}
	assert_int_equal(forgotten, 1000 - 64);
	of_session(5, &(struct notice){ .type = NOTICE_TRANSFER, .verb = VERB_RETR, .code = 226 });
	assert_int_equal(find_told(NOTICE_TRANSFER)->notice.session, 5);
	assert_int_equal(find_told(NOTICE_TRANSFER)->transfer.outcome, TRANSFER_COMPLETE);
}

static void a236_a_refused_transfer_of_a_session_that_has_many_is_told(void **state)
{
	(void)state;
	begin_with(256);
	offered();
	asked();
	for (unsigned int i = 0; i < 63; i++)
		says(VERB_STOR, "STOR a");
	told_count = 0;
	notices(&(struct notice){ .type = NOTICE_REFUSE, .reason = REASON_DOWNLOAD_DENIED, .verb = VERB_RETR,
				  .text = unit_string("RETR file") });
	transfer_was(TRANSFER_REFUSED_BY_POLICY, TRANSFER_BY_NOBODY);
}

static void a236_what_gives_way_before_all_is_known_blames_nobody(void **state)
{
	(void)state;
	begin_with(256);
	offered();
	asked();
	called();
	replied(226);
	assert_int_equal(told_count, 0);
	for (unsigned int i = 0; i < 64; i++)
		says(VERB_STOR, "STOR a");
	transfer_was(TRANSFER_UNKNOWN, TRANSFER_BY_NOBODY);
}

/* Any order of coming and going of what has one key. */
static void a236_offers_that_are_alike_are_found_and_forgotten_singly(void **state)
{
	uint64_t seed = 7;
	bool open[40] = { false };

	(void)state;
	begin_with(40);
	for (unsigned int i = 0; i < 4000; i++) {
		const uint64_t session = unit_random(&seed) % 40;
		const bool opens = !open[session];

		told_count = 0;
		of_session(session + 1, &(struct notice){
			.type = opens ? NOTICE_PINHOLE_OPEN : NOTICE_PINHOLE_CLOSE,
			.reason = opens ? REASON_NONE : REASON_SUPERSEDED,
			.form = form, .expectation = &expectation });
		open[session] = opens;
		if (!opens)
			assert_true(of_session(session + 1, &(struct notice){ .type = NOTICE_SESSION_CLOSE }));
	}
	/* Of what has gone nothing is left. */
	assert_int_equal(account_get_counters(account)->evicted, 0);
}

static void a236_a_segment_is_looked_for_among_the_newest_of_its_tuple(void **state)
{
	(void)state;
	begin_with(128);
	offered();
	asked();
	sends(caller(), FACT_SYN, 0, 0, 0);
	for (uint64_t session = 1; session <= 64; session++)
		of_session(1000 + session, &(struct notice){ .type = NOTICE_PINHOLE_OPEN, .form = form,
							     .expectation = &expectation });
	sends(other(caller()), FACT_RST | FACT_ACK, 0, 0, 0);
	assert_int_equal(told_count, 0);
}

/* One whose first packet was dropped here, or that the gateway took back, has no share in those of the next one. */
static void news_of_an_offer_are_not_of_one_that_is_over(void **state)
{
	(void)state;
	for (unsigned int dropped = 0; dropped < 2; dropped++)
		FOR_EACH_KIND {
			of_session(5, &(struct notice){ .type = NOTICE_PINHOLE_OPEN, .form = form,
							.expectation = &expectation });
			of_session(5, &(struct notice){ .type = NOTICE_LINE, .verb = VERB_RETR, .text = unit_string("RETR a") });
			if (dropped)
				called();
			else
				of_session(5, &(struct notice){ .type = NOTICE_PINHOLE_CLOSE, .reason = REASON_SUPERSEDED,
								.form = form,
								.expectation = &expectation });
			offered();
			asked();
			called();
			entry(FACT_ENTRY, FACT_STATE_ESTABLISHED);
			assert_int_equal(find_told(NOTICE_PINHOLE_USED)->notice.session, SESSION);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_that_went_well_is_complete),
		cmocka_unit_test(an_empty_file_is_complete),
		cmocka_unit_test(the_order_of_news_changes_nothing),
		cmocka_unit_test(a_fact_that_is_lost_makes_nothing_wrong),
		cmocka_unit_test(what_this_hosts_filter_drops_is_filtered_here),
		cmocka_unit_test(what_was_in_time_counts_however_late_it_is_read),
		cmocka_unit_test(the_gateways_word_that_somebody_came_is_enough_to_be_filtered),
		cmocka_unit_test(a290_what_goes_with_its_control_connections_entry_was_deleted_here),
		cmocka_unit_test(a290_another_connections_end_and_one_of_before_delete_nothing),
		cmocka_unit_test(a290_an_expectation_that_somebody_deleted_was_deleted_here),
		cmocka_unit_test(a389_what_is_made_again_at_once_was_not_deleted),
		cmocka_unit_test(a290_the_gateways_guess_that_a_deleted_one_was_used_is_not_believed),
		cmocka_unit_test(a290_what_the_gateway_deletes_itself_ends_as_it_says),
		cmocka_unit_test(a290_what_was_deleted_before_the_offer_is_not_that_offer),
		cmocka_unit_test(a290_what_passed_elsewhere_is_complete_whatever_was_deleted),
		cmocka_unit_test(who_does_not_call_never_came),
		cmocka_unit_test(an_offer_whose_time_is_over_was_not_called),
		cmocka_unit_test(a_transfer_that_the_server_refuses_is_its_doing),
		cmocka_unit_test(a_reset_instead_of_an_answer_is_a_refusal),
		cmocka_unit_test(a_reset_that_only_the_copies_tell_of_is_a_refusal_too),
		cmocka_unit_test(whom_nobody_answers_is_told_so),
		cmocka_unit_test(an_answer_that_this_host_drops_is_filtered_here),
		cmocka_unit_test(what_policy_refuses_is_told_so),
		cmocka_unit_test(a_refused_offer_does_not_spoil_the_next_one),
		cmocka_unit_test(a_refused_transfer_leaves_the_offer_to_the_next_one),
		cmocka_unit_test(who_resets_has_aborted),
		cmocka_unit_test(a_server_that_calls_it_complete_does_not_know),
		cmocka_unit_test(a_reset_after_all_was_received_is_complete),
		cmocka_unit_test(abor_is_the_clients_doing),
		cmocka_unit_test(a_server_that_gives_up_has_aborted),
		cmocka_unit_test(a_client_that_hangs_up_has_aborted),
		cmocka_unit_test(a_session_ends_after_all_that_is_told_of_it),
		cmocka_unit_test(who_comes_after_tells_what_was_kept_back),
		cmocka_unit_test(a291_what_was_left_in_the_middle_of_something_is_counted_as_lost),
		cmocka_unit_test(without_copies_the_state_and_the_reply_tell),
		cmocka_unit_test(where_facts_were_lost_nobody_is_blamed),
		cmocka_unit_test(a366_what_begins_while_facts_are_lost_blames_nobody),
		cmocka_unit_test(a366_an_offer_that_was_called_while_facts_were_lost_was_used),
		cmocka_unit_test(a366_a_first_segment_that_may_be_of_two_offers_is_of_neither),
		cmocka_unit_test(a366_an_entry_that_may_be_of_two_offers_is_of_neither),
		cmocka_unit_test(a366_an_entry_of_another_port_is_another_connections),
		cmocka_unit_test(a367_facts_of_what_was_not_told_are_nobody_elses),
		cmocka_unit_test(a367_a_reply_after_lost_notices_is_its_own_commands),
		cmocka_unit_test(a367_a_reply_after_lost_notices_is_no_older_commands),
		cmocka_unit_test(a367_an_offer_from_before_lost_notices_is_no_later_commands),
		cmocka_unit_test(a367_the_gateways_own_deletion_whose_notice_was_lost_is_nobodys),
		cmocka_unit_test(what_is_in_doubt_is_asked_for),
		cmocka_unit_test(what_stays_in_doubt_is_not_told),
		cmocka_unit_test(a388_copies_of_an_end_are_waited_for),
		cmocka_unit_test(a388_a_reset_that_conntrack_tells_of_is_waited_for),
		cmocka_unit_test(a388_a_fin_that_conntrack_tells_of_is_waited_for),
		cmocka_unit_test(a388_copies_that_never_come_are_not_waited_for_for_ever),
		cmocka_unit_test(a387_who_comes_after_a_loss_goes_on_with_it),
		cmocka_unit_test(what_has_not_ended_has_no_length),
		cmocka_unit_test(samples_take_the_doubt_away_unless_there_is_a_short_cut),
		cmocka_unit_test(progress_is_what_samples_tell),
		cmocka_unit_test(a_pipelined_offer_is_that_of_the_transfer_before_it),
		cmocka_unit_test(an_offer_that_is_made_anew_keeps_its_transfer),
		cmocka_unit_test(the_same_port_again_is_another_transfer),
		cmocka_unit_test(late_news_are_of_the_first_one_at_that_port),
		cmocka_unit_test(news_of_an_offer_are_not_of_one_that_is_over),
		cmocka_unit_test(a_late_copy_is_not_of_the_next_one_at_that_port),
		cmocka_unit_test(a385_late_news_of_what_was_told_are_not_of_the_next_one_at_that_port),
		cmocka_unit_test(a385_what_had_ended_before_a_loss_is_not_of_the_next_one_at_that_port),
		cmocka_unit_test(a385_what_lives_after_a_loss_is_of_the_offer_that_waits),
		cmocka_unit_test(a385_late_copies_of_what_was_told_are_not_of_the_next_one_at_that_port),
		cmocka_unit_test(a402_an_offer_after_one_that_has_lost_its_news_blames_nobody),
		cmocka_unit_test(a402_a_deletion_among_lost_facts_is_nobodys),
		cmocka_unit_test(a402_what_was_asked_for_is_not_of_an_offer_that_lost_nothing),
		cmocka_unit_test(a402_who_was_refused_by_a_copys_word_has_news_to_come),
		cmocka_unit_test(a402_the_port_of_a_late_copy_is_not_the_callers),
		cmocka_unit_test(offers_that_end_without_a_transfer_are_told_as_they_were),
		cmocka_unit_test(a200_a_file_is_told_as_it_was_when_it_was_asked_for),
		cmocka_unit_test(a_file_that_its_reply_names_is_told_by_that_name),
		cmocka_unit_test(a_file_that_is_known_at_its_end_only_is_told_so),
		cmocka_unit_test(a_long_path_is_cut_and_says_so),
		cmocka_unit_test(a_relays_legs_say_whether_a_transfer_was_protected),
		cmocka_unit_test(the_relays_bytes_are_the_proxys),
		cmocka_unit_test(a_relay_that_was_cut_is_no_complete_transfer),
		cmocka_unit_test(a_server_that_refuses_a_file_has_ended_its_relay),
		cmocka_unit_test(a370_a_relay_that_ends_after_the_next_offer_is_its_own_offers),
		cmocka_unit_test(a370_a_refused_transfers_relay_may_be_the_next_ones),
		cmocka_unit_test(a370_an_offer_that_nobody_came_to_has_no_relay),
		cmocka_unit_test(a370_a_transfer_that_waits_for_its_offer_has_no_relay_yet),
		cmocka_unit_test(a370_two_relays_of_one_name_are_in_order),
		cmocka_unit_test(a_transfer_whose_offer_nobody_saw_goes_by_its_reply),
		cmocka_unit_test(what_there_is_no_room_for_is_told_as_far_as_it_is_known),
		cmocka_unit_test(a242_what_an_entry_that_was_deleted_carried_is_not_known),
		cmocka_unit_test(a236_a_session_that_asks_without_end_has_its_own_transfers_forgotten),
		cmocka_unit_test(a236_a_refused_transfer_of_a_session_that_has_many_is_told),
		cmocka_unit_test(a236_what_gives_way_before_all_is_known_blames_nobody),
		cmocka_unit_test(a236_offers_that_are_alike_are_found_and_forgotten_singly),
		cmocka_unit_test(a236_a_segment_is_looked_for_among_the_newest_of_its_tuple),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
