/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the supervisor's files share.
 *
 *   supervisor.c   the loop, signals, and the worker with its broker
 *   renewal.c      which generation of the proxy serves: the next one, the last ones, a reload
 *   estate.c       the supervisor's program is replaced
 *   processes.c    what concerns all of its processes
 */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include <signal.h>

#include "broker/broker.h"
#include "ftpalg/notice.h"
#include "run/generation.h"
#include "run/successor.h"
#include "run/supervisor.h"

/* One that begins, one that serves, and those that drain. Of one more, the oldest ends. */
#define SUPERVISOR_GENERATIONS 8

_Static_assert(SUPERVISOR_GENERATIONS <= SUCCESSOR_DRAINING_MAX, "all of them can be left to a successor");

struct supervisor {
	enum supervisor_kind kind;
	struct config *config; /* as at the start, with the policy that was read last */
	struct config *spare;
	const char *config_path;
	struct broker_page *policies; /* the same, for the broker */
	sigset_t signals; /* that are waited for, and blocked outside of that */
	struct child worker; /* without a name: there is none */
	struct child broker;
	struct generation generation[SUPERVISOR_GENERATIONS];
	struct generation *serving; /* NULL: none does */
	struct generation *next;    /* that begins; or NULL */
	struct generation *leaving; /* that drains, and may still take a session; or NULL */
	uint32_t turn;              /* of the proxy that was started last */
	bool again;                 /* a reload waits until next has begun, or has not, and a trial is over */
	struct successor successor;
	pid_t trial;              /* the successor's program, tried; 0: it is not */
	uint64_t trial_deadline;
	bool upgrade;             /* a trial waits likewise */
	bool departing;           /* the worker ends, and then this program */
	bool ending;
	int result;
};

/* run/processes.c */
/* What a process of its own lets go of. */
struct child_home supervisor_home(struct supervisor *supervisor);
/* Tells the log's reader and the events' what became of a reload. fault: why it is not in force, or NULL. */
void supervisor_tell(const struct supervisor *supervisor, enum notice_type type, enum reason reason, const char *text,
		     uint64_t count);
/* Makes policy that of all who have one. */
void supervisor_enforce(struct supervisor *supervisor, const struct policy *policy);
/* Is there any? */
bool supervisor_has_processes(const struct supervisor *supervisor);
/* Everything ends. result: 0, or -1. */
void supervisor_end(struct supervisor *supervisor, int result);
/* After that: one has ended, and how. */
void supervisor_take_end(struct supervisor *supervisor, const struct child *child, int status);

/* run/renewal.c */
/* Begins the first generation of this program, where one is wanted. False: it can't, which has been told. */
bool renewal_begin(struct supervisor *supervisor);
/* Reads the configuration again. */
void renewal_reload(struct supervisor *supervisor);
/* Looks after all generations. look: a second has passed without a signal. */
void renewal_tend(struct supervisor *supervisor, bool look);

/* run/estate.c */
/* Goes on with what another program has started. */
void estate_take_over(struct supervisor *supervisor, const struct successor_estate *estate);
/* Tries the successor, and becomes it once that has gone well. */
void estate_tend(struct supervisor *supervisor);

#endif
