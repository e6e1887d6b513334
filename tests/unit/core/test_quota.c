/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quotas: what one source uses costs no other anything, and leaving does not make it forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ftpalg/quota.h"
#include "world.h"

#define ROWS 4
#define BUCKETS 16
#define SECOND UINT64_C(1000000)

static struct quota quota;
static struct quota_source rows[ROWS];
static uint32_t buckets[BUCKETS];

static void make(uint32_t sessions, uint32_t pinholes, uint32_t rate, uint32_t bytes)
{
	static const uint8_t key[16] = { 1 };
	const struct quota_limits limits = {
		.sessions = sessions, .pinholes = pinholes, .pinhole_rate = rate, .bytes = bytes
	};

	quota_init(&quota, &limits, rows, ROWS, buckets, BUCKETS, key);
}

static enum reason begin(const char *client, uint64_t now, struct quota_source **source)
{
	const struct address address = world_address(client);

	return quota_begin_session(&quota, &address, now, source);
}

static void a_source_has_its_sessions_and_no_more(void **state)
{
	struct quota_source *first, *second, *other;

	(void)state;
	make(2, 0, 0, 0);
	assert_int_equal(begin("10.0.0.1", 0, &first), REASON_NONE);
	assert_int_equal(begin("10.0.0.1", 0, &second), REASON_NONE);
	assert_ptr_equal(first, second);
	assert_int_equal(begin("10.0.0.1", 0, &second), REASON_QUOTA_SESSIONS);
	assert_int_equal(begin("10.0.0.2", 0, &other), REASON_NONE);
	assert_ptr_not_equal(first, other);
	quota_end_session(&quota, first);
	assert_int_equal(begin("10.0.0.1", 0, &second), REASON_NONE);
}

static void a_64_network_of_ipv6_is_one_source(void **state)
{
	struct quota_source *first, *second, *other;

	(void)state;
	make(0, 0, 0, 0);
	assert_int_equal(begin("2001:db8::1", 0, &first), REASON_NONE);
	assert_int_equal(begin("2001:db8::ffff:1", 0, &second), REASON_NONE);
	assert_int_equal(begin("2001:db8:0:1::1", 0, &other), REASON_NONE);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, other);
}

static void pinholes_are_bounded_at_a_time(void **state)
{
	struct quota_source *source, *other;

	(void)state;
	make(0, 2, 0, 0);
	begin("10.0.0.1", 0, &source);
	begin("10.0.0.2", 0, &other);
	assert_int_equal(quota_open_pinhole(&quota, source, 0), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota, source, 0), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota, source, 0), REASON_QUOTA_PINHOLES);
	assert_int_equal(quota_open_pinhole(&quota, other, 0), REASON_NONE);
	quota_close_pinhole(&quota, source);
	assert_int_equal(quota_open_pinhole(&quota, source, 0), REASON_NONE);
}

static unsigned int open_while_allowed(struct quota_source *source, uint64_t now)
{
	unsigned int count = 0;

	while (count < 1000 && quota_open_pinhole(&quota, source, now) == REASON_NONE)
		count++;
	return count;
}

static void pinholes_are_bounded_by_rate(void **state)
{
	struct quota_source *source;

	(void)state;
	make(0, 0, 3, 0);
	begin("10.0.0.1", 5, &source);
	/* Ten seconds' worth at once, then as many as seconds give; a long silence saves no more than ten. */
	assert_int_equal(open_while_allowed(source, 5), 30);
	assert_int_equal(quota_open_pinhole(&quota, source, 5), REASON_QUOTA_RATE);
	assert_int_equal(open_while_allowed(source, 5 + SECOND / 3 - 1), 0);
	assert_int_equal(open_while_allowed(source, 5 + SECOND), 3);
	assert_int_equal(open_while_allowed(source, 5 + 3600 * SECOND), 30);
	assert_int_equal(open_while_allowed(source, UINT64_MAX), 30);
	/* A clock that stands, or is asked about the past, gives nothing. */
	assert_int_equal(open_while_allowed(source, 7), 0);
}

