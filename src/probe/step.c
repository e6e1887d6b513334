/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Steps: saying, seeing, being refused, ending.
 *
 * Steps that are alternatives to each other are judged together: whatever comes is compared with each of them, the first
 * that matches wins, and the run ends only when none can match any more, or the time is over. The verdict then follows from
 * what happened: an offer that came through is a hole, silence and unexpected ends are a broken session, and bytes other
 * than the wanted ones are a failure.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "probe/run.h"

#define MILLISECOND UINT64_C(1000)
#define SEE_MAX (3000 * MILLISECOND)
/* Where a step stands: it is sent, then it is looked at, and a refusal is answered. */
enum phase {
	PHASE_BEGIN,
	PHASE_SEND,
	PHASE_SENDING,  /* a piece; its answer is there when the step is asked again */
	PHASE_SENT,
	PHASE_SEEING,   /* what the sides have read is there */
	PHASE_REFUSING, /* the server has said 500 */
	PHASE_REFUSED,  /* what the client has read is there */
};

/* With several sides to look at, none of them is waited for longer than this at a time. */
#define SLICE 30

/* What the first of several alternatives is about to decide. */
struct judgement {
	bool possible;     /* one of them may still fit */
	bool exposed;
	bool ended;        /* a side saw the end, and no alternative allows it */
	bool sides[SIDE_COUNT]; /* who has to look */
};

static struct bytes unread(const struct probe_run *run, enum scenario_side side)
{
	const struct probe_bytes *saw = &run->saw[side];

	if (saw->length == run->cursor[side])
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ saw->data + run->cursor[side], saw->length - run->cursor[side] };
}

/* The first line of what is unread, with its end; empty where there is none. */
static struct bytes unread_line(const struct probe_run *run, enum scenario_side side)
{
	struct bytes bytes = unread(run, side);
	const uint8_t *end = bytes.length > 0 ? memchr(bytes.data, '\n', bytes.length) : NULL;

	bytes.length = end ? (size_t)(end - bytes.data) + 1 : 0;
	return bytes;
}

static bool helper_ended_it(const struct probe_run *run)
{
	return (run->end[SIDE_CLIENT] && !run->closing[SIDE_SERVER]) ||
	       (run->end[SIDE_SERVER] && !run->closing[SIDE_CLIENT]);
}

static enum run_result next_step(struct probe_run *run)
{
	const struct scenario *scenario = run->scenario;

	run->step++;
	while (run->step < scenario->step_count && scenario->steps[run->step].alternative)
		run->step++;
	run->phase = PHASE_BEGIN;
	return RUN_NEXT;
}


static size_t piece_end(const struct probe_run *run, bool *cut)
{
	size_t end = run->out.length;

	*cut = true;
	for (size_t i = 0; i < run->cut_count; i++)
		if (run->cuts[i] > run->out_done && run->cuts[i] < end)
			end = run->cuts[i];
	if (end - run->out_done > AGENT_CHUNK_MAX) {
		end = run->out_done + AGENT_CHUNK_MAX;
		*cut = false;
	}
	return end;
}

/* how: as in a SEND. */
static void send_bytes(struct probe_run *run, enum scenario_side side, const char *how, struct bytes bytes, uint64_t now)
{
	char hex[2 * AGENT_CHUNK_MAX + 1];

	number_write_bytes(bytes, hex);
	probe_bytes_append(&run->sent[side], bytes.data, bytes.length);
	run_ask(run, side, now, "SEND %d %s %s", run->control[side], how, hex);
}

static void send_piece(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	char how[4] = "-";
	size_t used = 0;
	bool cut;
	const size_t end = piece_end(run, &cut);
	const struct bytes piece = { run->out.data + run->out_done, end - run->out_done };

	run->out_done = end;
	if (!cut)
		how[used++] = 'm';
	else if (!(step->flags & SCENARIO_AT_ONCE))
		how[used++] = 'a';
	if ((step->flags & SCENARIO_URGENT) && end == run->out.length)
		how[used++] = 'u';
	send_bytes(run, step->side, how, piece, now);
}

