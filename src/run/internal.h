/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the supervisor's files share.
 *
 *   supervisor.c   the loop, and signals
 *   posts.c        workers, each with its broker
 *   renewal.c      which generation of the proxy serves: the next one, the last ones, a reload
 *   estate.c       the supervisor's program is replaced
 *   desk.c         control, which reports what happens, and its orders
 *   doors.c        the sockets by which clients come to it
 *   witness.c      what control hears from the kernel
 *   feeds.c        the rings through which it hears from the other processes
 *   processes.c    what concerns all of its processes
 *   standing.c     what the service manager hears
 *   names.c        the addresses of hosts that are announced by name
 *   rules.c        whether the firewall's rules are still there
 */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include <signal.h>

#include "broker/broker.h"
#include "check/listings.h"
#include "control/listen.h"
#include "control/standing.h"
#include "ftpalg/notice.h"
#include "journal/journal.h"
#include "netfilter/copies.h"
#include "netfilter/news.h"
#include "netfilter/rulewatch.h"
#include "process/manager.h"
#include "process/names.h"
#include "run/generation.h"
#include "run/successor.h"
#include "run/supervisor.h"
#include "run/vigil.h"

/* One that begins, one that serves, and those that drain. To make room for one more, the oldest is ended. */
#define SUPERVISOR_GENERATIONS 8
#define POST_NAME_MAX 40

_Static_assert(SUPERVISOR_GENERATIONS <= SUCCESSOR_DRAINING_MAX, "all of them can be left to a successor");

/* The firewall's rules, and the processes that look after them. */
struct rules_guard {
	struct rulewatch watch;
	struct vigil vigil;
	struct listings_sight *sight; /* the looker's */
	struct rulestate_page *page; /* for others */
	pid_t looker;                /* 0: none */
	pid_t loader;
	uint64_t deadline;           /* of either */
};

/* Control, besides its process. */
struct desk {
	uint64_t deadline; /* control ends, and is killed then */
	uint32_t deaths;   /* while all ends */
	int channel;       /* -1: there is none */
	int files[JOURNAL_FILES];      /* that control writes; negative: there is none */
	bool reopened[JOURNAL_FILES];  /* it, which control has not been told */
	bool done;         /* all has been told, or will not be */
	struct control_estate *estate; /* control's */
};

/* Sockets by which the kernel tells what becomes of data connections. */
struct witness {
	bool has_news;
	bool has_copies;
	struct news news;
	struct copies copies;
	void *account;    /* control's, where there is news */
	size_t account_size;
};

/* A worker with its broker, and the queue that is theirs. */
struct post {
	struct supervisor *supervisor;
	uint16_t queue;
	struct share share;
	struct child worker;
	struct child broker;
	char worker_name[POST_NAME_MAX];
	char broker_name[POST_NAME_MAX];
	uint64_t restarts;
};

struct supervisor {
	enum supervisor_kind kind;
	struct config *config; /* as at the start, with the policy that was read last */
	struct config *spare;
	const char *config_path;
	struct broker_page *policies; /* the same, for the broker */
	struct witness *witness; /* NULL: no memory */
	sigset_t signals; /* that are waited for, and blocked outside of that */
	struct post posts[CONFIG_WORKERS_MAX];
	uint32_t post_count; /* 0: there is no gateway */
	void *share;         /* what workers count together; NULL: there is one */
	size_t share_size;
	struct child control;
	struct child resolver;    /* runs where the policy has names */
	struct names_page *names; /* what it finds */
	struct names_list hosts;  /* which names they are, with the addresses that were told last */
	uint32_t names_seen;      /* of the page, as it was told last */
	uint32_t names_turn;      /* of policies, whose names these are */
	struct feeds feeds;
	struct record_writer events; /* what this process tells */
	struct desk desk;
	int metrics;                 /* the socket where metrics are fetched over HTTP; -1: nowhere */
	struct door monitor;         /* sockets of control's clients */
	struct door commands;
	char monitor_path[DOOR_PATH_MAX];
	char commands_path[DOOR_PATH_MAX];
	struct standing_page *page;  /* what control sees of all this */
	struct standing standing;    /* the same, as it was written last */
	bool reload_asked;           /* by an order, which waits for its answer */
	uint32_t reload_order;
	struct generation generation[SUPERVISOR_GENERATIONS];
	struct generation *serving; /* NULL: none does */
	struct generation *next;    /* that begins; or NULL */
	struct generation *leaving; /* that drains, and may still take a session; or NULL */
	struct successor successor;
	pid_t trial;              /* the successor's program, tried; 0: it is not */
	uint64_t trial_deadline;
	bool upgrade;             /* a trial waits until next has begun, or has not */
	bool again;               /* a reload waits likewise, and until a trial is over */
	bool departing;           /* the worker ends, and then this program */
	struct rules_guard rules;
	struct manager manager;
	char refused[MANAGER_STATUS_MAX / 2]; /* why the last reload, or the last program, was not taken over; or "" */
	bool ending;
	int result;
};

