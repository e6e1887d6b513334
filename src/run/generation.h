/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A proxy, of one process or several, with its keys process, made from one state of the configuration and of the files that
 * it names.
 */
#ifndef RUN_GENERATION_H
#define RUN_GENERATION_H

#include "ftpalg/share.h"
#include "proxy/proxy.h"
#include "run/child.h"
#include "run/sources.h"

#define GENERATION_NAME_MAX 32

enum generation_state {
	GENERATION_NONE,
	GENERATION_STARTING, /* reads its files; takes nothing yet */
	GENERATION_SERVING,  /* takes what comes */
	GENERATION_DRAINING, /* takes nothing any more, and serves what it has to its end */
};

/* Of STARTING. */
enum generation_step {
	GENERATION_TRIAL, /* all files are read by a process that ends then */
	GENERATION_KEYS,  /* there are inlets, and the keys process begins */
	GENERATION_PROXY,
};

struct generation;

/* One process of the proxy, and what belongs to it alone. */
struct generation_member {
	struct generation *generation;
	struct child proxy;
	char name[GENERATION_NAME_MAX]; /* of one of several */
	int mint[2];            /* to the keys process; orders outlive both, so it stays with who does too */
	struct share share;     /* what it counts together with the others */
	uint64_t restarts;
};

struct generation {
	enum generation_state state;
	bool reload;            /* it was asked for by a reload, and not by a start */
	struct config *config;  /* its own; NULL: it was begun by another program, and nothing of it can be started again */
	const char *config_path;
	const struct names_page *names;
	struct sources sources;
	struct child trial;
	struct child keys;
	struct generation_member member[CONFIG_WORKERS_MAX];
	uint32_t members;
	int counts_file;        /* memory of what members count together; -1: there is one, and nothing to count */
	uint32_t counts_sources; /* for so many */
	void *counts;
	size_t counts_size;
	enum generation_step step;
	char fault[HEARTBEAT_FAULT_MAX]; /* why it can't begin, where that is not in a child's page; or "" */
	struct proxy_inlets inlets;
	uint32_t drain_time;    /* seconds */
	uint64_t deadline;      /* STARTING: it is refused then; DRAINING: killed */
};

/* Its kinds of processes, for taking over those that another program has started. */
extern const struct child generation_keys_kind;
extern const struct child generation_proxy_kind;

/*
 * Makes places for members, with nothing running in them, for the caller to fill. counts_file, which is taken over, is the
 * memory of what they count together for so many sources; or -1. False: no memory, but the places are there.
 */
bool generation_make_members(struct generation *generation, uint32_t members, int counts_file, uint32_t sources);

/* Begins one, in a place that is GENERATION_NONE. False, which has been reported: the place is as it was. */
bool generation_begin(struct generation *generation, const struct config *config, const char *config_path,
		      const struct names_page *names, struct feeds *feeds, const struct child_home *home);

enum generation_progress {
	GENERATION_WAITS,
	GENERATION_READY,
	GENERATION_FAILED,
};

/*
 * Goes on with the start: opens inlets that former, which may be NULL, does not have. Takes the end of a process that has
 * ended.
 */
enum generation_progress generation_advance(struct generation *generation, const struct generation *former,
					    const struct child_home *home);
/* Why it failed, in text (of size bytes). */
void generation_explain(struct generation *generation, char *text, size_t size);

/* One of its processes has ended: takes its part of the counts away. */
void generation_take_back(struct generation *generation, const struct generation_member *member);

/* Do all processes of the proxy take connections? */
bool generation_serves(const struct generation *generation);
/* Has each of them ended, or said that it takes no more? */
bool generation_is_closed(const struct generation *generation);
/* Does any of them run? */
bool generation_has_proxy(const struct generation *generation);
/* What would be lost with them. */
uint32_t generation_count_sessions(const struct generation *generation);

/* Makes it take no more connections. */
void generation_drain(struct generation *generation);
bool generation_has_ended(const struct generation *generation);
/* Ends what is left of it at once, and makes the place free. */
void generation_discard(struct generation *generation);
/* In a new process: lets go of everything but what belongs to kept. */
void generation_leave(struct generation *generation, const struct child *kept);

#endif
