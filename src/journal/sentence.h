/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an operator should hear of without asking: the events that say that something was refused or went wrong, each as a
 * sentence for the log. The whole of what happens is in the JSON events (base/notice_json.h).
 */
#ifndef JOURNAL_SENTENCE_H
#define JOURNAL_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "ftpalg/notice.h"

/* As much as a message of the log has room for. */
#define SENTENCE_MAX 900

/* Is it one of those? What peers do between themselves, or can cause with each packet, is not. */
bool sentence_is_due(const struct notice *notice);

/*
 * Writes which peer was refused or failed, and why, or what was transferred, and at the end what was said, with a NUL: words
 * of peers are escaped, and cut where they are long.
 */
void sentence_format(const struct notice *notice, char text[SENTENCE_MAX]);

#endif