/* True when all is sent. */
static bool send_all(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	if (run->phase == PHASE_BEGIN) {
		run_expand(run, step);
		run->out_done = 0;
		run->last_sent[step->side] = run->sent[step->side].length;
		run->phase = PHASE_SEND;
	}
	if (run->phase == PHASE_SENDING && !run_answer(run, step->side) && step->action == SCENARIO_SEND) {
		/* What comes next tells whether the helper might end the session. */
		run->end[step->side] = true;
		run->phase = PHASE_SENT;
		return true;
	}
	if (run->phase == PHASE_SENDING && !run_answer(run, step->side)) {
		run_conclude(run, PROBE_BROKEN, "the %s's control connection ended", run_side_name(step->side));
		return false;
	}
	if (run->phase <= PHASE_SENDING && run->out_done < run->out.length) {
		send_piece(run, step, now);
		run->phase = PHASE_SENDING;
		return false;
	}
	if (run->phase <= PHASE_SENDING)
		run->phase = PHASE_SENT;
	return true;
}

/* What a line says about a refusal. */
static enum run_match judge_refused(struct probe_run *run, enum scenario_side side, struct judgement *judgement)
{
	const enum scenario_side other = scenario_other_side(side);
	const struct bytes line = unread_line(run, other);
	const struct bytes answer = unread_line(run, side);

	judgement->sides[SIDE_CLIENT] = true;
	judgement->sides[SIDE_SERVER] = true;
	if (line.length > 0) {
		judgement->exposed = judgement->exposed || run_line_is_offer(other, line);
		return run_line_is_offer(other, line) ? MATCH_NO : MATCH_YES;
	}
	if (side == SIDE_CLIENT && answer.length > 0)
		return answer.data[0] == '4' || answer.data[0] == '5' ? MATCH_YES : MATCH_NO;
	return helper_ended_it(run) ? MATCH_YES : MATCH_MAYBE;
}

static enum run_match judge_sight(struct probe_run *run, const struct scenario_step *step, struct judgement *judgement,
				  size_t *length)
{
	enum run_match match = run_match_step(run, step, length);

	judgement->sides[step->side] = true;
	if (match == MATCH_MAYBE && run->end[step->side]) {
		judgement->ended = true;
		match = MATCH_NO;
	}
	return match;
}

/* The other side has to see what was sent, byte for byte. */
static enum run_match judge_speech(struct probe_run *run, enum scenario_side side, struct judgement *judgement,
				   size_t *length)
{
	const enum scenario_side other = scenario_other_side(side);
	const struct bytes bytes = unread(run, other);
	const uint8_t *sent = run->sent[side].data + run->last_sent[side];
	size_t common = bytes.length;

	judgement->sides[other] = true;
	*length = run->sent[side].length - run->last_sent[side];
	common = common < *length ? common : *length;
	if (common > 0 && memcmp(bytes.data, sent, common) != 0)
		return MATCH_NO;
	if (common == *length)
		return MATCH_YES;
	judgement->ended = judgement->ended || run->end[other];
	return run->end[other] ? MATCH_NO : MATCH_MAYBE;
}

static enum run_match judge_step(struct probe_run *run, const struct scenario_step *step, struct judgement *judgement,
				 size_t *length)
{
	*length = 0;
	switch (step->action) {
	case SCENARIO_SEE:
		return judge_sight(run, step, judgement, length);
	case SCENARIO_SAY:
	case SCENARIO_UNCHANGED:
		return judge_speech(run, step->side, judgement, length);
	case SCENARIO_REFUSED:
		return judge_refused(run, step->side, judgement);
	default:
		judgement->sides[SIDE_CLIENT] = true;
		judgement->sides[SIDE_SERVER] = true;
		return helper_ended_it(run) ? MATCH_YES : MATCH_MAYBE;
	}
}

