/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which [server] it is, by address and by the name that the client asks for: the first that matches. */
#include <string.h>

#include "config/config.h"
#include "config/value.h"
#include "ftpalg/address.h"

static bool server_has_address(const struct config_server *server, const struct address *address)
{
	for (size_t i = 0; i < server->address_count; i++)
		if (network_contains(&server->addresses[i], address))
			return true;
	return server->address_count == 0;
}

/* Names are compared as RFC 4343 has it; those of the configuration are in small letters. */
static bool host_equal(const char *host, const char *asked)
{
	size_t i;

	for (i = 0; host[i] && asked[i]; i++) {
		const char byte = asked[i];

		if (host[i] != (byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte))
			return false;
	}
	return !host[i] && !asked[i];
}

bool config_bypasses_server(const struct config_proxy *proxy, const struct address *server)
{
	bool found = false;

	for (size_t i = 0; i < proxy->bypass_count; i++)
		found = found || network_contains(&proxy->bypass[i], server);
	return found;
}

bool config_bypasses_name(const struct config_proxy *proxy, const char *name)
{
	const size_t length = strlen(name);
	bool found = false;

	for (size_t i = 0; i < proxy->bypass_name_count; i++) {
		const char *listed = proxy->bypass_names[i];
		const size_t end = strlen(listed);

		found = found || host_equal(listed, name) ||
			(listed[0] == '.' && length > end && host_equal(listed, name + length - end));
	}
	return found;
}

static bool server_has_host(const struct config_server *server, const char *asked)
{
	for (size_t i = 0; i < server->host_count; i++)
		if (host_equal(server->hosts[i], asked))
			return true;
	return server->host_count == 0;
}

bool config_server_says_more(const struct config_server *server)
{
	return server->close_notify != CLOSE_NOTIFY_DEFAULT || server->tls.versions != TLS_VERSIONS_DEFAULT ||
	       server->tls.ciphers[0] || server->tls.groups[0];
}

size_t config_find_server(const struct config *config, const struct address *address, const struct address *seen,
			  const char *host)
{
	for (size_t i = 0; i < config->server_count; i++) {
		const struct config_server *server = &config->servers[i];

		if ((server_has_address(server, address) || server_has_address(server, seen)) &&
		    server_has_host(server, host))
			return i;
	}
	return CONFIG_SERVERS_MAX;
}
