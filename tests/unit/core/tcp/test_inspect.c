/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From segments to lines: where a line ends, what waits until there is room for it and is then taken once, and what a line
 * costs that carries a token and is longer than others. What lines mean is in the tests of the session.
 */
#include "core/tcp/gateway_internal.h"
#include "ftpalg/token.h"
#include "gateway_rig.h"
#include "unit.h"

#define C DIRECTION_ORIGINAL
#define S DIRECTION_REPLY

/* A line of which the limit is this may be much longer with a token. */
#define LINE 128
#define LONG (2 * LINE)

static struct rig rig;

static int finish(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* Nobody who has this much under way may have more. */
static void begin(uint32_t unacknowledged)
{
	rig_make(&rig, RIG_SNAT);
	rig.limits.line = LINE;
	rig.limits.unacknowledged = unacknowledged;
	rig_start(&rig);
}

static void begin_logged_in(void)
{
	begin(65536);
	rig_login(&rig);
}

/* A static one: so many bytes of a token between those. */
static const char *token(const char *start, size_t length, const char *end)
{
	static char text[2048];

	assert_true(strlen(start) + length + strlen(end) < sizeof(text));
	snprintf(text, sizeof(text), "%s%*s%s", start, (int)length, "", end);
	memset(text + strlen(start), 'A', length);
	return text;
}

static bool is_closed(void)
{
	return rig_reported(&rig, "session-close");
}

/* --- lines that carry a token --- */

/* The verb, or the code, and more of the token than any other line may be long, in one segment. */
static void a393_a_token_may_begin_with_a_segment_that_is_longer_than_other_lines(void **state)
{
	static const char *const starts[] = { "ADAT ", "MIC ", "631 ", "335 ADAT=" };

	(void)state;
	for (size_t index = 0; index < 2 * ARRAY_SIZE(starts); index++) {
		const enum direction direction = index / 2 < 2 ? C : S;
		const char *line = token(starts[index / 2], 1000, "\r\n");
		const size_t piece = index % 2 ? LONG : strlen(line);

		begin_logged_in();
		if (direction == S)
			rig_say(&rig, C, "NOOP\r\n");
		rig_say_bytes(&rig, direction, line, piece, 0);
		rig_acknowledge(&rig, direction_opposite(direction));
		if (piece < strlen(line))
			rig_say(&rig, direction, line + piece);
		assert_false(is_closed());
		rig_assert_got(&rig, direction, line);
		rig_end(&rig);
	}
	begin_logged_in();
}

/* However far behind the verb something else stands. */
static void a393_such_a_segment_is_a_token_to_its_end(void **state)
{
	static const size_t lengths[] = { 1, LONG, LINE_MAX_LENGTH - 6, LINE_MAX_LENGTH, LINE_MAX_LENGTH + 100 };
	static char line[LINE_MAX_LENGTH + 256];

	(void)state;
	for (size_t index = 0; index < ARRAY_SIZE(lengths); index++) {
		begin_logged_in();
		memset(line, 'A', sizeof(line));
		memcpy(line, "ADAT ", 5);
		memcpy(line + 5 + lengths[index], "\xffPORT 10,0,0,99,0,25", 20);
		rig_say_bytes(&rig, C, line, sizeof(line), 0);
		assert_true(rig_reported(&rig, "session-close:line-too-long"));
		rig_assert_got(&rig, C, "");
		rig_end(&rig);
	}
	begin_logged_in();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a393_a_token_may_begin_with_a_segment_that_is_longer_than_other_lines, finish),
		cmocka_unit_test_teardown(a393_such_a_segment_is_a_token_to_its_end, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
