/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/help.h"

#include <string.h>

#define HELP_WIDTH 79
/* The longest item that stands before its help in one line: longer ones have their own line. */
#define ITEM_WIDTH 21

const struct command_row *help_find(const struct command_row *table, const char *name)
{
	for (const struct command_row *row = table; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

void help_print_all(const struct command_row *table, FILE *out)
{
	fputs("usage: ftpalg COMMAND [ARGUMENT]...\n\n", out);
	for (const struct command_row *row = table; row->name; row++)
		fprintf(out, "  %-9s  %s\n", row->name, row->help);
	fputs("\n\"ftpalg COMMAND -h\" shows what it takes. See ftpalg(8) and ftpalg.conf(5).\n", out);
}

/* From column indent on, which has been reached. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
	int column = indent;

	while (*text) {
		const int length = (int)strcspn(text, " ");

		if (column > indent && column + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		}
		column += fprintf(out, "%s%.*s", column > indent ? " " : "", length, text);
		text += length + strspn(text + length, " ");
	}
	fputc('\n', out);
}

void help_print(const struct command_row *command, FILE *out)
{
	int width = 0;

	fprintf(out, "usage: ftpalg %s%s%s\n\nftpalg %s: %s\n", command->name, *command->arguments ? " " : "",
		command->arguments, command->name, command->help);
	if (!command->items)
		return;
	for (const struct command_item *item = command->items; item->text; item++)
		if ((int)strlen(item->text) <= ITEM_WIDTH && (int)strlen(item->text) > width)
			width = (int)strlen(item->text);
	fputc('\n', out);
	for (const struct command_item *item = command->items; item->text; item++) {
		fprintf(out, "  %-*s", width + 2, item->text);
		if ((int)strlen(item->text) > width)
			fprintf(out, "\n%*s", width + 4, "");
		print_wrapped(item->help, width + 4, out);
	}
}
