/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table that fits. Each column is as wide as its widest cell; where all together are wider than the terminal, the widest
 * of those that may be cut are cut, and where that is not enough, columns are left out.
 */
#ifndef SCREEN_TABLE_H
#define SCREEN_TABLE_H

#include "screen/text.h"

#define SCREEN_COLUMNS_MAX 12

enum screen_kind {
	SCREEN_WORDS,
	SCREEN_NUMBER, /* stands on the right */
	SCREEN_PATH,   /* its end is worth more than its beginning */
};

struct screen_column {
	const char *title;
	unsigned int least; /* it may be cut down to this; 0: never */
	unsigned int drop;  /* the column with the highest is left out first; 0: never */
	enum screen_kind kind;
};

struct screen_cell {
	char *words; /* NULL: none */
	enum screen_tone tone;
};

struct screen_table {
	const struct screen_column *columns;
	size_t column_count;
	struct screen_cell *cells; /* row by row */
	size_t cell_count;
	size_t cell_size;
	unsigned int widths[SCREEN_COLUMNS_MAX];
	bool dropped[SCREEN_COLUMNS_MAX];
	bool lost; /* there was no memory for a cell */
};

void screen_table_begin(struct screen_table *table, const struct screen_column *columns, size_t column_count);
void screen_table_free(struct screen_table *table);

/* The next cell, from left to right and from top to bottom. Takes what is in cell, which is empty then. */
void screen_table_add(struct screen_table *table, struct screen_text *cell, enum screen_tone tone);
size_t screen_table_rows(const struct screen_table *table);
/* Rows that were printed; the widths stay. */
void screen_table_clear(struct screen_table *table);

/* Finds the widths for the cells that exist. */
void screen_table_layout(struct screen_table *table, const struct screen_style *style);
/* Each with a line end. */
void screen_table_print_head(const struct screen_table *table, struct screen_text *text);
void screen_table_print_row(const struct screen_table *table, size_t row, struct screen_text *text);
/* The same as a whole in one tone, where chosen is true. */
void screen_table_print_chosen(const struct screen_table *table, size_t row, bool chosen, struct screen_text *text);
/* Layout, head and all rows. */
void screen_table_print(struct screen_table *table, struct screen_text *text);

#endif
