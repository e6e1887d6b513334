/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The results as one page: how many of each topic, then a row for each scenario, the worst first, which opens to the bytes.
 * Its policy lets nothing be loaded, and nothing run but its own style and script, which it names by their digests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "ftpalg/address.h"
#include "probe/client.h"
#include "probe/summary.h"
#include "tls/digest.h"

static void print_text(FILE *out, const char *text)
{
	escape_markup(out, (struct bytes){ (const uint8_t *)text, strlen(text) });
}

static void print_item(FILE *out, const char *name, struct bytes text)
{
	if (text.length == 0)
		return;
	fprintf(out, "<dt>%s</dt><dd>", name);
	escape_markup(out, text);
	fputs("</dd>\n", out);
}

/* One line of the peer's is one line of the page. */
static void print_stream(FILE *out, const char *name, const struct probe_bytes *bytes)
{
	size_t from = 0;

	if (bytes->length == 0)
		return;
	fprintf(out, "<dt>%s</dt><dd><code>", name);
	for (size_t i = 0; i < bytes->length; i++) {
		struct probe_bytes escaped = { NULL, 0, 0 };

		if (bytes->data[i] != '\n' && i + 1 < bytes->length)
			continue;
		probe_bytes_escape(&escaped, (struct bytes){ bytes->data + from, i + 1 - from });
		escape_markup(out, (struct bytes){ escaped.data, escaped.length });
		probe_bytes_free(&escaped);
		from = i + 1;
		if (from < bytes->length)
			fputc('\n', out);
	}
	fputs("</code></dd>\n", out);
}

static void print_run(FILE *out, const struct probe_run *run)
{
	const struct scenario *scenario = run->scenario;
	const char *verdict = probe_verdict_name(run->verdict);
	const bool good = run->verdict == PROBE_PASS || run->verdict == PROBE_SKIPPED;
	struct probe_bytes demand = { NULL, 0, 0 };
	char topic[RUN_NAME_MAX];

	summary_name_topic(run->name, topic);
	summary_say_demand(run->statement, &demand);
	fprintf(out, "<details class=\"run\" data-verdict=\"%s\" data-topic=\"", verdict);
	print_text(out, topic);
	fprintf(out, "\"%s><summary><span class=\"verdict %s\">%s</span><code>", good ? "" : " open", verdict, verdict);
	print_text(out, run->name);
	fputs("</code><span class=\"title\">", out);
	escape_markup(out, scenario->title);
	fputs("</span></summary>\n<dl>\n", out);
	print_item(out, good ? "because" : "found", (struct bytes){ (const uint8_t *)run->message, strlen(run->message) });
	print_item(out, "wanted", (struct bytes){ demand.data, demand.length });
	probe_bytes_free(&demand);
	print_item(out, "note", (struct bytes){ (const uint8_t *)run->note, strlen(run->note) });
	for (size_t i = 0; i < scenario->why_count; i++)
		print_item(out, "why", scenario->why[i]);
	print_item(out, "tags", scenario->tags);
	print_stream(out, "client sent", &run->sent[SIDE_CLIENT]);
	print_stream(out, "server saw", &run->saw[SIDE_SERVER]);
	print_stream(out, "server sent", &run->sent[SIDE_SERVER]);
	print_stream(out, "client saw", &run->saw[SIDE_CLIENT]);
	fputs("</dl></details>\n", out);
}

/* False: no memory. */
static bool print_runs(const struct probe_report *report, FILE *out)
{
	const struct probe_run **order = calloc(report->count + 1, sizeof(*order));

	if (!order)
		return false;
	summary_order(report, order);
	for (size_t i = 0; i < report->count; i++)
		print_run(out, order[i]);
	free(order);
	return true;
}

static void print_topic(FILE *out, const struct probe_topic *topic)
{
	fputs("<tr data-topic=\"", out);
	print_text(out, topic->name);
	fputs("\"><th scope=\"row\">", out);
	print_text(out, topic->name);
	fprintf(out, "</th><td class=\"words\">%s</td>", topic->words);
	for (size_t i = 0; i < PROBE_VERDICTS; i++) {
		const size_t count = topic->counts[summary_verdict(i)];

		fprintf(out, "<td class=\"%s\">%zu</td>", count > 0 ? probe_verdict_name(summary_verdict(i)) : "none", count);
	}
	fputs("</tr>\n", out);
}

