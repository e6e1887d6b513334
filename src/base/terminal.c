/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_LARGEST 1000

static unsigned int columns_wanted(void)
{
	const char *columns = getenv("COLUMNS");
	unsigned int width = 0;

	for (; columns && *columns >= '0' && *columns <= '9' && width < WIDTH_LARGEST; columns++)
		width = width * 10 + (unsigned int)(*columns - '0');
	return width;
}

void terminal_read(struct terminal *terminal, int descriptor)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	struct winsize size;

	*terminal = (struct terminal){ .is_terminal = isatty(descriptor) };
	terminal->unicode = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	terminal->colour = terminal->is_terminal && !(no_colour && *no_colour) && !(kind && strcmp(kind, "dumb") == 0);
	if (terminal->is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
		terminal->width = size.ws_col;
		terminal->height = size.ws_row;
	}
	if (terminal->width == 0)
		terminal->width = columns_wanted();
}