/* The alternative that fits, or NULL with what the others leave. */
static const struct scenario_step *judge(struct probe_run *run, struct judgement *judgement, size_t *length)
{
	const struct scenario *scenario = run->scenario;
	size_t at = run->step;

	do {
		const struct scenario_step *step = &scenario->steps[at];
		const enum run_match match = judge_step(run, step, judgement, length);

		if (match == MATCH_YES)
			return step;
		judgement->possible = judgement->possible || match == MATCH_MAYBE;
		at++;
	} while (at < scenario->step_count && scenario->steps[at].alternative);
	return NULL;
}

/* What the sides that were asked have read. False with the run ended where one gave no answer to that. */
static bool take_bytes(struct probe_run *run)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (!run->calls[side].answer[0])
			continue;
		if (!run_answer(run, (enum scenario_side)side)) {
			run_conclude(run, PROBE_BROKEN, "the %s's end can't read: %s",
				     run_side_name((enum scenario_side)side), run->calls[side].answer);
			return false;
		}
		run_take_control_bytes(run, (enum scenario_side)side);
	}
	return true;
}

/*
 * A refusal that matches: what is left of the command at the server is answered there, as a server would, and the client
 * must read that answer.
 */
static enum run_result finish_refusal(struct probe_run *run, enum scenario_side side, uint64_t now)
{
	static const uint8_t refusal[] = "500 not understood\r\n";
	const enum scenario_side other = scenario_other_side(side);
	const struct bytes line = unread_line(run, other);

	if (line.length == 0 && helper_ended_it(run)) {
		run->over = true;
		return next_step(run);
	}
	if (line.length == 0) {
		run->cursor[side] += unread_line(run, side).length;
		return next_step(run);
	}
	run->cursor[other] += line.length;
	if (side == SIDE_SERVER)
		return next_step(run);
	send_bytes(run, SIDE_SERVER, "a", (struct bytes){ refusal, sizeof(refusal) - 1 }, now);
	run->phase = PHASE_REFUSING;
	run->step_deadline = now + SEE_MAX;
	return RUN_NEXT;
}

static enum run_result await_refusal(struct probe_run *run, uint64_t now)
{
	if (run->phase == PHASE_REFUSED && !take_bytes(run))
		return RUN_NEXT;
	run->calls[SIDE_SERVER].answer[0] = '\0';
	run->phase = PHASE_REFUSED;
	if (unread_line(run, SIDE_CLIENT).length > 0) {
		const struct bytes answer = unread_line(run, SIDE_CLIENT);

		if (answer.data[0] != '5' && answer.data[0] != '4') {
			run_conclude(run, PROBE_BROKEN, "the client reads something else than an error");
			return RUN_NEXT;
		}
		run->cursor[SIDE_CLIENT] += answer.length;
		return next_step(run);
	}
	if (run->end[SIDE_CLIENT] || now > run->step_deadline) {
		run_conclude(run, PROBE_BROKEN, "the server's error does not arrive at the client");
		return RUN_NEXT;
	}
	run_ask(run, SIDE_CLIENT, now, "READ %d %zu 500", run->control[SIDE_CLIENT], run->saw[SIDE_CLIENT].length);
	return RUN_NEXT;
}

/* The first of the alternatives is the one that was hoped for, and its kind says what it means that none came. */
static void end_unseen(struct probe_run *run, const struct judgement *judgement)
{
	const struct scenario_step *step = &run->scenario->steps[run->step];
	const enum scenario_side viewer = step->action == SCENARIO_SEE ? step->side : scenario_other_side(step->side);
	const bool routine = step->action == SCENARIO_SAY || (step->flags & SCENARIO_ROUTINE);
	const bool refusal = step->action == SCENARIO_REFUSED || step->action == SCENARIO_CLOSED;

	if (step->action == SCENARIO_CLOSED)
		run_conclude(run, PROBE_EXPOSED, "the session goes on");
	else if (judgement->exposed && refusal)
		run_conclude(run, PROBE_EXPOSED, "the offer reaches the %s", run_side_name(viewer));
	else if (judgement->ended)
		run_conclude(run, PROBE_BROKEN, "the control connection ended before the %s saw it", run_side_name(viewer));
	else if (unread(run, viewer).length == 0)
		run_conclude(run, PROBE_BROKEN, "nothing arrives at the %s", run_side_name(viewer));
	else
		run_conclude(run, routine ? PROBE_BROKEN : PROBE_FAIL, "the %s sees something else",
			     run_side_name(viewer));
}

