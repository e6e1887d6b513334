/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "encounter_kit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "authority_kit.h"
#include "unit.h"

void encounter_open(struct encounter *encounter, const char *ciphers, const char *groups)
{
	const struct tls_settings settings = { .ca_certificate = authority_ca_path, .ca_key = authority_key_path,
					       .anchors = authority_ca_path,
					       .server = { .ciphers = ciphers, .groups = groups } };
	char error[AUTHORITY_ERROR_MAX] = "";

	encounter->tls = tls_open(&settings, error, sizeof(error));
	if (!encounter->tls)
		fail_msg("%s", error);
	encounter->tickets = tls_tickets_make();
	encounter->context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate_file(encounter->context, authority_ca_path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(encounter->context, authority_key_path, SSL_FILETYPE_PEM), 1);
}

enum tls_result encounter_meet(struct encounter *encounter)
{
	enum tls_result result = TLS_WAIT;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, encounter->ends), 0);
	encounter->server = SSL_new(encounter->context);
	SSL_set_fd(encounter->server, encounter->ends[1]);
	SSL_set_accept_state(encounter->server);
	encounter->stream = tls_stream_connect(encounter->tls, encounter->ends[0], encounter->tickets, "", NULL,
					       TLS_NO_PAIR);
	for (int i = 0; i < 20 && result == TLS_WAIT; i++) {
		result = tls_stream_handshake(encounter->stream);
		SSL_do_handshake(encounter->server);
	}
	return result;
}

void encounter_close(struct encounter *encounter)
{
	tls_stream_free(encounter->stream);
	SSL_free(encounter->server);
	SSL_CTX_free(encounter->context);
	tls_tickets_drop(encounter->tickets);
	tls_close(encounter->tls);
	close(encounter->ends[0]);
	close(encounter->ends[1]);
}
