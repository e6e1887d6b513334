/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "config/config.h"

void config_set_defaults(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->control_ports[0] = 21;
	config->control_port_count = 1;
	config->queue = 21;
	config->workers = 1;
	config->queue_length = 4096;
	config->nflog_group = 21;
	config->watchdog = 10;
	config->resolve_interval = 60;
	config->log_refusals = true;
	config->journal = true;
	config->mark = 0x66747000; /* "ftp" and a zero */
	/*
	 * The smallest MTU of IPv6 is 1280 bytes (RFC 8200 section 5), less 60 for the headers of IPv6 and TCP. 60 more
	 * are for growth: the longest EPRT host-port is 37 bytes longer than the shortest.
	 */
	config->mss = 1160;
	snprintf(config->user, sizeof(config->user), "nobody");
	snprintf(config->monitor, sizeof(config->monitor), CONFIG_DEFAULT_MONITOR);
	snprintf(config->control, sizeof(config->control), CONFIG_DEFAULT_CONTROL);
	config->proxy.ports[0] = 21;
	config->proxy.port_count = 1;
	config->proxy.queue = 22;
	config->proxy.workers = 1;
	config->proxy.session_relays = 4;
	config->proxy.mint_rate = 600;
	config->proxy.certificates_bypass = true;
	config->proxy.data_timeout = UINT64_C(300000000);
	config->proxy.drain_time = 86400;
	config->proxy.mark = 0x66747001;
	config->proxy.table = 2100;
	snprintf(config->proxy.user, sizeof(config->proxy.user), "nobody");
	gateway_limits_set_defaults(&config->limits);
	policy_rule_set_defaults(&config->policy.rules[0]);
	snprintf(config->policy.rules[0].name, sizeof(config->policy.rules[0].name), "policy");
	config->policy.rule_count = 1;
}
