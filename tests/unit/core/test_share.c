/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several gateways count together: the limits are those of one, whoever of them is asked, and whoever of them dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ftpalg/quota.h"
#include "world.h"

#define MEMBERS 3
#define SOURCES 16
#define ROWS 8
#define BUCKETS 16
#define SECOND UINT64_C(1000000)
#define ROUNDS 20000

static const uint8_t key[16] = { 1 };
static void *memory;
static size_t size;
static struct share share[MEMBERS];
static struct quota quota[MEMBERS];
static struct quota_source rows[MEMBERS][ROWS];
static uint32_t buckets[MEMBERS][BUCKETS];

static int make_memory(void **state)
{
	(void)state;
	size = share_memory_size(MEMBERS, SOURCES);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (uint32_t member = 0; member < MEMBERS; member++)
		share_open(&share[member], memory, MEMBERS, SOURCES, member, key);
	return memory == MAP_FAILED ? -1 : 0;
}

static int free_memory(void **state)
{
	(void)state;
	return munmap(memory, size);
}

static void make_quotas(const struct quota_limits *limits)
{
	for (uint32_t member = 0; member < MEMBERS; member++) {
		quota_init(&quota[member], limits, rows[member], ROWS, buckets[member], BUCKETS, key);
		quota_join(&quota[member], &share[member]);
	}
}

static enum reason begin(uint32_t member, const char *client, struct quota_source **source)
{
	const struct address address = world_address(client);

	return quota_begin_session(&quota[member], &address, 0, source);
}

static void a210_sessions_in_all_are_those_of_all_members(void **state)
{
	(void)state;
	assert_true(share_begin_session(&share[0], 3));
	assert_true(share_begin_session(&share[1], 3));
	assert_true(share_begin_session(&share[1], 3));
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_false(share_begin_session(&share[member], 3));
	share_end_session(&share[1]);
	assert_true(share_begin_session(&share[2], 3));
	assert_false(share_begin_session(&share[0], 3));
}

static void who_has_more_than_another_is_told_so(void **state)
{
	(void)state;
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_false(share_leads(&share[member]));
	share_begin_session(&share[1], 3);
	assert_true(share_leads(&share[1]));
	assert_false(share_leads(&share[0]));
	share_begin_session(&share[0], 3);
	share_begin_session(&share[2], 3);
	assert_false(share_leads(&share[1]));
	/* What one has that died is none. */
	share_take_back(&share[2]);
	assert_true(share_leads(&share[1]));
}

static void a210_a_source_has_its_sessions_whichever_members_it_comes_to(void **state)
{
	const struct quota_limits limits = { .sessions = 2 };
	struct quota_source *first, *second, *none;

	(void)state;
	make_quotas(&limits);
	assert_int_equal(begin(0, "10.0.0.1", &first), REASON_NONE);
	assert_int_equal(begin(1, "10.0.0.1", &second), REASON_NONE);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &none), REASON_QUOTA_SESSIONS);
	assert_int_equal(begin(2, "10.0.0.2", &none), REASON_NONE);
	quota_end_session(&quota[0], first);
	assert_int_equal(begin(2, "10.0.0.1", &first), REASON_NONE);
	assert_int_equal(begin(0, "10.0.0.1", &none), REASON_QUOTA_SESSIONS);
}

/* Its row of this member is there, without a session, and must be had by others: there are as many as ROWS. */
static void who_is_refused_because_of_other_members_keeps_no_row(void **state)
{
	const struct quota_limits limits = { .sessions = 1 };
	static const char *const clients[ROWS] = {
		"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8",
	};
	struct quota_source *source;
	char other[32];

	(void)state;
	make_quotas(&limits);
	for (size_t i = 0; i < ROWS; i++) {
		assert_int_equal(begin(0, clients[i], &source), REASON_NONE);
		assert_int_equal(begin(1, clients[i], &source), REASON_QUOTA_SESSIONS);
	}
	for (int i = 0; i < ROWS; i++) {
		snprintf(other, sizeof(other), "10.0.1.%d", i + 1);
		assert_int_equal(begin(1, other, &source), REASON_NONE);
	}
}

static void a210_a_source_has_its_pinholes_whichever_members_open_them(void **state)
{
	const struct quota_limits limits = { .pinholes = 2 };
	struct quota_source *source[MEMBERS];

	(void)state;
	make_quotas(&limits);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &source[member]), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota[0], source[0], 0), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota[1], source[1], 0), REASON_NONE);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(quota_open_pinhole(&quota[member], source[member], 0), REASON_QUOTA_PINHOLES);
	quota_close_pinhole(&quota[0], source[0]);
	assert_int_equal(quota_open_pinhole(&quota[2], source[2], 0), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota[0], source[0], 0), REASON_QUOTA_PINHOLES);
}

