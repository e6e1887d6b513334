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

/*
 * What a reader may see from the start of a piece on: printable bytes only, in upper case, a tab as a blank. Of a verb that
 * begins there no blank comes first; of one that goes on there a blank is the end.
 */
struct piece {
	bool ended; /* a blank comes first, or nothing any more */
	size_t length;
	uint8_t text[VERB_TEXT_MAX + 1]; /* from the first byte on that is no blank */
};

/*
 * The same at a place that moves along the line, with where each byte stands. No byte is read twice: pieces may have all of
 * a long line in common.
 */
struct view {
	struct bytes line;
	size_t next;      /* the first byte that has not been read */
	size_t blank_end; /* behind the last blank that was left out */
	size_t length;
	size_t places[VERB_TEXT_MAX + 1];
	uint8_t text[VERB_TEXT_MAX + 1];
};

/* Leaves out what stands before position, and blanks that would come first. */
static void view_drop(struct view *view, size_t position)
{
	size_t gone = 0;

	while (gone < view->length && (view->places[gone] < position || view->text[gone] == ' ')) {
		if (view->text[gone] == ' ')
			view->blank_end = view->places[gone] + 1;
		gone++;
	}
	if (gone == 0)
		return;
	view->length -= gone;
	memmove(view->text, view->text + gone, view->length);
	memmove(view->places, view->places + gone, view->length * sizeof(view->places[0]));
}

static void view_take(struct view *view, uint8_t byte)
{
	if (byte == '\t')
		byte = ' ';
	if (byte == ' ' && view->length == 0) {
		view->blank_end = view->next + 1;
	} else if (byte >= ' ' && byte < TELNET_DELETE) {
		view->places[view->length] = view->next;
		view->text[view->length++] = verb_to_upper(byte);
	}
}

static void view_move(struct view *view, size_t position, struct piece *piece)
{
	view_drop(view, position);
	if (view->next < position)
		view->next = position;
	for (; view->next < view->line.length && view->length < sizeof(view->text); view->next++)
		view_take(view, view->line.data[view->next]);
	piece->ended = view->blank_end > position || view->length == 0;
	piece->length = view->length;
	memcpy(piece->text, view->text, sizeof(piece->text));
}

/* The pieces of a line, and how many there are; one too many: there are more. */
static size_t find_pieces(struct bytes line, struct piece pieces[PIECES_MAX])
{
	struct view view = { .line = line };
	size_t position = 0;
	size_t count = 0;

	do {
		if (count == PIECES_MAX)
			return count + 1;
		view_move(&view, position, &pieces[count++]);
	} while (find_erasure(line, &position));
	return count;
}

/*
 * *spelt is the set of lengths to which name may have been spelt where a piece begins. Adds what the piece makes of them.
 * True: it may be the whole of name, and a blank.
 */
static bool spell_piece(const char *name, const struct piece *piece, uint32_t *spelt)
{
	const size_t length = strlen(name);
	const uint32_t before = *spelt;

	if (piece->ended && before >> length & 1)
		return true;
	for (size_t have = 0; have < length; have++) {
		size_t letters = 0;

		if (!(before >> have & 1) || (have > 0 && piece->ended))
			continue;
		while (letters < piece->length && have + letters < length &&
		       piece->text[letters] == (uint8_t)name[have + letters])
			*spelt |= UINT32_C(1) << (have + ++letters);
		if (have + letters == length && (letters == piece->length || piece->text[letters] == ' '))
			return true;
	}
	return false;
}

/* Could a reader who erases see name? */
static bool may_spell(const char *name, const struct piece *pieces, size_t count)
{
	uint32_t spelt = 1;
	bool found = false;

	/* What the line begins with is no secret. */
	for (size_t i = 0; i < count && !found; i++)
		found = spell_piece(name, &pieces[i], &spelt) && i > 0;
	return found;
}

static enum verb find_spelt_verb(struct bytes line)
{
	struct piece pieces[PIECES_MAX];
	const size_t count = find_pieces(line, pieces);

	for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT; verb++)
		if (verb_matters((enum verb)verb) &&
		    (count > PIECES_MAX || may_spell(verb_name((enum verb)verb), pieces, count)))
			return (enum verb)verb;
	return VERB_UNKNOWN;
}

enum verb telnet_find_erased_verb(struct bytes line)
{
	return telnet_has_erasure(line) ? find_spelt_verb(line) : VERB_UNKNOWN;
}
