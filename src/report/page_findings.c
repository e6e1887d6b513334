/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was refused, what was odd and what ended sessions: by reason, with links to where it happened. */
#include <inttypes.h>

#include "report/html.h"

/* Places that are linked to for one reason. */
#define LINKS_MAX 8

struct place {
	uint64_t session;
	unsigned int row;
	uint64_t moment;
};

struct finding {
	unsigned int count;
	struct place places[LINKS_MAX];
};

struct findings {
	struct finding refused[REASON_COUNT];
	struct finding odd[REASON_COUNT];
	struct finding ended[REASON_COUNT];
	struct finding blocked;
	struct finding lost;
};

static void note(struct finding *finding, const struct report_session *session, const struct report_row *row,
		 unsigned int number)
{
	if (finding->count < LINKS_MAX)
		finding->places[finding->count] = (struct place){
			.session = session->connection, .row = number, .moment = row->time - session->start,
		};
	finding->count++;
}

static void note_row(struct findings *findings, const struct report_session *session, const struct report_row *row,
		     unsigned int number)
{
	struct report_phrase phrase;

	if (row->kind == REPORT_ROW_LOST)
		note(&findings->lost, session, row, number);
	if (row->kind == REPORT_ROW_DATA && !row->data->pinhole && !row->data->headless)
		note(&findings->blocked, session, row, number);
	for (const struct report_decision *decision = row->decisions; decision; decision = decision->next) {
		report_describe_decision(decision, true, &phrase);
		if (decision->type == NOTICE_REFUSE)
			note(&findings->refused[decision->reason], session, row, number);
		else if (decision->type == NOTICE_ANOMALY)
			note(&findings->odd[decision->reason], session, row, number);
		else if (decision->type == NOTICE_SESSION_CLOSE && phrase.tone == REPORT_TONE_BAD)
			note(&findings->ended[decision->reason], session, row, number);
	}
}

static void put_finding(const struct page *page, const struct finding *finding, const char *kind, const char *tone,
			const char *name, const char *meaning)
{
	char moment[REPORT_NUMBER_MAX];

	if (finding->count == 0)
		return;
	page_print(page, "<li class=\"%s\"><b>%s</b> <span class=\"name\">%s</span> <span class=\"count\">%u</span>"
		   "<p>", tone, kind, name, finding->count);
	page_put_words(page, meaning);
	page_print(page, "</p><p class=\"places\">");
	for (unsigned int i = 0; i < finding->count && i < LINKS_MAX; i++) {
		report_format_moment(finding->places[i].moment, 0, moment);
		page_print(page, "<a href=\"#row-%" PRIu64 "-%u\">session %" PRIu64 " at %s</a> ", finding->places[i].session,
			   finding->places[i].row, finding->places[i].session, moment);
	}
	if (finding->count > LINKS_MAX)
		page_print(page, "and %u more", finding->count - LINKS_MAX);
	page_print(page, "</p></li>\n");
}

static void put_table(const struct page *page, const struct finding *table, const char *kind, const char *tone)
{
	for (unsigned int i = 0; i < REASON_COUNT; i++)
		put_finding(page, &table[i], kind, tone, reason_name((enum reason)i), reason_meaning((enum reason)i));
}

void page_put_findings(const struct page *page)
{
	struct findings findings = { .blocked = { .count = 0 } };
	bool any = false;

	for (const struct report_session *session = page->report->sessions; session; session = session->next) {
		unsigned int number = 0;

		for (const struct report_row *row = session->rows; row; row = row->next) {
			number++;
			any |= page_row_has_finding(row);
			note_row(&findings, session, row, number);
		}
	}
	if (!any)
		return;
	page_print(page, "<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n"
		   "<ul class=\"findings\">\n");
	put_table(page, findings.refused, "Refused", "bad");
	put_table(page, findings.ended, "Session ended", "bad");
	put_finding(page, &findings.blocked, "Not let in", "bad", "data connection",
		    "no pinhole was open for it, so a closed firewall would drop it");
	put_table(page, findings.odd, "Anomaly", "warning");
	put_finding(page, &findings.lost, "Not inspected", "warning", "bytes missing",
		    "the capture doesn't have all bytes of the control connection");
	page_print(page, "</ul>\n</section>\n");
}
