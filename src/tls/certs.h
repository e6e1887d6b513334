/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that clients are shown: a given one, or one that a local authority, whose key another process may have
 * (mint_wire.h), has minted for the names in the server's own. Private to src/tls.
 */
#ifndef TLS_CERTS_H
#define TLS_CERTS_H

#include <openssl/x509.h>

#include "ftpalg/base.h"
#include "tls/mint_wire.h"

/* A certificate with its key; references are counted. */
struct certs_identity {
	unsigned int references;
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

struct certs;

/* Sends an order to the minter. False: not now. The answer is given to certs_take_answer, at once or later. */
typedef bool certs_ask(void *context, const struct mint_order *order);

/*
 * The given pair, and the authority, may be absent (NULL or ""). ca_key: NULL: another process mints, see certs_set_minter.
 * Returns NULL, with what is wrong, and what to do, in error.
 */
struct certs *certs_open(const char *certificate, const char *key, const char *ca_certificate, const char *ca_key,
			 char *error, size_t size);
void certs_close(struct certs *certs);
/* To be called before the first certs_find, where the authority's key is not here. */
void certs_set_minter(struct certs *certs, certs_ask *ask, void *context);

/*
 * Adds another given certificate, whose number is how many there were before; NULL or "": the number has none. False: error
 * says what is wrong.
 */
bool certs_add(struct certs *certs, const char *certificate, const char *key, char *error, size_t size);
/* A reference to the one with that number, which the caller drops; NULL: it has expired. */
struct certs_identity *certs_find_added(struct certs *certs, size_t number);

enum certs_result {
	CERTS_FOUND,
	CERTS_AWAITED, /* it is asked for; the next call, which may come at any time, will know more, and after some seconds
			  it is CERTS_NONE */
	CERTS_NONE,    /* neither a given certificate nor an authority, or expired, or refused */
	CERTS_DENIED,  /* it would have to be ordered, and must not be; nothing was touched */
};

/*
 * The identity to show. server: the certificate whose names are taken; NULL: name, or where that is "", address.
 * trusted: false has it signed by an authority that nobody trusts, so that clients see that the server's is bad.
 * CERTS_FOUND: *identity is a reference, which the caller drops. *order: may one be ordered? And then: has one been?
 */
enum certs_result certs_find(struct certs *certs, X509 *server, const char *name, const struct address *address,
			     bool trusted, struct certs_identity **identity, bool *order);
/* An answer to no order that waits is thrown away. */
void certs_take_answer(struct certs *certs, const struct mint_answer *answer);

/* Why the last certs_find had nothing, where it was refused; else NULL. */
const char *certs_refusal(const struct certs *certs);

void certs_identity_hold(struct certs_identity *identity);
void certs_identity_drop(struct certs_identity *identity);

#endif
