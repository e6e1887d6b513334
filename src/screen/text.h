/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text for a terminal that is being put together. The gateway's answers have names in them that peers chose, so everything
 * from there goes through screen_add_words(), and nothing in it is more than characters.
 */
#ifndef SCREEN_TEXT_H
#define SCREEN_TEXT_H

#include "ftpalg/base.h"

struct screen_style {
	unsigned int width; /* columns; 0: any */
	bool unicode;
	bool colour;
};

enum screen_tone {
	SCREEN_PLAIN,
	SCREEN_STRONG,
	SCREEN_QUIET,
	SCREEN_GOOD,
	SCREEN_ODD,
	SCREEN_BAD,
	SCREEN_CHOSEN,
};

/* Zero-initialised. Without memory it is lost, and says so. */
struct screen_text {
	const struct screen_style *style;
	char *data; /* with a NUL after it, or NULL */
	size_t length;
	size_t size;
	bool lost;
};

void screen_text_free(struct screen_text *text);

/* Our own words, in ASCII, and what was made by screen_add_words(). */
__attribute__((format(printf, 2, 3))) void screen_add(struct screen_text *text, const char *format, ...);

/* Words of others: a character that can't be shown is \xNN, and so is what is not UTF-8. */
void screen_add_words(struct screen_text *text, const char *words, size_t length);
void screen_add_string(struct screen_text *text, const char *words);

/* Where there are colours; SCREEN_PLAIN ends them. */
void screen_add_tone(struct screen_text *text, enum screen_tone tone);

/* The columns of what was made by these functions, without tones. */
unsigned int screen_width(const char *words, size_t length);

/* Exactly width columns of words: cut, with a sign that it is, or filled up, in front where right is true. */
void screen_add_column(struct screen_text *text, const char *words, unsigned int width, bool right);

/* The end of words, as much as fits into width columns, after a sign where that is not all. */
void screen_add_end(struct screen_text *text, const char *words, unsigned int width);

/* Words, which are wrapped at blanks; column is where the line is, and what follows the first line begins at indent. */
void screen_add_wrapped(struct screen_text *text, const char *words, unsigned int column, unsigned int indent);

#endif
