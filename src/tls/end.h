/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TLS_END_H
#define TLS_END_H

#include <stdbool.h>
#include <stdint.h>

/* When the first certificate in this file of PEM form ends, in seconds of the epoch. False: it can't be read. */
bool tls_read_end(const char *path, int64_t *end);

#endif
