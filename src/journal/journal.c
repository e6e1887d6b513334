/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "journal/sentence.h"
#include "journal/xferlog.h"

/* Half a second of the highest rate of events that was measured, and minutes of a usual one. */
#define JOURNAL_EVENTS_SIZE ((size_t)4 << 20)
/* Ten thousand transfers. */
#define JOURNAL_XFERLOG_SIZE ((size_t)1 << 20)
#define JOURNAL_SECOND UINT64_C(1000000)
/* syslog(3). */
#define PRIORITY_WARNING 4
#define PRIORITY_NOTICE 5

static const struct sink_kind kinds[JOURNAL_FILES] = {
	[JOURNAL_EVENTS] = { "events", "events", JOURNAL_EVENTS_SIZE },
	[JOURNAL_XFERLOG] = { "xferlog", "lines of the transfer log", JOURNAL_XFERLOG_SIZE },
};

const char *journal_file_key(enum journal_file which)
{
	return kinds[which].key;
}

const char *journal_file_path(const struct config *config, enum journal_file which)
{
	return which == JOURNAL_EVENTS ? config->events : config->xferlog;
}

static size_t journal_format(const struct journal *journal, const struct notice *notice, uint64_t time,
			     char line[OUTLET_LINE_MAX])
{
	const struct timespec moment = {
		.tv_sec = (time_t)(time / JOURNAL_SECOND), .tv_nsec = (long)(time % JOURNAL_SECOND * 1000),
	};

	return notice_json_format(line, OUTLET_LINE_MAX, notice, &moment, journal->memory);
}

static size_t journal_note(void *context, uint64_t count, char line[OUTLET_LINE_MAX])
{
	const struct notice notice = { .type = NOTICE_EVENTS_LOST, .count = count };

	return journal_format(context, &notice, clock_wall_microseconds(), line);
}

/* Other programs read it, and know no such line. */
static size_t journal_note_nothing(void *context, uint64_t count, char line[OUTLET_LINE_MAX])
{
	(void)context;
	(void)count;
	(void)line;
	return 0;
}

static outlet_note *const notes[JOURNAL_FILES] = {
	[JOURNAL_EVENTS] = journal_note, [JOURNAL_XFERLOG] = journal_note_nothing
};

static void journal_put(struct journal *journal, const struct notice *notice, uint64_t time)
{
	const bool noise = notice_limit_is_noise(notice->type) && notice->count == 0;
	char line[OUTLET_LINE_MAX];
	const size_t length = journal_format(journal, notice, time, line);

	sink_put(&journal->sinks[JOURNAL_EVENTS], line, length, noise ? OUTLET_LIGHT : OUTLET_HEAVY,
		 notice->count ? notice->count : 1);
}

static void journal_put_transfer(struct journal *journal, const struct notice *notice, uint64_t time)
{
	char line[XFERLOG_MAX];
	const size_t length = xferlog_format(notice, time, line);

	if (length > 0)
		sink_put(&journal->sinks[JOURNAL_XFERLOG], line, length, OUTLET_HEAVY, 1);
}

static void journal_tell_sum(void *context, const struct notice *sum)
{
	const struct journal_voice *voice = context;

	if (voice->journal->estate)
		atomic_fetch_sub(&voice->journal->estate->summed, sum->count);
	journal_put(voice->journal, sum, clock_wall_microseconds());
}

static bool journal_is_wanted(const struct config *config, enum journal_file which)
{
	return journal_file_path(config, which)[0] != '\0';
}

int journal_open_file(const struct config *config, enum journal_file which)
{
	const char *path = journal_file_path(config, which);
	int file;

	if (!journal_is_wanted(config, which) || strcmp(path, "-") == 0)
		return JOURNAL_FILE_NONE;
	file = outlet_open_file(path);
	return file < 0 ? JOURNAL_FILE_FAILED : file;
}

