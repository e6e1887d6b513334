/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run asks its ends, what they answer, and how it ends.
 *
 * At most one request to each side is under way. An answer may never come, because the link was lost or the run was
 * ended by its deadline; the tag tells a late answer from the one that is waited for.
 */
#include "probe/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

const char *run_side_name(enum scenario_side side)
{
	return side == SIDE_CLIENT ? "client" : "server";
}

const char *probe_verdict_name(enum probe_verdict verdict)
{
	static const char *const names[] = { "pass", "fail", "exposed", "broken", "skipped" };

	return names[verdict];
}

static void take_answer(void *context, uint32_t tag, const char *text)
{
	struct run_call *call = context;

	if (!call->pending || call->tag != tag)
		return;
	call->pending = false;
	snprintf(call->answer, sizeof(call->answer), "%s", text);
}

void run_request(const struct run_end *end, const char *text, const struct agent_asker *asker, uint64_t now)
{
	if (end->agent)
		agent_request(end->agent, text, asker, now);
	else
		remote_request(end->remote, text, asker, now);
}

void run_ask(struct probe_run *run, enum scenario_side side, uint64_t now, const char *format, ...)
{
	struct run_call *call = &run->calls[side];
	const struct agent_asker asker = { .answer = take_answer, .context = call, .tag = ++run->next_tag };
	char text[AGENT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	call->pending = true;
	call->tag = asker.tag;
	call->answer[0] = '\0';
	run_request(&run->ends[side], text, &asker, now);
}

bool run_is_asking(const struct probe_run *run)
{
	return run->calls[SIDE_CLIENT].pending || run->calls[SIDE_SERVER].pending;
}

const char *run_answer(const struct probe_run *run, enum scenario_side side)
{
	const char *answer = run->calls[side].answer;

	if (strcmp(answer, "OK") == 0)
		return answer + strlen("OK");
	return strncmp(answer, "OK ", strlen("OK ")) == 0 ? answer + strlen("OK ") : NULL;
}

void run_keep_handle(struct probe_run *run, enum scenario_side side, int handle)
{
	if (run->handle_count[side] < RUN_HANDLES_MAX)
		run->handles[side][run->handle_count[side]++] = handle;
}

void run_conclude(struct probe_run *run, enum probe_verdict verdict, const char *format, ...)
{
	va_list arguments;

	if (run->stage >= RUN_DRAIN)
		return;
	run->verdict = verdict;
	if (run->stage == RUN_STEPS && run->step < run->scenario->step_count) {
		run->line = run->scenario->steps[run->step].line;
		run->statement = run->scenario->steps[run->step].source;
	}
	va_start(arguments, format);
	vsnprintf(run->message, sizeof(run->message), format, arguments);
	va_end(arguments);
	run->stage = RUN_DRAIN;
	run->phase = 1;
}

void run_note(struct probe_run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run->note, sizeof(run->note), format, arguments);
	va_end(arguments);
}

void run_take_control_bytes(struct probe_run *run, enum scenario_side side)
{
	const char *answer = run_answer(run, side);
	uint8_t bytes[AGENT_CHUNK_MAX];
	struct bytes state;
	uint32_t total;
	size_t length;

	if (!answer)
		return;
	state = probe_next_word(&answer);
	if (!number_read_decimal(probe_next_word(&answer), AGENT_RECEIVED_MAX, &total) ||
	    !number_read_bytes(probe_next_word(&answer), bytes, sizeof(bytes), &length))
		return;
	probe_bytes_append(&run->saw[side], bytes, length);
	run->end[side] = run->end[side] || !probe_word_is(state, "open");
	run->drained[side] = run->end[side] || run->saw[side].length >= total;
}

void run_free(struct probe_run *run)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		probe_bytes_free(&run->sent[side]);
		probe_bytes_free(&run->saw[side]);
	}
	probe_bytes_free(&run->out);
}
