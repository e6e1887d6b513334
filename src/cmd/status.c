/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg status: does FTP work, and if not, why? Exit status 0: it does. */
#include <stdio.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

static int status_show(struct asking *asking, bool quiet)
{
	static const char *const words[] = { "status" };
	struct screen_text text = { .style = &asking->style };
	json_t *status = NULL;
	struct bytes line;
	int result;

	if (asking_begin(asking, words, 1) != CMD_SUCCESS || asking_next(asking, &line, &status) != CLIENT_LINE)
		return CMD_FAILURE;
	result = screen_is_healthy(status) ? CMD_SUCCESS : CMD_FAILURE;
	if (quiet && result != CMD_SUCCESS) {
		screen_add_health(&text, status);
		screen_add(&text, "\n");
	} else if (!quiet && asking->json) {
		asking_print_line(line);
	} else if (!quiet) {
		screen_add_status(&text, status, asking->watchdog, asking_now());
	}
	if (asking_print(&text) != CMD_SUCCESS)
		result = CMD_FAILURE;
	json_decref(status);
	return result;
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = { ASKING_OPTIONS, { "quiet", no_argument, NULL, 'q' }, { NULL, 0, NULL, 0 } };
	struct asking asking;
	bool quiet = false;
	int status = CMD_SUCCESS;
	int option;

	asking_init(&asking, "status");
	opterr = 0;
	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, ASKING_LETTERS "q", options, NULL)) != -1) {
		if (option == 'q')
			quiet = true;
		else
			status = asking_read_option(&asking, option, argv);
	}
	if (status == CMD_SUCCESS && optind < argc)
		status = cmd_misuse("status", "\"%s\" is not understood", argv[optind]);
	if (status == CMD_SUCCESS)
		status = asking_prepare(&asking);
	if (status == CMD_SUCCESS)
		status = status_show(&asking, quiet);
	asking_finish(&asking);
	return status;
}
