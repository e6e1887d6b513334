/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/number.h"

#include "core/digits.h"

unsigned int number_digit(uint8_t byte)
{
	return digits_hexadecimal(byte);
}

enum number_fault number_read(struct bytes text, unsigned int base, uint64_t maximum, uint64_t *number)
{
	enum number_fault fault = text.length > 0 ? NUMBER_GOOD : NUMBER_MALFORMED;
	uint64_t value = 0;

	for (size_t i = 0; i < text.length && fault != NUMBER_MALFORMED; i++) {
		const unsigned int digit = number_digit(text.data[i]);

		if (digit >= base)
			fault = NUMBER_MALFORMED;
		else if (digit > maximum || value > (maximum - digit) / base)
			fault = NUMBER_TOO_LARGE;
		else
			value = value * base + digit;
	}
	if (fault == NUMBER_GOOD)
		*number = value;
	return fault;
}

bool number_read_decimal(struct bytes text, uint32_t maximum, uint32_t *number)
{
	uint64_t value;
	const bool good = number_read(text, 10, maximum, &value) == NUMBER_GOOD;

	if (good)
		*number = (uint32_t)value;
	return good;
}

bool number_read_bytes(struct bytes text, uint8_t *out, size_t size, size_t *length)
{
	bool good = text.length % 2 == 0 && text.length / 2 <= size;

	for (size_t i = 0; i < text.length / 2 && good; i++) {
		const unsigned int high = number_digit(text.data[2 * i]);
		const unsigned int low = number_digit(text.data[2 * i + 1]);

		good = high < 16 && low < 16;
		out[i] = (uint8_t)(high << 4 | (low & 15));
	}
	if (good)
		*length = text.length / 2;
	return good;
}

static const char number_digits[] = "0123456789abcdef";

void number_write_bytes(struct bytes bytes, char *out)
{
	for (size_t i = 0; i < bytes.length; i++) {
		out[2 * i] = number_digits[bytes.data[i] >> 4];
		out[2 * i + 1] = number_digits[bytes.data[i] & 15];
	}
	out[2 * bytes.length] = '\0';
}

void number_write_hexadecimal(uint64_t number, char out[NUMBER_HEXADECIMAL_MAX])
{
	unsigned int shift = 60;

	while (shift > 0 && number >> shift == 0)
		shift -= 4;
	for (; shift > 0; shift -= 4)
		*out++ = number_digits[number >> shift & 15];
	*out++ = number_digits[number & 15];
	*out = '\0';
}
