/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The results: a table for people, JSON for programs. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ftpalg/address.h"
#include "probe/client.h"
#include "probe/summary.h"

#define BYTES_SHOWN 1200

static const char *verdict_colour(enum probe_verdict verdict)
{
	switch (verdict) {
	case PROBE_PASS:
		return "\033[32m";
	case PROBE_EXPOSED:
		return "\033[1;31m";
	case PROBE_SKIPPED:
		return "\033[2m";
	default:
		return "\033[31m";
	}
}

static void print_stream(FILE *out, const char *label, const struct probe_bytes *bytes)
{
	struct probe_bytes escaped = { NULL, 0, 0 };
	const size_t shown = bytes->length < BYTES_SHOWN ? bytes->length : BYTES_SHOWN;

	if (bytes->length == 0)
		return;
	probe_bytes_escape(&escaped, (struct bytes){ bytes->data, shown });
	fprintf(out, "      %-11s  %.*s%s\n", label, (int)escaped.length, (const char *)escaped.data,
		shown < bytes->length ? "..." : "");
	probe_bytes_free(&escaped);
}

/* A line below a scenario: what it is, and words. */
static void print_detail(FILE *out, const char *label, struct bytes words)
{
	if (words.length > 0)
		fprintf(out, "      %-11s  %.*s\n", label, (int)words.length, (const char *)words.data);
}

static void print_run(FILE *out, const struct probe_run *run, int width, bool colour)
{
	const struct scenario *scenario = run->scenario;
	const bool good = run->verdict == PROBE_PASS || run->verdict == PROBE_SKIPPED;
	struct probe_bytes demand = { NULL, 0, 0 };

	fprintf(out, "%s%-8s%s %-*s %.*s\n", colour ? verdict_colour(run->verdict) : "",
		probe_verdict_name(run->verdict), colour ? "\033[0m" : "", width, run->name, (int)scenario->title.length,
		(const char *)scenario->title.data);
	print_detail(out, good ? "because" : "found", (struct bytes){ (const uint8_t *)run->message, strlen(run->message) });
	if (run->line > 0)
		summary_say_demand(run->statement, &demand);
	print_detail(out, "wanted", (struct bytes){ demand.data, demand.length });
	probe_bytes_free(&demand);
	print_detail(out, "note", (struct bytes){ (const uint8_t *)run->note, strlen(run->note) });
	if (good)
		return;
	for (size_t i = 0; i < scenario->why_count; i++)
		print_detail(out, "why", scenario->why[i]);
	print_stream(out, "client sent", &run->sent[SIDE_CLIENT]);
	print_stream(out, "server saw", &run->saw[SIDE_SERVER]);
	print_stream(out, "server sent", &run->sent[SIDE_SERVER]);
	print_stream(out, "client saw", &run->saw[SIDE_CLIENT]);
}

static void print_runs(const struct probe_report *report, FILE *out, bool colour)
{
	const struct probe_run **order = calloc(report->count + 1, sizeof(*order));
	int width = 0;

	if (!order)
		return;
	summary_order(report, order);
	for (size_t i = 0; i < report->count; i++)
		if ((int)strlen(report->runs[i].name) > width)
			width = (int)strlen(report->runs[i].name);
	for (size_t i = 0; i < report->count; i++)
		print_run(out, order[i], width, colour);
	free(order);
}

/* A number, in the colour of its verdict where it is not 0. */
static void print_count(FILE *out, size_t count, enum probe_verdict verdict, bool colour)
{
	const bool coloured = colour && count > 0;

	fprintf(out, "  %s%*zu%s", coloured ? verdict_colour(verdict) : "", (int)strlen(probe_verdict_name(verdict)), count,
		coloured ? "\033[0m" : "");
}

static void print_topics(const struct probe_report *report, FILE *out, bool colour)
{
	struct probe_topic topics[PROBE_TOPICS_MAX];
	const size_t count = summary_count_topics(report, topics);
	int width = (int)strlen("topic");

	for (size_t i = 0; i < count; i++)
		if ((int)strlen(topics[i].name) > width)
			width = (int)strlen(topics[i].name);
	fprintf(out, "\n%-*s", width, "topic");
	for (size_t i = 0; i < PROBE_VERDICTS; i++)
		fprintf(out, "  %s", probe_verdict_name(summary_verdict(i)));
	fputc('\n', out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%-*s", width, topics[i].name);
		for (size_t j = 0; j < PROBE_VERDICTS; j++)
			print_count(out, topics[i].counts[summary_verdict(j)], summary_verdict(j), colour);
		fprintf(out, "%s%s\n", *topics[i].words ? "  " : "", topics[i].words);
	}
}

