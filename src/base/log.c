/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/outlet.h"

#define LOG_MESSAGE_MAX 1024
/* Enough for a quarter of an hour in which every message comes as often as it may. */
#define LOG_QUEUE_SIZE ((size_t)64 << 10)
#define LOG_FINISH_MILLISECONDS 1000

static enum log_level log_level = LOG_LEVEL_NOTICE;

static const char *const log_prefix[] = {
	[LOG_LEVEL_ERROR] = "ftpalg: error: ",
	[LOG_LEVEL_WARNING] = "ftpalg: warning: ",
	[LOG_LEVEL_NOTICE] = "ftpalg: ",
	[LOG_LEVEL_DEBUG] = "ftpalg: debug: ",
};

/* sd-daemon(3): what a line of the journal begins with for its priority. */
static const char *const log_priority[] = {
	[LOG_LEVEL_ERROR] = "<3>",
	[LOG_LEVEL_WARNING] = "<4>",
	[LOG_LEVEL_NOTICE] = "<5>",
	[LOG_LEVEL_DEBUG] = "<7>",
};

/* Standard error is the journal's, which JOURNAL_STREAM names by device and inode (systemd.exec(5)). */
static bool log_to_journal;

static bool stream_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat status;

	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return strcmp(stream, own) == 0;
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

/* Empty until log_start(). */
static struct outlet log_outlet = { .descriptor = -1 };

static size_t log_note(void *context, uint64_t count, char line[OUTLET_LINE_MAX])
{
	(void)context;
	return (size_t)snprintf(line, OUTLET_LINE_MAX, "%s%s%" PRIu64 " messages were lost here: nobody read them\n",
				log_to_journal ? log_priority[LOG_LEVEL_WARNING] : "", log_prefix[LOG_LEVEL_WARNING], count);
}

int log_start(void)
{
	log_to_journal = stream_is_journal();
	return outlet_open_inherited(&log_outlet, STDERR_FILENO, LOG_QUEUE_SIZE, log_note, NULL);
}

bool log_is_journal(void)
{
	return log_to_journal;
}

int log_watch(struct event_base *base)
{
	return outlet_watch(&log_outlet, base);
}

void log_unwatch(void)
{
	outlet_unwatch(&log_outlet);
}

void log_flush(void)
{
	outlet_flush(&log_outlet);
}

void log_forget(void)
{
	outlet_forget(&log_outlet);
}

void log_finish(void)
{
	outlet_close(&log_outlet, LOG_FINISH_MILLISECONDS);
}

/* Makes a line of text, which has room for one byte more, and writes it. */
static void log_line(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	text[length++] = '\n';
	if (log_outlet.ring)
		outlet_put(&log_outlet, text, length, OUTLET_HEAVY, 1);
	/* One call, so that lines of several processes don't mix. There is nobody to tell if it fails. */
	else if (write(STDERR_FILENO, text, length) < 0)
		return;
}

void log_message(enum log_level level, const char *format, ...)
{
	char text[LOG_MESSAGE_MAX];
	size_t length;
	va_list arguments;

	if (level > log_level)
		return;
	length = (size_t)snprintf(text, sizeof(text), "%s%s", log_to_journal ? log_priority[level] : "", log_prefix[level]);
	va_start(arguments, format);
	vsnprintf(text + length, sizeof(text) - length - 1, format, arguments);
	va_end(arguments);
	log_line(text, strlen(text));
}

void log_lines(const char *text)
{
	char line[LOG_MESSAGE_MAX];

	while (*text) {
		const size_t length = strcspn(text, "\n");
		const size_t before = (size_t)snprintf(line, sizeof(line), "%s",
						       log_to_journal ? log_priority[LOG_LEVEL_ERROR] : "");
		const size_t room = sizeof(line) - before - 1;
		const size_t shown = length < room ? length : room;

		memcpy(line + before, text, shown);
		log_line(line, before + shown);
		text += length + (text[length] == '\n');
	}
}

bool log_limit_allows(struct log_limit *limit, uint64_t now)
{
	if (limit->count == 0 || now - limit->start >= LOG_LIMIT_SECONDS * UINT64_C(1000000)) {
		if (limit->count > LOG_LIMIT_COUNT)
			log_message(LOG_LEVEL_WARNING, "%u messages like the next one were left out",
				    limit->count - LOG_LIMIT_COUNT);
		limit->start = now;
		limit->count = 0;
	}
	limit->count++;
	return limit->count <= LOG_LIMIT_COUNT;
}
