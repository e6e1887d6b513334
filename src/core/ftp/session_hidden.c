/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines within a line.
 *
 * Theory of operation
 *
 * A peer that reads into a buffer takes a line that is longer in pieces, and some take every piece for a line of its own:
 * inetutils-ftpd 2.4 from its 512th byte on, bftpd from its 255th, and so did the BSDs' ftpd and ProFTPD (CVE-2008-4242,
 * CVE-2008-4247). A command that stands where a piece begins is obeyed then, and was the end of a file's name to us. Where
 * pieces begin depends on the peer, so wherever a long line holds what would be refused at the start of one, it is refused:
 *
 *   - a verb that the policy refuses, an active offer, and a STAT that lists names, between a place where a piece could
 *     begin and a space or the end, and an active offer without a space too, as bftpd needs none;
 *   - after a reply code, what a client could read an endpoint in.
 *
 * inetutils-ftpd takes Telnet codes out wherever they stand, so a verb is read with bytes in it that are no printable
 * character, and what follows it by its commas. An option that is printable belongs to the verb for some and not for others:
 * a long line with one is refused whatever it holds.
 *
 * A line that passes in parts is held from the first such place on, until all of it has come and is judged. No piece can
 * begin before PIECE_MIN, so that lines of usual length cost one comparison and are never refused for a name in them.
 */
#include <string.h>

#include "core/digits.h"
#include "core/ftp/session_internal.h"
#include "core/ftp/telnet.h"

/* The smallest buffer that is known holds 254 bytes (bftpd). Half of that. */
#define PIECE_MIN 127
/* In no file's name do so many offers' verbs end, and in no reply's line that has commas so many codes. */
#define LOOKS_MAX 32
/* Of the verbs that a policy can name: CCC to XSHA256. */
#define VERB_SHORTEST 3
#define VERB_LONGEST 7

/* The last characters before a space or the end, without what a peer may have taken out. */
struct ending {
	uint8_t text[VERB_LONGEST];
	size_t length;
};

static struct bytes ending_last(const struct ending *ending, size_t length)
{
	return (struct bytes){ ending->text + sizeof(ending->text) - length, length };
}

/* Some take out everything else. */
static bool is_spelt(uint8_t byte)
{
	return byte > ' ' && byte < TELNET_DELETE;
}

static struct ending read_back(struct bytes line, size_t end)
{
	struct ending ending = { .length = 0 };

	while (end > PIECE_MIN && ending.length < sizeof(ending.text)) {
		const uint8_t byte = line.data[--end];

		if (byte == ' ')
			break;
		if (is_spelt(byte))
			ending.text[sizeof(ending.text) - ++ending.length] = byte;
	}
	return ending;
}

/* One byte more. To read back at each would take a long name in another alphabet as often as it has bytes. */
static void ending_take(struct ending *ending, uint8_t byte)
{
	if (byte == ' ') {
		ending->length = 0;
	} else if (is_spelt(byte)) {
		memmove(ending->text, ending->text + 1, sizeof(ending->text) - 1);
		ending->text[sizeof(ending->text) - 1] = byte;
		if (ending->length < sizeof(ending->text))
			ending->length++;
	}
}

/*
 * A line that is looked through. whole: all of it has come; before that, what follows a verb may still become what is
 * refused.
 */
struct search {
	const struct session *session;
	struct bytes line;
	bool whole;
	struct ending ending; /* of what is before the place at hand */
	unsigned int looks;
	bool asked;    /* whether anybody could read an endpoint in the rest */
	bool harmless; /* nobody could */
};

static struct bytes search_rest(const struct search *search, size_t end)
{
	return (struct bytes){ search->line.data + end, search->line.length - end };
}

/* A look costs as much as the rest is long, so a line with too many places to look at is refused for that. */
static bool search_looks_enough(struct search *search)
{
	return search->looks++ >= LOOKS_MAX;
}

static bool may_be_endpoint(struct search *search, size_t end)
{
	if (!search->whole)
		return true;
	if (!search->asked)
		search->harmless = !hostport_could_be_within(search_rest(search, end));
	search->asked = true;
	return !search->harmless && (search_looks_enough(search) || hostport_could_be_read(search_rest(search, end)));
}

static bool verb_is_hidden(struct search *search, enum verb verb, size_t end)
{
	if (verb == VERB_UNKNOWN)
		return false;
	if (session_judge_verb(search->session, verb) != REASON_NONE)
		return true;
	if (verb == VERB_STAT)
		return !search->whole || search_looks_enough(search) || parse_lists_names(search_rest(search, end));
	if (verb == VERB_EPRT)
		return !search->whole || end < search->line.length;
	return verb_is_active_offer(verb) && may_be_endpoint(search, end);
}

/* Does a hidden verb end at end? */
static bool command_ends_at(struct search *search, size_t end)
{
	bool hidden = false;

	for (size_t length = VERB_SHORTEST; length <= search->ending.length && !hidden; length++)
		hidden = verb_is_hidden(search, verb_find(ending_last(&search->ending, length)), end);
	return hidden;
}

/* <d>AF<d>, directly after EPRT. */
static bool begins_like_eprt(struct bytes text)
{
	return text.length >= 3 && digits_is_digit(text.data[1]) && text.data[0] == text.data[2];
}

/* All offers' verbs end with it. What some take out may follow it. */
static bool may_end_offer(uint8_t byte)
{
	return byte == 'T' || byte == 't' || byte <= ' ' || byte >= TELNET_DELETE;
}

/* Does an active offer stand there that has no space after its verb? Until the end has come, it may. */
static bool offer_ends_at(struct search *search, size_t end)
{
	const struct ending *ending = &search->ending;
	enum verb verb;

	if (!may_end_offer(search->line.data[end - 1]))
		return false;
	verb = verb_find(ending_last(ending, ending->length < 4 ? ending->length : 4));
	if (verb == VERB_EPRT)
		return !search->whole || begins_like_eprt(search_rest(search, end));
	return verb_is_active_offer(verb) && may_be_endpoint(search, end);
}

static bool reply_ends_at(struct search *search, size_t end)
{
	const uint8_t *code = ending_last(&search->ending, 3).data;

	return search->ending.length >= 3 && code[0] >= '1' && code[0] <= '6' && digits_is_digit(code[1]) &&
	       digits_is_digit(code[2]) && may_be_endpoint(search, end);
}

bool session_hides_line(const struct session *session, enum direction direction, struct bytes line, size_t from, bool whole)
{
	const size_t first = from > PIECE_MIN ? from : PIECE_MIN;
	struct search search;
	bool hidden;

	/* Most lines: nobody reads them in pieces. */
	if (line.length + whole <= PIECE_MIN)
		return false;
	search = (struct search){ .session = session, .line = line, .whole = whole };
	hidden = direction == DIRECTION_ORIGINAL && line.length > PIECE_MIN && telnet_has_doubtful_option(line, first - 2);
	if (first <= line.length)
		search.ending = read_back(line, first);
	for (size_t end = first; end < line.length + whole && !hidden; end++) {
		const uint8_t byte = end < line.length ? line.data[end] : ' ';

		if (direction == DIRECTION_ORIGINAL)
			hidden = byte == ' ' || byte == '\t' ? command_ends_at(&search, end) : offer_ends_at(&search, end);
		else
			hidden = (byte == ' ' || byte == '-') && reply_ends_at(&search, end);
		ending_take(&search.ending, byte);
	}
	return hidden;
}
