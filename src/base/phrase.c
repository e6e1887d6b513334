/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/phrase.h"

#include <stdarg.h>
#include <stdio.h>

void phrase_add(struct phrase *phrase, const char *format, ...)
{
	const size_t room = phrase->size - phrase->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(phrase->text + phrase->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		phrase->length += (size_t)length < room ? (size_t)length : room - 1;
}