void probe_report_table(const struct probe_report *report, FILE *out, bool colour)
{
	print_runs(report, out, colour);
	print_topics(report, out, colour);
	fputc('\n', out);
	for (int side = 0; side < SIDE_COUNT; side++)
		if (report->open[side])
			fprintf(out, "The %s may connect to any port of the %s, with or without a helper.\n",
				run_side_name((enum scenario_side)side),
				run_side_name(scenario_other_side((enum scenario_side)side)));
	for (int verdict = PROBE_PASS; verdict <= PROBE_SKIPPED; verdict++)
		fprintf(out, "%s%zu %s", verdict ? ", " : "", report->counts[verdict],
			probe_verdict_name((enum probe_verdict)verdict));
	fprintf(out, " of %zu, in %.1f seconds\n", report->count, (double)(report->ended - report->began) / 1e6);
}

static json_t *json_escaped(struct bytes raw)
{
	struct probe_bytes escaped = { NULL, 0, 0 };
	json_t *value;

	probe_bytes_escape(&escaped, raw);
	value = json_stringn(escaped.length > 0 ? (const char *)escaped.data : "", escaped.length);
	probe_bytes_free(&escaped);
	return value;
}

/* A scenario's own words, which are UTF-8 unless their author wrote something else. */
static json_t *json_text(struct bytes text)
{
	json_t *value = json_stringn(text.length > 0 ? (const char *)text.data : "", text.length);

	return value ? value : json_escaped(text);
}

static json_t *json_stream(const struct probe_bytes *bytes)
{
	return json_escaped((struct bytes){ bytes->data, bytes->length });
}

static json_t *json_run(const struct probe_run *run)
{
	const struct scenario *scenario = run->scenario;
	json_t *object = json_object();
	json_t *why = json_array();
	char topic[RUN_NAME_MAX];

	for (size_t i = 0; i < scenario->why_count; i++)
		json_array_append_new(why, json_text(scenario->why[i]));
	json_object_set_new(object, "name", json_string(run->name));
	summary_name_topic(run->name, topic);
	json_object_set_new(object, "topic", json_string(topic));
	json_object_set_new(object, "title", json_text(scenario->title));
	json_object_set_new(object, "verdict", json_string(probe_verdict_name(run->verdict)));
	json_object_set_new(object, "message", json_string(run->message));
	json_object_set_new(object, "note", json_string(run->note));
	json_object_set_new(object, "line", json_integer(run->line));
	json_object_set_new(object, "statement", json_text(run->statement));
	json_object_set_new(object, "why", why);
	json_object_set_new(object, "concerns", json_text(scenario->concerns));
	json_object_set_new(object, "tags", json_text(scenario->tags));
	json_object_set_new(object, "seconds", json_real((double)(run->ended - run->began) / 1e6));
	json_object_set_new(object, "client_sent", json_stream(&run->sent[SIDE_CLIENT]));
	json_object_set_new(object, "server_saw", json_stream(&run->saw[SIDE_SERVER]));
	json_object_set_new(object, "server_sent", json_stream(&run->sent[SIDE_SERVER]));
	json_object_set_new(object, "client_saw", json_stream(&run->saw[SIDE_CLIENT]));
	return object;
}

bool probe_report_json(const struct probe_report *report, FILE *out)
{
	json_t *root = json_object();
	json_t *runs = json_array();
	json_t *counts = json_object();
	char server[ENDPOINT_TEXT_MAX];
	bool good;

	endpoint_format(&report->settings.control, server);
	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(runs, json_run(&report->runs[i]));
	for (int verdict = PROBE_PASS; verdict <= PROBE_SKIPPED; verdict++)
		json_object_set_new(counts, probe_verdict_name((enum probe_verdict)verdict),
				    json_integer((json_int_t)report->counts[verdict]));
	json_object_set_new(root, "version", json_integer(PROBE_VERSION));
	json_object_set_new(root, "ftpalg", json_string(FTPALG_VERSION));
	json_object_set_new(root, "server", json_string(server));
	json_object_set_new(root, "client_to_server_open", json_boolean(report->open[SIDE_CLIENT]));
	json_object_set_new(root, "server_to_client_open", json_boolean(report->open[SIDE_SERVER]));
	json_object_set_new(root, "seconds", json_real((double)(report->ended - report->began) / 1e6));
	json_object_set_new(root, "counts", counts);
	json_object_set_new(root, "scenarios", runs);
	good = json_dumpf(root, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
	json_decref(root);
	return good;
}
