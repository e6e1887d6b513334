/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of ftpalg watch: what is on it, as a function of what the gateway answered and of what was typed. */
#ifndef SCREEN_WATCH_H
#define SCREEN_WATCH_H

#include "screen/screen.h"

struct watch_view {
	unsigned int height;     /* rows of the terminal */
	const char *host;
	const char *absence;     /* why there is no gateway; NULL: there is one */
	const json_t *status;    /* NULL: nothing has come yet */
	const json_t *all;       /* an array of the sessions */
	const json_t **sessions; /* those that the filter lets through, in the order of the screen */
	size_t session_count;
	size_t selected;         /* one of the sessions */
	size_t first;            /* the first that is shown */
	const json_t *decisions; /* an array, the newest last */
	double refusal_rate;     /* a second */
	const char *filter;      /* "": none */
	const char *message;     /* what the last line says, or asks; NULL: which keys there are */
	enum screen_tone message_tone;
	double now;
};

/*
 * Puts those that have the filter in their addresses, their user, what they do, their rule or their number into chosen,
 * which has room for all: transfers first. Each stays in its place while it does the same. Returns how many.
 */
size_t watch_choose(const json_t *sessions, const char *filter, const json_t **chosen);

/* How many sessions a screen of this height shows. */
size_t watch_page(unsigned int height);

/* height lines, none of which is wider than the terminal. */
void screen_add_watch(struct screen_text *text, const struct watch_view *view);

#endif