/* run/processes.c */
/* Memory of zeros that those have as well who are forked from here on. NULL: there is none. */
void *supervisor_share(size_t size);
/* What a process of its own lets go of. */
struct child_home supervisor_home(struct supervisor *supervisor);
/* Reports what became of a reload, in the log and as an event. fault: why it is not in force, or NULL. */
void supervisor_tell(struct supervisor *supervisor, enum notice_type type, enum reason reason, const char *text,
		     uint64_t count);
/* Lets go of what it knows of the rules, here or in a process that it has forked. shows: but not of the page. */
void supervisor_forget_rules(struct supervisor *supervisor, bool shows);
/* Makes this the policy of all processes that have one. */
void supervisor_enforce(struct supervisor *supervisor, const struct policy *policy);
/* Is there a worker, or a broker? */
bool supervisor_has_workers(const struct supervisor *supervisor);
/* Is there any process? */
bool supervisor_has_processes(const struct supervisor *supervisor);
/* Any but control? */
bool supervisor_has_others(const struct supervisor *supervisor);
/* Everything ends. result: 0, or -1. */
void supervisor_end(struct supervisor *supervisor, int result);
/* After that: one has ended, and how. */
void supervisor_take_end(struct supervisor *supervisor, const struct child *child, int status);

/* run/posts.c */
/* Makes places for all workers, with nothing running in them. False, which it has told. */
bool posts_open(struct supervisor *supervisor);
/* Starts all of them the first time. False, which it has told. */
bool posts_start(struct supervisor *supervisor);
/* look: a second has passed without a signal. */
void posts_tend(struct supervisor *supervisor, bool look);
/* Does one begin, as its page says? */
bool posts_begin(const struct supervisor *supervisor);
/* All of them end, and are not started again. */
void posts_dismiss(struct supervisor *supervisor);
/* The worker whose sessions have numbers like this one; NULL: there is none. */
struct child *posts_find_owner(struct supervisor *supervisor, uint64_t session);
void posts_close(struct supervisor *supervisor);

/* run/witness.c */
void witness_open(struct supervisor *supervisor);
void witness_close(struct supervisor *supervisor);
/* Asks the kernel what control has ordered (CHANNEL_ASK_...). */
void witness_ask(struct supervisor *supervisor, const struct channel_message *order);

/* run/desk.c */
/* Opens what control needs. inherited: another program's processes are waiting. False: it can't, which has been told. */
bool desk_open(struct supervisor *supervisor, bool inherited);
bool desk_start(struct supervisor *supervisor);
void desk_tend(struct supervisor *supervisor, bool look);
/* Has control reported all that happened, and ended? */
bool desk_is_done(const struct supervisor *supervisor);
/* All ended but this program, which goes on. */
void desk_go_on(struct supervisor *supervisor);
/* The file of events has been moved away: it is opened again. False: it can not be, which has been told. */
bool desk_reopen(struct supervisor *supervisor);
void desk_close(struct supervisor *supervisor);

/* run/doors.c */
/* Opens what the configuration asks for. False: another service has one of them, which has been told. */
bool doors_open(struct supervisor *supervisor);
void doors_close(struct supervisor *supervisor);
/* In a new process that is not control. */
void doors_leave(struct supervisor *supervisor);

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

/* run/standing.c */
/* Control can look from here on. */
void standing_begin(struct supervisor *supervisor);
/* The configuration has been read, and is in force. */
void standing_note_config(struct supervisor *supervisor);
/* Clients are shown the certificates that this one names. */
void standing_note_certificates(struct supervisor *supervisor, const struct config *config);
/* A reload, or another program, was refused. */
void standing_refuse(struct supervisor *supervisor, const char *fault);
/* The configuration is about to be read. */
void standing_begin_reload(struct supervisor *supervisor);
/* Tells the service manager what has changed, and that all is well, if it is. To be called at least once a second. */
void standing_tell(struct supervisor *supervisor);
/* The same for control alone, which tells the clients that ask. */
void standing_show(struct supervisor *supervisor);

/* run/names.c */
/* Has names looked up, and waits a moment for them. False: no memory, which has been told. */
bool names_begin(struct supervisor *supervisor);
void names_tend(struct supervisor *supervisor, bool look);
/* No process of it is left. */
void names_end(struct supervisor *supervisor);

/* run/rules.c */
bool rules_begin(struct supervisor *supervisor);
void rules_tend(struct supervisor *supervisor);
/* No process of it is left. */
void rules_end(struct supervisor *supervisor);

#endif
