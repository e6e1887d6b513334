/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Host-ports.
 *
 * What is read here becomes a pinhole, and the peer beyond us reads the same bytes with a reader of its own. So the
 * question is never "can a tuple be found?" but "can nobody find another one?".
 *
 * In a command the argument is the tuple and nothing else. In the text of a 227 or 228 clients find it in different
 * ways (doc/readers.md): from the first digit on (RFC 1123 4.1.2.6); at the first place where six numbers can be read,
 * where scanf also takes white space and a sign before each number; by the first match of a regular expression; or from
 * the last comma backwards. They agree if the tuple is the only thing in the text that has digits and commas in it, and
 * touches nothing that could be read as a part of a number. A number before it stops those who begin at the first digit,
 * and makes nobody read another endpoint; a parenthesis must then say where the tuple is. In a 229 they search for the
 * first parenthesis, for the first "(|||", or for the last "|".
 *
 * Zeros and blanks before a number of a reply are read as decimals by all who can read them, except where the text goes
 * on to inet_aton(), to which 010 is 8. So such a tuple is believed, but must leave in canonical form.
 */
#include "ftpalg/hostport.h"

#include <string.h>

#include "core/digits.h"
#include "core/ftp/hostport_delimiter.h"
#include "core/ftp/hostport_likeness.h"
#include "ftpalg/address.h"

/* The numbers of the longest tuple: family, length, 16 octets, length, two octets of the port. */
#define OCTETS_MAX 21

static struct bytes bytes_part(struct bytes text, size_t start, size_t length)
{
	struct bytes part = { text.data + start, length };

	return part;
}

/* An IPv4 address in IPv6 clothes: ::ffff/96, or ::/96 without the unspecified and the loopback address. */
static bool is_embedded_ipv4(const struct address *address)
{
	static const uint8_t zeros[10];
	const uint8_t *octets = address->octets;
	bool mapped = octets[10] == 0xff && octets[11] == 0xff;
	bool compatible = octets[10] == 0 && octets[11] == 0 &&
			  (octets[12] != 0 || octets[13] != 0 || octets[14] != 0 || octets[15] > 1);

	return address->family == FAMILY_IPV6 && memcmp(octets, zeros, sizeof(zeros)) == 0 && (mapped || compatible);
}

/* Reads the whole of text as numbers of one octet each with a separator between them, at most limit. */
static enum reason read_octets(struct bytes text, uint8_t separator, uint8_t *octets, size_t limit, size_t *count)
{
	size_t position = 0;
	bool more = true;
	enum reason reason = REASON_NONE;

	*count = 0;
	while (more && reason == REASON_NONE) {
		uint32_t number = 0;

		reason = digits_read(text, &position, 255, &number);
		more = position < text.length;
		if (reason == REASON_NONE && (*count == limit || (more && text.data[position++] != separator)))
			reason = REASON_MALFORMED;
		if (reason == REASON_NONE)
			octets[(*count)++] = (uint8_t)number;
	}
	return reason;
}

/* Where the number at position begins: after blanks, and after zeros that are not its last digit. */
static size_t skip_padding(struct bytes text, size_t position)
{
	size_t start;

	while (position > 0 && position < text.length && text.data[position] == ' ')
		position++;
	start = position;
	while (position + 1 < text.length && position - start < 2 && text.data[position] == '0' &&
	       digits_is_digit(text.data[position + 1]))
		position++;
	return position;
}

/* As read_octets, of numbers with commas between them that may be padded; says whether they were. */
static enum reason read_padded_octets(struct bytes text, uint8_t *octets, size_t *count, bool *padded)
{
	size_t position = 0;
	bool more = true;
	enum reason reason = REASON_NONE;

	*count = 0;
	while (more && reason == REASON_NONE) {
		size_t start = skip_padding(text, position);
		uint32_t number = 0;

		*padded = *padded || start > position;
		position = start;
		reason = digits_read(text, &position, 255, &number);
		more = position < text.length;
		if (reason == REASON_NONE && (*count == OCTETS_MAX || (more && text.data[position++] != ',')))
			reason = REASON_MALFORMED;
		if (reason == REASON_NONE)
			octets[(*count)++] = (uint8_t)number;
	}
	return reason;
}