static void print_topics(const struct probe_report *report, FILE *out)
{
	struct probe_topic topics[PROBE_TOPICS_MAX];
	const size_t count = summary_count_topics(report, topics);

	fputs("<table id=\"topics\">\n<thead><tr><th scope=\"col\">topic</th><th></th>", out);
	for (size_t i = 0; i < PROBE_VERDICTS; i++)
		fprintf(out, "<th scope=\"col\">%s</th>", probe_verdict_name(summary_verdict(i)));
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < count; i++)
		print_topic(out, &topics[i]);
	fputs("</tbody>\n</table>\n", out);
}

/* The script shows it, since it does nothing without the script. */
static void print_filter(const struct probe_report *report, FILE *out)
{
	fputs("<form id=\"filter\" hidden>\n<input id=\"search\" type=\"search\" placeholder=\"words\""
	      " aria-label=\"Only scenarios with these words\">\n", out);
	for (size_t i = 0; i < PROBE_VERDICTS; i++) {
		const char *name = probe_verdict_name(summary_verdict(i));

		fprintf(out, "<label class=\"%s\"><input type=\"checkbox\" name=\"verdict\" value=\"%s\" checked>%s %zu</label>\n",
			name, name, name, report->counts[summary_verdict(i)]);
	}
	fputs("<button type=\"reset\">all</button>\n<span id=\"shown\" class=\"quiet\" aria-live=\"polite\"></span>\n</form>\n",
	      out);
}

static void print_summary(const struct probe_report *report, FILE *out)
{
	const time_t now = time(NULL);
	char server[ENDPOINT_TEXT_MAX];
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	endpoint_format(&report->settings.control, server);
	fprintf(out, "<h1>What lies between here and %s</h1>\n<p class=\"quiet\">ftpalg %s, %s, %.1f seconds</p>\n<p>",
		server, FTPALG_VERSION, date, (double)(report->ended - report->began) / 1e6);
	for (int verdict = PROBE_PASS; verdict <= PROBE_SKIPPED; verdict++)
		fprintf(out, "%s<span class=\"%s\">%zu %s</span>", verdict ? ", " : "",
			probe_verdict_name((enum probe_verdict)verdict), report->counts[verdict],
			probe_verdict_name((enum probe_verdict)verdict));
	fprintf(out, " of %zu.</p>\n", report->count);
	for (int side = 0; side < SIDE_COUNT; side++)
		if (report->open[side])
			fprintf(out, "<p>The %s may connect to any port of the %s, with or without a helper.</p>\n",
				run_side_name((enum scenario_side)side),
				run_side_name(scenario_other_side((enum scenario_side)side)));
	fputs("<p class=\"quiet\">fail: something good does not work. exposed: something got through that a good helper"
	      " blocks. broken: the session hung, was cut off, or its bytes were changed.</p>\n", out);
}

static bool print_head(FILE *out)
{
	const struct embedded *css = &probe_assets[PROBE_CSS];
	const struct embedded *js = &probe_assets[PROBE_JS];
	char style[DIGEST_TEXT_MAX];
	char script[DIGEST_TEXT_MAX];

	if (digest_sha256((struct bytes){ css->data, css->length }, style) != 0 ||
	    digest_sha256((struct bytes){ js->data, js->length }, script) != 0)
		return false;
	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s';"
		" script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>FTP helper, probed</title>\n<style>", style, script);
	(void)fwrite(css->data, 1, css->length, out);
	fputs("</style>\n</head>\n<body>\n<main>\n", out);
	return true;
}

bool probe_report_html(const struct probe_report *report, FILE *out)
{
	bool good = print_head(out);

	print_summary(report, out);
	print_topics(report, out);
	print_filter(report, out);
	good = print_runs(report, out) && good;
	fputs("</main>\n<script>", out);
	(void)fwrite(probe_assets[PROBE_JS].data, 1, probe_assets[PROBE_JS].length, out);
	fputs("</script>\n</body>\n</html>\n", out);
	return fflush(out) == 0 && !ferror(out) && good;
}
