/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What clients are shown: given certificates, by their numbers, and minted ones (certs_minted.c), which depend on the
 * server.
 */
#include "tls/certs_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "tls/certs.h"

struct certs {
	struct certs_identity *given;
	struct certs_identity **added;
	size_t added_count;
	struct certs_minted *minted; /* NULL: there is no authority */
	const char *refusal;
};

static struct certs_identity *read_identity(const char *path, const char *key_path, char *error, size_t size)
{
	struct certs_identity *identity = NULL;
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *certificate = chain ? certs_read_certificate(path, chain, error, size) : NULL;
	EVP_PKEY *key = certificate ? certs_read_key(key_path, error, size) : NULL;

	if (key && certs_pair_fits(certificate, key, path, key_path, error, size))
		identity = certs_identity_make(certificate, chain, key);
	if (identity)
		return identity;
	sk_X509_pop_free(chain, X509_free);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return NULL;
}

bool certs_add(struct certs *certs, const char *certificate, const char *key, char *error, size_t size)
{
	const bool none = !certificate || !*certificate;
	struct certs_identity *identity = none ? NULL : read_identity(certificate, key, error, size);
	struct certs_identity **added;

	if (!none && !identity)
		return false;
	added = OPENSSL_realloc(certs->added, (certs->added_count + 1) * sizeof(struct certs_identity *));
	if (!added) {
		snprintf(error, size, "no memory");
		certs_identity_drop(identity);
		return false;
	}
	certs->added = added;
	certs->added[certs->added_count++] = identity;
	return true;
}

struct certs *certs_open(const char *certificate, const char *key, const char *ca_certificate, const char *ca_key,
			 char *error, size_t size)
{
	struct certs *certs = OPENSSL_zalloc(sizeof(*certs));
	bool done = certs != NULL;

	if (!certs)
		snprintf(error, size, "no memory");
	if (done && certificate && *certificate)
		done = (certs->given = read_identity(certificate, key, error, size)) != NULL;
	if (done && ca_certificate && *ca_certificate)
		done = (certs->minted = certs_minted_open(ca_certificate, ca_key, error, size)) != NULL;
	if (done)
		return certs;
	certs_close(certs);
	return NULL;
}

void certs_close(struct certs *certs)
{
	if (!certs)
		return;
	for (size_t i = 0; i < certs->added_count; i++)
		certs_identity_drop(certs->added[i]);
	OPENSSL_free(certs->added);
	certs_identity_drop(certs->given);
	certs_minted_close(certs->minted);
	OPENSSL_free(certs);
}

void certs_set_minter(struct certs *certs, certs_ask *ask, void *context)
{
	if (certs->minted)
		certs_minted_set_minter(certs->minted, ask, context);
}

void certs_take_answer(struct certs *certs, const struct mint_answer *answer)
{
	if (certs->minted)
		certs_minted_take(certs->minted, answer);
}

const char *certs_refusal(const struct certs *certs)
{
	return certs->refusal;
}

static struct certs_identity *hold_if_current(struct certs_identity *identity)
{
	if (!certs_is_current(identity->certificate))
		return NULL;
	certs_identity_hold(identity);
	return identity;
}

struct certs_identity *certs_find_added(struct certs *certs, size_t number)
{
	return number < certs->added_count && certs->added[number] ? hold_if_current(certs->added[number]) : NULL;
}

enum certs_result certs_find(struct certs *certs, X509 *server, const char *name, const struct address *address,
			     bool trusted, struct certs_identity **identity, bool *order)
{
	const bool may_order = *order;

	/*
	 * With a given certificate the operator vouches for the servers behind the gateway. It must not vouch for a server
	 * whose own certificate is bad.
	 */
	certs->refusal = NULL;
	*identity = NULL;
	*order = false;
	if (certs->given && trusted) {
		*identity = hold_if_current(certs->given);
		return *identity ? CERTS_FOUND : CERTS_NONE;
	}
	if (!certs->minted)
		return CERTS_NONE;
	*order = may_order;
	return certs_minted_find(certs->minted, server, name, address, trusted, identity, order, &certs->refusal);
}
