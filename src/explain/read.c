/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The notation of dialogues, as in pcaps/: a line is what one side says at once.
 *
 *   C> USER ftp           the client; also "C:" and ">"
 *   S> 331 Password       the server; also "S:" and "<"
 *   C> PO\|RT 10,0        \| cuts a segment, as does U+2016
 *   C> NOOP\r\nLIST       \r \n \\ \xNN are bytes, U+23CE is CR LF
 *   C> PORT 10,0\c        \c at the end: CR LF is not added (nor where the line says how it ends)
 *   # nothing             empty lines and comments are skipped
 */
#include <string.h>

#include "base/number.h"
#include "explain/explain.h"

#define RETURN_SIGN "\xe2\x8f\x8e"
#define CUT_SIGN "\xe2\x80\x96"

static bool append(struct explain_burst *burst, uint8_t byte, const char **problem)
{
	size_t *end = &burst->end[burst->segments - 1];

	if (*end == sizeof(burst->data)) {
		*problem = "the line is too long";
		return false;
	}
	burst->data[(*end)++] = byte;
	return true;
}

static bool cut(struct explain_burst *burst, const char **problem)
{
	const size_t end = burst->end[burst->segments - 1];

	if (end == (burst->segments > 1 ? burst->end[burst->segments - 2] : 0)) {
		*problem = "a segment is empty";
		return false;
	}
	if (burst->segments == EXPLAIN_SEGMENTS_MAX) {
		*problem = "there are more than 32 segments";
		return false;
	}
	burst->end[burst->segments++] = end;
	return true;
}

/* What follows a backslash. Moves *text past it. *open: no end of line is to be added. */
static bool read_escape(const char **text, struct explain_burst *burst, bool *open, const char **problem)
{
	const char escape = *(*text)++;

	if (escape == 'x' && number_digit((uint8_t)(*text)[0]) < 16 && number_digit((uint8_t)(*text)[1]) < 16) {
		const uint8_t byte = (uint8_t)(number_digit((uint8_t)(*text)[0]) * 16 + number_digit((uint8_t)(*text)[1]));

		*text += 2;
		return append(burst, byte, problem);
	}
	if (escape == 'r' || escape == 'n')
		return append(burst, escape == 'r' ? '\r' : '\n', problem);
	if (escape == '\\' || escape == '#')
		return append(burst, (uint8_t)escape, problem);
	if (escape == '|')
		return cut(burst, problem);
	if (escape == 'c' && **text == '\0') {
		*open = true;
		return true;
	}
	*problem = "a backslash is followed by none of r n c | \\ # and xNN";
	return false;
}

static bool read_piece(const char **text, struct explain_burst *burst, bool *open, const char **problem)
{
	if (strncmp(*text, RETURN_SIGN, strlen(RETURN_SIGN)) == 0) {
		*text += strlen(RETURN_SIGN);
		return append(burst, '\r', problem) && append(burst, '\n', problem);
	}
	if (strncmp(*text, CUT_SIGN, strlen(CUT_SIGN)) == 0) {
		*text += strlen(CUT_SIGN);
		return cut(burst, problem);
	}
	if (**text != '\\')
		return append(burst, (uint8_t)*(*text)++, problem);
	(*text)++;
	return read_escape(text, burst, open, problem);
}

bool explain_read_text(const char *text, struct explain_burst *burst, const char **problem)
{
	bool open = false;
	size_t end;

	burst->segments = 1;
	burst->end[0] = 0;
	while (*text)
		if (!read_piece(&text, burst, &open, problem))
			return false;
	end = burst->end[burst->segments - 1];
	if (!open && (end == 0 || burst->data[end - 1] != '\n') &&
	    (!append(burst, '\r', problem) || !append(burst, '\n', problem)))
		return false;
	if (burst->end[burst->segments - 1] > 0)
		return true;
	*problem = "nothing is said";
	return false;
}

bool explain_read_line(const char *text, struct explain_burst *burst, bool *empty, const char **problem)
{
	static const struct {
		const char *name;
		enum direction direction;
	} sides[] = {
		{ "C>", DIRECTION_ORIGINAL }, { "C:", DIRECTION_ORIGINAL }, { ">", DIRECTION_ORIGINAL },
		{ "S>", DIRECTION_REPLY }, { "S:", DIRECTION_REPLY }, { "<", DIRECTION_REPLY },
	};

	*empty = *text == '\0' || *text == '#';
	if (*empty)
		return true;
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		const size_t length = strlen(sides[i].name);

		if (strncmp(text, sides[i].name, length) != 0)
			continue;
		burst->direction = sides[i].direction;
		text += length;
		return explain_read_text(*text == ' ' ? text + 1 : text, burst, problem);
	}
	*problem = "it begins with none of C> C: > S> S: <";
	return false;
}
