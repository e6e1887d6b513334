/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers as people read them. */
#ifndef SCREEN_UNIT_H
#define SCREEN_UNIT_H

#include <time.h>

#include "screen/text.h"

/* 48,213 */
void screen_add_count(struct screen_text *text, uint64_t count);

/* 512 B, 12.1 MB, 4.7 GB: of 1000 each. */
void screen_add_size(struct screen_text *text, uint64_t bytes);
/* "4.2 of 4.7 GB": in the unit of the second. */
void screen_add_part(struct screen_text *text, uint64_t bytes, uint64_t total);
/* 61 MB/s, 6.9 MB/s; "-" for none */
void screen_add_rate(struct screen_text *text, double bytes_per_second);

/* 40s, 12m, 2h, 3d */
void screen_add_age(struct screen_text *text, double seconds);
/* 40 s, 12 min, 2 h 5 min, 3 d 4 h */
void screen_add_duration(struct screen_text *text, double seconds);
/* 0:08, 1:02:03 */
void screen_add_countdown(struct screen_text *text, double seconds);
/* 12 ms, 0.4 s, 15 s, 1 min 15 s, and above an hour as screen_add_duration() */
void screen_add_seconds(struct screen_text *text, double seconds);

/* Seconds since 1970 of "2026-11-28T14:02:31.204000Z", or -1. */
double screen_read_time(const char *text);

enum screen_clock {
	SCREEN_CLOCK_SECONDS,      /* 14:02:31 */
	SCREEN_CLOCK_MILLISECONDS, /* 14:02:31.204 */
	SCREEN_CLOCK_DATE,         /* 2026-11-28 14:02:31 */
	SCREEN_CLOCK_RECENT,       /* 14:02:31 of the last day, Nov 28 14:02 of days before */
};

/* In the reader's time zone; "-" where there is none. now matters only to SCREEN_CLOCK_RECENT. */
void screen_add_time(struct screen_text *text, double time, enum screen_clock clock, double now);

#endif
