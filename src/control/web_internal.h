/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What web.c and web_answer.c share. */
#ifndef CONTROL_WEB_INTERNAL_H
#define CONTROL_WEB_INTERNAL_H

#include "control/web.h"
#include "ftpalg/base.h"

/* The length of a request's head, with the empty line; 0: it is not complete. */
size_t web_find_end(struct bytes request);

/* Appends the answer to a head, or to one that is longer than there is room for. */
void web_answer(struct evbuffer *out, struct bytes head, const struct answer_source *source);
void web_answer_too_long(struct evbuffer *out);

#endif
