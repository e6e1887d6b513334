/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 *   RUN_LISTEN     each side opens the listeners that the scenario names
 *      |
 *   RUN_ARM        the server's agent expects a control connection
 *      |
 *   RUN_DIAL       the client's agent makes it; both know now by which address the other knows them
 *      |
 *   RUN_STEPS      step by step (probe/step.c, probe/data.c), until all are done or one decides
 *      |
 *   RUN_DRAIN      what has come without being waited for is fetched, because a report shows it
 *      |
 *   RUN_OVER       all handles have been given back
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "probe/run.h"

#define SECOND UINT64_C(1000000)
#define RUN_MAX (20 * SECOND)
#define DIAL_MILLISECONDS 3000

/* Reads "HANDLE LOCAL REMOTE"; -1 where it is something else. */
static int read_connection(const char *answer, struct endpoint *local, struct endpoint *remote)
{
	uint32_t handle;

	if (!answer || !number_read_decimal(probe_next_word(&answer), AGENT_SOCKETS_MAX - 1, &handle) ||
	    !probe_read_endpoint(probe_next_word(&answer), local) ||
	    !probe_read_endpoint(probe_next_word(&answer), remote))
		return -1;
	return (int)handle;
}

static bool take_listener(struct probe_run *run, enum scenario_side side)
{
	const char *answer = run_answer(run, side);
	uint32_t handle;
	uint32_t port;

	if (!answer || !number_read_decimal(probe_next_word(&answer), AGENT_SOCKETS_MAX - 1, &handle) ||
	    !number_read_decimal(probe_next_word(&answer), UINT16_MAX, &port)) {
		run_conclude(run, PROBE_BROKEN, "no port to listen at: %s", run->calls[side].answer);
		return false;
	}
	run_keep_handle(run, side, (int)handle);
	run->listeners[side][run->listening[side]] = (int)handle;
	run->ports[side][run->listening[side]++] = (uint16_t)port;
	return true;
}

static enum run_result stage_listen(struct probe_run *run, uint64_t now)
{
	for (int side = 0; side < SIDE_COUNT; side++)
		if (run->phase > 0 && run->calls[side].answer[0] && !take_listener(run, (enum scenario_side)side))
			return RUN_NEXT;
	run->phase = 1;
	run->calls[SIDE_CLIENT].answer[0] = '\0';
	run->calls[SIDE_SERVER].answer[0] = '\0';
	if (run->listening[SIDE_CLIENT] == run->wanted[SIDE_CLIENT] &&
	    run->listening[SIDE_SERVER] == run->wanted[SIDE_SERVER]) {
		run->stage = RUN_ARM;
		run->phase = 0;
		return RUN_NEXT;
	}
	for (int side = 0; side < SIDE_COUNT; side++)
		if (run->listening[side] < run->wanted[side])
			run_ask(run, (enum scenario_side)side, now, "LISTEN");
	return RUN_NEXT;
}

static enum run_result stage_arm(struct probe_run *run, uint64_t now)
{
	if (run->phase++ == 0) {
		run_ask(run, SIDE_SERVER, now, "ARM");
		return RUN_NEXT;
	}
	run->phase = 0;
	run->stage = RUN_DIAL;
	if (!run_answer(run, SIDE_SERVER))
		run_conclude(run, PROBE_BROKEN, "the other end is not ready: %s", run->calls[SIDE_SERVER].answer);
	return RUN_NEXT;
}

static enum run_result stage_dial(struct probe_run *run, uint64_t now)
{
	if (run->phase++ == 0) {
		run_ask(run, SIDE_CLIENT, now, "DIAL %d", DIAL_MILLISECONDS);
		run_ask(run, SIDE_SERVER, now, "ACCEPT - %d", DIAL_MILLISECONDS);
		return RUN_NEXT;
	}
	run->phase = 0;
	run->stage = RUN_STEPS;
	run->control[SIDE_CLIENT] = read_connection(run_answer(run, SIDE_CLIENT), &run->own[SIDE_CLIENT],
						    &run->seen[SIDE_SERVER]);
	run->control[SIDE_SERVER] = read_connection(run_answer(run, SIDE_SERVER), &run->own[SIDE_SERVER],
						    &run->seen[SIDE_CLIENT]);
	for (int side = 0; side < SIDE_COUNT; side++)
		if (run->control[side] >= 0)
			run_keep_handle(run, (enum scenario_side)side, run->control[side]);
	if (run->control[SIDE_CLIENT] < 0)
		run_conclude(run, PROBE_BROKEN, "the control connection can't be made: %s", run->calls[SIDE_CLIENT].answer);
	else if (run->control[SIDE_SERVER] < 0)
		run_conclude(run, PROBE_BROKEN, "the control connection does not arrive at the server: %s",
			     run->calls[SIDE_SERVER].answer);
	return RUN_NEXT;
}

