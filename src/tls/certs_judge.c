/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Minted certificates are judged as clients will judge them. Where the keyUsage, pathlen, name constraints or weak signature
 * of a root, or of a subordinate authority, make clients refuse what it signs, that is found out here: at the start, and for
 * a single name when it is asked for.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/certs_internal.h"

/* What clients of today require: keys and digests of 112 bits (OpenSSL's security level 2). */
#define CLIENT_LEVEL 2
/* RFC 2606 2: a name that nobody has. */
#define TRIAL_NAME "ftpalg.invalid"

static bool is_root(X509 *certificate)
{
	return X509_self_signed(certificate, 0) == 1;
}

STACK_OF(X509) *certs_chain_to_send(X509 *authority, STACK_OF(X509) *rest)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	bool done = chain && (is_root(authority) || X509_add_cert(chain, authority, X509_ADD_FLAG_UP_REF) == 1);

	/* Clients have the root already, or will not believe it. */
	for (int i = 0; done && i < sk_X509_num(rest); i++)
		done = is_root(sk_X509_value(rest, i)) ||
		       X509_add_cert(chain, sk_X509_value(rest, i), X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) == 1;
	if (done)
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

/* What the client trusts: the roots in the file, else the authority itself. */
static bool add_anchors(X509_STORE *store, X509 *authority, STACK_OF(X509) *rest)
{
	bool rooted = is_root(authority);
	bool done = true;

	for (int i = 0; done && i < sk_X509_num(rest); i++) {
		if (!is_root(sk_X509_value(rest, i)))
			continue;
		done = X509_STORE_add_cert(store, sk_X509_value(rest, i)) == 1;
		rooted = true;
	}
	if (done && (!rooted || is_root(authority)))
		done = X509_STORE_add_cert(store, authority) == 1;
	if (done && !rooted)
		done = X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
	return done;
}

static const char *judge_in(X509_STORE_CTX *context, X509_STORE *store, X509 *minted, STACK_OF(X509) *chain)
{
	if (X509_STORE_CTX_init(context, store, minted, chain) != 1 ||
	    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1)
		return "no memory";
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), CLIENT_LEVEL);
	if (X509_verify_cert(context) == 1)
		return NULL;
	return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
}

const char *certs_judge(X509 *minted, X509 *authority, STACK_OF(X509) *rest)
{
	STACK_OF(X509) *chain = certs_chain_to_send(authority, rest);
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	const char *wrong = "no memory";

	if (chain && context && store && add_anchors(store, authority, rest))
		wrong = judge_in(context, store, minted, chain);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return wrong;
}

/* Takes the name or the address from one subtree that the authority may sign for. */
static bool trial_take(const GENERAL_SUBTREE *subtree, char *name, size_t size, struct address *address)
{
	const ASN1_STRING *text = subtree->base->type == GEN_DNS ? subtree->base->d.dNSName :
				  subtree->base->type == GEN_IPADD ? subtree->base->d.iPAddress : NULL;
	const uint8_t *data = text ? ASN1_STRING_get0_data(text) : NULL;
	const size_t length = text ? (size_t)ASN1_STRING_length(text) : 0;
	const bool below = length > 0 && data[0] == '.';

	if (subtree->base->type == GEN_DNS && length > 0 && length + 3 < size) {
		/* A name below the subtree is in it, with and without the dot (RFC 5280 4.2.1.10). */
		memcpy(name, below ? "ftp" : "ftp.", 4);
		memcpy(name + (below ? 3 : 4), data, length);
		name[length + (below ? 3 : 4)] = '\0';
		return true;
	}
	/* The address, and as many octets of its mask. */
	if (subtree->base->type == GEN_IPADD && (length == 8 || length == 32)) {
		name[0] = '\0';
		address->family = length == 8 ? FAMILY_IPV4 : FAMILY_IPV6;
		memcpy(address->octets, data, length / 2);
		return true;
	}
	return false;
}

void certs_trial(X509 *authority, char *name, size_t size, struct address *address)
{
	NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(authority, NID_name_constraints, NULL, NULL);
	const int count = constraints ? sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) : 0;
	bool taken = false;

	memset(address, 0, sizeof(*address));
	memcpy(name, TRIAL_NAME, sizeof(TRIAL_NAME));
	for (int i = 0; i < count && !taken; i++)
		taken = trial_take(sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i), name, size, address);
	NAME_CONSTRAINTS_free(constraints);
	ERR_clear_error();
}
