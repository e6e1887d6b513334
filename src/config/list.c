/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings that are lists. Their words are separated by commas and blanks; "none" is the empty list and stands alone.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/value.h"
#include "config/word.h"
#include "ftpalg/address.h"

static const char too_many[] = "is one too many";
static const char repeated[] = "is listed twice";
static const char not_alone[] = "must stand alone";

/* Takes the next word of a list. False: there is none. */
static bool list_next(struct config_value *value, struct bytes *word)
{
	static const char separators[] = ", \t";
	struct bytes text = value->text;
	size_t start = 0, end;

	while (start < text.length && memchr(separators, text.data[start], strlen(separators)))
		start++;
	end = start;
	while (end < text.length && !memchr(separators, text.data[end], strlen(separators)))
		end++;
	*word = word_slice(text, start, end);
	value->culprit = *word;
	value->text = word_slice(text, end, text.length);
	return end > start;
}

typedef const char *list_item(struct bytes word, void *owner);

/*
 * Reads a list word by word; item stores one in owner. A list that may be empty says so with "none". begun: an earlier
 * line had words of the list.
 */
static const char *list_read(struct config_value *value, void *owner, bool may_be_none, bool begun, list_item *item)
{
	struct bytes word;
	const char *wrong = NULL;

	while (!wrong && list_next(value, &word)) {
		bool none = may_be_none && word_is(word, "none");

		if (value->none || (none && begun))
			wrong = not_alone;
		else if (none)
			value->none = true;
		else
			wrong = item(word, owner);
		begun = true;
	}
	if (!wrong && !begun)
		wrong = "has no words in it";
	return wrong;
}

static const char *ports_add(struct bytes word, uint16_t *ports, size_t *count)
{
	uint16_t port;
	const char *wrong = word_read_port(word, &port);

	for (size_t i = 0; !wrong && i < *count; i++)
		if (ports[i] == port)
			wrong = repeated;
	if (!wrong && *count == CONFIG_PORTS_MAX)
		wrong = too_many;
	if (!wrong)
		ports[(*count)++] = port;
	return wrong;
}

static const char *control_port_item(struct bytes word, void *owner)
{
	struct config *config = owner;

	return ports_add(word, config->control_ports, &config->control_port_count);
}

const char *config_read_control_ports(struct config_value *value, void *owner)
{
	struct config *config = owner;

	if (!value->continued)
		config->control_port_count = 0;
	return list_read(value, owner, false, value->continued, control_port_item);
}

static const char *proxy_port_item(struct bytes word, void *owner)
{
	struct config *config = owner;

	return ports_add(word, config->proxy.ports, &config->proxy.port_count);
}

const char *config_read_proxy_ports(struct config_value *value, void *owner)
{
	struct config *config = owner;

	if (!value->continued)
		config->proxy.port_count = 0;
	return list_read(value, owner, true, value->continued, proxy_port_item);
}

static const char *implicit_port_item(struct bytes word, void *owner)
{
	struct config *config = owner;

	return ports_add(word, config->proxy.implicit_ports, &config->proxy.implicit_port_count);
}

const char *config_read_implicit_ports(struct config_value *value, void *owner)
{
	struct config *config = owner;

	if (!value->continued)
		config->proxy.implicit_port_count = 0;
	return list_read(value, owner, true, value->continued, implicit_port_item);
}

/* Not an equals sign, which would end the list in a line that continues it. */
static const char *forward_item(struct bytes word, void *owner)
{
	struct config_proxy *proxy = &((struct config *)owner)->proxy;
	const size_t arrow = word_find(word, 0, '>');
	struct config_forward *forward = &proxy->forwards[proxy->forward_count];
	const char *wrong;

	if (arrow == 0 || arrow == word.length || word.data[arrow - 1] != '-')
		return word_not_understood;
	if (proxy->forward_count == CONFIG_FORWARDS_MAX)
		return too_many;
	wrong = word_read_endpoint(word_slice(word, 0, arrow - 1), &forward->dialled);
	if (!wrong)
		wrong = word_read_endpoint(word_slice(word, arrow + 1, word.length), &forward->server);
	if (!wrong && forward->dialled.address.family != forward->server.address.family)
		wrong = "mixes IPv4 and IPv6";
	for (size_t i = 0; !wrong && i < proxy->forward_count; i++)
		if (endpoint_equal(&forward->dialled, &proxy->forwards[i].dialled))
			wrong = repeated;
	if (!wrong)
		proxy->forward_count++;
	return wrong;
}

const char *config_read_forward(struct config_value *value, void *owner)
{
	struct config *config = owner;

	if (!value->continued)
		config->proxy.forward_count = 0;
	return list_read(value, owner, true, value->continued, forward_item);
}