/* The numbers of a tuple: exactly as they are written here, or in a reply as its server likes. */
static enum reason read_tuple(struct bytes text, struct hostport *hostport, uint8_t *octets, size_t *count)
{
	if (form_is_active(hostport->form))
		return read_octets(text, ',', octets, OCTETS_MAX, count);
	return read_padded_octets(text, octets, count, &hostport->padded);
}

/* h1,h2,h3,h4,p1,p2 */
static enum reason parse_short_tuple(struct bytes text, struct hostport *hostport)
{
	struct endpoint *endpoint = &hostport->endpoint;
	uint8_t octets[OCTETS_MAX];
	size_t count;
	enum reason reason = read_tuple(text, hostport, octets, &count);

	if (reason == REASON_NONE && count != 6)
		reason = REASON_MALFORMED;
	if (reason == REASON_NONE) {
		endpoint->address.family = FAMILY_IPV4;
		memcpy(endpoint->address.octets, octets, 4);
		endpoint->port = (uint16_t)(octets[4] << 8 | octets[5]);
	}
	return reason;
}

/* AF,n,h1,...,hn,2,p1,p2; RFC 1639 2: 4,4,... and 6,16,... */
static enum reason parse_long_tuple(struct bytes text, struct hostport *hostport)
{
	struct endpoint *endpoint = &hostport->endpoint;
	uint8_t octets[OCTETS_MAX] = { 0 };
	size_t count;
	enum reason reason = read_tuple(text, hostport, octets, &count);
	size_t size = 0;

	if (reason == REASON_NONE && count < 2)
		reason = REASON_MALFORMED;
	if (reason == REASON_NONE) {
		size = octets[0] == FAMILY_IPV4 ? 4 : 16;
		if ((octets[0] != FAMILY_IPV4 && octets[0] != FAMILY_IPV6) || octets[1] != size)
			reason = REASON_FAMILY_MISMATCH;
		else if (count != size + 5 || octets[2 + size] != 2)
			reason = REASON_MALFORMED;
	}
	if (reason == REASON_NONE) {
		endpoint->address.family = octets[0];
		memcpy(endpoint->address.octets, octets + 2, size);
		endpoint->port = (uint16_t)(octets[3 + size] << 8 | octets[4 + size]);
		if (is_embedded_ipv4(&endpoint->address))
			reason = REASON_FAMILY_MISMATCH;
	}
	return reason;
}

static enum reason parse_tuple(struct bytes text, struct hostport *hostport)
{
	bool is_long = hostport->form == FORM_LPRT || hostport->form == FORM_228;

	return is_long ? parse_long_tuple(text, hostport) : parse_short_tuple(text, hostport);
}

/* Reads the whole of text as one number. */
static enum reason parse_number(struct bytes text, uint32_t maximum, uint32_t *number)
{
	size_t position = 0;
	enum reason reason = digits_read(text, &position, maximum, number);

	if (position != text.length && reason != REASON_AMBIGUOUS)
		reason = REASON_MALFORMED;
	return reason;
}

/* The address of an EPRT, which must be of the family that was named before it: 1 or 2. */
static enum reason parse_eprt_address(uint32_t number, struct bytes text, struct address *address)
{
	uint8_t octets[4];
	size_t count;
	enum reason reason = REASON_NONE;

	if (number != 1 && number != 2) {
		reason = REASON_FAMILY_MISMATCH;
	} else if (address_parse(text, address)) {
		bool fits = address->family == (number == 1 ? FAMILY_IPV4 : FAMILY_IPV6);

		if (!fits || is_embedded_ipv4(address))
			reason = REASON_FAMILY_MISMATCH;
	} else {
		/* No address. Read it again for a precise answer: an octet may be too large or begin with a zero. */
		reason = read_octets(text, '.', octets, sizeof(octets), &count);
		if (reason == REASON_NONE || number == 2)
			reason = REASON_MALFORMED;
	}
	return reason;
}

