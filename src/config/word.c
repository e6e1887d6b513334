/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/word.h"

#include <string.h>

#include "base/number.h"
#include "ftpalg/address.h"

const char word_not_understood[] = "is not understood";
static const char not_number[] = "is not a number";
static const char out_of_range[] = "is out of range";

bool word_is(struct bytes bytes, const char *word)
{
	return bytes.length == strlen(word) && memcmp(bytes.data, word, bytes.length) == 0;
}

struct bytes word_slice(struct bytes bytes, size_t from, size_t to)
{
	return (struct bytes){ bytes.data + from, to - from };
}

size_t word_find(struct bytes bytes, size_t start, char wanted)
{
	while (start < bytes.length && bytes.data[start] != (uint8_t)wanted)
		start++;
	return start;
}

const char *word_read_number(struct bytes text, unsigned int base, uint64_t minimum, uint64_t maximum,
			     uint64_t *number)
{
	uint64_t value = 0;

	switch (number_read(text, base, maximum, &value)) {
	case NUMBER_MALFORMED:
		return not_number;
	case NUMBER_TOO_LARGE:
		return out_of_range;
	case NUMBER_GOOD:
		break;
	}
	if (value < minimum)
		return out_of_range;
	*number = value;
	return NULL;
}

const char *word_read_port(struct bytes text, uint16_t *port)
{
	uint64_t number;
	const char *wrong = word_read_number(text, 10, 1, 65535, &number);

	if (!wrong)
		*port = (uint16_t)number;
	return wrong;
}

const char *word_read_range(struct bytes text, struct port_range *range)
{
	size_t dash = word_find(text, 0, '-');
	const char *wrong = word_read_port(word_slice(text, 0, dash), &range->first);

	if (wrong)
		return wrong;
	range->last = range->first;
	if (dash < text.length)
		wrong = word_read_port(word_slice(text, dash + 1, text.length), &range->last);
	if (!wrong && range->first > range->last)
		wrong = "ends before it begins";
	return wrong;
}

/* network_parse says only whether; tell the commonest mistake from the rest. */
const char *word_read_network(struct bytes text, struct network *network)
{
	struct address address;
	size_t slash = word_find(text, 0, '/');
	uint64_t prefix, longest;

	if (network_parse(text, network))
		return NULL;
	if (slash == text.length || !address_parse(word_slice(text, 0, slash), &address))
		return "is not an address";
	longest = address.family == FAMILY_IPV4 ? 32 : 128;
	if (word_read_number(word_slice(text, slash + 1, text.length), 10, 0, longest, &prefix))
		return "has no valid prefix length";
	return "has bits set beyond its prefix";
}

const char *word_read_endpoint(struct bytes text, struct endpoint *endpoint)
{
	const bool bracket = text.length > 0 && text.data[0] == '[';
	const size_t start = bracket ? 1 : 0;
	const size_t first_colon = word_find(text, 0, ':');
	const bool single_colon = word_find(text, first_colon + 1, ':') >= text.length;
	/* An IPv6 address without brackets has no port: its colons are its own. */
	size_t end = bracket ? word_find(text, 0, ']') : single_colon ? first_colon : text.length;

	endpoint->port = 0;
	if (end < start || end > text.length || (bracket && end == text.length) ||
	    !address_parse(word_slice(text, start, end), &endpoint->address))
		return "has no valid address";
	end += bracket;
	if (end == text.length)
		return NULL;
	return text.data[end] == ':' ? word_read_port(word_slice(text, end + 1, text.length), &endpoint->port)
				     : word_not_understood;
}
