/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Written by hand rather than by a JSON library: there is one flat object, and a replay writes hundreds of thousands of
 * them a second.
 */
#include "base/notice_json.h"

#include <string.h>

#include "base/community_id.h"
#include "base/escape.h"
#include "base/number.h"
#include "ftpalg/address.h"

#define NOTICE_LINE_SIZE 4096
#define NOTICE_NUMBER_MAX 24
#define TIME_BEGINS "{\"time\":\""
#define TIME_AT (sizeof(TIME_BEGINS) - 1)
#define STRING_OF_WORDS(words) #words
#define STRING_OF(macro) STRING_OF_WORDS(macro)

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

/* With at least this many digits, filled with zeros in front. */
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

/* Cut to what readers of JSON, and their databases, can hold: a larger number would cost them the whole line. */
static void notice_set_number(struct notice_line *line, const char *key, uint64_t value)
{
	notice_set_key(line, key);
	notice_append_number(line, value > INT64_MAX ? INT64_MAX : value, 1);
}

/* As "NAME_ip", where there is one. */
static void notice_set_address(struct notice_line *line, const char *name, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == FAMILY_NONE)
		return;
	notice_append(line, ",\"", 2);
	notice_append_string(line, name);
	notice_append_string(line, "_ip\":\"");
	notice_append(line, text, address_format(address, text));
	notice_append(line, "\"", 1);
}

/* And "NAME_port". */
static void notice_set_endpoint(struct notice_line *line, const char *name, const struct endpoint *endpoint)
{
	if (endpoint->address.family == FAMILY_NONE)
		return;
	notice_set_address(line, name, &endpoint->address);
	notice_append(line, ",\"", 2);
	notice_append_string(line, name);
	notice_append_string(line, "_port\":");
	notice_append_number(line, endpoint->port, 1);
}

static void notice_put_digits(char *at, int64_t number, unsigned int digits)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + number % 10);
		number /= 10;
	}
}

/*
 * The time begins the object, up to the name of the event. gmtime_r() would do, at ten times the price and with a file to
 * read first.
 */
static void notice_begin(struct notice_line *line, const struct timespec *time)
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
	char text[] = TIME_BEGINS "0000-00-00T00:00:00.000000Z\",\"version\":" STRING_OF(NOTICE_JSON_VERSION) ",\"event\":\"";

	notice_put_digits(text + TIME_AT, era * 400 + year_of_era + (month <= 2 ? 1 : 0), 4);
	notice_put_digits(text + TIME_AT + 5, month, 2);
	notice_put_digits(text + TIME_AT + 8, day_of_year - (153 * month_from_march + 2) / 5 + 1, 2);
	notice_put_digits(text + TIME_AT + 11, second / 3600, 2);
	notice_put_digits(text + TIME_AT + 14, second / 60 % 60, 2);
	notice_put_digits(text + TIME_AT + 17, second % 60, 2);
	notice_put_digits(text + TIME_AT + 20, time->tv_nsec / 1000, 6);
	notice_append(line, text, sizeof(text) - 1);
}

static void notice_set_session(struct notice_line *line, uint64_t session)
{
	char text[NUMBER_HEXADECIMAL_MAX];

	if (!session)
		return;
	number_write_hexadecimal(session, text);
	notice_set_string(line, "session", text);
}

static void notice_set_view(struct notice_line *line, const struct nat_view *view)
{
	char name[COMMUNITY_ID_TEXT_MAX];

	if (view->client.address.family != FAMILY_NONE && view->client.address.family == view->server_seen.address.family) {
		community_id_format(&view->client, &view->server_seen, name);
		notice_set_string(line, "community_id", name);
	}
	notice_set_endpoint(line, "client", &view->client);
	if (!endpoint_equal(&view->client, &view->client_seen))
		notice_set_endpoint(line, "client_nat", &view->client_seen);
	notice_set_endpoint(line, "server", &view->server_seen);
	if (!endpoint_equal(&view->server, &view->server_seen))
		notice_set_endpoint(line, "server_nat", &view->server);
}

