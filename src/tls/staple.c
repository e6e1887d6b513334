/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stapled OCSP response (RFC 6066 8), which a server shows beside its certificate: the proxy asks for one, since its
 * clients no longer can. Nobody is asked over the network, and no certificate needs one unless it says so. A response is
 * judged after the chain, so only a server that an anchor vouches for causes any computing, within the bounds of
 * certificates (bounds.c).
 *
 *                                        the chain demands one (RFC 7633)    it does not
 *   none                                 bad                                 good
 *   not to be read, out of date,         bad                                 good, as with most clients: anybody who
 *     by a stranger, of another                                                could alter it could leave it out
 *     certificate, or "unknown"
 *   "revoked"                            bad                                 bad
 *   "good"                               good                                good
 *
 * A certificate demands one by naming status_request. So does an authority, by naming it in its own certificate: what it
 * signs has to have the feature too. The extension's second version is in no ClientHello, so naming that demands nothing.
 */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "tls/internal.h"

/*
 * The longest message of TLS 1.2 that OpenSSL takes; responses have some hundred bytes, or two thousand with a certificate.
 */
#define RESPONSE_BYTES_MAX 16384
#define RESPONSE_CERTIFICATES_MAX 4
#define RESPONSE_ANSWERS_MAX 16
#define CLOCKS_DIFFER_SECONDS 300L
/* For a response that does not say when the next one comes. */
#define RESPONSE_AGE_MAX 86400L

enum staple {
	STAPLE_USELESS,
	STAPLE_GOOD,
	STAPLE_REVOKED,
};

static bool certificate_demands(X509 *certificate)
{
	TLS_FEATURE *features = X509_get_ext_d2i(certificate, NID_tlsfeature, NULL, NULL);
	bool demands = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		demands = demands || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
	TLS_FEATURE_free(features);
	return demands;
}

static bool chain_demands(STACK_OF(X509) *chain)
{
	bool demands = false;

	for (int i = 0; i < sk_X509_num(chain); i++)
		demands = demands || certificate_demands(sk_X509_value(chain, i));
	return demands;
}

/* NULL: there is none, or one that should not be looked into. */
static OCSP_BASICRESP *staple_read(SSL *ssl)
{
	const unsigned char *data;
	const long length = SSL_get_tlsext_status_ocsp_resp(ssl, &data);
	OCSP_RESPONSE *response = length > 0 && length <= RESPONSE_BYTES_MAX ? d2i_OCSP_RESPONSE(NULL, &data, length) : NULL;
	OCSP_BASICRESP *basic = NULL;
	bool modest;

	if (response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	OCSP_RESPONSE_free(response);
	if (!basic)
		return NULL;
	modest = OCSP_resp_count(basic) <= RESPONSE_ANSWERS_MAX &&
		 sk_X509_num(OCSP_resp_get0_certs(basic)) <= RESPONSE_CERTIFICATES_MAX;
	for (int i = 0; modest && i < sk_X509_num(OCSP_resp_get0_certs(basic)); i++)
		modest = tls_bounds_take_key(sk_X509_value(OCSP_resp_get0_certs(basic), i));
	if (modest)
		return basic;
	OCSP_BASICRESP_free(basic);
	return NULL;
}

/* Is this answer about certificate? It may name it by any digest. */
static bool answer_is_about(const OCSP_SINGLERESP *answer, const X509 *certificate, const X509 *issuer)
{
	/* A copy, since OpenSSL looks into none that it can't change. */
	OCSP_CERTID *given = OCSP_CERTID_dup(OCSP_SINGLERESP_get0_id(answer));
	OCSP_CERTID *own = NULL;
	ASN1_OBJECT *digest = NULL;
	bool same;

	if (given && OCSP_id_get0_info(NULL, &digest, NULL, NULL, given) == 1 && EVP_get_digestbyobj(digest))
		own = OCSP_cert_to_id(EVP_get_digestbyobj(digest), certificate, issuer);
	same = own && OCSP_id_cmp(own, given) == 0;
	OCSP_CERTID_free(own);
	OCSP_CERTID_free(given);
	return same;
}

static enum staple staple_find(OCSP_BASICRESP *basic, const X509 *certificate, const X509 *issuer)
{
	enum staple found = STAPLE_USELESS;

	for (int i = 0; i < OCSP_resp_count(basic) && found != STAPLE_REVOKED; i++) {
		OCSP_SINGLERESP *answer = OCSP_resp_get0(basic, i);
		ASN1_GENERALIZEDTIME *from = NULL;
		ASN1_GENERALIZEDTIME *until = NULL;
		const int status = OCSP_single_get0_status(answer, NULL, NULL, &from, &until);

		if (!answer_is_about(answer, certificate, issuer) ||
		    OCSP_check_validity(from, until, CLOCKS_DIFFER_SECONDS, until ? -1 : RESPONSE_AGE_MAX) != 1)
			continue;
		if (status == V_OCSP_CERTSTATUS_REVOKED)
			found = STAPLE_REVOKED;
		else if (status == V_OCSP_CERTSTATUS_GOOD)
			found = STAPLE_GOOD;
	}
	return found;
}

static enum staple staple_judge(SSL *ssl, STACK_OF(X509) *chain)
{
	X509_STORE *anchors = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	X509 *certificate = sk_X509_value(chain, 0);
	/* A certificate that is itself an anchor has issued itself, or its issuer is not known. */
	X509 *issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : certificate;
	OCSP_BASICRESP *basic = staple_read(ssl);
	enum staple found = STAPLE_USELESS;

	if (basic && OCSP_basic_verify(basic, chain, anchors, 0) == 1)
		found = staple_find(basic, certificate, issuer);
	OCSP_BASICRESP_free(basic);
	return found;
}

bool staple_ask(SSL *ssl)
{
	return SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) == 1;
}

const char *staple_objection(SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const char *objection = NULL;

	if (SSL_get_verify_result(ssl) == X509_V_OK && sk_X509_num(chain) > 0) {
		const enum staple found = staple_judge(ssl, chain);

		if (found == STAPLE_REVOKED)
			objection = "certificate revoked, says the OCSP response that the server has stapled";
		else if (found == STAPLE_USELESS && chain_demands(chain))
			objection = "the certificate demands a stapled OCSP response (must-staple), and there is no good one";
	}
	/* A control connection lives long, and the response is not read again. */
	SSL_set_tlsext_status_ocsp_resp(ssl, NULL, 0);
	ERR_clear_error();
	return objection;
}
