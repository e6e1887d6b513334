/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What shells complete: the scripts in src/cmd/completion ask "ftpalg help --completion" with the words so far, so there is
 * nothing in them that could differ from the program.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "cmd/asking.h"
#include "cmd/cmd.h"
#include "cmd/help.h"

/* A user at a prompt waits no longer for a gateway. */
#define PATIENCE_MILLISECONDS 300

/* Words that stand for something else are in capitals. */
static bool is_placeholder(const char *word, size_t length)
{
	return length > 1 && isupper((unsigned char)word[0]) && isupper((unsigned char)word[1]);
}

static bool is_placeholder_of(const char *word, size_t length, const char *kind)
{
	return strlen(kind) == length && memcmp(word, kind, length) == 0;
}

static const char *text_of(const json_t *session, const char *name)
{
	const char *text = json_string_value(json_object_get(session, name));

	return text ? text : "";
}

/* The values that the running gateway's sessions have for this member; none if no gateway answers. */
static void complete_sessions(const char *member, FILE *out)
{
	static const char *const words[] = { "sessions" };
	struct screen_text text = { .style = NULL };
	struct asking asking;
	json_t *session;
	struct bytes line;

	asking_init(&asking, "help");
	if (asking_prepare(&asking) == CMD_SUCCESS && client_ask(&asking.client, words, 1) == 0)
		while (client_read(&asking.client, PATIENCE_MILLISECONDS, &line, &session) == CLIENT_LINE) {
			screen_add_string(&text, text_of(session, member));
			screen_add(&text, "\t");
			screen_add_string(&text, text_of(session, "user"));
			screen_add(&text, " ");
			screen_add_state(&text, session);
			screen_add(&text, "\n");
			json_decref(session);
		}
	(void)fwrite(text.data ? text.data : "", 1, text.length, out);
	screen_text_free(&text);
	asking_finish(&asking);
}

static void complete_placeholder(const struct command_row *table, const char *word, size_t length, FILE *out)
{
	if (is_placeholder_of(word, length, "FILE") || is_placeholder_of(word, length, "PATH") ||
	    is_placeholder_of(word, length, "CAPTURE"))
		fputs(":files\n", out);
	else if (is_placeholder_of(word, length, "SESSION"))
		complete_sessions("session", out);
	else if (is_placeholder_of(word, length, "CLIENT"))
		complete_sessions("client_ip", out);
	else if (is_placeholder_of(word, length, "COMMAND"))
		for (const struct command_row *row = table; row->name; row++)
			fprintf(out, "%s\t%s\n", row->name, row->help);
}

/* What follows the option in an item's text: "FILE" in "-c FILE". NULL: nothing, or it is another option's item. */
static const char *value_of(const struct command_item *item, const char *option)
{
	const size_t length = strcspn(item->text, " ");

	if (item->text[0] != '-' || strncmp(item->text, option, length) != 0 || option[length] != '\0' ||
	    item->text[length] == '\0' || item->text[length - 1] == ',')
		return NULL;
	return item->text + length + 1;
}

/* The words of an item that can be typed as they are, and what the others stand for. */
static void complete_item(const struct command_row *table, const struct command_item *item, const char *begun, FILE *out)
{
	const char *word = item->text;

	while (*word) {
		const size_t length = strcspn(word, ", ");

		/* Options are many: they are shown only if one is asked for. */
		if (is_placeholder(word, length)) {
			if (word == item->text && begun[0] != '-')
				complete_placeholder(table, word, length, out);
		} else if ((word[0] == '-') == (begun[0] == '-')) {
			fprintf(out, "%.*s\t%s\n", (int)length, word, item->help);
		}
		word += length + strspn(word + length, ", ");
	}
}

static void complete_arguments(const struct command_row *table, const struct command_row *command, const char *before,
			       const char *begun, FILE *out)
{
	static const struct command_item help = { "--help", "shows what the command takes" };

	for (const struct command_item *item = command->items; item && item->text; item++) {
		const char *value = value_of(item, before);

		if (value) {
			complete_placeholder(table, value, strlen(value), out);
			return;
		}
	}
	for (const struct command_item *item = command->items; item && item->text; item++)
		complete_item(table, item, begun, out);
	complete_item(table, &help, begun, out);
}

void help_complete(const struct command_row *table, int count, char **words, FILE *out)
{
	const struct command_row *command;

	if (count < 2) {
		complete_placeholder(table, "COMMAND", strlen("COMMAND"), out);
		return;
	}
	command = help_find(table, words[0]);
	if (command)
		complete_arguments(table, command, count > 2 ? words[count - 2] : "", words[count - 1], out);
}
