/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One word of a setting's value. Readers accept exactly one spelling; they return NULL, or what is wrong with the word,
 * in words that continue "\"WORD\" ...". Private to config*.c.
 */
#ifndef CONFIG_WORD_H
#define CONFIG_WORD_H

#include "ftpalg/policy.h"

extern const char word_not_understood[];

bool word_is(struct bytes bytes, const char *word);
struct bytes word_slice(struct bytes bytes, size_t from, size_t to);

/* Position of the first byte from start on that is wanted, or bytes.length. */
size_t word_find(struct bytes bytes, size_t start, char wanted);

/* A number to base 10 or 16. */
const char *word_read_number(struct bytes text, unsigned int base, uint64_t minimum, uint64_t maximum,
			     uint64_t *number);

/* 1 to 65535. */
const char *word_read_port(struct bytes text, uint16_t *port);

/* PORT or FIRST-LAST. */
const char *word_read_range(struct bytes text, struct port_range *range);

/* ADDRESS or ADDRESS/PREFIX, without bits beyond the prefix. */
const char *word_read_network(struct bytes text, struct network *network);

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; port 0 where none is given. */
const char *word_read_endpoint(struct bytes text, struct endpoint *endpoint);

#endif
