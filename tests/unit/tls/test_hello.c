/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ClientHello that is only looked at: its name, where everybody would read the same one (A164). */
#include <openssl/ssl.h>

#include "authority_kit.h"
#include "tls/hello.h"
#include "unit.h"

#define HELLO_MAX 8192

/* name: NULL: none. */
static size_t make_hello(char *name, uint8_t *out)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	BIO *sent = BIO_new(BIO_s_mem());
	int length;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), sent);
	SSL_set_connect_state(ssl);
	if (name)
		SSL_set_tlsext_host_name(ssl, name);
	SSL_do_handshake(ssl);
	length = BIO_read(sent, out, HELLO_MAX / 2);
	assert_in_range(length, 1, HELLO_MAX / 2 - 1);
	SSL_free(ssl);
	SSL_CTX_free(context);
	return (size_t)length;
}

static enum tls_result read_hello(const uint8_t *hello, size_t length, char *name)
{
	size_t own;

	return tls_hello_name(authority_tls, (struct bytes){ hello, length }, name, &own);
}

static void a_hello_is_read_once_it_is_whole(void **state)
{
	uint8_t hello[HELLO_MAX];
	char name[TLS_NAME_MAX] = "";
	char files[] = "files.example";
	const size_t length = make_hello(files, hello);

	(void)state;
	for (size_t i = 0; i < length; i += 7)
		assert_int_equal(read_hello(hello, i, name), TLS_WAIT);
	assert_int_equal(read_hello(hello, length, name), TLS_DONE);
	assert_string_equal(name, "files.example");
	assert_int_equal(read_hello(hello, make_hello(NULL, hello), name), TLS_DONE);
	assert_string_equal(name, "");
	assert_int_equal(read_hello((const uint8_t *)"NOOP\r\n", 6, name), TLS_FAILED);
}

static void the_length_of_a_hello_is_its_own(void **state)
{
	uint8_t hello[HELLO_MAX];
	char name[TLS_NAME_MAX] = "", files[] = "files.example";
	const size_t length = make_hello(files, hello);
	size_t own;

	(void)state;
	memcpy(&hello[length], "\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x05" "early", 16);
	for (size_t more = 0; more <= 16; more++) {
		assert_int_equal(tls_hello_name(authority_tls, (struct bytes){ hello, length + more }, name, &own),
				 TLS_DONE);
		assert_int_equal(own, length);
	}
}

/* The extension's bytes are another list of names than the one that was made, of the same length. */
static enum tls_result read_list(const char *list, size_t length)
{
	static char made[] = "abcdefghijklmnopqrstuvwxyz";
	uint8_t hello[HELLO_MAX];
	char name[TLS_NAME_MAX] = "";
	const size_t whole = make_hello(made, hello);
	uint8_t *at = memmem(hello, whole, made, sizeof(made) - 1);
	enum tls_result result;

	assert_non_null(at);
	/* The lengths of the list and of the name, and the name's type, come before it. */
	assert_int_equal(length, sizeof(made) - 1 + 5);
	memcpy(at - 5, list, length);
	result = read_hello(hello, whole, name);
	if (result == TLS_FAILED)
		assert_string_equal(name, "");
	return result;
}

static void a164_a_name_that_others_may_read_otherwise_is_none(void **state)
{
	(void)state;
	assert_int_equal(read_list(TEXT("\x00\x1d\x00\x00\x1a" "zbcdefghijklmnopqrstuvwxyz")), TLS_DONE);
	/* Two names, of one kind and of two. */
	assert_int_equal(read_list(TEXT("\x00\x1d\x00\x00\x0a" "abcdefghij\x00\x00\x0d" "files.example")), TLS_FAILED);
	assert_int_equal(read_list(TEXT("\x00\x1d\x01\x00\x0a" "abcdefghij\x00\x00\x0d" "files.example")), TLS_FAILED);
	/* A list that is shorter than it may be, a kind that nobody knows, what is no host name. */
	assert_int_equal(read_list(TEXT("\x00\x0d\x00\x00\x0a" "abcdefghij\x00\x00\x0d" "files.example")), TLS_FAILED);
	assert_int_equal(read_list(TEXT("\x00\x1d\x01\x00\x1a" "abcdefghijklmnopqrstuvwxyz")), TLS_FAILED);
	assert_int_equal(read_list(TEXT("\x00\x1d\x00\x00\x1a" "abcdefghijklm opqrstuvwxyz")), TLS_FAILED);
	assert_int_equal(read_list(TEXT("\x00\x1d\x00\x00\x1a" "abcdefghijklm\0opqrstuvwxyz")), TLS_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_read_once_it_is_whole),
		cmocka_unit_test(the_length_of_a_hello_is_its_own),
		cmocka_unit_test(a164_a_name_that_others_may_read_otherwise_is_none),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
