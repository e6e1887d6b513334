/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ladder's three lifelines on a terminal, and what is drawn between them:
 *
 *          time |- left leg ---+- right leg --->|
 *             client        gateway           server
 */
#ifndef REPORT_DRAW_H
#define REPORT_DRAW_H

#include "report/words.h"

/* One character of text, or one of an escape. */
struct report_glyph {
	char text[5];
	uint8_t width;
};

#define REPORT_GLYPHS_MAX (4 * REPORT_LINE_MAX + 2 * REPORT_WORDS_MAX + 128)

struct report_glyphs {
	size_t count;
	struct report_glyph glyph[REPORT_GLYPHS_MAX];
};

struct report_pen {
	FILE *out;
	const struct report_style *style;
	unsigned int left; /* columns of the two legs */
	unsigned int right;
};

void report_pen_init(struct report_pen *pen, const struct report_style *style, FILE *out);

/*
 * What a peer said: printable characters as they are, where the terminal can show them; every other byte as \xNN, and
 * likewise a backslash that could be taken for the beginning of one.
 */
void report_glyphs_add_text(struct report_glyphs *glyphs, const struct report_style *style,
			     const struct report_text *text);
void report_glyphs_add_words(struct report_glyphs *glyphs, const char *words);

/* How an arrow is drawn. */
struct report_arrow {
	enum direction direction;
	enum report_tone tone;
	bool stopped;  /* at the gateway */
	bool absent;   /* only the words: more of the same follows below, and the arrow with it */
};

/* How many columns it takes, and blanks after it so that it takes that many. */
unsigned int report_glyphs_width(const struct report_glyphs *glyphs);
void report_glyphs_pad(struct report_glyphs *glyphs, unsigned int width);

/* The line from one peer to the other, unchanged. moment: NULL for no time. */
void report_draw_line(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const struct report_glyphs *text);
/* A line that left in other words, or did not leave: what the client's side has of it, and the server's. */
void report_draw_legs(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const struct report_glyphs *client, const struct report_glyphs *server);
/* A data connection between two endpoints. */
void report_draw_data(const struct report_pen *pen, const char *moment, const struct report_arrow *arrow,
		      const char *client, const char *server);
/* A remark of the gateway. */
void report_draw_phrase(const struct report_pen *pen, const char *moment, const struct report_phrase *phrase);
/* The names of the lifelines. */
void report_draw_names(const struct report_pen *pen);

/* Words over the whole width, wrapped; what follows the first row is indented. */
void report_draw_words(const struct report_pen *pen, unsigned int indent, const struct report_glyphs *text);

#endif
