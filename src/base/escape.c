/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/escape.h"

#include <string.h>

#include "base/utf8.h"

void escape_byte(uint8_t byte, char out[ESCAPE_MAX])
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
}

size_t escape_take(struct bytes *text, enum escape_style style, char out[ESCAPE_MAX])
{
	const uint8_t first = text->data[0];
	uint32_t character = 0;
	size_t length = character_read(*text, &character);
	size_t shown = length;

	if (length && character_is_printable(character) && (length == 1 || style == ESCAPE_UNICODE)) {
		memcpy(out, text->data, length);
		if (first == '\\')
			out[shown++] = '\\';
	} else if (style == ESCAPE_NOTATION && (first == '\r' || first == '\n')) {
		out[0] = '\\';
		out[1] = first == '\r' ? 'r' : 'n';
		shown = 2;
	} else {
		escape_byte(first, out);
		shown = ESCAPE_MAX;
		length = 1;
	}
	text->data += length;
	text->length -= length;
	return shown;
}

size_t escape_print(FILE *out, struct bytes text, enum escape_style style)
{
	size_t columns = 0;
	char shown[ESCAPE_MAX];

	while (text.length > 0) {
		const size_t length = escape_take(&text, style, shown);

		(void)fwrite(shown, 1, length, out);
		columns += length;
	}
	return columns;
}

static const char *markup_reference(uint8_t byte)
{
	switch (byte) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void escape_markup(FILE *out, struct bytes text)
{
	for (size_t i = 0; i < text.length; i++) {
		const char *reference = markup_reference(text.data[i]);

		if (reference)
			fputs(reference, out);
		else
			fputc(text.data[i], out);
	}
}
