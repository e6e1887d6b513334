/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers insist that a data connection resumes the TLS session of its control connection: it proves that both have the
 * same client. So the sessions that a server gives us, on the control connection and on its data connections, are kept
 * with the control connection and used for nothing else.
 *
 * A TLS 1.3 ticket is used once (RFC 8446 C.4). TLS 1.2 has one session for all connections. A server that gives fewer
 * tickets than it wants connections gets its last one again: to come without one would be to be refused.
 *
 * Our own clients get no TLS 1.3 tickets on data connections. Tickets follow the handshake, so a client that only writes
 * never reads them; and a socket that is closed with bytes unread is reset, with which the part of the file that the
 * client's host has yet to send is lost (curl with GnuTLS, Go, Perl, Ruby). Some clients (curl with OpenSSL) use a ticket
 * only once, so each that is used is replaced on the control connection, where the client reads anyway: it comes before
 * the reply that ends the transfer.
 */
#include <openssl/rand.h>
#include <string.h>

#include "net/tls_internal.h"

struct tls_tickets *tls_tickets_make(void)
{
	struct tls_tickets *tickets = OPENSSL_zalloc(sizeof(*tickets));

	if (!tickets)
		return NULL;
	tickets->references = 1;
	if (RAND_bytes(tickets->binding, sizeof(tickets->binding)) == 1)
		return tickets;
	OPENSSL_free(tickets);
	return NULL;
}

struct tls_tickets *tls_tickets_hold(struct tls_tickets *tickets)
{
	tickets->references++;
	return tickets;
}

void tls_tickets_drop(struct tls_tickets *tickets)
{
	if (!tickets || --tickets->references > 0)
		return;
	for (unsigned int i = 0; i < tickets->session_count; i++)
		SSL_SESSION_free(tickets->sessions[i]);
	SSL_SESSION_free(tickets->spare);
	SSL_SESSION_free(tickets->own);
	certs_identity_drop(tickets->identity);
	OPENSSL_free(tickets);
}

static void tickets_drop_first(struct tls_tickets *tickets)
{
	tickets->session_count--;
	memmove(&tickets->sessions[0], &tickets->sessions[1], tickets->session_count * sizeof(tickets->sessions[0]));
}

void tls_tickets_put(struct tls_tickets *tickets, SSL_SESSION *session)
{
	if (tickets->session_count == TLS_SESSIONS_MAX) {
		SSL_SESSION_free(tickets->sessions[0]);
		tickets_drop_first(tickets);
	}
	tickets->sessions[tickets->session_count++] = session;
}

SSL_SESSION *tls_tickets_take(struct tls_tickets *tickets)
{
	SSL_SESSION *session = tickets->spare;

	if (tickets->session_count > 0) {
		session = tickets->sessions[0];
		tickets_drop_first(tickets);
		SSL_SESSION_free(tickets->spare);
		tickets->spare = session;
	}
	/* A copy: OpenSSL marks a session as bad when a connection that used it is cut. */
	return session ? SSL_SESSION_dup(session) : NULL;
}
