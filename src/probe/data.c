/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data connections. One end connects, the other accepts, and the server sends a nonce that the client must read, as in a
 * listing: so only the right peer at the right listener counts as an arrival. Nothing goes the other way, since a helper
 * that is a proxy need not carry it.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "probe/run.h"

/* A SYN that is lost is sent again after a second, so a connection that should arrive gets longer. */
#define ARRIVE_MILLISECONDS 2500
#define BLOCK_MILLISECONDS 900
#define NONCE_MILLISECONDS 2000

enum phase {
	PHASE_BEGIN,
	PHASE_CONNECTED,      /* both ends have answered */
	PHASE_NONCE,          /* to be sent and read */
	PHASE_READ,           /* as much as the nonce has been, or nothing */
	PHASE_COMPARE,
};

static enum run_result finish(struct probe_run *run)
{
	run->data[SIDE_CLIENT] = -1;
	run->data[SIDE_SERVER] = -1;
	return RUN_DONE;
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
			run_conclude(run, PROBE_FAIL, "no offer of the %s has been seen", run_side_name(target));
		return finish(run);
	}
	if (!proof_challenge(run->nonce)) {
		run_conclude(run, PROBE_BROKEN, "this host has no randomness");
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

	if (!answer || !number_read_decimal(probe_next_word(&answer), AGENT_SOCKETS_MAX - 1, &handle))
		return -1;
	run_keep_handle(run, side, (int)handle);
	return (int)handle;
}

static enum run_result decide(struct probe_run *run, const struct scenario_step *step, bool arrived, const char *how)
{
	const char *from = run_side_name(step->side);
	const char *to = run_side_name(scenario_other_side(step->side));

	if (arrived && step->action == SCENARIO_BLOCKED)
		run_conclude(run, PROBE_EXPOSED, "a data connection from the %s reaches the %s", from, to);
	else if (!arrived && step->action == SCENARIO_ARRIVES)
		run_conclude(run, PROBE_FAIL, "no data connection from the %s to the %s: %s", from, to, how);
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

/* The client's end has all of the nonce, or never will; it is asked for it from the start, to compare all of it. */
static enum run_result compare(struct probe_run *run, const struct scenario_step *step, const char *expected, uint64_t now)
{
	const char *answer = run_answer(run, SIDE_CLIENT);

	if (answer && run->phase == PHASE_READ) {
		run_ask(run, SIDE_CLIENT, now, "READ %d 0 0", run->data[SIDE_CLIENT]);
		run->phase = PHASE_COMPARE;
		return RUN_NEXT;
	}
	if (answer) {
		probe_next_word(&answer);
		probe_next_word(&answer);
	}
	if (!answer || strcmp(answer, expected) != 0)
		return decide(run, step, false, "it was made, but another peer or nobody answers");
	return decide(run, step, true, "");
}

static enum run_result exchange(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	const struct bytes bytes = { (const uint8_t *)run->nonce, strlen(run->nonce) };
	char hex[2 * PROOF_CHALLENGE_SIZE];

	number_write_bytes(bytes, hex);
	if (run->phase != PHASE_NONCE)
		return compare(run, step, hex, now);
	run_ask(run, SIDE_SERVER, now, "SEND %d - %s", run->data[SIDE_SERVER], hex);
	run_ask(run, SIDE_CLIENT, now, "READ %d %zu %d", run->data[SIDE_CLIENT], bytes.length - 1, NONCE_MILLISECONDS);
	run->phase = PHASE_READ;
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
