/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of commands, which main.c has, and what is made of it: help, and what shells complete.
 * tests/make/test_commands.py holds the manual to it.
 */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include <stdio.h>

/*
 * What a command takes, as its help shows it: "-4, -6" and "--port NUMBER" are options, "nft" is a word that is typed as it
 * stands, and "CAPTURE" stands for something. FILE, PATH and CAPTURE are completed from the files that exist, SESSION and
 * CLIENT from the sessions of the running gateway.
 */
struct command_item {
	const char *text;
	const char *help;
};

struct command_row {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments; /* in one line, for "usage:" */
	const char *help;      /* in one line */
	const struct command_item *items; /* ends with one without text; NULL: it takes nothing */
};

/* All commands, a line each. A table ends with a row without a name. */
void help_print_all(const struct command_row *table, FILE *out);
/* What one takes. */
void help_print(const struct command_row *command, FILE *out);
/* NULL: there is none of that name. */
const struct command_row *help_find(const struct command_row *table, const char *name);

/*
 * What can come next: one candidate a line, followed by a tab and its help. words are those after "ftpalg"; the last of
 * them, which may be empty, is the one to be completed. A line ":files" says that it can be the name of a file.
 */
void help_complete(const struct command_row *table, int count, char **words, FILE *out);

#endif
