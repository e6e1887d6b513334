/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"
#include "ftpalg/address.h"

#define GROWTH_MIN 256
#define PRINT_MAX 1024

struct bytes probe_next_word(const char **text)
{
	const size_t length = strcspn(*text, " ");
	struct bytes word = { (const uint8_t *)*text, length };

	*text += length;
	if (**text)
		(*text)++;
	return word;
}

bool probe_word_is(struct bytes word, const char *text)
{
	return word.length == strlen(text) && memcmp(word.data, text, word.length) == 0;
}

bool probe_read_endpoint(struct bytes word, struct endpoint *endpoint)
{
	size_t colon = word.length;
	struct bytes address = word;
	uint32_t port;

	while (colon > 0 && word.data[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	address.length = colon - 1;
	if (address.length > 2 && address.data[0] == '[' && address.data[address.length - 1] == ']') {
		address.data++;
		address.length -= 2;
	}
	if (!number_read_decimal((struct bytes){ word.data + colon, word.length - colon }, UINT16_MAX, &port))
		return false;
	endpoint->port = (uint16_t)port;
	return address_parse(address, &endpoint->address);
}

void probe_bytes_append(struct probe_bytes *bytes, const void *data, size_t length)
{
	if (length == 0 || length > PROBE_BYTES_MAX - bytes->length)
		return;
	if (bytes->size - bytes->length < length) {
		const size_t size = 2 * (bytes->length + length) + GROWTH_MIN;
		uint8_t *grown = realloc(bytes->data, size);

		if (!grown)
			return;
		bytes->data = grown;
		bytes->size = size;
	}
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void probe_bytes_print(struct probe_bytes *bytes, const char *format, ...)
{
	char text[PRINT_MAX];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length > 0)
		probe_bytes_append(bytes, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

void probe_bytes_escape(struct probe_bytes *bytes, struct bytes raw)
{
	while (raw.length > 0) {
		char shown[ESCAPE_MAX];

		probe_bytes_append(bytes, shown, escape_take(&raw, ESCAPE_NOTATION, shown));
	}
}

void probe_bytes_free(struct probe_bytes *bytes)
{
	free(bytes->data);
	bytes->data = NULL;
	bytes->length = 0;
	bytes->size = 0;
}
