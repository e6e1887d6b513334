/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses are read and written here rather than by inet_pton and inet_ntop, because those read C strings, a peer's
 * bytes are none, and C libraries differ in what else they accept (zones, short IPv4 forms, leading zeros).
 */
#include "ftpalg/address.h"

#include <string.h>

#include "core/digits.h"

#define IPV6_GROUPS 8

static const uint8_t zeros[16];

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}

bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return endpoint_equal(&a->source, &b->source) && endpoint_equal(&a->destination, &b->destination);
}

struct tuple tuple_reverse(const struct tuple *tuple)
{
	struct tuple reversed = { .source = tuple->destination, .destination = tuple->source };

	return reversed;
}

bool address_is_unspecified(const struct address *address)
{
	return address->family != FAMILY_NONE && memcmp(address->octets, zeros, sizeof(zeros)) == 0;
}

static bool ipv4_is_martian(const uint8_t *octets)
{
	return octets[0] == 0 || octets[0] == 127 || octets[0] >= 224 || (octets[0] == 169 && octets[1] == 254);
}

static bool ipv6_is_martian(const uint8_t *octets)
{
	bool link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
	bool multicast = octets[0] == 0xff;
	bool compatible = memcmp(octets, zeros, 12) == 0; /* ::/96, with :: and ::1 in it */
	bool mapped = memcmp(octets, zeros, 10) == 0 && octets[10] == 0xff && octets[11] == 0xff;

	return link_local || multicast || compatible || mapped;
}

bool address_is_martian(const struct address *address)
{
	bool martian = true; /* no family: nobody's address */

	if (address->family == FAMILY_IPV4)
		martian = ipv4_is_martian(address->octets);
	else if (address->family == FAMILY_IPV6)
		martian = ipv6_is_martian(address->octets);
	return martian;
}

/* RFC 1918, RFC 6598 (between a provider and its customers), RFC 4193. */
bool address_is_private(const struct address *address)
{
	const uint8_t *octets = address->octets;

	if (address->family == FAMILY_IPV6)
		return (octets[0] & 0xfe) == 0xfc;
	return address->family == FAMILY_IPV4 &&
	       (octets[0] == 10 || (octets[0] == 172 && (octets[1] & 0xf0) == 16) ||
		(octets[0] == 192 && octets[1] == 168) || (octets[0] == 100 && (octets[1] & 0xc0) == 64));
}

static uint8_t family_bits(uint8_t family)
{
	uint8_t bits = 0;

	if (family == FAMILY_IPV4)
		bits = 32;
	else if (family == FAMILY_IPV6)
		bits = 128;
	return bits;
}

bool network_contains(const struct network *network, const struct address *address)
{
	uint8_t bits = family_bits(address->family);
	size_t whole = network->prefix / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (network->prefix % 8)); /* of the octet that the prefix ends in */
	bool contains = bits > 0 && network->address.family == address->family && network->prefix <= bits;

	if (contains)
		contains = memcmp(network->address.octets, address->octets, whole) == 0;
	if (contains && network->prefix % 8 > 0)
		contains = ((network->address.octets[whole] ^ address->octets[whole]) & mask) == 0;
	return contains;
}

bool address_parse_ipv4(struct bytes text, struct address *address)
{
	struct address result = { .family = FAMILY_IPV4 };
	size_t position = 0;
	bool good = true;

	for (size_t index = 0; good && index < 4; index++) {
		uint32_t octet;

		if (index > 0)
			good = position < text.length && text.data[position++] == '.';
		if (good)
			good = digits_read(text, &position, 255, &octet) == REASON_NONE;
		if (good)
			result.octets[index] = (uint8_t)octet;
	}

	good = good && position == text.length;
	if (good)
		*address = result;
	return good;
}

