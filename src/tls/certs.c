/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A minted certificate says what the server's own said: its subject, its names, and no longer validity than its own.
 * Only the key and the signature are others. It is signed by the local authority where the server's certificate was
 * good; where it was bad and the configuration lets it pass, by a second authority that is made anew in every process
 * and written nowhere, so no client can trust it: a bad certificate stays visibly bad.
 *
 * All minted certificates share one key, which lives as long as the process. Minting is then one signature, and the
 * cache, by the hash of the server's certificate, makes it one for each server and not for each connection.
 */
#include "tls/certs.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "ftpalg/address.h"
#include "tls/certs_internal.h"

#define CACHE_SIZE 256
#define CACHE_KEY_SIZE 32
#define CERTS_NAME_MAX 256
/* What is minted without a server's certificate to take the validity from. */
#define MINTED_SECONDS (7L * 86400)

struct cache_row {
	uint8_t key[CACHE_KEY_SIZE];
	uint64_t used; /* 0: the row is free */
	struct certs_identity *identity;
};

struct certs {
	struct certs_identity *given;
	struct certs_identity **added;
	size_t added_count;
	X509 *authority;
	STACK_OF(X509) *authority_rest; /* its file's other certificates, which lead to a root */
	EVP_PKEY *authority_key;
	const char *refusal;
	X509 *distrusted;
	EVP_PKEY *distrusted_key;
	EVP_PKEY *leaf_key;
	uint64_t clock; /* counts look-ups: the least recently used row is replaced */
	struct cache_row cache[CACHE_SIZE];
};

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

