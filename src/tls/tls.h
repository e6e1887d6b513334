/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS on a connected, non-blocking socket, in either role. Nothing here knows what is said inside, and no folder above
 * needs OpenSSL's headers.
 *
 *   struct tls          keys, certificates and trust of one process
 *   struct tls_tickets  what ties data connections to a control connection: the sessions that a server gave us to resume,
 *                       and the identity and the binding under which a client may resume its own
 *   struct tls_stream   one TLS connection
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "ftpalg/base.h"

#define TLS_NAME_MAX 256 /* a host name (RFC 1035 3.1) and its NUL */
#define TLS_ERROR_MAX 160

/*
 * What a leg may use. ciphers: names and selections of OpenSSL and, beginning with TLS_, suites of TLS 1.3; groups: names;
 * both separated by colons, NULL or "": the strict defaults (demand.c).
 */
struct tls_demand {
	bool no_tls12;
	bool no_tls13;
	const char *ciphers;
	const char *groups;
	const char *of; /* in error messages, before the name of the setting; or NULL */
};

/* The files of one of the operator's servers, and what its leg may use. */
struct tls_pair {
	const char *certificate;
	const char *key;
	struct tls_demand demand;
};

/* Instead of the number of a pair: none of them. */
#define TLS_NO_PAIR SIZE_MAX

struct mint_order;
struct mint_answer;

/*
 * Sends an order to the process with the authority's key. False: not now; it will be tried again. The answer goes to
 * tls_take_answer.
 */
typedef bool tls_ask(void *context, const struct mint_order *order);

struct tls_settings {
	const char *certificate;    /* PEM files; NULL or "": there is none */
	const char *key;
	const struct tls_pair *pairs; /* for single servers; tls_stream_present chooses */
	size_t pair_count;
	const char *ca_certificate; /* who signs minted certificates */
	const char *ca_key;         /* NULL: ask does it instead */
	tls_ask *ask;
	void *ask_context;
	const char *anchors;        /* who signs good servers' certificates; NULL or "": the system's store */
	struct tls_demand client;   /* for the legs of clients */
	struct tls_demand server;   /* for those of servers whose pair demands nothing else */
};

enum tls_result {
	TLS_DONE,
	TLS_WAIT,   /* the socket has to become readable or writable */
	TLS_HELLO,  /* handshake: the ClientHello has been read; tls_stream_present goes on */
	TLS_DENIED, /* tls_stream_present */
	TLS_END,    /* the peer said close_notify */
	TLS_CUT,    /* the stream ended without it: what was read may be a part of what was sent */
	TLS_FAILED, /* tls_stream_error says why */
	TLS_BARREN, /* the peer sends records with nothing in them, one after the other; nothing more is read */
};

struct tls;
struct tls_tickets;
struct tls_stream;

/* What was agreed on. Texts live as long as both the stream and this. */
#define TLS_NAMES_MAX 16
struct tls_description {
	const char *name;   /* that the client asked for; "": none */
	const char *cipher;
	const char *group;  /* NULL: there was none */
	char protocol[16];  /* of ALPN; "": none */
	char fingerprint[65]; /* SHA-256 of the certificate that was shown, in hexadecimal digits; "": none was */
	struct bytes names[TLS_NAMES_MAX]; /* its DNS names and addresses, or else its common name; any bytes */
	size_t name_count;
	uint8_t text[512];
	size_t text_length;
};

/* Where anchors are read from if none are configured. */
extern const char tls_system_anchors[];

/* Reads all files. NULL, with what is wrong in error (of size bytes). */
struct tls *tls_open(const struct tls_settings *settings, char *error, size_t size);
void tls_close(struct tls *tls);
/* Takes an answer of the minter. Callers that have had TLS_WAIT from tls_stream_present call that again. */
void tls_take_answer(struct tls *tls, const struct mint_answer *answer);

