/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TLS_DIGEST_H
#define TLS_DIGEST_H

#include "ftpalg/base.h"

/* 32 bytes in base64, and a NUL. */
#define DIGEST_TEXT_MAX 45

/* SHA-256 in base64, as a Content-Security-Policy names a script. Returns 0, or -1 where OpenSSL has no SHA-256. */
int digest_sha256(struct bytes bytes, char text[DIGEST_TEXT_MAX]);

#endif
