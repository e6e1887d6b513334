/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders for certificates, from both sides of the wall: whoever speaks to peers can have nothing made but a server's
 * certificate for names, and whoever waits for one waits for no longer than it must.
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/authority.h"
#include "tls/certs.h"
#include "tls/certs_internal.h"
#include "tls/mint_order.h"
#include "tls/minter.h"
#include "authority_kit.h"
#include "unit.h"

static struct minter *open_minter(void)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct minter *minter = minter_open(authority_ca_path, authority_key_path, error, sizeof(error));

	if (!minter)
		fail_msg("%s", error);
	return minter;
}

static void fill_for(struct mint_order *order, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_true(mint_order_fill(order, NULL, name, &authority_router, key, true));
	order->number = 1;
	EVP_PKEY_free(key);
}

static const char *check_order(const struct mint_order *order)
{
	return mint_order_check((struct bytes){ (const uint8_t *)order, mint_order_size(order) });
}

/* Puts one entry in the place of all others. */
static void set_entry(struct mint_order *order, uint8_t kind, const char *text, size_t length)
{
	order->entries[0] = kind;
	order->entries[1] = (uint8_t)length;
	memcpy(&order->entries[2], text, length);
	order->length = (uint32_t)length + 2;
}

static void a134_only_an_order_is_taken_for_one(void **state)
{
	struct mint_order good, order;

	(void)state;
	fill_for(&good, "ftp.example");
	assert_null(check_order(&good));
	assert_non_null(mint_order_check((struct bytes){ (const uint8_t *)&good, mint_order_size(&good) - 1 }));
	assert_non_null(mint_order_check((struct bytes){ (const uint8_t *)&good, mint_order_size(&good) + 1 }));
	assert_non_null(mint_order_check(
		(struct bytes){ (const uint8_t *)&good, offsetof(struct mint_order, entries) - 1 }));
	order = good;
	order.trusted = 2;
	assert_non_null(check_order(&order));
	order = good;
	order.none[1] = 1;
	assert_non_null(check_order(&order));
	order = good;
	order.end = -1;
	assert_non_null(check_order(&order));
	order = good;
	order.length = MINT_ENTRIES_MAX + 1;
	assert_non_null(check_order(&order));
	order = good;
	order.length--;
	assert_non_null(check_order(&order));
}

static void a134_a_name_is_a_name(void **state)
{
	static const struct {
		uint8_t kind;
		const char *text;
		size_t length;
	} bad[] = {
		{ MINT_DNS, "", 0 }, { MINT_DNS, "a\0b", 3 }, { MINT_DNS, "a,DNS:b", 7 }, { MINT_DNS, "a b", 3 },
		{ MINT_DNS, "a\xc3\xa4", 3 }, { MINT_ADDRESS, "abc", 3 }, { MINT_ADDRESS, "abcdefgh", 8 }, { 3, "a", 1 },
		{ MINT_SUBJECT, "a\nb", 3 }, { MINT_SUBJECT + MINT_ATTRIBUTES, "a", 1 }, { MINT_SUBJECT + 3, "DEU", 3 },
	};
	struct mint_order order;

	(void)state;
	fill_for(&order, "ftp.example");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_entry(&order, bad[i].kind, bad[i].text, bad[i].length);
		assert_non_null(check_order(&order));
	}
	set_entry(&order, MINT_DNS, "*.example", 9);
	assert_null(check_order(&order));
}

static X509 *read_certificate(const struct mint_answer *answer)
{
	const unsigned char *data = answer->certificate;
	X509 *certificate = d2i_X509(NULL, &data, answer->length);

	assert_int_equal(answer->result, MINT_DONE);
	assert_non_null(certificate);
	return certificate;
}

static void a134_what_is_minted_is_a_servers_certificate_whatever_was_ordered(void **state)
{
	struct minter *minter = open_minter();
	struct mint_order order;
	struct mint_answer answer;
	FILE *file = fopen(authority_ca_path, "re");
	X509 *authority = PEM_read_X509(file, NULL, NULL, NULL);
	X509 *minted;

	(void)state;
	fclose(file);
	fill_for(&order, "ftp.example");
	order.end = INT64_MAX;
	minter_mint(minter, &order, &answer);
	minted = read_certificate(&answer);
	assert_int_equal(answer.number, order.number);
	assert_int_equal(X509_get_extension_flags(minted) & EXFLAG_CA, 0);
	assert_int_equal(X509_get_key_usage(minted), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(minted), XKU_SSL_SERVER);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(minted), X509_get0_notAfter(authority)), 0);
	assert_int_equal(X509_check_host(minted, "ftp.example", 0, 0, NULL), 1);
	X509_free(minted);
	X509_free(authority);
	minter_close(minter);
}

