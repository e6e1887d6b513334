/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What any reader could take for a host-port.
 *
 * A line that is judged as an announcement is read strictly (hostport.c). Here the question is whether a line must be
 * judged at all, so all readers are believed at once (doc/readers.md): those who look for six numbers, however they find
 * them, those who look for three delimiters, and those who take what stands before two numbers for a host.
 */
#include "core/ftp/hostport_likeness.h"

#include <string.h>

#include "core/digits.h"
#include "ftpalg/hostport.h"

static struct bytes bytes_part(struct bytes text, size_t start, size_t length)
{
	struct bytes part = { text.data + start, length };

	return part;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* What is a digit to somebody: Python's int() and others take those of every alphabet. */
static bool may_be_digit(uint8_t byte)
{
	return digits_is_digit(byte) || byte >= 0x80;
}

/* A line of a reply may begin with its code, which is no number of anything. */
static size_t skip_code(struct bytes line)
{
	const bool code = line.length >= 3 && digits_is_digit(line.data[0]) && digits_is_digit(line.data[1]) &&
			  digits_is_digit(line.data[2]);

	return code ? 3 : 0;
}

bool hostport_has_six_numbers(struct bytes text)
{
	unsigned int commas = 0;
	bool digits = false;

	for (size_t index = skip_code(text); index < text.length; index++) {
		commas += text.data[index] == ',' ? 1 : 0;
		digits = digits || may_be_digit(text.data[index]);
	}
	return digits && commas >= 5;
}

/* Is it one word, and no mere number of up to three digits, which is the network 0 to those who resolve it? */
static bool is_host(struct bytes text)
{
	size_t start = 0;
	size_t end = 0;
	size_t digits = 0;

	while (start < text.length && is_blank(text.data[start]))
		start++;
	for (end = start; end < text.length && !is_blank(text.data[end]); end++)
		digits += digits_is_digit(text.data[end]) ? 1 : 0;
	for (size_t index = end; index < text.length; index++) {
		if (!is_blank(text.data[index]))
			return false;
	}
	return end > start && (digits < end - start || digits > 3);
}

/* Where FileZilla 2 and WinSCP look: in the first parentheses, or else from the first digit after the code on. */
static struct bytes find_host_place(struct bytes text)
{
	const uint8_t *opener = text.length > 0 ? memchr(text.data, '(', text.length) : NULL;
	const uint8_t *closer = text.length > 0 ? memchr(text.data, ')', text.length) : NULL;
	size_t first = 4;

	if (opener && closer)
		return closer > opener ? (struct bytes){ opener + 1, (size_t)(closer - opener - 1) }
				       : bytes_part(text, 0, 0);
	while (first < text.length && !digits_is_digit(text.data[first]))
		first++;
	return first < text.length ? bytes_part(text, first, text.length - first) : bytes_part(text, 0, 0);
}

/* They take what stands before the last two commas for the host, whatever it is, as in "10.0.0.9,0,25". */
static bool host_is_named(struct bytes line)
{
	const struct bytes text = find_host_place(line);
	size_t commas = 0;
	bool digits = false;
	size_t index = text.length;

	while (index > 0 && commas < 2) {
		index--;
		commas += text.data[index] == ',' ? 1 : 0;
		digits = digits || digits_is_digit(text.data[index]);
	}
	return commas == 2 && digits && is_host(bytes_part(text, 0, index));
}

/* basic-ftp takes three of these in any mixture. */
static bool is_bar(uint8_t byte)
{
	return byte == '|' || byte == '!';
}

/* A parenthesis is a delimiter too, for those who compare bytes (wget, lftp, Net::FTP). */
static bool opens_extended_port(const uint8_t *start)
{
	return start[0] == '(' && hostport_is_delimiter(start[1]) && start[2] == start[1] && start[3] == start[1];
}

bool hostport_has_extended_port(struct bytes text)
{
	bool found = false;

	for (size_t index = 0; index + 3 < text.length && !found; index++) {
		const uint8_t *start = text.data + index;
		bool bare = is_bar(start[0]) && is_bar(start[1]) && is_bar(start[2]);
		bool parenthesis = opens_extended_port(start);
		size_t port = index + (parenthesis ? 4 : 3);

		/* Not before the bars are there, or a line of blanks would be read as often as it has bytes. */
		if (!bare && !parenthesis)
			continue;
		while (port < text.length &&
		       (is_blank(text.data[port]) || text.data[port] == '+' || text.data[port] == '-'))
			port++;
		found = port < text.length && may_be_digit(text.data[port]);
	}
	return found;
}

unsigned int hostport_count_numbers(struct bytes text)
{
	unsigned int count = 0;

	for (size_t index = 0; index < text.length; index++)
		count += may_be_digit(text.data[index]) && (index == 0 || !may_be_digit(text.data[index - 1])) ? 1 : 0;
	return count;
}

bool hostport_could_be_read(struct bytes text)
{
	return hostport_has_six_numbers(text) || hostport_has_extended_port(text) || host_is_named(text);
}

bool hostport_could_be_within(struct bytes text)
{
	size_t commas = 0;
	bool digits = false;

	for (size_t index = 0; index < text.length; index++) {
		commas += text.data[index] == ',' ? 1 : 0;
		digits = digits || may_be_digit(text.data[index]);
	}
	return (digits && commas >= 2) || hostport_has_extended_port(text);
}

bool hostport_has_number(struct bytes text)
{
	bool digits = false;

	for (size_t index = 0; index < text.length; index++)
		digits = digits || digits_is_digit(text.data[index]);
	return digits || hostport_has_six_numbers(text) || hostport_has_extended_port(text);
}