static unsigned int open_in_turns(struct quota_source *const source[MEMBERS], uint64_t now)
{
	unsigned int count = 0;

	while (count < 1000 && quota_open_pinhole(&quota[count % MEMBERS], source[count % MEMBERS], now) == REASON_NONE)
		count++;
	return count;
}

static void a210_a_rate_is_that_of_all_members(void **state)
{
	const struct quota_limits limits = { .pinhole_rate = 3 };
	struct quota_source *source[MEMBERS], *other;

	(void)state;
	make_quotas(&limits);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &source[member]), REASON_NONE);
	assert_int_equal(begin(0, "10.0.0.2", &other), REASON_NONE);
	assert_int_equal(open_in_turns(source, 5), 30);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(quota_open_pinhole(&quota[member], source[member], 5), REASON_QUOTA_RATE);
	assert_int_equal(quota_open_pinhole(&quota[0], other, 5), REASON_NONE);
	assert_int_equal(open_in_turns(source, 5 + SECOND), 3);
	assert_int_equal(open_in_turns(source, 5 + 3600 * SECOND), 30);
}

static void a210_bytes_are_those_that_all_members_hold(void **state)
{
	const struct quota_limits limits = { .bytes = 160 };
	struct quota_source *source[MEMBERS];

	(void)state;
	make_quotas(&limits);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &source[member]), REASON_NONE);
	quota_set_bytes(&quota[0], source[0], 0, 60);
	quota_set_bytes(&quota[1], source[1], 0, 90);
	assert_int_equal(quota_check_bytes(&quota[2], source[2], 10), REASON_NONE);
	assert_int_equal(quota_check_bytes(&quota[2], source[2], 11), REASON_QUOTA_BYTES);
	assert_int_equal(quota_check_scarce_bytes(&quota[2], source[2], 1), REASON_QUOTA_BYTES);
	quota_set_bytes(&quota[0], source[0], 60, 0);
	quota_set_bytes(&quota[1], source[1], 90, 2);
	assert_int_equal(quota_check_scarce_bytes(&quota[2], source[2], 8), REASON_NONE);
	assert_int_equal(quota_check_scarce_bytes(&quota[2], source[2], 9), REASON_QUOTA_BYTES);
}

static void a280_a_source_has_its_relays_whichever_members_have_them(void **state)
{
	const struct quota_limits limits = { .relays = 2 };
	struct quota_source *source[MEMBERS], *other;

	(void)state;
	make_quotas(&limits);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &source[member]), REASON_NONE);
	assert_int_equal(begin(1, "10.0.0.2", &other), REASON_NONE);
	quota_begin_relay(&quota[0], source[0]);
	assert_true(quota_allows_relay(&quota[2], source[2]));
	quota_begin_relay(&quota[1], source[1]);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_false(quota_allows_relay(&quota[member], source[member]));
	assert_true(quota_allows_relay(&quota[1], other));
	quota_end_relay(&quota[0], source[0]);
	assert_true(quota_allows_relay(&quota[1], source[1]));
	quota_begin_relay(&quota[2], source[2]);
	share_take_back(&share[1]);
	assert_true(quota_allows_relay(&quota[0], source[0]));
}

static unsigned int mint_in_turns(struct quota_source *const source[MEMBERS], uint64_t now)
{
	unsigned int count = 0;

	for (; count < 1000 && quota_allows_mint(&quota[count % MEMBERS], source[count % MEMBERS], now); count++)
		quota_count_mint(&quota[count % MEMBERS], source[count % MEMBERS], now);
	return count;
}

static void a280_a_source_has_its_certificates_whichever_members_order_them(void **state)
{
	const struct quota_limits limits = { .mints = 30 };
	struct quota_source *source[MEMBERS], *other;

	(void)state;
	make_quotas(&limits);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_int_equal(begin(member, "10.0.0.1", &source[member]), REASON_NONE);
	assert_int_equal(begin(1, "10.0.0.2", &other), REASON_NONE);
	assert_int_equal(mint_in_turns(source, 5 * SECOND), 30);
	for (uint32_t member = 0; member < MEMBERS; member++)
		assert_false(quota_allows_mint(&quota[member], source[member], 6 * SECOND));
	assert_true(quota_allows_mint(&quota[1], other, 6 * SECOND));
	assert_int_equal(mint_in_turns(source, 7 * SECOND), 1);
	assert_int_equal(mint_in_turns(source, 1000 * SECOND), 30);
}

