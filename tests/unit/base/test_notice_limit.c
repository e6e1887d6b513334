/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many lines a peer can cause, that none is lost without being counted, and that nobody hides another's. */
#include <stdlib.h>

#include "base/notice_limit.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define SESSIONS 70000

static struct notice_limit *limit;
static uint64_t told;      /* lines, sums included */
static uint64_t accounted; /* events that they stand for */
static struct notice last_sum;

static void tell(void *context, const struct notice *sum)
{
	(void)context;
	told++;
	accounted += sum->count;
	last_sum = *sum;
}

static int setup(void **state)
{
	(void)state;
	limit = notice_limit_make(SESSIONS, tell, NULL);
	told = 0;
	accounted = 0;
	return limit ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	notice_limit_free(limit);
	return 0;
}

static struct nat_view view_of(uint32_t client)
{
	struct nat_view view = unit_view("10.0.0.0", "203.0.113.9");

	view.client.address.octets[1] = (uint8_t)(client >> 16);
	view.client.address.octets[2] = (uint8_t)(client >> 8);
	view.client.address.octets[3] = (uint8_t)client;
	return view;
}

/* client: of whom. session 0: of a packet that belongs to none. */
static bool happens(uint32_t client, uint64_t session, enum notice_type type, enum reason reason, uint64_t now)
{
	const struct nat_view view = view_of(client);
	const struct notice notice = { .type = type, .reason = reason, .session = session, .view = &view };
	const bool allowed = notice_limit_allows(limit, &notice, now);

	told += allowed;
	accounted += allowed;
	return allowed;
}

static void opens(uint32_t client, uint64_t session, uint64_t now)
{
	assert_true(happens(client, session, NOTICE_SESSION_OPEN, REASON_NONE, now));
}

static void a86_nonsense_for_an_hour_is_100_lines_and_16_a_minute(void **state)
{
	const uint64_t rate = 1000;
	uint64_t now = SECOND;

	(void)state;
	opens(1, 1, now);
	for (uint64_t i = 0; i < 3600 * rate; i++, now += SECOND / rate) {
		happens(1, 1, NOTICE_ANOMALY, (enum reason)(REASON_NONE + 1 + i % 40), now);
		if (i % rate == 0)
			notice_limit_tick(limit, now);
	}
	assert_true(told <= 1 + 100 + 60 * (10 + NOTICE_LIMIT_SUMS) + NOTICE_LIMIT_SUMS);
	assert_true(happens(1, 1, NOTICE_SESSION_CLOSE, REASON_NONE, now));
	assert_int_equal(accounted, 3600 * rate + 2);
}

static void a86_a_sum_has_its_session_its_reason_and_its_number(void **state)
{
	(void)state;
	opens(7, 5, SECOND);
	for (int i = 0; i < 1000; i++)
		happens(7, 5, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS, SECOND);
	assert_int_equal(told, 101);
	notice_limit_tick(limit, 60 * SECOND);
	assert_int_equal(told, 101);
	notice_limit_tick(limit, 61 * SECOND);
	assert_int_equal(told, 102);
	assert_int_equal(last_sum.type, NOTICE_REFUSE);
	assert_int_equal(last_sum.reason, REASON_FOREIGN_ADDRESS);
	assert_int_equal(last_sum.session, 5);
	assert_int_equal(last_sum.count, 900);
	assert_int_equal(last_sum.view->client.address.octets[3], 7);
	notice_limit_tick(limit, 200 * SECOND);
	assert_int_equal(told, 102);
}

static void a86_a_session_that_ends_has_told_its_sums(void **state)
{
	(void)state;
	opens(1, 1, SECOND);
	for (int i = 0; i < 110; i++)
		happens(1, 1, NOTICE_REFUSE, REASON_LOW_PORT, SECOND);
	happens(1, 1, NOTICE_SESSION_CLOSE, REASON_NONE, SECOND);
	assert_int_equal(last_sum.count, 10);
	assert_int_equal(accounted, 112);
}

static void a86_the_noise_of_all_others_hides_no_refusal(void **state)
{
	(void)state;
	/* From many sources, of one source, and of packets without a session. */
	for (uint32_t i = 1; i < 20000; i++) {
		opens(i, i, SECOND);
		for (int j = 0; j < 110; j++)
			happens(i, i, NOTICE_ANOMALY, REASON_MALFORMED, SECOND);
		happens(i, 0, NOTICE_ANOMALY, REASON_NO_CONNECTION, SECOND);
	}
	opens(5, 30000, SECOND);
	for (int i = 0; i < NOTICE_LIMIT_FIRST; i++)
		assert_true(happens(5, 30000, NOTICE_REFUSE, REASON_FOREIGN_ADDRESS, SECOND));
	assert_true(happens(5, 30000, NOTICE_LOGIN, REASON_NONE, SECOND));
	assert_true(happens(5, 30000, NOTICE_PINHOLE_OPEN, REASON_NONE, SECOND));
	happens(5, 30000, NOTICE_REFUSE, REASON_LOW_PORT, SECOND);
	assert_true(happens(5, 30000, NOTICE_SESSION_CLOSE, REASON_NONE, SECOND));
	assert_int_equal(last_sum.reason, REASON_LOW_PORT);
	assert_int_equal(last_sum.session, 30000);
}

