/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a rule in a listing, read one after another. */
#include "check/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool words_next(struct words *words)
{
	const char *at = words->next + strspn(words->next, " \t,");

	words->word = at;
	if (*at == '"') {
		at++;
		while (*at && *at != '"' && *at != '\n')
			at += *at == '\\' && at[1] ? 2 : 1;
		at += *at == '"';
	} else {
		at += strcspn(at, " \t,\n");
	}
	words->length = (size_t)(at - words->word);
	words->next = at;
	return words->length > 0;
}

bool words_are(const struct words *words, const char *word)
{
	return words->length == strlen(word) && memcmp(words->word, word, words->length) == 0;
}

bool words_are_any(const struct words *words, const char *const *list)
{
	while (*list && !words_are(words, *list))
		list++;
	return *list != NULL;
}

void words_copy(const struct words *words, char *text, size_t size)
{
	snprintf(text, size, "%.*s", (int)words->length, words->word);
}

/* Is the next word one of these? It is taken then. */
bool words_take(struct words *words, const char *const *list)
{
	struct words ahead = *words;

	if (!words_next(&ahead) || !words_are_any(&ahead, list))
		return false;
	*words = ahead;
	return true;
}

void words_skip(struct words *words)
{
	words_next(words);
}

/* One word about ports: "N", "FIRST-LAST" or "FIRST:LAST". Data connections go to all from 1024 up. */
static void ports_read(const struct words *words, struct rule *rule, bool *any)
{
	char *end;
	const unsigned long first = strtoul(words->word, &end, 10);
	const unsigned long last = *end == '-' || *end == ':' ? strtoul(end + 1, &end, 10) : first;

	if (first > 1024 || last != 65535)
		rule->narrow = true;
	*any |= last >= 1024;
}

/* A word, or several in braces, or with commas between them. */
void words_read_ports(struct words *words, struct rule *rule)
{
	bool any = false, braces;

	words_skip(words);
	braces = words_are(words, "{");
	if (braces)
		words_skip(words);
	while (words->length && !words_are(words, "}")) {
		ports_read(words, rule, &any);
		if (!braces && *words->next != ',')
			break;
		words_skip(words);
	}
	rule->foreign |= !any;
}

/* The same, of protocols. */
void words_read_protocols(struct words *words, struct rule *rule)
{
	static const char *const ours[] = { "tcp", "6", "all", NULL };
	bool any = false, braces;

	words_skip(words);
	braces = words_are(words, "{");
	do {
		any |= words_are_any(words, ours);
	} while (braces && !words_are(words, "}") && words_next(words));
	rule->foreign |= !any;
}

void words_read_state(const struct words *words, struct states *states)
{
	if (words_are(words, "related") || words_are(words, "RELATED"))
		states->related = COVERS_ALL;
	else if (words_are(words, "established") || words_are(words, "ESTABLISHED"))
		states->established = COVERS_ALL;
}
