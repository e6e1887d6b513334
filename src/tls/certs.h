/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that clients are shown: a given one, or one minted for the names of the server's own by a local authority.
 * Private to src/tls, but for certs_create_authority.
 */
#ifndef TLS_CERTS_H
#define TLS_CERTS_H

#include <openssl/x509.h>

#include "ftpalg/base.h"

/* A certificate with its key; references are counted. */
struct certs_identity {
	unsigned int references;
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

struct certs;

/* Either pair of files may be absent (NULL or ""). NULL with what is wrong, and what to do, in error. */
struct certs *certs_open(const char *certificate, const char *key, const char *ca_certificate, const char *ca_key,
			 char *error, size_t size);
void certs_close(struct certs *certs);

/*
 * Another given certificate, whose number is how many there were before; NULL or "": the number stays without one. False:
 * error says what is wrong.
 */
bool certs_add(struct certs *certs, const char *certificate, const char *key, char *error, size_t size);
/* A reference to the one with that number, which the caller drops; NULL: it has expired. */
struct certs_identity *certs_find_added(struct certs *certs, size_t number);

/*
 * The identity to show. server: the certificate whose names are taken; NULL: name, or where that is "", address.
 * trusted: false has it signed by an authority that nobody trusts, so that clients see that the server's is bad.
 * A reference, which the caller drops; NULL where there is neither a given certificate nor an authority, or it has
 * expired.
 */
struct certs_identity *certs_find(struct certs *certs, X509 *server, const char *name, const struct address *address,
				  bool trusted);

/* Why the last certs_find had nothing, where the authority may not sign what was wanted; else NULL. */
const char *certs_refusal(const struct certs *certs);

void certs_identity_hold(struct certs_identity *identity);
void certs_identity_drop(struct certs_identity *identity);

#endif
