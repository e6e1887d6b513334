/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server may choose, and make us compute with. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

#include "authority_kit.h"
#include "encounter_kit.h"
#include "tls/certs_internal.h"
#include "tls/internal.h"
#include "unit.h"

/* A number of so many bits, which is nothing else. */
static BIGNUM *number_make(int bits)
{
	BIGNUM *number = BN_new();

	assert_non_null(number);
	assert_int_equal(BN_rand(number, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	return number;
}

static EVP_PKEY *key_from(const char *kind, int selection, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, selection, parameters), 1);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

/* A server of TLS 1.2 that knows nothing but finite fields, and has this one. */
static void offer_field(struct encounter *encounter, const char *group)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key;

	assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0), 1);
	key = key_from("DH", EVP_PKEY_KEY_PARAMETERS, builder);
	assert_int_equal(SSL_CTX_set0_tmp_dh_pkey(encounter->context, key), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(encounter->context, TLS1_2_VERSION), 1);
	assert_int_equal(SSL_CTX_set_cipher_list(encounter->context, "DHE+AESGCM:@SECLEVEL=0"), 1);
}

/* The certificate that a server with finite fields needs: they go with RSA alone. */
static void show_rsa(struct encounter *encounter)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *certificate = certs_make_authority(key, "somebody", 1000);

	assert_non_null(certificate);
	assert_int_equal(SSL_CTX_use_cert_and_key(encounter->context, certificate, key, NULL, 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void a162_finite_fields_are_named_by_the_operator_or_not_used(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "", "");
	show_rsa(&encounter);
	offer_field(&encounter, "ffdhe2048");
	assert_int_equal(encounter_meet(&encounter), TLS_FAILED);
	encounter_close(&encounter);
	encounter_open(&encounter, "DHE+AESGCM", "");
	show_rsa(&encounter);
	offer_field(&encounter, "ffdhe2048");
	assert_int_equal(encounter_meet(&encounter), TLS_DONE);
	encounter_close(&encounter);
}

static void a162_a_large_field_is_refused(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "DHE+AESGCM", "");
	show_rsa(&encounter);
	offer_field(&encounter, "ffdhe6144");
	assert_int_equal(encounter_meet(&encounter), TLS_FAILED);
	assert_string_equal(tls_stream_error(encounter.stream), "the server's Diffie-Hellman group is too large");
	encounter_close(&encounter);
}

static void a162_tls_1_3_has_no_finite_fields_either(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "", "");
	assert_int_equal(SSL_CTX_set1_groups_list(encounter.context, "ffdhe2048"), 1);
	assert_int_equal(encounter_meet(&encounter), TLS_FAILED);
	encounter_close(&encounter);
	encounter_open(&encounter, "", "X25519:ffdhe2048");
	assert_int_equal(SSL_CTX_set1_groups_list(encounter.context, "ffdhe2048"), 1);
	assert_int_equal(encounter_meet(&encounter), TLS_DONE);
	encounter_close(&encounter);
}

/* Behind the server's own, a certificate with an RSA key of so many bits, which somebody else's key has signed. */
static void show_key(struct encounter *encounter, int bits)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = number_make(bits);
	EVP_PKEY *signer = EVP_EC_gen("P-256");
	EVP_PKEY *key;
	X509 *certificate;

	assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, 65537), 1);
	key = key_from("RSA", EVP_PKEY_PUBLIC_KEY, builder);
	certificate = certs_draft(key, 1000);
	assert_non_null(certificate);
	assert_true(X509_sign(certificate, signer, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_add_extra_chain_cert(encounter->context, certificate), 1);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
	BN_free(modulus);
}

static void a162_a_large_key_in_a_chain_is_refused(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "", "");
	show_key(&encounter, 8192);
	assert_int_equal(encounter_meet(&encounter), TLS_DONE);
	encounter_close(&encounter);
	encounter_open(&encounter, "", "");
	show_key(&encounter, 8200);
	assert_int_equal(encounter_meet(&encounter), TLS_FAILED);
	assert_string_equal(tls_stream_error(encounter.stream), "a key in the server's certificates is too large");
	encounter_close(&encounter);
}

static void a162_a_long_chain_is_refused(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "", "");
	for (int i = 0; i < 9; i++)
		show_key(&encounter, 2048);
	assert_int_equal(encounter_meet(&encounter), TLS_DONE);
	encounter_close(&encounter);
	encounter_open(&encounter, "", "");
	for (int i = 0; i < 10; i++)
		show_key(&encounter, 2048);
	assert_int_equal(encounter_meet(&encounter), TLS_FAILED);
	assert_string_equal(tls_stream_error(encounter.stream), "the server shows too many certificates");
	encounter_close(&encounter);
}

/* What is bounded is judged as ever, by whoever asks. */
static void a_certificate_of_nobody_ends_no_handshake(void **state)
{
	struct encounter encounter;

	(void)state;
	encounter_open(&encounter, "", "");
	show_rsa(&encounter);
	assert_int_equal(encounter_meet(&encounter), TLS_DONE);
	assert_non_null(tls_stream_objection(encounter.stream));
	encounter_close(&encounter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a162_finite_fields_are_named_by_the_operator_or_not_used),
		cmocka_unit_test(a162_a_large_field_is_refused),
		cmocka_unit_test(a162_tls_1_3_has_no_finite_fields_either),
		cmocka_unit_test(a162_a_large_key_in_a_chain_is_refused),
		cmocka_unit_test(a162_a_long_chain_is_refused),
		cmocka_unit_test(a_certificate_of_nobody_ends_no_handshake),
	};

	return cmocka_run_group_tests(tests, authority_make, authority_remove);
}
