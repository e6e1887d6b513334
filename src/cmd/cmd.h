/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of ftpalg. Each is one file with one function, except those of act.c, and main.c has them in its table. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "config/config.h"
#include "run/supervisor.h"

/* What a command returns, which becomes the exit status of the program. */
enum cmd_exit {
	CMD_SUCCESS = 0,
	CMD_FAILURE = 1,
	CMD_USAGE = 2, /* the command line makes no sense */
};

/* argv[0] is the name of the command. main.c has answered --help before any of these is called. */
int cmd_ca(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_pinholes(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_proxy(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_reopen(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_sessions(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_takeover(int argc, char **argv);
int cmd_transfers(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_why(int argc, char **argv);

/* For cmd_run and cmd_proxy: name is how the user called it. */
int cmd_supervise(const char *name, enum supervisor_kind kind, int argc, char **argv);

#endif
