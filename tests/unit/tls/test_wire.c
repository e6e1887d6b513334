/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wire with TLS on it: what is gathered leaves before its end does, and close_notify is not lost for want of room. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authority_kit.h"
#include "tls/internal.h"
#include "tls/wire.h"
#include "unit.h"

/* The largest there is, and fewer of them than are gathered. */
#define RECORD 16384UL
#define RECORDS 5U

struct pair {
	struct tls_tickets *tickets;
	struct wire wire;
	SSL_CTX *context;
	SSL *peer;
	int descriptor; /* the peer's */
};

static void shake_hands(struct pair *pair)
{
	enum tls_result result = TLS_WAIT;

	for (int i = 0; i < 20 && result != TLS_DONE; i++) {
		bool order = true;

		SSL_do_handshake(pair->peer);
		result = tls_stream_handshake(pair->wire.tls);
		if (result == TLS_HELLO)
			assert_int_equal(tls_stream_present(pair->wire.tls, NULL, &authority_router, TLS_NO_PAIR, &order),
					 TLS_DONE);
	}
	assert_int_equal(result, TLS_DONE);
	assert_int_equal(SSL_do_handshake(pair->peer), 1);
}

/* room: of the socket's send buffer. */
static void pair_connect(struct pair *pair, int room)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	pair->wire.descriptor = ends[0];
	pair->wire.tls = tls_stream_accept(authority_tls, ends[0], pair->tickets);
	pair->context = SSL_CTX_new(TLS_client_method());
	pair->peer = SSL_new(pair->context);
	pair->descriptor = ends[1];
	SSL_set_fd(pair->peer, ends[1]);
	SSL_set_connect_state(pair->peer);
	shake_hands(pair);
}

static void pair_disconnect(struct pair *pair)
{
	SSL_free(pair->peer);
	SSL_CTX_free(pair->context);
	close(pair->descriptor);
	wire_close(&pair->wire);
}

/* A control connection's. */
static void pair_open(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->tickets = tls_tickets_make();
	pair_connect(pair, 4096);
}

/* A data connection's, whose control connection is over. */
static void pair_open_data(struct pair *pair, int room)
{
	pair_open(pair);
	pair_disconnect(pair);
	pair_connect(pair, room);
}

static void pair_close(struct pair *pair)
{
	pair_disconnect(pair);
	tls_tickets_drop(pair->tickets);
}

/* Reads all that has come, and takes it from what is left to come. SSL_ERROR_WANT_READ: there may be more. */
static int peer_read_counting(struct pair *pair, size_t *left)
{
	uint8_t bytes[4096];
	int count;

	do {
		count = SSL_read(pair->peer, bytes, sizeof(bytes));
		*left -= count > 0 ? (size_t)count : 0;
	} while (count > 0);
	return SSL_get_error(pair->peer, count);
}

