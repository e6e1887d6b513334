/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets through which connections come to the proxy: a listener for each family, and the queue of first packets. They
 * belong to the supervisor, which never reads from them. So they outlive every process that does: what arrives when one
 * has died and the next has not begun waits in the kernel. Several processes can have them at the same time: those of one
 * generation take what comes side by side, and the next generation has them before the last one lets go.
 *
 * A port that stays the same keeps its listeners, and a queue its socket, whatever else changes in the configuration: the
 * kernel gives neither to another program while it is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "netfilter/nfqueue.h"
#include "proxy/internal.h"
#include "proxy/proxy.h"

#define INLETS_BACKLOG 1024

static const enum family families[PROXY_LISTENERS] = { FAMILY_IPV4, FAMILY_IPV6 };

/* Another descriptor of the same socket. -1 stays -1. */
static int inlets_share(int descriptor)
{
	return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

static bool inlets_listen(struct proxy_inlets *inlets, const struct config_proxy *config,
			  const struct proxy_inlets *former, char *error, size_t size)
{
	const bool shared = former && former->port == config->port;

	if (shared && former->tproxy != config->tproxy) {
		snprintf(error, size, "interception has changed, and port %u is taken until a restart", config->port);
		return false;
	}
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		inlets->listener[i] = shared ? inlets_share(former->listener[i])
					     : interception_listen(config, families[i], INLETS_BACKLOG);
		if (inlets->listener[i] >= 0 || (shared && former->listener[i] < 0) ||
		    (families[i] == FAMILY_IPV6 && errno == EAFNOSUPPORT))
			continue;
		snprintf(error, size, "can't listen on port %u for IPv%d: %s%s", config->port, families[i], strerror(errno),
			 errno == EPERM ? "; interception = tproxy needs CAP_NET_ADMIN" : "");
		return false;
	}
	return true;
}

static bool inlets_bind(struct proxy_inlets *inlets, const struct config *config, const struct proxy_inlets *former,
			char *error, size_t size)
{
	const struct nfqueue_settings settings = { .number = config->proxy.queue, .length = config->queue_length };

	if (!former || former->number != config->proxy.queue) {
		inlets->queue = nfqueue_bind_only(&settings, error, size);
		return inlets->queue >= 0;
	}
	inlets->queue = inlets_share(former->queue);
	if (inlets->queue < 0)
		snprintf(error, size, "can't use netfilter queue %u: %s", former->number, strerror(errno));
	return inlets->queue >= 0;
}

bool proxy_open_inlets(struct proxy_inlets *inlets, const struct config *config, const struct proxy_inlets *former,
		       char *error, size_t size)
{
	*inlets = (struct proxy_inlets){
		.port = config->proxy.port, .tproxy = config->proxy.tproxy, .number = config->proxy.queue,
		.listener = { -1, -1 }, .queue = -1,
	};
	if (inlets_bind(inlets, config, former, error, size) &&
	    inlets_listen(inlets, &config->proxy, former, error, size))
		return true;
	proxy_close_inlets(inlets);
	return false;
}

void proxy_close_inlets(struct proxy_inlets *inlets)
{
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (inlets->listener[i] >= 0)
			close(inlets->listener[i]);
		inlets->listener[i] = -1;
	}
	if (inlets->queue >= 0)
		close(inlets->queue);
	inlets->queue = -1;
}