/* Reads one to four hexadecimal digits at *position. */
static bool read_group(struct bytes text, size_t *position, uint16_t *group)
{
	size_t start = *position;
	size_t end = start;
	uint32_t sum = 0;

	while (end < text.length && end - start < 4 && digits_hexadecimal(text.data[end]) < 16)
		sum = sum * 16 + digits_hexadecimal(text.data[end++]);

	*position = end;
	*group = (uint16_t)sum;
	return end > start;
}

/* The groups of an IPv6 address as they are read. gap is where "::" stood: IPV6_GROUPS + 1 if nowhere. */
struct groups {
	uint16_t values[IPV6_GROUPS];
	size_t count;
	size_t gap;
};

/*
 * Reads one element at *position: a group, or the dotted IPv4 address that may end the text and counts as two groups
 * (RFC 4291 2.2, form 3).
 */
static bool read_element(struct bytes text, size_t *position, struct groups *groups)
{
	struct bytes rest = { text.data + *position, text.length - *position };
	struct address embedded;
	bool good = false;

	if (groups->count <= IPV6_GROUPS - 2 && address_parse_ipv4(rest, &embedded)) {
		groups->values[groups->count++] = (uint16_t)(embedded.octets[0] << 8 | embedded.octets[1]);
		groups->values[groups->count++] = (uint16_t)(embedded.octets[2] << 8 | embedded.octets[3]);
		*position = text.length;
		good = true;
	} else if (groups->count < IPV6_GROUPS) {
		good = read_group(text, position, &groups->values[groups->count]);
		groups->count++;
	}
	return good;
}

/* Reads "::" at *position, where it is allowed once. False where there is none. */
static bool read_gap(struct bytes text, size_t *position, struct groups *groups)
{
	bool gap = groups->gap > IPV6_GROUPS && text.length - *position >= 2 && text.data[*position] == ':' &&
		   text.data[*position + 1] == ':';

	if (gap) {
		groups->gap = groups->count;
		*position += 2;
	}
	return gap;
}

static bool read_groups(struct bytes text, struct groups *groups)
{
	size_t position = 0;
	bool separated = true; /* an element may follow: the text starts, or a colon was read */
	bool good = true;

	while (good && position < text.length) {
		if (read_gap(text, &position, groups)) {
			separated = true;
		} else if (separated) {
			good = read_element(text, &position, groups);
			separated = false;
		} else {
			/* A single colon stands between two elements, so something must follow it. */
			good = text.data[position++] == ':' && position < text.length;
			separated = true;
		}
	}

	/* "::" stands for at least one group (RFC 4291 2.2). */
	if (groups->gap <= IPV6_GROUPS)
		good = good && groups->count < IPV6_GROUPS;
	else
		good = good && groups->count == IPV6_GROUPS;
	return good;
}

bool address_parse_ipv6(struct bytes text, struct address *address)
{
	struct groups groups = { .gap = IPV6_GROUPS + 1 };
	struct address result = { .family = FAMILY_IPV6 };
	bool good = read_groups(text, &groups);

	for (size_t index = 0; good && index < groups.count; index++) {
		/* Groups after the gap belong to the end of the address. */
		size_t place = index < groups.gap ? index : IPV6_GROUPS - groups.count + index;

		result.octets[2 * place] = (uint8_t)(groups.values[index] >> 8);
		result.octets[2 * place + 1] = (uint8_t)(groups.values[index] & 0xff);
	}

	if (good)
		*address = result;
	return good;
}

bool address_parse(struct bytes text, struct address *address)
{
	return address_parse_ipv4(text, address) || address_parse_ipv6(text, address);
}

/* No bit of the network's address lies beyond its prefix. */
static bool network_is_clean(const struct network *network)
{
	bool clean = true;

	for (size_t bit = network->prefix; bit < 128; bit++)
		clean = clean && (network->address.octets[bit / 8] & (0x80 >> (bit % 8))) == 0;
	return clean;
}

