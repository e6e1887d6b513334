/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings of both roles: what the legs require (demand.c), no renegotiation, no compression, no early data. ALPN is
 * "ftp" or absent (a client that wants another protocol was lured here; ALPACA), and tickets resume only data connections of
 * the control connection on which they were given.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tls/certs_internal.h"
#include "tls/internal.h"

const char tls_system_anchors[] = "/etc/ssl/certs/ca-certificates.crt";

/* RFC 7301 3.2: a list without "ftp" ends the handshake with the alert no_application_protocol. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in,
			   unsigned int in_length, void *context)
{
	static const unsigned char ftp[] = { 'f', 't', 'p' };

	(void)ssl;
	(void)context;
	for (unsigned int i = 0; i < in_length; i += 1U + in[i]) {
		if (in[i] == sizeof(ftp) && in_length - i > sizeof(ftp) && memcmp(&in[i + 1], ftp, sizeof(ftp)) == 0) {
			*out = &in[i + 1];
			*out_length = sizeof(ftp);
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool name_is_host(const unsigned char *name, size_t length)
{
	bool good = length > 0 && length < TLS_NAME_MAX;

	for (size_t i = 0; good && i < length; i++)
		good = (name[i] >= '0' && name[i] <= '9') || ((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z') ||
		       name[i] == '-' || name[i] == '.' || name[i] == '_';
	return good;
}

/*
 * RFC 6066 3: a list of names, of which only host_name (0) exists, once. Whatever is not a host name in ASCII is taken as no
 * name, so that it can't reach a certificate or a log. False: there is something, and it is not such a name.
 */
static bool read_name(SSL *ssl, char *out)
{
	const unsigned char *data;
	size_t length;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &length))
		return true;
	if (length < 5 || ((size_t)data[0] << 8 | data[1]) != length - 2 || data[2] != 0 ||
	    ((size_t)data[3] << 8 | data[4]) != length - 5 || !name_is_host(&data[5], length - 5))
		return false;
	/* The same name as without it, and as certificates have it (RFC 6066 3 has no dot there either). */
	if (length > 6 && data[length - 1] == '.')
		length--;
	memcpy(out, &data[5], length - 5);
	out[length - 5] = '\0';
	return true;
}

/* Stops a control connection's handshake until its certificate has been chosen. */
static int take_hello(SSL *ssl, int *alert, void *context)
{
	struct tls_stream *stream = SSL_get_app_data(ssl);
	const struct certs_identity *identity = stream->tickets->identity;

	(void)context;
	if (!stream->name[0])
		stream->misnamed = !read_name(ssl, stream->name);
	if (!identity)
		return SSL_CLIENT_HELLO_RETRY;
	if (SSL_use_cert_and_key(ssl, identity->certificate, identity->key, identity->chain, 1) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

static int take_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_stream *stream = SSL_get_app_data(ssl);

	tls_tickets_put(stream->tickets, session);
	return 1;
}

/* There is none to show. */
static int note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
	struct tls_stream *stream = SSL_get_app_data(ssl);

	(void)certificate;
	(void)key;
	stream->asked = true;
	return 0;
}

/*
 * Some clients refuse tickets in TLS 1.2 (curl) and resume by session id. The control connection's session is kept with
 * the control connection, so there is no table that a flood could fill, or in which another's session could be found. Each
 * data connection has a copy: OpenSSL marks a session as bad when a connection that uses it ends without close_notify,
 * which is no reason not to resume it (RFC 5246 7.2.1).
 */
static int keep_own_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_tickets *tickets = ((struct tls_stream *)SSL_get_app_data(ssl))->tickets;

	if (tickets->own || SSL_SESSION_get_protocol_version(session) != TLS1_2_VERSION)
		return 0;
	tickets->own = session;
	return 1;
}

static SSL_SESSION *find_own_session(SSL *ssl, const unsigned char *id, int id_length, int *copy)
{
	SSL_SESSION *own = ((struct tls_stream *)SSL_get_app_data(ssl))->tickets->own;
	const unsigned char *own_id;
	unsigned int own_length;

	*copy = 0;
	if (!own)
		return NULL;
	/* It does not age while its control connection lives. */
	SSL_SESSION_set_time(own, (long)time(NULL));
	own_id = SSL_SESSION_get_id(own, &own_length);
	if (id_length <= 0 || own_length != (unsigned int)id_length || memcmp(own_id, id, own_length) != 0)
		return NULL;
	return SSL_SESSION_dup(own);
}

