/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proxy's keys and certificates, read as the proxy would read them. */
#include "check/check.h"
#include "proxy/proxy.h"

#define ERROR_MAX 512

void check_keys(struct check *check)
{
	const struct config *config = check->config;
	char error[ERROR_MAX] = "";
	struct tls *tls;

	if (!config->proxy.port)
		return;
	tls = proxy_read_keys(config, NULL, NULL, error, sizeof(error));
	if (tls)
		check_ok(check, "proxy: its keys, certificates and trust anchors can be read and fit (%zu sections "
			 "[server])", config->server_count);
	else
		check_missing(check, "proxy: %s", error);
	tls_close(tls);
}
