/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/field.h"
#include "screen/screen.h"
#include "screen/unit.h"

static const struct screen_column columns[] = {
	{ "SESSION", 0, 0, SCREEN_WORDS },
	{ "FORM", 0, 2, SCREEN_WORDS },
	{ "FROM", 15, 0, SCREEN_WORDS },
	{ "TO (as it arrives)", 18, 0, SCREEN_WORDS },
	{ "GOES TO", 15, 0, SCREEN_WORDS },
	{ "LEFT", 0, 0, SCREEN_NUMBER },
	{ "RULE", 6, 1, SCREEN_WORDS },
};

static void put_words(struct screen_table *table, struct screen_text *cell, const char *words)
{
	screen_add_string(cell, *words ? words : "-");
	screen_table_add(table, cell, SCREEN_PLAIN);
}

void screen_add_pinholes(struct screen_text *text, const json_t *pinholes, double now)
{
	struct screen_text cell = { .style = text->style };
	struct screen_table table;
	const size_t count = json_array_size(pinholes);

	screen_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < count; i++) {
		const json_t *pinhole = json_array_get(pinholes, i);
		const double until = field_time(pinhole, "until");

		put_words(&table, &cell, field_text(pinhole, "session"));
		put_words(&table, &cell, field_text(pinhole, "form"));
		put_words(&table, &cell, field_text(pinhole, "from"));
		put_words(&table, &cell, field_text(pinhole, "to"));
		put_words(&table, &cell, field_text(pinhole, "goes_to"));
		if (until >= 0)
			screen_add_age(&cell, until > now ? until - now : 0);
		else
			screen_add(&cell, "-");
		screen_table_add(&table, &cell, SCREEN_PLAIN);
		put_words(&table, &cell, field_text(pinhole, "rule"));
	}
	if (count > 0)
		screen_table_print(&table, text);
	screen_add_tone(text, SCREEN_QUIET);
	screen_add(text, "%zu pinhole%s wait%s for a data connection.\n", count, count == 1 ? "" : "s", count == 1 ? "s" : "");
	screen_add_tone(text, SCREEN_PLAIN);
	screen_table_free(&table);
}
