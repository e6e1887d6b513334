/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines within a line.
 *
 * Theory of operation
 *
 * A peer that reads into a buffer takes a line that is longer in pieces, and some take every piece for a line of its own:
 * inetutils-ftpd 2.4 from its 512th byte on, and so did the BSDs' ftpd and ProFTPD (CVE-2008-4242, CVE-2008-4247). A command
 * that stands where a piece begins is obeyed then, and was the end of a file's name to us. Where pieces begin depends on the
 * peer, so wherever a long line holds what would be refused at the start of one, it is refused:
 *
 *   - a verb that the policy refuses, and an active offer, between a place where a piece could begin and a space or the end;
 *   - after a reply code, what a client could read an endpoint in.
 *
 * A line that passes in parts is held from the first such place on, until all of it has come and is judged. No piece can
 * begin before PIECE_MIN, so that lines of usual length cost one comparison and are never refused for a name in them.
 */
#include "core/digits.h"
#include "core/ftp/session_internal.h"

/* The smallest buffer that is known holds 511 bytes. Half of that. */
#define PIECE_MIN 255
/* Of the verbs that a policy can name: CCC to XSHA256. */
#define VERB_SHORTEST 3
#define VERB_LONGEST 7

static bool is_letter(uint8_t byte)
{
	return (byte & 0xdf) >= 'A' && (byte & 0xdf) <= 'Z';
}

/* argument: what follows the verb, as far as it has come. Before the end has, any may still become an endpoint. */
static bool verb_is_hidden(const struct session *session, enum verb verb, struct bytes argument, bool whole)
{
	if (verb == VERB_UNKNOWN)
		return false;
	if (session_judge_verb(session, verb) != REASON_NONE)
		return true;
	if (!verb_is_active_offer(verb))
		return false;
	return !whole || (verb == VERB_EPRT ? argument.length > 0 : hostport_could_be_read(argument));
}

/* Does a hidden verb end at end? */
static bool command_ends_at(const struct session *session, struct bytes line, size_t end, bool whole)
{
	const struct bytes argument = { line.data + end, line.length - end };
	bool hidden = false;

	for (size_t length = VERB_SHORTEST; length <= VERB_LONGEST && PIECE_MIN + length <= end && !hidden; length++) {
		const struct bytes text = { line.data + end - length, length };

		if (is_letter(text.data[0]))
			hidden = verb_is_hidden(session, verb_find(text), argument, whole);
	}
	return hidden;
}

static bool reply_ends_at(struct bytes line, size_t end, bool whole)
{
	const uint8_t *code = line.data + end - 3;
	const struct bytes text = { line.data + end, line.length - end };

	return end >= PIECE_MIN + 3 && code[0] >= '1' && code[0] <= '6' && digits_is_digit(code[1]) &&
	       digits_is_digit(code[2]) && (!whole || hostport_could_be_read(text));
}

bool session_hides_line(const struct session *session, enum direction direction, struct bytes line, size_t from, bool whole)
{
	bool hidden = false;

	for (size_t end = from > PIECE_MIN ? from : PIECE_MIN; end < line.length + whole && !hidden; end++) {
		const uint8_t byte = end < line.length ? line.data[end] : ' ';

		if (direction == DIRECTION_ORIGINAL)
			hidden = byte == ' ' && command_ends_at(session, line, end, whole);
		else
			hidden = (byte == ' ' || byte == '-') && reply_ends_at(line, end, whole);
	}
	return hidden;
}
