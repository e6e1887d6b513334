/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One peer of the proxy, at the other end of a socket pair: it says what it is told, in clear or in TLS, and takes what
 * it hears apart into lines in clear and lines in TLS. TLS goes through memory, so every byte on the wire is seen.
 */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include <openssl/ssl.h>

#include "ftpalg/base.h"

#define PEER_LINE_MAX 16384U
#define PEER_HEADER 5U

struct peer {
	int descriptor; /* -1: closed */
	bool accepts;   /* the peer is the TLS server */
	SSL_CTX *context;
	SSL *ssl;       /* NULL: the peer speaks in clear */
	bool secure;    /* its handshake is complete */
	bool broken;    /* its TLS failed; nothing more is heard */
	bool answers_close;
	bool moved;     /* since somebody looked */

	bool promised;  /* not one byte in clear may come */
	bool in_record; /* the last byte was one of a TLS record */
	uint8_t header[PEER_HEADER];
	size_t header_length;
	size_t record_left;
	uint8_t clear[PEER_LINE_MAX];
	size_t clear_length;
	uint8_t inner[PEER_LINE_MAX];
	size_t inner_length;

	void (*on_line)(struct peer *peer, struct bytes line, bool clear);
};

void peer_open(struct peer *peer, int descriptor, SSL_CTX *context, bool accepts);
void peer_close(struct peer *peer);
/* In TLS where it is on, else in clear; nothing while a handshake goes on. */
void peer_say(struct peer *peer, struct bytes bytes);
/* In clear, whatever is agreed. */
void peer_inject(struct peer *peer, struct bytes bytes);
void peer_start_tls(struct peer *peer);
/* close_notify; the peer goes on in clear. */
void peer_end_tls(struct peer *peer);
/* Reads all there is, and goes on with the handshake. */
void peer_pump(struct peer *peer);

#endif
