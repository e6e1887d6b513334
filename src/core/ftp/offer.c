/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a line must change.
 *
 * A line that keeps its length needs no sequence adjustment, which the kernel can't do on every connection, and can be
 * lost and sent again without care. A reply's tuple that shrinks gives its room to the prose before it. One that grows
 * grows the line, where it may, because some clients expect the words that servers usually say; where it may not, the
 * prose pays for it:
 *
 *   227 Entering Passive Mode (10,0,0,5,4,1).
 *   227 Entering Passiv (198,51,100,1,200,1).
 *   |   |              | |                 |
 *   |   prose          | tuple             rest: digits and commas are blanked
 *   |                  opener: a byte that may belong to the tuple, and a space before it
 *   code and separator: never touched
 *
 * Where there is too little prose, and in commands, which have none, the offer is refused then. It is refused, too, where
 * the reader that judges lines (hostport.c) would not read in what leaves exactly what was announced.
 */
#include "ftpalg/offer.h"

#include <string.h>

#include "core/digits.h"
#include "ftpalg/address.h"

/* A code and the byte after it. */
#define CODE_LENGTH 4

/*
 * Narrows an edit of the same length to the bytes that differ. One that changes the length stays whole: narrowed, it
 * could become a mere insertion, and then nobody knows which of two retransmitted segments it belongs to.
 */
static void trim_edit(struct bytes line, struct edit *edit)
{
	const uint8_t *old = line.data + edit->at.offset;
	uint32_t front = 0;
	uint32_t back = edit->length;

	if (edit->at.length == edit->length) {
		while (front < back && old[front] == edit->replacement[front])
			front++;
		while (back > front && old[back - 1] == edit->replacement[back - 1])
			back--;

		edit->at = (struct span){ edit->at.offset + front, back - front };
		edit->length = back - front;
		memmove(edit->replacement, edit->replacement + front, edit->length);
	}
}

/* The bytes directly before a tuple that stay with it: a parenthesis or alike, and one space before that. */
static uint32_t opener_length(struct bytes line, uint32_t base, uint32_t tuple)
{
	uint32_t length = 0;

	if (tuple > base && line.data[tuple - 1] != ' ')
		length++;
	if (tuple - length > base && line.data[tuple - length - 1] == ' ')
		length++;
	return length;
}

/*
 * Puts text in the tuple's place and takes or gives the difference before the opener. Where that is not enough, the
 * space of the opener goes too. False where the prose is too short.
 */
static bool replace_with_prose(struct bytes line, uint32_t base, struct span tuple, const uint8_t *text,
			       uint32_t length, struct edit *edit)
{
	uint32_t growth = length > tuple.length ? length - tuple.length : 0;
	uint32_t padding = length < tuple.length ? tuple.length - length : 0;
	uint32_t opener = opener_length(line, base, tuple.offset);
	uint32_t prose_end = tuple.offset - opener;
	/* Where a line has no code, some count one off all the same, so no tuple moves to its place. */
	uint32_t floor = base > CODE_LENGTH ? base : CODE_LENGTH;
	uint32_t cut;
	bool enough;

	if (prose_end < floor + growth && line.data[prose_end] == ' ') {
		prose_end++;
		opener--;
	}
	enough = growth == 0 || prose_end >= floor + growth;
	cut = enough ? prose_end - growth : floor;
	/*
	 * Half a character of several bytes, or half a Telnet code, would take in what follows it; a digit or a mark that
	 * stood apart from the numbers could be read with them. So words end with a letter.
	 */
	while (growth > 0 && cut > floor && !digits_is_letter(line.data[cut - 1])) {
		cut--;
		padding++;
	}

	if (enough) {
		edit->at.offset = cut;
		edit->at.length = tuple.offset + tuple.length - cut;
		edit->length = padding + opener + length;
		memset(edit->replacement, ' ', padding);
		memcpy(edit->replacement + padding, line.data + prose_end, opener);
		memcpy(edit->replacement + padding + opener, text, length);
	}
	return enough;
}

static void replace_tuple(struct span tuple, const uint8_t *text, uint32_t length, struct edit *edit)
{
	edit->at = tuple;
	edit->length = length;
	memcpy(edit->replacement, text, length);
}

static void blank_numbers(uint8_t *text, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		if (digits_is_digit(text[i]) || text[i] == ',')
			text[i] = ' ';
	}
}

/*
 * Widens an edit that ends with a tuple of this length to all of the text, and blanks the digits and commas that are not the
 * tuple's. False where that is too long.
 */
static bool leave_tuple_alone(struct bytes line, uint32_t base, uint32_t tuple, struct edit *edit)
{
	const uint32_t before = edit->at.offset - base;
	const uint32_t rest = edit->at.offset + edit->at.length;
	const uint32_t after = (uint32_t)line.length - rest;
	const uint32_t end = before + edit->length;

	if (end + after > LINE_MAX_LENGTH)
		return false;
	memmove(edit->replacement + before, edit->replacement, edit->length);
	memcpy(edit->replacement, line.data + base, before);
	memcpy(edit->replacement + end, line.data + rest, after);
	blank_numbers(edit->replacement, end - tuple);
	blank_numbers(edit->replacement + end, after);
	edit->at = (struct span){ base, (uint32_t)line.length - base };
	edit->length = end + after;
	return true;
}

/*
 * Words that lose a comma or their end may look like something else: three marks, a blank and a number like a 229, or a
 * letter that belongs to the tuple now. So what leaves is read again.
 */
