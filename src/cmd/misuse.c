/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer to a command line that makes no sense. */
#include <stdarg.h>
#include <stdio.h>

#include "cmd/cmd.h"

int cmd_misuse(const char *command, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "ftpalg %s: ", command);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; \"ftpalg %s --help\" shows what it takes\n", command);
	return CMD_USAGE;
}