static const char *network_item(struct bytes word, struct network *networks, size_t *count)
{
	struct network network;
	const char *wrong = word_read_network(word, &network);

	if (!wrong && *count == POLICY_NETWORKS_MAX)
		wrong = too_many;
	if (!wrong)
		networks[(*count)++] = network;
	return wrong;
}

static const char *address_item(struct bytes word, void *owner)
{
	struct config_server *server = owner;

	return network_item(word, server->addresses, &server->address_count);
}

const char *config_read_addresses(struct config_value *value, void *owner)
{
	return list_read(value, owner, false, value->continued, address_item);
}

/* What SNI can hold (RFC 6066 3); a dot at the end is not part of it. */
static const char *host_read(struct bytes word, char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";

	if (word.length == 0 || word.length >= CONFIG_HOST_MAX || word.data[word.length - 1] == '.')
		return word_not_understood;
	for (size_t i = 0; i < word.length; i++) {
		const uint8_t byte = word.data[i];

		host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
		if (!memchr(allowed, host[i], sizeof(allowed) - 1))
			return word_not_understood;
	}
	host[word.length] = '\0';
	return NULL;
}

static const char *hosts_add(struct bytes word, char (*hosts)[CONFIG_HOST_MAX], size_t *count)
{
	const char *wrong;

	if (*count == CONFIG_NAMES_MAX)
		return too_many;
	wrong = host_read(word, hosts[*count]);
	if (!wrong)
		++*count;
	return wrong;
}

static const char *host_item(struct bytes word, void *owner)
{
	struct config_server *server = owner;

	return word.data[0] == '.' ? word_not_understood : hosts_add(word, server->hosts, &server->host_count);
}

static const char *bypass_name_item(struct bytes word, void *owner)
{
	struct config_proxy *proxy = &((struct config *)owner)->proxy;

	return hosts_add(word, proxy->bypass_names, &proxy->bypass_name_count);
}

const char *config_read_bypass_names(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct config *)owner)->proxy.bypass_name_count = 0;
	return list_read(value, owner, true, value->continued, bypass_name_item);
}

static const char *bypass_item(struct bytes word, void *owner)
{
	struct config_proxy *proxy = &((struct config *)owner)->proxy;

	return network_item(word, proxy->bypass, &proxy->bypass_count);
}

const char *config_read_bypass(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct config *)owner)->proxy.bypass_count = 0;
	return list_read(value, owner, true, value->continued, bypass_item);
}

const char *config_read_hosts(struct config_value *value, void *owner)
{
	return list_read(value, owner, false, value->continued, host_item);
}

/* Only src/tls/demand.c, which has OpenSSL, can say which words that knows. */
const char *config_read_tls_words(struct config_value *value, void *owner)
{
	char *list = (char *)owner + value->key->offset;
	struct bytes word;

	if (!value->continued)
		*list = '\0';
	while (list_next(value, &word)) {
		const size_t length = strlen(list);

		for (size_t i = 0; i < word.length; i++)
			if (word.data[i] <= ' ' || word.data[i] > '~')
				return word_not_understood;
		value->none = value->none || word_is(word, "default");
		if (value->none && (length > 0 || value->continued || !word_is(word, "default")))
			return not_alone;
		if (length + word.length + 2 > value->key->size)
			return too_many;
		if (!value->none)
			snprintf(list + length, value->key->size - length, "%s%.*s", length ? ":" : "", (int)word.length,
				 (const char *)word.data);
	}
	return value->none || *list ? NULL : "has no words in it";
}

static const char *client_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;

	return network_item(word, rule->clients, &rule->client_count);
}

const char *config_read_clients(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->client_count = 0;
	return list_read(value, owner, false, value->continued, client_item);
}

static const char *server_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;

	return network_item(word, rule->servers, &rule->server_count);
}

const char *config_read_servers(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->server_count = 0;
	return list_read(value, owner, false, value->continued, server_item);
}

static const char *deny_verb_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	enum verb verb = verb_find(word);

	if (verb == VERB_UNKNOWN)
		return "is no command that ftpalg knows (unknown-verbs decides on those)";
	rule->verb_denied[verb] = true;
	return NULL;
}

const char *config_read_deny_verbs(struct config_value *value, void *owner)
{
	struct policy_rule *rule = owner;

	if (!value->continued)
		memset(rule->verb_denied, 0, sizeof(rule->verb_denied));
	return list_read(value, owner, true, value->continued, deny_verb_item);
}

static const char *deny_range(struct port_range *ranges, size_t *count, struct port_range range)
{
	if (*count == POLICY_RANGES_MAX)
		return too_many;
	ranges[(*count)++] = range;
	return NULL;
}

