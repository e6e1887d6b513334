/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

#define GROWTH_MIN 256

static const struct screen_style plain_style;

static const struct screen_style *style_of(const struct screen_text *text)
{
	return text->style ? text->style : &plain_style;
}

void screen_text_free(struct screen_text *text)
{
	free(text->data);
	text->data = NULL;
	text->length = 0;
	text->size = 0;
}

static bool make_room(struct screen_text *text, size_t length)
{
	const size_t size = 2 * (text->length + length) + GROWTH_MIN;
	char *grown;

	if (text->size - text->length > length)
		return true;
	grown = realloc(text->data, size);
	if (!grown) {
		text->lost = true;
		return false;
	}
	text->data = grown;
	text->size = size;
	return true;
}

static void add_bytes(struct screen_text *text, const void *data, size_t length)
{
	if (!make_room(text, length))
		return;
	if (length > 0)
		memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void screen_add(struct screen_text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !make_room(text, (size_t)length))
		return;
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

/* ASCII, or a character that has columns of its own on this terminal. */
static bool can_be_shown(const struct screen_style *style, uint32_t character)
{
	return character_is_printable(character) && (character < 0x80 || (style->unicode && character_width(character) > 0));
}

void screen_add_words(struct screen_text *text, const char *words, size_t length)
{
	struct bytes rest = { (const uint8_t *)words, length };

	while (rest.length > 0) {
		uint32_t character = 0;
		size_t taken = character_read(rest, &character);
		char escaped[ESCAPE_MAX];

		if (taken > 0 && can_be_shown(style_of(text), character)) {
			add_bytes(text, rest.data, taken);
		} else {
			escape_byte(rest.data[0], escaped);
			add_bytes(text, escaped, sizeof(escaped));
			taken = 1;
		}
		rest.data += taken;
		rest.length -= taken;
	}
}

void screen_add_string(struct screen_text *text, const char *words)
{
	screen_add_words(text, words, strlen(words));
}

void screen_add_tone(struct screen_text *text, enum screen_tone tone)
{
	static const char *const codes[] = { "\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[1;31m",
					     "\033[7m" };

	if (style_of(text)->colour)
		add_bytes(text, codes[tone], strlen(codes[tone]));
}

/* The first character of words: its bytes, and its columns. */
static size_t next_character(const char *words, size_t length, unsigned int *width)
{
	uint32_t character = 0;
	const size_t taken = character_read((struct bytes){ (const uint8_t *)words, length }, &character);

	*width = taken > 1 ? character_width(character) : 1;
	return taken > 0 ? taken : 1;
}

unsigned int screen_width(const char *words, size_t length)
{
	unsigned int columns = 0;
	unsigned int width;

	for (size_t at = 0; at < length; columns += width)
		at += next_character(words + at, length - at, &width);
	return columns;
}

/* How many bytes of words fit into limit columns, which they fill as *columns says. */
static size_t fitting(const char *words, size_t length, unsigned int limit, unsigned int *columns)
{
	size_t at = 0;

	*columns = 0;
	while (at < length) {
		unsigned int width;
		const size_t taken = next_character(words + at, length - at, &width);

		if (*columns + width > limit)
			break;
		*columns += width;
		at += taken;
	}
	return at;
}

void screen_add_column(struct screen_text *text, const char *words, unsigned int width, bool right)
{
	const size_t length = strlen(words);
	unsigned int columns = screen_width(words, length);
	size_t shown = length;
	const bool cut = columns > width;

	if (cut)
		shown = fitting(words, length, width > 0 ? width - 1 : 0, &columns);
	if (right && !cut)
		screen_add(text, "%*s", (int)(width - columns), "");
	add_bytes(text, words, shown);
	if (cut && width > 0) {
		screen_add(text, "%s", style_of(text)->unicode ? "\u2026" : "~");
		columns++;
	}
	if (!right || cut)
		screen_add(text, "%*s", columns < width ? (int)(width - columns) : 0, "");
}

void screen_add_end(struct screen_text *text, const char *words, unsigned int width)
{
	size_t length = strlen(words);
	unsigned int columns = screen_width(words, length);
	const bool cut = columns > width;

	while (columns + cut > width && length > 0) {
		unsigned int first;
		const size_t taken = next_character(words, length, &first);

		words += taken;
		length -= taken;
		columns -= first;
	}
	if (cut && width > 0)
		screen_add(text, "%s", style_of(text)->unicode ? "\u2026" : "~");
	add_bytes(text, words, length);
}

void screen_add_wrapped(struct screen_text *text, const char *words, unsigned int column, unsigned int indent)
{
	const unsigned int limit = style_of(text)->width;

	for (bool first = true; *words; first = false) {
		const size_t blanks = first ? 0 : strspn(words, " ");
		const size_t length = strcspn(words + blanks, " ");
		const unsigned int width = screen_width(words + blanks, length);

		if (!first && limit > indent && column + blanks + width > limit) {
			screen_add(text, "\n%*s", (int)indent, "");
			column = indent;
		} else {
			screen_add(text, "%*s", (int)blanks, "");
			column += (unsigned int)blanks;
		}
		add_bytes(text, words + blanks, length);
		column += width;
		words += blanks + length;
	}
}
