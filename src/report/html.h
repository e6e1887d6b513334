/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page. What a peer said stands only in the text of elements, never in an attribute, a style or a script, and every
 * byte of it goes through page_put_text().
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report/words.h"

struct page {
	FILE *out;
	const struct report *report;
	const struct report_head *head;
};

/* Markup of our own, as it is. */
__attribute__((format(printf, 2, 3)))
void page_print(const struct page *page, const char *format, ...);

/* Text of an element: what is markup becomes references, what can't be shown \xNN in an element of its own. */
void page_put_text(const struct page *page, const struct report_text *text);
void page_put_words(const struct page *page, const char *words);
void page_put_endpoint(const struct page *page, const struct endpoint *endpoint);

/* A remark, as an item of a list. */
void page_put_phrase(const struct page *page, const struct report_phrase *phrase);

/* report/page_ladder.c */
void page_put_ladder(const struct page *page, const struct report_session *session);
/* Whether the row has a finding, so that it can be linked to as "row-SESSION-NUMBER". */
bool page_row_has_finding(const struct report_row *row);

/* report/page_tables.c */
void page_put_sessions(const struct page *page);
void page_put_transfers(const struct page *page, const struct report_session *session);

/* report/page_findings.c: refusals, anomalies and what else should not be, by reason. */
void page_put_findings(const struct page *page);

/* report/page_timeline.c */
void page_put_pinholes(const struct page *page, const struct report_session *session);

#endif
