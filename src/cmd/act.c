/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg reload, reopen and kill: what is asked for at the socket "control". */
#include <stdio.h>

#include "base/log.h"
#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

static int act_say(const json_t *answer)
{
	struct screen_text text = { .style = NULL };

	screen_add_string(&text, json_string_value(json_object_get(answer, "said"))
					 ? json_string_value(json_object_get(answer, "said"))
					 : "done");
	screen_add(&text, "\n");
	return asking_print(&text);
}

/* whom: NULL where the command has no object. */
static int act(struct asking *asking, const char *command, const char *whom)
{
	const char *const words[] = { command, whom };
	json_t *answers;
	int status = CMD_FAILURE;

	if (asking->json)
		return asking_pass_on(asking, words, whom ? 2 : 1, true);
	answers = asking_collect(asking, words, whom ? 2 : 1);
	if (answers && json_is_true(json_object_get(json_array_get(answers, 0), "done")))
		status = act_say(json_array_get(answers, 0));
	else if (answers)
		log_message(LOG_LEVEL_ERROR, "ftpalg has not said that it was done");
	json_decref(answers);
	return status;
}

static int act_command(const char *command, bool has_object, int argc, char **argv)
{
	struct asking asking;
	int status;

	asking_init(&asking, command);
	asking.acts = true;
	status = asking_read_arguments(&asking, argc, argv);
	if (status == CMD_SUCCESS && has_object && argc - optind != 1)
		status = cmd_misuse(command, "it takes a session; \"ftpalg sessions\" lists them");
	else if (status == CMD_SUCCESS && !has_object && optind < argc)
		status = cmd_misuse(command, "\"%s\" is not understood", argv[optind]);
	if (status == CMD_SUCCESS)
		status = act(&asking, command, has_object ? argv[optind] : NULL);
	asking_finish(&asking);
	return status;
}

int cmd_reload(int argc, char **argv)
{
	return act_command("reload", false, argc, argv);
}

int cmd_reopen(int argc, char **argv)
{
	return act_command("reopen", false, argc, argv);
}

int cmd_kill(int argc, char **argv)
{
	return act_command("kill", true, argc, argv);
}