/* "default" stands for the list that holds where nothing is configured, so that it can be added to. */
static const char *deny_port_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	struct policy_rule defaults;
	struct port_range range;
	const char *wrong;

	if (!word_is(word, "default")) {
		wrong = word_read_range(word, &range);
		return wrong ? wrong : deny_range(rule->port_denied, &rule->port_denied_count, range);
	}
	policy_rule_set_defaults(&defaults);
	wrong = NULL;
	for (size_t i = 0; !wrong && i < defaults.port_denied_count; i++)
		wrong = deny_range(rule->port_denied, &rule->port_denied_count, defaults.port_denied[i]);
	return wrong;
}

const char *config_read_deny_ports(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->port_denied_count = 0;
	return list_read(value, owner, true, value->continued, deny_port_item);
}

static const char *deny_passive_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	struct port_range range;
	const char *wrong = word_read_range(word, &range);

	return wrong ? wrong : deny_range(rule->passive_denied, &rule->passive_denied_count, range);
}

const char *config_read_deny_passive_ports(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->passive_denied_count = 0;
	return list_read(value, owner, true, value->continued, deny_passive_item);
}

/* An IPv6 address is full of colons: the one that begins the ports is the first after the slash. */
static const char *fxp_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	struct fxp_target target = { .ports = { 1024, 65535 } };
	size_t colon = word_find(word, word_find(word, 0, '/'), ':');
	const char *wrong = word_read_network(word_slice(word, 0, colon), &target.network);

	if (!wrong && colon < word.length)
		wrong = word_read_range(word_slice(word, colon + 1, word.length), &target.ports);
	if (!wrong && rule->fxp_count == POLICY_FXP_MAX)
		wrong = too_many;
	if (!wrong)
		rule->fxp[rule->fxp_count++] = target;
	return wrong;
}

const char *config_read_fxp(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->fxp_count = 0;
	return list_read(value, owner, true, value->continued, fxp_item);
}

static const char *advertise_read_offset(struct bytes word, size_t sign, int32_t *offset)
{
	uint64_t number = 0;
	const char *wrong = NULL;

	if (sign < word.length)
		wrong = word_read_number(word_slice(word, sign + 1, word.length), 10, 1, 65534, &number);
	*offset = sign < word.length && word.data[sign] == '-' ? -(int32_t)number : (int32_t)number;
	return wrong;
}

static const char *advertise_address(struct bytes word, size_t sign, const struct address *address,
				     struct policy_advertise *advertise)
{
	struct policy_public *public = address->family == FAMILY_IPV4 ? &advertise->ipv4 : &advertise->ipv6;

	if (address_is_martian(address))
		return "is an address that no host on a routed network has";
	if (public->address.family != FAMILY_NONE)
		return "is the second address of its family";
	public->address = *address;
	return advertise_read_offset(word, sign, &public->port_offset);
}

/*
 * A name ends in letters (RFC 1123 2.1); what ends in digits is a wrong address. A name may have hyphens, so "-" is no
 * minus.
 */
static const char *advertise_host(struct bytes word, struct policy_advertise *advertise)
{
	const size_t sign = word_find(word, 0, '+');
	const char *wrong, *label;

	if (advertise->host[0])
		return "is the second name";
	wrong = host_read(word_slice(word, 0, sign), advertise->host);
	if (wrong)
		return "is neither an address nor a name";
	label = strrchr(advertise->host, '.');
	label = label ? label + 1 : advertise->host;
	if (label[strspn(label, "0123456789")] == '\0' || advertise->host[0] == '.')
		return "is neither an address nor a name";
	return advertise_read_offset(word, sign, &advertise->host_offset);
}

static const char *advertise_add(struct bytes word, struct policy_advertise *advertise)
{
	size_t sign = word_find(word, 0, '+');
	struct address address;

	if (sign == word.length)
		sign = word_find(word, 0, '-');
	if (address_parse(word_slice(word, 0, sign), &address))
		return advertise_address(word, sign, &address, advertise);
	return advertise_host(word, advertise);
}

static const char *advertise_item(struct bytes word, void *owner)
{
	return advertise_add(word, &((struct policy_rule *)owner)->advertise);
}

const char *config_read_advertise(struct config_value *value, void *owner)
{
	struct policy_rule *rule = owner;

	if (!value->continued)
		memset(&rule->advertise, 0, sizeof(rule->advertise));
	return list_read(value, owner, true, value->continued, advertise_item);
}

static const char *advertise_active_item(struct bytes word, void *owner)
{
	return advertise_add(word, &((struct policy_rule *)owner)->advertise_active);
}

const char *config_read_advertise_active(struct config_value *value, void *owner)
{
	struct policy_rule *rule = owner;

	if (!value->continued)
		memset(&rule->advertise_active, 0, sizeof(rule->advertise_active));
	return list_read(value, owner, true, value->continued, advertise_active_item);
}
