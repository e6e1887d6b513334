/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a configuration file. What is refused is refused in words, each with a line that the file has; what is
 * accepted lies within the bounds that the manual states, can be printed as rules, and is read the same twice.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "ftpalg/address.h"
#include "ftpalg/offer.h"
#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config first;
static struct config second;

/* Reads the file over what is in memory already. Returns config_load's result and its messages, which the caller frees. */
static int load(struct config *config, uint8_t before, const char *path, char **messages)
{
	size_t length = 0;
	FILE *errors = open_memstream(messages, &length);
	int result;

	assert(errors);
	memset(config, before, sizeof(*config));
	result = config_load(config, path, errors);
	fclose(errors);
	return result;
}

/* Padding too: config_set_defaults clears it, and rules inherit by copying bytes. */
static bool is_same(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

#define MORE " more errors"

static unsigned long count_lines(const uint8_t *data, size_t size)
{
	unsigned long lines = size > 0 && data[size - 1] != '\n';

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

/* Every message is a line "PATH:LINE: ...", but for the last, which may count those that are left out. */
static void check_messages(const char *messages, const char *path, unsigned long lines)
{
	while (*messages) {
		const char *end = strchr(messages, '\n');
		char *colon;
		unsigned long line;

		assert(end);
		assert(strncmp(messages, path, strlen(path)) == 0 && messages[strlen(path)] == ':');
		if (strcmp(end - strlen(MORE), MORE "\n") == 0)
			return;
		line = strtoul(messages + strlen(path) + 1, &colon, 10);
		assert(line >= 1 && line <= lines);
		assert(colon[0] == ':' && colon[1] == ' ' && colon + 2 < end);
		messages = end + 1;
	}
}

static void check_ports(const uint16_t *ports, size_t count)
{
	assert(count <= CONFIG_PORTS_MAX);
	for (size_t i = 0; i < count; i++)
		assert(ports[i] > 0);
}

static void check_gateway(const struct config *config)
{
	const struct gateway_limits *limits = &config->limits;

	assert(config->control_port_count > 0);
	check_ports(config->control_ports, config->control_port_count);
	check_ports(config->proxy.ports, config->proxy.port_count);
	check_ports(config->proxy.implicit_ports, config->proxy.implicit_port_count);
	assert(config->mark > 0 && config->mss >= 256);
	assert(limits->sessions > 0 && limits->memory > 0);
	assert(limits->line >= 512 && limits->line <= LINE_MAX_LENGTH);
	/* A line that is not finished must find room. */
	assert(limits->unacknowledged >= limits->line);
	/* What the gateway will ask for can be counted. */
	assert(gateway_memory(limits) >= limits->memory);
	assert(memchr(config->user, '\0', sizeof(config->user)));
	assert(memchr(config->events, '\0', sizeof(config->events)));
}

static void check_networks(const struct network *networks, size_t count)
{
	assert(count <= POLICY_NETWORKS_MAX);
	for (size_t i = 0; i < count; i++)
		assert(networks[i].prefix <= (networks[i].address.family == FAMILY_IPV4 ? 32 : 128));
}

static void check_advertise(const struct policy_advertise *advertise)
{
	assert(memchr(advertise->host, '\0', sizeof(advertise->host)));
	assert(!address_is_martian(&advertise->ipv4.address) || advertise->ipv4.address.family == FAMILY_NONE);
	assert(advertise->ipv4.address.family != FAMILY_IPV6 && advertise->ipv6.address.family != FAMILY_IPV4);
}

static void check_rule(const struct policy_rule *rule, bool last)
{
	assert(memchr(rule->name, '\0', sizeof(rule->name)) && rule->name[0]);
	assert((strcmp(rule->name, "policy") == 0) == last);
	assert((rule->client_count + rule->server_count == 0) == last);
	check_networks(rule->clients, rule->client_count);
	check_networks(rule->servers, rule->server_count);
	assert(rule->port_min > 0 && rule->pinhole_timeout > 0);
	assert(rule->port_denied_count <= POLICY_RANGES_MAX && rule->fxp_count <= POLICY_FXP_MAX);
	for (size_t i = 0; i < rule->port_denied_count; i++)
		assert(rule->port_denied[i].first > 0 && rule->port_denied[i].first <= rule->port_denied[i].last);
	assert(rule->passive_denied_count <= POLICY_RANGES_MAX);
	for (size_t i = 0; i < rule->passive_denied_count; i++)
		assert(rule->passive_denied[i].first > 0 &&
		       rule->passive_denied[i].first <= rule->passive_denied[i].last);
	for (size_t i = 0; i < rule->fxp_count; i++)
		assert(rule->fxp[i].ports.first > 0 && rule->fxp[i].ports.first <= rule->fxp[i].ports.last);
	check_advertise(&rule->advertise);
	check_advertise(&rule->advertise_active);
}

/* The rules are commands for a shell and for nft, so nothing but words that were judged may be in them. */
static void check_rules(const struct config *config)
{
	const struct rules_families both = { .ipv4 = true, .ipv6 = true };
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert(out);
	rules_nft_print(config, out);
	rules_nft_print_forward(config, out);
	rules_iptables_print(config, both, out);
	rules_iptables_print_forward(config, both, out);
	if (config->proxy.port) {
		rules_proxy_print_nft(config, out);
		rules_proxy_print_iptables(config, both, out);
	}
	fclose(out);
	assert(strlen(text) == length);
	for (size_t i = 0; i < length; i++)
		assert(text[i] == '\n' || text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~'));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("config", MFD_CLOEXEC);
	char path[64];
	char *messages = NULL;
	char *again = NULL;
	int result;

	assert(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	result = load(&first, 0x00, path, &messages);
	assert(load(&second, 0xff, path, &again) == result);
	assert((result == 0) == (messages[0] == '\0'));
	assert(strcmp(messages, again) == 0);
	check_messages(messages, path, count_lines(data, size));
	if (result == 0) {
		assert(is_same(&first, &second, sizeof(first)));
		check_gateway(&first);
		assert(first.policy.rule_count > 0 && first.policy.rule_count <= POLICY_RULES_MAX);
		for (size_t i = 0; i < first.policy.rule_count; i++)
			check_rule(&first.policy.rules[i], i == first.policy.rule_count - 1);
		check_rules(&first);
	}
	free(messages);
	free(again);
	close(file);
	return 0;
}