/* On 32 bits too. */
static void an_end_after_2038_is_read_as_it_is(void **state)
{
	const int64_t wanted = INT64_C(3250368000); /* 31 December 2072 */
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 3600);
	int64_t end = 0;

	(void)state;
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(server), "20721231000000Z"), 1);
	assert_true(certs_read_end(server, &end));
	assert_true(end == wanted);
	X509_free(server);
	EVP_PKEY_free(key);
}

static void a134_a_point_that_is_on_no_curve_is_refused(void **state)
{
	struct minter *minter = open_minter();
	struct mint_order order;
	struct mint_answer answer;

	(void)state;
	fill_for(&order, "ftp.example");
	memset(order.point, 4, sizeof(order.point));
	minter_mint(minter, &order, &answer);
	assert_int_equal(answer.result, MINT_REFUSED);
	assert_int_equal(answer.length, 0);
	assert_true(answer.text[0]);
	minter_close(minter);
}

/* Names of all kinds, of which a client compares two. */
static void a_server_is_ordered_by_what_clients_compare(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 3600);
	X509_NAME *subject = X509_get_subject_name(server);
	struct mint_order order;
	struct mint_name name;
	struct bytes rest;
	int found = 0;

	(void)state;
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)"ftp.example", -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "UID", MBSTRING_ASC, (const uint8_t *)"nobody", -1, -1, 0);
	assert_true(certs_add_extension(server, server, NID_subject_alt_name, "DNS:www.example,email:a@example,IP:2001:db8::1,"
					"DNS:bad name,URI:ftp://example/,IP:203.0.113.9"));
	assert_true(mint_order_fill(&order, server, "", &authority_router, key, true));
	assert_null(check_order(&order));
	rest = (struct bytes){ order.entries, order.length };
	while (mint_order_next(&rest, &name)) {
		static const struct {
			uint8_t kind;
			uint8_t length;
		} expected[] = { { MINT_SUBJECT, 11 }, { MINT_DNS, 11 }, { MINT_ADDRESS, 16 }, { MINT_ADDRESS, 4 } };

		assert_int_equal(name.kind, expected[found].kind);
		assert_int_equal(name.text.length, expected[found].length);
		found++;
	}
	assert_int_equal(found, 4);
	X509_free(server);
	EVP_PKEY_free(key);
}

/* Host names of the same length, numbered from 0 on. */
static void name_hosts(X509 *server, int count, int length)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (int i = 0; i < count; i++) {
		GENERAL_NAME *entry = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();
		char host[256];

		snprintf(host, sizeof(host), "%0*d.example", length - 8, i);
		assert_int_equal(ASN1_STRING_set(text, host, length), 1);
		GENERAL_NAME_set0_value(entry, GEN_DNS, text);
		assert_true(sk_GENERAL_NAME_push(names, entry) > 0);
	}
	assert_int_equal(X509_add1_ext_i2d(server, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
}

static void more_names_than_an_order_holds_are_no_order(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 3600);
	struct mint_order order;

	(void)state;
	name_hosts(server, 500, 240);
	assert_false(mint_order_fill(&order, server, "", &authority_router, key, true));
	X509_free(server);
	EVP_PKEY_free(key);
}

