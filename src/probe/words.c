/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool probe_read_number(struct bytes word, uint32_t maximum, uint32_t *number)
{
	uint64_t value = 0;

	if (word.length == 0)
		return false;
	for (size_t i = 0; i < word.length; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word.data[i] - '0');
		if (value > maximum)
			return false;
	}
	*number = (uint32_t)value;
	return true;
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
	if (!probe_read_number((struct bytes){ word.data + colon, word.length - colon }, UINT16_MAX, &port))
		return false;
	endpoint->port = (uint16_t)port;
	return address_parse(address, &endpoint->address);
}

static int hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

bool probe_read_hex(struct bytes word, uint8_t *out, size_t size, size_t *length)
{
	if (word.length % 2 != 0 || word.length / 2 > size)
		return false;
	for (size_t i = 0; i < word.length / 2; i++) {
		const int high = hex_value(word.data[2 * i]);
		const int low = hex_value(word.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high * 16 + low);
	}
	*length = word.length / 2;
	return true;
}

void probe_write_hex(struct bytes bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.length; i++) {
		out[2 * i] = digits[bytes.data[i] >> 4];
		out[2 * i + 1] = digits[bytes.data[i] & 15];
	}
	out[2 * bytes.length] = '\0';
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
	for (size_t i = 0; i < raw.length; i++) {
		const uint8_t byte = raw.data[i];

		if (byte == '\r')
			probe_bytes_print(bytes, "\\r");
		else if (byte == '\n')
			probe_bytes_print(bytes, "\\n");
		else if (byte == '\\')
			probe_bytes_print(bytes, "\\\\");
		else if (byte >= ' ' && byte < 0x7f)
			probe_bytes_append(bytes, &byte, 1);
		else
			probe_bytes_print(bytes, "\\x%02x", byte);
	}
}

void probe_bytes_free(struct probe_bytes *bytes)
{
	free(bytes->data);
	bytes->data = NULL;
	bytes->length = 0;
	bytes->size = 0;
}
