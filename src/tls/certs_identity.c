/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate, what is sent after it, and its key: held by each stream that shows it, and freed by the last. */
#include <openssl/crypto.h>

#include "tls/certs_internal.h"

void certs_identity_hold(struct certs_identity *identity)
{
	identity->references++;
}

void certs_identity_drop(struct certs_identity *identity)
{
	if (!identity || --identity->references > 0)
		return;
	X509_free(identity->certificate);
	sk_X509_pop_free(identity->chain, X509_free);
	EVP_PKEY_free(identity->key);
	OPENSSL_free(identity);
}

struct certs_identity *certs_identity_make(X509 *certificate, STACK_OF(X509) *chain, EVP_PKEY *key)
{
	struct certs_identity *identity = OPENSSL_zalloc(sizeof(*identity));

	if (!identity)
		return NULL;
	identity->references = 1;
	identity->certificate = certificate;
	identity->chain = chain;
	identity->key = key;
	return identity;
}

bool certs_is_current(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}
