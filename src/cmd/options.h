/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the options of several commands take, and the answer to those that make no sense. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "ftpalg/base.h"

/* Says on standard error what is wrong with the command line of command, and where help is. Returns CMD_USAGE. */
__attribute__((format(printf, 2, 3)))
int cmd_misuse(const char *command, const char *format, ...);

/* Readers of the whole of text: false where it is something else. */
bool option_read_number(const char *text, uint32_t maximum, uint32_t *number);

/* 1 to 65535. */
bool option_read_port(const char *text, uint16_t *port);

bool option_read_address(const char *text, struct address *address);

/* INSIDE=OUTSIDE, of one family. */
bool option_read_translation(const char *text, struct address *inside, struct address *outside);

#endif