static int peer_read(struct pair *pair)
{
	size_t left = SIZE_MAX;

	return peer_read_counting(pair, &left);
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

/* Returns how many of their bytes went. */
static size_t write_records(struct pair *pair)
{
	uint8_t *bytes = calloc(RECORDS, RECORD);
	size_t total = 0;
	size_t length;

	assert_non_null(bytes);
	while (total < RECORDS * RECORD &&
	       wire_write(&pair->wire, (struct bytes){ bytes + total, RECORDS * RECORD - total }, &length) == TLS_DONE)
		total += length;
	free(bytes);
	return total;
}

static void records_of_a_data_connection_leave_together(void **state)
{
	struct pair pair;
	uint64_t before;

	(void)state;
	pair_open_data(&pair, 1 << 20);
	before = tls_stream_written(pair.wire.tls);
	assert_int_equal(write_records(&pair), RECORDS * RECORD);
	assert_int_equal(tls_stream_written(pair.wire.tls), before);
	assert_int_equal(wire_flush(&pair.wire), TLS_DONE);
	assert_in_range(tls_stream_written(pair.wire.tls) - before, RECORDS * RECORD, RECORDS * (RECORD + 64));
	assert_int_equal(peer_read(&pair), SSL_ERROR_WANT_READ);
	assert_int_equal(BIO_number_read(SSL_get_rbio(pair.peer)), tls_stream_written(pair.wire.tls));
	pair_close(&pair);
}

static void a92_the_end_comes_behind_all_records(void **state)
{
	struct pair pair;
	enum tls_result result = TLS_WAIT;
	unsigned int waits = 0;
	size_t total;

	(void)state;
	pair_open_data(&pair, 4096);
	total = write_records(&pair);
	assert_int_equal(total, RECORDS * RECORD);
	assert_int_equal(wire_flush(&pair.wire), TLS_WAIT);
	for (int i = 0; i < 1000 && result == TLS_WAIT; i++) {
		result = wire_finish(&pair.wire);
		if (result != TLS_WAIT)
			continue;
		waits++;
		assert_int_equal(peer_read_counting(&pair, &total), SSL_ERROR_WANT_READ);
	}
	assert_int_equal(result, TLS_DONE);
	assert_true(waits > 1);
	assert_int_equal(peer_read_counting(&pair, &total), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(total, 0);
	pair_close(&pair);
}

static void a92_what_the_peer_says_while_the_end_waits_is_not_lost(void **state)
{
	static const char line[] = "said while it waited";
	struct pair pair;
	uint8_t read[64];
	size_t length = 0;

	(void)state;
	pair_open_data(&pair, 4096);
	assert_int_equal(write_records(&pair), RECORDS * RECORD);
	assert_int_equal(wire_finish(&pair.wire), TLS_WAIT);
	assert_int_equal(SSL_write(pair.peer, line, sizeof(line)), sizeof(line));
	assert_int_equal(wire_finish(&pair.wire), TLS_WAIT);
	assert_int_equal(wire_read(&pair.wire, read, sizeof(read), &length), TLS_DONE);
	assert_int_equal(length, sizeof(line));
	assert_memory_equal(read, line, sizeof(line));
	pair_close(&pair);
}

/* The peer sends so many records that have nothing in them. */
static void renew_keys(struct pair *pair, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(SSL_key_update(pair->peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(pair->peer), 1);
	}
}

static void peer_says(struct pair *pair, uint8_t byte)
{
	assert_int_equal(SSL_write(pair->peer, &byte, 1), 1);
}

static void expect_byte(struct pair *pair, uint8_t byte)
{
	uint8_t read[8];
	size_t length;

	assert_int_equal(wire_read(&pair->wire, read, sizeof(read), &length), TLS_DONE);
	assert_int_equal(length, 1);
	assert_int_equal(read[0], byte);
}

static void peer_renews_for_ever(struct pair *pair)
{
	uint8_t read[8];
	size_t length;

	renew_keys(pair, 4 * TLS_BARREN_MAX);
	peer_says(pair, 'x');
	assert_int_equal(wire_read(&pair->wire, read, sizeof(read), &length), TLS_BARREN);
	/* The others are not looked at, though a data connection has them already. */
	assert_int_equal(pair->wire.tls->barren, TLS_BARREN_MAX + 1);
	assert_int_equal(wire_read(&pair->wire, read, sizeof(read), &length), TLS_BARREN);
	assert_int_equal(wire_finish(&pair->wire), TLS_DONE);
}

static void a161_records_with_nothing_in_them_end_the_connection(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	peer_renews_for_ever(&pair);
	pair_close(&pair);
	pair_open_data(&pair, 1 << 20);
	peer_renews_for_ever(&pair);
	pair_close(&pair);
}

static void a161_a_peer_that_renews_its_keys_is_heard(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	for (int i = 0; i < 4; i++) {
		renew_keys(&pair, TLS_BARREN_MAX - 1);
		peer_says(&pair, (uint8_t)i);
		expect_byte(&pair, (uint8_t)i);
	}
	pair_close(&pair);
}

/* A ClientHello of 128 KiB, a byte in each record. */
static void a161_a_handshake_has_so_many_records(void **state)
{
	static const uint8_t beginning[] = { 22, 3, 1, 0, 4, 1, 2, 0, 0 };
	static const uint8_t piece[] = { 22, 3, 1, 0, 1, 0 };
	uint8_t pieces[(TLS_HANDSHAKE_RECORDS_MAX - 1) * sizeof(piece)];
	struct pair pair;
	int ends[2];

	(void)state;
	pair_open(&pair);
	pair_disconnect(&pair);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	pair.wire.tls = tls_stream_accept(authority_tls, ends[0], pair.tickets);
	assert_int_equal(write(ends[1], beginning, sizeof(beginning)), sizeof(beginning));
	for (size_t i = 0; i < sizeof(pieces); i++)
		pieces[i] = piece[i % sizeof(piece)];
	assert_int_equal(write(ends[1], pieces, sizeof(pieces)), sizeof(pieces));
	assert_int_equal(tls_stream_handshake(pair.wire.tls), TLS_WAIT);
	assert_int_equal(write(ends[1], piece, sizeof(piece)), sizeof(piece));
	assert_int_equal(tls_stream_handshake(pair.wire.tls), TLS_BARREN);
	tls_stream_free(pair.wire.tls);
	close(ends[0]);
	close(ends[1]);
	tls_tickets_drop(pair.tickets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_notify_and_the_end_are_sent),
		cmocka_unit_test(close_notify_waits_for_room),
		cmocka_unit_test(records_of_a_data_connection_leave_together),
		cmocka_unit_test(a92_the_end_comes_behind_all_records),
		cmocka_unit_test(a92_what_the_peer_says_while_the_end_waits_is_not_lost),
		cmocka_unit_test(a161_records_with_nothing_in_them_end_the_connection),
		cmocka_unit_test(a161_a_peer_that_renews_its_keys_is_heard),
		cmocka_unit_test(a161_a_handshake_has_so_many_records),
	};

	return cmocka_run_group_tests(tests, authority_make_tls, authority_remove_tls);
}
