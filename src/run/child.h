/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One process of a service, as its supervisor sees it. */
#ifndef RUN_CHILD_H
#define RUN_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "process/heartbeat.h"
#include "run/feeds.h"

struct child;

/* What it does, in the new process. Its result is the exit status. */
typedef int child_run(struct child *child, pid_t supervisor);

struct child {
	const char *name;
	const char *title; /* as ps(1) shows it */
	const char *fate;  /* what becomes of its connections when it dies */
	child_run *run;
	size_t room;       /* bytes, for the events that it tells; 0: it tells none */
	enum channel_voice voice;
	void *owner; /* for run */
	struct feed *feed; /* its events; or NULL */
	struct record_writer events; /* in the new process */
	int channel; /* its end of a socket that it has with another, while it is started; or -1 */
	struct heartbeat *page;
	int page_file;     /* the page's memory: it outlives the program that the supervisor runs */
	pid_t pid;         /* 0: none */
	uint64_t credit;   /* microseconds; a restart without a pause costs a second */
	uint64_t counted;  /* when credit was computed */
	bool was_ready;    /* some process in this place was, once */
	bool leaves;       /* it was told to end */
	uint64_t beat;     /* as last seen */
	uint32_t misses;   /* looks in a row that saw the same */
};

/* What a new process inherits and has no use for: leave lets go of everything but what belongs to kept. */
struct child_home {
	void (*leave)(void *context, const struct child *kept);
	void *context;
};

/* Fills child, of a kind, with nothing running in it. False: no memory. To be closed once, whatever was answered. */
bool child_open(struct child *child, const struct child *kind, void *owner, struct feeds *feeds);
/* The same with a process that was started by another program in this process's place. page_file is taken over. */
bool child_adopt(struct child *child, const struct child *kind, pid_t pid, int page_file, struct feed *feed);
void child_close(struct child *child);
void child_close_channel(struct child *child);

/* Starts a process. False, which it has told: there is none. */
bool child_start(struct child *child, const struct child_home *home);

bool child_is_ready(const struct child *child);
/* Does it run, and is this the number of one of its sessions? */
bool child_has_session(const struct child *child, uint64_t session);
/* Did it end as it was told to? Before it has handlers, a signal that asks it to end kills it, which is as good. */
bool child_ended_well(int status);
/* True if it has ended, with how in status. */
bool child_reap(struct child *child, int *status);
/* Says how it ended. fate: what becomes of its connections. */
void child_tell_death(const struct child *child, int status, const char *fate);
/* It never was ready: says how it ended, where it had no time to say why. */
void child_tell_failed_start(const struct child *child, int status);
/* Kills it after limit looks, of which this is one, in a row that saw no movement. 0: never. */
void child_watch(struct child *child, uint32_t limit);
/* May it be started again? quiet: a second has passed in which nothing happened. True: that has been counted. */
bool child_may_restart(struct child *child, bool quiet);

#endif
