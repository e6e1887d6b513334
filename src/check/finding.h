/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report of ftpalg check: a line for each finding. */
#ifndef CHECK_FINDING_H
#define CHECK_FINDING_H

#include "config/config.h"

struct check {
	const struct config *config;
	FILE *out;
	unsigned int missing; /* findings that keep the gateway from working */
};

/* One line of the report each; where something is missing or odd, the line says how to mend it. */
__attribute__((format(printf, 2, 3))) void check_ok(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_note(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_missing(struct check *check, const char *format, ...);

/* Said wherever rules are missing. */
#define CHECK_LOAD_RULES "load what \"ftpalg rules nft\" or \"ftpalg rules iptables\" prints"

#endif
