/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making a local certificate authority (ftpalg ca init). */
#ifndef TLS_AUTHORITY_H
#define TLS_AUTHORITY_H

#include <stddef.h>

/*
 * Makes a key and a self-signed certificate, in two PEM files that must not exist yet; the key's is readable by its owner
 * only. Returns 0, or -1 with what is wrong in error.
 */
int authority_create(const char *certificate, const char *key, const char *name, unsigned int days, char *error,
		     size_t size);

#endif
