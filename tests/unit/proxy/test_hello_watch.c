/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A164: a server that asks for a second ClientHello reads the name in that one. */
#include <openssl/ssl.h>

#include "authority_kit.h"
#include "proxy/hello_watch.h"
#include "tls/hello.h"
#include "unit.h"

#define FLIGHT_MAX 8192
#define NAME "secret.example"
#define OTHER "files.example"

/* One end of a TLS connection in memory, and what it has said last. */
struct end {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in;
	BIO *out;
	uint8_t said[FLIGHT_MAX];
	size_t length;
};

static void end_open(struct end *end, const SSL_METHOD *method)
{
	end->context = SSL_CTX_new(method);
	end->ssl = SSL_new(end->context);
	end->in = BIO_new(BIO_s_mem());
	end->out = BIO_new(BIO_s_mem());
	end->length = 0;
	SSL_set_bio(end->ssl, end->in, end->out);
}

static void end_close(struct end *end)
{
	SSL_free(end->ssl);
	SSL_CTX_free(end->context);
}

static void end_go_on(struct end *end, const struct end *other)
{
	int got;

	if (other)
		assert_int_equal(BIO_write(end->in, other->said, (int)other->length), other->length);
	SSL_do_handshake(end->ssl);
	got = BIO_read(end->out, end->said, FLIGHT_MAX);
	assert_true(got > 0);
	end->length = (size_t)got;
}

static void set_name(struct end *end, const char *name)
{
	char copy[TLS_NAME_MAX];

	snprintf(copy, sizeof(copy), "%s", name);
	assert_int_equal(SSL_set_tlsext_host_name(end->ssl, copy), 1);
}

static struct bytes said(const struct end *end)
{
	return (struct bytes){ end->said, end->length };
}

/* groups: the server's. The first ClientHello has passed, and the server's answer has. */
static void begin(struct end *client, struct end *server, char *groups, struct hello_watch *watch)
{
	char name[TLS_NAME_MAX];
	size_t length;

	end_open(client, TLS_client_method());
	end_open(server, TLS_server_method());
	SSL_set_connect_state(client->ssl);
	SSL_set_accept_state(server->ssl);
	assert_int_equal(SSL_set1_groups_list(server->ssl, groups), 1);
	assert_int_equal(SSL_use_certificate_file(server->ssl, authority_ca_path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_use_PrivateKey_file(server->ssl, authority_key_path, SSL_FILETYPE_PEM), 1);
	set_name(client, NAME);
	end_go_on(client, NULL);
	assert_int_equal(tls_hello_name(authority_tls, said(client), name, &length), TLS_DONE);
	hello_watch_begin(watch, name, length);
	assert_int_equal(hello_watch_client(watch, authority_tls, said(client)), client->length);
	end_go_on(server, client);
	/* Nothing goes on before the answer is known, and the answer does once it can be. */
	assert_int_equal(hello_watch_client(watch, authority_tls, said(client)), 0);
	for (size_t i = 0; i < 43; i++)
		assert_int_equal(hello_watch_server(watch, (struct bytes){ server->said, i }), 0);
	assert_int_equal(hello_watch_server(watch, said(server)), server->length);
}

static void end_both(struct end *client, struct end *server)
{
	end_close(client);
	end_close(server);
}

/* What the client says as the server's retry has it, under this name. */
static size_t say_again(const char *name, struct hello_watch *watch)
{
	struct end client, server;
	char groups[] = "P-384";
	size_t passes;

	begin(&client, &server, groups, watch);
	assert_int_equal(watch->step, HELLO_SECOND);
	set_name(&client, name);
	end_go_on(&client, &server);
	for (size_t i = 0; i < client.length; i++)
		assert_int_equal(hello_watch_client(watch, authority_tls, (struct bytes){ client.said, i }), 0);
	passes = hello_watch_client(watch, authority_tls, said(&client));
	if (passes != HELLO_REFUSED)
		assert_int_equal(passes, client.length);
	end_both(&client, &server);
	return passes;
}

static void a164_a_second_hello_asks_for_the_same_name(void **state)
{
	struct hello_watch watch;

	(void)state;
	assert_int_not_equal(say_again(NAME, &watch), HELLO_REFUSED);
	assert_int_equal(watch.step, HELLO_PASSED);
	assert_int_equal(say_again(OTHER, &watch), HELLO_REFUSED);
}

static void a164_what_is_no_second_hello_is_refused(void **state)
{
	const struct bytes alert = unit_bytes(TEXT("\x15\x03\x03\x00\x02\x01\x5a"));
	struct end client, server;
	struct hello_watch watch;
	char groups[] = "P-384";

	(void)state;
	begin(&client, &server, groups, &watch);
	assert_int_equal(hello_watch_client(&watch, authority_tls, alert), HELLO_REFUSED);
	end_both(&client, &server);
}

static void a164_a_server_that_takes_the_first_hello_is_looked_at_no_more(void **state)
{
	struct end client, server;
	struct hello_watch watch;
	char groups[] = "X25519:P-256:P-384";

	(void)state;
	begin(&client, &server, groups, &watch);
	assert_int_equal(watch.step, HELLO_PASSED);
	end_go_on(&client, &server);
	assert_int_equal(hello_watch_client(&watch, authority_tls, said(&client)), client.length);
	assert_int_equal(hello_watch_server(&watch, unit_bytes(TEXT("\x17"))), 1);
	end_both(&client, &server);
}

static void a164_an_alert_is_an_answer(void **state)
{
	const struct bytes alert = unit_bytes(TEXT("\x15\x03\x03\x00\x02\x02\x28"));
	struct hello_watch watch;

	(void)state;
	hello_watch_begin(&watch, NAME, 10);
	assert_int_equal(hello_watch_client(&watch, authority_tls, unit_bytes(TEXT("01234567"))), 8);
	assert_int_equal(hello_watch_client(&watch, authority_tls, unit_bytes(TEXT("89 early data"))), 2);
	assert_int_equal(hello_watch_server(&watch, alert), alert.length);
	assert_int_equal(watch.step, HELLO_PASSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a164_a_second_hello_asks_for_the_same_name),
		cmocka_unit_test(a164_what_is_no_second_hello_is_refused),
		cmocka_unit_test(a164_a_server_that_takes_the_first_hello_is_looked_at_no_more),
		cmocka_unit_test(a164_an_alert_is_an_answer),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
