/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small things that the files of the probe share: words, endpoints, growing bytes. */
#ifndef PROBE_WORDS_H
#define PROBE_WORDS_H

#include "ftpalg/base.h"

/* The word at *text, which moves past it and the space that ends it; empty at the end. */
struct bytes probe_next_word(const char **text);
bool probe_word_is(struct bytes word, const char *text);
/* "192.0.2.1:21" or "[2001:db8::1]:21". */
bool probe_read_endpoint(struct bytes word, struct endpoint *endpoint);

/* Bytes that grow up to a limit; what is beyond that is left out. Zero-initialised. */
struct probe_bytes {
	uint8_t *data;
	size_t length;
	size_t size;
};

#define PROBE_BYTES_MAX 262144

void probe_bytes_append(struct probe_bytes *bytes, const void *data, size_t length);
void probe_bytes_print(struct probe_bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends what a peer said, in ESCAPE_NOTATION. */
void probe_bytes_escape(struct probe_bytes *bytes, struct bytes raw);
void probe_bytes_free(struct probe_bytes *bytes);

#endif