static bool key_is_private(FILE *file, const char *path, char *error, size_t size)
{
	struct stat status;

	if (fstat(fileno(file), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return true;
	snprintf(error, size, "the key %s can be read by others than its owner; chmod 600 it, and think about a new one",
		 path);
	return false;
}

/* No passphrase is asked for: there may be nobody at the terminal. */
static int refuse_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static EVP_PKEY *read_key(const char *path, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = NULL;

	if (!file) {
		snprintf(error, size, "can't read the key %s: %s; it must be there, and readable by who starts the proxy",
			 path, strerror(errno));
		return NULL;
	}
	if (key_is_private(file, path, error, size)) {
		key = PEM_read_PrivateKey(file, NULL, refuse_passphrase, NULL);
		if (!key)
			snprintf(error, size, "%s holds no key in PEM form without a passphrase (%s)", path,
				 certs_reason());
	}
	fclose(file);
	return key;
}

/* The first certificate of the file; the others go to chain where that is not NULL. */
static X509 *read_certificate(const char *path, STACK_OF(X509) *chain, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	X509 *certificate, *next;

	if (!file) {
		snprintf(error, size, "can't read the certificate %s: %s", path, strerror(errno));
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, refuse_passphrase, NULL);
	if (!certificate)
		snprintf(error, size, "%s holds no certificate in PEM form (%s)", path, certs_reason());
	while (certificate && chain && (next = PEM_read_X509(file, NULL, refuse_passphrase, NULL)))
		if (!sk_X509_push(chain, next))
			X509_free(next);
	/* The end of the file is an error to OpenSSL. */
	ERR_clear_error();
	fclose(file);
	return certificate;
}

static bool pair_fits(X509 *certificate, EVP_PKEY *key, const char *path, const char *key_path, char *error,
		      size_t size)
{
	if (X509_check_private_key(certificate, key) != 1) {
		ERR_clear_error();
		snprintf(error, size, "the certificate %s belongs to another key than %s", path, key_path);
		return false;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
		snprintf(error, size, "the certificate %s has expired; make or get a new one", path);
		return false;
	}
	return true;
}

static struct certs_identity *identity_make(X509 *certificate, STACK_OF(X509) *chain, EVP_PKEY *key)
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

static struct certs_identity *read_identity(const char *path, const char *key_path, char *error, size_t size)
{
	struct certs_identity *identity = NULL;
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *certificate = chain ? read_certificate(path, chain, error, size) : NULL;
	EVP_PKEY *key = certificate ? read_key(key_path, error, size) : NULL;

	if (key && pair_fits(certificate, key, path, key_path, error, size))
		identity = identity_make(certificate, chain, key);
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

/* The text of an alternative name must not reach the configuration parser: a comma in it would begin another one. */
static bool mint_add_name(X509 *minted, const char *name, const struct address *address)
{
	const bool named = *name != '\0';
	const size_t octets = address->family == FAMILY_IPV6 ? 16 : 4;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *entry = GENERAL_NAME_new();
	ASN1_STRING *text = named ? (ASN1_STRING *)ASN1_IA5STRING_new() : (ASN1_STRING *)ASN1_OCTET_STRING_new();
	bool done = names && entry && text;

	if (done)
		done = named ? ASN1_STRING_set(text, name, (int)strlen(name))
			     : ASN1_STRING_set(text, address->octets, (int)octets);
	if (done) {
		GENERAL_NAME_set0_value(entry, named ? GEN_DNS : GEN_IPADD, text);
		text = NULL;
		done = sk_GENERAL_NAME_push(names, entry) > 0;
		if (done)
			entry = NULL;
	}
	if (done)
		done = X509_add1_ext_i2d(minted, NID_subject_alt_name, names, 1, 0) == 1;
	ASN1_STRING_free(text);
	GENERAL_NAME_free(entry);
	GENERAL_NAMES_free(names);
	return done;
}

/* The subject and the names of server's certificate. */
static bool mint_copy_names(X509 *minted, X509 *server)
{
	const int at = X509_get_ext_by_NID(server, NID_subject_alt_name, -1);
	const ASN1_TIME *end = X509_get0_notAfter(server);

	if (!X509_set_subject_name(minted, X509_get_subject_name(server)))
		return false;
	if (at >= 0 && !X509_add_ext(minted, X509_get_ext(server, at), -1))
		return false;
	return X509_set1_notAfter(minted, end) == 1;
}

static bool mint_end_with(X509 *minted, X509 *issuer)
{
	if (ASN1_TIME_compare(X509_get0_notAfter(minted), X509_get0_notAfter(issuer)) <= 0)
		return true;
	return X509_set1_notAfter(minted, X509_get0_notAfter(issuer)) == 1;
}

/* Some authorities have no identifier of their key to point to. */
static bool mint_name_issuer_key(X509 *minted, X509 *issuer)
{
	return X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) < 0 ||
	       certs_add_extension(minted, issuer, NID_authority_key_identifier, "keyid");
}

static X509 *certs_mint(struct certs *certs, X509 *server, const char *name, const struct address *address, bool trusted)
{
	X509 *issuer = trusted ? certs->authority : certs->distrusted;
	EVP_PKEY *issuer_key = trusted ? certs->authority_key : certs->distrusted_key;
	X509 *minted = certs_draft(certs->leaf_key, MINTED_SECONDS);
	bool done = minted != NULL;

	if (done)
		done = server ? mint_copy_names(minted, server) : mint_add_name(minted, name, address);
	if (done && mint_end_with(minted, issuer) && X509_set_issuer_name(minted, X509_get_subject_name(issuer)) &&
	    certs_add_extension(minted, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	    certs_add_extension(minted, issuer, NID_key_usage, "critical,digitalSignature") &&
	    certs_add_extension(minted, issuer, NID_ext_key_usage, "serverAuth") &&
	    certs_add_extension(minted, issuer, NID_subject_key_identifier, "hash") &&
	    mint_name_issuer_key(minted, issuer) &&
	    certs_sign(minted, issuer_key)) {
		certs->refusal = trusted ? certs_judge(minted, issuer, certs->authority_rest) : NULL;
		if (!certs->refusal)
			return minted;
	}
	X509_free(minted);
	ERR_clear_error();
	return NULL;
}

/* Mints one, so that an authority that clients would not believe is known before the first of them comes. */
static bool certs_try_authority(struct certs *certs, const char *path, char *error, size_t size)
{
	char name[CERTS_NAME_MAX];
	struct address address;
	X509 *minted;

	certs_trial(certs->authority, name, sizeof(name), &address);
	minted = certs_mint(certs, NULL, name, &address, true);
	if (!minted)
		snprintf(error, size, "clients would refuse what %s signs: %s; it must be allowed to sign, for these"
			 " names, and be as strong as clients demand", path,
			 certs->refusal ? certs->refusal : "it can't sign with its key");
	X509_free(minted);
	return minted != NULL;
}

static bool certs_read_authority(struct certs *certs, const char *path, const char *key_path, char *error, size_t size)
{
	certs->authority_rest = sk_X509_new_null();
	certs->authority = certs->authority_rest ? read_certificate(path, certs->authority_rest, error, size) : NULL;
	if (!certs->authority)
		return false;
	certs->authority_key = read_key(key_path, error, size);
	if (!certs->authority_key || !pair_fits(certs->authority, certs->authority_key, path, key_path, error, size))
		return false;
	if (X509_check_ca(certs->authority) <= 0) {
		snprintf(error, size, "%s is no certificate of an authority; make one with \"ftpalg ca init\"", path);
		return false;
	}
	certs->leaf_key = EVP_EC_gen("P-256");
	certs->distrusted_key = EVP_EC_gen("P-256");
	if (certs->distrusted_key)
		certs->distrusted = certs_make_authority(certs->distrusted_key,
							 "UNTRUSTED: the server's certificate is bad", MINTED_SECONDS);
	if (certs->leaf_key && certs->distrusted)
		return certs_try_authority(certs, path, error, size);
	snprintf(error, size, "can't make keys: %s", certs_reason());
	return false;
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
		done = certs_read_authority(certs, ca_certificate, ca_key, error, size);
	if (done)
		return certs;
	certs_close(certs);
	return NULL;
}

void certs_close(struct certs *certs)
{
	if (!certs)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++)
		certs_identity_drop(certs->cache[i].identity);
	for (size_t i = 0; i < certs->added_count; i++)
		certs_identity_drop(certs->added[i]);
	OPENSSL_free(certs->added);
	certs_identity_drop(certs->given);
	X509_free(certs->authority);
	sk_X509_pop_free(certs->authority_rest, X509_free);
	EVP_PKEY_free(certs->authority_key);
	X509_free(certs->distrusted);
	EVP_PKEY_free(certs->distrusted_key);
	EVP_PKEY_free(certs->leaf_key);
	OPENSSL_free(certs);
}

/* What a minted certificate depends on, hashed. */
static bool cache_key(X509 *server, const char *name, const struct address *address, bool trusted, uint8_t *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	const uint8_t kind[2] = { trusted, server != NULL };
	bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(context, kind, sizeof(kind));

	if (done && server)
		done = X509_digest(server, EVP_sha256(), digest, &length) && EVP_DigestUpdate(context, digest, length);
	else if (done && *name)
		done = EVP_DigestUpdate(context, name, strlen(name));
	else if (done)
		done = EVP_DigestUpdate(context, address, sizeof(*address));
	if (done)
		done = EVP_DigestFinal_ex(context, key, NULL);
	EVP_MD_CTX_free(context);
	return done;
}

static struct cache_row *cache_find(struct certs *certs, const uint8_t *key)
{
	struct cache_row *oldest = &certs->cache[0];

	for (size_t i = 0; i < CACHE_SIZE; i++) {
		struct cache_row *row = &certs->cache[i];

		if (row->used && memcmp(row->key, key, CACHE_KEY_SIZE) == 0)
			return row;
		if (row->used < oldest->used)
			oldest = row;
	}
	certs_identity_drop(oldest->identity);
	oldest->identity = NULL;
	oldest->used = 0;
	memcpy(oldest->key, key, CACHE_KEY_SIZE);
	return oldest;
}

static struct certs_identity *certs_find_minted(struct certs *certs, X509 *server, const char *name,
						const struct address *address, bool trusted)
{
	uint8_t key[EVP_MAX_MD_SIZE];
	struct cache_row *row;
	X509 *minted;

	if (!cache_key(server, name, address, trusted, key))
		return NULL;
	row = cache_find(certs, key);
	if (row->identity && X509_cmp_current_time(X509_get0_notAfter(row->identity->certificate)) <= 0) {
		certs_identity_drop(row->identity);
		row->identity = NULL;
	}
	if (!row->identity) {
		minted = certs_mint(certs, server, name, address, trusted);
		row->identity = minted ? identity_make(minted, trusted ? certs_chain_to_send(certs->authority,
											    certs->authority_rest)
								       : NULL, certs->leaf_key) : NULL;
		if (row->identity)
			EVP_PKEY_up_ref(certs->leaf_key);
		else
			X509_free(minted);
	}
	row->used = row->identity ? ++certs->clock : 0;
	if (row->identity)
		certs_identity_hold(row->identity);
	return row->identity;
}

const char *certs_refusal(const struct certs *certs)
{
	return certs->refusal;
}

static bool is_current(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static struct certs_identity *hold_if_current(struct certs_identity *identity)
{
	if (!is_current(identity->certificate))
		return NULL;
	certs_identity_hold(identity);
	return identity;
}

struct certs_identity *certs_find_added(struct certs *certs, size_t number)
{
	return number < certs->added_count && certs->added[number] ? hold_if_current(certs->added[number]) : NULL;
}

struct certs_identity *certs_find(struct certs *certs, X509 *server, const char *name, const struct address *address,
				  bool trusted)
{
	/*
	 * A given certificate is the operator's word for the servers behind the gateway. It must not speak for a server
	 * whose own certificate is bad.
	 */
	certs->refusal = NULL;
	if (certs->given && trusted)
		return hold_if_current(certs->given);
	if (!certs->authority || !is_current(certs->authority))
		return NULL;
	return certs_find_minted(certs, server, name, address, trusted);
}
