/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * No server that is known erases by what stands in a command: vsftpd, ProFTPD, Pure-FTPd, and those of the BSDs take
 * Telnet codes out or leave them in, and store 0x08 and 0x7f in names. In single-byte alphabets FF F7 and FF F8 are
 * letters (two of Russian in CP1251), and clients don't double the FF as RFC 3659 2.2 would have it. So an erasure in
 * an argument is no offence by itself. The Telnet RFCs allow a server that erases, though, and to that server a line
 * could be another command: "X", enough erasures, "PORT ...".
 *
 * Which bytes such a reader erases, and which it had taken out before, is not known, so all ways are taken together. What
 * it reads in the end is put together of pieces: a piece begins at the start of the line or after an erasure, and may
 * have lost its end to one. A verb is feared if any pieces, in the order of the line, can spell it before a blank or
 * the end. That is more than any one reader could read, and costs no file name that does not spell a verb.
 */
#include "core/ftp/telnet.h"

#include <string.h>

#define TELNET_BREAK 243
#define TELNET_INTERRUPT_PROCESS 244
#define TELNET_ABORT_OUTPUT 245
#define TELNET_ARE_YOU_THERE 246
#define TELNET_ERASE_LINE 248
#define TELNET_GO_AHEAD 249
#define TELNET_WONT 252
#define TELNET_DO 253

/* What terminals have beside backspace and delete. */
#define KILL_LINE 0x15
#define KILL_WORD 0x17

/* Pieces that are followed; a name with more erasures is none. */
#define PIECES_MAX 64

/*
 * How many bytes a Telnet code at position takes that every receiver removes alone; 0 where there is none. The result
 * may reach beyond the end of the line, where the code is incomplete. Erasing codes, subnegotiation, an escaped 255
 * and undefined codes are not counted in: receivers differ about how much they remove. Nor is an option that is a
 * printable character, of which a receiver that removes IAC and WILL alone would make the verb's first letter.
 */
static size_t telnet_code_length(struct bytes line, size_t position)
{
	size_t left = position < line.length ? line.length - position : 0;
	size_t length = 0;

	if (left > 0 && line.data[position] == TELNET_IAC) {
		switch (left > 1 ? line.data[position + 1] : TELNET_NOP) {
		case TELNET_NOP:
		case TELNET_DATA_MARK:
		case TELNET_BREAK:
		case TELNET_INTERRUPT_PROCESS:
		case TELNET_ABORT_OUTPUT:
		case TELNET_ARE_YOU_THERE:
		case TELNET_GO_AHEAD:
			length = 2;
			break;
		case TELNET_WILL:
		case TELNET_WONT:
		case TELNET_DO:
		case TELNET_DONT:
			length = left > 2 && line.data[position + 2] >= ' ' ? 0 : 3;
			break;
		default:
			break;
		}
	}
	return length;
}

size_t telnet_codes_skip(struct bytes line, size_t position)
{
	size_t length = telnet_code_length(line, position);

	while (length > 0 && length <= line.length - position) {
		position += length;
		length = telnet_code_length(line, position);
	}
	return position;
}

/* How many bytes an erasure at position has; 0 where there is none. A doubled IAC is a byte of a name (RFC 3659 2.2). */
static size_t erasure_length(struct bytes line, size_t position)
{
	uint8_t byte = line.data[position];
	uint8_t next = position + 1 < line.length ? line.data[position + 1] : 0;

	if (byte == TELNET_BACKSPACE || byte == TELNET_DELETE || byte == KILL_LINE || byte == KILL_WORD)
		return 1;
	return byte == TELNET_IAC && (next == TELNET_ERASE_CHARACTER || next == TELNET_ERASE_LINE) ? 2 : 0;
}

/* The next erasure at or after *position, which moves past it. False: there is none. */
static bool find_erasure(struct bytes line, size_t *position)
{
	while (*position < line.length) {
		size_t length = erasure_length(line, *position);

		if (length == 0 && line.data[*position] == TELNET_IAC && *position + 1 < line.length &&
		    line.data[*position + 1] == TELNET_IAC)
			*position += 1;
		*position += length > 0 ? length : 1;
		if (length > 0)
			return true;
	}
	return false;
}

bool telnet_has_doubtful_option(struct bytes line, size_t position)
{
	bool found = false;

	for (; position + 2 < line.length && !found; position++)
		found = line.data[position] == TELNET_IAC && line.data[position + 1] >= TELNET_WILL &&
			line.data[position + 1] <= TELNET_DONT && line.data[position + 2] > ' ' &&
			line.data[position + 2] < TELNET_DELETE;
	return found;
}

bool telnet_has_erasure(struct bytes line)
{
	size_t position = 0;

	return find_erasure(line, &position);
}

/* The next printable byte at or after *position, which moves past it, in upper case; a blank for the line's end. */
static uint8_t next_printable(struct bytes line, size_t *position)
{
	while (*position < line.length) {
		uint8_t byte = line.data[(*position)++];

		if (byte == '\t')
			return ' ';
		if (byte >= ' ' && byte < TELNET_DELETE)
			return verb_to_upper(byte);
	}
	return ' ';
}

/*
 * A piece begins at position, and *spelt is the set of lengths to which name may have been spelt by then. Adds what the
 * piece makes of them. True: it may be the whole of name, and a blank.
 */
static bool spell_piece(const char *name, struct bytes line, size_t position, uint32_t *spelt)
{
	const size_t length = strlen(name);
	const uint32_t before = *spelt;

	for (size_t have = 0; have <= length; have++) {
		size_t letter = have;
		size_t at = position;
		uint8_t byte;

		if (!(before >> have & 1))
			continue;
		do
			byte = next_printable(line, &at);
		while (have == 0 && byte == ' ' && at < line.length);
		for (; letter < length && byte == (uint8_t)name[letter]; letter++) {
			*spelt |= UINT32_C(1) << (letter + 1);
			byte = next_printable(line, &at);
		}
		if (letter == length && byte == ' ')
			return true;
	}
	return false;
}

/* Could a reader who erases see name? */
static bool may_spell(const char *name, struct bytes line)
{
	uint32_t spelt = 1;
	size_t position = 0;
	unsigned int pieces = 1;

	spell_piece(name, line, 0, &spelt);
	while (find_erasure(line, &position)) {
		if (pieces++ == PIECES_MAX || spell_piece(name, line, position, &spelt))
			return true;
	}
	return false;
}

enum verb telnet_find_erased_verb(struct bytes line)
{
	if (!telnet_has_erasure(line))
		return VERB_UNKNOWN;
	for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT; verb++)
		if (verb_matters((enum verb)verb) && may_spell(verb_name((enum verb)verb), line))
			return (enum verb)verb;
	return VERB_UNKNOWN;
}
