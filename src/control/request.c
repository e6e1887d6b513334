/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/request.h"

#include <jansson.h>
#include <string.h>

#include "base/number.h"

/* Ten years. */
#define SINCE_MAX UINT32_C(315360000)

static const struct request_fault good = { NULL, NULL };

static const char *const commands[] = {
	"status", "sessions", "pinholes", "transfers", "why", "watch", "metrics", "reload", "reopen", "kill",
};

_Static_assert(sizeof(commands) / sizeof(commands[0]) == REQUEST_COUNT, "each has a name");

bool request_changes(enum request_command command)
{
	return command >= REQUEST_RELOAD;
}

static bool is_word(struct bytes bytes, const char *word)
{
	return bytes.length == strlen(word) && memcmp(bytes.data, word, bytes.length) == 0;
}

static struct request_fault set_command(struct request *request, struct bytes word)
{
	const struct request_fault unknown = { "unknown-command", "there is no such command; expected status, sessions, pinholes,"
					       " transfers, why, watch, metrics, reload, reopen or kill" };

	for (int command = 0; command < REQUEST_COUNT; command++) {
		if (is_word(word, commands[command])) {
			request->command = (enum request_command)command;
			return good;
		}
	}
	return unknown;
}

static struct request_fault add_argument(struct request *request, struct bytes argument)
{
	if (request->argument_count == REQUEST_ARGUMENTS_MAX)
		return (struct request_fault){ "bad-argument", "there are more arguments than 16" };
	request->arguments[request->argument_count++] = argument;
	return good;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The next word of text, from *at on; empty: there is none. */
static struct bytes next_word(const char *text, size_t length, size_t *at)
{
	struct bytes word;

	while (*at < length && is_blank(text[*at]))
		++*at;
	word.data = (const uint8_t *)text + *at;
	while (*at < length && !is_blank(text[*at]))
		++*at;
	word.length = (size_t)((const uint8_t *)text + *at - word.data);
	return word;
}

static struct request_fault read_words(struct request *request, size_t length)
{
	size_t at = 0;
	struct bytes word = next_word(request->text, length, &at);
	struct request_fault fault = set_command(request, word);

	for (word = next_word(request->text, length, &at); !fault.code && word.length > 0;
	     word = next_word(request->text, length, &at))
		fault = add_argument(request, word);
	return fault;
}

/* Keeps a string of an object that will be freed. */
static struct bytes keep(struct request *request, size_t *used, const json_t *string)
{
	const size_t length = json_string_length(string);
	struct bytes kept = { (const uint8_t *)request->text + *used, length };

	/* It came from a line that is no longer than this, and took more room there than it does here. */
	memcpy(request->text + *used, json_string_value(string), length);
	*used += length;
	return kept;
}

static struct request_fault read_list(struct request *request, size_t *used, const json_t *list)
{
	const struct request_fault malformed = { "bad-argument", "\"filter\" and \"arguments\" are arrays of strings" };
	struct request_fault fault = good;

	if (list && !json_is_array(list))
		return malformed;
	for (size_t i = 0; !fault.code && i < json_array_size(list); i++) {
		const json_t *element = json_array_get(list, i);

		fault = json_is_string(element) ? add_argument(request, keep(request, used, element)) : malformed;
	}
	return fault;
}

static struct request_fault read_object(struct request *request, struct bytes line)
{
	json_t *object = json_loadb((const char *)line.data, line.length, JSON_REJECT_DUPLICATES, NULL);
	const json_t *command = json_object_get(object, "command");
	struct request_fault fault = { "syntax", "the request is no JSON object with a \"command\"" };
	size_t used = 0;

	if (json_is_string(command))
		fault = set_command(
			request, (struct bytes){ (const uint8_t *)json_string_value(command), json_string_length(command) });
	if (!fault.code)
		fault = read_list(request, &used, json_object_get(object, "filter"));
	if (!fault.code)
		fault = read_list(request, &used, json_object_get(object, "arguments"));
	json_decref(object);
	return fault;
}

struct request_fault request_read(struct bytes line, struct request *request)
{
	request->argument_count = 0;
	if (line.length >= sizeof(request->text))
		return (struct request_fault){ "too-long", "the request is longer than 4 kB" };
	if (memchr(line.data, '\0', line.length))
		return (struct request_fault){ "syntax", "there is a NUL in the request" };
	if (line.length > 0 && line.data[0] == '{')
		return read_object(request, line);
	memcpy(request->text, line.data, line.length);
	return read_words(request, line.length);
}

/* True, with what stands after "key=" in value. */
static bool take_key(struct bytes argument, const char *key, struct bytes *value)
{
	const size_t length = strlen(key);

	if (argument.length <= length || memcmp(argument.data, key, length) != 0 || argument.data[length] != '=')
		return false;
	value->data = argument.data + length + 1;
	value->length = argument.length - length - 1;
	return true;
}

struct request_fault request_read_filter(const struct request *request, struct request_filter *filter)
{
	*filter = (struct request_filter){ .by_network = false };
	for (size_t i = 0; i < request->argument_count; i++) {
		const struct bytes argument = request->arguments[i];

		if (is_word(argument, "tls"))
			filter->tls = true;
		else if (!take_key(argument, "user", &filter->user) && !take_key(argument, "rule", &filter->rule) &&
			 !take_key(argument, "state", &filter->state)) {
			if (!network_parse(argument, &filter->network))
				return (struct request_fault){ "bad-argument", "a filter is an address, a network, user=NAME, rule=NAME,"
							       " state=STATE or tls" };
			filter->by_network = true;
		}
	}
	return good;
}

struct request_fault request_read_transfers(const struct request *request, struct request_transfers *transfers)
{
	*transfers = (struct request_transfers){ .follow = false };
	for (size_t i = 0; i < request->argument_count; i++) {
		struct bytes value = { NULL, 0 };
		uint32_t seconds = 0;

		if (is_word(request->arguments[i], "follow"))
			transfers->follow = true;
		else if (take_key(request->arguments[i], "since", &value) && number_read_decimal(value, SINCE_MAX, &seconds))
			transfers->since = seconds;
		else
			return (struct request_fault){ "bad-argument", "expected follow or since=SECONDS" };
	}
	return good;
}

struct request_fault request_read_subject(const struct request *request, struct request_subject *subject)
{
	*subject = (struct request_subject){ .session = 0 };
	if (request->argument_count == 1 &&
	    (address_parse(request->arguments[0], &subject->address) ||
	     (number_read(request->arguments[0], 16, UINT64_MAX, &subject->session) == NUMBER_GOOD &&
	      subject->session != 0)))
		return good;
	return (struct request_fault){ "bad-argument", "expected one client's address, or the id of one session" };
}
