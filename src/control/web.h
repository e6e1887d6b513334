/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The metrics over HTTP, for Prometheus and its like. */
#ifndef CONTROL_WEB_H
#define CONTROL_WEB_H

#include <event2/event.h>

#include "control/answer.h"

struct web;

/*
 * Makes the socket that web_open() serves. Several processes of one user may have it at a time, so that a service can be
 * replaced while it serves. Returns it, or -1 with errno.
 */
int web_listen(const struct endpoint *endpoint);

/* NULL: no memory. The socket, -1 for none, stays the caller's. source must outlive it. */
struct web *web_open(struct event_base *base, int descriptor, const struct answer_source *source);
void web_close(struct web *web);
/* Time has passed. */
void web_tick(struct web *web);

#endif
