/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proxy: connections that were redirected here, their TLS ended here, judged by the same core as packets are. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "config/config.h"
#include "process/heartbeat.h"
#include "tls/tls.h"

#include <sys/types.h>

/*
 * Runs the proxy, which asks who is behind channel for minted certificates (tls/mint_wire.h), until SIGTERM or SIGINT, which end its connections. SIGHUP reads the policy again from config_path.
 * It shows in page that it moves, and does not outlive its supervisor. Returns 0, or -1 after a failure that it has told.
 */
int proxy_run(const struct config *config, const char *config_path, int channel, struct heartbeat *page,
	      pid_t supervisor);

/*
 * Reads keys, certificates and trust anchors. ask: who has the authority's key; NULL: it is read as well. To be freed with
 * tls_close; NULL, with what is wrong in error.
 */
struct tls *proxy_read_keys(const struct config *config, tls_ask *ask, void *context, char *error, size_t size);

#endif
