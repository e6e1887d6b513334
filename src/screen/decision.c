/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftpalg why: the last decisions of one session or several, each below its session, and who is at fault. */
#include <string.h>

#include "screen/field.h"
#include "screen/screen.h"
#include "screen/unit.h"

/* Below the words of a decision, beside its time. */
#define INDENT 14
#define VERDICT "verdict"
/* More decisions than a session keeps. */
#define SESSION_DECISIONS 64

static enum screen_tone tone_of(const char *kind)
{
	static const struct {
		const char *kind;
		enum screen_tone tone;
	} tones[] = {
		{ "open", SCREEN_STRONG },   { "close", SCREEN_QUIET }, { "refuse", SCREEN_BAD },
		{ "anomaly", SCREEN_ODD },   { VERDICT, SCREEN_STRONG }, { "line", SCREEN_PLAIN },
	};

	for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++)
		if (strcmp(tones[i].kind, kind) == 0)
			return tones[i].tone;
	return SCREEN_PLAIN;
}

static void add_wrapped_words(struct screen_text *text, const char *words, enum screen_tone tone)
{
	struct screen_text shown = { .style = text->style };

	screen_add_string(&shown, words);
	if (tone != SCREEN_PLAIN)
		screen_add_tone(text, tone);
	screen_add_wrapped(text, shown.data ? shown.data : "", INDENT, INDENT);
	if (tone != SCREEN_PLAIN)
		screen_add_tone(text, SCREEN_PLAIN);
	screen_add(text, "\n");
	text->lost = text->lost || shown.lost;
	screen_text_free(&shown);
}

static bool is_verdict(const json_t *decision)
{
	return strcmp(field_text(decision, "kind"), VERDICT) == 0;
}

/* What the verdict of the same session says again, at its end. */
static bool is_said_again(const json_t *decisions, size_t index)
{
	const json_t *decision = json_array_get(decisions, index);

	for (size_t i = index + 1; i < json_array_size(decisions) && i <= index + SESSION_DECISIONS; i++) {
		const json_t *later = json_array_get(decisions, i);

		if (is_verdict(later) && strcmp(field_text(later, "session"), field_text(decision, "session")) == 0)
			return strcmp(field_text(later, "advice"), field_text(decision, "advice")) == 0;
	}
	return false;
}

static void add_decision(struct screen_text *text, const json_t *decisions, size_t index)
{
	const json_t *decision = json_array_get(decisions, index);
	const char *kind = field_text(decision, "kind");
	const double time = field_time(decision, "time");

	if (is_verdict(decision)) {
		screen_add(text, "%-*s", INDENT, VERDICT);
	} else if (time >= 0) {
		screen_add_time(text, time, SCREEN_CLOCK_MILLISECONDS, 0);
		screen_add(text, "  ");
	} else {
		screen_add(text, "%*s", INDENT, "");
	}
	add_wrapped_words(text, field_text(decision, "text"), tone_of(kind));
	if (*field_text(decision, "advice") && !is_said_again(decisions, index)) {
		screen_add(text, "%*s", INDENT, "");
		add_wrapped_words(text, field_text(decision, "advice"), SCREEN_ODD);
	}
}

void screen_add_decisions(struct screen_text *text, const json_t *decisions)
{
	const char *session = "";

	for (size_t i = 0; i < json_array_size(decisions); i++) {
		const json_t *decision = json_array_get(decisions, i);
		const char *own = field_text(decision, "session");

		if (strcmp(own, session) != 0) {
			screen_add(text, i > 0 ? "\n" : "");
			screen_add_tone(text, SCREEN_QUIET);
			screen_add(text, "session ");
			screen_add_string(text, own);
			screen_add_tone(text, SCREEN_PLAIN);
			screen_add(text, "\n");
			session = own;
		}
		add_decision(text, decisions, i);
	}
}
