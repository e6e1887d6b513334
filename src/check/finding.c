/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/finding.h"

#include <stdarg.h>

__attribute__((format(printf, 3, 0)))
static void check_say(struct check *check, const char *finding, const char *format, va_list arguments)
{
	fprintf(check->out, "%-7s  ", finding);
	vfprintf(check->out, format, arguments);
	fputc('\n', check->out);
}

void check_ok(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_say(check, "ok", format, arguments);
	va_end(arguments);
}

void check_note(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_say(check, "note", format, arguments);
	va_end(arguments);
}

void check_missing(struct check *check, const char *format, ...)
{
	va_list arguments;

	check->missing++;
	va_start(arguments, format);
	check_say(check, "MISSING", format, arguments);
	va_end(arguments);
}
