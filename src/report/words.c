/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "ftpalg/address.h"

#define MICROSECONDS UINT64_C(1000000)

const char *report_tone_name(enum report_tone tone)
{
	static const char *const names[] = { "plain", "good", "changed", "warning", "bad" };

	return names[tone];
}

/* Three or four digits, and the unit. */
static void format_scaled(uint64_t value, const char *unit, char *text)
{
	static const char prefixes[] = { 'k', 'M', 'G', 'T', 'P', 'E' };
	uint64_t scale = 1000;
	size_t prefix = 0;
	uint64_t hundredths;

	if (value < 1000) {
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 " %s", value, unit);
		return;
	}
	while (prefix + 1 < sizeof(prefixes) && value / scale >= 1000) {
		scale *= 1000;
		prefix++;
	}
	hundredths = value / (scale / 100);
	if (hundredths < 1000)
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 ".%02" PRIu64 " %c%s", hundredths / 100, hundredths % 100,
			 prefixes[prefix], unit);
	else
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 ".%" PRIu64 " %c%s", hundredths / 100, hundredths / 10 % 10,
			 prefixes[prefix], unit);
}

void report_format_bytes(uint64_t bytes, char *text)
{
	if (bytes == 1)
		snprintf(text, REPORT_NUMBER_MAX, "1 byte");
	else if (bytes < 1000)
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 " bytes", bytes);
	else
		format_scaled(bytes, "B", text);
}

void report_format_rate(uint64_t bytes, uint64_t duration, char *text)
{
	/* Where the capture shows no time, there is no rate. */
	if (duration == 0 || bytes > UINT64_MAX / MICROSECONDS)
		snprintf(text, REPORT_NUMBER_MAX, "-");
	else
		format_scaled(bytes * MICROSECONDS / duration, "B/s", text);
}

void report_format_seconds(uint64_t duration, char *text)
{
	const uint64_t seconds = duration / MICROSECONDS;

	if (seconds >= 3600)
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 100)
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
	else
		snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 ".%03u s", seconds,
			 (unsigned int)(duration % MICROSECONDS / 1000));
}

void report_format_moment(uint64_t time, uint64_t start, char *text)
{
	const uint64_t since = time > start ? time - start : 0;

	snprintf(text, REPORT_NUMBER_MAX, "%" PRIu64 ".%06u", since / MICROSECONDS,
		 (unsigned int)(since % MICROSECONDS));
}

void report_format_time(uint64_t time, char *text)
{
	const time_t seconds = (time_t)(time / MICROSECONDS);
	struct tm broken;
	size_t length;

	gmtime_r(&seconds, &broken);
	length = strftime(text, REPORT_NUMBER_MAX, "%Y-%m-%d %H:%M:%S", &broken);
	snprintf(text + length, REPORT_NUMBER_MAX - length, ".%06u UTC", (unsigned int)(time % MICROSECONDS));
}

uint64_t report_data_duration(const struct report_data *data)
{
	uint64_t first = UINT64_MAX;
	uint64_t last = 0;

	for (int i = 0; i < 2; i++) {
		if (data->flow[i].bytes == 0)
			continue;
		first = data->flow[i].first < first ? data->flow[i].first : first;
		last = data->flow[i].last > last ? data->flow[i].last : last;
	}
	if (last == 0)
		return data->end - data->start;
	return last - first;
}

uint64_t report_data_bytes(const struct report_data *data)
{
	return data->flow[0].bytes + data->flow[1].bytes;
}

const char *report_data_state_name(enum report_data_state state)
{
	static const char *const names[] = { "complete", "cut by a reset", "no end in the capture", "not answered" };

	return names[state];
}

const char *report_describe_end(const struct report_session *session)
{
	if (session->lost)
		return "bytes missing";
	if (!session->ended)
		return "not inspected";
	switch (session->end) {
	case REASON_SHUTDOWN:
		return "end of capture";
	case REASON_CONNECTION_ENDED:
		return "closed";
	default:
		return reason_name(session->end);
	}
}

void report_append(char *text, const char *format, ...)
{
	const size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, REPORT_WORDS_MAX - length, format, arguments);
	va_end(arguments);
}

static void set_head(struct report_phrase *phrase, enum report_tone tone, const char *head)
{
	phrase->tone = tone;
	snprintf(phrase->head, sizeof(phrase->head), "%s", head);
}

static void describe_reason(struct report_phrase *phrase, enum reason reason)
{
	report_append(phrase->after, "%s: %s", reason_name(reason), reason_meaning(reason));
}

static void describe_offer(const struct report_decision *decision, struct report_phrase *phrase)
{
	char offered[ENDPOINT_TEXT_MAX];
	char announced[ENDPOINT_TEXT_MAX];

	endpoint_format(&decision->offered, offered);
	endpoint_format(&decision->announced, announced);
	if (decision->rewritten) {
		set_head(phrase, REPORT_TONE_CHANGED, "Offer rewritten");
		report_append(phrase->after, "%s %s becomes %s", form_name(decision->form), offered, announced);
	} else {
		set_head(phrase, REPORT_TONE_GOOD, "Offer accepted");
		report_append(phrase->after, "%s %s", form_name(decision->form), offered);
	}
}

