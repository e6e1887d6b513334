/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events as JSON, one object a line, members in this order. Those that an event does not have are left out.
 *
 *   time         wall clock, RFC 3339 in UTC with microseconds
 *   event        notice_name()
 *   reason       reason_name(), where something was decided
 *   session      number, unique in the life of a gateway
 *   client       the client as it knows itself
 *   client_seen  the client as the server knows it, where that differs
 *   server       the server as the client knows it
 *   server_real  the server as it knows itself, where that differs
 *   direction    "original" (client to server) or "reply"
 *   form         form_name()
 *   from         who will make the data connection: an address
 *   to           where it will go: the endpoint as it was offered; of a pinhole, as packets arrive at this host
 *   announced    the offered endpoint as the other peer reads it
 *   verb         verb_name()
 *   user, path, tls or line
 *                what login, transfer, tls and all other events have as text
 *   rule         the policy rule that decided
 *   code         the reply code
 *   client_leg, server_leg
 *                of the proxy: {"tls": version or null, "resumed": whether it resumed its control connection's session};
 *                of a handshake also "sni", "cipher", "group", "alpn", and of the certificate "names" and "sha256"
 *   to_server, to_client
 *                bytes that a relayed data connection carried
 *   seconds      how long it took
 *   adopted      true for a session that was under way before the gateway was
 *   cut          bytes of the text that were left out
 *   count        how many events this one stands for
 *
 * Text is a peer's bytes. Printable UTF-8 stays as it is, a backslash becomes \\ and every other byte \xNN, all before
 * JSON's own escaping: so the result is valid JSON on one line, it can be decoded again without loss, and printed it
 * does nothing to a terminal.
 */
#ifndef BASE_NOTICE_JSON_H
#define BASE_NOTICE_JSON_H

#include <stdio.h>
#include <time.h>

#include "ftpalg/notice.h"

/* Writes one line, however long, which may stay in out's buffer. time is a capture's. Returns 0, or -1 where out has failed. */
int notice_json_print(FILE *out, const struct notice *notice, const struct timespec *time);

/* A line has at most so many bytes without its text, which is the only member of any length. */
#define NOTICE_JSON_REST_MAX 1536

/*
 * Writes one line into line, with as much of its text as fits into size bytes, and without anything but what it is should it
 * not fit otherwise. Returns its length.
 */
size_t notice_json_format(char *line, size_t size, const struct notice *notice, const struct timespec *time);

#endif