static void ignore_answer(void *context, uint32_t tag, const char *text)
{
	(void)context;
	(void)tag;
	(void)text;
}

/* Asks the side for what it has not handed over yet. False where there is nothing more to be had. */
static bool drain_side(struct probe_run *run, enum scenario_side side, uint64_t now)
{
	const size_t before = run->saw[side].length;
	const bool asked = run->phase == 2;

	if (asked)
		run_take_control_bytes(run, side);
	/* An end that says that it has more, but does not give it, is not asked for ever. */
	if (run->control[side] < 0 || run->lost ||
	    (asked && (run->drained[side] || run->saw[side].length == before)))
		return false;
	run_ask(run, side, now, "READ %d %zu 0", run->control[side], run->saw[side].length);
	return true;
}

static void give_handles_back(struct probe_run *run, uint64_t now)
{
	static const struct agent_asker nobody = { .answer = ignore_answer };
	char text[AGENT_TEXT_MAX];

	for (int side = 0; side < SIDE_COUNT; side++)
		for (size_t i = 0; i < run->handle_count[side]; i++) {
			snprintf(text, sizeof(text), "CLOSE %d forget", run->handles[side][i]);
			run_request(&run->ends[side], text, &nobody, now);
		}
}

static enum run_result stage_drain(struct probe_run *run, uint64_t now)
{
	const bool client = drain_side(run, SIDE_CLIENT, now);
	const bool server = drain_side(run, SIDE_SERVER, now);

	run->phase = 2;
	if (!client && !server) {
		give_handles_back(run, now);
		run->ended = now;
		run->stage = RUN_OVER;
	}
	return RUN_NEXT;
}

static enum run_result stage(struct probe_run *run, uint64_t now)
{
	switch (run->stage) {
	case RUN_LISTEN:
		return stage_listen(run, now);
	case RUN_ARM:
		return stage_arm(run, now);
	case RUN_DIAL:
		return stage_dial(run, now);
	case RUN_STEPS:
		if (run->step < run->scenario->step_count)
			return run_step(run, now);
		run->stage = RUN_DRAIN;
		run->phase = 1;
		return RUN_NEXT;
	case RUN_DRAIN:
		return stage_drain(run, now);
	default:
		return RUN_WAIT;
	}
}

static bool is_lost(const struct probe_run *run)
{
	return strcmp(run->calls[SIDE_SERVER].answer, "LOST") == 0 && !run->calls[SIDE_SERVER].pending;
}

/* A link that is lost ends the run, whatever it waited for. */
static void check_link(struct probe_run *run)
{
	if (run->lost || !is_lost(run))
		return;
	run->lost = true;
	run_conclude(run, PROBE_BROKEN, "%s", run->ends[SIDE_SERVER].remote->trouble);
}

void run_pump(struct probe_run *run, uint64_t now)
{
	if (run->stage == RUN_WAITING || run->stage == RUN_OVER)
		return;
	if (now > run->deadline) {
		run_conclude(run, PROBE_BROKEN, "it took longer than %d seconds", (int)(RUN_MAX / SECOND));
		run->calls[SIDE_CLIENT].pending = false;
		run->calls[SIDE_SERVER].pending = false;
		/* Nothing more is asked of an end that takes this long. */
		run->lost = true;
		run->deadline = UINT64_MAX;
	}
	do
		check_link(run);
	while (!run_is_asking(run) && run->stage != RUN_OVER && stage(run, now) == RUN_NEXT);
}

void run_begin(struct probe_run *run, uint64_t now)
{
	const struct scenario *scenario = run->scenario;

	run->began = now;
	run->deadline = now + RUN_MAX;
	run->stage = RUN_LISTEN;
	for (int side = 0; side < SIDE_COUNT; side++) {
		run->control[side] = -1;
		run->data[side] = -1;
	}
	for (size_t i = 0; i < scenario->step_count; i++) {
		const struct scenario_step *step = &scenario->steps[i];
		const bool data = step->action == SCENARIO_ARRIVES || step->action == SCENARIO_BLOCKED;

		for (int side = 0; side < SIDE_COUNT; side++) {
			uint16_t count = run_count_listeners(step->text, (enum scenario_side)side);

			if (data && (step->flags & SCENARIO_AT_PORT) && (int)step->side != side && step->number > count)
				count = step->number;
			if (count > run->wanted[side])
				run->wanted[side] = count;
		}
	}
}
