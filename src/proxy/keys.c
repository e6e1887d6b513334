/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that the configuration names for TLS, read for the proxy, or only to find out whether they are good. */
#include <stdio.h>

#include "proxy/proxy.h"

/* `server "NAME": ` */
#define OF_MAX (POLICY_NAME_MAX + 16)

/* What own leaves open is taken from demand. */
static struct tls_demand keys_demand(struct tls_demand demand, const struct config_tls *own)
{
	if (own->versions != TLS_VERSIONS_DEFAULT) {
		demand.no_tls12 = own->versions == TLS_VERSIONS_13;
		demand.no_tls13 = own->versions == TLS_VERSIONS_12;
	}
	if (own->ciphers[0])
		demand.ciphers = own->ciphers;
	if (own->groups[0])
		demand.groups = own->groups;
	return demand;
}

static bool keys_demands_anything(const struct config_tls *own)
{
	return own->versions != TLS_VERSIONS_DEFAULT || own->ciphers[0] || own->groups[0];
}

struct tls *proxy_read_keys(const struct config *config, tls_ask *ask, void *context, char *error, size_t size)
{
	const struct config_proxy *proxy = &config->proxy;
	const struct tls_demand strict = { .of = NULL };
	struct tls_pair pairs[CONFIG_SERVERS_MAX];
	char of[CONFIG_SERVERS_MAX][OF_MAX];
	struct tls_settings settings = {
		.certificate = proxy->certificate, .key = proxy->key,
		.ca_certificate = proxy->ca_certificate, .ca_key = ask ? NULL : proxy->ca_key,
		.ask = ask, .ask_context = context,
		.anchors = proxy->anchors, .client = keys_demand(strict, &proxy->client_tls),
	};

	settings.server = keys_demand(settings.client, &proxy->server_tls);
	settings.server.of = "server-";
	for (size_t i = 0; i < config->server_count; i++) {
		const struct config_server *server = &config->servers[i];

		pairs[i] = (struct tls_pair){ server->certificate, server->key, strict };
		if (!keys_demands_anything(&server->tls))
			continue;
		snprintf(of[i], sizeof(of[i]), "server \"%s\": ", server->name);
		pairs[i].demand = keys_demand(settings.server, &server->tls);
		pairs[i].demand.of = of[i];
	}
	settings.pairs = pairs;
	settings.pair_count = config->server_count;
	return tls_open(&settings, error, size);
}
