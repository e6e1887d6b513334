/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Minted certificates, read back with OpenSSL: for whom they are, who signed them, how long they last. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/authority.h"
#include "tls/certs.h"
#include "tls/certs_internal.h"
#include "authority_kit.h"
#include "unit.h"

static struct certs *open_certs(void)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct certs *certs = certs_open(NULL, NULL, authority_ca_path, authority_key_path, error, sizeof(error));

	if (!certs)
		fail_msg("%s", error);
	return certs;
}

/* A server's certificate, signed by itself, for www.example and an address. */
static X509 *server_certificate(long seconds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = certs_draft(key, seconds);

	assert_non_null(certificate);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"server", -1,
				   -1, 0);
	assert_true(certs_add_extension(certificate, certificate, NID_subject_alt_name,
					"DNS:www.example,IP:203.0.113.9"));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	return certificate;
}

/* Where the authority's key is in this process, nobody waits. */
static struct certs_identity *find(struct certs *certs, X509 *server, const char *name, const struct address *address,
				   bool trusted)
{
	struct certs_identity *identity;
	bool order = true;

	assert_int_not_equal(certs_find(certs, server, name, address, trusted, &identity, &order), CERTS_AWAITED);
	return identity;
}

/* Does the chain from certificate lead to the local authority? */
static bool is_trusted(X509 *certificate)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool trusted;

	assert_int_equal(X509_STORE_load_file(store, authority_ca_path), 1);
	assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
	X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
	trusted = X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return trusted;
}

static void a_minted_certificate_has_the_names_of_the_servers(void **state)
{
	struct certs *certs = open_certs();
	X509 *server = server_certificate(3600);
	struct certs_identity *identity = find(certs, server, "", &authority_router, true);

	(void)state;
	assert_non_null(identity);
	assert_int_equal(X509_check_host(identity->certificate, "www.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(identity->certificate, "203.0.113.9", 0), 1);
	assert_int_equal(X509_check_host(identity->certificate, "other.example", 0, 0, NULL), 0);
	assert_int_equal(X509_check_private_key(identity->certificate, identity->key), 1);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(identity->certificate), X509_get0_notAfter(server)), 0);
	assert_true(is_trusted(identity->certificate));
	certs_identity_drop(identity);
	X509_free(server);
	certs_close(certs);
}

static void a_bad_servers_certificate_is_never_signed_by_the_authority(void **state)
{
	struct certs *certs = open_certs();
	X509 *server = server_certificate(3600);
	struct certs_identity *good = find(certs, server, "", &authority_router, true);
	struct certs_identity *bad = find(certs, server, "", &authority_router, false);

	(void)state;
	assert_ptr_not_equal(good, bad);
	assert_true(is_trusted(good->certificate));
	assert_false(is_trusted(bad->certificate));
	certs_identity_drop(good);
	certs_identity_drop(bad);
	X509_free(server);
	certs_close(certs);
}

static void the_same_server_gets_the_same_certificate(void **state)
{
	struct certs *certs = open_certs();
	X509 *server = server_certificate(3600);
	X509 *other = server_certificate(3600);
	struct certs_identity *first = find(certs, server, "", &authority_router, true);
	struct certs_identity *again = find(certs, server, "", &authority_router, true);
	struct certs_identity *different = find(certs, other, "", &authority_router, true);

	(void)state;
	assert_ptr_equal(first, again);
	assert_ptr_not_equal(first, different);
	certs_identity_drop(first);
	certs_identity_drop(again);
	certs_identity_drop(different);
	X509_free(server);
	X509_free(other);
	certs_close(certs);
}

