/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a peer says, shown: nothing but characters that can be shown, and what is shown stands for one text only. */
#include <stdlib.h>

#include "base/escape.h"
#include "unit.h"

#define SAID_MAX 64

static const enum escape_style styles[] = { ESCAPE_UNICODE, ESCAPE_ASCII, ESCAPE_NOTATION };

static size_t show(const uint8_t *said, size_t length, enum escape_style style, char *out)
{
	struct bytes rest = { said, length };
	size_t shown = 0;

	while (rest.length > 0)
		shown += escape_take(&rest, style, out + shown);
	return shown;
}

static void a239_what_is_said_is_shown(void **state)
{
	static const struct {
		const char *said;
		size_t length;
		const char *shown[3];
	} rows[] = {
		{ TEXT("RETR a b"), { "RETR a b", "RETR a b", "RETR a b" } },
		{ TEXT("a\\b"), { "a\\\\b", "a\\\\b", "a\\\\b" } },
		{ TEXT("220 hi\r\n"), { "220 hi\\x0d\\x0a", "220 hi\\x0d\\x0a", "220 hi\\r\\n" } },
		{ TEXT("\x1b[2J\x7f\0"), { "\\x1b[2J\\x7f\\x00", "\\x1b[2J\\x7f\\x00", "\\x1b[2J\\x7f\\x00" } },
		{ TEXT("\xc3\xa9"), { "\xc3\xa9", "\\xc3\\xa9", "\\xc3\\xa9" } },
		/* Well-formed, but it turns the direction of the text that follows. */
		{ TEXT("\xe2\x80\xae"), { "\\xe2\\x80\\xae", "\\xe2\\x80\\xae", "\\xe2\\x80\\xae" } },
		/* Not seen at all: a soft hyphen, a joiner, a filler, a tag. */
		{ TEXT("\xc2\xad"), { "\\xc2\\xad", "\\xc2\\xad", "\\xc2\\xad" } },
		{ TEXT("\xe2\x80\x8d"), { "\\xe2\\x80\\x8d", "\\xe2\\x80\\x8d", "\\xe2\\x80\\x8d" } },
		{ TEXT("\xe2\xa0\x80"), { "\\xe2\\xa0\\x80", "\\xe2\\xa0\\x80", "\\xe2\\xa0\\x80" } },
		{ TEXT("\xe3\x85\xa4"), { "\\xe3\\x85\\xa4", "\\xe3\\x85\\xa4", "\\xe3\\x85\\xa4" } },
		{ TEXT("\xf3\xa0\x81\x81"), { "\\xf3\\xa0\\x81\\x81", "\\xf3\\xa0\\x81\\x81", "\\xf3\\xa0\\x81\\x81" } },
		/* And their neighbours are. */
		{ TEXT("\xc2\xac\xe2\x80\x90"), { "\xc2\xac\xe2\x80\x90", "\\xc2\\xac\\xe2\\x80\\x90",
						 "\\xc2\\xac\\xe2\\x80\\x90" } },
		/* Cut off, overlong, and half of a pair. */
		{ TEXT("\xe2\x80"), { "\\xe2\\x80", "\\xe2\\x80", "\\xe2\\x80" } },
		{ TEXT("\xc0\xaf"), { "\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf" } },
		{ TEXT("\xed\xa0\x80"), { "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" } },
	};
	char shown[ESCAPE_MAX * SAID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t style = 0; style < ARRAY_SIZE(styles); style++) {
			shown[show((const uint8_t *)rows[i].said, rows[i].length, styles[style], shown)] = '\0';
			assert_string_equal(shown, rows[i].shown[style]);
		}
}

/* Reads it back: how many bytes of shown stand for which bytes is told by shown alone. */
static size_t read_back(const char *shown, size_t length, uint8_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < length; count++) {
		unsigned int byte = (unsigned char)shown[i];

		if (byte != '\\') {
			i++;
		} else if (shown[i + 1] == 'x') {
			assert_int_equal(sscanf(shown + i + 2, "%2x", &byte), 1);
			i += ESCAPE_MAX;
		} else {
			byte = shown[i + 1] == 'r' ? '\r' : shown[i + 1] == 'n' ? '\n' : '\\';
			i += 2;
		}
		out[count] = (uint8_t)byte;
	}
	return count;
}

static void what_is_shown_can_be_read_back(void **state)
{
	static const uint8_t alphabet[] = { '\\', 'x', 'r', '0', '\r', '\n', 0xc3, 0xa9, 0xe2, 0x80, 0xae, 0 };
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t said[SAID_MAX], back[ESCAPE_MAX * SAID_MAX];
		char shown[ESCAPE_MAX * SAID_MAX + 1];
		const size_t length = unit_random_below(&seed, SAID_MAX);
		const enum escape_style style = styles[round % 3];
		size_t count;

		for (size_t i = 0; i < length; i++)
			said[i] = unit_random_below(&seed, 4) ? alphabet[unit_random_below(&seed, sizeof(alphabet))]
							      : (uint8_t)unit_random_below(&seed, 256);
		count = show(said, length, style, shown);
		shown[count] = '\0';
		for (size_t i = 0; i < count; i++)
			assert_true((uint8_t)shown[i] >= ' ' && (style == ESCAPE_UNICODE || (uint8_t)shown[i] < 0x7f));
		assert_int_equal(read_back(shown, count, back), length);
		assert_memory_equal(back, said, length);
	}
}

static void markup_is_text_in_a_page(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	escape_markup(out, unit_string("<b a=\"1\" c='2'>&amp;</b>"));
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a239_what_is_said_is_shown),
		cmocka_unit_test(what_is_shown_can_be_read_back),
		cmocka_unit_test(markup_is_text_in_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
