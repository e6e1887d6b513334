/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which bytes may separate the parts of a host-port: for who reads them and who writes them. */
#ifndef CORE_FTP_HOSTPORT_DELIMITER_H
#define CORE_FTP_HOSTPORT_DELIMITER_H

#include "core/digits.h"

/* RFC 2428 2: any ASCII character from 33 to 126; a digit would run into the numbers. */
static inline bool hostport_is_delimiter(uint8_t byte)
{
	return byte >= 33 && byte <= 126 && !digits_is_digit(byte);
}

/* A parenthesis would end the tuple of a 229 where it begins, or begin it where it is under way. */
static inline bool hostport_is_229_delimiter(uint8_t byte)
{
	return hostport_is_delimiter(byte) && byte != '(' && byte != ')';
}

#endif
