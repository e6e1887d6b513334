/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session of the proxy between two sockets of a test. */
#ifndef KIT_BETWEEN_H
#define KIT_BETWEEN_H

#include "proxy/internal.h"

/*
 * As proxy_session_begin() makes one, but nobody asks the kernel what view is, and the server is there already. Takes over
 * both descriptors. NULL: it is over already.
 */
struct proxy_session *between_begin(struct proxy *proxy, int client, int server, const struct nat_view *view, bool implicit);

#endif