static bool reads_as(enum form form, struct bytes text, const struct endpoint *endpoint)
{
	struct hostport again = { .form = form };

	return hostport_parse(form, text, &again) == REASON_NONE && again.endpoint.port == endpoint->port &&
	       (form == FORM_229 || address_equal(&again.endpoint.address, &endpoint->address));
}

enum reason offer_announce(struct bytes line, uint32_t base, const struct hostport *hostport,
			   const struct endpoint *endpoint, bool keep_length, struct edit *edit)
{
	struct span tuple = { base + hostport->span.offset, hostport->span.length };
	uint8_t text[HOSTPORT_TEXT_MAX];
	uint32_t length = (uint32_t)hostport_format(hostport->form, hostport->delimiter, endpoint, text);
	bool done = false;
	bool moved = false;
	enum reason reason = REASON_NONE;

	edit->at = (struct span){ 0, 0 };
	edit->length = 0;

	if (length == 0) {
		reason = REASON_FAMILY_MISMATCH;
	} else if (line.length > LINE_MAX_LENGTH || tuple.offset > line.length ||
		   tuple.length > line.length - tuple.offset) {
		/* Not the line that hostport was read from. */
		reason = REASON_MALFORMED;
	} else if (!form_is_active(hostport->form) && (length < tuple.length || (keep_length && length > tuple.length))) {
		done = replace_with_prose(line, base, tuple, text, length, edit);
	}

	if (reason == REASON_NONE && !done) {
		if (keep_length && length != tuple.length)
			reason = REASON_NO_RESIZE;
		else
			replace_tuple(tuple, text, length, edit);
	}
	moved = done && length > tuple.length;
	if (reason == REASON_NONE && (hostport->mixed || moved)) {
		if (!leave_tuple_alone(line, base, length, edit))
			reason = REASON_NO_RESIZE;
		else if (!reads_as(hostport->form, (struct bytes){ edit->replacement, edit->length }, endpoint))
			reason = moved ? REASON_NO_RESIZE : REASON_AMBIGUOUS;
	}
	if (reason == REASON_NONE)
		trim_edit(line, edit);
	return reason;
}

/* Fills an edit of a part of the line with X, spaces between the verb and its argument left as they are. */
static void fill_with_x(struct bytes line, uint32_t start, uint32_t end, struct span gap, struct edit *edit)
{
	edit->at = (struct span){ start, end - start };
	edit->length = end - start;
	memset(edit->replacement, 'X', edit->length);
	if (gap.length > 0)
		memcpy(edit->replacement + (gap.offset - start), line.data + gap.offset, gap.length);
}

/*
 * What a server is sure to refuse depends on the command. No server takes XXXX for an address, so PORT, EPRT and LPRT
 * keep their verb and are answered by 501. Other arguments may be anything: "STOR XXXX" makes a file, "RETR XXXX" may
 * find one, "PASV XXXX" is PASV to many. There the verb is overwritten, and the argument with it, because a password
 * or a path does not belong into the server's log of unknown commands.
 */
void offer_refuse_command(struct bytes line, const struct command *command, struct edit *edit)
{
	static const struct span no_gap;
	struct command again;
	uint32_t line_end = (uint32_t)(line.length < LINE_MAX_LENGTH ? line.length : LINE_MAX_LENGTH);
	uint32_t verb_end = command->verb_span.offset + command->verb_span.length;
	uint32_t argument_end = command->argument.offset + command->argument.length;
	struct span gap = { verb_end, command->argument.offset - verb_end };

	if (line.length > LINE_MAX_LENGTH || parse_command(line, &again) != REASON_NONE) {
		/* Nobody knows where a server sees the verb. */
		fill_with_x(line, 0, line_end, no_gap, edit);
	} else if (command->argument.length == 0) {
		fill_with_x(line, command->verb_span.offset, verb_end, no_gap, edit);
	} else if (verb_is_active_offer(command->verb)) {
		fill_with_x(line, command->argument.offset, argument_end, no_gap, edit);
	} else {
		fill_with_x(line, command->verb_span.offset, argument_end, gap, edit);
	}
}

/*
 * The longest wording that fits is taken. The separator after the code stays a hyphen where it was one: turned into a
 * space it would end the reply there, and the lines that follow would answer commands that nobody has given yet.
 */
void offer_refuse_reply(struct bytes line, enum reason reason, struct edit *edit)
{
	static const char *const wordings[] = { "Refused by the gateway: ", "Refused: ", "" };
	const char *name = reason_name(reason);
	uint32_t room = (uint32_t)(line.length < LINE_MAX_LENGTH ? line.length : LINE_MAX_LENGTH);
	uint32_t length = 0;
	uint8_t text[128];
	size_t choice = 0;
	struct reply reply;

	parse_reply(line, &reply);
	while (choice < 2 && 4 + strlen(wordings[choice]) + strlen(name) > room)
		choice++;

	memcpy(text, reply.kind == REPLY_FIRST ? "425-" : "425 ", 4);
	length += 4;
	memcpy(text + length, wordings[choice], strlen(wordings[choice]));
	length += (uint32_t)strlen(wordings[choice]);
	memcpy(text + length, name, strlen(name));
	length += (uint32_t)strlen(name);

	edit->at = (struct span){ 0, room };
	edit->length = room;
	memset(edit->replacement, ' ', room);
	memcpy(edit->replacement, text, length < room ? length : room);
}
