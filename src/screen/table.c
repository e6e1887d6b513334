/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/table.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2
#define CELLS_MIN 256

void screen_table_begin(struct screen_table *table, const struct screen_column *columns, size_t column_count)
{
	*table = (struct screen_table){ .columns = columns, .column_count = column_count };
}

void screen_table_clear(struct screen_table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].words);
	table->cell_count = 0;
}

void screen_table_free(struct screen_table *table)
{
	screen_table_clear(table);
	free(table->cells);
	table->cells = NULL;
	table->cell_size = 0;
}

void screen_table_add(struct screen_table *table, struct screen_text *cell, enum screen_tone tone)
{
	if (table->cell_count == table->cell_size) {
		const size_t size = 2 * table->cell_size + CELLS_MIN;
		struct screen_cell *grown = realloc(table->cells, size * sizeof(*grown));

		if (!grown) {
			table->lost = true;
			screen_text_free(cell);
			return;
		}
		table->cells = grown;
		table->cell_size = size;
	}
	table->lost = table->lost || cell->lost;
	table->cells[table->cell_count++] = (struct screen_cell){ cell->data, tone };
	cell->data = NULL;
	cell->length = 0;
	cell->size = 0;
}

size_t screen_table_rows(const struct screen_table *table)
{
	return table->column_count > 0 ? table->cell_count / table->column_count : 0;
}

static const char *words_of(const struct screen_table *table, size_t row, size_t column)
{
	const char *words = table->cells[row * table->column_count + column].words;

	return words ? words : "";
}

static unsigned int natural_width(const struct screen_table *table, size_t column)
{
	unsigned int widest = (unsigned int)strlen(table->columns[column].title);

	for (size_t row = 0; row < screen_table_rows(table); row++) {
		const char *words = words_of(table, row, column);
		const unsigned int width = screen_width(words, strlen(words));

		if (width > widest)
			widest = width;
	}
	return widest;
}

static unsigned int total_width(const struct screen_table *table)
{
	unsigned int total = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (!table->dropped[i])
			total += table->widths[i] + (total > 0 ? GAP : 0);
	return total;
}

/* Takes one column from the widest that may give one. */
static bool shrink_one(struct screen_table *table)
{
	size_t widest = table->column_count;

	for (size_t i = 0; i < table->column_count; i++)
		if (!table->dropped[i] && table->columns[i].least > 0 && table->widths[i] > table->columns[i].least &&
		    (widest == table->column_count || table->widths[i] > table->widths[widest]))
			widest = i;
	if (widest == table->column_count)
		return false;
	table->widths[widest]--;
	return true;
}

static bool drop_one(struct screen_table *table)
{
	size_t first = table->column_count;

	for (size_t i = 0; i < table->column_count; i++)
		if (!table->dropped[i] && table->columns[i].drop > 0 &&
		    (first == table->column_count || table->columns[i].drop > table->columns[first].drop))
			first = i;
	if (first == table->column_count)
		return false;
	table->dropped[first] = true;
	return true;
}

void screen_table_layout(struct screen_table *table, const struct screen_style *style)
{
	unsigned int natural[SCREEN_COLUMNS_MAX] = { 0 };
	bool fits = false;

	memset(table->dropped, 0, sizeof(table->dropped));
	for (size_t i = 0; i < table->column_count; i++)
		natural[i] = natural_width(table, i);
	while (!fits) {
		memcpy(table->widths, natural, sizeof(natural));
		while (style->width > 0 && total_width(table) > style->width && shrink_one(table))
			;
		fits = style->width == 0 || total_width(table) <= style->width || !drop_one(table);
	}
}

/* Blanks are put before a cell and not after it: none ends a line. */
static void print_cell(const struct screen_table *table, size_t column, const struct screen_cell *cell,
		       struct screen_text *text, unsigned int *pending)
{
	const char *words = cell->words ? cell->words : "";
	const unsigned int width = table->widths[column];
	const unsigned int columns = screen_width(words, strlen(words));
	const unsigned int blank = columns < width ? width - columns : 0;
	const bool right = table->columns[column].kind == SCREEN_NUMBER;

	if (columns > 0) {
		screen_add(text, "%*s", (int)(*pending + (right ? blank : 0)), "");
		if (cell->tone != SCREEN_PLAIN)
			screen_add_tone(text, cell->tone);
		if (table->columns[column].kind == SCREEN_PATH)
			screen_add_end(text, words, width);
		else
			screen_add_column(text, words, columns < width ? columns : width, false);
		if (cell->tone != SCREEN_PLAIN)
			screen_add_tone(text, SCREEN_PLAIN);
		*pending = right ? 0 : blank;
	} else {
		*pending += width;
	}
	*pending += GAP;
}

static void print_cells(const struct screen_table *table, const struct screen_cell *cells, struct screen_text *text)
{
	unsigned int pending = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (!table->dropped[i])
			print_cell(table, i, &cells[i], text, &pending);
	screen_add(text, "\n");
}

void screen_table_print_row(const struct screen_table *table, size_t row, struct screen_text *text)
{
	print_cells(table, &table->cells[row * table->column_count], text);
}

void screen_table_print_chosen(const struct screen_table *table, size_t row, bool chosen, struct screen_text *text)
{
	struct screen_cell cells[SCREEN_COLUMNS_MAX];

	memcpy(cells, &table->cells[row * table->column_count], table->column_count * sizeof(cells[0]));
	for (size_t i = 0; chosen && i < table->column_count; i++)
		cells[i].tone = SCREEN_PLAIN;
	if (chosen)
		screen_add_tone(text, SCREEN_CHOSEN);
	print_cells(table, cells, text);
	if (chosen)
		screen_add_tone(text, SCREEN_PLAIN);
}

void screen_table_print_head(const struct screen_table *table, struct screen_text *text)
{
	struct screen_cell cells[SCREEN_COLUMNS_MAX];
	char titles[SCREEN_COLUMNS_MAX][24];

	for (size_t i = 0; i < table->column_count; i++) {
		strncpy(titles[i], table->columns[i].title, sizeof(titles[i]) - 1);
		titles[i][sizeof(titles[i]) - 1] = '\0';
		cells[i] = (struct screen_cell){ titles[i], SCREEN_QUIET };
	}
	print_cells(table, cells, text);
}

void screen_table_print(struct screen_table *table, struct screen_text *text)
{
	screen_table_layout(table, text->style);
	screen_table_print_head(table, text);
	for (size_t row = 0; row < screen_table_rows(table); row++)
		screen_table_print_row(table, row, text);
	text->lost = text->lost || table->lost;
}
