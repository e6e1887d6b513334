/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demands for client certificates that servers have made lately (proxy/bypass.c). */
#ifndef PROXY_BYPASS_TABLE_H
#define PROXY_BYPASS_TABLE_H

#include "ftpalg/base.h"
#include "tls/tls.h"

#define BYPASS_ROWS 64
/* How many of them are for the demands that one source has brought about. */
#define BYPASS_SHARE 8
/* How long a demand is remembered; then the next session asks again. */
#define BYPASS_MICROSECONDS (UINT64_C(3600) * 1000000)

/* Everything on which a server may base a demand for a certificate. */
struct bypass_key {
	struct endpoint server;
	struct address client; /* as the server sees it */
	const char *name;      /* that the client asks for; "": none */
};

struct bypass_row {
	struct endpoint server;
	struct address client;
	char name[TLS_NAME_MAX];
	struct address source; /* whose session has met it */
	uint64_t until;        /* 0: the row is free */
};

struct bypass_table {
	struct bypass_row rows[BYPASS_ROWS];
};

/* Remembers a demand that a session of source has met. */
void bypass_table_note(struct bypass_table *table, const struct bypass_key *key, const struct address *source, uint64_t now);
bool bypass_table_has(const struct bypass_table *table, const struct bypass_key *key, uint64_t now);
/* Is there a demand of this server's, under whatever name? */
bool bypass_table_has_server(const struct bypass_table *table, const struct endpoint *server, uint64_t now);

#endif
