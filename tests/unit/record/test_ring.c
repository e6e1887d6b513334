/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing that a writer does makes its reader wait or go astray; nothing is lost without being counted. */
#include "record/ring.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define SIZE ((size_t)65536)
#define HEAD 4096
/* Where they are in the memory: another version may be the one that writes. */
#define TAIL_AT 64
#define HEAD_AT 128

struct pair {
	int memory;
	int wake;
	uint8_t *raw;
	struct record_writer writer;
	struct record_reader *reader;
	struct record_taken taken;
};

static struct pair *open_pair(void)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	pair->memory = record_make_memory("test", SIZE);
	pair->wake = record_make_wake();
	assert_true(pair->memory >= 0 && pair->wake >= 0);
	pair->raw = mmap(NULL, HEAD + SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, pair->memory, 0);
	assert_true(pair->raw != MAP_FAILED);
	pair->reader = malloc(sizeof(*pair->reader));
	assert_int_equal(record_writer_open(&pair->writer, pair->memory, pair->wake, 1000), 0);
	assert_int_equal(record_reader_open(pair->reader, pair->memory), 0);
	return pair;
}

static void close_pair(struct pair *pair)
{
	record_writer_close(&pair->writer);
	record_reader_close(pair->reader);
	munmap(pair->raw, HEAD + SIZE);
	close(pair->memory);
	close(pair->wake);
	free(pair->reader);
	free(pair);
}

static enum record_kind take(struct pair *pair)
{
	return record_take(pair->reader, &pair->taken);
}

static void put_deed(struct pair *pair, uint64_t session, size_t length)
{
	static uint8_t text[RECORD_MAX];
	const struct notice notice = { .type = NOTICE_LOGIN, .session = session, .text = { text, length } };

	record_put(&pair->writer, &notice);
}

static void put_noise(struct pair *pair, uint64_t session, enum reason reason)
{
	const struct notice notice = { .type = NOTICE_ANOMALY, .session = session, .reason = reason };

	record_put(&pair->writer, &notice);
}

static void records_come_out_in_their_order_wherever_the_end_of_the_memory_is(void **state)
{
	struct pair *pair = open_pair();
	uint64_t random = 7, put = 0, taken = 0;

	(void)state;
	assert_int_equal(take(pair), RECORD_BEGIN);
	assert_int_equal(pair->taken.count, 1000);
	for (int round = 0; round < 20000; round++) {
		for (uint32_t i = unit_random_below(&random, 4); i > 0; i--)
			put_deed(pair, ++put, unit_random_below(&random, 3000));
		while (unit_random_below(&random, 8) > 0 && taken < put) {
			assert_int_equal(take(pair), RECORD_NOTICE);
			assert_int_equal(pair->taken.notice->session, ++taken);
			assert_true(pair->taken.time > UINT64_C(1000000000000000));
		}
		while (put - taken > 8) {
			assert_int_equal(take(pair), RECORD_NOTICE);
			assert_int_equal(pair->taken.notice->session, ++taken);
		}
	}
	while (taken < put) {
		assert_int_equal(take(pair), RECORD_NOTICE);
		assert_int_equal(pair->taken.notice->session, ++taken);
	}
	assert_int_equal(take(pair), RECORD_NONE);
	assert_int_equal(pair->writer.lost, 0);
	close_pair(pair);
}

static void a195_what_has_no_room_is_counted_and_told_where_it_is_missing(void **state)
{
	struct pair *pair = open_pair();
	uint64_t put = 0, seen = 0, lost = 0;

	(void)state;
	while (pair->writer.lost == 0)
		put_deed(pair, ++put, 100);
	for (int i = 0; i < 9; i++)
		put_deed(pair, ++put, 100);
	assert_int_equal(take(pair), RECORD_BEGIN);
	while (lost == 0) {
		switch (take(pair)) {
		case RECORD_NOTICE:
			assert_int_equal(pair->taken.notice->session, ++seen);
			break;
		case RECORD_LOST:
			lost = pair->taken.count;
			break;
		default:
			fail();
		}
	}
	assert_int_equal(lost, 10);
	assert_int_equal(seen + lost, put);
	/* One gap: from here on there is room. */
	put_deed(pair, ++put, 100);
	assert_int_equal(take(pair), RECORD_NOTICE);
	assert_int_equal(pair->taken.notice->session, put);
	assert_int_equal(take(pair), RECORD_NONE);
	close_pair(pair);
}

