/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux's helper and those that descend from it.
 *
 *   segment ----> stands behind a line end that is remembered? --no--> forwarded, unread
 *                   | yes
 *                 begins with PORT or EPRT (from a client), "227 " or "229 " (from a server)? --no--> forwarded
 *                   | yes                                     too short to tell: dropped
 *                 can the tuple be read? --no--> dropped
 *                   | yes
 *                 does it name the peer that sent it? --no--> forwarded, nothing expected
 *                   | yes
 *                 expected; where NAT is, rewritten
 *
 * and, unless it was dropped: if the segment ends with LF, the position after it is remembered, two for each direction.
 *
 * Numbers are summed up in 32 bits and put together by shifting, so an octet of more than eight bits adds to its left
 * neighbour; the port of EPRT and 229 is summed up in 16. With bounds, such a number is not accepted as one.
 */
#include <string.h>
#include <strings.h>

#include "explain/model_internal.h"
#include "ftpalg/address.h"

#define NUMBERS_MAX 6

/* What one helper reads in one segment. */
struct reader {
	const struct model_lineage *lineage;
	struct bytes data;
	enum family family; /* of the control connection */
	struct model_match match;
};

struct pattern {
	const char *text;
	enum form form;
};

static const struct pattern patterns[2][2] = {
	[DIRECTION_ORIGINAL] = { { "PORT", FORM_PORT }, { "EPRT", FORM_EPRT } },
	[DIRECTION_REPLY] = { { "227 ", FORM_227 }, { "229 ", FORM_229 } },
};

enum finding { FINDING_NOTHING, FINDING_PARTIAL, FINDING_UNREADABLE, FINDING_OFFER };

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/*
 * Numbers with separators between them, from start on. The last one must be followed by end, or, where end is 0, by
 * anything. Returns how many bytes they take, 0 if they can't be read.
 */
static size_t read_numbers(const struct reader *reader, size_t start, uint32_t *numbers, size_t count,
			   uint8_t separator, uint8_t end)
{
	size_t number = 0;

	memset(numbers, 0, count * sizeof(*numbers));
	for (size_t at = start; at < reader->data.length && number < count; at++) {
		const uint8_t byte = reader->data.data[at];

		if (is_digit(byte)) {
			numbers[number] = numbers[number] * 10 + (uint32_t)(byte - '0');
			if (reader->lineage->bounds && numbers[number] > 255)
				return 0;
		} else if (byte == separator) {
			number++;
		} else {
			return number == count - 1 && (end == 0 || byte == end) ? at - start : 0;
		}
	}
	return 0;
}

static struct address address_from_numbers(const uint32_t *numbers)
{
	const uint32_t value = numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3];

	return (struct address){ FAMILY_IPV4, { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
						(uint8_t)value } };
}

/* h1,h2,h3,h4,p1,p2 */
static bool read_port_form(struct reader *reader, size_t start, uint8_t end)
{
	uint32_t numbers[NUMBERS_MAX];
	const size_t length = read_numbers(reader, start, numbers, NUMBERS_MAX, ',', end);

	if (length == 0)
		return false;
	reader->match.endpoint.address = address_from_numbers(numbers);
	reader->match.endpoint.port = (uint16_t)(numbers[4] << 8 | numbers[5]);
	reader->match.span = (struct span){ (uint32_t)start, (uint32_t)length };
	return true;
}

/* The digits of a port and the delimiter after them. Returns the position after it, 0 if they can't be read. */
static size_t read_port(struct reader *reader, size_t at, uint8_t delimiter)
{
	uint32_t port = 0;

	for (; at < reader->data.length && is_digit(reader->data.data[at]); at++) {
		port = port * 10 + (uint32_t)(reader->data.data[at] - '0');
		if (port > UINT16_MAX) {
			if (reader->lineage->bounds)
				return 0;
			port &= UINT16_MAX;
		}
	}
	if (at >= reader->data.length || reader->data.data[at] != delimiter || port == 0)
		return 0;
	reader->match.endpoint.port = (uint16_t)port;
	return at + 1;
}

static bool is_delimiter(uint8_t byte)
{
	return byte >= 33 && byte <= 126 && !is_digit(byte);
}

static size_t read_eprt_address(struct reader *reader, size_t at, uint8_t delimiter)
{
	const struct bytes rest = { reader->data.data + at, reader->data.length - at };
	const uint8_t *end = memchr(rest.data, delimiter, rest.length);
	uint32_t numbers[4];
	size_t length;

	if (reader->family == FAMILY_IPV4) {
		length = read_numbers(reader, at, numbers, 4, '.', delimiter);
		reader->match.endpoint.address = address_from_numbers(numbers);
		return length;
	}
	length = end ? (size_t)(end - rest.data) : 0;
	return address_parse_ipv6((struct bytes){ rest.data, length }, &reader->match.endpoint.address) ? length : 0;
}

/* |1|132.235.1.2|6275| */
static bool read_eprt_form(struct reader *reader, size_t start)
{
	const uint8_t *text = reader->data.data + start;
	const uint8_t family = reader->family == FAMILY_IPV4 ? '1' : '2';
	size_t length;
	size_t end;

	if (reader->data.length - start <= 3 || !is_delimiter(text[0]) || text[2] != text[0] || text[1] != family)
		return false;
	length = read_eprt_address(reader, start + 3, text[0]);
	end = length ? read_port(reader, start + 3 + length + 1, text[0]) : 0;
	reader->match.span = (struct span){ (uint32_t)start, (uint32_t)(end - start) };
	return end > 0;
}

