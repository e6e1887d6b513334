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
 *   - a verb that the policy refuses, an active offer, and a STAT that lists names, between a place where a piece could begin
 *     and a space or the end;
 *   - after a reply code, what a client could read an endpoint in.
 *
 * inetutils-ftpd takes Telnet codes out wherever they stand, so a verb is read with bytes in it that are no printable
 * character, and what follows it by its commas. An option that is printable belongs to the verb for some and not for others:
 * a long line with one is refused whatever it holds.
 *
 * A line that passes in parts is held from the first such place on, until all of it has come and is judged. No piece can
 * begin before PIECE_MIN, so that lines of usual length cost one comparison and are never refused for a name in them.
 */
#include "core/digits.h"
#include "core/ftp/session_internal.h"
#include "core/ftp/telnet.h"

/* The smallest buffer that is known holds 511 bytes. Half of that. */
#define PIECE_MIN 255
/* Of the verbs that a policy can name: CCC to XSHA256. */
#define VERB_SHORTEST 3
#define VERB_LONGEST 7

/* Of an endpoint in six numbers. */
#define COMMAS 5

/* The last characters before a space or the end, without what a peer may have taken out. */
struct ending {
	uint8_t text[VERB_LONGEST];
	size_t length;
};

static struct bytes ending_last(const struct ending *ending, size_t length)
{
	return (struct bytes){ ending->text + sizeof(ending->text) - length, length };
}

static struct ending read_back(struct bytes line, size_t end)
{
	struct ending ending = { .length = 0 };

	while (end > PIECE_MIN && ending.length < sizeof(ending.text)) {
		const uint8_t byte = line.data[--end];

		if (byte == ' ' || byte == '\t')
			break;
		if (byte > ' ' && byte < TELNET_DELETE)
			ending.text[sizeof(ending.text) - ++ending.length] = byte;
	}
	return ending;
}

static bool may_be_endpoint(struct bytes text)
{
	unsigned int commas = 0;

	for (size_t i = 0; i < text.length; i++)
		commas += text.data[i] == ',';
	return commas >= COMMAS || hostport_could_be_read(text);
}

/* argument: what follows the verb, as far as it has come. Before the end has, any may still become what is refused. */
static bool verb_is_hidden(const struct session *session, enum verb verb, struct bytes argument, bool whole)
{
	if (verb == VERB_UNKNOWN)
		return false;
	if (session_judge_verb(session, verb) != REASON_NONE)
		return true;
	if (verb == VERB_STAT)
		return !whole || parse_lists_names(argument);
	if (!verb_is_active_offer(verb))
		return false;
	return !whole || (verb == VERB_EPRT ? argument.length > 0 : may_be_endpoint(argument));
}

/* Does a hidden verb end at end? */
static bool command_ends_at(const struct session *session, struct bytes line, size_t end, bool whole)
{
	const struct bytes argument = { line.data + end, line.length - end };
	const struct ending ending = read_back(line, end);
	bool hidden = false;

	for (size_t length = VERB_SHORTEST; length <= ending.length && !hidden; length++)
		hidden = verb_is_hidden(session, verb_find(ending_last(&ending, length)), argument, whole);
	return hidden;
}

static bool reply_ends_at(struct bytes line, size_t end, bool whole)
{
	const struct bytes text = { line.data + end, line.length - end };
	const struct ending ending = read_back(line, end);
	const uint8_t *code = ending_last(&ending, 3).data;

	return ending.length >= 3 && code[0] >= '1' && code[0] <= '6' && digits_is_digit(code[1]) &&
	       digits_is_digit(code[2]) && (!whole || may_be_endpoint(text));
}

bool session_hides_line(const struct session *session, enum direction direction, struct bytes line, size_t from, bool whole)
{
	const size_t first = from > PIECE_MIN ? from : PIECE_MIN;
	bool hidden = direction == DIRECTION_ORIGINAL && line.length > PIECE_MIN &&
		      telnet_has_doubtful_option(line, first - 2);

	for (size_t end = first; end < line.length + whole && !hidden; end++) {
		const uint8_t byte = end < line.length ? line.data[end] : ' ';

		if (direction == DIRECTION_ORIGINAL)
			hidden = (byte == ' ' || byte == '\t') && command_ends_at(session, line, end, whole);
		else
			hidden = (byte == ' ' || byte == '-') && reply_ends_at(line, end, whole);
	}
	return hidden;
}