/*
 * <d>AF<d>address<d>port<d>. The delimiter occurs four times and no more, so there is one way to cut the text, even
 * where the delimiter is a byte that other addresses have in them.
 */
static enum reason parse_eprt(struct bytes text, struct hostport *hostport)
{
	uint8_t delimiter = text.length > 0 ? text.data[0] : 0;
	size_t places[4] = { 0 };
	size_t count = 0;
	uint32_t family = 0;
	uint32_t port = 0;
	enum reason reason = REASON_NONE;

	for (size_t index = 0; index < text.length; index++) {
		if (text.data[index] == delimiter && count++ < 4)
			places[count - 1] = index;
	}
	if (!hostport_is_delimiter(delimiter) || count != 4 || places[3] != text.length - 1)
		reason = REASON_MALFORMED;

	if (reason == REASON_NONE)
		reason = parse_number(bytes_part(text, 1, places[1] - 1), UINT16_MAX, &family);
	if (reason == REASON_NONE)
		reason = parse_eprt_address(family, bytes_part(text, places[1] + 1, places[2] - places[1] - 1),
					    &hostport->endpoint.address);
	if (reason == REASON_NONE)
		reason = parse_number(bytes_part(text, places[2] + 1, places[3] - places[2] - 1), UINT16_MAX, &port);

	hostport->endpoint.port = (uint16_t)port;
	hostport->delimiter = delimiter;
	return reason;
}

/* Bytes that can stand before a tuple in a reply and are part of a number to nobody: "(", "=" and alike. */
static bool may_stand_before(struct bytes text, size_t position)
{
	static const char good[] = " (=[<{\":'";

	return position == 0 || memchr(good, text.data[position - 1], sizeof(good) - 1);
}

static bool may_stand_behind(struct bytes text, size_t position)
{
	static const char good[] = " )]>}\":';.";
	bool fraction = position + 1 < text.length && text.data[position] == '.' &&
			digits_is_digit(text.data[position + 1]);

	return position == text.length || (memchr(good, text.data[position], sizeof(good) - 1) && !fraction);
}

/* A maximal run of digits and commas, with the blanks between a comma and the number after it. */
struct run {
	struct span span;
	bool digits;
	bool commas;
};

/* Is this byte, which is no digit and no comma, one of the blanks between a comma and a number? */
static bool is_padding(struct bytes text, size_t position)
{
	size_t before = position;
	size_t after = position;

	while (before > 0 && text.data[before] == ' ')
		before--;
	while (after < text.length && text.data[after] == ' ')
		after++;
	return text.data[before] == ',' && after < text.length && digits_is_digit(text.data[after]);
}

/* Finds the first run at or after position; its length is 0 where there is none. */
static struct run find_run(struct bytes text, size_t position)
{
	struct run run = { .digits = false };
	bool inside = false;
	bool ended = false;

	for (; position < text.length && !ended; position++) {
		bool digit = digits_is_digit(text.data[position]);
		bool comma = text.data[position] == ',';

		if (!inside)
			run.span.offset = (uint32_t)position;
		else if (!digit && !comma)
			ended = !run.digits || !is_padding(text, position);
		inside = (inside || digit || comma) && !ended;
		run.digits = run.digits || digit;
		run.commas = run.commas || comma;
		run.span.length += inside ? 1 : 0;
	}
	return run;
}

/* Finds the only run with digits and commas. A number may stand before it, if a parenthesis opens it. */
static enum reason find_tuple(struct bytes text, struct span *span)
{
	bool early = false; /* a number before the tuple, for those who start at the first digit */
	bool found = false;
	enum reason reason = REASON_NONE;
	struct run run = find_run(text, 0);

	while (run.span.length > 0 && reason == REASON_NONE) {
		size_t end = (size_t)run.span.offset + run.span.length;

		if (!run.commas) {
			early = early || !found;
		} else if (run.digits) {
			if (found || !may_stand_before(text, run.span.offset) || !may_stand_behind(text, end))
				reason = REASON_AMBIGUOUS;
			found = true;
			*span = run.span;
		}
		run = find_run(text, end);
	}

