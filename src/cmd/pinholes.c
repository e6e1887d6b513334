/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg pinholes: which data connections are waited for. */
#include <stdio.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

static int pinholes_show(struct asking *asking)
{
	static const char *const words[] = { "pinholes" };
	struct screen_text text = { .style = &asking->style };
	json_t *pinholes;

	if (asking->json)
		return asking_pass_on(asking, words, 1, true);
	pinholes = asking_collect(asking, words, 1);
	if (!pinholes)
		return CMD_FAILURE;
	screen_add_pinholes(&text, pinholes, asking_now());
	json_decref(pinholes);
	return asking_print(&text);
}

int cmd_pinholes(int argc, char **argv)
{
	struct asking asking;
	int status;

	asking_init(&asking, "pinholes");
	status = asking_read_arguments(&asking, argc, argv);
	if (status == CMD_SUCCESS && optind < argc)
		status = cmd_misuse("pinholes", "\"%s\" is not understood", argv[optind]);
	if (status == CMD_SUCCESS)
		status = pinholes_show(&asking);
	asking_finish(&asking);
	return status;
}
