/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ClientHellos of a session whose TLS passes unopened because of the name in the first of them. */
#ifndef PROXY_HELLO_WATCH_H
#define PROXY_HELLO_WATCH_H

#include "ftpalg/base.h"
#include "tls/tls.h"

enum hello_step {
	HELLO_PASSED, /* nothing is looked at, or no more */
	HELLO_FIRST,
	HELLO_ANSWER,
	HELLO_SECOND,
};

struct hello_watch {
	enum hello_step step;
	size_t left; /* of the first ClientHello */
	char name[TLS_NAME_MAX];
};

/* Instead of a length: what came second is not a ClientHello, or asks for another name. */
#define HELLO_REFUSED SIZE_MAX

/* The first ClientHello has length bytes, asks for name, and is still to pass. */
void hello_watch_begin(struct hello_watch *watch, const char *name, size_t length);
/* How many of the bytes that wait may pass now; a byte is shown until it may. For the client's: or HELLO_REFUSED. */
size_t hello_watch_client(struct hello_watch *watch, struct tls *tls, struct bytes bytes);
size_t hello_watch_server(struct hello_watch *watch, struct bytes bytes);

#endif