	if (!found)
		reason = REASON_MALFORMED;
	else if (early && (span->offset == 0 || text.data[span->offset - 1] != '('))
		reason = REASON_AMBIGUOUS;
	return reason;
}

/* Are there digits or commas beside the tuple, that somebody could read in its place or with it? */
static bool has_more_than(struct bytes text, struct span tuple)
{
	bool more = false;

	for (size_t index = 0; index < text.length; index++) {
		/* Before it the difference wraps. */
		if (index - tuple.offset >= tuple.length)
			more = more || digits_is_digit(text.data[index]) || text.data[index] == ',';
	}
	return more;
}

static enum reason parse_reply_tuple(struct bytes text, struct hostport *hostport)
{
	enum reason reason = find_tuple(text, &hostport->span);

	if (reason == REASON_NONE && hostport_has_extended_port(text))
		reason = REASON_AMBIGUOUS;
	if (reason == REASON_NONE)
		reason = parse_tuple(bytes_part(text, hostport->span.offset, hostport->span.length), hostport);
	return reason;
}

/*
 * Finds the only "(<d><d><d>". No parenthesis may open before it, for those who take the first; and no "|" may stand
 * outside, for those who take the last.
 */
static enum reason find_229(struct bytes text, size_t *start)
{
	size_t count = 0;
	size_t bars = 0;
	size_t bars_expected;
	const uint8_t *first = text.length > 0 ? memchr(text.data, '(', text.length) : NULL;
	enum reason reason = REASON_NONE;

	for (size_t index = 0; index < text.length; index++) {
		if (hostport_is_229_start(text, index)) {
			*start = index;
			count++;
		}
		bars += text.data[index] == '|' ? 1 : 0;
	}

	if (count == 0) {
		reason = REASON_MALFORMED;
	} else {
		bars_expected = text.data[*start + 1] == '|' ? 4 : 0;
		/* Of several, the last one is not behind the first parenthesis. */
		if (first != text.data + *start || bars > bars_expected)
			reason = REASON_AMBIGUOUS;
	}
	return reason;
}

static enum reason parse_229(struct bytes text, struct hostport *hostport)
{
	size_t start = 0;
	size_t position = 0;
	uint32_t port = 0;
	enum reason reason = find_229(text, &start);

	if (reason == REASON_NONE && hostport_has_six_numbers(text))
		reason = REASON_AMBIGUOUS;
	if (reason == REASON_NONE) {
		hostport->delimiter = text.data[start + 1];
		position = start + 4;
		reason = digits_read(text, &position, UINT16_MAX, &port);
	}
	if (reason == REASON_NONE && (text.length - position < 2 || text.data[position] != hostport->delimiter ||
				      text.data[position + 1] != ')'))
		reason = REASON_MALFORMED;
	if (reason == REASON_NONE) {
		hostport->span.offset = (uint32_t)(start + 1);
		hostport->span.length = (uint32_t)(position - start);
		hostport->endpoint.port = (uint16_t)port;
	}
	return reason;
}

/* Readers stop at a NUL or a line end wherever it stands, so that they would not see what follows it. */
static bool is_one_line(struct bytes text)
{
	return text.length > 0 && !memchr(text.data, '\0', text.length) && !memchr(text.data, '\r', text.length) &&
	       !memchr(text.data, '\n', text.length);
}

enum reason hostport_parse(enum form form, struct bytes text, struct hostport *hostport)
{
	struct hostport result = { .form = form, .span = { 0, (uint32_t)text.length } };
	enum reason reason = REASON_MALFORMED;

	if (is_one_line(text)) {
		switch (form) {
		case FORM_PORT:
		case FORM_LPRT:
			reason = parse_tuple(text, &result);
			break;
		case FORM_EPRT:
			reason = parse_eprt(text, &result);
			break;
		case FORM_227:
		case FORM_228:
			reason = parse_reply_tuple(text, &result);
			break;
		case FORM_229:
			reason = parse_229(text, &result);
			break;
		case FORM_NONE:
			break;
		}
	}

	if (reason == REASON_NONE) {
		result.mixed = !form_is_active(form) && has_more_than(text, result.span);
		*hostport = result;
	}
	return reason;
}
