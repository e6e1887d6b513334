/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stapled OCSP responses, of a server that an authority vouches for: what they say, who says it, of what and when. */
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "authority_kit.h"
#include "encounter_kit.h"
#include "tls/certs_internal.h"
#include "tls/internal.h"
#include "unit.h"

#define DAY 86400L
#define DEMANDED "the certificate demands a stapled OCSP response (must-staple), and there is no good one"
#define REVOKED "certificate revoked, says the OCSP response that the server has stapled"

/* One answer, and what may be wrong with it. */
struct response {
	int status;
	long from; /* seconds from now */
	long until; /* 0: it says nothing of the next one */
	bool by_stranger;
	bool of_another;
	bool sha256; /* names the certificate by it, and not by SHA-1 */
	int certificates; /* that it brings along */
};

struct staple {
	struct encounter encounter;
	X509 *authority;
	EVP_PKEY *authority_key;
	X509 *certificate;
	EVP_PKEY *key;
	unsigned char *response;
	int length;
};

static const struct response good = { .status = V_OCSP_CERTSTATUS_GOOD, .from = -DAY, .until = DAY };

/* feature: what the server's certificate says in its extension "TLS feature", or NULL. */
static void staple_open(struct staple *staple, const char *feature)
{
	char error[AUTHORITY_ERROR_MAX];

	*staple = (struct staple){ .key = EVP_EC_gen("P-256") };
	encounter_open(&staple->encounter, "", "");
	staple->authority = certs_read_certificate(authority_ca_path, NULL, error, sizeof(error));
	staple->authority_key = certs_read_key(authority_key_path, error, sizeof(error));
	staple->certificate = certs_draft(staple->key, DAY);
	assert_non_null(staple->certificate);
	assert_int_equal(X509_set_issuer_name(staple->certificate, X509_get_subject_name(staple->authority)), 1);
	if (feature)
		assert_true(certs_add_extension(staple->certificate, staple->authority, NID_tlsfeature, feature));
	assert_true(certs_add_extension(staple->certificate, staple->authority, NID_subject_alt_name, "critical,DNS:ftp.test"));
	assert_true(certs_sign(staple->certificate, staple->authority_key));
	assert_int_equal(SSL_CTX_use_cert_and_key(staple->encounter.context, staple->certificate, staple->key, NULL, 1), 1);
}

static void staple_close(struct staple *staple)
{
	encounter_close(&staple->encounter);
	X509_free(staple->authority);
	X509_free(staple->certificate);
	EVP_PKEY_free(staple->authority_key);
	EVP_PKEY_free(staple->key);
	OPENSSL_free(staple->response);
}

static void add_answer(const struct staple *staple, OCSP_BASICRESP *basic, const struct response *response)
{
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
	ASN1_TIME *from = X509_gmtime_adj(NULL, response->from);
	ASN1_TIME *until = response->until ? X509_gmtime_adj(NULL, response->until) : NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(response->sha256 ? EVP_sha256() : NULL,
					  response->of_another ? staple->authority : staple->certificate, staple->authority);

	assert_non_null(OCSP_basic_add1_status(basic, id, response->status, 0,
					       response->status == V_OCSP_CERTSTATUS_REVOKED ? now : NULL, from, until));
	OCSP_CERTID_free(id);
	ASN1_TIME_free(now);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
}

static void staple_respond(struct staple *staple, const struct response *response)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	X509 *stranger = certs_make_authority(staple->key, "stranger", DAY);
	OCSP_RESPONSE *whole;

	add_answer(staple, basic, response);
	assert_int_equal(OCSP_basic_sign(basic, response->by_stranger ? stranger : staple->authority,
					 response->by_stranger ? staple->key : staple->authority_key, EVP_sha256(), NULL, 0),
			 1);
	for (int i = 0; i < response->certificates; i++)
		assert_int_equal(OCSP_basic_add1_cert(basic, stranger), 1);
	whole = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	staple->length = i2d_OCSP_RESPONSE(whole, &staple->response);
	assert_true(staple->length > 0);
	OCSP_RESPONSE_free(whole);
	OCSP_BASICRESP_free(basic);
	X509_free(stranger);
}

static int show_response(SSL *ssl, void *context)
{
	const struct staple *staple = context;
	unsigned char *copy;

	if (staple->length == 0)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(staple->response, (size_t)staple->length);
	assert_int_equal(SSL_set_tlsext_status_ocsp_resp(ssl, copy, staple->length), 1);
	return SSL_TLSEXT_ERR_OK;
}