bool network_parse(struct bytes text, struct network *network)
{
	const uint8_t *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
	struct bytes before = text;
	struct network result = { .prefix = 0 };
	bool good;

	if (slash)
		before.length = (size_t)(slash - text.data);
	good = address_parse(before, &result.address);

	if (good && slash) {
		size_t position = before.length + 1;
		uint32_t prefix;

		good = digits_read(text, &position, family_bits(result.address.family), &prefix) == REASON_NONE &&
		       position == text.length;
		if (good)
			result.prefix = (uint8_t)prefix;
		good = good && network_is_clean(&result);
	} else if (good) {
		result.prefix = family_bits(result.address.family);
	}

	if (good)
		*network = result;
	return good;
}

static size_t format_ipv4(const uint8_t *octets, uint8_t *out)
{
	size_t length = 0;

	for (size_t index = 0; index < 4; index++) {
		if (index > 0)
			out[length++] = '.';
		length += digits_write(octets[index], out + length);
	}
	return length;
}

static size_t format_group(uint16_t group, uint8_t *out)
{
	static const char hexadecimal[] = "0123456789abcdef";
	size_t length = 0;

	for (int shift = 12; shift >= 0; shift -= 4) {
		if (shift == 0 || group >> shift != 0)
			out[length++] = (uint8_t)hexadecimal[(group >> shift) & 0xf];
	}
	return length;
}

/* Finds the zeros that "::" replaces: the longest run of at least two groups, the first of equals (RFC 5952 4.2). */
static void find_gap(const uint16_t *groups, size_t count, size_t *start, size_t *length)
{
	size_t run = 0;

	*start = count;
	*length = 1;
	for (size_t index = 0; index < count; index++) {
		run = groups[index] == 0 ? run + 1 : 0;
		if (run > *length) {
			*length = run;
			*start = index + 1 - run;
		}
	}
}

static size_t format_ipv6(const uint8_t *octets, uint8_t *out)
{
	/* RFC 5952 5: an address under a well-known IPv4 prefix ends in dotted form. */
	bool mapped = memcmp(octets, zeros, 10) == 0 && octets[10] == 0xff && octets[11] == 0xff;
	size_t count = mapped ? IPV6_GROUPS - 2 : IPV6_GROUPS;
	uint16_t groups[IPV6_GROUPS];
	size_t gap;
	size_t gap_length;
	size_t length = 0;

	for (size_t index = 0; index < count; index++)
		groups[index] = (uint16_t)(octets[2 * index] << 8 | octets[2 * index + 1]);
	find_gap(groups, count, &gap, &gap_length);

	for (size_t index = 0; index < count; index++) {
		if (index == gap) {
			out[length++] = ':';
			out[length++] = ':';
			index += gap_length - 1;
			continue;
		}
		if (index > 0 && index != gap + gap_length)
			out[length++] = ':';
		length += format_group(groups[index], out + length);
	}

	if (mapped) {
		out[length++] = ':';
		length += format_ipv4(octets + 12, out + length);
	}
	return length;
}

/* An address without a family, as a 229 announces it, is written "*". */
size_t address_format(const struct address *address, char *out)
{
	uint8_t *text = (uint8_t *)out;
	size_t length = 0;

	if (address->family == FAMILY_IPV4)
		length = format_ipv4(address->octets, text);
	else if (address->family == FAMILY_IPV6)
		length = format_ipv6(address->octets, text);
	else
		text[length++] = '*';
	text[length] = '\0';
	return length;
}

size_t endpoint_format(const struct endpoint *endpoint, char *out)
{
	bool brackets = endpoint->address.family == FAMILY_IPV6;
	size_t length = 0;

	if (brackets)
		out[length++] = '[';
	length += address_format(&endpoint->address, out + length);
	if (brackets)
		out[length++] = ']';
	out[length++] = ':';
	length += digits_write(endpoint->port, (uint8_t *)out + length);
	out[length] = '\0';
	return length;
}