static bool notice_view_equal(const struct nat_view *a, const struct nat_view *b)
{
	return endpoint_equal(&a->client, &b->client) && endpoint_equal(&a->server_seen, &b->server_seen) &&
	       endpoint_equal(&a->server, &b->server) && endpoint_equal(&a->client_seen, &b->client_seen);
}

static void notice_set_ends(struct notice_line *line, const struct notice *notice, struct notice_memory *memory)
{
	struct notice_ends here = { .length = 0 };
	struct notice_ends *ends = memory ? &memory->sessions[notice->session % NOTICE_MEMORY_SESSIONS] : &here;

	if (!notice->view) {
		notice_set_session(line, notice->session);
		return;
	}
	if (ends->length == 0 || ends->session != notice->session || !notice_view_equal(&ends->view, notice->view)) {
		struct notice_line text = { .text = ends->text, .size = sizeof(ends->text) };

		notice_set_session(&text, notice->session);
		notice_set_view(&text, notice->view);
		ends->session = notice->session;
		ends->view = *notice->view;
		ends->length = text.length;
	}
	notice_append(line, ends->text, ends->length);
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
	case NOTICE_RULES_GONE:
	case NOTICE_RULES_BACK:
		return "rules";
	case NOTICE_HOST_CHANGED:
	case NOTICE_HOST_LOST:
		return "host";
	case NOTICE_RELOAD:
		return "why";
	default:
		return "line";
	}
}

static void notice_set_said(struct notice_line *line, const char *key, struct bytes text)
{
	if (!text.length)
		return;
	notice_set_key(line, key);
	notice_append(line, "\"", 1);
	line->cut += notice_append_text(line, text);
	notice_append(line, "\"", 1);
}

static void notice_set_text(struct notice_line *line, const struct notice *notice)
{
	/* Whatever the core meant to report: no password leaves here. */
	if (verb_takes_secret(notice->verb))
		return;
	notice_set_said(line, notice_text_key(notice->type), notice->text);
}

static void notice_set_file(struct notice_line *line, const struct notice_file *file)
{
	notice_set_said(line, "user", file->user);
	notice_set_said(line, "path", file->path);
	line->cut += file->cut;
}

/* The key of a member that belongs to one leg: "client_tls_" or "server_tls_", and its name. */
static void notice_set_leg_key(struct notice_line *line, const char *leg, const char *name)
{
	notice_append(line, ",\"", 2);
	notice_append_string(line, leg);
	notice_append_string(line, "_tls_");
	notice_append_string(line, name);
	notice_append(line, "\":", 2);
}

static void notice_set_leg_string(struct notice_line *line, const char *leg, const char *name, const char *value)
{
	notice_set_leg_key(line, leg, name);
	notice_append(line, "\"", 1);
	notice_append_string(line, value);
	notice_append(line, "\"", 1);
}

/* Names of a certificate are as much a peer's bytes as any line. */
static void notice_set_leg_names(struct notice_line *line, const char *leg, const struct notice_tls *tls)
{
	notice_set_leg_key(line, leg, "names");
	notice_append(line, "[", 1);
	for (size_t i = 0; i < tls->name_count; i++) {
		notice_append_string(line, i ? ",\"" : "\"");
		line->cut += notice_append_text(line, tls->names[i]);
		notice_append(line, "\"", 1);
	}
	notice_append(line, "]", 1);
}

static void notice_set_leg_details(struct notice_line *line, const char *leg, const struct notice_tls *tls)
{
	const struct {
		const char *name;
		const char *value;
	} members[] = {
		{ "sni", tls->name }, { "cipher", tls->cipher }, { "group", tls->group }, { "alpn", tls->protocol },
		{ "sha256", tls->fingerprint },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].value && *members[i].value)
			notice_set_leg_string(line, leg, members[i].name, members[i].value);
	notice_set_leg_names(line, leg, tls);
}

static void notice_set_leg(struct notice_line *line, const char *name, const struct notice_leg *leg)
{
	if (!leg->tls)
		return;
	notice_set_leg_string(line, name, "version", leg->tls);
	notice_set_leg_key(line, name, "resumed");
	notice_append_string(line, leg->resumed ? "true" : "false");
	if (leg->details)
		notice_set_leg_details(line, name, leg->details);
}