/* A gap is not behind every other record: what comes is lost until half of the room is free. */
static void a195_one_gap_and_not_many(void **state)
{
	struct pair *pair = open_pair();
	int gaps = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		put_deed(pair, 1, 100);
		if (i % 2 == 0)
			gaps += take(pair) == RECORD_LOST;
	}
	assert_in_range(gaps, 1, 60);
	close_pair(pair);
}

static void a195_noise_leaves_room_for_deeds_and_is_summed(void **state)
{
	struct pair *pair = open_pair();
	uint64_t noise = 0, other = 0, deeds = 0;
	enum record_kind kind;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		put_noise(pair, 5, REASON_MALFORMED);
		put_noise(pair, 6, REASON_UNSOLICITED);
	}
	for (int i = 0; i < 50; i++)
		put_deed(pair, 7, 100);
	for (int round = 0; round < 2; round++) {
		while ((kind = take(pair)) != RECORD_NONE) {
			const struct notice *notice = pair->taken.notice;

			assert_int_not_equal(kind, RECORD_LOST);
			if (kind != RECORD_NOTICE)
				continue;
			noise += notice->session == 5 ? (notice->count ? notice->count : 1) : 0;
			other += notice->session == 6 ? (notice->count ? notice->count : 1) : 0;
			deeds += notice->session == 7;
		}
		/* Nothing else needs to happen. */
		record_settle(&pair->writer);
	}
	assert_int_equal(noise, 10000);
	assert_int_equal(other, 10000);
	assert_int_equal(deeds, 50);
	close_pair(pair);
}

static bool is_woken(const struct pair *pair)
{
	struct pollfd ask = { .fd = pair->wake, .events = POLLIN };
	uint64_t count;

	return poll(&ask, 1, 0) == 1 && read(pair->wake, &count, sizeof(count)) == sizeof(count);
}

static void a195_only_a_reader_that_sleeps_is_woken_and_once(void **state)
{
	struct pair *pair = open_pair();

	(void)state;
	assert_false(record_reader_sleep(pair->reader));
	assert_int_equal(take(pair), RECORD_BEGIN);
	put_deed(pair, 1, 10);
	assert_false(is_woken(pair));
	assert_int_equal(take(pair), RECORD_NOTICE);
	assert_true(record_reader_sleep(pair->reader));
	put_deed(pair, 2, 10);
	assert_true(is_woken(pair));
	put_deed(pair, 3, 10);
	assert_false(is_woken(pair));
	assert_false(record_reader_sleep(pair->reader));
	put_deed(pair, 4, 10);
	assert_false(is_woken(pair));
	close_pair(pair);
}

/* The writer dies at any moment; the next one, and the next reader, go on. */
static void a195_who_comes_next_goes_on(void **state)
{
	struct pair *pair = open_pair();

	(void)state;
	put_deed(pair, 1, 10);
	put_deed(pair, 2, 10);
	/* One that was written to, but not to its end. */
	memset(pair->raw + HEAD + *(uint64_t *)(void *)(pair->raw + TAIL_AT), 0x5a, 20);
	assert_int_equal(record_writer_open(&pair->writer, pair->memory, pair->wake, 2000), 0);
	put_deed(pair, 3, 10);
	assert_int_equal(take(pair), RECORD_BEGIN);
	assert_int_equal(take(pair), RECORD_NOTICE);
	record_reader_close(pair->reader);
	assert_int_equal(record_reader_open(pair->reader, pair->memory), 0);
	assert_int_equal(take(pair), RECORD_NOTICE);
	assert_int_equal(pair->taken.notice->session, 2);
	assert_int_equal(take(pair), RECORD_BEGIN);
	assert_int_equal(pair->taken.count, 2000);
	assert_int_equal(take(pair), RECORD_NOTICE);
	assert_int_equal(pair->taken.notice->session, 3);
	assert_int_equal(take(pair), RECORD_NONE);
	close_pair(pair);
}

