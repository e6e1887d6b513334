/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What came of a line or a burst, for a terminal: one field a line, its name in the first column. */
#include <string.h>

#include "base/escape.h"
#include "explain/explain.h"
#include "ftpalg/address.h"

#define NAME_WIDTH 11
#define PLAIN_WIDTH 44

/* Peer text, in the notation of dialogues. Returns how many columns it took. */
static int print_text(FILE *out, const uint8_t *text, size_t length)
{
	return (int)escape_print(out, (struct bytes){ text, length }, ESCAPE_NOTATION);
}

static void print_field(FILE *out, const char *name)
{
	fprintf(out, "%-*s", NAME_WIDTH, name);
}

static void print_span(FILE *out, const char *name, const struct explain_line *line, struct span span, bool secret)
{
	if (span.length == 0)
		return;
	print_field(out, name);
	if (secret)
		fputs("***", out);
	else
		print_text(out, line->text + span.offset, span.length);
	fprintf(out, "   (bytes %u to %u)\n", span.offset, span.offset + span.length - 1);
}

static void print_command(const struct explain_line *line, FILE *out)
{
	struct command command;
	struct span argument;
	const struct bytes text = { line->text, line->length };
	const enum reason reason = parse_command(text, &command);

	print_field(out, "command");
	fprintf(out, "%s\n", command.verb == VERB_UNKNOWN ? "not known to any RFC" : verb_name(command.verb));
	print_span(out, "verb", line, command.verb_span, false);
	print_span(out, "argument", line, command.argument, explain_is_secret(text, DIRECTION_ORIGINAL, &argument));
	if (reason != REASON_NONE) {
		print_field(out, "odd");
		fprintf(out, "%s: %s\n", reason_name(reason), reason_meaning(reason));
	}
}

static void print_reply(const struct explain_line *line, FILE *out)
{
	struct reply reply;

	parse_reply((struct bytes){ line->text, line->length }, &reply);
	print_field(out, "reply");
	if (reply.kind == REPLY_TEXT)
		fputs("no code: text inside a reply of several lines\n", out);
	else
		fprintf(out, "%u%s\n", reply.code, reply.kind == REPLY_FIRST ? ", the first line of several" : "");
	print_span(out, "text", line, reply.text, false);
}

static void print_note(const struct explain_note *note, FILE *out)
{
	char source[ADDRESS_TEXT_MAX];
	char destination[ENDPOINT_TEXT_MAX];

	if (note->type == NOTICE_PINHOLE_OPEN) {
		address_format(&note->expectation.source, source);
		endpoint_format(&note->expectation.destination, destination);
		print_field(out, "pinhole");
		fprintf(out, "one TCP connection from %s to %s within %u seconds\n", source, destination,
			note->expectation.timeout);
	} else if (note->type == NOTICE_OFFER) {
		endpoint_format(&note->offered, destination);
		print_field(out, "offer");
		fprintf(out, "%s: %s\n", form_name(note->form), destination);
	} else {
		print_field(out, "anomaly");
		fprintf(out, "%s: %s\n", reason_name(note->reason), reason_meaning(note->reason));
	}
}

static void print_leaving(const struct explain_line *line, enum direction direction, FILE *out)
{
	uint8_t text[2 * LINE_MAX_LENGTH];
	const size_t length = explain_leaving(line, text);
	struct span secret;

	print_field(out, "leaves");
	if (explain_is_secret((struct bytes){ line->text, line->length }, direction, &secret) &&
	    line->outcome.verdict == OUTCOME_PASS) {
		print_text(out, text, secret.offset);
		fputs("***", out);
	} else {
		print_text(out, text, length);
	}
	if (line->outcome.verdict != OUTCOME_PASS)
		fprintf(out, "   (%zu bytes, was %zu)", length, line->length);
	fputc('\n', out);
}

static void print_outcome(const struct explain_line *line, enum direction direction, FILE *out)
{
	static const char *const verdicts[] = {
		[OUTCOME_PASS] = "passes as it is",
		[OUTCOME_EDIT] = "passes with the endpoint translated",
		[OUTCOME_REFUSE] = "is overwritten: the peer that waits for an answer reads an FTP error",
		[OUTCOME_CLOSE] = "ends the session: both peers are reset",
	};

	for (size_t i = 0; i < line->note_count; i++)
		print_note(&line->notes[i], out);
	print_field(out, "verdict");
	fprintf(out, "%s\n", verdicts[line->outcome.verdict]);
	if (line->outcome.reason != REASON_NONE) {
		print_field(out, "reason");
		fprintf(out, "%s: %s\n", reason_name(line->outcome.reason), reason_meaning(line->outcome.reason));
	}
	print_field(out, "rule");
	fprintf(out, "%s\n", line->rule);
	if (line->outcome.verdict != OUTCOME_CLOSE)
		print_leaving(line, direction, out);
}

static void print_tokens(const struct explain_line *line, enum direction direction, FILE *out)
{
	if (direction == DIRECTION_REPLY)
		print_reply(line, out);
	else
		print_command(line, out);
}

