/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What else could be read as the answer to a request for an endpoint.
 *
 * A 227, 228 or 229 says what it is, and is judged (session_reply.c). Many clients don't look at the code, so what a 2yz of
 * another code has in it must be read alike by all, or go. Nor do they agree where a reply begins and ends, or which command
 * it answers.
 */
#include <string.h>

#include "core/digits.h"
#include "core/ftp/session_internal.h"

bool session_has_code(struct bytes line)
{
	return line.length >= 3 && digits_is_digit(line.data[0]) && digits_is_digit(line.data[1]) &&
	       digits_is_digit(line.data[2]);
}

bool session_oldest_asks(const struct session *session)
{
	const struct session_command *oldest = session_pipeline_oldest(session);

	return oldest && verb_is_passive_request((enum verb)oldest->verb);
}

/*
 * From how many numbers on somebody could read an endpoint in a 2yz; 0: none has been asked for. To some any bytes may stand
 * around the port that EPSV is answered with (Midnight Commander, GVfs, lftp, .NET), and .NET takes the last two numbers of
 * what answers PASV for its port. The request need not be the oldest command where a client may have had the replies to
 * those before it; and where nothing waits it may, since some saw no reply in what answered it ("500" and a tab). A client
 * does not know that its request was overwritten, so it reads what is said to that as it would have read the answer.
 */
static unsigned int count_numbers_of_endpoint(const struct session *session)
{
	const struct session_command *oldest = session_pipeline_oldest(session);

	if (!oldest)
		return session->numbers_asked;
	return session->maybe_answered ? session_pipeline_asked(session) : oldest->asked;
}

bool session_could_answer(const struct turn *turn, uint16_t code, struct span place)
{
	const unsigned int numbers = count_numbers_of_endpoint(turn->session);
	const struct bytes text = { turn->line.data + place.offset, place.length };

	if (code / 100 != 2 || numbers == 0)
		return false;
	return hostport_could_be_read(turn->line) || hostport_count_numbers(text) >= numbers;
}

/* Where the number ends that a line begins with, with blanks and a sign before it or none; 0: it begins with none. */
static size_t skip_number(struct bytes line)
{
	static const char blanks[] = " \t\v\f\r";
	size_t digits;
	size_t end = 0;

	while (end < line.length && memchr(blanks, line.data[end], sizeof(blanks) - 1))
		end++;
	if (end < line.length && (line.data[end] == '+' || line.data[end] == '-'))
		end++;
	digits = end;
	while (end < line.length && digits_is_digit(line.data[end]))
		end++;
	return end > digits ? end : 0;
}

/*
 * Midnight Commander reads a code by "%d", so " +0200 |ab5060" has one; and to Net::FTP any line is a part of the reply
 * whose code comes after it, of which it takes what is in parentheses.
 */
bool session_text_could_answer(const struct turn *turn)
{
	const struct bytes line = turn->line;
	const uint8_t *opener = line.length > 0 ? memchr(line.data, '(', line.length) : NULL;
	const size_t end = skip_number(line);
	size_t behind = opener ? (size_t)(opener - line.data) : line.length;
	uint16_t code = 200;

	if (session_has_code(line)) {
		behind = 3;
		code = end == 3 ? (uint16_t)((line.data[0] - '0') * 100) : code;
	} else if (end > 0) {
		behind = end;
	}
	return session_could_answer(turn, code, (struct span){ (uint32_t)behind, (uint32_t)(line.length - behind) });
}

/* The fourth word between bars may be the code of a line, where all lines are joined: "(|||" and then "229 )" (.NET). */
bool session_bar_could_answer(const struct turn *turn)
{
	const struct bytes line = turn->line;

	return turn->session->multiline / 100 == 2 && count_numbers_of_endpoint(turn->session) == 1 && line.length > 0 &&
	       memchr(line.data, '|', line.length);
}

/* Some take a line with a code, whichever, for the end of the reply that it stands in, and so for what answers. */
bool session_inner_could_answer(const struct turn *turn, struct span place)
{
	return session_could_answer(turn, turn->session->multiline, place) || session_text_could_answer(turn) ||
	       session_bar_could_answer(turn);
}

bool session_has_numbers_of_endpoint(const struct turn *turn)
{
	const uint32_t behind = session_has_code(turn->line) ? 3 : 0;

	return turn->outcome->verdict == OUTCOME_PASS &&
	       session_could_answer(turn, 200, (struct span){ behind, (uint32_t)turn->line.length - behind });
}
