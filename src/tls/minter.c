/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * A minted certificate says what the server's own said: its subject, its names, and no longer validity. Only the key and the
 * signature are different. It is signed by the local authority where the server's certificate was good. Where that was bad
 * and the configuration lets it pass, it is signed by a second authority, which each process makes for itself and writes
 * nowhere, so no client can trust it: a bad certificate stays visibly bad.
 *
 * Everything in it but the names, the validity and the key is decided here, so an order can't have an authority made, nor
 * another purpose, nor anything that outlives the authority.
 */
#include "tls/minter.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tls/certs_internal.h"
#include "tls/mint_order.h"

#define MINTER_NAME_MAX 256
/* The validity of what is minted without a server's certificate to take it from. */
#define MINTED_DAY 86400L
#define MINTED_SECONDS (7 * MINTED_DAY)
/* The end of the year 9999 (RFC 5280 4.1.2.5). */
#define MINTED_LAST INT64_C(253402300799)

struct minter {
	X509 *authority;
	STACK_OF(X509) *rest; /* its file's other certificates, which lead to a root */
	EVP_PKEY *key;
	X509 *distrusted;
	EVP_PKEY *distrusted_key;
};

static EVP_PKEY *public_key(const uint8_t *point)
{
	char group[] = "P-256";
	uint8_t copy[MINT_POINT_SIZE];
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(copy, point, sizeof(copy));
	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* The text of an alternative name must not reach the configuration parser: a comma in it would begin another one. */
static bool names_add(GENERAL_NAMES *names, const struct mint_name *name)
{
	const bool host = name->kind == MINT_DNS;
	GENERAL_NAME *entry = GENERAL_NAME_new();
	ASN1_STRING *text = host ? (ASN1_STRING *)ASN1_IA5STRING_new() : (ASN1_STRING *)ASN1_OCTET_STRING_new();
	bool done = entry && text && ASN1_STRING_set(text, name->text.data, (int)name->text.length) == 1;

	if (done) {
		GENERAL_NAME_set0_value(entry, host ? GEN_DNS : GEN_IPADD, text);
		text = NULL;
		done = sk_GENERAL_NAME_push(names, entry) > 0;
		if (done)
			entry = NULL;
	}
	ASN1_STRING_free(text);
	GENERAL_NAME_free(entry);
	return done;
}

static bool mint_set_names(X509 *minted, const struct mint_order *order)
{
	X509_NAME *subject = X509_get_subject_name(minted);
	struct bytes rest = { order->entries, order->length };
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct mint_name name;
	bool done = names != NULL;

	while (done && mint_order_next(&rest, &name))
		done = name.kind >= MINT_SUBJECT
			? X509_NAME_add_entry_by_NID(subject, mint_attributes[name.kind - MINT_SUBJECT], MBSTRING_UTF8,
						     name.text.data, (int)name.text.length, -1, 0) == 1
			: names_add(names, &name);
	/* RFC 5280 4.2.1.6: critical where the subject is empty. */
	if (done && sk_GENERAL_NAME_num(names) > 0)
		done = X509_add1_ext_i2d(minted, NID_subject_alt_name, names, X509_NAME_entry_count(subject) == 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return done;
}

/* Times are days and seconds from 1970 on: a time_t of 32 bits ends in 2038. */
static bool mint_set_end(X509 *minted, int64_t end, const X509 *issuer)
{
	const int64_t last = end < MINTED_LAST ? end : MINTED_LAST;

	if (end && !ASN1_TIME_adj(X509_getm_notAfter(minted), 0, (int)(last / MINTED_DAY), (long)(last % MINTED_DAY)))
		return false;
	return ASN1_TIME_compare(X509_get0_notAfter(minted), X509_get0_notAfter(issuer)) <= 0 ||
	       X509_set1_notAfter(minted, X509_get0_notAfter(issuer)) == 1;
}

/* Some authorities have no identifier of their key to point to. */
static bool mint_name_issuer_key(X509 *minted, X509 *issuer)
{
	return X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) < 0 ||
	       certs_add_extension(minted, issuer, NID_authority_key_identifier, "keyid");
}

static X509 *mint_sign(const struct minter *minter, const struct mint_order *order)
{
	X509 *issuer = order->trusted ? minter->authority : minter->distrusted;
	EVP_PKEY *key = public_key(order->point);
	X509 *minted = key ? certs_draft(key, MINTED_SECONDS) : NULL;
	bool done = minted && mint_set_names(minted, order) && mint_set_end(minted, order->end, issuer);

	done = done && X509_set_issuer_name(minted, X509_get_subject_name(issuer)) &&
	       certs_add_extension(minted, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       certs_add_extension(minted, issuer, NID_key_usage, "critical,digitalSignature") &&
	       certs_add_extension(minted, issuer, NID_ext_key_usage, "serverAuth") &&
	       certs_add_extension(minted, issuer, NID_subject_key_identifier, "hash") &&
	       mint_name_issuer_key(minted, issuer) &&
	       certs_sign(minted, order->trusted ? minter->key : minter->distrusted_key);
	EVP_PKEY_free(key);
	if (done)
		return minted;
	X509_free(minted);
	return NULL;
}

static bool answer_put(struct mint_answer *answer, X509 *minted)
{
	const int length = i2d_X509(minted, NULL);
	uint8_t *out = answer->certificate;

	if (length <= 0 || length > MINT_CERTIFICATE_MAX)
		return false;
	answer->length = (uint32_t)i2d_X509(minted, &out);
	return true;
}

void minter_mint(struct minter *minter, const struct mint_order *order, struct mint_answer *answer)
{
	X509 *minted = mint_sign(minter, order);
	const char *refusal = minted ? NULL : "it can't be signed with the authority's key";

	memset(answer, 0, sizeof(*answer));
	answer->number = order->number;
	if (minted && order->trusted)
		refusal = certs_judge(minted, minter->authority, minter->rest);
	if (!refusal && !answer_put(answer, minted))
		refusal = "it has too many names";
	if (refusal) {
		answer->result = MINT_REFUSED;
		snprintf(answer->text, sizeof(answer->text), "%s", refusal);
	}
	X509_free(minted);
	ERR_clear_error();
}

/* Mints one, to find out whether clients will believe the authority before the first of them comes. */
static bool minter_try(struct minter *minter, const char *path, char *error, size_t size)
{
	struct mint_order order;
	struct mint_answer answer;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char name[MINTER_NAME_MAX];
	struct address address;
	bool done;

	certs_trial(minter->authority, name, sizeof(name), &address);
	done = key && mint_order_fill(&order, NULL, name, &address, key, true);
	EVP_PKEY_free(key);
	if (done)
		minter_mint(minter, &order, &answer);
	if (done && answer.result == MINT_DONE)
		return true;
	snprintf(error, size, "clients would refuse what %s signs: %s; it must be allowed to sign, for these names, and be"
		 " as strong as clients demand", path, done ? answer.text : "no memory");
	return false;
}

static bool minter_read(struct minter *minter, const char *path, const char *key_path, char *error, size_t size)
{
	minter->rest = sk_X509_new_null();
	minter->authority = minter->rest ? certs_read_certificate(path, minter->rest, error, size) : NULL;
	if (!minter->authority)
		return false;
	minter->key = certs_read_key(key_path, error, size);
	if (!minter->key || !certs_pair_fits(minter->authority, minter->key, path, key_path, error, size))
		return false;
	if (X509_check_ca(minter->authority) <= 0) {
		snprintf(error, size, "%s is no certificate of an authority; make one with \"ftpalg ca init\"", path);
		return false;
	}
	minter->distrusted_key = EVP_EC_gen("P-256");
	if (minter->distrusted_key)
		minter->distrusted = certs_make_authority(minter->distrusted_key,
							  "UNTRUSTED: the server's certificate is bad", MINTED_SECONDS);
	if (minter->distrusted)
		return minter_try(minter, path, error, size);
	snprintf(error, size, "can't make keys: %s", certs_reason());
	return false;
}

struct minter *minter_open(const char *certificate, const char *key, char *error, size_t size)
{
	struct minter *minter = OPENSSL_zalloc(sizeof(*minter));

	if (!minter) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	if (minter_read(minter, certificate, key, error, size))
		return minter;
	minter_close(minter);
	return NULL;
}

void minter_close(struct minter *minter)
{
	if (!minter)
		return;
	X509_free(minter->authority);
	sk_X509_pop_free(minter->rest, X509_free);
	EVP_PKEY_free(minter->key);
	X509_free(minter->distrusted);
	EVP_PKEY_free(minter->distrusted_key);
	OPENSSL_free(minter);
}
