/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/event_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"

/* "2026-11-20T12:34:56.123456Z" and what a year beyond 9999 would take. */
#define EVENT_TIME_MAX 40
/* What one byte can become: "\xNN". */
#define EVENT_ESCAPE_MAX 4

/* How many bytes at the start of text are one well-formed UTF-8 character (RFC 3629 4), and which; 0 if none. */
static size_t event_read_character(struct bytes text, uint32_t *character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t first = text.data[0];
	size_t length = 1;

	if (first >= 0xf8 || (first & 0xc0) == 0x80)
		return 0;
	if (first >= 0xc0)
		length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length > text.length)
		return 0;
	*character = length == 1 ? first : first & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text.data[i] & 0x3f);
	}
	if (*character < smallest[length] || *character > 0x10ffff || (*character >= 0xd800 && *character <= 0xdfff))
		return 0;
	return length;
}

/* Control characters, line and paragraph separators, and what turns the direction of the text around it. */
static bool event_is_printable(uint32_t character)
{
	return character >= ' ' && !(character >= 0x7f && character <= 0x9f) &&
	       !(character >= 0x2028 && character <= 0x202e) && !(character >= 0x2066 && character <= 0x2069) &&
	       character != 0x200e && character != 0x200f && character != 0x061c && character != 0xfeff;
}

/* Writes text's printable form to out, which has room for EVENT_ESCAPE_MAX times its length. Returns the length. */
static size_t event_escape(struct bytes text, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t written = 0;

	while (text.length) {
		uint32_t character = 0;
		size_t length = event_read_character(text, &character);

		if (length && event_is_printable(character)) {
			if (character == '\\')
				out[written++] = '\\';
			memcpy(out + written, text.data, length);
			written += length;
		} else {
			length = 1;
			out[written++] = '\\';
			out[written++] = 'x';
			out[written++] = digits[text.data[0] >> 4];
			out[written++] = digits[text.data[0] & 15];
		}
		text.data += length;
		text.length -= length;
	}
	return written;
}

static void event_set_string(json_t *object, const char *key, const char *value)
{
	json_object_set_new(object, key, json_string(value));
}

static void event_set_endpoint(json_t *object, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	if (endpoint->address.family == FAMILY_NONE)
		return;
	endpoint_format(endpoint, text);
	event_set_string(object, key, text);
}

static void event_set_address(json_t *object, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == FAMILY_NONE)
		return;
	address_format(address, text);
	event_set_string(object, key, text);
}

static void event_set_time(json_t *object, const struct timespec *time)
{
	char text[EVENT_TIME_MAX];
	struct tm utc;
	size_t length;

	gmtime_r(&time->tv_sec, &utc);
	length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + length, sizeof(text) - length, ".%06ldZ", time->tv_nsec / 1000);
	event_set_string(object, "time", text);
}

static void event_set_view(json_t *object, const struct nat_view *view)
{
	event_set_endpoint(object, "client", &view->client);
	if (!endpoint_equal(&view->client, &view->client_seen))
		event_set_endpoint(object, "client_seen", &view->client_seen);
	event_set_endpoint(object, "server", &view->server_seen);
	if (!endpoint_equal(&view->server, &view->server_seen))
		event_set_endpoint(object, "server_real", &view->server);
}

static bool event_has_direction(enum event_type type)
{
	return type == EVENT_REFUSE || type == EVENT_ANOMALY || type == EVENT_OFFER || type == EVENT_REWRITE;
}

static void event_set_offer(json_t *object, const struct event *event)
{
	const struct expectation *expectation = event->expectation;
	const struct nat_view *view = event->view;

	if (event->form != FORM_NONE)
		event_set_string(object, "form", form_name(event->form));
	if (expectation) {
		event_set_address(object, "from", &expectation->source);
		event_set_endpoint(object, "to", &expectation->destination);
	} else if (event->offered.address.family != FAMILY_NONE) {
		if (view)
			event_set_address(object, "from", form_is_active(event->form) ? &view->server.address
										      : &view->client.address);
		event_set_endpoint(object, "to", &event->offered);
	}
	event_set_endpoint(object, "announced", &event->announced);
}

static const char *event_text_key(enum event_type type)
{
	switch (type) {
	case EVENT_LOGIN:
		return "user";
	case EVENT_TRANSFER:
		return "path";
	case EVENT_TLS:
		return "tls";
	default:
		return "line";
	}
}

static int event_set_text(json_t *object, const struct event *event)
{
	char *text;

	/* Whatever the core meant to report: no password leaves by this door. */
	if (!event->text.length || event->verb == VERB_PASS || event->verb == VERB_ACCT || event->verb == VERB_ADAT)
		return 0;
	text = malloc(event->text.length * EVENT_ESCAPE_MAX);
	if (!text)
		return -1;
	json_object_set_new(object, event_text_key(event->type), json_stringn(text, event_escape(event->text, text)));
	free(text);
	return 0;
}

static void event_set_leg(json_t *object, const char *key, const struct event_leg *leg)
{
	json_t *value = json_object();

	json_object_set_new(value, "tls", leg->tls ? json_string(leg->tls) : json_null());
	if (leg->tls)
		json_object_set_new(value, "resumed", json_boolean(leg->resumed));
	json_object_set_new(object, key, value);
}

static void event_set_relay(json_t *object, const struct event *event)
{
	const struct event_relay *relay = event->relay;

	event_set_leg(object, "client_leg", &relay->client);
	event_set_leg(object, "server_leg", &relay->server);
	if (event->type != EVENT_RELAY)
		return;
	json_object_set_new(object, "to_server", json_integer((json_int_t)relay->to_server));
	json_object_set_new(object, "to_client", json_integer((json_int_t)relay->to_client));
}

static int event_fill(json_t *object, const struct event *event, const struct timespec *time)
{
	event_set_time(object, time);
	event_set_string(object, "event", event_name(event->type));
	if (event->reason != REASON_NONE)
		event_set_string(object, "reason", reason_name(event->reason));
	if (event->session)
		json_object_set_new(object, "session", json_integer((json_int_t)event->session));
	if (event->view)
		event_set_view(object, event->view);
	if (event_has_direction(event->type))
		event_set_string(object, "direction", event->direction == DIRECTION_ORIGINAL ? "original" : "reply");
	event_set_offer(object, event);
	if (event->verb != VERB_UNKNOWN && event->verb < VERB_COUNT)
		event_set_string(object, "verb", verb_name(event->verb));
	if (event_set_text(object, event) < 0)
		return -1;
	if (event->rule)
		event_set_string(object, "rule", event->rule);
	if (event->code)
		json_object_set_new(object, "code", json_integer(event->code));
	if (event->relay)
		event_set_relay(object, event);
	if (event->type == EVENT_TRANSFER || event->type == EVENT_RELAY)
		json_object_set_new(object, "seconds", json_real((double)event->duration / 1e6));
	if (event->adopted)
		json_object_set_new(object, "adopted", json_true());
	return 0;
}

int event_json_write(FILE *out, const struct event *event, const struct timespec *time)
{
	/* Nine digits: microseconds for as long as a transfer takes, and no noise of binary fractions. */
	const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(9);
	json_t *object = json_object();
	int result = -1;

	if (object && event_fill(object, event, time) == 0 && json_dumpf(object, out, flags) == 0 &&
	    fputc('\n', out) != EOF && fflush(out) == 0)
		result = 0;
	json_decref(object);
	return result;
}
