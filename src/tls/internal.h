/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of TLS share. */
#ifndef TLS_INTERNAL_H
#define TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "tls/certs.h"
#include "tls/tls.h"

/* OpenSSL's servers give two tickets first and one with each resumption; more are not worth keeping. */
#define TLS_SESSIONS_MAX 4
/* For bytes of a data connection that wait to be decrypted, and for those that wait to leave: eight records. */
#define TLS_BULK_BUFFER 139264U
#define TLS_BINDING_SIZE 16
#define TLS_FINGERPRINT_SIZE 32
#define TLS_TICKET_KEY_SIZE 32
/* The longest that RFC 8446 4.6.1 allows: a client has to be able to resume as long as its control connection lives. */
#define TLS_TICKET_SECONDS (7L * 86400)

/* OpenSSL's own judgement of a key's strength, after ours. */
struct tls_bounds {
	int (*usual)(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int identifier, void *other, void *of);
};

struct tls {
	struct tls_bounds bounds;
	SSL_CTX *acceptor;
	SSL_CTX *connector;
	SSL_CTX **special; /* for each pair; NULL: the connector does */
	size_t special_count;
	struct certs *certs;
};

struct tls_tickets {
	unsigned int references;
	/* the client's leg */
	bool shown; /* a data connection has resumed */
	uint8_t binding[TLS_BINDING_SIZE];
	uint8_t ticket_cipher_key[TLS_TICKET_KEY_SIZE];
	uint8_t ticket_mac_key[TLS_TICKET_KEY_SIZE];
	struct certs_identity *identity;
	unsigned int spent; /* TLS 1.3: tickets that data connections have used since the client was last given one */
	SSL_SESSION *own; /* TLS 1.2: what a client without tickets resumes by its id */
	/* the server's leg */
	SSL_SESSION *sessions[TLS_SESSIONS_MAX]; /* oldest first; of TLS 1.2, the latest alone */
	unsigned int session_count;
	SSL_SESSION *spare; /* the last one that was used, for a server that gave us no other */
	uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
	bool fingerprint_known; /* the control connection's handshake is done */
};

/*
 * How many records in a row may have nothing in them for us: renewals of keys, tickets, refused renegotiations, no byte at
 * all. OpenSSL deals with them for as long as there are any, within one call. Servers give four tickets at most.
 */
#define TLS_BARREN_MAX 32U
/*
 * And how many in a handshake. The longest messages are chains of certificates, of 100 KiB, and some peers send pieces of
 * 512 bytes.
 */
#define TLS_HANDSHAKE_RECORDS_MAX 512U

struct tls_stream {
	SSL *ssl;
	struct tls *tls;
	struct tls_tickets *tickets;
	bool accepting;
	bool secured;   /* the handshake is done */
	unsigned int barren; /* records that have come since one had something in it, or since the beginning */
	bool asked;     /* the server wants a certificate of its client; most can do without */
	bool lacks_certificate;
	bool said_end;  /* the peer's close_notify has come */
	bool broken;    /* the peer said what is no TLS, or an alert that ends it */
	bool finished;  /* our close_notify is written, though it may wait to leave */
	bool follows;   /* a data connection: it has the control connection's certificate, or is judged by it */
	const char *excess; /* what the server has chosen too large; NULL: nothing */
	const char *status; /* what its stapled response says against it; NULL: nothing */
	bool misnamed;  /* not everybody would read the client's name alike */
	char name[TLS_NAME_MAX];
	char error[TLS_ERROR_MAX];
};

/* A client's control connection that is read from memory. Takes over both, unless it is NULL. */
struct tls_stream *tls_stream_accept_from(struct tls *tls, BIO *in, BIO *out, struct tls_tickets *tickets);

/* Keeps a session that the server gave us; takes over the reference. */
void tls_tickets_put(struct tls_tickets *tickets, SSL_SESSION *session);
/* A reference to a session to resume, or NULL. */
SSL_SESSION *tls_tickets_take(struct tls_tickets *tickets);

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb. */
int tls_tickets_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);

/* bounds.c; for contexts of servers' legs, which bounds outlives */
void tls_bounds_apply(SSL_CTX *context, struct tls_bounds *bounds);

/* Is a certificate's key no larger than those of good servers? */
bool tls_bounds_take_key(X509 *certificate);

/* staple.c; for a server's leg, before its handshake. False: no memory. */
bool staple_ask(SSL *ssl);
/* What a stapled response, or its absence, says against a certificate whose chain is good; static text. Call it once. */
const char *staple_objection(SSL *ssl);

/* demand.c. False, with what is wrong in error. */
bool tls_demand_apply(SSL_CTX *context, const struct tls_demand *demand, char *error, size_t size);
bool tls_demand_is_default(const struct tls_demand *demand);

#endif
