/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The supervisor's program is replaced by another version of itself, which goes on with what runs. */
#ifndef RUN_SUCCESSOR_H
#define RUN_SUCCESSOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy/proxy.h"

#define SUCCESSOR_DRAINING_MAX 16

/* A process, and its page. pid 0: it has ended. */
struct successor_child {
	pid_t pid;
	int page_file;
	int feed_memory; /* of its events */
	int feed_wake;
	uint64_t first_session;
};

/* A generation. */
struct successor_pair {
	struct successor_child keys;
	struct successor_child proxy[CONFIG_WORKERS_MAX];
	uint32_t members;
	int counts_file;         /* of what they count together; -1: there is none */
	uint32_t counts_sources; /* for so many */
	uint32_t drain_time;
	uint64_t deadline; /* of one that drains; else 0 */
};

/* What one program leaves to the next. */
struct successor_estate {
	uint64_t sessions; /* numbers of the process that was started last (run/feeds.h) */
	bool serves; /* a proxy has the inlets */
	struct proxy_inlets inlets;
	struct successor_pair serving;
	struct successor_pair draining[SUCCESSOR_DRAINING_MAX];
	uint32_t draining_count;
};

struct successor {
	char program[PATH_MAX]; /* the file that this process was started from, as it was called then; "": not known */
	const char *command;    /* its first argument */
	const char *config_path;
};

void successor_find(struct successor *successor, const char *command, const char *config_path);

/* Starts the file that has the program's name now, to see whether it takes the configuration. Returns its process, or -1. */
pid_t successor_try(const struct successor *successor);

/* Puts it where the program that this process becomes finds it. False: it can't. */
bool successor_write(const struct successor_estate *estate);

/* Becomes that program. Returns only if it fails, with errno. */
void successor_become(const struct successor *successor, const struct successor_estate *estate);

/* In a trial: could this program go on with what the program before it has? */
bool successor_could_inherit(void);

/* Is there something to inherit? */
bool successor_is_inheriting(void);
/* What the program before this one has left; to be asked once. False: this is a start, or it can't be read. */
bool successor_inherit(struct successor_estate *estate);

#endif
