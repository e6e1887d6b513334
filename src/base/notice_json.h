/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events as JSON, one object a line, members in this order. Those that an event does not have are left out.
 *
 *   time         wall clock, RFC 3339 in UTC with microseconds
 *   version      NOTICE_JSON_VERSION
 *   event        notice_name()
 *   reason       reason_name(), where something was decided
 *   session      hexadecimal digits, unique in the life of a gateway
 *   community_id the connection from client_ip to server_ip, as other monitors name it (base/community_id.h)
 *   client_ip, client_port
 *                the client as it knows itself
 *   client_nat_ip, client_nat_port
 *                the client as the server knows it, where that differs
 *   server_ip, server_port
 *                the server as the client knows it
 *   server_nat_ip, server_nat_port
 *                the server as it knows itself, where that differs
 *   direction    "original" (client to server) or "reply": of the line
 *   form         form_name()
 *   from_ip      who will make the data connection
 *   to_ip, to_port
 *                where it will go: the endpoint as it was offered; of a pinhole, as packets arrive at this host
 *   announced_ip, announced_port
 *                the offered endpoint as the other peer reads it
 *   verb         verb_name()
 *   user, path, tls, names, rules, why or line
 *                what login, transfer, tls, mint, rules-gone and rules-back, reload and all other events have as text; a
 *                transfer has both user and path, which begins with a slash where it is known from the root
 *   rule         the policy rule that decided
 *   code         the reply code
 *   client_tls_version, client_tls_resumed, server_tls_version, server_tls_resumed
 *                of the proxy: the version, where a leg is not in clear, and whether it resumed its control connection's
 *                session; of a handshake also ..._sni, ..._cipher, ..._group, ..._alpn, and of the certificate ..._names, a
 *                list, and ..._sha256
 *   upload_bytes, download_bytes
 *                what a relayed data connection carried to the server, and to the client
 *   direction, mode
 *                of a transfer: "down", "up" or "list"; "active" or "passive"
 *   outcome      transfer_outcome_name(), where it is known what became of a transfer
 *   by           "client" or "server": whose doing it was
 *   bytes        of its file, where they are known
 *   rate         bytes a second
 *   protected    whether the data connection was in TLS, on both legs where it had two; left out where that is not known
 *   seconds      how long it took
 *   adopted      true for a session that was under way before the gateway was
 *   cut          bytes of the text that were left out
 *   count        how many events this one stands for
 *
 * doc/events.schema.json has the same for programs, with what each event has.
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

/* Changes where a member that existed is gone, or means something else. */
#define NOTICE_JSON_VERSION 1

/*
 * What is the same in all events of a session, kept once it is written. Zero-initialised; it may be NULL wherever one is
 * asked for, and then this is written again each time, at three times the price of the rest of the line.
 */
#define NOTICE_MEMORY_SESSIONS 256
#define NOTICE_ENDS_MAX 480

struct notice_ends {
	uint64_t session;
	struct nat_view view;
	size_t length;
	char text[NOTICE_ENDS_MAX];
};

struct notice_memory {
	struct notice_ends sessions[NOTICE_MEMORY_SESSIONS];
};

/*
 * Writes one line, however long, which may stay in out's buffer. time is a capture's. Returns 0, or -1 where out has failed.
 */
int notice_json_print(FILE *out, const struct notice *notice, const struct timespec *time, struct notice_memory *memory);

/* The most bytes that a line has without its text, which is the only member of any length. */
#define NOTICE_JSON_REST_MAX 1536

/*
 * Writes one line into line, with as much of its text as fits into size bytes; where even the rest does not fit, only what
 * kind of event it is. Returns its length.
 */
size_t notice_json_format(char *line, size_t size, const struct notice *notice, const struct timespec *time,
			  struct notice_memory *memory);

#endif