/* Counted references: each _make or _hold needs a _drop. NULL where there is no memory. */
struct tls_tickets *tls_tickets_make(void);
struct tls_tickets *tls_tickets_hold(struct tls_tickets *tickets);
void tls_tickets_drop(struct tls_tickets *tickets);
/* Has a data connection of the client resumed the session of this control connection, or of one of its data connections? */
void tls_tickets_show(struct tls_tickets *tickets);
bool tls_tickets_shown(const struct tls_tickets *tickets);

/*
 * Streams take a reference to tickets and leave the descriptor to the caller. A client's control connection stops with
 * TLS_HELLO until it is told what certificate to present; its data connections present the same.
 */
struct tls_stream *tls_stream_accept(struct tls *tls, int descriptor, struct tls_tickets *tickets);
/*
 * name: the host name that the server has to prove, sent as SNI; "": it has to prove the address, in binary, or, where
 * address is NULL, only that an anchor vouches for it. pair: whose demand holds, or TLS_NO_PAIR.
 */
struct tls_stream *tls_stream_connect(struct tls *tls, int descriptor, struct tls_tickets *tickets, const char *name,
				      const struct address *address, size_t pair);
void tls_stream_free(struct tls_stream *stream);

enum tls_result tls_stream_handshake(struct tls_stream *stream);

/* Has the server ended the connection because it demands a certificate of its client? */
bool tls_stream_lacks_certificate(const struct tls_stream *stream);

/* The name in the ClientHello; "": it had none. */
const char *tls_stream_name(const struct tls_stream *stream);

/*
 * Chooses the certificate for a client after TLS_HELLO: that of pair, or TLS_NO_PAIR; else the given one; else one minted
 * for the names of server's certificate; else, where server is NULL, one for the name in the ClientHello or for address.
 * A server whose certificate is bad gets none of the given ones. TLS_DONE; TLS_WAIT: it is being minted, and this is to be
 * called again once there are answers, and now and then without them; TLS_DENIED: there is none, and it must not be ordered;
 * TLS_FAILED: there is none, and tls_stream_error says so. *order: may one be ordered? And then: has one been?
 */
enum tls_result tls_stream_present(struct tls_stream *stream, const struct tls_stream *server,
				   const struct address *address, size_t pair, bool *order);

/*
 * What is wrong with the server's certificate, or NULL. On a data connection: anything but the certificate of its
 * control connection.
 */
const char *tls_stream_objection(const struct tls_stream *stream);

/* After TLS_CUT: did it end within a record? Then bytes are missing, whatever the peer is used to leave out. */
bool tls_stream_is_torn(const struct tls_stream *stream);

/* *length is what was read or written, at least 1, with TLS_DONE. */
enum tls_result tls_stream_read(struct tls_stream *stream, uint8_t *out, size_t size, size_t *length);
enum tls_result tls_stream_write(struct tls_stream *stream, struct bytes bytes, size_t *length);
/* What is written to a data connection may wait here for more. TLS_DONE: the socket has all of it. */
enum tls_result tls_stream_flush(struct tls_stream *stream);
/* Bytes that the socket has taken, handshake and records. */
uint64_t tls_stream_written(const struct tls_stream *stream);
/* Sends close_notify; TLS_DONE: it is on its way. Reading goes on. */
enum tls_result tls_stream_finish(struct tls_stream *stream);

bool tls_stream_is_resumed(const struct tls_stream *stream);
/* For a stream whose handshake is done. */
void tls_stream_describe(const struct tls_stream *stream, struct tls_description *out);
/* "TLSv1.3"; static text. */
const char *tls_stream_version(const struct tls_stream *stream);
/* Has the peer said what is no TLS, or an alert that ends it? Its connection may have broken for other reasons. */
bool tls_stream_is_broken(const struct tls_stream *stream);
/* Why the last call failed. */
const char *tls_stream_error(const struct tls_stream *stream);

#endif
