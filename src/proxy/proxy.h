/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy, or one process of it: connections that were redirected here and whose TLS ends here, judged by the same core
 * as packets are.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <sys/types.h>

#include "config/config.h"
#include "ftpalg/share.h"
#include "process/heartbeat.h"
#include "process/names.h"
#include "record/ring.h"
#include "tls/tls.h"

#define PROXY_LISTENERS 2 /* IPv4, IPv6 */

/* The sockets where connections come to the proxy, and what they were made for. -1: there is none. */
struct proxy_inlets {
	uint16_t port;
	bool tproxy;
	uint16_t number; /* of the queue */
	int listener[PROXY_LISTENERS];
	int queue;
};

/*
 * Opens what config asks for. former: inlets that exist already, and are shared where they fit; or NULL. False, with what to
 * do in error (of size bytes); then nothing needs closing.
 */
bool proxy_open_inlets(struct proxy_inlets *inlets, const struct config *config, const struct proxy_inlets *former,
		       char *error, size_t size);
void proxy_close_inlets(struct proxy_inlets *inlets);

/* What the proxy needs in its process, and other processes don't. */
struct proxy_start {
	const struct config *config;
	const char *config_path;
	struct proxy_inlets *inlets; /* which it closes */
	int channel;                 /* to who mints (tls/mint_wire.h) */
	const struct share *share;   /* what all processes of the proxy count together */
	uint64_t first_session;      /* numbers from here on are its own */
	struct record_writer *events;
	struct heartbeat *page;
	const struct names_page *names; /* addresses of hosts that the policy names */
	pid_t supervisor;
};

/*
 * Runs the proxy until SIGTERM or SIGINT, which end its connections. SIGHUP reads the policy again from config_path. SIGUSR1
 * ends the session that page condemns. After SIGQUIT it takes no more connections, and ends with the last that it has, or
 * drain-time later. It shows in page that it moves, and does not outlive its supervisor. Returns 0, or -1 after a failure
 * that it has reported.
 */
int proxy_run(const struct proxy_start *start);

/*
 * Reads keys, certificates and trust anchors. ask: how to reach the process that has the authority's key; NULL: that key is
 * read as well. To be freed with tls_close; NULL, with what is wrong in error.
 */
struct tls *proxy_read_keys(const struct config *config, tls_ask *ask, void *context, char *error, size_t size);

#endif
