/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connected, non-blocking socket, in clear or with TLS on it. The results are those of tls/tls.h; a plain connection
 * ends with TLS_END, since it has no better end.
 */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <sys/socket.h>

#include "tls/tls.h"

struct wire {
	int descriptor;         /* -1: closed */
	struct tls_stream *tls; /* NULL: in clear */
	uint64_t acknowledged;  /* by wire_guard: what the peer's host had acknowledged then, where it counts the SYN */
};

/* What has happened to an end that was written. */
enum wire_arrival {
	WIRE_PENDING,
	WIRE_ARRIVED, /* the peer's host has acknowledged it */
	WIRE_CLOSED,  /* the connection is gone, and all bytes before the end have been acknowledged */
	WIRE_LOST,    /* the connection is gone, and they have not */
};

enum tls_result wire_read(struct wire *wire, uint8_t *out, size_t size, size_t *length);
/* The next byte, which is left where it is; in clear only. */
enum tls_result wire_peek(const struct wire *wire, uint8_t *byte);
/* What there is, up to size bytes, which stays where it is. */
enum tls_result wire_peek_all(const struct wire *wire, uint8_t *out, size_t size, size_t *length);
/* What is written to a data connection with TLS leaves with wire_flush at the latest. */
enum tls_result wire_write(struct wire *wire, struct bytes bytes, size_t *length);
/* TLS_DONE: the socket has all that was written. TLS_WAIT: it has no room. */
enum tls_result wire_flush(struct wire *wire);
/*
 * Nothing more will be written: close_notify where TLS is on, then FIN. TLS_WAIT: there is no room for close_notify yet;
 * call again. Without close_notify the peer would take all that it has for a part.
 */
enum tls_result wire_finish(struct wire *wire);
/* FIN without close_notify, once all is flushed. */
void wire_finish_bare(struct wire *wire);
/*
 * From now on the peer sees a reset whenever the socket is closed without wire_finish, even by the kernel because the
 * process is gone; and a peer whose host no longer answers is noticed within minutes.
 */
void wire_guard(struct wire *wire);
/* written: bytes of TCP's stream before the end. A socket that is not TCP's keeps nothing on the way: ARRIVED. */
enum wire_arrival wire_judge_arrival(const struct wire *wire, uint64_t written);
/* Bytes that the peer's host has acknowledged since wire_guard. */
uint64_t wire_acknowledged(const struct wire *wire);
void wire_close(struct wire *wire);
/* Closes so that the peer sees a reset, which no peer can take for the end of a file. */
void wire_abort(struct wire *wire);

/* Sockets: a non-blocking one, bound to local where its family is set, or -1 with errno. */
int wire_socket(const struct endpoint *local, enum family family);
/* The same with SO_REUSEADDR: for a port that a process before this one may have left a moment ago. */
int wire_socket_shared(const struct endpoint *local, enum family family);
/* The same, and local may be another host's address: packets for it must be routed here. Needs CAP_NET_ADMIN. */
int wire_socket_foreign(const struct endpoint *local, enum family family);
/* The same for a socket that is bound to no address, and takes connections to any. 0, or -1 with errno. */
int wire_allow_foreign(int descriptor, enum family family);
/* A socket to look routes up with, which sends nothing; or -1 with errno. */
int wire_probe(enum family family);
/* The address, and any port, by which this host talks to remote. False: there is no route. */
bool wire_probe_route(int descriptor, const struct endpoint *remote, struct endpoint *local);
/* Begins to connect. 0, or -1 with errno. */
int wire_connect(int descriptor, const struct endpoint *remote);
bool wire_local(int descriptor, struct endpoint *endpoint);
bool wire_remote(int descriptor, struct endpoint *endpoint);
/* Where the client wanted to go before it was redirected. */
bool wire_original_destination(int descriptor, enum family family, struct endpoint *endpoint);
/* An IPv4 address in IPv6 form becomes IPv4. False: another family. */
bool wire_read_address(const struct sockaddr_storage *storage, struct endpoint *endpoint);

#endif
