/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What came of a burst, as one JSON object on a line; its members are described in doc/ftpalg.8, EXPLAIN. */
#include <jansson.h>
#include <string.h>

#include "base/escape.h"
#include "explain/explain.h"
#include "ftpalg/address.h"

/* Peer text: printable ASCII, every other byte and the backslash as \xNN or \\. */
static json_t *json_from_text(const uint8_t *text, size_t length)
{
	struct bytes rest = { text, length };
	char *escaped = malloc(ESCAPE_MAX * length + 1);
	size_t at = 0;
	json_t *value;

	if (!escaped)
		return NULL;
	while (rest.length > 0)
		at += escape_take(&rest, ESCAPE_ASCII, escaped + at);
	value = json_stringn(escaped, at);
	free(escaped);
	return value;
}

static json_t *json_from_secret(const uint8_t *text, const struct span *secret)
{
	uint8_t masked[LINE_MAX_LENGTH + 3];

	memcpy(masked, text, secret->offset);
	memcpy(masked + secret->offset, "***", 3);
	return json_from_text(masked, secret->offset + 3);
}

static json_t *json_from_span(struct span span)
{
	return json_pack("[i, i]", (int)span.offset, (int)span.length);
}

static json_t *json_from_hole(const struct address *source, const struct endpoint *destination)
{
	char from[ADDRESS_TEXT_MAX];
	char to[ENDPOINT_TEXT_MAX];

	address_format(source, from);
	endpoint_format(destination, to);
	return json_pack("{s: s, s: s}", "from", from, "to", to);
}

static void set_tokens(json_t *object, const struct explain_line *line, enum direction direction)
{
	const struct bytes text = { line->text, line->length };
	struct command command;
	struct reply reply;

	if (direction == DIRECTION_ORIGINAL) {
		parse_command(text, &command);
		json_object_set_new(object, "verb", json_string(verb_name(command.verb)));
		json_object_set_new(object, "verb_at", json_from_span(command.verb_span));
		if (command.argument.length > 0)
			json_object_set_new(object, "argument_at", json_from_span(command.argument));
	} else {
		parse_reply(text, &reply);
		if (reply.kind != REPLY_TEXT)
			json_object_set_new(object, "code", json_integer(reply.code));
		json_object_set_new(object, "text_at", json_from_span(reply.text));
	}
}

static void set_notes(json_t *object, const struct explain_line *line)
{
	char offered[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < line->note_count; i++) {
		const struct explain_note *note = &line->notes[i];

		if (note->type == NOTICE_OFFER) {
			endpoint_format(&note->offered, offered);
			json_object_set_new(object, "form", json_string(form_name(note->form)));
			json_object_set_new(object, "offer", json_string(offered));
		} else if (note->type == NOTICE_PINHOLE_OPEN) {
			json_object_set_new(object, "expects", json_from_hole(&note->expectation.source,
									      &note->expectation.destination));
		} else {
			json_object_set_new(object, "anomaly", json_string(reason_name(note->reason)));
		}
	}
}

static json_t *json_from_line(const struct explain_line *line, enum direction direction)
{
	static const char *const verdicts[] = {
		[OUTCOME_PASS] = "pass", [OUTCOME_EDIT] = "edit", [OUTCOME_REFUSE] = "refuse", [OUTCOME_CLOSE] = "close",
	};
	uint8_t leaving[2 * LINE_MAX_LENGTH];
	json_t *object = json_object();
	struct span secret;
	const bool is_secret = explain_is_secret((struct bytes){ line->text, line->length }, direction, &secret);

	json_object_set_new(object, "line", is_secret ? json_from_secret(line->text, &secret) :
							json_from_text(line->text, line->length));
	set_tokens(object, line, direction);
	set_notes(object, line);
	json_object_set_new(object, "verdict", json_string(verdicts[line->outcome.verdict]));
	if (line->outcome.reason != REASON_NONE)
		json_object_set_new(object, "reason", json_string(reason_name(line->outcome.reason)));
	json_object_set_new(object, "rule", json_string(line->rule));
	if (line->outcome.verdict != OUTCOME_CLOSE && !is_secret)
		json_object_set_new(object, "leaves", json_from_text(leaving, explain_leaving(line, leaving)));
	return object;
}

static json_t *json_from_answer(const struct explanation *explanation, size_t number, const struct model_answer *answer)
{
	struct span secret;
	uint8_t text[EXPLAIN_BYTES_MAX + HOSTPORT_TEXT_MAX];
	json_t *object = json_pack("{s: s, s: s}", "verdict", explain_verdict_name(answer->verdict), "why", answer->why);
	size_t length;

	if (answer->verdict == MODEL_REWRITES && explain_find_secret(explanation, &secret).length == 0) {
		length = explain_rewritten(explain_segment(&explanation->burst, number), answer, text);
		json_object_set_new(object, "leaves", json_from_text(text, length));
	}
	if (answer->expects)
		json_object_set_new(object, "expects", json_from_hole(&answer->source, &answer->destination));
	return object;
}

static json_t *json_from_helper(const struct explanation *explanation, const struct explain_helper *helper)
{
	json_t *segments = json_array();

	for (size_t i = 0; i < explanation->burst.segments; i++)
		json_array_append_new(segments, json_from_answer(explanation, i, &helper->answers[i]));
	return json_pack("{s: s, s: o}", "judgement", explain_judgement_name(helper->judgement), "segments", segments);
}

bool explain_print_json(const struct explanation *explanation, FILE *out)
{
	static const char *const ends[] = {
		[EXPLAIN_GOES_ON] = "open", [EXPLAIN_OPAQUE] = "opaque", [EXPLAIN_CLOSED] = "closed",
	};
	const struct explain_burst *burst = &explanation->burst;
	const struct explain_result *result = &explanation->result;
	char client[ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX];
	json_t *lines = json_array();
	json_t *helpers = json_object();
	json_t *object;
	bool printed;

	for (size_t i = 0; i < result->line_count; i++)
		json_array_append_new(lines, json_from_line(&result->lines[i], burst->direction));
	for (size_t i = 0; i < MODEL_COUNT; i++)
		json_object_set_new(helpers, model_name((enum model)i), json_from_helper(explanation, &result->helpers[i]));
	address_format(&explanation->client, client);
	address_format(&explanation->server, server);
	object = json_pack("{s: s, s: s, s: s, s: i, s: o, s: s, s: o}", "client", client, "server", server, "side",
			   burst->direction == DIRECTION_ORIGINAL ? "client" : "server", "segments", (int)burst->segments,
			   "lines", lines, "session", ends[result->end], "helpers", helpers);
	if (object && result->reason != REASON_NONE)
		json_object_set_new(object, "reason", json_string(reason_name(result->reason)));
	printed = object && json_dumpf(object, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
	json_decref(object);
	return printed;
}
