/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When pinholes were open. Places are per cent of the session's time, so the drawing needs no scale. */
#include <inttypes.h>

#include "ftpalg/address.h"
#include "report/html.h"

/* Of one session; more can't be told apart. */
#define TIMELINE_MAX 200
#define TICKS 4
/* Thousandths of a per cent. */
#define WHOLE 100000

static uint64_t place_of(const struct report_session *session, uint64_t time)
{
	const uint64_t span = session->last > session->start ? session->last - session->start : 1;
	const uint64_t since = time > session->start ? time - session->start : 0;

	return since >= span ? WHOLE : since * WHOLE / span;
}

static void put_percent(const struct page *page, const char *attribute, uint64_t place)
{
	page_print(page, " %s=\"%" PRIu64 ".%03u%%\"", attribute, place / 1000, (unsigned int)(place % 1000));
}

static void put_axis(const struct page *page, const struct report_session *session)
{
	const uint64_t span = session->last - session->start;

	page_print(page, "<li class=\"axis\" aria-hidden=\"true\"><svg width=\"100%%\" height=\"20\">");
	for (unsigned int i = 0; i <= TICKS; i++) {
		const uint64_t place = (uint64_t)i * WHOLE / TICKS;
		const char *anchor = i == 0 ? "start" : i == TICKS ? "end" : "middle";
		char seconds[REPORT_NUMBER_MAX];

		report_format_seconds(span / TICKS * i + span % TICKS * i / TICKS, seconds);
		page_print(page, "<line");
		put_percent(page, "x1", place);
		put_percent(page, "x2", place);
		page_print(page, " y1=\"15\" y2=\"20\"/><text y=\"11\" text-anchor=\"%s\"", anchor);
		put_percent(page, "x", place);
		page_print(page, ">%s</text>", seconds);
	}
	page_print(page, "</svg></li>\n");
}

static void put_bar(const struct page *page, const struct report_session *session, const struct report_pinhole *pinhole,
		    const struct report_phrase *phrase)
{
	const uint64_t ended = pinhole->used_at ? pinhole->used_at : pinhole->ended ? pinhole->closed : session->last;
	const uint64_t start = place_of(session, pinhole->opened);
	const uint64_t end = place_of(session, ended);

	page_print(page, "<svg width=\"100%%\" height=\"16\" role=\"img\" aria-label=\"Pinhole %u: ", pinhole->number);
	page_put_words(page, phrase->after);
	page_print(page, "\"><line class=\"base\" x1=\"0\" x2=\"100%%\" y1=\"8\" y2=\"8\"/><rect y=\"4\" height=\"8\""
		   " rx=\"1\"");
	put_percent(page, "x", start);
	put_percent(page, "width", end - start);
	page_print(page, "/>");
	/* However short it was, its place can be seen. */
	page_print(page, "<line class=\"open\" y1=\"1\" y2=\"15\"");
	put_percent(page, "x1", start);
	put_percent(page, "x2", start);
	page_print(page, "/>");
	if (pinhole->used) {
		page_print(page, "<circle class=\"end\" cy=\"8\" r=\"4\"");
		put_percent(page, "cx", end);
	} else {
		page_print(page, "<line class=\"end\" y1=\"1\" y2=\"15\"");
		put_percent(page, "x1", end);
		put_percent(page, "x2", end);
	}
	page_print(page, "/></svg>");
}

static void put_pinhole(const struct page *page, const struct report_session *session,
			const struct report_pinhole *pinhole)
{
	struct report_phrase phrase;
	char source[ADDRESS_TEXT_MAX];

	report_describe_pinhole(pinhole, session->start, &phrase);
	address_format(&pinhole->source, source);
	page_print(page, "<li class=\"%s\"><div class=\"what\"><b>%u</b> <span class=\"form\">%s</span> <code>%s</code> to ",
		   report_tone_name(phrase.tone), pinhole->number, form_name(pinhole->form), source);
	page_put_endpoint(page, &pinhole->destination);
	page_print(page, "</div>");
	put_bar(page, session, pinhole, &phrase);
	page_print(page, "<div class=\"words\">");
	page_put_words(page, phrase.after);
	page_print(page, "</div></li>\n");
}

void page_put_pinholes(const struct page *page, const struct report_session *session)
{
	unsigned int count = 0;

	if (!session->pinholes)
		return;
	page_print(page, "<h4>Pinholes</h4>\n<ol class=\"timeline\">\n");
	put_axis(page, session);
	for (const struct report_pinhole *pinhole = session->pinholes; pinhole && count < TIMELINE_MAX;
	     pinhole = pinhole->next, count++)
		put_pinhole(page, session, pinhole);
	page_print(page, "</ol>\n");
	if (session->pinhole_count > count)
		page_print(page, "<p class=\"cut\">%u more are not drawn.</p>\n", session->pinhole_count - count);
}
