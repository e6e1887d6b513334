/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words and ports in a line of what nft or iptables-save printed. */
#ifndef CHECK_LINES_H
#define CHECK_LINES_H

#include <stdint.h>

#include "config/config.h"

/* The rest of line behind words, where they stand as words of their own; else NULL. */
const char *line_behind(const char *line, const char *words);
/* Reads N, FIRST-LAST or FIRST:LAST from where digits begin. Returns what is behind it. */
const char *range_read(const char *text, unsigned long *first, unsigned long *last);
/*
 * The control ports that occur in text, up to the first byte of end, as numbers or in ranges. Bits are indexes into
 * config->control_ports.
 */
uint32_t ports_find(const struct config *config, const char *text, const char *end);
/* All of them. */
uint32_t ports_all(const struct config *config);

#endif