static void a86_one_source_has_500_lines_and_10_a_second_beside_the_first_of_its_sessions(void **state)
{
	(void)state;
	for (uint64_t session = 1; session <= 1000; session++) {
		opens(9, session, SECOND);
		told = 0;
	}
	for (uint64_t session = 1; session <= 1000; session++)
		for (int i = 0; i < 20; i++)
			happens(9, session, NOTICE_ANOMALY, REASON_MALFORMED, SECOND);
	assert_int_equal(told, 1000 * NOTICE_LIMIT_FIRST + NOTICE_LIMIT_NOISE_SOURCE);
	told = 0;
	for (uint64_t session = 1001; session <= 1100; session++) {
		opens(9, session, 2 * SECOND);
		for (int i = 0; i < 20; i++)
			happens(9, session, NOTICE_ANOMALY, REASON_MALFORMED, 2 * SECOND);
	}
	assert_int_equal(told, 100 * (1 + NOTICE_LIMIT_FIRST) + NOTICE_LIMIT_NOISE_SOURCE_SECOND);
}

static void a86_feigned_sources_have_100_lines_together_and_10_a_second(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000000; i++)
		happens(i, i % 2 ? 0 : 999999, NOTICE_ANOMALY, REASON_OUT_OF_WINDOW, SECOND + i);
	assert_in_range(told, NOTICE_LIMIT_STRAY_ALL, NOTICE_LIMIT_STRAY_ALL + NOTICE_LIMIT_STRAY_ALL_SECOND);
	notice_limit_tick(limit, 62 * SECOND);
	assert_int_equal(accounted, 1000000);
	assert_int_equal(last_sum.session, 0);
}

static void a86_an_ipv6_network_is_one_source(void **state)
{
	struct nat_view view = unit_view("2001:db8::5", "2001:db8:1::9");
	struct notice notice = { .view = &view };

	(void)state;
	for (uint32_t i = 1; i <= 250; i++) {
		view.client.address.octets[15] = (uint8_t)i;
		notice.session = i;
		notice.type = NOTICE_SESSION_OPEN;
		notice_limit_allows(limit, &notice, SECOND);
		notice.type = NOTICE_ANOMALY;
		for (int j = 0; j < 20; j++)
			told += notice_limit_allows(limit, &notice, SECOND);
	}
	assert_int_equal(told, 250 * NOTICE_LIMIT_FIRST + NOTICE_LIMIT_NOISE_SOURCE);
}

static void many_files_of_one_session_are_told_one_by_one(void **state)
{
	uint64_t now = SECOND;

	(void)state;
	opens(1, 1, now);
	for (int i = 0; i < 100000; i++, now += 2000)
		assert_true(happens(1, 1, NOTICE_TRANSFER, REASON_NONE, now));
}

static void a86_logins_over_and_over_are_1000_lines_a_second(void **state)
{
	(void)state;
	opens(1, 1, SECOND);
	for (uint64_t i = 0; i < 1000000; i++)
		happens(1, 1, NOTICE_LOGIN, REASON_NONE, SECOND + 10 * i);
	assert_in_range(told, NOTICE_LIMIT_DEED_SESSION,
			NOTICE_LIMIT_DEED_SESSION + 10 * NOTICE_LIMIT_DEED_SESSION_SECOND + 2);
	happens(1, 1, NOTICE_SESSION_CLOSE, REASON_NONE, 20 * SECOND);
	assert_int_equal(accounted, 1000002);
}

/* Rows are used again, and whatever comes for sessions that are gone takes none. */
static void sessions_come_and_go_for_ever(void **state)
{
	uint64_t session;

	(void)state;
	for (session = 1; session < 5 * SESSIONS; session++) {
		opens(1, session, session);
		happens(1, session, NOTICE_SESSION_CLOSE, REASON_NONE, session);
		happens(1, session, NOTICE_ANOMALY, REASON_OUT_OF_WINDOW, session);
	}
	opens(2, session, session);
	for (int i = 0; i < 110; i++)
		happens(2, session, NOTICE_ANOMALY, REASON_MALFORMED, session);
	happens(2, session, NOTICE_SESSION_CLOSE, REASON_NONE, session);
	assert_int_equal(last_sum.session, session);
	notice_limit_finish(limit);
	assert_int_equal(accounted, 3 * (5 * (uint64_t)SESSIONS - 1) + 112);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a86_nonsense_for_an_hour_is_100_lines_and_16_a_minute),
		TEST(a86_a_sum_has_its_session_its_reason_and_its_number),
		TEST(a86_a_session_that_ends_has_told_its_sums),
		TEST(a86_the_noise_of_all_others_hides_no_refusal),
		TEST(a86_one_source_has_500_lines_and_10_a_second_beside_the_first_of_its_sessions),
		TEST(a86_feigned_sources_have_100_lines_together_and_10_a_second),
		TEST(a86_an_ipv6_network_is_one_source),
		TEST(a86_logins_over_and_over_are_1000_lines_a_second),
		TEST(many_files_of_one_session_are_told_one_by_one),
		TEST(sessions_come_and_go_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
