/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Written by hand rather than by a JSON library: there is one flat object, and a replay writes hundreds of thousands of
 * them a second.
 */
#include "base/notice_json.h"

#include <string.h>

#include "base/escape.h"
#include "ftpalg/address.h"

#define NOTICE_LINE_SIZE 4096
#define NOTICE_NUMBER_MAX 24

/* A line that is being put together. What does not fit is given to the file on the way, if there is one. */
struct notice_line {
	FILE *out; /* NULL: all of it is to fit */
	bool failed;
	size_t length;
	size_t size;
	size_t cut; /* bytes of the text that were left out */
	char *text;
};

static void notice_flush(struct notice_line *line)
{
	if (!line->out)
		return;
	if (line->length > 0 && fwrite(line->text, 1, line->length, line->out) != line->length)
		line->failed = true;
	line->length = 0;
}

static void notice_append(struct notice_line *line, const char *text, size_t length)
{
	if (length > line->size - line->length)
		notice_flush(line);
	if (length > line->size - line->length) {
		line->failed = true;
		return;
	}
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void notice_append_string(struct notice_line *line, const char *text)
{
	notice_append(line, text, strlen(text));
}

/* At least digits of them, with zeros in front. */
static void notice_append_number(struct notice_line *line, uint64_t number, unsigned int digits)
{
	char text[NOTICE_NUMBER_MAX];
	size_t at = sizeof(text);

	while (number > 0 || digits > 0) {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
		if (digits > 0)
			digits--;
	}
	notice_append(line, text + at, sizeof(text) - at);
}

/*
 * The text's printable form, as the inside of a JSON string: a backslash of the first kind is two of the second. Returns how
 * many bytes were left out.
 */
static size_t notice_append_text(struct notice_line *line, struct bytes text)
{
	const size_t limit = line->out ? SIZE_MAX : line->size - NOTICE_JSON_REST_MAX;

	while (text.length && line->length < limit) {
		char shown[ESCAPE_MAX];
		const size_t length = escape_take(&text, ESCAPE_UNICODE, shown);

		if (shown[0] == '\\' || shown[0] == '"')
			notice_append(line, "\\", 1);
		if (shown[0] == '\\' && shown[1] == '\\')
			notice_append(line, "\\", 1);
		notice_append(line, shown, length);
	}
	return text.length;
}

static void notice_set_key(struct notice_line *line, const char *key)
{
	notice_append(line, ",\"", 2);
	notice_append_string(line, key);
	notice_append(line, "\":", 2);
}

/* value is a name, an address or the like, in which nothing needs to be escaped. */
static void notice_set_string(struct notice_line *line, const char *key, const char *value)
{
	notice_set_key(line, key);
	notice_append(line, "\"", 1);
	notice_append_string(line, value);
	notice_append(line, "\"", 1);
}

static void notice_set_number(struct notice_line *line, const char *key, uint64_t value)
{
	notice_set_key(line, key);
	notice_append_number(line, value, 1);
}

static void notice_set_endpoint(struct notice_line *line, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	if (endpoint->address.family == FAMILY_NONE)
		return;
	endpoint_format(endpoint, text);
	notice_set_string(line, key, text);
}

static void notice_set_address(struct notice_line *line, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == FAMILY_NONE)
		return;
	address_format(address, text);
	notice_set_string(line, key, text);
}

/* The time begins the object. gmtime_r() would do, at ten times the price and with a file to read first. */
static void notice_set_time(struct notice_line *line, const struct timespec *time)
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

	notice_append_string(line, "{\"time\":\"");
	notice_append_number(line, (uint64_t)(era * 400 + year_of_era + (month <= 2 ? 1 : 0)), 4);
	notice_append(line, "-", 1);
	notice_append_number(line, (uint64_t)month, 2);
	notice_append(line, "-", 1);
	notice_append_number(line, (uint64_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1), 2);
	notice_append(line, "T", 1);
	notice_append_number(line, (uint64_t)(second / 3600), 2);
	notice_append(line, ":", 1);
	notice_append_number(line, (uint64_t)(second / 60 % 60), 2);
	notice_append(line, ":", 1);
	notice_append_number(line, (uint64_t)(second % 60), 2);
	notice_append(line, ".", 1);
	notice_append_number(line, (uint64_t)(time->tv_nsec / 1000), 6);
	notice_append(line, "Z\"", 2);
}

static void notice_set_view(struct notice_line *line, const struct nat_view *view)
{
	notice_set_endpoint(line, "client", &view->client);
	if (!endpoint_equal(&view->client, &view->client_seen))
		notice_set_endpoint(line, "client_seen", &view->client_seen);
	notice_set_endpoint(line, "server", &view->server_seen);
	if (!endpoint_equal(&view->server, &view->server_seen))
		notice_set_endpoint(line, "server_real", &view->server);
}

static bool notice_has_direction(enum notice_type type)
{
	return type == NOTICE_REFUSE || type == NOTICE_ANOMALY || type == NOTICE_OFFER || type == NOTICE_REWRITE;
}

static void notice_set_offer(struct notice_line *line, const struct notice *notice)
{
	const struct expectation *expectation = notice->expectation;
	const struct nat_view *view = notice->view;

	if (notice->form != FORM_NONE)
		notice_set_string(line, "form", form_name(notice->form));
	if (expectation) {
		notice_set_address(line, "from", &expectation->source);
		notice_set_endpoint(line, "to", &expectation->destination);
	} else if (notice->offered.address.family != FAMILY_NONE) {
		if (view)
			notice_set_address(line, "from", form_is_active(notice->form) ? &view->server.address
										    : &view->client.address);
		notice_set_endpoint(line, "to", &notice->offered);
	}
	notice_set_endpoint(line, "announced", &notice->announced);
}

