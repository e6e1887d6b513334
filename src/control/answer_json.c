/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects of the protocol, and their members. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "control/answer.h"
#include "control/words.h"

#define MICROSECONDS UINT64_C(1000000)
/* The longest text of a peer that is kept, with each byte as \xNN. */
#define SAID_MAX (TABLE_PATH_MAX * 4 + 1)

static int append(const char *text, size_t length, void *context)
{
	return evbuffer_add(context, text, length);
}

void answer_put(struct evbuffer *out, json_t *object)
{
	json_dump_callback(object, append, out, JSON_COMPACT);
	evbuffer_add(out, "\n", 1);
	json_decref(object);
}

void answer_put_fault(struct evbuffer *out, const struct request_fault *fault)
{
	json_t *object = json_object();

	answer_set_string(object, "error", fault->sentence);
	answer_set_string(object, "code", fault->code);
	answer_put(out, object);
}

void answer_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new_nocheck(object, key, value);
}

void answer_set_string(json_t *object, const char *key, const char *value)
{
	answer_set(object, key, value ? json_string(value) : json_null());
}

void answer_set_said(json_t *object, const char *key, struct bytes bytes)
{
	char text[SAID_MAX];

	if (bytes.length == 0) {
		answer_set(object, key, json_null());
		return;
	}
	words_escape(bytes, text, sizeof(text));
	answer_set_string(object, key, text);
}

void answer_set_number(json_t *object, const char *key, uint64_t value)
{
	answer_set(object, key, json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value)));
}

void answer_set_fact(json_t *object, const char *key, uint64_t value)
{
	if (value == FACTS_UNKNOWN)
		answer_set(object, key, json_null());
	else
		answer_set_number(object, key, value);
}

void answer_set_time(json_t *object, const char *key, uint64_t microseconds)
{
	const time_t second = (time_t)(microseconds / MICROSECONDS);
	struct tm tm;
	char text[64];

	if (microseconds == 0 || !gmtime_r(&second, &tm)) {
		answer_set(object, key, json_null());
		return;
	}
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06" PRIu64 "Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, microseconds % MICROSECONDS);
	answer_set_string(object, key, text);
}

void answer_set_id(json_t *object, uint64_t session)
{
	char text[17];

	snprintf(text, sizeof(text), "%" PRIx64, session);
	answer_set_string(object, "session", text);
}

void answer_set_address(json_t *object, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == FAMILY_NONE) {
		answer_set(object, key, json_null());
		return;
	}
	address_format(address, text);
	answer_set_string(object, key, text);
}

void answer_set_endpoint(json_t *object, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(endpoint, text);
	answer_set_string(object, key, text);
}

void answer_set_view(json_t *object, const struct nat_view *view)
{
	answer_set_address(object, "client_ip", &view->client.address);
	answer_set_number(object, "client_port", view->client.port);
	if (!endpoint_equal(&view->client, &view->client_seen)) {
		answer_set_address(object, "client_nat_ip", &view->client_seen.address);
		answer_set_number(object, "client_nat_port", view->client_seen.port);
	}
	answer_set_address(object, "server_ip", &view->server_seen.address);
	answer_set_number(object, "server_port", view->server_seen.port);
	if (!endpoint_equal(&view->server, &view->server_seen)) {
		answer_set_address(object, "server_nat_ip", &view->server.address);
		answer_set_number(object, "server_nat_port", view->server.port);
	}
}
