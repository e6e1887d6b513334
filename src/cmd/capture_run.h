/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that replay a capture share: their options, the run itself, and what they say about it. */
#ifndef CMD_CAPTURE_RUN_H
#define CMD_CAPTURE_RUN_H

#include <getopt.h>

#include "cmd/cmd.h"
#include "replay/replay.h"

/* Rows for getopt_long() and the short options that go with them. */
#define CAPTURE_RUN_OPTIONS \
	{ "nat", required_argument, NULL, 'N' }, { "port", required_argument, NULL, 'P' }, \
	{ "cut", required_argument, NULL, 'C' }, { "seed", required_argument, NULL, 'S' }, \
	{ "reorder", no_argument, NULL, 'R' }, { "checksums", no_argument, NULL, 'K' }
#define CAPTURE_RUN_SHORT "c:"

struct capture_run {
	const char *command; /* its name, for messages */
	struct config config;
	struct replay_settings settings;
	uint16_t ports[CONFIG_PORTS_MAX];
	size_t port_count;
	const char *input;
	struct capture capture;
	struct replay_counters counters; /* once it has run */
	uint64_t first;                  /* times of the first and the last packet, microseconds */
	uint64_t last;
	bool truncated;                  /* the capture could not be read to its end */
};

/* Sets the defaults; command must outlive the run. */
void capture_run_init(struct capture_run *run, const char *command);

/* Takes one of the options above. Returns CMD_SUCCESS, or what the command returns after the message was given. */
int capture_run_set(struct capture_run *run, int option, const char *value);

/* Opens run->input. */
int capture_run_open(struct capture_run *run);

/*
 * Replays the capture to its end, or as far as it can be read, and says on standard error what there was in it. The
 * caller has set what settings the options did not. CMD_FAILURE where something was wrong with the capture.
 */
int capture_run_replay(struct capture_run *run);

/* Idempotent. */
void capture_run_close(struct capture_run *run);

#endif