/* As many as clients take: a certificate of nearly 100 KiB. */
static void a340_a_server_with_thousands_of_names_is_minted_all_of_them(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 3600);
	struct minter *minter = open_minter();
	struct mint_order order;
	struct mint_answer answer;
	X509 *minted;

	(void)state;
	name_hosts(server, 2800, 34);
	assert_true(certs_sign(server, key));
	assert_true(i2d_X509(server, NULL) > 100000);
	assert_true(mint_order_fill(&order, server, "", &authority_router, key, true));
	assert_null(check_order(&order));
	minter_mint(minter, &order, &answer);
	minted = read_certificate(&answer);
	assert_int_equal(X509_check_host(minted, "00000000000000000000000000.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(minted, "00000000000000000000002799.example", 0, 0, NULL), 1);
	X509_free(minted);
	minter_close(minter);
	X509_free(server);
	EVP_PKEY_free(key);
}

/* Who mints is somebody else, who answers when the test says so. */
struct post {
	struct mint_order order;
	unsigned int orders;
	bool full;
};

static bool post_order(void *context, const struct mint_order *order)
{
	struct post *post = context;

	if (post->full)
		return false;
	post->order = *order;
	post->orders++;
	return true;
}

static struct certs *open_certs(struct post *post)
{
	char error[AUTHORITY_ERROR_MAX] = "";
	struct certs *certs = certs_open(NULL, NULL, authority_ca_path, NULL, error, sizeof(error));

	if (!certs)
		fail_msg("%s", error);
	certs_set_minter(certs, post_order, post);
	return certs;
}

static enum certs_result find(struct certs *certs, const char *name, struct certs_identity **identity)
{
	bool order = true;

	return certs_find(certs, NULL, name, &authority_router, true, identity, &order);
}

static void a135_who_needs_a_certificate_does_not_wait_for_it_here(void **state)
{
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	struct mint_answer answer;

	(void)state;
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	assert_int_equal(post.orders, 1);
	minter_mint(minter, &post.order, &answer);
	/* For somebody else's order, and for one whose certificate can't be read. */
	answer.number++;
	certs_take_answer(certs, &answer);
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	answer.number--;
	certs_take_answer(certs, &answer);
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_FOUND);
	assert_int_equal(X509_check_private_key(identity->certificate, identity->key), 1);
	assert_int_equal(post.orders, 1);
	certs_identity_drop(identity);
	certs_close(certs);
	minter_close(minter);
}

/* For a server's certificate. order: may it be ordered? */
static enum certs_result find_for(struct certs *certs, X509 *server, bool order, struct certs_identity **identity)
{
	const bool may_order = order;
	const enum certs_result result = certs_find(certs, server, "", &authority_router, false, identity, &order);

	assert_true(may_order || !order);
	return result;
}

static X509 *make_server(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 1000);

	assert_non_null(server);
	assert_true(certs_sign(server, key));
	EVP_PKEY_free(key);
	return server;
}

/* Many more than are kept, which clients of one server choose. */
static void a163_names_of_clients_push_out_no_servers_certificate(void **state)
{
	X509 *server = make_server();
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	struct mint_answer answer;
	char name[32];

	(void)state;
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_AWAITED);
	minter_mint(minter, &post.order, &answer);
	certs_take_answer(certs, &answer);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "x%d.example", i);
		assert_int_equal(find(certs, name, &identity), CERTS_AWAITED);
	}
	assert_int_equal(find_for(certs, server, false, &identity), CERTS_FOUND);
	certs_identity_drop(identity);
	certs_close(certs);
	minter_close(minter);
	X509_free(server);
}

static void a163_who_may_order_none_has_what_is_there(void **state)
{
	X509 *server = make_server();
	X509 *other = make_server();
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	struct mint_answer answer;

	(void)state;
	assert_int_equal(find_for(certs, server, false, &identity), CERTS_DENIED);
	assert_int_equal(post.orders, 0);
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_AWAITED);
	assert_int_equal(find_for(certs, server, false, &identity), CERTS_AWAITED);
	minter_mint(minter, &post.order, &answer);
	certs_take_answer(certs, &answer);
	/* Nothing gives way to what must not be ordered. */
	for (int i = 0; i < 300; i++)
		assert_int_equal(find_for(certs, other, false, &identity), CERTS_DENIED);
	assert_int_equal(find_for(certs, server, false, &identity), CERTS_FOUND);
	assert_int_equal(post.orders, 1);
	certs_identity_drop(identity);
	certs_close(certs);
	minter_close(minter);
	X509_free(server);
	X509_free(other);
}

/* A server's certificate, and what is minted for it is cached. */
static X509 *cache_for(struct certs *certs, struct post *post, struct minter *minter, int names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, 3600);
	struct certs_identity *identity;
	struct mint_answer answer;

	name_hosts(server, names, 34);
	assert_true(certs_sign(server, key));
	EVP_PKEY_free(key);
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_AWAITED);
	minter_mint(minter, &post->order, &answer);
	certs_take_answer(certs, &answer);
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_FOUND);
	certs_identity_drop(identity);
	return server;
}