static enum run_result see(struct probe_run *run, uint64_t now)
{
	struct judgement judgement = { .possible = false };
	const struct scenario_step *fitting;
	size_t length;
	bool both;

	if (run->phase >= PHASE_REFUSING)
		return await_refusal(run, now);
	if (run->phase != PHASE_SEEING)
		run->step_deadline = now + SEE_MAX;
	else if (!take_bytes(run))
		return RUN_NEXT;
	run->phase = PHASE_SEEING;
	run->calls[SIDE_CLIENT].answer[0] = '\0';
	run->calls[SIDE_SERVER].answer[0] = '\0';
	fitting = judge(run, &judgement, &length);
	if (fitting && fitting->action == SCENARIO_REFUSED)
		return finish_refusal(run, fitting->side, now);
	if (fitting) {
		const enum scenario_side viewer =
			fitting->action == SCENARIO_SEE ? fitting->side : scenario_other_side(fitting->side);

		run->cursor[viewer] += length;
		if (fitting->action == SCENARIO_CLOSED)
			run->over = true;
		return next_step(run);
	}
	if (!judgement.possible || now > run->step_deadline) {
		end_unseen(run, &judgement);
		return RUN_NEXT;
	}
	both = judgement.sides[SIDE_CLIENT] && judgement.sides[SIDE_SERVER];
	for (int side = 0; side < SIDE_COUNT; side++)
		if (judgement.sides[side])
			run_ask(run, (enum scenario_side)side, now, "READ %d %zu %d", run->control[side],
				run->saw[side].length,
				both ? SLICE : (int)((run->step_deadline - now) / MILLISECOND) + 1);
	return RUN_NEXT;
}

static enum run_result finish_connection(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	if (run->phase++ == PHASE_BEGIN) {
		run_ask(run, step->side, now, "CLOSE %d %s", run->control[step->side],
			step->action == SCENARIO_RESET ? "reset" : "end");
		run->closing[step->side] = true;
		return RUN_NEXT;
	}
	return next_step(run);
}

static enum run_result rest(struct probe_run *run, const struct scenario_step *step, uint64_t now)
{
	if (run->phase++ == PHASE_BEGIN)
		run->step_deadline = now + step->number * MILLISECOND;
	return now < run->step_deadline ? RUN_WAIT : next_step(run);
}

enum run_result run_step(struct probe_run *run, uint64_t now)
{
	const struct scenario_step *step = &run->scenario->steps[run->step];
	const bool data = step->action == SCENARIO_ARRIVES || step->action == SCENARIO_BLOCKED;

	/* A session that the helper ended has nothing more to say. Whether it left a hole can still be asked. */
	if (run->over && !data)
		return next_step(run);
	switch (step->action) {
	case SCENARIO_SEND:
		return send_all(run, step, now) ? next_step(run) : RUN_NEXT;
	case SCENARIO_SAY:
		if (run->phase < PHASE_SENT && !send_all(run, step, now))
			return RUN_NEXT;
		return see(run, now);
	case SCENARIO_CLOSE:
	case SCENARIO_RESET:
		return finish_connection(run, step, now);
	case SCENARIO_PAUSE:
		return rest(run, step, now);
	case SCENARIO_ARRIVES:
	case SCENARIO_BLOCKED:
		return run_step_data(run, step, now) == RUN_DONE ? next_step(run) : RUN_NEXT;
	default:
		return see(run, now);
	}
}
