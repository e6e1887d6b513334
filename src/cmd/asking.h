/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that ask the running gateway have in common. */
#ifndef CMD_ASKING_H
#define CMD_ASKING_H

#include <getopt.h>

#include "base/terminal.h"
#include "client/client.h"
#include "config/config.h"
#include "screen/screen.h"

/* Seconds until the first line of an answer, and between two of them. */
#define ASKING_SECONDS 5
/* An order may take a while: a reload tries the whole configuration first. */
#define ASKING_ACTS_SECONDS 60

struct asking {
	const char *command;
	const char *config_path; /* -c; NULL: the default one, and it need not be readable */
	const char *socket;      /* --socket; NULL: as the configuration says */
	bool json;
	bool acts;               /* it changes something, so it is asked for at the socket "control" */
	char configured[CONFIG_SOCKET_MAX]; /* the socket, by the configuration */
	uint32_t watchdog;
	struct terminal terminal;
	struct screen_style style;
	struct client client;
};

/* The options that all of them take, in a table for getopt_long(). */
#define ASKING_OPTIONS { "socket", required_argument, NULL, 'S' }, { "json", no_argument, NULL, 'j' }
#define ASKING_LETTERS ":c:"

void asking_init(struct asking *asking, const char *command);
/* One of the options above, or one that is not understood. Returns a CMD_ status. */
int asking_read_option(struct asking *asking, int option, char **argv);
/* When all options are read: finds the socket, which may be "", and what stdout can show. Returns a CMD_ status. */
int asking_configure(struct asking *asking);
/* The same, and says it where there is no socket. */
int asking_prepare(struct asking *asking);

/* Asks words. Returns a CMD_ status; what is wrong has been said. */
int asking_begin(struct asking *asking, const char *const *words, size_t count);
/* The next object of an answer: CLIENT_LINE, CLIENT_END, or CLIENT_FAILED, which has been reported. */
enum client_result asking_next(struct asking *asking, struct bytes *line, json_t **object);
/* All of an answer as an array, which the caller frees; NULL where it failed, which has been reported. */
json_t *asking_collect(struct asking *asking, const char *const *words, size_t count);
/* Passes the lines of an answer on as they are, which are objects or text. Returns a CMD_ status. */
int asking_pass_on(struct asking *asking, const char *const *words, size_t count, bool objects);

/* Writes one line of an answer to standard output. */
void asking_print_line(struct bytes line);

/* Says client's problem. Returns CMD_FAILURE. */
int asking_tell_problem(struct asking *asking);
/* Writes text to standard output, and frees it. Returns a CMD_ status. */
int asking_print(struct screen_text *text);

void asking_finish(struct asking *asking);

/* For commands that take nothing but the common options, and words. Reads them all, and prepares. */
int asking_read_arguments(struct asking *asking, int argc, char **argv);

/* Seconds since 1970. */
double asking_now(void);

#endif
