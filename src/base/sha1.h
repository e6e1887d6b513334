/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-1 (RFC 3174), for identifiers that others compute with it. Not for secrets, for which src/tls has digests: SHA-1
 * withstands no attacker.
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include "ftpalg/base.h"

#define SHA1_SIZE 20
/* What goes into one block, together with its end and its length. */
#define SHA1_TEXT_MAX 55

/* text has SHA1_TEXT_MAX bytes at most. */
void sha1_digest(struct bytes text, uint8_t digest[SHA1_SIZE]);

#endif
