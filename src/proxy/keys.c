/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that the configuration names for TLS, read for the proxy, or for who only wants to know if they are good. */
#include "proxy/proxy.h"

struct tls *proxy_read_keys(const struct config *config, char *error, size_t size)
{
	const struct config_proxy *proxy = &config->proxy;
	struct tls_pair pairs[CONFIG_SERVERS_MAX];
	struct tls_settings settings = {
		.certificate = proxy->certificate, .key = proxy->key,
		.ca_certificate = proxy->ca_certificate, .ca_key = proxy->ca_key,
		.anchors = proxy->anchors, .tls12_only = proxy->tls12_only,
	};

	for (size_t i = 0; i < config->server_count; i++)
		pairs[i] = (struct tls_pair){ config->servers[i].certificate, config->servers[i].key };
	settings.pairs = pairs;
	settings.pair_count = config->server_count;
	return tls_open(&settings, error, size);
}