int journal_open(struct journal *journal, const struct config *config, const int files[JOURNAL_FILES])
{
	int result = 0;

	memset(journal, 0, sizeof(*journal));
	journal->config = config;
	journal->native.socket = -1;
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		sink_init(&journal->sinks[i], &kinds[i], journal_file_path(config, i));
	for (enum journal_file i = 0; i < JOURNAL_FILES && result == 0; i++)
		result = sink_open(&journal->sinks[i], files[i], notes[i], journal);
	if (result == 0 && journal_is_wanted(config, JOURNAL_EVENTS))
		journal->memory = calloc(1, sizeof(*journal->memory));
	if (result == 0 && config->journal && log_is_journal())
		native_open(&journal->native, NATIVE_SOCKET);
	return result;
}

uint64_t journal_inherit(struct journal *journal, struct journal_estate *estate)
{
	journal->estate = estate;
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		sink_inherit(&journal->sinks[i], &estate->files[i]);
	return atomic_exchange(&estate->summed, 0);
}

void journal_reopen(struct journal *journal, enum journal_file which, int file)
{
	if (sink_reopen(&journal->sinks[which], file, notes[which], journal) < 0)
		log_message(LOG_LEVEL_ERROR, "no memory for %s", kinds[which].content);
}

int journal_watch(struct journal *journal, struct event_base *base)
{
	int result = 0;

	for (enum journal_file i = 0; i < JOURNAL_FILES && result == 0; i++)
		result = sink_watch(&journal->sinks[i], base);
	return result;
}

int journal_add_voice(struct journal *journal, struct journal_voice *voice)
{
	memset(voice, 0, sizeof(*voice));
	voice->journal = journal;
	if (!journal_is_wanted(journal->config, JOURNAL_EVENTS))
		return 0;
	voice->limit = notice_limit_make(journal->config->limits.sessions, journal_tell_sum, voice);
	return voice->limit ? 0 : -1;
}

void journal_end_voice(struct journal_voice *voice)
{
	if (voice->limit)
		notice_limit_finish(voice->limit);
	notice_limit_free(voice->limit);
	voice->limit = NULL;
}

void journal_tick_voice(struct journal_voice *voice)
{
	if (voice->limit)
		notice_limit_tick(voice->limit, clock_microseconds());
}

/* With fields, where there is a journal that takes them; else as a line of the log. */
static void journal_say(struct journal *journal, const struct notice *notice, uint64_t time, enum log_level level)
{
	char text[SENTENCE_MAX], line[OUTLET_LINE_MAX];

	sentence_format(notice, text);
	if (journal->native.socket >= 0) {
		const struct bytes json = { (const uint8_t *)line, journal_format(journal, notice, time, line) };

		if (native_send(&journal->native, notice, text,
				level == LOG_LEVEL_WARNING ? PRIORITY_WARNING : PRIORITY_NOTICE, json))
			return;
	}
	log_message(level, "%s", text);
}

/* Each reason has its own limit: what somebody repeats hides nothing else. */
static void journal_tell(struct journal_voice *voice, const struct notice *notice, uint64_t time)
{
	const struct config *config = voice->journal->config;

	if (config->log_refusals && sentence_is_due(notice) &&
	    log_limit_allows(&voice->told_limits[notice->reason], clock_microseconds()))
		journal_say(voice->journal, notice, time, LOG_LEVEL_WARNING);
	else if (config->log_transfers && notice->type == NOTICE_TRANSFER)
		journal_say(voice->journal, notice, time, LOG_LEVEL_NOTICE);
}

void journal_notice(struct journal_voice *voice, const struct notice *notice, uint64_t time)
{
	journal_tell(voice, notice, time);
	if (notice->type == NOTICE_TRANSFER && sink_is_open(&voice->journal->sinks[JOURNAL_XFERLOG]))
		journal_put_transfer(voice->journal, notice, time);
	if (!voice->limit)
		return;
	if (notice_limit_allows(voice->limit, notice, clock_microseconds()))
		journal_put(voice->journal, notice, time);
	else if (voice->journal->estate)
		atomic_fetch_add(&voice->journal->estate->summed, notice->count ? notice->count : 1);
}

void journal_end(struct journal *journal)
{
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		sink_end(&journal->sinks[i]);
}

void journal_close(struct journal *journal)
{
	for (enum journal_file i = 0; i < JOURNAL_FILES; i++)
		sink_close(&journal->sinks[i]);
	native_close(&journal->native);
	free(journal->memory);
	journal->memory = NULL;
}
