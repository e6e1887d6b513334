/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One self-contained page. Its policy lets nothing be loaded and nothing run but its own style and script, which it
 * names by their digests; so even a mistake in the escaping of a peer's words would not let them run.
 */
#include <inttypes.h>
#include <string.h>

#include "ftpalg/address.h"
#include "report/assets.h"
#include "report/html.h"
#include "tls/digest.h"

/* How many ladders are open at first. */
#define OPEN_SESSIONS 3

static void put_name(const struct page *page)
{
	page_put_words(page, page->head->name);
}

static int put_head(const struct page *page)
{
	char style[DIGEST_TEXT_MAX];
	char script[DIGEST_TEXT_MAX];
	int result = digest_sha256((struct bytes){ report_assets[REPORT_CSS].data, report_assets[REPORT_CSS].length },
				   style);

	if (result == 0)
		result = digest_sha256((struct bytes){ report_assets[REPORT_JS].data, report_assets[REPORT_JS].length },
				       script);
	if (result < 0)
		return result;
	page_print(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s';"
		   " script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"color-scheme\" content=\"light dark\">\n"
		   "<meta name=\"generator\" content=\"ftpalg " FTPALG_VERSION "\">\n<title>", style, script);
	put_name(page);
	page_print(page, " - ftpalg report</title>\n<style>");
	(void)fwrite(report_assets[REPORT_CSS].data, 1, report_assets[REPORT_CSS].length, page->out);
	page_print(page, "</style>\n</head>\n");
	return 0;
}

static void put_fact(const struct page *page, const char *name, const char *value, const char *tone)
{
	page_print(page, "<div class=\"%s\"><dt>%s</dt><dd>%s</dd></div>", tone, name, value);
}

static void put_number(const struct page *page, const char *name, uint64_t value, const char *tone)
{
	char text[REPORT_NUMBER_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_fact(page, name, text, value > 0 ? tone : "plain");
}

static void put_facts(const struct page *page)
{
	const struct report_totals *totals = &page->report->totals;
	char text[REPORT_NUMBER_MAX];

	page_print(page, "<dl class=\"facts\">");
	put_number(page, "Sessions", totals->sessions, "plain");
	put_number(page, "Logins", totals->logins, "plain");
	put_number(page, "Transfers", totals->transfers, "plain");
	report_format_bytes(totals->bytes, text);
	put_fact(page, "Data", text, "plain");
	snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64, totals->used, totals->pinholes);
	put_fact(page, "Pinholes used", text, "plain");
	put_number(page, "Refusals", totals->refusals, "bad");
	put_number(page, "Anomalies", totals->anomalies, "warning");
	page_print(page, "</dl>\n");
}

static void put_settings(const struct page *page)
{
	const struct replay_settings *settings = page->head->settings;
	char address[ADDRESS_TEXT_MAX];

	page_print(page, "<p class=\"settings\">Replayed %s", settings->nat_count ? "with NAT " : "without NAT");
	for (size_t i = 0; i < settings->nat_count; i++) {
		address_format(&settings->nat[i].inside, address);
		page_print(page, "%s<code>%s</code> as ", i > 0 ? ", " : "", address);
		address_format(&settings->nat[i].outside, address);
		page_print(page, "<code>%s</code>", address);
	}
	if (settings->cut)
		page_print(page, "; cut again into segments of at most %u bytes", settings->cut);
	if (settings->reorder)
		page_print(page, "; segments put out of order");
	if (settings->cut || settings->reorder)
		page_print(page, "; seed %u", settings->seed);
	if (settings->checksums)
		page_print(page, "; packets with a wrong TCP checksum dropped");
	page_print(page, ". Passwords are masked. Times are seconds since a session began.</p>\n");
}

static void put_notes(const struct page *page)
{
	char text[REPORT_WORDS_MAX];
	bool any = false;

	for (unsigned int i = 0; i < page->head->note_count + REPORT_LIMITS; i++) {
		const char *note = text;

		if (i < page->head->note_count)
			note = page->head->notes[i];
		else if (!report_describe_limit(page->report, i - (unsigned int)page->head->note_count, text))
			continue;
		page_print(page, any ? "<li>" : "<ul class=\"notes\">\n<li>");
		page_put_words(page, note);
		page_print(page, "</li>\n");
		any = true;
	}
	if (any)
		page_print(page, "</ul>\n");
}