static void without_a_servers_certificate_the_name_or_the_address_counts(void **state)
{
	struct certs *certs = open_certs();
	struct certs_identity *named = find(certs, NULL, "ftp.example", &authority_router, true);
	struct certs_identity *unnamed = find(certs, NULL, "", &authority_router, true);

	(void)state;
	assert_int_equal(X509_check_host(named->certificate, "ftp.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(named->certificate, "192.0.2.7", 0), 0);
	assert_int_equal(X509_check_ip_asc(unnamed->certificate, "192.0.2.7", 0), 1);
	certs_identity_drop(named);
	certs_identity_drop(unnamed);
	certs_close(certs);
}

static void an_identity_outlives_its_place_in_the_cache(void **state)
{
	struct certs *certs = open_certs();
	struct certs_identity *first = find(certs, NULL, "first.example", &authority_router, true);
	char name[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		certs_identity_drop(find(certs, NULL, name, &authority_router, true));
	}
	assert_int_equal(X509_check_host(first->certificate, "first.example", 0, 0, NULL), 1);
	certs_identity_drop(first);
	certs_close(certs);
}

static void files_that_exist_are_left_as_they_are(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct stat status;

	(void)state;
	assert_int_equal(authority_create(authority_ca_path, authority_key_path, "another", 30, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "left as it is"));
	assert_int_equal(stat(authority_key_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";

	(void)state;
	assert_int_equal(chmod(authority_key_path, 0640), 0);
	assert_null(certs_open(NULL, NULL, authority_ca_path, authority_key_path, error, sizeof(error)));
	assert_int_equal(chmod(authority_key_path, 0600), 0);
	assert_non_null(strstr(error, "can be read by others"));
	assert_non_null(strstr(error, "(mode 0640)"));
}

/* In a directory that is this service's own, a list of who may read looks like a group; others are others there too. */
static void a_key_that_a_service_manager_hands_over_may_have_a_list(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "", directory[sizeof(authority_key_path)];
	struct certs *certs;

	(void)state;
	snprintf(directory, sizeof(directory), "%s", authority_key_path);
	*strrchr(directory, '/') = '\0';
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	assert_int_equal(chmod(authority_key_path, 0440), 0);
	certs = certs_open(NULL, NULL, authority_ca_path, authority_key_path, error, sizeof(error));
	assert_non_null(certs);
	certs_close(certs);
	assert_int_equal(chmod(authority_key_path, 0444), 0);
	assert_null(certs_open(NULL, NULL, authority_ca_path, authority_key_path, error, sizeof(error)));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(chmod(authority_key_path, 0600), 0);
}

/* An authority that is valid for seconds from now on, in two files. */
struct brief {
	char certificate[64];
	char key[64];
};

static void brief_make(struct brief *brief, long seconds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *made = certs_make_authority(key, "brief", seconds);
	FILE *file;

	snprintf(brief->certificate, sizeof(brief->certificate), "%s/brief.pem", authority_directory);
	snprintf(brief->key, sizeof(brief->key), "%s/brief.key", authority_directory);
	file = fopen(brief->certificate, "w");
	assert_int_equal(PEM_write_X509(file, made), 1);
	fclose(file);
	file = fopen(brief->key, "w");
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_free(made);
	EVP_PKEY_free(key);
}

static void brief_remove(const struct brief *brief)
{
	unlink(brief->certificate);
	unlink(brief->key);
}

static void an_expired_authority_is_refused(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct brief old;

	(void)state;
	brief_make(&old, -60);
	assert_null(certs_open(NULL, NULL, old.certificate, old.key, error, sizeof(error)));
	assert_non_null(strstr(error, "has expired"));
	brief_remove(&old);
}

/* Holds until the clock says that it has expired; false if it never does. */
static bool ends(struct certs_identity *(*look)(struct certs *certs), struct certs *certs)
{
	struct certs_identity *identity = NULL;

	for (int i = 0; i < 500; i++) {
		identity = look(certs);
		if (!identity)
			return true;
		certs_identity_drop(identity);
		usleep(10000);
	}
	return false;
}

static struct certs_identity *find_minted(struct certs *certs)
{
	return find(certs, NULL, "ftp.example", &authority_router, true);
}

static struct certs_identity *find_first_added(struct certs *certs)
{
	return certs_find_added(certs, 0);
}

static void what_expires_while_it_is_in_use_is_shown_no_more(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct certs *minting, *given, *adding;
	struct brief brief;

	(void)state;
	brief_make(&brief, 2);
	minting = certs_open(NULL, NULL, brief.certificate, brief.key, error, sizeof(error));
	given = certs_open(brief.certificate, brief.key, NULL, NULL, error, sizeof(error));
	adding = certs_open(NULL, NULL, NULL, NULL, error, sizeof(error));
	assert_string_equal(error, "");
	assert_true(certs_add(adding, brief.certificate, brief.key, error, sizeof(error)));
	assert_null(certs_find_added(adding, 1));
	certs_identity_drop(find_minted(minting));
	assert_true(ends(find_first_added, adding));
	assert_true(ends(find_minted, given));
	assert_true(ends(find_minted, minting));
	certs_close(minting);
	certs_close(given);
	certs_close(adding);
	brief_remove(&brief);
}

static void a_pair_that_does_not_fit_is_refused(void **state)
{
	struct certs *certs = open_certs();
	char error[AUTHORITY_ERROR_MAX] = "";
	struct brief brief;

	(void)state;
	brief_make(&brief, 60);
	assert_false(certs_add(certs, authority_ca_path, brief.key, error, sizeof(error)));
	assert_non_null(strstr(error, "belongs to another key"));
	assert_false(certs_add(certs, brief.certificate, "/nonexistent/a.key", error, sizeof(error)));
	assert_non_null(strstr(error, "/nonexistent/a.key"));
	assert_false(certs_add(certs, brief.certificate, brief.certificate, error, sizeof(error)));
	assert_null(certs_find_added(certs, 0));
	certs_close(certs);
	brief_remove(&brief);
}

/* An authority in files, of a key's kind, with an extension more; the chapter's own files are left alone. */
static void kind_make(struct brief *kind, EVP_PKEY *key, int identifier, const char *value)
{
	X509 *authority = certs_draft(key, 3600);
	X509_NAME *subject = X509_get_subject_name(authority);
	FILE *file;

	snprintf(kind->certificate, sizeof(kind->certificate), "%s/kind.pem", authority_directory);
	snprintf(kind->key, sizeof(kind->key), "%s/kind.key", authority_directory);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)"kind", -1, -1, 0);
	assert_true(X509_set_issuer_name(authority, subject));
	assert_true(certs_add_extension(authority, authority, NID_basic_constraints, "critical,CA:TRUE"));
	assert_true(!value || certs_add_extension(authority, authority, identifier, value));
	assert_true(certs_sign(authority, key));
	file = fopen(kind->certificate, "we");
	assert_int_equal(PEM_write_X509(file, authority), 1);
	fclose(file);
	file = fopen(kind->key, "we");
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	assert_int_equal(chmod(kind->key, 0600), 0);
	X509_free(authority);
	EVP_PKEY_free(key);
}

static struct certs *kind_open(const struct brief *kind, char *error)
{
	return certs_open(NULL, NULL, kind->certificate, kind->key, error, AUTHORITY_ERROR_MAX);
}

static void a115_authorities_of_every_kind_of_key_mint(void **state)
{
	EVP_PKEY *keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_RSA_gen(2048), EVP_EC_gen("P-384") };
	char error[AUTHORITY_ERROR_MAX] = "";
	struct brief kind;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct certs_identity *identity;
		struct certs *certs;

		kind_make(&kind, keys[i], NID_undef, NULL);
		certs = kind_open(&kind, error);
		assert_string_equal(error, "");
		identity = find(certs, NULL, "www.example", &authority_router, true);
		assert_non_null(identity);
		certs_identity_drop(identity);
		certs_close(certs);
	}
	brief_remove(&kind);
}

