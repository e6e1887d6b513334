/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A terminal that a program has to itself, and that is as it was when the program is gone, whatever ended it. */
#ifndef CMD_WATCH_TERMINAL_H
#define CMD_WATCH_TERMINAL_H

#include "ftpalg/base.h"
#include "screen/text.h"

enum watch_key {
	WATCH_KEY_NONE,
	WATCH_KEY_CHARACTER, /* of ASCII: see *character */
	WATCH_KEY_ENTER,
	WATCH_KEY_ESCAPE,
	WATCH_KEY_BACKSPACE,
	WATCH_KEY_UP,
	WATCH_KEY_DOWN,
	WATCH_KEY_PAGE_UP,
	WATCH_KEY_PAGE_DOWN,
	WATCH_KEY_HOME,
	WATCH_KEY_END,
	WATCH_KEY_OTHER,
};

enum watch_signal {
	WATCH_SIGNAL_NONE,
	WATCH_SIGNAL_RESIZED,
	WATCH_SIGNAL_RESUMED, /* it was stopped, and is in the foreground again */
	WATCH_SIGNAL_END,
};

/*
 * Takes the terminal, and the signals that end or stop a program. Returns a descriptor that can be read when there was a
 * signal, or -1 with errno.
 */
int watch_terminal_take(void);
/* Gives it back. */
void watch_terminal_give_back(void);

/* What the descriptor has. Where it is to stop, it gives the terminal back, stops, and takes it again. */
enum watch_signal watch_terminal_read_signal(int descriptor);

/* Takes the next key off bytes that were typed. */
enum watch_key watch_terminal_take_key(struct bytes *typed, char *character);

/* Fills it with these lines. False: it is gone. */
bool watch_terminal_show(const struct screen_text *text);

#endif
