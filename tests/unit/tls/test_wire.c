/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a wire with TLS on it: close_notify is not lost where the socket has no room for it. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/authority.h"
#include "tls/wire.h"
#include "unit.h"

#define ERROR_MAX 512

static const struct address address = { .family = FAMILY_IPV4, .octets = { 192, 0, 2, 7 } };

struct pair {
	struct tls *tls;
	struct tls_tickets *tickets;
	struct wire wire;
	SSL_CTX *context;
	SSL *peer;
	int descriptor; /* the peer's */
};

static struct tls *open_tls(void)
{
	char directory[] = "/tmp/ftpalg-wire-XXXXXX";
	char certificate[64], key[64], error[ERROR_MAX] = "";
	const struct tls_settings settings = { .ca_certificate = certificate, .ca_key = key, .anchors = certificate };
	struct tls *tls;

	assert_non_null(mkdtemp(directory));
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", directory);
	snprintf(key, sizeof(key), "%s/ca.key", directory);
	assert_int_equal(authority_create(certificate, key, "test authority", 30, error, sizeof(error)), 0);
	tls = tls_open(&settings, error, sizeof(error));
	unlink(certificate);
	unlink(key);
	rmdir(directory);
	if (!tls)
		fail_msg("%s", error);
	return tls;
}

static void shake_hands(struct pair *pair)
{
	enum tls_result result = TLS_WAIT;

	for (int i = 0; i < 20 && result != TLS_DONE; i++) {
		SSL_do_handshake(pair->peer);
		result = tls_stream_handshake(pair->wire.tls);
		if (result == TLS_HELLO)
			assert_int_equal(tls_stream_present(pair->wire.tls, NULL, &address, TLS_NO_PAIR), TLS_DONE);
	}
	assert_int_equal(result, TLS_DONE);
	assert_int_equal(SSL_do_handshake(pair->peer), 1);
}

static void pair_open(struct pair *pair)
{
	const int small = 4096;
	int ends[2];

	memset(pair, 0, sizeof(*pair));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	pair->tls = open_tls();
	pair->tickets = tls_tickets_make();
	pair->wire.descriptor = ends[0];
	pair->wire.tls = tls_stream_accept(pair->tls, ends[0], pair->tickets);
	pair->context = SSL_CTX_new(TLS_client_method());
	pair->peer = SSL_new(pair->context);
	pair->descriptor = ends[1];
	SSL_set_fd(pair->peer, ends[1]);
	SSL_set_connect_state(pair->peer);
	shake_hands(pair);
}

static void pair_close(struct pair *pair)
{
	SSL_free(pair->peer);
	SSL_CTX_free(pair->context);
	close(pair->descriptor);
	wire_close(&pair->wire);
	tls_tickets_drop(pair->tickets);
	tls_close(pair->tls);
}

/* Reads all that has come. SSL_ERROR_WANT_READ: there may be more. */
static int peer_read(struct pair *pair)
{
	uint8_t bytes[4096];
	int count;

	do
		count = SSL_read(pair->peer, bytes, sizeof(bytes));
	while (count > 0);
	return SSL_get_error(pair->peer, count);
}

static void close_notify_and_the_end_are_sent(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	assert_int_equal(wire_finish(&pair.wire), TLS_DONE);
	assert_int_equal(peer_read(&pair), SSL_ERROR_ZERO_RETURN);
	pair_close(&pair);
}

/* Writes single bytes until there is no room, or count of them; returns how many went. */
static unsigned int fill(struct pair *pair, unsigned int count)
{
	const uint8_t byte = 'x';
	unsigned int written = 0;
	size_t length;

	while (written < count && wire_write(&pair->wire, (struct bytes){ &byte, 1 }, &length) == TLS_DONE)
		written++;
	return written;
}

static void close_notify_waits_for_room(void **state)
{
	struct pair pair;
	unsigned int room;

	(void)state;
	pair_open(&pair);
	room = fill(&pair, 100000);
	pair_close(&pair);
	/* The same again, but with nothing that waits to be written. */
	pair_open(&pair);
	assert_int_equal(fill(&pair, room), room);
	assert_int_equal(wire_finish(&pair.wire), TLS_WAIT);
	assert_int_equal(wire_finish(&pair.wire), TLS_WAIT);
	/* No end has come yet: all would be taken for a part. */
	assert_int_equal(peer_read(&pair), SSL_ERROR_WANT_READ);
	assert_int_equal(wire_finish(&pair.wire), TLS_DONE);
	assert_int_equal(peer_read(&pair), SSL_ERROR_ZERO_RETURN);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_notify_and_the_end_are_sent),
		cmocka_unit_test(close_notify_waits_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