static void a115_an_authority_that_clients_would_refuse_is_told_at_once(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct brief kind;

	(void)state;
	kind_make(&kind, EVP_RSA_gen(1024), NID_undef, NULL);
	assert_null(kind_open(&kind, error));
	assert_non_null(strstr(error, "CA certificate key too weak"));
	kind_make(&kind, EVP_EC_gen("P-256"), NID_ext_key_usage, "clientAuth");
	assert_null(kind_open(&kind, error));
	assert_non_null(strstr(error, "unsuitable certificate purpose"));
	brief_remove(&kind);
}

static void a115_nothing_is_minted_outside_the_name_constraints(void **state)
{
	static const char *const constraints[] = { "critical,permitted;DNS:corp.example", "critical,permitted;DNS:.corp.example",
						   "critical,permitted;IP:192.0.2.0/255.255.255.0,"
						   "permitted;DNS:corp.example" };
	char error[AUTHORITY_ERROR_MAX] = "";
	struct brief kind;

	(void)state;
	for (size_t i = 0; i < sizeof(constraints) / sizeof(constraints[0]); i++) {
		struct certs_identity *identity;
		struct certs *certs;

		kind_make(&kind, EVP_EC_gen("P-256"), NID_name_constraints, constraints[i]);
		certs = kind_open(&kind, error);
		assert_string_equal(error, "");
		identity = find(certs, NULL, i < 2 ? "ftp.corp.example" : "", &authority_router, true);
		assert_non_null(identity);
		assert_null(certs_refusal(certs));
		certs_identity_drop(identity);
		assert_null(find(certs, NULL, "www.example", &authority_router, true));
		assert_non_null(strstr(certs_refusal(certs), "subtree violation"));
		certs_close(certs);
	}
	brief_remove(&kind);
}

