/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg replay: a capture through the gateway, with the events on standard output and what would leave in a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/capture_run.h"
#include "cmd/options.h"

#define EVENT_BUFFER (1 << 16)

struct arguments {
	struct capture_run run;
	const char *output; /* NULL: none */
	struct capture_output writer;
};

static int read_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = { CAPTURE_RUN_OPTIONS, { NULL, 0, NULL, 0 } };
	int status = CMD_SUCCESS;
	int option;

	while (status == CMD_SUCCESS &&
	       (option = getopt_long(argc, argv, CAPTURE_RUN_SHORT "w:", options, NULL)) != -1) {
		if (option == 'w')
			arguments->output = optarg;
		else
			status = capture_run_set(&arguments->run, option, optarg);
	}
	if (status == CMD_SUCCESS && optind + 1 != argc)
		status = cmd_misuse("replay", "it takes one capture, or - for standard input");
	if (status == CMD_SUCCESS && arguments->output && strcmp(arguments->output, "-") == 0)
		status = cmd_misuse("replay", "-w takes a file; standard output has the events");
	if (status == CMD_SUCCESS)
		arguments->run.input = argv[optind];
	return status;
}

static int open_output(struct arguments *arguments)
{
	char error[CAPTURE_ERROR_MAX];

	if (!arguments->output)
		return CMD_SUCCESS;
	if (capture_output_open(&arguments->writer, &arguments->run.capture, arguments->output, error,
				sizeof(error)) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s", error);
		return CMD_FAILURE;
	}
	arguments->run.settings.output = &arguments->writer;
	return CMD_SUCCESS;
}

static int replay_capture(struct arguments *arguments)
{
	int status;

	arguments->run.settings.events = stdout;
	(void)setvbuf(stdout, NULL, _IOFBF, EVENT_BUFFER);
	status = capture_run_replay(&arguments->run);
	if (capture_output_close(&arguments->writer) < 0) {
		log_message(LOG_LEVEL_ERROR, "%s could not be written", arguments->output);
		status = CMD_FAILURE;
	}
	if (fflush(stdout) != 0 || arguments->run.counters.events_failed) {
		log_message(LOG_LEVEL_ERROR, "the events could not be written");
		status = CMD_FAILURE;
	}
	return status;
}

int cmd_replay(int argc, char **argv)
{
	struct arguments *arguments = calloc(1, sizeof(*arguments));
	int status;

	if (!arguments) {
		fputs("ftpalg replay: out of memory\n", stderr);
		return CMD_FAILURE;
	}
	capture_run_init(&arguments->run, "replay");
	status = read_options(arguments, argc, argv);
	if (status == CMD_SUCCESS)
		status = capture_run_open(&arguments->run);
	if (status == CMD_SUCCESS)
		status = open_output(arguments);
	if (status == CMD_SUCCESS)
		status = replay_capture(arguments);
	capture_output_close(&arguments->writer);
	capture_run_close(&arguments->run);
	free(arguments);
	return status;
}