/* What is said against a server whose certificate says feature, and that staples response, or nothing. */
static void expect_objection(const char *feature, const struct response *response, int version, const char *expected)
{
	struct staple staple;
	const char *objection;

	staple_open(&staple, feature);
	if (response)
		staple_respond(&staple, response);
	assert_int_equal(SSL_CTX_set_max_proto_version(staple.encounter.context, version), 1);
	SSL_CTX_set_tlsext_status_cb(staple.encounter.context, show_response);
	SSL_CTX_set_tlsext_status_arg(staple.encounter.context, &staple);
	assert_int_equal(encounter_meet(&staple.encounter), TLS_DONE);
	objection = tls_stream_objection(staple.encounter.stream);
	if (expected)
		assert_string_equal(objection ? objection : "nothing", expected);
	else
		assert_null(objection);
	staple_close(&staple);
}

static void expect_both(const char *feature, const struct response *response, const char *expected)
{
	expect_objection(feature, response, TLS1_3_VERSION, expected);
	expect_objection(feature, response, TLS1_2_VERSION, expected);
}

static void a228_a_certificate_that_demands_a_response_is_bad_without(void **state)
{
	(void)state;
	expect_both("status_request", NULL, DEMANDED);
	expect_both("24, status_request", NULL, DEMANDED);
	expect_both("status_request", &good, NULL);
}

static void a228_one_that_demands_nothing_needs_none(void **state)
{
	(void)state;
	expect_both(NULL, NULL, NULL);
	expect_both(NULL, &good, NULL);
	/* Version 2 of the extension, for which no client here asks, and another feature. */
	expect_both("status_request_v2, 24", NULL, NULL);
}

static void a228_a_revoked_certificate_is_bad_whatever_it_demands(void **state)
{
	struct response response = good;

	(void)state;
	response.status = V_OCSP_CERTSTATUS_REVOKED;
	expect_both(NULL, &response, REVOKED);
	expect_both("status_request", &response, REVOKED);
}

static void a228_a_response_without_worth_is_none(void **state)
{
	struct response old = good, early = good, stranger = good, another = good, unknown = good, forged = good;

	(void)state;
	old.until = -3600;
	early.from = DAY;
	early.until = 2 * DAY;
	stranger.by_stranger = true;
	another.of_another = true;
	unknown.status = V_OCSP_CERTSTATUS_UNKNOWN;
	expect_both("status_request", &old, DEMANDED);
	expect_both("status_request", &early, DEMANDED);
	expect_both("status_request", &stranger, DEMANDED);
	expect_both("status_request", &another, DEMANDED);
	expect_both("status_request", &unknown, DEMANDED);
	expect_both(NULL, &old, NULL);
	/* Or anybody could have a server refused. */
	forged.by_stranger = true;
	forged.status = V_OCSP_CERTSTATUS_REVOKED;
	expect_both(NULL, &forged, NULL);
}

static void a228_a_response_that_names_no_next_one_is_good_for_a_day(void **state)
{
	struct response response = good;

	(void)state;
	response.until = 0;
	response.from = -3600;
	expect_both("status_request", &response, NULL);
	response.from = -DAY - 3600;
	expect_both("status_request", &response, DEMANDED);
}

/* Each has a key that somebody would have to compute with. */
static void a228_a_response_with_many_certificates_is_not_looked_into(void **state)
{
	struct response response = good;

	(void)state;
	response.certificates = 3;
	expect_both("status_request", &response, NULL);
	response.certificates = 4;
	expect_both("status_request", &response, DEMANDED);
}

static void a_certificate_may_be_named_by_any_digest(void **state)
{
	struct response response = good;

	(void)state;
	response.sha256 = true;
	expect_both("status_request", &response, NULL);
}

static void a228_what_is_no_response_is_none(void **state)
{
	static unsigned char noise[] = { 0x30, 0x82, 0x40, 0x00, 0x0a, 0x01, 0x00 };

	(void)state;
	for (int length = 1; length <= (int)sizeof(noise); length++) {
		struct staple staple;

		staple_open(&staple, "status_request");
		staple.response = OPENSSL_memdup(noise, sizeof(noise));
		staple.length = length;
		SSL_CTX_set_tlsext_status_cb(staple.encounter.context, show_response);
		SSL_CTX_set_tlsext_status_arg(staple.encounter.context, &staple);
		assert_int_equal(encounter_meet(&staple.encounter), TLS_DONE);
		assert_string_equal(tls_stream_objection(staple.encounter.stream), DEMANDED);
		staple_close(&staple);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a228_a_certificate_that_demands_a_response_is_bad_without),
		cmocka_unit_test(a228_one_that_demands_nothing_needs_none),
		cmocka_unit_test(a228_a_revoked_certificate_is_bad_whatever_it_demands),
		cmocka_unit_test(a228_a_response_without_worth_is_none),
		cmocka_unit_test(a228_a_response_that_names_no_next_one_is_good_for_a_day),
		cmocka_unit_test(a228_a_response_with_many_certificates_is_not_looked_into),
		cmocka_unit_test(a_certificate_may_be_named_by_any_digest),
		cmocka_unit_test(a228_what_is_no_response_is_none),
	};

	return cmocka_run_group_tests(tests, authority_make, authority_remove);
}
