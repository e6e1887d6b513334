/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CHECK_WORDS_H
#define CHECK_WORDS_H

#include "check/chains.h"

/* The words of a rule, one after another. What stands in quotation marks is one word, and is never a key word. */
struct words {
	const char *next;
	const char *word;
	size_t length;
};

/* Goes to the next word of the line. Returns whether there is one. Commas are blanks. */
bool words_next(struct words *words);
/* Takes the next word, whatever it is. */
void words_skip(struct words *words);
/* Takes the next word if it is one of list, which ends with NULL. */
bool words_take(struct words *words, const char *const *list);
/* Is the word that was taken this one, or one of these? */
bool words_are(const struct words *words, const char *word);
bool words_are_any(const struct words *words, const char *const *list);
void words_copy(const struct words *words, char *text, size_t size);

/* Take a list of ports, a list of protocols, or only a state, and add to the rule what it means for data connections. */
void words_read_ports(struct words *words, struct rule *rule);
void words_read_protocols(struct words *words, struct rule *rule);
void words_read_state(const struct words *words, struct states *states);

#endif
