/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a report says in words, the same on the page and on the terminal. All of it is ASCII, and none comes from a peer. */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include "report/model.h"

#define REPORT_WORDS_MAX 384
#define REPORT_NUMBER_MAX 40

enum report_tone {
	REPORT_TONE_PLAIN,
	REPORT_TONE_GOOD,    /* something was opened or has worked */
	REPORT_TONE_CHANGED,
	REPORT_TONE_WARNING,
	REPORT_TONE_BAD,     /* refused, ended by the gateway */
};

/* The class of the tone on the page. */
const char *report_tone_name(enum report_tone tone);

/* A sentence around a peer's words, if it has any. */
struct report_phrase {
	enum report_tone tone;
	char head[REPORT_NUMBER_MAX]; /* what happened, in a word or two */
	char before[REPORT_WORDS_MAX];
	struct report_text quoted;
	char after[REPORT_WORDS_MAX];
	const char *rule;             /* NULL: no rule of the policy had to do with it */
};

/* own_line: the decision stands at the line that it is about, which need not be said again. */
void report_describe_decision(const struct report_decision *decision, bool own_line, struct report_phrase *phrase);
void report_describe_data(const struct report_data *data, struct report_phrase *phrase);
/* Of an OPAQUE or LOST row. */
void report_describe_passing(const struct report_row *row, struct report_phrase *phrase);
void report_describe_pinhole(const struct report_pinhole *pinhole, uint64_t start, struct report_phrase *phrase);
/* What a limit of the report has left out, one of REPORT_LIMITS. Returns false where it has left out nothing. */
#define REPORT_LIMITS 5
bool report_describe_limit(const struct report *report, unsigned int limit, char text[REPORT_WORDS_MAX]);
/* Why the session ended, in a few words. */
const char *report_describe_end(const struct report_session *session);
const char *report_data_state_name(enum report_data_state state);

/* Appends to a text of REPORT_WORDS_MAX bytes. */
__attribute__((format(printf, 2, 3)))
void report_append(char *text, const char *format, ...);

/* Writes a number with its unit; text holds REPORT_NUMBER_MAX. */
void report_format_bytes(uint64_t bytes, char *text);
void report_format_rate(uint64_t bytes, uint64_t duration, char *text);
void report_format_seconds(uint64_t duration, char *text);
/* Seconds since the start of its session, as on the ladder. */
void report_format_moment(uint64_t time, uint64_t start, char *text);
/* 2026-11-06 21:20:00.001000 UTC */
void report_format_time(uint64_t time, char *text);

/* Between its first and its last byte; if it carried nothing, between its first and last packet. */
uint64_t report_data_duration(const struct report_data *data);
/* Both directions. */
uint64_t report_data_bytes(const struct report_data *data);

#endif
