/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Written by hand rather than by a JSON library: there is one flat object, and a replay writes hundreds of thousands of
 * them a second.
 */
#include "base/event_json.h"

#include <string.h>

#include "base/utf8.h"
#include "ftpalg/address.h"

/* What a character of up to four bytes can become: "\\xNN" for one byte. */
#define EVENT_ESCAPE_MAX 5
#define EVENT_LINE_SIZE 4096
#define EVENT_NUMBER_MAX 24

/* A line that is being put together. What does not fit is given to the file on the way, if there is one. */
struct event_line {
	FILE *out; /* NULL: all of it is to fit */
	bool failed;
	size_t length;
	size_t size;
	size_t cut; /* bytes of the text that were left out */
	char *text;
};

static void event_flush(struct event_line *line)
{
	if (!line->out)
		return;
	if (line->length > 0 && fwrite(line->text, 1, line->length, line->out) != line->length)
		line->failed = true;
	line->length = 0;
}

static void event_append(struct event_line *line, const char *text, size_t length)
{
	if (length > line->size - line->length)
		event_flush(line);
	if (length > line->size - line->length) {
		line->failed = true;
		return;
	}
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void event_append_string(struct event_line *line, const char *text)
{
	event_append(line, text, strlen(text));
}

/* At least digits of them, with zeros in front. */
static void event_append_number(struct event_line *line, uint64_t number, unsigned int digits)
{
	char text[EVENT_NUMBER_MAX];
	size_t at = sizeof(text);

	while (number > 0 || digits > 0) {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
		if (digits > 0)
			digits--;
	}
	event_append(line, text + at, sizeof(text) - at);
}

/*
 * The text's printable form, as the inside of a JSON string: a backslash of the first kind is two of the second. Returns how
 * many bytes were left out.
 */
static size_t event_append_text(struct event_line *line, struct bytes text)
{
	static const char digits[] = "0123456789abcdef";
	const size_t limit = line->out ? SIZE_MAX : line->size - EVENT_JSON_REST_MAX;

	while (text.length && line->length < limit) {
		uint32_t character = 0;
		size_t length = character_read(text, &character);

		if (length && character_is_printable(character)) {
			if (character == '\\')
				event_append(line, "\\\\\\", 3);
			else if (character == '"')
				event_append(line, "\\", 1);
			event_append(line, (const char *)text.data, length);
		} else {
			const char escape[EVENT_ESCAPE_MAX] = {
				'\\', '\\', 'x', digits[text.data[0] >> 4], digits[text.data[0] & 15],
			};

			event_append(line, escape, sizeof(escape));
			length = 1;
		}
		text.data += length;
		text.length -= length;
	}
	return text.length;
}

static void event_set_key(struct event_line *line, const char *key)
{
	event_append(line, ",\"", 2);
	event_append_string(line, key);
	event_append(line, "\":", 2);
}

/* value is a name, an address or the like, in which nothing needs to be escaped. */
static void event_set_string(struct event_line *line, const char *key, const char *value)
{
	event_set_key(line, key);
	event_append(line, "\"", 1);
	event_append_string(line, value);
	event_append(line, "\"", 1);
}

static void event_set_number(struct event_line *line, const char *key, uint64_t value)
{
	event_set_key(line, key);
	event_append_number(line, value, 1);
}

static void event_set_endpoint(struct event_line *line, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	if (endpoint->address.family == FAMILY_NONE)
		return;
	endpoint_format(endpoint, text);
	event_set_string(line, key, text);
}

static void event_set_address(struct event_line *line, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == FAMILY_NONE)
		return;
	address_format(address, text);
	event_set_string(line, key, text);
}

/* The time begins the object. gmtime_r() would do, at ten times the price and with a file to read first. */
static void event_set_time(struct event_line *line, const struct timespec *time)
{
	/* Days since 1 March of the year 0, so that the leap day is the last of its year. */
	const int64_t days = time->tv_sec / 86400 + 719468;
	const int64_t second = time->tv_sec % 86400;
	const int64_t era = days / 146097;
	const int64_t day_of_era = days % 146097;
	const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t month_from_march = (5 * day_of_year + 2) / 153;
	const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

	event_append_string(line, "{\"time\":\"");
	event_append_number(line, (uint64_t)(era * 400 + year_of_era + (month <= 2 ? 1 : 0)), 4);
	event_append(line, "-", 1);
	event_append_number(line, (uint64_t)month, 2);
	event_append(line, "-", 1);
	event_append_number(line, (uint64_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1), 2);
	event_append(line, "T", 1);
	event_append_number(line, (uint64_t)(second / 3600), 2);
	event_append(line, ":", 1);
	event_append_number(line, (uint64_t)(second / 60 % 60), 2);
	event_append(line, ":", 1);
	event_append_number(line, (uint64_t)(second % 60), 2);
	event_append(line, ".", 1);
	event_append_number(line, (uint64_t)(time->tv_nsec / 1000), 6);
	event_append(line, "Z\"", 2);
}

static void event_set_view(struct event_line *line, const struct nat_view *view)
{
	event_set_endpoint(line, "client", &view->client);
	if (!endpoint_equal(&view->client, &view->client_seen))
		event_set_endpoint(line, "client_seen", &view->client_seen);
	event_set_endpoint(line, "server", &view->server_seen);
	if (!endpoint_equal(&view->server, &view->server_seen))
		event_set_endpoint(line, "server_real", &view->server);
}

static bool event_has_direction(enum event_type type)
{
	return type == EVENT_REFUSE || type == EVENT_ANOMALY || type == EVENT_OFFER || type == EVENT_REWRITE;
}

