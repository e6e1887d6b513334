/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/utf8.h"

#include <wchar.h>

size_t character_read(struct bytes text, uint32_t *character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first;
	size_t length = 1;

	if (text.length == 0)
		return 0;
	first = text.data[0];
	if (first >= 0xf8 || (first & 0xc0) == 0x80)
		return 0;
	if (first >= 0xc0)
		length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length > text.length)
		return 0;
	*character = length == 1 ? first : first & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text.data[i] & 0x3f);
	}
	if (*character < smallest[length] || *character > 0x10ffff || (*character >= 0xd800 && *character <= 0xdfff))
		return 0;
	return length;
}

/*
 * Controls; characters that turn the direction of the text beside them; and those that are not seen, so that two names look
 * like one: what Unicode calls default-ignorable, the marks of annotations, and Braille without a dot.
 */
static const struct {
	uint32_t first;
	uint32_t last;
} unprintable[] = {
	{ 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0x2800, 0x2800 }, { 0x3164, 0x3164 },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

bool character_is_printable(uint32_t character)
{
	const size_t count = sizeof(unprintable) / sizeof(unprintable[0]);
	size_t i = 0;

	/* Nearly all are. */
	if (character >= ' ' && character < 0x7f)
		return true;
	while (i < count && character > unprintable[i].last)
		i++;
	return i == count || character < unprintable[i].first;
}

unsigned int character_width(uint32_t character)
{
	const int width = character_is_printable(character) ? wcwidth((wchar_t)character) : 0;

	return width > 0 ? (unsigned int)width : 0;
}
