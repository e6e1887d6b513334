/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a peer said, made fit to be shown. A byte that is not a printable character becomes \xNN, so that no peer's words
 * move a cursor, end a line or turn the direction of the text beside them.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdio.h>

#include "ftpalg/base.h"

#define ESCAPE_MAX 4

/* All of them double a backslash: so what is shown stands for exactly one text. */
enum escape_style {
	ESCAPE_UNICODE,  /* characters of UTF-8 stay */
	ESCAPE_ASCII,    /* only those of ASCII */
	ESCAPE_NOTATION, /* those of ASCII, and line ends are \r and \n: as dialogues and scenarios are written */
};

/* Takes the first character off text, which is not empty, and puts what shows it into out. Returns the length of that. */
size_t escape_take(struct bytes *text, enum escape_style style, char out[ESCAPE_MAX]);

/* \xNN. */
void escape_byte(uint8_t byte, char out[ESCAPE_MAX]);

/* Returns how many columns it took, in a style of ASCII. */
size_t escape_print(FILE *out, struct bytes text, enum escape_style style);

/* Writes text into a page: what would be markup there becomes a reference. */
void escape_markup(FILE *out, struct bytes text);

#endif
