/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words of the settings. Each reader takes the whole of a value and accepts exactly one spelling of everything: a
 * word that could be a slip of the pen is an error, because a firewall that guesses is one nobody has configured.
 *
 * The words of a list are separated by commas and blanks. "none" is the empty list and stands alone.
 */
#include "daemon/config_value.h"

#include <string.h>

#include "daemon/config.h"
#include "ftpalg/address.h"

static const char not_understood[] = "is not understood";
static const char not_number[] = "is not a number";
static const char out_of_range[] = "is out of range";
static const char too_many[] = "is one too many";
static const char repeated[] = "is listed twice";
static const char not_alone[] = "must stand alone";

static bool bytes_are(struct bytes bytes, const char *word)
{
	return bytes.length == strlen(word) && memcmp(bytes.data, word, bytes.length) == 0;
}

static struct bytes bytes_slice(struct bytes bytes, size_t from, size_t to)
{
	return (struct bytes){ bytes.data + from, to - from };
}

/* Position of the first byte from start on that is wanted, or bytes.length. */
static size_t bytes_find(struct bytes bytes, size_t start, char wanted)
{
	while (start < bytes.length && bytes.data[start] != (uint8_t)wanted)
		start++;
	return start;
}

static int digit_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return 16;
}

/* maximum is far enough below UINT64_MAX that one digit more can't wrap. */
static const char *number_read(struct bytes text, unsigned int base, uint64_t minimum, uint64_t maximum,
			       uint64_t *number)
{
	uint64_t value = 0;

	if (text.length == 0)
		return not_number;
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned int)digit_value(text.data[i]) >= base)
			return not_number;
	for (size_t i = 0; i < text.length; i++) {
		value = value * base + (unsigned int)digit_value(text.data[i]);
		if (value > maximum)
			return out_of_range;
	}
	if (value < minimum)
		return out_of_range;
	*number = value;
	return NULL;
}

static const char *port_read(struct bytes text, uint16_t *port)
{
	uint64_t number;
	const char *wrong = number_read(text, 10, 1, 65535, &number);

	if (!wrong)
		*port = (uint16_t)number;
	return wrong;
}

/* PORT or FIRST-LAST */
static const char *range_read(struct bytes text, struct port_range *range)
{
	size_t dash = bytes_find(text, 0, '-');
	const char *wrong = port_read(bytes_slice(text, 0, dash), &range->first);

	if (wrong)
		return wrong;
	range->last = range->first;
	if (dash < text.length)
		wrong = port_read(bytes_slice(text, dash + 1, text.length), &range->last);
	if (!wrong && range->first > range->last)
		wrong = "ends before it begins";
	return wrong;
}

/* network_parse says only whether; tell the commonest mistake from the rest. */
static const char *network_read(struct bytes text, struct network *network)
{
	struct address address;
	size_t slash = bytes_find(text, 0, '/');
	uint64_t prefix, longest;

	if (network_parse(text, network))
		return NULL;
	if (slash == text.length || !address_parse(bytes_slice(text, 0, slash), &address))
		return "is not an address";
	longest = address.family == FAMILY_IPV4 ? 32 : 128;
	if (number_read(bytes_slice(text, slash + 1, text.length), 10, 0, longest, &prefix))
		return "has no valid prefix length";
	return "has bits set beyond its prefix";
}

static void *field_of(const struct config_value *value, void *owner)
{
	return (uint8_t *)owner + value->key->offset;
}

const char *config_read_number(struct config_value *value, void *owner)
{
	const struct config_key *key = value->key;
	void *field = field_of(value, owner);
	uint64_t number;
	const char *wrong = number_read(value->text, 10, key->minimum, key->maximum, &number);

	value->culprit = value->text;
	if (wrong)
		return wrong;
	number *= key->unit;
	if (key->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)number;
	else if (key->size == sizeof(uint32_t))
		*(uint32_t *)field = (uint32_t)number;
	else
		*(uint64_t *)field = number;
	return NULL;
}

const char *config_read_mark(struct config_value *value, void *owner)
{
	struct bytes text = value->text;
	bool hexadecimal = text.length > 2 && text.data[0] == '0' && text.data[1] == 'x';
	uint64_t number;
	const char *wrong;

	value->culprit = text;
	if (hexadecimal)
		wrong = number_read(bytes_slice(text, 2, text.length), 16, 1, UINT32_MAX, &number);
	else
		wrong = number_read(text, 10, 1, UINT32_MAX, &number);
	if (!wrong)
		*(uint32_t *)field_of(value, owner) = (uint32_t)number;
	return wrong;
}

/* One of the words, which a NULL ends; its index. */
static const char *choice_read(struct config_value *value, const char *const *words, unsigned int *choice)
{
	value->culprit = value->text;
	for (unsigned int i = 0; words[i]; i++) {
		if (bytes_are(value->text, words[i])) {
			*choice = i;
			return NULL;
		}
	}
	return not_understood;
}

