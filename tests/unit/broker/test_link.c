/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A151: what a worker has in hand must not be overtaken. The broker is played here: its answers lie ready in the socket
 * before the worker asks, and what it was asked is read from there afterwards.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/link.h"
#include "unit.h"

#define ANSWERS_MAX 80

static struct rig {
	struct broker_link link;
	int broker;
	char told[2048];
} rig;

static void note_end(void *context, const struct session_farewell *end, enum reason answer)
{
	const size_t length = strlen(rig.told);

	assert_ptr_equal(context, &rig);
	snprintf(rig.told + length, sizeof(rig.told) - length, "%u:%s ", (unsigned int)end->session, reason_name(answer));
}

/* Lets datagrams of so many answers lie ready, whose reasons are these. */
static void answer(const enum reason *reasons, size_t count)
{
	struct broker_answer answers[ANSWERS_MAX];

	memset(answers, 0, sizeof(answers));
	for (size_t i = 0; i < count; i++) {
		answers[i].reason = (uint16_t)reasons[i];
		answers[i].port = 50000;
	}
	assert_int_equal(send(rig.broker, answers, count * sizeof(*answers), 0), (ssize_t)(count * sizeof(*answers)));
}

/* The kinds of what the broker was asked since: a letter a request, a blank behind a datagram; V for verdicts. */
static const char *asked(void)
{
	static const char letters[] = "?LRXUPAIVH";
	static char text[256];
	static uint8_t datagram[BROKER_DATAGRAM_MAX];
	size_t used = 0;
	ssize_t length;

	while ((length = recv(rig.broker, datagram, sizeof(datagram), MSG_DONTWAIT)) > 0) {
		const bool requests = datagram[0] >= BROKER_LOOKUP && datagram[0] <= BROKER_ADJUST;
		const size_t step = requests ? sizeof(struct broker_request) : (size_t)length;

		for (size_t at = 0; at < (size_t)length; at += step)
			text[used++] = letters[datagram[at]];
		text[used++] = ' ';
	}
	text[used] = '\0';
	return text;
}

static void begin(void)
{
	const enum reason ready = REASON_NONE;
	int ends[2];

	memset(&rig, 0, sizeof(rig));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	rig.broker = ends[1];
	rig.link.tell = note_end;
	rig.link.context = &rig;
	answer(&ready, 1);
	assert_int_equal(broker_link_open(&rig.link, ends[0], -1), 0);
	assert_string_equal(asked(), "H ");
}

static void finish(void)
{
	broker_link_close(&rig.link);
	close(rig.broker);
}

static struct session_farewell ended(uint64_t session)
{
	return (struct session_farewell){
		.session = session,
		.view = unit_view("10.0.0.5", "203.0.113.9"),
		.expectation = { .source = unit_address("203.0.113.9"), .destination = unit_endpoint("10.0.0.5", 50000) },
	};
}

static void release(uint64_t session)
{
	const struct session_farewell end = ended(session);

	broker_link_release(&rig.link, &end);
}

static void a151_an_expectation_that_is_released_is_deleted_before_the_next_is_made(void **state)
{
	static const enum reason answers[] = { REASON_GONE, REASON_NONE, REASON_NONE };
	const struct nat_view view = unit_view("10.0.0.6", "203.0.113.9");
	struct expectation expectation = ended(0).expectation;

	(void)state;
	begin();
	release(1);
	release(2);
	assert_string_equal(asked(), "");
	answer(answers, ARRAY_SIZE(answers));
	expectation.destination.port = 40000;
	assert_int_equal(broker_link_expect(&rig.link, &view, &expectation), REASON_NONE);
	assert_int_equal(expectation.destination.port, 50000);
	assert_string_equal(asked(), "UUX ");
	assert_string_equal(rig.told, "1:gone 2:none ");
	assert_int_equal(broker_link_flush(&rig.link), 0);
	assert_string_equal(asked(), "");
	finish();
}

static void a151_what_is_released_does_not_wait_for_another_packet(void **state)
{
	const enum reason none = REASON_NONE;
	const struct nfverdict_decision decision = { .id = 1, .accept = true };

	(void)state;
	begin();
	release(7);
	assert_int_equal(broker_link_decide(&rig.link, &decision), 0);
	answer(&none, 1);
	assert_int_equal(broker_link_flush(&rig.link), 0);
	assert_string_equal(asked(), "V U ");
	assert_string_equal(rig.told, "7:none ");
	finish();
}

static void any_number_may_be_released(void **state)
{
	enum reason answers[ANSWERS_MAX] = { REASON_NONE };

	(void)state;
	begin();
	/* Two more requests would still have room behind them. */
	answer(answers, BROKER_REQUESTS_MAX - 2);
	for (uint64_t i = 0; i < BROKER_REQUESTS_MAX; i++)
		release(i);
	answer(answers, 2);
	assert_int_equal(broker_link_flush(&rig.link), 0);
	assert_int_equal(strlen(asked()), BROKER_REQUESTS_MAX + 2);
	finish();
}

