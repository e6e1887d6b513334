/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several unit tests need: cmocka and its prerequisites, bytes from literals, addresses, repeatable randomness. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ftpalg/address.h"
#include "ftpalg/nat.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Two initialisers, for a const char * and a size_t: literals may have any byte in them. */
#define TEXT(literal) (literal), sizeof(literal) - 1

struct bytes unit_bytes(const char *text, size_t length);
/* Of a C string. */
struct bytes unit_string(const char *text);

/* Fail the test where text is no address. "" is the address without a family. */
struct address unit_address(const char *text);
struct endpoint unit_endpoint(const char *address, uint16_t port);
struct network unit_network(const char *text);

/* A control connection without NAT. */
struct nat_view unit_view(const char *client, const char *server);

/* A small generator (xorshift64*), so that a failure can be repeated. state is anything but 0. */
uint64_t unit_random(uint64_t *state);
/* One of 0 to limit - 1. */
uint32_t unit_random_below(uint64_t *state, uint32_t limit);
struct address unit_random_address(uint64_t *state, enum family family);

/*
 * Changes text at random: bytes of alphabet are put in, put over others, or bytes are removed or doubled. The result is
 * at most size bytes. Returns its length.
 */
size_t unit_mutate(uint64_t *state, const char *alphabet, uint8_t *text, size_t length, size_t size);

/* For failure messages: bytes with everything unprintable escaped; a static buffer. */
const char *unit_escape(struct bytes bytes);

#endif
