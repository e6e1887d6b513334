/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of one word. Each reader takes the whole of a value and accepts exactly one spelling of everything: a word
 * that could be a typing error is an error, because a firewall that guesses is one that nobody has configured.
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

const char *config_read_workers(struct config_value *value, void *owner)
{
	if (!word_is(value->text, "auto"))
		return config_read_number(value, owner);
	*(uint16_t *)field_of(value, owner) = CONFIG_WORKERS_AUTO;
	return NULL;
}

const char *config_read_choice(struct config_value *value, void *owner)
{
	const struct config_key *key = value->key;
	unsigned int choice = 0;

	value->culprit = value->text;
	while (key->words[choice] && !word_is(value->text, key->words[choice]))
		choice++;
	if (!key->words[choice])
		return word_not_understood;
	if (key->size == sizeof(bool))
		*(bool *)field_of(value, owner) = choice == 1;
	else
		*(unsigned int *)field_of(value, owner) = choice;
	return NULL;
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

const char *config_read_account(struct config_value *value, void *owner)
{
	return text_copy(value, field_of(value, owner), value->key->size);
}

const char *config_read_file(struct config_value *value, void *owner)
{
	value->culprit = value->text;
	if (value->text.data[0] != '/' && !word_is(value->text, "none"))
		return word_not_understood;
	return text_copy(value, field_of(value, owner), value->key->size);
}

const char *config_read_listen(struct config_value *value, void *owner)
{
	struct endpoint endpoint = { .port = 0 };
	const char *wrong = NULL;

	value->culprit = value->text;
	if (!word_is(value->text, "none"))
		wrong = word_read_endpoint(value->text, &endpoint);
	if (!wrong && endpoint.address.family != FAMILY_NONE && endpoint.port == 0)
		wrong = word_not_understood;
	if (!wrong)
		memcpy(field_of(value, owner), &endpoint, sizeof(endpoint));
	return wrong;
}

const char *config_read_events(struct config_value *value, void *owner)
{
	const struct bytes text = value->text;

	value->culprit = text;
	if (text.data[0] != '/' && !word_is(text, "-") && !word_is(text, "none"))
		return word_not_understood;
	return text_copy(value, field_of(value, owner), value->key->size);
}