static void who_comes_back_is_remembered(void **state)
{
	struct quota_source *source;

	(void)state;
	make(0, 0, 1, 0);
	begin("10.0.0.1", 0, &source);
	assert_int_equal(open_while_allowed(source, 0), 10);
	quota_end_session(&quota, source);
	assert_int_equal(begin("10.0.0.1", 0, &source), REASON_NONE);
	assert_int_equal(open_while_allowed(source, 0), 0);
}

static void rows_of_sources_that_left_are_used_again(void **state)
{
	static const char *const clients[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4" };
	struct quota_source *sources[ROWS];
	struct quota_source *fifth;

	(void)state;
	make(0, 0, 1, 0);
	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(begin(clients[i], 0, &sources[i]), REASON_NONE);
	assert_int_equal(begin("10.0.0.5", 0, &fifth), REASON_QUOTA_SESSIONS);
	/* The second leaves and comes back; the third leaves for good, and its row is the one to be had. */
	quota_end_session(&quota, sources[1]);
	assert_int_equal(begin(clients[1], 0, &sources[1]), REASON_NONE);
	quota_end_session(&quota, sources[2]);
	assert_int_equal(begin("10.0.0.5", 0, &fifth), REASON_NONE);
	assert_ptr_equal(fifth, sources[2]);
	assert_int_equal(open_while_allowed(fifth, 0), 10);
	assert_int_equal(begin("10.0.0.6", 0, &fifth), REASON_QUOTA_SESSIONS);
	/* Those that stayed are still found. */
	assert_int_equal(begin(clients[0], 0, &fifth), REASON_NONE);
	assert_ptr_equal(fifth, sources[0]);
	assert_int_equal(fifth->sessions, 2);
}

static void a110_data_connections_count_on_when_their_session_has_ended(void **state)
{
	struct quota_source *source, *others[ROWS];

	(void)state;
	make(0, 0, 0, 0);
	begin("10.0.0.1", 0, &source);
	assert_true(quota_allows_relay(&quota, source));
	quota.limits.relays = 2;
	quota_begin_relay(&quota, source);
	assert_true(quota_allows_relay(&quota, source));
	quota_begin_relay(&quota, source);
	assert_false(quota_allows_relay(&quota, source));
	quota_end_session(&quota, source);
	/* Its row is not another's meanwhile. */
	for (int i = 1; i < ROWS; i++)
		assert_int_equal(begin((const char *const[]){ "", "10.0.0.2", "10.0.0.3", "10.0.0.4" }[i], 0, &others[i]),
				 REASON_NONE);
	assert_int_equal(begin("10.0.0.5", 0, &others[0]), REASON_QUOTA_SESSIONS);
	assert_int_equal(begin("10.0.0.1", 0, &source), REASON_NONE);
	assert_false(quota_allows_relay(&quota, source));
	quota_end_session(&quota, source);
	quota_end_relay(&quota, source);
	assert_int_equal(begin("10.0.0.5", 0, &others[0]), REASON_QUOTA_SESSIONS);
	quota_end_relay(&quota, source);
	assert_int_equal(begin("10.0.0.5", 0, &others[0]), REASON_NONE);
	assert_ptr_equal(others[0], source);
}

static void bytes_are_those_of_all_its_sessions(void **state)
{
	struct quota_source *source;

	(void)state;
	make(0, 0, 0, 100);
	begin("10.0.0.1", 0, &source);
	quota_set_bytes(&quota, source, 0, 60);
	quota_set_bytes(&quota, source, 0, 30);
	assert_int_equal(quota_check_bytes(&quota, source, 10), REASON_NONE);
	assert_int_equal(quota_check_bytes(&quota, source, 11), REASON_QUOTA_BYTES);
	quota_set_bytes(&quota, source, 60, 0);
	assert_int_equal(quota_check_bytes(&quota, source, 70), REASON_NONE);
}

/* All of them in one chain: whoever is taken out of its middle must not take others along. */
static void sources_that_share_a_bucket_are_told_apart(void **state)
{
	static const uint8_t key[16] = { 1 };
	static const struct quota_limits limits = { .pinhole_rate = 1 };
	static const char *const clients[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4" };
	struct quota_source *sources[ROWS], *source;

	(void)state;
	for (size_t gone = 0; gone < ROWS; gone++) {
		quota_init(&quota, &limits, rows, ROWS, buckets, 1, key);
		for (size_t i = 0; i < ROWS; i++)
			assert_int_equal(begin(clients[i], 0, &sources[i]), REASON_NONE);
		quota_end_session(&quota, sources[gone]);
		/* A fifth takes the row of the one that has left. */
		assert_int_equal(begin("10.0.0.5", 1, &source), REASON_NONE);
		assert_ptr_equal(source, sources[gone]);
		for (size_t i = 0; i < ROWS; i++) {
			if (i == gone)
				continue;
			assert_int_equal(begin(clients[i], 1, &source), REASON_NONE);
			assert_ptr_equal(source, sources[i]);
		}
	}
}

static void where_bytes_are_scarce_a_source_has_a_sixteenth(void **state)
{
	struct quota_source *source;

	(void)state;
	make(0, 0, 0, 160);
	begin("10.0.0.1", 0, &source);
	quota_set_bytes(&quota, source, 0, 4);
	assert_int_equal(quota_check_scarce_bytes(&quota, source, 6), REASON_NONE);
	assert_int_equal(quota_check_scarce_bytes(&quota, source, 7), REASON_QUOTA_BYTES);
	assert_int_equal(quota_check_bytes(&quota, source, 156), REASON_NONE);
	make(0, 0, 0, 0);
	begin("10.0.0.1", 0, &source);
	assert_int_equal(quota_check_scarce_bytes(&quota, source, SIZE_MAX / 2), REASON_NONE);
}

static unsigned int mint_all(struct quota_source *source, uint64_t now)
{
	unsigned int count = 0;

	for (; count < 1000 && quota_allows_mint(&quota, source, now); count++)
		quota_count_mint(&quota, source, now);
	return count;
}

static void a163_a_source_has_so_many_certificates_a_minute(void **state)
{
	struct quota_source *source, *other;

	(void)state;
	make(0, 0, 0, 0);
	begin("10.0.0.1", 0, &source);
	begin("10.0.0.2", 0, &other);
	assert_int_equal(mint_all(source, 0), 1000);
	quota.limits.mints = 30;
	assert_int_equal(mint_all(source, 5 * SECOND), 30);
	assert_int_equal(mint_all(source, 6 * SECOND), 0);
	assert_int_equal(mint_all(source, 7 * SECOND), 1);
	assert_int_equal(mint_all(other, 7 * SECOND), 30);
	assert_int_equal(mint_all(source, 1000 * SECOND), 30);
}

static void zero_is_without_limit(void **state)
{
	struct quota_source *source;

	(void)state;
	make(0, 0, 0, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(begin("10.0.0.1", 0, &source), REASON_NONE);
		assert_int_equal(quota_open_pinhole(&quota, source, 0), REASON_NONE);
	}
	assert_int_equal(quota_check_bytes(&quota, source, SIZE_MAX / 2), REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_has_its_sessions_and_no_more),
		cmocka_unit_test(a_64_network_of_ipv6_is_one_source),
		cmocka_unit_test(pinholes_are_bounded_at_a_time),
		cmocka_unit_test(pinholes_are_bounded_by_rate),
		cmocka_unit_test(who_comes_back_is_remembered),
		cmocka_unit_test(rows_of_sources_that_left_are_used_again),
		cmocka_unit_test(a110_data_connections_count_on_when_their_session_has_ended),
		cmocka_unit_test(bytes_are_those_of_all_its_sessions),
		cmocka_unit_test(sources_that_share_a_bucket_are_told_apart),
		cmocka_unit_test(where_bytes_are_scarce_a_source_has_a_sixteenth),
		cmocka_unit_test(a163_a_source_has_so_many_certificates_a_minute),
		cmocka_unit_test(zero_is_without_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
