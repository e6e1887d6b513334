/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of watch: it fills every terminal, and nothing that is told makes it larger. */
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "screen/watch.h"
#include "unit.h"

/* 2026-11-28T14:02:33Z */
#define NOW 1795874553.0

static const char sessions_json[] =
	"[{\"session\":\"a4\",\"client_ip\":\"10.0.0.8\",\"server_ip\":\"203.0.113.9\",\"user\":\"new\",\"state\":\"transfer\",\"verb\":"
	"\"RETR\",\"path\":\"b\",\"direction\":\"down\",\"bytes\":null,\"total\":1000,\"rate\":null},"
	"{\"session\":\"a3\",\"client_ip\":\"10.0.0.7\",\"server_ip\":\"203.0.113.9\",\"user\":\"build\",\"state\":\"idle\",\"idle\":3},"
	"{\"session\":\"a2\",\"client_ip\":\"10.0.0.7\",\"server_ip\":\"203.0.113.9\",\"user\":\"build\",\"state\":\"transfer\",\"verb\":"
	"\"STOR\",\"path\":\"/in/site.tgz\",\"direction\":\"up\",\"bytes\":12100000,\"total\":null,\"rate\":1100000},"
	"{\"session\":\"a1\",\"client_ip\":\"2001:db8:1:2:3:4:5:6\",\"server_ip\":\"2001:db8::9\",\"user\":\"m\xc3\xbcller\",\"state\":"
	"\"transfer\",\"verb\":\"RETR\",\"path\":\"/pub/a\\u001b[2Jb.iso\",\"direction\":\"down\",\"bytes\":4190000000,\"total\":4702019584,"
	"\"rate\":61200000}]";
static const char status_json[] =
	"{\"health\":\"degraded\",\"problems\":[{\"what\":\"IPv6 passes uninspected\"}],\"sessions\":{\"open\":3},"
	"\"pinholes\":{\"open\":1},\"workers\":[{\"waiting\":2},{\"waiting\":3}]}";
static const char decisions_json[] =
	"[{\"time\":\"2026-11-28T14:02:31Z\",\"kind\":\"refuse\",\"client_ip\":\"10.0.0.23\",\"text\":\"PORT\\u0007 refused\"},"
	"{\"time\":\"2026-11-28T14:02:32Z\",\"kind\":\"line\",\"text\":\"C> RETR big.iso\"}]";

struct scene {
	json_t *sessions;
	json_t *status;
	json_t *decisions;
	const json_t *chosen[8];
	struct watch_view view;
};

static void scene_begin(struct scene *scene, const char *filter)
{
	scene->sessions = json_loads(sessions_json, 0, NULL);
	scene->status = json_loads(status_json, 0, NULL);
	scene->decisions = json_loads(decisions_json, 0, NULL);
	assert_true(scene->sessions && scene->status && scene->decisions);
	scene->view = (struct watch_view){
		.height = 24, .host = "router1", .status = scene->status, .all = scene->sessions, .sessions = scene->chosen,
		.session_count = watch_choose(scene->sessions, filter, scene->chosen), .decisions = scene->decisions,
		.filter = filter,
		.now = NOW,
	};
}

static void scene_end(struct scene *scene)
{
	json_decref(scene->sessions);
	json_decref(scene->status);
	json_decref(scene->decisions);
}

static void transfers_come_first_and_filters_choose(void **state)
{
	static const struct {
		const char *filter;
		const char *order;
	} rows[] = {
		{ "", "a1a2a4a3" }, { "BUILD", "a2a3" }, { "10.0.0.7", "a2a3" }, { "site.tgz", "a2" }, { "stor", "a2" },
		{ "transfer", "a1a2a4" }, { "nobody", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene scene;
		char order[16] = "";

		scene_begin(&scene, rows[i].filter);
		for (size_t j = 0; j < scene.view.session_count; j++)
			strcat(order, json_string_value(json_object_get(scene.chosen[j], "session")));
		scene_end(&scene);
		if (strcmp(order, rows[i].order) != 0)
			fail_msg("\"%s\" chooses %s", rows[i].filter, order);
	}
}

static void a_screen_of_80_columns(void **state)
{
	static const struct screen_style style = { .width = 80, .unicode = true };
	struct screen_text text = { .style = &style };
	struct scene scene;

	(void)state;
	scene_begin(&scene, "");
	scene.view.height = 15;
	scene.view.refusal_rate = 2;
	screen_add_watch(&text, &scene.view);
	scene_end(&scene);
	/* Rulers apart, which are 80 characters of three bytes each. */
	for (char *ruler = strstr(text.data, "\xe2\x94\x80"); ruler; ruler = strstr(ruler, "\xe2\x94\x80"))
		memmove(ruler, ruler + 240, strlen(ruler + 240) + 1);
	assert_string_equal(text.data,
			    "ftpalg on router1   14:02:33   DEGRADED: IPv6 passes uninspected\n"
			    "sessions 3   pinholes 1   61 MB/s down   1.1 MB/s up   refused 2/s   queue 5\n"
			    "\n"
			    "   CLIENT           USER    DOING                           DONE      RATE  LEFT\n"
			    ">  2001:db8:1:2:3\xe2\x80\xa6  m\xc3\xbcller  RETR a\\x1b[2Jb.\xe2\x80\xa6  [########  ]   89%   61 MB/s  0:08\n"
			    "   10.0.0.7         build   STOR site.tgz     [....      ]     ?  1.1 MB/s\n"
			    "   10.0.0.8         new     RETR b            [          ]     ?         -\n"
			    "   10.0.0.7         build   idle 3 s\n"
			    "\n\n\n"
			    "14:02:31  10.0.0.23  PORT\\x07 refused\n"
			    "14:02:32  C> RETR big.iso\n"
			    "\n"
			    "up, down: select  enter: why  k: kill  /: filter  q: quit\n");
	screen_text_free(&text);
}

static void check_size(const struct screen_text *text, unsigned int width, unsigned int height)
{
	unsigned int lines = 0;

	for (const char *line = text->data; *line; line += strcspn(line, "\n") + 1, lines++)
		if (screen_width(line, strcspn(line, "\n")) > width)
			fail_msg("wider than %u:\n%.*s", width, (int)strcspn(line, "\n"), line);
	if (lines != height)
		fail_msg("%u lines for %u:\n%s", lines, height, text->data);
	for (size_t i = 0; i < text->length; i++)
		if ((uint8_t)text->data[i] < ' ' && text->data[i] != '\n')
			fail_msg("a control character in\n%s", text->data);
}

static void every_terminal_is_filled(void **state)
{
	static const char *const messages[] = { NULL, "End a1, 10.0.0.7 build? y: yes   other keys: no", "\033[2J\xff" };
	struct scene scene;

	(void)state;
	scene_begin(&scene, "");
	for (unsigned int width = 50; width <= 250; width += 7)
		for (unsigned int height = 6; height <= 60; height++) {
			const struct screen_style style = { .width = width, .unicode = width % 2 };
			struct screen_text text = { .style = &style };

			scene.view.height = height;
			scene.view.selected = height % 3;
			scene.view.first = height % 2;
			scene.view.message = messages[width % 3];
			scene.view.status = height % 5 ? scene.status : NULL;
			scene.view.absence = height % 7 ? NULL : "ftpalg is not running (no answer on /run/ftpalg/monitor)";
			screen_add_watch(&text, &scene.view);
			check_size(&text, width, height);
			screen_text_free(&text);
		}
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfers_come_first_and_filters_choose),
		cmocka_unit_test(a_screen_of_80_columns),
		cmocka_unit_test(every_terminal_is_filled),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
