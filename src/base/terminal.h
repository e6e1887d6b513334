/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the output can show: how wide, in which characters, with colours or without. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>

struct terminal {
	unsigned int width;  /* columns; of no terminal what COLUMNS says, or 0: any */
	unsigned int height; /* rows; 0: any */
	bool is_terminal;
	bool unicode; /* the locale has UTF-8 */
	bool colour;  /* on a terminal that is not dumb, where NO_COLOR is not set */
};

/* Of what is open as descriptor. Takes the locale from the environment. */
void terminal_read(struct terminal *terminal, int descriptor);

#endif