static void where_the_broker_is_gone_the_end_is_told_nevertheless(void **state)
{
	(void)state;
	begin();
	release(3);
	close(rig.broker);
	assert_true(broker_link_flush(&rig.link) < 0);
	assert_true(rig.link.broken);
	assert_string_equal(rig.told, "3:kernel-refused ");
	broker_link_close(&rig.link);
}

/*
 * A packet of 10.0.0.5's connection, or of another one, has its decision when the connection's numbers change.
 */
static void a151_numbers_change_when_the_packets_of_their_connection_have_left(void **state)
{
	static const struct {
		const char *source, *destination;
		const char *asked;
	} rows[] = {
		{ "10.0.0.5", "203.0.113.9", "V A " },
		{ "203.0.113.9", "10.0.0.5", "V A " },
		{ "10.0.0.6", "203.0.113.9", "A V " },
		{ NULL, NULL, "V A " }, /* nobody said whose it is */
	};
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct seqadj seqadj = { .position = 1, .before = 0, .after = 2 };
	const struct nfverdict_decision decision = { .id = 1, .accept = true };
	const enum reason none = REASON_NONE;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tuple seen;

		begin();
		/* What has left before is of no account. */
		seen = (struct tuple){ rows[i].source ? view.client : unit_endpoint("10.0.0.7", 1), view.server };
		broker_link_foresee(&rig.link, &seen, false);
		broker_link_decide(&rig.link, &decision);
		broker_link_flush(&rig.link);
		assert_string_equal(asked(), "V ");
		if (rows[i].source) {
			const bool reply = strcmp(rows[i].source, "203.0.113.9") == 0;

			seen.source = unit_endpoint(rows[i].source, reply ? view.server.port : view.client.port);
			seen.destination = unit_endpoint(rows[i].destination, reply ? view.client.port : view.server.port);
			broker_link_foresee(&rig.link, &seen, false);
		}
		broker_link_decide(&rig.link, &decision);
		answer(&none, 1);
		assert_int_equal(broker_link_adjust(&rig.link, &view, DIRECTION_ORIGINAL, &seqadj), REASON_NONE);
		broker_link_flush(&rig.link);
		assert_string_equal(asked(), rows[i].asked);
		finish();
	}
}

/* An expectation and an adjustment in one datagram: the second counts only for the port that was asked for. */
static void a151_an_adjustment_asked_for_with_an_expectation_is_for_its_port(void **state)
{
	static const struct {
		uint16_t wanted;
		enum reason answers[3];
		enum reason reason, answer;
		bool asked;
	} rows[] = {
		{ 50000, { REASON_GONE, REASON_NONE, REASON_NONE }, REASON_NONE, REASON_NONE, true },
		{ 50000, { REASON_GONE, REASON_NONE, REASON_NO_RESIZE }, REASON_NONE, REASON_NO_RESIZE, true },
		{ 40000, { REASON_GONE, REASON_NONE, REASON_NO_PORT }, REASON_NONE, REASON_NONE, false },
		{ 50000, { REASON_GONE, REASON_NO_CARRIER, REASON_NO_PORT }, REASON_NO_CARRIER, REASON_NONE, false },
	};
	const struct nat_view view = unit_view("10.0.0.5", "203.0.113.9");
	const struct nfverdict_decision decision = { .id = 1, .accept = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct expectation expectation = ended(0).expectation;
		struct correction correction = {
			.direction = DIRECTION_ORIGINAL, .seqadj = { .position = 1, .before = 0, .after = 2 }, .asked = true,
		};

		begin();
		release(1);
		broker_link_decide(&rig.link, &decision);
		answer(rows[i].answers, ARRAY_SIZE(rows[i].answers));
		expectation.destination.port = rows[i].wanted;
		assert_int_equal(broker_link_expect_and_adjust(&rig.link, &view, &expectation, &correction),
				 rows[i].reason);
		assert_int_equal(correction.asked, rows[i].asked);
		assert_int_equal(correction.answer, rows[i].answer);
		assert_int_equal(expectation.destination.port, 50000);
		assert_string_equal(asked(), "V UXA ");
		assert_string_equal(rig.told, "1:gone ");
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a151_an_expectation_that_is_released_is_deleted_before_the_next_is_made),
		cmocka_unit_test(a151_what_is_released_does_not_wait_for_another_packet),
		cmocka_unit_test(any_number_may_be_released),
		cmocka_unit_test(where_the_broker_is_gone_the_end_is_told_nevertheless),
		cmocka_unit_test(a151_numbers_change_when_the_packets_of_their_connection_have_left),
		cmocka_unit_test(a151_an_adjustment_asked_for_with_an_expectation_is_for_its_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
