/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of events into their file, and what becomes of it when the file is another one. */
#include "journal/journal.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static int make_file(void)
{
	char path[] = "/tmp/test_journal.XXXXXX";
	const int file = mkstemp(path);

	assert_true(file >= 0);
	unlink(path);
	return file;
}

static off_t size_of(int file)
{
	struct stat status;

	assert_int_equal(fstat(file, &status), 0);
	return status.st_size;
}

/* Whether it could be opened before or not, the loop writes to the file that was opened last. */
static void loop_writes_to_the_file_that_was_opened_last(void **state)
{
	const struct notice notice = { .type = NOTICE_RELOAD };
	struct config *config = calloc(1, sizeof(*config));

	(void)state;
	assert_non_null(config);
	strcpy(config->events, "/events");
	for (int begins_with_one = 0; begins_with_one < 2; begins_with_one++) {
		struct event_base *base = event_base_new();
		const int first = make_file(), second = make_file();
		struct journal journal;
		struct journal_voice voice;

		assert_non_null(base);
		assert_int_equal(journal_open(&journal, config, (const int[]){
			[JOURNAL_EVENTS] = begins_with_one ? dup(first) : JOURNAL_FILE_FAILED, [JOURNAL_XFERLOG] = -1 }), 0);
		assert_int_equal(journal_watch(&journal, base), 0);
		assert_int_equal(journal_add_voice(&journal, &voice), 0);
		journal_reopen(&journal, JOURNAL_EVENTS, dup(second));
		assert_non_null(journal.sinks[JOURNAL_EVENTS].outlet.timer); /* the loop's */
		assert_non_null(journal.sinks[JOURNAL_EVENTS].tick);
		journal_notice(&voice, &notice, 1);
		for (int turns = 0; turns < 50 && size_of(second) == 0; turns++)
			event_base_loop(base, EVLOOP_ONCE);
		assert_true(size_of(second) > 0);
		assert_int_equal(size_of(first), 0);
		journal_end_voice(&voice);
		journal_close(&journal);
		event_base_free(base);
		close(first);
		close(second);
	}
	free(config);
}

static struct journal open_xferlog(struct config *config, int file)
{
	struct journal journal;

	strcpy(config->xferlog, "/xferlog");
	assert_int_equal(journal_open(&journal, config, (const int[]){ [JOURNAL_EVENTS] = -1, [JOURNAL_XFERLOG] = file }),
			 0);
	return journal;
}

static void transfers_are_lines_of_the_transfer_log_and_nothing_else_is(void **state)
{
	static const enum notice_type types[] = { NOTICE_RELOAD, NOTICE_REFUSE, NOTICE_TRANSFER, NOTICE_SESSION_CLOSE };
	struct config *config = calloc(1, sizeof(*config));
	const int file = make_file();
	struct journal journal = open_xferlog(config, dup(file));
	struct journal_voice voice;
	char text[200] = "";

	(void)state;
	assert_int_equal(journal_add_voice(&journal, &voice), 0);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		journal_notice(&voice, &(struct notice){ .type = types[i], .verb = VERB_RETR }, 1);
	assert_in_range(pread(file, text, sizeof(text) - 1, 0), 1, sizeof(text) - 2);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, " b _ o r - ftp 0 * i\n"));
	journal_end_voice(&voice);
	journal_close(&journal);
	close(file);
	free(config);
}

/* A disk that is full: nothing waits, what has no room is counted, and the file gets no line that no reader knows. */
static void a_full_disk_costs_the_lines_that_have_no_room(void **state)
{
	struct config *config = calloc(1, sizeof(*config));
	const int full = open("/dev/full", O_WRONLY);
	const int file = make_file();
	const struct notice notice = { .type = NOTICE_TRANSFER, .verb = VERB_STOR };
	struct journal journal = open_xferlog(config, full);
	struct event_base *base = event_base_new();
	struct journal_voice voice;
	struct sink *sink = &journal.sinks[JOURNAL_XFERLOG];
	size_t count = 0;
	char *text;

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(journal_watch(&journal, base), 0);
	assert_int_equal(journal_add_voice(&journal, &voice), 0);
	for (; sink->outlet.lost_total < 10; count++)
		journal_notice(&voice, &notice, 1);
	assert_true(count > 1000);
	journal_reopen(&journal, JOURNAL_XFERLOG, dup(file));
	for (int turns = 0; turns < 50 && sink->outlet.used > 0; turns++)
		event_base_loop(base, EVLOOP_ONCE);
	text = calloc(1, (size_t)size_of(file) + 1);
	assert_int_equal(pread(file, text, (size_t)size_of(file), 0), size_of(file));
	for (const char *line = text; (line = strchr(line, '\n')); line++)
		count--;
	assert_int_equal(count, sink->outlet.lost_total);
	assert_null(strstr(text, "lost"));
	free(text);
	journal_end_voice(&voice);
	journal_close(&journal);
	event_base_free(base);
	close(file);
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loop_writes_to_the_file_that_was_opened_last),
		cmocka_unit_test(transfers_are_lines_of_the_transfer_log_and_nothing_else_is),
		cmocka_unit_test(a_full_disk_costs_the_lines_that_have_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
