/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/model_answer.h"

#include <stdio.h>

#include "ftpalg/address.h"

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
