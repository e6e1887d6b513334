/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/nat.h"

#include "ftpalg/address.h"

bool nat_view_is_translated(const struct nat_view *view)
{
	return !endpoint_equal(&view->client, &view->client_seen) || !endpoint_equal(&view->server, &view->server_seen);
}

bool nat_view_equal(const struct nat_view *a, const struct nat_view *b)
{
	return endpoint_equal(&a->client, &b->client) && endpoint_equal(&a->server_seen, &b->server_seen) &&
	       endpoint_equal(&a->server, &b->server) && endpoint_equal(&a->client_seen, &b->client_seen);
}

struct tuple nat_view_tuple(const struct nat_view *view, enum direction direction)
{
	struct tuple to_server = { view->client_seen, view->server };
	struct tuple to_client = { view->server_seen, view->client };

	return direction == DIRECTION_ORIGINAL ? to_server : to_client;
}

/* nf_ct_seq_offset(): strictly after the position gets the new offset. */
uint32_t seqadj_apply(const struct seqadj *seqadj, uint32_t in)
{
	int32_t offset = seq_before(seqadj->position, in) ? seqadj->after : seqadj->before;

	return in + (uint32_t)offset;
}

/* nf_ct_seq_adjust(): the acknowledgement is compared in the sender's numbers, with the old offset taken off. */
uint32_t seqadj_revert(const struct seqadj *seqadj, uint32_t out)
{
	if (seq_before(seqadj->position, out - (uint32_t)seqadj->before))
		return out - (uint32_t)seqadj->after;
	return out - (uint32_t)seqadj->before;
}
