/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the gateway answers, as people read it: functions of JSON objects and nothing else, so that every screen can be
 * tested without a gateway. Objects are what ftpalg(8) describes under ASKING THE GATEWAY; what is missing in one is left
 * out.
 */
#ifndef SCREEN_SCREEN_H
#define SCREEN_SCREEN_H

#include <jansson.h>

#include "screen/table.h"

/* watchdog: seconds after which a worker that hangs is killed; 0: never. now: seconds since 1970. */
void screen_add_status(struct screen_text *text, const json_t *status, uint32_t watchdog, double now);
/* One line: "healthy", or what is wrong. */
void screen_add_health(struct screen_text *text, const json_t *status);
bool screen_is_healthy(const json_t *status);

/* Arrays of objects. */
void screen_add_sessions(struct screen_text *text, const json_t *sessions, bool verbose, double now);
void screen_add_pinholes(struct screen_text *text, const json_t *pinholes, double now);
void screen_add_decisions(struct screen_text *text, const json_t *decisions);

/* "RETR big.iso", "idle 3 s", "in TLS, not read": what a session does. Returns its tone. */
enum screen_tone screen_add_state(struct screen_text *text, const json_t *session);
/* "complete", "aborted by the client". Returns its tone. */
enum screen_tone screen_add_outcome(struct screen_text *text, const json_t *transfer);
/* ADDRESS:PORT, or the address alone; names are of members. */
void screen_add_endpoint(struct screen_text *text, const json_t *object, const char *address, const char *port);

/* Transfers come one by one, some of them much later: a table for the first of them, and rows below it. */
void screen_begin_transfers(struct screen_table *table);
void screen_put_transfer(struct screen_table *table, const struct screen_style *style, const json_t *transfer, double now);
/* One line of xferlog(5); nothing for a listing. */
void screen_add_xferlog(struct screen_text *text, const json_t *transfer);

#endif