static void a211_what_a_dead_member_had_is_nobodys(void **state)
{
	const struct quota_limits limits = { .sessions = 2, .pinholes = 1, .bytes = 100 };
	struct quota_source *dead, *alive, *none;

	(void)state;
	make_quotas(&limits);
	assert_true(share_begin_session(&share[0], 2));
	assert_true(share_begin_session(&share[1], 2));
	assert_int_equal(begin(0, "10.0.0.1", &alive), REASON_NONE);
	assert_int_equal(begin(1, "10.0.0.1", &dead), REASON_NONE);
	assert_int_equal(quota_open_pinhole(&quota[1], dead, 0), REASON_NONE);
	quota_set_bytes(&quota[1], dead, 0, 90);
	quota_set_bytes(&quota[0], alive, 0, 5);
	share_take_back(&share[1]);
	/* And what the others have is theirs. */
	assert_true(share_begin_session(&share[1], 2));
	assert_false(share_begin_session(&share[1], 2));
	assert_int_equal(begin(0, "10.0.0.1", &alive), REASON_NONE);
	assert_int_equal(begin(0, "10.0.0.1", &none), REASON_QUOTA_SESSIONS);
	assert_int_equal(quota_open_pinhole(&quota[0], alive, 0), REASON_NONE);
	assert_int_equal(quota_check_bytes(&quota[0], alive, 95), REASON_NONE);
	assert_int_equal(quota_check_bytes(&quota[0], alive, 96), REASON_QUOTA_BYTES);
}

/* Each place of the memory holds what one whom a peer has taken over would write. */
static void a212_whatever_a_member_writes_the_others_stay_in_their_memory(void **state)
{
	const struct quota_limits limits = { .sessions = 2, .pinholes = 2, .pinhole_rate = 2, .bytes = 100 };
	struct quota_source *source;

	(void)state;
	for (unsigned int value = 0; value < 256; value += 15) {
		memset(memory, (int)value, size);
		make_quotas(&limits);
		share_begin_session(&share[0], 2);
		if (begin(0, "10.0.0.1", &source) == REASON_NONE) {
			quota_open_pinhole(&quota[0], source, 1);
			quota_check_bytes(&quota[0], source, 1);
			quota_end_session(&quota[0], source);
		}
		share_end_session(&share[0]);
		share_take_back(&share[0]);
	}
}

/* Processes that begin and end sessions as fast as they can, and look at how many all of them have. */
static void contend(const struct share *mine, _Atomic uint32_t *held, uint32_t most)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (!share_begin_session(mine, most))
			continue;
		if (atomic_fetch_add(held, 1) >= most)
			_exit(1);
		atomic_fetch_sub(held, 1);
		share_end_session(mine);
	}
	_exit(0);
}

static void a210_two_that_count_at_once_do_not_pass_the_limit(void **state)
{
	_Atomic uint32_t *held = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_ptr_not_equal(held, MAP_FAILED);
	for (uint32_t member = 0; member < MEMBERS; member++)
		if (fork() == 0)
			contend(&share[member], held, 2);
	for (uint32_t member = 0; member < MEMBERS; member++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_true(share_begin_session(&share[0], 1));
	munmap(held, sizeof(*held));
}

static void who_is_alone_counts_for_itself(void **state)
{
	const struct share alone = { .memory = NULL };
	const struct share_place place = share_find(&alone, (struct bytes){ key, sizeof(key) });

	(void)state;
	assert_false(share_leads(&alone));
	assert_true(share_begin_session(&alone, 0));
	assert_true(share_take(&alone, SHARE_SESSIONS, &place, 1));
	assert_true(share_take(&alone, SHARE_SESSIONS, &place, 1));
	assert_int_equal(share_count(&alone, SHARE_SESSIONS, &place), 0);
	share_give_back(&alone, SHARE_SESSIONS, &place);
	share_set(&alone, SHARE_BYTES, &place, 0, 1);
	share_charge(&alone, SHARE_DEBT_MINTS, &place, 1, 0);
	assert_int_equal(share_owes(&alone, SHARE_DEBT_MINTS, &place, 0), 0);
	share_end_session(&alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a210_sessions_in_all_are_those_of_all_members, make_memory, free_memory),
		cmocka_unit_test_setup_teardown(who_has_more_than_another_is_told_so, make_memory, free_memory),
		cmocka_unit_test_setup_teardown(a210_a_source_has_its_sessions_whichever_members_it_comes_to, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(who_is_refused_because_of_other_members_keeps_no_row, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(a210_a_source_has_its_pinholes_whichever_members_open_them, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(a210_a_rate_is_that_of_all_members, make_memory, free_memory),
		cmocka_unit_test_setup_teardown(a210_bytes_are_those_that_all_members_hold, make_memory, free_memory),
		cmocka_unit_test_setup_teardown(a280_a_source_has_its_relays_whichever_members_have_them, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(a280_a_source_has_its_certificates_whichever_members_order_them, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(a211_what_a_dead_member_had_is_nobodys, make_memory, free_memory),
		cmocka_unit_test_setup_teardown(a212_whatever_a_member_writes_the_others_stay_in_their_memory, make_memory,
						free_memory),
		cmocka_unit_test_setup_teardown(a210_two_that_count_at_once_do_not_pass_the_limit, make_memory, free_memory),
		cmocka_unit_test(who_is_alone_counts_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