/* Takes until there is nothing: it must come to an end, and within the memory. */
static unsigned int take_all(struct pair *pair)
{
	unsigned int count = 0;

	while (take(pair) != RECORD_NONE) {
		count++;
		assert_true(count < SIZE);
	}
	return count;
}

static void a195_whatever_a_writer_leaves_there_its_reader_comes_to_the_end(void **state)
{
	struct pair *pair = open_pair();
	uint64_t random = 3;
	unsigned int spoilt = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint64_t *tail = (uint64_t *)(void *)(pair->raw + TAIL_AT);
		const uint64_t before = *tail;

		for (uint32_t i = 0; i < 20; i++)
			put_deed(pair, i, unit_random_below(&random, 200));
		for (uint32_t i = unit_random_below(&random, 20); i > 0; i--)
			pair->raw[HEAD + (before + unit_random_below(&random, 2000)) % SIZE] = (uint8_t)unit_random(&random);
		switch (unit_random_below(&random, 6)) {
		case 0:
			*tail = unit_random(&random);
			break;
		case 1:
			*tail = before - 8;
			break;
		case 2:
			*tail += unit_random_below(&random, 1000);
			break;
		default:
			break;
		}
		spoilt += take_all(pair) < 20;
		/* The next process writes, and is read. */
		assert_int_equal(record_writer_open(&pair->writer, pair->memory, pair->wake, 1), 0);
		take_all(pair);
		put_deed(pair, 77, 10);
		assert_int_equal(take(pair), RECORD_NOTICE);
		assert_int_equal(pair->taken.notice->session, 77);
	}
	assert_true(spoilt > 300);
	close_pair(pair);
}

/* A length that leads beyond what was written, or beyond the reader's room. */
static void a195_lengths_are_not_believed(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, 4000, RECORD_MAX + 17, 65536, UINT32_MAX };
	struct pair *pair = open_pair();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const uint64_t at = *(uint64_t *)(void *)(pair->raw + TAIL_AT);

		take_all(pair);
		put_deed(pair, 1, 10);
		memcpy(pair->raw + HEAD + at % SIZE, &lengths[i], sizeof(lengths[i]));
		assert_int_equal(take(pair), RECORD_SPOILT);
		take_all(pair);
		put_deed(pair, 2, 10);
		assert_int_equal(take(pair), RECORD_NOTICE);
		assert_int_equal(pair->taken.notice->session, 2);
	}
	close_pair(pair);
}

/* Where there is more to read than a reader takes at a time. */
static void a195_a_length_beyond_the_readers_room_is_not_believed(void **state)
{
	const uint32_t length = RECORD_MAX + 8192;
	struct pair *pair = open_pair();
	uint64_t at;

	(void)state;
	take_all(pair);
	at = *(uint64_t *)(void *)(pair->raw + TAIL_AT);
	for (int i = 0; i < 300; i++)
		put_deed(pair, 1, 100);
	memcpy(pair->raw + HEAD + at % SIZE, &length, sizeof(length));
	assert_int_equal(take(pair), RECORD_SPOILT);
	close_pair(pair);
}

/* A memory that is full of records, and a number that says that there are many more: none is read twice. */
static void a195_a_reader_does_not_go_round_and_round(void **state)
{
	struct pair *pair = open_pair();
	uint64_t *tail = (uint64_t *)(void *)(pair->raw + TAIL_AT);
	size_t length = 0;

	(void)state;
	for (size_t tried = 0; length == 0; tried++) {
		const uint64_t before = *tail;

		put_deed(pair, 1, tried);
		take_all(pair);
		length = (*tail - before) == 128 ? tried + 1 : 0;
	}
	for (size_t i = 0; i < 2 * SIZE / 128; i++) {
		put_deed(pair, 1, length - 1);
		take_all(pair);
	}
	*tail += UINT64_C(1) << 40;
	assert_true(take_all(pair) < 3);
	close_pair(pair);
}

