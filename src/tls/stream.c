/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One TLS connection on a non-blocking socket. Whatever OpenSSL answers becomes one of enum tls_result; the distinction
 * that matters is between an end that the peer said (close_notify) and one that anybody on the way could have made.
 *
 * No call may take as long as the peer likes. A record with a byte for us ends a call; callers bound the number of these,
 * and all other records are counted here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/certs_internal.h"
#include "tls/internal.h"

static bool stream_is_barren(const struct tls_stream *stream)
{
	return stream->barren > (stream->secured ? TLS_BARREN_MAX : TLS_HANDSHAKE_RECORDS_MAX);
}

/* OpenSSL shows the header of each record, and alerts. One that believes that the peer has ended stops after a header. */
static void stream_see_record(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *context)
{
	struct tls_stream *stream = context;

	(void)version;
	if (!sent && type == SSL3_RT_ALERT && length == 2 && ((const uint8_t *)bytes)[1] == SSL_AD_CLOSE_NOTIFY)
		stream->said_end = true;
	if (sent || type != SSL3_RT_HEADER)
		return;
	stream->barren++;
	if (stream_is_barren(stream))
		SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

/* On a descriptor, or below 0: on nothing yet. */
static struct tls_stream *stream_make(struct tls *tls, SSL_CTX *context, int descriptor, struct tls_tickets *tickets)
{
	struct tls_stream *stream = OPENSSL_zalloc(sizeof(*stream));

	if (!stream)
		return NULL;
	stream->tls = tls;
	stream->ssl = SSL_new(context);
	if (!stream->ssl || (descriptor >= 0 && SSL_set_fd(stream->ssl, descriptor) != 1)) {
		SSL_free(stream->ssl);
		OPENSSL_free(stream);
		ERR_clear_error();
		return NULL;
	}
	stream->tickets = tls_tickets_hold(tickets);
	SSL_set_app_data(stream->ssl, stream);
	SSL_set_msg_callback(stream->ssl, stream_see_record);
	SSL_set_msg_callback_arg(stream->ssl, stream);
	return stream;
}

/* A data connection moves much and lives briefly: it keeps its buffers, and reads several records with one call. */
static void stream_expect_bulk(struct tls_stream *stream)
{
	SSL_clear_mode(stream->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_set_read_ahead(stream->ssl, 1);
	SSL_set_default_read_buffer_len(stream->ssl, TLS_BULK_BUFFER);
}

struct tls_stream *tls_stream_accept(struct tls *tls, int descriptor, struct tls_tickets *tickets)
{
	struct tls_stream *stream = stream_make(tls, tls->acceptor, descriptor, tickets);

	if (!stream)
		return NULL;
	stream->accepting = true;
	stream->follows = tickets->identity != NULL;
	if (stream->follows) {
		stream_expect_bulk(stream);
		/* The control connection gives tickets; see tls/tickets.c. */
		SSL_set_num_tickets(stream->ssl, 0);
	}
	SSL_set_accept_state(stream->ssl);
	/* OpenSSL resumes a session only under the id context that it was made under: no other control connection's. */
	if (SSL_set_session_id_context(stream->ssl, tickets->binding, sizeof(tickets->binding)) == 1)
		return stream;
	tls_stream_free(stream);
	return NULL;
}

struct tls_stream *tls_stream_accept_from(struct tls *tls, BIO *in, BIO *out, struct tls_tickets *tickets)
{
	struct tls_stream *stream = stream_make(tls, tls->acceptor, -1, tickets);

	if (!stream)
		return NULL;
	stream->accepting = true;
	SSL_set_bio(stream->ssl, in, out);
	SSL_set_accept_state(stream->ssl);
	return stream;
}

/* The chain must lead to an anchor, and the certificate must be for the name, or for the address where there is one. */
static bool expect_server(struct tls_stream *stream, const char *name, const struct address *address)
{
	const size_t octets = address && address->family == FAMILY_IPV6 ? 16 : 4;

	snprintf(stream->name, sizeof(stream->name), "%s", name);
	if (stream->name[0])
		return SSL_set_tlsext_host_name(stream->ssl, stream->name) == 1 &&
		       SSL_set1_host(stream->ssl, stream->name) == 1;
	return !address || X509_VERIFY_PARAM_set1_ip(SSL_get0_param(stream->ssl), address->octets, octets) == 1;
}

struct tls_stream *tls_stream_connect(struct tls *tls, int descriptor, struct tls_tickets *tickets, const char *name,
				      const struct address *address, size_t pair)
{
	SSL_CTX *special = pair < tls->special_count ? tls->special[pair] : NULL;
	struct tls_stream *stream = stream_make(tls, special ? special : tls->connector, descriptor, tickets);
	SSL_SESSION *session;

	if (!stream)
		return NULL;
	SSL_set_connect_state(stream->ssl);
	stream->follows = tickets->fingerprint_known;
	if (stream->follows)
		stream_expect_bulk(stream);
	session = tls_tickets_take(tickets);
	if (expect_server(stream, name, address) && (stream->follows || staple_ask(stream->ssl)) &&
	    (!session || SSL_set_session(stream->ssl, session) == 1)) {
		SSL_SESSION_free(session);
		return stream;
	}
	SSL_SESSION_free(session);
	tls_stream_free(stream);
	return NULL;
}

void tls_stream_free(struct tls_stream *stream)
{
	if (!stream)
		return;
	/* A connection that was cut must not spoil the session for the others. */
	SSL_set_shutdown(stream->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(stream->ssl);
	tls_tickets_drop(stream->tickets);
	OPENSSL_free(stream);
	ERR_clear_error();
}

static enum tls_result stream_fail(struct tls_stream *stream, const char *text)
{
	snprintf(stream->error, sizeof(stream->error), "%s", text);
	ERR_clear_error();
	return TLS_FAILED;
}

/* The alerts by which servers refuse a client that has shown no certificate; OpenSSL and others differ (RFC 8446 6.2). */
static bool is_want_of_certificate(int reason)
{
	switch (reason) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return true;
	default:
		return false;
	}
}

static enum tls_result stream_cut(struct tls_stream *stream)
{
	stream_fail(stream, "the connection ended without close_notify");
	return TLS_CUT;
}

/* What a call that did not succeed means. */
static enum tls_result stream_judge(struct tls_stream *stream, int returned)
{
	const int saved = errno;

	if (stream_is_barren(stream)) {
		stream_fail(stream, stream->secured ? "too many records with nothing in them"
						    : "the handshake has too many records");
		return TLS_BARREN;
	}
	switch (SSL_get_error(stream->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_WAIT;
	case SSL_ERROR_WANT_CLIENT_HELLO_CB:
		return TLS_HELLO;
	case SSL_ERROR_ZERO_RETURN:
		return stream->said_end ? TLS_END : stream_cut(stream);
	case SSL_ERROR_SYSCALL:
		return stream_fail(stream, saved ? strerror(saved) : "the connection ended");
	case SSL_ERROR_SSL:
		stream->lacks_certificate = stream->asked && is_want_of_certificate(ERR_GET_REASON(ERR_peek_error()));
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return stream_cut(stream);
		stream->broken = true;
		return stream_fail(stream, stream->excess ? stream->excess : certs_reason());
	default:
		return stream_fail(stream, "TLS is in a state that is not expected");
	}
}

static void stream_begin(void)
{
	ERR_clear_error();
	errno = 0;
}

/*
 * Records of a data connection wait until there are several, or for a flush: every send goes all the way to the peer's
 * socket, and wakes the peer. A handshake has its own buffer, so this comes after it.
 */
static bool stream_gather(struct tls_stream *stream)
{
	BIO *socket = SSL_get_wbio(stream->ssl);
	BIO *gather = BIO_new(BIO_f_buffer());

	if (!gather || BIO_set_write_buffer_size(gather, TLS_BULK_BUFFER) != 1 || BIO_up_ref(socket) != 1) {
		BIO_free(gather);
		return false;
	}
	SSL_set0_wbio(stream->ssl, BIO_push(gather, socket));
	return true;
}

static bool read_fingerprint(SSL *ssl, uint8_t *out)
{
	const X509 *certificate = SSL_get0_peer_certificate(ssl);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
		return false;
	memcpy(out, digest, TLS_FINGERPRINT_SIZE);
	return true;
}

enum tls_result tls_stream_handshake(struct tls_stream *stream)
{
	int result;

	stream_begin();
	result = SSL_do_handshake(stream->ssl);
	if (result != 1)
		return stream_judge(stream, result);
	stream->secured = true;
	stream->barren = 0;
	if (stream->follows && !stream_gather(stream))
		return stream_fail(stream, "no memory");
	/*
	 * The receiver of a file may say no more, without close_notify, and read on. To OpenSSL that is an error, after
	 * which nothing can be written either; so it takes it for an end, and whether it was one, the alert says.
	 */
	if (stream->follows)
		SSL_set_options(stream->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (stream->accepting && stream->follows && tls_stream_is_resumed(stream))
		stream->tickets->spent++;
	if (!stream->accepting && !stream->follows) {
		stream->tickets->fingerprint_known = read_fingerprint(stream->ssl, stream->tickets->fingerprint);
		stream->status = staple_objection(stream->ssl);
	}
	return TLS_DONE;
}

bool tls_stream_lacks_certificate(const struct tls_stream *stream)
{
	return stream->lacks_certificate;
}

const char *tls_stream_name(const struct tls_stream *stream)
{
	return stream->name;
}

enum tls_result tls_stream_present(struct tls_stream *stream, const struct tls_stream *server,
				   const struct address *address, size_t pair, bool *order)
{
	const bool may_order = *order;
	X509 *certificate = server ? SSL_get0_peer_certificate(server->ssl) : NULL;
	const bool trusted = !server || !tls_stream_objection(server);
	struct tls_tickets *tickets = stream->tickets;
	struct certs *certs = stream->tls->certs;
	enum certs_result result = CERTS_NONE;

	*order = false;
	if (tickets->identity)
		return TLS_DONE;
	if (pair != TLS_NO_PAIR && trusted) {
		tickets->identity = certs_find_added(certs, pair);
	} else {
		*order = may_order;
		result = certs_find(certs, certificate, stream->name, address, trusted, &tickets->identity, order);
	}
	if (tickets->identity)
		return TLS_DONE;
	if (result == CERTS_DENIED) {
		stream_fail(stream, "more certificates were asked for than may be made for one source in a minute");
		return TLS_DENIED;
	}
	if (result == CERTS_AWAITED)
		return TLS_WAIT;
	if (!certs_refusal(certs))
		return stream_fail(stream, "there is no certificate to show: none is configured for this server and name, or"
				   " it or the authority has expired");
	snprintf(stream->error, sizeof(stream->error), "the authority signs no certificate for this server: %s",
		 certs_refusal(certs));
	return TLS_FAILED;
}

const char *tls_stream_objection(const struct tls_stream *stream)
{
	uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
	long verdict;

	if (!read_fingerprint(stream->ssl, fingerprint))
		return "the server showed no certificate";
	if (stream->follows)
		return memcmp(stream->tickets->fingerprint, fingerprint, sizeof(fingerprint)) == 0
			       ? NULL : "the data connection's certificate is not the control connection's";
	verdict = SSL_get_verify_result(stream->ssl);
	return verdict == X509_V_OK ? stream->status : X509_verify_cert_error_string(verdict);
}

enum tls_result tls_stream_read(struct tls_stream *stream, uint8_t *out, size_t size, size_t *length)
{
	int result;

	stream_begin();
	result = SSL_read_ex(stream->ssl, out, size, length);
	if (result != 1)
		return stream_judge(stream, result);
	stream->barren = 0;
	return TLS_DONE;
}

bool tls_stream_is_torn(const struct tls_stream *stream)
{
	/* "RB": a header has come and its body is awaited. A part of either that has come is pending. */
	return SSL_has_pending(stream->ssl) == 1 || strcmp(SSL_rstate_string(stream->ssl), "RB") == 0;
}

/* New tickets for a client whose data connections have used some: they leave before the bytes that are written next. */
static void stream_renew_tickets(struct tls_stream *stream)
{
	struct tls_tickets *tickets = stream->tickets;

	if (SSL_version(stream->ssl) != TLS1_3_VERSION)
		tickets->spent = 0;
	for (unsigned int i = 0; i < TLS_SESSIONS_MAX && tickets->spent > 0; i++, tickets->spent--)
		if (SSL_new_session_ticket(stream->ssl) != 1)
			break;
}

enum tls_result tls_stream_write(struct tls_stream *stream, struct bytes bytes, size_t *length)
{
	int result;

	stream_begin();
	if (stream->accepting && !stream->follows && stream->tickets->spent > 0)
		stream_renew_tickets(stream);
	result = SSL_write_ex(stream->ssl, bytes.data, bytes.length, length);
	return result == 1 ? TLS_DONE : stream_judge(stream, result);
}

enum tls_result tls_stream_flush(struct tls_stream *stream)
{
	BIO *out = SSL_get_wbio(stream->ssl);

	stream_begin();
	if (BIO_flush(out) == 1)
		return TLS_DONE;
	return BIO_should_retry(out) ? TLS_WAIT : stream_fail(stream, errno ? strerror(errno) : "the connection ended");
}

uint64_t tls_stream_written(const struct tls_stream *stream)
{
	return BIO_number_written(BIO_find_type(SSL_get_wbio(stream->ssl), BIO_TYPE_SOCKET));
}

enum tls_result tls_stream_finish(struct tls_stream *stream)
{
	int result;

	stream_begin();
	/* 0: ours is written, the peer's has not come. Called once more it would read, and lose, what the peer says. */
	result = stream->finished ? 0 : SSL_shutdown(stream->ssl);
	if (result < 0)
		return stream_judge(stream, result);
	stream->finished = true;
	return tls_stream_flush(stream);
}

bool tls_stream_is_resumed(const struct tls_stream *stream)
{
	return SSL_session_reused(stream->ssl) == 1;
}

const char *tls_stream_version(const struct tls_stream *stream)
{
	return SSL_get_version(stream->ssl);
}

bool tls_stream_is_broken(const struct tls_stream *stream)
{
	return stream->broken;
}

const char *tls_stream_error(const struct tls_stream *stream)
{
	return stream->error;
}
