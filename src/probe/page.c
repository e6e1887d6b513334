/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The results as one page that needs nothing but itself: a row for each scenario, which opens to the bytes. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "ftpalg/address.h"
#include "probe/client.h"

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>FTP helper, probed</title>\n"
	"<style>\n";

static const char body[] =
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<main>\n";

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
	const bool bad = run->verdict != PROBE_PASS && run->verdict != PROBE_SKIPPED;

	fprintf(out, "<details%s><summary><span class=\"verdict %s\">%s</span><code>", bad ? " open" : "", verdict,
		verdict);
	print_text(out, run->name);
	fputs("</code><span class=\"title\">", out);
	escape_markup(out, scenario->title);
	fputs("</span></summary>\n<dl>\n", out);
	print_item(out, "found", (struct bytes){ (const uint8_t *)run->message, strlen(run->message) });
	print_item(out, "against", run->statement);
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

bool probe_report_html(const struct probe_report *report, FILE *out)
{
	fputs(head, out);
	(void)fwrite(probe_assets[0].data, 1, probe_assets[0].length, out);
	fputs(body, out);
	print_summary(report, out);
	for (size_t i = 0; i < report->count; i++)
		print_run(out, &report->runs[i]);
	fputs("</main>\n</body>\n</html>\n", out);
	return fflush(out) == 0 && !ferror(out);
}
