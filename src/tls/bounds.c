/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server chooses, and the proxy computes with: its group for Diffie-Hellman, its certificates, their keys. All
 * sessions wait meanwhile, and nobody has to trust a server for it to make the proxy work. So each is bounded, before it is
 * used, by the most that servers of today have:
 *
 *   finite fields   none by default: elliptic curves will do (demand.c); where the operator names them, 4096 bits: a group
 *                   of 10,000, which OpenSSL accepts, costs a quarter of a second
 *   keys            8192 bits: RSA's cost 0.4 ms, and DSA's cost as much as the groups
 *   certificates    ten, in the 100 KiB that OpenSSL's own clients take: one may have thousands of names
 */
#include <openssl/x509.h>

#include "tls/internal.h"

#define FIELD_BITS_MAX 4096
#define KEY_BITS_MAX 8192
#define OTHER_KEY_BITS_MAX 4096 /* DSA's; curves have hundreds */
#define CHAIN_MAX 10
#define CHAIN_BYTES_MAX SSL_MAX_CERT_LIST_DEFAULT

/* The security callback. Its bits are those of strength, and say nothing of a group that is large and bad. */
static int judge_strength(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int identifier, void *other,
			  void *of)
{
	const struct tls_bounds *bounds = of;
	struct tls_stream *stream = ssl ? SSL_get_app_data(ssl) : NULL;

	if (operation == SSL_SECOP_TMP_DH && EVP_PKEY_get_bits(other) > FIELD_BITS_MAX) {
		if (stream)
			stream->excess = "the server's Diffie-Hellman group is too large";
		return 0;
	}
	return bounds->usual(ssl, context, operation, bits, identifier, other, NULL);
}

bool tls_bounds_take_key(X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);
	const bool rsa = key && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"));

	/* A key that can't be read is refused elsewhere. */
	return !key || EVP_PKEY_get_bits(key) <= (rsa ? KEY_BITS_MAX : OTHER_KEY_BITS_MAX);
}

static const char *find_excess(X509_STORE_CTX *chain)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(chain);

	if (sk_X509_num(sent) > CHAIN_MAX)
		return "the server shows too many certificates";
	for (int i = 0; i < sk_X509_num(sent); i++)
		if (!tls_bounds_take_key(sk_X509_value(sent, i)))
			return "a key in the server's certificates is too large";
	return NULL;
}

/* Whether the chain is good is found out later (tls_stream_objection), so that a bad certificate can be shown. */
static int verify_chain(X509_STORE_CTX *chain, void *context)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *stream = SSL_get_app_data(ssl);

	(void)context;
	stream->excess = find_excess(chain);
	if (!stream->excess) {
		X509_verify_cert(chain);
		return 1;
	}
	X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_CHAIN_TOO_LONG);
	return 0;
}

void tls_bounds_apply(SSL_CTX *context, struct tls_bounds *bounds)
{
	bounds->usual = SSL_CTX_get_security_callback(context);
	SSL_CTX_set0_security_ex_data(context, bounds);
	SSL_CTX_set_security_callback(context, judge_strength);
	SSL_CTX_set_cert_verify_callback(context, verify_chain, NULL);
	/* The callback's answer counts, and it is yes to everything that is within bounds. */
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
}
