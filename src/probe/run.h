/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One scenario while it runs, and what became of it. */
#ifndef PROBE_RUN_H
#define PROBE_RUN_H

#include "probe/agent.h"
#include "probe/probe.h"
#include "probe/remote.h"
#include "probe/scenario_text.h"
#include "probe/words.h"
#include "tls/proof.h"

#define RUN_MESSAGE_MAX 320
#define RUN_NAME_MAX 64
#define RUN_OFFERS_MAX TEXT_LISTENERS_MAX
#define RUN_HANDLES_MAX (TEXT_LISTENERS_MAX + 24)
#define RUN_CUTS_MAX 512

/* How an end is asked: one of the two is there. */
struct run_end {
	struct agent *agent;
	struct probe_remote *remote;
};

/* A request to one side, and its answer. */
struct run_call {
	bool pending;
	uint32_t tag; /* an answer with another one is of a call that was given up */
	char answer[AGENT_TEXT_MAX];
};

/* An endpoint that a side announced, as the other side read it. */
struct run_offer {
	enum scenario_side side;
	uint16_t port;
	uint16_t listener; /* index of the side's listener that it was made for */
};

enum run_stage {
	RUN_WAITING, /* for its turn */
	RUN_LISTEN,
	RUN_ARM,
	RUN_DIAL,
	RUN_STEPS,
	RUN_DRAIN,   /* what has come and was not looked at, for the report */
	RUN_OVER,
};

struct probe_run {
	char name[RUN_NAME_MAX]; /* the file's, without .scenario */
	const struct scenario *scenario;
	const struct probe_settings *settings;
	const bool *open;        /* by side: it may open connections to any port of the other side */
	enum probe_verdict verdict;
	uint32_t line;           /* where it ended, if it did not pass */
	struct bytes statement;  /* what stands there */
	char message[RUN_MESSAGE_MAX];
	char note[RUN_MESSAGE_MAX]; /* what could not be checked */
	uint64_t began;
	uint64_t ended;

	struct run_end ends[SIDE_COUNT];
	struct run_call calls[SIDE_COUNT];
	uint32_t next_tag;
	enum run_stage stage;
	bool lost;               /* the link is */
	uint64_t deadline;       /* of the whole */

	int control[SIDE_COUNT]; /* handles, or -1 */
	int listeners[SIDE_COUNT][TEXT_LISTENERS_MAX];
	uint16_t ports[SIDE_COUNT][TEXT_LISTENERS_MAX];
	uint16_t wanted[SIDE_COUNT];    /* listeners */
	uint16_t listening[SIDE_COUNT];
	struct endpoint own[SIDE_COUNT];  /* each side as it knows itself */
	struct endpoint seen[SIDE_COUNT]; /* as the other side knows it */
	int handles[SIDE_COUNT][RUN_HANDLES_MAX]; /* all that have to be given back */
	size_t handle_count[SIDE_COUNT];

	struct probe_bytes sent[SIDE_COUNT];
	struct probe_bytes saw[SIDE_COUNT];
	size_t last_sent[SIDE_COUNT]; /* where in sent the last text begins */
	size_t cursor[SIDE_COUNT]; /* in saw: how far it was understood */
	bool end[SIDE_COUNT];      /* the side saw the control connection's end */
	bool closing[SIDE_COUNT];  /* the side closed it by itself */
	bool over;                 /* the helper ended it, and might */
	bool drained[SIDE_COUNT];

	struct run_offer offers[RUN_OFFERS_MAX];
	size_t offer_count;
	uint16_t last_listener[SIDE_COUNT]; /* named by what the side sent last */

	/* of the step */
	size_t step;
	int phase;
	uint64_t step_deadline;
	struct probe_bytes out;
	size_t out_done;
	size_t cuts[RUN_CUTS_MAX];
	size_t cut_count;
	int data[SIDE_COUNT]; /* handles of its data connection */
	char nonce[PROOF_CHALLENGE_SIZE];
};

enum run_result {
	RUN_WAIT,
	RUN_NEXT, /* there is more to do at once, or to ask */
	RUN_DONE, /* of a step: the next one */
};

enum run_match {
	MATCH_NO,
	MATCH_MAYBE, /* so far */
	MATCH_YES,
};

/* probe/run.c */
/* A request that no answer is waited for, or one of run_ask(). */
void run_request(const struct run_end *end, const char *text, const struct agent_asker *asker, uint64_t now);
void run_ask(struct probe_run *run, enum scenario_side side, uint64_t now, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool run_is_asking(const struct probe_run *run);
/* The words of the answer after "OK "; NULL where it is another answer. */
const char *run_answer(const struct probe_run *run, enum scenario_side side);
void run_keep_handle(struct probe_run *run, enum scenario_side side, int handle);
/* Ends the run with a verdict on its current step. */
void run_conclude(struct probe_run *run, enum probe_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void run_note(struct probe_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends what a READ of the side's control connection has answered. */
void run_take_control_bytes(struct probe_run *run, enum scenario_side side);
/* A name for messages: "client" or "server". */
const char *run_side_name(enum scenario_side side);

void run_free(struct probe_run *run);

/* probe/stage.c */
void run_begin(struct probe_run *run, uint64_t now);
/* Moves the run as far as it goes. */
void run_pump(struct probe_run *run, uint64_t now);

/* probe/step.c */
enum run_result run_step(struct probe_run *run, uint64_t now);

/* probe/data.c */
enum run_result run_step_data(struct probe_run *run, const struct scenario_step *step, uint64_t now);

/* probe/match.c */
/* How many listeners of a side the text names. */
uint16_t run_count_listeners(struct bytes text, enum scenario_side side);
/* Puts what the side sends for the step into run->out and run->cuts. */
void run_expand(struct probe_run *run, const struct scenario_step *step);
/* Is what came at the side since its cursor the step's text? length: how much of it. */
enum run_match run_match_step(struct probe_run *run, const struct scenario_step *step, size_t *length);
/* Could a careless peer take the line for an offer, if it came to the side? */
bool run_line_is_offer(enum scenario_side side, struct bytes line);

#endif