static void event_set_offer(struct event_line *line, const struct event *event)
{
	const struct expectation *expectation = event->expectation;
	const struct nat_view *view = event->view;

	if (event->form != FORM_NONE)
		event_set_string(line, "form", form_name(event->form));
	if (expectation) {
		event_set_address(line, "from", &expectation->source);
		event_set_endpoint(line, "to", &expectation->destination);
	} else if (event->offered.address.family != FAMILY_NONE) {
		if (view)
			event_set_address(line, "from", form_is_active(event->form) ? &view->server.address
										    : &view->client.address);
		event_set_endpoint(line, "to", &event->offered);
	}
	event_set_endpoint(line, "announced", &event->announced);
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
	case EVENT_MINT:
		return "names";
	default:
		return "line";
	}
}

static void event_set_text(struct event_line *line, const struct event *event)
{
	/* Whatever the core meant to report: no password leaves by this door. */
	if (!event->text.length || event->verb == VERB_PASS || event->verb == VERB_ACCT || event->verb == VERB_ADAT)
		return;
	event_set_key(line, event_text_key(event->type));
	event_append(line, "\"", 1);
	line->cut = event_append_text(line, event->text);
	event_append(line, "\"", 1);
}

/* Names of a certificate are as much a peer's bytes as any line. */
static void event_set_names(struct event_line *line, const struct event_tls *tls)
{
	event_set_key(line, "names");
	event_append(line, "[", 1);
	for (size_t i = 0; i < tls->name_count; i++) {
		event_append_string(line, i ? ",\"" : "\"");
		line->cut += event_append_text(line, tls->names[i]);
		event_append(line, "\"", 1);
	}
	event_append(line, "]", 1);
}

static void event_set_details(struct event_line *line, const struct event_tls *tls)
{
	const struct {
		const char *key;
		const char *value;
	} members[] = {
		{ "sni", tls->name }, { "cipher", tls->cipher }, { "group", tls->group }, { "alpn", tls->protocol },
		{ "sha256", tls->fingerprint },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].value && *members[i].value)
			event_set_string(line, members[i].key, members[i].value);
	event_set_names(line, tls);
}

static void event_set_leg(struct event_line *line, const char *key, const struct event_leg *leg)
{
	event_set_key(line, key);
	event_append_string(line, "{\"tls\":");
	if (leg->tls) {
		event_append(line, "\"", 1);
		event_append_string(line, leg->tls);
		event_append_string(line, leg->resumed ? "\",\"resumed\":true" : "\",\"resumed\":false");
		if (leg->details)
			event_set_details(line, leg->details);
		event_append(line, "}", 1);
	} else {
		event_append_string(line, "null}");
	}
}

static void event_set_relay(struct event_line *line, const struct event *event)
{
	const struct event_relay *relay = event->relay;

	event_set_leg(line, "client_leg", &relay->client);
	event_set_leg(line, "server_leg", &relay->server);
	if (event->type != EVENT_RELAY)
		return;
	event_set_number(line, "to_server", relay->to_server);
	event_set_number(line, "to_client", relay->to_client);
}

/* Seconds as a decimal fraction, to the microsecond, without zeros at its end but with one digit at least. */
static void event_set_seconds(struct event_line *line, uint64_t duration)
{
	uint64_t fraction = duration % 1000000;
	unsigned int digits = 6;

	while (digits > 1 && fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	event_set_number(line, "seconds", duration / 1000000);
	event_append(line, ".", 1);
	event_append_number(line, fraction, digits);
}

static void event_fill(struct event_line *line, const struct event *event, const struct timespec *time)
{
	event_set_time(line, time);
	event_set_string(line, "event", event_name(event->type));
	if (event->reason != REASON_NONE)
		event_set_string(line, "reason", reason_name(event->reason));
	if (event->session)
		event_set_number(line, "session", event->session);
	if (event->view)
		event_set_view(line, event->view);
	if (event_has_direction(event->type))
		event_set_string(line, "direction", event->direction == DIRECTION_ORIGINAL ? "original" : "reply");
	event_set_offer(line, event);
	if (event->verb != VERB_UNKNOWN && event->verb < VERB_COUNT)
		event_set_string(line, "verb", verb_name(event->verb));
	event_set_text(line, event);
	if (event->rule)
		event_set_string(line, "rule", event->rule);
	if (event->code)
		event_set_number(line, "code", event->code);
	if (event->relay)
		event_set_relay(line, event);
	if (event->type == EVENT_TRANSFER || event->type == EVENT_RELAY)
		event_set_seconds(line, event->duration);
	if (event->adopted) {
		event_set_key(line, "adopted");
		event_append(line, "true", 4);
	}
	if (line->cut)
		event_set_number(line, "cut", line->cut);
	if (event->count)
		event_set_number(line, "count", event->count);
	event_append(line, "}\n", 2);
}

int event_json_print(FILE *out, const struct event *event, const struct timespec *time)
{
	char text[EVENT_LINE_SIZE];
	struct event_line line = { .out = out, .text = text, .size = sizeof(text) };

	event_fill(&line, event, time);
	event_flush(&line);
	return line.failed ? -1 : 0;
}

size_t event_json_format(char *line, size_t size, const struct event *event, const struct timespec *time)
{
	struct event_line whole = { .text = line, .size = size };

	event_fill(&whole, event, time);
	if (whole.failed) {
		const struct event bare = { .type = event->type, .reason = event->reason, .session = event->session };

		whole = (struct event_line){ .text = line, .size = size };
		event_fill(&whole, &bare, time);
	}
	return whole.length;
}
