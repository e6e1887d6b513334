/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What legs may use: words for OpenSSL, of which none may be a slip of the pen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls/authority.h"
#include "tls/tls.h"
#include "unit.h"

#define ERROR_MAX 512

static char certificate[64], key[64];

/* What tls_open says of these words for both legs; "": it takes them. */
static const char *open_with(const char *ciphers, const char *groups, const char *server_ciphers)
{
	static char error[ERROR_MAX];
	const struct tls_settings settings = {
		.ca_certificate = certificate, .ca_key = key, .anchors = certificate,
		.client = { .ciphers = ciphers, .groups = groups },
		.server = { .ciphers = server_ciphers, .of = "server-" },
	};
	struct tls *tls;

	*error = '\0';
	tls = tls_open(&settings, error, sizeof(error));
	assert_true(!tls == (*error != '\0'));
	tls_close(tls);
	return error;
}

static void a141_each_word_is_one_that_openssl_knows(void **state)
{
	(void)state;
	assert_string_equal(open_with("", "", NULL), "");
	assert_string_equal(open_with("ECDHE+AESGCM:TLS_AES_128_GCM_SHA256:!aNULL:+CHACHA20:@STRENGTH", "X25519:P-256", ""), "");
	assert_string_equal(open_with("ECDHE+AESGCM:AES129", "", ""), "ciphers: \"AES129\" is nothing that OpenSSL knows");
	assert_string_equal(open_with("TLS_AES_128_GCM_SHA256:TLS_AES_129", "", ""),
			    "ciphers: \"TLS_AES_129\" is nothing that OpenSSL knows");
	assert_string_equal(open_with("!aNUL", "", ""), "ciphers: \"!aNUL\" is nothing that OpenSSL knows");
	assert_string_equal(open_with("", "X25519:Y25519", ""), "groups: \"Y25519\" is nothing that OpenSSL knows");
	assert_string_equal(open_with("", "", "DES"), "server-ciphers: \"DES\" is nothing that OpenSSL knows");
	assert_non_null(strstr(open_with("ALL:!ALL", "", ""), "OpenSSL does not take them together"));
}

static int set_up(void **state)
{
	char directory[] = "/tmp/ftpalg-demand-XXXXXX";
	char error[ERROR_MAX];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", directory);
	snprintf(key, sizeof(key), "%s/ca.key", directory);
	return authority_create(certificate, key, "test authority", 30, error, sizeof(error));
}

static int take_down(void **state)
{
	(void)state;
	unlink(certificate);
	unlink(key);
	*strrchr(key, '/') = '\0';
	return rmdir(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a141_each_word_is_one_that_openssl_knows),
	};

	return cmocka_run_group_tests(tests, set_up, take_down);
}
