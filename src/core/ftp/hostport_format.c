/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host-ports as they leave: one canonical text for each form and endpoint. */
#include <string.h>

#include "core/digits.h"
#include "core/ftp/hostport_delimiter.h"
#include "ftpalg/address.h"
#include "ftpalg/hostport.h"

static const char *const names[] = { "none", "PORT", "EPRT", "LPRT", "227", "228", "229" };

const char *form_name(enum form form)
{
	return (unsigned int)form < sizeof(names) / sizeof(names[0]) ? names[form] : names[FORM_NONE];
}

bool form_is_active(enum form form)
{
	return form == FORM_PORT || form == FORM_EPRT || form == FORM_LPRT;
}

/* Writes count numbers, each with a comma after it. */
static size_t format_octets(const uint8_t *octets, size_t count, uint8_t *out)
{
	size_t length = 0;

	for (size_t index = 0; index < count; index++) {
		length += digits_write(octets[index], out + length);
		out[length++] = ',';
	}
	return length;
}

static size_t format_tuple(bool is_long, const struct endpoint *endpoint, uint8_t *out)
{
	uint8_t size = endpoint->address.family == FAMILY_IPV4 ? 4 : 16;
	uint8_t head[2] = { endpoint->address.family, size };
	uint8_t tail[3] = { 2, (uint8_t)(endpoint->port >> 8), (uint8_t)(endpoint->port & 0xff) };
	size_t length = 0;

	if (is_long)
		length += format_octets(head, 2, out + length);
	length += format_octets(endpoint->address.octets, size, out + length);
	length += format_octets(is_long ? tail : tail + 1, is_long ? 3 : 2, out + length);
	return length - 1; /* without the last comma */
}

static size_t format_eprt(uint8_t delimiter, const struct endpoint *endpoint, uint8_t *out)
{
	char address[ADDRESS_TEXT_MAX];
	size_t address_length = address_format(&endpoint->address, address);
	size_t length = 0;

	/* With a delimiter that the address has in it, the text could be cut in more than one way. */
	if (!memchr(address, delimiter, address_length)) {
		out[length++] = delimiter;
		out[length++] = endpoint->address.family == FAMILY_IPV4 ? '1' : '2';
		out[length++] = delimiter;
		memcpy(out + length, address, address_length);
		length += address_length;
		out[length++] = delimiter;
		length += digits_write(endpoint->port, out + length);
		out[length++] = delimiter;
	}
	return length;
}

static size_t format_229(uint8_t delimiter, uint16_t port, uint8_t *out)
{
	size_t length = 3;

	memset(out, delimiter, length);
	length += digits_write(port, out + length);
	out[length++] = delimiter;
	return length;
}

size_t hostport_format(enum form form, uint8_t delimiter, const struct endpoint *endpoint, uint8_t *out)
{
	bool has_address = endpoint->address.family == FAMILY_IPV4 || endpoint->address.family == FAMILY_IPV6;
	size_t length = 0;

	switch (form) {
	case FORM_PORT:
	case FORM_227:
		if (endpoint->address.family == FAMILY_IPV4)
			length = format_tuple(false, endpoint, out);
		break;
	case FORM_LPRT:
	case FORM_228:
		if (has_address)
			length = format_tuple(true, endpoint, out);
		break;
	case FORM_EPRT:
		if (has_address && hostport_is_delimiter(delimiter))
			length = format_eprt(delimiter, endpoint, out);
		break;
	case FORM_229:
		if (hostport_is_229_delimiter(delimiter))
			length = format_229(delimiter, endpoint->port, out);
		break;
	case FORM_NONE:
		break;
	}
	return length;
}
