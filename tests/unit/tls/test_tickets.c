/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which sessions data connections resume, with clients and with servers, when those before them have failed (A157). */
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/tls.h"
#include "authority_kit.h"
#include "unit.h"

/* One connection: ours, and the peer, who is OpenSSL by hand. */
struct leg {
	struct tls_stream *stream;
	SSL *peer;
	int ours, theirs;
};

static struct tls *open_tls(void)
{
	const struct tls_settings settings = { .ca_certificate = authority_ca_path, .ca_key = authority_key_path,
					       .anchors = authority_ca_path };
	char error[AUTHORITY_ERROR_MAX] = "";
	struct tls *tls = tls_open(&settings, error, sizeof(error));

	if (!tls)
		fail_msg("%s", error);
	return tls;
}

static void leg_open(struct leg *leg, SSL_CTX *context)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	leg->ours = ends[0];
	leg->theirs = ends[1];
	leg->peer = SSL_new(context);
	SSL_set_fd(leg->peer, leg->theirs);
}

static void shake_hands(struct leg *leg)
{
	enum tls_result result = TLS_WAIT;

	for (int i = 0; i < 20 && result != TLS_DONE; i++) {
		bool order = true;

		SSL_do_handshake(leg->peer);
		result = tls_stream_handshake(leg->stream);
		if (result == TLS_HELLO)
			assert_int_equal(tls_stream_present(leg->stream, NULL, &authority_router, TLS_NO_PAIR, &order),
					 TLS_DONE);
	}
	assert_int_equal(result, TLS_DONE);
	assert_int_equal(SSL_do_handshake(leg->peer), 1);
}

/* A client's connection to us. session: to resume. */
static void leg_accept(struct leg *leg, struct tls *tls, struct tls_tickets *tickets, SSL_CTX *context, SSL_SESSION *session)
{
	leg_open(leg, context);
	leg->stream = tls_stream_accept(tls, leg->ours, tickets);
	SSL_set_connect_state(leg->peer);
	if (session)
		assert_int_equal(SSL_set_session(leg->peer, session), 1);
	shake_hands(leg);
}

/* Ours to a server, which sends a byte behind its tickets, so that they are read. */
static void leg_connect(struct leg *leg, struct tls *tls, struct tls_tickets *tickets, SSL_CTX *context)
{
	uint8_t byte = 'x';
	size_t length;

	leg_open(leg, context);
	leg->stream = tls_stream_connect(tls, leg->ours, tickets, "", NULL, TLS_NO_PAIR);
	SSL_set_accept_state(leg->peer);
	shake_hands(leg);
	assert_int_equal(SSL_write(leg->peer, &byte, 1), 1);
	assert_int_equal(tls_stream_read(leg->stream, &byte, 1, &length), TLS_DONE);
}

static void leg_close(struct leg *leg)
{
	tls_stream_free(leg->stream);
	/* What the peer's own library thinks of such an end is not the subject. */
	SSL_set_shutdown(leg->peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(leg->peer);
	close(leg->ours);
	close(leg->theirs);
}

static void a157_a_client_resumes_by_id_after_an_upload_without_close_notify(void **state)
{
	struct tls *tls = open_tls();
	struct tls_tickets *tickets = tls_tickets_make();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct leg control, data;
	SSL_SESSION *session;
	uint8_t byte;
	size_t length;

	(void)state;
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	leg_accept(&control, tls, tickets, context, NULL);
	session = SSL_get1_session(control.peer);
	for (int i = 0; i < 3; i++) {
		leg_accept(&data, tls, tickets, context, session);
		assert_true(tls_stream_is_resumed(data.stream));
		shutdown(data.theirs, SHUT_WR);
		assert_int_equal(tls_stream_read(data.stream, &byte, 1, &length), TLS_CUT);
		leg_close(&data);
	}
	SSL_SESSION_free(session);
	leg_close(&control);
	SSL_CTX_free(context);
	tls_tickets_drop(tickets);
	tls_close(tls);
}

/* The peer's library answers FIN without close_notify with an alert. */
static void fail_at_the_server(struct leg *leg)
{
	uint8_t byte;
	size_t length;

	shutdown(leg->ours, SHUT_WR);
	assert_int_not_equal(SSL_read(leg->peer, &byte, 1), 1);
	assert_int_equal(tls_stream_read(leg->stream, &byte, 1, &length), TLS_FAILED);
}

static void a157_a_ticket_of_a_connection_that_failed_is_not_used(void **state)
{
	struct tls *tls = open_tls();
	struct tls_tickets *tickets = tls_tickets_make();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	struct leg control, data;

	(void)state;
	assert_int_equal(SSL_CTX_use_certificate_file(context, authority_ca_path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, authority_key_path, SSL_FILETYPE_PEM), 1);
	leg_connect(&control, tls, tickets, context);
	for (int i = 0; i < 5; i++) {
		leg_connect(&data, tls, tickets, context);
		assert_true(tls_stream_is_resumed(data.stream));
		fail_at_the_server(&data);
		leg_close(&data);
	}
	leg_close(&control);
	SSL_CTX_free(context);
	tls_tickets_drop(tickets);
	tls_close(tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a157_a_client_resumes_by_id_after_an_upload_without_close_notify),
		cmocka_unit_test(a157_a_ticket_of_a_connection_that_failed_is_not_used),
	};

	return cmocka_run_group_tests(tests, authority_make, authority_remove);
}
