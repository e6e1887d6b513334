/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy that a process with sessions enforces. SIGHUP and the host's name service change it while the process runs;
 * nothing else of the configuration changes then.
 */
#ifndef PROCESS_ENFORCED_H
#define PROCESS_ENFORCED_H

#include "config/config.h"
#include "process/names.h"

/* Zeroed: there is none yet. */
struct enforced {
	const char *path; /* of the configuration */
	const struct names_page *names;
	/* The policy in force is in one of the two; the one that is read next goes to the other. */
	struct config *read[2];
	unsigned int reloads;
	struct policy *policy; /* in force */
	uint32_t names_seen;   /* which addresses of names it has */
};

/* A copy of first is in force from here on. False: no memory. */
bool enforced_open(struct enforced *enforced, const char *path, const struct names_page *names, const struct policy *first);

/* As service_reload(). True: another policy is in force, at another address. */
bool enforced_reload(struct enforced *enforced, const char *rest);

/* The addresses that names have now. */
void enforced_take_names(struct enforced *enforced);

void enforced_close(struct enforced *enforced);

#endif
