/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digits and letters in the bytes of a peer, and in ours, one by one. Of the core, and of base above it. */
#ifndef CORE_DIGITS_H
#define CORE_DIGITS_H

#include "ftpalg/base.h"
#include "ftpalg/reason.h"

static inline bool digits_is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* Of ASCII. */
static inline bool digits_is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* The value of a hexadecimal digit, or 16. */
static inline uint32_t digits_hexadecimal(uint8_t byte)
{
	uint32_t value = 16;

	if (digits_is_digit(byte))
		value = (uint32_t)(byte - '0');
	else if (byte >= 'a' && byte <= 'f')
		value = (uint32_t)(byte - 'a' + 10);
	else if (byte >= 'A' && byte <= 'F')
		value = (uint32_t)(byte - 'A' + 10);
	return value;
}

/*
 * Reads every digit that stands at *position and moves *position past them. maximum is at most 65535, so that the
 * sum, which stops growing once it exceeds maximum, can't wrap.
 *
 * A sign and a leading zero are ambiguous, not malformed: strtol takes a sign, and 010 is 8 or 10.
 */
static inline enum reason digits_read(struct bytes text, size_t *position, uint32_t maximum, uint32_t *value)
{
	size_t start = *position;
	size_t end = start;
	uint32_t sum = 0;
	enum reason reason = REASON_NONE;

	while (end < text.length && digits_is_digit(text.data[end])) {
		if (sum <= maximum)
			sum = sum * 10 + (uint32_t)(text.data[end] - '0');
		end++;
	}

	if (end == start && end < text.length && (text.data[end] == '+' || text.data[end] == '-'))
		reason = REASON_AMBIGUOUS;
	else if (end == start)
		reason = REASON_MALFORMED;
	else if (text.data[start] == '0' && end - start > 1)
		reason = REASON_AMBIGUOUS;
	else if (sum > maximum)
		reason = REASON_OVERFLOW;

	*position = end;
	*value = sum;
	return reason;
}

/* Writes number without a NUL; out holds 10 bytes. Returns its length. */
static inline size_t digits_write(uint32_t number, uint8_t *out)
{
	uint8_t reversed[10];
	size_t length = 0;

	do {
		reversed[length++] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number > 0);

	for (size_t index = 0; index < length; index++)
		out[index] = reversed[length - 1 - index];
	return length;
}

#endif
