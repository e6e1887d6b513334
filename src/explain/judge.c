/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines go through session_input as they do in the gateway; segments go to the models of other helpers. The kernel is a
 * table that grants every expectation, so what comes out is what parser, dialogue and policy make of the bytes.
 */
#include <string.h>

#include "explain/explain.h"
#include "ftpalg/address.h"
#include "ftpalg/token.h"

#define CLIENT_PORT 40000
#define SERVER_PORT 21

static enum reason grant_expectation(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static enum reason drop_expectation(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static void keep_notice(void *context, const struct notice *notice)
{
	struct explanation *explanation = context;
	struct explain_line *line = explanation->line;
	struct explain_note *note;

	if (!line || line->note_count == EXPLAIN_NOTES_MAX ||
	    (notice->type != NOTICE_OFFER && notice->type != NOTICE_PINHOLE_OPEN && notice->type != NOTICE_ANOMALY))
		return;
	note = &line->notes[line->note_count++];
	*note = (struct explain_note){ .type = notice->type, .reason = notice->reason, .form = notice->form,
				       .offered = notice->offered };
	if (notice->expectation)
		note->expectation = *notice->expectation;
}

/* What the other side sees of this address. */
static struct address translate(const struct explanation *explanation, const struct address *address)
{
	for (size_t i = 0; i < explanation->nat_count; i++)
		if (address_equal(&explanation->nat[i].inside, address))
			return explanation->nat[i].outside;
	return *address;
}

void explain_open(struct explanation *explanation, bool under_way)
{
	explanation->ops = (struct ops){
		.context = explanation,
		.expect = grant_expectation,
		.unexpect = drop_expectation,
		.notice = keep_notice,
	};
	explanation->view = (struct nat_view){
		.client = { explanation->client, CLIENT_PORT },
		.server_seen = { translate(explanation, &explanation->server), SERVER_PORT },
		.server = { explanation->server, SERVER_PORT },
		.client_seen = { translate(explanation, &explanation->client), CLIENT_PORT },
	};
	memset(explanation->position, 0, sizeof(explanation->position));
	memset(explanation->pending_length, 0, sizeof(explanation->pending_length));
	tlsrecord_start(&explanation->tls);
	explanation->result.end = EXPLAIN_GOES_ON;
	session_open(&explanation->session, &explanation->backlog, &explanation->config.policy, &explanation->ops, 1,
		     &explanation->view, nat_view_is_translated(&explanation->view), under_way);
	for (size_t i = 0; i < MODEL_COUNT; i++)
		model_open(&explanation->models[i], under_way);
}

const struct outcome *explain_prepare(struct explanation *explanation, enum direction direction, const char *line)
{
	struct outcome *outcome = &explanation->result.lines[0].outcome;

	session_input(&explanation->session, &explanation->ops, direction,
		      (struct bytes){ (const uint8_t *)line, strlen(line) }, 0, outcome);
	return outcome;
}

struct bytes explain_segment(const struct explain_burst *burst, size_t number)
{
	const size_t start = number > 0 ? burst->end[number - 1] : 0;

	return (struct bytes){ burst->data + start, burst->end[number] - start };
}

static void ask_models(struct explanation *explanation)
{
	const struct explain_burst *burst = &explanation->burst;
	uint32_t *position = &explanation->position[burst->direction];

	for (size_t number = 0; number < burst->segments; number++) {
		const struct bytes segment = explain_segment(burst, number);

		for (size_t i = 0; i < MODEL_COUNT; i++)
			model_segment((enum model)i, &explanation->models[i], &explanation->view, burst->direction,
				      *position, segment, &explanation->result.helpers[i].answers[number]);
		*position += (uint32_t)segment.length;
	}
}

static void close_session(struct explanation *explanation, enum reason reason)
{
	session_close(&explanation->session, &explanation->ops, reason, 0);
	explanation->result.end = EXPLAIN_CLOSED;
	explanation->result.reason = reason;
}

/* The pending line of this direction has ended. False: there is no room for another. */
static bool judge_line(struct explanation *explanation, enum direction direction)
{
	struct explain_result *result = &explanation->result;
	struct explain_line *line = &result->lines[result->line_count];
	size_t length = explanation->pending_length[direction];

	if (result->line_count == EXPLAIN_LINES_MAX)
		return false;
	if (length > 0 && explanation->pending[direction][length - 1] == '\r')
		length--;
	session_take_end(&explanation->session, direction, length < explanation->pending_length[direction]);
	explanation->pending_length[direction] = 0;
	line->length = length;
	line->note_count = 0;
	memcpy(line->text, explanation->pending[direction], length);
	result->line_count++;
	explanation->line = line;
	session_input(&explanation->session, &explanation->ops, direction, (struct bytes){ line->text, length }, 0,
		      &line->outcome);
	explanation->line = NULL;
	line->rule = explanation->session.rule->name;
	if (line->outcome.verdict == OUTCOME_CLOSE)
		result->end = EXPLAIN_CLOSED;
	return true;
}

static void judge_opaque(struct explanation *explanation, struct bytes bytes)
{
	size_t taken;

	explanation->result.end = EXPLAIN_OPAQUE;
	if (explanation->burst.direction == DIRECTION_ORIGINAL &&
	    tlsrecord_take(&explanation->tls, DIRECTION_ORIGINAL, bytes, &taken) != TLSRECORD_RECORDS)
		close_session(explanation, REASON_NOT_TLS);
}

/* Where a line may be longer, since it carries a token, its beginning is judged. */
static bool is_token_byte(const struct explanation *explanation, enum direction direction, uint8_t byte)
{
	return token_is_base64((struct bytes){ &byte, 1 }) &&
	       token_offset(direction, (struct bytes){ explanation->pending[direction], LINE_MAX_LENGTH }) > 0;
}

static bool judge_bytes(struct explanation *explanation)
{
	const struct explain_burst *burst = &explanation->burst;
	const size_t length = burst->end[burst->segments - 1];
	size_t *pending = &explanation->pending_length[burst->direction];

	for (size_t i = 0; i < length && explanation->result.end == EXPLAIN_GOES_ON; i++) {
		if (explanation->session.state == SESSION_OPAQUE) {
			judge_opaque(explanation, (struct bytes){ burst->data + i, length - i });
		} else if (burst->data[i] == '\n') {
			if (!judge_line(explanation, burst->direction))
				return false;
		} else if (*pending == LINE_MAX_LENGTH && is_token_byte(explanation, burst->direction, burst->data[i])) {
			continue;
		} else if (*pending == LINE_MAX_LENGTH &&
			   (burst->data[i] != '\r' || i + 1 == length || burst->data[i + 1] != '\n')) {
			close_session(explanation, REASON_LINE_TOO_LONG);
		} else {
			explanation->pending[burst->direction][(*pending)++] = burst->data[i];
		}
	}
	return true;
}

/* What became of the burst here: what was opened last, and whether anything was refused. */
static const struct expectation *opened_here(const struct explain_result *result, bool *refused)
{
	const struct expectation *opened = NULL;

	*refused = result->end == EXPLAIN_CLOSED;
	for (size_t i = 0; i < result->line_count; i++) {
		const struct explain_line *line = &result->lines[i];

		if (line->outcome.verdict == OUTCOME_REFUSE || line->outcome.verdict == OUTCOME_CLOSE)
			*refused = true;
		for (size_t j = 0; j < line->note_count; j++)
			if (line->notes[j].type == NOTICE_PINHOLE_OPEN)
				opened = &line->notes[j].expectation;
	}
	return opened;
}

static enum explain_judgement judge_helper(const struct explain_helper *helper, size_t segments,
					   const struct expectation *opened, bool refused)
{
	const struct model_answer *admitted = NULL;
	bool dropped = false;

	for (size_t i = 0; i < segments; i++) {
		if (helper->answers[i].verdict == MODEL_DROPS)
			dropped = true;
		else if (helper->answers[i].expects)
			admitted = &helper->answers[i];
	}
	if (admitted && (!opened || !endpoint_equal(&opened->destination, &admitted->destination) ||
			 !address_equal(&opened->source, &admitted->source)))
		return EXPLAIN_FOOLED;
	if (dropped)
		return EXPLAIN_STALLS;
	if (opened && !admitted)
		return EXPLAIN_MISSES;
	return refused ? EXPLAIN_FORWARDS : EXPLAIN_AGREES;
}

bool explain_judge(struct explanation *explanation)
{
	struct explain_result *result = &explanation->result;
	const struct expectation *opened;
	bool refused;

	result->end = EXPLAIN_GOES_ON;
	result->reason = REASON_NONE;
	result->line_count = 0;
	ask_models(explanation);
	if (!judge_bytes(explanation))
		return false;
	opened = opened_here(result, &refused);
	for (size_t i = 0; i < MODEL_COUNT; i++)
		result->helpers[i].judgement = judge_helper(&result->helpers[i], explanation->burst.segments, opened,
							    refused);
	return true;
}

bool explain_is_remarkable(const struct explanation *explanation)
{
	const struct explain_result *result = &explanation->result;

	if (result->end != EXPLAIN_GOES_ON)
		return true;
	for (size_t i = 0; i < MODEL_COUNT; i++)
		if (result->helpers[i].judgement != EXPLAIN_AGREES)
			return true;
	for (size_t i = 0; i < result->line_count; i++)
		if (result->lines[i].outcome.verdict != OUTCOME_PASS || result->lines[i].note_count > 0)
			return true;
	return false;
}

bool explain_is_secret(struct bytes line, enum direction direction, struct span *argument)
{
	struct command command;

	if (direction != DIRECTION_ORIGINAL)
		return false;
	parse_command(line, &command);
	*argument = command.argument;
	return command.argument.length > 0 && (command.verb == VERB_PASS || command.verb == VERB_ACCT);
}

struct bytes explain_find_secret(const struct explanation *explanation, struct span *argument)
{
	const struct explain_result *result = &explanation->result;
	const enum direction direction = explanation->burst.direction;
	const struct bytes pending = { explanation->pending[direction], explanation->pending_length[direction] };

	for (size_t i = 0; i < result->line_count; i++) {
		const struct bytes line = { result->lines[i].text, result->lines[i].length };

		if (explain_is_secret(line, direction, argument))
			return line;
	}
	return explain_is_secret(pending, direction, argument) ? pending : (struct bytes){ NULL, 0 };
}

static size_t splice(struct bytes text, struct span replaced, const void *replacement, size_t length, uint8_t *out)
{
	const size_t rest = replaced.offset + replaced.length;

	memcpy(out, text.data, replaced.offset);
	memcpy(out + replaced.offset, replacement, length);
	memcpy(out + replaced.offset + length, text.data + rest, text.length - rest);
	return text.length - replaced.length + length;
}

size_t explain_leaving(const struct explain_line *line, uint8_t *out)
{
	const struct edit *edit = &line->outcome.edit;
	const struct bytes text = { line->text, line->length };

	if (line->outcome.verdict == OUTCOME_PASS)
		return splice(text, (struct span){ 0, 0 }, "", 0, out);
	return splice(text, edit->at, edit->replacement, edit->length, out);
}

size_t explain_rewritten(struct bytes segment, const struct model_answer *answer, uint8_t *out)
{
	return splice(segment, answer->replaced, answer->replacement, answer->replacement_length, out);
}

const char *explain_judgement_name(enum explain_judgement judgement)
{
	static const char *const names[EXPLAIN_JUDGEMENTS] = {
		[EXPLAIN_AGREES] = "agrees",
		[EXPLAIN_MISSES] = "misses",
		[EXPLAIN_STALLS] = "stalls",
		[EXPLAIN_FORWARDS] = "forwards",
		[EXPLAIN_FOOLED] = "FOOLED",
	};

	return names[judgement];
}

const char *explain_verdict_name(enum model_verdict verdict)
{
	static const char *const names[] = {
		[MODEL_FORWARDS] = "forwards",
		[MODEL_REWRITES] = "rewrites",
		[MODEL_DROPS] = "drops",
	};

	return names[verdict];
}