/* A reader of another process whose number makes no sense: nothing is overwritten that was not read, and it ends. */
static void a195_heads_are_not_believed(void **state)
{
	struct pair *pair = open_pair();
	uint64_t *head = (uint64_t *)(void *)(pair->raw + HEAD_AT);

	(void)state;
	*head = UINT64_MAX / 2;
	for (int i = 0; i < 1000; i++)
		put_deed(pair, 1, 100);
	assert_true(pair->writer.lost > 0);
	record_reader_close(pair->reader);
	assert_int_equal(record_reader_open(pair->reader, pair->memory), 0);
	assert_int_equal(take(pair), RECORD_SPOILT);
	take_all(pair);
	for (int i = 0; i < 3; i++)
		put_deed(pair, 2, 10);
	take_all(pair);
	put_deed(pair, 3, 10);
	assert_int_equal(take(pair), RECORD_NOTICE);
	assert_int_equal(pair->taken.notice->session, 3);
	close_pair(pair);
}

static void a195_what_is_no_such_memory_is_not_read(void **state)
{
	struct record_reader *reader = malloc(sizeof(*reader));
	int file = memfd_create("other", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(record_reader_open(reader, -1), -1);
	assert_int_equal(record_reader_open(reader, file), -1);
	assert_int_equal(ftruncate(file, HEAD + 100000), 0);
	assert_int_equal(record_reader_open(reader, file), -1);
	assert_int_equal(ftruncate(file, HEAD + 65536), 0);
	assert_int_equal(record_reader_open(reader, file), -1);
	close(file);
	/* One that is can't be made shorter while it is read. */
	file = record_make_memory("test", SIZE);
	assert_int_equal(ftruncate(file, HEAD), -1);
	close(file);
	free(reader);
}

/* Two processes at the same time: order, number, and no word of the reader's sleep is lost. */
static void a_process_writes_while_another_one_reads(void **state)
{
	struct pair *pair = open_pair();
	const uint64_t records = 200000;
	uint64_t seen = 0;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		for (uint64_t i = 1; i <= records;) {
			const uint64_t before = pair->writer.lost;

			put_deed(pair, i, i % 50);
			if (pair->writer.lost == before)
				i++;
			else
				poll(NULL, 0, 1);
		}
		_exit(0);
	}
	assert_true(child > 0);
	while (seen < records) {
		const enum record_kind kind = take(pair);

		if (kind == RECORD_NOTICE) {
			assert_int_equal(pair->taken.notice->session, ++seen);
		} else if (kind == RECORD_NONE && record_reader_sleep(pair->reader)) {
			struct pollfd ask = { .fd = pair->wake, .events = POLLIN };
			uint64_t count;

			assert_int_equal(poll(&ask, 1, 10000), 1);
			assert_int_equal(read(pair->wake, &count, sizeof(count)), sizeof(count));
		}
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_in_their_order_wherever_the_end_of_the_memory_is),
		cmocka_unit_test(a195_what_has_no_room_is_counted_and_told_where_it_is_missing),
		cmocka_unit_test(a195_one_gap_and_not_many),
		cmocka_unit_test(a195_noise_leaves_room_for_deeds_and_is_summed),
		cmocka_unit_test(a195_only_a_reader_that_sleeps_is_woken_and_once),
		cmocka_unit_test(a195_who_comes_next_goes_on),
		cmocka_unit_test(a195_whatever_a_writer_leaves_there_its_reader_comes_to_the_end),
		cmocka_unit_test(a195_lengths_are_not_believed),
		cmocka_unit_test(a195_a_length_beyond_the_readers_room_is_not_believed),
		cmocka_unit_test(a195_a_reader_does_not_go_round_and_round),
		cmocka_unit_test(a195_heads_are_not_believed),
		cmocka_unit_test(a195_what_is_no_such_memory_is_not_read),
		cmocka_unit_test(a_process_writes_while_another_one_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
