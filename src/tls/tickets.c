/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers insist that a data connection resumes the TLS session of its control connection: that proves that both have the
 * same client. So the sessions that a server gives us, on the control connection and on its data connections, are kept
 * with the control connection and used for nothing else.
 *
 * A TLS 1.3 ticket is used once (RFC 8446 C.4), the latest first, because it lives longest: where each data connection
 * brings a new one, a control connection may be older than any ticket's lifetime. TLS 1.2 has one session for all. A
 * server that gives fewer tickets than it wants connections gets its last one again: a connection without one would be
 * refused. So does a server whose data connection failed: OpenSSL takes the tickets that came on it for spent, as a server
 * may that remembers them (RFC 8446 6.2). A client's upload without close_notify is such a failure to most servers.
 *
 * Our own clients get no TLS 1.3 tickets on data connections. Tickets follow the handshake, so a client that only writes
 * never reads them; and a socket that is closed with bytes unread is reset, which loses the part of the file that the
 * client's host has yet to send (curl with GnuTLS, Go, Perl, Ruby). Some clients (curl with OpenSSL) use a ticket only once,
 * so each that is used is replaced on the control connection, where the client reads anyway: the new one comes before the
 * reply that ends the transfer.
 *
 * The keys of our own tickets belong to the control connection too, and are gone with it: there is nothing to rotate, and
 * a key that is stolen later opens none of the earlier sessions.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "tls/internal.h"

struct tls_tickets *tls_tickets_make(void)
{
	struct tls_tickets *tickets = OPENSSL_zalloc(sizeof(*tickets));

	if (!tickets)
		return NULL;
	tickets->references = 1;
	if (RAND_bytes(tickets->binding, sizeof(tickets->binding)) == 1 &&
	    RAND_priv_bytes(tickets->ticket_cipher_key, sizeof(tickets->ticket_cipher_key)) == 1 &&
	    RAND_priv_bytes(tickets->ticket_mac_key, sizeof(tickets->ticket_mac_key)) == 1)
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
	OPENSSL_clear_free(tickets, sizeof(*tickets));
}

void tls_tickets_show(struct tls_tickets *tickets)
{
	tickets->shown = true;
}

bool tls_tickets_shown(const struct tls_tickets *tickets)
{
	return tickets->shown;
}

static void tickets_drop_first(struct tls_tickets *tickets)
{
	tickets->session_count--;
	memmove(&tickets->sessions[0], &tickets->sessions[1], tickets->session_count * sizeof(tickets->sessions[0]));
}

static bool session_is_single(const SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION;
}

void tls_tickets_put(struct tls_tickets *tickets, SSL_SESSION *session)
{
	while (tickets->session_count > 0 &&
	       (tickets->session_count == TLS_SESSIONS_MAX || !session_is_single(session))) {
		SSL_SESSION_free(tickets->sessions[0]);
		tickets_drop_first(tickets);
	}
	tickets->sessions[tickets->session_count++] = session;
}

/* Would the server still accept it? It has said for how long (RFC 8446 4.6.1, RFC 5077 5.6); 0 in TLS 1.2: it has not. */
static bool session_is_current(const SSL_SESSION *session)
{
	const unsigned long lifetime = SSL_SESSION_get_ticket_lifetime_hint(session);
	const unsigned long age = (unsigned long)time(NULL) - (unsigned long)SSL_SESSION_get_time(session);

	return age < lifetime || (lifetime == 0 && !session_is_single(session));
}

SSL_SESSION *tls_tickets_take(struct tls_tickets *tickets)
{
	while (tickets->session_count > 0 && !SSL_SESSION_is_resumable(tickets->sessions[tickets->session_count - 1]))
		SSL_SESSION_free(tickets->sessions[--tickets->session_count]);
	if (tickets->session_count > 0 && session_is_current(tickets->sessions[tickets->session_count - 1])) {
		SSL_SESSION_free(tickets->spare);
		tickets->spare = tickets->sessions[--tickets->session_count];
	}
	/* A copy: OpenSSL marks a session as bad when a connection that used it is cut. */
	return tickets->spare ? SSL_SESSION_dup(tickets->spare) : NULL;
}

int tls_tickets_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	const struct tls_stream *stream = SSL_get_app_data(ssl);
	struct tls_tickets *tickets = stream->tickets;
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, tickets->ticket_mac_key,
						  sizeof(tickets->ticket_mac_key)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	_Static_assert(TLS_BINDING_SIZE == 16, "the name of a ticket's key has 16 bytes");
	if (sealing)
		memcpy(name, tickets->binding, TLS_BINDING_SIZE);
	else if (memcmp(name, tickets->binding, TLS_BINDING_SIZE) != 0)
		return 0;
	if (EVP_MAC_CTX_set_params(mac, parameters) != 1)
		return -1;
	if (sealing)
		return RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
		       EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), tickets->ticket_cipher_key, iv, NULL) == 1 ? 1 : -1;
	return EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), tickets->ticket_cipher_key, iv, NULL) == 1 ? 1 : -1;
}
