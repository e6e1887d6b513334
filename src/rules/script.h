/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the shell scripts of rules/iptables.c and rules/proxy_iptables.c have in common. */
#ifndef RULES_SCRIPT_H
#define RULES_SCRIPT_H

#include <stdio.h>

#include "rules/facts.h"

struct rules_jump {
	const char *table;
	const char *hook;  /* the kernel's chain */
	const char *chain; /* our own */
};

/* Calls a function of the script with the program of each family. */
void rules_script_call(const char *function, struct rules_families families, FILE *out);

/*
 * Loads what the script's function "rules" prints, which is given arguments (" \"$1\"" is the program), jumps to it, and
 * does more: lines of a function that has the program as $1.
 */
void rules_script_load(const struct rules_jump *jump, size_t count, const char *arguments, const char *more,
		       struct rules_families families, FILE *out);

#endif
