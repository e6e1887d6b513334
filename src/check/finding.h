/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report of ftpalg check: a line for each finding, or one JSON object with all of them. */
#ifndef CHECK_FINDING_H
#define CHECK_FINDING_H

#include <jansson.h>

#include "config/config.h"

struct check {
	const struct config *config;
	FILE *out;
	json_t *findings;     /* NULL: each is written when it is found */
	unsigned int missing; /* findings that keep the gateway from working */
	bool lost;            /* there was no memory for a finding */
	bool nft_queues;      /* nft has its queue statement here */
	bool firewalld;       /* it runs, and leaves no rules of iptables alone */
};

/*
 * Each adds one finding, which begins with what it is about and a colon; where something is missing or odd, it says how to
 * mend that.
 */
__attribute__((format(printf, 2, 3))) void check_ok(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_note(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_missing(struct check *check, const char *format, ...);

/* "load what ... prints", for wherever rules are missing: by the means that this kernel has. */
const char *check_load_rules(const struct check *check);

/* Writes what was not written yet. Returns whether all of the report could be written. */
bool check_finish(struct check *check);

#endif
