/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of models, and what follows for each of them from a tuple that it has read. */
#include "explain/model_internal.h"

#include <stdio.h>
#include <string.h>

#include "ftpalg/address.h"

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

const char *model_name(enum model_name model)
{
	return models[model].name;
}

void model_open(struct model_state *state, bool under_way)
{
	memset(state, 0, sizeof(*state));
	if (under_way)
		state->newlines[DIRECTION_ORIGINAL] = state->newlines[DIRECTION_REPLY] = 1;
}

bool model_is_sender(const struct nat_view *view, enum direction direction, const struct address *address)
{
	return address_equal(address, direction == DIRECTION_ORIGINAL ? &view->client.address : &view->server.address);
}

/* What the kernel writes for a %pI6: nothing is left out. */
static size_t write_ipv6_eprt(const struct endpoint *endpoint, char *out, size_t size)
{
	const uint8_t *octets = endpoint->address.octets;
	size_t length = (size_t)snprintf(out, size, "|2|");

	for (int i = 0; i < 16; i += 2)
		length += (size_t)snprintf(out + length, size - length, "%02x%02x%s", octets[i], octets[i + 1],
					   i < 14 ? ":" : "|");
	return length + (size_t)snprintf(out + length, size - length, "%u|", endpoint->port);
}

void model_admit(const struct nat_view *view, enum direction direction, const struct model_match *match,
		 struct model_answer *answer)
{
	const bool to_server = direction == DIRECTION_ORIGINAL;

	answer->expects = true;
	answer->source = to_server ? view->server.address : view->client.address;
	answer->destination = (struct endpoint){ to_server ? view->client_seen.address : view->server_seen.address,
						 match->endpoint.port };
	if (!nat_view_is_translated(view))
		return;
	answer->verdict = MODEL_REWRITES;
	answer->replaced = match->span;
	if (match->form == FORM_EPRT && answer->destination.address.family == FAMILY_IPV6)
		answer->replacement_length = (uint32_t)write_ipv6_eprt(&answer->destination, answer->replacement,
								       sizeof(answer->replacement));
	else
		answer->replacement_length = (uint32_t)hostport_format(match->form, '|', &answer->destination,
								       (uint8_t *)answer->replacement);
}

void model_segment(enum model_name model, struct model_state *state, const struct nat_view *view,
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
