/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conntrackd's configuration is words, some of which stand in the braces of others. Each word that matters here stands in
 * one place only, so there is no need to know the whole language: only a word, what follows it, and how deep it is.
 */
#include "check/failover.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check/check.h"
#include "check/system.h"
#include "rules/rules.h"

#define CONNTRACKD_PATH "/etc/conntrackd/conntrackd.conf"
#define CONNTRACKD_MAX 65536

/* The next word. A brace is one, a comment is not. False at the end. */
static bool next_word(struct bytes *text, struct bytes *word)
{
	size_t at = 0;
	size_t end;

	while (at < text->length && (strchr(" \t\r\n#", text->data[at]) || text->data[at] == '\0')) {
		if (text->data[at] == '#')
			while (at < text->length && text->data[at] != '\n')
				at++;
		else
			at++;
	}
	end = at;
	if (end < text->length && (text->data[end] == '{' || text->data[end] == '}'))
		end++;
	else
		while (end < text->length && text->data[end] != '\0' && !strchr(" \t\r\n#{}", text->data[end]))
			end++;
	*word = (struct bytes){ text->data + at, end - at };
	text->data += end;
	text->length -= end;
	return word->length > 0;
}

static bool word_is(const struct bytes *word, const char *name)
{
	return word->length == strlen(name) && strncasecmp((const char *)word->data, name, word->length) == 0;
}

/* After a word: "On", or a list in braces that has name in it. */
static bool names(struct bytes *text, const char *name)
{
	struct bytes word = { NULL, 0 };
	bool found = false;

	if (!next_word(text, &word) || !word_is(&word, "{"))
		return word_is(&word, "On");
	while (next_word(text, &word) && !word_is(&word, "}"))
		found = found || word_is(&word, name);
	return found;
}

enum failover_fault failover_judge(struct bytes text)
{
	struct bytes word;
	bool expectations = false;
	bool windows = false;
	bool tcp = true;

	while (next_word(&text, &word)) {
		if (word_is(&word, "ExpectationSync"))
			expectations = names(&text, RULES_CARRIER);
		else if (word_is(&word, "TCPWindowTracking"))
			windows = names(&text, "");
		else if (word_is(&word, "Protocol") && next_word(&text, &word))
			tcp = word_is(&word, "Accept") == names(&text, "TCP");
	}
	if (!expectations)
		return FAILOVER_NO_EXPECTATIONS;
	if (windows)
		return FAILOVER_TRACKS_WINDOWS;
	return tcp ? FAILOVER_GOOD : FAILOVER_FILTERS_TCP;
}

void check_failover(struct check *check)
{
	FILE *file = fopen(CONNTRACKD_PATH, "re");
	uint8_t *buffer = malloc(CONNTRACKD_MAX);

	if (file && buffer) {
		const struct bytes text = { buffer, fread(buffer, 1, CONNTRACKD_MAX, file) };

		switch (failover_judge(text)) {
		case FAILOVER_NO_EXPECTATIONS:
			check_missing(check, "fail-over: " CONNTRACKD_PATH " does not name " RULES_CARRIER ", the carrier, in "
				      "ExpectationSync: data connections that were announced are lost with this router");
			break;
		case FAILOVER_TRACKS_WINDOWS:
			check_missing(check, "fail-over: " CONNTRACKD_PATH " has TCPWindowTracking on, by which the other router "
				      "forgets that numbers of control connections may lie outside of their windows; leave it off");
			break;
		case FAILOVER_FILTERS_TCP:
			check_missing(check, "fail-over: " CONNTRACKD_PATH " leaves TCP out");
			break;
		case FAILOVER_GOOD:
			check_ok(check, "fail-over: " CONNTRACKD_PATH " carries control connections and pinholes over");
			break;
		}
	}
	free(buffer);
	if (file)
		fclose(file);
}
