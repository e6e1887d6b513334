/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and bytes that are written as digits, where a user or another program of ours wrote them. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "ftpalg/base.h"

enum number_fault {
	NUMBER_GOOD,
	NUMBER_MALFORMED, /* there is none, or something else than digits */
	NUMBER_TOO_LARGE,
};

/* The whole of text is a number to base 10 or 16: no sign, no blank. */
enum number_fault number_read(struct bytes text, unsigned int base, uint64_t maximum, uint64_t *number);

/* A decimal number up to maximum. */
bool number_read_decimal(struct bytes text, uint32_t maximum, uint32_t *number);

/* What a decimal or hexadecimal digit stands for, in either case; 16 if it is none. */
unsigned int number_digit(uint8_t byte);

/* Two hexadecimal digits for each byte. False where text is something else, or out, of size, too small. */
bool number_read_bytes(struct bytes text, uint8_t *out, size_t size, size_t *length);

/* out holds twice bytes.length, and a NUL. */
void number_write_bytes(struct bytes bytes, char *out);

/* Sixteen digits and a NUL. */
#define NUMBER_HEXADECIMAL_MAX 17

/* Without zeros in front: sessions are named so wherever one is shown. */
void number_write_hexadecimal(uint64_t number, char out[NUMBER_HEXADECIMAL_MAX]);

#endif
