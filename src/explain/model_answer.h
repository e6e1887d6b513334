/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows for a helper from a tuple that it has read. */
#ifndef EXPLAIN_MODEL_ANSWER_H
#define EXPLAIN_MODEL_ANSWER_H

#include "explain/model.h"

/* What a helper has read in a segment. */
struct model_match {
	enum form form;
	struct span span;         /* the tuple */
	struct endpoint endpoint; /* 229: the address is the one that the helper puts in */
};

/* Is it the address of the peer whose segment it is, as that peer knows itself? */
bool model_is_sender(const struct nat_view *view, enum direction direction, const struct address *address);

/* Fills in what follows from match: who is expected where, and the tuple as the far side has to read it. */
void model_admit(const struct nat_view *view, enum direction direction, const struct model_match *match,
		 struct model_answer *answer);

#endif
