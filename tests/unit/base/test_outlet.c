/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines that nobody reads: nothing waits, nothing is torn, and what is lost is told. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/outlet.h"
#include "unit.h"

#define SIZE 65536
#define NOTE "lost "

static size_t note(void *context, uint64_t count, char line[OUTLET_LINE_MAX])
{
	(void)context;
	return (size_t)snprintf(line, OUTLET_LINE_MAX, NOTE "%llu\n", (unsigned long long)count);
}

/* What a reader has read so far: it checks each line as it comes. */
struct reader {
	char rest[2 * OUTLET_LINE_MAX];
	size_t length;
	uint64_t next;  /* the number of the line that comes next */
	uint64_t lines;
	uint64_t lost;  /* as it was told */
};

/* A line is its number, its length and so many letters: whatever is torn or mixed is none. */
static size_t make_line(char *line, uint64_t number, size_t letters)
{
	size_t length = (size_t)sprintf(line, "%llu %zu ", (unsigned long long)number, letters);

	memset(line + length, 'a' + (int)(number % 26), letters);
	line[length + letters] = '\n';
	return length + letters + 1;
}

static void read_line(struct reader *reader, const char *line, size_t length)
{
	char expected[OUTLET_LINE_MAX + 64];
	unsigned long long number;
	size_t letters;

	if (sscanf(line, NOTE "%llu\n", &number) == 1) {
		reader->lost += number;
		reader->next += number;
		return;
	}
	assert_int_equal(sscanf(line, "%llu %zu ", &number, &letters), 2);
	assert_int_equal(number, reader->next);
	assert_int_equal(make_line(expected, number, letters), length);
	assert_memory_equal(line, expected, length);
	reader->next++;
	reader->lines++;
}

static void read_bytes(struct reader *reader, int descriptor, size_t most)
{
	while (most > 0) {
		const size_t room = sizeof(reader->rest) - reader->length;
		const ssize_t got = read(descriptor, reader->rest + reader->length, most < room ? most : room);
		char *line = reader->rest, *end;

		if (got <= 0)
			return;
		most -= (size_t)got;
		reader->length += (size_t)got;
		while ((end = memchr(line, '\n', reader->length - (size_t)(line - reader->rest)))) {
			read_line(reader, line, (size_t)(end + 1 - line));
			line = end + 1;
		}
		reader->length -= (size_t)(line - reader->rest);
		memmove(reader->rest, line, reader->length);
	}
}

static void set_reading(int descriptor)
{
	fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

/* A reader that takes what it likes when it likes, of a writer that never waits. */
static void play(int in, int out, uint64_t seed)
{
	struct outlet outlet;
	struct reader reader = { .length = 0 };
	char line[OUTLET_LINE_MAX];
	uint64_t number;

	set_reading(in);
	assert_int_equal(outlet_open_inherited(&outlet, out, SIZE, note, NULL), 0);
	for (number = 0; number < 20000; number++) {
		const size_t letters = unit_random_below(&seed, number % 50 ? 200 : OUTLET_LINE_MAX - 40);

		outlet_put(&outlet, line, make_line(line, number, letters), OUTLET_HEAVY, 1);
		if (unit_random_below(&seed, 100) == 0)
			read_bytes(&reader, in, unit_random_below(&seed, 16000));
		if (unit_random_below(&seed, 5000) == 0)
			read_bytes(&reader, in, SIZE_MAX);
	}
	while (reader.next < number) {
		read_bytes(&reader, in, SIZE_MAX);
		outlet_flush(&outlet);
	}
	read_bytes(&reader, in, SIZE_MAX);
	assert_int_equal(reader.length, 0);
	assert_true(reader.lost > 0);
	assert_int_equal(reader.lost, outlet.lost_total);
	assert_int_equal(reader.lines + reader.lost, number);
	assert_int_equal(outlet_close(&outlet, 0), 0);
}

static void a86_a_pipe_that_is_read_slowly_has_whole_lines_and_is_told_what_it_missed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		play(ends[0], ends[1], seed);
		close(ends[0]);
		close(ends[1]);
	}
}

