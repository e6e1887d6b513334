/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a replay shows, collected for a reader: who said what, what the gateway made of it and why, and what the data
 * connections carried. It is written as one page of HTML or as text for a terminal.
 *
 *   replay --- struct replay_observer ---> collect, lines, data ---> model ---> html, text
 *
 * A report holds what it shows, and no more than the limits below; where they cut something off, it says so. The same
 * capture gives the same bytes.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdio.h>

#include "replay/replay.h"

/* What a report shows at most. */
#define REPORT_SESSIONS_MAX 1000
#define REPORT_ROWS_MAX 20000        /* rows of all ladders, decisions included */
#define REPORT_SESSION_ROWS_MAX 5000 /* of one ladder */
#define REPORT_PINHOLES_MAX 5000
#define REPORT_DATA_MAX 5000
#define REPORT_TRANSFERS_MAX 5000
#define REPORT_LINE_MAX 512          /* bytes of a line that are shown */
#define REPORT_NOTES_MAX 16

struct report;

/* NULL where there is no memory. */
struct report *report_create(void);
void report_destroy(struct report *report);

/* What observes the replay. It belongs to the report. */
const struct replay_observer *report_observer(struct report *report);

/* What stands at the head of the report. Strings are not copied and must outlive it. */
struct report_head {
	const char *name;                   /* of the capture */
	const struct replay_settings *settings;
	const struct replay_counters *counters;
	uint64_t first;                     /* times of the first and the last packet, microseconds */
	uint64_t last;
	const char *notes[REPORT_NOTES_MAX];/* what the reader has to know of the capture */
	size_t note_count;
};

/* How text is drawn. */
struct report_style {
	unsigned int width; /* columns */
	bool unicode;       /* lines and other people's letters as UTF-8, else ASCII */
	bool colour;
};

/* The replay has been finished. Both return 0, or -1 where out has failed. */
int report_write_html(const struct report *report, const struct report_head *head, FILE *out);
int report_write_text(const struct report *report, const struct report_head *head, const struct report_style *style,
		      FILE *out);

#endif
