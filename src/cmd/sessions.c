/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg sessions: who is connected, and what they do. */
#include <stdio.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

#define FILTERS_MAX 16

static int sessions_show(struct asking *asking, const char *const *words, size_t count, bool verbose)
{
	struct screen_text text = { .style = &asking->style };
	json_t *sessions;

	if (asking->json)
		return asking_pass_on(asking, words, count, true);
	sessions = asking_collect(asking, words, count);
	if (!sessions)
		return CMD_FAILURE;
	screen_add_sessions(&text, sessions, verbose, asking_now());
	json_decref(sessions);
	return asking_print(&text);
}

int cmd_sessions(int argc, char **argv)
{
	static const struct option options[] = { ASKING_OPTIONS, { "verbose", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	const char *words[FILTERS_MAX + 1] = { "sessions" };
	struct asking asking;
	bool verbose = false;
	int status = CMD_SUCCESS;
	int option;

	asking_init(&asking, "sessions");
	opterr = 0;
	while (status == CMD_SUCCESS && (option = getopt_long(argc, argv, ASKING_LETTERS "v", options, NULL)) != -1) {
		if (option == 'v')
			verbose = true;
		else
			status = asking_read_option(&asking, option, argv);
	}
	if (status == CMD_SUCCESS && argc - optind > FILTERS_MAX)
		status = cmd_misuse("sessions", "at most %d filters are taken", FILTERS_MAX);
	if (status == CMD_SUCCESS)
		status = asking_prepare(&asking);
	if (status == CMD_SUCCESS) {
		for (int i = optind; i < argc; i++)
			words[1 + i - optind] = argv[i];
		status = sessions_show(&asking, words, (size_t)(1 + argc - optind), verbose);
	}
	asking_finish(&asking);
	return status;
}
