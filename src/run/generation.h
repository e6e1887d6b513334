/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A proxy with its keys process, made from one state of the configuration and of the files that it names. */
#ifndef RUN_GENERATION_H
#define RUN_GENERATION_H

#include "proxy/proxy.h"
#include "run/child.h"
#include "run/sources.h"

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

struct generation {
	enum generation_state state;
	bool reload;            /* it was asked for by a reload, and not by a start */
	struct config *config;  /* its own; NULL: it was begun by another program, and nothing of it can be started again */
	const char *config_path;
	struct sources sources;
	struct child trial;
	struct child keys;
	struct child proxy;
	enum generation_step step;
	char fault[HEARTBEAT_FAULT_MAX]; /* why it can't begin, where that is not in a child's page; or "" */
	int mint[2];            /* between the proxy and the keys process; orders outlive both, so it stays with who does too */
	struct proxy_inlets inlets;
	uint32_t turn;
	uint32_t drain_time;    /* seconds */
	uint64_t deadline;      /* STARTING: it is refused then; DRAINING: killed */
};

/* Its two processes, for who takes over those that another program has started. */
extern const struct child generation_keys_kind;
extern const struct child generation_proxy_kind;

/* Begins one, in a place that is GENERATION_NONE. False, which has been told: the place is as it was. */
bool generation_begin(struct generation *generation, const struct config *config, const char *config_path,
		      const struct child_home *home);

/* Starts the proxy, as another turn. */
bool generation_start_proxy(struct generation *generation, uint32_t turn, const struct child_home *home);

enum generation_progress {
	GENERATION_WAITS,
	GENERATION_READY,
	GENERATION_FAILED,
};

/*
 * Goes on with the start: opens inlets that former, which may be NULL, does not have, and has the proxy be this turn. Takes the
 * end of a process that has ended.
 */
enum generation_progress generation_advance(struct generation *generation, const struct generation *former, uint32_t turn,
					    const struct child_home *home);
/* Why it failed, in text (of size bytes). */
void generation_explain(const struct generation *generation, char *text, size_t size);

/* It takes nothing any more. */
void generation_drain(struct generation *generation);
bool generation_has_ended(const struct generation *generation);
/* Ends what is left of it at once, and makes the place free. */
void generation_discard(struct generation *generation);
/* In a new process: lets go of all that is not kept's. */
void generation_leave(struct generation *generation, const struct child *kept);

#endif
