/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the models of other helpers share. */
#ifndef EXPLAIN_MODEL_INTERNAL_H
#define EXPLAIN_MODEL_INTERNAL_H

#include "explain/model_answer.h"

/* How the helpers that descend from Linux's differ. */
struct model_lineage {
	bool any_case;         /* of a verb */
	bool bounds;           /* an octet above 255 or a port above 65535 is no number */
	bool first_digit;      /* of a 227 begins the tuple (RFC 1123), parentheses or not; else the parenthesis does */
	bool drops;            /* what begins like an offer and can't be read */
	bool knows_ipv6;
	bool replies_are_clients; /* takes the client's address for the one that a 229 leaves out */
	bool expects_port_zero; /* where NAT is, before it drops such an offer */
};

void model_lineage_segment(const struct model_lineage *lineage, struct model_state *state, const struct nat_view *view,
			   enum direction direction, uint32_t position, struct bytes segment, struct model_answer *answer);

void model_naive_segment(const struct nat_view *view, enum direction direction, struct bytes segment,
			 struct model_answer *answer);

#endif