static void put_banner(const struct page *page)
{
	char first[REPORT_NUMBER_MAX];
	char last[REPORT_NUMBER_MAX];

	report_format_time(page->head->first, first);
	report_format_time(page->head->last, last);
	page_print(page, "<header>\n<p class=\"kind\">ftpalg report</p>\n<h1>");
	put_name(page);
	page_print(page, "</h1>\n");
	if (page->head->counters->packets > 0)
		page_print(page, "<p class=\"when\">%s <span>to %s</span> <span>%" PRIu64 " packets</span></p>\n",
			   first, last, page->head->counters->packets);
	put_facts(page);
	put_settings(page);
	page_print(page, "</header>\n");
}

static void put_views(const struct page *page, const struct report_session *session)
{
	const struct nat_view *view = &session->view;

	if (!endpoint_equal(&view->client, &view->client_seen)) {
		page_print(page, " The server sees the client as ");
		page_put_endpoint(page, &view->client_seen);
		page_print(page, ".");
	}
	if (!endpoint_equal(&view->server, &view->server_seen)) {
		page_print(page, " The client sees the server as ");
		page_put_endpoint(page, &view->server_seen);
		page_print(page, ".");
	}
}

static void put_session(const struct page *page, const struct report_session *session)
{
	char time[REPORT_NUMBER_MAX];
	char duration[REPORT_NUMBER_MAX];

	report_format_time(session->start, time);
	report_format_seconds(session->last - session->start, duration);
	page_print(page, "<details class=\"session\" data-session=\"%" PRIu64 "\"%s>\n<summary>", session->connection,
		   page->report->session_count <= OPEN_SESSIONS ? " open" : "");
	page_print(page, "<h3 id=\"session-%" PRIu64 "\">Session %" PRIu64 "</h3> <span>", session->connection,
		   session->connection);
	page_put_endpoint(page, &session->view.client);
	page_print(page, " to ");
	page_put_endpoint(page, &session->view.server);
	page_print(page, "</span>");
	if (session->refusals > 0)
		page_print(page, " <b class=\"bad\">%u refused</b>", session->refusals);
	if (session->anomalies > 0)
		page_print(page, " <b class=\"warning\">%u odd</b>", session->anomalies);
	page_print(page, "</summary>\n<div class=\"body\" id=\"body-%" PRIu64 "\">\n<p>Began %s, lasted %s, %s.",
		   session->connection, time, duration, report_describe_end(session));
	put_views(page, session);
	page_print(page, "</p>\n");
	page_put_transfers(page, session);
	page_put_pinholes(page, session);
	page_put_ladder(page, session);
	page_print(page, "</div></details>\n");
}

int report_write_html(const struct report *report, const struct report_head *head, FILE *out)
{
	const struct page page = { .out = out, .report = report, .head = head };

	if (put_head(&page) < 0)
		return -1;
	page_print(&page, "<body>\n");
	put_banner(&page);
	page_print(&page, "<main>\n");
	put_notes(&page);
	page_put_findings(&page);
	if (report->sessions) {
		page_put_sessions(&page);
		page_print(&page, "<section aria-labelledby=\"ladders\">\n<div class=\"heading\"><h2 id=\"ladders\">Ladders</h2>"
			   "<button id=\"toggle\" type=\"button\" hidden>Open all</button></div>\n"
			   "<p class=\"legend\">What a peer said stands on its side. Where the other side reads something"
			   " else, that stands there too, with what differs marked. An arrow that ends at the gateway did"
			   " not leave it. A double line is a data connection.</p>\n");
	}
	for (const struct report_session *session = report->sessions; session; session = session->next)
		put_session(&page, session);
	page_print(&page, "%s</main>\n<script>", report->sessions ? "</section>\n" : "");
	(void)fwrite(report_assets[REPORT_JS].data, 1, report_assets[REPORT_JS].length, out);
	page_print(&page, "</script>\n</body>\n</html>\n");
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