static bool is_cached(struct certs *certs, X509 *server)
{
	struct certs_identity *identity;
	const bool cached = find_for(certs, server, false, &identity) == CERTS_FOUND;

	if (cached)
		certs_identity_drop(identity);
	return cached;
}

/* The cache is bounded in bytes, too: large ones displace large ones, the oldest first, and none that is small. */
static void a340_certificates_as_large_as_can_be_are_few(void **state)
{
	enum { LARGE = 48 };
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	X509 *small = cache_for(certs, &post, minter, 1);
	X509 *large[LARGE];
	size_t kept = 0;

	(void)state;
	for (int i = 0; i < LARGE; i++)
		large[i] = cache_for(certs, &post, minter, 2800);
	for (int i = 0; i < LARGE; i++) {
		assert_true(kept == 0 || is_cached(certs, large[i]));
		kept += is_cached(certs, large[i]);
		X509_free(large[i]);
	}
	/* All are minted to a length between 95 and 100 KiB. */
	assert_in_range(kept, (4U << 20) / 102400 - 1, (4U << 20) / 97280);
	assert_true(is_cached(certs, small));
	X509_free(small);
	certs_close(certs);
	minter_close(minter);
}

/* Shown where bad certificates are passed on: it stays what it is, and is not asked for again and again. */
static void a135_what_was_minted_for_an_expired_certificate_is_shown(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = certs_draft(key, -60);
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	struct mint_answer answer;

	(void)state;
	assert_true(certs_sign(server, key));
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_AWAITED);
	minter_mint(minter, &post.order, &answer);
	certs_take_answer(certs, &answer);
	assert_int_equal(find_for(certs, server, true, &identity), CERTS_FOUND);
	assert_false(certs_is_current(identity->certificate));
	assert_int_equal(post.orders, 1);
	certs_identity_drop(identity);
	certs_close(certs);
	minter_close(minter);
	X509_free(server);
	EVP_PKEY_free(key);
}

static void a135_an_order_that_is_lost_is_given_again(void **state)
{
	struct post post = { .full = true };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	uint64_t lost;

	(void)state;
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	post.full = false;
	/* There was no room for it; then whoever had it died. */
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	assert_int_equal(post.orders, 1);
	lost = post.order.number;
	for (int i = 0; i < 300 && post.orders == 1; i++) {
		usleep(10000);
		assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	}
	assert_int_equal(post.orders, 2);
	assert_int_not_equal(post.order.number, lost);
	certs_close(certs);
}

static void a135_only_what_was_ordered_is_believed(void **state)
{
	struct minter *minter = open_minter();
	struct post post = { .orders = 0 };
	struct certs *certs = open_certs(&post);
	struct certs_identity *identity;
	struct mint_answer answer;
	struct mint_order other;

	(void)state;
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_AWAITED);
	fill_for(&other, "ftp.example");
	other.number = post.order.number;
	minter_mint(minter, &other, &answer);
	certs_take_answer(certs, &answer);
	assert_int_equal(find(certs, "ftp.example", &identity), CERTS_NONE);
	assert_non_null(strstr(certs_refusal(certs), "can't be used"));
	certs_close(certs);
	minter_close(minter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a134_only_an_order_is_taken_for_one),
		cmocka_unit_test(a134_a_name_is_a_name),
		cmocka_unit_test(a134_what_is_minted_is_a_servers_certificate_whatever_was_ordered),
		cmocka_unit_test(an_end_after_2038_is_read_as_it_is),
		cmocka_unit_test(a134_a_point_that_is_on_no_curve_is_refused),
		cmocka_unit_test(a_server_is_ordered_by_what_clients_compare),
		cmocka_unit_test(more_names_than_an_order_holds_are_no_order),
		cmocka_unit_test(a340_a_server_with_thousands_of_names_is_minted_all_of_them),
		cmocka_unit_test(a135_who_needs_a_certificate_does_not_wait_for_it_here),
		cmocka_unit_test(a163_names_of_clients_push_out_no_servers_certificate),
		cmocka_unit_test(a163_who_may_order_none_has_what_is_there),
		cmocka_unit_test(a340_certificates_as_large_as_can_be_are_few),
		cmocka_unit_test(a135_what_was_minted_for_an_expired_certificate_is_shown),
		cmocka_unit_test(a135_an_order_that_is_lost_is_given_again),
		cmocka_unit_test(a135_only_what_was_ordered_is_believed),
	};

	return cmocka_run_group_tests(tests, authority_make, authority_remove);
}