/* The worker, the proxy and their supervisor write to one standard error. */
static void a86_lines_of_two_writers_on_one_pipe_do_not_mix(void **state)
{
	struct outlet outlet[2];
	char line[OUTLET_LINE_MAX];
	char *text = NULL;
	size_t length = 0;
	uint64_t seed = 5;
	FILE *all = open_memstream(&text, &length);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	set_reading(ends[0]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(outlet_open_inherited(&outlet[i], ends[1], SIZE, note, NULL), 0);
	for (int i = 0; i < 4000; i++) {
		const size_t size = 2 + unit_random_below(&seed, 700);
		ssize_t got = 0;

		memset(line, i % 2 ? 'X' : 'Y', size - 1);
		line[size - 1] = '\n';
		outlet_put(&outlet[i % 2], line, size, OUTLET_HEAVY, 1);
		if (unit_random_below(&seed, 8) == 0)
			got = read(ends[0], line, 1 + unit_random_below(&seed, sizeof(line) - 1));
		if (got > 0)
			fwrite(line, 1, (size_t)got, all);
	}
	fclose(all);
	assert_true(length > 100000);
	for (size_t i = 1; i < length; i++)
		if (text[i - 1] == 'X' || text[i - 1] == 'Y')
			assert_true(text[i] == text[i - 1] || text[i] == '\n');
	free(text);
	for (int i = 0; i < 2; i++)
		outlet_close(&outlet[i], 0);
	close(ends[0]);
	close(ends[1]);
}

static void a86_a_socket_likewise(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		const int size = 16384;
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		play(ends[0], ends[1], seed);
		close(ends[0]);
		close(ends[1]);
	}
}

static void a86_a_terminal_that_was_stopped_likewise(void **state)
{
	struct outlet outlet;
	char line[OUTLET_LINE_MAX];
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int terminal;

	(void)state;
	if (master < 0)
		skip();
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(outlet_open_inherited(&outlet, terminal, SIZE, note, NULL), 0);
	assert_int_equal(outlet.kind, OUTLET_STREAM);
	for (uint64_t number = 0; number < 2000; number++)
		outlet_put(&outlet, line, make_line(line, number, 100), OUTLET_HEAVY, 1);
	assert_true(outlet.lost_total > 0);
	outlet_close(&outlet, 0);
	close(terminal);
	close(master);
}