static const char *boolean_read(struct config_value *value, const char *const *words, void *owner)
{
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		*(bool *)field_of(value, owner) = choice == 1;
	return wrong;
}

const char *config_read_yes(struct config_value *value, void *owner)
{
	static const char *const words[] = { "no", "yes", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_open(struct config_value *value, void *owner)
{
	static const char *const words[] = { "closed", "open", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_untrusted(struct config_value *value, void *owner)
{
	static const char *const words[] = { "refuse", "untrusted", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_ccc(struct config_value *value, void *owner)
{
	static const char *const words[] = { "refuse", "allow", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_resumption(struct config_value *value, void *owner)
{
	static const char *const words[] = { "allow", "require", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_interception(struct config_value *value, void *owner)
{
	static const char *const words[] = { "redirect", "tproxy", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_source(struct config_value *value, void *owner)
{
	static const char *const words[] = { "router", "client", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_tls_versions(struct config_value *value, void *owner)
{
	static const char *const words[] = { "1.2-1.3", "1.2", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_legs(struct config_value *value, void *owner)
{
	static const char *const words[] = {
		[PROXY_LEGS_BOTH] = "both", [PROXY_LEGS_CLIENT] = "client", [PROXY_LEGS_SERVER] = "server",
		[PROXY_LEGS_NONE] = "none", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		((struct config *)owner)->proxy.legs = choice;
	return wrong;
}

const char *config_read_foreign_server(struct config_value *value, void *owner)
{
	static const char *const words[] = {
		[FOREIGN_SERVER_REFUSE] = "refuse", [FOREIGN_SERVER_REWRITE] = "rewrite", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		((struct policy_rule *)owner)->foreign_server = choice;
	return wrong;
}

const char *config_read_tls(struct config_value *value, void *owner)
{
	static const char *const words[] = {
		[TLS_ALLOW] = "allow", [TLS_FORBID] = "forbid", [TLS_REQUIRE] = "require",
		[TLS_TERMINATE] = "terminate", [TLS_TERMINATE_REQUIRE] = "terminate-require", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		((struct policy_rule *)owner)->tls = choice;
	return wrong;
}

/* One word of printable ASCII, which is copied with a NUL; "none" becomes the empty string. */
static const char *word_read(struct config_value *value, char *out, size_t size)
{
	struct bytes text = value->text;

	value->culprit = text;
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return not_understood;
	if (bytes_are(text, "none"))
		text.length = 0;
	if (text.length >= size)
		return "is too long";
	memcpy(out, text.data, text.length);
	out[text.length] = '\0';
	return NULL;
}

const char *config_read_user(struct config_value *value, void *owner)
{
	struct config *config = owner;

	return word_read(value, config->user, sizeof(config->user));
}

const char *config_read_proxy_user(struct config_value *value, void *owner)
{
	struct config *config = owner;

	return word_read(value, config->proxy.user, sizeof(config->proxy.user));
}

const char *config_read_file(struct config_value *value, void *owner)
{
	value->culprit = value->text;
	if (value->text.data[0] != '/' && !bytes_are(value->text, "none"))
		return not_understood;
	return word_read(value, field_of(value, owner), value->key->size);
}

const char *config_read_events(struct config_value *value, void *owner)
{
	struct config *config = owner;
	struct bytes text = value->text;

	value->culprit = text;
	if (text.data[0] != '/' && !bytes_are(text, "-") && !bytes_are(text, "none"))
		return not_understood;
	return word_read(value, config->events, sizeof(config->events));
}

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
	*word = bytes_slice(text, start, end);
	value->culprit = *word;
	value->text = bytes_slice(text, end, text.length);
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
		bool none = may_be_none && bytes_are(word, "none");

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
	const char *wrong = port_read(word, &port);

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

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; port 0 where none is given. */
static const char *endpoint_read(struct bytes text, struct endpoint *endpoint)
{
	const bool bracket = text.length > 0 && text.data[0] == '[';
	const size_t start = bracket ? 1 : 0;
	const size_t first_colon = bytes_find(text, 0, ':');
	const bool single_colon = bytes_find(text, first_colon + 1, ':') >= text.length;
	/* An IPv6 address without brackets has no port: its colons are its own. */
	size_t end = bracket ? bytes_find(text, 0, ']') : single_colon ? first_colon : text.length;

	endpoint->port = 0;
	if (end < start || end > text.length || (bracket && end == text.length) ||
	    !address_parse(bytes_slice(text, start, end), &endpoint->address))
		return "has no valid address";
	end += bracket;
	if (end == text.length)
		return NULL;
	return text.data[end] == ':' ? port_read(bytes_slice(text, end + 1, text.length), &endpoint->port)
				     : not_understood;
}

/* No equals sign, which would end the list if it stood in a line that continues it. */
static const char *forward_item(struct bytes word, void *owner)
{
	struct config_proxy *proxy = &((struct config *)owner)->proxy;
	const size_t arrow = bytes_find(word, 0, '>');
	struct config_forward forward;
	const char *wrong;

	if (arrow == 0 || arrow == word.length || word.data[arrow - 1] != '-')
		return not_understood;
	wrong = endpoint_read(bytes_slice(word, 0, arrow - 1), &forward.dialled);
	if (!wrong)
		wrong = endpoint_read(bytes_slice(word, arrow + 1, word.length), &forward.server);
	if (!wrong && forward.dialled.address.family != forward.server.address.family)
		wrong = "mixes IPv4 and IPv6";
	for (size_t i = 0; !wrong && i < proxy->forward_count; i++)
		if (endpoint_equal(&forward.dialled, &proxy->forwards[i].dialled))
			wrong = repeated;
	if (!wrong && proxy->forward_count == CONFIG_FORWARDS_MAX)
		wrong = too_many;
	if (!wrong)
		proxy->forwards[proxy->forward_count++] = forward;
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
	const char *wrong = network_read(word, &network);

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

/* What SNI can hold (RFC 6066 3); a dot at the end is no part of it. */
static const char *host_item(struct bytes word, void *owner)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	struct config_server *server = owner;
	char *host;

	if (word.length >= CONFIG_HOST_MAX || word.data[0] == '.' || word.data[word.length - 1] == '.')
		return not_understood;
	if (server->host_count == CONFIG_NAMES_MAX)
		return too_many;
	host = server->hosts[server->host_count];
	for (size_t i = 0; i < word.length; i++) {
		const uint8_t byte = word.data[i];

		host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
		if (!memchr(allowed, host[i], sizeof(allowed) - 1))
			return not_understood;
	}
	host[word.length] = '\0';
	server->host_count++;
	return NULL;
}

const char *config_read_hosts(struct config_value *value, void *owner)
{
	return list_read(value, owner, false, value->continued, host_item);
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

static const char *deny_range(struct policy_rule *rule, struct port_range range)
{
	if (rule->port_denied_count == POLICY_RANGES_MAX)
		return too_many;
	rule->port_denied[rule->port_denied_count++] = range;
	return NULL;
}

/* "default" stands for the list that holds where nothing is configured, so that it can be added to. */
static const char *deny_port_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	struct policy_rule defaults;
	struct port_range range;
	const char *wrong;

	if (!bytes_are(word, "default")) {
		wrong = range_read(word, &range);
		return wrong ? wrong : deny_range(rule, range);
	}
	policy_rule_set_defaults(&defaults);
	wrong = NULL;
	for (size_t i = 0; !wrong && i < defaults.port_denied_count; i++)
		wrong = deny_range(rule, defaults.port_denied[i]);
	return wrong;
}

const char *config_read_deny_ports(struct config_value *value, void *owner)
{
	if (!value->continued)
		((struct policy_rule *)owner)->port_denied_count = 0;
	return list_read(value, owner, true, value->continued, deny_port_item);
}

/* An IPv6 address is full of colons: the one that begins the ports is the first behind the slash. */
static const char *fxp_item(struct bytes word, void *owner)
{
	struct policy_rule *rule = owner;
	struct fxp_target target = { .ports = { 1024, 65535 } };
	size_t colon = bytes_find(word, bytes_find(word, 0, '/'), ':');
	const char *wrong = network_read(bytes_slice(word, 0, colon), &target.network);

	if (!wrong && colon < word.length)
		wrong = range_read(bytes_slice(word, colon + 1, word.length), &target.ports);
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

const char *config_read_advertise(struct config_value *value, void *owner)
{
	struct policy_rule *rule = owner;
	struct bytes text = value->text;
	size_t sign = bytes_find(text, 0, '+');
	uint64_t offset = 0;
	const char *wrong = NULL;

	value->culprit = text;
	rule->advertise = !bytes_are(text, "none");
	rule->advertise_address = (struct address){ .family = FAMILY_NONE };
	rule->advertise_port_offset = 0;
	if (!rule->advertise)
		return NULL;
	if (sign == text.length)
		sign = bytes_find(text, 0, '-');
	if (!address_parse(bytes_slice(text, 0, sign), &rule->advertise_address))
		return "is not an address";
	if (address_is_martian(&rule->advertise_address))
		return "is an address that no host on a routed network has";
	if (sign < text.length)
		wrong = number_read(bytes_slice(text, sign + 1, text.length), 10, 1, 65534, &offset);
	if (!wrong && sign < text.length && text.data[sign] == '-')
		rule->advertise_port_offset = -(int32_t)offset;
	else
		rule->advertise_port_offset = (int32_t)offset;
	return wrong;
}
