/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of one word. Each reader takes the whole of a value and accepts exactly one spelling of everything: a word
 * that could be a slip of the pen is an error, because a firewall that guesses is one nobody has configured.
 */
#include "config/value.h"

#include <string.h>

#include "config/config.h"
#include "config/word.h"
#include "ftpalg/address.h"

static void *field_of(const struct config_value *value, void *owner)
{
	return (uint8_t *)owner + value->key->offset;
}

const char *config_read_number(struct config_value *value, void *owner)
{
	const struct config_key *key = value->key;
	void *field = field_of(value, owner);
	uint64_t number;
	const char *wrong = word_read_number(value->text, 10, key->minimum, key->maximum, &number);

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
		wrong = word_read_number(word_slice(text, 2, text.length), 16, 1, UINT32_MAX, &number);
	else
		wrong = word_read_number(text, 10, 1, UINT32_MAX, &number);
	if (!wrong)
		*(uint32_t *)field_of(value, owner) = (uint32_t)number;
	return wrong;
}

const char *config_read_passed_mark(struct config_value *value, void *owner)
{
	if (!word_is(value->text, "none"))
		return config_read_mark(value, owner);
	*(uint32_t *)field_of(value, owner) = 0;
	return NULL;
}

/* One of the words, which a NULL ends; its index. */
static const char *choice_read(struct config_value *value, const char *const *words, unsigned int *choice)
{
	value->culprit = value->text;
	for (unsigned int i = 0; words[i]; i++) {
		if (word_is(value->text, words[i])) {
			*choice = i;
			return NULL;
		}
	}
	return word_not_understood;
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

const char *config_read_certificates_bypass(struct config_value *value, void *owner)
{
	static const char *const words[] = { "refuse", "bypass", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_ccc(struct config_value *value, void *owner)
{
	static const char *const words[] = { "refuse", "allow", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_without_name(struct config_value *value, void *owner)
{
	static const char *const words[] = { "client", "address", NULL };

	return boolean_read(value, words, owner);
}

const char *config_read_close_notify(struct config_value *value, void *owner)
{
	static const char *const words[] = {
		[CLOSE_NOTIFY_DEFAULT] = "default", [CLOSE_NOTIFY_MIRROR] = "mirror", [CLOSE_NOTIFY_STRICT] = "strict",
		[CLOSE_NOTIFY_LENIENT] = "lenient", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		*(enum close_notify *)field_of(value, owner) = choice;
	return wrong;
}

const char *config_read_resumption(struct config_value *value, void *owner)
{
	static const char *const words[] = {
		[PROXY_RESUMPTION_SHOWN] = "shown", [PROXY_RESUMPTION_ALLOW] = "allow",
		[PROXY_RESUMPTION_REQUIRE] = "require", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		((struct config *)owner)->proxy.resumption = choice;
	return wrong;
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
	static const char *const words[] = {
		[TLS_VERSIONS_DEFAULT] = "default", [TLS_VERSIONS_BOTH] = "1.2-1.3", [TLS_VERSIONS_12] = "1.2",
		[TLS_VERSIONS_13] = "1.3", NULL
	};
	unsigned int choice;
	const char *wrong = choice_read(value, words, &choice);

	if (!wrong)
		*(enum tls_versions *)field_of(value, owner) = choice;
	return wrong;
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
		[FOREIGN_SERVER_REWRITE_PRIVATE] = "rewrite-private", [FOREIGN_SERVER_REFUSE] = "refuse",
		[FOREIGN_SERVER_REWRITE] = "rewrite", NULL
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
static const char *text_copy(struct config_value *value, char *out, size_t size)
{
	struct bytes text = value->text;

	value->culprit = text;
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return word_not_understood;
	if (word_is(text, "none"))
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

	return text_copy(value, config->user, sizeof(config->user));
}

const char *config_read_proxy_user(struct config_value *value, void *owner)
{
	struct config *config = owner;

	return text_copy(value, config->proxy.user, sizeof(config->proxy.user));
}

const char *config_read_file(struct config_value *value, void *owner)
{
	value->culprit = value->text;
	if (value->text.data[0] != '/' && !word_is(value->text, "none"))
		return word_not_understood;
	return text_copy(value, field_of(value, owner), value->key->size);
}

const char *config_read_events(struct config_value *value, void *owner)
{
	struct config *config = owner;
	struct bytes text = value->text;

	value->culprit = text;
	if (text.data[0] != '/' && !word_is(text, "-") && !word_is(text, "none"))
		return word_not_understood;
	return text_copy(value, config->events, sizeof(config->events));
}

const char *config_read_advertise(struct config_value *value, void *owner)
{
	struct policy_rule *rule = owner;
	struct bytes text = value->text;
	size_t sign = word_find(text, 0, '+');
	uint64_t offset = 0;
	const char *wrong = NULL;

	value->culprit = text;
	rule->advertise = !word_is(text, "none");
	rule->advertise_address = (struct address){ .family = FAMILY_NONE };
	rule->advertise_port_offset = 0;
	if (!rule->advertise)
		return NULL;
	if (sign == text.length)
		sign = word_find(text, 0, '-');
	if (!address_parse(word_slice(text, 0, sign), &rule->advertise_address))
		return "is not an address";
	if (address_is_martian(&rule->advertise_address))
		return "is an address that no host on a routed network has";
	if (sign < text.length)
		wrong = word_read_number(word_slice(text, sign + 1, text.length), 10, 1, 65534, &offset);
	if (!wrong && sign < text.length && text.data[sign] == '-')
		rule->advertise_port_offset = -(int32_t)offset;
	else
		rule->advertise_port_offset = (int32_t)offset;
	return wrong;
}
