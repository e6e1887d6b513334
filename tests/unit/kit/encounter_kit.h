/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server by hand that the proxy's end of TLS meets, with the authority's own certificate where it is given no other. */
#ifndef UNIT_ENCOUNTER_KIT_H
#define UNIT_ENCOUNTER_KIT_H

#include <openssl/ssl.h>

#include "tls/tls.h"

struct encounter {
	struct tls *tls;
	struct tls_tickets *tickets;
	struct tls_stream *stream;
	SSL_CTX *context; /* the server's */
	SSL *server;
	int ends[2];
};

/* ciphers and groups: what the proxy's end may use; "": what is usual. */
void encounter_open(struct encounter *encounter, const char *ciphers, const char *groups);
/* How the handshake goes. */
enum tls_result encounter_meet(struct encounter *encounter);
void encounter_close(struct encounter *encounter);

#endif
