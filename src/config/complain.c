/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors in the configuration, as the operator reads them: file, line, what is wrong, and what was expected. */
#include <stdarg.h>

#include "config/reader.h"

unsigned int config_tell_place(const struct config_reader *reader)
{
	return reader->file << CONFIG_PLACE_SHIFT | reader->line;
}

static unsigned int config_line_of(unsigned int place)
{
	return place & ((1U << CONFIG_PLACE_SHIFT) - 1);
}

void config_go_to(struct config_reader *reader, unsigned int place)
{
	reader->file = place >> CONFIG_PLACE_SHIFT;
	reader->path = reader->files[reader->file];
	reader->line = config_line_of(place);
}

const char *config_name_place(struct config_reader *reader, unsigned int place)
{
	const unsigned int file = place >> CONFIG_PLACE_SHIFT;

	if (file == reader->file)
		snprintf(reader->place, sizeof(reader->place), "line %u", config_line_of(place));
	else
		snprintf(reader->place, sizeof(reader->place), "line %u of %s", config_line_of(place), reader->files[file]);
	return reader->place;
}

void config_complain(struct config_reader *reader, const char *format, ...)
{
	va_list arguments;

	reader->error_count++;
	if (reader->error_count > CONFIG_ERRORS_MAX)
		return;
	fprintf(reader->errors, "%s:%u: ", reader->path, reader->line);
	va_start(arguments, format);
	vfprintf(reader->errors, format, arguments);
	va_end(arguments);
	fputc('\n', reader->errors);
}

void config_complain_value(struct config_reader *reader, const char *wrong)
{
	const struct config_value *value = &reader->value;
	const struct config_key *key = value->key;
	char expected[64];

	snprintf(expected, sizeof(expected), "a whole number from %llu to %llu", (unsigned long long)key->minimum,
		 (unsigned long long)key->maximum);
	config_complain(reader, "%s: \"%.*s\" %s; expected %s", key->name, (int)value->culprit.length,
			(const char *)value->culprit.data, wrong, key->expected ? key->expected : expected);
}

/* Names the keys that the section has. */
void config_complain_key(struct config_reader *reader, const char *name)
{
	const struct config_key *key;
	char known[512] = "";
	size_t length = 0;

	for (size_t i = 0; (key = config_key_at(reader->section, i)); i++) {
		if (key->rule_only && reader->section != CONFIG_SECTION_RULE)
			continue;
		length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s", length ? ", " : "",
					   key->name);
		if (length >= sizeof(known))
			break;
	}
	config_complain(reader, "\"%s\" is no key of this section; expected one of: %s", name, known);
}