static void notice_set_relay(struct notice_line *line, const struct notice *notice)
{
	const struct notice_relay *relay = notice->relay;

	notice_set_leg(line, "client", &relay->client);
	notice_set_leg(line, "server", &relay->server);
	if (notice->type != NOTICE_RELAY)
		return;
	if (relay->by != TRANSFER_BY_NOBODY)
		notice_set_string(line, "by", transfer_party_name(relay->by));
	notice_set_number(line, "upload_bytes", relay->to_server);
	notice_set_number(line, "download_bytes", relay->to_client);
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

/* Bytes a second: of 2^64 microseconds and bytes too. */
static uint64_t notice_transfer_rate(uint64_t bytes, uint64_t duration)
{
	return bytes < UINT64_MAX / 1000000 ? bytes * 1000000 / duration : bytes / (duration / 1000000 + 1);
}

static const char *notice_way_of_file(enum verb verb)
{
	if (verb == VERB_RETR)
		return "down";
	return verb_is_upload(verb) ? "up" : "list";
}

static void notice_set_transfer(struct notice_line *line, const struct notice *notice)
{
	const struct notice_transfer *transfer = notice->transfer;

	notice_set_string(line, "direction", notice_way_of_file(notice->verb));
	if (notice->form != FORM_NONE)
		notice_set_string(line, "mode", form_is_active(notice->form) ? "active" : "passive");
	if (transfer->outcome != TRANSFER_UNKNOWN)
		notice_set_string(line, "outcome", transfer_outcome_name(transfer->outcome));
	if (transfer->by != TRANSFER_BY_NOBODY)
		notice_set_string(line, "by", transfer_party_name(transfer->by));
	if (transfer->counted)
		notice_set_number(line, "bytes", transfer->bytes);
	if (transfer->counted && transfer->bytes > 0 && notice->duration > 0)
		notice_set_number(line, "rate", notice_transfer_rate(transfer->bytes, notice->duration));
	if (notice->file && notice->file->protection != PROTECTION_UNKNOWN) {
		notice_set_key(line, "protected");
		notice_append_string(line, notice->file->protection == PROTECTION_TLS ? "true" : "false");
	}
}

static void notice_fill(struct notice_line *line, const struct notice *notice, const struct timespec *time,
			struct notice_memory *memory)
{
	notice_begin(line, time);
	notice_append_string(line, notice_name(notice->type));
	notice_append(line, "\"", 1);
	if (notice->reason != REASON_NONE)
		notice_set_string(line, "reason", reason_name(notice->reason));
	notice_set_ends(line, notice, memory);
	if (notice_has_direction(notice->type))
		notice_set_string(line, "direction", notice->direction == DIRECTION_ORIGINAL ? "original" : "reply");
	notice_set_offer(line, notice);
	if (notice->verb != VERB_UNKNOWN && notice->verb < VERB_COUNT)
		notice_set_string(line, "verb", verb_name(notice->verb));
	if (notice->file)
		notice_set_file(line, notice->file);
	else
		notice_set_text(line, notice);
	if (notice->rule)
		notice_set_string(line, "rule", notice->rule);
	if (notice->code)
		notice_set_number(line, "code", notice->code);
	if (notice->relay)
		notice_set_relay(line, notice);
	if (notice->transfer)
		notice_set_transfer(line, notice);
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

int notice_json_print(FILE *out, const struct notice *notice, const struct timespec *time, struct notice_memory *memory)
{
	char text[NOTICE_LINE_SIZE];
	struct notice_line line = { .out = out, .text = text, .size = sizeof(text) };

	notice_fill(&line, notice, time, memory);
	notice_flush(&line);
	return line.failed ? -1 : 0;
}

size_t notice_json_format(char *line, size_t size, const struct notice *notice, const struct timespec *time,
			  struct notice_memory *memory)
{
	struct notice_line whole = { .text = line, .size = size };

	notice_fill(&whole, notice, time, memory);
	if (whole.failed) {
		const struct notice bare = { .type = notice->type, .reason = notice->reason, .session = notice->session };

		whole = (struct notice_line){ .text = line, .size = size };
		notice_fill(&whole, &bare, time, memory);
	}
	return whole.length;
}
