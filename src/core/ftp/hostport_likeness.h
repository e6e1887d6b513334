/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody could read in a text, where others read nothing or something else. */
#ifndef CORE_FTP_HOSTPORT_LIKENESS_H
#define CORE_FTP_HOSTPORT_LIKENESS_H

#include "core/ftp/hostport_delimiter.h"
#include "ftpalg/base.h"

/* Does "(<d><d><d>" stand at position? */
static inline bool hostport_is_229_start(struct bytes text, size_t position)
{
	const uint8_t *start = text.data + position;

	return text.length - position >= 4 && start[0] == '(' && hostport_is_229_delimiter(start[1]) &&
	       start[2] == start[1] && start[3] == start[1];
}

/*
 * Can somebody read six numbers in the text? Whatever stands between the commas: some take out what is neither digit nor
 * comma (Twisted), some read hexadecimals (axel), and a number may be none at all (wget).
 */
bool hostport_has_six_numbers(struct bytes text);
/* Can somebody read the port of a 229, with whatever stands around it? Some look for three bars or three marks only. */
bool hostport_has_extended_port(struct bytes text);

#endif
