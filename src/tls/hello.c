/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/hello.h"

#include <openssl/err.h>
#include <stdio.h>

#include "tls/internal.h"

enum tls_result tls_hello_name(struct tls *tls, struct bytes bytes, char *name, size_t *length)
{
	struct tls_tickets *tickets = tls_tickets_make();
	BIO *in = BIO_new_mem_buf(bytes.data, (int)bytes.length);
	/* Takes the alert where it is not a ClientHello, and is thrown away. */
	BIO *out = BIO_new(BIO_s_mem());
	struct tls_stream *stream = NULL;
	enum tls_result result = TLS_FAILED;
	bool readable = false;

	*length = 0;
	if (tickets && in && out) {
		/* After what there is, more may come. */
		BIO_set_mem_eof_return(in, -1);
		stream = tls_stream_accept_from(tls, in, out, tickets);
	}
	if (stream) {
		result = tls_stream_handshake(stream);
		snprintf(name, TLS_NAME_MAX, "%s", tls_stream_name(stream));
		readable = !stream->misnamed;
		/* OpenSSL reads record by record. */
		*length = bytes.length - BIO_ctrl_pending(in);
	} else {
		BIO_free(in);
		BIO_free(out);
	}
	tls_stream_free(stream);
	tls_tickets_drop(tickets);
	ERR_clear_error();
	return result == TLS_HELLO && readable ? TLS_DONE : result == TLS_WAIT ? TLS_WAIT : TLS_FAILED;
}