static void describe_opening(const struct report_decision *decision, struct report_phrase *phrase)
{
	const struct report_pinhole *pinhole = decision->pinhole;
	char source[ADDRESS_TEXT_MAX];
	char destination[ENDPOINT_TEXT_MAX];

	set_head(phrase, REPORT_TONE_GOOD, "Pinhole opened");
	if (!pinhole)
		return;
	address_format(&pinhole->source, source);
	endpoint_format(&pinhole->destination, destination);
	snprintf(phrase->head, sizeof(phrase->head), "Pinhole %u opened", pinhole->number);
	report_append(phrase->after, "one connection from %s to %s, within %u s", source, destination, decision->timeout);
	/* The rule is said at the offer. */
	phrase->rule = NULL;
}

static void describe_closing(const struct report_decision *decision, struct report_phrase *phrase)
{
	set_head(phrase, decision->reason == REASON_EXPIRED ? REPORT_TONE_WARNING : REPORT_TONE_PLAIN, "Pinhole closed");
	if (decision->pinhole)
		snprintf(phrase->head, sizeof(phrase->head), "Pinhole %u closed", decision->pinhole->number);
	if (decision->reason == REASON_SHUTDOWN)
		report_append(phrase->after, "the capture ends here");
	else
		describe_reason(phrase, decision->reason);
}

static void describe_transfer(const struct report_decision *decision, struct report_phrase *phrase)
{
	char duration[REPORT_NUMBER_MAX];
	const bool good = decision->code >= 200 && decision->code < 300;

	report_format_seconds(decision->duration, duration);
	set_head(phrase, good ? REPORT_TONE_GOOD : REPORT_TONE_WARNING, good ? "Transfer done" : "Transfer failed");
	report_append(phrase->before, "%s%s", verb_name(decision->verb), decision->text.length > 0 ? " " : "");
	phrase->quoted = decision->text;
	report_append(phrase->after, ": %u after %s", decision->code, duration);
}

static void describe_close(const struct report_decision *decision, struct report_phrase *phrase)
{
	switch (decision->reason) {
	case REASON_CONNECTION_ENDED:
		set_head(phrase, REPORT_TONE_PLAIN, "Session closed");
		report_append(phrase->after, "both peers have ended the control connection");
		break;
	case REASON_RESET:
		set_head(phrase, REPORT_TONE_WARNING, "Session reset");
		report_append(phrase->after, "a peer has reset the control connection");
		break;
	case REASON_SHUTDOWN:
		set_head(phrase, REPORT_TONE_PLAIN, "End of the capture");
		report_append(phrase->after, "the session was still open");
		break;
	case REASON_IDLE:
		set_head(phrase, REPORT_TONE_WARNING, "Session forgotten");
		describe_reason(phrase, decision->reason);
		break;
	default:
		set_head(phrase, REPORT_TONE_BAD, "Session ended, both peers reset");
		describe_reason(phrase, decision->reason);
		break;
	}
}

void report_describe_decision(const struct report_decision *decision, bool own_line, struct report_phrase *phrase)
{
	memset(phrase, 0, sizeof(*phrase));
	phrase->rule = decision->rule;
	switch (decision->type) {
	case NOTICE_SESSION_OPEN:
		set_head(phrase, REPORT_TONE_WARNING, "Under way");
		report_append(phrase->after, "the session was under way when the capture began; that its user had logged in is"
		       " assumed");
		break;
	case NOTICE_LOGIN:
		set_head(phrase, REPORT_TONE_GOOD, "Logged in");
		report_append(phrase->before, "as ");
		phrase->quoted = decision->text;
		break;
	case NOTICE_OFFER:
		describe_offer(decision, phrase);
		break;
	case NOTICE_PINHOLE_OPEN:
		describe_opening(decision, phrase);
		break;
	case NOTICE_PINHOLE_CLOSE:
		describe_closing(decision, phrase);
		break;
	case NOTICE_TRANSFER:
		describe_transfer(decision, phrase);
		break;
	case NOTICE_REFUSE:
	case NOTICE_ANOMALY:
		if (decision->type == NOTICE_REFUSE)
			set_head(phrase, REPORT_TONE_BAD, "Refused");
		else
			set_head(phrase, REPORT_TONE_WARNING, "Anomaly");
		describe_reason(phrase, decision->reason);
		if (!own_line && decision->text.length > 0) {
			phrase->quoted = decision->text;
			memmove(phrase->before, phrase->after, sizeof(phrase->before));
			report_append(phrase->before, " in ");
			phrase->after[0] = '\0';
		}
		break;
	case NOTICE_TLS:
		set_head(phrase, REPORT_TONE_PLAIN, "In clear again");
		report_append(phrase->after, "the peers have left TLS (CCC); what they say is inspected");
		break;
	case NOTICE_SESSION_CLOSE:
		describe_close(decision, phrase);
		break;
	default:
		set_head(phrase, REPORT_TONE_PLAIN, notice_name(decision->type));
		break;
	}
}
