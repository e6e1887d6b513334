/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX 1024

static enum log_level log_level = LOG_LEVEL_NOTICE;

static const char *const log_prefix[] = {
	[LOG_LEVEL_ERROR] = "ftpalg: error: ",
	[LOG_LEVEL_WARNING] = "ftpalg: warning: ",
	[LOG_LEVEL_NOTICE] = "ftpalg: ",
	[LOG_LEVEL_DEBUG] = "ftpalg: debug: ",
};

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_message(enum log_level level, const char *format, ...)
{
	char text[LOG_MESSAGE_MAX];
	size_t length;
	va_list arguments;

	if (level > log_level)
		return;
	length = (size_t)snprintf(text, sizeof(text), "%s", log_prefix[level]);
	va_start(arguments, format);
	vsnprintf(text + length, sizeof(text) - length - 1, format, arguments);
	va_end(arguments);
	length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	text[length++] = '\n';
	/* One call, so that lines of several processes don't mix. There is nobody to tell if it fails. */
	if (write(STDERR_FILENO, text, length) < 0)
		return;
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
