/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the settings of [proxy] must agree, with each other and with the rest of the configuration. */
#include "config/config.h"
#include "config/value.h"

static bool ports_overlap(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count)
{
	for (size_t i = 0; i < a_count; i++)
		for (size_t j = 0; j < b_count; j++)
			if (a[i] == b[j])
				return true;
	return false;
}

const char *config_judge_proxy(const struct config_proxy *proxy, bool has_servers)
{
	const bool client_tls = proxy->legs == PROXY_LEGS_BOTH || proxy->legs == PROXY_LEGS_CLIENT;

	if (!proxy->port)
		return "expected port, where redirected connections arrive";
	if (proxy->port_count + proxy->implicit_port_count == 0)
		return "expected control-ports or implicit-ports, or the proxy has nothing to do";
	if (ports_overlap(proxy->ports, proxy->port_count, proxy->implicit_ports, proxy->implicit_port_count))
		return "a port is in control-ports and in implicit-ports; expected it in one of them";
	if (ports_overlap(&proxy->port, 1, proxy->ports, proxy->port_count) ||
	    ports_overlap(&proxy->port, 1, proxy->implicit_ports, proxy->implicit_port_count))
		return "port is one of the ports that are redirected to it; expected another one";
	if (!proxy->certificate[0] != !proxy->key[0])
		return "expected certificate and key, both or neither";
	if (!proxy->ca_certificate[0] != !proxy->ca_key[0])
		return "expected ca-certificate and ca-key, both or neither";
	if (client_tls && !proxy->certificate[0] && !proxy->ca_certificate[0] && !has_servers)
		return "TLS to the client needs certificate and key, or ca-certificate and ca-key (\"ftpalg ca init\" "
		       "makes them)";
	if (client_tls && proxy->untrusted && !proxy->ca_certificate[0])
		return "bad-certificate = untrusted needs ca-certificate and ca-key: a given certificate would make a "
		       "bad one look good";
	if (proxy->legs == PROXY_LEGS_NONE && proxy->implicit_port_count > 0)
		return "implicit-ports speak TLS from the first byte, and tls = none allows none; expected one without "
		       "the other";
	return NULL;
}

bool config_terminates(const struct config *config)
{
	bool terminates = false;

	for (size_t i = 0; i < config->policy.rule_count; i++)
		terminates = terminates || policy_rule_terminates(&config->policy.rules[i]);
	return terminates;
}

static bool config_always_terminates(const struct config *config)
{
	bool always = true;

	for (size_t i = 0; i < config->policy.rule_count; i++)
		always = always && policy_rule_terminates(&config->policy.rules[i]);
	return always;
}

/* Connections of networks that don't terminate go to the queue, if it has their port. */
static bool config_queue_has_ports(const struct config *config)
{
	const struct config_proxy *proxy = &config->proxy;
	bool all = true;

	for (size_t i = 0; i < proxy->port_count; i++)
		all = all && ports_overlap(&proxy->ports[i], 1, config->control_ports, config->control_port_count);
	return all;
}

static bool config_has_queue(const struct config *config, uint16_t queue)
{
	return config->queue <= queue && queue <= config_last_queue(config);
}

const char *config_judge_together(const struct config *config, bool has_proxy)
{
	if (!has_proxy && config_terminates(config))
		return "tls = terminate needs this section, which says with which certificates";
	if (has_proxy && config->mark == config->proxy.mark)
		return "mark is that of [gateway], whose packets are not tracked; expected another one";
	if (has_proxy && config_has_queue(config, config->proxy.queue))
		return "queue is one of [gateway]'s, which has one for each worker (auto: for 16); expected another one";
	if (config_terminates(config) && !config_always_terminates(config) && !config_queue_has_ports(config))
		return "a port of control-ports is not in [gateway]'s: what is not terminated there would pass "
		       "uninspected; expected it in both";
	if (config_terminates(config) && config->proxy.legs == PROXY_LEGS_NONE)
		return "tls = none terminates no TLS, and a policy says tls = terminate; expected one of them";
	return NULL;
}
