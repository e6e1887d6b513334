/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What making an authority and minting have in common. */
#ifndef TLS_CERTS_INTERNAL_H
#define TLS_CERTS_INTERNAL_H

#include <openssl/x509.h>

#include "ftpalg/base.h"

/* A version 3 certificate for key, with a random serial number, valid from an hour ago for seconds. NULL: no memory. */
X509 *certs_draft(EVP_PKEY *key, long seconds);
/* value as in openssl's x509v3_config(5). */
bool certs_add_extension(X509 *certificate, X509 *issuer, int identifier, const char *value);
/* Self-signed authority. NULL: no memory. */
X509 *certs_make_authority(EVP_PKEY *key, const char *name, long seconds);
/* With the digest that fits key. */
bool certs_sign(X509 *certificate, EVP_PKEY *key);

/* certs_judge.c; rest: what the authority's file holds besides it. */
/* What is sent behind a minted certificate: all but roots. NULL: no memory. */
STACK_OF(X509) *certs_chain_to_send(X509 *authority, STACK_OF(X509) *rest);
/* What a client that trusts the authority, or its root, will find wrong with minted; NULL: nothing. */
const char *certs_judge(X509 *minted, X509 *authority, STACK_OF(X509) *rest);
/* A name, or where that becomes "", an address, that the authority may sign for. size: at least 64. */
void certs_trial(X509 *authority, char *name, size_t size, struct address *address);

/* The reason of the oldest error in OpenSSL's queue, which is emptied. */
const char *certs_reason(void);

#endif