/* A subordinate authority below the chapter's: it is sent, and the root is not. */
static void a115_what_leads_to_the_root_is_sent_without_it(void **state)
{
	FILE *file = fopen(authority_ca_path, "re");
	X509 *root = PEM_read_X509(file, NULL, NULL, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *issuing = certs_draft(key, 3600);
	STACK_OF(X509) *rest = sk_X509_new_null();
	STACK_OF(X509) *sent;

	(void)state;
	fclose(file);
	X509_set_issuer_name(issuing, X509_get_subject_name(root));
	assert_true(certs_sign(issuing, key));
	assert_true(sk_X509_push(rest, root) > 0);
	sent = certs_chain_to_send(issuing, rest);
	assert_int_equal(sk_X509_num(sent), 1);
	assert_int_equal(X509_cmp(sk_X509_value(sent, 0), issuing), 0);
	sk_X509_pop_free(sent, X509_free);
	sent = certs_chain_to_send(root, NULL);
	assert_int_equal(sk_X509_num(sent), 0);
	sk_X509_pop_free(sent, X509_free);
	sk_X509_pop_free(rest, X509_free);
	X509_free(issuing);
	EVP_PKEY_free(key);
}

static void missing_files_are_named(void **state)
{
	char error[AUTHORITY_ERROR_MAX] = "";

	(void)state;
	assert_null(certs_open("/nonexistent/a.pem", "/nonexistent/a.key", NULL, NULL, error, sizeof(error)));
	assert_non_null(strstr(error, "/nonexistent/a.pem"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minted_certificate_has_the_names_of_the_servers),
		cmocka_unit_test(a_bad_servers_certificate_is_never_signed_by_the_authority),
		cmocka_unit_test(the_same_server_gets_the_same_certificate),
		cmocka_unit_test(without_a_servers_certificate_the_name_or_the_address_counts),
		cmocka_unit_test(an_identity_outlives_its_place_in_the_cache),
		cmocka_unit_test(files_that_exist_are_left_as_they_are),
		cmocka_unit_test(a_key_that_others_can_read_is_refused),
		cmocka_unit_test(a_key_that_a_service_manager_hands_over_may_have_a_list),
		cmocka_unit_test(an_expired_authority_is_refused),
		cmocka_unit_test(missing_files_are_named),
		cmocka_unit_test(a115_authorities_of_every_kind_of_key_mint),
		cmocka_unit_test(a115_an_authority_that_clients_would_refuse_is_told_at_once),
		cmocka_unit_test(a115_nothing_is_minted_outside_the_name_constraints),
		cmocka_unit_test(a115_what_leads_to_the_root_is_sent_without_it),
		cmocka_unit_test(what_expires_while_it_is_in_use_is_shown_no_more),
		cmocka_unit_test(a_pair_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, authority_make, authority_remove);
}