/* |||6446| */
static bool read_229_form(struct reader *reader, size_t start)
{
	const uint8_t *text = reader->data.data + start;
	size_t end;

	if (reader->data.length - start <= 3 || !is_delimiter(text[0]) || text[1] != text[0] || text[2] != text[0])
		return false;
	end = read_port(reader, start + 3, text[0]);
	reader->match.span = (struct span){ (uint32_t)start, (uint32_t)(end - start) };
	return end > 0;
}

/* Where the tuple begins, which is the end of the segment if it doesn't. */
static size_t find_tuple(const struct reader *reader, enum form form, size_t at)
{
	const uint8_t *data = reader->data.data;
	const size_t length = reader->data.length;
	const uint8_t before = form_is_active(form) ? ' ' : '(';

	if (form == FORM_227 && reader->lineage->first_digit) {
		while (at < length && !is_digit(data[at]))
			at++;
		return at;
	}
	while (at < length && data[at] != before)
		at++;
	return at < length ? at + 1 : length;
}

static bool read_tuple(struct reader *reader, enum form form, size_t at)
{
	const size_t start = find_tuple(reader, form, at);

	reader->match.form = form;
	if (start >= reader->data.length)
		return false;
	if (form == FORM_PORT)
		return read_port_form(reader, start, '\r');
	if (form == FORM_227)
		return read_port_form(reader, start, reader->lineage->first_digit ? 0 : ')');
	return form == FORM_EPRT ? read_eprt_form(reader, start) : read_229_form(reader, start);
}

static enum finding find(struct reader *reader, const struct pattern *pattern)
{
	const size_t wanted = strlen(pattern->text);
	const char *data = (const char *)reader->data.data;
	const size_t common = reader->data.length < wanted ? reader->data.length : wanted;

	if (reader->lineage->any_case ? strncasecmp(data, pattern->text, common) != 0 :
	    strncmp(data, pattern->text, common) != 0)
		return FINDING_NOTHING;
	if (reader->data.length <= wanted)
		return FINDING_PARTIAL;
	return read_tuple(reader, pattern->form, wanted) ? FINDING_OFFER : FINDING_UNREADABLE;
}

static bool stands_behind_newline(const struct model_state *state, enum direction direction, uint32_t position)
{
	for (uint8_t i = 0; i < state->newlines[direction]; i++)
		if (state->newline[direction][i] == position)
			return true;
	return false;
}

/* The older of two gives way, unless the new one is older still. */
static void remember_newline(struct model_state *state, enum direction direction, uint32_t position)
{
	uint32_t *newline = state->newline[direction];
	const int older = newline[0] < newline[1] ? 0 : 1;

	if (stands_behind_newline(state, direction, position))
		return;
	if (state->newlines[direction] < MODEL_NEWLINES_MAX)
		newline[state->newlines[direction]++] = position;
	else if (newline[older] < position)
		newline[older] = position;
}

static void judge_offer(const struct reader *reader, const struct nat_view *view, enum direction direction,
			struct model_answer *answer)
{
	if (!model_is_sender(view, direction, &reader->match.endpoint.address)) {
		answer->why = "the tuple names somebody else, which is left to the other side";
		return;
	}
	answer->why = "it reads an offer";
	model_admit(view, direction, &reader->match, answer);
	/* With port 0, NAT also says that it has found none. */
	if (answer->destination.port == 0 && answer->verdict == MODEL_REWRITES) {
		answer->verdict = MODEL_DROPS;
		answer->expects = reader->lineage->expects_port_zero;
		answer->why = "it finds no port for the data connection";
	}
}

static void judge_segment(const struct model_lineage *lineage, const struct nat_view *view, enum direction direction,
			  struct bytes segment, struct model_answer *answer)
{
	const bool to_server = direction == DIRECTION_ORIGINAL;
	struct reader reader = { .lineage = lineage, .data = segment, .family = (enum family)view->client.address.family };
	enum finding finding = FINDING_NOTHING;

	reader.match.endpoint.address = to_server || lineage->replies_are_clients ? view->client.address :
										     view->server.address;
	for (size_t i = 0; i < 2 && finding == FINDING_NOTHING; i++)
		finding = find(&reader, &patterns[direction][i]);
	if (finding == FINDING_OFFER) {
		judge_offer(&reader, view, direction, answer);
	} else if (finding == FINDING_NOTHING) {
		answer->why = to_server ? "it does not begin with PORT or EPRT" : "it does not begin with 227 or 229";
	} else {
		answer->verdict = lineage->drops ? MODEL_DROPS : MODEL_FORWARDS;
		answer->why = finding == FINDING_PARTIAL ? "it could be the beginning of an offer" :
							   "it begins as an offer and no tuple can be read in it";
	}
}

void model_lineage_segment(const struct model_lineage *lineage, struct model_state *state, const struct nat_view *view,
			   enum direction direction, uint32_t position, struct bytes segment, struct model_answer *answer)
{
	if (!lineage->knows_ipv6 && view->client.address.family == FAMILY_IPV6)
		answer->why = "it is not for IPv6";
	else if (!stands_behind_newline(state, direction, position))
		answer->why = "it does not stand behind a line end that the helper has seen";
	else
		judge_segment(lineage, view, direction, segment, answer);
	if (answer->verdict != MODEL_DROPS && segment.data[segment.length - 1] == '\n')
		remember_newline(state, direction, position + (uint32_t)segment.length);
}
