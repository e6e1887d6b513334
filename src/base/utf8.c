/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/utf8.h"

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

bool character_is_printable(uint32_t character)
{
	return character >= ' ' && !(character >= 0x7f && character <= 0x9f) &&
	       !(character >= 0x2028 && character <= 0x202e) && !(character >= 0x2066 && character <= 0x2069) &&
	       character != 0x200e && character != 0x200f && character != 0x061c && character != 0xfeff;
}
