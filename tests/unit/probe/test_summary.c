/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown first of a probe's results, and what is counted together. */
#include <stdlib.h>

#include "probe/summary.h"
#include "unit.h"

static const struct {
	const char *name;
	enum probe_verdict verdict;
} rows[] = {
	{ "active-port", PROBE_PASS },    { "bounce-port", PROBE_EXPOSED }, { "bounce-eprt", PROBE_SKIPPED },
	{ "active-eprt", PROBE_FAIL },    { "mine", PROBE_BROKEN },         { "bounce-227", PROBE_EXPOSED },
};

static struct probe_report make_report(void)
{
	struct probe_report report = { .count = ARRAY_SIZE(rows) };

	report.runs = calloc(report.count, sizeof(*report.runs));
	assert_non_null(report.runs);
	for (size_t i = 0; i < report.count; i++) {
		strncpy(report.runs[i].name, rows[i].name, sizeof(report.runs[i].name) - 1);
		report.runs[i].verdict = rows[i].verdict;
	}
	return report;
}

static void what_is_worst_comes_first(void **state)
{
	static const char *const expected[] = { "bounce-227", "bounce-port", "mine", "active-eprt", "active-port", "bounce-eprt" };
	struct probe_report report = make_report();
	const struct probe_run *order[ARRAY_SIZE(rows)];

	(void)state;
	summary_order(&report, order);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(order[i]->name, expected[i]);
	free(report.runs);
}

static void what_is_of_one_topic_is_counted_together(void **state)
{
	struct probe_report report = make_report();
	struct probe_topic topics[PROBE_TOPICS_MAX];

	(void)state;
	assert_int_equal(summary_count_topics(&report, topics), 3);
	assert_string_equal(topics[0].name, "active");
	assert_string_equal(topics[0].words, "transfers in active mode");
	assert_int_equal(topics[0].counts[PROBE_PASS], 1);
	assert_int_equal(topics[0].counts[PROBE_FAIL], 1);
	assert_string_equal(topics[1].name, "bounce");
	assert_int_equal(topics[1].counts[PROBE_EXPOSED], 2);
	/* Somebody else's scenario, whose name is one word. */
	assert_string_equal(topics[2].name, "mine");
	assert_string_equal(topics[2].words, "");
	free(report.runs);
}

static void demands_are_parts_of_sentences(void **state)
{
	static const struct {
		const char *statement;
		const char *words;
	} demands[] = {
		{ "client is refused", "the client is refused" },
		{ "server sees PORT {offer}", "the server sees PORT {offer}" },
		{ "data server to client blocked", "a data connection, server to client blocked" },
		{ "noop", "noop" },
		{ "data", "data" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(demands); i++) {
		struct probe_bytes words = { NULL, 0, 0 };

		summary_say_demand(unit_string(demands[i].statement), &words);
		assert_int_equal(words.length, strlen(demands[i].words));
		if (words.length > 0)
			assert_memory_equal(words.data, demands[i].words, words.length);
		probe_bytes_free(&words);
	}
}

/* Every scenario that is built in has a topic with words. */
static void every_topic_that_is_built_in_has_words(void **state)
{
	struct probe_report report = { .count = probe_builtins_count };
	struct probe_topic topics[PROBE_TOPICS_MAX];
	size_t count;

	(void)state;
	report.runs = calloc(report.count, sizeof(*report.runs));
	assert_non_null(report.runs);
	for (size_t i = 0; i < report.count; i++)
		strncpy(report.runs[i].name, probe_builtins[i].name, sizeof(report.runs[i].name) - 1);
	count = summary_count_topics(&report, topics);
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++)
		if (!*topics[i].words)
			fail_msg("the topic \"%s\" has no words", topics[i].name);
	free(report.runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_worst_comes_first),
		cmocka_unit_test(what_is_of_one_topic_is_counted_together),
		cmocka_unit_test(demands_are_parts_of_sentences),
		cmocka_unit_test(every_topic_that_is_built_in_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