/* The flags belong to the shell, and to all that it started, as well. */
static void an_inherited_descriptor_keeps_its_flags(void **state)
{
	struct outlet outlet;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(outlet_open_inherited(&outlet, ends[1], SIZE, note, NULL), 0);
	assert_int_equal(outlet.kind, OUTLET_STREAM);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(outlet.descriptor, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	outlet_close(&outlet, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a_pipe_that_can_not_be_opened_anew_is_asked_before_each_write(void **state)
{
	struct outlet outlet;
	struct reader reader = { .length = 0 };
	char line[OUTLET_LINE_MAX];
	int ends[2];
	uint64_t number;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	set_reading(ends[0]);
	assert_int_equal(outlet_open_inherited(&outlet, ends[1], SIZE, note, NULL), 0);
	close(outlet.descriptor);
	outlet.descriptor = dup(ends[1]);
	outlet.kind = OUTLET_SHARED;
	for (number = 0; number < 3000; number++)
		outlet_put(&outlet, line, make_line(line, number, 100), OUTLET_HEAVY, 1);
	assert_true(outlet.lost_total > 0);
	while (reader.next < number) {
		read_bytes(&reader, ends[0], SIZE_MAX);
		outlet_flush(&outlet);
	}
	outlet_close(&outlet, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a86_a_reader_that_is_gone_or_a_full_disk_costs_nothing_but_the_lines(void **state)
{
	static const char *const places[] = { "/dev/full", NULL };
	char line[OUTLET_LINE_MAX];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct outlet outlet;
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		close(ends[0]);
		if (places[i])
			assert_int_equal(outlet_open(&outlet, outlet_open_file(places[i]), SIZE, note, NULL), 0);
		else
			assert_int_equal(outlet_open_inherited(&outlet, ends[1], SIZE, note, NULL), 0);
		for (uint64_t number = 0; number < 2000; number++)
			outlet_put(&outlet, line, make_line(line, number, 100), OUTLET_HEAVY, 1);
		assert_int_equal(outlet.error, places[i] ? ENOSPC : EPIPE);
		assert_true(outlet.lost_total > 1000);
		assert_true(outlet_close(&outlet, 1000) > 0);
		close(ends[1]);
	}
}

static void a_named_pipe_needs_no_reader_and_keeps_what_was_written(void **state)
{
	char path[] = "/tmp/outletXXXXXX";
	char fifo[64];
	struct outlet outlet;
	struct reader reader = { .length = 0 };
	char line[OUTLET_LINE_MAX];
	int in;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(outlet_open(&outlet, outlet_open_file(fifo), SIZE, note, NULL), 0);
	for (uint64_t number = 0; number < 10; number++)
		assert_true(outlet_put(&outlet, line, make_line(line, number, 100), OUTLET_HEAVY, 1));
	in = open(fifo, O_RDONLY | O_NONBLOCK);
	read_bytes(&reader, in, SIZE_MAX);
	assert_int_equal(reader.lines, 10);
	close(in);
	outlet_close(&outlet, 0);
	unlink(fifo);
	rmdir(path);
}

static void lines_of_low_weight_leave_room_for_the_others(void **state)
{
	struct outlet outlet;
	char line[OUTLET_LINE_MAX];
	int ends[2];
	int heavy = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(outlet_open_inherited(&outlet, ends[1], SIZE, note, NULL), 0);
	while (outlet_put(&outlet, line, make_line(line, 0, 90), OUTLET_LIGHT, 1))
		;
	while (outlet_put(&outlet, line, make_line(line, 0, 90), OUTLET_HEAVY, 1))
		heavy++;
	assert_in_range(heavy, SIZE / 4 / 100, SIZE / 4 / 90);
	outlet_close(&outlet, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a_loop_writes_when_it_can_and_takes_no_time_when_it_can_not(void **state)
{
	struct event_base *base = event_base_new();
	const struct timeval period = { .tv_usec = 300000 };
	struct outlet outlet;
	struct reader reader = { .length = 0 };
	char line[OUTLET_LINE_MAX];
	int ends[2];
	clock_t before;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	set_reading(ends[0]);
	assert_int_equal(outlet_open_inherited(&outlet, ends[1], 4 * SIZE, note, NULL), 0);
	assert_int_equal(outlet_watch(&outlet, base), 0);
	for (uint64_t number = 0; number < 1500; number++)
		assert_true(outlet_put(&outlet, line, make_line(line, number, 100), OUTLET_HEAVY, 1));
	before = clock();
	event_base_loopexit(base, &period);
	event_base_dispatch(base);
	assert_true(clock() - before < CLOCKS_PER_SEC / 10);
	assert_int_equal(outlet.error, EAGAIN);
	while (reader.next < 1500) {
		read_bytes(&reader, ends[0], SIZE_MAX);
		event_base_loop(base, EVLOOP_ONCE);
	}
	assert_int_equal(reader.lost, 0);
	/* Its reader goes: the loop asks once a second, and does not spin. */
	close(ends[0]);
	outlet_put(&outlet, line, make_line(line, 0, 100), OUTLET_HEAVY, 1);
	before = clock();
	event_base_loopexit(base, &period);
	event_base_dispatch(base);
	assert_true(clock() - before < CLOCKS_PER_SEC / 10);
	assert_int_equal(outlet.error, EPIPE);
	outlet_close(&outlet, 0);
	event_base_free(base);
	close(ends[1]);
}

static void a_file_that_was_removed_is_noticed(void **state)
{
	char path[] = "/tmp/outletXXXXXX";
	struct outlet outlet;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(outlet_open(&outlet, outlet_open_file(path), SIZE, note, NULL), 0);
	assert_false(outlet_is_removed(&outlet));
	unlink(path);
	assert_true(outlet_is_removed(&outlet));
	assert_true(outlet_put(&outlet, "x\n", 2, OUTLET_HEAVY, 1));
	outlet_close(&outlet, 0);
}

static void assert_file_has(const char *path, const char *expected)
{
	char text[256] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

/* A process with a loop puts lines, writes none, and dies: its memory is gone with it, but for the estate. */
static void dies_with_lines(const char *path, struct outlet_estate *estate, uint64_t lines)
{
	struct event_base *base = event_base_new();
	struct outlet outlet;

	assert_int_equal(outlet_open(&outlet, outlet_open_file(path), SIZE, note, NULL), 0);
	outlet_inherit(&outlet, estate);
	assert_int_equal(outlet_watch(&outlet, base), 0);
	while (lines-- > 0)
		assert_true(outlet_put(&outlet, "x\n", 2, OUTLET_HEAVY, 1));
	outlet_unwatch(&outlet);
	close(outlet.descriptor);
	free(outlet.ring);
	event_base_free(base);
}

static void a291_what_dies_with_a_process_is_told_by_the_next_one(void **state)
{
	char path[] = "/tmp/outletXXXXXX";
	struct outlet_estate estate = { .lines = 0 };
	struct outlet outlet;

	(void)state;
	close(mkstemp(path));
	dies_with_lines(path, &estate, 3);
	/* And of the one after it, which has told nothing of that yet. */
	dies_with_lines(path, &estate, 2);
	assert_int_equal(outlet_open(&outlet, outlet_open_file(path), SIZE, note, NULL), 0);
	assert_int_equal(outlet_inherit(&outlet, &estate), 3); /* one of them told of the first three */
	assert_int_equal(outlet.lost_total, 6);
	assert_true(outlet_put(&outlet, "y\n", 2, OUTLET_HEAVY, 1));
	assert_file_has(path, NOTE "6\ny\n");
	outlet_close(&outlet, 0);
	assert_int_equal(estate.lines, 0);
	assert_int_equal(estate.lost, 0);
	assert_int_equal(estate.total, 6);
	unlink(path);
}

static void a291_what_was_written_is_not_lost_and_a_torn_line_is_ended(void **state)
{
	char path[] = "/tmp/outletXXXXXX";
	struct outlet_estate estate = { .lines = 0 };
	struct outlet outlet;
	int file;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(outlet_open(&outlet, outlet_open_file(path), SIZE, note, NULL), 0);
	assert_int_equal(outlet_inherit(&outlet, &estate), 0);
	assert_true(outlet_put(&outlet, "a\n", 2, OUTLET_HEAVY, 1));
	assert_int_equal(estate.lines, 0);
	outlet_close(&outlet, 0);
	dies_with_lines(path, &estate, 1);
	file = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(file, "tor", 3), 3);
	close(file);
	assert_int_equal(outlet_open(&outlet, outlet_open_file(path), SIZE, note, NULL), 0);
	assert_int_equal(outlet_inherit(&outlet, &estate), 1);
	outlet_flush(&outlet);
	assert_file_has(path, "a\ntor\n" NOTE "1\n");
	outlet_close(&outlet, 0);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a86_a_pipe_that_is_read_slowly_has_whole_lines_and_is_told_what_it_missed),
		cmocka_unit_test(a86_a_socket_likewise),
		cmocka_unit_test(a86_lines_of_two_writers_on_one_pipe_do_not_mix),
		cmocka_unit_test(a86_a_terminal_that_was_stopped_likewise),
		cmocka_unit_test(a86_a_reader_that_is_gone_or_a_full_disk_costs_nothing_but_the_lines),
		cmocka_unit_test(an_inherited_descriptor_keeps_its_flags),
		cmocka_unit_test(a_pipe_that_can_not_be_opened_anew_is_asked_before_each_write),
		cmocka_unit_test(a_named_pipe_needs_no_reader_and_keeps_what_was_written),
		cmocka_unit_test(lines_of_low_weight_leave_room_for_the_others),
		cmocka_unit_test(a_loop_writes_when_it_can_and_takes_no_time_when_it_can_not),
		cmocka_unit_test(a_file_that_was_removed_is_noticed),
		cmocka_unit_test(a291_what_dies_with_a_process_is_told_by_the_next_one),
		cmocka_unit_test(a291_what_was_written_is_not_lost_and_a_torn_line_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