static const char *notice_text_key(enum notice_type type)
{
	switch (type) {
	case NOTICE_LOGIN:
		return "user";
	case NOTICE_TRANSFER:
		return "path";
	case NOTICE_TLS:
		return "tls";
	case NOTICE_MINT:
		return "names";
	default:
		return "line";
	}
}

static void notice_set_text(struct notice_line *line, const struct notice *notice)
{
	/* Whatever the core meant to report: no password leaves by this door. */
	if (!notice->text.length || notice->verb == VERB_PASS || notice->verb == VERB_ACCT || notice->verb == VERB_ADAT)
		return;
	notice_set_key(line, notice_text_key(notice->type));
	notice_append(line, "\"", 1);
	line->cut = notice_append_text(line, notice->text);
	notice_append(line, "\"", 1);
}

/* Names of a certificate are as much a peer's bytes as any line. */
static void notice_set_names(struct notice_line *line, const struct notice_tls *tls)
{
	notice_set_key(line, "names");
	notice_append(line, "[", 1);
	for (size_t i = 0; i < tls->name_count; i++) {
		notice_append_string(line, i ? ",\"" : "\"");
		line->cut += notice_append_text(line, tls->names[i]);
		notice_append(line, "\"", 1);
	}
	notice_append(line, "]", 1);
}

static void notice_set_details(struct notice_line *line, const struct notice_tls *tls)
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
			notice_set_string(line, members[i].key, members[i].value);
	notice_set_names(line, tls);
}

static void notice_set_leg(struct notice_line *line, const char *key, const struct notice_leg *leg)
{
	notice_set_key(line, key);
	notice_append_string(line, "{\"tls\":");
	if (leg->tls) {
		notice_append(line, "\"", 1);
		notice_append_string(line, leg->tls);
		notice_append_string(line, leg->resumed ? "\",\"resumed\":true" : "\",\"resumed\":false");
		if (leg->details)
			notice_set_details(line, leg->details);
		notice_append(line, "}", 1);
	} else {
		notice_append_string(line, "null}");
	}
}

static void notice_set_relay(struct notice_line *line, const struct notice *notice)
{
	const struct notice_relay *relay = notice->relay;

	notice_set_leg(line, "client_leg", &relay->client);
	notice_set_leg(line, "server_leg", &relay->server);
	if (notice->type != NOTICE_RELAY)
		return;
	notice_set_number(line, "to_server", relay->to_server);
	notice_set_number(line, "to_client", relay->to_client);
}

/* Seconds as a decimal fraction, to the microsecond, without zeros at its end but with one digit at least. */
static void notice_set_seconds(struct notice_line *line, uint64_t duration)
{
	uint64_t fraction = duration % 1000000;
	unsigned int digits = 6;

	while (digits > 1 && fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	notice_set_number(line, "seconds", duration / 1000000);
	notice_append(line, ".", 1);
	notice_append_number(line, fraction, digits);
}

static void notice_fill(struct notice_line *line, const struct notice *notice, const struct timespec *time)
{
	notice_set_time(line, time);
	notice_set_string(line, "event", notice_name(notice->type));
	if (notice->reason != REASON_NONE)
		notice_set_string(line, "reason", reason_name(notice->reason));
	if (notice->session)
		notice_set_number(line, "session", notice->session);
	if (notice->view)
		notice_set_view(line, notice->view);
	if (notice_has_direction(notice->type))
		notice_set_string(line, "direction", notice->direction == DIRECTION_ORIGINAL ? "original" : "reply");
	notice_set_offer(line, notice);
	if (notice->verb != VERB_UNKNOWN && notice->verb < VERB_COUNT)
		notice_set_string(line, "verb", verb_name(notice->verb));
	notice_set_text(line, notice);
	if (notice->rule)
		notice_set_string(line, "rule", notice->rule);
	if (notice->code)
		notice_set_number(line, "code", notice->code);
	if (notice->relay)
		notice_set_relay(line, notice);
	if (notice->type == NOTICE_TRANSFER || notice->type == NOTICE_RELAY)
		notice_set_seconds(line, notice->duration);
	if (notice->adopted) {
		notice_set_key(line, "adopted");
		notice_append(line, "true", 4);
	}
	if (line->cut)
		notice_set_number(line, "cut", line->cut);
	if (notice->count)
		notice_set_number(line, "count", notice->count);
	notice_append(line, "}\n", 2);
}

int notice_json_print(FILE *out, const struct notice *notice, const struct timespec *time)
{
	char text[NOTICE_LINE_SIZE];
	struct notice_line line = { .out = out, .text = text, .size = sizeof(text) };

	notice_fill(&line, notice, time);
	notice_flush(&line);
	return line.failed ? -1 : 0;
}

size_t notice_json_format(char *line, size_t size, const struct notice *notice, const struct timespec *time)
{
	struct notice_line whole = { .text = line, .size = size };

	notice_fill(&whole, notice, time);
	if (whole.failed) {
		const struct notice bare = { .type = notice->type, .reason = notice->reason, .session = notice->session };

		whole = (struct notice_line){ .text = line, .size = size };
		notice_fill(&whole, &bare, time);
	}
	return whole.length;
}
