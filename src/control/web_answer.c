/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request has one answer, after which the connection is closed: GET or HEAD of /metrics, and nothing else. Only the
 * request's first line counts, and whether its "Accept" names OpenMetrics.
 */
#include <string.h>
#include <strings.h>

#include "control/web_internal.h"

#define OPENMETRICS "application/openmetrics-text"

size_t web_find_end(struct bytes request)
{
	size_t line = 0; /* where the one at hand begins */

	for (size_t i = 0; i < request.length; i++) {
		const size_t length = i - line;

		if (request.data[i] != '\n')
			continue;
		if (line > 0 && (length == 0 || (length == 1 && request.data[line] == '\r')))
			return i + 1;
		line = i + 1;
	}
	return 0;
}

/* Takes the line at the beginning of text, without its end. */
static struct bytes take_line(struct bytes *text)
{
	const uint8_t *end = memchr(text->data, '\n', text->length);
	const size_t length = end ? (size_t)(end - text->data) : text->length;
	struct bytes line = { text->data, length };

	if (length > 0 && line.data[length - 1] == '\r')
		line.length--;
	text->data += end ? length + 1 : length;
	text->length -= end ? length + 1 : length;
	return line;
}

/* Takes what stands before the next blank, and the blank. */
static struct bytes take_word(struct bytes *line)
{
	const uint8_t *end = memchr(line->data, ' ', line->length);
	const size_t length = end ? (size_t)(end - line->data) : line->length;
	const struct bytes word = { line->data, length };

	line->data += end ? length + 1 : length;
	line->length -= end ? length + 1 : length;
	return word;
}

static bool is_word(struct bytes text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

static bool begins_with(struct bytes text, const char *word)
{
	return text.length >= strlen(word) && strncasecmp((const char *)text.data, word, strlen(word)) == 0;
}

static bool wants_openmetrics(struct bytes headers)
{
	while (headers.length > 0) {
		struct bytes line = take_line(&headers);

		if (!begins_with(line, "accept:"))
			continue;
		for (; line.length > 0; line.data++, line.length--)
			if (begins_with(line, OPENMETRICS))
				return true;
	}
	return false;
}

static void put_answer(struct evbuffer *out, const char *status, const char *type, const char *more, struct evbuffer *body,
		       bool with_body)
{
	evbuffer_add_printf(out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%s"
			    "Connection: close\r\n\r\n", status, type, evbuffer_get_length(body), more);
	if (with_body)
		evbuffer_add_buffer(out, body);
}

static void put_fault(struct evbuffer *out, const char *status, const char *more)
{
	struct evbuffer *body = evbuffer_new();

	if (!body)
		return;
	evbuffer_add_printf(body, "%s\n", status);
	put_answer(out, status, "text/plain; charset=utf-8", more, body, true);
	evbuffer_free(body);
}

static void put_metrics(struct evbuffer *out, const struct answer_source *source, bool openmetrics, bool with_body)
{
	struct evbuffer *body = evbuffer_new();

	if (!body)
		return;
	source->metrics(source->context, body, openmetrics ? METRICS_OPENMETRICS : METRICS_TEXT);
	put_answer(out, "200 OK", openmetrics ? OPENMETRICS "; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
		   "", body, with_body);
	evbuffer_free(body);
}

void web_answer(struct evbuffer *out, struct bytes head, const struct answer_source *source)
{
	struct bytes headers = head;
	struct bytes line = take_line(&headers);
	const struct bytes method = take_word(&line);
	struct bytes target = take_word(&line);
	const uint8_t *query = memchr(target.data, '?', target.length);
	const bool reads = is_word(method, "GET");

	if (query)
		target.length = (size_t)(query - target.data);
	if (!begins_with(line, "HTTP/1.") || target.length == 0)
		put_fault(out, "400 Bad Request", "");
	else if (!reads && !is_word(method, "HEAD"))
		put_fault(out, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
	else if (!is_word(target, "/metrics"))
		put_fault(out, "404 Not Found", "");
	else
		put_metrics(out, source, wants_openmetrics(headers), reads);
}

void web_answer_too_long(struct evbuffer *out)
{
	put_fault(out, "431 Request Header Fields Too Large", "");
}
