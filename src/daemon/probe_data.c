/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data connections. One end connects, the other accepts, and each sends a nonce that the other must read: so nothing
 * but the right peer at the right listener counts as an arrival.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/probe_link.h"
#include "daemon/probe_run.h"

/* A SYN that is lost is sent again after a second, so what shall arrive gets longer. */
#define ARRIVE_MILLISECONDS 2500
#define BLOCK_MILLISECONDS 900
#define NONCE_MILLISECONDS 2000

enum phase {
	PHASE_DONE = -1,
	PHASE_BEGIN,
	PHASE_CONNECTED,      /* both ends have answered */
	PHASE_NONCE,          /* the connecting end's */
	PHASE_COMPARE_NONCE,
	PHASE_ANSWER,         /* the accepting end's */
	PHASE_COMPARE_ANSWER,
};

static enum run_result finish(struct probe_run *run)
{
	run->data[SIDE_CLIENT] = -1;
	run->data[SIDE_SERVER] = -1;
	run->phase = PHASE_DONE;
	return RUN_NEXT;
}

/* The endpoint that the step is about. False where there is none. */
static bool find_target(const struct probe_run *run, const struct scenario_step *step, uint16_t *port, uint16_t *listener)
{
	const enum scenario_side target = scenario_other_side(step->side);
	size_t number = 0;

	if (step->flags & SCENARIO_AT_PORT) {
		*port = run->ports[target][step->number - 1];
		*listener = (uint16_t)(step->number - 1);
		return true;
	}
	for (size_t i = 0; i < run->offer_count; i++) {
		const struct run_offer *offer = &run->offers[i];

		if (offer->side != target)
			continue;
		*port = offer->port;
		*listener = offer->listener;
		number++;
		if (number == step->number)
			return true;
	}
	return number > 0 && step->number == 0;
}

static enum run_result begin(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	const enum scenario_side target = scenario_other_side(step->side);
	const int wait = step->action == SCENARIO_ARRIVES ? ARRIVE_MILLISECONDS : BLOCK_MILLISECONDS;
	uint16_t port = 0;
	uint16_t listener = 0;

	if (step->action == SCENARIO_BLOCKED && run->open[step->side]) {
		run_note(run, "not checked whether a data connection is blocked: the %s may connect to any port",
			 run_side_name(step->side));
		return finish(run);
	}
	if (!find_target(run, step, &port, &listener) || run->listening[target] <= listener) {
		if (!(step->flags & SCENARIO_IF_OFFERED))
			run_end(run, PROBE_FAIL, "no offer of the %s has been seen", run_side_name(target));
		return finish(run);
	}
	if (!link_make_challenge(run->nonce[0]) || !link_make_challenge(run->nonce[1])) {
		run_end(run, PROBE_BROKEN, "this host has no randomness");
		return finish(run);
	}
	run_ask(run, step->side, now, "CONNECT %d %u %s %d", run->control[step->side], port,
		step->flags & SCENARIO_FOREIGN ? "foreign" : "own", wait);
	run_ask(run, target, now, "ACCEPT %d %d", run->listeners[target][listener], wait);
	run->phase = PHASE_CONNECTED;
	return RUN_NEXT;
}

static int take_handle(struct probe_run *run, enum scenario_side side)
{
	const char *answer = run_answer(run, side);
	uint32_t handle;

	if (!answer || !probe_read_number(probe_next_word(&answer), AGENT_SOCKETS_MAX - 1, &handle))
		return -1;
	run_keep_handle(run, side, (int)handle);
	return (int)handle;
}

static enum run_result decide(struct probe_run *run, const struct scenario_step *step, bool arrived, const char *how)
{
	const char *from = run_side_name(step->side);
	const char *to = run_side_name(scenario_other_side(step->side));

	if (arrived && step->action == SCENARIO_BLOCKED)
		run_end(run, PROBE_EXPOSED, "a data connection from the %s reaches the %s", from, to);
	else if (!arrived && step->action == SCENARIO_ARRIVES)
		run_end(run, PROBE_FAIL, "no data connection from the %s to the %s: %s", from, to, how);
	return finish(run);
}

static enum run_result take_connections(struct probe_run *run, const struct scenario_step *step)
{
	const enum scenario_side target = scenario_other_side(step->side);

	run->data[step->side] = take_handle(run, step->side);
	run->data[target] = take_handle(run, target);
	run->phase = PHASE_NONCE;
	if (run->data[step->side] < 0)
		return decide(run, step, false, run->calls[step->side].answer);
	if (run->data[target] < 0)
		return decide(run, step, false, "it was made, but does not arrive");
	return RUN_NEXT;
}

/* The reader's end has all of the nonce, or never will; it is asked again from the start, to compare all of it. */
static enum run_result compare(struct probe_run *run, const struct scenario_step *step, enum scenario_side reader,
			       const char *expected, uint64_t now)
{
	const char *answer = run_answer(run, reader);

	if (answer && run->data_read++ == 0) {
		run_ask(run, reader, now, "READ %d 0 0", run->data[reader]);
		return RUN_NEXT;
	}
	run->data_read = 0;
	if (answer) {
		probe_next_word(&answer);
		probe_next_word(&answer);
	}
	if (!answer || strcmp(answer, expected) != 0)
		return decide(run, step, false, "it was made, but another peer or nobody answers");
	if (run->phase == PHASE_COMPARE_ANSWER)
		return decide(run, step, true, "");
	run->phase++;
	return RUN_NEXT;
}

static enum run_result exchange(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	const bool first = run->phase < PHASE_ANSWER;
	const enum scenario_side sender = first ? step->side : scenario_other_side(step->side);
	const enum scenario_side reader = scenario_other_side(sender);
	const char *nonce = run->nonce[first ? 0 : 1];
	const struct bytes bytes = { (const uint8_t *)nonce, strlen(nonce) };
	char hex[4 * LINK_CHALLENGE_SIZE + 1];

	probe_write_hex(bytes, hex);
	if (run->phase == PHASE_COMPARE_NONCE || run->phase == PHASE_COMPARE_ANSWER)
		return compare(run, step, reader, hex, now);
	run_ask(run, sender, now, "SEND %d - %s", run->data[sender], hex);
	run_ask(run, reader, now, "READ %d %zu %d", run->data[reader], bytes.length - 1, NONCE_MILLISECONDS);
	run->phase++;
	return RUN_NEXT;
}

enum run_result run_step_data(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	switch (run->phase) {
	case PHASE_BEGIN:
		return begin(run, step, now);
	case PHASE_CONNECTED:
		return take_connections(run, step);
	default:
		return exchange(run, step, now);
	}
}
