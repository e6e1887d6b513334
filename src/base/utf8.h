/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bytes stand for as characters; which can be shown as they are, and which must be escaped. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "ftpalg/base.h"

/* How many bytes at the start of text are one well-formed UTF-8 character (RFC 3629 4), and which; 0 if none. */
size_t character_read(struct bytes text, uint32_t *character);

/*
 * Not printable are control characters, line and paragraph separators, what turns the direction of the text around it, and
 * what is not seen at all.
 */
bool character_is_printable(uint32_t character);

/* The columns that it takes on a terminal, by the locale; 0: it is not printable, or stands on the one before it. */
unsigned int character_width(uint32_t character);

#endif
