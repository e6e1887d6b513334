/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of models. */
#include "explain/model_internal.h"

#include <string.h>

static const struct {
	const char *name;
	const struct model_lineage *lineage; /* NULL: the naive one */
} models[MODEL_COUNT] = {
	[MODEL_KERNEL] = { "kernel",
		&(const struct model_lineage){
			.any_case = true, .bounds = true, .first_digit = true, .drops = true, .knows_ipv6 = true,
			.expects_port_zero = true,
		} },
	[MODEL_WRAPPING] = { "wrapping",
		&(const struct model_lineage){
			.any_case = true, .first_digit = true, .drops = true, .knows_ipv6 = true,
			.expects_port_zero = true,
		} },
	[MODEL_CONNTRACKD] = { "conntrackd",
		&(const struct model_lineage){ .replies_are_clients = true } },
	[MODEL_NAIVE] = { "naive", NULL },
};

const char *model_name(enum model model)
{
	return models[model].name;
}

void model_open(struct model_state *state, bool under_way)
{
	memset(state, 0, sizeof(*state));
	if (under_way)
		state->newlines[DIRECTION_ORIGINAL] = state->newlines[DIRECTION_REPLY] = 1;
}

void model_segment(enum model model, struct model_state *state, const struct nat_view *view,
		   enum direction direction, uint32_t position, struct bytes segment, struct model_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->verdict = MODEL_FORWARDS;
	answer->why = "it has no data";
	if (segment.length == 0)
		return;
	if (models[model].lineage)
		model_lineage_segment(models[model].lineage, state, view, direction, position, segment, answer);
	else
		model_naive_segment(view, direction, segment, answer);
}
