/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ClientHello that is only looked at: OpenSSL reads it from memory, so that it can still be passed on. */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "tls/tls.h"

/*
 * Puts the name in a ClientHello, or "", into name (of TLS_NAME_MAX bytes). TLS_WAIT: more of it has to come; TLS_FAILED: it
 * is not a ClientHello, or its name is not a host name, or it has more than one, of which others may read another. *length:
 * how many of bytes belong to it.
 */
enum tls_result tls_hello_name(struct tls *tls, struct bytes bytes, char *name, size_t *length);

#endif
