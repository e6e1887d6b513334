/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server of TLS 1.3 may answer a ClientHello by asking for another one (RFC 8446 4.1.4), and uses the name that it finds
 * there. A client can bring that about by sending keys of a group that the server does not want. So where a session passes
 * unopened because of its name, nothing may follow the first ClientHello before the server's answer is known, and a second
 * ClientHello has to ask for the same name.
 *
 *   FIRST --all of it has passed--> ANSWER --HelloRetryRequest--> SECOND --the same name--> PASSED
 *                                      \---anything else---> PASSED  \----another----> refused
 *
 * A server that would want to hide its answer needs no such trick to pose as another one.
 */
#include "proxy/hello_watch.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tls/hello.h"

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 22
#define MESSAGE_SERVER_HELLO 2
/* After the headers of the record and of the message, and the version. */
#define RANDOM_OFFSET (RECORD_HEADER + 4 + 2)
#define RANDOM_SIZE 32

/* RFC 8446 4.1.3: with this instead of a random number, a ServerHello asks for another ClientHello. */
static const uint8_t retry_random[RANDOM_SIZE] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};
/* A change_cipher_spec, which means nothing, may come before it (RFC 8446 D.4). */
static const uint8_t change_cipher_spec[] = { 20, 3, 3, 0, 1, 1 };

void hello_watch_begin(struct hello_watch *watch, const char *name, size_t length)
{
	watch->step = HELLO_FIRST;
	watch->left = length;
	snprintf(watch->name, sizeof(watch->name), "%s", name);
}

static size_t pass_first(struct hello_watch *watch, size_t length)
{
	const size_t passes = length < watch->left ? length : watch->left;

	watch->left -= passes;
	if (watch->left == 0)
		watch->step = HELLO_ANSWER;
	return passes;
}

static size_t pass_second(struct hello_watch *watch, struct tls *tls, struct bytes bytes)
{
	const size_t before = sizeof(change_cipher_spec);
	const size_t compared = bytes.length < before ? bytes.length : before;
	char name[TLS_NAME_MAX] = "";
	struct bytes hello = bytes;
	enum tls_result result;
	size_t length;

	if (memcmp(bytes.data, change_cipher_spec, compared) == 0) {
		if (compared < before)
			return 0;
		hello = (struct bytes){ bytes.data + before, bytes.length - before };
	}
	result = tls_hello_name(tls, hello, name, &length);
	if (result == TLS_WAIT)
		return 0;
	if (result != TLS_DONE || strcasecmp(name, watch->name) != 0)
		return HELLO_REFUSED;
	watch->step = HELLO_PASSED;
	return bytes.length;
}

size_t hello_watch_client(struct hello_watch *watch, struct tls *tls, struct bytes bytes)
{
	switch (watch->step) {
	case HELLO_FIRST:
		return pass_first(watch, bytes.length);
	case HELLO_ANSWER:
		return 0;
	case HELLO_SECOND:
		return bytes.length > 0 ? pass_second(watch, tls, bytes) : 0;
	default:
		return bytes.length;
	}
}

size_t hello_watch_server(struct hello_watch *watch, struct bytes bytes)
{
	const bool may_ask = bytes.length == 0 || bytes.data[0] == RECORD_HANDSHAKE;

	if (watch->step != HELLO_FIRST && watch->step != HELLO_ANSWER)
		return bytes.length;
	if (may_ask && bytes.length < RANDOM_OFFSET + RANDOM_SIZE)
		return 0;
	watch->step = may_ask && bytes.data[RECORD_HEADER] == MESSAGE_SERVER_HELLO &&
		      memcmp(bytes.data + RANDOM_OFFSET, retry_random, RANDOM_SIZE) == 0 ? HELLO_SECOND : HELLO_PASSED;
	return bytes.length;
}
