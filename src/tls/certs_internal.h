/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What making an authority and minting have in common. */
#ifndef TLS_CERTS_INTERNAL_H
#define TLS_CERTS_INTERNAL_H

#include <openssl/x509.h>

#include "ftpalg/base.h"
#include "tls/certs.h"

/* A version 3 certificate for key, with a random serial number, valid from an hour ago for seconds. NULL: no memory. */
X509 *certs_draft(EVP_PKEY *key, long seconds);
/* value as in openssl's x509v3_config(5). */
bool certs_add_extension(X509 *certificate, X509 *issuer, int identifier, const char *value);
/* Self-signed authority. NULL: no memory. */
X509 *certs_make_authority(EVP_PKEY *key, const char *name, long seconds);
/* Signs with the digest that belongs to key. */
bool certs_sign(X509 *certificate, EVP_PKEY *key);

/* certs_file.c; NULL or false, with what is wrong, and what to do, in error (of size bytes) */
/* A key that only its owner can read, and without a passphrase. */
EVP_PKEY *certs_read_key(const char *path, char *error, size_t size);
/* The first certificate of the file; the others go to chain where that is not NULL. */
X509 *certs_read_certificate(const char *path, STACK_OF(X509) *chain, char *error, size_t size);
/* Does key belong to the certificate, and has that not expired? */
bool certs_pair_fits(X509 *certificate, EVP_PKEY *key, const char *path, const char *key_path, char *error, size_t size);

/*
 * end.c; notAfter in seconds since 1970, which a time_t of 32 bits can't hold after 2038. False: it is not a time.
 */
bool certs_read_end(const X509 *certificate, int64_t *end);

/* certs_judge.c; rest: what the authority's file holds besides it. */
/* What is sent after a minted certificate: all but roots. NULL: no memory. */
STACK_OF(X509) *certs_chain_to_send(X509 *authority, STACK_OF(X509) *rest);
/* What a client that trusts the authority, or its root, will find wrong with minted; NULL: nothing. */
const char *certs_judge(X509 *minted, X509 *authority, STACK_OF(X509) *rest);
/* A name, or where that becomes "", an address, that the authority may sign for. size: at least 64. */
void certs_trial(X509 *authority, char *name, size_t size, struct address *address);

/* certs_identity.c */
/* Takes over all three. NULL: no memory, and nothing was taken. */
struct certs_identity *certs_identity_make(X509 *certificate, STACK_OF(X509) *chain, EVP_PKEY *key);
bool certs_is_current(const X509 *certificate);

/* certs_minted.c: those of one authority; as certs.h has it for all */
struct certs_minted;
struct certs_minted *certs_minted_open(const char *path, const char *key_path, char *error, size_t size);
/* NULL is nothing to close. */
void certs_minted_close(struct certs_minted *minted);
void certs_minted_set_minter(struct certs_minted *minted, certs_ask *ask, void *context);
/* *refusal: why there is none, or NULL. */
enum certs_result certs_minted_find(struct certs_minted *minted, X509 *server, const char *name,
				    const struct address *address, bool trusted, struct certs_identity **identity,
				    bool *order, const char **refusal);
void certs_minted_take(struct certs_minted *minted, const struct mint_answer *answer);

/* The reason of the oldest error in OpenSSL's queue, which is emptied. */
const char *certs_reason(void);

#endif
