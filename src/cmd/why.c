/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg why: the last decisions of a session, and who is at fault. */
#include <stdio.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

static int why_show(struct asking *asking, const char *whom)
{
	const char *const words[] = { "why", whom };
	struct screen_text text = { .style = &asking->style };
	json_t *decisions;

	if (asking->json)
		return asking_pass_on(asking, words, 2, true);
	decisions = asking_collect(asking, words, 2);
	if (!decisions)
		return CMD_FAILURE;
	screen_add_decisions(&text, decisions);
	json_decref(decisions);
	return asking_print(&text);
}

int cmd_why(int argc, char **argv)
{
	struct asking asking;
	int status;

	asking_init(&asking, "why");
	status = asking_read_arguments(&asking, argc, argv);
	if (status == CMD_SUCCESS && argc - optind != 1)
		status = cmd_misuse("why", "it takes the address of a client, or a session");
	if (status == CMD_SUCCESS)
		status = why_show(&asking, argv[optind]);
	asking_finish(&asking);
	return status;
}
