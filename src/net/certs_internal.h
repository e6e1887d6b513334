/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What making an authority and minting have in common. */
#ifndef NET_CERTS_INTERNAL_H
#define NET_CERTS_INTERNAL_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* A version 3 certificate for key, with a random serial number, valid from an hour ago for seconds. NULL: no memory. */
X509 *certs_draft(EVP_PKEY *key, long seconds);
/* value as in openssl's x509v3_config(5). */
bool certs_add_extension(X509 *certificate, X509 *issuer, int identifier, const char *value);
/* Self-signed authority. NULL: no memory. */
X509 *certs_make_authority(EVP_PKEY *key, const char *name, long seconds);
/* The reason of the oldest error in OpenSSL's queue, which is emptied. */
const char *certs_reason(void);

#endif