static void print_answer(const struct explanation *explanation, size_t number, const struct model_answer *answer,
			 FILE *out)
{
	const struct explain_burst *burst = &explanation->burst;
	uint8_t text[EXPLAIN_BYTES_MAX + HOSTPORT_TEXT_MAX];
	char source[ADDRESS_TEXT_MAX];
	char destination[ENDPOINT_TEXT_MAX];
	struct span secret;
	size_t length;

	if (burst->segments > 1)
		fprintf(out, "%zu: ", number + 1);
	if (answer->verdict == MODEL_REWRITES) {
		length = explain_rewritten(explain_segment(burst, number), answer, text);
		fputs("sends ", out);
		if (explain_find_secret(explanation, &secret).length > 0)
			fputs("***", out);
		else
			print_text(out, text, length);
	} else {
		fprintf(out, "%s it: %s", explain_verdict_name(answer->verdict), answer->why);
	}
	if (answer->expects) {
		address_format(&answer->source, source);
		endpoint_format(&answer->destination, destination);
		fprintf(out, "\n%*sexpects %s to connect to %s", 2 * NAME_WIDTH, "", source, destination);
	}
	fputc('\n', out);
}

static void print_helpers(const struct explanation *explanation, FILE *out)
{
	const struct explain_burst *burst = &explanation->burst;

	for (size_t i = 0; i < MODEL_COUNT; i++) {
		const struct explain_helper *helper = &explanation->result.helpers[i];

		print_field(out, model_name((enum model)i));
		print_field(out, explain_judgement_name(helper->judgement));
		for (size_t number = 0; number < burst->segments; number++) {
			if (number > 0)
				fprintf(out, "%*s", 2 * NAME_WIDTH, "");
			print_answer(explanation, number, &helper->answers[number], out);
		}
	}
}

static void print_end(const struct explain_result *result, FILE *out)
{
	if (result->end == EXPLAIN_OPAQUE) {
		print_field(out, "verdict");
		fputs("passes unread: it is encrypted, and nothing is opened for it\n", out);
	} else if (result->end == EXPLAIN_CLOSED && result->reason != REASON_NONE) {
		print_field(out, "verdict");
		fprintf(out, "ends the session: both peers are reset\n");
		print_field(out, "reason");
		fprintf(out, "%s: %s\n", reason_name(result->reason), reason_meaning(result->reason));
	}
}

void explain_print_ends(const struct explanation *explanation, FILE *out)
{
	char client[ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX];

	address_format(&explanation->client, client);
	address_format(&explanation->server, server);
	print_field(out, "assumed");
	if (explanation->client_is_assumed)
		fprintf(out, "client %s%s", client, explanation->server_is_assumed ? ", " : "   (--client says another)\n");
	if (explanation->server_is_assumed)
		fprintf(out, "server %s   (%s--server says another)\n", server,
			explanation->client_is_assumed ? "--client or " : "");
}

void explain_print_line(const struct explanation *explanation, FILE *out)
{
	const struct explain_result *result = &explanation->result;

	for (size_t i = 0; i < result->line_count; i++) {
		if (i > 0)
			fputc('\n', out);
		print_tokens(&result->lines[i], explanation->burst.direction, out);
		print_outcome(&result->lines[i], explanation->burst.direction, out);
	}
	print_end(result, out);
	fputs("\nother helpers, given the same bytes\n", out);
	print_helpers(explanation, out);
}

/* The burst as it was said. Returns how many columns it took. */
static int print_said(const struct explanation *explanation, FILE *out)
{
	const struct explain_burst *burst = &explanation->burst;
	int columns = fprintf(out, "%s ", burst->direction == DIRECTION_ORIGINAL ? "C>" : "S>");
	struct span secret;
	const struct bytes hidden = explain_find_secret(explanation, &secret);

	if (hidden.length > 0)
		return columns + print_text(out, hidden.data, secret.offset) + fprintf(out, "***");
	for (size_t number = 0; number < burst->segments; number++) {
		struct bytes segment = explain_segment(burst, number);

		if (number > 0)
			columns += fprintf(out, "\\|");
		if (number + 1 == burst->segments && segment.length >= 2 &&
		    memcmp(segment.data + segment.length - 2, "\r\n", 2) == 0)
			segment.length -= 2;
		columns += print_text(out, segment.data, segment.length);
	}
	return columns;
}

void explain_print_burst(const struct explanation *explanation, FILE *out)
{
	const struct explain_result *result = &explanation->result;
	const int columns = print_said(explanation, out);

	if (!explain_is_remarkable(explanation)) {
		fprintf(out, "%*s%s\n", columns < PLAIN_WIDTH ? PLAIN_WIDTH - columns : 1, "",
			result->line_count > 0 ? "passes" : "waits for the end of its line");
		return;
	}
	fputc('\n', out);
	for (size_t i = 0; i < result->line_count; i++) {
		print_tokens(&result->lines[i], explanation->burst.direction, out);
		print_outcome(&result->lines[i], explanation->burst.direction, out);
	}
	print_end(result, out);
	print_helpers(explanation, out);
	fputc('\n', out);
}
