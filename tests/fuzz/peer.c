/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer.h"

#include <assert.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 8446 5.1: content types, and the longest record. */
#define RECORD_TYPE_MIN 20
#define RECORD_TYPE_MAX 23
#define RECORD_MAX (16384U + 2048U)

void peer_open(struct peer *peer, int descriptor, SSL_CTX *context, bool accepts)
{
	memset(peer, 0, sizeof(*peer));
	peer->descriptor = descriptor;
	peer->context = context;
	peer->accepts = accepts;
}

void peer_close(struct peer *peer)
{
	SSL_free(peer->ssl);
	peer->ssl = NULL;
	peer->secure = false;
	if (peer->descriptor >= 0)
		close(peer->descriptor);
	peer->descriptor = -1;
}

void peer_inject(struct peer *peer, struct bytes bytes)
{
	if (peer->descriptor < 0 || bytes.length == 0)
		return;
	if (send(peer->descriptor, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		peer->moved = true;
}

/* What TLS wants to send. */
static void peer_flush(struct peer *peer)
{
	uint8_t bytes[4096];
	int length;

	while (peer->ssl && (length = BIO_read(SSL_get_wbio(peer->ssl), bytes, sizeof(bytes))) > 0)
		peer_inject(peer, (struct bytes){ bytes, (size_t)length });
}

void peer_say(struct peer *peer, struct bytes bytes)
{
	size_t written;

	if (!peer->ssl)
		peer_inject(peer, bytes);
	else if (peer->secure && bytes.length > 0)
		SSL_write_ex(peer->ssl, bytes.data, bytes.length, &written);
	peer_flush(peer);
	ERR_clear_error();
}

void peer_start_tls(struct peer *peer)
{
	if (peer->ssl || peer->broken)
		return;
	peer->ssl = SSL_new(peer->context);
	assert(peer->ssl);
	SSL_set_bio(peer->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (peer->accepts)
		SSL_set_accept_state(peer->ssl);
	else
		SSL_set_connect_state(peer->ssl);
	peer->secure = false;
	peer->moved = true;
}

static void peer_drop_tls(struct peer *peer)
{
	SSL_free(peer->ssl);
	peer->ssl = NULL;
	peer->secure = false;
}

void peer_end_tls(struct peer *peer)
{
	if (!peer->secure)
		return;
	SSL_shutdown(peer->ssl);
	peer_flush(peer);
	peer_drop_tls(peer);
	ERR_clear_error();
}

/* Adds a byte to a line, and reports the line when it is whole. */
static void peer_add(struct peer *peer, uint8_t byte, bool clear)
{
	uint8_t *line = clear ? peer->clear : peer->inner;
	size_t *length = clear ? &peer->clear_length : &peer->inner_length;
	struct bytes whole = { line, 0 };

	assert(*length < PEER_LINE_MAX);
	line[(*length)++] = byte;
	if (byte != '\n')
		return;
	whole.length = *length - 1;
	if (whole.length > 0 && line[whole.length - 1] == '\r')
		whole.length--;
	*length = 0;
	peer->on_line(peer, whole, clear);
}

static void peer_read_inside(struct peer *peer)
{
	uint8_t bytes[4096];
	size_t length = 0;

	while (peer->secure && SSL_read_ex(peer->ssl, bytes, sizeof(bytes), &length) == 1)
		for (size_t i = 0; i < length; i++)
			peer_add(peer, bytes[i], false);
	if (peer->secure && (SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN)) {
		if (peer->answers_close)
			SSL_shutdown(peer->ssl);
		peer_flush(peer);
		peer_drop_tls(peer);
	}
	ERR_clear_error();
}

/* Goes on with the handshake and reads what is inside. */
static void peer_advance(struct peer *peer)
{
	int result;

	if (!peer->ssl)
		return;
	if (!peer->secure) {
		result = SSL_do_handshake(peer->ssl);
		peer->secure = result == 1;
		if (result != 1 && SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ) {
			peer_flush(peer);
			peer_drop_tls(peer);
			peer->broken = true;
			ERR_clear_error();
			return;
		}
	}
	peer_read_inside(peer);
	peer_flush(peer);
	ERR_clear_error();
}

static void peer_take_record_byte(struct peer *peer, uint8_t byte)
{
	if (peer->record_left > 0) {
		peer->record_left--;
	} else {
		peer->header[peer->header_length++] = byte;
		if (peer->header_length == 2)
			assert(byte == 3);
		if (peer->header_length == PEER_HEADER) {
			peer->record_left = (size_t)peer->header[3] << 8 | peer->header[4];
			assert(peer->record_left > 0 && peer->record_left <= RECORD_MAX);
			peer->header_length = 0;
		}
	}
	peer->in_record = peer->header_length > 0 || peer->record_left > 0;
	/* A server is called by a ClientHello; who was told to refuse TLS is broken already. */
	if (!peer->ssl && peer->accepts)
		peer_start_tls(peer);
	if (peer->ssl)
		BIO_write(SSL_get_rbio(peer->ssl), &byte, 1);
	if (!peer->in_record)
		peer_advance(peer);
}

static void peer_take(struct peer *peer, uint8_t byte)
{
	if (peer->in_record || (byte >= RECORD_TYPE_MIN && byte <= RECORD_TYPE_MAX && peer->clear_length == 0)) {
		peer_take_record_byte(peer, byte);
		return;
	}
	assert(!peer->promised);
	peer_add(peer, byte, true);
}

void peer_pump(struct peer *peer)
{
	uint8_t bytes[4096];
	ssize_t length;

	if (peer->descriptor < 0)
		return;
	peer_advance(peer);
	while ((length = recv(peer->descriptor, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		peer->moved = true;
		for (ssize_t i = 0; i < length; i++)
			peer_take(peer, bytes[i]);
	}
}
