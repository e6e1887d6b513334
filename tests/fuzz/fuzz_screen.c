/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever a gateway answers, a screen of it is characters and line ends, and nothing that moves a cursor. The first byte is
 * how wide the terminal is, the rest an array of objects in JSON, of which each screen takes what it is about.
 */
#include <locale.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "screen/watch.h"

#define NOW 1795874553.0
#define SESSIONS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand_characters(const struct screen_text *text)
{
	struct bytes rest = { (const uint8_t *)text->data, text->length };

	while (rest.length > 0) {
		uint32_t character = 0;
		const size_t length = character_read(rest, &character);

		if (length == 0 || (character != '\n' && !character_is_printable(character)))
			abort();
		rest.data += length;
		rest.length -= length;
	}
}

static void show_watch(struct screen_text *text, const json_t *answer, uint8_t height)
{
	const json_t *chosen[SESSIONS_MAX];
	struct watch_view view = {
		.height = height, .host = "host", .status = json_array_get(answer, 0), .all = answer, .sessions = chosen,
		.decisions = answer, .filter = "", .now = NOW,
	};

	if (json_array_size(answer) > SESSIONS_MAX)
		return;
	view.session_count = watch_choose(answer, "", chosen);
	screen_add_watch(text, &view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct screen_style style = { .width = size > 0 ? data[0] : 0, .unicode = size % 2 };
	struct screen_text text = { .style = &style };
	struct screen_table table;
	json_t *answer = size > 1 ? json_loadb((const char *)data + 1, size - 1, 0, NULL) : NULL;

	setlocale(LC_CTYPE, "C.UTF-8");
	screen_begin_transfers(&table);
	for (size_t i = 0; i < json_array_size(answer); i++) {
		screen_add_status(&text, json_array_get(answer, i), 10, NOW);
		screen_add_xferlog(&text, json_array_get(answer, i));
		screen_put_transfer(&table, &style, json_array_get(answer, i), NOW);
	}
	screen_table_print(&table, &text);
	screen_table_free(&table);
	screen_add_sessions(&text, answer, size % 3, NOW);
	screen_add_pinholes(&text, answer, NOW);
	screen_add_decisions(&text, answer);
	show_watch(&text, answer, style.width);
	demand_characters(&text);
	screen_text_free(&text);
	json_decref(answer);
	return 0;
}
