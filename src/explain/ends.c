/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between which ends a line is said, where these were not given. A line that offers an endpoint is taken to be honest: it
 * names its sender. A command that is to be translated comes from the client that is translated.
 */
#include <string.h>

#include "explain/explain.h"
#include "ftpalg/address.h"
#include "ftpalg/hostport.h"
#include "ftpalg/parse.h"

static const char *const default_client[] = { "10.0.0.5", "fd00::5" };
static const char *const default_server[] = { "203.0.113.9", "2001:db8::9" };

static struct bytes part_of(struct bytes line, struct span span)
{
	return (struct bytes){ line.data + span.offset, span.length };
}

static bool read_command(struct bytes line, struct hostport *hostport)
{
	static const struct {
		enum verb verb;
		enum form form;
	} offers[] = { { VERB_PORT, FORM_PORT }, { VERB_EPRT, FORM_EPRT }, { VERB_LPRT, FORM_LPRT },
		      { VERB_SPOR, FORM_PORT } };
	struct command command;

	if (parse_command(line, &command) != REASON_NONE)
		return false;
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		if (command.verb == offers[i].verb)
			return hostport_parse(offers[i].form, part_of(line, command.argument), hostport) == REASON_NONE;
	return false;
}

static bool read_reply(struct bytes line, struct hostport *hostport)
{
	struct reply reply;

	parse_reply(line, &reply);
	if (reply.kind == REPLY_TEXT || (reply.code != 227 && reply.code != 228))
		return false;
	return hostport_parse(reply.code == 227 ? FORM_227 : FORM_228, part_of(line, reply.text), hostport) == REASON_NONE;
}

static void assume(struct address *end, const char *const defaults[2], enum family family)
{
	const char *text = defaults[family == FAMILY_IPV6];

	if (end->family == FAMILY_NONE)
		address_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, end);
}

void explain_assume_ends(struct explanation *explanation, enum direction direction, struct bytes line)
{
	const bool command = direction == DIRECTION_ORIGINAL;
	struct address *sender = command ? &explanation->client : &explanation->server;
	const struct address *other = command ? &explanation->server : &explanation->client;
	struct hostport hostport;

	while (line.length && (line.data[line.length - 1] == '\r' || line.data[line.length - 1] == '\n'))
		line.length--;
	explanation->client_is_assumed = explanation->client.family == FAMILY_NONE;
	explanation->server_is_assumed = explanation->server.family == FAMILY_NONE;
	if (sender->family == FAMILY_NONE && command && explanation->nat_count)
		*sender = explanation->nat[0].inside;
	else if (sender->family == FAMILY_NONE && (command ? read_command(line, &hostport) : read_reply(line, &hostport)) &&
		 (other->family == FAMILY_NONE || other->family == hostport.endpoint.address.family))
		*sender = hostport.endpoint.address;
	assume(&explanation->client, default_client, (enum family)explanation->server.family);
	assume(&explanation->server, default_server, (enum family)explanation->client.family);
}
