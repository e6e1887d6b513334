/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "cmd/cmd.h"
#include "ftpalg/address.h"

int cmd_misuse(const char *command, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "ftpalg %s: ", command);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; \"ftpalg %s --help\" shows what it takes\n", command);
	return CMD_USAGE;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

bool option_read_number(const char *text, uint32_t maximum, uint32_t *number)
{
	return number_read_decimal(bytes_of(text), maximum, number);
}

bool option_read_port(const char *text, uint16_t *port)
{
	uint32_t number = 0;
	const bool good = option_read_number(text, UINT16_MAX, &number) && number > 0;

	if (good)
		*port = (uint16_t)number;
	return good;
}

bool option_read_address(const char *text, struct address *address)
{
	return address_parse(bytes_of(text), address);
}

bool option_read_translation(const char *text, struct address *inside, struct address *outside)
{
	const size_t equals = strcspn(text, "=");

	return text[equals] && address_parse((struct bytes){ (const uint8_t *)text, equals }, inside) &&
	       option_read_address(text + equals + 1, outside) && inside->family == outside->family;
}
