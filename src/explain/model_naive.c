/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A helper as it is written in an afternoon: it finds the first text anywhere in a segment that looks like an offer, in
 * upper case, EPRT with bars, 227 with a parenthesis. Whatever that names is believed, as far as it fits its field.
 *
 *   PORT [0-9]+(,[0-9]+){5}           EPRT \|1\|[0-9]+(\.[0-9]+){3}\|[0-9]+\|
 *   227 [^(\n]*\([0-9]+(,[0-9]+){5}   229 [^(\n]*\(\|\|\|[0-9]+\|
 *
 * FireWall-1 looked for "227 (" at the start of a segment and believed what it found there, in whichever reply
 * (CVE-2000-0150); Linux 2.4 expected connections to third hosts (CVE-2001-0405); checkers that know PORT in capitals,
 * and EPRT with bars or not at all, are still in use.
 */
#include <string.h>

#include "explain/model_internal.h"

struct cursor {
	struct bytes text;
	size_t at;
};

static bool take_text(struct cursor *cursor, const char *wanted)
{
	const size_t length = strlen(wanted);

	if (cursor->text.length - cursor->at < length || memcmp(cursor->text.data + cursor->at, wanted, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

static bool take_number(struct cursor *cursor, uint32_t *number)
{
	const size_t start = cursor->at;

	*number = 0;
	while (cursor->at < cursor->text.length && cursor->text.data[cursor->at] >= '0' &&
	       cursor->text.data[cursor->at] <= '9')
		*number = *number * 10 + (uint32_t)(cursor->text.data[cursor->at++] - '0');
	return cursor->at > start;
}

static bool take_numbers(struct cursor *cursor, uint32_t *numbers, size_t count, const char *separator)
{
	for (size_t i = 0; i < count; i++)
		if ((i > 0 && !take_text(cursor, separator)) || !take_number(cursor, &numbers[i]))
			return false;
	return true;
}

static bool take_parenthesis(struct cursor *cursor)
{
	while (cursor->at < cursor->text.length && cursor->text.data[cursor->at] != '(') {
		if (cursor->text.data[cursor->at] == '\n')
			return false;
		cursor->at++;
	}
	return take_text(cursor, "(");
}

static void set_address(struct model_match *match, const uint32_t *numbers)
{
	match->endpoint.address = (struct address){ FAMILY_IPV4, { (uint8_t)numbers[0], (uint8_t)numbers[1],
								   (uint8_t)numbers[2], (uint8_t)numbers[3] } };
}

static bool take_commas(struct cursor *cursor, struct model_match *match)
{
	uint32_t numbers[6];

	if (!take_numbers(cursor, numbers, 6, ","))
		return false;
	set_address(match, numbers);
	match->endpoint.port = (uint16_t)(numbers[4] * 256 + numbers[5]);
	return true;
}

static bool take_eprt(struct cursor *cursor, struct model_match *match)
{
	uint32_t numbers[4];
	uint32_t port;

	if (!take_text(cursor, "|1|") || !take_numbers(cursor, numbers, 4, ".") || !take_text(cursor, "|") ||
	    !take_number(cursor, &port) || !take_text(cursor, "|"))
		return false;
	set_address(match, numbers);
	match->endpoint.port = (uint16_t)port;
	return true;
}

static bool take_229(struct cursor *cursor, struct model_match *match)
{
	uint32_t port;

	if (!take_text(cursor, "|||") || !take_number(cursor, &port) || !take_text(cursor, "|"))
		return false;
	match->endpoint.port = (uint16_t)port;
	return true;
}

/* Does an offer begin here? The span of match begins where its tuple does. */
static bool take_offer(struct cursor *cursor, enum direction direction, struct model_match *match)
{
	const bool to_server = direction == DIRECTION_ORIGINAL;
	bool taken = true;

	if (to_server && take_text(cursor, "PORT "))
		match->form = FORM_PORT;
	else if (to_server && take_text(cursor, "EPRT "))
		match->form = FORM_EPRT;
	else if (!to_server && take_text(cursor, "227 "))
		match->form = FORM_227;
	else if (!to_server && take_text(cursor, "229 "))
		match->form = FORM_229;
	else
		return false;
	if (!to_server)
		taken = take_parenthesis(cursor);
	match->span.offset = (uint32_t)cursor->at;
	if (!taken)
		return false;
	if (match->form == FORM_EPRT)
		return take_eprt(cursor, match);
	return match->form == FORM_229 ? take_229(cursor, match) : take_commas(cursor, match);
}

void model_naive_segment(const struct nat_view *view, enum direction direction, struct bytes segment,
			 struct model_answer *answer)
{
	struct model_match match = { .endpoint = { view->server.address, 0 } };

	answer->why = "nothing in it looks like an offer";
	for (size_t start = 0; start < segment.length; start++) {
		struct cursor cursor = { segment, start };

		if (!take_offer(&cursor, direction, &match))
			continue;
		match.span.length = (uint32_t)cursor.at - match.span.offset;
		answer->why = "something in it looks like an offer";
		model_admit(view, direction, &match, answer);
		if (!model_is_sender(view, direction, &match.endpoint.address)) {
			answer->verdict = MODEL_FORWARDS; /* there is no other name for a third host */
			answer->destination = match.endpoint;
		}
		break;
	}
}