static SSL_CTX *context_make(const SSL_METHOD *method, const struct tls_demand *demand, char *error, size_t size)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context) {
		snprintf(error, size, "can't set up TLS: %s", certs_reason());
		return NULL;
	}
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			    SSL_OP_PRIORITIZE_CHACHA);
	/* An idle control connection keeps no buffers. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (tls_demand_apply(context, demand, error, size))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static SSL_CTX *acceptor_make(const struct tls_demand *demand, char *error, size_t size)
{
	SSL_CTX *context = context_make(TLS_server_method(), demand, error, size);

	if (!context)
		return NULL;
	SSL_CTX_set_client_hello_cb(context, take_hello, NULL);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_timeout(context, TLS_TICKET_SECONDS);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, tls_tickets_key);
	SSL_CTX_sess_set_new_cb(context, keep_own_session);
	SSL_CTX_sess_set_get_cb(context, find_own_session);
	return context;
}

/* All anchors are read now: in the sandbox directories can no longer be looked into. */
static bool read_anchors(SSL_CTX *context, const char *path, char *error, size_t size)
{
	const bool given = path && *path;
	const char *file = given ? path : tls_system_anchors;

	if (!given && access(file, R_OK) != 0)
		return true; /* Without a store, no server is trusted: the configuration or its consequence says so. */
	if (X509_STORE_load_file(SSL_CTX_get_cert_store(context), file) == 1)
		return true;
	snprintf(error, size, "can't read trust anchors from %s: %s", file, certs_reason());
	return false;
}

static SSL_CTX *connector_make(struct tls *tls, const struct tls_demand *demand, char *error, size_t size)
{
	SSL_CTX *context = context_make(TLS_client_method(), demand, error, size);

	if (!context)
		return NULL;
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, take_session);
	tls_bounds_apply(context, &tls->bounds);
	SSL_CTX_set_client_cert_cb(context, note_request);
	return context;
}

/* The connectors of the pairs have the same anchors as the one for all servers. */
static bool open_connectors(struct tls *tls, const struct tls_settings *settings, char *error, size_t size)
{
	bool done;

	tls->connector = connector_make(tls, &settings->server, error, size);
	tls->special = OPENSSL_zalloc((settings->pair_count + 1) * sizeof(SSL_CTX *));
	done = tls->connector && tls->special && read_anchors(tls->connector, settings->anchors, error, size);
	for (size_t i = 0; done && i < settings->pair_count; i++) {
		if (tls_demand_is_default(&settings->pairs[i].demand))
			continue;
		tls->special[i] = connector_make(tls, &settings->pairs[i].demand, error, size);
		done = tls->special[i] != NULL;
		if (done)
			SSL_CTX_set1_cert_store(tls->special[i], SSL_CTX_get_cert_store(tls->connector));
	}
	tls->special_count = settings->pair_count;
	return done;
}

struct tls *tls_open(const struct tls_settings *settings, char *error, size_t size)
{
	struct tls *tls = OPENSSL_zalloc(sizeof(*tls));

	if (!tls) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	tls->certs = certs_open(settings->certificate, settings->key, settings->ca_certificate, settings->ca_key, error,
				size);
	if (tls->certs && !settings->ca_key)
		certs_set_minter(tls->certs, settings->ask, settings->ask_context);
	for (size_t i = 0; tls->certs && i < settings->pair_count; i++) {
		if (certs_add(tls->certs, settings->pairs[i].certificate, settings->pairs[i].key, error, size))
			continue;
		certs_close(tls->certs);
		tls->certs = NULL;
	}
	/* First what holds for both legs: a word that is wrong there is reported as such. */
	if (tls->certs)
		tls->acceptor = acceptor_make(&settings->client, error, size);
	if (tls->acceptor && open_connectors(tls, settings, error, size))
		return tls;
	tls_close(tls);
	return NULL;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->acceptor);
	SSL_CTX_free(tls->connector);
	for (size_t i = 0; i < tls->special_count; i++)
		SSL_CTX_free(tls->special[i]);
	OPENSSL_free(tls->special);
	certs_close(tls->certs);
	OPENSSL_free(tls);
}

void tls_take_answer(struct tls *tls, const struct mint_answer *answer)
{
	certs_take_answer(tls->certs, answer);
}
